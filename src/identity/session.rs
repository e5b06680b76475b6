//! Opened sessions: a JWT in, an opaque token out, which each transaction resumes. Only its hash is stored.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::identity::context::{Context, Door, Trust};
use warden_core::tenancy::{TenantId, Tier};
use zeroize::Zeroizing;

use super::{cache, door, last_use, literal, revocation, slot};
use crate::audit::event;
use crate::pg::cache::Registry;
use crate::pg::error::{answer, internal};
use crate::pg::{guc, spi, time};
use crate::sql::need;
use crate::tenancy::directory;

/// What a session token begins with, so that people and leak scanners tell it from other secrets.
const PREFIX: &str = "warden_session_";

#[pg_extern(sql = false)]
fn open_session(token: Option<&str>, ttl: Option<Interval>) -> String {
    answer((|| {
        door::refuse_exempt()?;
        let (known, ends) = cache::verified(need(token, "token")?)?;
        let context = door::enter(&known, None, ends)?;
        let trust = known.trust();
        let mut secret = Zeroizing::new([0u8; 32]);
        getrandom::fill(secret.as_mut()).map_err(internal)?;
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret.as_ref()));
        let claim_tier = (context.door == Door::Claim).then(|| i16::from(context.tier.number()));
        let id: pgrx::Uuid = spi::as_owner(|| {
            let opened = spi::value(
                "INSERT INTO warden.session_registry \
                 (token_hash, tenant, user_id, issuer, registration, key, sid, claim_tier, claims, expires_at) \
                 SELECT $1, $2, $3, $4, $9, $10, $11, $5, $6, clock_timestamp() + least($7, make_interval(secs => $8)) \
                 WHERE coalesce($7 > interval '0', true) RETURNING id",
                &[
                    hash(&token).as_slice().into(),
                    directory::uuid(context.tenant).into(),
                    context.user.as_str().into(),
                    trust.issuer.as_str().into(),
                    claim_tier.into(),
                    context.claims.as_deref().into(),
                    ttl.into(),
                    f64::from(guc::SESSION_MAX_TTL.get()).into(),
                    known.registered.id.into(),
                    trust.key.as_str().into(),
                    context.session.as_deref().into(),
                ],
            )?;
            let id = opened
                .ok_or_else(|| WardenError::new(SqlState::InvalidParameterValue, "a session's ttl must be positive"))?;
            OPENED_HERE.set(true);
            Ok(id)
        })?;
        event::record(
            Some(context.tenant),
            "warden.identity.open_session",
            json!({ "session": id.to_string(), "user_id": context.user, "issuer": trust.issuer }),
        )?;
        Ok(token)
    })())
}

#[pg_extern(sql = false)]
fn resume(session_token: Option<&str>) -> pgrx::Uuid {
    answer((|| {
        door::open("resume")?;
        let token = need(session_token, "session_token")?;
        literal::presented(token);
        let context = resumed(token)?;
        let tenant = context.tenant;
        slot::take(Rc::new(slot::pass(context)?))?;
        Ok(directory::uuid(tenant))
    })())
}

#[derive(Debug)]
struct Opened {
    id: String,
    key: [u8; 16],
    tenant: TenantId,
    user: String,
    trust: Trust,
    /// The `sid` of the token that opened it.
    sid: Option<String>,
    claim_tier: Option<Tier>,
    claims: Option<String>,
    /// PostgreSQL microseconds.
    opened_at: i64,
    expires_at: i64,
    last_used_at: i64,
}

/// What a roll-back may have taken back is looked up again.
pub fn rolled_back() {
    if OPENED_HERE.take() {
        KNOWN.with_borrow_mut(HashMap::clear);
    }
}

/// Sessions that one backend remembers. An opened session never changes: what ends it is its time, or a revocation.
const MOST: usize = 4_096;

thread_local! {
    static KNOWN: RefCell<HashMap<[u8; 32], Rc<Opened>>> = RefCell::default();
    /// This transaction has opened a session.
    static OPENED_HERE: Cell<bool> = const { Cell::new(false) };
}

