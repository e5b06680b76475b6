use std::fmt;
use std::sync::Arc;

use super::super::entry::Operation;
use super::super::error::Malformed;
use super::super::hash::Hash;
use super::super::payload::Salt;
use super::super::time::Timestamp;
use super::body::{Body, KEPT};
use super::dictionary::Dictionary;
use super::row::{Cell, Rows};
use super::terms::{Actor, Shape, Subject};
use super::varint::{put_sized, put_varint, zigzag};

/// What an entry shares with no other.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// In its transaction; greater than that of the entry before.
    pub number: u64,
    pub operation: Operation,
    /// An EVENT's, and no other operation's.
    pub kind: Option<&'a str>,
    pub at: Timestamp,
    /// What [`Batch::payload`] gave just before, if there is a payload.
    pub commitment: Option<Hash>,
}

/// In an entry's operation: a commitment follows.
pub(super) const COMMITS: u8 = 0x80;

/// Writes both bodies. Cleared, it serves the next batch with the same buffers.
pub struct Batch {
    entries: Body,
    actors: Dictionary,
    subjects: Dictionary,
    payloads: PayloadBody,
    first: Option<u64>,
    number: u64,
    at: i64,
    commitments: usize,
    canonical: Vec<u8>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("first", &self.first).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    pub fn new() -> Self {
        Self {
            entries: Body::new(),
            actors: Dictionary::default(),
            subjects: Dictionary::default(),
            payloads: PayloadBody::new(),
            first: None,
            number: 0,
            at: 0,
            commitments: 0,
            canonical: Vec::new(),
        }
    }

    /// Stores the payload of the entry that is written next, and gives its commitment. The key is taken from the old
    /// row, or without one from the new; there is none if no column of the shape belongs to it.
    ///
    /// # Errors
    /// For a row that has another number of columns than its shape. Nothing is stored then.
    pub fn payload(
        &mut self,
        shape: &Shape,
        old: Option<&[Cell]>,
        new: Option<&[Cell]>,
        detail: Option<&str>,
        salt: &Salt,
    ) -> Result<Hash, Malformed> {
        if [old, new].into_iter().flatten().any(|row| row.len() != shape.len()) {
            return Err(Malformed::new("a row has other columns than its shape"));
        }
        let rows = Rows { columns: &shape.columns, old, new, detail };
        self.payloads.put(salt, rows.state(), &shape.definition, |out| rows.put(out));
        self.canonical.clear();
        rows.write(&mut self.canonical);
        Ok(salt.commit(&self.canonical))
    }

    /// The same for an event, whose payload has no rows.
    pub fn event_payload(&mut self, detail: Option<&str>, salt: &Salt) -> Hash {
        let rows = Rows::<&str> { columns: &[], old: None, new: None, detail };
        self.payloads.put(salt, rows.state(), &Arc::default(), |out| rows.put(out));
        self.canonical.clear();
        rows.write(&mut self.canonical);
        salt.commit(&self.canonical)
    }

    /// # Errors
    /// For what would not be read again: a number that is not greater than the last, a kind without an EVENT or an
    /// EVENT without one, no relation, a commitment without its payload or a payload without one. Nothing is stored
    /// then.
    pub fn entry(&mut self, actor: &Actor, subject: &Subject, act: &Act) -> Result<(), Malformed> {
        act.operation.check(act.kind.is_some(), subject.has_relation)?;
        let commitments = self.commitments + usize::from(act.commitment.is_some());
        if commitments != self.payloads.body.count() {
            return Err(Malformed::new("its commitment and its payload do not come together"));
        }
        if !self.is_empty() && act.number <= self.number {
            return Err(Malformed::new("its number is not after the last"));
        }

        let is_first = self.is_empty();
        let out = self.entries.add();
        if !is_first {
            put_varint(out, act.number - self.number - 1);
        }
        self.actors.put(&actor.definition, out);
        self.subjects.put(&subject.definition, out);
        out.push(act.operation as u8 | if act.commitment.is_some() { COMMITS } else { 0 });
        if let Some(kind) = act.kind {
            put_sized(out, kind);
        }
        put_varint(out, zigzag(act.at.0.wrapping_sub(self.at)));
        if let Some(commitment) = &act.commitment {
            out.extend_from_slice(&commitment.0);
        }
        self.first.get_or_insert(act.number);
        (self.number, self.at, self.commitments) = (act.number, act.at.0, commitments);
        Ok(())
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the first entry, which the bodies do not hold.
    pub fn first(&self) -> Option<u64> {
        self.first
    }

    /// Of both bodies.
    pub fn size(&self) -> usize {
        self.entries.bytes().len() + self.payloads.body.bytes().len()
    }

    /// The body of the entries. Of an empty batch there is nothing to store.
    pub fn entries_bytes(&self) -> &[u8] {
        self.entries.bytes()
    }

    /// The body of the payloads; `None` if no entry has one.
    pub fn payload_bytes(&self) -> Option<&[u8]> {
        (self.payloads.body.count() > 0).then(|| self.payloads.body.bytes())
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.actors.clear();
        self.subjects.clear();
        self.payloads.body.clear();
        self.payloads.shapes.clear();
        self.canonical.clear();
        self.canonical.shrink_to(KEPT);
        (self.first, self.number, self.at, self.commitments) = (None, 0, 0, 0);
    }
}

/// The first byte of a payload that is there; what is erased has a zero and nothing else.
pub(super) mod state {
    pub(in super::super) const ERASED: u8 = 0;
    pub(in super::super) const PRESENT: u8 = 1;
    pub(in super::super) const OLD: u8 = 2;
    pub(in super::super) const NEW: u8 = 4;
    pub(in super::super) const DETAIL: u8 = 8;
    pub(in super::super) const ALL: u8 = PRESENT | OLD | NEW | DETAIL;
}

pub(super) struct PayloadBody {
    pub(super) body: Body,
    shapes: Dictionary,
}

impl PayloadBody {
    pub(super) fn new() -> Self {
        Self { body: Body::new(), shapes: Dictionary::default() }
    }

    pub(super) fn put(&mut self, salt: &Salt, state: u8, shape: &Arc<[u8]>, values: impl FnOnce(&mut Vec<u8>)) {
        let out = self.body.add();
        out.push(state);
        out.extend_from_slice(&salt.0);
        if state & (state::OLD | state::NEW) != 0 {
            self.shapes.put(shape, out);
        }
        values(out);
    }

    pub(super) fn put_erased(&mut self) {
        self.body.add().push(state::ERASED);
    }
}
