//! DDL that would evaluate expressions over the rows of protected tables, or hand rows to functions.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard::{self, Reader};

use super::{APPROVING, is_trusted, standing};
use crate::isolation::registry;
use crate::pg::catalog;
use crate::pg::function;
use crate::pg::leak;
use crate::pg::spi;
use crate::pg::tuple::{self, CatalogRow, Sees};
use crate::pg::utility;

/// Whether the DDL at hand over a relation is held to the leak rule.
fn is_held(relation: pg_sys::Oid) -> Result<bool> {
    Ok(registry::lookup(relation)?.is_some() && !is_trusted(utility::caller(), relation))
}

fn refuse<T>(relation: pg_sys::Oid, reader: Reader, name: &str) -> Result<T> {
    Err(guard::refuse_reading(&catalog::relation_name(relation), reader, name))
}

fn leaks(trees: &[Option<CString>]) -> bool {
    trees.iter().flatten().any(|tree| leak::leaks(tree))
}

/// A new relation that may be an index: its rows are read after this moment.
pub fn index(relation: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::INDEX, &[relation.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"indrelid")?, [row.tree(c"indexprs")?, row.tree(c"indpred")?]))
    })?;
    let Some((table, trees)) = found else { return Ok(()) };
    // REINDEX evaluates what stood before, and what stood was judged then.
    if utility::is_rebuilding() || !is_held(table)? || !leaks(&trees) {
        return Ok(());
    }
    let name = tuple::row(tuple::CLASS, &[relation.to_u32()], Sees::Now, |row| row.name(c"relname"))?;
    refuse(table, Reader::Index, &name.unwrap_or_default())
}

struct Constraint {
    kind: char,
    name: String,
    table: pg_sys::Oid,
    domain: pg_sys::Oid,
    expression: Option<CString>,
    operators: Vec<pg_sys::Oid>,
}

fn read_constraint(row: &CatalogRow) -> Result<Constraint> {
    Ok(Constraint {
        kind: row.char(c"contype")?,
        name: row.name(c"conname")?,
        table: row.oid(c"conrelid")?,
        domain: row.oid(c"contypid")?,
        expression: row.tree(c"conbin")?,
        operators: row.oids(c"conexclop")?,
    })
}

/// A new constraint, or one that has been validated: the scan comes after this moment.
pub fn constraint(oid: pg_sys::Oid) -> Result<()> {
    let Some(found) = tuple::row(tuple::CONSTRAINT, &[oid.to_u32()], Sees::Now, read_constraint)? else {
        return Ok(());
    };
    if found.domain != pg_sys::Oid::INVALID {
        return domain_constraint(found.domain, &found);
    }
    match found.kind {
        'c' if is_held(found.table)? && leaks(std::slice::from_ref(&found.expression)) => {
            refuse(found.table, Reader::Check, &found.name)
        }
        'x' if is_held(found.table)? && leak::operators_leak(&found.operators) => {
            refuse(found.table, Reader::Exclusion, &found.name)
        }
        _ => Ok(()),
    }
}

fn domain_constraint(domain: pg_sys::Oid, constraint: &Constraint) -> Result<()> {
    let Some(expression) = &constraint.expression else { return Ok(()) };
    if !leak::domain_check_leaks(expression) {
        return Ok(());
    }
    for relation in users_of(domain)? {
        if is_held(relation)? {
            return refuse(relation, Reader::DomainCheck, &constraint.name);
        }
    }
    Ok(())
}

/// Before ALTER DOMAIN: VALIDATE CONSTRAINT reads the rows before it calls any hook.
pub fn domain(domain: pg_sys::Oid) -> Result<()> {
    let constraints = tuple::rows(tuple::DOMAIN_CONSTRAINT, &[domain.to_u32()], Sees::Before, |row| {
        Ok((row.bool(c"convalidated")?, read_constraint(row)?))
    })?;
    for (_, constraint) in constraints.iter().filter(|(validated, _)| !validated) {
        domain_constraint(domain, constraint)?;
    }
    Ok(())
}

