//! The columns that a table had, by the number that its entries bear.

use std::num::NonZeroU32;

use pgrx::{JsonB, pg_sys};
use warden_core::error::Result;

use super::registry;
use crate::pg::cache::{self, Registry};
use crate::pg::error::internal;
use crate::pg::guc;
use crate::pg::relation;
use crate::pg::spi;

/// The number of a table's columns as they are now, under the name that its entries give it; made if they are new.
///
/// What keeps it asks anew when the registry changes: a number that was made goes when what made it is rolled back.
pub fn version(relation: pg_sys::Oid, name: &str) -> Result<NonZeroU32> {
    if let Some(version) = spi::as_owner_latest(|| standing(&columns(relation)?, name))? {
        return Ok(version);
    }
    // Makers wait for each other here, and then see what the first has made: two rows that collide would be an ERROR
    // under REPEATABLE READ, whatever ON CONFLICT says.
    relation::lock_name(cache::oid(Registry::Audited), name);
    spi::as_owner_latest(|| {
        let columns = columns(relation)?;
        match standing(&columns, name)? {
            Some(version) => Ok(version),
            None => make(columns, name),
        }
    })
}

/// Names and types in the table's order; types as every session writes them under the pinned search path, which has
/// this one's temporary types. Within [`spi::as_owner_latest`], whose settings end with it.
fn columns(relation: pg_sys::Oid) -> Result<serde_json::Value> {
    guc::set_saved(c"quote_all_identifiers", c"off");
    let found = spi::read(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(a.attname, CASE WHEN t.typnamespace = pg_my_temp_schema() \
             THEN t.typnamespace::regnamespace || '.' ELSE '' END || format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum), '[]') \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped",
        &[relation.into()],
        |row| row.need::<JsonB>(1),
    )?;
    found.into_iter().next().map(|columns| columns.0).ok_or_else(|| internal("a table without columns"))
}

fn standing(columns: &serde_json::Value, name: &str) -> Result<Option<NonZeroU32>> {
    let found = spi::read(
        "SELECT s.version FROM warden.audit_schema s WHERE s.relation = $1 AND s.columns = $2 ORDER BY 1 DESC LIMIT 1",
        &[name.into(), JsonB(columns.clone()).into()],
        |row| row.need::<i32>(1),
    )?;
    found.first().map(|version| number(*version)).transpose()
}

fn make(columns: serde_json::Value, name: &str) -> Result<NonZeroU32> {
    let newest = spi::read(
        "SELECT coalesce(max(s.version), 0) FROM warden.audit_schema s WHERE s.relation = $1",
        &[name.into()],
        |row| row.need::<i32>(1),
    )?;
    let version = newest.first().copied().unwrap_or_default() + 1;
    spi::execute(
        "INSERT INTO warden.audit_schema (relation, version, columns) VALUES ($1, $2, $3)",
        &[name.into(), version.into(), JsonB(columns).into()],
    )?;
    registry::changed();
    number(version)
}

fn number(version: i32) -> Result<NonZeroU32> {
    u32::try_from(version).ok().and_then(NonZeroU32::new).ok_or_else(|| internal("a schema version below 1"))
}
