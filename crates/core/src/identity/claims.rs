//! What the claims of a token say, once its signature has been verified (RFC 7519 section 4.1).

use std::fmt;

use serde_json::Value;

use super::error;
use super::json::Object;
use super::options::{IssuerOptions, RoleFrom};
use super::token::Issuer;
use crate::error::Result;
use crate::tenancy::UserId;

/// The last second that a NumericDate may name: 9999-12-31T23:59:59Z.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The longest tenant, role or session claim, in bytes.
const MAX_TEXT: usize = 255;

/// What a valid token says. Times are seconds since 1970-01-01 UTC.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    pub issuer: String,
    /// A tenant's id, external id or slug.
    pub tenant: Option<String>,
    pub user: UserId,
    /// A label; None where the issuer does not name roles.
    pub role: Option<String>,
    pub session: Option<String>,
    pub issued_at: i64,
    /// When a context made at the time of verification ends: `exp`, or the leeway's end within the leeway.
    pub expires_at: i64,
    /// From then on the token is not valid at all: `exp` and the leeway.
    pub not_after: i64,
    /// Before that it is not valid yet: the later of `iat` and `nbf`, less the leeway.
    pub not_before: i64,
    pub exp: i64,
    /// The thumbprint (RFC 7638) of the key that signed it.
    pub key: String,
    /// The payload's JSON text.
    pub claims: String,
}

/// Leaves out the claims: they may hold anything about a person.
impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("issuer", &self.issuer)
            .field("tenant", &self.tenant)
            .field("user", &self.user)
            .field("role", &self.role)
            .field("session", &self.session)
            .field("issued_at", &self.issued_at)
            .field("exp", &self.exp)
            .finish_non_exhaustive()
    }
}

impl Verified {
    /// When a context made at `now` from this remembered verdict ends; None where the token is not valid at `now`.
    pub fn still_valid(&self, now: i64) -> Option<i64> {
        if now < self.not_before || now >= self.not_after {
            return None;
        }
        Some(if now < self.exp { self.exp } else { self.not_after })
    }
}

/// Judges the claims of a payload whose signature is the issuer's.
pub(super) fn judge(payload: &Object, text: &str, key: &str, issuer: &Issuer, now: i64) -> Result<Verified> {
    let registered = Registered::read(payload)?;
    if registered.iss != issuer.name {
        return Err(error::other_issuer());
    }
    if let Some(audience) = &issuer.audience {
        registered.require_audience(audience)?;
    }
    let lifetime = registered.lifetime(&issuer.options, now)?;
    let options = &issuer.options;
    Ok(Verified {
        issuer: issuer.name.clone(),
        tenant: tenant(payload, options)?,
        user: user(payload, options)?,
        role: role(payload, options)?,
        session: session(payload, options)?,
        issued_at: lifetime.issued_at,
        expires_at: if now < lifetime.exp { lifetime.exp } else { lifetime.not_after },
        not_after: lifetime.not_after,
        not_before: lifetime.not_before,
        exp: lifetime.exp,
        key: key.to_owned(),
        claims: text.to_owned(),
    })
}

/// The registered claims that decide, each of its right JSON type.
struct Registered<'a> {
    iss: &'a str,
    aud: Option<Vec<&'a str>>,
    exp: NumericDate,
    iat: NumericDate,
    nbf: Option<NumericDate>,
}

struct Lifetime {
    issued_at: i64,
    exp: i64,
    not_after: i64,
    not_before: i64,
}

impl<'a> Registered<'a> {
    fn read(payload: &'a Object) -> Result<Self> {
        text(payload, "sub")?;
        text(payload, "jti")?;
        Ok(Self {
            iss: text(payload, "iss")?.ok_or_else(|| error::missing_claim("iss"))?,
            aud: audiences(payload)?,
            exp: NumericDate::read(payload, "exp")?.ok_or_else(|| error::missing_claim("exp"))?,
            iat: NumericDate::read(payload, "iat")?.ok_or_else(|| error::missing_claim("iat"))?,
            nbf: NumericDate::read(payload, "nbf")?,
        })
    }

