//! The rows of `verify_audit`.

use warden_core::audit::{Aspect, EntryId, Fault, PLATFORM};
use warden_core::error::{Result, WardenError};
use warden_core::tenancy::TenantId;

use crate::pg::call;
use crate::pg::set::Rows;

/// Faults of one log and aspect that are shown; of more, how many there are.
const MOST: u64 = 20;

pub struct Report<'r> {
    rows: &'r Rows,
    /// Whose log it is about; `None`: nobody's.
    tenant: Option<TenantId>,
    counts: [u64; Aspect::COUNT],
    is_sound: bool,
    /// What kept a row from being kept.
    failure: Option<WardenError>,
}

impl<'r> Report<'r> {
    pub fn new(rows: &'r Rows) -> Self {
        Self { rows, tenant: None, counts: [0; Aspect::COUNT], is_sound: true, failure: None }
    }

    /// The log that is spoken of from now on.
    pub fn about(&mut self, tenant: Option<TenantId>) {
        self.tenant = tenant.filter(|tenant| *tenant != PLATFORM);
        self.counts = [0; Aspect::COUNT];
    }

    pub fn fault(&mut self, fault: Fault) {
        self.is_sound = false;
        let count = &mut self.counts[fault.aspect as usize];
        *count += 1;
        if *count <= MOST {
            self.put(fault.aspect, false, fault.block, fault.entry, &fault.detail);
        }
    }

    /// The last word about an aspect: `good`, where no fault was found.
    pub fn end(&mut self, aspect: Aspect, good: impl FnOnce() -> String) {
        match std::mem::take(&mut self.counts[aspect as usize]) {
            0 => self.put(aspect, true, None, None, &good()),
            count if count > MOST => self.put(aspect, false, None, None, &format!("{} more", count - MOST)),
            _ => {}
        }
    }

    /// Whether no fault was found.
    ///
    /// # Errors
    /// When a row could not be kept.
    pub fn finish(self) -> Result<bool> {
        self.failure.map_or(Ok(self.is_sound), Err)
    }

    fn put(&mut self, aspect: Aspect, ok: bool, block: Option<u64>, entry: Option<EntryId>, detail: &str) {
        let tenant = self.tenant;
        let kept = self.rows.put(|| {
            [
                call::text(aspect.name()),
                call::boolean(ok),
                tenant.and_then(|TenantId(tenant)| call::uuid(&tenant)),
                block.and_then(call::long),
                entry.and_then(|entry| call::text(&entry.to_string())),
                call::text(detail),
            ]
        });
        if let Err(error) = kept {
            self.failure.get_or_insert(error);
        }
    }
}
