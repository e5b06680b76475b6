//! What an entry commits to and does not hold: key, rows, and an application's own detail. Without it the entry still
//! verifies, so it can be withheld and erased.

use std::borrow::Cow;
use std::fmt;

use super::bytes::{Reader, put, put_text, put_with};
use super::error::Malformed;
use super::hash::Hash;
use crate::tenancy::TenantId;

pub(super) const VERSION: u8 = 1;
const COMMITS: &[u8] = b"pg_warden/payload/1";
const REDACTS: &[u8] = b"pg_warden/redacted/1";
const REDACTION_KEY: &[u8] = b"pg_warden/redaction-key/1";

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    /// The text form, where no setting changes it.
    Text(Cow<'a, str>),
    /// What [`redact`] made of it.
    Redacted(Hash),
}

/// One column of a key or a row. An excluded one has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    pub name: Cow<'a, str>,
    pub value: Value<'a>,
}

impl<'a> Column<'a> {
    pub fn text(name: &'a str, text: &'a str) -> Self {
        Self { name: name.into(), value: Value::Text(text.into()) }
    }

    pub fn null(name: &'a str) -> Self {
        Self { name: name.into(), value: Value::Null }
    }

    pub fn redacted(name: &'a str, hash: Hash) -> Self {
        Self { name: name.into(), value: Value::Redacted(hash) }
    }
}

/// Columns in the table's order; a row without columns is another than none.
pub type Row<'a> = Vec<Column<'a>>;

/// What can be withheld and erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload<'a> {
    pub key: Option<Row<'a>>,
    pub old: Option<Row<'a>>,
    pub new: Option<Row<'a>>,
    /// JSON, of an event whose detail is content. The entry has none of its own then.
    pub detail: Option<Cow<'a, str>>,
}

impl Payload<'_> {
    /// Appends the canonical bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        for row in [&self.key, &self.old, &self.new] {
            match row {
                Some(row) => put_with(out, |out| row.iter().for_each(|column| column.write(out))),
                None => put_text(out, None),
            }
        }
        put_text(out, self.detail.as_deref());
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

impl<'a> Payload<'a> {
    /// Whatever is read gives the same bytes again.
    ///
    /// # Errors
    /// For anything but canonical bytes of this version, and for a column that stands twice.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let mut row = || reader.optional()?.map(read_row).transpose();
        let (key, old, new) = (row()?, row()?, row()?);
        let detail = reader.text()?.map(Cow::Borrowed);
        reader.end()?;
        Ok(Self { key, old, new, detail })
    }
}

impl Column<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put(out, self.name.as_bytes());
        match &self.value {
            Value::Null => out.push(0),
            Value::Text(text) => {
                out.push(1);
                put(out, text.as_bytes());
            }
            Value::Redacted(hash) => {
                out.push(2);
                out.extend_from_slice(&hash.0);
            }
        }
    }
}

fn read_row(bytes: &[u8]) -> Result<Row<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut row = Vec::new();
    while !reader.is_empty() {
        let name = Cow::Borrowed(reader.required_text()?);
        let value = match reader.u8()? {
            0 => Value::Null,
            1 => Value::Text(reader.required_text()?.into()),
            2 => Value::Redacted(Hash(reader.array()?)),
            _ => return Err(Malformed::new("a column's value has an unknown kind")),
        };
        row.push(Column { name, value });
    }
    if has_twice(row.iter().map(|column| &*column.name)) {
        Err(Malformed::new("a column stands twice"))
    } else {
        Ok(row)
    }
}

pub(super) fn has_twice<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// 32 random bytes, new with each payload and erased with it: without them nobody can try out what it held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

impl Salt {
    /// What the entry holds of these canonical bytes.
    pub fn commit(&self, payload: &[u8]) -> Hash {
        Hash::of(&[COMMITS, &self.0, payload])
    }
}

/// What stands for a redacted value, NULL included.
///
/// `key` is never a payload's salt, which readers of the payload have: with it, short values can be guessed. Under one
/// key, equal values of a column are seen to be equal.
pub fn redact(key: &[u8; 32], column: &str, value: Option<&str>) -> Hash {
    let mut data = Vec::with_capacity(8 + column.len() + value.map_or(0, str::len));
    put(&mut data, column.as_bytes());
    put_text(&mut data, value);
    Hash::of(&[REDACTS, key, &data])
}

/// The key that a tenant's values are redacted with, from the table's: what is equal in two tenants' logs does not look
/// so.
pub fn redaction_key(table: &[u8; 32], tenant: Option<TenantId>) -> [u8; 32] {
    Hash::of(&[REDACTION_KEY, table, &tenant.map_or([0; 16], |tenant| tenant.0)]).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_commits_differently() {
        let salt = Salt([7; 32]);
        let rows: [Option<Row>; 7] = [
            None,
            Some(vec![]),
            Some(vec![Column::null("a")]),
            Some(vec![Column::text("a", "")]),
            Some(vec![Column::redacted("a", redact(&[1; 32], "a", None))]),
            Some(vec![Column::text("a", "b"), Column::text("c", "d")]),
            Some(vec![Column::text("c", "d"), Column::text("a", "b")]),
        ];
        let mut seen = Vec::new();
        for row in rows {
            for payload in [
                Payload { key: row.clone(), ..Payload::default() },
                Payload { old: row.clone(), ..Payload::default() },
                Payload { new: row.clone(), ..Payload::default() },
            ] {
                let bytes = payload.bytes();
                assert!(Payload::read(&bytes).is_ok_and(|read| read == payload));
                seen.push(salt.commit(&bytes));
                assert_ne!(salt.commit(&bytes), Salt([8; 32]).commit(&bytes));
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 7 * 3 - 2, "three payloads without any row are one");
    }

    #[test]
    fn a_column_stands_once() {
        let twice = vec![Column::null("a"), Column::null("b"), Column::text("a", "")];
        let payload = Payload { new: Some(twice), ..Payload::default() };
        assert!(Payload::read(&payload.bytes()).is_err());
    }

    #[test]
    fn redacted_values_differ_by_key_column_and_value() {
        let hashes = [
            redact(&[1; 32], "a", Some("x")),
            redact(&[2; 32], "a", Some("x")),
            redact(&[1; 32], "ax", Some("")),
            redact(&[1; 32], "a", Some("")),
            redact(&[1; 32], "a", None),
        ];
        for (at, hash) in hashes.iter().enumerate() {
            assert_eq!(hashes.iter().position(|other| other == hash), Some(at));
        }
    }
}
