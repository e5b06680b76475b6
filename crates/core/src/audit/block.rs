//! Blocks: what was sealed together, chained, and committed to so that one tenant can be shown its own part alone.

use super::bytes::{Reader, put, put_optional};
use super::error::Malformed;
use super::hash::{Hash, leaf_hash, node_hash};
use super::time::Timestamp;
use crate::tenancy::TenantId;

const VERSION: u8 = 1;
/// Bytes of a block.
pub const BLOCK: usize = 117;
/// Hashes on the way from a tenant's head to the block, however many tenants the block touches.
pub const HEADS_DEPTH: usize = 32;

const HASHES: &[u8] = b"pg_warden/block/1";
const HASHES_BODY: &[u8] = b"pg_warden/block-body/1";
const HASHES_HEAD: &[u8] = b"pg_warden/head/1";
const FILLS: &[u8] = b"pg_warden/heads-filler/1";
const PLACES: &[u8] = b"pg_warden/heads-place/1";

/// What a tenant may see of a block. The rest is behind two hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// From 1, without gaps, across incarnations.
    pub number: u64,
    pub incarnation: u32,
    pub sealed_at: Timestamp,
    /// Of the block before; zeros before the first.
    pub previous: Hash,
    /// [`Heads::root`].
    pub heads: Hash,
    /// [`Body::hash`].
    pub body: Hash,
}

impl Block {
    pub fn bytes(&self) -> [u8; BLOCK] {
        let mut bytes = [VERSION; BLOCK];
        bytes[1..9].copy_from_slice(&self.number.to_be_bytes());
        bytes[9..13].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes[13..21].copy_from_slice(&self.sealed_at.0.to_be_bytes());
        bytes[21..53].copy_from_slice(&self.previous.0);
        bytes[53..85].copy_from_slice(&self.heads.0);
        bytes[85..].copy_from_slice(&self.body.0);
        bytes
    }

    /// # Errors
    /// For anything but the bytes of a block of this version.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let block = Self {
            number: reader.u64()?,
            incarnation: reader.u32()?,
            sealed_at: Timestamp(reader.i64()?),
            previous: Hash(reader.array()?),
            heads: Hash(reader.array()?),
            body: Hash(reader.array()?),
        };
        reader.end()?;
        Ok(block)
    }

    /// What the next block names, what checkpoints name, and the data of the block's leaf in the blocks' log.
    pub fn hash(&self) -> Hash {
        Hash::of(&[HASHES, &self.bytes()])
    }
}

/// What a block says of all tenants together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    /// 32 random bytes, so that nobody finds out by trying what the hashes hide.
    pub blind: [u8; 32],
    pub entries: u64,
    /// `pg_snapshot` in text: `xmin:xmax:xip`.
    pub snapshot: &'a str,
}

impl<'a> Body<'a> {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(45 + self.snapshot.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.blind);
        bytes.extend_from_slice(&self.entries.to_be_bytes());
        put(&mut bytes, self.snapshot.as_bytes());
        bytes
    }

    /// # Errors
    /// For anything but the bytes of a body of this version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let body = Self { blind: reader.array()?, entries: reader.u64()?, snapshot: reader.required_text()? };
        reader.end()?;
        Ok(body)
    }

    pub fn hash(&self) -> Hash {
        Hash::of(&[HASHES_BODY, &self.bytes()])
    }
}

/// A tenant's log after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// `None`: what belongs to no tenant.
    pub tenant: Option<TenantId>,
    pub size: u64,
    pub root: Hash,
}

impl Head {
    /// The data of its leaf is a label and the head.
    pub fn hash(&self) -> Hash {
        let mut data = HASHES_HEAD.to_vec();
        put_optional(&mut data, self.tenant.as_ref().map(|tenant| &tenant.0[..]));
        data.extend_from_slice(&self.size.to_be_bytes());
        data.extend_from_slice(&self.root.0);
        leaf_hash(&data)
    }
}

/// The heads of the logs that a block touches, as a tree of 2^32 places.
///
/// They stand side by side from a place on that the blind decides, and each empty subtree beside them has a filler that
/// looks like any hash. So neither the length of a path nor its place tells how many there are.
#[derive(Clone, Debug)]
pub struct Heads {
    tenants: Vec<Option<TenantId>>,
    /// Of the first head.
    place: u64,
    /// From the heads up to the root: the first place that is taken, and the hashes from there on, fillers included.
    levels: Vec<(u64, Vec<Hash>)>,
    root: Hash,
}

impl Heads {
    /// `None` where the heads are not in the order of their tenants, none first, each once, or there are too many or
    /// none.
    pub fn new(blind: &[u8; 32], heads: &[Head]) -> Option<Self> {
        let tenants: Vec<_> = heads.iter().map(|head| head.tenant).collect();
        let count = u64::try_from(heads.len()).ok().filter(|count| (1..=1 << HEADS_DEPTH).contains(count))?;
        if !tenants.windows(2).all(|pair| pair[0] < pair[1]) {
            return None;
        }
        let place = first_place(blind, count);
        let mut first = place;
        let mut hashes: Vec<_> = heads.iter().map(Head::hash).collect();
        let mut levels = Vec::with_capacity(HEADS_DEPTH);
        for level in 0..HEADS_DEPTH {
            if first % 2 == 1 {
                first -= 1;
                hashes.insert(0, filler(blind, level, first));
            }
            if hashes.len() % 2 == 1 {
                let next = first + u64::try_from(hashes.len()).ok()?;
                hashes.push(filler(blind, level, next));
            }
            let above = hashes.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            levels.push((first, std::mem::replace(&mut hashes, above)));
            first /= 2;
        }
        Some(Self { tenants, place, levels, root: *hashes.first()? })
    }

