//! Foreign keys between protected tables.

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{
    self as core, Action, Added, ForeignKey, ForeignKeys, Name, Rule, Side, Step, Template, TenantType,
};

use super::{facts, registry, trust};
use crate::pg::catalog;
use crate::pg::error::internal;
use crate::pg::relation::Relation;
use crate::pg::spi;

/// A foreign key and the two tables that it joins.
#[derive(Clone)]
pub struct Found {
    pub key: ForeignKey,
    pub child: pg_sys::Oid,
    pub parent: pg_sys::Oid,
    /// Whether comparing its columns runs no code but that of operators: neither casts nor types of a user's own.
    pub compares_plainly: bool,
}

impl Found {
    /// # Errors
    /// 0A000 for a key whose comparison would run a cast of a user's own as the extension's owner.
    pub fn require_plain(&self) -> Result<()> {
        if self.compares_plainly {
            return Ok(());
        }
        Err(WardenError::new(SqlState::FeatureNotSupported, "the foreign key cannot be made composite")
            .detail(format!(
                "Key \"{}\" of table {} joins columns of different types of a user's own.",
                self.key.name, self.key.child.table
            ))
            .hint("Give both columns the same type first."))
    }
}

/// Every foreign key that begins or ends at one of the tables, those of partitions that their parent has given them
/// left out. The tenant columns are the registry's; `family` and its column are not in it yet.
pub fn of(tables: &[pg_sys::Oid], family: Option<&Pending>) -> Result<Vec<Found>> {
    let rows = facts::latest(
        "SELECT c.conname::text, c.conrelid, c.confrelid, \
         ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(attnum, n) \
           JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.n), \
         ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(attnum, n) \
           JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.n), \
         c.confupdtype::text, c.confdeltype::text, \
         ARRAY(SELECT a.attname::text FROM unnest(c.confdelsetcols) WITH ORDINALITY k(attnum, n) \
           JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.n), \
         c.confmatchtype = 'f', c.condeferrable, c.condeferred, c.convalidated, \
         EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) AND NOT a.attnotnull), \
         pg_get_constraintdef(c.oid), \
         NOT EXISTS (SELECT FROM unnest(c.conkey, c.confkey) k(f, t) \
           JOIN pg_attribute f ON f.attrelid = c.conrelid AND f.attnum = k.f \
           JOIN pg_attribute t ON t.attrelid = c.confrelid AND t.attnum = k.t \
           JOIN pg_type ft ON ft.oid = f.atttypid JOIN pg_type tt ON tt.oid = t.atttypid \
           WHERE coalesce(nullif(ft.typbasetype, 0), ft.oid) <> coalesce(nullif(tt.typbasetype, 0), tt.oid) \
             AND NOT (coalesce(nullif(ft.typbasetype, 0), ft.oid) < 16384 AND coalesce(nullif(tt.typbasetype, 0), tt.oid) < 16384)) \
         FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0 AND (c.conrelid = ANY($1) OR c.confrelid = ANY($1)) \
         ORDER BY c.conrelid::regclass::text, c.conname",
        &[tables.to_vec().into()],
        |row| {
            let (child, parent): (pg_sys::Oid, pg_sys::Oid) = (row.need(2)?, row.need(3)?);
            let action = |ordinal| {
                Action::parse(&row.need::<String>(ordinal)?).ok_or_else(|| internal("an action of a foreign key"))
            };
            let key = ForeignKey {
                name: row.need(1)?,
                child: Side { table: Name::new("", ""), columns: row.need(4)?, tenant: None },
                parent: Side { table: Name::new("", ""), columns: row.need(5)?, tenant: None },
                on_update: action(6)?,
                on_delete: action(7)?,
                set_columns: row.need(8)?,
                is_match_full: row.need(9)?,
                is_deferrable: row.need(10)?,
                is_deferred: row.need(11)?,
                is_valid: row.need(12)?,
                is_nullable: row.need(13)?,
                definition: row.need(14)?,
            };
            Ok(Found { key, child, parent, compares_plainly: row.need(15)? })
        },
    )?;
    rows.into_iter()
        .map(|mut found| {
            for (side, oid) in [(&mut found.key.child, found.child), (&mut found.key.parent, found.parent)] {
                side.table = facts::name(oid)?;
                side.tenant = match family.filter(|pending| pending.tables.contains(&oid)) {
                    Some(pending) => pending.tenant.clone(),
                    None => registry::lookup(oid)?.and_then(|protected| protected.tenant.clone()),
                };
            }
            Ok(found)
        })
        .collect()
}

