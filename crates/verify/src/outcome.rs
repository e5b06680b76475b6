//! How a run ends: what is printed, and the exit status.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use warden_core::audit::Malformed;

/// What was found good.
pub struct Good {
    /// Whether a signature was checked, and not the structure alone.
    pub is_authentic: bool,
    pub text: String,
}

/// What was not.
pub enum Bad {
    /// What is to be checked does not hold.
    Rejected(String),
    /// It could not be checked.
    Usage(String),
}

pub type Outcome = Result<Good, Bad>;

impl Bad {
    pub fn rejected(reason: impl Display) -> Self {
        Self::Rejected(reason.to_string())
    }

    /// `what` begins the sentence that the reason ends.
    pub fn of(what: &str) -> impl Fn(Malformed) -> Self {
        move |reason| Self::Rejected(format!("{what}: {reason}"))
    }
}

pub fn tell(outcome: Outcome) -> ExitCode {
    let (status, said) = match outcome {
        Ok(good) => {
            let status = if good.is_authentic { 0 } else { 3 };
            (status, io::stdout().write_all(good.text.as_bytes()))
        }
        Err(Bad::Rejected(reason)) => (1, writeln!(io::stderr(), "rejected: {reason}")),
        Err(Bad::Usage(reason)) => (2, writeln!(io::stderr(), "error: {reason}")),
    };
    // Whoever does not listen has the status.
    drop(said);
    ExitCode::from(status)
}
