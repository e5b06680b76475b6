//! The text form of an envelope: `\x` and hexadecimal digits, as bytea prints.

use super::envelope::Malformed;

const PREFIX: &[u8] = b"\\x";

/// Bytes of the text form of so many bytes.
pub fn hex_len(bytes: usize) -> usize {
    PREFIX.len() + 2 * bytes
}

/// Fills `out`, which is as long as [`hex_len`] says.
///
/// # Errors
/// For an `out` of another length.
pub fn encode_hex(bytes: &[u8], out: &mut [u8]) -> Result<(), Malformed> {
    let (prefix, digits) = out.split_at_mut_checked(PREFIX.len()).ok_or(Malformed)?;
    prefix.copy_from_slice(PREFIX);
    hex::encode_to_slice(bytes, digits).map_err(|_| Malformed)
}

/// Bytes that a text form stands for.
///
/// # Errors
/// For a text that does not begin with `\x`, or has an odd number of digits.
pub fn decoded_len(text: &[u8]) -> Result<usize, Malformed> {
    let digits = text.strip_prefix(PREFIX).ok_or(Malformed)?;
    if digits.len().is_multiple_of(2) { Ok(digits.len() / 2) } else { Err(Malformed) }
}

/// Fills `out`, which is as long as [`decoded_len`] says.
///
/// # Errors
/// For anything but `\x` and pairs of hexadecimal digits, and for an `out` of another length.
pub fn decode_hex(text: &[u8], out: &mut [u8]) -> Result<(), Malformed> {
    hex::decode_to_slice(text.strip_prefix(PREFIX).ok_or(Malformed)?, out).map_err(|_| Malformed)
}
