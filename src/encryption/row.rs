//! Values of transparent columns: sealed for their row, opened for those who may see them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::pg_sys::{self, Datum, Oid};
use sha2::{Digest, Sha256};
use warden_core::encryption::column::ColumnType;
use warden_core::encryption::{Envelope, EnvelopeName, RowKey, error};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::TenantId;

use super::registry::{self, Column};
use super::{column, value};
use crate::identity::standing;
use crate::pg::call::{self, Call, Varlena};
use crate::pg::context::Current;
use crate::pg::error::internal;
use crate::pg::trigger::{Event, RowTrigger, Shape, TriggerRow};
use crate::pg::typed;
use crate::sql::need;
use crate::tenancy::directory;

/// What `column_*` functions take: the stored value, the column's id, the row's tenant, a NULL of the type that it had,
/// the row's key.
struct Stored {
    column: Rc<Column>,
    call: Call,
}

const TENANT: usize = 2;
const KIND: usize = 3;
const KEY: usize = 4;

impl Stored {
    fn parse(call: Call) -> Result<Self> {
        let id = need(call.uuid(1), "column_id")?;
        let column = registry::by_id(id)?.ok_or_else(unknown_column)?;
        if call.count() != KEY + column.key_columns.len() {
            return Err(wrong_key());
        }
        if call.kind(KIND) != column.kind {
            return Err(WardenError::new(SqlState::InvalidParameterValue, "the column was not of that type"));
        }
        Ok(Self { column, call })
    }

    fn key(&self) -> Result<RowKey> {
        key_of((KEY..self.call.count()).map(|at| (self.call.datum(at), self.call.kind(at))))
    }

    fn opened(&self, tenant: TenantId, bytes: &[u8]) -> Result<Varlena> {
        let envelope = Envelope::parse(bytes).map_err(|_| error::decryption_failed())?;
        let row = self.key()?;
        value::open(tenant, &self.column.clear.id, self.column.clear.kind.value_type(), Some(&row), &envelope)
    }
}

fn key_of(columns: impl Iterator<Item = (Option<Datum>, Oid)>) -> Result<RowKey> {
    let mut key = RowKey::default();
    for (value, kind) in columns {
        key.push(&typed::text(value.ok_or_else(wrong_key)?, kind)?);
    }
    Ok(key)
}

fn unknown_column() -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "unknown encrypted column")
}

fn wrong_key() -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "invalid row key")
        .detail("It does not have a value for every column of the primary key.")
}

/// Whether the row is of the context's tenant.
fn is_tenants(current: &Current, tenant: Datum, kind: Oid) -> bool {
    let kind = typed::base(kind);
    match kind {
        pg_sys::UUIDOID => {
            typed::text(tenant, kind).is_ok_and(|text| *text == *current.tenant().to_string().as_bytes())
        }
        pg_sys::INT8OID => current.external_integer() == Some(tenant.value() as i64),
        pg_sys::INT4OID => current.external_integer() == Some(i64::from(tenant.value() as i32)),
        _ => typed::text(tenant, kind).is_ok_and(|text| current.external_id().map(str::as_bytes) == Some(&*text)),
    }
}

/// The context, if it may see the clear value: of the row's tenant, and of a tier that decrypts.
fn seeing(stored: &Stored) -> Result<Option<&'static Current>> {
    let Some(current) = standing::live()? else { return Ok(None) };
    let Some(tenant) = stored.call.datum(TENANT) else { return Ok(None) };
    if !is_tenants(current, tenant, stored.call.kind(TENANT)) {
        return Ok(None);
    }
    let decrypting = stored.column.decrypting()?;
    Ok(decrypting.is_some_and(|needed| current.tier().holds(needed)).then_some(current))
}

/// For the companion view: the clear value, or NULL for those who read the row and do not decrypt it.
pub fn column_open(call: Call) -> Result<Option<Datum>> {
    let Some(bytes) = call.bytes(0) else { return Ok(None) };
    let stored = Stored::parse(call)?;
    let Some(current) = seeing(&stored)? else { return Ok(None) };
    let mut clear = stored.opened(current.tenant(), bytes)?;
    let kind = call.kind(KIND);
    match kind {
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BYTEAOID => Ok(Some(clear.datum())),
        _ => typed::value(clear.bytes_mut(), kind, -1).map(Some),
    }
}

