//! The slot of a transaction: taken by the first login, freed by rolling that login back and by nothing else.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use warden_core::error::{Result, SqlState, WardenError};
use warden_core::identity::context::{Context, Door, Pass};

use super::{leftovers, standing};
use crate::pg::error::internal;
use crate::pg::xact::{self, SubTransaction};
use crate::pg::{context, guc};

struct Slot {
    taken_in: SubTransaction,
    by: Rc<Pass>,
}

thread_local! {
    static SLOT: RefCell<Option<Slot>> = const { RefCell::new(None) };
    static SERIAL: Cell<u64> = const { Cell::new(0) };
}

/// Puts the transaction under a context, unless it has been under another already.
///
/// # Errors
/// 55000 when another login of this transaction stands, or has stood: `logout` does not free the slot.
pub fn take(wanted: Rc<Pass>) -> Result<()> {
    let is_same = SLOT.with_borrow(|slot| slot.as_ref().map(|slot| slot.by.context().same_identity(wanted.context())));
    if is_same == Some(true) && standing::live()?.is_some() {
        return Ok(());
    }
    if is_same == Some(false) && !guc::ALLOW_CONTEXT_CHANGE.get() {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "this transaction has a context already")
            .detail("A transaction logs in once, also after logout.")
            .hint("End the transaction, or roll back to a savepoint before its login."));
    }
    refuse_inside_session_login()?;
    leftovers::entering()?;
    context::set(&wanted, next_serial(), false)?;
    SLOT.with_borrow_mut(|slot| {
        // A login again after logout keeps the slot where it was first taken.
        let taken_in = slot.as_ref().map_or_else(xact::current_subtransaction, |slot| slot.taken_in);
        *slot = Some(Slot { taken_in, by: wanted });
    });
    Ok(())
}

/// Puts the session under a context, until DISCARD ALL, logout or the credential's end.
///
/// # Errors
/// 55000 inside a transaction that has a context of its own, and in a session that has one.
pub fn take_session(wanted: &Pass) -> Result<()> {
    if is_taken() {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "this transaction has a context already"));
    }
    refuse_inside_session_login()?;
    context::set(wanted, next_serial(), true)
}

fn next_serial() -> u64 {
    SERIAL.set(SERIAL.get() + 1);
    SERIAL.get()
}

/// A context that counts without a login of this transaction is the session's.
fn refuse_inside_session_login() -> Result<()> {
    if is_taken() || standing::live()?.is_none() {
        return Ok(());
    }
    Err(WardenError::new(SqlState::NotInPrerequisiteState, "this session has a context already")
        .detail("It was made by login_for_session.")
        .hint("DISCARD ALL ends it."))
}

/// Ends the context; a transaction's slot stays taken. Without a context: nothing.
pub fn close() -> Result<()> {
    let closed =
        SLOT.with_borrow(|slot| slot.as_ref().map(|slot| Context { door: Door::Closed, ..slot.by.context().clone() }));
    match closed {
        Some(closed) => context::set(&pass(closed)?, next_serial(), false),
        None => {
            end_session();
            Ok(())
        }
    }
}

/// Ends what login_for_session made.
pub fn end_session() {
    if !is_taken() && context::current().is_some() {
        context::clear_session();
    }
}

/// A context made ready to be entered.
pub fn pass(context: Context) -> Result<Pass> {
    Pass::new(context).ok_or_else(|| internal("a context with NUL in it"))
}

pub fn is_taken() -> bool {
    SLOT.with_borrow(Option::is_some)
}

/// The (sub)transaction whose roll-back would undo the login.
pub fn taken_in() -> Option<SubTransaction> {
    SLOT.with_borrow(|slot| slot.as_ref().map(|slot| slot.taken_in))
}

pub fn transaction_ended() {
    SLOT.with_borrow_mut(Option::take);
}

pub fn savepoint_released(own: SubTransaction, parent: SubTransaction) {
    SLOT.with_borrow_mut(|slot| {
        if let Some(slot) = slot.as_mut().filter(|slot| slot.taken_in == own) {
            slot.taken_in = parent;
        }
    });
}

/// Whether the roll-back undid the login.
pub fn savepoint_rolled_back(own: SubTransaction) -> bool {
    SLOT.with_borrow_mut(|slot| match slot {
        Some(taken) if taken.taken_in == own => {
            *slot = None;
            true
        }
        _ => false,
    })
}
