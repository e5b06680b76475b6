//! Values of any type as text, and back: the same text whatever the session's settings are.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int};

use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{PgSqlErrorCode, PgTryBuilder};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::TenantId;

use super::backend::BackendCell;
use super::call::{self, Varlena};
use super::error::internal;

pub const JSONB: Oid = pg_sys::JSONBOID;

/// What a domain stands on; the type itself where it is none.
pub fn base(kind: Oid) -> Oid {
    // SAFETY: a catalog look-up inside a transaction.
    unsafe { pg_sys::getBaseType(kind) }
}

/// Types whose text depends on nothing but the value, [`with_fixed_settings`] given. A label of an enum may be renamed,
/// a float may print in fewer digits than it has, and what somebody else made may print anything.
const STEADY: [Oid; 15] = [
    pg_sys::UUIDOID,
    pg_sys::INT2OID,
    pg_sys::INT4OID,
    pg_sys::INT8OID,
    pg_sys::TEXTOID,
    pg_sys::VARCHAROID,
    pg_sys::BPCHAROID,
    pg_sys::NAMEOID,
    pg_sys::NUMERICOID,
    pg_sys::BOOLOID,
    pg_sys::OIDOID,
    pg_sys::DATEOID,
    pg_sys::TIMESTAMPOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::BYTEAOID,
];

/// Whether the value of such a column always has the same text.
pub fn is_steady(kind: Oid) -> bool {
    STEADY.contains(&base(kind))
}

/// The text of a value. Of text and bytea, the bytes themselves; of json and jsonb, what they print.
///
/// What is lent lives as long as the value, or in the current memory context.
///
/// # Errors
/// For a type without an output function.
pub fn text<'a>(datum: Datum, kind: Oid) -> Result<Cow<'a, [u8]>> {
    let kind = base(kind);
    // SAFETY: the datum is of the type, as its caller read it from a row or a call of that type.
    unsafe {
        Ok(match kind {
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID | pg_sys::BYTEAOID => {
                Cow::Borrowed(call::bytes(datum))
            }
            pg_sys::INT8OID => Cow::Owned((datum.value() as i64).to_string().into_bytes()),
            pg_sys::INT4OID => Cow::Owned((datum.value() as i32).to_string().into_bytes()),
            pg_sys::INT2OID => Cow::Owned((datum.value() as i16).to_string().into_bytes()),
            pg_sys::UUIDOID => Cow::Owned(TenantId(*datum.cast_mut_ptr::<[u8; 16]>()).to_string().into_bytes()),
            pg_sys::DATEOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => {
                let _fixed = FixedSettings::take();
                printed(datum, kind)
            }
            _ => printed(datum, kind),
        })
    }
}

/// # Safety
/// The datum is of the type.
unsafe fn printed<'a>(datum: Datum, kind: Oid) -> Cow<'a, [u8]> {
    let (mut function, mut is_varlena) = (Oid::INVALID, false);
    // SAFETY: by the caller's promise; the answer is a C string of this memory context.
    unsafe {
        pg_sys::getTypeOutputInfo(kind, &mut function, &mut is_varlena);
        Cow::Borrowed(CStr::from_ptr(pg_sys::OidOutputFunctionCall(function, datum)).to_bytes())
    }
}

/// A value of the type from its text, as [`text`] gave it.
///
/// # Errors
/// 22P02 for text that is no value of the type, 22001 for what is too long for it: PostgreSQL's own error would tell
/// what it says.
pub fn value(text: &[u8], kind: Oid, modifier: i32) -> Result<Datum> {
    let is_plain = matches!(kind, pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BYTEAOID);
    if is_plain && (modifier < 0 || kind == pg_sys::BYTEAOID) {
        return Varlena::copy_of(text).map(Varlena::datum).ok_or_else(|| internal("a value above 1 GB"));
    }
    if text.contains(&0) {
        return Err(not_of_the_type());
    }
    let text = call::new_cstring(text);
    let (mut function, mut parameter) = (Oid::INVALID, Oid::INVALID);
    // SAFETY: a catalog look-up inside a transaction.
    unsafe { pg_sys::getTypeInputInfo(kind, &mut function, &mut parameter) };
    PgTryBuilder::new(|| {
        // SAFETY: a C string of this memory context, and the type's own input function: one of PostgreSQL's own types,
        // which holds no other resource than memory, so that its ERROR may be caught without a subtransaction.
        Ok(unsafe { pg_sys::OidInputFunctionCall(function, text.cast_mut_ptr::<c_char>(), parameter, modifier) })
    })
    .catch_when(PgSqlErrorCode::ERRCODE_STRING_DATA_RIGHT_TRUNCATION, |_| {
        Err(WardenError::new(SqlState::StringTooLong, "the value is too long for the column's type"))
    })
    .catch_when(PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION, |_| Err(not_of_the_type()))
    .catch_when(PgSqlErrorCode::ERRCODE_INVALID_DATETIME_FORMAT, |_| Err(not_of_the_type()))
    .catch_when(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, |_| Err(not_of_the_type()))
    .catch_when(PgSqlErrorCode::ERRCODE_INVALID_TIME_ZONE_DISPLACEMENT_VALUE, |_| Err(not_of_the_type()))
    .catch_when(PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, |_| Err(not_of_the_type()))
    .catch_when(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, |_| Err(not_of_the_type()))
    .catch_when(PgSqlErrorCode::ERRCODE_UNTRANSLATABLE_CHARACTER, |_| Err(not_of_the_type()))
    .catch_when(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, |_| Err(not_of_the_type()))
    .execute()
}

