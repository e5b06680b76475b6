//! Queries after parse analysis: names have become objects, nothing has run.

use std::ffi::{CStr, c_char, c_void};

use pgrx::{PgList, pg_sys};

use super::error::answer;
use super::hooks::{dispatch, guarded};

/// A query tree, while PostgreSQL passes it to us.
#[derive(Clone, Copy)]
pub struct AnalyzedQuery {
    query: *mut pg_sys::Query,
    text: *const c_char,
}

impl AnalyzedQuery {
    /// Whether the text that it was made of holds one of the words, in upper or lower case.
    pub fn text_holds_one_of(self, words: &[&str]) -> bool {
        if self.text.is_null() {
            return false;
        }
        // SAFETY: not null, and a C string that is valid during the hook.
        let text = unsafe { CStr::from_ptr(self.text) }.to_bytes();
        words.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())))
    }

    /// Whether it calls one of these functions of schema `warden` with a literal as the first argument.
    pub fn calls_with_literal(self, names: &[&str]) -> bool {
        let mut found: Vec<pg_sys::Oid> = Vec::new();
        let place = (&raw mut found).cast();
        // SAFETY: as in `types_and_functions`.
        unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| collect_literal_calls(self.query.cast(), place)) };
        found.into_iter().any(|function| {
            let (schema, name) = function_name(function);
            schema == "warden" && names.contains(&name.as_str())
        })
    }

    /// The types and functions of its expressions that are not PostgreSQL's own, each with its catalog's OID. The
    /// planner inlines a function in SQL without setting it up for execution.
    pub fn types_and_functions(self) -> Vec<(pg_sys::Oid, pg_sys::Oid)> {
        let mut found = Vec::new();
        let place = (&raw mut found).cast();
        // SAFETY: the tree is valid during the hook; the walker only reads it. Guarded, since `found` wants dropping
        // if the tree is too deep to walk.
        unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| collect(self.query.cast(), place)) };
        found
    }
}

/// The first OID that is not PostgreSQL's own.
const FIRST_NORMAL: u32 = 16_384;

type Walker = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> bool;

unsafe extern "C-unwind" {
    #[cfg_attr(not(feature = "pg15"), link_name = "query_tree_walker_impl")]
    fn query_tree_walker(query: *mut pg_sys::Query, walker: Walker, context: *mut c_void, flags: i32) -> bool;
    #[cfg_attr(not(feature = "pg15"), link_name = "expression_tree_walker_impl")]
    fn expression_tree_walker(node: *mut pg_sys::Node, walker: Walker, context: *mut c_void) -> bool;
}

/// # Safety
/// `node` is null or a node of a query tree, `found` a `Vec<(Oid, Oid)>`.
unsafe extern "C-unwind" fn collect(node: *mut pg_sys::Node, found: *mut c_void) -> bool {
    use pg_sys::NodeTag::*;
    // SAFETY: by the caller's promise; exprType is asked for expressions alone.
    unsafe {
        if node.is_null() {
            return false;
        }
        match (*node).type_ {
            T_Query => return query_tree_walker(node.cast(), collect, found, 0),
            T_Const | T_Param | T_Var | T_FuncExpr | T_OpExpr | T_CoerceToDomain | T_RelabelType | T_CoerceViaIO
            | T_ArrayCoerceExpr | T_ConvertRowtypeExpr | T_RowExpr | T_ArrayExpr | T_FieldSelect => {
                let function = match (*node).type_ {
                    T_FuncExpr => (*node.cast::<pg_sys::FuncExpr>()).funcid,
                    T_OpExpr => (*node.cast::<pg_sys::OpExpr>()).opfuncid,
                    _ => pg_sys::Oid::INVALID,
                };
                let seen = [(pg_sys::TypeRelationId, pg_sys::exprType(node)), (pg_sys::ProcedureRelationId, function)];
                let normal = seen.into_iter().filter(|(_, oid)| oid.to_u32() >= FIRST_NORMAL);
                (*found.cast::<Vec<(pg_sys::Oid, pg_sys::Oid)>>()).extend(normal);
            }
            _ => {}
        }
        expression_tree_walker(node, collect, found)
    }
}

/// Functions whose first argument is a constant that is not null.
///
/// # Safety
/// As `collect`, with a `Vec<Oid>`.
unsafe extern "C-unwind" fn collect_literal_calls(node: *mut pg_sys::Node, found: *mut c_void) -> bool {
    // SAFETY: by the caller's promise; a cast is to the type that the tag names.
    unsafe {
        if node.is_null() {
            return false;
        }
        match (*node).type_ {
            pg_sys::NodeTag::T_Query => return query_tree_walker(node.cast(), collect_literal_calls, found, 0),
            pg_sys::NodeTag::T_FuncExpr => {
                let call = node.cast::<pg_sys::FuncExpr>();
                let first = PgList::<pg_sys::Node>::from_pg((*call).args).get_ptr(0).unwrap_or(std::ptr::null_mut());
                let is_literal = !first.is_null()
                    && (*first).type_ == pg_sys::NodeTag::T_Const
                    && !(*first.cast::<pg_sys::Const>()).constisnull;
                if is_literal {
                    (*found.cast::<Vec<pg_sys::Oid>>()).push((*call).funcid);
                }
            }
            _ => {}
        }
        expression_tree_walker(node, collect_literal_calls, found)
    }
}

fn function_name(function: pg_sys::Oid) -> (String, String) {
    // SAFETY: catalog look-ups inside a transaction; the answers are palloc'd C strings or null.
    unsafe {
        let text = |value: *const c_char| {
            if value.is_null() { String::new() } else { CStr::from_ptr(value).to_string_lossy().into_owned() }
        };
        let schema = pg_sys::get_namespace_name(pg_sys::get_func_namespace(function));
        (text(schema), text(pg_sys::get_func_name(function)))
    }
}

/// The schema of a type, or of an array's elements, that belongs to no relation.
pub fn free_type_schema(oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: syscache look-ups inside a transaction; the tuple is released before the function ends.
    unsafe {
        let element = pg_sys::get_element_type(oid);
        let oid = if element == pg_sys::Oid::INVALID { oid } else { element };
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, oid.into());
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>();
        let relation_kind = match (*form).typrelid {
            pg_sys::Oid::INVALID => 0,
            relation => pg_sys::get_rel_relkind(relation) as u8,
        };
        let schema = (*form).typnamespace;
        pg_sys::ReleaseSysCache(tuple);
        matches!(relation_kind, 0 | b'c').then_some(schema)
    }
}

/// Makes every prepared statement of this session be analyzed again before it runs next.
pub fn forget_plans() {
    // SAFETY: marks this backend's cached plans.
    unsafe { pg_sys::ResetPlanCache() };
}

static mut PREVIOUS: pg_sys::post_parse_analyze_hook_type = None;

pub(super) fn install() {
    // SAFETY: called once from _PG_init, before any backend is forked.
    unsafe {
        PREVIOUS = pg_sys::post_parse_analyze_hook;
        pg_sys::post_parse_analyze_hook = Some(analyzed);
    }
}

unsafe extern "C-unwind" fn analyzed(
    state: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    jumble: *mut pg_sys::JumbleState,
) {
    // SAFETY: the previous hook gets the arguments that we were given; this frame holds nothing to drop.
    unsafe {
        if let Some(previous) = PREVIOUS {
            previous(state, query, jumble);
        }
        guarded(|| answer((dispatch().query_analyzed)(AnalyzedQuery { query, text: (*state).p_sourcetext })));
    }
}
