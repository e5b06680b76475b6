//! The blocks: chained, in their own log, each holding the heads that it says.

use super::super::block::{Block, Head, Heads};
use super::super::checkpoint::Log;
use super::super::hash::{Hash, leaf_hash};
use super::super::snapshot::Snapshot;
use super::super::stored::{StoredBlock, StoredHead};
use super::super::tree::Node;
use super::keys::Keys;
use super::tree::{Named, TreeCheck};
use super::{Aspect, Fault, Faults};

/// Takes the blocks in their order.
#[derive(Debug)]
pub struct BlockCheck {
    tree: TreeCheck,
    last: Option<Last>,
}

/// The block before.
#[derive(Debug)]
struct Last {
    number: u64,
    hash: Hash,
    incarnation: u32,
    snapshot: Option<Snapshot>,
}

impl Default for BlockCheck {
    fn default() -> Self {
        Self { tree: TreeCheck::new(Log::Blocks), last: None }
    }
}

impl BlockCheck {
    /// The next block.
    pub fn block(&mut self, stored: &StoredBlock, faults: Faults) {
        let mut fault = |detail: &'static str| faults(Fault::new(Aspect::Blocks, detail).in_block(stored.number));
        let expected = self.last.as_ref().map_or(1, |last| last.number.saturating_add(1));
        if stored.number != expected {
            fault("the block before it is missing, or it is stored twice");
        }
        let before = self.last.as_ref().map_or(Hash::default(), |last| last.hash);
        if Hash::from_bytes(stored.previous) != Some(before) {
            fault("it does not name the block before it");
        }
        let stored_hash = Hash::from_bytes(stored.hash);
        if stored.block().map(|block: Block| block.hash()) != stored_hash || stored_hash.is_none() {
            fault("its hash is not that of what it says");
        }
        let snapshot = Snapshot::parse(stored.snapshot).ok();
        if snapshot.is_none() {
            fault("its snapshot cannot be read");
        }
        if let Some(last) = &self.last {
            let is_later = match (&snapshot, &last.snapshot) {
                (Some(snapshot), Some(last)) => snapshot.covers(last),
                _ => true,
            };
            if stored.incarnation < last.incarnation || stored.incarnation == last.incarnation && !is_later {
                fault("it has seen less than the block before it");
            }
        }
        // Goes on from what is stored, so that one fault is one.
        let (number, hash) = (stored.number, stored_hash.unwrap_or_default());
        self.last = Some(Last { number, hash, incarnation: stored.incarnation, snapshot });
    }

    /// The heads of the logs that the block touches, in the order of their tenants, each with the entries it added.
    /// `None`: one of them cannot be read.
    pub fn heads(stored: &StoredBlock, heads: Option<&[(Head, u64)]>, faults: Faults) {
        let mut fault = |detail: &'static str| faults(Fault::new(Aspect::Blocks, detail).in_block(stored.number));
        let Some(heads) = heads else { return fault("a head that it holds has a root of another length") };
        let only: Vec<Head> = heads.iter().map(|(head, _)| *head).collect();
        let root = stored.blind.try_into().ok().and_then(|blind| Heads::new(blind, &only)).map(|heads| heads.root());
        if root.is_none() || root != Hash::from_bytes(stored.heads) {
            fault("the heads that are stored are not those that it holds");
        }
    }

    /// Whether these heads add the entries that the block counts: of all logs together, which is no tenant's to know.
    pub fn entries(stored: &StoredBlock, heads: &[(Head, u64)], faults: Faults) {
        let entries = heads.iter().fold(0u64, |sum, (_, entries)| sum.saturating_add(*entries));
        if entries != stored.entries {
            let detail = format!("its heads count {entries} entries, and it counts {}", stored.entries);
            faults(Fault::new(Aspect::Blocks, detail).in_block(stored.number));
        }
    }

    /// The head of the blocks' own log after this block, which came just before.
    pub fn own(&mut self, stored: &StoredBlock, head: Option<&StoredHead>, keys: &Keys, faults: Faults) {
        match head {
            Some(head) => {
                let named = Named { installation: stored.installation, hash: stored.hash };
                self.tree.head(head, Some(named), keys, faults);
            }
            None => {
                let detail = "the blocks' log has no head of it";
                faults(Fault::new(Aspect::Blocks, detail).in_block(stored.number));
            }
        }
        self.tree.append(leaf_hash(stored.hash), faults);
    }

    /// As [`LogCheck::nodes`](super::LogCheck::nodes), of the blocks' own log.
    pub fn nodes(&self) -> &[(Node, Hash)] {
        &self.tree.nodes
    }

    pub fn compare(&mut self, stored: impl IntoIterator<Item = Option<Hash>>, faults: Faults) {
        self.tree.compare(stored, faults);
    }

    /// All blocks have come, and the heads of their own log; so many nodes of it are stored.
    pub fn end(&mut self, nodes: u64, faults: Faults) {
        self.tree.end(faults);
        self.tree.count(nodes, faults);
    }

    /// The number of the block that came last; 0 without any.
    pub fn newest(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.number)
    }

    /// As [`LogCheck::checkpoints`](super::LogCheck::checkpoints), of the blocks' own log.
    pub fn checkpoints(&self) -> (u64, u64) {
        (self.tree.signed, self.tree.unsigned)
    }
}
