//! DDL over audited tables: what would end or pass by the record is warden_admin's and recorded itself, and the registry
//! follows what changes a name, a column or a family.
//!
//! Triggers, rules and drops are decided at object accesses, which come by every route (CASCADE, DO blocks, DROP OWNED).

use std::cell::RefCell;
use std::ffi::CStr;
use std::rc::Rc;

use pgrx::pg_sys;
use serde_json::json;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::guard::AlterPart;

use super::registry::Audited;
use super::trigger::{self, Trigger};
use super::{event, incarnation, registry, schema, table, write};
use crate::encryption::column;
use crate::isolation::{api, facts};
use crate::pg::calls;
use crate::pg::ddl::{self, AlterTable, Command, TypeChange};
use crate::pg::object::{Access, ObjectEvent};
use crate::pg::role::{self, Role};
use crate::pg::tuple::{self, Catalog, Sees};
use crate::pg::utility::{self, Statement};
use crate::pg::xact::{self, SubTransaction};
use crate::pg::{catalog, function, guc, relation, spi};

/// DDL on a table of an audited family.
struct Done {
    root: pg_sys::Oid,
    relation: pg_sys::Oid,
    /// As it was called then.
    name: String,
    column: Option<Column>,
    /// It is said of the partition too when it is said of the whole table.
    is_apart: bool,
}

struct Column {
    /// As it was called then.
    name: String,
    new_name: Option<String>,
}

/// What one statement does to audited tables and their partitions.
#[derive(Default)]
struct Changes {
    /// How deep the statement stands among those that run, and the savepoint that it is undone with.
    depth: usize,
    savepoint: SubTransaction,
    command: String,
    /// Tables whose names, columns or keys it has changed.
    touched: Vec<pg_sys::Oid>,
    /// Columns of tables that are registered themselves: table, old name, new name.
    renamed: Vec<(pg_sys::Oid, String, String)>,
    lost: Vec<(pg_sys::Oid, String)>,
    /// Tables that have got another parent, or lost one.
    moved: Vec<pg_sys::Oid>,
    /// Triggers of ours that went by somebody who may not take them: they go with their tables alone.
    dropped: Vec<(pg_sys::Oid, String)>,
    /// Types, those of the rows of tables included, that are not what they were.
    types: Vec<pg_sys::Oid>,
    done: Vec<Done>,
}

thread_local! {
    /// Statements within statements have theirs apart: what an outer one has noted, none that runs within it takes,
    /// and no savepoint that is rolled back there wipes out.
    static CHANGES: RefCell<Vec<Changes>> = const { RefCell::new(Vec::new()) };
}

/// What a statement noted that an ERROR has cut off, and what was true within it.
pub fn transaction_ended() {
    CHANGES.take();
    registry::forget_families();
}

pub fn savepoint_released(own: SubTransaction, parent: SubTransaction) {
    CHANGES.with_borrow_mut(|all| {
        all.iter_mut().filter(|changes| changes.savepoint == own).for_each(|changes| changes.savepoint = parent);
    });
}

pub fn savepoint_rolled_back(own: SubTransaction) {
    CHANGES.with_borrow_mut(|all| all.retain(|changes| changes.savepoint != own));
    registry::forget_families();
}

/// Notes something of the statement that runs now.
fn change(with: impl FnOnce(&mut Changes)) {
    let (depth, savepoint) = (utility::depth(), xact::current_subtransaction());
    CHANGES.with_borrow_mut(|all| {
        let is_here = |changes: &Changes| (changes.depth, changes.savepoint) == (depth, savepoint);
        let at = all.iter().position(is_here).unwrap_or_else(|| {
            let command = utility::running_command();
            all.push(Changes { depth, savepoint, command, ..Changes::default() });
            all.len() - 1
        });
        with(&mut all[at]);
    });
}

fn push_once<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}

fn touch(table: pg_sys::Oid) {
    change(|changes| push_once(&mut changes.touched, table));
}

