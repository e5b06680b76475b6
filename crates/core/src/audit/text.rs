//! Dates and times as PostgreSQL prints them in ISO style and UTC.

use super::time::civil;

/// What follows the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    None,
    Utc,
}

/// Days between the Unix epoch and PostgreSQL's (2000-01-01).
const EPOCH: i64 = 10_957;
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A date, in days since PostgreSQL's epoch. `None` for another year than of four digits, and for the infinities, which
/// lie there too.
pub fn date(days: i64) -> Option<[u8; 10]> {
    let (year, month, day) = civil(days + EPOCH);
    if !(1..=9999).contains(&year) {
        return None;
    }
    let mut text = *b"0000-00-00";
    put_two(&mut text[..2], year / 100);
    put_two(&mut text[2..4], year % 100);
    put_two(&mut text[5..7], month);
    put_two(&mut text[8..], day);
    Some(text)
}

/// A timestamp, in microseconds since PostgreSQL's epoch, with as many digits of a second as it has: the text, and how
/// many bytes of it count. `None` as for a date.
pub fn timestamp(micros: i64, zone: Zone) -> Option<([u8; 29], usize)> {
    let (seconds, mut fraction) = (micros.rem_euclid(DAY) / SECOND, micros.rem_euclid(SECOND));
    let mut text = *b"0000-00-00 00:00:00.000000+00";
    text[..10].copy_from_slice(&date(micros.div_euclid(DAY))?);
    put_two(&mut text[11..13], seconds / 3600);
    put_two(&mut text[14..16], seconds / 60 % 60);
    put_two(&mut text[17..19], seconds % 60);
    let mut end = if fraction == 0 { 19 } else { 26 };
    for digit in text[20..26].iter_mut().rev() {
        *digit = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    while end > 19 && text[end - 1] == b'0' {
        end -= 1;
    }
    if zone == Zone::Utc {
        text[end..end + 3].copy_from_slice(b"+00");
        end += 3;
    }
    Some((text, end))
}

fn put_two(out: &mut [u8], number: i64) {
    out[0] = b'0' + (number / 10) as u8;
    out[1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_postgresql_prints_them() {
        for (days, text) in [
            (0, Some("2000-01-01")),
            (-1, Some("1999-12-31")),
            (59, Some("2000-02-29")),
            (8_784, Some("2024-01-19")),
            (-730_119, Some("0001-01-01")),
            (-730_120, None),
            (2_921_939, Some("9999-12-31")),
            (2_921_940, None),
            (i32::MAX.into(), None),
            (i32::MIN.into(), None),
        ] {
            assert_eq!(date(days).as_ref().map(|text| &text[..]), text.map(str::as_bytes), "{days}");
        }
    }

    #[test]
    fn times_as_postgresql_prints_them() {
        for (micros, text) in [
            (0, Some("2000-01-01 00:00:00")),
            (-1, Some("1999-12-31 23:59:59.999999")),
            (100_000, Some("2000-01-01 00:00:00.1")),
            (10 * SECOND, Some("2000-01-01 00:00:10")),
            (100, Some("2000-01-01 00:00:00.0001")),
            (DAY - 500_000, Some("2000-01-01 23:59:59.5")),
            (-730_119 * DAY, Some("0001-01-01 00:00:00")),
            (-730_119 * DAY - 1, None),
            (2_921_940 * DAY - 1, Some("9999-12-31 23:59:59.999999")),
            (2_921_940 * DAY, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            for (zone, ending) in [(Zone::None, ""), (Zone::Utc, "+00")] {
                let printed = timestamp(micros, zone).map(|(text, length)| text[..length].to_vec());
                assert_eq!(printed, text.map(|text| format!("{text}{ending}").into_bytes()), "{micros}");
            }
        }
    }
}
