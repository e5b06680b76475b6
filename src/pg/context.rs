//! The setting `warden.context`: where the context lives.
//!
//! A setting follows savepoints, ends with its transaction and travels to parallel workers by itself. Nobody but
//! [`set`] can give it a value: its check hook accepts a non-empty one only under this module's own flag, or while a
//! parallel worker takes over its leader's settings. RESET ALL passes it by (NO_RESET_ALL).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr;

use pgrx::{pg_guard, pg_sys};
use warden_core::error::Result;
use warden_core::identity::context::{Context, Door, Pass, Trust};
use warden_core::tenancy::{TenantId, Tier};

use super::backend::BackendCell;
use super::error::internal;
use super::{cache, compat, guc, parallel, time};

const NAME: &CStr = c"warden.context";

/// A context as the check hook lays it out once, so that reading it costs no parsing: one chunk of memory that the
/// settings machinery keeps for as long as the value can come back (savepoints), the texts behind the struct.
#[repr(C)]
pub struct Current {
    pub serial: u64,
    /// PostgreSQL microseconds; `i64::MAX`: never.
    expires_at: i64,
    pub issued_at: i64,
    integer: i64,
    tenant: [u8; 16],
    has_integer: bool,
    tier: Tier,
    door: Door,
    texts: [Span; TEXTS],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    length: u32,
}

const TEXTS: usize = 9;
/// A text that is not there.
const ABSENT: u32 = u32::MAX;

const EXTERNAL_ID: usize = 0;
const USER: usize = 1;
const LABELS: usize = 2;
const SESSION: usize = 6;
const TRUST: usize = 7;
const CLAIMS: usize = 8;

impl Current {
    pub fn tenant(&self) -> TenantId {
        TenantId(self.tenant)
    }

    pub fn tier(&self) -> Tier {
        self.tier
    }

    pub fn door(&self) -> Door {
        self.door
    }

    pub fn external_integer(&self) -> Option<i64> {
        self.has_integer.then_some(self.integer)
    }

    pub fn external_id(&self) -> Option<&str> {
        self.text(EXTERNAL_ID)
    }

    pub fn user(&self) -> &str {
        self.text(USER).unwrap_or_default()
    }

    pub fn label(&self, tier: Tier) -> &str {
        self.text(LABELS + usize::from(tier.number()) - 1).unwrap_or_default()
    }

    pub fn tier_of(&self, label: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| self.label(*tier) == label)
    }

    pub fn session(&self) -> Option<&str> {
        self.text(SESSION)
    }

    pub fn trust(&self) -> Option<Trust> {
        self.text(TRUST).and_then(Trust::decode)
    }

    pub fn claims(&self) -> Option<&str> {
        self.text(CLAIMS)
    }

    pub fn is_expired(&self) -> bool {
        self.expires_at != i64::MAX && time::coarse_now() >= self.expires_at
    }

    /// PostgreSQL microseconds.
    pub fn expires_at(&self) -> Option<i64> {
        (self.expires_at != i64::MAX).then_some(self.expires_at)
    }

    fn text(&self, index: usize) -> Option<&str> {
        let span = self.texts[index];
        if span.start == ABSENT {
            return None;
        }
        // SAFETY: `lay_out` put a `Current` at the head of its chunk and this text, valid UTF-8, at these bytes of it.
        unsafe {
            let head = ptr::from_ref(self).cast::<u8>();
            let bytes = std::slice::from_raw_parts(head.add(span.start as usize), span.length as usize);
            Some(std::str::from_utf8_unchecked(bytes))
        }
    }
}

static CURRENT: BackendCell<*const Current> = BackendCell::new(ptr::null());
/// The context that [`set`] is about to give the setting; null at any other time.
static WRITING: BackendCell<(u64, *const Context)> = BackendCell::new((0, ptr::null()));
/// The serial of the last context that a change of the registries has ended; 0: none.
static REVOKED: BackendCell<u64> = BackendCell::new(0);

