//! SQL functions as PostgreSQL calls them (version 1): for those that are called once a row, where the detour of an
//! exported Rust function would cost as much as the work, and for those whose arguments have any type.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys::{self, Datum};
use pgrx::varlena;
use warden_core::error::Result;

unsafe extern "C-unwind" {
    fn palloc_extended(size: usize, flags: i32) -> *mut u8;
    fn hash_bytes(key: *const u8, length: i32) -> u32;
    fn hash_bytes_extended(key: *const u8, length: i32, seed: u64) -> u64;
}

/// The largest varlena, its header included (MaxAllocSize).
const LARGEST: usize = 0x3fff_ffff;
const HEADER: usize = 4;

/// A call, while PostgreSQL runs it. What it lends lives until the call returns.
#[derive(Clone, Copy)]
pub struct Call(pg_sys::FunctionCallInfo);

impl Call {
    pub(super) fn info(self) -> pg_sys::FunctionCallInfo {
        self.0
    }

    pub fn count(self) -> usize {
        // SAFETY: a valid call.
        unsafe { (*self.0).nargs.unsigned_abs().into() }
    }

    /// `None` for NULL, and for an argument that was not given.
    pub fn datum(self, at: usize) -> Option<Datum> {
        if at >= self.count() {
            return None;
        }
        // SAFETY: a call has as many arguments as it says.
        let argument = unsafe { *(*self.0).args.as_ptr().add(at) };
        (!argument.isnull).then_some(argument.value)
    }

    /// The type of an argument as it was parsed; invalid where nobody knows.
    pub fn kind(self, at: usize) -> pg_sys::Oid {
        // SAFETY: a valid call; the number of an argument beyond the last gives an invalid OID.
        unsafe { pg_sys::get_fn_expr_argtype((*self.0).flinfo, at as i32) }
    }

    /// The bytes of a variable-length argument.
    pub fn bytes<'a>(self, at: usize) -> Option<&'a [u8]> {
        // SAFETY: by its declaration the argument is a varlena; it lives as long as the call.
        self.datum(at).map(|datum| unsafe { bytes(datum) })
    }

    /// At most the first bytes of a variable-length argument, without reading the rest.
    pub fn head<'a>(self, at: usize, length: usize) -> Option<&'a [u8]> {
        // SAFETY: as above.
        self.datum(at).map(|datum| unsafe { head(datum, length) })
    }

    pub fn text<'a>(self, at: usize) -> Option<&'a str> {
        // SAFETY: the database's encoding is UTF-8, which the extension's script demands.
        self.bytes(at).map(|bytes| unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    pub fn uuid(self, at: usize) -> Option<pgrx::Uuid> {
        // SAFETY: by its declaration the argument is a uuid, which is 16 bytes in place.
        self.datum(at).map(|datum| unsafe { pgrx::Uuid::from_bytes(*datum.cast_mut_ptr::<[u8; 16]>()) })
    }

    pub fn long(self, at: usize) -> i64 {
        self.datum(at).map_or(0, |datum| datum.value() as i64)
    }

    pub fn cstring<'a>(self, at: usize) -> Option<&'a CStr> {
        // SAFETY: by its declaration the argument is a C string.
        self.datum(at).map(|datum| unsafe { CStr::from_ptr(datum.cast_mut_ptr::<c_char>()) })
    }

    /// What is left of a message of the binary protocol.
    pub fn message<'a>(self, at: usize) -> Option<&'a [u8]> {
        let datum = self.datum(at)?;
        // SAFETY: by its declaration the argument is a StringInfo, whose cursor is within its data; all of it is read.
        unsafe {
            let buffer = datum.cast_mut_ptr::<pg_sys::StringInfoData>();
            let (from, to) = ((*buffer).cursor, (*buffer).len);
            (*buffer).cursor = to;
            let length = usize::try_from(to - from).ok()?;
            Some(std::slice::from_raw_parts((*buffer).data.cast::<u8>().add(from as usize), length))
        }
    }

    /// The node that the call was made by: a trigger, where one fires.
    pub(super) fn context(self) -> *mut pg_sys::Node {
        // SAFETY: a valid call.
        unsafe { (*self.0).context }
    }

    fn give(self, value: Option<Datum>) -> Datum {
        // SAFETY: a valid call.
        unsafe { (*self.0).isnull = value.is_none() };
        value.unwrap_or(Datum::from(0))
    }
}

/// Runs a function's body: an error becomes PostgreSQL's.
///
/// # Safety
/// The call that PostgreSQL passed to a function whose frame holds nothing to drop.
pub unsafe fn run(call: pg_sys::FunctionCallInfo, body: fn(Call) -> Result<Option<Datum>>) -> Datum {
    let call = Call(call);
    // SAFETY: by the caller's promise.
    call.give(unsafe { super::hooks::guarded(|| super::error::answer(body(call))) })
}

/// Exports SQL functions: `name, pg_finfo_name => body;`.
macro_rules! sql_functions {
    ($($name:ident, $info:ident => $body:expr;)+) => {$(
        #[unsafe(no_mangle)]
        #[doc(hidden)]
        pub extern "C" fn $info() -> &'static pgrx::pg_sys::Pg_finfo_record {
            static VERSION_1: pgrx::pg_sys::Pg_finfo_record = pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &VERSION_1
        }

        /// # Safety
        /// Called by PostgreSQL, as declared in sql/.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(call: pgrx::pg_sys::FunctionCallInfo) -> pgrx::pg_sys::Datum {
            // SAFETY: PostgreSQL passes a valid call; this frame holds nothing to drop.
            unsafe { $crate::pg::call::run(call, $body) }
        }
    )+};
}
pub(super) use sql_functions;

