//! Cached look-ups: tenants, members, labels, permissions. Emptied when their registry changes, in every backend.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use pgrx::Uuid;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::{Labels, TenantId, Tier};

use crate::pg::cache::{self, Registry};
use crate::pg::error::internal;
use crate::pg::parallel;
use crate::pg::spi;

/// A tenant as a login needs it.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: TenantId,
    pub slug: String,
    pub external_id: Option<String>,
    pub state: String,
}

impl Tenant {
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }
}

/// Entries before a cache starts anew: tokens name their tenants and users freely, memory must not follow them.
const MOST: usize = 10_000;

#[derive(Default)]
struct Directory {
    by_id: HashMap<TenantId, Rc<Tenant>>,
    by_word: HashMap<String, Rc<Tenant>>,
    members: HashMap<TenantId, HashMap<String, Option<Tier>>>,
    labels: Option<Labels>,
    permissions: Option<Rc<HashSet<(Tier, String)>>>,
}

thread_local! {
    static DIRECTORY: RefCell<Directory> = RefCell::default();
}

/// By id, external id or slug: one namespace.
pub fn tenant(reference: &str) -> Result<Option<Rc<Tenant>>> {
    if let Some(id) = TenantId::parse(reference) {
        return tenant_by_id(id);
    }
    forget_stale_tenants();
    if let Some(found) = DIRECTORY.with_borrow(|directory| directory.by_word.get(reference).cloned()) {
        return Ok(Some(found));
    }
    let found = look_up_tenant(reference)?;
    if let Some(tenant) = &found {
        DIRECTORY.with_borrow_mut(|directory| {
            bound(&mut directory.by_word).insert(reference.to_owned(), tenant.clone());
        });
    }
    Ok(found)
}

pub fn tenant_by_id(id: TenantId) -> Result<Option<Rc<Tenant>>> {
    forget_stale_tenants();
    if let Some(found) = DIRECTORY.with_borrow(|directory| directory.by_id.get(&id).cloned()) {
        return Ok(Some(found));
    }
    let found = look_up_tenant(&id.to_string())?;
    if let Some(tenant) = &found {
        DIRECTORY.with_borrow_mut(|directory| {
            bound(&mut directory.by_id).insert(id, tenant.clone());
        });
    }
    Ok(found)
}

fn forget_stale_tenants() {
    if cache::take_stale(Registry::Tenant) {
        DIRECTORY.with_borrow_mut(|directory| {
            directory.by_id.clear();
            directory.by_word.clear();
        });
    }
}

fn look_up_tenant(word: &str) -> Result<Option<Rc<Tenant>>> {
    let found = look_up(
        Registry::Tenant,
        "SELECT t.id, t.slug, t.external_id, t.state FROM warden.tenant_name n JOIN warden.tenant_registry t \
         ON t.id = n.tenant WHERE n.name = $1",
        &[word.into()],
        |row| {
            Ok(Tenant {
                id: tenant_id(row.need(1)?),
                slug: row.need(2)?,
                external_id: row.get(3)?,
                state: row.need(4)?,
            })
        },
    )?;
    Ok(found.into_iter().next().map(Rc::new))
}

/// # Errors
/// 22023 for a reference that names nobody.
pub fn require_tenant(reference: &str) -> Result<Rc<Tenant>> {
    tenant(reference)?.ok_or_else(unknown_tenant)
}

pub fn unknown_tenant() -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "unknown tenant")
}

/// A member's tier, `None` for a stranger.
pub fn member_tier(tenant: TenantId, user: &str) -> Result<Option<Tier>> {
    if cache::take_stale(Registry::Member) {
        DIRECTORY.with_borrow_mut(|directory| directory.members.clear());
    }
    let known = DIRECTORY
        .with_borrow(|directory| directory.members.get(&tenant).and_then(|members| members.get(user)).copied());
    if let Some(known) = known {
        return Ok(known);
    }
    let tier = look_up(
        Registry::Member,
        "SELECT m.tier FROM warden.member_registry m WHERE m.tenant = $1 AND m.user_id = $2",
        &[uuid(tenant).into(), user.into()],
        |row| tier(row.need::<i16>(1)?),
    )?
    .pop();
    DIRECTORY.with_borrow_mut(|directory| {
        let members = bound(&mut directory.members).entry(tenant).or_default();
        bound(members).insert(user.to_owned(), tier);
    });
    Ok(tier)
}

/// The labels as they are now.
pub fn labels() -> Result<Labels> {
    if cache::take_stale(Registry::Role) {
        DIRECTORY.with_borrow_mut(|directory| directory.labels = None);
    }
    if let Some(labels) = DIRECTORY.with_borrow(|directory| directory.labels.clone()) {
        return Ok(labels);
    }
    let mut names = Tier::ALL.map(|tier| Labels::default().label(tier).to_owned());
    for (tier, label) in look_up(Registry::Role, "SELECT r.tier, r.label FROM warden.role_registry r", &[], |row| {
        Ok((tier(row.need::<i16>(1)?)?, row.need::<String>(2)?))
    })? {
        names[usize::from(tier.number() - 1)] = label;
    }
    let labels = Labels::new(names);
    DIRECTORY.with_borrow_mut(|directory| directory.labels = Some(labels.clone()));
    Ok(labels)
}

/// Whether a tier holds a permission, its own or one of a lower tier.
pub fn holds_permission(held: Tier, permission: &str) -> Result<bool> {
    if cache::take_stale(Registry::Permission) {
        DIRECTORY.with_borrow_mut(|directory| directory.permissions = None);
    }
    let known = DIRECTORY.with_borrow(|directory| directory.permissions.clone());
    let granted = match known {
        Some(granted) => granted,
        None => {
            let rows = look_up(
                Registry::Permission,
                "SELECT p.tier, p.permission FROM warden.permission_registry p",
                &[],
                |row| Ok((tier(row.need::<i16>(1)?)?, row.need::<String>(2)?)),
            )?;
            let granted = Rc::new(rows.into_iter().collect::<HashSet<_>>());
            DIRECTORY.with_borrow_mut(|directory| directory.permissions = Some(granted.clone()));
            granted
        }
    };
    Ok(Tier::ALL.into_iter().any(|tier| held.holds(tier) && granted.contains(&(tier, permission.to_owned()))))
}

/// Rows of a registry as they are committed now. In parallel mode no latest snapshot can be taken: the query's own
/// serves, and what the caller fills its cache with counts as stale.
pub fn look_up<T>(
    registry: Registry,
    query: &str,
    params: &[spi::Param],
    map: impl Fn(&spi::Row) -> Result<T>,
) -> Result<Vec<T>> {
    if parallel::in_parallel_mode() {
        cache::keep_stale(registry);
        return spi::as_owner(|| spi::read(query, params, map));
    }
    spi::as_owner_latest(|| spi::read(query, params, map))
}

pub fn uuid(id: TenantId) -> Uuid {
    Uuid::from_bytes(id.0)
}

pub fn tenant_id(uuid: Uuid) -> TenantId {
    TenantId(*uuid.as_bytes())
}

fn tier(number: i16) -> Result<Tier> {
    Tier::from_number(number.into()).ok_or_else(|| internal("a tier outside the four"))
}

fn bound<K, V>(map: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if map.len() >= MOST {
        map.clear();
    }
    map
}
