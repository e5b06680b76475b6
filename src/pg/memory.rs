//! Memory of PostgreSQL's that is given back all at once.

use pgrx::pg_sys;

/// A memory context of our own below the current one.
pub struct Memory(pg_sys::MemoryContext);

impl Memory {
    pub fn new() -> Self {
        // SAFETY: below the current context, with which it goes on ERROR; the name is static.
        Self(unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"pg_warden scratch".as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        })
    }

    /// Runs `work` with this memory as the current one.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = Entered::into(self.0);
        work()
    }

    /// Gives back what was allocated in it.
    pub fn reset(&self) {
        // SAFETY: a context of ours; nobody holds on to what is in it, by the promise of those who lend it.
        unsafe { pg_sys::MemoryContextReset(self.0) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: a context of ours, deleted once; on ERROR its parent's end deletes it.
            unsafe { pg_sys::MemoryContextDelete(self.0) };
        }
    }
}

struct Entered(pg_sys::MemoryContext);

impl Entered {
    fn into(memory: pg_sys::MemoryContext) -> Self {
        // SAFETY: a valid context; what was current comes back when this is dropped.
        unsafe {
            let before = pg_sys::CurrentMemoryContext;
            pg_sys::CurrentMemoryContext = memory;
            Self(before)
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // SAFETY: the context that was current before.
        unsafe { pg_sys::CurrentMemoryContext = self.0 };
    }
}
