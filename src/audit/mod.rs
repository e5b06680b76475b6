//! Audit: every change recorded as it happens, sealed, and shown so that a stranger can verify it.

mod actor;
pub mod capture;
pub mod event;
pub mod export;
mod guard;
pub mod history;
mod incarnation;
pub mod period;
mod proof;
mod reader;
pub mod registry;
pub mod rows;
pub mod schema;
pub mod seal;
pub mod status;
mod stored;
mod table;
mod target;
pub mod trigger;
pub mod verify;
mod write;

use warden_core::error::Result;

use crate::pg::object::ObjectEvent;
use crate::pg::utility::Statement;
use crate::pg::xact::SubTransaction;

/// # Errors
/// What the guard refuses.
pub fn statement_starts(statement: &Statement) -> Result<()> {
    guard::statement_starts(statement)
}

/// # Errors
/// What the guard refuses.
pub fn statement_done() -> Result<()> {
    guard::statement_done()
}

/// # Errors
/// What the guard refuses.
pub fn object(event: &ObjectEvent) -> Result<()> {
    guard::object(event)
}

/// What the guard still records is written with everything else.
///
/// # Errors
/// What the guard refuses; when what the transaction has recorded cannot be written.
pub fn before_commit() -> Result<()> {
    guard::before_commit()?;
    write::before_commit()
}

/// # Errors
/// When what the savepoint has recorded must be written and cannot.
pub fn savepoint_releases(own: SubTransaction) -> Result<()> {
    write::savepoint_releases(own)
}

pub fn savepoint_released(own: SubTransaction, parent: SubTransaction) {
    guard::savepoint_released(own, parent);
    write::savepoint_released(own, parent);
}

pub fn savepoint_rolled_back(own: SubTransaction) {
    guard::savepoint_rolled_back(own);
    write::savepoint_rolled_back(own);
    actor::doubt();
    incarnation::savepoint_rolled_back();
}

pub fn transaction_ended() {
    guard::transaction_ended();
    write::transaction_ended();
    actor::doubt();
    incarnation::transaction_ended();
}
