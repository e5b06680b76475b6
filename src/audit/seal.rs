//! Sealing: what has been committed since the block before becomes the next block. By the worker alone.

mod block;
mod key;
mod log;
mod request;

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::incarnation;
use crate::pg::guc::SEAL_INTERVAL;
use crate::pg::shmem::workers;
use crate::pg::{cache, error, relation, worker};

pub use key::installation;

thread_local! {
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// How long the worker may sleep.
pub fn interval() -> Duration {
    Duration::from_millis(u64::try_from(SEAL_INTERVAL.get()).unwrap_or(1000))
}

/// Seals when it is time, or somebody waits for it.
pub fn due() {
    let database = worker::own_database();
    let ticket = workers(|table| table.seal_wanted(database));
    let is_time = LAST.get().is_none_or(|last| last.elapsed() >= interval());
    if worker::is_standby() || ticket.is_none() && !is_time {
        return;
    }
    LAST.set(Some(Instant::now()));
    let newest = seal(ticket.is_some());
    if let Some(ticket) = ticket {
        workers(|table| table.sealed(database, ticket, newest));
    }
    if newest.is_none() {
        error::log("the audit log could not be sealed; this will be tried again".to_owned());
    }
}

/// The newest block then; `None` when it failed, which is in the server's log.
fn seal(is_asked: bool) -> Option<u64> {
    let incarnation =
        worker::transaction(|| if is_asked { incarnation::own().map(Some) } else { incarnation::settled() })?;
    let Some(incarnation) = incarnation else { return Some(0) };
    worker::repeatable(lock, || {
        // A database that is just being restored has rows of some tables and not of others: there, nothing is recorded
        // yet and nobody has asked.
        if is_asked || block::has_entries(incarnation)? { block::seal(incarnation) } else { Ok(0) }
    })
}

/// One sealer at a time, whatever process it runs in; readers and writers go on.
fn lock() {
    relation::lock_against_itself(cache::table("audit_block"));
}
