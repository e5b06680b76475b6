//! What stored expressions and queries make PostgreSQL run.

use std::ffi::{CStr, c_void};

use pgrx::{PgList, pg_guard, pg_sys};

use super::leak;

/// What expressions call and mention, each once.
#[derive(Debug, Default)]
pub struct Content {
    pub functions: Vec<pg_sys::Oid>,
    /// Those that are called by their names, and not by a cast, an operator or an aggregate.
    pub named: Vec<pg_sys::Oid>,
    /// Types that values pass through: their domains' checks and their ranges' functions run too.
    pub types: Vec<pg_sys::Oid>,
    pub reads: Vec<pg_sys::Oid>,
    pub writes: Vec<pg_sys::Oid>,
}

/// What stored trees do. A null tree, as which a rule without a condition is stored, does nothing.
pub fn content<'a>(trees: impl IntoIterator<Item = &'a CStr>) -> Content {
    let mut content = Content::default();
    for tree in trees {
        let node = leak::read(tree);
        // SAFETY: a tree that PostgreSQL's own reader made; the context outlives the walk.
        unsafe { collect(node, (&raw mut content).cast()) };
    }
    for oids in
        [&mut content.functions, &mut content.named, &mut content.types, &mut content.reads, &mut content.writes]
    {
        oids.sort_unstable_by_key(|oid| oid.to_u32());
        oids.dedup();
    }
    content
}

#[pg_guard]
unsafe extern "C-unwind" fn collect(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    use pg_sys::NodeTag::*;
    if node.is_null() {
        return false;
    }
    // SAFETY: the walker passes valid nodes and the context that `content` gave; casts follow the tags.
    unsafe {
        let content = context.cast::<Content>();
        match (*node).type_ {
            T_Query => {
                query(node.cast(), &mut *content);
                return pg_sys::query_tree_walker(node.cast(), Some(collect), context, 0);
            }
            T_RangeTblFunction => {
                let types = (*node.cast::<pg_sys::RangeTblFunction>()).funccoltypes;
                (*content).types.extend(PgList::<pg_sys::Oid>::from_pg(types).iter_oid());
            }
            T_TableFunc => {
                let types = (*node.cast::<pg_sys::TableFunc>()).coltypes;
                (*content).types.extend(PgList::<pg_sys::Oid>::from_pg(types).iter_oid());
            }
            // A domain's whole chain is in its own checks; the other nodes that make a value of a type.
            T_CoerceToDomain | T_CoerceViaIO | T_ArrayCoerceExpr | T_RelabelType | T_ConvertRowtypeExpr | T_RowExpr
            | T_ArrayExpr | T_FuncExpr | T_OpExpr | T_Const | T_Param | T_Aggref | T_WindowFunc
            | T_SQLValueFunction | T_NextValueExpr | T_FieldStore => (*content).types.push(pg_sys::exprType(node)),
            _ => {}
        }
        if (*node).type_ == T_FuncExpr {
            (*content).named.push((*node.cast::<pg_sys::FuncExpr>()).funcid);
        }
        pg_sys::check_functions_in_node(node, Some(function), context);
        pg_sys::expression_tree_walker(node, Some(collect), context)
    }
}

/// # Safety
/// `query` is valid.
unsafe fn query(query: *mut pg_sys::Query, content: &mut Content) {
    // SAFETY: by the caller's promise; a range table holds entries alone.
    unsafe {
        let target = usize::try_from((*query).resultRelation).unwrap_or_default();
        let entries = PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable);
        for (at, entry) in entries.iter_ptr().enumerate() {
            if (*entry).rtekind != pg_sys::RTEKind::RTE_RELATION {
                continue;
            }
            if at + 1 == target && (*query).commandType != pg_sys::CmdType::CMD_SELECT {
                content.writes.push((*entry).relid);
            }
            content.reads.push((*entry).relid);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn function(function: pg_sys::Oid, context: *mut c_void) -> bool {
    // SAFETY: the context that `content` gave.
    unsafe { (*context.cast::<Content>()).functions.push(function) };
    false
}

/// The functions of operators.
pub fn of_operators(operators: &[pg_sys::Oid]) -> Vec<pg_sys::Oid> {
    // SAFETY: catalog look-ups inside a transaction.
    operators.iter().map(|operator| unsafe { pg_sys::get_opcode(*operator) }).collect()
}

/// The types that an operator's operands are cast to.
pub fn inputs(operator: pg_sys::Oid) -> [pg_sys::Oid; 2] {
    let mut inputs = [pg_sys::Oid::INVALID; 2];
    let [left, right] = &mut inputs;
    // SAFETY: a catalog look-up inside a transaction, which writes two OIDs.
    unsafe { pg_sys::op_input_types(operator, left, right) };
    inputs
}

/// Below it, everything is PostgreSQL's own (`FirstNormalObjectId`).
pub fn is_builtin(object: pg_sys::Oid) -> bool {
    object.to_u32() < 16384
}

/// Whose casts between the types may be another's code than PostgreSQL's: the owners of the types that it does not
/// bring. `None`: the value is compared as it is.
pub fn cast_parties(from: pg_sys::Oid, to: pg_sys::Oid) -> Option<Vec<pg_sys::Oid>> {
    // SAFETY: a catalog look-up inside a transaction.
    let base = unsafe { pg_sys::getBaseType(from) };
    let is_polymorphic =
        [pg_sys::ANYENUMOID, pg_sys::ANYARRAYOID, pg_sys::ANYRANGEOID, pg_sys::ANYMULTIRANGEOID, pg_sys::RECORDOID]
            .contains(&to);
    if base == to || is_polymorphic {
        return None;
    }
    Some([base, to].into_iter().filter(|kind| !is_builtin(*kind)).collect())
}
