//! SQL from inside: as the caller, or as the extension's owner with a pinned search path.

use std::ffi::{CString, c_char};

use pgrx::datum::DatumWithOid;
use pgrx::{FromDatum, IntoDatum, pg_sys};
use warden_core::error::Result;

use super::error::internal;
use super::role;

pub type Param<'a> = DatumWithOid<'a>;

/// One row of an answer, while the SPI connection that gave it is open.
#[derive(Clone, Copy)]
pub struct Row {
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
}

impl Row {
    /// Column `ordinal`, from 1.
    pub fn get<T: FromDatum + IntoDatum>(&self, ordinal: i32) -> Result<Option<T>> {
        let mut null = false;
        // SAFETY: tuple and descriptor belong to the open SPI connection's tuple table; SPI checks the ordinal.
        let (datum, oid) = unsafe {
            (
                pg_sys::SPI_getbinval(self.tuple, self.desc, ordinal, &mut null),
                pg_sys::SPI_gettypeid(self.desc, ordinal),
            )
        };
        if !T::is_compatible_with(oid) {
            return Err(internal(format!("column {ordinal} has type {}", oid.to_u32())));
        }
        // SAFETY: the datum is of a type that T reads, as checked above; T copies what it keeps.
        Ok(unsafe { T::from_datum(datum, null) })
    }

    /// A column that the query promises to fill.
    pub fn need<T: FromDatum + IntoDatum>(&self, ordinal: i32) -> Result<T> {
        self.get(ordinal)?.ok_or_else(|| internal(format!("column {ordinal} is null")))
    }
}

/// Runs a statement and maps its rows; it sees the transaction's own changes.
pub fn rows<T>(query: &str, params: &[Param], map: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    run(query, params, Sees::OwnChanges, map).map(|(rows, _)| rows)
}

/// The first row, if any.
pub fn row<T>(query: &str, params: &[Param], map: impl Fn(&Row) -> Result<T>) -> Result<Option<T>> {
    Ok(rows(query, params, map)?.into_iter().next())
}

/// The single value of a query that gives one row with one column.
pub fn value<T: FromDatum + IntoDatum>(query: &str, params: &[Param]) -> Result<Option<T>> {
    Ok(row(query, params, |r| r.get::<T>(1))?.flatten())
}

/// Runs a statement; the number of rows that it touched.
pub fn execute(statement: &str, params: &[Param]) -> Result<u64> {
    run(statement, params, Sees::OwnChanges, |_| Ok(())).map(|(_, touched)| touched)
}

/// Rows of a query that changes nothing, under the active snapshot.
pub fn read<T>(query: &str, params: &[Param], map: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    run(query, params, Sees::ActiveSnapshot, map).map(|(rows, _)| rows)
}

#[derive(Clone, Copy, PartialEq)]
enum Sees {
    OwnChanges,
    ActiveSnapshot,
}

fn run<T>(statement: &str, params: &[Param], sees: Sees, map: impl Fn(&Row) -> Result<T>) -> Result<(Vec<T>, u64)> {
    let text = CString::new(statement).map_err(internal)?;
    let mut types: Vec<pg_sys::Oid> = params.iter().map(DatumWithOid::oid).collect();
    let mut nulls = Vec::with_capacity(params.len());
    let mut values = Vec::with_capacity(params.len());
    for param in params {
        let datum = param.datum();
        nulls.push(if datum.is_some() { b' ' } else { b'n' } as c_char);
        values.push(datum.map_or(pg_sys::Datum::from(0), |d| d.sans_lifetime()));
    }
    let count = i32::try_from(params.len()).map_err(internal)?;
    let _connection = Connection::open()?;
    // SAFETY: connected to SPI; the three arrays have one element a parameter and outlive the call.
    let status = unsafe {
        pg_sys::SPI_execute_with_args(
            text.as_ptr(),
            count,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            nulls.as_ptr(),
            sees == Sees::ActiveSnapshot,
            0,
        )
    };
    if status < 0 {
        return Err(internal(format!("a statement ended with {status}")));
    }
    // SAFETY: SPI sets both after every execution; the table, if any, lives until the connection is closed.
    let (table, touched) = unsafe { (pg_sys::SPI_tuptable, pg_sys::SPI_processed) };
    let mut out = Vec::new();
    if !table.is_null() {
        // SAFETY: not null, and this connection's.
        let (desc, count, tuples) = unsafe { ((*table).tupdesc, (*table).numvals as usize, (*table).vals) };
        for at in 0..count {
            // SAFETY: `at` is below the number of tuples in the table.
            let tuple = unsafe { *tuples.add(at) };
            out.push(map(&Row { tuple, desc })?);
        }
    }
    Ok((out, touched))
}

