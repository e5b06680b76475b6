//! Policies as PostgreSQL keeps them, compared with the statements that would make them.

use std::ffi::{CStr, CString};

use pgrx::{PgList, pg_sys};
use warden_core::error::Result;

use super::error::internal;
use super::tuple::{self, Sees};
use super::{catalog, leak};

/// How often an expression may have gone through a dump: PostgreSQL does not always read what it prints as what it was
/// (`IN` over varchar becomes an array of casts, and then an array of each), but comes to rest soon.
const GENERATIONS: u32 = 4;

/// Whether a policy, as it has just been made, is what a CREATE POLICY statement makes, or a dump of that.
pub fn is_made_by(policy: pg_sys::Oid, statement: &str) -> Result<bool> {
    let found = tuple::row(tuple::POLICY, &[policy.to_u32()], Sees::Now, |row| {
        let trees = [row.tree(c"polqual")?, row.tree(c"polwithcheck")?];
        Ok((row.oid(c"polrelid")?, row.char(c"polcmd")?, row.bool(c"polpermissive")?, row.oids(c"polroles")?, trees))
    })?;
    let Some((relation, command, is_permissive, roles, trees)) = found else { return Ok(false) };
    let wanted = parse(statement)?.cast::<pg_sys::CreatePolicyStmt>();
    // SAFETY: the statement is one of our own, a CREATE POLICY.
    let wanted = unsafe {
        if wanted.is_null() || (*wanted).type_ != pg_sys::NodeTag::T_CreatePolicyStmt {
            return Err(internal("a policy that is made by another statement"));
        }
        &*wanted
    };
    // SAFETY: the grammar always gives the command.
    let command_name = unsafe { CStr::from_ptr(wanted.cmd_name) };
    let is_alike =
        code(command_name) == command && wanted.permissive == is_permissive && roles == [pg_sys::Oid::INVALID];
    if !is_alike {
        return Ok(false);
    }
    for (raw, stored) in [wanted.qual, wanted.with_check].into_iter().zip(&trees) {
        match stored {
            None if raw.is_null() => {}
            Some(stored) if !raw.is_null() && is_read_as(relation, raw, stored)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// pg_policy.polcmd.
fn code(command: &CStr) -> char {
    match command.to_bytes() {
        b"select" => 'r',
        b"insert" => 'a',
        b"update" => 'w',
        b"delete" => 'd',
        _ => '*',
    }
}

fn is_read_as(relation: pg_sys::Oid, raw: *mut pg_sys::Node, stored: &CStr) -> Result<bool> {
    let stored = leak::read(stored);
    let mut raw = raw;
    for _ in 0..GENERATIONS {
        let read = analyze(relation, raw);
        // SAFETY: two valid trees.
        if unsafe { pg_sys::equal(read.cast(), stored.cast()) } {
            return Ok(true);
        }
        raw = expression(&printed(relation, read)?)?;
    }
    Ok(false)
}

/// As CREATE POLICY reads a condition.
fn analyze(relation: pg_sys::Oid, raw: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: a raw tree, copied since the analysis writes into it; the relation is locked by the statement that has
    // just made a policy on it. On ERROR the abort closes the table.
    unsafe {
        let state = pg_sys::make_parsestate(std::ptr::null_mut());
        let table = pg_sys::table_open(relation, pg_sys::AccessShareLock as i32);
        let item = pg_sys::addRangeTableEntryForRelation(
            state,
            table,
            pg_sys::AccessShareLock as i32,
            std::ptr::null_mut(),
            false,
            false,
        );
        pg_sys::addNSItemToQuery(state, item, false, true, true);
        let raw = pg_sys::copyObjectImpl(raw.cast()).cast();
        let read = pg_sys::transformExpr(state, raw, pg_sys::ParseExprKind::EXPR_KIND_POLICY);
        let read = pg_sys::coerce_to_boolean(state, read, c"POLICY".as_ptr());
        pg_sys::assign_expr_collations(state, read);
        pg_sys::table_close(table, pg_sys::AccessShareLock as i32);
        pg_sys::free_parsestate(state);
        read
    }
}

fn printed(relation: pg_sys::Oid, tree: *mut pg_sys::Node) -> Result<CString> {
    let name = CString::new(catalog::bare_name(relation)).map_err(internal)?;
    // SAFETY: a tree over the relation; the answer is a palloc'd C string.
    unsafe {
        let context = pg_sys::deparse_context_for(name.as_ptr(), relation);
        Ok(CStr::from_ptr(pg_sys::deparse_expression(tree, context, false, false)).to_owned())
    }
}

fn expression(text: &CStr) -> Result<*mut pg_sys::Node> {
    let select = parse(&format!("SELECT ({})", text.to_string_lossy()))?.cast::<pg_sys::SelectStmt>();
    // SAFETY: a SELECT of one expression, which PostgreSQL has printed itself.
    unsafe {
        let targets = PgList::<pg_sys::ResTarget>::from_pg((*select).targetList);
        let target = targets.get_ptr(0).ok_or_else(|| internal("a SELECT of nothing"))?;
        Ok((*target).val)
    }
}

/// The one statement of a text that is no user's.
fn parse(text: &str) -> Result<*mut pg_sys::Node> {
    let text = CString::new(text).map_err(internal)?;
    // SAFETY: a C string; the list holds RawStmt nodes.
    unsafe {
        let statements = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        let statement = PgList::<pg_sys::RawStmt>::from_pg(statements).get_ptr(0);
        statement.map(|raw| (*raw).stmt).ok_or_else(|| internal("an empty statement"))
    }
}
