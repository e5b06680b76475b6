//! What all processes of the server share.

use pgrx::{PGRXSharedMemory, PgLwLock, PgSharedMemoryInitialization, pg_guard, pg_sys};
use warden_core::identity::last_use::LastUses;
use warden_core::worker::Table;

/// Nothing in it but plain data and addresses in shared memory, which are the same in every process.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Workers(pub Table);

// SAFETY: `Table` is plain data without pointers that Rust follows.
unsafe impl PGRXSharedMemory for Workers {}

// SAFETY: the name begins with the extension's own.
static WORKERS: PgLwLock<Workers> = unsafe { PgLwLock::new(c"pg_warden_workers") };

/// When sessions were last used.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Uses(LastUses);

// SAFETY: `LastUses` is plain data without pointers.
unsafe impl PGRXSharedMemory for Uses {}

// SAFETY: the name begins with the extension's own.
static USES: PgLwLock<Uses> = unsafe { PgLwLock::new(c"pg_warden_last_uses") };

/// Looks at the last uses of sessions, or changes them. `work` must neither take another lock nor raise an error.
pub fn last_uses<T>(work: impl FnOnce(&mut LastUses) -> T) -> T {
    work(&mut USES.exclusive().0)
}

/// Looks at the table, or changes it. `work` must neither take another lock nor raise an error.
pub fn workers<T>(work: impl FnOnce(&mut Table) -> T) -> T {
    work(&mut WORKERS.exclusive().0)
}

static mut PREVIOUS_REQUEST: pg_sys::shmem_request_hook_type = None;
static mut PREVIOUS_STARTUP: pg_sys::shmem_startup_hook_type = None;

/// Called once, from _PG_init.
pub fn install() {
    // SAFETY: called once from _PG_init, in the postmaster, before any backend is forked.
    unsafe {
        PREVIOUS_REQUEST = pg_sys::shmem_request_hook;
        pg_sys::shmem_request_hook = Some(request);
        PREVIOUS_STARTUP = pg_sys::shmem_startup_hook;
        pg_sys::shmem_startup_hook = Some(startup);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn request() {
    // SAFETY: the previous hook; then inside of the hook that the request belongs to.
    unsafe {
        if let Some(previous) = PREVIOUS_REQUEST {
            pg_sys::ffi::pg_guard_ffi_boundary(|| previous());
        }
        WORKERS.on_shmem_request();
        USES.on_shmem_request();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn startup() {
    // SAFETY: the previous hook; then inside of the hook that the start belongs to.
    unsafe {
        if let Some(previous) = PREVIOUS_STARTUP {
            pg_sys::ffi::pg_guard_ffi_boundary(|| previous());
        }
        WORKERS.on_shmem_startup(Workers::default());
        USES.on_shmem_startup(Uses::default());
    }
}
