//! Encryption: values, columns and keys.

pub mod ciphertext;
pub mod column;
mod guard;
mod keys;
pub mod registry;
pub mod row;
pub mod value;
pub mod view;
pub mod write;

use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use crate::pg::object::ObjectEvent;
use crate::pg::utility::Statement;

/// The trigger that binds values to their rows: its name sorts behind every other, so that it fires last.
pub const BIND_TRIGGER: &str = warden_core::isolation::guard::BIND_TRIGGER;

/// # Errors
/// What the guard refuses.
pub fn statement_starts(statement: &Statement) -> Result<()> {
    guard::statement_starts(statement)
}

/// # Errors
/// What the guard refuses.
pub fn statement_done(statement: &Statement) -> Result<()> {
    guard::statement_done(statement)
}

/// # Errors
/// What the guard refuses.
pub fn object(event: &ObjectEvent) -> Result<()> {
    guard::object(event)
}

/// # Errors
/// When a view that was dropped cannot come back.
pub fn before_commit() -> Result<()> {
    guard::before_commit()
}

/// Nothing of the transaction stays: keys, values that were just bound, plans for views that may have changed.
pub fn transaction_ended() {
    keys::forget();
    row::forget_bound();
    column::transaction_ended();
    guard::transaction_ended();
}

/// Keys that the savepoint made are not there any more.
pub fn savepoint_rolled_back() {
    keys::forget();
    row::forget_bound();
    column::transaction_ended();
    guard::statement_failed();
}

/// # Errors
/// As PostgreSQL's, when the keys cannot be entered.
pub fn tenant_created(tenant: TenantId) -> Result<()> {
    keys::prepare(tenant)
}
