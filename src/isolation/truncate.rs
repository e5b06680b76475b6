//! TRUNCATE, which row-level security does not see.

use pgrx::prelude::*;
use pgrx::trigger_support::PgTriggerError;
use warden_core::error::{SqlState, WardenError};

use crate::identity::standing;
use crate::pg::error::answer;
use crate::pg::relation::Relation;
use crate::pg::role::{self, Role};

#[pg_trigger]
fn refuse_truncate<'a>(
    trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, pgrx::AllocatedByPostgres>>, PgTriggerError> {
    answer(require(trigger.relid()?));
    Ok(None)
}

fn require(relation: pg_sys::Oid) -> warden_core::error::Result<()> {
    let is_owner = Relation::find(relation).is_some_and(|found| found.is_owned_by(role::current()));
    if standing::live()?.is_none() && (role::is(Role::Admin) || is_owner) {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied to truncate a protected table")
        .detail("TRUNCATE would take the rows of every tenant.")
        .hint("Use DELETE, which takes the context's own rows alone."))
}