/// Whether a context counts, as far as that is known without a look-up.
pub enum Standing {
    Missing,
    Counts(&'static Current),
    /// A registry that it was judged by has changed since.
    Doubtful(&'static Current),
}

/// Takes in what others have changed, and says whether the context counts. Raw calls, no destructors: an ERROR may
/// jump over it.
#[inline]
pub fn standing() -> Standing {
    let Some(current) = current() else { return Standing::Missing };
    cache::accept_changes();
    if current.door == Door::Closed || current.is_expired() || REVOKED.get() == current.serial {
        return Standing::Missing;
    }
    if cache::is_doubtful() { Standing::Doubtful(current) } else { Standing::Counts(current) }
}

/// Ends a context for good: nothing of it counts from now on.
pub fn revoke(current: &Current) {
    REVOKED.set(current.serial);
}

/// Takes back a `revoke` that was a precaution.
pub fn reinstate() {
    REVOKED.set(0);
}

/// What the setting holds now, a closed or expired context included. Not to be kept across a change of the setting.
pub fn current() -> Option<&'static Current> {
    // SAFETY: null, or the chunk of the value in force, which the settings machinery keeps until the value changes.
    unsafe { CURRENT.get().as_ref() }
}

/// Gives the setting a value: for the transaction (and what is left of its savepoint), or for the session.
pub fn set(pass: &Pass, serial: u64, for_session: bool) -> Result<()> {
    let action = if for_session { pg_sys::GucAction::GUC_ACTION_SET } else { pg_sys::GucAction::GUC_ACTION_LOCAL };
    let _writing = Writing::begin(serial, pass.context());
    match pass.with_text(serial, |text| guc::set(NAME, text, pg_sys::GucContext::PGC_SUSET, action)) {
        1 => Ok(()),
        other => Err(internal(format!("the context could not be set ({other})"))),
    }
}

/// Takes the session's own value away: nothing is left to come back.
pub fn clear_session() {
    guc::set(NAME, c"", pg_sys::GucContext::PGC_SUSET, pg_sys::GucAction::GUC_ACTION_SET);
}

struct Writing;

impl Writing {
    fn begin(serial: u64, context: &Context) -> Self {
        WRITING.set((serial, context));
        Self
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        WRITING.set((0, ptr::null()));
    }
}

pub(super) fn define() {
    static mut VALUE: *mut c_char = ptr::null_mut();
    let flags = pg_sys::GUC_NO_RESET_ALL
        | pg_sys::GUC_NO_SHOW_ALL
        | pg_sys::GUC_NOT_IN_SAMPLE
        | pg_sys::GUC_DISALLOW_IN_FILE
        | pg_sys::GUC_SUPERUSER_ONLY;
    // SAFETY: called once from _PG_init; names and descriptions are static; VALUE is written by PostgreSQL alone.
    unsafe {
        pg_sys::DefineCustomStringVariable(
            NAME.as_ptr(),
            c"Who this transaction is: made by warden.login and its kin alone.".as_ptr(),
            c"SUSET, and its check hook refuses every value that is not the extension's own: superusers' too.".as_ptr(),
            &raw mut VALUE,
            c"".as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            flags as c_int,
            Some(check),
            Some(assign),
            None,
        );
    }
}

/// Parses a value once, into a chunk that `assign` only points at; no catalog look-up, no ERROR.
#[pg_guard]
unsafe extern "C-unwind" fn check(
    new_value: *mut *mut c_char,
    extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes valid pointers; the value is a C string or null.
    let text = unsafe {
        *extra = ptr::null_mut();
        if (*new_value).is_null() || **new_value == 0 {
            return true;
        }
        CStr::from_ptr(*new_value)
    };
    let (serial, writing) = WRITING.get();
    // SAFETY: null, or what `set` borrows for as long as the setting is being set.
    let chunk = match unsafe { writing.as_ref() } {
        Some(context) => lay_out(serial, context),
        None if parallel::is_worker_starting() => {
            text.to_str().ok().and_then(Context::decode).and_then(|(serial, context)| lay_out(serial, &context))
        }
        None => None,
    };
    match chunk {
        Some(chunk) => {
            // SAFETY: `extra` is PostgreSQL's out parameter.
            unsafe { *extra = chunk };
            true
        }
        None => {
            // SAFETY: sets the SQLSTATE of the refusal that PostgreSQL is about to report.
            unsafe { pg_sys::GUC_check_errcode(pgrx::PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE as c_int) };
            false
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn assign(_new_value: *const c_char, extra: *mut c_void) {
    CURRENT.set(extra.cast());
    // A value that comes back by itself (the session's, after a transaction's) was judged before what happened since.
    if !extra.is_null() && WRITING.get().1.is_null() {
        cache::doubt();
    }
}

fn lay_out(serial: u64, context: &Context) -> Option<*mut c_void> {
    let labels = Tier::ALL.map(|tier| Some(context.labels.label(tier)));
    let trust = context.trust.as_ref().map(Trust::encode);
    let texts: [Option<&str>; TEXTS] = [
        context.external_id.as_deref(),
        Some(&context.user),
        labels[0],
        labels[1],
        labels[2],
        labels[3],
        context.session.as_deref(),
        trust.as_deref(),
        context.claims.as_deref(),
    ];
    let size = size_of::<Current>() + texts.iter().flatten().map(|text| text.len()).sum::<usize>();
    let chunk = compat::guc_chunk(size)?;
    let mut spans = [Span { start: ABSENT, length: 0 }; TEXTS];
    let mut at = size_of::<Current>();
    for (span, text) in spans.iter_mut().zip(texts) {
        let Some(text) = text else { continue };
        *span = Span { start: u32::try_from(at).ok()?, length: u32::try_from(text.len()).ok()? };
        // SAFETY: the chunk has room for the struct and every text, and `at` walks through them in order.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), chunk.cast::<u8>().add(at), text.len()) };
        at += text.len();
    }
    let integer = context.external_integer();
    let current = Current {
        serial,
        expires_at: context.expires_at.map_or(i64::MAX, time::from_unix_micros),
        issued_at: context.issued_at,
        integer: integer.unwrap_or_default(),
        tenant: context.tenant.0,
        has_integer: integer.is_some(),
        tier: context.tier,
        door: context.door,
        texts: spans,
    };
    // SAFETY: the chunk is at least as large as the struct, and aligned as malloc aligns.
    unsafe { chunk.cast::<Current>().write(current) };
    Some(chunk)
}
