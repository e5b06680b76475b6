//! What is stored, held against itself: every hash recomputed, every order and number checked.
//!
//! Rows come in, one after the other, from whoever has them; faults go out. Memory does not grow with the log, and
//! nothing that is stored makes it fail: what does not fit is a fault.

mod batch;
mod block;
mod keys;
mod log;
mod tree;

use std::borrow::Cow;

use super::entry::EntryId;
use super::snapshot::Snapshot;
use super::stored::BatchId;

pub use batch::{Summary, unsealed};
pub use block::BlockCheck;
pub use keys::Keys;
pub use log::LogCheck;
pub use tree::FIRST_STORED;

/// What a fault is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Aspect {
    Entries,
    Unsealed,
    Tree,
    Checkpoints,
    Blocks,
    Keys,
    /// What no entry commits to.
    Payloads,
    /// What records changes.
    Triggers,
}

impl Aspect {
    /// How many there are.
    pub const COUNT: usize = 8;

    pub fn name(self) -> &'static str {
        match self {
            Aspect::Entries => "entries",
            Aspect::Unsealed => "unsealed",
            Aspect::Tree => "tree",
            Aspect::Checkpoints => "checkpoints",
            Aspect::Blocks => "blocks",
            Aspect::Keys => "keys",
            Aspect::Payloads => "payloads",
            Aspect::Triggers => "triggers",
        }
    }
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub aspect: Aspect,
    pub block: Option<u64>,
    pub entry: Option<EntryId>,
    /// A sentence without its end.
    pub detail: Cow<'static, str>,
}

impl Fault {
    pub fn new(aspect: Aspect, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { aspect, block: None, entry: None, detail: detail.into() }
    }

    #[must_use]
    pub fn in_block(mut self, block: u64) -> Self {
        self.block = Some(block);
        self
    }

    #[must_use]
    pub fn at(mut self, entry: EntryId) -> Self {
        self.entry = Some(entry);
        self
    }
}

/// Where faults go.
pub type Faults<'r> = &'r mut dyn FnMut(Fault);

/// A block, as far as it says which entries it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockOf {
    pub incarnation: u32,
    /// `None`: it is none.
    pub snapshot: Option<Snapshot>,
    /// The incarnation and the snapshot of the block before; `None` for the first.
    pub previous: Option<(u32, Option<Snapshot>)>,
}

impl BlockOf {
    pub fn new(incarnation: u32, snapshot: &str, previous: Option<(u32, &str)>) -> Self {
        let previous = previous.map(|(incarnation, snapshot)| (incarnation, Snapshot::parse(snapshot).ok()));
        Self { incarnation, snapshot: Snapshot::parse(snapshot).ok(), previous }
    }

    /// Whether it is the block that seals the entry: the first that sees its transaction, or the first of a later
    /// incarnation, which seals what the one before has left; but a prepared transaction may outlive its timeline.
    pub fn seals(&self, id: BatchId) -> bool {
        let (incarnation, xid) = (id.incarnation, id.xid);
        let sees = |snapshot: &Option<Snapshot>| snapshot.as_ref().is_some_and(|snapshot| snapshot.sees(xid));
        let is_seen = incarnation < self.incarnation || incarnation == self.incarnation && sees(&self.snapshot);
        let was_seen = self
            .previous
            .as_ref()
            .is_some_and(|(previous, snapshot)| incarnation < *previous || incarnation == *previous && sees(snapshot));
        let has_outlived = self.previous.as_ref().is_some_and(|(previous, snapshot)| {
            let runs = |snapshot: &Option<Snapshot>| snapshot.as_ref().is_some_and(|snapshot| snapshot.runs(xid));
            incarnation < *previous && runs(snapshot) && !runs(&self.snapshot)
        });
        is_seen && !was_seen || has_outlived
    }
}

/// The newest block: what it has not seen is not sealed yet.
#[derive(Clone, Debug)]
pub struct Newest {
    pub incarnation: u32,
    pub snapshot: Option<Snapshot>,
}

impl Newest {
    /// Whether an entry must be in some block.
    pub fn covers(&self, id: BatchId) -> bool {
        let runs = |snapshot: &Snapshot| snapshot.runs(id.xid);
        id.incarnation < self.incarnation && !self.snapshot.as_ref().is_some_and(runs)
            || id.incarnation == self.incarnation
                && self.snapshot.as_ref().is_some_and(|snapshot| snapshot.sees(id.xid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_belongs_to_the_first_block_that_sees_it() {
        let id = |incarnation, xid| BatchId { incarnation, xid, first: 1, period: 0 };
        let first = BlockOf::new(1, "5:8:5", None);
        let second = BlockOf::new(1, "9:9:", Some((1, "5:8:5")));
        let restored = BlockOf::new(3, "3:3:", Some((1, "9:9:")));
        let after = BlockOf::new(3, "4:4:", Some((3, "3:3:")));
        for (block, name, sealed) in [
            (&first, "first", [false, true, true, false, false, false, false, false]),
            (&second, "second", [true, false, false, true, false, false, false, false]),
            (&restored, "restored", [false, false, false, false, true, true, true, false]),
            (&after, "after", [false, false, false, false, false, false, false, true]),
        ] {
            let ids = [id(1, 5), id(1, 6), id(1, 4), id(1, 8), id(1, 9), id(2, 100), id(3, 2), id(3, 3)];
            assert_eq!(ids.map(|id| block.seals(id)), sealed, "{name}");
        }
        let newest = Newest { incarnation: 3, snapshot: Snapshot::parse("4:4:").ok() };
        assert_eq!([id(1, 99), id(3, 3), id(3, 4), id(4, 1)].map(|id| newest.covers(id)), [true, true, false, false]);
        let promoted = BlockOf::new(2, "9:9:", Some((2, "8:9:8")));
        assert_eq!([id(1, 8), id(1, 7)].map(|id| promoted.seals(id)), [true, false], "prepared before the promotion");
        let newest = Newest { incarnation: 2, snapshot: Snapshot::parse("8:9:8").ok() };
        assert_eq!([id(1, 8), id(1, 7)].map(|id| newest.covers(id)), [false, true]);
        assert!(!BlockOf::new(1, "nonsense", None).seals(id(1, 1)));
    }
}
