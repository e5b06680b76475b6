//! Where the versions of PostgreSQL differ.

use std::ffi::c_void;

/// Memory for the `extra` of a setting: PostgreSQL frees it by itself.
pub fn guc_chunk(size: usize) -> Option<*mut c_void> {
    #[cfg(feature = "pg15")]
    // SAFETY: plain malloc, which is what PostgreSQL 15 frees an extra with; null is handled below.
    let chunk = unsafe { libc::malloc(size) };
    #[cfg(not(feature = "pg15"))]
    // SAFETY: below ERROR it returns null when memory is short.
    let chunk = unsafe { pgrx::pg_sys::guc_malloc(pgrx::pg_sys::LOG as i32, size) };
    (!chunk.is_null()).then_some(chunk)
}
