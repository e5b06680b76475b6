//! Asking for a block: the worker seals, whoever asks waits.

use pgrx::prelude::*;
use warden_core::error::{SqlState, WardenError};
use warden_core::worker::Ticket;

use crate::audit::reader;
use crate::pg::error::answer;
use crate::pg::shmem::workers;
use crate::pg::{worker, xact};

/// Hundredths of a second that a worker may take to come, and to seal.
const COMES: u32 = 500;
const SEALS: u32 = 6000;

#[pg_extern(sql = false)]
fn seal_audit() -> i64 {
    answer((|| {
        reader::require()?;
        xact::require_primary(c"seal_audit");
        let database = worker::own_database();
        let mut patience = COMES;
        let (ticket, process) = loop {
            match workers(|table| table.request_seal(database)) {
                Some(found) => break found,
                // The next one is on its way.
                None if patience > 0 => patience -= 1,
                None => return Err(no_worker()),
            }
            worker::pause_briefly();
        };
        worker::wake(process);
        for _ in 0..SEALS {
            match workers(|table| table.ticket(database, ticket, process.pid)) {
                Ticket::Served(block) => return Ok(block.cast_signed()),
                Ticket::Failed => return Err(failed("It is in the server's log why.")),
                Ticket::Lost => return Err(failed("The background worker ended meanwhile.")),
                Ticket::Waits => worker::pause_shortly(),
            }
        }
        Err(failed("The background worker did not answer in time."))
    })())
}

fn no_worker() -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "there is no background worker to seal the audit log")
        .hint("It comes by itself where max_worker_processes leaves one; the server's log says what is missing.")
}

fn failed(why: &'static str) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "the audit log could not be sealed").detail(why)
}
