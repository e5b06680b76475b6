//! Isolation: tables whose rows are their tenants' alone.

pub mod api;
pub mod birth;
mod child;
mod commit;
mod exempt;
pub mod facts;
mod foreign_key;
pub mod guard;
mod preview;
mod protect;
pub mod registry;
mod row;
mod schema;
mod template;
mod truncate;
pub mod trust;
mod unprotect;

use pgrx::pg_sys;
use warden_core::error::Result;

use crate::pg::object::{Access, ObjectEvent};
use crate::pg::utility::Statement;

/// # Errors
/// What the guard refuses.
pub fn statement_starts(statement: &Statement) -> Result<()> {
    guard::statement_starts(statement)
}

/// Children are protected first, so that the guard finds the families as they stay.
///
/// # Errors
/// 55000 or 42501 for a child that cannot be protected as the table above it is; what the guard refuses.
pub fn statement_done(statement: &Statement) -> Result<()> {
    birth::statement_done(statement)?;
    guard::statement_done(statement)
}

/// The guard notes what a table had before the registry forgets it.
///
/// # Errors
/// What the guard refuses.
pub fn object(event: &ObjectEvent) -> Result<()> {
    guard::object(event)?;
    commit::object(event);
    schema::object(event)?;
    let is_table = event.class == pg_sys::RelationRelationId && event.part == 0;
    if is_table && event.access == Access::Dropping && !api::running() {
        registry::forget(event.object)?;
        exempt::forget(event.object)?;
    }
    Ok(())
}

/// # Errors
/// What the guard refuses; 55000 for a table that would be left unprotected in a schema under enforce.
pub fn before_commit() -> Result<()> {
    guard::before_commit()?;
    commit::before_commit()
}

pub fn transaction_ended() {
    api::transaction_ended();
    guard::transaction_ended();
    commit::transaction_ended();
    birth::statement_failed();
}

/// What a statement noted that an ERROR has cut off.
pub fn savepoint_rolled_back() {
    birth::statement_failed();
}
