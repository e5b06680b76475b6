//! Schemas.

use std::ffi::CStr;

use pgrx::pg_sys;
use warden_core::error::Result;

use super::tuple::{self, Sees};

#[derive(Clone, Debug)]
pub struct Namespace {
    pub name: String,
    pub owner: pg_sys::Oid,
}

impl Namespace {
    /// pg_namespace.
    pub const CLASS: pg_sys::Oid = tuple::NAMESPACE.table;

    pub fn find(schema: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a syscache look-up inside a transaction; what is read is copied before the tuple is released.
        unsafe {
            let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::NAMESPACEOID as i32, schema.into());
            if tuple.is_null() {
                return None;
            }
            let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_namespace>();
            let name = CStr::from_ptr((*form).nspname.data.as_ptr()).to_string_lossy().into_owned();
            let found = Self { name, owner: (*form).nspowner };
            pg_sys::ReleaseSysCache(tuple);
            Some(found)
        }
    }

    /// PostgreSQL's own; names that begin so are reserved for it.
    pub fn is_system(&self) -> bool {
        self.name.starts_with("pg_") || self.name == "information_schema"
    }

    /// What it was called when the running command began.
    pub fn name_before(schema: pg_sys::Oid) -> Result<Option<String>> {
        tuple::row(tuple::NAMESPACE, &[schema.to_u32()], Sees::Before, |row| row.name(c"nspname"))
    }

    /// What the running command has made of it.
    pub fn name_now(schema: pg_sys::Oid) -> Result<Option<String>> {
        tuple::row(tuple::NAMESPACE, &[schema.to_u32()], Sees::Now, |row| row.name(c"nspname"))
    }
}
