//! encrypt_column and decrypt_column: check, lock, convert, enter.

use std::cell::Cell;
use std::ffi::CStr;

use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use serde_json::json;
use warden_core::encryption::column::{Clear, ColumnOptions, ColumnType, names, view_name};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{Name, quote, unique};
use warden_core::tenancy::Tier;

use super::registry::{self, Column};
use super::{BIND_TRIGGER, keys, view};
use crate::audit::event;
use crate::isolation::{api, facts, guard, registry as protections, trust};
use crate::pg::error::{answer, internal, notice};
use crate::pg::relation::Relation;
use crate::pg::role::{self, Role};
use crate::pg::{catalog, spi, typed};
use crate::sql::need;
use crate::tenancy::directory;

/// What tells the index of a searchable column from others: it follows renames and dumps.
const INDEX_COMMENT: &str = "pg_warden: equality search in an encrypted column";

thread_local! {
    static CONVERTING: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, values are converted whatever the context: by the statement of the extension's own.
struct Converting(());

impl Converting {
    fn begin() -> Self {
        CONVERTING.set(true);
        Self(())
    }
}

impl Drop for Converting {
    fn drop(&mut self) {
        CONVERTING.set(false);
    }
}

/// Whatever an ERROR left behind.
pub fn transaction_ended() {
    CONVERTING.set(false);
}

/// # Errors
/// 42501 for whoever calls a conversion by himself.
pub fn require_converting() -> Result<()> {
    if CONVERTING.get() && api::running() {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied for a conversion of encrypted columns")
        .detail("warden.encrypt_column and warden.decrypt_column alone convert rows without a context."))
}

#[pg_extern(sql = false)]
fn encrypt_column(
    relation: Option<pg_sys::Oid>,
    column_name: Option<&CStr>,
    searchable: Option<bool>,
    options: Option<JsonB>,
) {
    answer((|| {
        let relation = need(relation, "relation")?;
        let name = need(column_name, "column_name")?.to_string_lossy().into_owned();
        let is_searchable = need(searchable, "searchable")?;
        let given = need(options, "options")?.0;
        let options = ColumnOptions::parse(&given, &directory::labels()?)?;
        role::refuse_restricted()?;
        let found = find(relation)?;
        if !role::is(Role::Admin) && !found.is_owned_by(role::current()) {
            return Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied to encrypt the column")
                .detail("A column is encrypted by its table's owner or by warden_admin."));
        }
        let by = role::name(role::current());
        let _running = api::begin();
        if !spi::as_owner(|| encrypt(relation, &name, is_searchable, options.decrypt, &by))? {
            return Ok(());
        }
        event::record(
            None,
            "warden.encryption.encrypt_column",
            json!({
                "relation": catalog::recorded_name(relation),
                "column_name": name,
                "searchable": is_searchable,
                "options": given,
            }),
        )
    })());
}

#[pg_extern(sql = false)]
fn decrypt_column(relation: Option<pg_sys::Oid>, column_name: Option<&CStr>) {
    answer((|| {
        let relation = need(relation, "relation")?;
        let name = need(column_name, "column_name")?.to_string_lossy().into_owned();
        role::refuse_restricted()?;
        role::require(&[Role::Admin])?;
        find(relation)?;
        let _running = api::begin();
        spi::as_owner(|| decrypt(relation, &name))?;
        let detail = json!({ "relation": catalog::recorded_name(relation), "column_name": name });
        event::record(None, "warden.encryption.decrypt_column", detail)
    })());
}

fn find(relation: pg_sys::Oid) -> Result<Relation> {
    let found = Relation::find(relation).ok_or_else(|| {
        WardenError::new(SqlState::UndefinedTable, "relation does not exist").hint("Name a table that exists.")
    })?;
    if !matches!(found.kind, b'r' | b'p') {
        return Err(WardenError::new(SqlState::WrongObjectType, "only columns of tables can be encrypted"));
    }
    if found.is_system() || found.is_of_the_extension() {
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "permission denied: the relation is a system's own",
        ));
    }
    Ok(found)
}

/// A column as the catalogs have it.
struct Facts {
    number: i16,
    kind: Option<ColumnType>,
    full_type: String,
    modifier: i32,
    collation: Option<String>,
    is_deterministic: bool,
    is_computed: bool,
    default: Option<String>,
}

