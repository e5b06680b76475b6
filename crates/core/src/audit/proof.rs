//! Proofs of RFC 6962: that a leaf is in a tree, and that one tree is the beginning of another.

use std::fmt::Write;

use super::error::Malformed;
use super::hash::{Hash, node_hash};
use super::json::Object;
use super::tree::{Nodes, fold, perfect};

/// That a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    pub leaf_index: u64,
    pub tree_size: u64,
    pub leaf_hash: Hash,
    pub hashes: Vec<Hash>,
}

/// That the tree of `old_size` leaves is the beginning of that of `new_size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    pub old_size: u64,
    pub new_size: u64,
    pub hashes: Vec<Hash>,
}

impl Inclusion {
    /// `None` for a leaf that lies outside.
    ///
    /// # Errors
    /// Those of the source.
    pub fn load<N: Nodes>(nodes: &N, leaf_index: u64, tree_size: u64) -> Result<Option<Self>, N::Error> {
        if leaf_index >= tree_size {
            return Ok(None);
        }
        let mut stretches = vec![(leaf_index, leaf_index + 1)];
        stretches.extend(siblings(leaf_index, tree_size));
        let mut hashes = load(nodes, &stretches)?;
        let leaf_hash = hashes.remove(0);
        Ok(Some(Self { leaf_index, tree_size, leaf_hash, hashes }))
    }

    /// The root that this proof leads to; `None` where its length is not that of such a proof (RFC 9162, 2.1.3.2).
    pub fn root(&self) -> Option<Hash> {
        let (mut index, mut last) = (self.leaf_index, self.tree_size.checked_sub(1)?);
        if index > last {
            return None;
        }
        let mut hash = self.leaf_hash;
        for sibling in &self.hashes {
            if last == 0 {
                return None;
            }
            if index % 2 == 1 || index == last {
                hash = node_hash(sibling, &hash);
                while index.is_multiple_of(2) && index != 0 {
                    (index, last) = (index / 2, last / 2);
                }
            } else {
                hash = node_hash(&hash, sibling);
            }
            (index, last) = (index / 2, last / 2);
        }
        (last == 0).then_some(hash)
    }

    pub fn to_json(&self) -> String {
        format!(
            "{{\"leaf_index\":{},\"tree_size\":{},\"leaf_hash\":\"{}\",\"hashes\":{}}}",
            self.leaf_index,
            self.tree_size,
            self.leaf_hash,
            list(&self.hashes)
        )
    }

    /// # Errors
    /// For anything but such an object, with unknown members or one that stands twice.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut object = Object::parse(text)?;
        let proof = Self {
            leaf_index: object.number("leaf_index")?,
            tree_size: object.number("tree_size")?,
            leaf_hash: object.hash("leaf_hash")?,
            hashes: object.hashes("hashes")?,
        };
        object.end()?;
        Ok(proof)
    }
}

impl Consistency {
    /// `None` for an old tree that is larger than the new one.
    ///
    /// # Errors
    /// Those of the source.
    pub fn load<N: Nodes>(nodes: &N, old_size: u64, new_size: u64) -> Result<Option<Self>, N::Error> {
        if old_size > new_size {
            return Ok(None);
        }
        Ok(Some(Self { old_size, new_size, hashes: load(nodes, &remainders(old_size, new_size))? }))
    }

    /// Whether it leads from one root to the other (RFC 9162, 2.1.4.2). The empty tree is the beginning of any, and
    /// each the beginning of itself, with no hash.
    pub fn verifies(&self, old: &Hash, new: &Hash) -> bool {
        if self.old_size == 0 {
            return self.hashes.is_empty() && *old == Hash::of(&[]) && (self.new_size > 0 || new == old);
        }
        self.roots(old) == Some((*old, *new))
    }

