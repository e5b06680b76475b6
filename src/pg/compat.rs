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

/// The relations that a plan selects from, each with the user whose rights that takes: a view's owner, else invalid.
///
/// # Safety
/// `planned` is null or a valid planned statement.
pub unsafe fn reads(planned: *mut pgrx::pg_sys::PlannedStmt) -> Vec<(pgrx::pg_sys::Oid, pgrx::pg_sys::Oid)> {
    use pgrx::{PgList, pg_sys};
    // SAFETY: by the caller's promise; the list holds what its name says.
    unsafe {
        if planned.is_null() {
            return Vec::new();
        }
        let reads = |perms: pg_sys::AclMode| perms & pg_sys::ACL_SELECT as pg_sys::AclMode != 0;
        #[cfg(feature = "pg15")]
        let found = PgList::<pg_sys::RangeTblEntry>::from_pg((*planned).rtable)
            .iter_ptr()
            .filter(|entry| reads((**entry).requiredPerms))
            .map(|entry| ((*entry).relid, (*entry).checkAsUser))
            .collect();
        #[cfg(not(feature = "pg15"))]
        let found = PgList::<pg_sys::RTEPermissionInfo>::from_pg((*planned).permInfos)
            .iter_ptr()
            .filter(|entry| reads((**entry).requiredPerms))
            .map(|entry| ((*entry).relid, (*entry).checkAsUser))
            .collect();
        found
    }
}

/// The settings machinery's own record of a setting.
pub fn guc_record(name: &std::ffi::CStr) -> Option<*mut pgrx::pg_sys::config_generic> {
    #[cfg(feature = "pg15")]
    // SAFETY: the array has as many entries as PostgreSQL says, sorted by name without regard to case; names are C
    // strings.
    unsafe {
        let count = usize::try_from(pgrx::pg_sys::GetNumConfigOptions()).ok()?;
        let all = std::slice::from_raw_parts(pgrx::pg_sys::get_guc_variables(), count);
        let order = |record: &*mut pgrx::pg_sys::config_generic| {
            let own = std::ffi::CStr::from_ptr((**record).name).to_bytes().iter().map(u8::to_ascii_lowercase);
            own.cmp(name.to_bytes().iter().map(u8::to_ascii_lowercase))
        };
        all.binary_search_by(order).ok().map(|at| all[at])
    }
    #[cfg(not(feature = "pg15"))]
    // SAFETY: a look-up by name that makes nothing and raises nothing; null where there is none.
    unsafe {
        let record = pgrx::pg_sys::find_option(name.as_ptr(), false, true, 0);
        (!record.is_null()).then_some(record)
    }
}

/// A transaction's number: a type of its own in the bindings.
pub fn transaction_id(number: u32) -> pgrx::pg_sys::TransactionId {
    pgrx::pg_sys::TransactionId::from_inner(number)
}

/// A column of a row's shape, counted from 0.
///
/// # Safety
/// A valid descriptor with more columns than that.
pub unsafe fn attribute(desc: pgrx::pg_sys::TupleDesc, at: usize) -> pgrx::pg_sys::Form_pg_attribute {
    #[cfg(feature = "pg18")]
    // SAFETY: by the caller's promise.
    unsafe {
        pgrx::pg_sys::TupleDescAttr(desc, at as i32)
    }
    #[cfg(not(feature = "pg18"))]
    // SAFETY: by the caller's promise.
    unsafe {
        (*desc).attrs.as_mut_ptr().add(at)
    }
}
