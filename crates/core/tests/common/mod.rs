//! What the tests of several pillars read and change bytes with.
#![allow(dead_code, reason = "each pillar uses a part of it")]

use serde_json::Value;

/// The bytes that one flipped bit makes of these, each with the bit's number.
pub fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}

/// A file of `tests/vectors/`, of this crate's.
pub fn vector_file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

pub fn hex(text: &Value) -> Vec<u8> {
    hex::decode(text.as_str().unwrap()).unwrap()
}

pub fn array<const N: usize>(text: &Value) -> [u8; N] {
    hex(text).try_into().unwrap()
}
