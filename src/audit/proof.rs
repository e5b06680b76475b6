//! Checkpoints and proofs: what a stranger holds the log against.

use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use warden_core::audit::{
    BLOCKS, Checkpoint, Consistency, EntryId, FIRST_STORED, Hash, Inclusion, KeyName, Node, Nodes, Origin, StoredBatch,
    hashes, leaf_hash, root,
};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::TenantId;

use super::reader::{self, Reader, damaged};
use super::{rows, seal, stored};
use crate::pg::error::answer;
use crate::pg::fetch::{self, Reading};
use crate::pg::spi;
use crate::sql::need;
use crate::tenancy::directory;

#[pg_extern(sql = false)]
fn audit_checkpoint(tenant: Option<Uuid>) -> String {
    answer((|| {
        let log = named(tenant)?;
        reader::read(|reading| match stored::newest_head(reading, log)? {
            Some(head) => Ok(head.checkpoint),
            None => {
                let origin = origin(reading, log)?;
                Ok(Checkpoint { origin, size: 0, root: Hash::of(&[]), block: None }.unsigned())
            }
        })
    })())
}

/// The log that an argument names: NULL is the blocks' own, for those who read all.
///
/// # Errors
/// As [`reader::require`] and [`Reader::log`] have it; 42501 for a tenant that names no log.
fn named(tenant: Option<Uuid>) -> Result<TenantId> {
    let reader = reader::require()?;
    match (reader.log(tenant)?, reader) {
        (Some(tenant), _) => Ok(tenant),
        (None, Reader::Everywhere) => Ok(BLOCKS),
        (None, Reader::Tenant(_)) => {
            Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied for the log of the blocks")
                .detail("It is warden_auditor's and warden_admin's.")
                .hint("Name the tenant."))
        }
    }
}

/// What a log is called that says nothing of itself yet: by the newest block's name of the installation.
pub fn origin(reading: &Reading, log: TenantId) -> Result<Origin> {
    let query = "SELECT b.installation FROM warden.audit_block b ORDER BY b.block DESC LIMIT 1";
    let mut found = reading.cursor(query, &[])?;
    let installation = match found.next() {
        Some(row) => KeyName::parse(row.text(1)).map_err(damaged)?,
        None => seal::installation()?,
    };
    Ok(Origin { installation, log: stored::log_name(log) })
}

#[pg_extern(sql = false)]
fn audit_inclusion_proof(entry: Option<&str>) -> JsonB {
    answer((|| {
        let text = need(entry, "entry")?;
        let reader = reader::require()?;
        let id = EntryId::parse(text).ok_or_else(|| {
            WardenError::new(SqlState::InvalidParameterValue, "invalid name of an entry")
                .detail("An entry is named as incarnation.transaction.number.")
        })?;
        reader::read(|reading| {
            let (tenant, index) = find(reading, id, reader)?.ok_or_else(unknown_entry)?;
            let head = stored::newest_head(reading, tenant)?.ok_or_else(|| damaged("the log has no head"))?;
            let proof = Inclusion::load(&StoredNodes::new(reading, tenant), index, head.size)?;
            let proof = proof.filter(|proof| proof.root() == Some(head.root));
            json(proof.ok_or_else(|| damaged("the entry does not lead to the head"))?.to_json())
        })
    })())
}

fn unknown_entry() -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "unknown entry")
        .detail("No sealed entry of a log that you read has this name.")
}

fn json(text: String) -> Result<JsonB> {
    serde_json::from_str(&text).map(JsonB).map_err(crate::pg::error::internal)
}

/// Whose a sealed entry is, and where it stands in the log.
fn find(reading: &Reading, id: EntryId, reader: Reader) -> Result<Option<(TenantId, u64)>> {
    let own = match reader {
        Reader::Tenant(own) => Some(directory::uuid(own)),
        Reader::Everywhere => None,
    };
    // Backwards from the entry: its batch is the first of its tenant's, since theirs do not overlap.
    let mut found = reading.cursor(
        "SELECT l.tenant, l.first_index, NULL, l.incarnation, l.xid, l.first, l.period, NULL, e.tenant, e.entries, e.body \
         FROM warden.audit_leaf l CROSS JOIN LATERAL (SELECT e.* FROM warden.audit_entry e \
           WHERE e.incarnation = l.incarnation AND e.xid = l.xid AND e.first = l.first AND e.period = l.period OFFSET 0) e \
         WHERE l.incarnation = $1 AND l.xid = $2 AND l.first <= $3 AND ($4::uuid IS NULL OR l.tenant = $4) \
         ORDER BY l.first DESC",
        &[
            id.incarnation.cast_signed().into(),
            fetch::xid8(id.xid),
            i64::try_from(id.number).unwrap_or(i64::MAX).into(),
            own.into(),
        ],
    )?;
    while let Some(row) = found.next() {
        let leaf = stored::leaf(row);
        let Some(batch) = stored::batch(row) else { continue };
        // Read as the log that it was sealed in.
        let batch = StoredBatch { tenant: leaf.tenant, ..batch };
        let at = rows::entries(&batch).and_then(|entries| {
            entries.flatten().zip(0u64..).find_map(|(stored, at)| (stored.entry.number == id.number).then_some(at))
        });
        if let Some(at) = at {
            return Ok(Some((leaf.tenant, leaf.index + at)));
        }
        if own.is_some() {
            break;
        }
    }
    Ok(None)
}

