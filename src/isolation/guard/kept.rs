//! What a statement dropped on its way, looked at when it is done: a table may go, its protection alone may not.

use std::cell::RefCell;

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard::{self, Taken};

use super::{leaving, reader};
use crate::isolation::registry;
use crate::pg::{catalog, spi};

/// Something of a protected table that was dropped or altered. Whether it is still there is asked of the catalogs, so
/// that an entry of a rolled back savepoint costs a look and refuses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    Column {
        relation: pg_sys::Oid,
    },
    NotNull {
        relation: pg_sys::Oid,
    },
    Policy {
        relation: pg_sys::Oid,
        name: String,
    },
    Trigger {
        relation: pg_sys::Oid,
        name: String,
    },
    ForeignKey {
        relation: pg_sys::Oid,
        other: pg_sys::Oid,
        name: String,
    },
    /// A table that has got another parent.
    Family {
        child: pg_sys::Oid,
    },
}

thread_local! {
    static NOTED: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

pub fn note(kept: Kept) {
    NOTED.with_borrow_mut(|noted| {
        if !noted.contains(&kept) {
            noted.push(kept);
        }
    });
}

/// A policy or trigger, if it is one of the protection's.
pub fn note_own(kept: Option<Kept>) -> Result<()> {
    if let Some(Kept::Policy { relation, name } | Kept::Trigger { relation, name }) = &kept
        && guard::is_own(name)
        && registry::lookup(*relation)?.is_some()
    {
        kept.into_iter().for_each(note);
    }
    Ok(())
}

pub fn note_column(relation: pg_sys::Oid) -> Result<()> {
    if registry::lookup(relation)?.is_some() {
        note(Kept::Column { relation });
    }
    Ok(())
}

/// For what was dropped outside of any statement.
pub fn before_commit() -> Result<()> {
    verify()
}

pub fn transaction_ended() {
    NOTED.with_borrow_mut(Vec::clear);
}

/// # Errors
/// 42501 when something of a protection is gone and its table is not.
pub fn verify() -> Result<()> {
    let noted = NOTED.take();
    if leaving::is_allowed() {
        return noted.iter().try_for_each(shut);
    }
    noted.iter().try_for_each(look)
}

/// Without one of its policies, a table is nobody's.
fn shut(kept: &Kept) -> Result<()> {
    match kept {
        Kept::Policy { relation, .. } if catalog::exists(*relation) && registry::lookup(*relation)?.is_some() => {
            leaving::shut(*relation)
        }
        _ => Ok(()),
    }
}

fn look(kept: &Kept) -> Result<()> {
    match kept {
        Kept::Column { relation } => column(*relation),
        Kept::NotNull { relation } => not_null(*relation),
        Kept::Policy { relation, name } => {
            let query = "SELECT EXISTS (SELECT FROM pg_policy WHERE polrelid = $1 AND polname = $2)";
            still_there(*relation, name, query, Taken::Policy(name))
        }
        Kept::Trigger { relation, name } => {
            let query = "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = $1 AND tgname = $2)";
            still_there(*relation, name, query, Taken::Trigger(name))
        }
        Kept::ForeignKey { relation, other, name } if catalog::exists(*other) => {
            let query =
                "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = $1 AND conname = $2 AND contype = 'f')";
            still_there(*relation, name, query, Taken::ForeignKey(name))
        }
        Kept::ForeignKey { .. } => Ok(()),
        Kept::Family { child } => family(*child),
    }
}

fn column(relation: pg_sys::Oid) -> Result<()> {
    if !catalog::exists(relation) {
        return Ok(());
    }
    let Some(protected) = registry::lookup(relation)? else { return Ok(()) };
    match protected.tenant_column() {
        Some(name) if catalog::column_number(relation, name).is_none() => {
            Err(guard::refuse_weakening(&catalog::relation_name(relation), Taken::Column(name)))
        }
        _ => Ok(()),
    }
}

fn not_null(relation: pg_sys::Oid) -> Result<()> {
    let Some(protected) = registry::lookup(relation)? else { return Ok(()) };
    let Some(name) = protected.tenant_column() else { return Ok(()) };
    let query = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = $1 AND attname = $2 AND attnotnull)";
    still_there(relation, name, query, Taken::NotNull(name))
}

fn still_there(relation: pg_sys::Oid, name: &str, query: &str, taken: Taken) -> Result<()> {
    // The whole extension may be gone by now, by the way that is left open for it.
    if !catalog::exists(relation) || registry::lookup(relation)?.is_none() {
        return Ok(());
    }
    if spi::as_owner(|| spi::value::<bool>(query, &[relation.into(), name.into()]))? == Some(true) {
        return Ok(());
    }
    Err(guard::refuse_weakening(&catalog::relation_name(relation), taken))
}

/// Every parent of a protected table is protected, in the whole family below the table that moved.
fn family(child: pg_sys::Oid) -> Result<()> {
    if !catalog::exists(child) {
        return Ok(());
    }
    for relation in reader::descendants(child)? {
        let parents = reader::parents(relation)?;
        let mut open = None;
        let mut has_protected = false;
        for parent in parents {
            match registry::lookup(parent)? {
                Some(_) => has_protected = true,
                None => open = Some(parent),
            }
        }
        let is_protected = registry::lookup(relation)?.is_some();
        if let Some(parent) = open
            && (is_protected || has_protected)
        {
            return Err(guard::refuse_parent(&catalog::relation_name(relation), &catalog::relation_name(parent)));
        }
        if has_protected && catalog::kind(relation) == Some('f') {
            return Err(guard::refuse_foreign(&catalog::relation_name(relation)));
        }
    }
    Ok(())
}
