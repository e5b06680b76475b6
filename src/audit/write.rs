//! What the transaction has recorded, and its way into the tables: in bulk, by the savepoint that it belongs to.

use std::cell::{Cell, RefCell};

use warden_core::audit::{Actor, Batch, Buffer, Malformed, PLATFORM, Written};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::{actor, incarnation, period, registry};
use crate::pg::bulk::{self, Value};
use crate::pg::error::internal;
use crate::pg::incarnation::transaction;
use crate::pg::xact::{self, SubTransaction};

thread_local! {
    static BUFFER: RefCell<Buffer> = RefCell::default();
    /// Nothing comes any more that would write what is recorded now.
    static IS_LATE: Cell<bool> = const { Cell::new(false) };
}

/// Records one entry: `work` puts it into the batch, under the number that it is given.
///
/// # Errors
/// Those of `work`, and of writing when it is time.
pub fn record(
    tenant: Option<TenantId>,
    work: impl FnOnce(&mut Batch, &Actor, u64) -> std::result::Result<(), Malformed>,
) -> Result<()> {
    let savepoint = xact::current_subtransaction();
    let is_full = actor::with(|actor| {
        BUFFER.with_borrow_mut(|buffer| {
            let (batch, number) = buffer.batch(savepoint, tenant);
            let before = batch.size();
            work(batch, actor, number).map_err(internal)?;
            let bytes = batch.size().saturating_sub(before);
            Ok(buffer.recorded(bytes))
        })
    })?;
    if is_full || IS_LATE.get() { flush(savepoint) } else { Ok(()) }
}

/// Whether this transaction has recorded anything that is not written yet.
pub fn has_waiting() -> bool {
    BUFFER.with_borrow(|buffer| !buffer.is_empty())
}

/// # Errors
/// When an entry cannot be written: then its change is not made either.
pub fn before_commit() -> Result<()> {
    IS_LATE.set(true);
    flush(xact::current_subtransaction())
}

/// # Errors
/// As [`before_commit`].
pub fn savepoint_releases(own: SubTransaction) -> Result<()> {
    if BUFFER.with_borrow(|buffer| buffer.is_crowded(own)) { flush(own) } else { Ok(()) }
}

pub fn savepoint_released(own: SubTransaction, parent: SubTransaction) {
    BUFFER.with_borrow_mut(|buffer| buffer.savepoint_released(own, parent));
}

pub fn savepoint_rolled_back(own: SubTransaction) {
    BUFFER.with_borrow_mut(|buffer| buffer.savepoint_rolled_back(own));
}

pub fn transaction_ended() {
    IS_LATE.set(false);
    BUFFER.with_borrow_mut(Buffer::clear);
}

fn flush(savepoint: SubTransaction) -> Result<()> {
    let written = BUFFER.with_borrow_mut(|buffer| buffer.take(savepoint));
    // This transaction may have dropped the extension, and all that it has recorded.
    if written.is_empty() || !registry::is_installed() { Ok(()) } else { write(&written) }
}

fn write(batches: &[Written]) -> Result<()> {
    let incarnation = Value::Integer(incarnation::own()?.cast_signed());
    let (period, tables) = period::newest()?;
    let (xid, period) = (Value::Long(transaction()), Value::Integer(period));
    let entries: Vec<_> = batches
        .iter()
        .map(|batch| {
            let tenant = batch.tenant.as_ref().unwrap_or(&PLATFORM);
            [
                xid,
                Value::Long(batch.first),
                Value::Uuid(&tenant.0),
                period,
                incarnation,
                Value::Integer(i32::try_from(batch.count).unwrap_or(i32::MAX)),
                Value::Bytes(&batch.entries),
            ]
        })
        .collect();
    bulk::insert(tables.entries, &entries)?;
    let payloads: Vec<_> = batches
        .iter()
        .filter_map(|batch| Some((batch, batch.payloads.as_ref()?)))
        .map(|(batch, body)| [xid, Value::Long(batch.first), period, incarnation, Value::Bytes(body)])
        .collect();
    bulk::insert(tables.payloads, &payloads)
}
