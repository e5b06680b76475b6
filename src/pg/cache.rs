//! When the caches of a backend are stale.
//!
//! A trigger on each registry invalidates the registry's own relcache entry; this callback hears of it in every
//! backend, standbys' too, and marks the caches that stand on it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::CString;

use pgrx::{pg_guard, pg_sys};

use super::backend::BackendCell;
use super::parallel;

/// A table of the extension that caches stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Registry {
    Tenant,
    Member,
    Role,
    Permission,
    Issuer,
    Revocation,
    Relation,
    Schema,
    Exemption,
    TenantKey,
    DataKey,
    Column,
    Audited,
}

const REGISTRIES: [(Registry, &str); 13] = [
    (Registry::Tenant, "tenant_registry"),
    (Registry::Member, "member_registry"),
    (Registry::Role, "role_registry"),
    (Registry::Permission, "permission_registry"),
    (Registry::Issuer, "issuer_registry"),
    (Registry::Revocation, "revocation_registry"),
    (Registry::Relation, "relation_registry"),
    (Registry::Schema, "schema_registry"),
    (Registry::Exemption, "exemption_registry"),
    (Registry::TenantKey, "tenant_key_registry"),
    (Registry::DataKey, "data_key_registry"),
    (Registry::Column, "encrypted_column_registry"),
    (Registry::Audited, "audited_registry"),
];

/// The registries that a context is judged by.
const JUDGES: [Registry; 5] =
    [Registry::Tenant, Registry::Member, Registry::Role, Registry::Issuer, Registry::Revocation];

thread_local! {
    /// Tables whose changes are counted.
    static WATCHED: RefCell<HashSet<u32>> = RefCell::default();
}
/// Grows with every change of a watched table.
static CHANGES: BackendCell<u64> = BackendCell::new(1);

/// Counts this table's changes from now on: of its columns, triggers and partitions, and of its rows where it is a
/// registry.
pub fn watch(table: pg_sys::Oid) {
    WATCHED.with_borrow_mut(|watched| watched.insert(table.to_u32()));
}

/// As long as it stays the same, no watched table has changed.
#[inline]
pub fn changes() -> u64 {
    CHANGES.get()
}

/// A table of the extension by its name; invalid where there is none.
pub fn table(name: &str) -> pg_sys::Oid {
    look_up(name)
}

#[derive(Clone, Copy)]
struct Mark {
    oid: pg_sys::Oid,
    is_stale: bool,
    /// By what a parallel operation could see: good for as long as it runs.
    filled_in_parallel: bool,
}

static MARKS: BackendCell<[Mark; REGISTRIES.len()]> =
    BackendCell::new([Mark { oid: pg_sys::Oid::INVALID, is_stale: true, filled_in_parallel: false }; REGISTRIES.len()]);
/// One of the judges has changed since the context was last judged.
static DOUBT: BackendCell<bool> = BackendCell::new(false);
/// Grows with every change of a judge.
static EPOCH: BackendCell<u64> = BackendCell::new(0);

unsafe extern "C-unwind" {
    fn AcceptInvalidationMessages();
}

/// Takes in what other backends have changed by now. Not in a parallel operation: the verdict of its start stands.
#[inline]
pub fn accept_changes() {
    if !parallel::in_parallel_mode() {
        // SAFETY: inside a transaction, where catalogs may be looked at; called as C calls it, for a few nanoseconds
        // instead of many: callers on the way of an ERROR hold nothing that wants dropping, or are guarded.
        unsafe { AcceptInvalidationMessages() };
    }
}

/// Whether what the context was judged by has changed since [`settle`].
#[inline]
pub fn is_doubtful() -> bool {
    DOUBT.get() && !parallel::in_parallel_mode()
}

/// As long as it stays the same, so does every answer that was made of the judges since: of those that were asked.
pub fn epoch() -> u64 {
    accept_changes();
    EPOCH.get()
}

/// The context must be judged anew.
pub fn doubt() {
    DOUBT.set(true);
}

/// The context is about to be judged anew; a change that comes in between raises the doubt again.
pub fn settle() {
    DOUBT.set(false);
}

/// Whether the cache that stands on the registry must be emptied. The mark is cleared first and the cache filled
/// after, so that a change that comes in between marks it again.
pub fn take_stale(registry: Registry) -> bool {
    accept_changes();
    is_stale(registry)
}

/// As [`take_stale`], for several that are emptied together, after the call at hand has taken in what has changed.
pub fn take_stale_any<const N: usize>(registries: [Registry; N]) -> bool {
    // Each is asked: asking clears its mark.
    let stale = registries.map(is_stale);
    stale.contains(&true)
}

fn is_stale(registry: Registry) -> bool {
    let mut marks = MARKS.get();
    let mark = &mut marks[registry as usize];
    if mark.filled_in_parallel {
        if parallel::in_parallel_mode() {
            return false;
        }
        (mark.is_stale, mark.filled_in_parallel) = (true, false);
    }
    if !mark.is_stale && mark.oid != pg_sys::Oid::INVALID {
        return false;
    }
    mark.is_stale = false;
    mark.oid = look_up(REGISTRIES[registry as usize].1);
    MARKS.set(marks);
    true
}

/// The cache is about to be filled with what may be old already: it is emptied as soon as a latest look can be taken.
pub fn keep_stale(registry: Registry) {
    let mut marks = MARKS.get();
    let mark = &mut marks[registry as usize];
    mark.is_stale = true;
    mark.filled_in_parallel = parallel::in_parallel_mode();
    MARKS.set(marks);
}

/// The registry's OID; invalid where the extension is not installed.
pub fn oid(registry: Registry) -> pg_sys::Oid {
    look_up(REGISTRIES[registry as usize].1)
}

/// Tells every backend at commit, and this one at once, that a registry has changed.
pub fn invalidate(relation: pg_sys::Oid) {
    // SAFETY: the OID of an existing table, from the trigger that runs on it.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
}

pub(super) fn install() {
    // SAFETY: called once from _PG_init; one callback serves all caches.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), pg_sys::Datum::from(0)) };
}

fn look_up(name: &str) -> pg_sys::Oid {
    let Ok(name) = CString::new(name) else { return pg_sys::Oid::INVALID };
    // SAFETY: catalog look-ups inside a transaction.
    unsafe {
        let namespace = pg_sys::get_namespace_oid(c"warden".as_ptr(), true);
        if namespace == pg_sys::Oid::INVALID {
            return pg_sys::Oid::INVALID;
        }
        pg_sys::get_relname_relid(name.as_ptr(), namespace)
    }
}

/// May be called at any moment of a transaction: it marks, and looks nothing up. InvalidOid means everything.
#[pg_guard]
unsafe extern "C-unwind" fn relation_changed(_arg: pg_sys::Datum, relation: pg_sys::Oid) {
    // Somebody who is just watching one more is told of everything.
    let is_watched =
        WATCHED.with(|watched| watched.try_borrow().map_or(true, |watched| watched.contains(&relation.to_u32())));
    if is_watched || relation == pg_sys::Oid::INVALID {
        CHANGES.set(CHANGES.get() + 1);
    }
    let mut marks = MARKS.get();
    for (registry, _) in REGISTRIES {
        let mark = &mut marks[registry as usize];
        if relation == pg_sys::Oid::INVALID || mark.oid == relation {
            mark.is_stale = true;
            if JUDGES.contains(&registry) {
                DOUBT.set(true);
                EPOCH.set(EPOCH.get() + 1);
            }
        }
    }
    MARKS.set(marks);
}
