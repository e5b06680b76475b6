//! What stands in the tables, before anything of it is believed.

use super::block::{Block, Body};
use super::entry::EntryId;
use super::hash::Hash;
use super::time::Timestamp;
use crate::tenancy::TenantId;

/// Under which what belongs to no tenant is stored.
pub const PLATFORM: TenantId = TenantId([0; 16]);
/// Under which the blocks' own log is stored.
pub const BLOCKS: TenantId = TenantId([0xff; 16]);

/// Whose the entries are that are stored under this tenant.
pub fn owner(tenant: TenantId) -> Option<TenantId> {
    (tenant != PLATFORM).then_some(tenant)
}

/// What names a batch in each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId {
    pub incarnation: u32,
    /// Top-level, with its epoch.
    pub xid: u64,
    /// The number of its first entry.
    pub first: u64,
    pub period: i32,
}

impl BatchId {
    /// The name of its first entry.
    pub fn entry(&self) -> EntryId {
        EntryId { incarnation: self.incarnation, xid: self.xid, number: self.first }
    }
}

/// A batch and what its entries commit to.
#[derive(Clone, Copy, Debug)]
pub struct StoredBatch<'a> {
    pub id: BatchId,
    pub tenant: TenantId,
    /// How many entries the row says that there are.
    pub entries: u64,
    pub body: &'a [u8],
    pub payloads: Option<&'a [u8]>,
}

/// What sealing has added to a batch.
#[derive(Clone, Copy, Debug)]
pub struct StoredLeaf<'a> {
    pub id: BatchId,
    pub tenant: TenantId,
    /// Of the first of its leaves in the tenant's tree.
    pub index: u64,
    pub block: u64,
    /// 32 bytes each.
    pub hashes: &'a [u8],
}

/// A log after a block.
#[derive(Clone, Copy, Debug)]
pub struct StoredHead<'a> {
    pub block: u64,
    pub size: u64,
    /// Of them, how many the block added.
    pub entries: u64,
    pub root: &'a [u8],
    /// 32 bytes each.
    pub frontier: &'a [u8],
    /// A note.
    pub checkpoint: &'a str,
}

#[derive(Clone, Copy, Debug)]
pub struct StoredBlock<'a> {
    pub number: u64,
    pub incarnation: u32,
    pub entries: u64,
    pub sealed_at: Timestamp,
    pub snapshot: &'a str,
    pub blind: &'a [u8],
    pub heads: &'a [u8],
    pub previous: &'a [u8],
    pub hash: &'a [u8],
    /// What its checkpoints call it.
    pub installation: &'a str,
}

impl<'a> StoredBlock<'a> {
    pub fn body(&self) -> Option<Body<'a>> {
        let blind = self.blind.try_into().ok()?;
        Some(Body { blind, entries: self.entries, snapshot: self.snapshot })
    }

    /// `None` where a hash has another length.
    pub fn block(&self) -> Option<Block> {
        Some(Block {
            number: self.number,
            incarnation: self.incarnation,
            sealed_at: self.sealed_at,
            previous: Hash::from_bytes(self.previous)?,
            heads: Hash::from_bytes(self.heads)?,
            body: self.body()?.hash(),
        })
    }
}

/// `None` for bytes that are no whole number of hashes.
pub fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let chunks = bytes.chunks_exact(32);
    if chunks.remainder().is_empty() { chunks.map(Hash::from_bytes).collect() } else { None }
}
