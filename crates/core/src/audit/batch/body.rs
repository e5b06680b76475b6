//! What both bodies begin with: the version, and how many items follow. Without the count, a body cut between two items
//! would still be one.

use super::super::bytes::Reader;
use super::super::error::Malformed;

const VERSION: u8 = 1;
/// The version and the longest count. The count is known last and stands first: it is written up to where the items
/// begin.
const ROOM: usize = 1 + 10;
/// What a cleared buffer keeps: one large row should not hold a session's memory for good.
pub(super) const KEPT: usize = 1 << 20;

pub(super) struct Body {
    bytes: Vec<u8>,
    start: usize,
    count: usize,
}

impl Body {
    pub(super) fn new() -> Self {
        let mut body = Self { bytes: Vec::new(), start: 0, count: 0 };
        body.clear();
        body
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.bytes.resize(ROOM, 0);
        self.count = 0;
        self.write_header();
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Where one item is appended.
    pub(super) fn add(&mut self) -> &mut Vec<u8> {
        self.count += 1;
        self.write_header();
        &mut self.bytes
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.drain(..self.start);
        self.bytes
    }

    fn write_header(&mut self) {
        let length = (u64::BITS - (self.count as u64 | 1).leading_zeros()).div_ceil(7) as usize;
        self.start = ROOM - 1 - length;
        self.bytes[self.start] = VERSION;
        for (at, byte) in self.bytes[self.start + 1..ROOM].iter_mut().enumerate() {
            *byte = (self.count >> (7 * at)) as u8 | 0x80;
        }
        self.bytes[ROOM - 1] &= 0x7f;
    }
}

/// The number of items, which is only a claim: nothing is allocated for it.
///
/// # Errors
/// For another version, and for no items: what is empty is not stored.
pub(super) fn read_header(reader: &mut Reader) -> Result<usize, Malformed> {
    reader.version(VERSION)?;
    match reader.size()? {
        0 => Err(Malformed::new("it is empty")),
        count => Ok(count),
    }
}
