//! A tenant's log while a block adds to it.

use std::cell::Cell;

use warden_core::audit::{BLOCKS, Entries, EntryId, FIRST_STORED, Frontier, Hash, Head, Node, owner};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use crate::pg::error::{internal, log};
use crate::pg::spi;
use crate::tenancy::directory;

/// A batch as it stands in its table.
pub struct Stored<'a> {
    pub tenant: TenantId,
    pub first: EntryId,
    pub period: i32,
    pub body: &'a [u8],
}

/// What sealing adds to a batch.
pub struct Leaf {
    pub tenant: TenantId,
    pub first_index: u64,
    pub first: EntryId,
    pub period: i32,
    pub hashes: Vec<u8>,
}

pub struct Log {
    pub tenant: TenantId,
    pub frontier: Frontier,
    /// How many the block adds.
    pub entries: u64,
}

impl Log {
    /// As the block before has left it.
    ///
    /// # Errors
    /// When the stored right edge is not one.
    pub fn load(tenant: TenantId) -> Result<Self> {
        let head = spi::row(
            "SELECT size, frontier FROM warden.audit_head WHERE tenant = $1 ORDER BY block DESC LIMIT 1",
            &[directory::uuid(tenant).into()],
            |row| Ok((row.need::<i64>(1)?.cast_unsigned(), row.need::<Vec<u8>>(2)?)),
        )?;
        let frontier = match head {
            Some((size, hashes)) => Frontier::from_hashes(size, unpack(&hashes))
                .ok_or_else(|| internal("the right edge of a log has another number of hashes than its size"))?,
            None => Frontier::new(),
        };
        Ok(Self { tenant, frontier, entries: 0 })
    }

    /// Appends a batch. One that does not decode has been tampered with: it gets no leaf, which verifying reports, and
    /// holds nobody up.
    ///
    /// # Errors
    /// For a tree that is full.
    pub fn append(&mut self, stored: &Stored, nodes: &mut Vec<(TenantId, Node, Hash)>) -> Result<Option<Leaf>> {
        let Some(leaves) = leaves(stored).filter(|_| self.tenant != BLOCKS) else {
            say_damaged(stored.first);
            return Ok(None);
        };
        let first_index = self.frontier.size();
        let mut hashes = Vec::with_capacity(32 * leaves.len());
        for leaf in leaves {
            hashes.extend_from_slice(&leaf.0);
            self.push(leaf, nodes)?;
        }
        Ok(Some(Leaf { tenant: self.tenant, first_index, first: stored.first, period: stored.period, hashes }))
    }

    /// # Errors
    /// For a tree that is full.
    pub fn push(&mut self, leaf: Hash, nodes: &mut Vec<(TenantId, Node, Hash)>) -> Result<()> {
        let tenant = self.tenant;
        let complete = |node: Node, hash| {
            if node.level >= FIRST_STORED {
                nodes.push((tenant, node, hash));
            }
        };
        self.frontier.append(leaf, complete).map_err(internal)?;
        self.entries += 1;
        Ok(())
    }

    pub fn head(&self) -> Head {
        Head { tenant: owner(self.tenant), size: self.frontier.size(), root: self.frontier.root() }
    }
}

thread_local! {
    static SAID: Cell<Option<EntryId>> = const { Cell::new(None) };
}

/// Once, and not every second for as long as nothing else is to be sealed.
fn say_damaged(batch: EntryId) {
    if SAID.replace(Some(batch)) != Some(batch) {
        log(format!("the audit log's batch {batch} does not decode: it is sealed without its entries"));
    }
}

fn leaves(stored: &Stored) -> Option<Vec<Hash>> {
    let mut scratch = Vec::new();
    let entries = Entries::read(stored.first, owner(stored.tenant), stored.body).ok()?;
    entries.map(|entry| entry.ok().map(|entry| entry.leaf(&mut scratch))).collect()
}

fn unpack(bytes: &[u8]) -> Vec<Hash> {
    bytes.chunks_exact(32).filter_map(|chunk| chunk.try_into().ok().map(Hash)).collect()
}

pub fn pack(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}
