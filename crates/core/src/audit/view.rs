//! An entry as `warden.audit_log` shows it, in JSON: made from the hashed bytes alone, by the export and by the verifier.
//!
//! The block is not among them: nothing in an entry says into which it was sealed.

use std::fmt::{Display, Write};

use super::entry::{Entry, EntryId, Transaction};
use super::error::Malformed;
use super::json::{is_one_line, put_string};
use super::payload::{Payload, Row, Value};

/// One JSON object on one line. Without a payload, key and rows are null.
///
/// # Errors
/// For a detail that is not JSON on one line, or stands twice.
pub fn view(
    index: u64,
    transaction: &Transaction,
    entry: &Entry,
    payload: Option<&Payload>,
) -> Result<String, Malformed> {
    let detail = match (entry.detail, payload.and_then(|payload| payload.detail.as_deref())) {
        (Some(_), Some(_)) => return Err(Malformed::new("the entry and its payload both have a detail")),
        (entry, payload) => entry.or(payload),
    };
    if detail.is_some_and(|detail| !is_one_line(detail)) {
        return Err(Malformed::new("the detail is not JSON on one line"));
    }
    let (incarnation, xid, number) = (transaction.incarnation, transaction.xid, entry.number);
    let mut out = String::with_capacity(512);
    out.push('{');
    string(&mut out, "entry", Some(&EntryId { incarnation, xid, number }.to_string()));
    plain(&mut out, "index", index);
    string(&mut out, "tenant", entry.tenant.map(|tenant| tenant.to_string()).as_deref());
    plain(&mut out, "incarnation", incarnation);
    string(&mut out, "xid", Some(&xid.to_string()));
    plain(&mut out, "number", number);
    string(&mut out, "relation", entry.relation);
    columns(&mut out, "key", payload.and_then(|payload| payload.key.as_ref()));
    string(&mut out, "operation", Some(entry.operation.name()));
    string(&mut out, "kind", entry.kind);
    plain(&mut out, "detail", detail.unwrap_or("null"));
    columns(&mut out, "old", payload.and_then(|payload| payload.old.as_ref()));
    columns(&mut out, "new", payload.and_then(|payload| payload.new.as_ref()));
    string(&mut out, "database_user", transaction.database_user);
    string(&mut out, "session_user_name", transaction.session_user);
    string(&mut out, "user_id", transaction.user_id);
    string(&mut out, "role", transaction.role);
    string(&mut out, "session_id", transaction.session_id);
    string(&mut out, "access_request", transaction.access_request);
    string(&mut out, "application_name", transaction.application_name);
    string(&mut out, "client_addr", transaction.client_addr);
    string(&mut out, "at", Some(&entry.at.to_string()));
    out.push('}');
    Ok(out)
}

fn name(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    put_string(out, name);
    out.push(':');
}

fn plain(out: &mut String, member: &str, value: impl Display) {
    name(out, member);
    let _ = write!(out, "{value}");
}

pub(super) fn string(out: &mut String, member: &str, value: Option<&str>) {
    name(out, member);
    match value {
        Some(text) => put_string(out, text),
        None => out.push_str("null"),
    }
}

/// A row as an object of its columns, in their order.
pub fn row(row: &Row) -> String {
    let mut out = String::with_capacity(32 * row.len() + 2);
    put_row(&mut out, row);
    out
}

pub(super) fn columns(out: &mut String, member: &str, row: Option<&Row>) {
    let Some(row) = row else { return plain(out, member, "null") };
    name(out, member);
    put_row(out, row);
}

fn put_row(out: &mut String, row: &Row) {
    out.push('{');
    for column in row.iter() {
        match &column.value {
            Value::Null => string(out, &column.name, None),
            Value::Text(text) => string(out, &column.name, Some(text)),
            Value::Redacted(hash) => plain(out, &column.name, format_args!("{{\"redacted\":\"{hash}\"}}")),
        }
    }
    out.push('}');
}
