//! This session as others may want to know of it.

use std::ffi::CStr;

use pgrx::pg_sys::{self, Oid};

unsafe extern "C-unwind" {
    // Called as C calls them: they read a variable each.
    fn GetUserId() -> Oid;
    fn GetAuthenticatedUserId() -> Oid;
}

/// Whose rights count, and who logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: Oid,
    pub login: Oid,
}

pub fn identity() -> Identity {
    // SAFETY: reads this backend's identity, as it is after the login.
    unsafe { Identity { user: GetUserId(), login: GetAuthenticatedUserId() } }
}

/// `application_name`.
pub fn application() -> String {
    String::from_utf8_lossy(bytes()).into_owned()
}

/// Whether `application_name` is this.
pub fn is_application(name: &str) -> bool {
    bytes() == name.as_bytes()
}

fn bytes<'a>() -> &'a [u8] {
    // SAFETY: null, or a C string that the settings machinery keeps until the setting changes; callers copy or compare
    // it at once.
    unsafe {
        let name = pg_sys::application_name;
        if name.is_null() { &[] } else { CStr::from_ptr(name).to_bytes() }
    }
}
