//! `verify_audit`: everything that is stored of a log, read once and held against itself.

mod blocks;
mod logs;
mod report;

use pgrx::pg_sys::Datum;
use warden_core::audit::{Aspect, Fault, Keys};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::reader::{self, Reader};
use super::{stored, trigger};
use crate::pg::call::Call;
use crate::pg::fetch::Reading;
use crate::pg::set::Rows;
use crate::pg::shmem::workers;
use crate::pg::worker;
use report::Report;

/// `verify_audit(tenant)`. Whatever is stored, it answers in rows.
pub fn verify_audit(call: Call) -> Result<Option<Datum>> {
    let reader = reader::require()?;
    let named = reader.log(call.uuid(0))?;
    let only = match reader {
        Reader::Tenant(own) => Some(own),
        Reader::Everywhere => named,
    };
    let rows = Rows::of_rows(call)?;
    let mut report = Report::new(&rows);
    let newest = reader::read(|reading| run(reading, only, &mut report))?;
    if report.finish()? && only.is_none() {
        workers(|table| table.verified(worker::own_database(), newest));
    }
    rows.end()
}

/// `only`: one log, and of the blocks what is its reader's to know. Gives the newest block.
fn run(reading: &Reading, only: Option<TenantId>, report: &mut Report) -> Result<u64> {
    let newest = stored::newest(reading)?;
    let number = newest.as_ref().map_or(0, |(number, ..)| *number);
    report.about(None);
    let keys = keys(reading, number, report)?;
    if only.is_none() {
        payloads(reading, report)?;
        triggers(report)?;
    }
    logs::check(reading, only, &keys, &stored::seen(newest.as_ref()), report)?;
    report.about(None);
    blocks::check(reading, only, &keys, report)?;
    Ok(number)
}

fn keys(reading: &Reading, newest: u64, report: &mut Report) -> Result<Keys> {
    let mut found = reading.cursor("SELECT k.from_block, k.vkey FROM warden.audit_key k ORDER BY k.from_block", &[])?;
    let mut rows: Vec<(u64, Option<String>)> = Vec::new();
    while let Some(row) = found.next() {
        rows.push((row.number(1), row.optional_text(2).map(str::to_owned)));
    }
    let rows = rows.iter().map(|(from, vkey)| (*from, vkey.as_deref()));
    let keys = Keys::new(rows, newest, &mut |fault| report.fault(fault));
    report.end(Aspect::Keys, || match keys.count() {
        0 => "no block is signed: there was no key".to_owned(),
        count => format!("{count} {}", if count == 1 { "key" } else { "keys" }),
    });
    Ok(keys)
}

/// What is committed to by nothing was put there by somebody else.
fn payloads(reading: &Reading, report: &mut Report) -> Result<()> {
    let entries = stored::periods(reading, "audit_entry")?;
    for period in stored::periods(reading, "audit_payload")? {
        if !entries.contains(&period) {
            report.fault(Fault::new(Aspect::Payloads, format!("the entries of period {period} have no table")));
            continue;
        }
        let mut found = reading.cursor(
            &format!(
                "SELECT NULL, NULL, NULL, p.incarnation, p.xid, p.first, {period} FROM warden.audit_payload_{period} p \
                 WHERE NOT EXISTS (SELECT FROM warden.audit_entry_{period} e WHERE e.incarnation = p.incarnation \
                   AND e.xid = p.xid AND e.first = p.first)"
            ),
            &[],
        )?;
        while let Some(row) = found.next() {
            let id = stored::batch_id(row).entry();
            report.fault(Fault::new(Aspect::Payloads, "payloads are stored of a batch that is not there").at(id));
        }
    }
    report.end(Aspect::Payloads, || "all belong to entries".to_owned());
    Ok(())
}

/// Whether everything that is to be recorded is.
fn triggers(report: &mut Report) -> Result<()> {
    for (table, what) in trigger::trigger_faults()? {
        report.fault(Fault::new(Aspect::Triggers, format!("{table}: {what}")));
    }
    report.end(Aspect::Triggers, || "audited tables have theirs".to_owned());
    Ok(())
}
