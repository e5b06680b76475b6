//! Row triggers: the event, and rows as they are and as they become.

use std::ffi::CStr;
use std::marker::PhantomData;

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::varlena;
use warden_core::error::{Result, SqlState, WardenError};

use super::call::Call;
use super::error::internal;

unsafe extern "C-unwind" {
    fn datum_image_eq(one: Datum, other: Datum, by_value: bool, length: i32) -> bool;
    // Called as C calls them, a few times a row, since they raise nothing: a guard costs more than they do.
    fn heap_deform_tuple(tuple: pg_sys::HeapTuple, shape: pg_sys::TupleDesc, values: *mut Datum, nulls: *mut bool);
    fn SPI_getbinval(tuple: pg_sys::HeapTuple, shape: pg_sys::TupleDesc, number: i32, null: *mut bool) -> Datum;
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

    /// One that fires after the row was stored.
    ///
    /// # Errors
    /// 0A000 for any other call.
    pub fn after(call: Call) -> Result<Self> {
        let data = call.trigger_data().ok_or_else(misused)?;
        // SAFETY: the node's tag says that it is a TriggerData.
        let event = unsafe { (*data).tg_event };
        let fits = event & pg_sys::TRIGGER_EVENT_ROW != 0
            && event & pg_sys::TRIGGER_EVENT_TIMINGMASK == pg_sys::TRIGGER_EVENT_AFTER;
        if fits { Ok(Self(data)) } else { Err(misused()) }
    }

    /// The trigger's own name.
    pub fn name(&self) -> &CStr {
        trigger_name(self.0)
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

/// A TRUNCATE that has been done: the table, and the trigger's own name.
///
/// # Errors
/// 0A000 for any other call.
pub fn truncated<'a>(call: Call) -> Result<(Oid, &'a CStr)> {
    let data = call.trigger_data().ok_or_else(misused)?;
    // SAFETY: the node's tag says that it is a TriggerData, valid while the trigger fires.
    let (event, relation) = unsafe { ((*data).tg_event, (*(*data).tg_relation).rd_id) };
    let fits = event & pg_sys::TRIGGER_EVENT_ROW == 0
        && event & pg_sys::TRIGGER_EVENT_TIMINGMASK == pg_sys::TRIGGER_EVENT_AFTER
        && event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_TRUNCATE;
    if fits { Ok((relation, trigger_name(data))) } else { Err(misused()) }
}

fn trigger_name<'a>(data: *mut pg_sys::TriggerData) -> &'a CStr {
    // SAFETY: callers hold a firing trigger, whose definition lives as long as it fires.
    unsafe { CStr::from_ptr((*(*data).tg_trigger).tgname) }
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

    pub(super) fn layout(self, number: usize) -> Layout {
        // SAFETY: as in `attribute`.
        unsafe {
            let attribute = self.attribute(number);
            Layout { is_by_value: (*attribute).attbyval, length: (*attribute).attlen }
        }
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

/// How the values of a column lie in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    is_by_value: bool,
    /// Bytes of each; -1: each says itself how many it has, -2: up to a NUL.
    length: i16,
}

impl Layout {
    /// Whether two values are the same, as far as the bytes at hand show it: nothing is fetched or decompressed.
    pub(super) fn is_same(self, one: Datum, other: Datum) -> bool {
        if self.is_by_value {
            return one == other;
        }
        // SAFETY: both are values of a column of this layout.
        match self.length {
            1.. => unsafe {
                stored(one, self.length.unsigned_abs().into()) == stored(other, self.length.unsigned_abs().into())
            },
            // SAFETY: as above; each says itself how long it is.
            -1 => unsafe { stored(one, size(one)) == stored(other, size(other)) },
            _ => false,
        }
    }
}

/// # Safety
/// A pointer to so many bytes.
unsafe fn stored<'a>(datum: Datum, length: usize) -> &'a [u8] {
    // SAFETY: by the caller's promise.
    unsafe { std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), length) }
}

/// # Safety
/// A varlena, in whatever form.
unsafe fn size(datum: Datum) -> usize {
    // SAFETY: by the caller's promise.
    unsafe { varlena::varsize_any(datum.cast_mut_ptr()) }
}

/// The values of a row's columns.
#[derive(Debug, Default)]
pub(super) struct Values {
    values: Vec<Datum>,
    nulls: Vec<bool>,
}

impl Values {
    /// Of the column of this number, from 1; `None` for NULL.
    pub(super) fn get(&self, number: usize) -> Option<Datum> {
        let at = number - 1;
        let is_there = self.nulls.get(at) == Some(&false);
        is_there.then(|| self.values.get(at).copied()).flatten()
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
        let datum = unsafe { SPI_getbinval(self.tuple, self.shape.0, number as i32, &mut null) };
        (!null).then_some(datum)
    }

    /// The value of a column that is a uuid, or a domain over it.
    pub fn uuid(self, number: usize) -> Option<[u8; 16]> {
        // SAFETY: callers ask for columns of that type alone, which is 16 bytes in place.
        self.value(number).map(|datum| unsafe { *datum.cast_mut_ptr::<[u8; 16]>() })
    }

    /// All values at once. They live as long as the row.
    pub(super) fn deform(self, into: &mut Values) {
        into.values.resize(self.shape.len(), Datum::from(0));
        into.nulls.resize(self.shape.len(), true);
        // SAFETY: one element of each array a column; the values live as long as the tuple.
        unsafe { heap_deform_tuple(self.tuple, self.shape.0, into.values.as_mut_ptr(), into.nulls.as_mut_ptr()) };
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
