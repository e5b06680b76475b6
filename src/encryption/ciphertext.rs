//! The types `warden.ciphertext` and `warden.ciphertext_eq`: their forms, which never decrypt, and how tags compare.

use std::cmp::Ordering;

use pgrx::pg_sys::Datum;
use warden_core::encryption::{
    Envelope, LONGEST_PREFIX, TAG, decode_hex, decoded_len, encode_hex, equality_tag_of, error, hex_len,
};
use warden_core::error::Result;

use crate::pg::call::{self, Call, Varlena};
use crate::pg::error::internal;

/// Which of the two types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Searchable,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Plain => "ciphertext",
            Kind::Searchable => "ciphertext_eq",
        }
    }

    /// A value of one type is none of the other: only a searchable one has a tag.
    fn takes(self, bytes: &[u8]) -> bool {
        Envelope::parse(bytes).is_ok_and(|envelope| envelope.flags().equality == (self == Kind::Searchable))
    }
}

fn read_text(call: Call, kind: Kind) -> Result<Option<Datum>> {
    let Some(text) = call.cstring(0) else { return Ok(None) };
    let refuse = || error::malformed_text(kind.name());
    let text = text.to_bytes();
    let mut bytes = Varlena::new(decoded_len(text).map_err(|_| refuse())?).ok_or_else(error::too_long)?;
    decode_hex(text, bytes.bytes_mut()).map_err(|_| refuse())?;
    if kind.takes(bytes.bytes_mut()) { Ok(Some(bytes.datum())) } else { Err(refuse()) }
}

fn read_binary(call: Call, kind: Kind) -> Result<Option<Datum>> {
    let Some(bytes) = call.message(0) else { return Ok(None) };
    if !kind.takes(bytes) {
        return Err(error::malformed_binary(kind.name()));
    }
    Ok(Varlena::copy_of(bytes).map(Varlena::datum))
}

pub fn ciphertext_in(call: Call) -> Result<Option<Datum>> {
    read_text(call, Kind::Plain)
}

pub fn ciphertext_eq_in(call: Call) -> Result<Option<Datum>> {
    read_text(call, Kind::Searchable)
}

pub fn ciphertext_recv(call: Call) -> Result<Option<Datum>> {
    read_binary(call, Kind::Plain)
}

pub fn ciphertext_eq_recv(call: Call) -> Result<Option<Datum>> {
    read_binary(call, Kind::Searchable)
}

pub fn out(call: Call) -> Result<Option<Datum>> {
    let Some(bytes) = call.bytes(0) else { return Ok(None) };
    let mut text = Varlena::new(hex_len(bytes.len())).ok_or_else(error::too_long)?;
    encode_hex(bytes, text.bytes_mut()).map_err(|_| internal("a text of another length"))?;
    Ok(Some(call::new_cstring(text.bytes_mut())))
}

pub fn send(call: Call) -> Result<Option<Datum>> {
    Ok(call.bytes(0).and_then(Varlena::copy_of).map(Varlena::datum))
}

/// The tag of an argument. Of bytes that are no envelope, which only a damaged page can hold, all zeros: comparing tells
/// nothing and raises nothing.
fn tag(call: Call, at: usize) -> Option<[u8; TAG]> {
    Some(equality_tag_of(call.head(at, LONGEST_PREFIX)?).unwrap_or_default())
}

fn compare(call: Call) -> Option<Ordering> {
    Some(tag(call, 0)?.cmp(&tag(call, 1)?))
}

pub fn eq(call: Call) -> Result<Option<Datum>> {
    Ok(compare(call).and_then(|order| call::boolean(order.is_eq())))
}

pub fn ne(call: Call) -> Result<Option<Datum>> {
    Ok(compare(call).and_then(|order| call::boolean(order.is_ne())))
}

pub fn lt(call: Call) -> Result<Option<Datum>> {
    Ok(compare(call).and_then(|order| call::boolean(order.is_lt())))
}

pub fn le(call: Call) -> Result<Option<Datum>> {
    Ok(compare(call).and_then(|order| call::boolean(order.is_le())))
}

pub fn ge(call: Call) -> Result<Option<Datum>> {
    Ok(compare(call).and_then(|order| call::boolean(order.is_ge())))
}

pub fn gt(call: Call) -> Result<Option<Datum>> {
    Ok(compare(call).and_then(|order| call::boolean(order.is_gt())))
}

pub fn cmp(call: Call) -> Result<Option<Datum>> {
    Ok(compare(call).and_then(|order| call::integer(order as i32)))
}

pub fn hash(call: Call) -> Result<Option<Datum>> {
    Ok(tag(call, 0).and_then(|tag| call::integer(call::hash(&tag).cast_signed())))
}

pub fn hash_extended(call: Call) -> Result<Option<Datum>> {
    Ok(tag(call, 0).and_then(|tag| call::long(call::hash_extended(&tag, call.long(1)))))
}
