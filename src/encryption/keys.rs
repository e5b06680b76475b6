//! The keys of this backend: unwrapped when they are first wanted, gone when the transaction ends, when a savepoint is
//! rolled back and when a registry of keys changes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::prelude::*;
use serde_json::json;
use warden_core::encryption::{
    DataKey, GenerationId, IndexKey, KeyState, ROOT_KEY, RootKey, TagKey, TenantKey, ValueKey, error,
};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::TenantId;
use zeroize::Zeroizing;

use crate::audit::event;
use crate::pg::cache::{self, Registry};
use crate::pg::error::{answer, internal};
use crate::pg::guc::{self, ALLOW_LOCAL_ROOT_KEY};
use crate::pg::role::{self, Role};
use crate::pg::secret::{self, Secret};
use crate::pg::{key_file, random, relation, spi};
use crate::sql::need;
use crate::tenancy::directory;

/// Derived keys before the ring starts anew: contexts are the application's to choose, memory must not follow them.
const MOST: usize = 256;

type Shared<T> = Rc<Secret<T>>;

/// A key under its context, for the call after this one: almost always the same.
struct Last<K, T> {
    owner: K,
    context: Box<str>,
    key: Shared<T>,
}

#[derive(Default)]
struct Ring {
    tenants: HashMap<TenantId, Unwrapped>,
    values: HashMap<GenerationId, HashMap<Box<str>, Shared<ValueKey>>>,
    tags: HashMap<TenantId, HashMap<Box<str>, Shared<TagKey>>>,
    last_value: Option<Last<(TenantId, GenerationId), ValueKey>>,
    last_active: Option<(TenantId, GenerationId)>,
    last_tag: Option<Last<TenantId, TagKey>>,
    derived: usize,
}

/// A tenant's keys.
struct Unwrapped {
    key: Secret<TenantKey>,
    index: Secret<IndexKey>,
    generations: Vec<Generation>,
}

struct Generation {
    id: GenerationId,
    number: u32,
    state: KeyState,
    /// Empty for a destroyed one.
    wrapped: Vec<u8>,
}

thread_local! {
    static RING: RefCell<Ring> = RefCell::default();
}

/// Whatever was unwrapped is wiped.
pub fn forget() {
    RING.with_borrow_mut(|ring| {
        if !ring.tenants.is_empty() || ring.derived > 0 {
            *ring = Ring::default();
        }
    });
}

/// Whoever asks for a key has asked for the context, which took in what has changed.
fn forget_stale() {
    if cache::take_stale_any([Registry::TenantKey, Registry::DataKey]) {
        forget();
    }
}

/// The generation that new values are sealed under, and its key for a context.
///
/// # Errors
/// 55000 without a root key.
pub fn sealing(tenant: TenantId, context: &str) -> Result<(GenerationId, Shared<ValueKey>)> {
    forget_stale();
    let active = RING.with_borrow(|ring| ring.last_active.filter(|(owner, _)| *owner == tenant));
    let id = match active {
        Some((_, id)) => id,
        None => {
            let id = with_tenant(tenant, |unwrapped| {
                let active = unwrapped.generations.iter().find(|generation| generation.state == KeyState::Active);
                active.map(|generation| generation.id).ok_or_else(error::damaged_key_registry)
            })?;
            RING.with_borrow_mut(|ring| ring.last_active = Some((tenant, id)));
            id
        }
    };
    let key = value_key(tenant, id, context)?.ok_or_else(|| internal("an active key that is not there"))?;
    Ok((id, key))
}

/// The key that a value was sealed under; `None` where the tenant has no such generation (any more).
///
/// # Errors
/// 55000 without a root key.
pub fn opening(tenant: TenantId, id: GenerationId, context: &str) -> Result<Option<Shared<ValueKey>>> {
    forget_stale();
    value_key(tenant, id, context)
}

