//! Rows of a shape: as they are stored, and as a payload's canonical bytes.

use super::super::bytes::{Reader, put, put_text, put_with};
use super::super::error::Malformed;
use super::super::hash::Hash;
use super::super::payload::{Column, Payload, Row, VERSION, Value};
use super::varint::{put_size, put_sized};
use super::writer::state;

/// What a column holds, as [`Value`] has it, without owning any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    Text(&'a str),
    Redacted(Hash),
}

const NULL: usize = 0;
const REDACTED: usize = 1;
/// As the same column of the old row: what an UPDATE leaves as it is, is not stored twice.
const SAME: usize = 2;
const TEXT: usize = 3;

/// The rows of a payload, the key within them, and its detail.
#[derive(Clone, Copy)]
pub(super) struct Rows<'r, 'a, N> {
    pub(super) columns: &'r [(N, bool)],
    pub(super) old: Option<&'r [Cell<'a>]>,
    pub(super) new: Option<&'r [Cell<'a>]>,
    pub(super) detail: Option<&'a str>,
}

impl<'r, 'a, N: AsRef<str>> Rows<'r, 'a, N> {
    pub(super) fn state(&self) -> u8 {
        let bit = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
        state::PRESENT
            | bit(self.old.is_some(), state::OLD)
            | bit(self.new.is_some(), state::NEW)
            | bit(self.detail.is_some(), state::DETAIL)
    }

    /// Appends what is stored after the shape.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        for cell in self.old.unwrap_or_default() {
            cell.put(out);
        }
        for (at, cell) in self.new.unwrap_or_default().iter().enumerate() {
            match self.old {
                Some(old) if old.get(at) == Some(cell) && *cell != Cell::Null => put_size(out, SAME),
                _ => cell.put(out),
            }
        }
        if let Some(detail) = self.detail {
            put_sized(out, detail);
        }
    }

    /// Appends the payload's canonical bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        match self.key() {
            Some(row) => put_with(out, |out| self.write_row(row, |is_key| is_key, out)),
            None => put_text(out, None),
        }
        for row in [self.old, self.new] {
            match row {
                Some(row) => put_with(out, |out| self.write_row(row, |_| true, out)),
                None => put_text(out, None),
            }
        }
        put_text(out, self.detail);
    }

    pub(super) fn payload(&self) -> Payload<'r>
    where
        'a: 'r,
    {
        let row = |cells: &'r [Cell<'a>], is_taken: fn(bool) -> bool| -> Row<'r> {
            let columns = self.columns.iter().zip(cells).filter(|((_, is_key), _)| is_taken(*is_key));
            columns.map(|((name, _), cell)| Column { name: name.as_ref().into(), value: cell.value() }).collect()
        };
        Payload {
            key: self.key().map(|cells| row(cells, |is_key| is_key)),
            old: self.old.map(|cells| row(cells, |_| true)),
            new: self.new.map(|cells| row(cells, |_| true)),
            detail: self.detail.map(Into::into),
        }
    }

    /// The row that holds the key, which is what was there before.
    fn key(&self) -> Option<&'r [Cell<'a>]> {
        self.old.or(self.new).filter(|_| self.columns.iter().any(|(_, is_key)| *is_key))
    }

    fn write_row(&self, cells: &[Cell], is_taken: impl Fn(bool) -> bool, out: &mut Vec<u8>) {
        for ((name, is_key), cell) in self.columns.iter().zip(cells) {
            if is_taken(*is_key) {
                cell.write(name.as_ref(), out);
            }
        }
    }
}

impl<'a> Cell<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Cell::Null => put_size(out, NULL),
            Cell::Redacted(hash) => {
                put_size(out, REDACTED);
                out.extend_from_slice(&hash.0);
            }
            Cell::Text(text) => {
                put_size(out, TEXT + text.len());
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// # Errors
    /// For what is the same as in the old row and not said so, among others.
    pub(super) fn read(reader: &mut Reader<'a>, old: Option<Cell<'a>>) -> Result<Self, Malformed> {
        let cell = match (reader.size()?, old) {
            (NULL, _) => return Ok(Cell::Null),
            (REDACTED, _) => Cell::Redacted(Hash(reader.array()?)),
            (SAME, Some(old)) if old != Cell::Null => return Ok(old),
            (SAME, _) => return Err(Malformed::new("a value is the same as none")),
            (length, _) => Cell::Text(reader.sized(length - TEXT)?),
        };
        match old {
            Some(old) if old == cell => Err(Malformed::new("a value that stays the same stands twice")),
            _ => Ok(cell),
        }
    }

    fn write(&self, name: &str, out: &mut Vec<u8>) {
        put(out, name.as_bytes());
        match self {
            Cell::Null => out.push(0),
            Cell::Text(text) => {
                out.push(1);
                put(out, text.as_bytes());
            }
            Cell::Redacted(hash) => {
                out.push(2);
                out.extend_from_slice(&hash.0);
            }
        }
    }

    fn value(&self) -> Value<'a> {
        match *self {
            Cell::Null => Value::Null,
            Cell::Text(text) => Value::Text(text.into()),
            Cell::Redacted(hash) => Value::Redacted(hash),
        }
    }
}
