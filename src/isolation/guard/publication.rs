//! Logical replication reads past every policy.

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard;

use crate::isolation::registry;
use crate::pg::role::{self, Role};
use crate::pg::{catalog, spi};

/// # Errors
/// 42501 when a publication that somebody else than warden_admin has made or altered holds a protected table.
pub fn refuse(publication: &str) -> Result<()> {
    if role::is(Role::Admin) {
        return Ok(());
    }
    let published: Vec<pg_sys::Oid> = spi::as_owner(|| {
        spi::rows(
            "SELECT t.relid FROM pg_publication p, pg_get_publication_tables(p.pubname) t WHERE p.pubname = $1",
            &[publication.into()],
            |row| row.need(1),
        )
    })?;
    for relation in published {
        if registry::lookup(relation)?.is_some() {
            return Err(guard::refuse_publication(&catalog::relation_name(relation), publication));
        }
    }
    Ok(())
}

/// As [`refuse_published`], for a protected table that has come into another schema.
pub fn refuse_moved(relation: pg_sys::Oid) -> Result<()> {
    if registry::lookup(relation)?.is_none() { Ok(()) } else { refuse_published(relation, role::current()) }
}

/// # Errors
/// 42501 when a publication holds the table already, and whoever asks is not of warden_admin.
pub fn refuse_published(relation: pg_sys::Oid, user: pg_sys::Oid) -> Result<()> {
    if role::has(user, Role::Admin) {
        return Ok(());
    }
    let publication: Option<String> = spi::as_owner(|| {
        spi::value(
            "SELECT p.pubname::text FROM pg_publication p, pg_get_publication_tables(p.pubname) t \
             WHERE t.relid = $1 ORDER BY 1 LIMIT 1",
            &[relation.into()],
        )
    })?;
    match publication {
        Some(publication) => Err(guard::refuse_publication(&catalog::relation_name(relation), &publication)),
        None => Ok(()),
    }
}
