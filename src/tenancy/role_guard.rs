//! The roles of the extension belong to superusers alone. Roles are the cluster's: the guard works in every database,
//! also where the extension is not installed.

use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::guard::is_own_role;

use crate::pg::ddl;
use crate::pg::role;
use crate::pg::utility::Statement;

/// # Errors
/// 42501 when somebody else than a superuser changes a `warden_*` role or a member of one, or who belongs to it. Members
/// may change themselves.
pub fn statement_starts(statement: &Statement) -> Result<()> {
    let Some(command) = ddl::role_command(statement) else { return Ok(()) };
    let own = command.touched.iter().chain(&command.granted).find(|name| is_own_role(name));
    // A member's own members are members too, and whoever sets a member's password is that member.
    let own = own.or_else(|| command.granted.iter().find(|name| role::leads_to_own(name)));
    let own = own.or_else(|| command.touched.iter().find(|name| role::leads_to_own(name) && !is_current(name)));
    let Some(own) = own else { return Ok(()) };
    if role::is_superuser(role::current()) {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InsufficientPrivilege, format!("permission denied for role \"{own}\""))
        .detail("It is one of pg_warden's roles, warden_*, or a member of one: they hold the rights to see and set protections.")
        .hint("Only a superuser grants, revokes, makes, alters or drops them."))
}

fn is_current(name: &str) -> bool {
    role::name(role::current()) == name
}
