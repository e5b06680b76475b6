//! A tenant's log: batches, leaves, heads.

use super::super::checkpoint::Log;
use super::super::entry::EntryId;
use super::super::hash::Hash;
use super::super::stored::{BatchId, PLATFORM, StoredBatch, StoredHead, StoredLeaf};
use super::super::tree::Node;
use super::batch::{self, Scratch, Summary};
use super::keys::Keys;
use super::tree::{Named, TreeCheck};
use super::{Aspect, BlockOf, Fault, Faults};
use crate::tenancy::TenantId;

/// Takes a log's heads and leaves in the order of the tree: each head before the leaves that lead to it.
#[derive(Debug)]
pub struct LogCheck<'k> {
    tenant: TenantId,
    keys: &'k Keys,
    tree: TreeCheck,
    block: Option<BlockOf>,
    last: Option<Last>,
    summary: Summary,
    scratch: Scratch,
}

/// The batch before.
#[derive(Clone, Copy, Debug)]
struct Last {
    id: BatchId,
    block: u64,
    index: u64,
    /// Of its last entry.
    number: u64,
}

impl<'k> LogCheck<'k> {
    pub fn new(tenant: TenantId, keys: &'k Keys) -> Self {
        let log = if tenant == PLATFORM { Log::Platform } else { Log::Tenant(tenant) };
        let tree = TreeCheck::new(log);
        Self { tenant, keys, tree, block: None, last: None, summary: Summary::default(), scratch: Scratch::default() }
    }

    /// The block of the head that came last.
    pub fn block(&self) -> Option<u64> {
        self.tree.block()
    }

    /// The next head, and the block that made it: what it seals, its hash and its installation.
    pub fn head(&mut self, head: &StoredHead, block: Option<(BlockOf, &[u8], &str)>, faults: Faults) {
        let named = block.as_ref().map(|(_, hash, installation)| Named { installation, hash });
        self.tree.head(head, named, self.keys, faults);
        if block.is_none() {
            faults(Fault::new(Aspect::Tree, "there is a head of a block that is not there").in_block(head.block));
        }
        self.block = block.map(|(block, ..)| block);
    }

    /// The next row of leaves, and the batch that it is of.
    pub fn leaf(&mut self, leaf: &StoredLeaf, stored: Option<&StoredBatch>, faults: Faults) {
        let first = leaf.id.entry();
        let mut fault = |detail: String| faults(Fault::new(Aspect::Entries, detail).in_block(leaf.block).at(first));
        if let Some(last) = self.last
            && last.id == leaf.id
            && last.index == leaf.index
        {
            return fault("the batch is stored twice".to_owned());
        }
        let size = self.tree.frontier.size();
        if leaf.index != size {
            fault(format!("the batch stands at {} of the log, and {size} comes next", leaf.index));
        }
        self.order(leaf, &mut fault);
        let own = leaf.hashes.chunks_exact(32);
        if !own.remainder().is_empty() {
            fault("the hashes of its leaves are torn".to_owned());
        }
        let number = match stored {
            Some(stored) => self.batch(leaf, stored, faults),
            None => {
                faults(Fault::new(Aspect::Entries, "the batch is missing").in_block(leaf.block).at(first));
                first.number
            }
        };
        // What is stored goes into the tree, so that a fault in an entry is not one in every head after it.
        own.filter_map(Hash::from_bytes).for_each(|hash| self.tree.append(hash, faults));
        self.last = Some(Last { id: leaf.id, block: leaf.block, index: leaf.index, number });
    }

