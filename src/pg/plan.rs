//! Statements that run once a row: prepared once, kept for the backend, run with the rights of whoever is current.

use std::ffi::{CString, c_char};

use pgrx::pg_sys::{self, Datum, Oid};
use warden_core::error::Result;

use super::error::internal;
use super::spi::Connection;
use super::trigger::Rows;

unsafe extern "C-unwind" {
    fn SPI_freeplan(plan: pg_sys::SPIPlanPtr) -> i32;
}

/// A statement that PostgreSQL has prepared, and prepares anew by itself when what it stands on changes.
pub struct Plan {
    plan: pg_sys::SPIPlanPtr,
}

/// One parameter.
pub type Argument = Option<Datum>;

/// A connection to SPI: everything that is asked lives until it is closed.
pub struct Session(Connection);

impl Session {
    pub fn open() -> Result<Self> {
        Connection::open().map(Self)
    }

    pub fn prepare(&self, statement: &str, types: &[Oid]) -> Result<Plan> {
        let text = CString::new(statement).map_err(internal)?;
        let mut types = types.to_vec();
        // SAFETY: connected; the array has as many types as it says. A kept plan lives until it is freed.
        let plan = unsafe {
            let plan = pg_sys::SPI_prepare(text.as_ptr(), types.len() as i32, types.as_mut_ptr());
            if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                return Err(internal("a statement could not be prepared"));
            }
            plan
        };
        Ok(Plan { plan })
    }

    /// Runs the plan; the rows that it touched, and those that it returned.
    pub fn run(&self, plan: &Plan, arguments: &[Argument]) -> Result<(u64, Rows<'_>)> {
        let mut nulls: Vec<c_char> =
            arguments.iter().map(|argument| if argument.is_some() { b' ' } else { b'n' } as c_char).collect();
        let mut values: Vec<Datum> = arguments.iter().map(|argument| argument.unwrap_or(Datum::from(0))).collect();
        // SAFETY: connected; the arrays have one element a parameter; SPI sets table and count after every execution,
        // and the table lives until the connection is closed.
        unsafe {
            let status = pg_sys::SPI_execute_plan(plan.plan, values.as_mut_ptr(), nulls.as_mut_ptr(), false, 0);
            if status < 0 {
                return Err(internal(format!("a statement ended with {status}")));
            }
            Ok((pg_sys::SPI_processed, Rows::new(pg_sys::SPI_tuptable)))
        }
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: a kept plan, freed once; one that runs now is held by its own reference. It raises nothing, and may be
        // called as the process ends.
        unsafe { SPI_freeplan(self.plan) };
    }
}
