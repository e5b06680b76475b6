//! Single values: sealed and opened under the context's tenant.

use std::collections::BTreeMap;

use pgrx::pg_sys::{self, Datum};
use serde_json::Value;
use serde_json::value::RawValue;
use warden_core::encryption::{self as core, Binding, Context, Envelope, Head, NONCE, RowKey, Suite, ValueType, error};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::TenantId;

use super::keys;
use super::registry::{self, Column};
use super::row;
use crate::identity::standing;
use crate::pg::call::{Call, Varlena};
use crate::pg::context::Current;
use crate::pg::error::internal;
use crate::pg::{catalog, random, typed};
use crate::sql::need;

/// The context of a value, as a statement names it: a transparent column by its name, everything else by itself.
struct Named<'a> {
    said: &'a str,
    column: Option<std::rc::Rc<Column>>,
}

impl<'a> Named<'a> {
    fn parse(call: Call, at: usize) -> Result<Self> {
        let said = need(call.text(at), "context")?;
        Context::check(said)?;
        Ok(Self { said, column: registry::named(said)? })
    }

    fn context(&self) -> &str {
        self.column.as_ref().map_or(self.said, |column| &column.clear.id)
    }
}

/// Seals bytes: for the function's answer, and for a row.
pub fn seal(
    tenant: TenantId,
    context: &str,
    value_type: ValueType,
    row: Option<&RowKey>,
    has_tag: bool,
    value: &[u8],
) -> Result<Datum> {
    // Everything that PostgreSQL allocates comes first: its ERROR would jump over what wipes the keys.
    let length = value.len();
    let mut sealed = Varlena::new(Suite::Xaes.sealed_len(has_tag, length)).ok_or_else(error::too_long)?;
    let tag = if has_tag { Some(keys::tagging(tenant, context)?.tag(value)) } else { None };
    let (generation, key) = keys::sealing(tenant, context)?;
    let head = Head { suite: Suite::Xaes, generation };
    let mut nonce = [0; NONCE];
    random::fill(&mut nonce)?;
    let out = sealed.bytes_mut();
    let body = head.suite.prefix_len(has_tag);
    out[body..body + length].copy_from_slice(value);
    key.seal(&head, tag, &Binding { tenant, context, value_type, row }, &nonce, out)?;
    Ok(sealed.datum())
}

/// Opens an envelope into a new value.
///
/// # Errors
/// 39000, whatever the reason.
pub fn open(
    tenant: TenantId,
    context: &str,
    value_type: ValueType,
    row: Option<&RowKey>,
    envelope: &Envelope,
) -> Result<Varlena> {
    let mut clear = Varlena::new(envelope.body().len()).ok_or_else(error::too_long)?;
    let generation = envelope.generation().ok_or_else(error::decryption_failed)?;
    let key = keys::opening(tenant, generation, context)?.ok_or_else(error::decryption_failed)?;
    key.open(envelope, &Binding { tenant, context, value_type, row }, clear.bytes_mut())?;
    Ok(clear)
}

fn encrypt(call: Call, value_type: ValueType, has_tag: bool, value: Option<&[u8]>) -> Result<Option<Datum>> {
    let named = Named::parse(call, 1)?;
    let Some(value) = value else { return Ok(None) };
    let current = standing::require()?;
    if let Some(column) = named.column.as_ref().filter(|_| has_tag) {
        require_decrypting(current, column)?;
    }
    seal(current.tenant(), named.context(), value_type, None, has_tag, value).map(Some)
}

pub fn encrypt_text(call: Call) -> Result<Option<Datum>> {
    encrypt(call, ValueType::Text, false, call.bytes(0))
}

pub fn encrypt_bytes(call: Call) -> Result<Option<Datum>> {
    encrypt(call, ValueType::Bytes, false, call.bytes(0))
}

pub fn encrypt_json(call: Call) -> Result<Option<Datum>> {
    let text = call.datum(0).map(|json| typed::text(json, pg_sys::JSONBOID)).transpose()?;
    encrypt(call, ValueType::Json, false, text.as_deref())
}

pub fn encrypt_eq(call: Call) -> Result<Option<Datum>> {
    encrypt(call, ValueType::Text, true, call.bytes(0))
}

pub fn search_term(call: Call) -> Result<Option<Datum>> {
    let named = Named::parse(call, 1)?;
    let Some(value) = call.bytes(0) else { return Ok(None) };
    let current = standing::require()?;
    if let Some(column) = &named.column {
        // Whoever compares guesses what he may not read.
        require_decrypting(current, column)?;
    }
    // In the one spelling that the column's values have.
    let normal = named.column.as_ref().map(|column| row::normal(column, value)).transpose()?.flatten();
    let tag = keys::tagging(current.tenant(), named.context())?.tag(normal.as_deref().unwrap_or(value));
    Ok(Varlena::copy_of(&core::search_term(tag)).map(Varlena::datum))
}

