//! The clock's time as an auditor reads it.

use std::fmt;

/// Microseconds since 1970-01-01 UTC. Its text form is RFC 3339 in UTC, always with six digits of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let rest = self.0.rem_euclid(DAY);
        let (second, micros) = (rest / SECOND, rest % SECOND);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// The year, month and day of the Gregorian calendar so many days after 1970-01-01. Years are counted from March, so that a leap day is the last of
/// its year.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_other_programs_print_them() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400 * SECOND, "2000-02-29T00:00:00.000000Z"),
            (951_868_799 * SECOND + 120, "2000-02-29T23:59:59.000120Z"),
            (1_709_251_199 * SECOND, "2024-02-29T23:59:59.000000Z"),
            (1_785_059_472_123_456, "2026-07-26T09:51:12.123456Z"),
            (4_107_542_400 * SECOND, "2100-03-01T00:00:00.000000Z"),
            (253_402_300_799 * SECOND + 999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp(micros).to_string(), text);
        }
        for extreme in [i64::MIN, i64::MAX] {
            assert!(Timestamp(extreme).to_string().ends_with('Z'));
        }
    }
}
