//! Members of a tenant: who may change them, and what always stays.

use pgrx::prelude::*;
use serde_json::json;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::{TenantId, Tier, UserId};

use super::directory;
use crate::audit::event;
use crate::identity::standing;
use crate::pg::role::{self, Role};
use crate::pg::{error::answer, spi};
use crate::sql::need;

#[pg_extern(sql = false)]
fn add_member(tenant: Option<pgrx::Uuid>, user_id: Option<&str>, role: Option<&str>) {
    answer((|| {
        let change = Change::begin(tenant, user_id)?;
        let role = need(role, "role")?;
        let granted = directory::labels()?.require(role)?;
        change.actor.may_grant(granted)?;
        spi::as_owner(|| {
            change.lock_tenant()?;
            let added = spi::execute(
                "INSERT INTO warden.member_registry (tenant, user_id, tier) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                &[
                    directory::uuid(change.tenant).into(),
                    change.user.as_str().into(),
                    i16::from(granted.number()).into(),
                ],
            )?;
            if added == 0 {
                return Err(WardenError::new(SqlState::UniqueViolation, "the user is a member already")
                    .hint("Use warden.set_member_role to change the role."));
            }
            Ok(())
        })?;
        event::record(
            Some(change.tenant),
            "warden.tenancy.add_member",
            json!({ "user_id": change.user.as_str(), "role": role }),
        )
    })());
}

#[pg_extern(sql = false)]
fn set_member_role(tenant: Option<pgrx::Uuid>, user_id: Option<&str>, role: Option<&str>) {
    answer((|| {
        let change = Change::begin(tenant, user_id)?;
        let role = need(role, "role")?;
        let granted = directory::labels()?.require(role)?;
        change.actor.may_grant(granted)?;
        spi::as_owner(|| {
            change.lock_tenant()?;
            let held = change.held()?;
            change.actor.may_change(held)?;
            if held == Tier::Owner && granted != Tier::Owner {
                change.keep_last_owner()?;
            }
            spi::execute(
                "UPDATE warden.member_registry SET tier = $3, changed_at = now() WHERE tenant = $1 AND user_id = $2",
                &[
                    directory::uuid(change.tenant).into(),
                    change.user.as_str().into(),
                    i16::from(granted.number()).into(),
                ],
            )?;
            Ok(())
        })?;
        event::record(
            Some(change.tenant),
            "warden.tenancy.set_member_role",
            json!({ "user_id": change.user.as_str(), "role": role }),
        )
    })());
}

#[pg_extern(sql = false)]
fn remove_member(tenant: Option<pgrx::Uuid>, user_id: Option<&str>) {
    answer((|| {
        let change = Change::begin(tenant, user_id)?;
        spi::as_owner(|| {
            change.lock_tenant()?;
            let held = change.held()?;
            change.actor.may_change(held)?;
            if held == Tier::Owner {
                change.keep_last_owner()?;
            }
            spi::execute(
                "DELETE FROM warden.member_registry WHERE tenant = $1 AND user_id = $2",
                &[directory::uuid(change.tenant).into(), change.user.as_str().into()],
            )?;
            Ok(())
        })?;
        event::record(Some(change.tenant), "warden.tenancy.remove_member", json!({ "user_id": change.user.as_str() }))
    })());
}

/// Who changes members: the platform's security officer, or the tenant's own owner or admin.
#[derive(Clone, Copy)]
enum Actor {
    Officer,
    Member(Tier),
}

impl Actor {
    /// Nobody grants a role above their own.
    fn may_grant(self, granted: Tier) -> Result<()> {
        match self {
            Actor::Member(own) if !own.holds(granted) => Err(WardenError::new(
                SqlState::InsufficientPrivilege,
                "permission denied: nobody grants a role above their own",
            )),
            _ => Ok(()),
        }
    }

    /// An admin neither demotes nor removes an owner.
    fn may_change(self, held: Tier) -> Result<()> {
        match self {
            Actor::Member(own) if !own.holds(held) => Err(WardenError::new(
                SqlState::InsufficientPrivilege,
                "permission denied: the member has a higher role",
            )),
            _ => Ok(()),
        }
    }
}

struct Change {
    actor: Actor,
    tenant: TenantId,
    user: UserId,
}

impl Change {
    fn begin(tenant: Option<pgrx::Uuid>, user_id: Option<&str>) -> Result<Self> {
        role::refuse_restricted()?;
        let tenant = directory::tenant_id(need(tenant, "tenant")?);
        let actor = match standing::live()? {
            Some(current) if current.tenant() == tenant && current.tier().holds(Tier::Admin) => {
                Actor::Member(current.tier())
            }
            _ => {
                if !role::is(Role::Admin) {
                    return Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied")
                        .detail("Members are managed by owners and admins of their own tenant, and by warden_admin."));
                }
                Actor::Officer
            }
        };
        Ok(Self { actor, tenant, user: UserId::parse(need(user_id, "user_id")?)? })
    }

    /// One change of a tenant's members at a time. An update, not a lock alone: under REPEATABLE READ the second of
    /// two must fail instead of counting the owners of an old snapshot. Not of the tenant's own row, which suspending it
    /// needs: a tenant must not hold its suspension up with an open transaction.
    fn lock_tenant(&self) -> Result<()> {
        spi::execute(
            "UPDATE warden.tenant_name SET members_changed_at = clock_timestamp() WHERE name = $1::text",
            &[directory::uuid(self.tenant).into()],
        )?;
        let state: String = spi::value(
            "SELECT t.state FROM warden.tenant_registry t WHERE t.id = $1",
            &[directory::uuid(self.tenant).into()],
        )?
        .ok_or_else(directory::unknown_tenant)?;
        if state == "closed" {
            return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the tenant is closed"));
        }
        Ok(())
    }

    fn held(&self) -> Result<Tier> {
        spi::value::<i16>(
            "SELECT m.tier FROM warden.member_registry m WHERE m.tenant = $1 AND m.user_id = $2",
            &[directory::uuid(self.tenant).into(), self.user.as_str().into()],
        )?
        .and_then(|number| Tier::from_number(number.into()))
        .ok_or_else(|| WardenError::new(SqlState::InvalidParameterValue, "the user is not a member of the tenant"))
    }

    fn keep_last_owner(&self) -> Result<()> {
        let others: i64 = spi::value(
            "SELECT count(*) FROM warden.member_registry m WHERE m.tenant = $1 AND m.tier = 1 AND m.user_id <> $2",
            &[directory::uuid(self.tenant).into(), self.user.as_str().into()],
        )?
        .unwrap_or_default();
        if others == 0 {
            return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the tenant's last owner stays")
                .hint("Make another member an owner first."));
        }
        Ok(())
    }
}
