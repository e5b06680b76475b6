//! Tables of protected schemas that may stand open, each with the reason why.

use pgrx::prelude::*;
use serde_json::json;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::schema::{Mode, check_pattern};

use super::{facts, protect, registry, schema};
use crate::audit::event;
use crate::pg::cache::{self, Registry};
use crate::pg::catalog;
use crate::pg::error::answer;
use crate::pg::relation::Relation;
use crate::pg::role::{self, Role};
use crate::pg::spi;
use crate::sql::{need, reason};

/// The event of both.
const EXEMPT: &str = "warden.isolation.exempt";

#[pg_extern(sql = false)]
fn exempt(relation: Option<pg_sys::Oid>, why: Option<&str>) {
    answer((|| {
        let relation = need(relation, "relation")?;
        let reason = reason(why)?;
        role::refuse_restricted()?;
        let found = Relation::find(relation)
            .ok_or_else(|| WardenError::new(SqlState::UndefinedTable, "relation does not exist"))?;
        protect::require_table(&found)?;
        let schema = catalog::schema_name(relation);
        require_allowed(&schema, found.is_owned_by(role::current()))?;
        if registry::lookup(relation)?.is_some() {
            return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table is protected")
                .detail("An exemption opens no protected table.")
                .hint("Take the protection away first, with warden.unprotect."));
        }
        enter(Some(relation), &schema, None, reason.as_str())?;
        let detail = json!({ "relation": catalog::recorded_name(relation), "reason": reason.as_str() });
        event::record(None, EXEMPT, detail)
    })());
}

#[pg_extern(sql = false)]
fn exempt_pattern(schema: Option<pg_sys::Oid>, name_pattern: Option<&str>, why: Option<&str>) {
    answer((|| {
        let schema = schema::find(need(schema, "schema")?)?;
        let pattern = need(name_pattern, "name_pattern")?;
        let reason = reason(why)?;
        role::refuse_restricted()?;
        require_allowed(&schema.name, role::has_rights_of(role::current(), schema.owner))?;
        check_pattern(pattern)?;
        enter(None, &schema.name, Some(pattern), reason.as_str())?;
        let detail = json!({ "schema": schema.name, "name_pattern": pattern, "reason": reason.as_str() });
        event::record(None, EXEMPT, detail)
    })());
}

/// # Errors
/// 42501 for what belongs to somebody else, and for everybody but warden_admin under enforce.
fn require_allowed(schema: &str, is_owner: bool) -> Result<()> {
    if role::is(Role::Admin) {
        return Ok(());
    }
    let denied = WardenError::new(SqlState::InsufficientPrivilege, "permission denied to exempt from protection");
    if !is_owner {
        return Err(denied.detail("An owner exempts what is its own; all else is warden_admin's."));
    }
    if schema::lookup(schema)?.is_some_and(|rule| rule.mode == Mode::Enforce) {
        return Err(denied
            .detail("The schema is under enforce, where warden_admin alone exempts.")
            .hint("Ask warden_admin."));
    }
    Ok(())
}

fn enter(relation: Option<pg_sys::Oid>, schema: &str, pattern: Option<&str>, reason: &str) -> Result<()> {
    let (by, is_officer) = (role::name(role::current()), role::is(Role::Admin));
    spi::as_owner(|| {
        spi::execute(
            "INSERT INTO warden.exemption_registry (relation, schema, pattern, reason, exempted_by, by_officer) \
             VALUES ($1::oid::regclass, $2, $3, $4, $5, $6) \
             ON CONFLICT (relation, schema, pattern, by_officer) DO UPDATE \
             SET reason = excluded.reason, exempted_at = now(), exempted_by = excluded.exempted_by",
            &[relation.into(), schema.into(), pattern.into(), reason.into(), by.as_str().into(), is_officer.into()],
        )?;
        Ok(())
    })
}

/// A row leaves with its table.
pub fn forget(relation: pg_sys::Oid) -> Result<()> {
    let is_table = Relation::find(relation).is_some_and(|found| {
        matches!(found.kind, b'r' | b'p') && found.persistence != b't' && !found.is_of_the_extension()
    });
    if !is_table || cache::oid(Registry::Exemption) == pg_sys::Oid::INVALID {
        return Ok(());
    }
    let query = "SELECT e.id FROM warden.exemption_registry e WHERE e.relation = $1::oid::regclass";
    if facts::latest(query, &[relation.into()], |row| row.need::<pgrx::Uuid>(1))?.is_empty() {
        return Ok(());
    }
    spi::as_owner(|| {
        let statement = "DELETE FROM warden.exemption_registry WHERE relation = $1::oid::regclass";
        spi::execute(statement, &[relation.into()])?;
        Ok(())
    })
}
