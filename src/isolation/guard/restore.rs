//! A dump writes the registry before the policies and triggers that stand in it: what is missing may come back, as it
//! was, by none but a superuser.

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard::{self, BIND_TRIGGER, Taken};
use warden_core::isolation::{self as core, TRUNCATE_TRIGGER};

use crate::isolation::registry::Protected;
use crate::isolation::{facts, registry};
use crate::pg::policy;
use crate::pg::tuple::{self, Sees};
use crate::pg::utility;
use crate::pg::{catalog, function, role, spi};

/// BEFORE TRUNCATE FOR EACH STATEMENT, as pg_trigger.tgtype has it.
const BEFORE_TRUNCATE: i16 = 2 | 32;
/// BEFORE INSERT OR UPDATE FOR EACH ROW.
const BEFORE_ROW: i16 = 1 | 2 | 4 | 16;

/// Whether a policy that has just been made is one that its table's protection misses.
///
/// # Errors
/// 42501 for one that only has its name.
pub fn policy(object: pg_sys::Oid) -> Result<bool> {
    let found = tuple::row(tuple::POLICY, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"polrelid")?, row.name(c"polname")?))
    })?;
    let Some((relation, name)) = found.filter(|_| restores()) else { return Ok(false) };
    let Some(protected) = registry::lookup(relation)? else { return Ok(false) };
    if !protected.added.policies.contains(&name) {
        return Ok(false);
    }
    let statement = spi::as_owner(|| statement(&protected, &name))?;
    let is_as_it_was = match statement {
        Some(statement) => spi::as_owner(|| policy::is_made_by(object, &statement))?,
        None => false,
    };
    if is_as_it_was {
        return Ok(true);
    }
    Err(guard::refuse_restored(&catalog::relation_name(relation), Taken::Policy(&name)))
}

/// The statement by which protect would make the policy.
fn statement(protected: &Protected, name: &str) -> Result<Option<String>> {
    let table = facts::table(protected.relation)?;
    let template = &protected.template;
    let tenant = protected.tenant.as_ref().map(|(column, kind)| (column.as_str(), *kind));
    let user = match &template.user_column {
        Some(column) => Some((column.as_str(), table.column(column)?.user_type()?)),
        None => None,
    };
    let policies = core::policies(template, &table.name, tenant, user);
    Ok(policies.into_iter().find(|policy| policy.name == name).map(|policy| policy.sql))
}

/// As [`policy`], for the trigger against TRUNCATE and the one that binds encrypted values, which a partition has from
/// the table above it, whoever attaches it.
pub fn trigger(object: pg_sys::Oid) -> Result<bool> {
    let found = tuple::row(tuple::TRIGGER, &[object.to_u32()], Sees::Now, |row| {
        let is_plain = row.tree(c"tgqual")?.is_none() && row.short(c"tgnargs")? == 0;
        let is_inherited = row.oid(c"tgparentid")? != pg_sys::Oid::INVALID;
        let trigger = (row.name(c"tgname")?, row.oid(c"tgfoid")?, row.short(c"tgtype")?);
        Ok((row.oid(c"tgrelid")?, trigger, is_plain, is_inherited))
    })?;
    let Some((relation, (name, calls, kind), is_plain, is_inherited)) = found else { return Ok(false) };
    if name == BIND_TRIGGER && (is_inherited || restores()) {
        let is_ours = is_plain && kind == BEFORE_ROW && function::signature(calls) == "warden.bind_row()";
        return if is_ours {
            Ok(true)
        } else {
            Err(guard::refuse_restored(&catalog::relation_name(relation), Taken::Trigger(&name)))
        };
    }
    let Some(protected) = registry::lookup(relation)?.filter(|_| restores()) else { return Ok(false) };
    if name != TRUNCATE_TRIGGER || !protected.added.trigger {
        return Ok(false);
    }
    if is_plain && kind == BEFORE_TRUNCATE && function::signature(calls) == "warden.refuse_truncate()" {
        return Ok(true);
    }
    Err(guard::refuse_restored(&catalog::relation_name(relation), Taken::Trigger(&name)))
}

fn restores() -> bool {
    role::is_superuser(utility::caller())
}
