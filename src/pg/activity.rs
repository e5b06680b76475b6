//! What others can see of the statement that runs: pg_stat_activity and the server's log.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

/// What stands there instead of a statement with a credential in it.
const HIDDEN: &CStr = c"<statement with a credential, hidden by pg_warden>";

/// Takes the running statement out of pg_stat_activity, and out of what an error or its duration logs.
pub fn hide_statement() {
    // SAFETY: the text is static; PostgreSQL sets both anew with the client's next message.
    unsafe {
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, HIDDEN.as_ptr());
        pg_sys::debug_query_string = HIDDEN.as_ptr();
    }
}

/// Bytes of a credential's end that are looked for.
const END: usize = 24;

/// Whether the client's message holds the credential.
pub fn statement_holds(text: &str) -> bool {
    // SAFETY: null, or the C string of the client's message.
    let statement = unsafe {
        let statement = pg_sys::debug_query_string;
        if statement.is_null() {
            return false;
        }
        CStr::from_ptr(statement).to_bytes()
    };
    // The end of a credential tells it from others, and a shorter needle is found faster; a bound one needs no search.
    let end = text.as_bytes().rchunks(END).next().unwrap_or_default();
    !end.is_empty() && statement.len() >= text.len() && memchr::memmem::find(statement, end).is_some()
}

static mut PREVIOUS: pg_sys::emit_log_hook_type = None;

pub(super) fn install() {
    // SAFETY: called once from _PG_init, before any backend is forked.
    unsafe {
        PREVIOUS = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(emit);
    }
}

unsafe extern "C-unwind" fn emit(error: *mut pg_sys::ErrorData) {
    // SAFETY: PostgreSQL passes a valid report, whose texts are its own, in a memory context that is reset: they may be shortened in place, or left out; the previous
    // hook gets the argument that we were given. Nothing here raises an error or wants dropping.
    unsafe {
        if std::ptr::eq(pg_sys::debug_query_string, HIDDEN.as_ptr()) {
            // The statement is repeated in the message of its duration, and the inner one of a function in the context.
            if holds((*error).message, c"duration: ") {
                cut_after((*error).message, b"ms");
                (*error).detail = std::ptr::null_mut();
            }
            (*error).context = std::ptr::null_mut();
            (*error).internalquery = std::ptr::null_mut();
        }
        if let Some(previous) = PREVIOUS {
            previous(error);
        }
    }
}

/// # Safety
/// `text` is null or a C string.
unsafe fn holds(text: *const c_char, prefix: &CStr) -> bool {
    // SAFETY: by the caller's promise.
    !text.is_null() && unsafe { CStr::from_ptr(text) }.to_bytes().starts_with(prefix.to_bytes())
}

/// # Safety
/// `text` is null or a C string that may be written to.
unsafe fn cut_after(text: *mut c_char, mark: &[u8]) {
    if text.is_null() {
        return;
    }
    // SAFETY: by the caller's promise; the place is inside of the string.
    unsafe {
        let bytes = CStr::from_ptr(text).to_bytes();
        if let Some(at) = memchr::memmem::find(bytes, mark) {
            *text.add(at + mark.len()) = 0;
        }
    }
}
