//! What protect would do, statement by statement, with the lock that each takes.

use std::ffi::CStr;

use pgrx::JsonB;
use pgrx::prelude::*;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::Step;

use super::protect::{self, Request};
use super::{child, facts, foreign_key, registry, trust};
use crate::pg::error::answer;
use crate::pg::role;
use crate::pg::spi;

#[pg_extern(sql = false)]
fn preview(
    relation: Option<pg_sys::Oid>,
    template: Option<&str>,
    tenant_column: Option<&CStr>,
    options: Option<JsonB>,
) -> TableIterator<'static, (name!(statement, String), name!(lock, String), name!(note, String))> {
    let steps = answer((|| {
        let request = Request::parse(relation, template, tenant_column, options)?;
        role::refuse_restricted()?;
        request.require_allowed()?;
        spi::as_owner(|| steps(&request))
    })());
    TableIterator::new(steps.into_iter().map(|step| (format!("{};", step.sql), step.lock.to_owned(), step.note)))
}

fn steps(request: &Request) -> Result<Vec<Step>> {
    if registry::lookup(request.relation)?.is_some() {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table is protected already"));
    }
    let family = facts::family(request.relation)?;
    protect::require_family(request, &family)?;
    trust::secure(&family)?;
    let source = child::source(request)?;
    let missing = source.as_ref().and_then(|source| source.missing_column(&request.column));
    let prepared = protect::plan(request, &family, missing.as_ref())?;
    let limit = protect::scan_limit();
    let changes = foreign_key::compose(&prepared.pending(&family, &request.template))?;
    let mut steps = source.map(|source| source.steps(&request.column)).unwrap_or_default();
    if facts::size(&family)? > limit
        && let Some((column, _)) = &prepared.tenant
    {
        for (_, table, plan) in &prepared.tables {
            steps.extend(table.preparation(column, plan));
        }
    }
    for change in &changes {
        change.refuse_crossing()?;
        if change.scanned()? > limit {
            steps.extend(change.preparation.iter().cloned());
        }
    }
    for (_, _, plan) in &prepared.tables {
        steps.extend(plan.steps.iter().cloned());
    }
    for change in changes {
        steps.extend(change.steps);
    }
    Ok(steps)
}
