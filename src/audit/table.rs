//! audit and unaudit: check, lock, look, enter, and give or take the triggers.

use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::json;
use warden_core::audit::{Options, Table};
use warden_core::error::{Result, SqlState, WardenError};

use super::{event, registry, schema, trigger};
use crate::encryption::column;
use crate::isolation::{api, facts, registry as protections};
use crate::pg::error::{answer, notice};
use crate::pg::relation::{self, Relation};
use crate::pg::role::{self, Role};
use crate::pg::{catalog, spi};
use crate::sql::{need, reason};

#[pg_extern(sql = false)]
fn audit(relation: Option<pg_sys::Oid>, options: Option<JsonB>) {
    answer((|| {
        let request = Request {
            relation: need(relation, "relation")?,
            options: Options::parse(&need(options, "options")?.0)?,
            is_officer: role::is(Role::Admin),
            caller: role::current(),
        };
        role::refuse_restricted()?;
        request.require_allowed()?;
        let has_changed = {
            let _running = api::begin();
            spi::as_owner(|| run(&request))?
        };
        if !has_changed {
            return Ok(());
        }
        let Options { exclude, redact, reads } = &request.options;
        let relation = catalog::recorded_name(request.relation);
        let detail = json!({"relation": relation, "exclude": exclude, "redact": redact, "reads": reads});
        event::record(None, "warden.audit.audit", detail)
    })());
}

#[pg_extern(sql = false)]
fn unaudit(relation: Option<pg_sys::Oid>, reason_given: Option<&str>) {
    answer((|| {
        let relation = need(relation, "relation")?;
        let reason = reason(reason_given)?;
        role::refuse_restricted()?;
        role::require(&[Role::Admin])?;
        find(relation)?;
        {
            let _running = api::begin();
            spi::as_owner(|| take_away(relation))?;
        }
        let detail = json!({"relation": catalog::recorded_name(relation), "reason": reason.as_str()});
        event::record(None, "warden.audit.unaudit", detail)
    })());
}

fn find(relation: pg_sys::Oid) -> Result<Relation> {
    Relation::find(relation).ok_or_else(|| {
        WardenError::new(SqlState::UndefinedTable, "relation does not exist").hint("Name a table that exists.")
    })
}

/// What was asked for, and by whom.
struct Request {
    relation: pg_sys::Oid,
    options: Options,
    is_officer: bool,
    caller: pg_sys::Oid,
}

impl Request {
    /// # Errors
    /// 42501 for a table that is not the caller's to audit, 42809 for what is no table.
    fn require_allowed(&self) -> Result<()> {
        let found = find(self.relation)?;
        require_table(&found)?;
        if self.is_officer || found.is_owned_by(self.caller) {
            return Ok(());
        }
        Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied to audit the table")
            .detail("A table is audited by its owner or by warden_admin."))
    }
}

/// # Errors
/// 42501 for a system's own, 42809 for what is no table.
fn require_table(found: &Relation) -> Result<()> {
    if found.is_system() || found.is_of_the_extension() {
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "permission denied: the relation is a system's own",
        )
        .detail("Catalogs and pg_warden's own tables are not audited."));
    }
    let Some(kind) = found.no_table() else { return Ok(()) };
    Err(WardenError::new(SqlState::WrongObjectType, "only tables can be audited")
        .detail(format!("The relation is {kind}."))
        .hint("Audit the tables whose rows it shows."))
}

/// As the extension's owner; whether anything has changed.
fn run(request: &Request) -> Result<bool> {
    let relation = request.relation;
    let family = facts::lock_family_as(relation, relation::lock_rows_and_triggers)?;
    // The table may have got another owner while the lock was waited for.
    request.require_allowed()?;
    refuse_part(relation)?;
    require_family(&family)?;
    let table = shape(relation, &family)?;
    request.options.check(&table)?;
    let standing = registry::of(relation)?.map(|audited| audited.options());
    if let Some(standing) = &standing {
        request.refuse_less(standing)?;
    }
    let has_other_options = standing.as_ref().is_some_and(|standing| !request.options.is_as(standing));
    match &standing {
        None => registry::enter(relation, &request.options, &role::name(request.caller))?,
        Some(_) if has_other_options => registry::alter(relation, &request.options)?,
        Some(_) => {}
    }
    let was_missing = trigger::establish(&family, relation)?;
    for member in &family {
        schema::version(*member, &catalog::recorded_name(*member))?;
    }
    let name = table.name;
    notice(match &standing {
        None => format!("table {name} is audited"),
        Some(_) if has_other_options => format!("table {name} is audited with other options"),
        Some(_) if was_missing => format!("table {name} is audited already; it has back the triggers that it missed"),
        Some(_) => format!("table {name} is audited already"),
    });
    if table.key.is_empty() {
        notice(format!(
            "table {name} has no primary key: the whole row, less excluded columns, names a row in the log"
        ));
    }
    Ok(standing.is_none() || has_other_options || was_missing)
}