/// Tables that are about to be protected.
pub struct Pending<'a> {
    pub tables: &'a [pg_sys::Oid],
    pub tenant: Option<(String, TenantType)>,
    pub template: &'a Template,
    /// They get their tenant column only then: no row of theirs can be asked yet.
    pub lacks_column: bool,
}

/// A key's change, to be executed or shown.
pub struct Change {
    pub steps: Vec<Step>,
    child: pg_sys::Oid,
    parent: pg_sys::Oid,
    parent_key: Option<String>,
    converted: core::Added,
    /// What to run before, where the tables are large.
    pub preparation: Vec<Step>,
    /// Counts the rows that cross, where that is not known.
    crossing: Option<Found>,
}

impl Change {
    /// Bytes that its statements would scan: of the child that is validated, of the parent that gets a key.
    pub fn scanned(&self) -> Result<i64> {
        if !self.steps.iter().any(|step| step.scans) {
            return Ok(0);
        }
        let mut tables = facts::family(self.child)?;
        tables.extend(facts::family(self.parent)?);
        facts::size(&tables)
    }

    /// The tables at its two ends, in words.
    pub fn tables(&self) -> Result<String> {
        Ok(format!("{} with {}", facts::name(self.child)?, facts::name(self.parent)?))
    }

    /// # Errors
    /// 23503 with the count of rows that refer to another tenant's.
    pub fn refuse_crossing(&self) -> Result<()> {
        self.crossing.as_ref().map_or(Ok(()), refuse_crossing)
    }
}

/// What makes every key between the pending tables and protected ones, or among themselves, carry the tenant.
pub fn compose(pending: &Pending) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    // Names and keys that earlier changes of this plan give the parents: they are not in the catalogs yet.
    let mut planned: Vec<(pg_sys::Oid, core::Index)> = Vec::new();
    let all = of(pending.tables, Some(pending))?;
    let mut changing = Vec::new();
    for found in &all {
        let is_kept = keeps(found.child, pending)? || keeps(found.parent, pending)?;
        if !found.key.crosses() || is_kept && !gives_tenancy(found, pending) {
            continue;
        }
        found.require_plain()?;
        changing.push(found);
    }
    secure(&changing)?;
    for found in changing {
        let schema = Relation::find(found.parent).ok_or_else(|| internal("a referenced table is gone"))?.schema;
        let mut indexes = facts::indexes(found.parent)?;
        let mut taken = facts::taken(schema)?;
        for (table, index) in &planned {
            taken.push(index.name.clone());
            if *table == found.parent {
                indexes.push(index.clone());
            }
        }
        let beside: Vec<_> = all
            .iter()
            .filter(|other| (other.child, other.parent) == (found.child, found.parent))
            .map(|other| &other.key)
            .collect();
        let composed = core::compose(&found.key, &indexes, &taken, &beside)?;
        let is_partitioned = [found.child, found.parent].iter().any(|table| catalog::kind(*table) == Some('p'));
        let is_known = pending.lacks_column || composed.is_prepared;
        if let Some(name) = &composed.parent_key {
            let tenant = found.key.parent.tenant.iter().map(|(column, _)| column.clone());
            planned.push((
                found.parent,
                core::Index {
                    name: name.clone(),
                    columns: tenant.chain(found.key.parent.columns.iter().cloned()).map(Some).collect(),
                    is_valid: true,
                    is_unique: true,
                    is_immediate: true,
                    is_btree: true,
                    ..core::Index::default()
                },
            ));
        }
        changes.push(Change {
            steps: composed.steps,
            child: found.child,
            parent: found.parent,
            parent_key: composed.parent_key,
            converted: Added { foreign_keys: vec![composed.converted], ..Added::default() },
            // PostgreSQL has neither statement for partitioned tables.
            preparation: if is_partitioned { Vec::new() } else { composed.preparation },
            crossing: (!is_known).then(|| found.clone()),
        });
    }
    Ok(changes)
}

