//! The next block.

use warden_core::audit::{
    BLOCKS, Block, BlockRef, Body, Checkpoint, EntryId, Hash, Head, Heads, KeyName, Node, Origin, SigningKey, leaf_hash,
};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::key;
use super::log::{self, Leaf, Log, Stored};
use crate::audit::stored;
use crate::pg::bulk::{self, Value};
use crate::pg::error::internal;
use crate::pg::fetch::Reading;
use crate::pg::{cache, random, spi, time};

/// The block before.
struct Before {
    number: u64,
    incarnation: u32,
    snapshot: String,
    hash: Hash,
}

/// The highest number that a bigint has.
const LAST: u64 = i64::MAX.unsigned_abs();

/// What is written when there is enough of it: memory does not follow the size of a block.
const ROWS: usize = 64;

/// Seals what this transaction's snapshot sees; gives the newest block.
///
/// # Errors
/// When something cannot be read or written.
pub fn seal(incarnation: u32) -> Result<u64> {
    spi::as_owner(|| {
        for setting in [c"enable_seqscan", c"enable_bitmapscan"] {
            crate::pg::guc::set_saved(setting, c"off");
        }
        let before = before()?;
        let number =
            before.as_ref().map_or(Some(1), |before| before.number.checked_add(1).filter(|next| *next <= LAST));
        let mut sealer = Sealer::new(number.ok_or_else(|| internal("a block beyond all numbers"))?);
        sealer.add_all(before.as_ref())?;
        sealer.finish(before, incarnation)
    })
}

/// Whether anything has been recorded in this incarnation.
///
/// # Errors
/// When it cannot be read.
pub fn has_entries(incarnation: u32) -> Result<bool> {
    let query = "SELECT EXISTS (SELECT FROM warden.audit_entry WHERE incarnation = $1)";
    Ok(spi::as_owner(|| spi::value::<bool>(query, &[incarnation.cast_signed().into()]))? == Some(true))
}

fn before() -> Result<Option<Before>> {
    spi::row(
        "SELECT block, incarnation, snapshot::text, hash FROM warden.audit_block ORDER BY block DESC LIMIT 1",
        &[],
        |row| {
            let hash: Vec<u8> = row.need(4)?;
            Ok(Before {
                number: row.need::<i64>(1)?.cast_unsigned(),
                incarnation: row.need::<i32>(2)?.cast_unsigned(),
                snapshot: row.need(3)?,
                hash: Hash(hash.try_into().map_err(|_| internal("the hash of a block has another length"))?),
            })
        },
    )
}

struct Sealer {
    number: u64,
    leaves: Vec<Leaf>,
    nodes: Vec<(TenantId, Node, Hash)>,
    /// The logs that the block touches; the one that is being added to is the last.
    logs: Vec<Log>,
}

impl Sealer {
    fn new(number: u64) -> Self {
        Self { number, leaves: Vec::new(), nodes: Vec::new(), logs: Vec::new() }
    }

    fn add_all(&mut self, before: Option<&Before>) -> Result<()> {
        let reading = Reading::begin()?;
        let (incarnation, snapshot) =
            before.map_or((0, "1:1:"), |before| (before.incarnation, before.snapshot.as_str()));
        let mut batches = stored::next_sealed(&reading, incarnation, snapshot)?;
        while let Some(row) = batches.next() {
            self.add(&Stored {
                tenant: TenantId(row.uuid(1)),
                first: EntryId {
                    incarnation: row.integer(2).cast_unsigned(),
                    xid: row.number(3),
                    number: row.number(4),
                },
                period: row.integer(5),
                body: row.bytes(6),
            })?;
        }
        Ok(())
    }

    fn add(&mut self, stored: &Stored) -> Result<()> {
        if self.logs.last().is_none_or(|log| log.tenant != stored.tenant) {
            self.logs.push(Log::load(stored.tenant)?);
        }
        let Some(log) = self.logs.last_mut() else { return Ok(()) };
        self.leaves.extend(log.append(stored, &mut self.nodes)?);
        if self.leaves.len() >= ROWS { self.write_leaves() } else { Ok(()) }
    }

    fn write_leaves(&mut self) -> Result<()> {
        let block = Value::Long(self.number);
        let rows: Vec<_> = self
            .leaves
            .iter()
            .map(|leaf| {
                [
                    Value::Uuid(&leaf.tenant.0),
                    Value::Long(leaf.first_index),
                    block,
                    Value::Long(leaf.first.xid),
                    Value::Long(leaf.first.number),
                    Value::Integer(leaf.period),
                    Value::Integer(leaf.first.incarnation.cast_signed()),
                    Value::Bytes(&leaf.hashes),
                ]
            })
            .collect();
        bulk::insert(cache::table("audit_leaf"), &rows)?;
        self.leaves.clear();
        let nodes: Vec<_> = self
            .nodes
            .iter()
            .map(|(tenant, node, hash)| {
                [
                    Value::Uuid(&tenant.0),
                    Value::Short(node.level.into()),
                    Value::Long(node.index),
                    Value::Bytes(&hash.0),
                ]
            })
            .collect();
        bulk::insert(cache::table("audit_node"), &nodes)?;
        self.nodes.clear();
        Ok(())
    }