thread_local! {
    /// What the view's own UPDATE or DELETE saw, column by column: for `column_unchanged`, inside of that statement.
    static SEEN: RefCell<Vec<(pgrx::Uuid, Option<Glimpse>)>> = const { RefCell::new(Vec::new()) };
}

/// A clear value's SHA-256: enough to compare it with.
type Glimpse = [u8; 32];

pub fn glimpse(clear: &[u8]) -> Glimpse {
    Sha256::digest(clear).into()
}

/// While it lives, `column_unchanged` compares with these values.
pub struct Seen(());

impl Seen {
    /// `values`: by column, `None` for NULL and for what was hidden.
    pub fn keep(values: Vec<(pgrx::Uuid, Option<Glimpse>)>) -> Self {
        SEEN.set(values);
        Self(())
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        SEEN.with_borrow_mut(Vec::clear);
    }
}

/// Whether a row still has the value that the view showed. It compares here, so that no statement has the clear value
/// as a parameter.
pub fn column_unchanged(call: Call) -> Result<Option<Datum>> {
    let stored = Stored::parse(call)?;
    let clear = match (call.bytes(0), seeing(&stored)?) {
        (Some(bytes), Some(current)) => {
            // As the view shows it, which is not always how it was written: a date has many spellings.
            let mut clear = stored.opened(current.tenant(), bytes)?;
            let kind = call.kind(KIND);
            Some(glimpse(&typed::text(typed::value(clear.bytes_mut(), kind, -1)?, kind)?))
        }
        _ => None,
    };
    Ok(SEEN.with_borrow(|seen| {
        let seen = seen.iter().find(|(id, _)| *id == stored.column.id);
        call::boolean(seen.is_some_and(|(_, value)| *value == clear))
    }))
}

/// For encrypt_column, which converts every tenant's rows. Nobody else can use it, superusers included.
fn convert(call: Call, has_tag: bool) -> Result<Option<Datum>> {
    column::require_converting()?;
    let stored = Stored::parse(call)?;
    let Some(clear) = call.datum(0) else { return Ok(None) };
    let clear = typed::text(clear, call.kind(0))?;
    let tenant = tenant_of(call.datum(TENANT), call.kind(TENANT))?;
    let clear_as = stored.column.clear.kind.value_type();
    value::seal(tenant, &stored.column.clear.id, clear_as, Some(&stored.key()?), has_tag, &clear).map(Some)
}

pub fn column_seal(call: Call) -> Result<Option<Datum>> {
    convert(call, false)
}

pub fn column_seal_eq(call: Call) -> Result<Option<Datum>> {
    convert(call, true)
}

/// For decrypt_column: whether a stored value opens, before any is converted.
pub fn column_opens(call: Call) -> Result<Option<Datum>> {
    column::require_converting()?;
    let stored = Stored::parse(call)?;
    let Some(bytes) = call.bytes(0) else { return Ok(call::boolean(true)) };
    let tenant = tenant_of(call.datum(TENANT), call.kind(TENANT))?;
    Ok(call::boolean(stored.opened(tenant, bytes).is_ok()))
}

/// For decrypt_column, as `column_seal` is for encrypt_column.
pub fn column_unseal(call: Call) -> Result<Option<Datum>> {
    column::require_converting()?;
    let stored = Stored::parse(call)?;
    let Some(bytes) = call.bytes(0) else { return Ok(None) };
    let tenant = tenant_of(call.datum(TENANT), call.kind(TENANT))?;
    typed::value(stored.opened(tenant, bytes)?.bytes_mut(), call.kind(KIND), -1).map(Some)
}

/// # Errors
/// 55000 for a row that is no registered tenant's.
fn tenant_of(tenant: Option<Datum>, kind: Oid) -> Result<TenantId> {
    let kind = typed::base(kind);
    let found = match tenant {
        None => None,
        Some(tenant) => {
            let text = String::from_utf8(typed::text(tenant, kind)?.into_owned()).map_err(internal)?;
            match kind {
                pg_sys::UUIDOID => match TenantId::parse(&text) {
                    Some(id) => directory::tenant_by_id(id)?,
                    None => None,
                },
                _ => directory::tenant(&text)?.filter(|tenant| tenant.external_id.as_deref() == Some(text.as_str())),
            }
        }
    };
    found.map(|tenant| tenant.id).ok_or_else(|| {
        WardenError::new(SqlState::NotInPrerequisiteState, "the table holds rows of no registered tenant")
            .detail("A row's values are encrypted under its tenant's key.")
            .hint("Create the tenant, or delete its rows.")
    })
}

