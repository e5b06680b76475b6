//! What stands on a table when it is protected is held to the rule that DDL is held to afterwards.

use pgrx::pg_sys;
use warden_core::error::Result;

/// # Errors
/// None yet.
pub fn refuse_standing(_relation: pg_sys::Oid) -> Result<()> {
    Ok(())
}