/// A new column whose type is a domain: the domain's checks hear every value that is written.
pub fn column_domain(relation: pg_sys::Oid, column: i32) -> Result<()> {
    if !is_held(relation)? {
        return Ok(());
    }
    let key = [relation.to_u32(), column.cast_unsigned()];
    let Some(kind) = tuple::row(tuple::ATTRIBUTE, &key, Sees::Now, |row| row.oid(c"atttypid"))? else {
        return Ok(());
    };
    for domain in standing::domains_of_type(kind)? {
        for constraint in tuple::rows(tuple::DOMAIN_CONSTRAINT, &[domain.to_u32()], Sees::Now, read_constraint)? {
            if let Some(expression) = &constraint.expression
                && leak::domain_check_leaks(expression)
            {
                return refuse(relation, Reader::DomainCheck, &constraint.name);
            }
        }
    }
    Ok(())
}

/// The tables that hold values of a domain, by whatever detour of types.
fn users_of(domain: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    spi::as_owner(|| {
        spi::read(
            "WITH RECURSIVE uses(t) AS ( \
               SELECT $1 UNION SELECT n.oid FROM uses u, LATERAL ( \
                 SELECT y.oid FROM pg_type y WHERE y.typbasetype = u.t OR y.typelem = u.t \
                 UNION ALL SELECT c.reltype FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                   WHERE a.atttypid = u.t AND NOT a.attisdropped AND c.reltype <> 0 \
                 UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngsubtype = u.t) n(oid)) \
             SELECT DISTINCT c.oid FROM uses u JOIN pg_attribute a ON a.atttypid = u.t AND NOT a.attisdropped \
               JOIN pg_class c ON c.oid = a.attrelid WHERE c.relkind IN ('r', 'p')",
            &[domain.into()],
            |row| row.need(1),
        )
    })
}

/// A new default: of a generated column it is evaluated over the rows.
pub fn generated(relation: pg_sys::Oid, column: i32) -> Result<()> {
    if !is_held(relation)? {
        return Ok(());
    }
    let key = [relation.to_u32(), column.cast_unsigned()];
    let tree = tuple::row(tuple::ATTRDEF, &key, Sees::Now, |row| row.tree(c"adbin"))?;
    if !leaks(&[tree.flatten()]) {
        return Ok(());
    }
    let name = tuple::row(tuple::ATTRIBUTE, &key, Sees::Now, |row| row.name(c"attname"))?;
    refuse(relation, Reader::Generated, &name.unwrap_or_default())
}

pub fn statistics(object: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::STATISTICS, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"stxrelid")?, row.name(c"stxname")?, [row.tree(c"stxexprs")?]))
    })?;
    match found {
        Some((relation, name, trees)) if is_held(relation)? && leaks(&trees) => {
            refuse(relation, Reader::Statistics, &name)
        }
        _ => Ok(()),
    }
}

/// A restrictive policy with a cheap function runs before ours and hears every tenant's rows.
pub fn policy(object: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::POLICY, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"polrelid")?, row.name(c"polname")?, [row.tree(c"polqual")?, row.tree(c"polwithcheck")?]))
    })?;
    match found {
        Some((relation, name, trees)) if is_held(relation)? && leaks(&trees) => refuse(relation, Reader::Policy, &name),
        _ => Ok(()),
    }
}

/// A trigger's function is approved by its owner, whoever makes the trigger: or its body could change later.
pub fn trigger(object: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::TRIGGER, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"tgrelid")?, row.name(c"tgname")?, row.oid(c"tgfoid")?))
    })?;
    let Some((relation, name, function)) = found else { return Ok(()) };
    if registry::lookup(relation)?.is_none() {
        return Ok(());
    }
    approved(relation, &format!("trigger \"{name}\""), function)
}

