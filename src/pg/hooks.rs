//! One hook of each kind; what a hook does is decided by the pillars, in the order that [`Dispatch`] was given.

use std::sync::OnceLock;

use warden_core::error::Result;

use super::analyze::AnalyzedQuery;
use super::executor::Run;
use super::object::ObjectEvent;
use super::utility::{Statement, Verdict};
use super::xact::SubTransaction;
use super::{activity, analyze, cache, executor, force, object, utility, xact};

/// The pillars' answers to what PostgreSQL is about to do, or has done.
pub struct Dispatch {
    pub query_analyzed: fn(AnalyzedQuery) -> Result<()>,
    pub run_starts: fn(Run) -> Result<()>,
    pub run_continues: fn(Run) -> Result<()>,
    pub run_ended: fn(Run),
    pub statement_starts: fn(&Statement) -> Result<Verdict>,
    pub statement_done: fn(&Statement) -> Result<()>,
    pub object: fn(&ObjectEvent) -> Result<()>,
    pub before_commit: fn() -> Result<()>,
    pub transaction_ended: fn(bool),
    pub savepoint_releases: fn(SubTransaction) -> Result<()>,
    pub savepoint_released: fn(SubTransaction, SubTransaction),
    pub savepoint_rolled_back: fn(SubTransaction),
}

static DISPATCH: OnceLock<Dispatch> = OnceLock::new();

/// Installs every hook; called once, from _PG_init.
pub fn install(dispatch: Dispatch) {
    if DISPATCH.set(dispatch).is_err() {
        return;
    }
    activity::install();
    analyze::install();
    executor::install();
    force::install();
    utility::install();
    object::install();
    xact::install();
    cache::install();
}

/// Runs the pillars' part of a hook: a Rust panic or a raised error leaves it as a PostgreSQL ERROR.
///
/// What a hook calls next is called outside of it, straight as C does: an ERROR from there must reach the client with
/// every field that it has (constraint, position, context), which a detour through Rust would lose.
///
/// # Safety
/// The calling frames, up to PostgreSQL's, hold nothing that wants dropping: the ERROR jumps over them.
pub(super) unsafe fn guarded<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: by the caller's promise.
    unsafe { pgrx::pg_sys::submodules::panic::pgrx_extern_c_guard(work) }
}

pub(super) fn dispatch() -> &'static Dispatch {
    match DISPATCH.get() {
        Some(dispatch) => dispatch,
        None => super::error::raise(super::error::internal("a hook before _PG_init")),
    }
}
