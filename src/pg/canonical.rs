//! The columns of a row as text that no setting, locale or search path changes: what a row is recorded as.

use std::cell::RefCell;
use std::ffi::CStr;

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{PgBox, PgMemoryContexts};
use warden_core::audit::{Cell, text};
use warden_core::error::Result;

use super::call;
use super::error::internal;
use super::guc;
use super::trigger::{Layout, Shape, TriggerRow, Values};
use super::typed::FixedSettings;

/// What it takes to print a column. What the commonest types print is made here, byte for byte as their own functions
/// would: a call costs several times as much.
enum Printer {
    /// text and its kin: the bytes themselves.
    Text,
    Boolean,
    Short,
    Integer,
    Long,
    Uuid,
    /// With the type's own function for what is not in years of four digits.
    Date(*mut pg_sys::FmgrInfo),
    Timestamp(*mut pg_sys::FmgrInfo, text::Zone),
    Function(*mut pg_sys::FmgrInfo),
}

/// What the text of a type depends on besides the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    Nothing,
    /// Settings that are variables of this backend.
    Variables,
    /// The search path, a locale, or whatever the function of a type that PostgreSQL does not bring may look at.
    Everything,
}

struct Column {
    /// From 1.
    number: usize,
    layout: Layout,
    printer: Printer,
}

/// The printers of some columns of a table, for as long as its shape stays.
pub struct Columns {
    columns: Vec<Column>,
    needs: Needs,
    /// Whatever the printers keep.
    _memory: PgMemoryContexts,
    scratch: RefCell<(Values, Values)>,
}

/// A change's rows, as far as there are both.
pub struct Cells<'a> {
    pub old: Option<Vec<Cell<'a>>>,
    pub new: Option<Vec<Cell<'a>>>,
}

impl Columns {
    /// Of the columns of these numbers, from 1.
    pub fn new(shape: Shape, numbers: impl IntoIterator<Item = usize>) -> Self {
        // SAFETY: it lives until it is dropped, as what is made in it.
        let mut memory =
            unsafe { PgMemoryContexts::TopMemoryContext.switch_to(|_| PgMemoryContexts::new("pg_warden printers")) };
        let mut needs = Needs::Nothing;
        let columns = numbers
            .into_iter()
            .map(|number| {
                let kind = super::typed::base(shape.kind(number));
                let (printer, own) = printer(kind, &mut memory);
                needs = needs.max(own);
                Column { number, layout: shape.layout(number), printer }
            })
            .collect();
        Self { columns, needs, _memory: memory, scratch: RefCell::default() }
    }

    /// The columns' texts, and NULL. They live in the rows, or in the current memory context.
    ///
    /// # Errors
    /// For what is no UTF-8.
    pub fn cells<'a>(&self, old: Option<TriggerRow>, new: Option<TriggerRow>) -> Result<Cells<'a>> {
        let (before, after) = &mut *self.scratch.try_borrow_mut().map_err(internal)?;
        let _settings = (self.needs == Needs::Variables).then(FixedSettings::take);
        let _everything = (self.needs == Needs::Everything).then(Everything::take);
        let old = old.map(|row| self.print(row, before, None)).transpose()?;
        let known = old.as_deref().map(|cells| (&*before, cells));
        let new = new.map(|row| self.print(row, after, known)).transpose()?;
        Ok(Cells { old, new })
    }

    /// What the row has in common with one that is known is not printed again.
    fn print<'a>(
        &self,
        row: TriggerRow,
        values: &mut Values,
        known: Option<(&Values, &[Cell<'a>])>,
    ) -> Result<Vec<Cell<'a>>> {
        row.deform(values);
        let mut cells = Vec::with_capacity(self.columns.len());
        for (at, Column { number, layout, printer }) in self.columns.iter().enumerate() {
            let Some(datum) = values.get(*number) else {
                cells.push(Cell::Null);
                continue;
            };
            let same = known.and_then(|(others, cells)| {
                let is_same = others.get(*number).is_some_and(|other| layout.is_same(other, datum));
                is_same.then(|| cells.get(at).copied()).flatten()
            });
            cells.push(match same {
                Some(cell) => cell,
                None => Cell::Text(print(printer, datum)?),
            });
        }
        Ok(cells)
    }
}

fn print<'a>(printer: &Printer, datum: Datum) -> Result<&'a str> {
    Ok(match printer {
        Printer::Text => std::str::from_utf8(call::value_bytes(datum)).map_err(internal)?,
        Printer::Boolean => {
            if datum.value() as u8 != 0 {
                "t"
            } else {
                "f"
            }
        }
        Printer::Short => digits((datum.value() as i16).into()),
        Printer::Integer => digits((datum.value() as i32).into()),
        Printer::Long => digits(datum.value() as i64),
        // SAFETY: a uuid is 16 bytes in place.
        Printer::Uuid => uuid(unsafe { &*datum.cast_mut_ptr::<[u8; 16]>() }),
        Printer::Date(function) => match text::date((datum.value() as i32).into()) {
            Some(date) => ascii(&date),
            None => called(*function, datum)?,
        },
        Printer::Timestamp(function, zone) => match text::timestamp(datum.value() as i64, *zone) {
            Some((text, length)) => ascii(&text[..length]),
            None => called(*function, datum)?,
        },
        Printer::Function(function) => called(*function, datum)?,
    })
}

