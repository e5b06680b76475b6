//! Who reads the log, and how much of it: a tenant's owners and admins all of their own; the platform's officer and
//! auditor everybody's, without content.

use pgrx::Uuid;
use pgrx::prelude::*;
use warden_core::audit::{BLOCKS, PLATFORM};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::{TenantId, Tier};

use crate::identity::standing;
use crate::pg::error::answer;
use crate::pg::fetch::Reading;
use crate::pg::role::{self, Role};
use crate::pg::{guc, spi};
use crate::tenancy::directory;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Of one log, with what its entries commit to.
    Tenant(TenantId),
    /// Of all logs, without it.
    Everywhere,
}

impl Reader {
    /// The log that an argument names, by the tenant that it is stored under; `None` for NULL.
    ///
    /// # Errors
    /// 42501 for a log that is not the reader's, 22023 for the name that the blocks are stored under.
    pub fn log(self, tenant: Option<Uuid>) -> Result<Option<TenantId>> {
        let tenant = tenant.map(directory::tenant_id);
        match self {
            Reader::Tenant(own) if tenant.is_some_and(|tenant| tenant != own) => Err(foreign()),
            Reader::Everywhere if tenant == Some(BLOCKS) => {
                Err(WardenError::new(SqlState::InvalidParameterValue, "this is no tenant's log")
                    .detail("The blocks' own log is stored under this id."))
            }
            _ => Ok(tenant),
        }
    }

    /// Whether keys, rows and applications' details are shown.
    pub fn has_payloads(self) -> bool {
        matches!(self, Reader::Tenant(_))
    }
}

/// # Errors
/// 28000 for whoever has neither a context nor a role that reads all logs, 42501 for a context of a lower role.
pub fn require() -> Result<Reader> {
    role::refuse_restricted()?;
    match standing::live()? {
        Some(current) if current.tier().holds(Tier::Admin) => own(current.tenant()).ok_or_else(foreign),
        Some(current) => Err(standing::too_low(current, Tier::Admin)),
        None if reads_all() => Ok(Reader::Everywhere),
        None => Err(standing::missing()),
    }
}

/// As [`require`], for whoever else: nobody, without an error.
pub fn current() -> Result<Option<Reader>> {
    if role::refuse_restricted().is_err() {
        return Ok(None);
    }
    Ok(match standing::live()? {
        Some(current) if current.tier().holds(Tier::Admin) => own(current.tenant()),
        Some(_) => None,
        None => reads_all().then_some(Reader::Everywhere),
    })
}

fn reads_all() -> bool {
    role::is(Role::Admin) || role::is(Role::Auditor)
}

/// The ids that the platform's log and the blocks' are stored under are no tenant's.
fn own(tenant: TenantId) -> Option<Reader> {
    (tenant != PLATFORM && tenant != BLOCKS).then_some(Reader::Tenant(tenant))
}

fn foreign() -> WardenError {
    WardenError::new(SqlState::InsufficientPrivilege, "permission denied for the audit log").detail(
        "A tenant's log is read by its owners and admins, and by warden_admin and warden_auditor without content.",
    )
}

/// # Errors
/// 55000: what is asked for cannot be made of what is stored.
pub fn damaged(what: impl std::fmt::Display) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "the audit log is damaged")
        .detail(format!("What is stored does not fit together: {what}."))
        .hint("warden.verify_audit() says where.")
}

/// Reads the stored log as the extension's owner, under the snapshot of the caller's statement. By its indexes: what is
/// asked for is in their order, and no more of it should be read than is asked for.
pub fn read<T>(work: impl FnOnce(&Reading) -> Result<T>) -> Result<T> {
    spi::as_owner(|| {
        for setting in [c"enable_seqscan", c"enable_bitmapscan", c"enable_material", c"enable_memoize"] {
            guc::set_saved(setting, c"off");
        }
        work(&Reading::begin()?)
    })
}

/// The tenant whose log the caller reads with its content, for the views.
#[pg_extern(sql = false)]
fn reads_audit_of() -> Option<Uuid> {
    match answer(current()) {
        Some(Reader::Tenant(own)) => Some(directory::uuid(own)),
        _ => None,
    }
}

/// Whether the caller reads all logs without their content, for the views.
#[pg_extern(sql = false)]
fn reads_all_audits() -> bool {
    answer(current()) == Some(Reader::Everywhere)
}
