//! Reading the context: what takes an argument or more than a pointer. The rest is in `pg::reading`.

use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::Tier;

use super::standing;
use crate::pg::context::{self, Current};
use crate::pg::error::{answer, internal};
use crate::pg::role;
use crate::sql::need;
use crate::tenancy::directory;

fn live() -> Option<&'static Current> {
    answer(standing::live())
}

#[pg_extern(sql = false)]
fn claims() -> Option<JsonB> {
    let claims = live()?.claims()?;
    Some(JsonB(answer(serde_json::from_str(claims).map_err(|_| internal("the context's claims are not JSON")))))
}

#[pg_extern(sql = false)]
fn has_role(role: Option<&str>) -> bool {
    match (live(), role) {
        (Some(current), Some(label)) => current.tier_of(label).is_some_and(|needed| current.tier().holds(needed)),
        _ => false,
    }
}

#[pg_extern(sql = false)]
fn require_role(role: Option<&str>) {
    answer((|| -> Result<()> {
        let label = need(role, "role")?;
        let current = standing::require()?;
        let needed =
            current.tier_of(label).ok_or_else(|| WardenError::new(SqlState::InvalidParameterValue, "unknown role"))?;
        standing::require_tier(needed).map(drop)
    })());
}

/// Owners and admins see all members of their tenant.
#[pg_extern(sql = false)]
fn manages_members() -> bool {
    live().is_some_and(|current| current.tier().holds(Tier::Admin))
}

/// Whether the caller sees every tenant's metadata: for the extension's views.
#[pg_extern(sql = false)]
fn sees_all_tenants() -> bool {
    role::is(role::Role::Admin) || role::is(role::Role::Auditor)
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of whoami()")]
fn whoami() -> TableIterator<
    'static,
    (
        name!(tenant_id, Option<Uuid>),
        name!(tenant, Option<String>),
        name!(external_id, Option<String>),
        name!(user_id, Option<String>),
        name!(role, Option<String>),
        name!(session_id, Option<String>),
        name!(door, Option<String>),
        name!(expires_at, Option<TimestampWithTimeZone>),
        name!(database_role, String),
        name!(note, Option<String>),
    ),
> {
    let current = live();
    let slug = current.and_then(|current| answer(directory::tenant_by_id(current.tenant()))).map(|t| t.slug.clone());
    let note = if role::is_exempt(role::current()) {
        Some("row-level security does not bind this role: it is a superuser or has BYPASSRLS".to_owned())
    } else if current.is_none() && context::current().is_some() {
        standing::missing().detail.map(std::borrow::Cow::into_owned)
    } else {
        None
    };
    TableIterator::once((
        current.map(|c| directory::uuid(c.tenant())),
        slug,
        current.and_then(Current::external_id).map(str::to_owned),
        current.map(|c| c.user().to_owned()),
        current.map(|c| c.label(c.tier()).to_owned()),
        current.and_then(Current::session).map(str::to_owned),
        current.map(|c| c.door().name().to_owned()),
        current.and_then(Current::expires_at).and_then(|at| TimestampWithTimeZone::try_from(at).ok()),
        role::name(role::current()),
        note,
    ))
}
