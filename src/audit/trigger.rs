//! The triggers that an audited table and its partitions have: what they must be, and what they are.

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::quote;

use super::registry;
use crate::pg::error::internal;
use crate::pg::function;
use crate::pg::spi::{self, Row};
use crate::pg::tuple::CatalogRow;
use crate::pg::{catalog, guc, tuple};

/// The row trigger: its name sorts behind every other ASCII name, so that it records what the others leave.
pub const ROW: &str = "~warden_audit";
pub const TRUNCATE: &str = "~warden_audit_truncate";

const ROW_FUNCTION: &str = "warden.audit_row()";
const TRUNCATE_FUNCTION: &str = "warden.audit_truncate()";

/// AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW, as pg_trigger.tgtype has it.
const AFTER_ROW: i16 = 1 | 4 | 8 | 16;
/// AFTER TRUNCATE FOR EACH STATEMENT.
const AFTER_TRUNCATE: i16 = 32;

/// A trigger as the catalog has it, as far as it concerns the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub relation: pg_sys::Oid,
    pub name: String,
    pub enabled: char,
    /// PostgreSQL made it with its parent's.
    pub is_inherited: bool,
    function: String,
    kind: i16,
    /// No condition, no arguments, no columns, no transition tables, not deferred.
    is_plain: bool,
}

impl Trigger {
    pub fn read(row: &CatalogRow) -> Result<Self> {
        let is_plain = row.tree(c"tgqual")?.is_none()
            && row.short(c"tgnargs")? == 0
            && row.shorts(c"tgattr")?.is_empty()
            && !row.bool(c"tgdeferrable")?
            && row.name(c"tgoldtable")?.is_empty()
            && row.name(c"tgnewtable")?.is_empty();
        Ok(Self {
            relation: row.oid(c"tgrelid")?,
            name: row.name(c"tgname")?,
            enabled: row.char(c"tgenabled")?,
            is_inherited: row.oid(c"tgparentid")? != pg_sys::Oid::INVALID,
            function: function::signature(row.oid(c"tgfoid")?),
            kind: row.short(c"tgtype")?,
            is_plain,
        })
    }

    pub fn has_our_name(&self) -> bool {
        is_own(&self.name)
    }

    pub fn calls_ours(&self) -> bool {
        [ROW_FUNCTION, TRUNCATE_FUNCTION].contains(&self.function.as_str())
    }

    /// Whether it is what audit makes, whether it fires or not.
    pub fn is_ours(&self) -> bool {
        let wanted = (self.function.as_str(), self.kind);
        self.is_plain
            && match self.name.as_str() {
                ROW => wanted == (ROW_FUNCTION, AFTER_ROW),
                TRUNCATE => wanted == (TRUNCATE_FUNCTION, AFTER_TRUNCATE),
                _ => false,
            }
    }
}

pub fn is_own(name: &str) -> bool {
    name == ROW || name == TRUNCATE
}

/// What is wrong with one of a table's triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    NotAlways,
    /// Something else has its name.
    Another,
}

impl Fault {
    fn parse(word: &str) -> Result<Self> {
        match word {
            "missing" => Ok(Fault::Missing),
            "not always" => Ok(Fault::NotAlways),
            "another" => Ok(Fault::Another),
            _ => Err(internal("a fault of an unknown kind")),
        }
    }

    fn describe(self, trigger: &str) -> String {
        match self {
            Fault::Missing => format!("trigger \"{trigger}\" is missing"),
            Fault::NotAlways => format!("trigger \"{trigger}\" does not fire always"),
            Fault::Another => format!("trigger \"{trigger}\" is not the one that warden.audit makes"),
        }
    }
}

/// Over relations `of (relation)`: a row for each trigger with a fault.
fn faults() -> String {
    format!(
        "SELECT o.relation, w.name::text, s.fault \
     FROM of o JOIN pg_class c ON c.oid = o.relation CROSS JOIN (VALUES \
         ('{ROW}', '{ROW_FUNCTION}'::regprocedure::oid, {AFTER_ROW}), \
         ('{TRUNCATE}', '{TRUNCATE_FUNCTION}'::regprocedure::oid, {AFTER_TRUNCATE})) w(name, function, kind) \
       LEFT JOIN pg_trigger g ON g.tgrelid = o.relation AND g.tgname = w.name::name, \
       LATERAL (SELECT CASE WHEN g.oid IS NULL THEN 'missing' \
         WHEN g.tgfoid <> w.function OR g.tgtype <> w.kind OR g.tgqual IS NOT NULL OR g.tgnargs <> 0 OR g.tgdeferrable \
           OR g.tgattr::text <> '' OR g.tgoldtable IS NOT NULL OR g.tgnewtable IS NOT NULL THEN 'another' \
         WHEN g.tgenabled <> 'A' THEN 'not always' END) s(fault) \
     WHERE s.fault IS NOT NULL AND c.relkind IN ('r', 'p') ORDER BY 1, 2"
    )
}