fn value_key(tenant: TenantId, id: GenerationId, context: &str) -> Result<Option<Shared<ValueKey>>> {
    let known = RING.with_borrow(|ring| {
        let last = ring.last_value.as_ref().filter(|last| last.owner == (tenant, id) && *last.context == *context);
        last.map(|last| last.key.clone())
    });
    if known.is_some() {
        return Ok(known);
    }
    // A generation is one tenant's: whose it is, is asked before a key that is there already is used.
    let is_theirs = with_tenant(tenant, |unwrapped| Ok(unwrapped.generation(id).is_some()))?;
    if !is_theirs {
        return Ok(None);
    }
    let known = RING.with_borrow(|ring| ring.values.get(&id).and_then(|contexts| contexts.get(context).cloned()));
    let key = match known {
        Some(key) => key,
        None => {
            let derived = with_tenant(tenant, |unwrapped| unwrapped.derive(tenant, id, context))?;
            let Some(derived) = derived else { return Ok(None) };
            let key = Rc::new(derived);
            RING.with_borrow_mut(|ring| {
                ring.make_room();
                ring.values.entry(id).or_default().insert(context.into(), key.clone());
            });
            key
        }
    };
    RING.with_borrow_mut(|ring| {
        ring.last_value = Some(Last { owner: (tenant, id), context: context.into(), key: key.clone() });
    });
    Ok(Some(key))
}

/// The key of equality tags for a context.
///
/// # Errors
/// 55000 without a root key.
pub fn tagging(tenant: TenantId, context: &str) -> Result<Shared<TagKey>> {
    forget_stale();
    let known = RING.with_borrow(|ring| {
        let last = ring.last_tag.as_ref().filter(|last| last.owner == tenant && *last.context == *context);
        last.map(|last| last.key.clone())
            .or_else(|| ring.tags.get(&tenant).and_then(|contexts| contexts.get(context).cloned()))
    });
    let key = match known {
        Some(key) => key,
        None => {
            let derived = with_tenant(tenant, |unwrapped| Secret::new(unwrapped.index.tag_key(tenant, context)?));
            secret::scrub_stack();
            let key = Rc::new(derived?);
            RING.with_borrow_mut(|ring| {
                ring.make_room();
                ring.tags.entry(tenant).or_default().insert(context.into(), key.clone());
            });
            key
        }
    };
    RING.with_borrow_mut(|ring| {
        ring.last_tag = Some(Last { owner: tenant, context: context.into(), key: key.clone() });
    });
    Ok(key)
}

impl Ring {
    fn make_room(&mut self) {
        if self.derived >= MOST {
            self.values.clear();
            self.tags.clear();
            (self.last_value, self.last_tag, self.derived) = (None, None, 0);
        }
        self.derived += 1;
    }
}

impl Unwrapped {
    fn generation(&self, id: GenerationId) -> Option<&Generation> {
        self.generations.iter().find(|generation| generation.id == id && generation.state != KeyState::Destroyed)
    }

    fn data_key(&self, tenant: TenantId, generation: &Generation) -> Result<DataKey> {
        self.key.unwrap_data(&generation.wrapped, tenant, generation.id, generation.number, generation.state)
    }

    fn derive(&self, tenant: TenantId, id: GenerationId, context: &str) -> Result<Option<Secret<ValueKey>>> {
        let Some(generation) = self.generation(id) else { return Ok(None) };
        let derived = Secret::new(self.data_key(tenant, generation)?.value_key(tenant, context)?);
        secret::scrub_stack();
        derived.map(Some)
    }
}

fn with_tenant<T>(tenant: TenantId, work: impl FnOnce(&Unwrapped) -> Result<T>) -> Result<T> {
    if RING.with_borrow(|ring| !ring.tenants.contains_key(&tenant)) {
        let unwrapped = match load(tenant)? {
            Some(unwrapped) => unwrapped,
            None => {
                make(tenant)?;
                load(tenant)?.ok_or_else(|| internal("keys that were made are not there"))?
            }
        };
        RING.with_borrow_mut(|ring| ring.tenants.insert(tenant, unwrapped));
    }
    RING.with_borrow(|ring| {
        let unwrapped = ring.tenants.get(&tenant).ok_or_else(|| internal("a ring without the tenant"))?;
        work(unwrapped)
    })
}

