//! An entry's canonical bytes, which are its leaf in the tenant's tree.
//!
//! What the entries of a transaction share comes first, so that it is stored and rendered once.

use std::fmt;
use std::num::NonZeroU32;

use super::bytes::{Reader, put_optional, put_text};
use super::error::Malformed;
use super::hash::Hash;
use super::time::Timestamp;
use crate::tenancy::TenantId;

const VERSION: u8 = 1;

/// Who acts, and in which transaction. A transaction that changes its role or its context in between has one for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// The ordinal of (system identifier, timeline, database).
    pub incarnation: u32,
    /// Top-level, with its epoch.
    pub xid: u64,
    /// Whose privileges count: SET ROLE and SECURITY DEFINER change it.
    pub database_user: Option<&'a str>,
    /// Who logged in to PostgreSQL.
    pub session_user: Option<&'a str>,
    /// The context's user, and so on: none without a context.
    pub user_id: Option<&'a str>,
    pub role: Option<&'a str>,
    pub session_id: Option<&'a str>,
    pub access_request: Option<&'a str>,
    pub application_name: Option<&'a str>,
    pub client_addr: Option<&'a str>,
}

impl Transaction<'_> {
    /// The beginning of the bytes of each of its entries.
    pub fn bytes(&self) -> Vec<u8> {
        let texts = self.texts();
        let length = texts.iter().map(|text| 4 + text.map_or(0, str::len)).sum::<usize>();
        let mut out = Vec::with_capacity(13 + length);
        out.push(VERSION);
        out.extend_from_slice(&self.incarnation.to_be_bytes());
        out.extend_from_slice(&self.xid.to_be_bytes());
        texts.into_iter().for_each(|text| put_text(&mut out, text));
        out
    }

    pub(super) fn texts(&self) -> [Option<&str>; 8] {
        [
            self.database_user,
            self.session_user,
            self.user_id,
            self.role,
            self.session_id,
            self.access_request,
            self.application_name,
            self.client_addr,
        ]
    }
}

impl<'a> Transaction<'a> {
    /// In the order of [`Transaction::texts`].
    pub(super) fn of_texts(incarnation: u32, xid: u64, texts: [Option<&'a str>; 8]) -> Self {
        let [database_user, session_user, user_id, role, session_id, access_request, application_name, client_addr] =
            texts;
        Self {
            incarnation,
            xid,
            database_user,
            session_user,
            user_id,
            role,
            session_id,
            access_request,
            application_name,
            client_addr,
        }
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.version(VERSION)?;
        Ok(Self {
            incarnation: reader.u32()?,
            xid: reader.u64()?,
            database_user: reader.text()?,
            session_user: reader.text()?,
            user_id: reader.text()?,
            role: reader.text()?,
            session_id: reader.text()?,
            access_request: reader.text()?,
            application_name: reader.text()?,
            client_addr: reader.text()?,
        })
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    Insert = 1,
    Update = 2,
    Delete = 3,
    Truncate = 4,
    Select = 5,
    Event = 6,
}

impl Operation {
    const ALL: [(Operation, &'static str); 6] = [
        (Operation::Insert, "INSERT"),
        (Operation::Update, "UPDATE"),
        (Operation::Delete, "DELETE"),
        (Operation::Truncate, "TRUNCATE"),
        (Operation::Select, "SELECT"),
        (Operation::Event, "EVENT"),
    ];

    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// `None` for a number that names no operation.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().map(|(own, _)| own).find(|own| *own as u8 == number)
    }

    pub(super) fn check(self, has_kind: bool, has_relation: bool) -> Result<(), Malformed> {
        let is_event = self == Operation::Event;
        if has_kind != is_event {
            return Err(Malformed::new("a kind belongs to an EVENT, and every EVENT has one"));
        }
        if !has_relation && !is_event {
            return Err(Malformed::new("it names no relation"));
        }
        Ok(())
    }
}

/// What an entry does not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// In its transaction.
    pub number: u64,
    /// `None`: what belongs to no tenant.
    pub tenant: Option<TenantId>,
    /// As `format('%I.%I')` prints it; an EVENT may do without.
    pub relation: Option<&'a str>,
    pub operation: Operation,
    /// An EVENT's, and no other operation's.
    pub kind: Option<&'a str>,
    pub at: Timestamp,
    /// Of the relation's columns and types, where there are any.
    pub schema_version: Option<NonZeroU32>,
    /// JSON, for everyone who may read the entry.
    pub detail: Option<&'a str>,
    /// To key, rows and a detail that can be withheld and erased.
    pub commitment: Option<Hash>,
}

impl<'a> Entry<'a> {
    /// Appends what follows the transaction's bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number.to_be_bytes());
        put_optional(out, self.tenant.as_ref().map(|tenant| &tenant.0[..]));
        put_text(out, self.relation);
        out.push(self.operation as u8);
        put_text(out, self.kind);
        out.extend_from_slice(&self.at.0.to_be_bytes());
        out.extend_from_slice(&self.schema_version.map_or(0, NonZeroU32::get).to_be_bytes());
        put_text(out, self.detail);
        put_optional(out, self.commitment.as_ref().map(|commitment| &commitment.0[..]));
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let entry = Self {
            number: reader.u64()?,
            tenant: reader.optional_array()?.map(TenantId),
            relation: reader.text()?,
            operation: Operation::from_number(reader.u8()?)
                .ok_or_else(|| Malformed::new("it has an unknown operation"))?,
            kind: reader.text()?,
            at: Timestamp(reader.i64()?),
            schema_version: NonZeroU32::new(reader.u32()?),
            detail: reader.text()?,
            commitment: reader.optional_array()?.map(Hash),
        };
        entry.operation.check(entry.kind.is_some(), entry.relation.is_some())?;
        Ok(entry)
    }
}

