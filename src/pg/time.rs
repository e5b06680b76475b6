//! The clock.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use warden_core::error::Result;

use super::error::internal;

/// Microseconds between the Unix epoch and PostgreSQL's (2000-01-01).
const EPOCH: i64 = 946_684_800 * 1_000_000;

unsafe extern "C-unwind" {
    // Called as C calls it: it raises nothing.
    fn GetCurrentTimestamp() -> pg_sys::TimestampTz;
}

/// Now, in PostgreSQL's microseconds.
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { GetCurrentTimestamp() }
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

/// `None` for what PostgreSQL has no time of, or none in every time zone.
pub fn checked(micros: i64) -> Option<i64> {
    const DAY: i64 = 86_400 * 1_000_000;
    /// 4714-11-24 BC, and the year 294277.
    const ALL: std::ops::Range<i64> = -211_813_488_000_000_000 + 2 * DAY..9_223_371_331_200_000_000 - 2 * DAY;
    ALL.contains(&micros).then_some(micros)
}

/// As SQL's timestamptz.
pub fn timestamp(micros: i64) -> Result<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(micros).map_err(|_| internal("a time out of range"))
}

pub fn from_unix_micros(micros: i64) -> i64 {
    micros.saturating_sub(EPOCH)
}
