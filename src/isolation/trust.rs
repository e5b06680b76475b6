//! Whose code the extension's own statements may meet. They are planned and executed with the rights of a superuser,
//! and planning alone evaluates constant parts of a table's expressions: all that a table's owner has hung on it must be
//! approved before, and stay so until the transaction ends.

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};

use super::{facts, protect};
use crate::pg::relation::{self, Relation};
use crate::pg::{function, spi};

/// To be called before anything is planned over these tables as the extension's owner: fixes the definitions of the
/// tables, of all that is read through them and of all above them, and asks whose code stands in them.
///
/// # Errors
/// 42501 for code that nobody trusted approves, 42809 for a foreign table among them.
pub fn secure(tables: &[pg_sys::Oid]) -> Result<()> {
    let mut fixed: Vec<pg_sys::Oid> = Vec::new();
    // While a lock was waited for, another may have been attached.
    loop {
        let mut reached = reach(tables)?;
        reached.retain(|table| !fixed.contains(table));
        if reached.is_empty() {
            break;
        }
        for table in reached {
            if !relation::lock_definition(table) {
                return Err(WardenError::new(SqlState::UndefinedTable, "the table has been dropped meanwhile"));
            }
            fixed.push(table);
        }
    }
    for table in &fixed {
        if let Some(found) = Relation::find(*table) {
            protect::require_table(&found)?;
        }
    }
    refuse_untrusted(&fixed)
}

/// The tables, all below them and all above those, in the order in which PostgreSQL locks them: parents first.
fn reach(tables: &[pg_sys::Oid]) -> Result<Vec<pg_sys::Oid>> {
    facts::latest(
        "WITH RECURSIVE down(oid) AS (SELECT unnest($1) UNION \
           SELECT i.inhrelid FROM pg_inherits i JOIN down d ON d.oid = i.inhparent), \
         near(oid) AS (SELECT d.oid FROM down d UNION \
           SELECT i.inhparent FROM pg_inherits i JOIN near n ON n.oid = i.inhrelid), \
         leveled(oid, level) AS ( \
           SELECT n.oid, 0 FROM near n WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = n.oid) UNION \
           SELECT i.inhrelid, l.level + 1 FROM pg_inherits i JOIN leveled l ON l.oid = i.inhparent \
             JOIN near n ON n.oid = i.inhrelid) \
         SELECT l.oid FROM leveled l GROUP BY l.oid ORDER BY max(l.level), l.oid",
        &[tables.to_vec().into()],
        |row| row.need(1),
    )
}

/// # Errors
/// 42501 for what would run a user's own function as the extension's owner.
fn refuse_untrusted(tables: &[pg_sys::Oid]) -> Result<()> {
    for called in called_functions(tables)? {
        if function::is_approved(called.function, &[])? {
            continue;
        }
        let (name, user) = (function::signature(called.function), called.by);
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "an expression on the table calls a function that is not trusted",
        )
        .detail(format!(
            "Function {name}, which {user} uses, is owned neither by a superuser nor by a superuser's extension."
        ))
        .hint(format!("Drop what uses it, or approve it: ALTER FUNCTION {name} OWNER TO a superuser.")));
    }
    Ok(())
}

struct Called {
    function: pg_sys::Oid,
    by: String,
}