/// The bytes of a varlena, fetched and decompressed where it is stored so.
///
/// # Safety
/// A varlena that outlives the borrow; what is fetched lives in the current memory context.
pub(super) unsafe fn bytes<'a>(datum: Datum) -> &'a [u8] {
    let value = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: by the caller's promise.
    unsafe {
        let plain = varlena::varatt_is_1b(value) && !varlena::varatt_is_1b_e(value) || varlena::varatt_is_4b_u(value);
        let value = if plain { value } else { pg_sys::pg_detoast_datum_packed(value) };
        contents(value)
    }
}

/// The bytes of a stored value of a variable-length type of ours.
pub fn value_bytes<'a>(datum: Datum) -> &'a [u8] {
    // SAFETY: callers read it from a column or a call of such a type; it lives as long as its row or call.
    unsafe { bytes(datum) }
}

/// # Safety
/// As for [`bytes`].
unsafe fn head<'a>(datum: Datum, length: usize) -> &'a [u8] {
    let value = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: by the caller's promise.
    let whole = unsafe {
        if varlena::varatt_is_1b(value) && !varlena::varatt_is_1b_e(value) || varlena::varatt_is_4b_u(value) {
            contents(value)
        } else {
            contents(pg_sys::pg_detoast_datum_slice(value, 0, length as i32))
        }
    };
    &whole[..length.min(whole.len())]
}

/// # Safety
/// A varlena in memory, not compressed.
unsafe fn contents<'a>(value: *const pg_sys::varlena) -> &'a [u8] {
    // SAFETY: by the caller's promise.
    unsafe {
        let data = varlena::vardata_any(value).cast::<u8>();
        std::slice::from_raw_parts(data, varlena::varsize_any_exhdr(value))
    }
}

/// A new varlena of this memory context, to be filled.
pub struct Varlena {
    value: *mut u8,
    length: usize,
}

impl Varlena {
    /// `None` for more than PostgreSQL keeps in one value. An ERROR of a failing allocation jumps over this frame: the
    /// callers hold nothing secret yet.
    pub fn new(length: usize) -> Option<Self> {
        let size = length.checked_add(HEADER).filter(|size| *size <= LARGEST)?;
        // SAFETY: the size is within the limit; the header is written at once.
        unsafe {
            let value = palloc_extended(size, 0);
            varlena::set_varsize_4b(value.cast(), size as i32);
            Some(Self { value, length })
        }
    }

    pub fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut made = Self::new(bytes.len())?;
        made.bytes_mut().copy_from_slice(bytes);
        Some(made)
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: `new` allocated the header and so many bytes; nobody else knows of them. They may be uninitialised
        // memory of PostgreSQL's, every bit pattern of which is a byte, and are written before they are read.
        unsafe { std::slice::from_raw_parts_mut(self.value.add(HEADER), self.length) }
    }

    pub fn datum(self) -> Datum {
        Datum::from(self.value)
    }
}

/// A C string of this memory context, from bytes without NUL.
pub fn new_cstring(bytes: &[u8]) -> Datum {
    // SAFETY: room for the bytes and the NUL that ends them.
    unsafe {
        let text = palloc_extended(bytes.len() + 1, 0);
        text.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        *text.add(bytes.len()) = 0;
        Datum::from(text)
    }
}

/// A copy of a few bytes in this memory context.
pub fn lasting<'a>(bytes: &[u8]) -> &'a [u8] {
    // SAFETY: room for the bytes; callers keep them no longer than the memory context.
    unsafe {
        let copy = palloc_extended(bytes.len().max(1), 0);
        copy.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        std::slice::from_raw_parts(copy, bytes.len())
    }
}

/// The hash that PostgreSQL's own types have of so many bytes.
pub fn hash(bytes: &[u8]) -> u32 {
    // SAFETY: reads the bytes.
    unsafe { hash_bytes(bytes.as_ptr(), bytes.len() as i32) }
}

pub fn hash_extended(bytes: &[u8], seed: i64) -> u64 {
    // SAFETY: reads the bytes.
    unsafe { hash_bytes_extended(bytes.as_ptr(), bytes.len() as i32, seed.cast_unsigned()) }
}

pub fn boolean(value: bool) -> Option<Datum> {
    Some(Datum::from(usize::from(value)))
}

pub fn integer(value: i32) -> Option<Datum> {
    Some(Datum::from(value))
}

pub fn long(value: u64) -> Option<Datum> {
    Some(Datum::from(value as usize))
}

pub fn text(value: &str) -> Option<Datum> {
    bytea(value.as_bytes())
}

pub fn bytea(value: &[u8]) -> Option<Datum> {
    Varlena::copy_of(value).map(Varlena::datum)
}

pub fn uuid(value: &[u8; 16]) -> Option<Datum> {
    // SAFETY: 16 bytes of this memory context, which are written at once.
    unsafe {
        let place = palloc_extended(value.len(), 0);
        place.copy_from_nonoverlapping(value.as_ptr(), value.len());
        Some(Datum::from(place))
    }
}
