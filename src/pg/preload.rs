//! Loading: through shared_preload_libraries or not at all.

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};

/// # Errors
/// 55000 when the library is loaded later than by shared_preload_libraries: without its hooks nothing is kept.
pub fn require() -> Result<()> {
    // SAFETY: reads this process's state.
    if unsafe { pg_sys::process_shared_preload_libraries_in_progress } {
        return Ok(());
    }
    Err(WardenError::new(SqlState::NotInPrerequisiteState, "pg_warden must be loaded via shared_preload_libraries")
        .hint("Add pg_warden to shared_preload_libraries in postgresql.conf and restart the server."))
}

/// An error's DETAIL is for facts: Rust's backtrace stays out of it, whatever the environment asks for.
pub fn silence_backtraces() {
    // SAFETY: runs in the postmaster before it has a second thread.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
}
