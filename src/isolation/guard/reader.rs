//! DDL that would evaluate expressions over the rows of protected tables, or hand rows to functions.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard::{self, Reader};

use super::approval::{self, Holder};
use super::{APPROVING, foreign_key, is_trusted};
use crate::encryption;
use crate::isolation::registry;
use crate::pg::calls;
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

/// Expressions that nobody with trust makes: they tell nothing, and call nobody's code.
fn expressions(relation: pg_sys::Oid, reader: Reader, name: &str, trees: &[Option<CString>]) -> Result<()> {
    let trees = trees.iter().flatten().map(CString::as_c_str);
    if reader != Reader::Default && trees.clone().any(leak::leaks) {
        return refuse(relation, reader, name);
    }
    approval::trees(&Holder { relation, name: &guard::holder(reader, name), trusted: false }, trees)
}

/// A new relation that may be an index: its rows are read after this moment.
pub fn index(relation: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::INDEX, &[relation.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"indrelid")?, [row.tree(c"indexprs")?, row.tree(c"indpred")?]))
    })?;
    let Some((table, trees)) = found else { return Ok(()) };
    // REINDEX evaluates what stood before, and what stood was judged then.
    if utility::is_rebuilding() || !is_held(table)? {
        return Ok(());
    }
    let name = tuple::row(tuple::CLASS, &[relation.to_u32()], Sees::Now, |row| row.name(c"relname"))?;
    expressions(table, Reader::Index, &name.unwrap_or_default(), &trees)
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
        'c' if is_held(found.table)? => {
            expressions(found.table, Reader::Check, &found.name, std::slice::from_ref(&found.expression))
        }
        'x' if is_held(found.table)? && leak::operators_leak(&found.operators) => {
            refuse(found.table, Reader::Exclusion, &found.name)
        }
        'f' => foreign_key::made(oid),
        _ => Ok(()),
    }
}

fn domain_constraint(domain: pg_sys::Oid, constraint: &Constraint) -> Result<()> {
    let Some(expression) = &constraint.expression else { return Ok(()) };
    if leak::domain_check_leaks(expression) {
        for relation in users_of(domain)? {
            if is_held(relation)? {
                return refuse(relation, Reader::DomainCheck, &constraint.name);
            }
        }
    }
    mentioned(domain, &guard::holder(Reader::DomainCheck, &constraint.name), expression)
}

/// A domain's expression runs also where code of a protected table mentions the domain.
fn mentioned(domain: pg_sys::Oid, name: &str, expression: &CStr) -> Result<()> {
    for relation in mentions_of(domain)? {
        if registry::lookup(relation)?.is_some() {
            let trusted = is_trusted(utility::caller(), relation);
            approval::trees(&Holder { relation, name, trusted }, [expression])?;
        }
    }
    Ok(())
}

/// ALTER DOMAIN … SET DEFAULT: the columns of the domain that have no default of their own have this one.
pub fn domain_default(domain: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::TYPE, &[domain.to_u32()], Sees::Now, |row| {
        Ok((row.char(c"typtype")?, row.name(c"typname")?, row.tree(c"typdefaultbin")?))
    })?;
    let Some(('d', name, Some(tree))) = found else { return Ok(()) };
    for relation in users_of(domain)? {
        if is_held(relation)? {
            let name = format!("default of domain \"{name}\"");
            approval::trees(&Holder { relation, name: &name, trusted: false }, [tree.as_c_str()])?;
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

/// A new column, or one of a new type: the type's domains and ranges hear every value that is written.
pub fn column_type(relation: pg_sys::Oid, column: i32) -> Result<()> {
    let key = [relation.to_u32(), column.cast_unsigned()];
    let kind = |sees| tuple::row(tuple::ATTRIBUTE, &key, sees, |row| row.oid(c"atttypid"));
    let Some(now) = kind(Sees::Now)?.filter(|kind| !calls::is_builtin(*kind)) else { return Ok(()) };
    if kind(Sees::Before)? == Some(now) {
        return Ok(());
    }
    if is_held(relation)? {
        hears(relation, now)?;
    }
    // The relation may be the type of other tables' columns.
    let Some(own) = tuple::row(tuple::CLASS, &[relation.to_u32()], Sees::Now, |row| row.oid(c"reltype"))? else {
        return Ok(());
    };
    if own == pg_sys::Oid::INVALID {
        return Ok(());
    }
    for user in users_of(own)? {
        if is_held(user)? {
            hears(user, now)?;
        }
    }
    let name = format!("column of type {}", catalog::type_name(now));
    for relation in mentions_of(own)? {
        if registry::lookup(relation)?.is_some() {
            let trusted = is_trusted(utility::caller(), relation);
            approval::type_of(&Holder { relation, name: &name, trusted }, now)?;
        }
    }
    Ok(())
}

/// A new cast to json: what makes json of any value looks for it when it runs, in triggers of those with trust too.
pub fn cast(object: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::CAST, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"castsource")?, row.oid(c"casttarget")?, row.oid(c"castfunc")?))
    })?;
    let Some((source, pg_sys::JSONOID, function)) = found else { return Ok(()) };
    if function == pg_sys::Oid::INVALID {
        return Ok(());
    }
    let name = format!("cast from {} to json", catalog::type_name(source));
    for relation in mentions_of(source)?.into_iter().chain(users_of(source)?) {
        if registry::lookup(relation)?.is_some() {
            let trusted = is_trusted(utility::caller(), relation);
            approval::function_of(&Holder { relation, name: &name, trusted }, function)?;
        }
    }
    Ok(())
}

