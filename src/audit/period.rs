//! The partitions of entries and payloads. Entries go into the newest; the worker opens the next.

use std::cell::Cell;

use pgrx::pg_sys::Oid;
use warden_core::error::Result;

use crate::isolation;
use crate::pg::cache;
use crate::pg::error::internal;
use crate::pg::{guc, spi};

/// The two tables of a period.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    pub entries: Oid,
    pub payloads: Oid,
}

thread_local! {
    static NEWEST: Cell<Option<(u64, i32, Tables)>> = const { Cell::new(None) };
}

/// # Errors
/// When there is none.
pub fn newest() -> Result<(i32, Tables)> {
    cache::accept_changes();
    if let Some((at, period, tables)) = NEWEST.get()
        && at == cache::changes()
    {
        return Ok((period, tables));
    }
    // A new partition changes the table that it belongs to.
    cache::watch(cache::table("audit_entry"));
    let at = cache::changes();
    let found = spi::as_owner_latest(|| {
        spi::read(
            "SELECT number, e.oid, p.oid FROM \
               (SELECT c.oid, substring(c.relname FROM '^audit_entry_(\\d+)$')::int AS number \
                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
                  WHERE i.inhparent = 'warden.audit_entry'::regclass AND NOT i.inhdetachpending) e \
               JOIN (SELECT c.oid, substring(c.relname FROM '^audit_payload_(\\d+)$')::int AS number \
                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
                  WHERE i.inhparent = 'warden.audit_payload'::regclass AND NOT i.inhdetachpending) p USING (number) \
             ORDER BY 1 DESC LIMIT 1",
            &[],
            |row| Ok((row.need::<i32>(1)?, Tables { entries: row.need(2)?, payloads: row.need(3)? })),
        )
    })?;
    let (period, tables) = found.into_iter().next().ok_or_else(|| internal("no period to record into"))?;
    NEWEST.set(Some((at, period, tables)));
    Ok((period, tables))
}

/// How long a period lasts.
const SPAN: &str = "30 days";

/// Opens the next period when the newest is old enough. In a database in which nothing has been recorded, the first is
/// not old: it may be one that is just being restored.
///
/// # Errors
/// When its tables cannot be made.
pub fn open_next() -> Result<()> {
    let is_due = spi::as_owner(|| {
        spi::value::<bool>(
            "SELECT greatest((SELECT max(since) FROM warden.audit_period), \
               (SELECT min(since) FROM warden.audit_incarnation)) < clock_timestamp() - $1::interval",
            &[SPAN.into()],
        )
    })?;
    if is_due != Some(true) {
        return Ok(());
    }
    newest()?.0.checked_add(1).map_or(Ok(()), open)
}

fn open(period: i32) -> Result<()> {
    let _running = isolation::api::begin();
    spi::as_owner(|| {
        // Sealing does not wait for it; the next minute will do.
        guc::set_saved(c"lock_timeout", c"2s");
        for table in ["audit_entry", "audit_payload"] {
            let partition = format!("warden.{table}_{period}");
            // Attached afterwards, and not made as a partition: that would wait for every reader of the log.
            for statement in [
                format!(
                    "CREATE TABLE {partition} (LIKE warden.{table}, PRIMARY KEY (incarnation, xid, first)) \
                     WITH (toast_tuple_target = 8160)"
                ),
                format!("REVOKE ALL ON {partition} FROM PUBLIC"),
                format!("ALTER TABLE {partition} ENABLE ROW LEVEL SECURITY"),
                format!("ALTER TABLE warden.{table} ATTACH PARTITION {partition} FOR VALUES IN ({period})"),
            ] {
                spi::execute(&statement, &[])?;
            }
        }
        spi::execute("INSERT INTO warden.audit_period (period) VALUES ($1)", &[period.into()])
    })?;
    Ok(())
}
