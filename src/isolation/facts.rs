//! What the catalogs say of a table, for the plan. Read with the latest snapshot: the lock that was waited for may
//! have let another transaction's changes in.

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{Column, ColumnType, Index, Kind, Name, Table};

use crate::pg::error::internal;
use crate::pg::relation::{self, Relation};
use crate::pg::spi::{self, Param, Row};

/// As the extension's owner, search path pinned, with the latest snapshot.
pub fn latest<T>(query: &str, params: &[Param], map: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    spi::as_owner_latest(|| spi::read(query, params, map))
}

/// A table and all that inherits from it, partitions and their partitions included, each locked; parents first.
pub fn lock_family(root: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    lock_family_as(root, relation::lock)
}

/// As [`lock_family`], with another lock: `lock` says whether the table is still there.
pub fn lock_family_as(root: pg_sys::Oid, lock: fn(pg_sys::Oid) -> bool) -> Result<Vec<pg_sys::Oid>> {
    let mut family = vec![root];
    let mut at = 0;
    while at < family.len() {
        let parent = family[at];
        if !lock(parent) {
            return Err(WardenError::new(SqlState::UndefinedTable, "the table has been dropped meanwhile"));
        }
        keep_name(parent)?;
        for child in
            latest("SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = $1 ORDER BY 1", &[parent.into()], |row| {
                row.need::<pg_sys::Oid>(1)
            })?
        {
            if !family.contains(&child) {
                family.push(child);
            }
        }
        at += 1;
    }
    Ok(family)
}

/// A table that is locked keeps its name, and so must its schema: what is executed by name is to meet this table, and
/// no lock but that of the schema's own row holds up ALTER SCHEMA … RENAME.
fn keep_name(table: pg_sys::Oid) -> Result<()> {
    spi::as_owner(|| {
        spi::rows(
            "SELECT n.oid FROM pg_namespace n WHERE n.oid = (SELECT c.relnamespace FROM pg_class c WHERE c.oid = $1) FOR SHARE",
            &[table.into()],
            |_| Ok(()),
        )
    })
    .map(drop)
}

/// As [`lock_family`], without a lock.
pub fn family(root: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    latest(
        "WITH RECURSIVE f(oid, level) AS (SELECT $1::oid, 0 UNION ALL \
         SELECT i.inhrelid, f.level + 1 FROM pg_inherits i JOIN f ON f.oid = i.inhparent) \
         SELECT f.oid FROM f GROUP BY f.oid ORDER BY min(f.level), f.oid",
        &[root.into()],
        |row| row.need(1),
    )
}

/// The tables that a partition belongs to, itself first, the topmost last.
///
/// # Errors
/// When the catalogs cannot be read.
pub fn ancestors(relation: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    spi::read(
        "SELECT a.relid::oid FROM pg_partition_ancestors($1::oid::regclass) a(relid)",
        &[relation.into()],
        |row| row.need(1),
    )
}

/// Tables of which a query would read a table of the family beneath its policies.
pub fn parents_outside(family: &[pg_sys::Oid]) -> Result<Vec<pg_sys::Oid>> {
    latest(
        "SELECT DISTINCT i.inhparent FROM pg_inherits i WHERE i.inhrelid = ANY($1) AND i.inhparent <> ALL($1)",
        &[family.to_vec().into()],
        |row| row.need(1),
    )
}

/// The nearest table above that is of the list.
pub fn parent_among(relation: pg_sys::Oid, list: &[pg_sys::Oid]) -> Result<Option<pg_sys::Oid>> {
    Ok(latest(
        "SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = $1 AND i.inhparent = ANY($2) ORDER BY i.inhseqno LIMIT 1",
        &[relation.into(), list.to_vec().into()],
        |row| row.need(1),
    )?
    .pop())
}

/// Bytes that a scan reads.
pub fn size(family: &[pg_sys::Oid]) -> Result<i64> {
    Ok(latest(
        "SELECT coalesce(sum(pg_relation_size(c.oid)), 0)::bigint FROM pg_class c WHERE c.oid = ANY($1)",
        &[family.to_vec().into()],
        |row| row.need(1),
    )?
    .pop()
    .unwrap_or_default())
}

