//! DROP EXTENSION pg_warden, by whichever way.

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard;

use crate::isolation::registry;
use crate::pg::cache::{self, Registry};
use crate::pg::guc;

/// Said before PostgreSQL counts what depends on the extension.
pub fn drop_extension(names: &[String]) -> Result<()> {
    if names.iter().any(|name| name == "pg_warden") { refuse() } else { Ok(()) }
}

/// DROP OWNED and other cascades: the registry of protected tables goes with the extension, and nothing else drops it.
pub fn drop_relation(relation: pg_sys::Oid) -> Result<()> {
    if relation == cache::oid(Registry::Relation) { refuse() } else { Ok(()) }
}

/// The last way out, which only superusers open: they may take a protection away piece by piece too, as
/// `pg_restore --clean` does.
pub fn is_allowed() -> bool {
    guc::ALLOW_DROP.get()
}

fn refuse() -> Result<()> {
    let protected = registry::count()?;
    if protected == 0 || is_allowed() {
        return Ok(());
    }
    Err(guard::refuse_leaving(protected))
}
