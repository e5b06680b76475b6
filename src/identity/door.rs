//! The doors to a context: login, assume, logout.

use std::rc::Rc;

use pgrx::prelude::*;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::identity::context::{Context, Door, Pass};
use warden_core::identity::{Issuer, RoleFrom, Verified};
use warden_core::tenancy::{TenantId, Tier, UserId};

use super::cache::Known;
use super::{cache, revocation, slot};
use crate::pg::cache as judged;
use crate::pg::error::answer;
use crate::pg::role::{self, Role};
use crate::pg::{guc, xact};
use crate::sql::need;
use crate::tenancy::directory::{self, Tenant};

#[pg_extern(sql = false)]
fn login(token: Option<&str>, tenant: Option<pgrx::Uuid>) -> pgrx::Uuid {
    answer((|| {
        open("login")?;
        let pass = admit(need(token, "token")?, tenant.map(directory::tenant_id))?;
        let tenant = pass.context().tenant;
        slot::take(pass)?;
        Ok(directory::uuid(tenant))
    })())
}

/// What a token opens now. The answer is kept with the verified token, for as long as nothing changes that it was
/// judged by: the tenant, the member, the issuer, the labels, the revocations.
fn admit(token: &str, picked: Option<TenantId>) -> Result<Rc<Pass>> {
    let (known, ends) = cache::verified(token)?;
    let epoch = judged::epoch();
    if picked.is_none()
        && let Some(pass) = known.pass(epoch, ends)
    {
        return Ok(pass);
    }
    let pass = Rc::new(slot::pass(enter(&known, picked, ends)?)?);
    if picked.is_none() && known.registered.issuer.options.database_roles.is_none() {
        known.keep(epoch, ends, pass.clone());
    }
    Ok(pass)
}

/// For connections of one user alone: the context outlives the transaction.
#[pg_extern(sql = false)]
fn login_for_session(token: Option<&str>) -> pgrx::Uuid {
    answer((|| {
        refuse_exempt()?;
        let pass = admit(need(token, "token")?, None)?;
        slot::take_session(&pass)?;
        Ok(directory::uuid(pass.context().tenant))
    })())
}

/// PostgREST's db-pre-request: the bearer token of the request's headers (RFC 6750), if there is one.
#[pg_extern(sql = false)]
fn pre_request() {
    answer((|| {
        let headers = guc::optional(c"request.headers").unwrap_or_default();
        let Some(token) = warden_core::identity::bearer::token(&headers)? else { return Ok(()) };
        open("pre_request")?;
        slot::take(admit(&token, None)?)
    })());
}

#[pg_extern(sql = false)]
fn assume(tenant: Option<pgrx::Uuid>, user_id: Option<&str>, role: Option<&str>) -> pgrx::Uuid {
    answer((|| {
        role::require(&[Role::Broker])?;
        open("assume")?;
        let tenant = directory::tenant_id(need(tenant, "tenant")?);
        let user = UserId::parse(need(user_id, "user_id")?)?;
        let labels = directory::labels()?;
        let wanted = role.map(|label| labels.require(label)).transpose()?;
        let found = directory::tenant_by_id(tenant)?.ok_or_else(stranger)?;
        let held = directory::member_tier(tenant, user.as_str())?.ok_or_else(stranger)?;
        require_active(&found)?;
        let tier = wanted.unwrap_or(held);
        if !held.holds(tier) {
            return Err(WardenError::new(SqlState::InsufficientPrivilege, "the role may only lower the member's own"));
        }
        let context = Context {
            door: Door::Broker,
            tenant,
            external_id: found.external_id.clone(),
            user: user.as_str().to_owned(),
            tier,
            labels,
            session: None,
            trust: None,
            expires_at: None,
            issued_at: crate::pg::time::unix_seconds(),
            claims: None,
        };
        slot::take(Rc::new(slot::pass(context)?))?;
        Ok(directory::uuid(tenant))
    })())
}

#[pg_extern(sql = false)]
fn logout() {
    answer(slot::close());
}

