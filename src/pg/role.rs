//! Who is calling.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};

use super::error::internal;

/// The roles that the extension makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Admin,
    Operator,
    Auditor,
    Broker,
    Migrator,
}

impl Role {
    const ALL: [Role; 5] = [Role::Admin, Role::Operator, Role::Auditor, Role::Broker, Role::Migrator];

    fn name(self) -> &'static CStr {
        match self {
            Role::Admin => c"warden_admin",
            Role::Operator => c"warden_operator",
            Role::Auditor => c"warden_auditor",
            Role::Broker => c"warden_broker",
            Role::Migrator => c"warden_migrator",
        }
    }
}

/// The current user: of a SECURITY DEFINER function its owner, never the session's user.
pub fn current() -> pg_sys::Oid {
    // SAFETY: reads this backend's identity.
    unsafe { pg_sys::GetUserId() }
}

/// The user that the session's own SET ROLE leaves: the one whose rights the session has outside definer functions.
pub fn session() -> pg_sys::Oid {
    // SAFETY: reads this backend's identity.
    unsafe { pg_sys::GetSessionUserId() }
}

/// Whether the current user has the rights of the role; superusers have them all.
pub fn is(role: Role) -> bool {
    has(current(), role)
}

/// As [`is`], for a user who is not the current one.
pub fn has(user: pg_sys::Oid, role: Role) -> bool {
    // SAFETY: catalog look-ups inside a transaction.
    unsafe {
        let oid = pg_sys::get_role_oid(role.name().as_ptr(), true);
        oid != pg_sys::Oid::INVALID && pg_sys::has_privs_of_role(user, oid)
    }
}

/// Whether a role is a member of one of the extension's roles, however indirectly: who gets it gets that one too.
pub fn leads_to_own(name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: catalog look-ups inside a transaction.
    unsafe {
        let member = pg_sys::get_role_oid(name.as_ptr(), true);
        member != pg_sys::Oid::INVALID
            && Role::ALL.into_iter().any(|role| {
                let own = pg_sys::get_role_oid(role.name().as_ptr(), true);
                own != pg_sys::Oid::INVALID && pg_sys::is_member_of_role_nosuper(member, own)
            })
    }
}

/// Whether a user has the rights of another role.
pub fn has_rights_of(user: pg_sys::Oid, other: pg_sys::Oid) -> bool {
    // SAFETY: catalog look-ups inside a transaction.
    unsafe { pg_sys::has_privs_of_role(user, other) }
}

pub fn is_superuser(user: pg_sys::Oid) -> bool {
    // SAFETY: catalog look-up inside a transaction.
    unsafe { pg_sys::superuser_arg(user) }
}

/// Whether row-level security does not bind the user.
pub fn is_exempt(user: pg_sys::Oid) -> bool {
    // SAFETY: catalog look-ups inside a transaction.
    unsafe { pg_sys::superuser_arg(user) || pg_sys::has_bypassrls_privilege(user) }
}

/// # Errors
/// 42501 unless the current user has the rights of one of the roles.
pub fn require(roles: &[Role]) -> Result<()> {
    if roles.iter().any(|role| is(*role)) {
        return Ok(());
    }
    let names: Vec<_> = roles.iter().map(|role| role.name().to_string_lossy()).collect();
    Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied")
        .detail(format!("This needs the rights of {}.", names.join(" or "))))
}

/// # Errors
/// 42501 inside a REINDEX, an ANALYZE or another maintenance command's expression: there, the user is not who asks.
pub fn refuse_restricted() -> Result<()> {
    // SAFETY: reads this backend's state.
    if unsafe { pg_sys::InSecurityRestrictedOperation() } {
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "permission denied within a security-restricted operation",
        ));
    }
    Ok(())
}

/// The owner of schema `warden`: who created the extension.
pub fn extension_owner() -> Result<pg_sys::Oid> {
    // SAFETY: a syscache look-up inside a transaction; the tuple is released before the function ends.
    unsafe {
        let namespace = pg_sys::get_namespace_oid(c"warden".as_ptr(), true);
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::NAMESPACEOID as i32, namespace.into());
        if tuple.is_null() {
            return Err(internal("schema warden is missing"));
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_namespace>();
        let owner = (*form).nspowner;
        pg_sys::ReleaseSysCache(tuple);
        Ok(owner)
    }
}

/// Whether the current user reads every table by membership of pg_read_all_data, and is not a superuser.
pub fn reads_all_data() -> bool {
    let user = current();
    // SAFETY: catalog look-ups inside a transaction.
    !is_superuser(user) && unsafe { pg_sys::has_privs_of_role(user, pg_sys::Oid::from_u32(READ_ALL_DATA)) }
}

/// `pg_read_all_data`.
const READ_ALL_DATA: u32 = 6181;

/// The name of a role.
pub fn name(role: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up; the answer is a palloc'd C string or null.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}
