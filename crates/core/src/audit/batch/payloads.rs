use std::fmt;
use std::sync::Arc;

use super::super::bytes::Reader;
use super::super::error::Malformed;
use super::super::hash::Hash;
use super::super::payload::{Payload, Salt};
use super::body::read_header;
use super::dictionary::Definitions;
use super::row::{Cell, Rows};
use super::terms::StoredShape;
use super::writer::{PayloadBody, state};

/// Reads the payloads of a batch, one for each entry with a commitment.
pub struct Payloads<'a> {
    reader: Reader<'a>,
    left: usize,
    shapes: Definitions<'a, StoredShape<'a>>,
    /// Of the payload that was read last: its old row, then its new one.
    cells: Vec<Cell<'a>>,
}

impl<'a> Payloads<'a> {
    /// # Errors
    /// For another version, and for no payloads.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let left = read_header(&mut reader)?;
        Ok(Self { reader, left, shapes: Definitions::default(), cells: Vec::new() })
    }

    /// The next one, which lasts until the one after it is asked for; `None` after the last.
    ///
    /// # Errors
    /// For what [`Batch`](super::Batch) and [`erase`] do not write, and from then on each time.
    pub fn advance(&mut self) -> Result<Option<Stored<'_>>, Malformed> {
        if self.left == 0 {
            return self.reader.end().map(|()| None);
        }
        // Left empty by an error, so that nothing is read from the middle.
        let mut reader = std::mem::replace(&mut self.reader, Reader::new(&[]));
        let state = reader.u8()?;
        if state == state::ERASED {
            (self.reader, self.left) = (reader, self.left - 1);
            return Ok(Some(Stored::Erased));
        }
        let has = |bit| state & bit != 0;
        if !has(state::PRESENT) || has(!state::ALL) {
            return Err(Malformed::new("a payload has an unknown state"));
        }
        let salt = Salt(reader.array()?);
        let shape =
            if has(state::OLD | state::NEW) { Some(self.shapes.read(&mut reader, StoredShape::read)?) } else { None };
        let columns = shape.map_or(&[][..], |shape| &shape.columns);

        let before = reader;
        self.cells.clear();
        if has(state::OLD) {
            for _ in columns {
                self.cells.push(Cell::read(&mut reader, None)?);
            }
        }
        if has(state::NEW) {
            for at in 0..columns.len() {
                let old = if has(state::OLD) { self.cells.get(at).copied() } else { None };
                self.cells.push(Cell::read(&mut reader, old)?);
            }
        }
        let detail = if has(state::DETAIL) { Some(reader.sized_text()?) } else { None };
        let values = before.until(&reader);
        (self.reader, self.left) = (reader, self.left - 1);

        let (old, new) = self.cells.split_at(if has(state::OLD) { columns.len() } else { 0 });
        let rows = Rows { columns, old: has(state::OLD).then_some(old), new: has(state::NEW).then_some(new), detail };
        let shape = shape.map_or(&[][..], |shape| shape.definition);
        Ok(Some(Stored::Present { salt, payload: StoredPayload { rows, shape, values } }))
    }
}

/// What is stored for a commitment.
#[derive(Debug)]
pub enum Stored<'c> {
    Erased,
    Present { salt: Salt, payload: StoredPayload<'c> },
}

impl Stored<'_> {
    /// What its entry must hold, if it is still there. `scratch` has the canonical bytes then.
    pub fn commitment(&self, scratch: &mut Vec<u8>) -> Option<Hash> {
        let Stored::Present { salt, payload } = self else { return None };
        payload.canonical(scratch);
        Some(salt.commit(scratch))
    }
}

pub struct StoredPayload<'c> {
    rows: Rows<'c, 'c, &'c str>,
    shape: &'c [u8],
    values: &'c [u8],
}

impl fmt::Debug for StoredPayload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.payload().fmt(f)
    }
}

impl<'c> StoredPayload<'c> {
    /// The canonical bytes, in place of what `out` held.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        out.clear();
        self.rows.write(out);
    }

    pub fn payload(&self) -> Payload<'c> {
        self.rows.payload()
    }
}

/// The same payloads, of which those at these positions, counted from 0, hold nothing any more.
///
/// # Errors
/// For malformed bytes, as [`Payloads`] has it.
pub fn erase(bytes: &[u8], is_erased: impl Fn(usize) -> bool) -> Result<Vec<u8>, Malformed> {
    let (mut payloads, mut out) = (Payloads::read(bytes)?, PayloadBody::new());
    while let Some(stored) = payloads.advance()? {
        match stored {
            Stored::Present { salt, payload } if !is_erased(out.body.count()) => {
                let values = |out: &mut Vec<u8>| out.extend_from_slice(payload.values);
                out.put(&salt, payload.rows.state(), &Arc::from(payload.shape), values);
            }
            _ => out.put_erased(),
        }
    }
    Ok(out.body.into_bytes())
}
