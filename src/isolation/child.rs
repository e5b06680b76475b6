//! A child has its tenant from its parent's row: the column is added and filled before the table is protected.

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{Column, ColumnType, Name, Rule, Step, TenantType, quote};

use super::foreign_key::{self, Found};
use super::protect::{self, Request};
use super::{facts, trust};
use crate::pg::error::internal;
use crate::pg::relation::Relation;
use crate::pg::spi;

/// Where a child's tenant comes from.
pub struct Source {
    table: Name,
    parent: Name,
    parent_oid: pg_sys::Oid,
    /// The parent's tenant column.
    tenant: (String, TenantType),
    /// Column of the child, column of the parent.
    pairs: Vec<(String, String)>,
    pub adds_column: bool,
    /// Whether no row can be without a tenant.
    is_filled: bool,
}

/// The table that option `parent` names.
///
/// # Errors
/// 22023 for a name that is no table's, 42602 for what is no name.
pub fn resolve(parent: &str) -> Result<pg_sys::Oid> {
    spi::value("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", &[parent.into()])?.ok_or_else(|| {
        WardenError::new(SqlState::InvalidParameterValue, "the parent table does not exist")
            .hint("Option \"parent\" names the table that a foreign key refers to, with its schema.")
    })
}

/// # Errors
/// 22023 unless exactly one foreign key leads to the parent.
pub fn source(request: &Request) -> Result<Option<Source>> {
    if request.template.rule != Rule::Child {
        return Ok(None);
    }
    let mut keys: Vec<Found> = foreign_key::of(&[request.relation], None)?
        .into_iter()
        .filter(|found| found.child == request.relation && found.parent != request.relation)
        .filter(|found| found.key.parent.tenant.is_some())
        .filter(|found| request.parent.is_none_or(|parent| parent == found.parent))
        .collect();
    // A key that has been prepared to carry the tenant stands beside the one whose place it takes.
    let is_plain = |found: &Found| !found.key.child.columns.contains(&request.column);
    if keys.iter().any(is_plain) {
        keys.retain(is_plain);
    }
    let [found] = keys.as_slice() else {
        return Err(WardenError::new(SqlState::InvalidParameterValue, "the table's parent is not known")
            .detail(format!("{} foreign keys lead to a protected table that could be the parent.", keys.len()))
            .hint("Protect the parent first, and name it where there are several: {\"parent\": \"schema.table\"}."));
    };
    found.require_plain()?;
    trust::secure(&[found.child, found.parent])?;
    let tenant = found.key.parent.tenant.clone().ok_or_else(|| internal("a parent without a tenant"))?;
    let pairs = found.key.child.columns.iter().cloned().zip(found.key.parent.columns.iter().cloned());
    let pairs = pairs.filter(|(_, to)| *to != tenant.0).collect();
    let table = facts::table(request.relation)?;
    let column = table.column(&request.column);
    let adds_column = column.is_err();
    let is_filled = column.is_ok_and(|column| column.is_not_null) || table.proven_not_null.contains(&request.column);
    Ok(Some(Source {
        table: found.key.child.table.clone(),
        parent: found.key.parent.table.clone(),
        parent_oid: found.parent,
        tenant,
        pairs,
        adds_column,
        is_filled,
    }))
}

/// Adds the column where it is missing, and fills it where it is NULL.
pub fn complete(request: &Request) -> Result<Option<Source>> {
    let Some(source) = source(request)? else { return Ok(None) };
    if source.is_filled {
        return Ok(Some(source));
    }
    if facts::size(&facts::family(request.relation)?)? > protect::scan_limit() {
        return Err(protect::too_large(&source.table.to_string(), 1));
    }
    if source.adds_column {
        spi::execute(&source.add_column(&request.column), &[])?;
    }
    fill(request, &source)?;
    // The table's triggers have run: what they hung on tables, where none was looking, is asked for again.
    trust::secure(&[request.relation, source.parent_oid])?;
    Ok(Some(source))
}

/// The tenants are written with the rights of the table's owner: its triggers, checks and index expressions are its
/// owner's code.
fn fill(request: &Request, source: &Source) -> Result<()> {
    let rows = trust::read(&source.missing_tenants(&request.column), &[request.relation, source.parent_oid], |row| {
        Ok((row.need::<pg_sys::Oid>(1)?, row.need::<String>(2)?, row.need::<String>(3)?))
    })?;
    let mut tables: Vec<pg_sys::Oid> = rows.iter().map(|(table, ..)| *table).collect();
    tables.sort_unstable_by_key(|table| table.to_u32());
    tables.dedup();
    for table in tables {
        let (places, tenants): (Vec<&str>, Vec<&str>) = rows
            .iter()
            .filter(|(of, ..)| *of == table)
            .map(|(_, place, tenant)| (place.as_str(), tenant.as_str()))
            .unzip();
        let owner = Relation::find(table).ok_or_else(|| internal("a locked table is gone"))?.owner;
        let statement = format!(
            "UPDATE ONLY {} t SET {} = u.tenant::{} FROM unnest($1::text[], $2::text[]) u(place, tenant) \
             WHERE t.ctid = u.place::tid",
            facts::name(table)?,
            quote(&request.column),
            source.tenant.1.name()
        );
        spi::as_table_owner(owner, || spi::execute(&statement, &[places.into(), tenants.into()]))?;
    }
    Ok(())
}

impl Source {
    pub fn missing_column(&self, name: &str) -> Option<Column> {
        self.adds_column.then(|| Column {
            name: name.to_owned(),
            kind: ColumnType { name: self.tenant.1.name().to_owned(), is_deterministic: true },
            is_not_null: false,
            default: None,
        })
    }

    pub fn steps(&self, column: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.adds_column {
            steps.push(Step {
                sql: self.add_column(column),
                lock: "ACCESS EXCLUSIVE",
                note: "the tenant column".to_owned(),
                scans: false,
            });
        }
        if self.is_filled {
            return steps;
        }
        steps.push(Step {
            sql: format!(
                "UPDATE {} c SET {} = p.{} FROM {} p WHERE {} AND c.{} IS NULL",
                self.table,
                quote(column),
                quote(&self.tenant.0),
                self.parent,
                self.joined(),
                quote(column)
            ),
            lock: "ROW EXCLUSIVE",
            note: "each row has its parent's tenant".to_owned(),
            scans: true,
        });
        steps
    }

    fn add_column(&self, column: &str) -> String {
        format!("ALTER TABLE {} ADD COLUMN {} {}", self.table, quote(column), self.tenant.1.name())
    }

    fn missing_tenants(&self, column: &str) -> String {
        format!(
            "SELECT c.tableoid, c.ctid::text, p.{}::text FROM {} c JOIN {} p ON {} WHERE c.{} IS NULL",
            quote(&self.tenant.0),
            self.table,
            self.parent,
            self.joined(),
            quote(column)
        )
    }

    fn joined(&self) -> String {
        let pairs: Vec<_> = self
            .pairs
            .iter()
            .map(|(from, to)| format!("p.{} OPERATOR(pg_catalog.=) c.{}", quote(to), quote(from)))
            .collect();
        pairs.join(" AND ")
    }
}
