//! DDL over tables with encrypted columns: what would make values unreadable is refused, and view and registry follow
//! what changes a name.

use std::cell::RefCell;

use pgrx::pg_sys;
use warden_core::encryption::column::view_name;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::guard::AlterPart;
use warden_core::isolation::quote;

use super::registry::{Column, Columns};
use super::{BIND_TRIGGER, column, registry, view, write};
use crate::isolation::{api, facts};
use crate::pg::cache::{self, Registry};
use crate::pg::ddl::{self, Command};
use crate::pg::error::internal;
use crate::pg::object::{Access, ObjectEvent};
use crate::pg::relation::{self, Relation};
use crate::pg::tuple::{self, Sees};
use crate::pg::utility::Statement;
use crate::pg::{catalog, guc, role, spi, xact};

/// A companion view that was dropped, with the grants that it had.
struct Dropped {
    table: pg_sys::Oid,
    grants: Vec<view::Grant>,
}

/// What the statement at hand does to tables with encrypted columns and to their views.
#[derive(Default)]
struct Changes {
    /// Tables whose names or columns it has changed.
    touched: Vec<pg_sys::Oid>,
    /// In their order: table, old name, new name.
    renamed: Vec<(pg_sys::Oid, String, String)>,
    /// Columns that go, by the names that they have when they do.
    lost: Vec<(pg_sys::Oid, String)>,
    /// Encrypted columns that it takes the default from.
    without_default: Vec<pgrx::Uuid>,
    /// Views whose defaults were put into the registry before the first of them went.
    remembered: Vec<pg_sys::Oid>,
}

impl Changes {
    fn touch(&mut self, table: pg_sys::Oid) {
        if !self.touched.contains(&table) {
            self.touched.push(table);
        }
    }
}

thread_local! {
    static CHANGES: RefCell<Changes> = RefCell::default();
    static DROPPED: RefCell<Vec<Dropped>> = const { RefCell::new(Vec::new()) };
}

pub fn transaction_ended() {
    statement_failed();
    DROPPED.with_borrow_mut(Vec::clear);
}

/// What a statement noted that an ERROR has cut off.
pub fn statement_failed() {
    CHANGES.take();
}

fn touch(table: pg_sys::Oid) {
    CHANGES.with_borrow_mut(|changes| changes.touch(table));
}

pub fn statement_starts(statement: &Statement) -> Result<()> {
    use pg_sys::NodeTag::{T_AlterObjectSchemaStmt, T_AlterTableStmt, T_DropStmt, T_RenameStmt};
    let tags = [T_AlterObjectSchemaStmt, T_AlterTableStmt, T_DropStmt, T_RenameStmt];
    if !tags.contains(&statement.tag()) || api::running() {
        return Ok(());
    }
    if statement.tag() == T_DropStmt {
        return match ddl::command(statement) {
            Command::DropExtension(names) if names.iter().any(|name| name == "pg_warden") => refuse_leaving(),
            _ => Ok(()),
        };
    }
    if registry::is_empty()? {
        return Ok(());
    }
    lock_view(statement)?;
    let Command::AlterTable(alter) = ddl::command(statement) else { return Ok(()) };
    let Some(columns) = registry::of_family(alter.relation)? else { return Ok(()) };
    alter.parts.iter().try_for_each(|(part, _)| alter_part(part, &columns))
}

/// A table's owner waits for the view's readers before he locks the table, which they read after the view.
fn lock_view(statement: &Statement) -> Result<()> {
    let Some(table) = ddl::reshaped(statement) else { return Ok(()) };
    match registry::of(table)? {
        Some(columns) if catalog::is_owned_by(table, role::current()) => view::lock_first(&columns),
        _ => {}
    }
    Ok(())
}

