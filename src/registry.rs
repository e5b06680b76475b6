//! The trigger on every registry that tells all backends of a change.

use pgrx::prelude::*;
use pgrx::trigger_support::PgTriggerError;

use crate::pg::cache;

#[pg_trigger]
fn registry_changed<'a>(
    trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, pgrx::AllocatedByPostgres>>, PgTriggerError> {
    cache::invalidate(trigger.relid()?);
    Ok(None)
}
