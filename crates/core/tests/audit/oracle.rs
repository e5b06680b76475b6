//! RFC 6962 as its text has it: every hash made anew from all leaves.

use sha2_010::{Digest, Sha256};
use warden_core::audit::{Hash, Node, Nodes};

fn hash(parts: &[&[u8]]) -> Hash {
    let mut sha256 = Sha256::new();
    parts.iter().for_each(|part| sha256.update(part));
    Hash(sha256.finalize().into())
}

pub fn leaf(data: &[u8]) -> Hash {
    hash(&[&[0], data])
}

/// MTH(D\[n\]), of leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash(&[]),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            hash(&[&[1], &root(left).0, &root(right).0])
        }
    }
}

/// PATH(m, D\[n\]).
pub fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    if index < left.len() {
        [path(index, left), vec![root(right)]].concat()
    } else {
        [path(index - left.len(), right), vec![root(left)]].concat()
    }
}

/// PROOF(m, D\[n\]) for 0 < m.
pub fn proof(old: usize, leaves: &[Hash]) -> Vec<Hash> {
    subproof(old, leaves, true)
}

fn subproof(old: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_known { vec![] } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    if old <= left.len() {
        [subproof(old, left, is_known), vec![root(right)]].concat()
    } else {
        [subproof(old - left.len(), right, false), vec![root(left)]].concat()
    }
}

/// The largest power of two below.
fn half(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// A log in memory, as the database would keep it.
pub struct Stored(pub Vec<Hash>);

impl Nodes for Stored {
    type Error = String;

    fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, String> {
        let below = |node: &Node| {
            let (from, count) = (usize::try_from(node.index << node.level).ok()?, 1usize << node.level);
            self.0.get(from..from + count).map(root)
        };
        nodes.iter().map(|node| below(node).ok_or(format!("{node:?} lies outside"))).collect()
    }
}