fn fault(row: &Row) -> Result<(pg_sys::Oid, String, Fault)> {
    Ok((row.need(1)?, row.need(2)?, Fault::parse(&row.need::<String>(3)?)?))
}

/// Gives tables of a family what they miss; parents first, since PostgreSQL gives partitions the row trigger of the
/// topmost table. As the extension's owner, and locked against changes. Whether anything was missing.
///
/// # Errors
/// 55000 where a trigger of somebody's has the name of one of ours.
pub fn establish(family: &[pg_sys::Oid], root: pg_sys::Oid) -> Result<bool> {
    let mut was_missing = false;
    let query = format!("WITH of(relation) AS (VALUES ($1::oid)) {}", faults());
    for table in family {
        for (_, name, fault) in spi::rows(&query, &[(*table).into()], fault)? {
            if fault == Fault::Missing && name == ROW && *table != root {
                continue;
            }
            mend(*table, &name, fault)?;
            was_missing = true;
        }
    }
    Ok(was_missing)
}

fn mend(table: pg_sys::Oid, trigger: &str, fault: Fault) -> Result<()> {
    let (table, name) = (catalog::relation_name(table), quote(trigger));
    if fault == Fault::Another {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the name of an audit trigger is taken")
            .detail(format!("Table {table} has another trigger \"{trigger}\"."))
            .hint("Rename or drop it first."));
    }
    if fault == Fault::Missing {
        let what = if trigger == ROW {
            format!("AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {ROW_FUNCTION}")
        } else {
            format!("AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {TRUNCATE_FUNCTION}")
        };
        spi::execute(&format!("CREATE TRIGGER {name} {what}"), &[])?;
    }
    spi::execute(&format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"), &[])?;
    Ok(())
}

/// Takes away what [`establish`] gave, and what PostgreSQL gave partitions with it. As the extension's owner.
pub fn remove(family: &[pg_sys::Oid]) -> Result<()> {
    for table in family {
        let standing = tuple::rows(tuple::TRIGGER_BY_TABLE, &[table.to_u32()], tuple::Sees::Now, Trigger::read)?;
        for trigger in standing.into_iter().filter(|trigger| trigger.is_ours() && !trigger.is_inherited) {
            let (table, name) = (catalog::relation_name(*table), quote(&trigger.name));
            spi::execute(&format!("DROP TRIGGER {name} ON {table}"), &[])?;
        }
    }
    Ok(())
}

/// Whether a table has a trigger of that name.
pub fn stands(relation: pg_sys::Oid, name: &str) -> Result<bool> {
    let names =
        tuple::rows(tuple::TRIGGER_BY_TABLE, &[relation.to_u32()], tuple::Sees::Now, |row| row.name(c"tgname"))?;
    Ok(names.iter().any(|standing| standing == name))
}

/// What is wrong with the triggers of audited tables and their partitions: `schema.table`, and what. For verify_audit,
/// in the caller's snapshot.
pub fn trigger_faults() -> Result<Vec<(String, String)>> {
    if registry::is_empty()? {
        return Ok(Vec::new());
    }
    let family = "WITH RECURSIVE family(relation) AS (SELECT r.relation::oid FROM warden.audited_registry r UNION \
         SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.relation = i.inhparent)";
    let query = format!("{family}, of(relation) AS (SELECT f.relation FROM family f) {}", faults());
    let kinds = format!(
        "{family} SELECT CASE WHEN c.oid IS NULL THEN f.relation::text ELSE format('%I.%I', n.nspname, c.relname) END, \
           CASE WHEN c.oid IS NULL THEN 'the table does not exist' ELSE 'it is no table, and no trigger records its rows' END \
         FROM family f LEFT JOIN pg_class c ON c.oid = f.relation LEFT JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.oid IS NULL OR c.relkind NOT IN ('r', 'p') ORDER BY 1"
    );
    spi::as_owner(|| {
        guc::set_saved(c"quote_all_identifiers", c"off");
        let mut faults = spi::read(&kinds, &[], |row| Ok((row.need(1)?, row.need(2)?)))?;
        for (relation, trigger, fault) in spi::read(&query, &[], fault)? {
            faults.push((catalog::recorded_name(relation), fault.describe(&trigger)));
        }
        faults.sort();
        Ok(faults)
    })
}
