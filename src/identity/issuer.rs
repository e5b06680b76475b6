//! Registering issuers and their keys.

use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Value, json};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::identity::{IssuerOptions, KeySet, duration};

use crate::audit::event;
use crate::pg::error::{answer, notice};
use crate::pg::role::{self, Role};
use crate::pg::spi;
use crate::sql::need;
use crate::tenancy::directory;

#[pg_extern(sql = false)]
fn add_issuer(issuer: Option<&str>, jwks: Option<JsonB>, audience: Option<&str>, options: Option<JsonB>) {
    answer((|| {
        officer()?;
        let issuer = name(issuer)?;
        let (jwks, keys) = keys(jwks)?;
        if audience.is_some_and(|audience| audience.trim().is_empty()) {
            return Err(WardenError::new(SqlState::InvalidParameterValue, "the audience must not be blank")
                .hint("NULL stands for an issuer whose tokens carry no audience."));
        }
        let options = need(options, "options")?.0;
        let parsed = IssuerOptions::parse(&options.to_string(), duration::seconds)?;
        if let Some(tenant) = parsed.tenant
            && directory::tenant_by_id(tenant)?.is_none()
        {
            return Err(directory::unknown_tenant());
        }
        spi::as_owner(|| {
            let added = spi::execute(
                "INSERT INTO warden.issuer_registry (issuer, jwks, audience, options) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT DO NOTHING",
                &[issuer.into(), jwks.as_str().into(), audience.into(), JsonB(options.clone()).into()],
            )?;
            if added == 0 {
                return Err(WardenError::new(SqlState::UniqueViolation, "an issuer of this name exists already"));
            }
            Ok(())
        })?;
        event::record(
            None,
            "warden.identity.add_issuer",
            json!({ "issuer": issuer, "keys": shown(&keys), "audience": audience, "options": options }),
        )
    })());
}

#[pg_extern(sql = false)]
fn set_issuer_keys(issuer: Option<&str>, jwks: Option<JsonB>) {
    answer((|| {
        officer()?;
        let issuer = name(issuer)?;
        let (jwks, keys) = keys(jwks)?;
        change(
            "UPDATE warden.issuer_registry SET jwks = $2, changed_at = now() WHERE issuer = $1",
            &[issuer.into(), jwks.as_str().into()],
        )?;
        let detail = json!({ "issuer": issuer, "keys": shown(&keys) });
        event::record(None, "warden.identity.set_issuer_keys", detail)
    })());
}

#[pg_extern(sql = false)]
fn remove_issuer(issuer: Option<&str>) {
    answer((|| {
        officer()?;
        let issuer = name(issuer)?;
        change("DELETE FROM warden.issuer_registry WHERE issuer = $1", &[issuer.into()])?;
        event::record(None, "warden.identity.remove_issuer", json!({ "issuer": issuer }))
    })());
}

#[pg_extern(sql = false)]
fn issuer_keys(jwks: &str) -> JsonB {
    JsonB(KeySet::parse(jwks).map_or_else(|_| json!([]), |(keys, _)| shown(&keys)))
}

/// What of an issuer's keys may be shown. No thumbprints: a shared secret could be guessed by its own.
fn shown(keys: &KeySet) -> Value {
    keys.summaries().into_iter().map(|key| json!({ "kid": key.kid, "alg": key.alg.name() })).collect()
}

fn officer() -> Result<()> {
    role::refuse_restricted()?;
    role::require(&[Role::Admin])
}

fn name(issuer: Option<&str>) -> Result<&str> {
    let issuer = need(issuer, "issuer")?;
    if (1..=1024).contains(&issuer.len()) && issuer.trim() == issuer {
        return Ok(issuer);
    }
    Err(WardenError::new(SqlState::InvalidParameterValue, "invalid issuer name")
        .detail("An issuer's name has 1 to 1024 bytes and no white space at its ends."))
}

/// The set as it is stored, and its usable keys; each skipped key is a NOTICE.
fn keys(jwks: Option<JsonB>) -> Result<(String, KeySet)> {
    let text = need(jwks, "jwks")?.0.to_string();
    let (keys, skipped) = KeySet::parse(&text)?;
    for key in skipped {
        let kid = key.kid.map_or_else(|| "without a kid".to_owned(), |kid| format!("\"{kid}\""));
        notice(format!("key {kid} is skipped: {}", key.reason));
    }
    Ok((text, keys))
}

fn change(statement: &str, params: &[spi::Param]) -> Result<()> {
    if spi::as_owner(|| spi::execute(statement, params))? == 0 {
        return Err(WardenError::new(SqlState::InvalidParameterValue, "unknown issuer"));
    }
    Ok(())
}
