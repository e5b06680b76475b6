//! Permissions: words of the application's own, held by a tier and every higher one.

use pgrx::prelude::*;
use serde_json::json;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::Tier;

use super::directory;
use crate::audit::event;
use crate::identity::standing;
use crate::pg::role::{self, Role};
use crate::pg::{error::answer, spi};
use crate::sql::need;

#[pg_extern(sql = false)]
fn grant_permission(role: Option<&str>, permission: Option<&str>) {
    answer(change(
        role,
        permission,
        "INSERT INTO warden.permission_registry (tier, permission) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        "warden.tenancy.grant_permission",
    ));
}

#[pg_extern(sql = false)]
fn revoke_permission(role: Option<&str>, permission: Option<&str>) {
    answer(change(
        role,
        permission,
        "DELETE FROM warden.permission_registry WHERE tier = $1 AND permission = $2",
        "warden.tenancy.revoke_permission",
    ));
}

fn change(label: Option<&str>, permission: Option<&str>, statement: &str, kind: &'static str) -> Result<()> {
    role::refuse_restricted()?;
    role::require(&[Role::Admin])?;
    let label = need(label, "role")?;
    let tier: Tier = directory::labels()?.require(label)?;
    let permission = need(permission, "permission")?;
    if !(1..=255).contains(&permission.len()) || permission.trim() != permission {
        return Err(WardenError::new(SqlState::InvalidParameterValue, "invalid permission")
            .detail("A permission has 1 to 255 bytes and no white space at its ends."));
    }
    let changed = spi::as_owner(|| spi::execute(statement, &[i16::from(tier.number()).into(), permission.into()]))?;
    if changed == 0 {
        return Ok(());
    }
    event::record(None, kind, json!({ "role": label, "permission": permission }))
}

#[pg_extern(sql = false)]
fn has_permission(permission: Option<&str>) -> bool {
    answer((|| match (standing::live()?, permission) {
        (Some(current), Some(permission)) => directory::holds_permission(current.tier(), permission),
        _ => Ok(false),
    })())
}

#[pg_extern(sql = false)]
fn require_permission(permission: Option<&str>) {
    answer((|| {
        let permission = need(permission, "permission")?;
        if directory::holds_permission(standing::require()?.tier(), permission)? {
            return Ok(());
        }
        Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied")
            .detail("The context's role does not hold the permission that this needs."))
    })());
}
