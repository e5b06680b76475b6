//! Small questions to the catalogs.

use std::ffi::CStr;

use pgrx::pg_sys;

/// `schema.table`, quoted where a name needs it; empty for an OID that names nothing.
pub fn relation_name(relation: pg_sys::Oid) -> String {
    // SAFETY: catalog look-ups inside a transaction; the answers are palloc'd C strings or null.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        if name.is_null() || schema.is_null() {
            return String::new();
        }
        let quoted = pg_sys::quote_qualified_identifier(schema, name);
        CStr::from_ptr(quoted).to_string_lossy().into_owned()
    }
}