/// The jsonb of a text; `None` where there is none, or it would be larger than PostgreSQL's limits.
pub fn jsonb(text: &str) -> Option<Datum> {
    /// The first two digits of an SQLSTATE, as PostgreSQL packs it.
    const CLASS: i32 = (1 << 12) - 1;
    if text.contains('\0') {
        return None;
    }
    let text = call::new_cstring(text.as_bytes());
    PgTryBuilder::new(|| {
        let (mut function, mut parameter) = (Oid::INVALID, Oid::INVALID);
        // SAFETY: a C string of this memory context, and an input function that holds no other resource than memory, so
        // that its ERROR may be caught without a subtransaction.
        unsafe {
            pg_sys::getTypeInputInfo(pg_sys::JSONBOID, &mut function, &mut parameter);
            Some(pg_sys::OidInputFunctionCall(function, text.cast_mut_ptr::<c_char>(), parameter, -1))
        }
    })
    .catch_others(|caught| {
        let code = match &caught {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => report.sql_error_code(),
            CaughtError::RustPanic { .. } => caught.rethrow(),
        };
        let class = code as i32 & CLASS;
        let is_the_values = [PgSqlErrorCode::ERRCODE_DATA_EXCEPTION, PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED];
        if is_the_values.into_iter().any(|own| own as i32 == class) { None } else { caught.rethrow() }
    })
    .execute()
}

fn not_of_the_type() -> WardenError {
    WardenError::new(SqlState::InvalidText, "the value is not of the column's type")
}

/// One of PostgreSQL's own types.
///
/// # Errors
/// When there is none of that name.
pub fn named(name: &str) -> Result<Oid> {
    let name = std::ffi::CString::new(name).map_err(internal)?;
    // SAFETY: a syscache look-up inside a transaction, by name and the OID of pg_catalog.
    let found = unsafe {
        pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::TYPENAMENSP as i32,
            pg_sys::Anum_pg_type_oid as pg_sys::AttrNumber,
            Datum::from(name.as_ptr()),
            Datum::from(pg_sys::Oid::from_u32(pg_sys::PG_CATALOG_NAMESPACE)),
            Datum::from(0),
            Datum::from(0),
        )
    };
    if found == Oid::INVALID { Err(internal("a type that is not there")) } else { Ok(found) }
}

unsafe extern "C" {
    static mut bytea_output: c_int;
}

/// ISO dates in UTC, intervals as PostgreSQL writes them, every digit of a float, bytes in hexadecimal, while it lives.
/// The variables behind the settings, since the settings' own machinery costs more than the row: they come back on an
/// ERROR too, which unwinds.
pub(super) struct FixedSettings {
    style: c_int,
    order: c_int,
    zone: *mut pg_sys::pg_tz,
    intervals: c_int,
    digits: c_int,
    bytes: c_int,
}

/// `BYTEA_OUTPUT_HEX`.
const HEXADECIMAL: c_int = 1;

impl FixedSettings {
    pub(super) fn take() -> Self {
        // SAFETY: reads and writes this backend's variables; UTC is a time zone that PostgreSQL always knows.
        unsafe {
            let before = Self {
                style: pg_sys::DateStyle,
                order: pg_sys::DateOrder,
                zone: pg_sys::session_timezone,
                intervals: pg_sys::IntervalStyle,
                digits: pg_sys::extra_float_digits,
                bytes: bytea_output,
            };
            let utc = utc();
            pg_sys::DateStyle = pg_sys::USE_ISO_DATES as c_int;
            pg_sys::DateOrder = pg_sys::DATEORDER_MDY as c_int;
            pg_sys::IntervalStyle = pg_sys::INTSTYLE_POSTGRES as c_int;
            pg_sys::extra_float_digits = 1;
            bytea_output = HEXADECIMAL;
            if !utc.is_null() {
                pg_sys::session_timezone = utc;
            }
            before
        }
    }
}

/// What has been found stays as long as the process.
fn utc() -> *mut pg_sys::pg_tz {
    static UTC: BackendCell<*mut pg_sys::pg_tz> = BackendCell::new(std::ptr::null_mut());
    if UTC.get().is_null() {
        // SAFETY: a look-up by name, which keeps every zone that it has found.
        UTC.set(unsafe { pg_sys::pg_tzset(c"UTC".as_ptr()) });
    }
    UTC.get()
}

impl Drop for FixedSettings {
    fn drop(&mut self) {
        // SAFETY: puts back what `take` read.
        unsafe {
            pg_sys::DateStyle = self.style;
            pg_sys::DateOrder = self.order;
            pg_sys::session_timezone = self.zone;
            pg_sys::IntervalStyle = self.intervals;
            pg_sys::extra_float_digits = self.digits;
            bytea_output = self.bytes;
        }
    }
}
