//! The log as it is stored: the queries that more than one reader asks, and their rows.

use pgrx::datum::DatumWithOid;
use warden_core::audit::{
    BatchId, Block, Hash, Head, HeadPath, Heads, Newest, PLATFORM, Snapshot, StoredBatch, StoredBlock, StoredHead,
    StoredLeaf, Timestamp, owner,
};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::reader::damaged;
use crate::pg::fetch::{Columns, Cursor, Reading};
use crate::pg::time;
use crate::tenancy::directory;

/// Leaves in the order of their logs' trees, each with its batch and what its entries commit to.
///
/// Subqueries with OFFSET 0 are asked row by row, by index: joins of another kind would read all logs, and sort them.
const SEALED: &str = "SELECT l.tenant, l.first_index, l.block, l.incarnation, l.xid, l.first, l.period, l.hashes, \
       e.tenant, e.entries, e.body, p.body \
     FROM warden.audit_leaf l \
       LEFT JOIN LATERAL (SELECT e.tenant, e.entries, e.body FROM warden.audit_entry e \
         WHERE e.incarnation = l.incarnation AND e.xid = l.xid AND e.first = l.first AND e.period = l.period OFFSET 0) e ON true \
       LEFT JOIN LATERAL (SELECT p.body FROM warden.audit_payload p \
         WHERE p.incarnation = l.incarnation AND p.xid = l.xid AND p.first = l.first AND p.period = l.period OFFSET 0) p ON true \
     WHERE $1::uuid IS NULL OR l.tenant = $1 ORDER BY l.tenant, l.first_index";

/// As [`sealed`], of one log and without what its entries commit to.
pub const ENTRIES: &str = "SELECT l.tenant, l.first_index, l.block, l.incarnation, l.xid, l.first, l.period, l.hashes, \
       e.tenant, e.entries, e.body \
     FROM warden.audit_leaf l \
       LEFT JOIN LATERAL (SELECT e.tenant, e.entries, e.body FROM warden.audit_entry e \
         WHERE e.incarnation = l.incarnation AND e.xid = l.xid AND e.first = l.first AND e.period = l.period OFFSET 0) e ON true \
     WHERE l.tenant = $1 ORDER BY l.tenant, l.first_index";

/// What the entries of a batch commit to.
pub const PAYLOADS: &str = "SELECT p.body FROM warden.audit_payload p WHERE p.incarnation = $1 AND p.xid = $2 AND p.first = $3 AND p.period = $4";

/// Batches that the newest block, of incarnation `$1` and snapshot `$2`, has not seen: those of later incarnations, and
/// those that had not begun or not finished when it was sealed. Older ones were sealed with the first block of the
/// incarnation after theirs, unless they were prepared and committed later: a prepared transaction outlives its timeline.
const UNSEEN: &str = "(SELECT * FROM warden.audit_entry e WHERE e.incarnation > $1 \
     UNION ALL SELECT * FROM warden.audit_entry e WHERE e.incarnation = $1 AND e.xid >= pg_snapshot_xmax($2::pg_snapshot) \
     UNION ALL SELECT e.* FROM pg_snapshot_xip($2::pg_snapshot) x(xid), warden.audit_entry e \
       WHERE e.incarnation = $1 AND e.xid = x.xid \
     UNION ALL SELECT e.* FROM pg_snapshot_xip($2::pg_snapshot) x(xid), warden.audit_incarnation i, warden.audit_entry e \
       WHERE i.incarnation < $1 AND e.incarnation = i.incarnation AND e.xid = x.xid AND NOT EXISTS ( \
         SELECT FROM warden.audit_leaf l WHERE l.incarnation = e.incarnation AND l.xid = e.xid AND l.first = e.first \
           AND l.period = e.period)) e";

/// Of [`UNSEEN`], those that the next block seals.
const NEXT: &str = "SELECT e.tenant, e.incarnation, e.xid, e.first, e.period, e.body FROM";
const NEXT_ORDER: &str = "ORDER BY e.tenant, e.incarnation, e.xid, e.first";

const UNSEALED: &str = "SELECT e.tenant, NULL, NULL, e.incarnation, e.xid, e.first, e.period, NULL, e.tenant, e.entries, e.body, p.body FROM";
const UNSEALED_REST: &str = "LEFT JOIN LATERAL (SELECT p.body FROM warden.audit_payload p \
         WHERE p.incarnation = e.incarnation AND p.xid = e.xid AND p.first = e.first AND p.period = e.period OFFSET 0) p ON true \
     WHERE $3::uuid IS NULL OR e.tenant = $3 ORDER BY e.incarnation, e.xid, e.first";