/// Keeps in the registry what a change has added, so that it can be taken away.
pub fn keep(change: Change) -> Result<()> {
    let of = |table| {
        registry::lookup(table)?.map(|row| row.added.clone()).ok_or_else(|| internal("a key's table is not protected"))
    };
    if let Some(key) = change.parent_key {
        let mut added = of(change.parent)?;
        added.unique_keys.push(key);
        registry::keep_added(change.parent, &added)?;
    }
    let mut added = of(change.child)?;
    added.foreign_keys.extend(change.converted.foreign_keys);
    registry::keep_added(change.child, &added)
}

/// Takes the tenant out of every key that begins or ends at one of the tables; keys that others refer to afterwards go
/// with the table that they were added to.
pub fn decompose(tables: &[pg_sys::Oid]) -> Result<()> {
    let all = of(tables, None)?;
    let mut changing = Vec::new();
    for found in &all {
        let added = registry::lookup(found.child)?.map(|row| row.added.clone()).unwrap_or_default();
        if added.foreign_keys.iter().any(|converted| converted.name == found.key.name) {
            changing.push(found);
        }
    }
    secure(&changing)?;
    for found in changing {
        let Some(row) = registry::lookup(found.child)? else { continue };
        let mut added = row.added.clone();
        let Some(at) = added.foreign_keys.iter().position(|converted| converted.name == found.key.name) else {
            continue;
        };
        let converted = added.foreign_keys.remove(at);
        for step in core::decompose(&found.key, &converted) {
            spi::execute(&step.sql, &[])?;
        }
        registry::keep_added(found.child, &added)?;
    }
    Ok(())
}

/// All at once: locks are taken in one order.
fn secure(keys: &[&Found]) -> Result<()> {
    let ends: Vec<pg_sys::Oid> = keys.iter().flat_map(|found| [found.child, found.parent]).collect();
    if ends.is_empty() { Ok(()) } else { trust::secure(&ends) }
}

/// Whether it is a key by which a child has its tenant.
fn gives_tenancy(found: &Found, pending: &Pending) -> bool {
    pending.template.rule == Rule::Child && pending.tables.contains(&found.child)
}

fn keeps(table: pg_sys::Oid, pending: &Pending) -> Result<bool> {
    if pending.tables.contains(&table) {
        return Ok(pending.template.foreign_keys == ForeignKeys::Keep);
    }
    Ok(registry::lookup(table)?.is_some_and(|row| row.template.foreign_keys == ForeignKeys::Keep))
}

fn refuse_crossing(found: &Found) -> Result<()> {
    let Some(query) = core::crossing(&found.key) else { return Ok(()) };
    let rows = trust::count(&query, &[found.child, found.parent])?;
    if rows == 0 {
        return Ok(());
    }
    Err(WardenError::new(SqlState::ForeignKeyViolation, "rows refer to another tenant's rows")
        .detail(format!(
            "{rows} rows of table {} refer to another tenant's row by key \"{}\".",
            found.key.child.table, found.key.name
        ))
        .hint("Correct the rows first, or protect with {\"foreign_keys\": \"keep\"}, which leaves an oracle."))
}