fn hears(relation: pg_sys::Oid, kind: pg_sys::Oid) -> Result<()> {
    for inside in approval::inside("SELECT $1", kind)? {
        if inside.is_check && inside.tree.as_deref().is_some_and(leak::domain_check_leaks) {
            return refuse(relation, Reader::DomainCheck, &inside.name);
        }
    }
    let name = format!("column of type {}", catalog::type_name(kind));
    approval::type_of(&Holder { relation, name: &name, trusted: false }, kind)
}

/// Everything made from type `$1`, itself included, by whatever detour of types: domains over it, arrays, rows that
/// hold it, ranges and multiranges. The head of a query that goes on from `uses(t)`.
const USES: &str = "WITH RECURSIVE uses(t) AS ( \
       SELECT $1 UNION SELECT n.oid FROM uses u, LATERAL ( \
         SELECT y.oid FROM pg_type y WHERE y.typbasetype = u.t OR y.typelem = u.t \
         UNION ALL SELECT c.reltype FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
           WHERE a.atttypid = u.t AND NOT a.attisdropped AND c.reltype <> 0 \
         UNION ALL SELECT r.rngmultitypid FROM pg_range r WHERE r.rngtypid = u.t \
         UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngsubtype = u.t) n(oid))";

/// The tables that hold values of a domain, by whatever detour of types.
fn users_of(domain: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    spi::as_owner(|| {
        spi::read(
            &format!(
                "{USES} SELECT DISTINCT c.oid FROM uses u JOIN pg_attribute a ON a.atttypid = u.t AND NOT a.attisdropped \
                   JOIN pg_class c ON c.oid = a.attrelid WHERE c.relkind IN ('r', 'p')"
            ),
            &[domain.into()],
            |row| row.need(1),
        )
    })
}

/// What runs on a companion view runs for its table's tenants.
fn stands_for(relation: pg_sys::Oid) -> Result<pg_sys::Oid> {
    Ok(encryption::registry::table_of(relation)?.unwrap_or(relation))
}

/// The tables whose rules, triggers, policies, checks or defaults mention a domain, by whatever detour of types.
fn mentions_of(domain: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    let found: Vec<pg_sys::Oid> = spi::as_owner(|| {
        spi::read(
            &format!(
                "{USES}, objects AS (SELECT d.classid, d.objid FROM uses u JOIN pg_depend d \
                   ON d.refclassid = 'pg_type'::regclass AND d.refobjid = u.t) \
                 SELECT r.ev_class FROM objects o JOIN pg_rewrite r ON r.oid = o.objid AND o.classid = 'pg_rewrite'::regclass \
                 UNION SELECT t.tgrelid FROM objects o JOIN pg_trigger t ON t.oid = o.objid AND o.classid = 'pg_trigger'::regclass \
                 UNION SELECT p.polrelid FROM objects o JOIN pg_policy p ON p.oid = o.objid AND o.classid = 'pg_policy'::regclass \
                 UNION SELECT c.conrelid FROM objects o JOIN pg_constraint c ON c.oid = o.objid AND o.classid = 'pg_constraint'::regclass \
                 UNION SELECT a.adrelid FROM objects o JOIN pg_attrdef a ON a.oid = o.objid AND o.classid = 'pg_attrdef'::regclass"
            ),
            &[domain.into()],
            |row| row.need(1),
        )
    })?;
    found.into_iter().map(stands_for).collect()
}

