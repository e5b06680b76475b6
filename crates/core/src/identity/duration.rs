//! Spans of time in an issuer's options, in the part of PostgreSQL's interval syntax that has one length everywhere.

/// Whole seconds of a text like `15 minutes`, `1 hour 30 min` or `00:02:30`; months and years have no fixed length
/// and are none, like anything else.
pub fn seconds(text: &str) -> Option<i64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [] => None,
        [clock] if clock.contains(':') => from_clock(clock),
        words if words.len() % 2 == 0 => words.chunks(2).try_fold(0i64, |total, pair| {
            let amount: i64 = pair[0].parse().ok()?;
            total.checked_add(amount.checked_mul(unit(pair[1])?)?)
        }),
        _ => None,
    }
}

fn unit(word: &str) -> Option<i64> {
    match word.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3600),
        "d" | "day" | "days" => Some(86_400),
        "w" | "week" | "weeks" => Some(604_800),
        _ => None,
    }
}

fn from_clock(text: &str) -> Option<i64> {
    let parts: Vec<i64> = text
        .split(':')
        .map(|part| (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten())
        .collect::<Option<_>>()?;
    match parts.as_slice() {
        [hours, minutes] if *minutes < 60 => hours.checked_mul(3600)?.checked_add(minutes * 60),
        [hours, minutes, seconds] if *minutes < 60 && *seconds < 60 => {
            hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn spans_of_fixed_length() {
        for (text, want) in [
            ("15 minutes", Some(900)),
            ("0 seconds", Some(0)),
            ("1 hour 30 min", Some(5400)),
            ("2 HOURS", Some(7200)),
            ("1 day", Some(86_400)),
            ("00:02:30", Some(150)),
            ("01:00", Some(3600)),
            ("-5 seconds", Some(-5)),
            ("", None),
            ("15", None),
            ("minutes", None),
            ("1 month", None),
            ("1 fortnight", None),
            ("00:99:00", None),
            ("1:-2:00", None),
            ("9223372036854775807 hours", None),
            ("99999999999999999999 s", None),
        ] {
            assert_eq!(seconds(text), want, "{text:?}");
        }
    }
}
