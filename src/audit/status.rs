//! How far the log is.

use pgrx::pg_sys::Datum;
use warden_core::audit::{Entries, StoredBatch, owner};
use warden_core::error::Result;

use super::{reader, stored};
use crate::pg::call::{self, Call};
use crate::pg::fetch::Reading;
use crate::pg::role::{self, Role};
use crate::pg::set::Rows;
use crate::pg::shmem::workers;
use crate::pg::{time, worker};

/// `audit_state()`: one row for those who look after the log, none for others.
pub fn audit_state(call: Call) -> Result<Option<Datum>> {
    let rows = Rows::of_rows(call)?;
    if role::refuse_restricted().is_err() || !(role::is(Role::Admin) || role::is(Role::Auditor)) {
        return rows.end();
    }
    let own = worker::own_database();
    let slot = workers(|table| table.slot(own).map(|slot| (slot.worker.pid, slot.verified_block)));
    let (pid, verified) = slot.unwrap_or_default();
    let (last, waiting) = reader::read(|reading| Ok((last_block(reading)?, waiting(reading)?)))?;
    let some = |number: u64| (number > 0).then_some(number);
    rows.put(|| {
        [
            (pid > 0).then_some(pid).and_then(call::integer),
            last.and_then(|(block, _)| call::long(block)),
            last.and_then(|(_, sealed_at)| call::long(sealed_at.cast_unsigned())),
            call::long(waiting.entries),
            waiting.oldest.and_then(time::checked).and_then(|oldest| call::long(oldest.cast_unsigned())),
            some(verified).and_then(call::long),
        ]
    })?;
    rows.end()
}

/// Its number and when it was sealed.
fn last_block(reading: &Reading) -> Result<Option<(u64, i64)>> {
    let query = "SELECT b.block, b.sealed_at FROM warden.audit_block b ORDER BY b.block DESC LIMIT 1";
    Ok(reading.cursor(query, &[])?.next().map(|row| (row.number(1), row.timestamp(2))))
}

#[derive(Default)]
struct Waiting {
    entries: u64,
    /// PostgreSQL microseconds.
    oldest: Option<i64>,
}

fn waiting(reading: &Reading) -> Result<Waiting> {
    let mut waiting = Waiting::default();
    let mut batches = stored::unsealed(reading, None)?;
    while let Some(row) = batches.next() {
        let Some(batch) = stored::batch(row) else { continue };
        waiting.entries = waiting.entries.saturating_add(batch.entries);
        let oldest = [waiting.oldest, first_time(&batch)];
        waiting.oldest = oldest.into_iter().flatten().min();
    }
    Ok(waiting)
}

/// When the first entry of a batch was recorded.
fn first_time(batch: &StoredBatch) -> Option<i64> {
    let mut entries = Entries::read(batch.id.entry(), owner(batch.tenant), batch.body).ok()?;
    entries.next()?.ok().map(|stored| time::from_unix_micros(stored.entry.at.0))
}