/// What holds for every door to a transaction's context.
pub fn open(what: &str) -> Result<()> {
    xact::require_block(what)?;
    refuse_exempt()
}

/// # Errors
/// 42501 for a role that row-level security does not bind, unless the server allows it.
pub fn refuse_exempt() -> Result<()> {
    role::refuse_restricted()?;
    if role::is_exempt(role::current()) && !guc::ALLOW_EXEMPT_LOGIN.get() {
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "a superuser or BYPASSRLS role cannot have a tenant context",
        )
        .detail("Row-level security does not bind it: it would be isolated from nothing.")
        .hint("Connect as an ordinary role, or set warden.allow_exempt_login on a server where that is meant."));
    }
    Ok(())
}

/// The context that a verified token opens.
pub fn enter(known: &Known, picked: Option<TenantId>, ends: i64) -> Result<Context> {
    let (verified, issuer) = (&known.verified, &known.registered.issuer);
    if let Some(roles) = &issuer.options.database_roles
        && !roles.contains(&role::name(role::current()))
    {
        return Err(WardenError::new(
            SqlState::InvalidAuthorization,
            "this database role may not present the issuer's tokens",
        ));
    }
    let tenant = tenant_of(verified, issuer, picked)?;
    let labels = directory::labels()?;
    let (door, tier): (Door, Tier) = match issuer.options.role_from {
        RoleFrom::Members => {
            let held = directory::member_tier(tenant.id, verified.user.as_str())?.ok_or_else(stranger)?;
            (Door::Member, held)
        }
        RoleFrom::Claim => {
            let held = verified.role.as_deref().and_then(|label| labels.tier(label)).ok_or_else(|| {
                WardenError::new(SqlState::InvalidAuthorization, "invalid token")
                    .detail("Its role claim names no role of this platform.")
            })?;
            (Door::Claim, held)
        }
    };
    require_active(&tenant)?;
    if revocation::covers(tenant.id, verified.user.as_str(), verified.session.as_deref(), verified.issued_at)? {
        return Err(WardenError::new(SqlState::InvalidAuthorization, "invalid token").detail("The token was revoked."));
    }
    Ok(Context {
        door,
        tenant: tenant.id,
        external_id: tenant.external_id.clone(),
        user: verified.user.as_str().to_owned(),
        tier,
        labels,
        session: verified.session.clone(),
        trust: Some(known.trust()),
        expires_at: Some(ends.saturating_mul(1_000_000)),
        issued_at: verified.issued_at,
        claims: Some(verified.claims.clone()),
    })
}

/// The tenant that the token, the issuer and the caller agree on. An unknown tenant and a foreign one read alike.
fn tenant_of(verified: &Verified, issuer: &Issuer, picked: Option<TenantId>) -> Result<Rc<Tenant>> {
    let claimed = match &verified.tenant {
        Some(reference) => Some(directory::tenant(reference)?.ok_or_else(stranger)?),
        None => None,
    };
    let fixed = issuer.options.tenant;
    if let (Some(claimed), Some(fixed)) = (&claimed, fixed)
        && claimed.id != fixed
    {
        return Err(stranger());
    }
    let named = claimed.as_ref().map(|tenant| tenant.id).or(fixed);
    let id = match (named, picked) {
        (Some(named), Some(picked)) if named != picked => return Err(stranger()),
        (Some(named), _) => named,
        (None, Some(picked)) if issuer.options.role_from == RoleFrom::Members => picked,
        (None, _) => {
            return Err(WardenError::new(SqlState::InvalidAuthorization, "the token names no tenant")
                .hint("Pass the tenant to login, where the issuer takes roles from the members."));
        }
    };
    directory::tenant_by_id(id)?.ok_or_else(stranger)
}

pub fn require_active(tenant: &Tenant) -> Result<()> {
    if tenant.is_active() {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InvalidAuthorization, "login denied")
        .detail(format!("The tenant is {}.", tenant.state)))
}

pub fn stranger() -> WardenError {
    WardenError::new(SqlState::InvalidAuthorization, "login denied").detail("The user is not a member of the tenant.")
}
