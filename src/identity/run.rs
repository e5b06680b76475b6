//! A run belongs to its context: stamped when the executor starts, checked whenever it goes on.
//!
//! Without it, rows of one tenant could wait in a cursor for another: `DECLARE; SAVEPOINT; login A; FETCH;
//! ROLLBACK TO; login B; FETCH`.

use std::cell::RefCell;

use warden_core::error::{Result, SqlState, WardenError};

use super::{session, slot, standing};
use crate::pg::executor::Run;
use crate::pg::xact::{self, SubTransaction};

struct Stamp {
    run: usize,
    serial: u64,
    started_in: SubTransaction,
}

thread_local! {
    /// The runs that are alive, the newest last: almost always one or two.
    static STAMPS: RefCell<Vec<Stamp>> = const { RefCell::new(Vec::new()) };
}

pub fn starts(run: Run) -> Result<()> {
    let serial = standing::serial()?;
    if serial != 0 {
        if slot::taken_in().is_some_and(|login| run.would_outlast(login)) {
            return Err(foreign());
        }
        session::closed_to(run)?;
    }
    let stamp = Stamp { run: run.key(), serial, started_in: xact::current_subtransaction() };
    STAMPS.with_borrow_mut(|stamps| {
        // A run that an error cut off may have left its address to this one.
        stamps.retain(|old| old.run != stamp.run);
        stamps.push(stamp);
    });
    Ok(())
}

/// # Errors
/// 28000 when the run began under another context than the one that counts now.
pub fn continues(run: Run) -> Result<()> {
    let serial = standing::serial()?;
    let stamped =
        STAMPS.with_borrow(|stamps| stamps.iter().rev().find(|stamp| stamp.run == run.key()).map(|stamp| stamp.serial));
    if stamped == Some(serial) {
        return Ok(());
    }
    Err(foreign())
}

pub fn foreign() -> WardenError {
    WardenError::new(SqlState::InvalidAuthorization, "this query belongs to another context")
        .detail("It was started under a context that no longer counts, or before the login.")
        .hint("Open cursors after the login, in the same transaction, and close them with it.")
}

pub fn ended(run: Run) {
    STAMPS.with_borrow_mut(|stamps| {
        if let Some(at) = stamps.iter().rposition(|stamp| stamp.run == run.key()) {
            stamps.remove(at);
        }
    });
}

pub fn transaction_ended() {
    STAMPS.with_borrow_mut(Vec::clear);
}

pub fn savepoint_released(own: SubTransaction, parent: SubTransaction) {
    STAMPS.with_borrow_mut(|stamps| {
        stamps.iter_mut().filter(|stamp| stamp.started_in == own).for_each(|stamp| stamp.started_in = parent);
    });
}

pub fn savepoint_rolled_back(own: SubTransaction) {
    STAMPS.with_borrow_mut(|stamps| stamps.retain(|stamp| stamp.started_in != own));
}
