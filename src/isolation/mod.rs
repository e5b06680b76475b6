//! Isolation: tables whose rows are their tenants' alone.

pub mod api;
pub mod birth;
mod facts;
mod foreign_key;
pub mod guard;
mod preview;
mod protect;
pub mod registry;
mod row;
mod template;
mod truncate;
mod unprotect;

use pgrx::pg_sys;
use warden_core::error::Result;

use crate::pg::object::{Access, ObjectEvent};
use crate::pg::utility::{Statement, Verdict};

/// # Errors
/// What the guard refuses.
pub fn statement_starts(_statement: &Statement) -> Result<Verdict> {
    Ok(Verdict::Run)
}

/// # Errors
/// 55000 or 42501 for a child that cannot be protected as the table above it is.
pub fn statement_done(statement: &Statement) -> Result<()> {
    birth::statement_done(statement)
}

/// # Errors
/// What the guard refuses.
pub fn object(event: &ObjectEvent) -> Result<()> {
    let is_table = event.class == pg_sys::RelationRelationId && event.part == 0;
    if is_table && event.access == Access::Dropping && !api::running() {
        registry::forget(event.object)?;
    }
    Ok(())
}

pub fn transaction_ended() {
    api::transaction_ended();
}
