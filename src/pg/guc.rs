//! Settings: each with its reason, its reach, and who may change it.

use std::ffi::{CStr, CString, c_int};

use pgrx::pg_sys;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use warden_core::error::Result;

use super::error::internal;

/// What a protected table says when it is read without a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, pgrx::PostgresGucEnum)]
pub enum MissingContext {
    #[name = c"error"]
    Error,
    #[name = c"empty"]
    Empty,
}

/// What happens to a credential that stands in a statement's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, pgrx::PostgresGucEnum)]
pub enum LiteralCredentials {
    #[name = c"redact"]
    Redact,
    #[name = c"refuse"]
    Refuse,
}

pub static LITERAL_CREDENTIALS: GucSetting<LiteralCredentials> =
    GucSetting::<LiteralCredentials>::new(LiteralCredentials::Redact);
pub static MISSING_CONTEXT: GucSetting<MissingContext> = GucSetting::<MissingContext>::new(MissingContext::Error);
pub static ALLOW_EXEMPT_LOGIN: GucSetting<bool> = GucSetting::<bool>::new(false);
pub static ALLOW_CONTEXT_CHANGE: GucSetting<bool> = GucSetting::<bool>::new(false);
pub static ALLOW_DROP: GucSetting<bool> = GucSetting::<bool>::new(false);
/// Seconds.
pub static SESSION_IDLE_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(30 * 60);
/// Seconds.
pub static SESSION_MAX_TTL: GucSetting<i32> = GucSetting::<i32>::new(12 * 3600);
/// Megabytes.
pub static PROTECT_SCAN_LIMIT: GucSetting<i32> = GucSetting::<i32>::new(1024);

pub static AUDIT_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
pub static INSTALLATION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
/// Milliseconds.
pub static SEAL_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(1000);

pub static ROOT_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
pub static ALLOW_LOCAL_ROOT_KEY: GucSetting<bool> = GucSetting::<bool>::new(false);

/// The file that holds the root key, if one is set.
pub fn root_key_file() -> Option<String> {
    text(&ROOT_KEY_FILE)
}

/// The file that holds the key which signs the audit log, if one is set.
pub fn audit_key_file() -> Option<String> {
    text(&AUDIT_KEY_FILE)
}

/// What the installation is called, if it was given a name.
pub fn installation() -> Option<String> {
    text(&INSTALLATION)
}

fn text(setting: &GucSetting<Option<CString>>) -> Option<String> {
    setting.get().map(|text| text.to_string_lossy().into_owned()).filter(|text| !text.is_empty())
}

