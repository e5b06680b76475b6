//! Statements about whole databases, and the extension's own coming and going.

use warden_core::error::Result;

use super::change;
use crate::pg::database::{self, Command};
use crate::pg::object::{Access, ObjectEvent};
use crate::pg::shmem::workers;
use crate::pg::utility::Statement;
use crate::pg::worker;

/// Tenths of a second that a statement waits for the worker to leave; PostgreSQL itself waits five seconds more.
const PATIENCE: u32 = 500;

/// A worker that is in the way leaves, and comes back when the transaction has ended.
pub fn statement_starts(statement: &Statement) -> Result<()> {
    let Some(Command::NeedsEmpty(database)) = database::command(statement) else { return Ok(()) };
    let pid = worker::own_pid();
    change(|change| change.paused = true);
    let Some(process) = workers(|table| table.pause(database, pid)) else { return Ok(()) };
    worker::wake(process);
    for _ in 0..PATIENCE {
        let is_running = workers(|table| table.slot(database).is_some_and(|slot| slot.worker.pid == process.pid));
        if !is_running {
            break;
        }
        worker::pause_briefly();
    }
    Ok(())
}

pub fn statement_done(statement: &Statement) -> Result<()> {
    if let Some(Command::Made(database)) = database::command_done(statement) {
        change(|change| change.wanted = Some(database));
    }
    Ok(())
}

pub fn object(event: &ObjectEvent) -> Result<()> {
    if event.class == pgrx::pg_sys::ExtensionRelationId && event.access == Access::Dropping {
        change(|change| change.dropped = true);
    }
    Ok(())
}
