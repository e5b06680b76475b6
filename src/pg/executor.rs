//! Executor runs: one is started, continued as often as its cursor is fetched from, and ended.

use pgrx::{PgList, pg_guard, pg_sys};

use super::error::answer;
use super::hooks::dispatch;

/// A run, while PostgreSQL passes it to us.
#[derive(Clone, Copy)]
pub struct Run(*mut pg_sys::QueryDesc);

impl Run {
    /// What tells this run from every other that is alive.
    pub fn key(self) -> usize {
        self.0 as usize
    }

    /// Every relation that the plan depends on, views and children too.
    pub fn relations(self) -> Vec<pg_sys::Oid> {
        // SAFETY: the descriptor is valid during the hook; relationOids is a list of OIDs.
        unsafe {
            let planned = (*self.0).plannedstmt;
            if planned.is_null() {
                return Vec::new();
            }
            PgList::<pg_sys::Oid>::from_pg((*planned).relationOids).iter_oid().collect()
        }
    }
}

static mut PREVIOUS_START: pg_sys::ExecutorStart_hook_type = None;
static mut PREVIOUS_RUN: pg_sys::ExecutorRun_hook_type = None;
static mut PREVIOUS_END: pg_sys::ExecutorEnd_hook_type = None;

pub(super) fn install() {
    // SAFETY: called once from _PG_init, before any backend is forked.
    unsafe {
        PREVIOUS_START = pg_sys::ExecutorStart_hook;
        pg_sys::ExecutorStart_hook = Some(start);
        PREVIOUS_RUN = pg_sys::ExecutorRun_hook;
        pg_sys::ExecutorRun_hook = Some(run);
        PREVIOUS_END = pg_sys::ExecutorEnd_hook;
        pg_sys::ExecutorEnd_hook = Some(end);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn start(query: *mut pg_sys::QueryDesc, flags: i32) {
    answer((dispatch().run_starts)(Run(query)));
    // SAFETY: the previous hook, or the function that it replaces, with the arguments that we were given.
    unsafe {
        match PREVIOUS_START {
            Some(previous) => pg_sys::ffi::pg_guard_ffi_boundary(|| previous(query, flags)),
            None => pg_sys::standard_ExecutorStart(query, flags),
        }
    }
}

#[cfg(not(feature = "pg18"))]
#[pg_guard]
unsafe extern "C-unwind" fn run(
    query: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
    execute_once: bool,
) {
    answer((dispatch().run_continues)(Run(query)));
    // SAFETY: as in `start`.
    unsafe {
        match PREVIOUS_RUN {
            Some(previous) => {
                pg_sys::ffi::pg_guard_ffi_boundary(|| previous(query, direction, count, execute_once))
            }
            None => pg_sys::standard_ExecutorRun(query, direction, count, execute_once),
        }
    }
}

#[cfg(feature = "pg18")]
#[pg_guard]
unsafe extern "C-unwind" fn run(query: *mut pg_sys::QueryDesc, direction: pg_sys::ScanDirection::Type, count: u64) {
    answer((dispatch().run_continues)(Run(query)));
    // SAFETY: as in `start`.
    unsafe {
        match PREVIOUS_RUN {
            Some(previous) => pg_sys::ffi::pg_guard_ffi_boundary(|| previous(query, direction, count)),
            None => pg_sys::standard_ExecutorRun(query, direction, count),
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn end(query: *mut pg_sys::QueryDesc) {
    (dispatch().run_ended)(Run(query));
    // SAFETY: as in `start`.
    unsafe {
        match PREVIOUS_END {
            Some(previous) => pg_sys::ffi::pg_guard_ffi_boundary(|| previous(query)),
            None => pg_sys::standard_ExecutorEnd(query),
        }
    }
}
