//! What is decided by what happens to an object, whichever statement did it.

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard::{self, BIND_TRIGGER, Taken};

use super::kept::{self, Kept};
use super::{leaving, reader, restore};
use crate::isolation::{api, birth, registry};
use crate::pg::catalog;
use crate::pg::object::{Access, ObjectEvent};
use crate::pg::tuple::{self, Sees};

pub fn object(event: &ObjectEvent) -> Result<()> {
    if event.access == Access::Executing || !is_watched(event.class) || api::running() || registry::count()? == 0 {
        return Ok(());
    }
    match event.access {
        Access::Dropping => dropping(event),
        Access::Created | Access::Altered => written(event),
        Access::Executing => Ok(()),
    }
}

fn is_watched(class: pg_sys::Oid) -> bool {
    let catalogs = [
        tuple::CLASS,
        tuple::CONSTRAINT,
        tuple::ATTRDEF,
        tuple::POLICY,
        tuple::RULE,
        tuple::TRIGGER,
        tuple::STATISTICS,
        tuple::INHERITS,
        tuple::FUNCTION,
        tuple::TYPE,
        tuple::CAST,
    ];
    catalogs.iter().any(|catalog| catalog.table == class)
}

fn written(event: &ObjectEvent) -> Result<()> {
    let created = event.access == Access::Created;
    match event.class {
        class if class == tuple::CLASS.table => match (created, event.part) {
            (true, 0) => reader::index(event.object),
            (true, column) => reader::column_type(event.object, column),
            (false, 0) => Ok(()),
            (false, column) => {
                birth::column_altered(event.object, column)?;
                reader::column_type(event.object, column)?;
                kept::note_column(event.object)
            }
        },
        class if class == tuple::CONSTRAINT.table => reader::constraint(event.object),
        class if class == tuple::ATTRDEF.table => reader::default(event.object, event.part),
        class if class == tuple::STATISTICS.table => reader::statistics(event.object),
        class if class == tuple::RULE.table => reader::rule(event.object),
        class if class == tuple::POLICY.table => {
            if !(created && restore::policy(event.object)?) {
                refuse_own(tuple::POLICY, event.object, c"polrelid", c"polname", |name| Taken::Policy(name))?;
            }
            reader::policy(event.object)
        }
        class if class == tuple::TRIGGER.table => {
            if !(created && restore::trigger(event.object)? || is_enabled_for_good(event.object)?) {
                refuse_own(tuple::TRIGGER, event.object, c"tgrelid", c"tgname", |name| Taken::Trigger(name))?;
            }
            reader::trigger(event.object)
        }
        class if class == tuple::FUNCTION.table && !created => reader::function_altered(event.object),
        class if class == tuple::TYPE.table && !created => reader::domain_default(event.object),
        class if class == tuple::CAST.table => reader::cast(event.object),
        class if class == tuple::INHERITS.table => inherits(event.object, event.other),
        _ => Ok(()),
    }
}

/// Whether a trigger that stood before now fires always, as those of the protection do.
fn is_enabled_for_good(trigger: pg_sys::Oid) -> Result<bool> {
    let seen = |sees| {
        tuple::row(tuple::TRIGGER, &[trigger.to_u32()], sees, |row| Ok((row.name(c"tgname")?, row.char(c"tgenabled")?)))
    };
    let (before, now) = (seen(Sees::Before)?, seen(Sees::Now)?);
    // The one that binds encrypted values fires for no replica, which is sent them bound.
    Ok(before.zip(now).is_some_and(|((old, _), (new, enabled))| old == new && old != BIND_TRIGGER && enabled == 'A'))
}

/// A policy or trigger of the protection is neither altered nor renamed, nor is its name taken.
fn refuse_own(
    catalog: tuple::Catalog,
    object: pg_sys::Oid,
    relation: &std::ffi::CStr,
    name: &std::ffi::CStr,
    taken: fn(&str) -> Taken,
) -> Result<()> {
    for sees in [Sees::Before, Sees::Now] {
        let found = tuple::row(catalog, &[object.to_u32()], sees, |row| Ok((row.oid(relation)?, row.name(name)?)))?;
        let Some((relation, name)) = found else { continue };
        if guard::is_own(&name) && registry::lookup(relation)?.is_some() {
            return Err(guard::refuse_weakening(&catalog::relation_name(relation), taken(&name)));
        }
    }
    Ok(())
}

/// A table has another parent, or one less. An open parent of a protected table is refused at once: ATTACH PARTITION
/// would evaluate the parent's partition key over the rows before the statement ends.
fn inherits(child: pg_sys::Oid, parent: Option<pg_sys::Oid>) -> Result<()> {
    if let Some(parent) = parent
        && registry::lookup(child)?.is_some()
        && registry::lookup(parent)?.is_none()
        && reader::has_parent(child, parent)?
    {
        return Err(guard::refuse_parent(&catalog::relation_name(child), &catalog::relation_name(parent)));
    }
    kept::note(Kept::Family { child });
    Ok(())
}

fn dropping(event: &ObjectEvent) -> Result<()> {
    let key = [event.object.to_u32()];
    match event.class {
        class if class == tuple::CLASS.table && event.part == 0 => leaving::drop_relation(event.object),
        class if class == tuple::CLASS.table => kept::note_column(event.object),
        class if class == tuple::POLICY.table => {
            let policy = tuple::row(tuple::POLICY, &key, Sees::Before, |row| {
                Ok(Kept::Policy { relation: row.oid(c"polrelid")?, name: row.name(c"polname")? })
            })?;
            kept::note_own(policy)
        }
        class if class == tuple::TRIGGER.table => {
            let trigger = tuple::row(tuple::TRIGGER, &key, Sees::Before, |row| {
                // A partition's copy goes with its parent's, or with the partition.
                let is_inherited = row.oid(c"tgparentid")? != pg_sys::Oid::INVALID;
                let trigger = Kept::Trigger { relation: row.oid(c"tgrelid")?, name: row.name(c"tgname")? };
                Ok((!is_inherited).then_some(trigger))
            })?;
            kept::note_own(trigger.flatten())
        }
        class if class == tuple::CONSTRAINT.table => constraint(event.object),
        _ => Ok(()),
    }
}

/// A foreign key between protected tables that holds the tenant column; the NOT NULL of the tenant column, which is a
/// constraint since PostgreSQL 18.
fn constraint(constraint: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::CONSTRAINT, &[constraint.to_u32()], Sees::Before, |row| {
        let kind = row.char(c"contype")?;
        if !matches!(kind, 'f' | 'n') || row.oid(c"conparentid")? != pg_sys::Oid::INVALID {
            return Ok(None);
        }
        let tables = (row.oid(c"conrelid")?, row.oid(c"confrelid")?);
        Ok(Some((kind, tables, row.name(c"conname")?, row.shorts(c"conkey")?)))
    })?;
    let Some(Some((kind, (relation, other), name, columns))) = found else { return Ok(()) };
    let Some(protected) = registry::lookup(relation)? else { return Ok(()) };
    let tenant = protected.tenant_column().and_then(|column| catalog::column_number(relation, column));
    if !tenant.is_some_and(|tenant| columns.contains(&tenant)) {
        return Ok(());
    }
    if kind == 'n' {
        kept::note(Kept::NotNull { relation });
    } else if registry::lookup(other)?.is_some() {
        kept::note(Kept::ForeignKey { relation, other, name });
    }
    Ok(())
}
