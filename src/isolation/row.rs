//! What policies ask, once a command: the tenant whose rows the context may touch, or an error that says why not.

use pgrx::Uuid;
use pgrx::prelude::*;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::Tier;

use crate::identity::standing;
use crate::pg::context::Current;
use crate::pg::error::answer;
use crate::pg::guc::{MISSING_CONTEXT, MissingContext};
use crate::pg::role::{self, Role};
use crate::tenancy::directory;

#[pg_extern(sql = false)]
fn row_tenant_uuid(tier: Option<i16>) -> Option<Uuid> {
    answer(admitted(tier)).map(|current| directory::uuid(current.tenant()))
}

#[pg_extern(sql = false)]
fn row_tenant_bigint(tier: Option<i16>) -> Option<i64> {
    answer(admitted(tier)).map(|current| answer(current.external_integer().ok_or_else(|| no_external_id("bigint"))))
}

#[pg_extern(sql = false)]
fn row_tenant_integer(tier: Option<i16>) -> Option<i32> {
    answer(admitted(tier)).map(|current| {
        let number = current.external_integer().and_then(|number| i32::try_from(number).ok());
        answer(number.ok_or_else(|| no_external_id("integer")))
    })
}

#[pg_extern(sql = false)]
fn row_tenant_text(tier: Option<i16>) -> Option<&'static str> {
    answer(admitted(tier)).map(|current| answer(current.external_id().ok_or_else(|| no_external_id("text"))))
}

/// Rows that are nobody's: every context reads them, warden_admin without a context reads and writes.
#[pg_extern(sql = false)]
fn row_reference(tier: Option<i16>, writes: Option<bool>) -> bool {
    answer((|| {
        if standing::live()?.is_none() && role::is(Role::Admin) {
            return Ok(true);
        }
        Ok(admitted(tier.filter(|_| writes == Some(false)))?.is_some())
    })())
}

/// Rows without a tenant among the tenants' own: every context reads them, warden_admin without a context reads and
/// writes them alone.
#[pg_extern(sql = false)]
fn row_shared(writes: Option<bool>) -> bool {
    match answer(standing::live()) {
        Some(_) => writes == Some(false),
        None => role::is(Role::Admin),
    }
}

#[pg_extern(sql = false)]
fn row_user_text(tier: Option<i16>) -> Option<&'static str> {
    answer(admitted(tier)).map(Current::user)
}

/// A user's id counts as a uuid or number only in the very form in which PostgreSQL prints it.
#[pg_extern(sql = false)]
fn row_user_uuid(tier: Option<i16>) -> Option<Uuid> {
    let user = answer(admitted(tier))?.user();
    warden_core::tenancy::TenantId::parse(user).filter(|id| id.to_string() == user).map(directory::uuid)
}

#[pg_extern(sql = false)]
fn row_user_bigint(tier: Option<i16>) -> Option<i64> {
    warden_core::tenancy::ExternalId::as_integer(answer(admitted(tier))?.user())
}

#[pg_extern(sql = false)]
fn row_user_integer(tier: Option<i16>) -> Option<i32> {
    let number = warden_core::tenancy::ExternalId::as_integer(answer(admitted(tier))?.user())?;
    i32::try_from(number).ok()
}

/// Whether the context sees other users' rows too; `tier` is the command's, as everywhere.
#[pg_extern(sql = false)]
fn row_sees_all(tier: Option<i16>, all: Option<i16>) -> bool {
    let needed = all.and_then(|tier| Tier::from_number(tier.into()));
    answer(admitted(tier)).zip(needed).is_some_and(|(current, needed)| current.tier().holds(needed))
}

/// The context, if its role has the command (NULL and 0: nobody has it). Only rows are hidden in silence: a command
/// above the role is an error, as a missing GRANT would be.
fn admitted(tier: Option<i16>) -> Result<Option<&'static Current>> {
    let Some(current) = standing::live()? else {
        return match MISSING_CONTEXT.get() {
            MissingContext::Error => Err(standing::missing()),
            MissingContext::Empty => Ok(None),
        };
    };
    match tier.and_then(|tier| Tier::from_number(tier.into())) {
        Some(needed) if current.tier().holds(needed) => Ok(Some(current)),
        Some(needed) => Err(standing::too_low(current, needed)),
        None => Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "permission denied: the table's template gives this command to no role",
        )),
    }
}

fn no_external_id(kind: &str) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, format!("the tenant has no external id of type {kind}"))
        .detail(format!("The table's tenant column is {kind}: it holds the tenant's external id."))
        .hint("Give the tenant its external id when it is created: warden.create_tenant(..., external_id => ...).")
}