/// Functions, PostgreSQL's own left out, that stand in indexes, checks, exclusions, defaults, generated columns,
/// statistics and partition keys of the tables, and in domains, ranges and operator classes that these use.
fn called_functions(tables: &[pg_sys::Oid]) -> Result<Vec<Called>> {
    facts::latest(
        "WITH RECURSIVE own AS ( \
           SELECT 'pg_class'::regclass::oid AS classid, t AS objid FROM unnest($1) t \
           UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i WHERE i.indrelid = ANY($1) \
           UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c WHERE c.conrelid = ANY($1) \
           UNION ALL SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d WHERE d.adrelid = ANY($1) \
           UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid FROM pg_statistic_ext s WHERE s.stxrelid = ANY($1)), \
         types(oid) AS ( \
           SELECT seed.oid FROM (SELECT a.atttypid AS oid FROM pg_attribute a WHERE a.attrelid = ANY($1) AND NOT a.attisdropped \
             UNION SELECT d.refobjid FROM own o JOIN pg_depend d USING (classid, objid) WHERE d.refclassid = 'pg_type'::regclass) seed \
             WHERE seed.oid >= 16384 \
           UNION SELECT part.oid FROM types t CROSS JOIN LATERAL ( \
             SELECT unnest(ARRAY[y.typbasetype, y.typelem]) AS oid FROM pg_type y WHERE y.oid = t.oid \
             UNION ALL SELECT a.atttypid FROM pg_type y JOIN pg_attribute a ON a.attrelid = y.typrelid AND NOT a.attisdropped \
               WHERE y.oid = t.oid AND y.typrelid <> 0 \
             UNION ALL SELECT unnest(ARRAY[r.rngsubtype, r.rngtypid]) FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)) part \
             WHERE part.oid >= 16384), \
         used AS (SELECT o.classid, o.objid FROM own o \
           UNION SELECT 'pg_type'::regclass, t.oid FROM types t \
           UNION SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c JOIN types t ON t.oid = c.contypid), \
         classes AS ( \
           SELECT 'pg_class'::regclass::oid AS classid, i.indexrelid AS objid, unnest(i.indclass::oid[]) AS opclass \
             FROM pg_index i WHERE i.indrelid = ANY($1) \
           UNION SELECT 'pg_class'::regclass, p.partrelid, unnest(p.partclass::oid[]) FROM pg_partitioned_table p WHERE p.partrelid = ANY($1) \
           UNION SELECT 'pg_type'::regclass, r.rngtypid, r.rngsubopc FROM pg_range r JOIN types t ON t.oid = r.rngtypid), \
         operators AS ( \
           SELECT u.classid, u.objid, d.refobjid AS operator FROM used u JOIN pg_depend d USING (classid, objid) \
             WHERE d.refclassid = 'pg_operator'::regclass \
           UNION SELECT 'pg_constraint'::regclass, c.oid, unnest(c.conexclop) FROM pg_constraint c \
             WHERE c.conrelid = ANY($1) AND c.contype = 'x' \
           UNION SELECT s.classid, s.objid, m.amopopr FROM classes s JOIN pg_opclass k ON k.oid = s.opclass \
             JOIN pg_amop m ON m.amopfamily = k.opcfamily), \
         called AS ( \
           SELECT u.classid, u.objid, d.refobjid AS function FROM used u JOIN pg_depend d USING (classid, objid) \
             WHERE d.refclassid = 'pg_proc'::regclass \
           UNION SELECT s.classid, s.objid, m.amproc FROM classes s JOIN pg_opclass k ON k.oid = s.opclass \
             JOIN pg_amproc m ON m.amprocfamily = k.opcfamily \
           UNION SELECT o.classid, o.objid, unnest(ARRAY[p.oprcode, p.oprrest, p.oprjoin]::oid[]) \
             FROM operators o JOIN pg_operator p ON p.oid = o.operator) \
         SELECT c.function, min(pg_describe_object(c.classid, c.objid, 0)) FROM called c \
         WHERE c.function >= 16384 GROUP BY c.function ORDER BY c.function::regprocedure::text",
        &[tables.to_vec().into()],
        |row| Ok(Called { function: row.need(1)?, by: row.need(2)? }),
    )
}

/// The one row of a question about the rows of these tables, which have been [`secure`]d: with the rights of an owner
/// who may read them all, whatever row-level security says; of the extension's owner where there is none.
pub fn count(query: &str, tables: &[pg_sys::Oid]) -> Result<i64> {
    Ok(read(query, tables, |row| row.need::<i64>(1))?.pop().unwrap_or_default())
}

/// As [`count`], all rows.
pub fn read<T>(query: &str, tables: &[pg_sys::Oid], map: impl Fn(&spi::Row) -> Result<T>) -> Result<Vec<T>> {
    let reader = facts::latest(
        "SELECT o.relowner FROM pg_class o WHERE o.oid = ANY($1) AND NOT EXISTS (SELECT FROM pg_class t WHERE t.oid = ANY($1) \
         AND NOT (pg_has_role(o.relowner, t.relowner, 'USAGE') AND has_table_privilege(o.relowner, t.oid, 'SELECT') \
           AND has_schema_privilege(o.relowner, t.relnamespace, 'USAGE'))) ORDER BY 1 LIMIT 1",
        &[tables.to_vec().into()],
        |row| row.need::<pg_sys::Oid>(1),
    )?
    .pop();
    match reader {
        Some(owner) => spi::as_reading_owner(owner, || spi::read(query, &[], map)),
        None => facts::latest(query, &[], map),
    }
}
