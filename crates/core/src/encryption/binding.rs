//! What a value is bound to besides its key: the additional data of its encryption.

use super::error;
use crate::error::Result;
use crate::tenancy::TenantId;

const DOMAIN: &[u8] = b"pg_warden/value/1";
/// The length of what is not there: never that of an empty string.
const ABSENT: [u8; 4] = u32::MAX.to_be_bytes();

/// What a value is, in the words of the application; of a transparent column, its registry UUID in text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context(String);

impl Context {
    /// # Errors
    /// 22023 for an empty one, and for more than 255 bytes.
    pub fn parse(text: &str) -> Result<Self> {
        if (1..=Self::LONGEST).contains(&text.len()) {
            return Ok(Self(text.to_owned()));
        }
        Err(error::invalid_context())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the bytes are: a value of one type never opens as another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ValueType {
    /// Also of what has no type of its own here: numbers, dates, uuids, by their text.
    Text = 1,
    Bytes = 2,
    /// json and jsonb, by their text.
    Json = 3,
}

/// The values of a row's key columns, in the order of the key, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowKey(Vec<u8>);

impl RowKey {
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut key = Self::default();
        columns.into_iter().for_each(|column| key.push(column.as_bytes()));
        key
    }

    pub fn push(&mut self, column: &[u8]) {
        field(&mut self.0, column);
    }
}

/// Where a value belongs.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    pub tenant: TenantId,
    pub context: &'a str,
    pub value_type: ValueType,
    /// `None`: to no row.
    pub row: Option<&'a RowKey>,
}

impl Binding<'_> {
    /// `prefix`: every byte of the envelope before the body.
    pub(super) fn additional_data(&self, prefix: &[u8]) -> Vec<u8> {
        let row = self.row.map(|row| row.0.as_slice());
        let length = DOMAIN.len() + prefix.len() + 37 + self.context.len() + row.map_or(0, <[u8]>::len);
        let mut data = Vec::with_capacity(length);
        data.extend_from_slice(DOMAIN);
        data.extend_from_slice(prefix);
        field(&mut data, &self.tenant.0);
        field(&mut data, self.context.as_bytes());
        field(&mut data, &[self.value_type as u8]);
        match row {
            Some(row) => field(&mut data, row),
            None => data.extend_from_slice(&ABSENT),
        }
        data
    }
}

/// A length of four bytes and the bytes. Nothing of a gigabyte gets here: PostgreSQL has no such text.
fn field(data: &mut Vec<u8>, bytes: &[u8]) {
    data.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX - 1).to_be_bytes());
    data.extend_from_slice(bytes);
}
