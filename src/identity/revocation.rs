//! Revocations: what ends credentials before they end by themselves.

use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::prelude::*;
use serde_json::json;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::{TenantId, Tier, UserId};

use super::{session, standing};
use crate::audit::event;
use crate::pg::cache::{self, Registry};
use crate::pg::role::{self, Role};
use crate::pg::{error::answer, spi};
use crate::sql::need;
use crate::tenancy::directory;

#[pg_extern(sql = false)]
fn revoke_session(session: Option<&str>) {
    answer((|| {
        let name = need(session, "session")?;
        if !(1..=255).contains(&name.len()) {
            return Err(WardenError::new(SqlState::InvalidParameterValue, "invalid session")
                .detail("A session's id has 1 to 255 bytes."));
        }
        // An opened session's id is a uuid, in whatever spelling; a token's sid is its very text.
        let id = TenantId::parse(name);
        let name = id.map_or_else(|| name.to_owned(), |id| id.to_string());
        let tenant = managed_tenant()?;
        enter("session", tenant, &name)?;
        let whose = match (tenant, id) {
            (None, Some(id)) => session::tenant_of(directory::uuid(id))?,
            _ => tenant,
        };
        // A token in the place of its session's id ends nothing, and must not be read in the log.
        let shown = Some(name).filter(|name| !session::is_credential(name));
        event::record(whose, "warden.identity.revoke_session", json!({ "session": shown }))
    })());
}

#[pg_extern(sql = false)]
fn revoke_user(tenant: Option<pgrx::Uuid>, user_id: Option<&str>) {
    answer((|| {
        let tenant = manages(tenant)?;
        let user = UserId::parse(need(user_id, "user_id")?)?;
        enter("user", Some(tenant), user.as_str())?;
        event::record(Some(tenant), "warden.identity.revoke_user", json!({ "user_id": user.as_str() }))
    })());
}

#[pg_extern(sql = false)]
fn revoke_tenant(tenant: Option<pgrx::Uuid>) {
    answer((|| {
        let tenant = manages(tenant)?;
        enter("tenant", Some(tenant), "")?;
        event::record(Some(tenant), "warden.identity.revoke_tenant", json!({}))
    })());
}

/// The caller's own tenant, or none: warden_admin's revocations count everywhere.
fn managed_tenant() -> Result<Option<TenantId>> {
    role::refuse_restricted()?;
    match standing::live()? {
        Some(current) if current.tier().holds(Tier::Admin) => Ok(Some(current.tenant())),
        Some(_) => Err(denied()),
        None if role::is(Role::Admin) => Ok(None),
        None => Err(denied()),
    }
}

fn manages(tenant: Option<pgrx::Uuid>) -> Result<TenantId> {
    let tenant = directory::tenant_id(need(tenant, "tenant")?);
    match managed_tenant()? {
        Some(own) if own != tenant => Err(denied()),
        Some(own) => Ok(own),
        None => directory::tenant_by_id(tenant)?.map(|found| found.id).ok_or_else(directory::unknown_tenant),
    }
}

fn denied() -> WardenError {
    WardenError::new(SqlState::InsufficientPrivilege, "permission denied")
        .detail("Credentials are revoked by owners and admins of their own tenant, and by warden_admin.")
}

fn enter(kind: &str, tenant: Option<TenantId>, subject: &str) -> Result<()> {
    // A row of its own: the officer does not wait for a tenant's open transaction.
    let by_officer = standing::live()?.is_none();
    spi::as_owner(|| {
        spi::execute(
            "INSERT INTO warden.revocation_registry (kind, tenant, subject, by_officer, revoked_at) \
             VALUES ($1, $2, $3, $4, clock_timestamp()) \
             ON CONFLICT (kind, tenant, subject, by_officer) DO UPDATE SET revoked_at = excluded.revoked_at",
            &[kind.into(), tenant.map(directory::uuid).into(), subject.into(), by_officer.into()],
        )
    })?;
    Ok(())
}

/// Entries before the cache starts anew.
const MOST: usize = 10_000;

thread_local! {
    /// By tenant, user and session: the second of the last revocation, and whether the session is revoked.
    static KNOWN: RefCell<HashMap<Subject, Last>> = RefCell::default();
}

/// Tenant, user and session.
type Subject = (TenantId, String, Option<String>);

#[derive(Clone, Copy, Default)]
struct Last {
    /// Seconds since the Unix epoch.
    revoked_at: Option<i64>,
    session_is_revoked: bool,
}

/// Whether a credential of this issue is revoked. One that was issued in the very second of the revocation is.
pub fn covers(tenant: TenantId, user: &str, session: Option<&str>, issued_at: i64) -> Result<bool> {
    if cache::take_stale(Registry::Revocation) {
        KNOWN.with_borrow_mut(HashMap::clear);
    }
    let session = session.map(|id| TenantId::parse(id).map_or_else(|| id.to_owned(), |id| id.to_string()));
    let key = (tenant, user.to_owned(), session);
    let last = match KNOWN.with_borrow(|known| known.get(&key).copied()) {
        Some(last) => last,
        None => {
            let last = look_up(tenant, user, key.2.as_deref())?;
            KNOWN.with_borrow_mut(|known| {
                if known.len() >= MOST {
                    known.clear();
                }
                known.insert(key, last);
            });
            last
        }
    };
    Ok(last.session_is_revoked || last.revoked_at.is_some_and(|second| issued_at <= second))
}

fn look_up(tenant: TenantId, user: &str, session: Option<&str>) -> Result<Last> {
    let found = directory::look_up(
        Registry::Revocation,
        "SELECT max(floor(extract(epoch FROM r.revoked_at))::bigint) FILTER (WHERE r.kind <> 'session'), \
         coalesce(bool_or(r.kind = 'session'), false) FROM warden.revocation_registry r WHERE \
         (r.kind = 'user' AND r.tenant = $1 AND r.subject = $2) OR (r.kind = 'tenant' AND r.tenant = $1) \
         OR (r.kind = 'session' AND r.subject = $3 AND (r.tenant = $1 OR r.tenant IS NULL))",
        &[directory::uuid(tenant).into(), user.into(), session.into()],
        |row| Ok(Last { revoked_at: row.get(1)?, session_is_revoked: row.need(2)? }),
    )?;
    Ok(found.into_iter().next().unwrap_or_default())
}
