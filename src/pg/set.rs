//! Functions that return a set: their rows go into PostgreSQL's tuplestore, which lies on disk where it is large.

use std::cell::Cell;

use pgrx::pg_sys::{self, Datum};
use warden_core::error::Result;

use super::call::Call;
use super::error::internal;
use super::memory::Memory;

/// Rows between two looks whether the caller wants to stop.
const STRIDE: u32 = 256;

/// The rows that a call gives.
pub struct Rows {
    store: *mut pg_sys::Tuplestorestate,
    desc: pg_sys::TupleDesc,
    columns: usize,
    /// What a row is made of, until it is in the store.
    scratch: Memory,
    count: Cell<u32>,
}

impl Rows {
    /// Of a function whose rows have several columns, as its declaration says.
    pub fn of_rows(call: Call) -> Result<Self> {
        Self::begin(call, 0)
    }

    /// Of a function that gives a set of single values.
    pub fn of_values(call: Call) -> Result<Self> {
        Self::begin(call, pg_sys::MAT_SRF_USE_EXPECTED_DESC)
    }

    fn begin(call: Call, flags: u32) -> Result<Self> {
        // SAFETY: a valid call of a set-returning function; whoever cannot take a set gets PostgreSQL's own error. Store
        // and descriptor live as long as the query.
        let (store, desc, columns) = unsafe {
            pg_sys::InitMaterializedSRF(call.info(), flags);
            let result = (*call.info()).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            let desc = (*result).setDesc;
            ((*result).setResult, desc, (*desc).natts)
        };
        let columns = usize::try_from(columns).map_err(internal)?;
        Ok(Self { store, desc, columns, scratch: Memory::new(), count: Cell::new(0) })
    }

    /// One row: `make` allocates in memory that is given back at once.
    pub fn put<const N: usize>(&self, make: impl FnOnce() -> [Option<Datum>; N]) -> Result<()> {
        if N != self.columns {
            return Err(internal(format!("{N} columns instead of {}", self.columns)));
        }
        let row = self.scratch.within(make);
        let mut values = row.map(|value| value.unwrap_or(Datum::from(0)));
        let mut nulls = row.map(|value| value.is_none());
        // SAFETY: as many values as the descriptor has columns, of its types by the declaration of the function; the
        // store copies them.
        unsafe { pg_sys::tuplestore_putvalues(self.store, self.desc, values.as_mut_ptr(), nulls.as_mut_ptr()) };
        self.scratch.reset();
        self.count.set(self.count.get().wrapping_add(1));
        if self.count.get().is_multiple_of(STRIDE) {
            pg_sys::check_for_interrupts!();
        }
        Ok(())
    }

    /// The answer of the function itself.
    pub fn end(self) -> Result<Option<Datum>> {
        Ok(None)
    }
}
