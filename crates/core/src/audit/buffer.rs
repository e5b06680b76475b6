//! The entries of a transaction until they are written: what a savepoint takes back is not there any more, and numbers
//! have no gaps.

use std::collections::HashMap;

use super::batch::Batch;
use crate::tenancy::TenantId;

/// Bytes of a body beyond which its batch is closed: two bodies of payloads fit on a page, four of entries.
const FULL_ENTRIES: usize = 1_900;
const FULL_PAYLOADS: usize = 3_800;
/// Entries of a batch: the hashes of its leaves fit on a page.
const FULL_COUNT: usize = 120;
/// Bytes that a savepoint's entries may take before they are written.
const BOUND: usize = 256 * 1024;
/// Bytes that all savepoints' entries may take before each writes what it has of some size.
const CROWD: usize = 4 * BOUND;
const SOME: usize = BOUND / 16;
/// Open batches that are looked through one by one: most transactions have fewer, and hash no tenant.
const FEW: usize = 16;
/// Batches that are kept for reuse.
const SPARE: usize = 4;

/// A batch as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub tenant: Option<TenantId>,
    /// The number of its first entry.
    pub first: u64,
    pub count: usize,
    pub entries: Vec<u8>,
    pub payloads: Option<Vec<u8>>,
}

/// The entries of a savepoint, or of the transaction outside of any.
#[derive(Debug)]
struct Level {
    savepoint: u32,
    /// The number of its first entry.
    start: u64,
    closed: Vec<Written>,
    open: Vec<(Option<TenantId>, Batch)>,
    /// Of all that are open, once there are more than a few.
    by_tenant: HashMap<Option<TenantId>, usize>,
    /// The open batch that was written to last.
    last: usize,
    size: usize,
}

impl Level {
    fn new(savepoint: u32, start: u64) -> Self {
        let (closed, open, by_tenant) = (Vec::new(), Vec::new(), HashMap::new());
        Self { savepoint, start, closed, open, by_tenant, last: 0, size: 0 }
    }

    fn open(&mut self, tenant: Option<TenantId>, spare: &mut Vec<Batch>) -> usize {
        if self.open.get(self.last).is_some_and(|(own, _)| *own == tenant) {
            return self.last;
        }
        let next = self.open.len();
        self.last = self.find(tenant).unwrap_or(next);
        if self.last == next {
            self.open.push((tenant, spare.pop().unwrap_or_default()));
            if self.open.len() > FEW {
                let from = if next == FEW { 0 } else { next };
                self.by_tenant.extend(self.open.iter().zip(0..).skip(from).map(|((tenant, _), at)| (*tenant, at)));
            }
        }
        self.last
    }

    fn find(&self, tenant: Option<TenantId>) -> Option<usize> {
        if self.open.len() > FEW {
            return self.by_tenant.get(&tenant).copied();
        }
        self.open.iter().position(|(own, _)| *own == tenant)
    }

    fn close(&mut self, at: usize) {
        let (tenant, batch) = &mut self.open[at];
        if let Some(first) = batch.first() {
            self.closed.push(Written {
                tenant: *tenant,
                first,
                count: batch.len(),
                entries: batch.entries_bytes().to_vec(),
                payloads: batch.payload_bytes().map(<[u8]>::to_vec),
            });
            batch.clear();
        }
    }

    /// No batch goes on beyond what another savepoint writes: those of a tenant never overlap.
    fn close_all(&mut self, spare: &mut Vec<Batch>) {
        (0..self.open.len()).for_each(|at| self.close(at));
        let room = SPARE.saturating_sub(spare.len());
        spare.extend(self.open.drain(..).map(|(_, batch)| batch).take(room));
        self.by_tenant.clear();
        self.last = 0;
    }
}

/// What a transaction has recorded and not written yet.
#[derive(Debug, Default)]
pub struct Buffer {
    /// From the outermost savepoint that has entries to the innermost.
    levels: Vec<Level>,
    /// How many entries the transaction has, written ones included.
    recorded: u64,
    spare: Vec<Batch>,
}

impl Buffer {
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Where the tenant's next entry goes in this savepoint, and its number: 1 is the transaction's first.
    /// [`Buffer::recorded`] follows when it is there.
    pub fn batch(&mut self, savepoint: u32, tenant: Option<TenantId>) -> (&mut Batch, u64) {
        if self.levels.last().is_none_or(|level| level.savepoint != savepoint) {
            self.levels.push(Level::new(savepoint, self.recorded + 1));
        }
        let last = self.levels.len() - 1;
        let level = &mut self.levels[last];
        let at = level.open(tenant, &mut self.spare);
        (&mut level.open[at].1, self.recorded + 1)
    }

    /// The entry has been put into the batch that [`Buffer::batch`] gave. Whether the savepoint's entries must be
    /// written now: [`Buffer::take`].
    pub fn recorded(&mut self, bytes: usize) -> bool {
        self.recorded += 1;
        let outer: usize = self.levels.iter().rev().skip(1).map(|level| level.size).sum();
        let Some(level) = self.levels.last_mut() else { return false };
        level.size += bytes;
        let batch = &level.open[level.last].1;
        let is_full = batch.entries_bytes().len() >= FULL_ENTRIES
            || batch.payload_bytes().map_or(0, <[u8]>::len) >= FULL_PAYLOADS
            || batch.len() >= FULL_COUNT;
        if is_full {
            level.close(level.last);
        }
        level.size >= BOUND || level.size >= SOME && outer + level.size >= CROWD
    }

    /// The entries of this savepoint alone, to be written by it: one that encloses it may outlive it.
    pub fn take(&mut self, savepoint: u32) -> Vec<Written> {
        let Some(level) = self.levels.last_mut().filter(|level| level.savepoint == savepoint) else {
            return Vec::new();
        };
        level.close_all(&mut self.spare);
        level.size = 0;
        std::mem::take(&mut level.closed)
    }

    /// Whether the savepoint's entries would be too many together with those of the one that encloses it.
    pub fn is_crowded(&self, savepoint: u32) -> bool {
        match &self.levels[..] {
            [.., outer, own] if own.savepoint == savepoint => outer.size + own.size >= BOUND,
            _ => false,
        }
    }

    pub fn savepoint_released(&mut self, own: u32, parent: u32) {
        let Some(level) = self.levels.pop_if(|level| level.savepoint == own) else { return };
        match self.levels.last_mut().filter(|outer| outer.savepoint == parent) {
            Some(outer) => {
                outer.close_all(&mut self.spare);
                let mut level = level;
                level.close_all(&mut self.spare);
                outer.closed.append(&mut level.closed);
                outer.size += level.size;
            }
            None => self.levels.push(Level { savepoint: parent, ..level }),
        }
    }

    /// What it has written already goes with it, as everything that it wrote.
    pub fn savepoint_rolled_back(&mut self, own: u32) {
        if let Some(level) = self.levels.pop_if(|level| level.savepoint == own) {
            self.recorded = level.start - 1;
        }
    }

    pub fn clear(&mut self) {
        self.levels.clear();
        self.recorded = 0;
    }
}