/// Stored hashes of nodes, in the order in which they are asked for.
pub const NODES: &str = "SELECT n.hash FROM unnest($2::smallint[], $3::bigint[]) WITH ORDINALITY u(level, index, at) \
       LEFT JOIN LATERAL (SELECT n.hash FROM warden.audit_node n \
         WHERE n.tenant = $1 AND n.level = u.level AND n.index = u.index LIMIT 1) n ON true ORDER BY u.at";

/// NULL: of all logs.
fn raw(tenant: Option<TenantId>) -> Option<pgrx::Uuid> {
    tenant.map(directory::uuid)
}

/// [`SEALED`], of one log or of all.
pub fn sealed(reading: &Reading, tenant: Option<TenantId>) -> Result<Cursor<'_>> {
    reading.cursor(SEALED, &[raw(tenant).into()])
}

/// Unsealed batches of one log or of all, with the columns of [`sealed`]. A number that only sealing gives is 0.
pub fn unsealed<'c>(reading: &'c Reading, tenant: Option<TenantId>) -> Result<Cursor<'c>> {
    let newest = newest(reading)?;
    let (incarnation, snapshot) = newest.as_ref().map_or((0, "1:1:"), |(_, incarnation, text)| (*incarnation, text));
    let query = format!("{UNSEALED} {UNSEEN} {UNSEALED_REST}");
    reading.cursor(&query, &[incarnation.cast_signed().into(), snapshot.into(), raw(tenant).into()])
}

/// What the block after one of that incarnation and snapshot seals, log by log: tenant, incarnation, xid, first, period,
/// body.
pub fn next_sealed<'c>(reading: &'c Reading, incarnation: u32, snapshot: &str) -> Result<Cursor<'c>> {
    reading.cursor(&format!("{NEXT} {UNSEEN} {NEXT_ORDER}"), &[incarnation.cast_signed().into(), snapshot.into()])
}

/// The periods that have a partition of `table`.
pub fn periods(reading: &Reading, table: &str) -> Result<Vec<i32>> {
    let mut found = reading.cursor(
        "SELECT p.period::integer FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, \
           LATERAL substring(c.relname FROM '^' || $1 || '_(\\d{1,9})$') p(period) \
         WHERE i.inhparent = format('warden.%I', $1)::regclass AND p.period IS NOT NULL ORDER BY 1",
        &[table.into()],
    )?;
    let mut periods = Vec::new();
    while let Some(row) = found.next() {
        periods.push(row.integer(1));
    }
    Ok(periods)
}

/// Number, incarnation and snapshot of the newest block.
pub fn newest(reading: &Reading) -> Result<Option<(u64, u32, String)>> {
    let query =
        "SELECT b.block, b.incarnation, b.snapshot::text FROM warden.audit_block b ORDER BY b.block DESC LIMIT 1";
    let mut found = reading.cursor(query, &[])?;
    Ok(found.next().map(|row| (row.number(1), row.integer(2).cast_unsigned(), row.text(3).to_owned())))
}

/// What the newest block has seen.
pub fn seen(newest: Option<&(u64, u32, String)>) -> Newest {
    match newest {
        Some((_, incarnation, snapshot)) => {
            Newest { incarnation: *incarnation, snapshot: Snapshot::parse(snapshot).ok() }
        }
        None => Newest { incarnation: 0, snapshot: None },
    }
}

/// Columns 4 to 7 of [`sealed`].
pub fn batch_id(row: Columns) -> BatchId {
    BatchId {
        incarnation: row.integer(4).cast_unsigned(),
        xid: row.number(5),
        first: row.number(6),
        period: row.integer(7),
    }
}

