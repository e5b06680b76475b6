//! Foreign keys: their comparisons hear both ends' values, and one between tenants' tables carries the tenant.

use std::iter::zip;

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard;

use super::approval::{self, Holder};
use super::is_trusted;
use crate::isolation::registry;
use crate::pg::catalog;
use crate::pg::role::{self, Role};
use crate::pg::tuple::{self, CatalogRow, Sees};
use crate::pg::utility;

struct ForeignKey {
    name: String,
    child: pg_sys::Oid,
    parent: pg_sys::Oid,
    columns: Vec<i16>,
    referenced: Vec<i16>,
    operators: Vec<pg_sys::Oid>,
}

/// `None` for what is no foreign key, or the part of one that a partition has.
fn read(row: &CatalogRow) -> Result<Option<ForeignKey>> {
    if row.char(c"contype")? != 'f' || row.oid(c"conparentid")? != pg_sys::Oid::INVALID {
        return Ok(None);
    }
    let mut operators = Vec::new();
    for column in [c"conpfeqop", c"conppeqop", c"conffeqop"] {
        operators.extend(row.oids(column)?);
    }
    Ok(Some(ForeignKey {
        name: row.name(c"conname")?,
        child: row.oid(c"conrelid")?,
        parent: row.oid(c"confrelid")?,
        columns: row.shorts(c"conkey")?,
        referenced: row.shorts(c"confkey")?,
        operators,
    }))
}

/// A foreign key that has just been made, or altered.
///
/// # Errors
/// 42501 for one whose comparisons nobody has approved, and for one that crosses tenants.
pub fn made(constraint: pg_sys::Oid) -> Result<()> {
    let Some(Some(key)) = tuple::row(tuple::CONSTRAINT, &[constraint.to_u32()], Sees::Now, read)? else {
        return Ok(());
    };
    for end in [key.child, key.parent] {
        if registry::lookup(end)?.is_some() && !is_trusted(utility::caller(), end) {
            compares(&key, end)?;
        }
    }
    if role::has(utility::caller(), Role::Admin) { Ok(()) } else { crosses(&key) }
}

/// The foreign keys of a table that is to be protected, and those that refer to it.
///
/// # Errors
/// 42501 for one whose comparisons nobody has approved.
pub fn standing(relation: pg_sys::Oid) -> Result<()> {
    let found: Vec<pg_sys::Oid> = crate::pg::spi::as_owner(|| {
        crate::pg::spi::rows(
            "SELECT oid FROM pg_constraint WHERE contype = 'f' AND (conrelid = $1 OR confrelid = $1) ORDER BY conname",
            &[relation.into()],
            |row| row.need(1),
        )
    })?;
    for constraint in found {
        if let Some(Some(key)) = tuple::row(tuple::CONSTRAINT, &[constraint.to_u32()], Sees::Now, read)? {
            compares(&key, relation)?;
        }
    }
    Ok(())
}

fn compares(key: &ForeignKey, relation: pg_sys::Oid) -> Result<()> {
    let name = format!("foreign key \"{}\"", key.name);
    let holder = Holder { relation, name: &name, trusted: false };
    let count = key.columns.len();
    for (at, (from, to)) in zip(&key.columns, &key.referenced).enumerate() {
        let operands = [catalog::column_type(key.child, *from), catalog::column_type(key.parent, *to)];
        // One of each kind of comparison for each column.
        let operators: Vec<_> = key.operators.iter().copied().skip(at).step_by(count).collect();
        approval::foreign_key(&holder, &operators, &operands)?;
    }
    Ok(())
}

fn crosses(key: &ForeignKey) -> Result<()> {
    let (Some(child), Some(parent)) = (registry::lookup(key.child)?, registry::lookup(key.parent)?) else {
        return Ok(());
    };
    let (Some(from), Some(to)) = (child.tenant_column(), parent.tenant_column()) else { return Ok(()) };
    let tenant = (catalog::column_number(key.child, from), catalog::column_number(key.parent, to));
    if zip(&key.columns, &key.referenced).any(|(column, referenced)| (Some(*column), Some(*referenced)) == tenant) {
        return Ok(());
    }
    let names = |relation, tenant: &str, columns: &[i16]| {
        let columns = columns.iter().map(|column| catalog::column_name(relation, *column));
        std::iter::once(tenant.to_owned()).chain(columns).collect::<Vec<_>>().join(", ")
    };
    Err(guard::refuse_crossing(
        &catalog::relation_name(key.child),
        &key.name,
        &names(key.child, from, &key.columns),
        &catalog::relation_name(key.parent),
        &names(key.parent, to, &key.referenced),
    ))
}