    fn require_audience(&self, audience: &str) -> Result<()> {
        let audiences = self.aud.as_ref().ok_or_else(|| error::missing_claim("aud"))?;
        if audiences.contains(&audience) {
            return Ok(());
        }
        Err(error::wrong_audience())
    }

    /// Fractions of a second always count against the token.
    fn lifetime(&self, options: &IssuerOptions, now: i64) -> Result<Lifetime> {
        if self.exp.0 <= self.iat.0 {
            return Err(error::expires_before_issue());
        }
        if self.exp.0 - self.iat.0 > options.max_ttl as f64 {
            return Err(error::lives_too_long());
        }
        let exp = self.exp.floor();
        let not_after = exp.saturating_add(options.leeway);
        if now >= not_after {
            return Err(error::expired_token());
        }
        let latest = now.saturating_add(options.leeway);
        if self.iat.ceil() > latest {
            return Err(error::issued_in_the_future());
        }
        if self.nbf.is_some_and(|nbf| nbf.ceil() > latest) {
            return Err(error::not_yet_valid());
        }
        let beginning = self.nbf.map_or(self.iat.ceil(), |nbf| nbf.ceil().max(self.iat.ceil()));
        let not_before = beginning.saturating_sub(options.leeway);
        Ok(Lifetime { issued_at: self.iat.floor(), exp, not_after, not_before })
    }
}

/// Seconds since 1970-01-01 UTC, possibly with a fraction (RFC 7519 section 2); from 1970 to the year 9999,
/// where an `f64` holds every whole second.
#[derive(Clone, Copy)]
struct NumericDate(f64);

impl NumericDate {
    fn read(payload: &Object, claim: &'static str) -> Result<Option<Self>> {
        let Some(value) = payload.get(claim) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds));
        seconds.map(|seconds| Some(Self(seconds))).ok_or_else(|| error::mistyped_claim(claim))
    }

    fn floor(self) -> i64 {
        self.0.floor() as i64
    }

    fn ceil(self) -> i64 {
        self.0.ceil() as i64
    }
}

fn text<'a>(payload: &'a Object, claim: &'static str) -> Result<Option<&'a str>> {
    match payload.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(error::mistyped_claim(claim)),
    }
}

fn audiences(payload: &Object) -> Result<Option<Vec<&str>>> {
    match payload.get("aud") {
        None => Ok(None),
        Some(Value::String(audience)) => Ok(Some(vec![audience])),
        Some(Value::Array(list)) => {
            let audiences: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            audiences.map(Some).ok_or_else(|| error::mistyped_claim("aud"))
        }
        Some(_) => Err(error::mistyped_claim("aud")),
    }
}

fn tenant(payload: &Object, options: &IssuerOptions) -> Result<Option<String>> {
    match options.tenant_claim.find(payload) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(Some(number.to_string())),
        Some(value) => short_text(value).map(Some).ok_or_else(error::unfit_tenant_claim),
    }
}

fn user(payload: &Object, options: &IssuerOptions) -> Result<UserId> {
    let user = options.user_claim.find(payload).and_then(Value::as_str);
    user.and_then(|user| UserId::parse(user).ok()).ok_or_else(error::unfit_user_claim)
}

fn role(payload: &Object, options: &IssuerOptions) -> Result<Option<String>> {
    match options.role_from {
        RoleFrom::Members => Ok(None),
        RoleFrom::Claim => {
            let role = options.role_claim.find(payload).and_then(short_text);
            role.map(Some).ok_or_else(error::unfit_role_claim)
        }
    }
}

fn session(payload: &Object, options: &IssuerOptions) -> Result<Option<String>> {
    match options.session_claim.find(payload) {
        None => Ok(None),
        Some(value) => short_text(value).map(Some).ok_or_else(error::unfit_session_claim),
    }
}

fn short_text(value: &Value) -> Option<String> {
    Some(value.as_str().filter(|text| (1..=MAX_TEXT).contains(&text.len()))?.to_owned())
}
