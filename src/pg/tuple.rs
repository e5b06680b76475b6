//! Rows of system catalogs as they are at this moment: also those that the running command has only just written.

use std::ffi::{CStr, CString};

use pgrx::{FromDatum, IntoDatum, pg_sys};
use warden_core::error::Result;

use super::error::internal;

/// A catalog and one of its unique or leading indexes on OIDs. Numbers where the bindings lack the header; a catalog's
/// number never changes.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    pub table: pg_sys::Oid,
    index: pg_sys::Oid,
    /// The columns that the index begins with: by name, since their numbers differ between versions.
    keys: &'static [(&'static CStr, KeyType)],
}

#[derive(Clone, Copy, Debug)]
enum KeyType {
    Oid,
    Short,
}

const fn oid(number: u32) -> pg_sys::Oid {
    pg_sys::Oid::from_u32(number)
}

pub const CONSTRAINT: Catalog = Catalog { table: oid(2606), index: oid(2667), keys: &[(c"oid", KeyType::Oid)] };
pub const CLASS: Catalog = Catalog { table: oid(1259), index: oid(2662), keys: &[(c"oid", KeyType::Oid)] };
/// By domain.
pub const DOMAIN_CONSTRAINT: Catalog =
    Catalog { table: oid(2606), index: oid(2666), keys: &[(c"contypid", KeyType::Oid)] };
pub const ATTRIBUTE: Catalog =
    Catalog { table: oid(1249), index: oid(2659), keys: &[(c"attrelid", KeyType::Oid), (c"attnum", KeyType::Short)] };
pub const ATTRDEF: Catalog =
    Catalog { table: oid(2604), index: oid(2656), keys: &[(c"adrelid", KeyType::Oid), (c"adnum", KeyType::Short)] };
pub const ATTRDEF_BY_OID: Catalog = Catalog { table: oid(2604), index: oid(2657), keys: &[(c"oid", KeyType::Oid)] };
pub const CAST: Catalog = Catalog { table: oid(2605), index: oid(2660), keys: &[(c"oid", KeyType::Oid)] };
pub const DATABASE: Catalog = Catalog { table: oid(1262), index: oid(2672), keys: &[(c"oid", KeyType::Oid)] };
pub const EXTENSIONS: Catalog = Catalog { table: oid(3079), index: oid(3080), keys: &[(c"oid", KeyType::Oid)] };
pub const FUNCTION: Catalog = Catalog { table: oid(1255), index: oid(2690), keys: &[(c"oid", KeyType::Oid)] };
pub const INDEX: Catalog = Catalog { table: oid(2610), index: oid(2679), keys: &[(c"indexrelid", KeyType::Oid)] };
pub const INHERITS: Catalog = Catalog { table: oid(2611), index: oid(2680), keys: &[(c"inhrelid", KeyType::Oid)] };
pub const NAMESPACE: Catalog = Catalog { table: oid(2615), index: oid(2685), keys: &[(c"oid", KeyType::Oid)] };
pub const POLICY: Catalog = Catalog { table: oid(3256), index: oid(3257), keys: &[(c"oid", KeyType::Oid)] };
pub const RULE: Catalog = Catalog { table: oid(2618), index: oid(2692), keys: &[(c"oid", KeyType::Oid)] };
pub const STATISTICS: Catalog = Catalog { table: oid(3381), index: oid(3380), keys: &[(c"oid", KeyType::Oid)] };
pub const TRIGGER: Catalog = Catalog { table: oid(2620), index: oid(2702), keys: &[(c"oid", KeyType::Oid)] };
pub const TRIGGER_BY_TABLE: Catalog =
    Catalog { table: oid(2620), index: oid(2701), keys: &[(c"tgrelid", KeyType::Oid)] };
pub const TYPE: Catalog = Catalog { table: oid(1247), index: oid(2703), keys: &[(c"oid", KeyType::Oid)] };

/// Whose eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// What the command that runs has written.
    Now,
    /// What was there when the command began.
    Before,
}

/// A row, while its scan is open.
#[derive(Debug)]
pub struct CatalogRow {
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
}

impl CatalogRow {
    pub fn oid(&self, column: &CStr) -> Result<pg_sys::Oid> {
        self.value(column)?.ok_or_else(|| internal(format!("{column:?} is null")))
    }

    pub fn char(&self, column: &CStr) -> Result<char> {
        let code: i8 = self.value(column)?.ok_or_else(|| internal(format!("{column:?} is null")))?;
        Ok(char::from(code.cast_unsigned()))
    }

