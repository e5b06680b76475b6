//! Functions: whose they are, and what they are called.

use std::ffi::CStr;

use pgrx::pg_sys;
use warden_core::error::Result;

use super::{role, tuple};

/// Whose approval a function has: of whoever could change it.
pub fn owner(function: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a syscache look-up inside a transaction; the tuple is released before the function ends.
    unsafe {
        let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as i32, function.into());
        if row.is_null() {
            return None;
        }
        let owner = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>()).proowner;
        pg_sys::ReleaseSysCache(row);
        Some(owner)
    }
}

/// The owner of the extension that a function belongs to: an extension of a user's own approves nothing by itself.
pub fn extension_owner(function: pg_sys::Oid) -> Result<Option<pg_sys::Oid>> {
    // SAFETY: a catalog look-up inside a transaction.
    let extension = unsafe { pg_sys::getExtensionOfObject(pg_sys::ProcedureRelationId, function) };
    if extension == pg_sys::Oid::INVALID {
        return Ok(None);
    }
    tuple::row(tuple::EXTENSIONS, &[extension.to_u32()], tuple::Sees::Now, |row| row.oid(c"extowner"))
}

/// `schema.name(types)`.
pub fn signature(function: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up inside a transaction; the answer is a palloc'd C string.
    unsafe { CStr::from_ptr(pg_sys::format_procedure_qualified(function)) }.to_string_lossy().into_owned()
}

/// Whether what a user owns is approved: superusers and members of the roles approve.
pub fn approves(user: pg_sys::Oid, roles: &[role::Role]) -> bool {
    role::is_superuser(user) || roles.iter().any(|approving| role::has(user, *approving))
}

/// Whether the function's owner, or its extension's, approves it.
pub fn is_approved(function: pg_sys::Oid, roles: &[role::Role]) -> Result<bool> {
    if owner(function).is_some_and(|owner| approves(owner, roles)) {
        return Ok(true);
    }
    Ok(extension_owner(function)?.is_some_and(|owner| approves(owner, roles)))
}
