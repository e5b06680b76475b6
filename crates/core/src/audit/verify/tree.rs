//! A tree as it grows block by block, held against the heads and the nodes that are stored of it.

use super::super::checkpoint::{Checkpoint, Log, Origin};
use super::super::hash::Hash;
use super::super::note::{KeyName, Note};
use super::super::stored::{StoredHead, hashes};
use super::super::tree::{Frontier, Node};
use super::keys::{Keys, Signs};
use super::{Aspect, Fault, Faults};

/// The level from which on hashes of nodes are stored; those below are made from the leaves' rows.
pub const FIRST_STORED: u8 = 8;

/// How many nodes are stored of a tree of so many leaves.
fn stored_nodes(size: u64) -> u64 {
    (FIRST_STORED..64).map(|level| size >> level).sum()
}

/// What names the installation and the block that made a log what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) installation: &'a str,
    pub(super) hash: &'a [u8],
}

#[derive(Debug)]
pub(super) struct TreeCheck {
    log: Log,
    pub(super) frontier: Frontier,
    /// Nodes that are to be stored, and that nobody has compared yet.
    pub(super) nodes: Vec<(Node, Hash)>,
    head: Option<Head>,
    /// Leaves since the head before.
    added: u64,
    pub(super) signed: u64,
    pub(super) unsigned: u64,
    /// Where a fault is: of the blocks' log, all are the blocks'.
    aspects: [Aspect; 2],
}

/// The head that the leaves at hand lead to.
#[derive(Debug)]
struct Head {
    block: u64,
    size: u64,
    entries: u64,
    root: Option<Hash>,
    frontier: Option<Vec<Hash>>,
    /// The checkpoint says the same.
    is_vouched: bool,
}

impl TreeCheck {
    pub(super) fn new(log: Log) -> Self {
        let aspects = match log {
            Log::Blocks => [Aspect::Blocks, Aspect::Blocks],
            _ => [Aspect::Tree, Aspect::Checkpoints],
        };
        let (frontier, nodes, head) = (Frontier::new(), Vec::new(), None);
        Self { log, frontier, nodes, head, added: 0, signed: 0, unsigned: 0, aspects }
    }

    /// The block of the head that the next leaves belong to.
    pub(super) fn block(&self) -> Option<u64> {
        self.head.as_ref().map(|head| head.block)
    }

    fn fault(&self, detail: impl Into<std::borrow::Cow<'static, str>>, block: u64) -> Fault {
        Fault::new(self.aspects[0], detail).in_block(block)
    }

    pub(super) fn append(&mut self, leaf: Hash, faults: Faults) {
        let nodes = &mut self.nodes;
        let grown = self.frontier.append(leaf, |node, hash| {
            if node.level >= FIRST_STORED {
                nodes.push((node, hash));
            }
        });
        self.added += 1;
        if let Err(malformed) = grown {
            faults(Fault::new(self.aspects[0], malformed.to_string()));
        }
    }

    /// Leaves up to here belong to the head before; those that follow, to this one.
    pub(super) fn head(&mut self, head: &StoredHead, named: Option<Named>, keys: &Keys, faults: Faults) {
        self.close(faults);
        if self.block().is_some_and(|last| last >= head.block) {
            faults(self.fault("the log has two heads of a block", head.block));
        }
        let vouched = self.checkpoint(head, named, keys);
        let is_vouched = vouched.is_ok();
        if let Err(detail) = vouched {
            let detail = format!("the checkpoint is wrong: {detail}");
            faults(Fault::new(self.aspects[1], detail).in_block(head.block));
        }
        self.head = Some(Head {
            block: head.block,
            size: head.size,
            entries: head.entries,
            root: Hash::from_bytes(head.root),
            frontier: hashes(head.frontier),
            is_vouched,
        });
    }

