//! Schemas in which no table stands unprotected by accident.

use super::name::quote;
use super::options::shown;
use crate::error::{Result, SqlState, WardenError};

/// What becomes of a table that a transaction would leave unprotected, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    Warn,
    /// It is protected.
    Apply,
    /// The transaction fails.
    Enforce,
}

impl Mode {
    const ALL: [(Mode, &'static str); 3] = [(Mode::Warn, "warn"), (Mode::Apply, "apply"), (Mode::Enforce, "enforce")];

    /// # Errors
    /// 22023 for a word that is no mode.
    pub fn parse(word: &str) -> Result<Self> {
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(mode, _)| *mode).ok_or_else(|| {
            WardenError::new(SqlState::InvalidParameterValue, "unknown mode")
                .detail(format!("There is no mode \"{}\".", shown(word)))
                .hint("Modes are enforce, apply and warn.")
        })
    }

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("", |(_, name)| name)
    }
}

/// A schema's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRule {
    pub mode: Mode,
    pub template: String,
    pub tenant_column: String,
}

impl SchemaRule {
    /// Whether whoever may only add may put this rule in the other's place.
    pub fn tightens(&self, other: &Self) -> bool {
        self.mode >= other.mode && self.template == other.template && self.tenant_column == other.tenant_column
    }
}

/// A LIKE pattern.
///
/// # Errors
/// 22023 for one that is empty or ends within an escape.
pub fn check_pattern(pattern: &str) -> Result<()> {
    let wrong = |detail: &'static str| {
        Err(WardenError::new(SqlState::InvalidParameterValue, "invalid pattern")
            .detail(detail)
            .hint("Write a pattern of LIKE over tables' names, such as import\\_%."))
    };
    if pattern.is_empty() {
        return wrong("An empty pattern matches no name.");
    }
    let escapes = pattern.chars().rev().take_while(|letter| *letter == '\\').count();
    if escapes % 2 == 1 {
        return wrong("The pattern ends within an escape.");
    }
    Ok(())
}

/// As many as a message bears.
fn listed(tables: &[String]) -> String {
    const MOST: usize = 20;
    let mut list = tables.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if tables.len() > MOST {
        list.push_str(&format!(" and {} more", tables.len() - MOST));
    }
    list
}

/// 55000: the transaction would leave tables unprotected in a schema under enforce.
pub fn refuse_open(tables: &[String]) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "tables would be left unprotected")
        .detail(format!("Schemas under enforce hold: {}.", listed(tables)))
        .hint("Call warden.protect in the transaction that makes a table; a member of warden_admin can call warden.exempt.")
}

/// 55000: a schema cannot be under enforce while tables stand open in it.
pub fn refuse_standing_open(schema: &str, tables: &[String]) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, format!("schema {} holds unprotected tables", quote(schema)))
        .detail(format!("Unprotected: {}.", listed(tables)))
        .hint("Protect them with warden.protect, or let a member of warden_admin exempt them with warden.exempt.")
}

/// A warning: tables stand open in schemas under warn.
pub fn warn_open(tables: &[String]) -> WardenError {
    WardenError::new(SqlState::Warning, "tables are left unprotected")
        .detail(format!("Schemas under warn hold: {}.", listed(tables)))
        .hint("Call warden.protect, or warden.exempt with a reason.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_by_name_and_by_strength() {
        for (mode, name) in Mode::ALL {
            assert_eq!(Mode::parse(name).unwrap(), mode);
            assert_eq!(mode.name(), name);
        }
        for bad in ["", "Enforce", "off", " warn", "'; DROP TABLE x; --"] {
            assert_eq!(Mode::parse(bad).unwrap_err().state, SqlState::InvalidParameterValue, "{bad:?}");
        }
        assert!(Mode::Warn < Mode::Apply && Mode::Apply < Mode::Enforce);
    }

    #[test]
    fn only_the_mode_may_rise() {
        let rule = |mode, template: &str, column: &str| SchemaRule {
            mode,
            template: template.to_owned(),
            tenant_column: column.to_owned(),
        };
        let standing = rule(Mode::Apply, "tenant", "tenant_id");
        for (asked, tightens) in [
            (rule(Mode::Apply, "tenant", "tenant_id"), true),
            (rule(Mode::Enforce, "tenant", "tenant_id"), true),
            (rule(Mode::Warn, "tenant", "tenant_id"), false),
            (rule(Mode::Enforce, "reference", "tenant_id"), false),
            (rule(Mode::Enforce, "tenant", "org"), false),
        ] {
            assert_eq!(asked.tightens(&standing), tightens, "{asked:?}");
        }
    }

    #[test]
    fn patterns_that_like_takes() {
        for good in ["%", "import\\_%", "a\\\\", " ", "x"] {
            assert!(check_pattern(good).is_ok(), "{good:?}");
        }
        for bad in ["", "\\", "a\\\\\\"] {
            assert!(check_pattern(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let tables: Vec<_> = (0..25).map(|at| format!("app.t{at}")).collect();
        for error in [refuse_open(&tables), refuse_standing_open("app", &tables), warn_open(&tables)] {
            assert!(error.detail.as_ref().is_some_and(|detail| detail.ends_with("app.t19 and 5 more.")), "{error:?}");
            assert!(error.hint.as_ref().is_some_and(|hint| hint.ends_with('.')));
        }
    }
}
