//! When the caches of a backend are stale.
//!
//! A trigger on each registry invalidates the registry's own relcache entry; this callback hears of it in every
//! backend, standbys' too, and marks the caches that stand on it.

use std::cell::Cell;
use std::ffi::CString;

use pgrx::{pg_guard, pg_sys};

/// A table of the extension that caches stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Registry {
    Tenant,
    Member,
    Role,
    Permission,
    Issuer,
    Relation,
}

const REGISTRIES: [(Registry, &str); 6] = [
    (Registry::Tenant, "tenant_registry"),
    (Registry::Member, "member_registry"),
    (Registry::Role, "role_registry"),
    (Registry::Permission, "permission_registry"),
    (Registry::Issuer, "issuer_registry"),
    (Registry::Relation, "relation_registry"),
];

/// Marks of two kinds a registry: for its cache, and for the context that was judged by it.
#[derive(Clone, Copy)]
struct Marks {
    oid: pg_sys::Oid,
    cache_stale: bool,
    context_doubtful: bool,
}

thread_local! {
    static MARKS: Cell<[Marks; REGISTRIES.len()]> = const {
        Cell::new([Marks { oid: pg_sys::Oid::INVALID, cache_stale: true, context_doubtful: false }; REGISTRIES.len()])
    };
}

/// Takes in what other backends have changed by now.
pub fn accept_changes() {
    // SAFETY: inside a transaction, where catalogs may be looked at.
    unsafe { pg_sys::AcceptInvalidationMessages() };
}

/// Whether the cache that stands on the registry must be emptied. The mark is cleared first and the cache filled
/// after, so that a change that comes in between marks it again.
pub fn take_stale(registry: Registry) -> bool {
    accept_changes();
    let mut marks = MARKS.get();
    let mark = &mut marks[registry as usize];
    if !mark.cache_stale && mark.oid != pg_sys::Oid::INVALID {
        return false;
    }
    mark.cache_stale = false;
    mark.oid = look_up(REGISTRIES[registry as usize].1);
    MARKS.set(marks);
    true
}

/// Whether one of the registries changed since the last question: what was judged by them must be judged again.
pub fn take_doubt(registries: &[Registry]) -> bool {
    let mut marks = MARKS.get();
    let mut doubtful = false;
    for registry in registries {
        doubtful |= std::mem::take(&mut marks[*registry as usize].context_doubtful);
    }
    if doubtful {
        MARKS.set(marks);
    }
    doubtful
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
    let mut marks = MARKS.get();
    let mut changed = false;
    for mark in &mut marks {
        if relation == pg_sys::Oid::INVALID || (mark.oid == relation && relation != pg_sys::Oid::INVALID) {
            mark.cache_stale = true;
            mark.context_doubtful = true;
            changed = true;
        }
    }
    if changed {
        MARKS.set(marks);
    }
}