    fn roots(&self, old: &Hash) -> Option<(Hash, Hash)> {
        if self.old_size == self.new_size {
            return self.hashes.is_empty().then_some((*old, *old));
        }
        let (mut node, mut last) = (self.old_size.checked_sub(1)?, self.new_size.checked_sub(1)?);
        if node >= last {
            return None;
        }
        while node % 2 == 1 {
            (node, last) = (node / 2, last / 2);
        }
        let (first, rest) =
            if self.old_size.is_power_of_two() { (*old, &self.hashes[..]) } else { split_first(&self.hashes)? };
        let (mut old_root, mut new_root) = (first, first);
        for hash in rest {
            if last == 0 {
                return None;
            }
            if node % 2 == 1 || node == last {
                old_root = node_hash(hash, &old_root);
                new_root = node_hash(hash, &new_root);
                while node.is_multiple_of(2) && node != 0 {
                    (node, last) = (node / 2, last / 2);
                }
            } else {
                new_root = node_hash(&new_root, hash);
            }
            (node, last) = (node / 2, last / 2);
        }
        (last == 0).then_some((old_root, new_root))
    }

    pub fn to_json(&self) -> String {
        format!("{{\"old_size\":{},\"new_size\":{},\"hashes\":{}}}", self.old_size, self.new_size, list(&self.hashes))
    }

    /// # Errors
    /// For anything but such an object, with unknown members or one that stands twice.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut object = Object::parse(text)?;
        let proof = Self {
            old_size: object.number("old_size")?,
            new_size: object.number("new_size")?,
            hashes: object.hashes("hashes")?,
        };
        object.end()?;
        Ok(proof)
    }
}

fn split_first(hashes: &[Hash]) -> Option<(Hash, &[Hash])> {
    hashes.split_first().map(|(first, rest)| (*first, rest))
}

/// `["…", …]`
pub(super) fn list(hashes: &[Hash]) -> String {
    let mut text = String::with_capacity(2 + 47 * hashes.len());
    text.push('[');
    for (at, hash) in hashes.iter().enumerate() {
        let _ = write!(text, "{}\"{hash}\"", if at == 0 { "" } else { "," });
    }
    text.push(']');
    text
}

/// The leaves below each sibling on the way from a leaf to the root.
fn siblings(index: u64, size: u64) -> Vec<(u64, u64)> {
    let (mut from, mut to) = (0, size);
    let mut stretches = Vec::new();
    while to - from > 1 {
        let middle = split(from, to);
        if index < middle {
            stretches.push((middle, to));
            to = middle;
        } else {
            stretches.push((from, middle));
            from = middle;
        }
    }
    stretches.reverse();
    stretches
}

/// The leaves below each hash of a consistency proof.
fn remainders(old: u64, new: u64) -> Vec<(u64, u64)> {
    let (mut from, mut to) = (0, new);
    let mut stretches = Vec::new();
    if old == 0 {
        return stretches;
    }
    while to != old {
        let middle = split(from, to);
        if old <= middle {
            stretches.push((middle, to));
            to = middle;
        } else {
            stretches.push((from, middle));
            from = middle;
        }
    }
    if from > 0 {
        stretches.push((from, to));
    }
    stretches.reverse();
    stretches
}

/// Where the subtree above more than one leaf divides: after the largest power of two that is smaller than their number.
fn split(from: u64, to: u64) -> u64 {
    from + (1 << (to - from - 1).ilog2())
}

/// The root above each stretch.
fn load<N: Nodes>(nodes: &N, stretches: &[(u64, u64)]) -> Result<Vec<Hash>, N::Error> {
    let each: Vec<_> = stretches.iter().map(|(from, to)| perfect(*from, *to)).collect();
    let hashes = nodes.hashes(&each.concat())?;
    let mut rest = &hashes[..];
    Ok(each
        .iter()
        .map(|nodes| {
            let (own, others) = rest.split_at(nodes.len().min(rest.len()));
            rest = others;
            fold(own)
        })
        .collect())
}