    /// Batches stand in the order of blocks, transactions and numbers.
    fn order(&self, leaf: &StoredLeaf, fault: &mut dyn FnMut(String)) {
        if self.tree.block() != Some(leaf.block) {
            fault("the batch is in a block that has no head of this log, or not in its order".to_owned());
        } else if !self.block.as_ref().is_some_and(|block| block.seals(leaf.id)) {
            fault("the batch is in a block that does not seal its transaction".to_owned());
        }
        let Some(last) = self.last else { return };
        let is_after = |last: Last| {
            let of = |id: BatchId| (id.incarnation, id.xid);
            match of(last.id).cmp(&of(leaf.id)) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal => last.number < leaf.id.first,
                std::cmp::Ordering::Greater => false,
            }
        };
        if last.block > leaf.block || last.block == leaf.block && !is_after(last) {
            fault("the batch does not stand in the order of blocks, transactions and numbers".to_owned());
        }
    }

    /// The number of its last entry.
    fn batch(&mut self, leaf: &StoredLeaf, stored: &StoredBatch, faults: Faults) -> u64 {
        let in_block = &mut |fault: Fault| faults(fault.in_block(leaf.block));
        let first = leaf.id.entry();
        if stored.tenant != self.tenant {
            in_block(Fault::new(Aspect::Entries, "the batch is another tenant's").at(first));
        }
        // With the tenant whose log it is, as it was hashed.
        let stored = StoredBatch { tenant: self.tenant, ..*stored };
        let mut sealed = leaf.hashes.chunks_exact(32).map(Hash::from_bytes);
        let compare = |id: EntryId, hash: Hash, faults: Faults| match sealed.next().flatten() {
            Some(sealed) if sealed == hash => {}
            Some(_) => faults(Fault::new(Aspect::Entries, "the entry is not the one that was sealed").at(id)),
            None => faults(Fault::new(Aspect::Entries, "the entry was not sealed with its batch").at(id)),
        };
        let (last, summary) = batch::read(&stored, Aspect::Entries, &mut self.scratch, compare, in_block);
        let sealed = u64::try_from(leaf.hashes.len() / 32).unwrap_or(u64::MAX);
        if summary.entries < sealed {
            let detail = format!("{sealed} entries were sealed, and the batch holds {}", summary.entries);
            in_block(Fault::new(Aspect::Entries, detail).at(first));
        }
        self.summary.add(summary);
        last
    }

    /// A batch without a leaf. If the newest block covers it, it should have one. Gives the number of its entries.
    pub fn unsealed(&mut self, batch: &StoredBatch, previous: Option<BatchId>, is_due: bool, faults: Faults) -> u64 {
        let aspect = if is_due { Aspect::Entries } else { Aspect::Unsealed };
        let summary = batch::unsealed(batch, previous, &mut |mut fault| {
            fault.aspect = aspect;
            faults(fault);
        });
        if is_due {
            let detail = "the batch is in no block, and one has sealed its transaction";
            faults(Fault::new(aspect, detail).at(batch.id.entry()));
        }
        // What it erased may be sealed, and what it says may be of what is.
        self.summary.add(Summary { entries: 0, ..summary });
        summary.entries
    }

    /// Nodes whose hashes are to be stored, and that nobody has compared yet.
    pub fn nodes(&self) -> &[(Node, Hash)] {
        &self.tree.nodes
    }

    /// What is stored of [`LogCheck::nodes`], in their order.
    pub fn compare(&mut self, stored: impl IntoIterator<Item = Option<Hash>>, faults: Faults) {
        self.tree.compare(stored, faults);
    }

    /// All leaves and heads have come.
    pub fn close(&mut self, faults: Faults) {
        self.tree.end(faults);
    }

    /// After [`LogCheck::close`] and the unsealed batches: how many nodes are stored, and what is left to say.
    pub fn end(&self, nodes: u64, faults: Faults) {
        self.tree.count(nodes, faults);
        let Summary { erased, erasures, .. } = self.summary;
        if erased > erasures {
            let detail = format!("{erased} payloads are erased, and the log records that of {erasures}");
            faults(Fault::new(Aspect::Entries, detail));
        }
    }

    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Leaves, as far as they have come.
    pub fn size(&self) -> u64 {
        self.tree.frontier.size()
    }

    /// Checkpoints that are signed, and those from when there was no key.
    pub fn checkpoints(&self) -> (u64, u64) {
        (self.tree.signed, self.tree.unsigned)
    }
}