fn column_facts(relation: pg_sys::Oid, name: &str) -> Result<Facts> {
    facts::latest(
        "SELECT a.attnum, CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' THEN t.typname::text ELSE '' END, \
           format_type(a.atttypid, a.atttypmod), a.atttypmod, \
           CASE WHEN a.attcollation <> 0 THEN format('%I.%I', n.nspname, l.collname) END, coalesce(l.collisdeterministic, true), \
           a.attidentity <> '' OR a.attgenerated <> '', pg_get_expr(d.adbin, d.adrelid) \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation \
           LEFT JOIN pg_namespace n ON n.oid = l.collnamespace \
           LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped",
        &[relation.into(), name.into()],
        |row| {
            Ok(Facts {
                number: row.need(1)?,
                kind: ColumnType::parse(&row.need::<String>(2)?),
                full_type: row.need(3)?,
                modifier: row.need(4)?,
                collation: row.get(5)?,
                is_deterministic: row.need(6)?,
                is_computed: row.need(7)?,
                default: row.get(8)?,
            })
        },
    )?
    .pop()
    .ok_or_else(|| {
        WardenError::new(SqlState::UndefinedColumn, "column does not exist")
            .detail(format!("Table {} has no column \"{name}\".", catalog::relation_name(relation)))
    })
}

/// Gives whether it changed anything.
fn encrypt(relation: pg_sys::Oid, name: &str, is_searchable: bool, decrypt: Option<Tier>, by: &str) -> Result<bool> {
    if let Some(columns) = registry::of(relation)? {
        view::lock_first(&columns);
    }
    let family = facts::lock_family(relation)?;
    let table = facts::name(relation)?;
    let Some(protected) = protections::lookup(relation)? else {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table is not protected")
            .hint("Protect it first: warden.protect."));
    };
    if protected.root.is_some() {
        return Err(WardenError::new(
            SqlState::NotInPrerequisiteState,
            "the table is protected as part of another table",
        )
        .hint("Encrypt the column of the table above it: its partitions follow."));
    }
    let Some(tenant_column) = protected.tenant_column().map(str::to_owned) else {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table's rows belong to no tenant")
            .detail("A value is encrypted under the key of its row's tenant."));
    };
    let standing = registry::of(relation)?;
    let column = standing.iter().flat_map(|columns| columns.iter()).find(|column| column.name == name);
    if let Some(column) = column {
        if column.is_searchable == is_searchable && column.decrypt == decrypt {
            notice(format!("column \"{name}\" of table {table} is encrypted already"));
            return Ok(false);
        }
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the column is encrypted with other options")
            .hint("Decrypt it first: warden.decrypt_column."));
    }
    let facts = column_facts(relation, name)?;
    let kind = require_type(&facts, name, is_searchable)?;
    if name == tenant_column {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the tenant column cannot be encrypted"));
    }
    require_no_children(relation)?;
    let key_columns = key_columns(relation)?;
    refuse_dependents(&family, name, standing.as_ref().and_then(|columns| view::standing(columns)))?;
    trust::secure(&family)?;
    refuse_strangers(&table, &tenant_column)?;
    let view_name = view_name(&table);
    if let Some(columns) = &standing {
        // The view lets go of the column while its type changes.
        let clear = clear(Uuid::from_bytes([0; 16]), kind, &facts);
        let blank =
            std::rc::Rc::new(Column { name: name.to_owned(), clear, default: None, ..columns[0].as_ref().clone() });
        let all: Vec<_> = columns.iter().cloned().chain([blank]).collect();
        view::build(&view_name, relation, &all, Some(name), None)?;
    }
    let names = current_names(&table, name);
    let id: Uuid = spi::value(
        "INSERT INTO warden.encrypted_column_registry (relation, column_name, type_name, full_type, type_modifier, collation_name, searchable, \
           decrypt_tier, key_columns, tenant_column, column_default, names, clear_view, encrypted_by) \
         VALUES ($1::oid::regclass, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::oid::regclass, $14) RETURNING id",
        &[
            relation.into(),
            name.into(),
            kind.name().into(),
            facts.full_type.as_str().into(),
            facts.modifier.into(),
            facts.collation.as_deref().into(),
            is_searchable.into(),
            decrypt.map(|tier| i16::from(tier.number())).into(),
            key_columns.clone().into(),
            tenant_column.as_str().into(),
            facts.default.as_deref().into(),
            names.into(),
            view_of(relation)?.into(),
            by.into(),
        ],
    )?
    .ok_or_else(|| internal("no row was entered"))?;
    let column = registry::by_id(id)?.ok_or_else(|| internal("a column that was entered is not there"))?;
    convert(&table, &column)?;
    if standing.is_none() {
        spi::execute(
            &format!(
                "CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION warden.bind_row()",
                quote(BIND_TRIGGER)
            ),
            &[],
        )?;
    }
    if is_searchable {
        build_index(&table, &column)?;
    }
    let columns = registry::of(relation)?.ok_or_else(|| internal("a table without its column"))?;
    view::build(&view_name, relation, &columns, None, None)?;
    let shown = view_of(relation)?.map_or_else(|| view_name.to_string(), catalog::relation_name);
    notice(format!(
        "column \"{name}\" of table {table} is encrypted; its clear values are read and written through {shown}"
    ));
    Ok(true)
}