/// Of a row of [`sealed`] or [`ENTRIES`].
pub fn leaf(row: Columns<'_>) -> StoredLeaf<'_> {
    StoredLeaf {
        id: batch_id(row),
        tenant: TenantId(row.uuid(1)),
        index: row.number(2),
        block: row.number(3),
        hashes: row.bytes(8),
    }
}

/// Of a row of [`sealed`], or of [`ENTRIES`] and therefore without payloads; `None` where there is none.
pub fn batch(row: Columns<'_>) -> Option<StoredBatch<'_>> {
    if row.is_null(9) {
        return None;
    }
    Some(StoredBatch {
        id: batch_id(row),
        tenant: TenantId(row.uuid(9)),
        entries: i64::from(row.integer(10)).cast_unsigned(),
        body: row.bytes(11),
        payloads: row.optional_bytes(12),
    })
}

/// The parameters of [`PAYLOADS`].
pub fn identity(id: BatchId) -> [DatumWithOid<'static>; 4] {
    [
        id.incarnation.cast_signed().into(),
        crate::pg::fetch::xid8(id.xid),
        id.first.cast_signed().into(),
        id.period.into(),
    ]
}

/// The columns of a block: [`block`] reads them.
pub const BLOCK: &str = "b.block, b.incarnation, b.entries, b.sealed_at, b.snapshot::text, b.blind, b.heads, b.prev_hash, b.hash, b.installation";
pub const BLOCK_COLUMNS: usize = 10;

pub fn block(row: Columns<'_>) -> StoredBlock<'_> {
    StoredBlock {
        number: row.number(1),
        incarnation: row.integer(2).cast_unsigned(),
        entries: row.number(3),
        sealed_at: Timestamp(time::to_unix_micros(row.timestamp(4))),
        snapshot: row.text(5),
        blind: row.bytes(6),
        heads: row.bytes(7),
        previous: row.bytes(8),
        hash: row.bytes(9),
        installation: row.text(10),
    }
}

/// The heads of a block's logs, in the order of their tenants, each with the entries that it added; of a block's number.
pub const HEADS: &str = "SELECT h.tenant, h.size, h.root, h.entries FROM warden.audit_head h \
     WHERE h.block = $1 AND h.tenant <> 'ffffffff-ffff-ffff-ffff-ffffffffffff' ORDER BY h.tenant";

/// `None` where a root has another length than a hash.
pub fn heads(mut cursor: Cursor) -> Option<Vec<(Head, u64)>> {
    let mut heads = Vec::new();
    while let Some(row) = cursor.next() {
        let tenant = owner(TenantId(row.uuid(1)));
        heads.push((Head { tenant, size: row.number(2), root: Hash::from_bytes(row.bytes(3))? }, row.number(4)));
    }
    Some(heads)
}

/// The last word about a log.
pub struct NewestHead {
    pub block: u64,
    pub size: u64,
    pub root: Hash,
    pub checkpoint: String,
}

/// Of the log that is stored under this tenant; `None` for an empty one.
///
/// # Errors
/// 55000 for a root that is no hash.
pub fn newest_head(reading: &Reading, tenant: TenantId) -> Result<Option<NewestHead>> {
    let query = "SELECT h.block, h.size, h.root, h.checkpoint FROM warden.audit_head h \
         WHERE h.tenant = $1 ORDER BY h.block DESC LIMIT 1";
    let mut found = reading.cursor(query, &[directory::uuid(tenant).into()])?;
    let Some(row) = found.next() else { return Ok(None) };
    let root = Hash::from_bytes(row.bytes(3)).ok_or_else(|| damaged("the head of a log has no root"))?;
    Ok(Some(NewestHead { block: row.number(1), size: row.number(2), root, checkpoint: row.text(4).to_owned() }))
}

/// A block, and the way from a log's head to it.
///
/// # Errors
/// 55000 where it is not there, or does not hold the head.
pub fn block_path(reading: &Reading, number: u64, tenant: TenantId) -> Result<(Block, HeadPath)> {
    let query = format!("SELECT {BLOCK} FROM warden.audit_block b WHERE b.block = $1");
    let number = number.cast_signed();
    let mut found = reading.cursor(&query, &[number.into()])?;
    let missing = || damaged(format_args!("block {number} cannot be read"));
    let row = found.next().ok_or_else(missing)?;
    let stored = block(row);
    let heads = heads(reading.cursor(HEADS, &[number.into()])?).ok_or_else(missing)?;
    let heads: Vec<Head> = heads.into_iter().map(|(head, _)| head).collect();
    let blind = stored.blind.try_into().map_err(|_| missing())?;
    let path = Heads::new(blind, &heads).and_then(|heads| heads.path(owner(tenant)));
    Ok((stored.block().ok_or_else(missing)?, path.ok_or_else(missing)?))
}

/// How a log is called in checkpoints.
pub fn log_name(tenant: TenantId) -> warden_core::audit::Log {
    use warden_core::audit::{BLOCKS, Log};
    match tenant {
        PLATFORM => Log::Platform,
        BLOCKS => Log::Blocks,
        tenant => Log::Tenant(tenant),
    }
}

/// Of a row that has a head's columns from `at` on: block, size, entries, root, frontier, checkpoint.
pub fn head<'r>(row: Columns<'r>, at: usize) -> StoredHead<'r> {
    StoredHead {
        block: row.number(at),
        size: row.number(at + 1),
        entries: row.number(at + 2),
        root: row.bytes(at + 3),
        frontier: row.bytes(at + 4),
        checkpoint: row.text(at + 5),
    }
}