/// Fresh values that INSERTs of this transaction have bound, and to which key: when the row turns out to be there
/// already, ON CONFLICT DO UPDATE gets them, whatever other rows were written by triggers in between. It is a hint: a
/// value has to open with the key. Nothing that was stored before is among them, or a row's value could be copied to
/// another row by those who do not decrypt it.
#[derive(Default)]
struct Bound {
    latest: HashMap<EnvelopeName, (pgrx::Uuid, RowKey)>,
    before: HashMap<EnvelopeName, (pgrx::Uuid, RowKey)>,
}

impl Bound {
    const MOST: usize = 4096;

    fn find(&self, envelope: &EnvelopeName) -> Option<&(pgrx::Uuid, RowKey)> {
        self.latest.get(envelope).or_else(|| self.before.get(envelope))
    }

    fn insert(&mut self, envelope: EnvelopeName, column: pgrx::Uuid, key: RowKey) {
        if self.latest.len() >= Self::MOST {
            self.before = std::mem::take(&mut self.latest);
        }
        self.latest.insert(envelope, (column, key));
    }
}

thread_local! {
    static BOUND: RefCell<Bound> = RefCell::default();
}

pub fn forget_bound() {
    BOUND.set(Bound::default());
}

fn remember(column: pgrx::Uuid, sealed: Datum, key: RowKey) -> Result<()> {
    let envelope = Envelope::parse(call::value_bytes(sealed)).map_err(|_| internal("a value that is no envelope"))?;
    BOUND.with_borrow_mut(|bound| bound.insert(envelope.name(), column, key));
    Ok(())
}

fn bound_to(column: pgrx::Uuid, envelope: EnvelopeName) -> Option<RowKey> {
    BOUND.with_borrow(|bound| bound.find(&envelope).filter(|(id, _)| *id == column).map(|(_, key)| key.clone()))
}

/// Before INSERT and UPDATE, after every other trigger: what comes from `warden.encrypt` is bound to its row, and a row
/// that gets another key keeps its values.
pub fn bind_row(call: Call) -> Result<Option<Datum>> {
    let trigger = RowTrigger::of(call, false)?;
    let Some(new) = trigger.row_after() else {
        return Err(WardenError::new(SqlState::FeatureNotSupported, "warden.bind_row() is for rows that are written"));
    };
    let Some(columns) = registry::of_family(trigger.relation())? else {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table has no encrypted column")
            .hint("Drop the trigger that calls warden.bind_row()."));
    };
    let shape = trigger.shape();
    let old = trigger.row_before();
    let mut changes = Vec::new();
    for column in columns.iter() {
        let number = shape.number(&column.name).ok_or_else(|| internal("an encrypted column that is not there"))?;
        let Some(stored) = new.value(number) else { continue };
        let before = old.filter(|old| shape.same(number, old.value(number), Some(stored)));
        let key = row_key(column, shape, new)?;
        let from = match before {
            Some(before) => Some(row_key(column, shape, before)?),
            None => None,
        };
        if from.as_ref() == Some(&key) {
            continue;
        }
        let envelope = Envelope::parse(call::value_bytes(stored)).map_err(|_| error::decryption_failed())?;
        let is_fresh = from.is_none() && !envelope.flags().row_bound;
        let Some(sealed) = bind(column, shape, new, &envelope, from, &key)? else { continue };
        if is_fresh && trigger.event() == Event::Insert {
            remember(column.id, sealed, key)?;
        }
        changes.push((number, Some(sealed)));
    }
    if changes.is_empty() { Ok(Some(new.datum())) } else { new.with(&changes).map(|row| Some(row.datum())) }
}

fn row_key(column: &Column, shape: Shape, row: TriggerRow) -> Result<RowKey> {
    let mut key = RowKey::default();
    for name in &column.key_columns {
        let number = shape.number(name).ok_or_else(|| internal("a key column that is not there"))?;
        // NULL: PostgreSQL refuses the row by itself, after its triggers.
        let Some(value) = row.value(number) else { continue };
        key.push(&typed::text(value, shape.kind(number))?);
    }
    Ok(key)
}

