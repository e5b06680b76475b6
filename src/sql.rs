//! Arguments of SQL functions: NULL is refused where it has no meaning.

use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::Reason;

/// # Errors
/// 22004 for NULL.
pub fn need<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| WardenError::new(SqlState::NullNotAllowed, format!("argument \"{name}\" must not be null")))
}

/// # Errors
/// 22004 for NULL, 22023 for a blank reason.
pub fn reason(argument: Option<&str>) -> Result<Reason> {
    Reason::parse(need(argument, "reason")?)
}