/// `None` for a tenant that has no keys yet.
fn load(tenant: TenantId) -> Result<Option<Unwrapped>> {
    let wraps = directory::look_up(
        Registry::TenantKey,
        "SELECT k.wrapped, k.wrapped_index FROM warden.tenant_key_registry k WHERE k.tenant = $1",
        &[directory::uuid(tenant).into()],
        |row| Ok((row.need::<Vec<u8>>(1)?, row.need::<Vec<u8>>(2)?)),
    )?;
    let Some((wrapped, wrapped_index)) = wraps.into_iter().next() else { return Ok(None) };
    let generations = directory::look_up(
        Registry::DataKey,
        "SELECT k.id, k.generation, k.state, k.wrapped FROM warden.data_key_registry k WHERE k.tenant = $1",
        &[directory::uuid(tenant).into()],
        |row| {
            Ok(Generation {
                id: GenerationId::from_number(row.need(1)?).ok_or_else(error::damaged_key_registry)?,
                number: u32::try_from(row.need::<i32>(2)?).map_err(internal)?,
                state: KeyState::parse(&row.need::<String>(3)?).ok_or_else(error::damaged_key_registry)?,
                wrapped: row.get(4)?.unwrap_or_default(),
            })
        },
    )?;
    let key = with_root(|root, file| {
        root.unwrap(&wrapped, tenant).map(Secret::new).ok_or_else(|| error::wrong_root_key(file))?
    })?;
    let index = Secret::new(key.unwrap_index(&wrapped_index, tenant)?);
    secret::scrub_stack();
    Ok(Some(Unwrapped { key, index: index?, generations }))
}

/// Makes a tenant's keys, in the caller's transaction, if it has none.
///
/// # Errors
/// 55000 without a root key.
pub fn make(tenant: TenantId) -> Result<()> {
    // Two first uses at once: the second waits, and finds the keys of the first.
    relation::lock_against_itself(cache::oid(Registry::TenantKey));
    let tenant_id = directory::uuid(tenant);
    let is_there = spi::as_owner_latest(|| {
        spi::read("SELECT true FROM warden.tenant_key_registry k WHERE k.tenant = $1", &[tenant_id.into()], |_| Ok(()))
    })?;
    if !is_there.is_empty() {
        return Ok(());
    }
    let another = spi::as_owner_latest(|| {
        spi::read("SELECT k.tenant, k.wrapped FROM warden.tenant_key_registry k LIMIT 1", &[], |row| {
            Ok((directory::tenant_id(row.need(1)?), row.need::<Vec<u8>>(2)?))
        })
    })?;
    let made = (|| {
        let key = Secret::new(TenantKey::generate(&mut random::fill)?)?;
        let wrapped = with_root(|root, file| {
            // What another root key wraps, nobody opens once the right one is back.
            if another.first().is_some_and(|(tenant, wrapped)| root.unwrap(wrapped, *tenant).is_none()) {
                return Err(error::wrong_root_key(file));
            }
            root.wrap(&key, tenant, &mut random::fill)
        })?;
        let index = IndexKey::generate(&mut random::fill)?;
        let wrapped_index = key.wrap_index(&index, tenant, &mut random::fill)?;
        Ok((wrapped, wrapped_index, new_generation(&key, tenant, 1)?))
    })();
    secret::scrub_stack();
    let (wrapped, wrapped_index, first) = made?;
    spi::as_owner(|| {
        spi::execute(
            "INSERT INTO warden.tenant_key_registry (tenant, wrapped, wrapped_index) VALUES ($1, $2, $3)",
            &[tenant_id.into(), wrapped.to_vec().into(), wrapped_index.to_vec().into()],
        )?;
        enter(tenant, &first)
    })
}

fn new_generation(key: &TenantKey, tenant: TenantId, number: u32) -> Result<Generation> {
    let mut id = [0; 8];
    random::fill(&mut id)?;
    let id = GenerationId::new(id).ok_or_else(|| internal("a generation id of zeros"))?;
    let data = DataKey::generate(&mut random::fill)?;
    let state = KeyState::Active;
    let wrapped = key.wrap_data(&data, tenant, id, number, state, &mut random::fill)?.to_vec();
    Ok(Generation { id, number, state, wrapped })
}