    pub fn root(&self) -> Hash {
        self.root
    }

    /// From a tenant's head to the root; `None` for one that the block does not touch.
    pub fn path(&self, tenant: Option<TenantId>) -> Option<HeadPath> {
        let at = u64::try_from(self.tenants.binary_search(&tenant).ok()?).ok()?;
        let place = self.place + at;
        let hashes = self.levels.iter().scan(place, |place, (first, hashes)| {
            let sibling = hashes.get(usize::try_from((*place ^ 1) - first).ok()?).copied();
            *place /= 2;
            sibling
        });
        let path = HeadPath { place: u32::try_from(place).ok()?, hashes: hashes.collect() };
        (path.hashes.len() == HEADS_DEPTH).then_some(path)
    }
}

fn first_place(blind: &[u8; 32], count: u64) -> u64 {
    let Hash([a, b, c, d, e, f, g, h, ..]) = Hash::of(&[PLACES, blind]);
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) % ((1 << HEADS_DEPTH) - count + 1)
}

fn filler(blind: &[u8; 32], level: usize, index: u64) -> Hash {
    let level = u8::try_from(level).unwrap_or(u8::MAX);
    Hash::of(&[FILLS, blind, &[level], &index.to_be_bytes()])
}

/// From a head to the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadPath {
    pub place: u32,
    /// Of the siblings, from the head's on: [`HEADS_DEPTH`] of them.
    pub hashes: Vec<Hash>,
}

impl HeadPath {
    /// What [`Block::heads`] is if the block holds this head; `None` for a path of another length.
    pub fn root(&self, head: &Head) -> Option<Hash> {
        let climb = |(hash, place): (Hash, u32), sibling: &Hash| {
            let above = if place % 2 == 1 { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) };
            (above, place / 2)
        };
        let (root, _) = self.hashes.iter().fold((head.hash(), self.place), climb);
        (self.hashes.len() == HEADS_DEPTH).then_some(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLIND: [u8; 32] = [5; 32];

    fn heads(count: u8) -> Vec<Head> {
        let tenant = |at: u8| (at > 0).then_some(TenantId([at; 16]));
        (0..count).map(|at| Head { tenant: tenant(at), size: u64::from(at) + 1, root: Hash([at; 32]) }).collect()
    }

    #[test]
    fn each_head_has_its_path_and_no_other_head_has() {
        for count in [1, 2, 3, 8, 13] {
            let heads = heads(count);
            // Some blinds begin at an odd place, some at an even one.
            for blind in [[5; 32], [6; 32], [7; 32], [8; 32]] {
                let tree = Heads::new(&blind, &heads).unwrap();
                for head in &heads {
                    let path = tree.path(head.tenant).unwrap();
                    assert_eq!(path.hashes.len(), HEADS_DEPTH);
                    for other in &heads {
                        assert_eq!(path.root(other) == Some(tree.root()), other == head);
                    }
                    assert_ne!(path.root(&Head { size: 0, ..*head }), Some(tree.root()));
                }
                assert_eq!(tree.path(Some(TenantId([200; 16]))), None);
            }
        }
    }

    #[test]
    fn heads_stand_in_order_and_once() {
        let mut heads = heads(3);
        assert!(Heads::new(&BLIND, &heads).is_some());
        assert!(Heads::new(&BLIND, &[]).is_none());
        heads.swap(1, 2);
        assert!(Heads::new(&BLIND, &heads).is_none());
        heads[2] = heads[1];
        assert!(Heads::new(&BLIND, &heads).is_none());
    }

    #[test]
    fn a_path_of_another_length_leads_nowhere() {
        let heads = heads(3);
        let path = Heads::new(&BLIND, &heads).unwrap().path(heads[0].tenant).unwrap();
        for count in [0, 31] {
            let short = HeadPath { hashes: path.hashes[..count].to_vec(), ..path };
            assert_eq!(short.root(&heads[0]), None);
        }
        let long = HeadPath { hashes: [path.hashes.clone(), vec![Hash::default()]].concat(), ..path };
        assert_eq!(long.root(&heads[0]), None);
    }

    #[test]
    fn blocks_and_bodies_are_read_as_they_are_written() {
        let body = Body { blind: BLIND, entries: 3, snapshot: "745:750:746,748" };
        assert_eq!(Body::parse(&body.bytes()), Ok(body));
        let block = Block {
            number: 7,
            incarnation: 2,
            sealed_at: Timestamp(1),
            previous: Hash([1; 32]),
            heads: Hash([2; 32]),
            body: body.hash(),
        };
        assert_eq!(Block::parse(&block.bytes()), Ok(block));
        assert!(Block::parse(&block.bytes()[..BLOCK - 1]).is_err());
        assert!(Block::parse(&[&block.bytes()[..], &[0]].concat()).is_err());
    }
}
