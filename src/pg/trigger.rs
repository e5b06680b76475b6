//! Row triggers: the event, and rows as they are and as they become.

use std::ffi::CStr;
use std::marker::PhantomData;

use pgrx::pg_sys::{self, Datum, Oid};
use warden_core::error::{Result, SqlState, WardenError};

use super::call::Call;
use super::error::internal;

unsafe extern "C-unwind" {
    fn datum_image_eq(one: Datum, other: Datum, by_value: bool, length: i32) -> bool;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Insert,
    Update,
    Delete,
}

/// A firing row trigger, while PostgreSQL runs it.
#[derive(Clone, Copy)]
pub struct RowTrigger(*mut pg_sys::TriggerData);

impl RowTrigger {
    /// # Errors
    /// 0A000 for a call that is no firing of a row trigger of this time.
    pub fn of(call: Call, instead_of: bool) -> Result<Self> {
        let data = call.trigger_data().ok_or_else(misused)?;
        // SAFETY: the node's tag says that it is a TriggerData.
        let event = unsafe { (*data).tg_event };
        let time = if instead_of { pg_sys::TRIGGER_EVENT_INSTEAD } else { pg_sys::TRIGGER_EVENT_BEFORE };
        let fits = event & pg_sys::TRIGGER_EVENT_ROW != 0 && event & pg_sys::TRIGGER_EVENT_TIMINGMASK == time;
        if fits { Ok(Self(data)) } else { Err(misused()) }
    }

    pub fn event(self) -> Event {
        // SAFETY: valid while the trigger fires.
        match unsafe { (*self.0).tg_event } & pg_sys::TRIGGER_EVENT_OPMASK {
            pg_sys::TRIGGER_EVENT_INSERT => Event::Insert,
            pg_sys::TRIGGER_EVENT_DELETE => Event::Delete,
            _ => Event::Update,
        }
    }

    pub fn relation(self) -> Oid {
        // SAFETY: valid while the trigger fires.
        unsafe { (*(*self.0).tg_relation).rd_id }
    }

    /// The columns of the relation that it fires on.
    pub fn shape(self) -> Shape {
        // SAFETY: valid while the trigger fires.
        Shape(unsafe { (*(*self.0).tg_relation).rd_att })
    }

    /// The row as it was; of an INSERT, the row that comes.
    fn first(self) -> TriggerRow {
        // SAFETY: valid while the trigger fires.
        TriggerRow { tuple: unsafe { (*self.0).tg_trigtuple }, shape: self.shape() }
    }

    /// `None` for an INSERT.
    pub fn row_before(self) -> Option<TriggerRow> {
        (self.event() != Event::Insert).then(|| self.first())
    }

    /// `None` for a DELETE.
    pub fn row_after(self) -> Option<TriggerRow> {
        match self.event() {
            Event::Insert => Some(self.first()),
            // SAFETY: valid while the trigger fires.
            Event::Update => Some(TriggerRow { tuple: unsafe { (*self.0).tg_newtuple }, shape: self.shape() }),
            Event::Delete => None,
        }
    }
}

fn misused() -> WardenError {
    WardenError::new(SqlState::FeatureNotSupported, "the function can only be called as the trigger that it is")
}

impl Call {
    fn trigger_data(self) -> Option<*mut pg_sys::TriggerData> {
        // SAFETY: a valid call, whose context is null or a node.
        unsafe {
            let context = self.context();
            (!context.is_null() && (*context).type_ == pg_sys::NodeTag::T_TriggerData).then(|| context.cast())
        }
    }
}

/// The columns of a relation or an answer.
#[derive(Clone, Copy)]
pub struct Shape(pg_sys::TupleDesc);

impl Shape {
    /// Columns, dropped ones included.
    pub fn len(self) -> usize {
        // SAFETY: valid as long as its relation is open.
        unsafe { (*self.0).natts.unsigned_abs() as usize }
    }

    /// The number of a column, from 1; `None` where there is none of that name.
    pub fn number(self, name: &str) -> Option<usize> {
        (1..=self.len()).find(|number| !self.is_dropped(*number) && self.name(*number).to_bytes() == name.as_bytes())
    }