fn enter(tenant: TenantId, generation: &Generation) -> Result<()> {
    spi::execute(
        "INSERT INTO warden.data_key_registry (id, tenant, generation, state, wrapped) VALUES ($1, $2, $3, $4, $5)",
        &[
            generation.id.number().into(),
            directory::uuid(tenant).into(),
            i32::try_from(generation.number).map_err(internal)?.into(),
            generation.state.name().into(),
            generation.wrapped.clone().into(),
        ],
    )?;
    Ok(())
}

/// Runs `work` with the root key, of which nothing is left afterwards.
fn with_root<T>(work: impl FnOnce(&RootKey, &str) -> Result<T>) -> Result<T> {
    let done = read_root(work);
    secret::scrub_stack();
    done
}

#[inline(never)]
fn read_root<T>(work: impl FnOnce(&RootKey, &str) -> Result<T>) -> Result<T> {
    let Some(file) = guc::root_key_file() else {
        return Err(error::no_root_key("warden.root_key_file is not set."));
    };
    let bytes: Zeroizing<[u8; ROOT_KEY]> =
        key_file::read(&file, ALLOW_LOCAL_ROOT_KEY.get()).map_err(error::no_root_key)?;
    let root = Secret::new(RootKey::new(&bytes))?;
    work(&root, &file)
}

/// Keys for a new tenant, so that reading transactions and standbys find them; without a usable root key, the first use
/// makes them, or says what is wrong.
pub fn prepare(tenant: TenantId) -> Result<()> {
    match make(tenant) {
        Err(error) if error.state == SqlState::NotInPrerequisiteState => Ok(()),
        made => made,
    }
}

#[pg_extern(sql = false)]
fn rotate_key(tenant: Option<pgrx::Uuid>) -> i32 {
    answer((|| {
        role::refuse_restricted()?;
        role::require(&[Role::Admin])?;
        let tenant = directory::tenant_id(need(tenant, "tenant")?);
        let found = directory::tenant_by_id(tenant)?.ok_or_else(directory::unknown_tenant)?;
        if found.state == "closed" {
            return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the tenant is closed"));
        }
        let generation = rotate(tenant)?;
        event::record(Some(tenant), "warden.encryption.rotate_key", json!({ "generation": generation }))?;
        Ok(generation)
    })())
}

/// A new generation for what is sealed from now on; what was sealed before stays readable.
fn rotate(tenant: TenantId) -> Result<i32> {
    relation::lock_against_itself(cache::oid(Registry::TenantKey));
    forget();
    let had_keys = load(tenant)?.is_some();
    make(tenant)?;
    let made = with_tenant(tenant, |unwrapped| {
        let last = unwrapped.generations.iter().map(|generation| generation.number).max().unwrap_or_default();
        if !had_keys {
            return Ok((last, None));
        }
        let next = new_generation(&unwrapped.key, tenant, last + 1)?;
        let mut retired = Vec::new();
        for old in unwrapped.generations.iter().filter(|old| old.state == KeyState::Active) {
            let data = unwrapped.data_key(tenant, old)?;
            let state = KeyState::Retired;
            let wrapped = unwrapped.key.wrap_data(&data, tenant, old.id, old.number, state, &mut random::fill)?;
            retired.push((old.id, wrapped.to_vec()));
        }
        Ok((next.number, Some((next, retired))))
    });
    secret::scrub_stack();
    let (number, change) = made?;
    if let Some((next, retired)) = change {
        spi::as_owner(|| {
            for (id, wrapped) in retired {
                spi::execute(
                    "UPDATE warden.data_key_registry SET state = 'retired', wrapped = $2, changed_at = now() WHERE id = $1",
                    &[id.number().into(), wrapped.into()],
                )?;
            }
            enter(tenant, &next)
        })?;
    }
    forget();
    i32::try_from(number).map_err(internal)
}
