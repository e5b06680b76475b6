//! Queries whose answer may be larger than memory: rows come in chunks, and each is lent until the next one is asked
//! for.

use std::ffi::{CString, c_char};
use std::marker::PhantomData;
use std::ptr;

use pgrx::IntoDatum;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::{self, Datum};
use warden_core::error::Result;

use super::call;
use super::compat;
use super::error::internal;
use super::memory::Memory;
use super::spi::{Connection, Param};

/// Rows that are fetched at once: of batches of the log, a few hundred kilobytes.
const CHUNK: i64 = 64;

/// An SPI connection, and the cursors that are open under it. They read, under the snapshot that is active when they are
/// opened, with the rights of whoever opens them.
pub struct Reading(Connection);

impl Reading {
    pub fn begin() -> Result<Self> {
        Connection::open().map(Self)
    }

    pub fn cursor(&self, query: &str, params: &[Param]) -> Result<Cursor<'_>> {
        self.prepare(query, params)?.open(params)
    }

    /// A query that is asked many times. `like`: parameters of the types that it takes.
    pub fn prepare(&self, query: &str, like: &[Param]) -> Result<Prepared<'_>> {
        let text = CString::new(query).map_err(internal)?;
        let mut types: Vec<pg_sys::Oid> = like.iter().map(DatumWithOid::oid).collect();
        let count = i32::try_from(types.len()).map_err(internal)?;
        // SAFETY: connected to SPI by `self`; the text and the types outlive the call.
        let plan = unsafe { pg_sys::SPI_prepare(text.as_ptr(), count, types.as_mut_ptr()) };
        if plan.is_null() {
            return Err(internal("a query that cannot be prepared"));
        }
        Ok(Prepared { plan, reading: PhantomData })
    }
}

/// A plan of the connection, which goes when that is closed.
pub struct Prepared<'c> {
    plan: pg_sys::SPIPlanPtr,
    reading: PhantomData<&'c Reading>,
}

impl<'c> Prepared<'c> {
    /// With parameters of the types that it was prepared for.
    pub fn open(&self, params: &[Param]) -> Result<Cursor<'c>> {
        let (mut values, nulls): (Vec<Datum>, Vec<c_char>) = params
            .iter()
            .map(|param| match param.datum() {
                Some(datum) => (datum.sans_lifetime(), b' ' as c_char),
                None => (Datum::from(0), b'n' as c_char),
            })
            .unzip();
        // SAFETY: the plan is this connection's and takes so many parameters; the arrays outlive the call, which copies.
        let portal =
            unsafe { pg_sys::SPI_cursor_open(ptr::null(), self.plan, values.as_mut_ptr(), nulls.as_ptr(), true) };
        let scratch = Memory::new();
        Ok(Cursor { portal, table: ptr::null_mut(), at: 0, count: 0, is_over: false, scratch, reading: PhantomData })
    }
}

/// Rows one after the other.
pub struct Cursor<'c> {
    portal: pg_sys::Portal,
    table: *mut pg_sys::SPITupleTable,
    at: usize,
    count: usize,
    is_over: bool,
    /// What is fetched for the row at hand.
    scratch: Memory,
    reading: PhantomData<&'c Reading>,
}

impl Cursor<'_> {
    /// Goes to the next row; `false` after the last.
    pub fn advance(&mut self) -> bool {
        self.scratch.reset();
        self.at += 1;
        if self.at >= self.count && !self.is_over {
            self.fetch();
        }
        !self.is_over
    }

    /// The row that [`Cursor::advance`] came to.
    pub fn row(&self) -> Option<Columns<'_>> {
        if self.is_over || self.at >= self.count || self.table.is_null() {
            return None;
        }
        // SAFETY: the table is what the last fetch has given, and has so many rows.
        let (tuple, desc) = unsafe { (*(*self.table).vals.add(self.at), (*self.table).tupdesc) };
        Some(Columns { tuple, desc, scratch: &self.scratch })
    }

    /// The next row.
    pub fn next(&mut self) -> Option<Columns<'_>> {
        self.advance();
        self.row()
    }

    fn fetch(&mut self) {
        self.free();
        // SAFETY: an open portal of this connection, which is the innermost one whenever our code runs; the table that
        // it leaves is ours until it is freed.
        unsafe {
            pg_sys::SPI_cursor_fetch(self.portal, true, CHUNK as _);
            (self.table, self.count) = (pg_sys::SPI_tuptable, pg_sys::SPI_processed as usize);
        }
        self.at = 0;
        self.is_over = self.count == 0;
    }

    fn free(&mut self) {
        if !self.table.is_null() {
            // SAFETY: a table of this connection that nobody has freed.
            unsafe { pg_sys::SPI_freetuptable(self.table) };
            self.table = ptr::null_mut();
        }
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.free();
            // SAFETY: an open portal; on ERROR the abort closes it.
            unsafe { pg_sys::SPI_cursor_close(self.portal) };
        }
    }
}

