//! Protected schemas: in them, no table is left unprotected by accident.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

use pgrx::prelude::*;
use serde_json::json;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::schema::{self as core, Mode, SchemaRule};
use warden_core::isolation::{Options, Template, quote};

use super::{commit, template};
use crate::audit::event;
use crate::pg::cache::{self, Registry};
use crate::pg::error::{answer, notice, warning};
use crate::pg::namespace::Namespace;
use crate::pg::object::{Access, ObjectEvent};
use crate::pg::relation;
use crate::pg::role::{self, Role};
use crate::pg::spi;
use crate::sql::need;
use crate::tenancy::directory;

#[pg_extern(sql = false)]
fn protect_schema(
    schema: Option<pg_sys::Oid>,
    mode: Option<&str>,
    template: Option<&str>,
    tenant_column: Option<&CStr>,
) {
    answer((|| {
        let schema = find(need(schema, "schema")?)?;
        let rule = SchemaRule {
            mode: Mode::parse(need(mode, "mode")?)?,
            template: need(template, "template")?.to_owned(),
            tenant_column: need(tenant_column, "tenant_column")?.to_string_lossy().into_owned(),
        };
        role::refuse_restricted()?;
        require_allowed(&schema)?;
        resolve(&rule)?;
        let (caller, is_officer) = (role::current(), role::is(Role::Admin));
        spi::as_owner(|| enter(&schema, &rule, caller, is_officer))?;
        event::record(
            None,
            "warden.isolation.protect_schema",
            json!({
                "schema": schema.name,
                "mode": rule.mode.name(),
                "template": rule.template,
                "tenant_column": rule.tenant_column,
            }),
        )
    })());
}

/// # Errors
/// 22023 for a schema that is not there, 42501 for a system's own.
pub fn find(schema: pg_sys::Oid) -> Result<Namespace> {
    let found = Namespace::find(schema).ok_or_else(|| {
        WardenError::new(SqlState::InvalidParameterValue, "schema does not exist").hint("Name a schema that exists.")
    })?;
    if found.is_system() || found.name == "warden" {
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "permission denied: the schema is a system's own",
        ));
    }
    Ok(found)
}

fn require_allowed(schema: &Namespace) -> Result<()> {
    if role::is(Role::Admin) || role::has_rights_of(role::current(), schema.owner) {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied to protect the schema")
        .detail("A schema is protected by its owner or by warden_admin."))
}

/// The template of a rule, as it is now.
pub fn resolve(rule: &SchemaRule) -> Result<Template> {
    Template::resolve(&rule.template, template::definition(&rule.template)?.as_ref(), &Options::default())
}

fn enter(schema: &Namespace, rule: &SchemaRule, caller: pg_sys::Oid, is_officer: bool) -> Result<()> {
    // Whoever commits a table holds a lock on the registry until its commit is done: none comes between.
    relation::lock_against_writers(cache::oid(Registry::Schema));
    let standing = lookup(&schema.name)?;
    if let Some(standing) = standing.as_ref().filter(|standing| !is_officer && !rule.tightens(standing)) {
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "permission denied to change a schema's protection",
        )
        .detail(format!(
            "The schema is under {}, with template \"{}\" and tenant column \"{}\".",
            standing.mode.name(),
            standing.template,
            standing.tenant_column
        ))
        .hint("Ask warden_admin."));
    }
    spi::execute(
        "INSERT INTO warden.schema_registry (schema, mode, template, tenant_column, protected_by) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (schema) DO UPDATE SET mode = excluded.mode, template = excluded.template, \
           tenant_column = excluded.tenant_column, protected_at = now(), protected_by = excluded.protected_by",
        &[
            schema.name.as_str().into(),
            rule.mode.name().into(),
            rule.template.as_str().into(),
            rule.tenant_column.as_str().into(),
            role::name(caller).into(),
        ],
    )?;
    let open = commit::open_tables_of(&schema.name)?;
    let names: Vec<String> = open.iter().map(|table| table.name.clone()).collect();
    match rule.mode {
        _ if open.is_empty() => {}
        Mode::Enforce => return Err(core::refuse_standing_open(&schema.name, &names)),
        Mode::Apply => {
            if let Some(foreign) = open.iter().find(|table| !is_officer && !role::has_rights_of(caller, table.owner)) {
                return Err(WardenError::new(
                    SqlState::InsufficientPrivilege,
                    "permission denied to protect a table of the schema",
                )
                .detail(format!("Table {} belongs to somebody else.", foreign.name))
                .hint("Ask warden_admin, or let its owner protect it first."));
            }
            open.iter().for_each(|table| commit::note(table.relation));
        }
        Mode::Warn => warning(core::warn_open(&names)),
    }
    notice(format!("schema {} is under {}", quote(&schema.name), rule.mode.name()));
    Ok(())
}

type Rules = Rc<HashMap<String, Rc<SchemaRule>>>;

thread_local! {
    static RULES: RefCell<Option<Rules>> = const { RefCell::new(None) };
}

/// A schema's rule; cheap.
pub fn lookup(schema: &str) -> Result<Option<Rc<SchemaRule>>> {
    Ok(rules()?.get(schema).cloned())
}

fn rules() -> Result<Rules> {
    if cache::take_stale(Registry::Schema) {
        RULES.with_borrow_mut(|rules| *rules = None);
    }
    if let Some(rules) = RULES.with_borrow(Clone::clone) {
        return Ok(rules);
    }
    let rows = directory::look_up(
        Registry::Schema,
        "SELECT s.schema::text, s.mode, s.template, s.tenant_column::text FROM warden.schema_registry s",
        &[],
        |row| {
            let rule = SchemaRule {
                mode: Mode::parse(&row.need::<String>(2)?)?,
                template: row.need(3)?,
                tenant_column: row.need(4)?,
            };
            Ok((row.need::<String>(1)?, Rc::new(rule)))
        },
    )?;
    let rules: Rules = Rc::new(rows.into_iter().collect());
    RULES.with_borrow_mut(|cached| *cached = Some(rules.clone()));
    Ok(rules)
}

/// The rules and exemptions of a schema follow its name, and leave with it.
pub fn object(event: &ObjectEvent) -> Result<()> {
    if event.class != Namespace::CLASS || !matches!(event.access, Access::Altered | Access::Dropping) {
        return Ok(());
    }
    // Where the extension is not, or is about to leave.
    if [Registry::Schema, Registry::Exemption].iter().any(|own| cache::oid(*own) == pg_sys::Oid::INVALID) {
        return Ok(());
    }
    let Some(before) = Namespace::name_before(event.object)? else { return Ok(()) };
    if event.access == Access::Dropping {
        // With the extension, its own tables go first.
        if before == "warden" {
            return Ok(());
        }
        return spi::as_owner(|| {
            for statement in [
                "DELETE FROM warden.schema_registry WHERE schema = $1",
                "DELETE FROM warden.exemption_registry WHERE schema = $1",
            ] {
                spi::execute(statement, &[before.as_str().into()])?;
            }
            Ok(())
        });
    }
    let Some(now) = Namespace::name_now(event.object)?.filter(|now| *now != before) else { return Ok(()) };
    spi::as_owner(|| {
        for statement in [
            "UPDATE warden.schema_registry SET schema = $2 WHERE schema = $1",
            "UPDATE warden.exemption_registry SET schema = $2 WHERE schema = $1",
        ] {
            spi::execute(statement, &[before.as_str().into(), now.as_str().into()])?;
        }
        Ok(())
    })
}
