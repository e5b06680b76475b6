//! Entries as rows of `warden.audit_log`.

use pgrx::pg_sys::Datum;
use warden_core::audit::{
    BatchId, Entries, EntryId, Payload, Payloads, Stored, StoredBatch, StoredEntry, Timestamp, owner, row,
};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::reader::{self, Reader};
use super::stored;
use crate::pg::call::{self, Call};
use crate::pg::set::Rows;
use crate::pg::{time, typed};
use crate::tenancy::directory;

/// Where sealing has put an entry; nothing of one that is not sealed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// Of the first entry of its batch in the tenant's tree.
    pub index: Option<u64>,
    pub block: Option<u64>,
}

/// One row.
///
/// # Errors
/// When it cannot be kept.
pub fn put(rows: &Rows, place: Place, stored: &StoredEntry, payload: Option<&Payload>) -> Result<()> {
    let (transaction, entry) = (stored.transaction(), &stored.entry);
    let text = |text: Option<&str>| text.and_then(call::text);
    let columns = |columns: Option<&warden_core::audit::Row>| columns.and_then(|columns| typed::jsonb(&row(columns)));
    let id = EntryId { incarnation: transaction.incarnation, xid: transaction.xid, number: entry.number };
    rows.put(|| {
        let detail = entry.detail.or(payload.and_then(|payload| payload.detail.as_deref()));
        [
            call::text(&id.to_string()),
            place.index.and_then(call::long),
            entry.tenant.and_then(|TenantId(tenant)| call::uuid(&tenant)),
            call::integer(id.incarnation.cast_signed()),
            call::long(id.xid),
            call::long(id.number),
            text(entry.relation),
            columns(payload.and_then(|payload| payload.key.as_ref())),
            call::text(entry.operation.name()),
            text(entry.kind),
            detail.and_then(typed::jsonb),
            columns(payload.and_then(|payload| payload.old.as_ref())),
            columns(payload.and_then(|payload| payload.new.as_ref())),
            text(transaction.database_user),
            text(transaction.session_user),
            text(transaction.user_id),
            text(transaction.role),
            text(transaction.session_id),
            text(transaction.access_request),
            text(transaction.application_name),
            text(transaction.client_addr),
            timestamp(entry.at),
            place.block.and_then(call::long),
        ]
    })
}

/// NULL for a time that PostgreSQL cannot show.
fn timestamp(at: Timestamp) -> Option<Datum> {
    time::checked(time::from_unix_micros(at.0)).and_then(|micros| call::long(micros.cast_unsigned()))
}

/// The entries of a batch; `None` if it does not decode, to the last of them.
pub fn entries<'a>(batch: &StoredBatch<'a>) -> Option<Entries<'a>> {
    let read = || Entries::read(batch.id.entry(), owner(batch.tenant), batch.body).ok();
    // One that is torn shows nothing, and may be too large to keep what it claims to hold.
    read()?.all(|entry| entry.is_ok()).then(read).flatten()
}

/// Shows a batch's entries one by one, each with what it commits to, where that is given and can be read.
///
/// # Errors
/// Those of `each`.
pub fn for_each(
    batch: &StoredBatch,
    mut each: impl FnMut(u64, &StoredEntry, Option<&Payload>) -> Result<()>,
) -> Result<()> {
    let mut payloads = batch.payloads.and_then(|bytes| Payloads::read(bytes).ok());
    for (at, stored) in (0..).zip(entries(batch).into_iter().flatten().flatten()) {
        let mut payload = None;
        if stored.entry.commitment.is_some()
            && let Some(open) = &mut payloads
            && let Ok(Some(Stored::Present { payload: present, .. })) = open.advance()
        {
            payload = Some(present.payload());
        }
        each(at, &stored, payload.as_ref())?;
    }
    Ok(())
}

fn put_batch(rows: &Rows, place: Place, batch: &StoredBatch) -> Result<()> {
    for_each(batch, |at, stored, payload| {
        let place = Place { index: place.index.map(|index| index.wrapping_add(at)), ..place };
        put(rows, place, stored, payload)
    })
}

/// `audit_rows(tenant, incarnation, xid, first, body, payload, first_index, block)`: what a batch holds, of whoever
/// gives it. It reads nothing that is stored.
pub fn audit_rows(call: Call) -> Result<Option<Datum>> {
    let rows = Rows::of_rows(call)?;
    let (Some(tenant), Some(body)) = (call.uuid(0), call.bytes(4)) else { return rows.end() };
    let id = BatchId {
        incarnation: (call.long(1) as i32).cast_unsigned(),
        xid: call.long(2).cast_unsigned(),
        first: call.long(3).cast_unsigned(),
        period: 0,
    };
    let tenant = TenantId(*tenant.as_bytes());
    let batch = StoredBatch { id, tenant, entries: 0, body, payloads: call.bytes(5) };
    let number = |at| call.datum(at).map(|datum| datum.value() as u64);
    put_batch(&rows, Place { index: number(6), block: number(7) }, &batch)?;
    rows.end()
}

/// The sealed entries of the tenant whose log the caller reads.
pub fn audit_sealed(call: Call) -> Result<Option<Datum>> {
    let rows = Rows::of_rows(call)?;
    let Some(Reader::Tenant(own)) = reader::current()? else { return rows.end() };
    reader::read(|reading| {
        let mut batches = stored::sealed(reading, Some(own))?;
        while let Some(row) = batches.next() {
            let leaf = stored::leaf(row);
            if let Some(batch) = stored::batch(row) {
                put_batch(&rows, Place { index: Some(leaf.index), block: Some(leaf.block) }, &batch)?;
            }
        }
        Ok(())
    })?;
    rows.end()
}

/// The blocks that the log which the caller reads is in, each with the entries that it added to it.
pub fn audit_own_blocks(call: Call) -> Result<Option<Datum>> {
    const BLOCKS: &str = "SELECT h.block, b.incarnation, h.entries, b.prev_hash, b.hash, b.sealed_at \
         FROM warden.audit_head h CROSS JOIN LATERAL (SELECT b.* FROM warden.audit_block b WHERE b.block = h.block OFFSET 0) b \
         WHERE h.tenant = $1 ORDER BY h.block";
    let rows = Rows::of_rows(call)?;
    let Some(Reader::Tenant(own)) = reader::current()? else { return rows.end() };
    reader::read(|reading| {
        let mut blocks = reading.cursor(BLOCKS, &[directory::uuid(own).into()])?;
        while let Some(row) = blocks.next() {
            rows.put(|| {
                [
                    call::long(row.number(1)),
                    call::integer(row.integer(2)),
                    call::long(row.number(3)),
                    call::bytea(row.bytes(4)),
                    call::bytea(row.bytes(5)),
                    call::long(row.timestamp(6).cast_unsigned()),
                ]
            })?;
        }
        Ok(())
    })?;
    rows.end()
}

/// Entries that no block holds yet, of the logs that the caller reads.
pub fn audit_unsealed(call: Call) -> Result<Option<Datum>> {
    let rows = Rows::of_rows(call)?;
    let Some(reader) = reader::current()? else { return rows.end() };
    let tenant = match reader {
        Reader::Tenant(own) => Some(own),
        Reader::Everywhere => None,
    };
    reader::read(|reading| {
        let mut batches = stored::unsealed(reading, tenant)?;
        while let Some(row) = batches.next() {
            if let Some(batch) = stored::batch(row) {
                let payloads = batch.payloads.filter(|_| reader.has_payloads());
                put_batch(&rows, Place::default(), &StoredBatch { payloads, ..batch })?;
            }
        }
        Ok(())
    })?;
    rows.end()
}