fn called<'a>(function: *mut pg_sys::FmgrInfo, datum: Datum) -> Result<&'a str> {
    // SAFETY: the type's own output function, of a value of the type; a C string of this memory context.
    let bytes = unsafe { CStr::from_ptr(pg_sys::OutputFunctionCall(function, datum)).to_bytes() };
    std::str::from_utf8(bytes).map_err(internal)
}

/// A copy in this memory context of what has been made of ASCII characters alone.
fn ascii<'a>(text: &[u8]) -> &'a str {
    debug_assert!(text.is_ascii());
    // SAFETY: callers write nothing but ASCII, which is UTF-8.
    unsafe { std::str::from_utf8_unchecked(call::lasting(text)) }
}

fn digits<'a>(value: i64) -> &'a str {
    let mut buffer = [0; 20];
    let mut at = buffer.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    ascii(&buffer[at..])
}

fn uuid<'a>(bytes: &[u8; 16]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    ascii(&text)
}

fn printer(kind: Oid, memory: &mut PgMemoryContexts) -> (Printer, Needs) {
    match kind {
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => (Printer::Text, Needs::Nothing),
        pg_sys::BOOLOID => (Printer::Boolean, Needs::Nothing),
        pg_sys::INT2OID => (Printer::Short, Needs::Nothing),
        pg_sys::INT4OID => (Printer::Integer, Needs::Nothing),
        pg_sys::INT8OID => (Printer::Long, Needs::Nothing),
        pg_sys::UUIDOID => (Printer::Uuid, Needs::Nothing),
        pg_sys::DATEOID => (Printer::Date(output(kind, memory)), Needs::Variables),
        pg_sys::TIMESTAMPOID => (Printer::Timestamp(output(kind, memory), text::Zone::None), Needs::Variables),
        pg_sys::TIMESTAMPTZOID => (Printer::Timestamp(output(kind, memory), text::Zone::Utc), Needs::Variables),
        _ => (Printer::Function(output(kind, memory)), needs(kind)),
    }
}

fn output(kind: Oid, memory: &mut PgMemoryContexts) -> *mut pg_sys::FmgrInfo {
    let (mut function, mut is_varlena) = (Oid::INVALID, false);
    // SAFETY: catalog look-ups inside a transaction; the function's state lives in the context that lives as long as
    // the printers.
    unsafe {
        pg_sys::getTypeOutputInfo(kind, &mut function, &mut is_varlena);
        let context = memory.value();
        let info = memory.switch_to(|_| PgBox::<pg_sys::FmgrInfo>::alloc0().into_pg());
        pg_sys::fmgr_info_cxt(function, info, context);
        info
    }
}

fn needs(kind: Oid) -> Needs {
    const NOTHING: [Oid; 9] = [
        pg_sys::UUIDOID,
        pg_sys::BOOLOID,
        pg_sys::NUMERICOID,
        pg_sys::NAMEOID,
        pg_sys::JSONOID,
        pg_sys::JSONBOID,
        pg_sys::OIDOID,
        pg_sys::INETOID,
        pg_sys::CIDROID,
    ];
    // SAFETY: catalog look-ups inside a transaction.
    let (element, is_enum) = unsafe { (pg_sys::get_element_type(kind), pg_sys::type_is_enum(kind)) };
    if element != Oid::INVALID {
        return needs(super::typed::base(element)).max(Needs::Variables);
    }
    if is_enum || NOTHING.contains(&kind) {
        return Needs::Nothing;
    }
    // What names an object prints its schema where the search path hides it; money is the locale's.
    const LOOKS_AROUND: [Oid; 12] = [
        pg_sys::REGCLASSOID,
        pg_sys::REGPROCOID,
        pg_sys::REGPROCEDUREOID,
        pg_sys::REGOPEROID,
        pg_sys::REGOPERATOROID,
        pg_sys::REGTYPEOID,
        pg_sys::REGROLEOID,
        pg_sys::REGNAMESPACEOID,
        pg_sys::REGCONFIGOID,
        pg_sys::REGDICTIONARYOID,
        pg_sys::REGCOLLATIONOID,
        pg_sys::MONEYOID,
    ];
    if super::calls::is_builtin(kind) && !LOOKS_AROUND.contains(&kind) { Needs::Variables } else { Needs::Everything }
}

/// Every setting that a type's output may look at, while it lives.
struct Everything {
    _variables: FixedSettings,
    nest_level: i32,
}

impl Everything {
    fn take() -> Self {
        // SAFETY: the nest level is closed when it is dropped, or by the abort when an ERROR unwinds.
        let nest_level = unsafe { pg_sys::NewGUCNestLevel() };
        for (name, value) in [
            (c"search_path", c"pg_catalog, pg_temp"),
            (c"lc_monetary", c"C"),
            (c"lc_numeric", c"C"),
            (c"xmlbinary", c"base64"),
            (c"quote_all_identifiers", c"off"),
        ] {
            guc::set_saved(name, value);
        }
        Self { _variables: FixedSettings::take(), nest_level }
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the nest level that `take` opened.
            unsafe { pg_sys::AtEOXact_GUC(true, self.nest_level) };
        }
    }
}