fn decrypt(call: Call, value_type: ValueType) -> Result<Option<Varlena>> {
    let named = Named::parse(call, 1)?;
    let Some(bytes) = call.bytes(0) else { return Ok(None) };
    let current = standing::require()?;
    if let Some(column) = &named.column {
        require_decrypting(current, column)?;
    }
    // The type's input let nothing else in; what is damaged on disk is refused as everything is.
    let envelope = Envelope::parse(bytes).map_err(|_| error::decryption_failed())?;
    let row = match call.datum(2) {
        Some(key) => Some(row_key(&named, &typed::text(key, pg_sys::JSONBOID)?)?),
        None => None,
    };
    let tenant = current.tenant();
    let opened = open(tenant, named.context(), value_type, row.as_ref(), &envelope);
    if opened.is_err() && named.column.is_some() && !envelope.flags().row_bound {
        // Sealed under these words before they were a column's name.
        return open(tenant, named.said, value_type, None, &envelope).map(Some);
    }
    opened.map(Some)
}

pub fn decrypt_text(call: Call) -> Result<Option<Datum>> {
    Ok(decrypt(call, ValueType::Text)?.map(Varlena::datum))
}

pub fn decrypt_bytes(call: Call) -> Result<Option<Datum>> {
    Ok(decrypt(call, ValueType::Bytes)?.map(Varlena::datum))
}

pub fn decrypt_json(call: Call) -> Result<Option<Datum>> {
    let Some(mut text) = decrypt(call, ValueType::Json)? else { return Ok(None) };
    typed::value(text.bytes_mut(), pg_sys::JSONBOID, -1).map(Some)
}

/// # Errors
/// 42501 for a role that reads the row and does not decrypt the column.
fn require_decrypting(current: &Current, column: &Column) -> Result<()> {
    match column.decrypting()? {
        Some(needed) if current.tier().holds(needed) => Ok(()),
        Some(needed) => Err(standing::too_low(current, needed)),
        None => {
            Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied: no role decrypts the column"))
        }
    }
}

/// The key of a row, from an object of its key columns by name.
fn row_key(named: &Named, json: &[u8]) -> Result<RowKey> {
    let Some(column) = &named.column else {
        return Err(invalid_key("Only a value of an encrypted column is bound to a row.")
            .hint("Name the column as the context: 'schema.table.column'."));
    };
    let invalid_key = |detail| {
        let columns: Vec<String> = column.key_columns.iter().map(|name| format!("\"{name}\": ...")).collect();
        invalid_key(detail).hint(format!("Name the row by its primary key: {{{}}}.", columns.join(", ")))
    };
    let Ok(object) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(json) else {
        return Err(invalid_key("It is not an object of the primary key's columns."));
    };
    if object.len() != column.key_columns.len() {
        return Err(invalid_key("It does not name exactly the columns of the primary key."));
    }
    let mut key = RowKey::default();
    for name in &column.key_columns {
        let said = match object.get(name).map(|said| serde_json::from_str::<Value>(said.get())) {
            Some(Ok(Value::String(text))) => text,
            // As it is written: a number may have more digits than a float.
            Some(Ok(Value::Number(_) | Value::Bool(_))) => object[name].get().to_owned(),
            _ => return Err(invalid_key("It does not name every column of the primary key, with a value.")),
        };
        let number =
            catalog::column_number(column.relation, name).ok_or_else(|| internal("a key column that is not there"))?;
        let (kind, modifier) = catalog::column_base_type(column.relation, number);
        let value = key_value(&said, kind, modifier)
            .ok_or_else(|| invalid_key("It has a value that is not of its column's type."))?;
        key.push(&value);
    }
    Ok(key)
}

/// In the one spelling that a row's own value has.
fn key_value(said: &str, kind: pg_sys::Oid, modifier: i32) -> Option<Vec<u8>> {
    if kind == pg_sys::BYTEAOID {
        let mut bytes = vec![0; core::decoded_len(said.as_bytes()).ok()?];
        return core::decode_hex(said.as_bytes(), &mut bytes).ok().map(|()| bytes);
    }
    let value = typed::value(said.as_bytes(), kind, modifier).ok()?;
    typed::text(value, kind).ok().map(std::borrow::Cow::into_owned)
}

fn invalid_key(detail: &'static str) -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "invalid row key").detail(detail)
}