/// A new default: of a generated column it is evaluated over the rows, of another one whenever a row is written.
pub fn default(relation: pg_sys::Oid, column: i32) -> Result<()> {
    if !is_held(relation)? {
        return Ok(());
    }
    let key = [relation.to_u32(), column.cast_unsigned()];
    let tree = tuple::row(tuple::ATTRDEF, &key, Sees::Now, |row| row.tree(c"adbin"))?;
    let found =
        tuple::row(tuple::ATTRIBUTE, &key, Sees::Now, |row| Ok((row.name(c"attname")?, row.char(c"attgenerated")?)))?;
    let Some((name, generated)) = found else { return Ok(()) };
    let reader = if generated == '\0' { Reader::Default } else { Reader::Generated };
    expressions(relation, reader, &name, &[tree.flatten()])
}

pub fn statistics(object: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::STATISTICS, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"stxrelid")?, row.name(c"stxname")?, [row.tree(c"stxexprs")?]))
    })?;
    match found {
        Some((relation, name, trees)) if is_held(relation)? => expressions(relation, Reader::Statistics, &name, &trees),
        _ => Ok(()),
    }
}

/// A restrictive policy with a cheap function runs before ours and hears every tenant's rows.
pub fn policy(object: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::POLICY, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"polrelid")?, row.name(c"polname")?, [row.tree(c"polqual")?, row.tree(c"polwithcheck")?]))
    })?;
    let Some((relation, name, trees)) = found else { return Ok(()) };
    if registry::lookup(relation)?.is_none() {
        return policy_beside(relation, &name, &trees);
    }
    if is_held(relation)? { expressions(relation, Reader::Policy, &name, &trees) } else { Ok(()) }
}

/// A policy of a table that rules or policies of protected tables read.
fn policy_beside(relation: pg_sys::Oid, name: &str, trees: &[Option<CString>]) -> Result<()> {
    let readers: Vec<pg_sys::Oid> = spi::as_owner(|| {
        spi::read(
            "SELECT r.ev_class FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid \
               WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 \
             UNION SELECT p.polrelid FROM pg_depend d JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid \
               WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 ORDER BY 1",
            &[relation.into()],
            |row| row.need(1),
        )
    })?;
    let name = format!("policy \"{name}\" of {}, for a rule or policy", catalog::relation_name(relation));
    for reader in readers {
        if is_held(reader)? {
            let holder = Holder { relation: reader, name: &name, trusted: false };
            approval::trees(&holder, trees.iter().flatten().map(CString::as_c_str))?;
        }
    }
    Ok(())
}

/// A trigger's function is approved by its owner, whoever makes the trigger: or its body could change later.
pub fn trigger(object: pg_sys::Oid) -> Result<()> {
    let found = tuple::row(tuple::TRIGGER, &[object.to_u32()], Sees::Now, |row| {
        Ok((row.oid(c"tgrelid")?, row.name(c"tgname")?, row.oid(c"tgfoid")?, row.tree(c"tgqual")?))
    })?;
    let Some((relation, name, function, condition)) = found else { return Ok(()) };
    if registry::lookup(relation)?.is_none() {
        return Ok(());
    }
    trigger_content(relation, &name, function, condition.as_deref(), is_trusted(utility::caller(), relation))
}