impl Request {
    /// # Errors
    /// 42501 when less would be recorded from now on, and it is not the security officer who says so.
    fn refuse_less(&self, standing: &Options) -> Result<()> {
        match self.options.records_less_than(standing) {
            Some(less) if !self.is_officer => {
                Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied to record less of the table")
                    .detail(less)
                    .hint("Ask warden_admin."))
            }
            _ => Ok(()),
        }
    }
}

/// # Errors
/// 55000 for a partition of an audited table.
fn refuse_part(relation: pg_sys::Oid) -> Result<()> {
    match registry::of_family(relation)? {
        Some(audited) if audited.relation != relation => {
            let root = catalog::recorded_name(audited.relation);
            Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table is audited as part of another table")
                .detail(format!("It is a partition of {root}."))
                .hint("Partitions are audited as the table above them is: change that one."))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// 0A000 for inheritance and foreign partitions, 42809 for what is unlogged, 55000 for a partition that is audited by itself.
fn require_family(family: &[pg_sys::Oid]) -> Result<()> {
    for table in family {
        require_member(*table)?;
    }
    for partition in family.iter().skip(1) {
        if registry::of(*partition)?.is_some() {
            let name = catalog::recorded_name(*partition);
            return Err(WardenError::new(
                SqlState::NotInPrerequisiteState,
                "a partition of the table is audited by itself",
            )
            .detail(format!("Its partition {name} has a redaction key and options of its own."))
            .hint("Take that one out of the audit first: warden.unaudit."));
        }
    }
    Ok(())
}

/// # Errors
/// 0A000 for a table of a family whose rows its triggers would miss, 42809 for one that a crash empties.
pub fn require_member(table: pg_sys::Oid) -> Result<()> {
    let name = catalog::recorded_name(table);
    if catalog::kind(table) == Some('f') {
        return Err(WardenError::new(SqlState::FeatureNotSupported, "an audited table cannot have foreign partitions")
            .detail(format!(
                "{name} is a foreign table: its rows change on another server, where nothing records it."
            )));
    }
    if find(table)?.is_unlogged() {
        return Err(WardenError::new(
            SqlState::WrongObjectType,
            "an audited table cannot be unlogged, nor a partition of one",
        )
        .detail(format!("A crash empties table {name}, and the log would not say so."))
        .hint("Make it a logged one first: ALTER TABLE ... SET LOGGED."));
    }
    if let Some(child) = column::inheriting_child(table)? {
        return Err(inherits(&catalog::recorded_name(child), &name));
    }
    match parent_by_inheritance(table)? {
        Some(parent) => Err(inherits(&name, &catalog::recorded_name(parent))),
        None => Ok(()),
    }
}

/// # Errors
/// 0A000 for a child, other than a partition, of an audited table.
pub fn refuse_inheritance(child: pg_sys::Oid) -> Result<()> {
    match parent_by_inheritance(child)? {
        Some(parent) if registry::of_family(parent)?.is_some() => {
            Err(inherits(&catalog::recorded_name(child), &catalog::recorded_name(parent)))
        }
        _ => Ok(()),
    }
}

fn inherits(child: &str, parent: &str) -> WardenError {
    WardenError::new(SqlState::FeatureNotSupported, "an audited table cannot be an inheritance parent or child")
        .detail(format!("Table {child} inherits from {parent}, whose triggers do not fire for its rows."))
        .hint("Use partitions instead, or end the inheritance with ALTER TABLE ... NO INHERIT.")
}

fn parent_by_inheritance(table: pg_sys::Oid) -> Result<Option<pg_sys::Oid>> {
    let parents = facts::latest(
        "SELECT i.inhparent FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhrelid = $1 AND NOT c.relispartition ORDER BY i.inhseqno LIMIT 1",
        &[table.into()],
        |row| row.need(1),
    )?;
    Ok(parents.first().copied())
}

/// What the options are held against.
fn shape(relation: pg_sys::Oid, family: &[pg_sys::Oid]) -> Result<Table> {
    let columns = facts::latest(
        "SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped",
        &[relation.into()],
        |row| row.need(1),
    )?;
    let mut key = Vec::new();
    for member in family {
        key.extend(column::primary_key(*member)?);
    }
    let protected = protections::lookup(relation)?;
    let tenant_column = protected.and_then(|protected| protected.tenant_column().map(str::to_owned));
    Ok(Table { name: catalog::recorded_name(relation), columns, key, tenant_column })
}

/// As the extension's owner.
fn take_away(relation: pg_sys::Oid) -> Result<()> {
    let family = facts::lock_family(relation)?;
    refuse_part(relation)?;
    if registry::of(relation)?.is_none() {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table is not audited"));
    }
    trigger::remove(&family)?;
    registry::leave(relation)?;
    notice(format!("table {} is not audited any more", catalog::recorded_name(relation)));
    Ok(())
}
