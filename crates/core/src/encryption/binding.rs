//! What a value is bound to besides its key: the additional data of its encryption.

use super::error;
use crate::error::Result;
use crate::field;
use crate::tenancy::TenantId;

const DOMAIN: &[u8] = b"pg_warden/value/1";
/// What a value is, in the words of the application; of a transparent column, its registry UUID in text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context(String);

impl Context {
    /// Longest context, in bytes.
    const LONGEST: usize = 255;

    /// # Errors
    /// 22023 for an empty one, and for more than 255 bytes.
    pub fn check(text: &str) -> Result<()> {
        if (1..=Self::LONGEST).contains(&text.len()) { Ok(()) } else { Err(error::invalid_context()) }
    }

    /// # Errors
    /// As [`Context::check`].
    pub fn parse(text: &str) -> Result<Self> {
        Self::check(text).map(|()| Self(text.to_owned()))
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
        field::put(&mut self.0, column);
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
        field::put(&mut data, &self.tenant.0);
        field::put(&mut data, self.context.as_bytes());
        field::put(&mut data, &[self.value_type as u8]);
        field::put_optional(&mut data, row);
        data
    }
}