fn view_of(relation: pg_sys::Oid) -> Result<Option<pg_sys::Oid>> {
    Ok(registry::of(relation)?.and_then(|columns| view::standing(&columns)))
}

/// Every row is rewritten; the old files go when the transaction commits.
fn convert(table: &Name, column: &Column) -> Result<()> {
    let quoted = quote(&column.name);
    if column.default.is_some() {
        spi::execute(&format!("ALTER TABLE {table} ALTER COLUMN {quoted} DROP DEFAULT"), &[])?;
    }
    let kind = if column.is_searchable { "ciphertext_eq" } else { "ciphertext" };
    let sealing = column.below().sealing(&column.name, &column.clear, column.is_searchable);
    let _converting = Converting::begin();
    spi::execute(&format!("ALTER TABLE {table} ALTER COLUMN {quoted} TYPE warden.{kind} USING {sealing}"), &[])?;
    Ok(())
}

/// A hash index: it takes values of any size.
fn build_index(table: &Name, column: &Column) -> Result<()> {
    let taken = spi::rows(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1",
        &[table.schema.as_str().into()],
        |row| row.need::<String>(1),
    )?;
    let index = unique(&format!("{}_{}", table.relation, column.name), "warden_search", &taken);
    spi::execute(&format!("CREATE INDEX {} ON {table} USING hash ({})", quote(&index), quote(&column.name)), &[])?;
    let name = Name::new(&table.schema, &index);
    spi::execute(&format!("COMMENT ON INDEX {name} IS '{INDEX_COMMENT}'"), &[])?;
    Ok(())
}

fn clear(id: Uuid, kind: ColumnType, facts: &Facts) -> Clear {
    Clear { id: id.to_string(), kind, full_type: facts.full_type.clone(), collation: facts.collation.clone() }
}

/// As statements may name the column now: quoted and plain, the same twice where they do not differ.
pub fn current_names(table: &Name, column: &str) -> Vec<String> {
    let ident = |name: &str| crate::pg::catalog::quote_identifier(name);
    let quoted = format!("{}.{}.{}", ident(&table.schema), ident(&table.relation), ident(column));
    let mut names = names(table, column, &quoted);
    if names.len() == 1 {
        names.push(names[0].clone());
    }
    names
}

fn require_type(facts: &Facts, name: &str, is_searchable: bool) -> Result<ColumnType> {
    let Some(kind) = facts.kind else {
        return Err(WardenError::new(SqlState::FeatureNotSupported, "columns of this type cannot be encrypted")
            .detail(format!("Column \"{name}\" has type {}.", facts.full_type))
            .hint("text, varchar, bytea, json, jsonb, date, timestamptz, numeric, uuid, smallint, integer and bigint can be."));
    };
    if facts.is_computed {
        return Err(WardenError::new(
            SqlState::FeatureNotSupported,
            "identity and generated columns cannot be encrypted",
        ));
    }
    if is_searchable && !(kind.is_searchable() && facts.is_deterministic) {
        return Err(WardenError::new(
            SqlState::FeatureNotSupported,
            "the column cannot be searched once it is encrypted",
        )
        .detail("Equal values of its type or collation may have different texts.")
        .hint("Encrypt it without searchable."));
    }
    Ok(kind)
}

