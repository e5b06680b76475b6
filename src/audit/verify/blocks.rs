//! The chain of blocks, and the heads that they hold.

use warden_core::audit::{Aspect, BLOCKS, BlockCheck, Fault, Keys, StoredBlock};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::logs::{Nodes, said_of_checkpoints};
use super::report::Report;
use crate::audit::stored::{self, BLOCK, BLOCK_COLUMNS};
use crate::pg::fetch::{Columns, Prepared, Reading};
use crate::tenancy::directory;

const NODES: usize = 256;

/// `only`: for this log's reader, who learns of a block that it is in order, and nothing of what others have in it.
pub fn check(reading: &Reading, only: Option<TenantId>, keys: &Keys, report: &mut Report) -> Result<()> {
    // Of the reader's own log, whether it has a head in the block; of all, the head of the blocks' own log.
    let query = format!(
        "SELECT {BLOCK}, h.block, h.size, h.entries, h.root, h.frontier, h.checkpoint FROM warden.audit_block b \
         LEFT JOIN LATERAL (SELECT h.* FROM warden.audit_head h WHERE h.tenant = $1 AND h.block = b.block OFFSET 0) h ON true \
         ORDER BY b.block"
    );
    let mut blocks = reading.cursor(&query, &[directory::uuid(only.unwrap_or(BLOCKS)).into()])?;
    let heads = reading.prepare(stored::HEADS, &[0_i64.into()])?;
    let nodes = Nodes::new(reading)?;
    let mut check = BlockCheck::default();
    while let Some(row) = blocks.next() {
        let block = stored::block(row);
        check.block(&block, &mut |fault| report.fault(fault));
        if only.is_some() {
            if has_head(row) {
                let heads = stored::heads(heads.open(&[block.number.cast_signed().into()])?);
                BlockCheck::heads(&block, heads.as_deref(), &mut |fault| report.fault(fault));
            }
            continue;
        }
        whole(&mut check, &block, row, &heads, keys, report)?;
        if check.nodes().len() >= NODES {
            let stored = nodes.hashes(BLOCKS, check.nodes())?;
            check.compare(stored, &mut |fault| report.fault(fault));
        }
    }
    if only.is_some() {
        report.end(Aspect::Blocks, || "each names the one before it".to_owned());
        return Ok(());
    }
    let stored = nodes.hashes(BLOCKS, check.nodes())?;
    check.compare(stored, &mut |fault| report.fault(fault));
    check.end(nodes.count(BLOCKS)?, &mut |fault| report.fault(fault));
    heads_of_nothing(reading, report)?;
    let (count, (signed, unsigned)) = (check.newest(), check.checkpoints());
    report.end(Aspect::Blocks, || format!("{count} blocks; checkpoints: {}", said_of_checkpoints(signed, unsigned)));
    Ok(())
}

fn has_head(row: Columns) -> bool {
    !row.is_null(BLOCK_COLUMNS + 1)
}

/// All that a block says.
fn whole(
    check: &mut BlockCheck,
    block: &StoredBlock,
    row: Columns,
    heads: &Prepared,
    keys: &Keys,
    report: &mut Report,
) -> Result<()> {
    let own = has_head(row).then(|| stored::head(row, BLOCK_COLUMNS + 1));
    check.own(block, own.as_ref(), keys, &mut |fault| report.fault(fault));
    let heads = stored::heads(heads.open(&[block.number.cast_signed().into()])?);
    BlockCheck::heads(block, heads.as_deref(), &mut |fault| report.fault(fault));
    BlockCheck::entries(block, heads.as_deref().unwrap_or_default(), &mut |fault| report.fault(fault));
    Ok(())
}

/// Heads of the blocks' own log after blocks that are not there.
fn heads_of_nothing(reading: &Reading, report: &mut Report) -> Result<()> {
    let mut found = reading.cursor(
        "SELECT h.block FROM warden.audit_head h WHERE h.tenant = $1 \
         AND NOT EXISTS (SELECT FROM warden.audit_block b WHERE b.block = h.block) ORDER BY h.block",
        &[directory::uuid(BLOCKS).into()],
    )?;
    while let Some(row) = found.next() {
        let detail = "the blocks' log has a head of a block that is not there";
        report.fault(Fault::new(Aspect::Blocks, detail).in_block(row.number(1)));
    }
    Ok(())
}
