//! Which expressions can tell the values of the rows that they are evaluated over.

use std::ffi::{CStr, c_void};

use pgrx::{pg_guard, pg_sys};

/// Whether a stored expression passes values of the row to a function that is not leakproof.
pub fn leaks(tree: &CStr) -> bool {
    let node = read(tree);
    // SAFETY: a tree that PostgreSQL's own reader made.
    unsafe { leaks_vars(node) }
}

/// As [`leaks`], for a domain's constraint: there the value is no variable of a row.
pub fn domain_check_leaks(tree: &CStr) -> bool {
    let node = read(tree);
    // SAFETY: as above.
    unsafe { not_leakproof(node, std::ptr::null_mut()) }
}

/// # Safety
/// `node` is null or an analysed expression.
pub(super) unsafe fn leaks_vars(node: *mut pg_sys::Node) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: by the caller's promise; neither call changes the tree.
    unsafe { pg_sys::contain_leaked_vars(node) || correlated(node, std::ptr::null_mut()) }
}

/// A sub-select's own variables of the row are no variables to contain_leaked_vars: whatever it does with them, it is
/// taken to tell them.
#[pg_guard]
unsafe extern "C-unwind" fn correlated(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: the walker passes valid nodes; the cast is to the type that the tag names.
    unsafe {
        if (*node).type_ == pg_sys::NodeTag::T_SubLink {
            let sub_select = (*node.cast::<pg_sys::SubLink>()).subselect;
            if pg_sys::contain_vars_of_level(sub_select, 1) {
                return true;
            }
        }
        pg_sys::expression_tree_walker(node, Some(correlated), context)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn not_leakproof(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    use pg_sys::NodeTag::*;
    if node.is_null() {
        return false;
    }
    // SAFETY: the walker passes valid nodes.
    unsafe {
        let known = matches!(
            (*node).type_,
            T_Const
                | T_Param
                | T_ArrayExpr
                | T_BoolExpr
                | T_RelabelType
                | T_CollateExpr
                | T_CaseExpr
                | T_CaseWhen
                | T_CaseTestExpr
                | T_NullTest
                | T_BooleanTest
                | T_CoerceToDomainValue
                | T_List
                | T_FuncExpr
                | T_OpExpr
                | T_DistinctExpr
                | T_NullIfExpr
                | T_ScalarArrayOpExpr
                | T_CoerceViaIO
                | T_ArrayCoerceExpr
        );
        !known
            || pg_sys::check_functions_in_node(node, Some(is_not_leakproof), context)
            || pg_sys::expression_tree_walker(node, Some(not_leakproof), context)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn is_not_leakproof(function: pg_sys::Oid, _context: *mut c_void) -> bool {
    // SAFETY: a catalog look-up inside a transaction.
    unsafe { !pg_sys::get_func_leakproof(function) }
}

/// Whether the operators compare without telling what.
pub fn operators_leak(operators: &[pg_sys::Oid]) -> bool {
    // SAFETY: catalog look-ups inside a transaction; an unknown operator has no function, which leaks.
    operators.iter().any(|operator| unsafe {
        let function = pg_sys::get_opcode(*operator);
        function == pg_sys::Oid::INVALID || !pg_sys::get_func_leakproof(function)
    })
}

/// Null for the tree of nothing, as which a rule without a condition is stored.
pub(super) fn read(tree: &CStr) -> *mut pg_sys::Node {
    // SAFETY: the text of a pg_node_tree column, which the reader was made for.
    unsafe { pg_sys::stringToNode(tree.as_ptr()) }.cast()
}