pub fn rule(object: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::RULE, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"ev_class")?, row.name(c"rulename")?, row.tree(c"ev_qual")?, row.tree(c"ev_action")?))
    })?;
    let Some((relation, name, qualification, action)) = found else { return Ok(()) };
    if registry::lookup(relation)?.is_none() {
        return Ok(());
    }
    let trusted = is_trusted(utility::caller(), relation);
    rule_content(relation, &name, qualification.as_deref(), action.as_deref(), trusted)
}

pub fn rule_content(
    relation: pg_sys::Oid,
    name: &str,
    qualification: Option<&CStr>,
    action: Option<&CStr>,
    trusted: bool,
) -> Result<()> {
    let content = leak::rule_content(qualification, action);
    for function in content.functions {
        if !leak::is_leakproof(function) {
            approved(relation, &format!("rule \"{name}\""), function)?;
        }
    }
    if trusted {
        return Ok(());
    }
    for target in content.writes {
        if registry::lookup(target)?.is_none() {
            let target = catalog::relation_name(target);
            return Err(guard::refuse_rule(&catalog::relation_name(relation), name, &target));
        }
    }
    Ok(())
}

/// # Errors
/// 42501 when somebody could change the function who may not see the rows.
pub fn approved(relation: pg_sys::Oid, holder: &str, function: pg_sys::Oid) -> Result<()> {
    if function::is_approved(function, &APPROVING)? {
        return Ok(());
    }
    let owner = function::owner(function).map(crate::pg::role::name).unwrap_or_default();
    let relation = catalog::relation_name(relation);
    Err(guard::refuse_function(&relation, holder, &function::signature(function), &owner))
}

/// A function that got another owner, while a protected table calls it: the approval does not go with it.
pub fn function_altered(function: pg_sys::Oid) -> Result<()> {
    let new = tuple::row(tuple::FUNCTION, &[function.to_u32()], Sees::Now, |row| row.oid(c"proowner"))?;
    let Some(new) = new.filter(|new| function::owner(function).is_some_and(|old| old != *new)) else {
        return Ok(());
    };
    if function::approves(new, &APPROVING) {
        return Ok(());
    }
    let callers: Vec<(pg_sys::Oid, String)> = spi::as_owner(|| {
        spi::read(
            "SELECT tgrelid, format('trigger \"%s\"', tgname) FROM pg_trigger WHERE tgfoid = $1 AND NOT tgisinternal \
             UNION SELECT r.ev_class, format('rule \"%s\"', r.rulename) FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid \
               WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = $1 \
             ORDER BY 1, 2",
            &[function.into()],
            |row| Ok((row.need(1)?, row.need(2)?)),
        )
    })?;
    for (relation, holder) in callers {
        if registry::lookup(relation)?.is_some() {
            let relation = catalog::relation_name(relation);
            let owner = crate::pg::role::name(new);
            return Err(guard::refuse_function(&relation, &holder, &function::signature(function), &owner));
        }
    }
    Ok(())
}

/// ALTER TYPE … ATTRIBUTE rewrites the tables of the type.
pub fn typed_tables(of: pg_sys::Oid) -> Result<()> {
    let tables: Vec<pg_sys::Oid> =
        spi::as_owner(|| spi::read("SELECT oid FROM pg_class WHERE reloftype = $1", &[of.into()], |row| row.need(1)))?;
    for table in tables {
        if is_held(table)? {
            return refuse(table, Reader::TypeChange, "of its type");
        }
    }
    Ok(())
}

pub fn parents(relation: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    tuple::rows(tuple::INHERITS, &[relation.to_u32()], Sees::Now, |row| row.oid(c"inhparent"))
}

pub fn has_parent(relation: pg_sys::Oid, parent: pg_sys::Oid) -> Result<bool> {
    Ok(parents(relation)?.contains(&parent))
}

/// The relation and all below it.
pub fn descendants(relation: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    spi::as_owner(|| {
        spi::rows(
            "WITH RECURSIVE family(oid) AS (SELECT $1 UNION \
               SELECT i.inhrelid FROM pg_inherits i JOIN family f ON i.inhparent = f.oid) SELECT oid FROM family",
            &[relation.into()],
            |row| row.need(1),
        )
    })
}
