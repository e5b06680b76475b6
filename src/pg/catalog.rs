//! Small questions to the catalogs.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use warden_core::error::Result;

use super::tuple;

/// Whether a relation holds what is in tables, past their policies: a TOAST table, or the statistics of columns.
pub fn holds_content(relation: pg_sys::Oid) -> bool {
    /// pg_statistic, pg_statistic_ext_data, and the TOAST tables of both.
    const STATISTICS: [u32; 4] = [2619, 2840, 3429, 3430];
    const TOAST_SCHEMA: u32 = 99;
    const FIRST_NORMAL: u32 = 16_384;
    let number = relation.to_u32();
    // SAFETY: a catalog look-up inside a transaction.
    STATISTICS.contains(&number)
        || number >= FIRST_NORMAL && unsafe { pg_sys::get_rel_namespace(relation) }.to_u32() == TOAST_SCHEMA
}

/// `schema.table` as `format('%I.%I')` prints it by default, quoted where a name needs it, whatever
/// `quote_all_identifiers` is; empty for an OID that names nothing.
pub fn recorded_name(relation: pg_sys::Oid) -> String {
    // SAFETY: reads and writes this backend's variable; nothing in between raises an error but for want of memory, and
    // then the setting's own machinery still knows its value.
    unsafe {
        let before = pg_sys::quote_all_identifiers;
        pg_sys::quote_all_identifiers = false;
        let name = relation_name(relation);
        pg_sys::quote_all_identifiers = before;
        name
    }
}

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

/// A name as SQL wants it, quoted where it has to be.
pub fn quote_identifier(name: &str) -> String {
    let Ok(name) = CString::new(name) else { return String::new() };
    // SAFETY: a C string that outlives the call; the answer is it or a palloc'd one.
    unsafe { CStr::from_ptr(pg_sys::quote_identifier(name.as_ptr())) }.to_string_lossy().into_owned()
}

/// The relation's name alone; empty for an OID that names nothing.
pub fn bare_name(relation: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up inside a transaction; the answer is a palloc'd C string or null.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

/// The name of the schema that a relation lies in; empty for an OID that names nothing.
pub fn schema_name(relation: pg_sys::Oid) -> String {
    // SAFETY: catalog look-ups inside a transaction; the answer is a palloc'd C string or null.
    unsafe {
        let name = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

/// The role that owns a relation.
pub fn owner(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    class(relation, |form| form.relowner)
}

pub fn exists(relation: pg_sys::Oid) -> bool {
    class(relation, |_| ()).is_some()
}

/// pg_class.relkind.
pub fn kind(relation: pg_sys::Oid) -> Option<char> {
    class(relation, |form| char::from(form.relkind.cast_unsigned()))
}

pub fn is_partition(relation: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up inside a transaction.
    unsafe { pg_sys::get_rel_relispartition(relation) }
}

/// The type of a relation's rows; an index has none.
pub fn row_type(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    class(relation, |form| form.reltype).filter(|kind| *kind != pg_sys::Oid::INVALID)
}

/// The role that owns a type.
pub fn type_owner(kind: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a syscache look-up inside a transaction; the tuple is released before the function ends.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, kind.into());
        if tuple.is_null() {
            return None;
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>()).typowner;
        pg_sys::ReleaseSysCache(tuple);
        Some(owner)
    }
}

/// `schema.type`.
pub fn type_name(kind: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up inside a transaction; the answer is a palloc'd C string.
    unsafe { CStr::from_ptr(pg_sys::format_type_be_qualified(kind)) }.to_string_lossy().into_owned()
}

fn class<T>(relation: pg_sys::Oid, read: impl Fn(&pg_sys::FormData_pg_class) -> T) -> Option<T> {
    // SAFETY: a syscache look-up inside a transaction; what is read is copied before the tuple is released.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, relation.into());
        if tuple.is_null() {
            return None;
        }
        let value = read(&*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>());
        pg_sys::ReleaseSysCache(tuple);
        Some(value)
    }
}

/// The number of a column, if the relation has it.
pub fn column_number(relation: pg_sys::Oid, name: &str) -> Option<i16> {
    let name = CString::new(name).ok()?;
    // SAFETY: a catalog look-up inside a transaction.
    let number = unsafe { pg_sys::get_attnum(relation, name.as_ptr()) };
    (number > 0).then_some(number)
}

/// The name of a column; empty for a number that names none.
pub fn column_name(relation: pg_sys::Oid, number: i16) -> String {
    // SAFETY: a catalog look-up inside a transaction; the answer is a palloc'd C string or null.
    unsafe {
        let name = pg_sys::get_attname(relation, number, true);
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

/// The type of a column.
pub fn column_type(relation: pg_sys::Oid, number: i16) -> pg_sys::Oid {
    // SAFETY: a catalog look-up inside a transaction.
    unsafe { pg_sys::get_atttype(relation, number) }
}

/// The type of a column and its modifier; of a domain, those that it stands on.
pub fn column_base_type(relation: pg_sys::Oid, number: i16) -> (pg_sys::Oid, i32) {
    let (mut kind, mut modifier, mut collation) = (pg_sys::Oid::INVALID, -1, pg_sys::Oid::INVALID);
    // SAFETY: catalog look-ups inside a transaction; the column was found by its caller.
    unsafe {
        pg_sys::get_atttypetypmodcoll(relation, number, &mut kind, &mut modifier, &mut collation);
        kind = pg_sys::getBaseTypeAndTypmod(kind, &mut modifier);
    }
    (kind, modifier)
}

/// Whether a user has the owner's rights over a relation.
pub fn is_owned_by(relation: pg_sys::Oid, user: pg_sys::Oid) -> bool {
    // SAFETY: catalog look-ups inside a transaction.
    owner(relation).is_some_and(|owner| unsafe { pg_sys::has_privs_of_role(user, owner) })
}

/// Whether this database has the extension.
pub fn has_extension() -> bool {
    // SAFETY: a catalog look-up inside a transaction.
    unsafe { pg_sys::get_extension_oid(c"pg_warden".as_ptr(), true) != pg_sys::Oid::INVALID }
}

/// The databases of the cluster that take connections.
pub fn databases() -> Result<Vec<u32>> {
    let all = tuple::rows(tuple::DATABASE, &[], tuple::Sees::Before, |row| {
        Ok(row.bool(c"datallowconn")?.then_some(row.oid(c"oid")?.to_u32()))
    })?;
    Ok(all.into_iter().flatten().collect())
}
