//! What kinds of events there are: an application's own, and the extension's.

use crate::error::{Result, SqlState, WardenError};

/// Bytes of a kind.
const MOST: usize = 128;
const OWN: &str = "warden.";

/// # Errors
/// 22023 for a kind that no application may use.
pub fn check_kind(kind: &str) -> Result<()> {
    let bad = |detail: String| {
        Err(WardenError::new(SqlState::InvalidParameterValue, "invalid kind of an event")
            .detail(detail)
            .hint("Name it as exam.published: words, and dots between them."))
    };
    if kind.trim().is_empty() {
        return bad("It is blank.".to_owned());
    }
    if kind.len() > MOST {
        return bad(format!("It has {} bytes; {MOST} are allowed.", kind.len()));
    }
    // Among all of Unicode, some looks like what it is not.
    if !kind.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return bad("It holds something else than letters, digits and signs of ASCII.".to_owned());
    }
    if kind.trim_start().get(..OWN.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN)) {
        return bad(format!("Kinds that begin with \"{OWN}\" are pg_warden's own."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_names_its_own_kinds_and_none_of_the_extensions() {
        for good in ["exam.published", "exam begun", "warden", "my.warden.x", &"k".repeat(MOST)] {
            assert_eq!(check_kind(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "  ",
            "warden.",
            "warden.audit.audit",
            "Warden.x",
            " warden.x",
            "a\nb",
            "Prüfung",
            "\u{ff37}arden.x",
            "\u{200b}warden.x",
            &"k".repeat(MOST + 1),
        ] {
            assert_eq!(check_kind(bad).map_err(|error| error.state), Err(SqlState::InvalidParameterValue), "{bad}");
        }
    }
}
