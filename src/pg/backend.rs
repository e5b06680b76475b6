//! State of one backend.

use std::cell::UnsafeCell;

/// A variable of this process, as cheap to read as C's. PostgreSQL runs our code in one thread alone; pgrx refuses
/// calls from any other.
pub(super) struct BackendCell<T: Copy>(UnsafeCell<T>);

// SAFETY: a backend has one thread that ever gets here, and a forked child has its own copy.
unsafe impl<T: Copy> Sync for BackendCell<T> {}

impl<T: Copy> BackendCell<T> {
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    #[inline]
    pub fn get(&self) -> T {
        // SAFETY: one thread, and no reference into the cell is ever handed out.
        unsafe { *self.0.get() }
    }

    #[inline]
    pub fn set(&self, value: T) {
        // SAFETY: as in `get`.
        unsafe { *self.0.get() = value };
    }
}
