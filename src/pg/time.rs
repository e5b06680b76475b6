//! The clock.

use pgrx::pg_sys;

/// Microseconds between the Unix epoch and PostgreSQL's (2000-01-01).
const EPOCH: i64 = 946_684_800 * 1_000_000;

/// Now, in PostgreSQL's microseconds.
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// Now, in whole seconds since the Unix epoch.
pub fn unix_seconds() -> i64 {
    (now() + EPOCH).div_euclid(1_000_000)
}

pub fn from_unix_micros(micros: i64) -> i64 {
    micros.saturating_sub(EPOCH)
}
