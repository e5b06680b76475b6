//! Creating, suspending and closing tenants.

use pgrx::prelude::*;
use serde_json::json;
use warden_core::audit::{BLOCKS, PLATFORM};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::{ExternalId, Reason, Slug, TenantId};

use super::directory;
use crate::audit::event;
use crate::encryption;
use crate::pg::error::{answer, internal};
use crate::pg::role::{self, Role};
use crate::pg::spi;
use crate::sql::{need, reason};

#[pg_extern(sql = false)]
fn create_tenant(
    slug: Option<&str>,
    name: Option<&str>,
    region: Option<&str>,
    external_id: Option<&str>,
    id: Option<pgrx::Uuid>,
) -> pgrx::Uuid {
    answer(create(slug, name, region, external_id, id))
}

fn create(
    slug: Option<&str>,
    name: Option<&str>,
    region: Option<&str>,
    external_id: Option<&str>,
    id: Option<pgrx::Uuid>,
) -> Result<pgrx::Uuid> {
    role::refuse_restricted()?;
    role::require(&[Role::Admin])?;
    let slug = Slug::parse(need(slug, "slug")?)?;
    let name = need(name, "name")?;
    if name.trim().is_empty() {
        return Err(WardenError::new(SqlState::InvalidParameterValue, "a tenant's name must not be blank"));
    }
    let external_id = external_id.map(ExternalId::parse).transpose()?;
    if id.is_some_and(|id| [PLATFORM, BLOCKS].contains(&directory::tenant_id(id))) {
        return Err(WardenError::new(SqlState::InvalidParameterValue, "the id is reserved")
            .detail("The audit keeps what belongs to no tenant under it.")
            .hint("Leave the id out, or give a random one."));
    }
    let id = spi::as_owner(|| {
        let id: pgrx::Uuid = spi::value(
            "INSERT INTO warden.tenant_registry (id, slug, external_id, name, region) \
             VALUES (coalesce($1, gen_random_uuid()), $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING RETURNING id",
            &[
                id.into(),
                slug.as_str().into(),
                external_id.as_ref().map(ExternalId::as_str).into(),
                name.into(),
                region.into(),
            ],
        )?
        .ok_or_else(|| taken("id"))?;
        // Ids, external ids and slugs are one namespace: a word that is somebody's is nobody else's, and a UUID is
        // the same word in upper case.
        let external_word = external_id
            .as_ref()
            .map(|id| TenantId::parse(id.as_str()).map_or_else(|| id.as_str().to_owned(), |id| id.to_string()));
        let own = id.to_string();
        let mut words = vec![own.as_str(), slug.as_str()];
        words.extend(external_word.as_deref());
        words.sort_unstable();
        words.dedup();
        let entered = spi::execute(
            "INSERT INTO warden.tenant_name (name, tenant) SELECT w, $1 FROM unnest($2::text[]) w \
             ON CONFLICT (name) DO NOTHING",
            &[id.into(), words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>().into()],
        )?;
        if entered != words.len() as u64 {
            return Err(taken("slug, external id or id"));
        }
        Ok(id)
    })?;
    let tenant = directory::tenant_id(id);
    encryption::tenant_created(tenant)?;
    event::record(
        Some(tenant),
        "warden.tenancy.create_tenant",
        json!({
            "slug": slug.as_str(),
            "name": name,
            "region": region,
            "external_id": external_id.as_ref().map(ExternalId::as_str),
        }),
    )?;
    Ok(id)
}

fn taken(what: &str) -> WardenError {
    WardenError::new(SqlState::UniqueViolation, format!("the tenant's {what} is taken"))
        .detail("Ids, external ids and slugs share one namespace: each names one tenant.")
}

#[pg_extern(sql = false)]
fn tenant_by_reference(reference: Option<&str>) -> pgrx::Uuid {
    answer((|| {
        role::require(&[Role::Admin, Role::Auditor, Role::Broker])?;
        Ok(directory::uuid(directory::require_tenant(need(reference, "reference")?)?.id))
    })())
}

#[pg_extern(sql = false)]
fn suspend_tenant(tenant: Option<pgrx::Uuid>, why: Option<&str>) {
    answer(change(tenant, why, "suspended", "warden.tenancy.suspend_tenant"));
}

#[pg_extern(sql = false)]
fn resume_tenant(tenant: Option<pgrx::Uuid>, why: Option<&str>) {
    answer(change(tenant, why, "active", "warden.tenancy.resume_tenant"));
}

#[pg_extern(sql = false)]
fn close_tenant(tenant: Option<pgrx::Uuid>, why: Option<&str>) {
    answer(change(tenant, why, "closed", "warden.tenancy.close_tenant"));
}

fn change(tenant: Option<pgrx::Uuid>, why: Option<&str>, to: &str, kind: &'static str) -> Result<()> {
    role::refuse_restricted()?;
    role::require(&[Role::Admin])?;
    let tenant = need(tenant, "tenant")?;
    let why: Reason = reason(why)?;
    spi::as_owner(|| {
        let state: String =
            spi::value("SELECT t.state FROM warden.tenant_registry t WHERE t.id = $1 FOR UPDATE", &[tenant.into()])?
                .ok_or_else(directory::unknown_tenant)?;
        let allowed = match to {
            "suspended" => state == "active",
            "active" => state == "suspended",
            "closed" => state != "closed",
            _ => return Err(internal("no such state")),
        };
        if !allowed {
            return Err(WardenError::new(SqlState::NotInPrerequisiteState, format!("the tenant is {state}"))
                .detail(format!("It cannot become {to}; closing is final.")));
        }
        spi::execute(
            "UPDATE warden.tenant_registry SET state = $2, state_reason = $3, state_changed_at = now() WHERE id = $1",
            &[tenant.into(), to.into(), why.as_str().into()],
        )?;
        Ok(())
    })?;
    event::record(Some(directory::tenant_id(tenant)), kind, json!({ "reason": why.as_str() }))
}