/// A row, as long as the cursor stands on it.
///
/// A NULL reads as zero or as nothing, and so does a column of another type than is asked for: whoever checks what is
/// stored finds that it does not fit.
#[derive(Clone, Copy)]
pub struct Columns<'r> {
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
    scratch: &'r Memory,
}

impl<'r> Columns<'r> {
    /// Column `ordinal`, from 1, if it is there and of one of the types.
    fn datum(self, ordinal: usize, kinds: &[pg_sys::Oid]) -> Option<Datum> {
        let mut null = false;
        // SAFETY: tuple and descriptor are of the same open table; the ordinal is held against the descriptor.
        unsafe {
            let count = usize::try_from((*self.desc).natts).unwrap_or(0);
            if ordinal == 0 || ordinal > count {
                return None;
            }
            if !kinds.contains(&(*compat::attribute(self.desc, ordinal - 1)).atttypid) {
                return None;
            }
            let datum = pg_sys::SPI_getbinval(self.tuple, self.desc, ordinal as i32, &mut null);
            (!null).then_some(datum)
        }
    }

    pub fn is_null(self, ordinal: usize) -> bool {
        // SAFETY: as in `datum`; SPI says no more than that of an ordinal outside.
        let mut null = true;
        unsafe { pg_sys::SPI_getbinval(self.tuple, self.desc, ordinal as i32, &mut null) };
        null
    }

    /// A bigint or a xid8.
    pub fn long(self, ordinal: usize) -> i64 {
        self.datum(ordinal, &[pg_sys::INT8OID, pg_sys::XID8OID]).map_or(0, |datum| datum.value() as i64)
    }

    pub fn number(self, ordinal: usize) -> u64 {
        self.long(ordinal).cast_unsigned()
    }

    pub fn integer(self, ordinal: usize) -> i32 {
        self.datum(ordinal, &[pg_sys::INT4OID]).map_or(0, |datum| datum.value() as i32)
    }

    /// PostgreSQL microseconds.
    pub fn timestamp(self, ordinal: usize) -> i64 {
        self.datum(ordinal, &[pg_sys::TIMESTAMPTZOID]).map_or(0, |datum| datum.value() as i64)
    }

    pub fn uuid(self, ordinal: usize) -> [u8; 16] {
        // SAFETY: a uuid is 16 bytes in place.
        self.datum(ordinal, &[pg_sys::UUIDOID]).map_or([0; 16], |datum| unsafe { *datum.cast_mut_ptr::<[u8; 16]>() })
    }

    pub fn bytes(self, ordinal: usize) -> &'r [u8] {
        self.optional_bytes(ordinal).unwrap_or_default()
    }

    pub fn optional_bytes(self, ordinal: usize) -> Option<&'r [u8]> {
        self.varlena(ordinal, pg_sys::BYTEAOID)
    }

    pub fn text(self, ordinal: usize) -> &'r str {
        self.optional_text(ordinal).unwrap_or_default()
    }

    pub fn optional_text(self, ordinal: usize) -> Option<&'r str> {
        self.varlena(ordinal, pg_sys::TEXTOID).map(|bytes| std::str::from_utf8(bytes).unwrap_or_default())
    }

    fn varlena(self, ordinal: usize, kind: pg_sys::Oid) -> Option<&'r [u8]> {
        let datum = self.datum(ordinal, &[kind])?;
        // SAFETY: a varlena in the row, or fetched into the scratch memory: both last until the cursor moves on.
        Some(self.scratch.within(|| unsafe { call::bytes(datum) }))
    }
}

/// A transaction's id with its epoch, as a parameter.
pub fn xid8(xid: u64) -> Param<'static> {
    // SAFETY: a xid8 is passed by value, and is such a number.
    unsafe { DatumWithOid::new(Wide(xid), pg_sys::XID8OID) }
}

struct Wide(u64);

impl IntoDatum for Wide {
    fn into_datum(self) -> Option<Datum> {
        Some(Datum::from(self.0))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::XID8OID
    }
}
