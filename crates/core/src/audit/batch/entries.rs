use std::fmt;
use std::rc::Rc;

use super::super::bytes::Reader;
use super::super::entry::{Entry, EntryId, Operation, Transaction};
use super::super::error::Malformed;
use super::super::hash::{Hash, LeafPrefix};
use super::super::time::Timestamp;
use super::body::read_header;
use super::dictionary::Definitions;
use super::terms::{StoredSubject, read_actor};
use super::varint::unzigzag;
use super::writer::COMMITS;
use crate::tenancy::TenantId;

/// Reads the entries of a batch, one by one, until the first that is malformed.
///
/// How many there are is the body's claim, so nobody is given it to allocate for.
pub struct Entries<'a> {
    reader: Reader<'a>,
    left: usize,
    is_over: bool,
    id: EntryId,
    is_first: bool,
    tenant: Option<TenantId>,
    at: i64,
    actors: Definitions<'a, Rc<StoredActor<'a>>>,
    subjects: Definitions<'a, StoredSubject<'a>>,
}

impl<'a> Entries<'a> {
    /// What the bytes do not hold is given: what names the first entry, and whose the batch is.
    ///
    /// # Errors
    /// For another version, and for no entries.
    pub fn read(first: EntryId, tenant: Option<TenantId>, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let left = read_header(&mut reader)?;
        Ok(Self {
            reader,
            left,
            is_over: false,
            id: first,
            is_first: true,
            tenant,
            at: 0,
            actors: Definitions::default(),
            subjects: Definitions::default(),
        })
    }

    fn read_next(&mut self) -> Result<StoredEntry<'a>, Malformed> {
        let reader = &mut self.reader;
        if !self.is_first {
            let number = self.id.number.checked_add(1).zip(Some(reader.varint()?));
            self.id.number = number
                .and_then(|(next, gap)| next.checked_add(gap))
                .ok_or_else(|| Malformed::new("its numbers go too far"))?;
        }
        let (incarnation, xid) = (self.id.incarnation, self.id.xid);
        let actor = self.actors.read(reader, |reader| {
            let transaction = read_actor(incarnation, xid, reader)?;
            Ok(Rc::new(StoredActor::new(transaction)))
        })?;
        let subject = self.subjects.read(reader, StoredSubject::read)?;
        let byte = reader.u8()?;
        let operation =
            Operation::from_number(byte & !COMMITS).ok_or_else(|| Malformed::new("it has an unknown operation"))?;
        let kind = if operation == Operation::Event { Some(reader.sized_text()?) } else { None };
        operation.check(kind.is_some(), subject.relation.is_some())?;
        self.at = self.at.wrapping_add(unzigzag(reader.varint()?));
        let commitment = if byte & COMMITS == 0 { None } else { Some(Hash(reader.array()?)) };
        self.is_first = false;
        self.left -= 1;
        let entry = Entry {
            number: self.id.number,
            tenant: self.tenant,
            relation: subject.relation,
            operation,
            kind,
            at: Timestamp(self.at),
            schema_version: subject.schema_version,
            detail: subject.detail,
            commitment,
        };
        Ok(StoredEntry { actor: Rc::clone(actor), entry })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<StoredEntry<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = match self.left {
            0 => self.reader.end().err().map(Err),
            _ => Some(self.read_next()),
        };
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// An entry of a batch.
#[derive(Clone)]
pub struct StoredEntry<'a> {
    actor: Rc<StoredActor<'a>>,
    pub entry: Entry<'a>,
}

impl fmt::Debug for StoredEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoredEntry").field(&self.actor.transaction).field(&self.entry).finish()
    }
}

impl<'a> StoredEntry<'a> {
    pub fn transaction(&self) -> &Transaction<'a> {
        &self.actor.transaction
    }

    /// The canonical bytes, in place of what `out` held.
    pub fn leaf_input(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.actor.prefix);
        self.entry.write(out);
    }

    /// Their leaf's hash, without what is the same for each entry of its actor being hashed again.
    pub fn leaf(&self, scratch: &mut Vec<u8>) -> Hash {
        scratch.clear();
        self.entry.write(scratch);
        self.actor.leaf.hash(scratch)
    }
}

struct StoredActor<'a> {
    transaction: Transaction<'a>,
    prefix: Vec<u8>,
    leaf: LeafPrefix,
}

impl<'a> StoredActor<'a> {
    fn new(transaction: Transaction<'a>) -> Self {
        let prefix = transaction.bytes();
        let leaf = LeafPrefix::new(&prefix);
        Self { transaction, prefix, leaf }
    }
}
