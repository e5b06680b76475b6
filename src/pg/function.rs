//! Functions: whose they are, and what they are called.

use std::ffi::CStr;

use pgrx::pg_sys;
use warden_core::error::Result;

use super::{calls, role, tuple};

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

/// Whether a function, though approved by its owner, runs what its arguments say or says what they are: SQL from a
/// text, another server, a notification, what lasts longer than the transaction's rollback.
pub fn speaks(function: pg_sys::Oid) -> Result<bool> {
    let found = tuple::row(tuple::FUNCTION, &[function.to_u32()], tuple::Sees::Now, |row| {
        Ok((row.name(c"proname")?, row.tree(c"prosrc")?))
    })?;
    let Some((name, source)) = found else { return Ok(false) };
    if source.is_some_and(|source| source.as_c_str() == c"triggered_change_notification") {
        return Ok(true);
    }
    if calls::is_builtin(function) {
        return Ok(SPEAKING.contains(&name.as_str()) || name.contains("_to_xml") || name.starts_with("lo_"));
    }
    // SAFETY: catalog look-ups inside a transaction; the name is a palloc'd C string or null.
    let extension = unsafe {
        let oid = pg_sys::getExtensionOfObject(pg_sys::ProcedureRelationId, function);
        let name = pg_sys::get_extension_name(oid);
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    };
    Ok(SPEAKING_EXTENSIONS.contains(&extension.as_str()))
}

/// Whether a function of PostgreSQL's own makes a value of a type that its arguments name by number: what the type's
/// domains check runs, and no stored tree mentions the type.
pub fn makes_any_type(function: pg_sys::Oid) -> Result<bool> {
    if !calls::is_builtin(function) {
        return Ok(false);
    }
    let (mut types, mut count) = (std::ptr::null_mut(), 0);
    // SAFETY: a catalog look-up inside a transaction; the types are a palloc'd array of `count`.
    let is_raw = unsafe {
        let result = pg_sys::get_func_signature(function, &mut types, &mut count);
        let arguments = (0..usize::try_from(count).unwrap_or_default()).map(|at| *types.add(at));
        arguments.chain([result]).any(|kind| kind == pg_sys::CSTRINGOID || kind == pg_sys::INTERNALOID)
    };
    let name = tuple::row(tuple::FUNCTION, &[function.to_u32()], tuple::Sees::Now, |row| row.name(c"proname"))?;
    Ok(is_raw || name.is_some_and(|name| MAKING_ANY_TYPE.contains(&name.as_str())))
}

const MAKING_ANY_TYPE: [&str; 3] = ["satisfies_hash_partition", "pg_input_is_valid", "pg_input_error_info"];
const SPEAKING: [&str; 8] =
    ["pg_notify", "pg_logical_emit_message", "ts_stat", "ts_rewrite", "setval", "set_config", "lowrite", "loread"];
const SPEAKING_EXTENSIONS: [&str; 5] = ["dblink", "tablefunc", "xml2", "refint", "tcn"];
