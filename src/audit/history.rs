//! The history of one row.

use pgrx::pg_sys::{self, Datum};
use warden_core::audit::{Entries, Payload, StoredBatch, StoredEntry, Wanted, owner};
use warden_core::error::{Result, SqlState, WardenError};

use super::reader::{self, Reader};
use super::rows::{self, Place};
use super::stored;
use crate::pg::call::Call;
use crate::pg::fetch::{Cursor, Prepared};
use crate::pg::set::Rows;
use crate::pg::{catalog, time, typed};
use crate::sql::need;

/// `row_history(relation, key, since, until)`.
pub fn row_history(call: Call) -> Result<Option<Datum>> {
    let relation = need(call.datum(0), "relation")?.value() as u32;
    let key = typed::text(need(call.datum(1), "key")?, pg_sys::JSONBOID)?;
    let Reader::Tenant(tenant) = reader::require()? else {
        return Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied for the history of a row")
            .detail("It is content: a tenant's owners and admins read their own."));
    };
    let name = catalog::recorded_name(pg_sys::Oid::from_u32(relation));
    let text = std::str::from_utf8(&key).unwrap_or_default();
    let asked = Asked { wanted: Wanted::parse(name, text)?, period: Period::of(call, 2, 3) };
    let rows = Rows::of_rows(call)?;
    reader::read(|reading| {
        let payloads = reading.prepare(stored::PAYLOADS, &stored::identity(Default::default()))?;
        let mut sealed = reading.cursor(stored::ENTRIES, &[crate::tenancy::directory::uuid(tenant).into()])?;
        while let Some(row) = sealed.next() {
            let Some(batch) = stored::batch(row).filter(|batch| asked.concerns(batch)) else { continue };
            let leaf = stored::leaf(row);
            let mut found = open(&payloads, &batch)?;
            let batch = StoredBatch { payloads: found.next().map(|row| row.bytes(1)), ..batch };
            asked.put(&rows, Place { index: Some(leaf.index), block: Some(leaf.block) }, &batch)?;
        }
        let mut unsealed = stored::unsealed(reading, Some(tenant))?;
        while let Some(row) = unsealed.next() {
            if let Some(batch) = stored::batch(row).filter(|batch| asked.concerns(batch)) {
                asked.put(&rows, Place::default(), &batch)?;
            }
        }
        Ok(())
    })?;
    rows.end()
}

fn open<'c>(payloads: &Prepared<'c>, batch: &StoredBatch) -> Result<Cursor<'c>> {
    payloads.open(&stored::identity(batch.id))
}

/// From the one time on to before the other; either may be open. Unix microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    since: Option<i64>,
    until: Option<i64>,
}

impl Period {
    /// Of two arguments of a call.
    pub fn of(call: Call, since: usize, until: usize) -> Self {
        let micros = |at| call.datum(at).map(|datum| time::to_unix_micros(datum.value() as i64));
        Self { since: micros(since), until: micros(until) }
    }

    pub fn is_all(self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    pub fn holds(self, stored: &StoredEntry) -> bool {
        let at = stored.entry.at.0;
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

/// What the caller wants to see.
struct Asked {
    wanted: Wanted,
    period: Period,
}

impl Asked {
    fn is_about(&self, stored: &StoredEntry) -> bool {
        stored.entry.commitment.is_some() && self.period.holds(stored) && self.wanted.concerns(&stored.entry)
    }

    /// Whether it is worth its payloads.
    fn concerns(&self, batch: &StoredBatch) -> bool {
        let entries = Entries::read(batch.id.entry(), owner(batch.tenant), batch.body);
        entries.into_iter().flatten().flatten().any(|stored| self.is_about(&stored))
    }

    fn put(&self, rows: &Rows, place: Place, batch: &StoredBatch) -> Result<()> {
        rows::for_each(batch, |at, stored, payload| {
            let is_it = |payload: &Payload| self.is_about(stored) && self.wanted.is_of(payload);
            if payload.is_some_and(is_it) {
                let place = Place { index: place.index.map(|index| index.wrapping_add(at)), ..place };
                rows::put(rows, place, stored, payload)?;
            }
            Ok(())
        })
    }
}
