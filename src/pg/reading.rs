//! The functions that read the context, as PostgreSQL calls them: a few nanoseconds each, so without the detour that
//! an exported Rust function takes. What needs a look-up goes that way all the same.

use std::ffi::c_char;

use pgrx::pg_sys::{self, Datum, FunctionCallInfo};

use super::context::{Current, Standing, standing};
use super::error::answer;
use super::hooks::guarded;
use crate::identity::standing as judged;

unsafe extern "C-unwind" {
    fn palloc(size: usize) -> *mut u8;
    fn cstring_to_text_with_len(text: *const c_char, length: i32) -> *mut pg_sys::varlena;
}

#[inline]
fn live() -> Option<&'static Current> {
    match standing() {
        Standing::Missing => None,
        Standing::Counts(current) => Some(current),
        // SAFETY: neither this frame nor its callers in this file hold anything that wants dropping.
        Standing::Doubtful(_) => unsafe { guarded(|| answer(judged::live())) },
    }
}

#[inline]
fn uuid(current: &Current) -> Datum {
    let id = current.tenant().0;
    // SAFETY: 16 bytes of this call's memory; an ERROR of palloc jumps over frames that hold nothing to drop.
    unsafe {
        let place = palloc(id.len());
        place.copy_from_nonoverlapping(id.as_ptr(), id.len());
        Datum::from(place)
    }
}

#[inline]
fn text(value: &str) -> Datum {
    // SAFETY: the bytes are valid for the call; a text of a context is below 1 GB by far.
    unsafe { Datum::from(cstring_to_text_with_len(value.as_ptr().cast(), value.len() as i32)) }
}

/// An SQL function without arguments: what `$value` makes of the context, NULL for `None` and without a context.
macro_rules! reading {
    ($($name:ident, $info:ident: $value:expr;)+) => {$(
        #[unsafe(no_mangle)]
        #[doc(hidden)]
        pub extern "C" fn $info() -> &'static pg_sys::Pg_finfo_record {
            static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
            &VERSION_1
        }

        /// # Safety
        /// Called by PostgreSQL, as declared in sql/identity.sql.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(call: FunctionCallInfo) -> Datum {
            let value: fn(&'static Current) -> Option<Datum> = $value;
            match live().and_then(value) {
                Some(datum) => datum,
                None => {
                    // SAFETY: PostgreSQL passes a valid call.
                    unsafe { (*call).isnull = true };
                    Datum::from(0)
                }
            }
        }
    )+};
}

reading! {
    warden_tenant_id, pg_finfo_warden_tenant_id: |current| Some(uuid(current));
    warden_tenant_bigint, pg_finfo_warden_tenant_bigint: |current| current.external_integer().map(Datum::from);
    warden_tenant_integer, pg_finfo_warden_tenant_integer:
        |current| current.external_integer().and_then(|number| i32::try_from(number).ok()).map(Datum::from);
    warden_external_id, pg_finfo_warden_external_id: |current| current.external_id().map(text);
    warden_user_id, pg_finfo_warden_user_id: |current| Some(text(current.user()));
    warden_role, pg_finfo_warden_role: |current| Some(text(current.label(current.tier())));
    warden_session_id, pg_finfo_warden_session_id: |current| current.session().map(text);
}
