//! What is stored, held against itself: an honest log has no fault, and there is no row, field or byte of it that could be
//! changed, left out or put in without one.

use std::collections::{BTreeMap, BTreeSet};

use warden_core::audit::{
    Act, Actor, Aspect, BLOCKS, Batch, BatchId, Block, BlockCheck, BlockOf, BlockRef, Body, Cell, Checkpoint, Entries,
    FIRST_STORED, Fault, Frontier, Hash, Head, Heads, Keys, Log, LogCheck, Newest, Node, Operation, Origin, PLATFORM,
    Salt, Shape, Snapshot, StoredBatch, StoredBlock, StoredHead, StoredLeaf, Subject, Timestamp, erase, leaf_hash,
    owner,
};
use warden_core::tenancy::TenantId;

use crate::fixture::{ACME, GLOBEX, flips, signing_key, transaction};

#[derive(Clone, Debug, PartialEq)]
struct EntryRow {
    id: BatchId,
    tenant: TenantId,
    entries: u64,
    body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
struct PayloadRow {
    id: BatchId,
    body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
struct LeafRow {
    id: BatchId,
    tenant: TenantId,
    index: u64,
    block: u64,
    hashes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
struct HeadRow {
    tenant: TenantId,
    block: u64,
    size: u64,
    entries: u64,
    root: Vec<u8>,
    frontier: Vec<u8>,
    checkpoint: String,
}

#[derive(Clone, Debug, PartialEq)]
struct NodeRow {
    tenant: TenantId,
    node: Node,
    hash: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
struct BlockRow {
    number: u64,
    incarnation: u32,
    entries: u64,
    sealed_at: i64,
    snapshot: String,
    blind: Vec<u8>,
    heads: Vec<u8>,
    previous: Vec<u8>,
    hash: Vec<u8>,
    installation: String,
}

/// The tables.
#[derive(Clone, Debug, Default, PartialEq)]
struct Store {
    entries: Vec<EntryRow>,
    payloads: Vec<PayloadRow>,
    leaves: Vec<LeafRow>,
    heads: Vec<HeadRow>,
    nodes: Vec<NodeRow>,
    blocks: Vec<BlockRow>,
    keys: Vec<(u64, Option<String>)>,
}

fn pack(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

impl Store {
    /// A transaction's entries for one tenant.
    fn record(&mut self, incarnation: u32, xid: u64, first: u64, tenant: TenantId, count: u64) {
        let (mut batch, actor) = (Batch::new(), Actor::from(&transaction()));
        let shape = Shape::new([("id", true), ("v", false)]).unwrap();
        let subject = Subject::new(Some("app.t"), None, None);
        let event = Subject::new(None, None, Some(r#"{"n": 1}"#));
        for number in first..first + count {
            let at = Timestamp(i64::try_from(number).unwrap());
            let act = Act { number, operation: Operation::Event, kind: Some("app.sent"), at, commitment: None };
            if number % 3 == 0 {
                batch.entry(&actor, &event, &act).unwrap();
                continue;
            }
            let id = format!("{xid}.{number}");
            let row = [Cell::Text(&id), Cell::Null];
            let commitment = batch.payload(&shape, None, Some(&row), None, &Salt([number as u8; 32])).unwrap();
            let act = Act { operation: Operation::Insert, kind: None, commitment: Some(commitment), ..act };
            batch.entry(&actor, &subject, &act).unwrap();
        }
        let id = BatchId { incarnation, xid, first, period: 0 };
        self.entries.push(EntryRow { id, tenant, entries: count, body: batch.entries_bytes().to_vec() });
        self.payloads.extend(batch.payload_bytes().map(|body| PayloadRow { id, body: body.to_vec() }));
    }

    fn frontier(&self, tenant: TenantId) -> Frontier {
        let head = self.heads.iter().rfind(|head| head.tenant == tenant);
        head.map_or_else(Frontier::new, |head| {
            Frontier::from_hashes(head.size, warden_core::audit::hashes(&head.frontier).unwrap()).unwrap()
        })
    }

    fn append(&mut self, frontier: &mut Frontier, tenant: TenantId, leaf: Hash) {
        let nodes = &mut self.nodes;
        let complete = |node: Node, hash: Hash| {
            if node.level >= FIRST_STORED {
                nodes.push(NodeRow { tenant, node, hash: hash.0.to_vec() });
            }
        };
        frontier.append(leaf, complete).unwrap();
    }

    /// Seals what the snapshot sees and no block holds.
    fn seal(&mut self, incarnation: u32, snapshot: &str, is_signed: bool) {
        let number = self.blocks.len() as u64 + 1;
        let newest = Newest { incarnation, snapshot: Snapshot::parse(snapshot).ok() };
        let sealed: BTreeSet<BatchId> = self.leaves.iter().map(|leaf| leaf.id).collect();
        let mut due: BTreeMap<TenantId, Vec<EntryRow>> = BTreeMap::new();
        for row in self.entries.iter().filter(|row| newest.covers(row.id) && !sealed.contains(&row.id)) {
            due.entry(row.tenant).or_default().push(row.clone());
        }
        let mut logs = Vec::new();
        for (tenant, mut rows) in due {
            rows.sort_by_key(|row| row.id);
            let (mut frontier, mut added) = (self.frontier(tenant), 0);
            for row in rows {
                let entries = Entries::read(row.id.entry(), owner(tenant), &row.body).unwrap();
                let leaves: Vec<Hash> = entries.map(|entry| entry.unwrap().leaf(&mut Vec::new())).collect();
                let (index, hashes) = (frontier.size(), pack(&leaves));
                self.leaves.push(LeafRow { id: row.id, tenant, index, block: number, hashes });
                added += leaves.len() as u64;
                leaves.iter().for_each(|leaf| self.append(&mut frontier, tenant, *leaf));
            }
            logs.push((tenant, frontier, added));
        }
        let heads: Vec<Head> = logs
            .iter()
            .map(|(tenant, frontier, _)| Head { tenant: owner(*tenant), size: frontier.size(), root: frontier.root() })
            .collect();
        let entries = logs.iter().map(|(.., added)| added).sum();
        let body = Body { blind: [number as u8; 32], entries, snapshot };
        let block = Block {
            number,
            incarnation,
            sealed_at: Timestamp(number as i64),
            previous: self.blocks.last().map_or(Hash::default(), |block| Hash::from_bytes(&block.hash).unwrap()),
            heads: Heads::new(&body.blind, &heads).unwrap().root(),
            body: body.hash(),
        };
        let mut own = self.frontier(BLOCKS);
        self.append(&mut own, BLOCKS, leaf_hash(&block.hash().0));
        logs.push((BLOCKS, own, 1));
        let installation = signing_key().verifier().name().clone();
        for (tenant, frontier, entries) in logs {
            let (log, block_ref) = match tenant {
                BLOCKS => (Log::Blocks, None),
                PLATFORM => (Log::Platform, Some(BlockRef { number, hash: block.hash() })),
                tenant => (Log::Tenant(tenant), Some(BlockRef { number, hash: block.hash() })),
            };
            let origin = Origin { installation: installation.clone(), log };
            let checkpoint = Checkpoint { origin, size: frontier.size(), root: frontier.root(), block: block_ref };
            self.heads.push(HeadRow {
                tenant,
                block: number,
                size: frontier.size(),
                entries,
                root: frontier.root().0.to_vec(),
                frontier: pack(frontier.hashes()),
                checkpoint: if is_signed { checkpoint.sign(&signing_key()) } else { checkpoint.unsigned() },
            });
        }
        let vkey = is_signed.then(|| signing_key().verifier().to_string());
        if self.keys.last().is_none_or(|(_, last)| *last != vkey) {
            self.keys.push((number, vkey));
        }
        self.blocks.push(BlockRow {
            number,
            incarnation,
            entries,
            sealed_at: number as i64,
            snapshot: snapshot.to_owned(),
            blind: body.blind.to_vec(),
            heads: block.heads.0.to_vec(),
            previous: block.previous.0.to_vec(),
            hash: block.hash().0.to_vec(),
            installation: installation.as_str().to_owned(),
        });
    }

    fn block(&self, number: u64) -> Option<&BlockRow> {
        self.blocks.iter().find(|block| block.number == number)
    }

    /// As `verify_audit` has it: the tenant of each fault with it; `None`: of all logs.
    fn faults(&self) -> Vec<(Option<TenantId>, Fault)> {
        let mut faults = Vec::new();
        let newest = self.blocks.iter().max_by_key(|block| block.number);
        let keys = self.keys.iter().map(|(from, vkey)| (*from, vkey.as_deref()));
        let number = newest.map_or(0, |block| block.number);
        let keys = Keys::new(keys, number, &mut |fault| faults.push((None, fault)));
        let newest = Newest {
            incarnation: newest.map_or(0, |block| block.incarnation),
            snapshot: newest.and_then(|block| Snapshot::parse(&block.snapshot).ok()),
        };
        for payload in &self.payloads {
            if !self.entries.iter().any(|row| row.id == payload.id) {
                faults.push((None, Fault::new(Aspect::Payloads, "")));
            }
        }
        let mut tenants: BTreeSet<TenantId> = self.leaves.iter().map(|leaf| leaf.tenant).collect();
        tenants.extend(self.heads.iter().map(|head| head.tenant));
        tenants.extend(self.entries.iter().map(|row| row.tenant));
        tenants.extend(self.nodes.iter().map(|row| row.tenant));
        tenants.remove(&BLOCKS);
        for tenant in tenants {
            self.check(tenant, &keys, &newest, &mut |fault| faults.push((Some(tenant), fault)));
        }
        self.check_blocks(&keys, &mut |fault| faults.push((None, fault)));
        faults
    }

    fn check(&self, tenant: TenantId, keys: &Keys, newest: &Newest, faults: &mut dyn FnMut(Fault)) {
        let mut check = LogCheck::new(tenant, keys);
        let mut heads: Vec<&HeadRow> = self.heads.iter().filter(|head| head.tenant == tenant).collect();
        heads.sort_by_key(|head| head.block);
        let mut heads = heads.into_iter().peekable();
        let mut leaves: Vec<&LeafRow> = self.leaves.iter().filter(|leaf| leaf.tenant == tenant).collect();
        leaves.sort_by_key(|leaf| leaf.index);
        let head = |check: &mut LogCheck, row: &HeadRow, faults: &mut dyn FnMut(Fault)| {
            let block = self.block(row.block).map(|block| {
                let previous = self.block(row.block.wrapping_sub(1));
                let previous = previous.map(|previous| (previous.incarnation, previous.snapshot.as_str()));
                let of = BlockOf::new(block.incarnation, &block.snapshot, previous);
                (of, block.hash.as_slice(), block.installation.as_str())
            });
            check.head(&row.stored(), block, faults);
        };
        for leaf in leaves {
            while let Some(row) = heads.next_if(|head| head.block <= leaf.block) {
                head(&mut check, row, faults);
            }
            let stored = StoredLeaf { id: leaf.id, tenant, index: leaf.index, block: leaf.block, hashes: &leaf.hashes };
            let rows: Vec<&EntryRow> = self.entries.iter().filter(|row| row.id == leaf.id).collect();
            if rows.is_empty() {
                check.leaf(&stored, None, faults);
            }
            for row in rows {
                for payloads in self.payloads_of(row.id) {
                    check.leaf(&stored, Some(&row.stored(payloads)), faults);
                }
            }
        }
        heads.for_each(|row| head(&mut check, row, faults));
        check.close(faults);
        let mut previous = None;
        let mut lone: Vec<&EntryRow> = self
            .entries
            .iter()
            .filter(|row| row.tenant == tenant && !self.leaves.iter().any(|leaf| leaf.id == row.id))
            .collect();
        lone.sort_by_key(|row| row.id);
        for row in lone {
            for payloads in self.payloads_of(row.id) {
                check.unsealed(&row.stored(payloads), previous, newest.covers(row.id), faults);
                previous = Some(row.id);
            }
        }
        let stored = self.hashes(tenant, check.nodes());
        check.compare(stored, faults);
        check.end(self.nodes.iter().filter(|row| row.tenant == tenant).count() as u64, faults);
    }

    fn payloads_of(&self, id: BatchId) -> Vec<Option<&[u8]>> {
        let found: Vec<_> = self.payloads.iter().filter(|row| row.id == id).map(|row| Some(&row.body[..])).collect();
        if found.is_empty() { vec![None] } else { found }
    }

    fn hashes(&self, tenant: TenantId, nodes: &[(Node, Hash)]) -> Vec<Option<Hash>> {
        let stored = |node: &Node| self.nodes.iter().find(|row| row.tenant == tenant && row.node == *node);
        nodes.iter().map(|(node, _)| stored(node).and_then(|row| Hash::from_bytes(&row.hash))).collect()
    }

    fn check_blocks(&self, keys: &Keys, faults: &mut dyn FnMut(Fault)) {
        let mut check = BlockCheck::default();
        let mut blocks = self.blocks.clone();
        blocks.sort_by_key(|block| block.number);
        for row in &blocks {
            let own: Vec<&HeadRow> =
                self.heads.iter().filter(|head| head.tenant == BLOCKS && head.block == row.number).collect();
            for own in if own.is_empty() { vec![None] } else { own.into_iter().map(Some).collect() } {
                check.block(&row.stored(), faults);
                check.own(&row.stored(), own.map(HeadRow::stored).as_ref(), keys, faults);
            }
            let mut heads: Vec<&HeadRow> =
                self.heads.iter().filter(|head| head.tenant != BLOCKS && head.block == row.number).collect();
            heads.sort_by_key(|head| head.tenant);
            let heads: Option<Vec<(Head, u64)>> = heads
                .iter()
                .map(|head| {
                    let root = Hash::from_bytes(&head.root)?;
                    Some((Head { tenant: owner(head.tenant), size: head.size, root }, head.entries))
                })
                .collect();
            BlockCheck::heads(&row.stored(), heads.as_deref(), faults);
            BlockCheck::entries(&row.stored(), heads.as_deref().unwrap_or_default(), faults);
        }
        for head in self.heads.iter().filter(|head| head.tenant == BLOCKS) {
            if self.block(head.block).is_none() {
                faults(Fault::new(Aspect::Blocks, "a head of no block"));
            }
        }
        let stored = self.hashes(BLOCKS, check.nodes());
        check.compare(stored, faults);
        check.end(self.nodes.iter().filter(|row| row.tenant == BLOCKS).count() as u64, faults);
    }
}

impl EntryRow {
    fn stored<'a>(&'a self, payloads: Option<&'a [u8]>) -> StoredBatch<'a> {
        StoredBatch { id: self.id, tenant: self.tenant, entries: self.entries, body: &self.body, payloads }
    }
}

impl HeadRow {
    fn stored(&self) -> StoredHead<'_> {
        StoredHead {
            block: self.block,
            size: self.size,
            entries: self.entries,
            root: &self.root,
            frontier: &self.frontier,
            checkpoint: &self.checkpoint,
        }
    }
}

impl BlockRow {
    fn stored(&self) -> StoredBlock<'_> {
        StoredBlock {
            number: self.number,
            incarnation: self.incarnation,
            entries: self.entries,
            sealed_at: Timestamp(self.sealed_at),
            snapshot: &self.snapshot,
            blind: &self.blind,
            heads: &self.heads,
            previous: &self.previous,
            hash: &self.hash,
            installation: &self.installation,
        }
    }
}

/// Two tenants and the platform, two incarnations, four blocks, all but the last from before there was a key, and a
/// transaction that no block has seen.
fn store() -> Store {
    let mut store = Store::default();
    store.record(1, 10, 1, ACME, 4);
    store.record(1, 10, 5, GLOBEX, 2);
    store.record(1, 10, 7, ACME, 1);
    store.record(1, 12, 1, PLATFORM, 1);
    store.record(1, 11, 1, ACME, 3);
    store.seal(1, "11:13:11", false);
    store.record(1, 13, 1, GLOBEX, 5);
    store.seal(1, "11:14:11", false);
    // Of a transaction that the restored server knows nothing of, and of its own.
    store.record(1, 15, 1, ACME, 2);
    store.record(2, 3, 1, ACME, 3);
    store.seal(2, "4:4:", false);
    store.record(2, 5, 1, ACME, 1);
    store.seal(2, "6:6:", true);
    store.record(2, 6, 1, ACME, 2);
    store
}

/// With a node that is stored.
fn tall() -> Store {
    let mut store = Store::default();
    store.record(1, 10, 1, ACME, 257);
    store.seal(1, "11:11:", false);
    store
}

fn sound(store: &Store) {
    let faults = store.faults();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn an_honest_log_has_no_fault() {
    sound(&store());
    sound(&tall());
    sound(&Store::default());
}

/// A change that must not go unnoticed.
fn noticed(what: &str, change: impl FnOnce(&mut Store)) -> Vec<(Option<TenantId>, Fault)> {
    noticed_in(&store(), what, change)
}

fn noticed_in(honest: &Store, what: &str, change: impl FnOnce(&mut Store)) -> Vec<(Option<TenantId>, Fault)> {
    let mut forged = honest.clone();
    change(&mut forged);
    assert_ne!(forged, *honest, "{what} changes nothing");
    let faults = forged.faults();
    assert!(!faults.is_empty(), "{what} goes unnoticed");
    faults
}

#[test]
fn every_row_left_out_or_put_in_twice_is_noticed() {
    macro_rules! each_row {
        ($honest:ident: $($table:ident),+) => {$(
            let honest = $honest();
            for at in 0..honest.$table.len() {
                noticed_in(&honest, &format!("{} {at} twice", stringify!($table)), |store| {
                    let row = store.$table[at].clone();
                    store.$table.insert(at, row);
                });
                noticed_in(&honest, &format!("{} {at} left out", stringify!($table)), |store| {
                    store.$table.remove(at);
                });
            }
        )+};
    }
    each_row!(store: entries, payloads, leaves, heads, blocks, keys);
    each_row!(tall: nodes);
}

#[test]
fn every_field_changed_is_noticed() {
    macro_rules! each_field {
        ($($honest:ident.$table:ident: $($field:ident = $change:expr),+;)+) => {$($(
            let honest = $honest();
            for at in 0..honest.$table.len() {
                noticed_in(&honest, &format!("{} {at}: {}", stringify!($table), stringify!($field)), |store| {
                    let change = $change;
                    change(&mut store.$table[at].$field);
                });
            }
        )+)+};
    }
    fn tenant(tenant: &mut TenantId) {
        *tenant = TenantId([0x33; 16]);
    }
    fn longer(bytes: &mut Vec<u8>) {
        bytes.push(0);
    }
    fn shorter(bytes: &mut Vec<u8>) {
        if bytes.pop().is_none() {
            bytes.push(1);
        }
    }
    each_field! {
        store.entries: entries = |count: &mut u64| *count += 1, body = longer, body = shorter, id = |id: &mut BatchId| id.period += 1;
        store.payloads: body = longer, body = shorter, id = |id: &mut BatchId| id.first += 1;
        store.leaves: tenant = tenant, index = |index: &mut u64| *index += 1, block = |block: &mut u64| *block += 1, hashes = longer,
            hashes = shorter, id = |id: &mut BatchId| id.xid += 1, id = |id: &mut BatchId| id.incarnation += 1, id = |id: &mut BatchId| id.first += 1;
        store.heads: tenant = tenant, block = |block: &mut u64| *block += 1, block = |block: &mut u64| *block += 10, size = |size: &mut u64| *size += 1,
            entries = |entries: &mut u64| *entries += 1, root = longer, root = shorter, frontier = longer, frontier = shorter,
            checkpoint = |note: &mut String| note.push('\n'), checkpoint = |note: &mut String| note.clear();
        tall.nodes: tenant = tenant, node = |node: &mut Node| node.index += 1, node = |node: &mut Node| node.level += 1, hash = longer;
        store.blocks: number = |number: &mut u64| *number += 10, incarnation = |incarnation: &mut u32| *incarnation += 1,
            entries = |entries: &mut u64| *entries += 1, sealed_at = |at: &mut i64| *at += 1,
            snapshot = |text: &mut String| text.push('9'), blind = longer, heads = longer, previous = longer,
            hash = longer, installation = |name: &mut String| name.push('x');
    }
    let honest = store();
    for at in 0..honest.keys.len() {
        noticed_in(&honest, "a key for another block", |store| store.keys[at].0 += 1);
        noticed_in(&honest, "no key", |store| {
            store.keys[at].1 = store.keys[at].1.take().xor(Some("nonsense".to_owned()))
        });
    }
    // Of an entry that no block has seen, whose it is and when it was cannot be known from inside.
    let sealed = honest.entries.len() - 1;
    for at in 0..sealed {
        noticed_in(&honest, "another's batch", |store| tenant(&mut store.entries[at].tenant));
    }
}

/// Of thousands of bits, these are enough: every bit of a byte has its turn.
const STEP: usize = 5;

#[test]
fn flipped_bits_of_what_is_sealed_are_noticed() {
    // Unsigned, so that no signature shows what the rows themselves must show.
    let mut honest = Store::default();
    honest.record(1, 10, 1, ACME, 3);
    honest.record(1, 11, 1, PLATFORM, 1);
    honest.seal(1, "12:12:", false);
    sound(&honest);
    macro_rules! each_bit {
        ($($table:ident . $($field:ident),+;)+) => {$($(
            for at in 0..honest.$table.len() {
                for (bit, flipped) in flips(&honest.$table[at].$field).step_by(STEP) {
                    noticed_in(&honest, &format!("{}.{} {at}: bit {bit}", stringify!($table), stringify!($field)), |store| {
                        store.$table[at].$field = flipped.clone();
                    });
                }
            }
        )+)+};
    }
    each_bit! {
        entries.body;
        payloads.body;
        leaves.hashes;
        blocks.hash, blind, heads, previous;
        heads.root, frontier;
    }
}

#[test]
fn changed_letters_of_a_checkpoint_are_noticed() {
    let mut honest = Store::default();
    honest.record(1, 10, 1, ACME, 1);
    honest.seal(1, "12:12:", true);
    sound(&honest);
    let note = honest.heads[0].checkpoint.clone();
    for (byte, _) in note.char_indices().filter(|(_, letter)| letter.is_ascii_alphanumeric()).step_by(STEP) {
        noticed_in(&honest, &format!("byte {byte}"), |store| {
            let other = if note.as_bytes()[byte] == b'A' { "B" } else { "A" };
            store.heads[0].checkpoint.replace_range(byte..=byte, other);
        });
    }
}

#[test]
fn a_fault_is_reported_where_it_is_and_in_nobody_elses_log() {
    let faults = noticed("a leaf of another entry", |store| {
        let row = store.leaves.iter_mut().find(|leaf| leaf.tenant == ACME).unwrap();
        row.hashes[0] ^= 1;
    });
    assert!(faults.iter().all(|(tenant, _)| *tenant == Some(ACME)), "{faults:?}");
    let aspects: Vec<_> = faults.iter().map(|(_, fault)| (fault.aspect, fault.block)).collect();
    assert!(aspects.contains(&(Aspect::Entries, Some(1))) && aspects.contains(&(Aspect::Tree, Some(1))), "{faults:?}");
    assert!(!aspects.contains(&(Aspect::Tree, Some(3))), "{faults:?}");
    let faults = noticed("an entry that was changed", |store| {
        let row = store.entries.iter_mut().find(|row| row.tenant == GLOBEX).unwrap();
        let last = row.body.len() - 1;
        row.body[last] ^= 1;
    });
    assert!(faults.iter().all(|(tenant, fault)| *tenant == Some(GLOBEX) && fault.aspect == Aspect::Entries));
    assert!(faults.iter().any(|(_, fault)| fault.entry.is_some() && fault.block == Some(1)), "{faults:?}");
}

#[test]
fn entries_that_change_their_places_are_noticed() {
    noticed("two batches of one transaction", |store| {
        let at: Vec<usize> = (0..store.leaves.len()).filter(|at| store.leaves[*at].tenant == ACME).collect();
        let (a, b) = (store.leaves[at[0]].id, store.leaves[at[1]].id);
        store.leaves[at[0]].id = b;
        store.leaves[at[1]].id = a;
    });
    noticed("two tenants' leaves", |store| {
        let a = store.leaves.iter().position(|leaf| leaf.tenant == ACME).unwrap();
        let b = store.leaves.iter().position(|leaf| leaf.tenant == GLOBEX).unwrap();
        store.leaves[a].tenant = GLOBEX;
        store.leaves[b].tenant = ACME;
    });
}

#[test]
fn a_forgery_that_is_consistent_but_for_the_key_is_noticed() {
    let mut forged = Store::default();
    forged.record(1, 10, 1, ACME, 4);
    forged.seal(1, "11:11:", false);
    sound(&forged);
    forged.keys = vec![(1, Some(signing_key().verifier().to_string()))];
    let faults = forged.faults();
    assert!(faults.iter().any(|(_, fault)| fault.aspect == Aspect::Checkpoints), "{faults:?}");
}

#[test]
fn what_is_erased_is_recorded() {
    let erase_first = |store: &mut Store| {
        let row = store.payloads.iter_mut().find(|row| row.id.xid == 13).unwrap();
        row.body = erase(&row.body, |at| at == 0).unwrap();
    };
    let faults = noticed("an erasure that is recorded nowhere", erase_first);
    assert!(faults.iter().all(|(tenant, _)| *tenant == Some(GLOBEX)), "{faults:?}");
    for (detail, is_enough) in [(r#"{"entries": 1}"#, true), (r#"{"entries": 0}"#, false), ("{}", false)] {
        let mut erased = store();
        erase_first(&mut erased);
        let (mut batch, actor) = (Batch::new(), Actor::from(&transaction()));
        let kind = Some("warden.audit.erase_subject");
        let act = Act { number: 1, operation: Operation::Event, kind, at: Timestamp(0), commitment: None };
        batch.entry(&actor, &Subject::new(None, None, Some(detail)), &act).unwrap();
        let id = BatchId { incarnation: 2, xid: 9, first: 1, period: 0 };
        let body = batch.entries_bytes().to_vec();
        erased.entries.push(EntryRow { id, tenant: GLOBEX, entries: 1, body });
        assert_eq!(erased.faults().is_empty(), is_enough, "{detail}");
        // The same when it is sealed.
        erased.seal(2, "10:10:", true);
        assert_eq!(erased.faults().is_empty(), is_enough, "{detail}");
    }
    noticed("a payload that is missing", |store| {
        store.payloads.retain(|row| row.id.xid != 13);
    });
}

#[test]
fn a_transaction_is_in_the_block_that_first_sees_it() {
    // Sealed with a snapshot that did not see it yet.
    let mut early = Store::default();
    early.record(1, 10, 1, ACME, 1);
    early.seal(1, "11:11:", true);
    early.record(1, 12, 1, ACME, 1);
    early.seal(1, "13:13:", true);
    sound(&early);
    let block = early.blocks[1].clone();
    for snapshot in ["12:13:12", "12:12:", "nonsense"] {
        let mut forged = early.clone();
        forged.blocks[1] = BlockRow { snapshot: snapshot.to_owned(), ..block.clone() };
        let aspects: Vec<_> = forged.faults().into_iter().map(|(_, fault)| fault.aspect).collect();
        assert!(aspects.contains(&Aspect::Entries) && aspects.contains(&Aspect::Blocks), "{snapshot}: {aspects:?}");
    }
    // Not sealed though it was seen.
    let mut late = early.clone();
    late.record(1, 12, 2, ACME, 1);
    let faults = late.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!((faults[0].0, faults[0].1.aspect), (Some(ACME), Aspect::Entries));
}
