//! Taking a protection away: exactly what it added, and what of that is still there.

use pgrx::prelude::*;
use serde_json::json;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{self as core, Added};

use super::registry::{self, Protected};
use super::{api, facts, foreign_key, trust};
use crate::audit::event;
use crate::encryption;
use crate::pg::cache::{self, Registry};
use crate::pg::catalog;
use crate::pg::error::{answer, notice};
use crate::pg::relation::{self, Relation};
use crate::pg::role::{self, Role};
use crate::pg::spi;
use crate::sql::need;

#[pg_extern(sql = false)]
fn unprotect(relation: Option<pg_sys::Oid>) {
    answer((|| {
        let table = need(relation, "relation")?;
        role::refuse_restricted()?;
        role::require(&[Role::Admin])?;
        if Relation::find(table).is_none() {
            return Err(WardenError::new(SqlState::UndefinedTable, "relation does not exist"));
        }
        let _running = api::begin();
        spi::as_owner(|| {
            relation::lock_against_itself(cache::oid(Registry::Relation));
            facts::lock_family(table)?;
            let Some(protected) = registry::lookup(table)? else {
                return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table is not protected"));
            };
            if protected.root.is_some() {
                return Err(WardenError::new(
                    SqlState::NotInPrerequisiteState,
                    "the table is protected as part of another table",
                )
                .hint("Take the protection away from the table above it, or detach this one first."));
            }
            if encryption::registry::of(table)?.is_some() {
                return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table has encrypted columns")
                    .detail("Their values are encrypted under the key of each row's tenant.")
                    .hint("Decrypt them first: warden.decrypt_column."));
            }
            take_away(&protected, false)?;
            notice(format!("table {} is not protected any more", facts::name(table)?));
            Ok(())
        })?;
        event::record(None, "warden.isolation.unprotect", json!({ "relation": catalog::recorded_name(table) }))
    })());
}

/// As the extension's owner. `keeps_column`: the tenant column that was added stays, for another protection to use.
pub fn take_away(protected: &Protected, keeps_column: bool) -> Result<()> {
    let family = facts::lock_family(protected.relation)?;
    trust::secure(&family)?;
    foreign_key::decompose(&family)?;
    // All facts before the first step: what a table loses, its children lose with it.
    let mut tables = Vec::new();
    for oid in family {
        if let Some(row) = registry::lookup(oid)? {
            tables.push((row, facts::table(oid)?));
        }
    }
    for (row, table) in tables {
        let tenant = row.tenant.as_ref().map(|(column, kind)| (column.as_str(), *kind));
        let added = Added { column: row.added.column && !keeps_column, ..row.added.clone() };
        for step in core::unprotect(&table, &added, tenant, row.relation == protected.relation) {
            spi::execute(&step.sql, &[])?;
        }
        registry::leave(row.relation)?;
    }
    Ok(())
}