/// The value sealed for its row, or `None` for one that stays as it is. `from`: the key of the row that it was in.
fn bind(
    column: &Column,
    shape: Shape,
    row: TriggerRow,
    envelope: &Envelope,
    from: Option<RowKey>,
    to: &RowKey,
) -> Result<Option<Datum>> {
    if envelope.flags().search_term {
        return Err(WardenError::new(SqlState::InvalidParameterValue, "a search term cannot be stored")
            .hint("Store what warden.encrypt_eq gives; warden.search_term is for comparing."));
    }
    let from = if envelope.flags().row_bound {
        let from = from.or_else(|| bound_to(column.id, envelope.name())).unwrap_or_else(|| to.clone());
        // As it is, and without a context: a restore, or what a replica is sent. It opens only in the row that it was
        // sealed for; in a context it shows that it does.
        if from == *to && standing::live()?.is_none() {
            return Ok(None);
        }
        Some(from)
    } else {
        None
    };
    let current = standing::require()?;
    let number = shape.number(&column.tenant_column).ok_or_else(|| internal("a tenant column that is not there"))?;
    if !row.value(number).is_some_and(|tenant| is_tenants(current, tenant, shape.kind(number))) {
        return Err(WardenError::new(SqlState::InsufficientPrivilege, "the row belongs to another tenant")
            .detail("A value is encrypted under the key of the context's tenant alone."));
    }
    let (tenant, context, clear_as) = (current.tenant(), column.clear.id.as_str(), column.clear.kind.value_type());
    let mut clear = value::open(tenant, context, clear_as, from.as_ref(), envelope)
        .map_err(|error| error.hint(how_to_write(column)))?;
    if from.as_ref() == Some(to) {
        zeroize::Zeroize::zeroize(clear.bytes_mut());
        return Ok(None);
    }
    let normal = match from {
        None => normal(column, clear.bytes_mut())?,
        Some(_) => None,
    };
    let bytes = normal.as_deref().unwrap_or(clear.bytes_mut());
    let sealed = value::seal(tenant, context, clear_as, Some(to), column.is_searchable, bytes)?;
    zeroize::Zeroize::zeroize(clear.bytes_mut());
    Ok(Some(sealed))
}

fn how_to_write(column: &Column) -> String {
    let function = if column.is_searchable { "encrypt_eq" } else { "encrypt" };
    let cast = match column.clear.kind {
        ColumnType::Bytea => "bytea",
        ColumnType::Json | ColumnType::Jsonb => "jsonb",
        _ => "text",
    };
    let below = column.below().table;
    format!(
        "Write column \"{0}\" through the companion view, or as warden.{function}(value::{cast}, '{1}.{2}.{0}') gives it.",
        column.name, below.schema, below.relation
    )
}

/// What an application has encrypted by itself is of the column's type, in the one spelling that the view would write;
/// `None`: it is as it stands.
///
/// # Errors
/// 22P02 for what is not of the type, 22001 for what is too long for it.
pub fn normal<'a>(column: &Column, clear: &[u8]) -> Result<Option<Cow<'a, [u8]>>> {
    let (kind, modifier) = (column.clear.kind, column.modifier);
    if matches!(kind, ColumnType::Text | ColumnType::Bytea | ColumnType::Json | ColumnType::Jsonb)
        || kind == ColumnType::Varchar && modifier < 0
    {
        return Ok(None);
    }
    typed::text(typed::value(clear, column.kind, modifier)?, column.kind).map(Some)
}

/// Seals a clear value of the view for a row.
pub fn seal_for(column: &Column, tenant: TenantId, clear: &[u8], key: &RowKey) -> Result<Datum> {
    let clear_as = column.clear.kind.value_type();
    value::seal(tenant, &column.clear.id, clear_as, Some(key), column.is_searchable, clear)
}

/// Seals a clear value of the view whose row's key is not known yet.
pub fn seal_unbound(column: &Column, tenant: TenantId, clear: &[u8]) -> Result<Datum> {
    let clear_as = column.clear.kind.value_type();
    value::seal(tenant, &column.clear.id, clear_as, None, column.is_searchable, clear)
}
