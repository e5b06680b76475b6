//! The tenants' logs, one after the other: three cursors in the order of tenants, read in step.

use warden_core::audit::{Aspect, BLOCKS, BatchId, BlockOf, Hash, Keys, LogCheck, Newest, Node};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::report::Report;
use crate::audit::stored;
use crate::pg::fetch::{Columns, Cursor, Prepared, Reading};
use crate::tenancy::directory;

/// Nodes that are compared at once.
const NODES: usize = 256;

/// Heads in the order of their logs' trees, each with its block and the one before.
const HEADS: &str = "SELECT h.tenant, h.block, h.size, h.entries, h.root, h.frontier, h.checkpoint, \
       b.incarnation, b.snapshot, b.hash, b.installation, p.incarnation, p.snapshot \
     FROM warden.audit_head h \
       LEFT JOIN LATERAL (SELECT b.incarnation, b.snapshot::text, b.hash, b.installation FROM warden.audit_block b \
         WHERE b.block = h.block OFFSET 0) b ON true \
       LEFT JOIN LATERAL (SELECT b.incarnation, b.snapshot::text FROM warden.audit_block b \
         WHERE h.block > 0 AND b.block = h.block - 1 OFFSET 0) p ON true \
     WHERE ($1::uuid IS NULL OR h.tenant = $1) AND h.tenant <> 'ffffffff-ffff-ffff-ffff-ffffffffffff' \
     ORDER BY h.tenant, h.block";

/// Batches of a period without a leaf, by indexes alone: they hold no tenant, but are a fraction of the log.
fn without_leaf(period: i32) -> String {
    format!(
        "SELECT e.incarnation, e.xid, e.first, {period} AS period FROM warden.audit_entry_{period} e \
         WHERE NOT EXISTS (SELECT FROM warden.audit_leaf l WHERE l.incarnation = e.incarnation AND l.xid = e.xid \
           AND l.first = e.first AND l.period = {period})"
    )
}

/// Batches without a leaf, with the columns of [`stored::sealed`].
fn lone(periods: &[i32]) -> String {
    let none = "SELECT e.incarnation, e.xid, e.first, e.period FROM warden.audit_entry e WHERE false".to_owned();
    let each: Vec<String> = periods.iter().map(|period| without_leaf(*period)).chain([none]).collect();
    format!(
        "WITH lone AS MATERIALIZED (SELECT DISTINCT * FROM ({}) l) \
         SELECT o.tenant, NULL, NULL, o.incarnation, o.xid, o.first, o.period, NULL, o.tenant, e.entries, e.body, p.body \
         FROM (SELECT DISTINCT e.tenant, lone.* FROM lone CROSS JOIN LATERAL (SELECT e.tenant FROM warden.audit_entry e \
               WHERE e.incarnation = lone.incarnation AND e.xid = lone.xid AND e.first = lone.first \
                 AND e.period = lone.period OFFSET 0) e WHERE $1::uuid IS NULL OR e.tenant = $1) o \
           CROSS JOIN LATERAL (SELECT e.entries, e.body FROM warden.audit_entry e WHERE e.incarnation = o.incarnation \
             AND e.xid = o.xid AND e.first = o.first AND e.period = o.period AND e.tenant = o.tenant OFFSET 0) e \
           LEFT JOIN LATERAL (SELECT p.body FROM warden.audit_payload p WHERE p.incarnation = o.incarnation \
             AND p.xid = o.xid AND p.first = o.first AND p.period = o.period OFFSET 0) p ON true \
         ORDER BY o.tenant, o.incarnation, o.xid, o.first, o.period",
        each.join(" UNION ALL ")
    )
}

const COUNT: &str = "SELECT count(*) FROM warden.audit_node n WHERE n.tenant = $1";

/// The hashes that are stored of a tree's nodes.
pub struct Nodes<'c> {
    stored: Prepared<'c>,
    count: Prepared<'c>,
}

impl<'c> Nodes<'c> {
    pub fn new(reading: &'c Reading) -> Result<Self> {
        let tenant = directory::uuid(BLOCKS);
        let stored =
            reading.prepare(stored::NODES, &[tenant.into(), Vec::<i16>::new().into(), Vec::<i64>::new().into()])?;
        Ok(Self { stored, count: reading.prepare(COUNT, &[tenant.into()])? })
    }

    pub fn hashes(&self, tenant: TenantId, nodes: &[(Node, Hash)]) -> Result<Vec<Option<Hash>>> {
        let levels: Vec<i16> = nodes.iter().map(|(node, _)| node.level.into()).collect();
        let indexes: Vec<i64> = nodes.iter().map(|(node, _)| node.index.cast_signed()).collect();
        let mut found = self.stored.open(&[directory::uuid(tenant).into(), levels.into(), indexes.into()])?;
        let mut hashes = Vec::with_capacity(nodes.len());
        while let Some(row) = found.next() {
            hashes.push(Hash::from_bytes(row.bytes(1)));
        }
        Ok(hashes)
    }

    pub fn count(&self, tenant: TenantId) -> Result<u64> {
        let mut found = self.count.open(&[directory::uuid(tenant).into()])?;
        Ok(found.next().map_or(0, |row| row.number(1)))
    }
}

struct Logs<'c> {
    heads: Cursor<'c>,
    leaves: Cursor<'c>,
    lone: Cursor<'c>,
    nodes: Nodes<'c>,
}

