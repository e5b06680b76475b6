//! Code that runs where a protected table is used: all of it belongs to those who may see the rows.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard;

use super::APPROVING;
use crate::isolation::registry;
use crate::pg::calls::{self, Content};
use crate::pg::error::internal;
use crate::pg::{catalog, function, role, spi};

/// What holds code, and on which table.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    pub relation: pg_sys::Oid,
    /// `trigger "x"`.
    pub name: &'a str,
    /// Whether who makes it may see the rows.
    pub trusted: bool,
}

/// What lies inside of a type: a domain's check or default, a range's functions, or the cast to json that to_jsonb and
/// its like look for when they run.
#[derive(Debug)]
pub struct Inside {
    pub kind: pg_sys::Oid,
    pub name: String,
    pub is_check: bool,
    pub tree: Option<CString>,
    functions: Vec<pg_sys::Oid>,
}

/// # Errors
/// 42501 when stored trees call what somebody could change who may not see the rows, or what tells it by itself.
pub fn trees<'a>(holder: &Holder, trees: impl IntoIterator<Item = &'a CStr>) -> Result<()> {
    let content = calls::content(trees);
    functions(holder, &content)?;
    types(holder, &content.types)?;
    if holder.trusted {
        return Ok(());
    }
    relations(holder, content.reads)
}

fn functions(holder: &Holder, content: &Content) -> Result<()> {
    content.functions.iter().try_for_each(|function| function_of(holder, *function))?;
    for function in content.named.iter().filter(|_| !holder.trusted) {
        if function::makes_any_type(*function)? {
            let relation = catalog::relation_name(holder.relation);
            return Err(guard::refuse_speaking(&relation, holder.name, &function::signature(*function)));
        }
    }
    Ok(())
}

/// # Errors
/// As [`trees`].
pub fn function_of(holder: &Holder, function: pg_sys::Oid) -> Result<()> {
    if !function::is_approved(function, &APPROVING)? {
        let owner = function::owner(function).map(role::name).unwrap_or_default();
        let relation = catalog::relation_name(holder.relation);
        return Err(guard::refuse_function(&relation, holder.name, &function::signature(function), &owner));
    }
    if !holder.trusted && function::speaks(function)? {
        let relation = catalog::relation_name(holder.relation);
        return Err(guard::refuse_speaking(&relation, holder.name, &function::signature(function)));
    }
    Ok(())
}

/// Domains' checks and defaults and ranges' functions, for values that pass through the types.
fn types(holder: &Holder, types: &[pg_sys::Oid]) -> Result<()> {
    let mut seen: Vec<pg_sys::Oid> = Vec::new();
    let mut open: Vec<pg_sys::Oid> = types.to_vec();
    while let Some(kind) = open.pop() {
        if calls::is_builtin(kind) || seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        for inside in inside("SELECT $1", kind)? {
            open.extend(one_inside(holder, &inside)?);
        }
    }
    Ok(())
}

/// Gives the types that a domain's expression leads to.
fn one_inside(holder: &Holder, inside: &Inside) -> Result<Vec<pg_sys::Oid>> {
    let content = calls::content(inside.tree.as_deref());
    functions(holder, &content)?;
    inside.functions.iter().try_for_each(|function| function_of(holder, *function))?;
    Ok(content.types)
}

/// # Errors
/// As [`trees`], for a type of a column.
pub fn type_of(holder: &Holder, kind: pg_sys::Oid) -> Result<()> {
    types(holder, &[kind])
}