/// The canonical bytes: the data of the entry's leaf.
pub fn encode(transaction: &Transaction, entry: &Entry) -> Vec<u8> {
    let mut out = transaction.bytes();
    entry.write(&mut out);
    out
}

/// What canonical bytes say. Whatever decodes gives the same bytes again.
///
/// # Errors
/// For anything but the canonical bytes of an entry of this version.
pub fn decode(bytes: &[u8]) -> Result<(Transaction<'_>, Entry<'_>), Malformed> {
    let mut reader = Reader::new(bytes);
    let transaction = Transaction::read(&mut reader)?;
    let entry = Entry::read(&mut reader)?;
    reader.end()?;
    Ok((transaction, entry))
}

/// What names an entry before and after it is sealed: `incarnation.xid.number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    pub incarnation: u32,
    pub xid: u64,
    pub number: u64,
}

impl EntryId {
    /// `None` for anything but the form that is printed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (incarnation, xid, number) = (parts.next()?, parts.next()?, parts.next()?);
        let id = Self { incarnation: incarnation.parse().ok()?, xid: xid.parse().ok()?, number: number.parse().ok()? };
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.incarnation, self.xid, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_name() {
        let id = EntryId { incarnation: 1, xid: 7_000_000_745, number: 3 };
        assert_eq!(id.to_string(), "1.7000000745.3");
        assert_eq!(EntryId::parse("1.7000000745.3"), Some(id));
        for bad in ["", "1", "1.2", "1.2.3.4", "01.2.3", "+1.2.3", "1.2.3 ", "1..3", "4294967296.2.3", "-1.2.3"] {
            assert_eq!(EntryId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn operations_have_one_number_and_one_name_each() {
        for (operation, name) in Operation::ALL {
            assert_eq!(operation.name(), name);
            assert_eq!(Operation::from_number(operation as u8), Some(operation));
        }
        assert_eq!([0, 7, 255].map(Operation::from_number), [None; 3]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let transaction = Transaction::default();
        let entry = Entry {
            number: 1,
            tenant: None,
            relation: Some("app.t"),
            operation: Operation::Insert,
            kind: None,
            at: Timestamp(0),
            schema_version: None,
            detail: None,
            commitment: None,
        };
        let event = Entry { operation: Operation::Event, kind: Some("k"), ..entry };
        for good in [entry, event, Entry { relation: None, ..event }] {
            assert_eq!(decode(&encode(&transaction, &good)), Ok((transaction, good)));
        }
        for bad in
            [Entry { kind: Some("k"), ..entry }, Entry { kind: None, ..event }, Entry { relation: None, ..entry }]
        {
            assert!(decode(&encode(&transaction, &bad)).is_err(), "{bad:?}");
        }
    }
}
