use std::fmt;

use crate::{Error, Result};

/// What PostgreSQL said when it refused a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

/// The statement must have failed with one of these SQLSTATEs.
pub fn refused<T, E: Into<Error>>(result: std::result::Result<T, E>, codes: &[&str]) -> Result<Refusal> {
    let error = match result {
        Ok(_) => return Err(Error::unexpected(format!("was not refused; expected {}", codes.join(" or ")))),
        Err(error) => error.into(),
    };
    let refusal =
        Refusal::of(&error).ok_or_else(|| Error::unexpected(format!("not a refusal of the server: {error}")))?;
    if codes.contains(&refusal.code.as_str()) {
        return Ok(refusal);
    }
    Err(Error::unexpected(format!("refused with {refusal}; expected {}", codes.join(" or "))))
}

impl Refusal {
    fn of(error: &Error) -> Option<Self> {
        let Error::Database(error) = error else { return None };
        let db = error.as_db_error()?;
        Some(Self {
            code: db.code().code().to_owned(),
            message: db.message().to_owned(),
            detail: db.detail().map(str::to_owned),
            hint: db.hint().map(str::to_owned),
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