fn resumed(token: &str) -> Result<Context> {
    let session = find(token)?.ok_or_else(invalid)?;
    let now = time::now();
    let idle = i64::from(guc::SESSION_IDLE_TIMEOUT.get()) * 1_000_000;
    if now >= session.expires_at || now - last_use::of(session.key).unwrap_or(session.last_used_at) >= idle {
        return Err(invalid().detail("The session has ended."));
    }
    let tenant = directory::tenant_by_id(session.tenant)?.ok_or_else(invalid)?;
    let (entered_by, tier) = match session.claim_tier {
        Some(tier) => (Door::Claim, tier),
        None => {
            let tier = directory::member_tier(session.tenant, &session.user)?.ok_or_else(door::stranger)?;
            (Door::Member, tier)
        }
    };
    door::require_active(&tenant)?;
    let issued_at = time::to_unix_micros(session.opened_at).div_euclid(1_000_000);
    let sessions = [Some(session.id.as_str()), session.sid.as_deref()];
    let mut is_over = !cache::stands(&session.trust)?;
    for name in sessions.into_iter().flatten() {
        is_over |= revocation::covers(session.tenant, &session.user, Some(name), issued_at)?;
    }
    if is_over {
        return Err(invalid().detail("The session was revoked."));
    }
    last_use::touch(session.key, now);
    Ok(Context {
        door: entered_by,
        tenant: session.tenant,
        external_id: tenant.external_id.clone(),
        user: session.user.clone(),
        tier,
        labels: directory::labels()?,
        session: Some(session.id.clone()),
        trust: Some(session.trust.clone()),
        expires_at: Some(time::to_unix_micros(session.expires_at)),
        issued_at,
        claims: session.claims.clone(),
    })
}

fn find(token: &str) -> Result<Option<Rc<Opened>>> {
    if !token.starts_with(PREFIX) || token.len() > 128 {
        return Ok(None);
    }
    let hash = hash(token);
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&hash).cloned()) {
        return Ok(Some(known));
    }
    let found = directory::look_up(
        Registry::Issuer,
        "SELECT s.id, s.tenant, s.user_id, s.issuer, s.claim_tier, s.claims, s.opened_at, s.expires_at, s.last_used_at, \
         s.registration, s.key, s.sid FROM warden.session_registry s WHERE s.token_hash = $1",
        &[hash.as_slice().into()],
        |row| {
            let id: pgrx::Uuid = row.need(1)?;
            Ok(Opened {
                id: id.to_string(),
                key: *id.as_bytes(),
                tenant: directory::tenant_id(row.need(2)?),
                user: row.need(3)?,
                trust: Trust {
                    registration: row.need::<pgrx::Uuid>(10)?.to_string(),
                    key: row.need(11)?,
                    issuer: row.need(4)?,
                },
                sid: row.get(12)?,
                claim_tier: row.get::<i16>(5)?.and_then(|tier| Tier::from_number(tier.into())),
                claims: row.get(6)?,
                opened_at: row.need::<TimestampWithTimeZone>(7)?.into(),
                expires_at: row.need::<TimestampWithTimeZone>(8)?.into(),
                last_used_at: row.need::<TimestampWithTimeZone>(9)?.into(),
            })
        },
    )?;
    let Some(session) = found.into_iter().next().map(Rc::new) else { return Ok(None) };
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, session.clone());
    });
    Ok(Some(session))
}

/// The tenant of an opened session.
pub fn tenant_of(id: pgrx::Uuid) -> Result<Option<TenantId>> {
    let found: Option<pgrx::Uuid> =
        spi::as_owner(|| spi::value("SELECT s.tenant FROM warden.session_registry s WHERE s.id = $1", &[id.into()]))?;
    Ok(found.map(directory::tenant_id))
}

/// Whether a text opens something: a session's token or, by its header's `{"` in base64url, a JWT.
pub fn is_credential(text: &str) -> bool {
    text.starts_with(PREFIX) || text.starts_with("eyJ")
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn invalid() -> WardenError {
    WardenError::new(SqlState::InvalidAuthorization, "invalid session token")
}
