//! SHA-256, and the two ways in which RFC 6962 uses it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A SHA-256 hash. Its text form is base64 with padding.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Of these parts, one after the other.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }

    /// `None` for another number of bytes than 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// `None` for anything but 44 characters of canonical base64.
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        let length = STANDARD.decode_slice(text, &mut hash).ok()?;
        (length == hash.len()).then_some(Self(hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Of a leaf: no leaf's hash is a node's.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash::of(&[&[0], data])
}

/// What many leaves begin with, hashed once.
pub(super) struct LeafPrefix(Sha256);

impl LeafPrefix {
    pub(super) fn new(prefix: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(prefix))
    }

    /// Of the leaf that goes on like this.
    pub(super) fn hash(&self, rest: &[u8]) -> Hash {
        Hash(self.0.clone().chain_update(rest).finalize().into())
    }
}

/// Of a node above two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut data = [1; 65];
    data[1..33].copy_from_slice(&left.0);
    data[33..].copy_from_slice(&right.0);
    Hash(Sha256::digest(data).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_one() {
        let hash = Hash::of(&[b"ab", b"c"]);
        assert_eq!(hash.to_string(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        for bad in [
            "",
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0",
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa1=",
            "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=",
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFQ==",
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0AAA==",
            " ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        ] {
            assert_eq!(Hash::parse(bad), None, "{bad}");
        }
    }
}
