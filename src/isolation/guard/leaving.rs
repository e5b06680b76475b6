//! DROP EXTENSION pg_warden, by whichever way.

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard;

use crate::isolation::{api, registry};
use crate::pg::cache::{self, Registry};
use crate::pg::{catalog, guc, spi};

/// Said before PostgreSQL counts what depends on the extension. Where `warden.allow_drop` lets it go, the tables stay
/// shut: CASCADE drops the policies that ask for the context, and the one that permits must not outlive them.
pub fn drop_extension(names: &[String]) -> Result<()> {
    if !names.iter().any(|name| name == "pg_warden") {
        return Ok(());
    }
    refuse_unless_allowed()?;
    registry::all()?.iter().try_for_each(|table| shut(table.relation))
}

/// Whatever policy goes, the one that permits goes too.
pub fn shut(table: pg_sys::Oid) -> Result<()> {
    let _running = api::begin();
    let table = catalog::relation_name(table);
    spi::as_owner(|| spi::execute(&format!("DROP POLICY IF EXISTS warden_open ON {table}"), &[]))?;
    Ok(())
}

/// DROP OWNED and other cascades: the registry of protected tables goes with the extension, and nothing else drops it.
/// They do not shut the tables first, so `warden.allow_drop` is not for them.
pub fn drop_relation(relation: pg_sys::Oid) -> Result<()> {
    if relation != cache::oid(Registry::Relation) {
        return Ok(());
    }
    let open = spi::as_owner(|| {
        spi::value::<i64>(
            "SELECT count(*) FROM pg_policy p JOIN warden.relation_registry r ON r.relation = p.polrelid \
             WHERE p.polname = 'warden_open'",
            &[],
        )
    })?;
    match open.unwrap_or_default() {
        0 => refuse_unless_allowed(),
        open => Err(guard::refuse_leaving(usize::try_from(open).unwrap_or(usize::MAX))),
    }
}

/// The last way out, which only superusers open: they may take a protection away piece by piece too, as
/// `pg_restore --clean` does.
pub fn is_allowed() -> bool {
    guc::ALLOW_DROP.get()
}

fn refuse_unless_allowed() -> Result<()> {
    let protected = registry::count()?;
    if protected == 0 || is_allowed() {
        return Ok(());
    }
    Err(guard::refuse_leaving(protected))
}