    /// All leaves have come that lead to the head.
    fn close(&mut self, faults: Faults) {
        let added = std::mem::take(&mut self.added);
        let Some(head) = self.head.take() else {
            if added > 0 {
                faults(Fault::new(self.aspects[0], format!("{added} entries belong to no head of the log")));
            }
            return;
        };
        let (size, root) = (self.frontier.size(), self.frontier.root());
        if added == 0 {
            faults(self.fault("no entry leads to the head", head.block));
        } else if added != head.entries {
            let detail = format!("{added} entries lead to the head, which counts {}", head.entries);
            faults(self.fault(detail, head.block));
        }
        if size != head.size {
            let detail = format!("the log has {size} entries then, and its head says {}", head.size);
            faults(self.fault(detail, head.block));
        } else if head.root != Some(root) {
            faults(self.fault("the entries do not lead to the head's root", head.block));
        }
        let stored = head.frontier.clone().and_then(|hashes| Frontier::from_hashes(head.size, hashes));
        match stored {
            Some(stored) if stored == self.frontier => {}
            // Goes on from what is stored, so that each fault is reported where it is, not at every head after it.
            Some(stored) if head.is_vouched && Some(stored.root()) == head.root => self.frontier = stored,
            _ => faults(self.fault("the right edge that is stored with the head is another tree's", head.block)),
        }
        self.head = Some(head);
    }

    pub(super) fn end(&mut self, faults: Faults) {
        self.close(faults);
    }

    fn checkpoint(&mut self, head: &StoredHead, named: Option<Named>, keys: &Keys) -> Result<(), String> {
        let note = Note::parse(head.checkpoint).map_err(|malformed| format!("it cannot be read: {malformed}"))?;
        let said = Checkpoint::parse(note.text).map_err(|malformed| format!("it cannot be read: {malformed}"))?;
        let Some(named) = named else { return Err("its block is not there".to_owned()) };
        let name = KeyName::parse(named.installation).map_err(|malformed| malformed.to_string())?;
        let origin = Origin { installation: name, log: self.log };
        if said.origin != origin {
            return Err(format!("it is of {}, and the log is {origin}", said.origin));
        }
        if (said.size, Some(said.root)) != (head.size, Hash::from_bytes(head.root)) {
            return Err("it says another size or root than the head".to_owned());
        }
        if let Some(block) = said.block
            && (block.number, Some(block.hash)) != (head.block, Hash::from_bytes(named.hash))
        {
            return Err("it names another block than the head's".to_owned());
        }
        match (keys.at(head.block), &note.signatures[..]) {
            (Signs::Nobody, []) => self.unsigned += 1,
            (Signs::Nobody, _) => return Err("it is signed, and no key is known that signs it".to_owned()),
            (_, []) => return Err("it is not signed, and there is a key".to_owned()),
            (Signs::Unknown, _) => return Err("the key that signs it cannot be read".to_owned()),
            (Signs::Key(key), [_]) => {
                if key.name() != &origin.installation {
                    return Err(format!("the key is that of {}", key.name().as_str()));
                }
                let signers = note.signers(std::slice::from_ref(&**key)).map_err(|malformed| malformed.to_string())?;
                if signers != [Some(&**key)] {
                    return Err("it is signed by another key".to_owned());
                }
                self.signed += 1;
            }
            (Signs::Key(_), _) => return Err("it has more than one signature".to_owned()),
        }
        Ok(())
    }

    /// What is stored of [`TreeCheck::nodes`], in their order.
    pub(super) fn compare(&mut self, stored: impl IntoIterator<Item = Option<Hash>>, faults: Faults) {
        let mut stored = stored.into_iter();
        for (node, hash) in std::mem::take(&mut self.nodes) {
            let detail = match stored.next().flatten() {
                Some(stored) if stored == hash => continue,
                Some(_) => "is another than the entries give",
                None => "is not stored",
            };
            let detail = format!("the hash of node {} on level {} {detail}", node.index, node.level);
            faults(Fault::new(self.aspects[0], detail));
        }
    }

    /// How many nodes are stored.
    pub(super) fn count(&self, stored: u64, faults: Faults) {
        let expected = stored_nodes(self.frontier.size());
        if stored > expected {
            let detail = format!("{stored} hashes of nodes are stored, and the log has {expected}");
            faults(Fault::new(self.aspects[0], detail));
        }
    }
}
