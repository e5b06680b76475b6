//! The clock.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use warden_core::error::Result;

use super::error::internal;

/// Microseconds between the Unix epoch and PostgreSQL's (2000-01-01).
const EPOCH: i64 = 946_684_800 * 1_000_000;

/// Now, in PostgreSQL's microseconds.
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// Now, in PostgreSQL's microseconds, a few milliseconds late at most and several times cheaper than [`now`].
#[inline]
pub fn coarse_now() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes into a local struct.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut time) };
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000 - EPOCH
}

/// Now, in whole seconds since the Unix epoch.
pub fn unix_seconds() -> i64 {
    (now() + EPOCH).div_euclid(1_000_000)
}

pub fn to_unix_micros(micros: i64) -> i64 {
    micros.saturating_add(EPOCH)
}

/// As SQL's timestamptz.
pub fn timestamp(micros: i64) -> Result<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(micros).map_err(|_| internal("a time out of range"))
}

pub fn from_unix_micros(micros: i64) -> i64 {
    micros.saturating_sub(EPOCH)
}
