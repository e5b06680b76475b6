//! Whether the context counts: there, open, not expired, not revoked since.

use warden_core::error::{Result, SqlState, WardenError};
use warden_core::identity::context::Door;
use warden_core::tenancy::Tier;

use crate::pg::cache;
use crate::pg::context::{self, Current, Standing};
use crate::tenancy::directory;

/// The context, if it counts now. Changes that others have committed are taken in first: a removed member is out by
/// the next statement. Inside a parallel operation the verdict of its start stands.
pub fn live() -> Result<Option<&'static Current>> {
    match context::standing() {
        Standing::Missing => Ok(None),
        Standing::Counts(current) => Ok(Some(current)),
        Standing::Doubtful(current) => {
            // Revoked until judged otherwise: an error in between must not leave it standing.
            context::revoke(current);
            cache::settle();
            if !still_stands(current)? {
                return Ok(None);
            }
            context::reinstate();
            Ok(Some(current))
        }
    }
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
    if let Some(trust) = current.trust()
        && !super::cache::stands(&trust)?
    {
        return Ok(false);
    }
    if super::revocation::covers(current.tenant(), current.user(), current.session(), current.issued_at)? {
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
