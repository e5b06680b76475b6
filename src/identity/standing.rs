//! Whether the context counts: there, open, not expired, not revoked since.

use std::cell::Cell;

use warden_core::error::{Result, SqlState, WardenError};
use warden_core::identity::context::Door;
use warden_core::tenancy::Tier;

use crate::pg::cache::{self, Registry};
use crate::pg::context::{self, Current};
use crate::pg::parallel;
use crate::tenancy::directory;

thread_local! {
    /// The serial of the last context that a change of the registries has ended.
    static REVOKED: Cell<u64> = const { Cell::new(0) };
}

const JUDGES: [Registry; 4] = [Registry::Tenant, Registry::Member, Registry::Issuer, Registry::Role];

/// The context, if it counts now. Changes that others have committed are taken in first: a removed member is out by
/// the next statement. Inside a parallel operation the verdict of its start stands.
pub fn live() -> Result<Option<&'static Current>> {
    let Some(current) = context::current() else { return Ok(None) };
    if current.door() == Door::Closed || current.is_expired() {
        return Ok(None);
    }
    if !parallel::in_parallel_mode() {
        cache::accept_changes();
        if REVOKED.get() != current.serial && cache::take_doubt(&JUDGES) {
            // Revoked until judged otherwise: an error in between must not leave it standing.
            REVOKED.set(current.serial);
            if still_stands(current)? {
                REVOKED.set(0);
            }
        }
    }
    Ok((REVOKED.get() != current.serial).then_some(current))
}

/// # Errors
/// 28000 when no context counts, with what became of it.
pub fn require() -> Result<&'static Current> {
    live()?.ok_or_else(missing)
}

/// # Errors
/// 28000 without a context, 42501 when it is of a lower tier.
pub fn require_tier(needed: Tier) -> Result<&'static Current> {
    let current = require()?;
    if current.tier().holds(needed) {
        return Ok(current);
    }
    Err(too_low(current, needed))
}

pub fn too_low(current: &Current, needed: Tier) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("permission denied: this needs the role {}", current.label(needed)),
    )
    .detail(format!("The context's role is {}.", current.label(current.tier())))
}

/// The error of a context that is not there, expired, closed or revoked.
pub fn missing() -> WardenError {
    let became = match context::current() {
        None => "No login has been made in this transaction.",
        Some(current) if current.door() == Door::Closed => "The context was ended by logout.",
        Some(current) if current.is_expired() => "The credential has expired.",
        Some(_) => "The context was revoked: its tenant, membership, role or issuer has changed.",
    };
    WardenError::new(SqlState::InvalidAuthorization, "no tenant context")
        .detail(became)
        .hint("Call warden.login in the same transaction before using protected tables.")
}

/// 0 for no context: what an executor run is stamped with.
pub fn serial() -> Result<u64> {
    Ok(live()?.map_or(0, |current| current.serial))
}

fn still_stands(current: &Current) -> Result<bool> {
    let Some(tenant) = directory::tenant_by_id(current.tenant())? else { return Ok(false) };
    if !tenant.is_active() {
        return Ok(false);
    }
    if let Some(issuer) = current.issuer()
        && super::cache::issuer(issuer)?.is_none()
    {
        return Ok(false);
    }
    match current.door() {
        Door::Claim => Ok(true),
        Door::Member | Door::Broker => {
            let tier = directory::member_tier(current.tenant(), current.user())?;
            Ok(tier.is_some_and(|tier| tier.holds(current.tier())))
        }
        Door::Closed => Ok(false),
    }
}