/// # Errors
/// 0A000 for children that are no partitions: they have no key of their parent's.
fn require_no_children(relation: pg_sys::Oid) -> Result<()> {
    let Some(child) = inheriting_child(relation)? else { return Ok(()) };
    Err(WardenError::new(SqlState::FeatureNotSupported, "the table has inheritance children")
        .detail(format!("Table {} inherits from it and has no part in its primary key.", facts::name(child)?)))
}

/// A child that is no partition. Only the topmost table can have one: PostgreSQL lets nothing inherit from partitions.
pub fn inheriting_child(relation: pg_sys::Oid) -> Result<Option<pg_sys::Oid>> {
    let children = facts::latest(
        "SELECT i.inhrelid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = $1 AND NOT c.relispartition ORDER BY 1 LIMIT 1",
        &[relation.into()],
        |row| row.need(1),
    )?;
    Ok(children.first().copied())
}

/// The columns of the primary key, in its order.
pub fn primary_key(relation: pg_sys::Oid) -> Result<Vec<String>> {
    facts::latest(
        "SELECT a.attname::text FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n) \
           JOIN pg_attribute a ON a.attnum = k.attnum \
         WHERE i.indrelid = $1 AND i.indisprimary AND a.attrelid = $1 AND k.n <= i.indnkeyatts ORDER BY k.n",
        &[relation.into()],
        |row| row.need(1),
    )
}

fn key_columns(relation: pg_sys::Oid) -> Result<Vec<String>> {
    let columns = primary_key(relation)?;
    if columns.is_empty() {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table has no primary key")
            .detail("An encrypted value is bound to its row by the row's primary key.")
            .hint("Add a primary key first."));
    }
    for name in &columns {
        let number =
            catalog::column_number(relation, name).ok_or_else(|| internal("a key column that is not there"))?;
        let kind = catalog::column_type(relation, number);
        if !typed::is_steady(kind) {
            return Err(WardenError::new(SqlState::FeatureNotSupported, "values cannot be bound to this primary key")
                .detail(format!(
                    "Column \"{name}\" has type {}, whose text may change while the value does not.",
                    catalog::type_name(kind)
                )));
        }
    }
    Ok(columns)
}

/// # Errors
/// 55000 with the name of what stands on the column.
fn refuse_dependents(family: &[pg_sys::Oid], column: &str, view: Option<pg_sys::Oid>) -> Result<()> {
    for table in family {
        let number = column_facts(*table, column)?.number;
        let found = facts::latest(
            "SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d \
             WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.refobjsubid = $2 \
               AND NOT EXISTS (SELECT FROM pg_attrdef a WHERE d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid \
                 AND a.adrelid = $1 AND a.adnum = $2) \
               AND NOT EXISTS (SELECT FROM pg_constraint c WHERE d.classid = 'pg_constraint'::regclass AND c.oid = d.objid AND c.contype = 'n') \
               AND NOT EXISTS (SELECT FROM pg_class s WHERE d.classid = 'pg_class'::regclass AND s.oid = d.objid AND s.relkind = 'S') \
               AND NOT EXISTS (SELECT FROM pg_rewrite r WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.ev_class = $3) \
             ORDER BY 1 LIMIT 5",
            &[(*table).into(), number.into(), view.unwrap_or(pg_sys::Oid::INVALID).into()],
            |row| row.need::<String>(1),
        )?;
        if !found.is_empty() {
            return Err(WardenError::new(SqlState::NotInPrerequisiteState, "other objects depend on the column")
                .detail(format!("{} on it.", depend(&found)))
                .hint("Drop them first. Views can be made anew over the companion view; searchable => true brings an index for equality."));
        }
    }
    Ok(())
}

fn depend(found: &[String]) -> String {
    let verb = if found.len() == 1 { "depends" } else { "depend" };
    format!("{} {verb}", found.join(", "))
}

/// # Errors
/// 55000 with the places of what does not open: by ctid, which says nothing of any row's content.
fn refuse_damaged(table: &Name, column: &Column) -> Result<()> {
    let opens = column.below().opening(&column.name, &column.clear);
    let query = format!("SELECT t.tableoid::regclass::text || ' ' || t.ctid::text FROM {table} t WHERE NOT {opens}");
    let found = {
        let _converting = Converting::begin();
        spi::rows(&query, &[], |row| row.need::<String>(1))?
    };
    if found.is_empty() {
        return Ok(());
    }
    let first: Vec<&str> = found.iter().take(5).map(String::as_str).collect();
    Err(WardenError::new(SqlState::NotInPrerequisiteState, "values of the column do not open")
        .detail(format!("{} rows: {}.", found.len(), first.join(", ")))
        .hint("Somebody has moved or changed them past the table's trigger. Write these rows' column anew, or delete them: WHERE ctid = '(0,1)'."))
}

