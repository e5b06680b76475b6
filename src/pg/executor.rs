//! Executor runs: one is started, continued as often as its cursor is fetched from, and ended.

use pgrx::{PgList, pg_sys};

use super::error::answer;
use super::hooks::{dispatch, guarded};
use super::xact::SubTransaction;

/// A run, while PostgreSQL passes it to us.
#[derive(Clone, Copy)]
pub struct Run(*mut pg_sys::QueryDesc);

impl Run {
    /// What tells this run from every other that is alive.
    pub fn key(self) -> usize {
        self.0 as usize
    }

    /// Whether the running portal collects its rows at its first execution (a data-modifying statement that returns
    /// rows, a utility statement) and was opened in a transaction that contains `login` as a savepoint's part: its rows would outlast it.
    pub fn would_outlast(self, login: SubTransaction) -> bool {
        use pg_sys::PortalStrategy::{PORTAL_ONE_MOD_WITH, PORTAL_ONE_RETURNING, PORTAL_UTIL_SELECT};
        // SAFETY: reads this backend's state; the active portal is null or valid.
        unsafe {
            pg_sys::ActivePortal.as_ref().is_some_and(|portal| {
                matches!(portal.strategy, PORTAL_ONE_RETURNING | PORTAL_ONE_MOD_WITH | PORTAL_UTIL_SELECT)
                    && portal.createSubid < login
            })
        }
    }

    /// The relations whose rows the query reads, each with the user whose rights that takes: a view's owner, else
    /// invalid.
    pub fn reads(self) -> Vec<(pg_sys::Oid, pg_sys::Oid)> {
        // SAFETY: the descriptor is valid during the hook.
        unsafe { super::compat::reads((*self.0).plannedstmt) }
    }

    /// Whether a data-modifying part of the query has a RETURNING, or may have one.
    pub fn returns_rows(self) -> bool {
        // SAFETY: the descriptor is valid during the hook.
        unsafe { (*self.0).plannedstmt.as_ref().is_none_or(|planned| planned.hasReturning || planned.hasModifyingCTE) }
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

// The functions that the hooks replace, called as C calls them: see `guarded`.
unsafe extern "C-unwind" {
    fn standard_ExecutorStart(query: *mut pg_sys::QueryDesc, flags: i32);
    fn standard_ExecutorEnd(query: *mut pg_sys::QueryDesc);
    #[cfg(not(feature = "pg18"))]
    fn standard_ExecutorRun(
        query: *mut pg_sys::QueryDesc,
        direction: pg_sys::ScanDirection::Type,
        count: u64,
        execute_once: bool,
    );
    #[cfg(feature = "pg18")]
    fn standard_ExecutorRun(query: *mut pg_sys::QueryDesc, direction: pg_sys::ScanDirection::Type, count: u64);
}

unsafe extern "C-unwind" fn start(query: *mut pg_sys::QueryDesc, flags: i32) {
    // SAFETY: this frame holds nothing to drop; the previous hook, or the function that it replaces, gets the
    // arguments that we were given.
    unsafe {
        guarded(|| answer((dispatch().run_starts)(Run(query))));
        match PREVIOUS_START {
            Some(previous) => previous(query, flags),
            None => standard_ExecutorStart(query, flags),
        }
    }
}

#[cfg(not(feature = "pg18"))]
unsafe extern "C-unwind" fn run(
    query: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
    execute_once: bool,
) {
    // SAFETY: as in `start`.
    unsafe {
        guarded(|| answer((dispatch().run_continues)(Run(query))));
        match PREVIOUS_RUN {
            Some(previous) => previous(query, direction, count, execute_once),
            None => standard_ExecutorRun(query, direction, count, execute_once),
        }
    }
}

#[cfg(feature = "pg18")]
unsafe extern "C-unwind" fn run(query: *mut pg_sys::QueryDesc, direction: pg_sys::ScanDirection::Type, count: u64) {
    // SAFETY: as in `start`.
    unsafe {
        guarded(|| answer((dispatch().run_continues)(Run(query))));
        match PREVIOUS_RUN {
            Some(previous) => previous(query, direction, count),
            None => standard_ExecutorRun(query, direction, count),
        }
    }
}

unsafe extern "C-unwind" fn end(query: *mut pg_sys::QueryDesc) {
    // SAFETY: as in `start`.
    unsafe {
        guarded(|| (dispatch().run_ended)(Run(query)));
        match PREVIOUS_END {
            Some(previous) => previous(query),
            None => standard_ExecutorEnd(query),
        }
    }
}
