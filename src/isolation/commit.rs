//! What a transaction leaves unprotected in protected schemas, looked at when it commits.

use std::cell::RefCell;
use std::collections::BTreeSet;

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::schema::{self as core, Mode, SchemaRule};

use super::protect::{self, Request};
use super::{api, facts, registry, schema};
use crate::pg::cache::{self, Registry};
use crate::pg::error::warning;
use crate::pg::object::{Access, ObjectEvent};
use crate::pg::relation::{self, Relation};
use crate::pg::{catalog, role, spi, xact};

thread_local! {
    /// What may have become an open table. Whether it is one is asked of the catalogs, so that an entry of a rolled back
    /// savepoint costs a look and refuses nothing.
    static TOUCHED: RefCell<BTreeSet<u32>> = const { RefCell::new(BTreeSet::new()) };
}

pub fn note(relation: pg_sys::Oid) {
    TOUCHED.with_borrow_mut(|touched| touched.insert(relation.to_u32()));
}

/// A relation that is new, or has another name, schema or owner.
pub fn object(event: &ObjectEvent) {
    let is_relation = event.class == pg_sys::RelationRelationId && event.part == 0;
    if is_relation && matches!(event.access, Access::Created | Access::Altered) {
        note(event.object);
    }
}

pub fn transaction_ended() {
    TOUCHED.with_borrow_mut(BTreeSet::clear);
}

/// A table in a protected schema that is neither protected nor exempt.
pub struct Open {
    pub relation: pg_sys::Oid,
    pub owner: pg_sys::Oid,
    pub name: String,
    rule: SchemaRule,
}

/// # Errors
/// 55000 for a table that stands open under enforce; whatever protect says to one under apply.
pub fn before_commit() -> Result<()> {
    let touched = TOUCHED.take();
    if touched.is_empty() || cache::oid(Registry::Schema) == pg_sys::Oid::INVALID {
        return Ok(());
    }
    let mut tables = Vec::new();
    for relation in touched.into_iter().map(pg_sys::Oid::from_u32) {
        if may_be_open(relation)? {
            tables.push(relation);
        }
    }
    if tables.is_empty() {
        return Ok(());
    }
    // A protect_schema that is under way is waited for, and one that begins waits for this commit.
    relation::lock_as_writer(cache::oid(Registry::Schema));
    let mut is_ruled = false;
    for table in &tables {
        is_ruled |= schema::lookup(&catalog::schema_name(*table))?.is_some();
    }
    if !is_ruled {
        return Ok(());
    }
    let open = open_tables(&tables)?;
    let of = |mode| open.iter().filter(move |table| table.rule.mode == mode);
    let names = |mode| of(mode).map(|table| table.name.clone()).collect::<Vec<_>>();
    let refused = names(Mode::Enforce);
    if !refused.is_empty() {
        return Err(core::refuse_open(&refused));
    }
    spi::with_snapshot(|| apply(&of(Mode::Apply).collect::<Vec<_>>()))?;
    // What apply has altered needs no other look.
    transaction_ended();
    let warned = names(Mode::Warn);
    if !warned.is_empty() {
        warning(core::warn_open(&warned));
    }
    Ok(())
}

/// Cheap: most of what a transaction touches is an index, a temporary table or a protected one.
fn may_be_open(relation: pg_sys::Oid) -> Result<bool> {
    let Some(found) = Relation::find(relation) else { return Ok(false) };
    let is_table = matches!(found.kind, b'r' | b'p') && found.persistence != b't';
    Ok(is_table && !found.is_system() && !found.is_of_the_extension() && registry::lookup(relation)?.is_none())
}

/// The open tables of a schema, whoever made them.
pub fn open_tables_of(schema: &str) -> Result<Vec<Open>> {
    let all = facts::latest(
        "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1",
        &[schema.into()],
        |row| row.need(1),
    )?;
    open_tables(&all)
}

/// A member of an extension is the extension's concern; but whoever owns both can make a table one.
fn open_tables(tables: &[pg_sys::Oid]) -> Result<Vec<Open>> {
    xact::next_command();
    facts::latest(
        "SELECT c.oid, c.relowner, format('%I.%I', n.nspname, c.relname), s.mode, s.template, s.tenant_column::text \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN warden.schema_registry s ON s.schema = n.nspname \
         WHERE c.oid = ANY($1) AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
         AND NOT EXISTS (SELECT FROM warden.relation_registry r WHERE r.relation = c.oid) \
         AND NOT EXISTS (SELECT FROM warden.exemption_registry e WHERE e.schema = n.nspname \
           AND (e.by_officer OR s.mode <> 'enforce') AND (e.relation = c.oid OR c.relname::text LIKE e.pattern)) \
         AND NOT EXISTS (SELECT FROM pg_depend e JOIN pg_roles o ON o.oid = c.relowner AND o.rolsuper \
           WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') \
         ORDER BY 3",
        &[tables.to_vec().into()],
        |row| {
            let rule = SchemaRule {
                mode: Mode::parse(&row.need::<String>(4)?)?,
                template: row.need(5)?,
                tenant_column: row.need(6)?,
            };
            Ok(Open { relation: row.need(1)?, owner: row.need(2)?, name: row.need(3)?, rule })
        },
    )
}

/// Protects the tables as their schemas' rules say, parents first: a child is protected with its parent.
fn apply(open: &[&Open]) -> Result<()> {
    let mut left: Vec<&Open> = open.to_vec();
    while !left.is_empty() {
        let mut later = Vec::new();
        let mut done = 0;
        for table in &left {
            let others: Vec<_> =
                left.iter().map(|other| other.relation).filter(|other| *other != table.relation).collect();
            if facts::parent_among(table.relation, &others)?.is_some() {
                later.push(*table);
                continue;
            }
            done += 1;
            if registry::lookup(table.relation)?.is_some() {
                continue;
            }
            let template = schema::resolve(&table.rule)?;
            let request = Request::inherited(table.relation, template, &table.rule.tenant_column);
            let by = role::name(role::current());
            let _running = api::begin();
            if spi::as_owner(|| protect::run(&request, Some(&by)))? {
                request.record(Some("schema"))?;
            }
        }
        if done == 0 {
            break;
        }
        left = later;
    }
    Ok(())
}
