//! Parallel query.

use pgrx::pg_sys;

/// Whether a parallel operation runs, in its leader or in a worker: no latest snapshot may be taken then.
#[inline]
pub fn in_parallel_mode() -> bool {
    // SAFETY: reads this backend's state; it raises nothing.
    unsafe { IsInParallelMode() }
}

unsafe extern "C-unwind" {
    fn IsInParallelMode() -> bool;
}

pub fn is_worker() -> bool {
    // SAFETY: reads this backend's state.
    unsafe { pg_sys::ParallelWorkerNumber >= 0 }
}

/// A worker that is taking over its leader's settings.
pub fn is_worker_starting() -> bool {
    // SAFETY: reads this backend's state.
    unsafe { pg_sys::InitializingParallelWorker }
}