pub fn check(
    reading: &Reading,
    only: Option<TenantId>,
    keys: &Keys,
    newest: &Newest,
    report: &mut Report,
) -> Result<()> {
    let tenant = only.map(directory::uuid);
    let mut logs = Logs {
        heads: reading.cursor(HEADS, &[tenant.into()])?,
        leaves: stored::sealed(reading, only)?,
        lone: reading.cursor(&lone(&stored::periods(reading, "audit_entry")?), &[tenant.into()])?,
        nodes: Nodes::new(reading)?,
    };
    logs.heads.advance();
    logs.leaves.advance();
    logs.lone.advance();
    let mut next = only.or_else(|| logs.next());
    while let Some(tenant) = next {
        report.about(Some(tenant));
        logs.check(tenant, keys, newest, report)?;
        next = logs.next();
    }
    match only {
        Some(_) => Ok(()),
        None => nodes_of_nothing(reading, report),
    }
}

fn tenant(row: Columns) -> TenantId {
    TenantId(row.uuid(1))
}

impl Logs<'_> {
    /// The tenant whose rows come next.
    fn next(&self) -> Option<TenantId> {
        [&self.heads, &self.leaves, &self.lone].into_iter().filter_map(|cursor| cursor.row().map(tenant)).min()
    }

    fn check(&mut self, own: TenantId, keys: &Keys, newest: &Newest, report: &mut Report) -> Result<()> {
        let mut check = LogCheck::new(own, keys);
        self.sealed(own, &mut check, report)?;
        check.close(&mut |fault| report.fault(fault));
        let unsealed = self.unsealed(own, &mut check, newest, report);
        self.compare(own, &mut check, report)?;
        check.end(self.nodes.count(own)?, &mut |fault| report.fault(fault));

        let (size, (signed, unsigned), erased) = (check.size(), check.checkpoints(), check.summary().erased);
        report.end(Aspect::Entries, || match erased {
            0 => format!("{size} sealed entries"),
            _ => format!("{size} sealed entries; the payloads of {erased} are erased"),
        });
        report.end(Aspect::Unsealed, || format!("{unsealed} entries wait to be sealed"));
        report.end(Aspect::Tree, || format!("of {size} entries"));
        report.end(Aspect::Checkpoints, || said_of_checkpoints(signed, unsigned));
        Ok(())
    }

    fn sealed(&mut self, own: TenantId, check: &mut LogCheck, report: &mut Report) -> Result<()> {
        loop {
            let head = self.heads.row().filter(|row| tenant(*row) == own);
            let leaf = self.leaves.row().filter(|row| tenant(*row) == own);
            match (head, leaf) {
                (Some(head), leaf) if leaf.is_none_or(|leaf| head.number(2) <= leaf.number(3)) => {
                    check.head(&stored::head(head, 2), block(head), &mut |fault| report.fault(fault));
                    self.heads.advance();
                }
                (_, Some(leaf)) => {
                    let batch = stored::batch(leaf);
                    check.leaf(&stored::leaf(leaf), batch.as_ref(), &mut |fault| report.fault(fault));
                    self.leaves.advance();
                }
                _ => return Ok(()),
            }
            if check.nodes().len() >= NODES {
                self.compare(own, check, report)?;
            }
        }
    }

    fn compare(&self, own: TenantId, check: &mut LogCheck, report: &mut Report) -> Result<()> {
        if check.nodes().is_empty() {
            return Ok(());
        }
        let stored = self.nodes.hashes(own, check.nodes())?;
        check.compare(stored, &mut |fault| report.fault(fault));
        Ok(())
    }

    /// How many entries wait.
    fn unsealed(&mut self, own: TenantId, check: &mut LogCheck, newest: &Newest, report: &mut Report) -> u64 {
        let (mut previous, mut waiting): (Option<BatchId>, u64) = (None, 0);
        while let Some(row) = self.lone.row().filter(|row| tenant(*row) == own) {
            if let Some(batch) = stored::batch(row) {
                let is_due = newest.covers(batch.id);
                let entries = check.unsealed(&batch, previous, is_due, &mut |fault| report.fault(fault));
                waiting += if is_due { 0 } else { entries };
                previous = Some(batch.id);
            }
            self.lone.advance();
        }
        waiting
    }
}

/// The block of a head, and what it seals.
fn block<'r>(row: Columns<'r>) -> Option<(BlockOf, &'r [u8], &'r str)> {
    if row.is_null(8) {
        return None;
    }
    let previous = (!row.is_null(12)).then(|| (row.integer(12).cast_unsigned(), row.text(13)));
    Some((BlockOf::new(row.integer(8).cast_unsigned(), row.text(9), previous), row.bytes(10), row.text(11)))
}

pub fn said_of_checkpoints(signed: u64, unsigned: u64) -> String {
    match unsigned {
        0 => format!("{signed} signed"),
        _ => format!("{signed} signed, {unsigned} unsigned: there was no key then"),
    }
}

/// Nodes of logs without entries.
fn nodes_of_nothing(reading: &Reading, report: &mut Report) -> Result<()> {
    let mut found = reading.cursor(
        "SELECT DISTINCT n.tenant FROM warden.audit_node n WHERE n.tenant <> 'ffffffff-ffff-ffff-ffff-ffffffffffff' \
         AND NOT EXISTS (SELECT FROM warden.audit_leaf l WHERE l.tenant = n.tenant) \
         AND NOT EXISTS (SELECT FROM warden.audit_head h WHERE h.tenant = n.tenant) \
         AND NOT EXISTS (SELECT FROM warden.audit_entry e WHERE e.tenant = n.tenant)",
        &[],
    )?;
    while let Some(row) = found.next() {
        report.about(Some(tenant(row)));
        let detail = "hashes of nodes are stored of a log without entries";
        report.fault(warden_core::audit::Fault::new(Aspect::Tree, detail));
    }
    Ok(())
}
