//! Rows of the extension's own tables, written many at a time: one lock, one look at each page, one WAL record for what
//! fits on it.

use pgrx::pg_sys::{self, Datum, Oid};
use warden_core::error::{Result, SqlState, WardenError};

use super::call::Varlena;
use super::memory::Memory;
use super::spi;

/// A column's value.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Short(i16),
    Integer(i32),
    /// bigint and xid8.
    Long(u64),
    Uuid(&'a [u8; 16]),
    Bytes(&'a [u8]),
}

/// Bytes of a row of which no part is stored elsewhere, in tables with a `toast_tuple_target` of a whole page.
const IN_LINE: usize = 7_500;

/// What a table of these columns takes in one go. More would hold more memory than it saves work.
const MOST: usize = 256;

/// Appends rows to a plain table, its indexes included. No trigger of it fires, no constraint but its unique indexes is
/// checked: for tables that the extension alone writes, and which keep a row of up to a page whole
/// (`toast_tuple_target`).
///
/// # Errors
/// 54000 for a value above what PostgreSQL keeps in a row.
pub fn insert<const N: usize>(table: Oid, rows: &[[Value; N]]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let table = Table::open(table);
    // PostgreSQL tells where a row has got to by the row that it was given, unless it has stored parts of it elsewhere:
    // such a row goes by itself, by a way that tells.
    for rows in rows.chunk_by(|one, next| is_large(one) == is_large(next)) {
        match rows {
            [first, ..] if is_large(first) => rows.iter().try_for_each(|row| table.insert_alone(row))?,
            _ => rows.chunks(MOST).try_for_each(|rows| table.insert(rows))?,
        }
    }
    Ok(())
}

fn is_large(row: &[Value]) -> bool {
    let bytes = |value: &Value| if let Value::Bytes(bytes) = value { bytes.len() } else { 16 };
    row.iter().map(bytes).sum::<usize>() > IN_LINE
}

struct Table {
    relation: pg_sys::Relation,
    indexes: pg_sys::CatalogIndexState,
}

impl Table {
    fn open(table: Oid) -> Self {
        // SAFETY: inside a transaction that may write; an OID that is no table is an ERROR. The indexes are plain ones,
        // as those that this machinery is made for.
        unsafe {
            let relation = pg_sys::table_open(table, pg_sys::RowExclusiveLock as i32);
            Self { relation, indexes: pg_sys::CatalogOpenIndexes(relation) }
        }
    }

    fn insert<const N: usize>(&self, rows: &[[Value; N]]) -> Result<()> {
        Memory::new().within(|| self.insert_from_here(rows))
    }

    fn insert_alone<const N: usize>(&self, row: &[Value; N]) -> Result<()> {
        let insert = || {
            let tuple = self.form(row)?;
            // SAFETY: a tuple of the relation, whose indexes these are.
            unsafe { pg_sys::CatalogTupleInsertWithInfo(self.relation, tuple, self.indexes) };
            Ok(())
        };
        // What is stored elsewhere may look for a snapshot, and at commit there is none.
        spi::with_snapshot(|| Memory::new().within(insert))
    }

    /// In the current memory context.
    fn form<const N: usize>(&self, row: &[Value; N]) -> Result<pg_sys::HeapTuple> {
        let mut values = [Datum::from(0); N];
        for (datum, value) in values.iter_mut().zip(row) {
            *datum = made(value)?;
        }
        let mut nulls = [false; N];
        // SAFETY: the relation is open, and its descriptor lives as long as it; one element of each array a column, as
        // the callers' tables have them.
        unsafe {
            let shape = (*self.relation).rd_att;
            debug_assert_eq!((*shape).natts.unsigned_abs() as usize, N);
            Ok(pg_sys::heap_form_tuple(shape, values.as_mut_ptr(), nulls.as_mut_ptr()))
        }
    }

    /// In a memory context that goes afterwards.
    fn insert_from_here<const N: usize>(&self, rows: &[[Value; N]]) -> Result<()> {
        let mut slots = Vec::with_capacity(rows.len());
        for row in rows {
            let tuple = self.form(row)?;
            // SAFETY: the tuple is of the open relation and lives in this memory context; the slot keeps no more than its
            // address.
            unsafe {
                let slot =
                    pg_sys::MakeSingleTupleTableSlot((*self.relation).rd_att, &raw const pg_sys::TTSOpsHeapTuple);
                pg_sys::ExecStoreHeapTuple(tuple, slot, false);
                slots.push(slot);
            }
        }
        // SAFETY: as many slots as it is told, each with a tuple of the relation; dropping one releases its pin on the
        // descriptor, the memory goes with the context.
        unsafe {
            pg_sys::CatalogTuplesMultiInsertWithInfo(
                self.relation,
                slots.as_mut_ptr(),
                slots.len() as i32,
                self.indexes,
            );
            slots.into_iter().for_each(|slot| pg_sys::ExecDropSingleTupleTableSlot(slot));
        }
        Ok(())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: what `open` opened, the lock kept until the transaction ends; on ERROR the abort closes them.
            unsafe {
                pg_sys::CatalogCloseIndexes(self.indexes);
                pg_sys::table_close(self.relation, pg_sys::NoLock as i32);
            }
        }
    }
}

fn made(value: &Value) -> Result<Datum> {
    Ok(match value {
        Value::Short(short) => Datum::from(*short),
        Value::Integer(integer) => Datum::from(*integer),
        Value::Long(long) => Datum::from(*long as usize),
        Value::Uuid(uuid) => Datum::from(uuid.as_ptr()),
        Value::Bytes(bytes) => Varlena::copy_of(bytes)
            .ok_or_else(|| {
                WardenError::new(SqlState::ProgramLimitExceeded, "a row is too large to be recorded")
                    .detail("Its old and new values together are above 1 GB.")
                    .hint("Leave its largest columns out, or redact them: warden.audit with exclude or redact.")
            })?
            .datum(),
    })
}
