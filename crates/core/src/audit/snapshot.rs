//! Which transactions a block has seen: `pg_snapshot` in text.

use super::error::Malformed;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    xmin: u64,
    xmax: u64,
    /// Ascending.
    running: Vec<u64>,
}

impl Snapshot {
    /// `xmin:xmax:xip`.
    ///
    /// # Errors
    /// For anything but the form that PostgreSQL prints.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        read(text).ok_or_else(|| Malformed::new("it is no snapshot"))
    }

    /// Whether the transaction had ended, as `pg_visible_in_snapshot` has it.
    pub fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || xid < self.xmax && self.running.binary_search(&xid).is_err()
    }

    /// Whether the transaction was running, or prepared.
    pub fn runs(&self, xid: u64) -> bool {
        self.running.binary_search(&xid).is_ok()
    }

    /// Whether it sees every transaction that the other one does.
    pub fn covers(&self, earlier: &Self) -> bool {
        self.xmax >= earlier.xmax && self.running.iter().all(|xid| !earlier.sees(*xid))
    }

    /// Transactions before this one had all ended.
    pub fn xmin(&self) -> u64 {
        self.xmin
    }
}

fn read(text: &str) -> Option<Snapshot> {
    let mut parts = text.split(':');
    let (xmin, xmax, xip) = (number(parts.next()?)?, number(parts.next()?)?, parts.next()?);
    let running: Vec<u64> =
        if xip.is_empty() { Vec::new() } else { xip.split(',').map(number).collect::<Option<_>>()? };
    let is_ascending = running.windows(2).all(|pair| pair[0] < pair[1]);
    let fits = xmin <= xmax && is_ascending && running.iter().all(|xid| (xmin..xmax).contains(xid));
    (fits && parts.next().is_none()).then_some(Snapshot { xmin, xmax, running })
}

/// Decimal, without leading zeros.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_ended_is_seen() {
        let snapshot = Snapshot::parse("10:20:10,14").unwrap();
        let seen: Vec<u64> = (8..22).filter(|xid| snapshot.sees(*xid)).collect();
        assert_eq!(seen, [8, 9, 11, 12, 13, 15, 16, 17, 18, 19]);
        assert_eq!(snapshot.xmin(), 10);
        let idle = Snapshot::parse("7000000745:7000000745:").unwrap();
        assert!(idle.sees(7_000_000_744) && !idle.sees(7_000_000_745));
    }

    #[test]
    fn a_later_snapshot_sees_no_less() {
        let parse = |text| Snapshot::parse(text).unwrap();
        for (later, earlier, covers) in [
            ("10:20:10,14", "10:20:10,14", true),
            ("14:21:14", "10:20:10,14", true),
            ("25:25:", "10:20:10,14", true),
            ("10:20:10,14", "25:25:", false),
            ("10:19:10,14", "10:20:10,14", false),
            ("11:20:11", "10:20:10,14", false),
        ] {
            assert_eq!(parse(later).covers(&parse(earlier)), covers, "{later} after {earlier}");
        }
    }

    #[test]
    fn what_postgresql_does_not_print_is_none() {
        for bad in [
            "", "1", "1:2", "1:2:3:4", "2:1:", "1:3:3", "1:3:0", "1:4:3,2", "1:4:2,2", "01:2:", "1:2:,", "a:b:",
            "-1:2:",
        ] {
            assert!(Snapshot::parse(bad).is_err(), "{bad}");
        }
    }
}