/// An SPI connection, closed when it is dropped.
pub(super) struct Connection;

impl Connection {
    pub(super) fn open() -> Result<Self> {
        // SAFETY: inside a transaction, as every exported function and hook that gets here is.
        match unsafe { pg_sys::SPI_connect() } {
            status if status == pg_sys::SPI_OK_CONNECT as i32 => Ok(Self),
            status => Err(internal(format!("SPI_connect gave {status}"))),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: closes the connection that `open` made; on ERROR the abort does it.
            unsafe { pg_sys::SPI_finish() };
        }
    }
}

/// Runs `work` as the extension's owner, search path pinned; both return to what they were, on error too.
pub fn as_owner<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _owner = Owner::take()?;
    work()
}

/// Runs `work` with the rights of a table's owner, as maintenance commands run a table's own code: it can change no
/// setting of the session and leave nothing behind.
pub fn as_table_owner<T>(owner: pg_sys::Oid, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _owner = Owner::become_user(owner, pg_sys::SECURITY_RESTRICTED_OPERATION as i32);
    work()
}

/// Reads a table's rows with the rights of its owner, policies that bind the owner too left aside, as the checks of
/// foreign keys do. For tables whose code is known: what its owner hung there would see all rows. As in
/// [`as_owner_latest`], [`read`] sees what has been committed by now.
pub fn as_reading_owner<T>(owner: pg_sys::Oid, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let restricted = pg_sys::SECURITY_RESTRICTED_OPERATION | pg_sys::SECURITY_NOFORCE_RLS;
    let _owner = Owner::become_user(owner, restricted as i32);
    let _snapshot = Latest::push();
    work()
}

/// As [`as_owner`], and [`read`] sees what has been committed by now whatever the transaction's own snapshot is: a
/// cache that is filled with an old snapshot would keep the old value as fresh. Not in parallel mode.
pub fn as_owner_latest<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _owner = Owner::take()?;
    let _snapshot = Latest::push();
    work()
}

/// The caller's identity and search path, put back when it is dropped.
struct Owner {
    user: pg_sys::Oid,
    security: i32,
    nest_level: i32,
}

impl Owner {
    fn take() -> Result<Self> {
        Ok(Self::become_user(role::extension_owner()?, 0))
    }

    fn become_user(owner: pg_sys::Oid, more_security: i32) -> Self {
        let (mut user, mut security) = (pg_sys::Oid::INVALID, 0);
        // SAFETY: plain reads and writes of this backend's identity; the nest level is closed in Drop, or by the
        // transaction's abort when an ERROR unwinds.
        let nest_level = unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut security);
            let nest_level = pg_sys::NewGUCNestLevel();
            let security = security | more_security | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32;
            pg_sys::SetUserIdAndSecContext(owner, security);
            nest_level
        };
        let taken = Self { user, security, nest_level };
        // Estimates of recursive questions to the catalogs are so high that compiling would take longer than asking.
        for (name, value) in [(c"search_path", c"pg_catalog, pg_temp"), (c"row_security", c"on"), (c"jit", c"off")] {
            super::guc::set_saved(name, value);
        }
        taken
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // An ERROR is on its way: the (sub)transaction's abort restores identity and settings.
            return;
        }
        // SAFETY: the nest level and the identity are those that `take` saved, in the reverse order.
        unsafe {
            pg_sys::AtEOXact_GUC(true, self.nest_level);
            pg_sys::SetUserIdAndSecContext(self.user, self.security);
        }
    }
}

/// For statements outside of any: at commit, no snapshot is active.
pub fn with_snapshot<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _snapshot = Latest::push();
    work()
}

struct Latest;

impl Latest {
    fn push() -> Self {
        // SAFETY: inside a transaction and not in parallel mode (callers check), where a latest snapshot may be taken.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
        Self
    }
}

impl Drop for Latest {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: pops the snapshot that `push` pushed; on ERROR the abort pops it.
            unsafe { pg_sys::PopActiveSnapshot() };
        }
    }
}
