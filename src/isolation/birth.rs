//! Tables that become partitions or children of a protected one are protected in the same statement, and those that
//! leave it stay so by themselves.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::Above;

use super::protect::{self, Request};
use super::registry::{self, Protected};
use super::{api, facts, guard, trust};
use crate::pg::relation;
use crate::pg::utility::Statement;
use crate::pg::{role, spi, xact};

thread_local! {
    /// Columns of protected tables that the statement at hand has renamed: table, old name, new name.
    static RENAMED: RefCell<Vec<(pg_sys::Oid, String, String)>> = const { RefCell::new(Vec::new()) };
}

/// Nothing of a statement that failed stays.
pub fn statement_failed() {
    RENAMED.with_borrow_mut(Vec::clear);
}

/// A column that was altered, and may have another name now.
pub fn column_altered(relation: pg_sys::Oid, column: i32) -> Result<()> {
    if registry::lookup(relation)?.is_some()
        && let Some((old, new)) = relation::renamed(relation, column)?
    {
        RENAMED.with_borrow_mut(|renamed| renamed.push((relation, old, new)));
    }
    Ok(())
}

/// After a statement: brings the registry into step with the families of tables.
pub fn statement_done(statement: &Statement) -> Result<()> {
    if api::running() || registry::count()? == 0 {
        return Ok(());
    }
    for (relation, from, to) in RENAMED.take() {
        registry::column_renamed(relation, &from, &to)?;
    }
    if relation::changes_families(statement) {
        xact::next_command();
        settle(statement.tag() == pg_sys::NodeTag::T_CreateStmt)?;
    }
    Ok(())
}

fn settle(is_born: bool) -> Result<()> {
    // Parents first: a child adopted may have children of its own, which its own family covers.
    while let Some(child) = unprotected_child()? {
        adopt(child, is_born)?;
    }
    settle_roots()
}

/// A table that is read through a protected one and is not protected itself.
fn unprotected_child() -> Result<Option<pg_sys::Oid>> {
    Ok(facts::latest(
        "SELECT i.inhrelid FROM pg_inherits i JOIN warden.relation_registry p ON p.relation = i.inhparent \
         WHERE NOT EXISTS (SELECT FROM warden.relation_registry c WHERE c.relation = i.inhrelid) ORDER BY 1 LIMIT 1",
        &[],
        |row| row.need(1),
    )?
    .pop())
}

/// Protects a child, and what is below it, as the table above it is.
pub fn adopt(child: pg_sys::Oid, is_born: bool) -> Result<()> {
    let by = role::name(role::current());
    let _running = api::begin();
    let adopted = spi::as_owner(|| {
        let family = facts::lock_family(child)?;
        let above = protected_parents(child)?;
        let Some(parent) = above.first() else { return Ok(None) };
        let column = parent.tenant_column().unwrap_or_default();
        let request = Request::inherited(child, parent.template.clone(), column);
        protect::require_family(&request, &family)?;
        trust::secure(&family)?;
        for table in &family {
            if let Some(own) = registry::lookup(*table)? {
                super::unprotect::take_away(&own, false)?;
            }
            guard::refuse_standing(*table)?;
        }
        let above = if is_born { Above::Born(&parent.added) } else { Above::Joined(&parent.added) };
        let prepared = protect::plan_below(&request.template, column, &family, above, None)?;
        let root = parent.root.unwrap_or(parent.id);
        protect::establish(&request, &family, &prepared, Some(root), Some(&by))?;
        Ok(Some(request))
    })?;
    adopted.map_or(Ok(()), |request| request.record(Some("parent")))
}

fn protected_parents(child: pg_sys::Oid) -> Result<Vec<Rc<Protected>>> {
    let mut parents = Vec::new();
    for parent in facts::parents_outside(&[child])? {
        parents.extend(registry::lookup(parent)?);
    }
    if let Some(first) = parents.first()
        && parents.iter().any(|other| !other.is_as(&first.template, first.tenant.as_ref()))
    {
        return Err(differs());
    }
    Ok(parents)
}

/// Each row's root is the topmost protected table above it, or nothing.
fn settle_roots() -> Result<()> {
    let rows: HashMap<u32, Rc<Protected>> =
        registry::all()?.into_iter().map(|row| (row.relation.to_u32(), row)).collect();
    let parents: HashMap<u32, u32> = facts::latest(
        "SELECT i.inhrelid, i.inhparent FROM pg_inherits i JOIN warden.relation_registry c ON c.relation = i.inhrelid \
         JOIN warden.relation_registry p ON p.relation = i.inhparent ORDER BY i.inhseqno DESC",
        &[],
        |row| Ok((row.need::<pg_sys::Oid>(1)?.to_u32(), row.need::<pg_sys::Oid>(2)?.to_u32())),
    )?
    .into_iter()
    .collect();
    for (table, row) in &rows {
        let mut top = *table;
        while let Some(parent) = parents.get(&top) {
            top = *parent;
        }
        let root = rows.get(&top).filter(|above| above.relation != row.relation);
        if root.is_some_and(|root| !row.is_as(&root.template, root.tenant.as_ref())) {
            return Err(differs());
        }
        let root = root.map(|root| root.id);
        if root != row.root {
            spi::as_owner(|| registry::set_root(row.relation, root))?;
        }
    }
    Ok(())
}

fn differs() -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "the table is protected in another way than the table above it")
        .hint("Give both the same template, tenant column and options, or take the child's protection away first.")
}