pub fn statement_starts(statement: &Statement) -> Result<()> {
    if let Some(schema) = ddl::renamed_schema(statement)
        && !registry::is_empty()?
    {
        // The other pillars may have looked at the new name when the object tells of it.
        return note_schema(schema);
    }
    if !ddl::concerns_guard(statement) || api::running() {
        return Ok(());
    }
    if statement.tag() == pg_sys::NodeTag::T_DropStmt {
        return match ddl::command(statement) {
            Command::DropExtension(names) if names.iter().any(|name| name == "pg_warden") => {
                // Whoever does not own it hears so from PostgreSQL.
                let owner = role::extension_owner().unwrap_or(pg_sys::Oid::INVALID);
                if role::has_rights_of(role::current(), owner) { refuse_leaving() } else { Ok(()) }
            }
            _ => Ok(()),
        };
    }
    if statement.tag() != pg_sys::NodeTag::T_AlterTableStmt || registry::is_empty()? {
        return Ok(());
    }
    match ddl::command(statement) {
        Command::AlterTable(alter) => alter_table(&alter),
        Command::AlterCompositeType { of } => typed_tables(of),
        _ => Ok(()),
    }
}

fn alter_table(alter: &AlterTable) -> Result<()> {
    let own = registry::of_family(alter.relation)?;
    if let Some(audited) = &own {
        if alter.has_unlogging {
            allow(alter.relation, audited, Act::Unlog)?;
        }
        // Not every part of it tells of itself.
        note(alter.relation, audited);
    }
    for (part, change) in &alter.parts {
        match part {
            AlterPart::DetachPartition => {
                if let Some(audited) = &own {
                    allow(alter.relation, audited, Act::Detach)?;
                }
            }
            AlterPart::RetypeColumn(column) if computes(*change, alter.relation) => {
                // An audited table may lie below one that is not.
                for table in facts::family(alter.relation)? {
                    if let Some(audited) = registry::of_family(table)? {
                        allow(table, &audited, Act::Retype(column))?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether values are made by more than a cast of PostgreSQL's own: by USING, or by a cast of a type of somebody's.
fn computes(change: TypeChange, relation: pg_sys::Oid) -> bool {
    if change.has_using() {
        return true;
    }
    let Some((from, to)) = change.types(relation) else { return false };
    let parties = calls::cast_parties(from, to).unwrap_or_default();
    parties.into_iter().filter_map(catalog::type_owner).any(|owner| !function::approves(owner, &[Role::Admin]))
}

/// ALTER TYPE … ATTRIBUTE … CASCADE converts the rows of the tables of the type.
fn typed_tables(of: pg_sys::Oid) -> Result<()> {
    let tables = facts::latest("SELECT c.oid FROM pg_class c WHERE c.reloftype = $1", &[of.into()], |row| {
        row.need::<pg_sys::Oid>(1)
    })?;
    for table in tables {
        if let Some(audited) = registry::of_family(table)? {
            allow(table, &audited, Act::AlterType)?;
        }
    }
    Ok(())
}

/// What leaves names, columns and rows as they are, also where it rewrites a table.
const MAINTENANCE: [&str; 8] =
    ["ANALYZE", "CLUSTER", "COMMENT", "CREATE INDEX", "GRANT", "REINDEX", "REVOKE", "VACUUM"];

pub fn object(event: &ObjectEvent) -> Result<()> {
    let watched = [
        tuple::CLASS.table,
        tuple::NAMESPACE.table,
        tuple::TRIGGER.table,
        tuple::RULE.table,
        tuple::POLICY.table,
        tuple::INHERITS.table,
        tuple::CONSTRAINT.table,
        tuple::ATTRDEF.table,
        tuple::TYPE.table,
    ];
    if event.access == Access::Executing || !watched.contains(&event.class) {
        return Ok(());
    }
    let is_relation = event.class == tuple::CLASS.table;
    if is_relation && event.access == Access::Dropping && event.part == 0 && is_store(event.object) {
        return refuse_leaving();
    }
    if registry::is_empty()? || MAINTENANCE.contains(&utility::running_command().as_str()) {
        return Ok(());
    }
    match event.class {
        _ if is_relation => table_event(event),
        class if class == tuple::INHERITS.table => moves(event),
        class if class == tuple::NAMESPACE.table => {
            if event.access == Access::Altered {
                renamed_schema(event.object)
            } else {
                Ok(())
            }
        }
        class if class == tuple::TYPE.table => {
            if event.access == Access::Altered {
                change(|changes| push_once(&mut changes.types, event.object));
            }
            Ok(())
        }
        class if class == tuple::TRIGGER.table => trigger_event(event),
        class if class == tuple::RULE.table => rule_event(event),
        class if class == tuple::CONSTRAINT.table => {
            let is_key = event.access == Access::Created && has_made_key(event)?;
            part_event(event, tuple::CONSTRAINT, c"conrelid", is_key)
        }
        class if class == tuple::POLICY.table => part_event(event, tuple::POLICY, c"polrelid", false),
        _ => part_event(event, tuple::ATTRDEF_BY_OID, c"adrelid", false),
    }
}

fn table_event(event: &ObjectEvent) -> Result<()> {
    let is_dropping = event.access == Access::Dropping;
    let is_whole = event.part == 0;
    if !(is_whole && (is_dropping || event.access == Access::Created))
        && let Some(kind) = catalog::row_type(event.object)
    {
        change(|changes| push_once(&mut changes.types, kind));
    }
    let Some(audited) = registry::of_family(event.object)? else { return Ok(()) };
    if is_dropping && is_whole {
        return table_goes(event.object, &audited);
    }
    touch(event.object);
    if is_whole {
        note(event.object, &audited);
        return Ok(());
    }
    let renamed = relation::renamed(event.object, event.part)?;
    let column = match renamed.clone() {
        Some((name, new_name)) => Some(Column { name, new_name: Some(new_name) }),
        None => column_name(event)?.map(|name| Column { name, new_name: None }),
    };
    let lost = column.as_ref().filter(|_| is_dropping).map(|column| column.name.clone());
    note_as(event.object, &audited, column, false);
    if event.object == audited.relation {
        change(|changes| {
            changes.renamed.extend(renamed.map(|(old, new)| (event.object, old, new)));
            changes.lost.extend(lost.map(|name| (event.object, name)));
        });
    }
    Ok(())
}

fn column_name(event: &ObjectEvent) -> Result<Option<String>> {
    let key = [event.object.to_u32(), event.part.cast_unsigned()];
    let sees = if event.access == Access::Created { Sees::Now } else { Sees::Before };
    // System columns have no names of anybody's.
    if event.part < 0 { Ok(None) } else { tuple::row(tuple::ATTRIBUTE, &key, sees, |row| row.name(c"attname")) }
}

/// A table gets a parent, or loses one. Either may be of an audited family.
fn moves(event: &ObjectEvent) -> Result<()> {
    change(|changes| push_once(&mut changes.moved, event.object));
    for table in [event.other, Some(event.object)].into_iter().flatten() {
        if let Some(audited) = registry::of_family(table)? {
            note_as(event.object, &audited, None, true);
            break;
        }
    }
    Ok(())
}

/// The table that something belongs to.
fn owner(event: &ObjectEvent, catalog: Catalog, column: &CStr) -> Result<Option<(pg_sys::Oid, Rc<Audited>)>> {
    let sees = if event.access == Access::Dropping { Sees::Before } else { Sees::Now };
    let Some(table) = tuple::row(catalog, &[event.object.to_u32()], sees, |row| row.oid(column))? else {
        return Ok(None);
    };
    // A domain's constraint has none.
    if table == pg_sys::Oid::INVALID {
        return Ok(None);
    }
    Ok(registry::of_family(table)?.map(|audited| (table, audited)))
}

fn part_event(event: &ObjectEvent, catalog: Catalog, column: &CStr, is_key: bool) -> Result<()> {
    if let Some((table, audited)) = owner(event, catalog, column)? {
        note(table, &audited);
        if is_key {
            touch(table);
        }
    }
    Ok(())
}

/// A key that has come: the log must have its columns.
fn has_made_key(event: &ObjectEvent) -> Result<bool> {
    let kind = tuple::row(tuple::CONSTRAINT, &[event.object.to_u32()], Sees::Now, |row| row.char(c"contype"))?;
    Ok(kind == Some('p'))
}

/// A rule that does something else instead: what is said to the table does not happen to its rows.
fn rule_event(event: &ObjectEvent) -> Result<()> {
    let Some((table, audited)) = owner(event, tuple::RULE, c"ev_class")? else { return Ok(()) };
    note(table, &audited);
    if api::running() || event.access == Access::Dropping {
        return Ok(());
    }
    let seen = |sees| {
        tuple::row(tuple::RULE, &[event.object.to_u32()], sees, |row| {
            Ok((row.bool(c"is_instead")?, row.char(c"ev_enabled")?, row.name(c"rulename")?))
        })
    };
    let Some((true, enabled, name)) = seen(Sees::Now)? else { return Ok(()) };
    let was_enabled = seen(Sees::Before)?.map(|(_, enabled, _)| enabled);
    let fires_as_before = event.access == Access::Altered && was_enabled == Some(enabled);
    if enabled == 'D' || fires_as_before { Ok(()) } else { allow(table, &audited, Act::Rule(&name)) }
}

fn table_goes(table: pg_sys::Oid, audited: &Audited) -> Result<()> {
    if !api::running() {
        allow(table, audited, Act::Drop)?;
    }
    if audited.relation == table {
        spi::as_owner(|| registry::leave(table))?;
    }
    registry::changed();
    Ok(())
}

fn note_schema(schema: pg_sys::Oid) -> Result<()> {
    for table in audited_in(schema)? {
        if let Some(audited) = registry::of_family(table)? {
            note(table, &audited);
        }
    }
    Ok(())
}

fn audited_in(schema: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    facts::latest(
        "WITH RECURSIVE family(relation) AS (SELECT r.relation::oid FROM warden.audited_registry r UNION \
           SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.relation = i.inhparent) \
         SELECT f.relation FROM family f JOIN pg_class c ON c.oid = f.relation WHERE c.relnamespace = $1 ORDER BY 1",
        &[schema.into()],
        |row| row.need::<pg_sys::Oid>(1),
    )
}

fn renamed_schema(schema: pg_sys::Oid) -> Result<()> {
    audited_in(schema)?.into_iter().for_each(touch);
    let types = facts::latest("SELECT t.oid FROM pg_type t WHERE t.typnamespace = $1", &[schema.into()], |row| {
        row.need::<pg_sys::Oid>(1)
    })?;
    change(|changes| changes.types.extend(types));
    Ok(())
}

fn trigger_event(event: &ObjectEvent) -> Result<()> {
    if api::running() {
        return Ok(());
    }
    if let Some((table, audited)) = owner(event, tuple::TRIGGER, c"tgrelid")?
        && !is_internal(event)?
    {
        note(table, &audited);
    }
    let seen = |sees| tuple::row(tuple::TRIGGER, &[event.object.to_u32()], sees, Trigger::read);
    let before = seen(Sees::Before)?;
    if event.access != Access::Dropping {
        return match seen(Sees::Now)? {
            Some(now) => trigger_written(before.as_ref(), &now),
            None => Ok(()),
        };
    }
    let Some(gone) = before.filter(Trigger::has_our_name) else { return Ok(()) };
    let Some(audited) = registry::of_family(gone.relation)? else { return Ok(()) };
    if is_officer() {
        return allow(gone.relation, &audited, Act::Trigger(&gone.name));
    }
    change(|changes| changes.dropped.push((gone.relation, gone.name)));
    Ok(())
}

/// Whether it is a foreign key's: what that does to rows, it does by statements that the triggers record.
fn is_internal(event: &ObjectEvent) -> Result<bool> {
    let sees = if event.access == Access::Dropping { Sees::Before } else { Sees::Now };
    let found = tuple::row(tuple::TRIGGER, &[event.object.to_u32()], sees, |row| row.bool(c"tgisinternal"))?;
    Ok(found == Some(true))
}

/// A trigger that was made, replaced, renamed, enabled or disabled.
fn trigger_written(before: Option<&Trigger>, now: &Trigger) -> Result<()> {
    let was = before.filter(|before| before.has_our_name());
    if was.is_none() && !now.has_our_name() && !now.calls_ours() {
        return Ok(());
    }
    let Some(audited) = registry::of_family(now.relation)? else { return Ok(()) };
    let keeps_name = was.is_none_or(|was| was.name == now.name);
    // One that has just been made fires always by a second statement, of a dump too.
    let is_in_place = now.is_ours() && keeps_name && (now.enabled == 'A' || before.is_none());
    // A partition gets its parent's from PostgreSQL, whoever makes or attaches it.
    if is_in_place && (before.is_some() || now.is_inherited || is_officer()) {
        return Ok(());
    }
    let name = was.map_or(&now.name, |was| &was.name);
    let act = if trigger::is_own(name) { Act::Trigger(name) } else { Act::Borrow(name) };
    allow(now.relation, &audited, act)
}

/// Families, names, columns and keys as the statement left them.
pub fn statement_done() -> Result<()> {
    settle_from(utility::depth())
}

/// For what was done outside of any statement, and before a statement that ends the transaction on its way.
pub fn before_commit() -> Result<()> {
    if CHANGES.with_borrow(Vec::is_empty) { Ok(()) } else { spi::with_snapshot(|| settle_from(0)) }
}

/// What the statement at that depth has noted.
fn settle_from(depth: usize) -> Result<()> {
    let changes: Vec<Changes> =
        CHANGES.with_borrow_mut(|all| all.extract_if(.., |changes| changes.depth >= depth).collect());
    // The whole extension may be gone by now.
    if changes.is_empty() || !registry::is_installed() {
        return Ok(());
    }
    xact::next_command();
    changes.into_iter().try_for_each(settle_changes)
}

fn settle_changes(mut changes: Changes) -> Result<()> {
    let typed = of_types(&changes.types)?;
    if !changes.touched.is_empty() || !changes.moved.is_empty() || !typed.is_empty() {
        registry::changed();
    }
    for (table, audited) in &typed {
        push_once(&mut changes.touched, *table);
        changes.done.push(done(*table, audited, None, false));
    }
    require_standing(&changes.dropped)?;
    {
        let _running = api::begin();
        spi::as_owner(|| follow(&changes))?;
    }
    // What the extension does is recorded as what it was asked for.
    if api::running() { Ok(()) } else { record(&changes.command, &changes.done) }
}

/// Tables of audited families that have columns of these types, or of types that stand on them.
fn of_types(types: &[pg_sys::Oid]) -> Result<Vec<(pg_sys::Oid, Rc<Audited>)>> {
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let tables = facts::latest(
        "WITH RECURSIVE changed(kind) AS (SELECT unnest($1::oid[]) UNION \
           SELECT CASE WHEN d.classid = 'pg_type'::regclass THEN d.objid ELSE c.reltype END \
           FROM changed t JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = t.kind \
             AND d.classid IN ('pg_type'::regclass, 'pg_class'::regclass) \
             LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid) \
         SELECT DISTINCT c.oid FROM changed t JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass \
           AND d.refobjid = t.kind AND d.classid = 'pg_class'::regclass AND d.objsubid > 0 \
           JOIN pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p') ORDER BY 1",
        &[types.to_vec().into()],
        |row| row.need::<pg_sys::Oid>(1),
    )?;
    let mut audited = Vec::new();
    for table in tables {
        audited.extend(registry::of_family(table)?.map(|of| (table, of)));
    }
    Ok(audited)
}

fn require_standing(dropped: &[(pg_sys::Oid, String)]) -> Result<()> {
    for (relation, name) in dropped {
        if catalog::exists(*relation) && registry::of_family(*relation)?.is_some() && !trigger::stands(*relation, name)?
        {
            return Err(refuse(*relation, Act::Trigger(name)));
        }
    }
    Ok(())
}

fn follow(changes: &Changes) -> Result<()> {
    for (relation, from, to) in &changes.renamed {
        registry::column_renamed(*relation, from, to)?;
    }
    for (relation, name) in &changes.lost {
        registry::column_dropped(*relation, name)?;
    }
    for table in changes.moved.iter().filter(|table| catalog::exists(**table)) {
        moved(*table)?;
    }
    let mut touched: Vec<_> = changes.touched.iter().map(|table| (catalog::recorded_name(*table), *table)).collect();
    // In the order of their names: two that settle the same tables wait for each other, and not crosswise.
    touched.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    for (_, table) in touched.into_iter().filter(|(_, table)| catalog::exists(*table)) {
        if let Some(audited) = registry::of_family(table)? {
            settle(table, &audited)?;
        }
    }
    Ok(())
}

/// A table of an audited family as it is now: its key is shown, and its columns have a number.
fn settle(table: pg_sys::Oid, audited: &Audited) -> Result<()> {
    let key = column::primary_key(table)?;
    if let Some(column) = audited.options().hides_any(&key) {
        return Err(WardenError::new(
            SqlState::NotInPrerequisiteState,
            "a column that the audit log keeps back cannot be part of a primary key",
        )
        .detail(format!(
            "Column \"{column}\" of table {} is excluded or redacted, and the log names rows by their primary key.",
            catalog::recorded_name(table)
        ))
        .hint("Audit the table anew, with the column as it is: warden.audit."));
    }
    schema::version(table, &catalog::recorded_name(table))?;
    Ok(())
}

/// A table that has become a partition or child, or is one no more, with all below it.
fn moved(table: pg_sys::Oid) -> Result<()> {
    table::refuse_inheritance(table)?;
    for member in facts::family(table)? {
        match registry::of_family(member)? {
            Some(audited) => {
                table::require_member(member)?;
                if audited.relation != member && !is_officer() && has_rows(member)? {
                    return Err(refuse(member, Act::Attach));
                }
                trigger::establish(&[member], audited.relation)?;
                settle(member, &audited)?;
            }
            // What PostgreSQL gave it with its parent's trigger, it takes with the parent.
            None => trigger::remove(&[member])?,
        }
    }
    Ok(())
}

/// Whether a table holds rows by itself, whoever they are of.
fn has_rows(table: pg_sys::Oid) -> Result<bool> {
    let name = catalog::relation_name(table);
    Ok(spi::value::<bool>(&format!("SELECT EXISTS (SELECT FROM ONLY {name})"), &[])? == Some(true))
}

/// A superuser's DDL in a database in which nothing has been recorded since it came to be is that of a dump: it makes the
/// tables what the log knows them as.
fn is_restoring() -> Result<bool> {
    Ok(role::is_superuser(utility::caller()) && !write::has_waiting() && !incarnation::has_entries()?)
}

/// One event a statement and table; a family's, where its topmost table is among them.
fn record(command: &str, done: &[Done]) -> Result<()> {
    if done.is_empty() || is_restoring()? {
        return Ok(());
    }
    for (at, one) in done.iter().enumerate() {
        let of_table = || done.iter().filter(|other| other.relation == one.relation);
        let is_part = one.relation != one.root && !of_table().any(|other| other.is_apart);
        let is_covered = is_part && done.iter().any(|other| other.relation == one.root);
        if is_covered || done[..at].iter().any(|other| other.relation == one.relation) {
            continue;
        }
        let mut columns: Vec<&str> = of_table().filter_map(|done| Some(done.column.as_ref()?.name.as_str())).collect();
        columns.sort_unstable();
        columns.dedup();
        let name = catalog::recorded_name(one.relation);
        let new_column = of_table().find_map(|done| done.column.as_ref()?.new_name.as_deref());
        let to = new_column.or(Some(name.as_str()).filter(|name| !name.is_empty() && *name != one.name));
        let mut detail = json!({"command": command, "relation": one.name});
        if !columns.is_empty() {
            detail["columns"] = json!(columns);
        }
        if let Some(to) = to {
            detail["to"] = json!(to);
        }
        event::record(None, "warden.audit.alter", detail)?;
    }
    Ok(())
}

/// What would end the record of a table, or pass it by.
#[derive(Clone, Copy)]
enum Act<'a> {
    /// A trigger of the audit's would not fire any more as it does.
    Trigger(&'a str),
    /// A trigger of another name calls a function of the audit's.
    Borrow(&'a str),
    Drop,
    Attach,
    Detach,
    Retype(&'a str),
    AlterType,
    Unlog,
    Rule(&'a str),
}

impl Act<'_> {
    fn describe(self) -> String {
        match self {
            Act::Trigger(name) => format!("Trigger \"{name}\" is a part of the audit."),
            Act::Borrow(name) => format!("Trigger \"{name}\" calls a function of the audit's own triggers."),
            Act::Drop => "All its rows would be gone, and the log would not say so.".to_owned(),
            Act::Attach => "It brings rows that stand in no entry.".to_owned(),
            Act::Detach => {
                "The partition's rows would be gone from the table, and its changes not recorded.".to_owned()
            }
            Act::Retype(column) => {
                format!("Every value of column \"{column}\" would be computed anew, and the log would not say so.")
            }
            Act::AlterType => "The values of its type would be converted, and the log would not say so.".to_owned(),
            Act::Unlog => "A crash would empty the table, and the log would not say so.".to_owned(),
            Act::Rule(name) => {
                format!("Rule \"{name}\" would do something else instead of what is said to the table.")
            }
        }
    }
}

/// Notes it, to be recorded, for a member of warden_admin.
///
/// # Errors
/// 42501 for everybody else.
fn allow(relation: pg_sys::Oid, audited: &Audited, act: Act) -> Result<()> {
    if !is_officer() {
        return Err(refuse(relation, act));
    }
    note(relation, audited);
    Ok(())
}

fn note(relation: pg_sys::Oid, audited: &Audited) {
    note_as(relation, audited, None, false);
}

/// Not what the extension does itself: that has events of its own.
fn note_as(relation: pg_sys::Oid, audited: &Audited, column: Option<Column>, is_apart: bool) {
    if !api::running() {
        let done = done(relation, audited, column, is_apart);
        change(|changes| changes.done.push(done));
    }
}

fn done(relation: pg_sys::Oid, audited: &Audited, column: Option<Column>, is_apart: bool) -> Done {
    Done { root: audited.relation, relation, name: catalog::recorded_name(relation), column, is_apart }
}

fn is_officer() -> bool {
    role::has(utility::caller(), Role::Admin)
}

fn refuse(relation: pg_sys::Oid, act: Act) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("audit of table {} cannot be weakened", catalog::recorded_name(relation)),
    )
    .detail(act.describe())
    .hint("A superuser, or an owner who is a member of warden_admin, can do it, and it is recorded. warden.unaudit ends the audit.")
}

/// The tables that hold what must not be lost.
fn is_store(relation: pg_sys::Oid) -> bool {
    ["audited_registry", "audit_entry"].contains(&catalog::bare_name(relation).as_str())
        && catalog::schema_name(relation) == "warden"
}

/// # Errors
/// 55000 while the log holds anything or a table is audited.
fn refuse_leaving() -> Result<()> {
    if guc::ALLOW_DROP.get() || !registry::is_installed() {
        return Ok(());
    }
    let tables = registry::all()?.len();
    let has_entries = spi::as_owner(|| {
        let stands = spi::value::<bool>("SELECT to_regclass('warden.audit_entry') IS NOT NULL", &[])?;
        if stands == Some(true) { spi::value("SELECT EXISTS (SELECT FROM warden.audit_entry)", &[]) } else { Ok(None) }
    })?;
    let mut facts = Vec::new();
    if tables > 0 {
        facts.push(format!("Audited tables: {tables}."));
    }
    if has_entries == Some(true) {
        facts.push("The audit log holds entries, which would be dropped with it.".to_owned());
    }
    if facts.is_empty() {
        return Ok(());
    }
    Err(WardenError::new(SqlState::NotInPrerequisiteState, "extension pg_warden is still in use")
        .detail(facts.join(" "))
        .hint("End the audit of the tables with warden.unaudit, and export what is to be kept with warden.export_audit. A superuser can then set warden.allow_drop."))
}