pub fn name(relation: pg_sys::Oid) -> Result<Name> {
    latest(
        "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1",
        &[relation.into()],
        |row| Ok(Name::new(&row.need::<String>(1)?, &row.need::<String>(2)?)),
    )?
    .pop()
    .ok_or_else(|| WardenError::new(SqlState::UndefinedTable, "relation does not exist"))
}

/// All that the plan asks about one table.
pub fn table(oid: pg_sys::Oid) -> Result<Table> {
    let relation = Relation::find(oid).ok_or_else(|| internal("a locked table is gone"))?;
    let mut table = latest(
        "SELECT c.relkind::text, c.relispartition, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c WHERE c.oid = $1",
        &[oid.into()],
        |row| {
            Ok(Table {
                name: name(oid)?,
                kind: if row.need::<String>(1)? == "p" { Kind::Partitioned } else { Kind::Plain },
                is_partition: row.need(2)?,
                columns: vec![],
                indexes: vec![],
                has_row_security: row.need(3)?,
                has_forced_row_security: row.need(4)?,
                taken: vec![],
                proven_not_null: vec![],
                policies: vec![],
                triggers: vec![],
            })
        },
    )?
    .pop()
    .ok_or_else(|| internal("a table without a row in pg_class"))?;
    table.columns = columns(oid)?;
    table.indexes = indexes(oid)?;
    table.taken = taken(relation.schema)?;
    table.proven_not_null = texts(
        "SELECT a.attname::text FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum] \
         WHERE c.conrelid = $1 AND c.contype = 'c' AND c.convalidated \
         AND pg_get_expr(c.conbin, c.conrelid) = format('(%I IS NOT NULL)', a.attname)",
        oid,
    )?;
    table.policies = texts("SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = $1", oid)?;
    table.triggers = texts("SELECT t.tgname::text FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal", oid)?;
    Ok(table)
}

/// Types are told by their row in pg_type: what format_type prints depends on settings of the session.
fn columns(oid: pg_sys::Oid) -> Result<Vec<Column>> {
    latest(
        "SELECT a.attname::text, \
         CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' THEN \
           CASE t.typname WHEN 'int8' THEN 'bigint' WHEN 'int4' THEN 'integer' WHEN 'varchar' THEN 'character varying' \
           ELSE t.typname::text END ELSE format_type(a.atttypid, NULL) || ' (a type of its own)' END, \
         coalesce(l.collisdeterministic, true), a.attnotnull, \
         CASE WHEN a.attidentity <> '' THEN 'identity' ELSE replace(pg_get_expr(d.adbin, d.adrelid), '\"', '') END \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation \
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        &[oid.into()],
        |row| {
            Ok(Column {
                name: row.need(1)?,
                kind: ColumnType { name: row.need(2)?, is_deterministic: row.need(3)? },
                is_not_null: row.need(4)?,
                default: row.get(5)?,
            })
        },
    )
}

/// An index whose first column has another collation than the table's cannot serve its comparison: no btree of ours.
pub fn indexes(oid: pg_sys::Oid) -> Result<Vec<Index>> {
    latest(
        "SELECT c.relname::text, ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n) \
           LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0 \
           WHERE k.n <= i.indnkeyatts ORDER BY k.n), \
         i.indisvalid AND i.indisready AND i.indislive, i.indisunique, i.indimmediate, i.indpred IS NOT NULL, \
         m.amname = 'btree' AND coalesce((SELECT a.attcollation = i.indcollation[0] FROM pg_attribute a \
           WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]), true), i.indisprimary \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam \
         WHERE i.indrelid = $1 ORDER BY c.relname",
        &[oid.into()],
        |row| {
            Ok(Index {
                name: row.need(1)?,
                columns: row.need(2)?,
                is_valid: row.need(3)?,
                is_unique: row.need(4)?,
                is_immediate: row.need(5)?,
                is_partial: row.need(6)?,
                is_btree: row.need(7)?,
                is_primary: row.need(8)?,
            })
        },
    )
}

/// Names in a schema that one of ours could collide with.
pub fn taken(schema: pg_sys::Oid) -> Result<Vec<String>> {
    texts(
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = $1 AND c.relname LIKE '%\\_warden\\_%'",
        schema,
    )
}

fn texts(query: &str, oid: pg_sys::Oid) -> Result<Vec<String>> {
    latest(query, &[oid.into()], |row| row.need(1))
}