/// What lies inside of the types that `start` gives, through arrays, ranges and composite types.
pub fn inside(start: &str, argument: pg_sys::Oid) -> Result<Vec<Inside>> {
    let query = format!(
        "WITH RECURSIVE inside(t) AS ( \
           ({start}) UNION SELECT n.oid FROM inside u, LATERAL ( \
             SELECT unnest(ARRAY[y.typbasetype, y.typelem]) FROM pg_type y WHERE y.oid = u.t \
             UNION ALL SELECT a.atttypid FROM pg_type y JOIN pg_attribute a ON a.attrelid = y.typrelid \
               WHERE y.oid = u.t AND y.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped \
             UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = u.t \
             UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = u.t) n(oid) WHERE n.oid <> 0) \
         SELECT c.contypid, c.conname::text, true, c.conbin::text, '{{}}'::oid[] \
           FROM inside i JOIN pg_constraint c ON c.contypid = i.t WHERE c.contypid <> 0 AND c.conbin IS NOT NULL \
         UNION ALL SELECT y.oid, y.typname::text, false, y.typdefaultbin::text, '{{}}' \
           FROM inside i JOIN pg_type y ON y.oid = i.t WHERE y.typtype = 'd' AND y.typdefaultbin IS NOT NULL \
         UNION ALL SELECT r.rngtypid, y.typname::text, false, NULL, \
             array_remove(ARRAY[r.rngcanonical::oid, r.rngsubdiff::oid], 0::oid) \
           FROM inside i JOIN pg_range r ON r.rngtypid = i.t JOIN pg_type y ON y.oid = i.t \
         UNION ALL SELECT k.castsource, y.typname::text, false, NULL, ARRAY[k.castfunc::oid] \
           FROM inside i JOIN pg_cast k ON k.castsource = i.t JOIN pg_type y ON y.oid = i.t \
           WHERE k.casttarget = 'json'::regtype AND k.castfunc <> 0 \
         ORDER BY 1, 3, 2"
    );
    spi::as_owner(|| {
        spi::read(&query, &[argument.into()], |row| {
            Ok(Inside {
                kind: row.need(1)?,
                name: row.need(2)?,
                is_check: row.need(3)?,
                tree: row.get::<String>(4)?.map(CString::new).transpose().map_err(internal)?,
                functions: row.need(5)?,
            })
        })
    })
}

/// A view's owner, or a foreign table's, is who approves what a query of it runs; a table's policies run as they are.
fn relations(holder: &Holder, mut open: Vec<pg_sys::Oid>) -> Result<()> {
    let mut seen: Vec<pg_sys::Oid> = vec![holder.relation];
    while let Some(read) = open.pop() {
        if calls::is_builtin(read) || seen.contains(&read) || registry::lookup(read)?.is_some() {
            continue;
        }
        seen.push(read);
        match catalog::kind(read) {
            Some('v' | 'f') => view(holder, read)?,
            Some('r' | 'p') => {
                let policies = policies(read)?;
                let content = calls::content(policies.iter().map(CString::as_c_str));
                functions(holder, &content)?;
                types(holder, &content.types)?;
                open.extend(content.reads);
            }
            _ => {}
        }
    }
    Ok(())
}

fn view(holder: &Holder, read: pg_sys::Oid) -> Result<()> {
    let Some(owner) = catalog::owner(read).filter(|owner| !function::approves(*owner, &APPROVING)) else {
        return Ok(());
    };
    let (relation, read) = (catalog::relation_name(holder.relation), catalog::relation_name(read));
    Err(guard::refuse_relation(&relation, holder.name, &read, &role::name(owner)))
}

fn policies(relation: pg_sys::Oid) -> Result<Vec<CString>> {
    let trees: Vec<String> = spi::as_owner(|| {
        spi::read(
            "SELECT t.tree FROM pg_policy p, unnest(ARRAY[p.polqual::text, p.polwithcheck::text]) t(tree) \
             WHERE p.polrelid = $1 AND t.tree IS NOT NULL",
            &[relation.into()],
            |row| row.need(1),
        )
    })?;
    trees.into_iter().map(|tree| CString::new(tree).map_err(internal)).collect()
}

/// A foreign key compares by operators and casts: both ends' values go through them.
///
/// # Errors
/// As [`trees`].
pub fn foreign_key(holder: &Holder, operators: &[pg_sys::Oid], operands: &[pg_sys::Oid]) -> Result<()> {
    calls::of_operators(operators).into_iter().try_for_each(|function| function_of(holder, function))?;
    for operator in operators {
        for input in calls::inputs(*operator) {
            for operand in operands {
                // Not each operand is cast to each input; one that is, is of the same key.
                cast(holder, *operand, input)?;
            }
        }
    }
    Ok(())
}

/// Casts may be dropped and made anew by whoever owns a type: the types' owners are the approval.
fn cast(holder: &Holder, from: pg_sys::Oid, to: pg_sys::Oid) -> Result<()> {
    for kind in calls::cast_parties(from, to).unwrap_or_default() {
        let Some(owner) = catalog::type_owner(kind) else { continue };
        if !function::approves(owner, &APPROVING) {
            return Err(guard::refuse_cast(
                &catalog::relation_name(holder.relation),
                holder.name,
                &catalog::type_name(kind),
                &role::name(owner),
            ));
        }
    }
    Ok(())
}
