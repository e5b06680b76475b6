//! Fields of the formats that are hashed or authenticated: four bytes of length, big-endian, before what varies in length.

/// The length of what is not there: never that of an empty string.
pub(crate) const ABSENT: u32 = u32::MAX;

/// Nothing of four gigabytes gets here: PostgreSQL has no such value.
pub(crate) fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(ABSENT - 1).to_be_bytes()
}

pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&length(bytes.len()));
    out.extend_from_slice(bytes);
}

pub(crate) fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => put(out, bytes),
        None => out.extend_from_slice(&ABSENT.to_be_bytes()),
    }
}