/// Defines every setting but `warden.context` (see [`super::context`]) and reserves the prefix, so that a misspelt
/// or invented `warden.*` is an error instead of a setting that anybody may write.
pub fn define() {
    let flags = GucFlags::default();
    GucRegistry::define_enum_guc(
        c"warden.missing_context",
        c"What a protected table says without a context: an error, or no rows.",
        c"Of the whole server: a session that could choose would choose silence.",
        &MISSING_CONTEXT,
        GucContext::Sighup,
        flags,
    );
    GucRegistry::define_enum_guc(
        c"warden.literal_credentials",
        c"A credential in a statement's text: hidden from activity and log, or refused.",
        c"Of the whole server: whoever steals credentials would choose to see them.",
        &LITERAL_CREDENTIALS,
        GucContext::Sighup,
        flags,
    );
    GucRegistry::define_bool_guc(
        c"warden.allow_exempt_login",
        c"Lets a session that row-level security does not bind have a context.",
        c"Of the whole server: such a context isolates nothing, and whoami() says so.",
        &ALLOW_EXEMPT_LOGIN,
        GucContext::Sighup,
        flags,
    );
    GucRegistry::define_bool_guc(
        c"warden.allow_context_change",
        c"Lets a transaction log in more than once. For test servers only.",
        c"At server start only: with it, injected SQL that holds a second credential can change tenants.",
        &ALLOW_CONTEXT_CHANGE,
        GucContext::Postmaster,
        flags,
    );
    GucRegistry::define_bool_guc(
        c"warden.allow_drop",
        c"Lets DROP EXTENSION go on while tables are protected, and parts of a protection be dropped.",
        c"Of superusers: the last way out, when unprotect cannot be used.",
        &ALLOW_DROP,
        GucContext::Suset,
        flags,
    );
    GucRegistry::define_int_guc(
        c"warden.protect_scan_limit",
        c"Size of a table above which protect refuses to scan it while it holds locks.",
        c"Of the whole server; warden.preview gives the statements that prepare a larger table.",
        &PROTECT_SCAN_LIMIT,
        0,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_int_guc(
        c"warden.session_idle_timeout",
        c"How long an opened session may lie unused before it ends.",
        c"Of the whole server: a session does not lengthen its own life.",
        &SESSION_IDLE_TIMEOUT,
        1,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"warden.session_max_ttl",
        c"The longest life of an opened session; shortens what open_session is asked for.",
        c"Of the whole server: whoever opens a session does not choose how long it can be stolen for.",
        &SESSION_MAX_TTL,
        1,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_string_guc(
        c"warden.root_key_file",
        c"The file of 32 bytes that holds the key which wraps the tenants' keys.",
        c"Of the whole server: another file would be another key.",
        &ROOT_KEY_FILE,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_bool_guc(
        c"warden.allow_local_root_key",
        c"Lets the root key lie inside of the data directory. For test servers only.",
        c"Of the whole server: a backup of the data directory would hold the key and what it opens.",
        &ALLOW_LOCAL_ROOT_KEY,
        GucContext::Sighup,
        flags,
    );
    GucRegistry::define_string_guc(
        c"warden.audit_key_file",
        c"The file of 32 bytes that holds the Ed25519 seed which signs the audit log.",
        c"Of the whole server: another file would be another key.",
        &AUDIT_KEY_FILE,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_string_guc(
        c"warden.installation",
        c"What checkpoints and keys call this installation; by default pg_warden- and the system identifier.",
        c"At server start only: whoever keeps checkpoints knows a log by it.",
        &INSTALLATION,
        GucContext::Postmaster,
        flags,
    );
    GucRegistry::define_int_guc(
        c"warden.seal_interval",
        c"How long entries of the audit log wait until they are sealed.",
        c"Of the whole server: what is not sealed yet can be changed unnoticed.",
        &SEAL_INTERVAL,
        10,
        3_600_000,
        GucContext::Sighup,
        GucFlags::UNIT_MS,
    );
    super::context::define();
    // SAFETY: called once from _PG_init, after every setting of the prefix has been defined.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"warden".as_ptr()) };
}

/// The value that a text setting had before this transaction first changed it, by any means.
pub fn before_transaction(name: &CStr) -> Result<CString> {
    let record = text_setting(name)?;
    // SAFETY: the stack is null or valid, the oldest entry last.
    unsafe {
        let mut entry = (*record).gen_.stack;
        if entry.is_null() {
            return Ok(copy(*(*record).variable));
        }
        while !(*entry).prev.is_null() {
            entry = (*entry).prev;
        }
        Ok(copy((*entry).prior.val.stringval))
    }
}

/// The value that a text setting would keep for the session if the transaction ended now: what SET LOCAL and the SET
/// clauses of functions cover. `None` where this transaction has not changed it yet.
pub fn session_value(name: &CStr) -> Result<Option<CString>> {
    use pg_sys::GucStackState::{GUC_SET, GUC_SET_LOCAL};
    let record = text_setting(name)?;
    // SAFETY: as in `before_transaction`; an entry's `prior` is what it covered, `masked` what a local value masks.
    unsafe {
        let (mut entry, mut newer) = ((*record).gen_.stack, std::ptr::null_mut::<pg_sys::guc_stack>());
        if entry.is_null() {
            return Ok(None);
        }
        while !(*entry).prev.is_null() {
            newer = entry;
            entry = (*entry).prev;
        }
        Ok(Some(copy(match (*entry).state {
            GUC_SET if newer.is_null() => *(*record).variable,
            GUC_SET => (*newer).prior.val.stringval,
            GUC_SET_LOCAL => (*entry).masked.val.stringval,
            _ => (*entry).prior.val.stringval,
        })))
    }
}

/// The settings machinery's record of a text setting of PostgreSQL's own, which stays where it is.
fn text_setting(name: &CStr) -> Result<*const pg_sys::config_string> {
    super::compat::guc_record(name)
        .map(|record| record.cast_const().cast())
        .ok_or_else(|| internal(format!("no setting {name:?}")))
}

/// # Safety
/// `value` is null or a C string.
unsafe fn copy(value: *const std::ffi::c_char) -> CString {
    // SAFETY: by the caller's promise.
    if value.is_null() { CString::default() } else { unsafe { CStr::from_ptr(value) }.to_owned() }
}

/// The value of a setting that may not exist.
pub fn optional(name: &CStr) -> Option<String> {
    // SAFETY: as in `current`; null for a setting that is not there.
    let value = unsafe { pg_sys::GetConfigOption(name.as_ptr(), true, false) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, and a C string by GetConfigOption's contract.
    Some(unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned())
}

/// Sets a setting until the current nest level of settings is closed.
pub fn set_saved(name: &CStr, value: &CStr) {
    set(name, value, pg_sys::GucContext::PGC_SUSET, pg_sys::GucAction::GUC_ACTION_SAVE);
}

/// Sets a setting for the session, with the rights of its user.
pub fn set_session(name: &CStr, value: &CStr) {
    set(name, value, pg_sys::GucContext::PGC_USERSET, pg_sys::GucAction::GUC_ACTION_SET);
}

pub(super) fn set(
    name: &CStr,
    value: &CStr,
    context: pg_sys::GucContext::Type,
    action: pg_sys::GucAction::Type,
) -> c_int {
    // SAFETY: both are C strings; the call copies them.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            context,
            pg_sys::GucSource::PGC_S_SESSION,
            action,
            true,
            0,
            false,
        )
    }
}