/// # Errors
/// 55000 with the count of rows whose values have nobody's key.
fn refuse_strangers(table: &Name, tenant_column: &str) -> Result<()> {
    let tenant = quote(tenant_column);
    let rows: i64 = spi::value(
        &format!(
            "SELECT coalesce(sum(g.rows), 0)::bigint FROM (SELECT t.{tenant}::text AS tenant, count(*) AS rows FROM {table} t GROUP BY 1) g \
             WHERE NOT EXISTS (SELECT FROM warden.tenant_registry r WHERE r.id::text = g.tenant OR r.external_id = g.tenant)"
        ),
        &[],
    )?
    .unwrap_or_default();
    if rows == 0 {
        return Ok(());
    }
    Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table holds rows of no registered tenant")
        .detail(format!("{rows} rows: a value is encrypted under the key of its row's tenant."))
        .hint("Create the tenants, or delete the rows."))
}

fn decrypt(relation: pg_sys::Oid, name: &str) -> Result<()> {
    if let Some(columns) = registry::of(relation)? {
        view::lock_first(&columns);
    }
    let family = facts::lock_family(relation)?;
    let table = facts::name(relation)?;
    let columns = registry::of(relation)?.unwrap_or_default();
    if !columns.iter().any(|column| column.name == name) {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the column is not encrypted"));
    }
    trust::secure(&family)?;
    let view = view::standing(&columns);
    if let Some(view) = view {
        view::remember(view, &columns)?;
    }
    let columns = registry::of(relation)?.unwrap_or_default();
    let Some(column) = columns.iter().find(|column| column.name == name).cloned() else {
        return Err(internal("a column that was encrypted is not there"));
    };
    refuse_damaged(&table, &column)?;
    if columns.len() == 1 {
        if let Some(view) = view {
            spi::execute(&format!("DROP VIEW {}", catalog::relation_name(view)), &[])?;
        }
        spi::execute(&format!("DROP TRIGGER IF EXISTS {} ON {table}", quote(BIND_TRIGGER)), &[])?;
    } else if view.is_some() {
        view::build(&view_name(&table), relation, &columns, Some(name), None)?;
    }
    drop_index(&column)?;
    let quoted = quote(name);
    let clear = &column.clear;
    let collation = clear.collation.as_ref().map_or(String::new(), |collation| format!(" COLLATE {collation}"));
    {
        let _converting = Converting::begin();
        let unsealing = column.below().unsealing(name, clear);
        spi::execute(
            &format!("ALTER TABLE {table} ALTER COLUMN {quoted} TYPE {}{collation} USING {unsealing}", clear.full_type),
            &[],
        )?;
    }
    if let Some(default) = &column.default {
        spi::execute(&format!("ALTER TABLE {table} ALTER COLUMN {quoted} SET DEFAULT {default}"), &[])?;
        guard::approve_defaults(relation, relation)?;
    }
    spi::execute("DELETE FROM warden.encrypted_column_registry WHERE id = $1", &[column.id.into()])?;
    if let Some(left) = registry::of(relation)?.filter(|_| view.is_some()) {
        view::build(&view_name(&table), relation, &left, None, None)?;
    }
    keys::forget();
    notice(format!("column \"{name}\" of table {table} is not encrypted any more"));
    Ok(())
}

/// The index that encrypt_column made, whatever it is called now.
fn drop_index(column: &Column) -> Result<()> {
    let ours = facts::latest(
        "SELECT i.indexrelid FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
         WHERE i.indrelid = $1 AND i.indnatts = 1 AND a.attname = $2 AND obj_description(i.indexrelid, 'pg_class') = $3",
        &[column.relation.into(), column.name.as_str().into(), INDEX_COMMENT.into()],
        |row| row.need::<pg_sys::Oid>(1),
    )?;
    let drop = |index: &pg_sys::Oid| spi::execute(&format!("DROP INDEX {}", catalog::relation_name(*index)), &[]);
    ours.iter().try_for_each(|index| drop(index).map(|_| ()))
}
