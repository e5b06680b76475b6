//! What the platform calls the four tiers.

use pgrx::prelude::*;
use serde_json::json;
use warden_core::error::{SqlState, WardenError};
use warden_core::tenancy::{Labels, Tier};

use super::directory;
use crate::audit::event;
use crate::pg::role::{self, Role};
use crate::pg::{error::answer, spi};
use crate::sql::need;

#[pg_extern(sql = false)]
fn rename_role(tier: Option<i32>, label: Option<&str>) {
    answer((|| {
        role::refuse_restricted()?;
        role::require(&[Role::Admin])?;
        let tier = Tier::from_number(need(tier, "tier")?.into()).ok_or_else(|| {
            WardenError::new(SqlState::InvalidParameterValue, "unknown tier").hint("The tiers are 1, 2, 3 and 4.")
        })?;
        let label = need(label, "label")?;
        Labels::check(label)?;
        if directory::labels()?.tier(label).is_some_and(|other| other != tier) {
            return Err(WardenError::new(SqlState::UniqueViolation, "another role has this label"));
        }
        let changed = spi::as_owner(|| {
            spi::execute(
                "INSERT INTO warden.role_registry AS r (tier, label) VALUES ($1, $2) \
                 ON CONFLICT (tier) DO UPDATE SET label = excluded.label WHERE r.label <> excluded.label",
                &[i16::from(tier.number()).into(), label.into()],
            )
        })?;
        if changed == 0 {
            return Ok(());
        }
        event::record(None, "warden.tenancy.rename_role", json!({ "tier": tier.number(), "label": label }))
    })());
}