fn alter_part(part: &AlterPart, columns: &Columns) -> Result<()> {
    let encrypted = |name: &String| columns.iter().find(|column| column.name == *name);
    match part {
        AlterPart::RetypeColumn(name) if encrypted(name).is_some() => {
            Err(WardenError::new(SqlState::InsufficientPrivilege, "the type of an encrypted column cannot be changed")
                .hint("warden.decrypt_column gives it back the type that it had."))
        }
        AlterPart::RetypeColumn(name)
            if columns.iter().any(|column| column.key_columns.contains(name) || column.tenant_column == *name) =>
        {
            Err(WardenError::new(
                SqlState::InsufficientPrivilege,
                "the type of a column that encrypted values are bound to cannot be changed",
            )
            .detail(format!("Column \"{name}\" is part of the key of their rows."))
            .hint("Decrypt the table's columns first: warden.decrypt_column."))
        }
        AlterPart::DetachPartition => Err(WardenError::new(
            SqlState::NotInPrerequisiteState,
            "a partition of a table with encrypted columns cannot be detached",
        )
        .detail("It would have values that no trigger binds to their rows and no view decrypts.")
        .hint("Drop the partition, or decrypt the table's columns first: warden.decrypt_column.")),
        AlterPart::SetDefault(name) if encrypted(name).is_some() => {
            Err(WardenError::new(SqlState::FeatureNotSupported, "the default of an encrypted column cannot be changed")
                .detail("It is a clear value, which the companion view has.")
                .hint("Drop it, or decrypt the column, set its default and encrypt it again."))
        }
        AlterPart::DropDefault(name) => {
            let Some(column) = encrypted(name) else { return Ok(()) };
            CHANGES.with_borrow_mut(|changes| changes.without_default.push(column.id));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// # Errors
/// 55000 while a column of any table has one of the extension's types: CASCADE would drop it.
fn refuse_leaving() -> Result<()> {
    if guc::ALLOW_DROP.get() || !catalog::has_extension() {
        return Ok(());
    }
    let held = spi::as_owner(|| {
        spi::value::<i64>(
            "WITH RECURSIVE holding(kind) AS (VALUES ('warden.ciphertext'::regtype::oid), ('warden.ciphertext_eq'::regtype::oid) \
               UNION SELECT t.oid FROM pg_type t JOIN holding h ON t.typbasetype = h.kind OR t.typelem = h.kind) \
             SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
             WHERE a.atttypid IN (SELECT kind FROM holding) AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'c')",
            &[],
        )
    })?
    .unwrap_or_default();
    if held == 0 {
        return Ok(());
    }
    Err(WardenError::new(SqlState::NotInPrerequisiteState, "pg_warden cannot be dropped while columns are encrypted")
        .detail(format!("Columns with encrypted values, which would be dropped with it: {held}."))
        .hint("Decrypt them first: warden.decrypt_column. A superuser can set warden.allow_drop."))
}

pub fn object(event: &ObjectEvent) -> Result<()> {
    let watched = [pg_sys::RelationRelationId, pg_sys::NamespaceRelationId, tuple::ATTRDEF.table];
    if !watched.contains(&event.class) || event.access == Access::Executing || api::running() || registry::is_empty()? {
        return Ok(());
    }
    if event.class == pg_sys::NamespaceRelationId {
        let tables = registry::tables()?.into_iter();
        tables.filter(|table| Relation::find(*table).is_some_and(|found| found.schema == event.object)).for_each(touch);
        return Ok(());
    }
    if event.class == tuple::ATTRDEF.table {
        return if event.access == Access::Dropping { default_goes(event.object) } else { Ok(()) };
    }
    if registry::of(event.object)?.is_some() {
        return table_changes(event);
    }
    match registry::table_of(event.object)? {
        Some(table) if event.access == Access::Dropping && event.part == 0 => view_goes(event.object, table),
        _ => Ok(()),
    }
}

fn table_changes(event: &ObjectEvent) -> Result<()> {
    let table = event.object;
    if event.access == Access::Dropping && event.part == 0 {
        return spi::as_owner(|| {
            spi::execute(
                "DELETE FROM warden.encrypted_column_registry WHERE relation = $1::oid::regclass",
                &[table.into()],
            )
            .map(drop)
        });
    }
    touch(table);
    if event.part == 0 {
        return Ok(());
    }
    if event.access == Access::Dropping {
        let key = [table.to_u32(), event.part.cast_unsigned()];
        let name = tuple::row(tuple::ATTRIBUTE, &key, Sees::Before, |row| row.name(c"attname"))?;
        CHANGES.with_borrow_mut(|changes| changes.lost.extend(name.map(|name| (table, name))));
    } else if let Some((old, new)) = relation::renamed(table, event.part)? {
        CHANGES.with_borrow_mut(|changes| changes.renamed.push((table, old, new)));
    }
    Ok(())
}

/// A default is dropped by itself, with a function that it calls, or before its view: of a companion view, the registry
/// keeps all of them as they are before the first goes.
fn default_goes(default: pg_sys::Oid) -> Result<()> {
    let of = tuple::row(tuple::ATTRDEF_BY_OID, &[default.to_u32()], Sees::Before, |row| row.oid(c"adrelid"))?;
    let Some(view) = of else { return Ok(()) };
    let Some(table) = registry::table_of(view)? else { return Ok(()) };
    touch(table);
    if CHANGES.with_borrow(|changes| changes.remembered.contains(&view)) {
        return Ok(());
    }
    CHANGES.with_borrow_mut(|changes| changes.remembered.push(view));
    let columns = registry::of(table)?.unwrap_or_default();
    spi::as_owner(|| view::remember(view, &columns))
}

fn view_goes(view: pg_sys::Oid, table: pg_sys::Oid) -> Result<()> {
    let has_had_defaults = CHANGES.with_borrow(|changes| changes.remembered.contains(&view));
    let columns = registry::of(table)?.unwrap_or_default();
    let grants = spi::as_owner(|| {
        if !has_had_defaults {
            view::remember(view, &columns)?;
        }
        view::grants_of(view)
    })?;
    DROPPED.with_borrow_mut(|dropped| {
        // One of a savepoint that was rolled back, or of a view that stood in between.
        dropped.retain(|known| known.table != table);
        dropped.push(Dropped { table, grants });
    });
    Ok(())
}

/// Names, columns and defaults as the statement left them.
pub fn statement_done(statement: &Statement) -> Result<()> {
    if api::running() {
        return Ok(());
    }
    if relation::changes_families(statement) && !registry::is_empty()? {
        // Every backend asks anew which partition belongs to which table.
        cache::invalidate(cache::oid(Registry::Column));
        refuse_children()?;
    }
    let mut changes = CHANGES.take();
    if statement.tag() == pg_sys::NodeTag::T_AlterTableStmt && !registry::is_empty()? {
        // Defaults come and go without a word about their table.
        if let Some(table) = relation::altered(statement)
            && registry::of(table)?.is_some()
        {
            changes.touch(table);
        }
    }
    // The whole extension may be gone by now.
    if changes.touched.is_empty() || registry::is_empty()? {
        return Ok(());
    }
    xact::next_command();
    let _running = api::begin();
    spi::as_owner(|| {
        for (table, from, to) in &changes.renamed {
            rename(*table, from, to)?;
        }
        for column in changes.without_default {
            drop_default(column)?;
        }
        for table in changes.touched {
            if let Some(columns) = registry::of(table)? {
                let lost: Vec<&str> =
                    changes.lost.iter().filter(|(of, _)| *of == table).map(|(_, name)| name.as_str()).collect();
                settle(table, &columns, &lost)?;
            }
        }
        Ok(())
    })?;
    write::forget_targets();
    // Whatever stands on the table's columns is asked for anew, in every backend.
    cache::invalidate(cache::oid(Registry::Column));
    Ok(())
}

/// An encrypted column's default stands in the view.
fn drop_default(column: pgrx::Uuid) -> Result<()> {
    let Some(column) = registry::by_id(column)? else { return Ok(()) };
    if let Some(view) = view::standing(std::slice::from_ref(&column)) {
        let name = catalog::relation_name(view);
        spi::execute(&format!("ALTER VIEW {name} ALTER COLUMN {} DROP DEFAULT", quote(&column.name)), &[])?;
    }
    spi::execute(
        "UPDATE warden.encrypted_column_registry SET column_default = NULL WHERE id = $1",
        &[column.id.into()],
    )?;
    Ok(())
}

/// # Errors
/// 0A000 for a child that is no partition: it has no part in the key that values are bound to.
fn refuse_children() -> Result<()> {
    xact::next_command();
    for table in registry::tables()? {
        if let Some(child) = spi::as_owner(|| column::inheriting_child(table))? {
            return Err(WardenError::new(
                SqlState::FeatureNotSupported,
                "a table with encrypted columns cannot have inheritance children",
            )
            .detail(format!(
                "Table {} would inherit its columns without its primary key.",
                catalog::relation_name(child)
            )));
        }
    }
    Ok(())
}

fn rename(table: pg_sys::Oid, from: &str, to: &str) -> Result<()> {
    spi::execute(
        "UPDATE warden.encrypted_column_registry SET \
           column_name = CASE column_name WHEN $2::name THEN $3::name ELSE column_name END, \
           tenant_column = CASE tenant_column WHEN $2::name THEN $3::name ELSE tenant_column END, \
           key_columns = array_replace(key_columns, $2::name, $3::name) \
         WHERE relation = $1::oid::regclass",
        &[table.into(), from.into(), to.into()],
    )?;
    Ok(())
}

fn settle(table: pg_sys::Oid, columns: &Columns, lost: &[&str]) -> Result<()> {
    if !catalog::exists(table) {
        return Ok(());
    }
    let Some(first) = columns.first() else { return Ok(()) };
    require_key(table, first, lost)?;
    refuse_adopted(table)?;
    let name = facts::name(table)?;
    let has_lost = columns.iter().any(|column| lost.contains(&column.name.as_str()));
    for column in columns.iter() {
        if lost.contains(&column.name.as_str()) {
            spi::execute("DELETE FROM warden.encrypted_column_registry WHERE id = $1", &[column.id.into()])?;
        } else if catalog::column_number(table, &column.name).is_none() {
            return Err(internal("an encrypted column that has another name"));
        }
    }
    let Some(columns) = (if has_lost { registry::of(table)? } else { Some(columns.clone()) }) else {
        if let Some(view) = view::standing(std::slice::from_ref(first)) {
            spi::execute(&format!("DROP VIEW {}", catalog::relation_name(view)), &[])?;
        }
        spi::execute(&format!("DROP TRIGGER IF EXISTS {} ON {name}", quote(BIND_TRIGGER)), &[])?;
        return Ok(());
    };
    for column in columns.iter() {
        let names = column::current_names(&name, &column.name);
        spi::execute(
            "UPDATE warden.encrypted_column_registry r SET names = $2::text[] || \
               ARRAY(SELECT DISTINCT o FROM unnest(r.names) o WHERE o <> ALL ($2::text[])) \
             WHERE r.id = $1 AND r.names[1:2] <> $2::text[]",
            &[column.id.into(), names.into()],
        )?;
    }
    // One that was dropped comes back at commit: until then, the table can be changed where a view would stand in the way.
    let Some(view) = view::standing(&columns) else { return Ok(()) };
    view::follow(view, &view_name(&name))?;
    view::follow_owner(view, table)?;
    view::remember(view, &columns)?;
    if view::is_in_step(view, table, &columns)? {
        return Ok(());
    }
    view::build(&view_name(&name), table, &columns, None, None)
}

/// # Errors
/// 42501 when the table has lost the primary key that its values are bound to.
fn require_key(table: pg_sys::Oid, column: &Column, lost: &[&str]) -> Result<()> {
    let mut needed = column.key_columns.iter().chain([&column.tenant_column]);
    let gone = needed.find(|needed| lost.contains(&needed.as_str()) || catalog::column_number(table, needed).is_none());
    if let Some(needed) = gone {
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "encrypted values are bound to a column that would be dropped",
        )
        .detail(format!("Column \"{needed}\" is part of the key of their rows."))
        .hint("Decrypt the table's columns first: warden.decrypt_column."));
    }
    if column::primary_key(table)? == column.key_columns {
        return Ok(());
    }
    Err(WardenError::new(
        SqlState::InsufficientPrivilege,
        "encrypted values are bound to a primary key that would be dropped",
    )
    .detail(format!("Their rows are told apart by ({}).", column.key_columns.join(", ")))
    .hint("Decrypt the table's columns first: warden.decrypt_column. One that takes its place is added by the same ALTER TABLE."))
}

/// # Errors
/// 55000 for a table that has become part of another: its values are bound to columns of its own.
fn refuse_adopted(table: pg_sys::Oid) -> Result<()> {
    if facts::parents_outside(&[table])?.is_empty() {
        return Ok(());
    }
    Err(WardenError::new(
        SqlState::NotInPrerequisiteState,
        "a table with encrypted columns cannot become part of another",
    )
    .hint("Decrypt its columns first: warden.decrypt_column."))
}

/// Views that were dropped come back with their grants.
pub fn before_commit() -> Result<()> {
    let dropped = DROPPED.take();
    if dropped.is_empty() || registry::is_empty()? {
        return Ok(());
    }
    let _running = api::begin();
    spi::with_snapshot(|| {
        spi::as_owner(|| {
            for Dropped { table, grants } in &dropped {
                let columns = registry::of(*table)?.filter(|_| catalog::exists(*table));
                let Some(columns) = columns else { continue };
                if view::standing(&columns).is_some() {
                    continue;
                }
                let name = view_name(&facts::name(*table)?);
                view::build(&name, *table, &columns, None, Some(grants))?;
            }
            Ok(())
        })
    })
}
