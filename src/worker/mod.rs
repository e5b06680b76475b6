//! Background workers: one for every database that has the extension, and a launcher that starts them.
//!
//! Backends ask in shared memory; the launcher answers. A worker in a database stands in the way of whoever drops,
//! renames, moves or copies it: the utility hook sends it away for as long as that takes.

mod database;
pub mod job;
pub mod launcher;

use std::cell::Cell;

use warden_core::worker::Wanted;

use crate::pg::shmem::{self, workers};
use crate::pg::{error, worker};

pub use database::{object, statement_done, statement_starts};

pub fn init() {
    shmem::install();
    if !worker::is_binary_upgrade() {
        worker::register_launcher();
    }
}

/// What the transaction will have done to the databases' need of workers, when it commits.
#[derive(Clone, Copy, Default)]
struct Change {
    /// A database that may have the extension then.
    wanted: Option<u32>,
    /// The extension of this database may be gone then.
    dropped: bool,
    /// Workers were sent away.
    paused: bool,
}

thread_local! {
    static CHANGE: Cell<Change> = const { Cell::new(Change { wanted: None, dropped: false, paused: false }) };
}

fn change(edit: impl FnOnce(&mut Change)) {
    let mut change = CHANGE.get();
    edit(&mut change);
    CHANGE.set(change);
}

pub fn transaction_ended(committed: bool) {
    let change = CHANGE.take();
    if change.paused && workers(|table| table.resume(worker::own_pid())) {
        wake_launcher();
    }
    if !committed || worker::is_binary_upgrade() {
        return;
    }
    if let Some(database) = change.wanted {
        want(database);
        wake_launcher();
    }
    if change.dropped
        && let Some(process) = workers(|table| table.slot(worker::own_database()).map(|slot| slot.worker))
    {
        worker::wake(process);
    }
}

fn want(database: u32) {
    if workers(|table| table.want(database)) == (Wanted::Full { first: true }) {
        error::log(format!(
            "no background worker for database {database}: all {} slots of pg_warden are taken",
            warden_core::worker::SLOTS
        ));
    }
}

fn wake_launcher() {
    worker::wake(workers(|table| table.launcher));
}
