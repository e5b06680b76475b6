//! Which tables are audited, and what of their rows the log keeps back.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::pg_sys;
use warden_core::audit::Options;
use warden_core::error::{Result, SqlState, WardenError};
use zeroize::{Zeroize, Zeroizing};

use crate::isolation;
use crate::pg::cache::{self, Registry};
use crate::pg::error::internal;
use crate::pg::{catalog, spi};
use crate::tenancy::directory;

/// An audited table.
pub struct Audited {
    /// The table that was named; of a partitioned one, the topmost.
    pub relation: pg_sys::Oid,
    /// Columns that the log leaves out.
    pub excluded: Vec<String>,
    /// Columns that the log has as a hash only.
    pub redacted: Vec<String>,
    pub reads: bool,
    /// What stands for redacted values is made with it.
    pub redaction_key: Zeroizing<[u8; 32]>,
}

impl Audited {
    pub fn options(&self) -> Options {
        Options { exclude: self.excluded.clone(), redact: self.redacted.clone(), reads: self.reads }
    }
}

#[derive(Default)]
struct Known {
    by_relation: HashMap<u32, Rc<Audited>>,
    /// Partitions and the table that they are audited with.
    roots: HashMap<u32, pg_sys::Oid>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Whether the extension's tables are there: it may be on its way in, or out.
pub fn is_installed() -> bool {
    cache::oid(Registry::Audited) != pg_sys::Oid::INVALID
}

/// Runs `look` over the registry as it is now.
fn with<T>(look: impl FnOnce(&Known) -> T) -> Result<T> {
    if cache::take_stale(Registry::Audited) {
        // Empty until it is filled: an error in between must not leave what is old.
        KNOWN.take();
        if is_installed() {
            let filled = fill().inspect_err(|_| cache::keep_stale(Registry::Audited))?;
            KNOWN.with_borrow_mut(|known| *known = filled);
        }
    }
    Ok(KNOWN.with_borrow(look))
}

fn fill() -> Result<Known> {
    let rows = directory::look_up(
        Registry::Audited,
        "SELECT r.relation::oid, r.excluded::text[], r.redacted::text[], r.reads, r.redaction_key \
         FROM warden.audited_registry r",
        &[],
        |row| {
            let mut stored: Vec<u8> = row.need(5)?;
            let mut redaction_key = Zeroizing::new([0; 32]);
            let fits = stored.len() == redaction_key.len();
            if fits {
                redaction_key.copy_from_slice(&stored);
            }
            stored.zeroize();
            if !fits {
                return Err(internal("a redaction key of another length"));
            }
            Ok(Audited {
                relation: row.need(1)?,
                excluded: row.need(2)?,
                redacted: row.need(3)?,
                reads: row.need(4)?,
                redaction_key,
            })
        },
    )?;
    let by_relation = rows.into_iter().map(|audited| (audited.relation.to_u32(), Rc::new(audited))).collect();
    Ok(Known { by_relation, ..Known::default() })
}

/// This backend asks anew at once, and again if this is rolled back; the others when it is committed.
pub fn changed() {
    forget_families();
    if is_installed() {
        cache::invalidate(cache::oid(Registry::Audited));
    }
}

/// A family that was seen may be rolled back, and nothing else says so.
pub fn forget_families() {
    KNOWN.with_borrow_mut(|known| known.roots.clear());
}

/// Whether no table is audited: what every DDL statement asks first.
pub fn is_empty() -> Result<bool> {
    with(|known| known.by_relation.is_empty())
}

pub fn all() -> Result<Vec<Rc<Audited>>> {
    with(|known| known.by_relation.values().cloned().collect())
}

/// A table that was named itself, not its partitions.
pub fn of(relation: pg_sys::Oid) -> Result<Option<Rc<Audited>>> {
    with(|known| known.by_relation.get(&relation.to_u32()).cloned())
}

/// An audited table, or the one that it is a partition of.
pub fn of_family(relation: pg_sys::Oid) -> Result<Option<Rc<Audited>>> {
    if is_empty()? {
        return Ok(None);
    }
    if let Some(audited) = of(relation)? {
        return Ok(Some(audited));
    }
    if let Some(root) = with(|known| known.roots.get(&relation.to_u32()).copied())? {
        return of(root);
    }
    if !catalog::is_partition(relation) {
        return Ok(None);
    }
    for ancestor in spi::as_owner(|| isolation::facts::ancestors(relation))? {
        if let Some(audited) = of(ancestor)? {
            KNOWN.with_borrow_mut(|known| known.roots.insert(relation.to_u32(), ancestor));
            return Ok(Some(audited));
        }
    }
    Ok(None)
}

/// Enters a table with a redaction key of its own.
pub fn enter(relation: pg_sys::Oid, options: &Options, by: &str) -> Result<()> {
    let mut key = Zeroizing::new(vec![0; 32]);
    crate::pg::random::fill(&mut key)?;
    spi::execute(
        "INSERT INTO warden.audited_registry (relation, excluded, redacted, reads, redaction_key, audited_by) \
         VALUES ($1::oid::regclass, $2::text[]::name[], $3::text[]::name[], $4, $5, $6)",
        &[
            relation.into(),
            options.exclude.clone().into(),
            options.redact.clone().into(),
            options.reads.into(),
            key.as_slice().into(),
            by.into(),
        ],
    )?;
    Ok(())
}

/// Other options; the redaction key stays, so that equal values keep their hash.
pub fn alter(relation: pg_sys::Oid, options: &Options) -> Result<()> {
    spi::execute(
        "UPDATE warden.audited_registry SET excluded = $2::text[]::name[], redacted = $3::text[]::name[], reads = $4 \
         WHERE relation = $1::oid::regclass",
        &[relation.into(), options.exclude.clone().into(), options.redact.clone().into(), options.reads.into()],
    )?;
    Ok(())
}

pub fn leave(relation: pg_sys::Oid) -> Result<()> {
    spi::execute("DELETE FROM warden.audited_registry WHERE relation = $1::oid::regclass", &[relation.into()])?;
    Ok(())
}

pub fn column_renamed(relation: pg_sys::Oid, from: &str, to: &str) -> Result<()> {
    spi::execute(
        "UPDATE warden.audited_registry SET excluded = array_replace(excluded, $2::name, $3::name), \
           redacted = array_replace(redacted, $2::name, $3::name) \
         WHERE relation = $1::oid::regclass AND $2::name = ANY (excluded || redacted)",
        &[relation.into(), from.into(), to.into()],
    )?;
    Ok(())
}

pub fn column_dropped(relation: pg_sys::Oid, name: &str) -> Result<()> {
    spi::execute(
        "UPDATE warden.audited_registry SET excluded = array_remove(excluded, $2::name), \
           redacted = array_remove(redacted, $2::name) \
         WHERE relation = $1::oid::regclass AND $2::name = ANY (excluded || redacted)",
        &[relation.into(), name.into()],
    )?;
    Ok(())
}

/// # Errors
/// 55000 for a column that is to hold the tenant and that the log keeps back.
pub fn refuse_hidden_tenant(relation: pg_sys::Oid, column: &str) -> Result<()> {
    let Some(audited) = of_family(relation)? else { return Ok(()) };
    let columns = [column.to_owned()];
    if audited.options().hides_any(&columns).is_none() {
        return Ok(());
    }
    Err(WardenError::new(SqlState::NotInPrerequisiteState, "the tenant column is kept back from the table's audit log")
        .detail(format!("Column \"{column}\" is excluded or redacted."))
        .hint("Audit the table anew, with the column as it is: warden.audit."))
}
