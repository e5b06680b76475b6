//! Events: what was done that is no row's change.

use pgrx::pg_sys::Datum;
use warden_core::audit::{Act, Operation, Subject, check_kind};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

use super::capture::{now, salt};
use super::write;
use crate::identity::standing;
use crate::pg::call::Call;
use crate::pg::error::internal;
use crate::pg::{typed, xact};
use crate::sql::need;

/// Records an EVENT of the extension's own in the caller's transaction. `tenant`: whose log it stands in; `None`: the
/// platform's. The detail is metadata, which every reader of the entry sees: no credential and no content.
///
/// # Errors
/// When the entry cannot be written.
pub fn record(tenant: Option<TenantId>, kind: &'static str, detail: serde_json::Value) -> Result<()> {
    let subject = Subject::new(None, None, Some(&detail.to_string()));
    write::record(tenant, |batch, actor, number| {
        let act = Act { number, operation: Operation::Event, kind: Some(kind), at: now(), commitment: None };
        batch.entry(actor, &subject, &act)
    })
}

/// An event of the application's own. Its detail is content: it can be withheld and erased.
pub fn record_event(call: Call) -> Result<Option<Datum>> {
    let kind = need(call.text(0), "kind")?;
    // As PostgreSQL prints it: every digit of its numbers is kept.
    let detail = typed::text(need(call.datum(1), "detail")?, typed::JSONB)?;
    let detail = std::str::from_utf8(&detail).map_err(internal)?;
    check_kind(kind)?;
    let tenant = standing::require()?.tenant();
    xact::require_writable(c"record_event");
    let (subject, salt) = (Subject::new(None, None, None), salt()?);
    write::record(Some(tenant), |batch, actor, number| {
        let commitment = Some(batch.event_payload(Some(detail), &salt));
        let act = Act { number, operation: Operation::Event, kind: Some(kind), at: now(), commitment };
        batch.entry(actor, &subject, &act)
    })?;
    Ok(Some(Datum::from(0)))
}