pub fn trigger_content(
    relation: pg_sys::Oid,
    name: &str,
    function: pg_sys::Oid,
    condition: Option<&CStr>,
    trusted: bool,
) -> Result<()> {
    let holder = Holder { relation, name: &format!("trigger \"{name}\""), trusted };
    approval::function_of(&holder, function)?;
    approval::trees(&holder, condition)
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
    let trees = || [qualification, action].into_iter().flatten();
    if !trusted {
        for target in calls::content(trees()).writes {
            if registry::lookup(target)?.is_none() {
                let target = catalog::relation_name(target);
                return Err(guard::refuse_rule(&catalog::relation_name(relation), name, &target));
            }
        }
    }
    approval::trees(&Holder { relation, name: &format!("rule \"{name}\""), trusted }, trees())
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
    let was_approved = function::owner(function).is_some_and(|old| function::approves(old, &APPROVING));
    let mut callers = callers(function)?;
    if was_approved {
        for (kind, name) in calling_types(function)? {
            callers.extend(users_of(kind)?.into_iter().map(|relation| (relation, name.clone(), false)));
        }
    }
    for (relation, holder, is_always_held) in callers {
        // The expressions of those with trust may call whatever they like.
        if registry::lookup(relation)?.is_some() && (is_always_held || was_approved) {
            let relation = catalog::relation_name(relation);
            let owner = crate::pg::role::name(new);
            return Err(guard::refuse_function(&relation, &holder, &function::signature(function), &owner));
        }
    }
    Ok(())
}

/// What calls a function or its operators, on which table, and whether it calls approved functions alone.
fn callers(function: pg_sys::Oid) -> Result<Vec<(pg_sys::Oid, String, bool)>> {
    let found: Vec<(pg_sys::Oid, String, bool)> = spi::as_owner(|| {
        spi::read(
            "WITH called(class, oid) AS (SELECT 'pg_proc'::regclass, $1 \
               UNION ALL SELECT 'pg_operator'::regclass, o.oid FROM pg_operator o WHERE o.oprcode = $1), \
             callers AS (SELECT d.classid, d.objid FROM called c JOIN pg_depend d ON d.refclassid = c.class AND d.refobjid = c.oid) \
             SELECT t.tgrelid, format('trigger \"%s\"', t.tgname), true FROM callers c \
               JOIN pg_trigger t ON c.classid = 'pg_trigger'::regclass AND t.oid = c.objid AND NOT t.tgisinternal \
             UNION SELECT r.ev_class, format('rule \"%s\"', r.rulename), true FROM callers c \
               JOIN pg_rewrite r ON c.classid = 'pg_rewrite'::regclass AND r.oid = c.objid \
             UNION SELECT p.polrelid, format('policy \"%s\"', p.polname), false FROM callers c \
               JOIN pg_policy p ON c.classid = 'pg_policy'::regclass AND p.oid = c.objid \
             UNION SELECT k.conrelid, format('constraint \"%s\"', k.conname), false FROM callers c \
               JOIN pg_constraint k ON c.classid = 'pg_constraint'::regclass AND k.oid = c.objid AND k.conrelid <> 0 \
             UNION SELECT a.attrelid, format('default of column \"%s\"', a.attname), false FROM callers c \
               JOIN pg_attrdef f ON c.classid = 'pg_attrdef'::regclass AND f.oid = c.objid \
               JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum \
             UNION SELECT i.indrelid, format('index %s', i.indexrelid::regclass), false FROM callers c \
               JOIN pg_index i ON c.classid = 'pg_class'::regclass AND i.indexrelid = c.objid \
             ORDER BY 1, 2",
            &[function.into()],
            |row| Ok((row.need(1)?, row.need(2)?, row.need(3)?)),
        )
    })?;
    found.into_iter().map(|(relation, name, held)| Ok((stands_for(relation)?, name, held))).collect()
}

/// The domains and range types that call a function.
fn calling_types(function: pg_sys::Oid) -> Result<Vec<(pg_sys::Oid, String)>> {
    spi::as_owner(|| {
        spi::read(
            "WITH called(class, oid) AS (SELECT 'pg_proc'::regclass, $1 \
               UNION ALL SELECT 'pg_operator'::regclass, o.oid FROM pg_operator o WHERE o.oprcode = $1) \
             SELECT y.oid, format('column of type %s', format_type(y.oid, NULL)) FROM called c \
               JOIN pg_depend d ON d.refclassid = c.class AND d.refobjid = c.oid \
               JOIN pg_type y ON y.oid = CASE d.classid WHEN 'pg_type'::regclass THEN d.objid WHEN 'pg_constraint'::regclass \
                 THEN (SELECT k.contypid FROM pg_constraint k WHERE k.oid = d.objid) END \
             WHERE y.typtype IN ('d', 'r') GROUP BY 1 ORDER BY 1",
            &[function.into()],
            |row| Ok((row.need(1)?, row.need(2)?)),
        )
    })
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