    pub fn short(&self, column: &CStr) -> Result<i16> {
        self.value(column)?.ok_or_else(|| internal(format!("{column:?} is null")))
    }

    pub fn bool(&self, column: &CStr) -> Result<bool> {
        self.value(column)?.ok_or_else(|| internal(format!("{column:?} is null")))
    }

    /// A column of type name.
    pub fn name(&self, column: &CStr) -> Result<String> {
        let name: Option<&CStr> = self.datum(column)?.map(|datum| {
            // SAFETY: the column is of type name, which is a C string in place; the tuple outlives the borrow.
            unsafe { CStr::from_ptr(datum.cast_mut_ptr()) }
        });
        Ok(name.unwrap_or_default().to_string_lossy().into_owned())
    }

    /// A column of type pg_node_tree.
    pub fn tree(&self, column: &CStr) -> Result<Option<CString>> {
        Ok(self.datum(column)?.map(|datum| {
            // SAFETY: the column is of type pg_node_tree, which is a text; the copy is a C string.
            unsafe { CStr::from_ptr(pg_sys::text_to_cstring(datum.cast_mut_ptr())) }.to_owned()
        }))
    }

    pub fn oids(&self, column: &CStr) -> Result<Vec<pg_sys::Oid>> {
        Ok(self.value(column)?.unwrap_or_default())
    }

    pub fn shorts(&self, column: &CStr) -> Result<Vec<i16>> {
        Ok(self.value(column)?.unwrap_or_default())
    }

    fn value<T: FromDatum + IntoDatum>(&self, column: &CStr) -> Result<Option<T>> {
        Ok(self.datum(column)?.and_then(|datum| {
            // SAFETY: the caller names a column of the type; T copies what it keeps.
            unsafe { T::from_datum(datum, false) }
        }))
    }

    fn datum(&self, column: &CStr) -> Result<Option<pg_sys::Datum>> {
        let mut null = false;
        // SAFETY: tuple and descriptor belong to the open scan; both calls work without an SPI connection.
        let datum = unsafe {
            let number = pg_sys::SPI_fnumber(self.desc, column.as_ptr());
            if number <= 0 {
                return Err(internal(format!("no column {column:?}")));
            }
            pg_sys::SPI_getbinval(self.tuple, self.desc, number, &mut null)
        };
        Ok((!null).then_some(datum))
    }
}

/// The rows of a catalog that begin with the given keys; all of them without keys.
pub fn rows<T>(catalog: Catalog, keys: &[u32], sees: Sees, map: impl Fn(&CatalogRow) -> Result<T>) -> Result<Vec<T>> {
    let count = keys.len().min(catalog.keys.len());
    let mut found = Vec::new();
    // SAFETY: inside a transaction; the catalog and its index exist in every database, the keys outlive the scan. A
    // null snapshot is the catalog snapshot. On ERROR the abort closes scan and table.
    unsafe {
        let snapshot = match sees {
            Sees::Now => &raw mut pg_sys::SnapshotSelfData,
            Sees::Before => std::ptr::null_mut(),
        };
        let table = pg_sys::table_open(catalog.table, pg_sys::AccessShareLock as i32);
        let mut scan_keys = [pg_sys::ScanKeyData::default(); 2];
        for (at, (column, kind)) in catalog.keys.iter().take(count).enumerate() {
            // 184 and 63 are oideq and int2eq.
            let (procedure, value) = match kind {
                KeyType::Oid => (oid(184), pg_sys::Datum::from(keys[at])),
                KeyType::Short => (oid(63), pg_sys::Datum::from(keys[at] as i16)),
            };
            pg_sys::ScanKeyInit(
                &mut scan_keys[at],
                pg_sys::SPI_fnumber((*table).rd_att, column.as_ptr()) as pg_sys::AttrNumber,
                pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
                procedure,
                value,
            );
        }
        let scan = pg_sys::systable_beginscan(
            table,
            catalog.index,
            // A process without a database can open no index.
            count > 0,
            snapshot,
            i32::try_from(count).map_err(internal)?,
            scan_keys.as_mut_ptr(),
        );
        let mut failure = None;
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            match map(&CatalogRow { tuple, desc: (*table).rd_att }) {
                Ok(value) => found.push(value),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(table, pg_sys::AccessShareLock as i32);
        if let Some(error) = failure {
            return Err(error);
        }
    }
    Ok(found)
}

/// The first row, if any.
pub fn row<T>(catalog: Catalog, keys: &[u32], sees: Sees, map: impl Fn(&CatalogRow) -> Result<T>) -> Result<Option<T>> {
    Ok(rows(catalog, keys, sees, map)?.into_iter().next())
}
