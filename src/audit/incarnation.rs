//! The ordinal of this (system identifier, timeline, database): entered by whoever first records something in it.

use std::cell::Cell;

use pgrx::datum::DatumWithOid;
use warden_core::error::Result;

use crate::pg::error::internal;
use crate::pg::incarnation::{self, Incarnation};
use crate::pg::spi;

thread_local! {
    static KNOWN: Cell<Option<(Incarnation, u32)>> = const { Cell::new(None) };
    static HAS_ENTRIES: Cell<Option<Incarnation>> = const { Cell::new(None) };
    /// Entered by this transaction: gone if it is rolled back.
    static IS_NEW: Cell<bool> = const { Cell::new(false) };
}

/// What this transaction has entered may have been rolled back: it is asked for again.
pub fn savepoint_rolled_back() {
    if IS_NEW.get() {
        KNOWN.set(None);
    }
}

pub fn transaction_ended() {
    savepoint_rolled_back();
    IS_NEW.set(false);
}

/// # Errors
/// When it is not known and cannot be entered.
pub fn own() -> Result<u32> {
    let own = incarnation::own();
    if let Some(number) = known(own) {
        return Ok(number);
    }
    // Another may enter it at the same time: then it is waited for, and its row is there.
    for _ in 0..3 {
        if let Some(number) = find(own)? {
            KNOWN.set(Some((own, number)));
            return Ok(number);
        }
        enter(own)?;
        IS_NEW.set(true);
    }
    Err(internal("no incarnation"))
}

/// The ordinal of this incarnation, for the worker: `None` in a database in which nothing has ever been recorded. It
/// enters the one after a restore, a promotion or a copy itself, so that no writer holds up the others with it.
///
/// # Errors
/// When it cannot be read or entered.
pub fn settled() -> Result<Option<u32>> {
    if let Some(number) = known(incarnation::own()) {
        return Ok(Some(number));
    }
    let has_any = spi::as_owner_latest(|| {
        spi::read("SELECT EXISTS (SELECT FROM warden.audit_incarnation)", &[], |row| row.need::<bool>(1))
    })?;
    if has_any.first() == Some(&true) { own().map(Some) } else { Ok(None) }
}

/// Whether anything has been recorded in this database, on whatever timeline: not while a dump is being restored.
///
/// # Errors
/// When it cannot be read.
pub fn has_entries() -> Result<bool> {
    let own = incarnation::own();
    if HAS_ENTRIES.get() == Some(own) {
        return Ok(true);
    }
    let found = spi::as_owner_latest(|| {
        let query = "SELECT EXISTS (SELECT FROM warden.audit_incarnation i WHERE i.system_identifier = $1 AND i.database = $2 \
             AND EXISTS (SELECT FROM warden.audit_entry e WHERE e.incarnation = i.incarnation))";
        let [system, _, database] = parameters(own);
        spi::read(query, &[system, database], |row| row.need::<bool>(1))
    })?;
    let has_any = found.first() == Some(&true);
    // What this transaction has written itself may be gone again.
    if has_any && !IS_NEW.get() {
        HAS_ENTRIES.set(Some(own));
    }
    Ok(has_any)
}

fn known(own: Incarnation) -> Option<u32> {
    KNOWN.get().filter(|(known, _)| *known == own).map(|(_, number)| number)
}

fn find(own: Incarnation) -> Result<Option<u32>> {
    let found = spi::as_owner_latest(|| {
        spi::read(
            "SELECT incarnation FROM warden.audit_incarnation \
             WHERE system_identifier = $1 AND timeline = $2 AND database = $3",
            &parameters(own),
            |row| row.need::<i32>(1),
        )
    })?;
    Ok(found.first().map(|number| number.cast_unsigned()))
}

fn enter(own: Incarnation) -> Result<()> {
    spi::as_owner_latest(|| {
        spi::execute(
            "INSERT INTO warden.audit_incarnation (incarnation, system_identifier, timeline, database) \
             SELECT coalesce(max(incarnation), 0) + 1, $1, $2, $3 FROM warden.audit_incarnation ON CONFLICT DO NOTHING",
            &parameters(own),
        )
    })?;
    crate::pg::xact::next_command();
    Ok(())
}

fn parameters<'a>(own: Incarnation) -> [DatumWithOid<'a>; 3] {
    [own.system.cast_signed().into(), i64::from(own.timeline).into(), i64::from(own.database).into()]
}