    pub fn name(&self, number: usize) -> &CStr {
        // SAFETY: a name is a C string in place; it lives as long as the descriptor.
        unsafe { CStr::from_ptr((*self.attribute(number)).attname.data.as_ptr()) }
    }

    pub fn is_dropped(self, number: usize) -> bool {
        // SAFETY: as in `attribute`.
        unsafe { (*self.attribute(number)).attisdropped }
    }

    pub fn kind(self, number: usize) -> Oid {
        // SAFETY: as in `attribute`.
        unsafe { (*self.attribute(number)).atttypid }
    }

    /// Whether two values of a column are the same bytes.
    pub fn same(self, number: usize, one: Option<Datum>, other: Option<Datum>) -> bool {
        match (one, other) {
            // SAFETY: both are values of the column.
            (Some(one), Some(other)) => unsafe {
                let attribute = self.attribute(number);
                datum_image_eq(one, other, (*attribute).attbyval, (*attribute).attlen.into())
            },
            (None, None) => true,
            _ => false,
        }
    }

    fn attribute(self, number: usize) -> pg_sys::Form_pg_attribute {
        debug_assert!((1..=self.len()).contains(&number));
        // SAFETY: callers count from 1 to the number of columns.
        unsafe { super::compat::attribute(self.0, number - 1) }
    }
}

/// A row of a firing trigger.
#[derive(Clone, Copy)]
pub struct TriggerRow {
    tuple: pg_sys::HeapTuple,
    shape: Shape,
}

impl TriggerRow {
    pub fn value(self, number: usize) -> Option<Datum> {
        let mut null = false;
        // SAFETY: the tuple has the shape's columns; the value lives as long as the tuple.
        let datum = unsafe { pg_sys::SPI_getbinval(self.tuple, self.shape.0, number as i32, &mut null) };
        (!null).then_some(datum)
    }

    /// The row with other values in some columns.
    ///
    /// # Errors
    /// When PostgreSQL refuses a column's number.
    pub fn with(self, changes: &[(usize, Option<Datum>)]) -> Result<Self> {
        let mut numbers: Vec<i32> = changes.iter().map(|(number, _)| *number as i32).collect();
        let mut values: Vec<Datum> = changes.iter().map(|(_, value)| value.unwrap_or(Datum::from(0))).collect();
        let mut nulls: Vec<bool> = changes.iter().map(|(_, value)| value.is_none()).collect();
        // SAFETY: the three arrays have one element a change; the new tuple lives in the current memory context.
        let tuple = unsafe {
            pg_sys::heap_modify_tuple_by_cols(
                self.tuple,
                self.shape.0,
                changes.len() as i32,
                numbers.as_mut_ptr(),
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            )
        };
        if tuple.is_null() {
            return Err(internal("a row could not be changed"));
        }
        Ok(Self { tuple, shape: self.shape })
    }

    /// A copy that outlives the SPI connection that is open.
    pub fn outliving(self) -> Self {
        // SAFETY: copies the tuple into the memory context that SPI was opened in.
        Self { tuple: unsafe { pg_sys::SPI_copytuple(self.tuple) }, shape: self.shape }
    }

    /// What a trigger function returns.
    pub fn datum(self) -> Datum {
        Datum::from(self.tuple)
    }
}

/// What a trigger function returns to skip the row: a null pointer, which is not NULL.
pub fn skip() -> Datum {
    Datum::from(0)
}

/// The rows that a statement returned, while its SPI connection is open.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    table: *mut pg_sys::SPITupleTable,
    session: PhantomData<&'a ()>,
}

impl Rows<'_> {
    pub(super) fn new(table: *mut pg_sys::SPITupleTable) -> Self {
        Self { table, session: PhantomData }
    }

    pub fn first(self) -> Option<TriggerRow> {
        if self.table.is_null() {
            return None;
        }
        // SAFETY: the open connection's table, which has as many tuples as it says.
        unsafe {
            let table = &*self.table;
            (table.numvals > 0).then(|| TriggerRow { tuple: *table.vals, shape: Shape(table.tupdesc) })
        }
    }
}

/// Whether this transaction, or a savepoint of it, has written the row version of that xmin.
pub fn is_own(xmin: u32) -> bool {
    // SAFETY: a question to this backend's state.
    unsafe { pg_sys::TransactionIdIsCurrentTransactionId(super::compat::transaction_id(xmin)) }
}
