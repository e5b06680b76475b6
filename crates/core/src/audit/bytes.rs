//! How the audit's bytes are written and read: numbers big-endian, and before what varies in length four bytes that
//! give it.

use super::error::Malformed;
use crate::field::{ABSENT, length};
pub(super) use crate::field::{put, put_optional};

pub(super) fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_optional(out, text.map(str::as_bytes));
}

/// Writes what `fill` appends, with its length before it.
pub(super) fn put_with(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    let length = length(out.len() - at - 4);
    out[at..at + 4].copy_from_slice(&length);
}

/// Reads from the front; whatever is not there is refused.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| Malformed::new("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn version(&mut self, known: u8) -> Result<(), Malformed> {
        if self.u8()? == known { Ok(()) } else { Err(Malformed::new("it has an unknown version")) }
    }

    pub(super) fn optional(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.u32()? {
            ABSENT => Ok(None),
            length => self.take(usize::try_from(length).unwrap_or(usize::MAX)).map(Some),
        }
    }

    pub(super) fn optional_array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Malformed> {
        let Some(bytes) = self.optional()? else { return Ok(None) };
        bytes.try_into().map(Some).map_err(|_| Malformed::new("a field has another length than its kind"))
    }

    pub(super) fn text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let Some(bytes) = self.optional()? else { return Ok(None) };
        std::str::from_utf8(bytes).map(Some).map_err(|_| Malformed::new("a text is not UTF-8"))
    }

    pub(super) fn required_text(&mut self) -> Result<&'a str, Malformed> {
        self.text()?.ok_or_else(|| Malformed::new("a field is missing"))
    }

    /// What has been read since this copy was made.
    pub(super) fn until(self, later: &Self) -> &'a [u8] {
        &self.0[..self.0.len().saturating_sub(later.0.len())]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed::new("there are bytes after its end")) }
    }
}
