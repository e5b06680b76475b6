//! A run belongs to its context: stamped when the executor starts, checked whenever it goes on.
//!
//! Without it, rows of one tenant could wait in a cursor for another: `DECLARE; SAVEPOINT; login A; FETCH;
//! ROLLBACK TO; login B; FETCH`.

use std::cell::RefCell;

use pgrx::pg_sys::Oid;
use warden_core::error::{Result, SqlState, WardenError};

use super::{leftovers, slot, standing};
use crate::isolation::registry;
use crate::pg::executor::Run;
use crate::pg::xact::{self, SubTransaction};
use crate::pg::{catalog, force, role};

struct Stamp {
    run: usize,
    serial: u64,
    /// The query of a foreign key, which reads with FORCE lifted: how deep in functions.
    lifted: Option<usize>,
    started_in: SubTransaction,
    returns_rows: bool,
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
        leftovers::closed_to(run)?;
    }
    let lifted = force::lifted();
    refuse_lifted(run, lifted)?;
    refuse_content(run.reads())?;
    let stamp = Stamp {
        run: run.key(),
        serial,
        lifted,
        started_in: xact::current_subtransaction(),
        returns_rows: run.returns_rows(),
    };
    STAMPS.with_borrow_mut(|stamps| {
        // A run that an error cut off may have left its address to this one.
        stamps.retain(|old| old.run != stamp.run);
        stamps.push(stamp);
    });
    Ok(())
}

/// A foreign key's own query is the first with FORCE lifted; what runs inside of it is somebody's code.
///
/// # Errors
/// 42501 when such code touches a protected table.
fn refuse_lifted(run: Run, lifted: Option<usize>) -> Result<()> {
    let is_inner = lifted.is_some() && STAMPS.with_borrow(|stamps| stamps.iter().any(|stamp| stamp.lifted == lifted));
    if !is_inner {
        return Ok(());
    }
    for relation in run.relations() {
        if registry::lookup(relation)?.is_some() {
            return Err(WardenError::new(
                SqlState::InsufficientPrivilege,
                "a protected table cannot be read from inside of a foreign key's action",
            )
            .detail("Row-level security is not forced there."));
        }
    }
    Ok(())
}

/// The relations that are read, each with its reader: the owner of the view that reads it, or nobody for the current
/// role.
///
/// # Errors
/// 42501 when somebody but a superuser reads what no policy covers, by himself or by a view of his: TOAST tables and
/// statistics hold values of every tenant, and of the extension's registries. pg_read_all_data opens them.
pub fn refuse_content(reads: impl IntoIterator<Item = (Oid, Oid)>) -> Result<()> {
    let reader = |owner| if owner == Oid::INVALID { role::current() } else { owner };
    let is_content = |(relation, owner)| catalog::holds_content(relation) && !role::is_superuser(reader(owner));
    if !reads.into_iter().any(is_content) || !catalog::has_extension() {
        return Ok(());
    }
    Err(WardenError::new(
        SqlState::InsufficientPrivilege,
        "permission denied for a table that holds other tables' content",
    )
    .detail("TOAST tables and column statistics hold values of every tenant; no policy covers them.")
    .hint("pg_stats shows the statistics of tables that you may read."))
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

/// Whether somebody may see what the innermost run's data-modifying statement returns.
pub fn returns_rows() -> bool {
    STAMPS.with_borrow(|stamps| stamps.last().is_none_or(|stamp| stamp.returns_rows))
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