    fn finish(mut self, before: Option<Before>, incarnation: u32) -> Result<u64> {
        // A batch that does not decode is sealed by no leaf: of a block of nothing else, nothing could be said.
        self.logs.retain(|log| log.entries > 0);
        if self.logs.is_empty() {
            return Ok(self.number - 1);
        }
        let snapshot: String = spi::read("SELECT pg_current_snapshot()::text", &[], |row| row.need(1))?
            .pop()
            .ok_or_else(|| internal("no snapshot"))?;
        let mut blind = [0; 32];
        random::fill(&mut blind)?;
        let entries = self.logs.iter().map(|log| log.entries).sum();
        let body = Body { blind, entries, snapshot: &snapshot };
        let heads: Vec<Head> = self.logs.iter().map(Log::head).collect();
        let tree = Heads::new(&blind, &heads).ok_or_else(|| internal("the heads of a block are out of order"))?;
        let block = Block {
            number: self.number,
            incarnation,
            sealed_at: crate::audit::capture::now(),
            previous: before.map_or(Hash::default(), |before| before.hash),
            heads: tree.root(),
            body: body.hash(),
        };
        let mut blocks = Log::load(BLOCKS)?;
        blocks.push(leaf_hash(&block.hash().0), &mut self.nodes)?;
        self.write_leaves()?;
        let signer = Signer::new()?;
        self.logs.push(blocks);
        signer.write_heads(&self.logs, &block)?;
        signer.enter(self.number)?;
        write_block(&block, &body, &signer.installation)?;
        Ok(self.number)
    }
}

fn write_block(block: &Block, body: &Body, installation: &KeyName) -> Result<()> {
    spi::execute(
        "INSERT INTO warden.audit_block (block, incarnation, entries, sealed_at, snapshot, blind, heads, prev_hash, hash, \
           installation) VALUES ($1, $2, $3, $4, $5::pg_snapshot, $6, $7, $8, $9, $10)",
        &[
            block.number.cast_signed().into(),
            block.incarnation.cast_signed().into(),
            body.entries.cast_signed().into(),
            time::timestamp(time::from_unix_micros(block.sealed_at.0))?.into(),
            body.snapshot.into(),
            body.blind.as_slice().into(),
            block.heads.0.as_slice().into(),
            block.previous.0.as_slice().into(),
            block.hash().0.as_slice().into(),
            installation.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Signs, or leaves unsigned, what a block has made of its logs.
struct Signer {
    installation: KeyName,
    key: Option<SigningKey>,
}

impl Signer {
    fn new() -> Result<Self> {
        let installation = key::installation()?;
        let key = key::signing(&installation);
        Ok(Self { installation, key })
    }

    fn checkpoint(&self, log: &Log, block: &Block) -> String {
        let name = stored::log_name(log.tenant);
        let reference = (log.tenant != BLOCKS).then_some(block);
        let checkpoint = Checkpoint {
            origin: Origin { installation: self.installation.clone(), log: name },
            size: log.frontier.size(),
            root: log.frontier.root(),
            block: reference.map(|block| BlockRef { number: block.number, hash: block.hash() }),
        };
        match &self.key {
            Some(key) => checkpoint.sign(key),
            None => checkpoint.unsigned(),
        }
    }

    fn write_heads(&self, logs: &[Log], block: &Block) -> Result<()> {
        for logs in logs.chunks(ROWS) {
            let made: Vec<_> = logs
                .iter()
                .map(|log| {
                    let (root, frontier) = (log.frontier.root(), log::pack(log.frontier.hashes()));
                    (log, root, frontier, self.checkpoint(log, block))
                })
                .collect();
            let rows: Vec<_> = made
                .iter()
                .map(|(log, root, frontier, checkpoint)| {
                    [
                        Value::Uuid(&log.tenant.0),
                        Value::Long(block.number),
                        Value::Long(log.frontier.size()),
                        Value::Long(log.entries),
                        Value::Bytes(&root.0),
                        Value::Bytes(frontier),
                        Value::Bytes(checkpoint.as_bytes()),
                    ]
                })
                .collect();
            bulk::insert(cache::table("audit_head"), &rows)?;
        }
        Ok(())
    }

    /// From which block on this key signs, if the one before was signed by another or by none.
    fn enter(&self, block: u64) -> Result<()> {
        let vkey = self.key.as_ref().map(|key| key.verifier().to_string());
        spi::execute(
            "INSERT INTO warden.audit_key (from_block, vkey) SELECT $1, $2 WHERE NOT EXISTS ( \
               SELECT FROM (SELECT vkey FROM warden.audit_key ORDER BY from_block DESC LIMIT 1) k \
               WHERE k.vkey IS NOT DISTINCT FROM $2)",
            &[block.cast_signed().into(), vkey.into()],
        )?;
        Ok(())
    }
}
