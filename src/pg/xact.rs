//! Transactions and savepoints.

use std::ffi::CStr;

use pgrx::{pg_guard, pg_sys};
use warden_core::error::{Result, SqlState, WardenError};

use super::hooks::dispatch;
use super::parallel;

/// A (sub)transaction of this backend, as PostgreSQL numbers it.
pub type SubTransaction = u32;

unsafe extern "C-unwind" {
    // Called as C calls it: it reads a variable.
    fn GetCurrentSubTransactionId() -> pg_sys::SubTransactionId;
}

pub fn current_subtransaction() -> SubTransaction {
    // SAFETY: reads this backend's state.
    unsafe { GetCurrentSubTransactionId() }
}

/// # Errors
/// 25P01 outside a transaction block: what is made for a transaction would be gone before it could be used.
pub fn require_block(what: &str) -> Result<()> {
    // SAFETY: reads this backend's state.
    if unsafe { pg_sys::IsTransactionBlock() } {
        return Ok(());
    }
    Err(WardenError::new(SqlState::NoActiveTransaction, format!("{what} can only be used in transaction blocks"))
        .detail("A context ends with its transaction.")
        .hint("Begin a transaction first."))
}

/// Raises PostgreSQL's own error in a transaction that only reads, and on a standby.
pub fn require_writable(command: &CStr) {
    // SAFETY: reads this backend's state.
    unsafe { pg_sys::PreventCommandIfReadOnly(command.as_ptr()) };
    require_primary(command);
}

/// Raises PostgreSQL's own error on a standby.
pub fn require_primary(command: &CStr) {
    // SAFETY: reads this backend's state.
    unsafe { pg_sys::PreventCommandDuringRecovery(command.as_ptr()) };
}

pub fn is_transaction_running() -> bool {
    // SAFETY: reads this backend's state.
    unsafe { pg_sys::IsTransactionState() }
}

/// Makes what this command did visible to the next.
pub fn next_command() {
    // SAFETY: inside a transaction that may write.
    unsafe { pg_sys::CommandCounterIncrement() };
}

pub(super) fn install() {
    // SAFETY: called once from _PG_init.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(subtransaction), std::ptr::null_mut());
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn transaction(event: pg_sys::XactEvent::Type, _arg: *mut std::ffi::c_void) {
    use pg_sys::XactEvent::*;
    // A worker's callbacks fire while its leader's context is still to be read: nothing of it ends there.
    if parallel::is_worker() {
        return;
    }
    match event {
        XACT_EVENT_PRE_COMMIT | XACT_EVENT_PRE_PREPARE => super::error::answer((dispatch().before_commit)()),
        XACT_EVENT_COMMIT | XACT_EVENT_PREPARE => (dispatch().transaction_ended)(true),
        XACT_EVENT_ABORT => {
            super::utility::transaction_aborted();
            (dispatch().transaction_ended)(false);
        }
        _ => {}
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn subtransaction(
    event: pg_sys::SubXactEvent::Type,
    own: pg_sys::SubTransactionId,
    parent: pg_sys::SubTransactionId,
    _arg: *mut std::ffi::c_void,
) {
    use pg_sys::SubXactEvent::*;
    match event {
        SUBXACT_EVENT_PRE_COMMIT_SUB => super::error::answer((dispatch().savepoint_releases)(own)),
        SUBXACT_EVENT_COMMIT_SUB => (dispatch().savepoint_released)(own, parent),
        SUBXACT_EVENT_ABORT_SUB => (dispatch().savepoint_rolled_back)(own),
        _ => {}
    }
}
