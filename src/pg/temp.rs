//! The session's temporary schema.

use pgrx::pg_sys;

/// Whether this session has made temporary objects at all.
pub fn exists() -> bool {
    let (mut schema, mut toast) = (pg_sys::Oid::INVALID, pg_sys::Oid::INVALID);
    // SAFETY: reads this backend's state.
    unsafe { pg_sys::GetTempNamespaceState(&mut schema, &mut toast) };
    schema != pg_sys::Oid::INVALID
}

/// Whether a schema is somebody's temporary one.
pub fn is_temporary(schema: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up inside a transaction.
    unsafe { pg_sys::isAnyTempNamespace(schema) }
}

pub fn relation_is_temporary(relation: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up inside a transaction.
    is_temporary(unsafe { pg_sys::get_rel_namespace(relation) })
}

pub fn function_is_temporary(function: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up inside a transaction.
    is_temporary(unsafe { pg_sys::get_func_namespace(function) })
}

/// A relation's kind, as pg_class has it.
pub fn relation_kind(relation: pg_sys::Oid) -> u8 {
    // SAFETY: a catalog look-up inside a transaction.
    unsafe { pg_sys::get_rel_relkind(relation) as u8 }
}
