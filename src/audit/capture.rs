//! The triggers that record: after each row, and after TRUNCATE.

use pgrx::pg_sys::Datum;
use warden_core::audit::{Act, Cell, Operation, Salt, Timestamp, redact};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::target::{self, Target};
use super::{trigger as own, write};
use crate::pg::call::Call;
use crate::pg::canonical::Cells;
use crate::pg::error::internal;
use crate::pg::trigger::{self, Event, RowTrigger, TriggerRow};
use crate::pg::{random, time};

/// After a row was stored or deleted. On a table that is not audited it does nothing, and neither does a second one.
pub fn row(call: Call) -> Result<Option<Datum>> {
    let trigger = RowTrigger::after(call)?;
    if trigger.name().to_bytes() == own::ROW.as_bytes()
        && let Some(target) = target::of(trigger.relation(), trigger.shape())?
    {
        let operation = match trigger.event() {
            Event::Insert => Operation::Insert,
            Event::Update => Operation::Update,
            Event::Delete => Operation::Delete,
        };
        change(&target, operation, trigger.row_before(), trigger.row_after())?;
    }
    Ok(Some(trigger::skip()))
}

/// After TRUNCATE.
pub fn truncate(call: Call) -> Result<Option<Datum>> {
    let (relation, name) = trigger::truncated(call)?;
    if name.to_bytes() == own::TRUNCATE.as_bytes()
        && let Some(subject) = target::truncated(relation)?
    {
        write::record(None, |batch, actor, number| {
            let (operation, at) = (Operation::Truncate, now());
            batch.entry(actor, &subject, &Act { number, operation, kind: None, at, commitment: None })
        })?;
    }
    Ok(Some(trigger::skip()))
}

fn change(target: &Target, operation: Operation, old: Option<TriggerRow>, new: Option<TriggerRow>) -> Result<()> {
    let before = old.map(|row| target.tenant(row)).transpose()?;
    let after = new.map(|row| target.tenant(row)).transpose()?;
    match (before, after) {
        // Each log has its own side of it.
        (Some(before), Some(after)) if before != after => {
            record(target, operation, before, old, None)?;
            record(target, operation, after, None, new)
        }
        _ => record(target, operation, after.or(before).flatten(), old, new),
    }
}

fn record(
    target: &Target,
    operation: Operation,
    tenant: Option<TenantId>,
    old: Option<TriggerRow>,
    new: Option<TriggerRow>,
) -> Result<()> {
    let Cells { mut old, mut new } = target.columns.cells(old, new)?;
    redact_in(target, tenant, &mut old)?;
    redact_in(target, tenant, &mut new)?;
    let salt = salt()?;
    write::record(tenant, |batch, actor, number| {
        let commitment = batch.payload(&target.shape, old.as_deref(), new.as_deref(), None, &salt)?;
        let act = Act { number, operation, kind: None, at: now(), commitment: Some(commitment) };
        batch.entry(actor, &target.subject, &act)
    })
}

fn redact_in(target: &Target, tenant: Option<TenantId>, row: &mut Option<Vec<Cell<'_>>>) -> Result<()> {
    let Some(row) = row.as_mut().filter(|_| !target.redacted.is_empty()) else { return Ok(()) };
    let key = target.redaction_key(tenant);
    for (at, name) in &target.redacted {
        let cell = row.get_mut(*at).ok_or_else(|| internal("a column that is not there"))?;
        let text = if let Cell::Text(text) = *cell { Some(text) } else { None };
        *cell = Cell::Redacted(redact(&key, name, text));
    }
    Ok(())
}

/// For a payload: new with each.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn salt() -> Result<Salt> {
    let mut salt = [0; 32];
    random::fill(&mut salt)?;
    Ok(Salt(salt))
}

pub fn now() -> Timestamp {
    Timestamp(time::to_unix_micros(time::now()))
}