#[pg_extern(sql = false)]
fn audit_consistency_proof(tenant: Option<Uuid>, old_size: Option<i64>) -> JsonB {
    answer((|| {
        let old = need(old_size, "old_size")?;
        let log = named(tenant)?;
        reader::read(|reading| {
            let head = stored::newest_head(reading, log)?;
            let (size, own) = head.map_or((0, Hash::of(&[])), |head| (head.size, head.root));
            let out_of_range = || {
                WardenError::new(SqlState::InvalidParameterValue, "the old size is out of range")
                    .detail(format!("The log has {size} entries."))
            };
            let old = u64::try_from(old).map_err(|_| out_of_range())?;
            let nodes = StoredNodes::new(reading, log);
            let proof = Consistency::load(&nodes, old, size)?.ok_or_else(out_of_range)?;
            if !proof.verifies(&root(&nodes, old)?, &own) {
                return Err(damaged("the log does not lead to its head"));
            }
            json(proof.to_json())
        })
    })())
}

/// The nodes of a stored tree: from a level on they are stored, below they are made from their leaves.
struct StoredNodes<'c> {
    reading: &'c Reading,
    tenant: TenantId,
    /// The leaves below a node of the first stored level, and as many of them as there are.
    groups: RefCell<HashMap<u64, Vec<Hash>>>,
}

impl<'c> StoredNodes<'c> {
    fn new(reading: &'c Reading, tenant: TenantId) -> Self {
        Self { reading, tenant, groups: RefCell::default() }
    }

    fn stored(&self, nodes: &[Node]) -> Result<Vec<Hash>> {
        let levels: Vec<i16> = nodes.iter().map(|node| node.level.into()).collect();
        let indexes: Vec<i64> = nodes.iter().map(|node| node.index.cast_signed()).collect();
        let params = [directory::uuid(self.tenant).into(), levels.into(), indexes.into()];
        let mut found = self.reading.cursor(stored::NODES, &params)?;
        let mut hashes = Vec::with_capacity(nodes.len());
        while let Some(row) = found.next() {
            hashes.push(Hash::from_bytes(row.bytes(1)).ok_or_else(|| damaged("the hash of a node is missing"))?);
        }
        Ok(hashes)
    }

    fn made(&self, node: Node) -> Result<Hash> {
        let group = node.index >> (FIRST_STORED - node.level);
        let mut groups = self.groups.borrow_mut();
        let leaves = match groups.entry(group) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(self.leaves(group << FIRST_STORED)?),
        };
        let (first, count) = ((node.index << node.level) - (group << FIRST_STORED), 1 << node.level);
        let missing = || damaged("a leaf is missing");
        let first = usize::try_from(first).map_err(|_| missing())?;
        let mut frontier = warden_core::audit::Frontier::new();
        for leaf in leaves.get(first..first + count).ok_or_else(missing)? {
            frontier.append(*leaf, |_, _| ()).map_err(damaged)?;
        }
        Ok(frontier.root())
    }

    /// From this one on, as many as a node of the first stored level has, or the tree.
    fn leaves(&self, from: u64) -> Result<Vec<Hash>> {
        let count = 1u64 << FIRST_STORED;
        let mut leaves = Vec::new();
        if self.tenant == BLOCKS {
            let query = "SELECT b.hash FROM warden.audit_block b WHERE b.block > $1 AND b.block <= $2 ORDER BY b.block";
            let mut found = self.reading.cursor(query, &[signed(from), signed(from + count)])?;
            while let Some(row) = found.next() {
                leaves.push(leaf_hash(row.bytes(1)));
            }
            return Ok(leaves);
        }
        let query = "SELECT l.first_index, l.hashes FROM warden.audit_leaf l WHERE l.tenant = $1 AND l.first_index < $3 \
             AND l.first_index >= coalesce((SELECT max(f.first_index) FROM warden.audit_leaf f \
               WHERE f.tenant = $1 AND f.first_index <= $2), 0) ORDER BY l.first_index";
        let params = [directory::uuid(self.tenant).into(), signed(from), signed(from + count)];
        let mut found = self.reading.cursor(query, &params)?;
        while let Some(row) = found.next() {
            let own = hashes(row.bytes(2)).ok_or_else(|| damaged("the hashes of leaves are torn"))?;
            let (next, first) = (from + leaves.len() as u64, row.number(1));
            let skipped = usize::try_from(next.saturating_sub(first)).unwrap_or(usize::MAX);
            if first > next {
                return Err(damaged("leaves are missing"));
            }
            leaves.extend(own.into_iter().skip(skipped));
        }
        Ok(leaves)
    }
}

fn signed(number: u64) -> spi::Param<'static> {
    number.cast_signed().into()
}

impl Nodes for StoredNodes<'_> {
    type Error = WardenError;

    fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>> {
        let (stored, _): (Vec<Node>, Vec<Node>) = nodes.iter().partition(|node| node.level >= FIRST_STORED);
        let mut stored = if stored.is_empty() { Vec::new() } else { self.stored(&stored)? }.into_iter();
        let missing = || damaged("the hash of a node is missing");
        nodes
            .iter()
            .map(|node| if node.level >= FIRST_STORED { stored.next().ok_or_else(missing) } else { self.made(*node) })
            .collect()
    }
}
