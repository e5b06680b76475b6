//! What entries of a batch have in common. Each is made once and used for many entries: it holds the bytes of its
//! definition, so that the same one is known by its address and an equal one by these bytes.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::super::bytes::Reader;
use super::super::entry::Transaction;
use super::super::error::Malformed;
use super::super::payload::has_twice;
use super::varint::{put_size, put_sized_optional, put_varint};

/// Who acts: a transaction without what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    texts: [Option<Box<str>>; 8],
    pub(super) definition: Arc<[u8]>,
}

impl From<&Transaction<'_>> for Actor {
    fn from(transaction: &Transaction) -> Self {
        let texts = transaction.texts();
        let mut out = Vec::new();
        texts.into_iter().for_each(|text| put_sized_optional(&mut out, text));
        Self { texts: texts.map(|text| text.map(Box::from)), definition: out.into() }
    }
}

impl Actor {
    pub fn transaction(&self, incarnation: u32, xid: u64) -> Transaction<'_> {
        Transaction::of_texts(incarnation, xid, self.texts.each_ref().map(Option::as_deref))
    }
}

pub(super) fn read_actor<'a>(
    incarnation: u32,
    xid: u64,
    reader: &mut Reader<'a>,
) -> Result<Transaction<'a>, Malformed> {
    let mut texts = [None; 8];
    for text in &mut texts {
        *text = reader.sized_optional()?;
    }
    Ok(Transaction::of_texts(incarnation, xid, texts))
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub(super) has_relation: bool,
    pub(super) definition: Arc<[u8]>,
}

impl Subject {
    /// The fields of [`Entry`](super::super::Entry) of these names.
    pub fn new(relation: Option<&str>, schema_version: Option<NonZeroU32>, detail: Option<&str>) -> Self {
        let mut out = Vec::with_capacity(12 + relation.map_or(0, str::len) + detail.map_or(0, str::len));
        put_sized_optional(&mut out, relation);
        put_varint(&mut out, schema_version.map_or(0, |version| version.get().into()));
        put_sized_optional(&mut out, detail);
        Self { has_relation: relation.is_some(), definition: out.into() }
    }
}

pub(super) struct StoredSubject<'a> {
    pub(super) relation: Option<&'a str>,
    pub(super) schema_version: Option<NonZeroU32>,
    pub(super) detail: Option<&'a str>,
}

impl<'a> StoredSubject<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let relation = reader.sized_optional()?;
        let version =
            u32::try_from(reader.varint()?).map_err(|_| Malformed::new("it has an impossible schema version"))?;
        Ok(Self { relation, schema_version: NonZeroU32::new(version), detail: reader.sized_optional()? })
    }
}

/// The columns of rows, in their order, and which of them are the key. An excluded column is none of them. Where nothing
/// identifies a row but all of it, all are the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub(super) columns: Arc<[(Box<str>, bool)]>,
    pub(super) definition: Arc<[u8]>,
}

impl Shape {
    /// Of names, each with whether it belongs to the key.
    ///
    /// # Errors
    /// For a name that stands twice.
    pub fn new<'n>(columns: impl IntoIterator<Item = (&'n str, bool)>) -> Result<Self, Malformed> {
        let columns: Arc<[(Box<str>, bool)]> =
            columns.into_iter().map(|(name, is_key)| (name.into(), is_key)).collect();
        check_names(&columns)?;
        let mut out = Vec::new();
        put_size(&mut out, columns.len());
        for (name, is_key) in &*columns {
            put_size(&mut out, name.len() << 1 | usize::from(*is_key));
            out.extend_from_slice(name.as_bytes());
        }
        Ok(Self { columns, definition: out.into() })
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}

#[derive(Default)]
pub(super) struct StoredShape<'a> {
    pub(super) columns: Vec<(&'a str, bool)>,
    pub(super) definition: &'a [u8],
}

impl<'a> StoredShape<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let before = *reader;
        let count = reader.size()?;
        let mut columns = Vec::new();
        for _ in 0..count {
            let length = reader.size()?;
            columns.push((reader.sized(length >> 1)?, length & 1 == 1));
        }
        check_names(&columns)?;
        Ok(Self { columns, definition: before.until(reader) })
    }
}

fn check_names<N: AsRef<str>>(columns: &[(N, bool)]) -> Result<(), Malformed> {
    if has_twice(columns.iter().map(|(name, _)| name.as_ref())) {
        return Err(Malformed::new("a column stands twice"));
    }
    Ok(())
}
