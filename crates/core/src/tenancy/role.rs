//! The four tiers and the labels that a platform gives them.

use crate::error::{Result, SqlState, WardenError};

/// A tier of the four: the lower the number, the more it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tier {
    Owner = 1,
    Admin = 2,
    Member = 3,
    Viewer = 4,
}

impl Tier {
    pub const ALL: [Tier; 4] = [Tier::Owner, Tier::Admin, Tier::Member, Tier::Viewer];

    pub fn from_number(number: i64) -> Option<Tier> {
        match number {
            1 => Some(Tier::Owner),
            2 => Some(Tier::Admin),
            3 => Some(Tier::Member),
            4 => Some(Tier::Viewer),
            _ => None,
        }
    }

    pub fn number(self) -> u8 {
        self as u8
    }

    /// A higher tier holds everything that a lower one does.
    pub fn holds(self, needed: Tier) -> bool {
        self <= needed
    }

    /// The lower of two: what is left when one narrows the other.
    #[must_use]
    pub fn lowered_to(self, other: Tier) -> Tier {
        self.max(other)
    }
}

/// The label of each tier, as the platform calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels([String; 4]);

impl Default for Labels {
    fn default() -> Self {
        Self(["owner", "admin", "member", "viewer"].map(str::to_owned))
    }
}

impl Labels {
    /// A label is 1 to 63 bytes, without control characters or white space at its ends.
    ///
    /// # Errors
    /// 22023 for a label that is empty, too long or not printable.
    pub fn check(label: &str) -> Result<()> {
        let fits = (1..=63).contains(&label.len()) && label.trim() == label && !label.chars().any(char::is_control);
        if fits {
            return Ok(());
        }
        Err(WardenError::new(SqlState::InvalidParameterValue, "invalid role label")
            .detail("A label has 1 to 63 bytes, no control characters and no white space at its ends."))
    }

    pub fn new(labels: [String; 4]) -> Self {
        Self(labels)
    }

    pub fn label(&self, tier: Tier) -> &str {
        &self.0[usize::from(tier.number() - 1)]
    }

    pub fn tier(&self, label: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| self.label(*tier) == label)
    }

    /// # Errors
    /// 22023 for a word that names no tier.
    pub fn require(&self, label: &str) -> Result<Tier> {
        self.tier(label).ok_or_else(|| {
            WardenError::new(SqlState::InvalidParameterValue, "unknown role")
                .hint(format!("The roles are: {}.", self.0.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_holds_itself_and_every_lower_one() {
        for held in Tier::ALL {
            for needed in Tier::ALL {
                assert_eq!(held.holds(needed), held.number() <= needed.number(), "{held:?} {needed:?}");
            }
        }
    }

    #[test]
    fn lowering_never_raises() {
        for a in Tier::ALL {
            for b in Tier::ALL {
                let low = a.lowered_to(b);
                assert!(a.holds(low) && b.holds(low));
            }
        }
    }

    #[test]
    fn numbers_outside_the_four_are_no_tier() {
        for n in [i64::MIN, -1, 0, 5, i64::MAX] {
            assert_eq!(Tier::from_number(n), None);
        }
        for tier in Tier::ALL {
            assert_eq!(Tier::from_number(i64::from(tier.number())), Some(tier));
        }
    }

    #[test]
    fn a_renamed_label_replaces_the_old_word() {
        let labels = Labels::new(["institution_admin", "instructor", "proctor", "student"].map(str::to_owned));
        assert_eq!(labels.tier("student"), Some(Tier::Viewer));
        for old in ["viewer", "owner", "", "Student", "student "] {
            assert_eq!(labels.require(old).map_err(|e| e.state), Err(SqlState::InvalidParameterValue), "{old:?}");
        }
    }

    #[test]
    fn labels_are_short_and_printable() {
        for good in ["x", "institution admin", "Prüfer", &"x".repeat(63)] {
            assert!(Labels::check(good).is_ok(), "{good:?}");
        }
        for bad in ["", " ", " x", "x ", "a\nb", "a\0b", &"x".repeat(64)] {
            assert!(Labels::check(bad).is_err(), "{bad:?}");
        }
    }
}
