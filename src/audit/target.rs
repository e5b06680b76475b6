//! What a table's rows are recorded as: made once for as long as the table, its auditing and its protection stay.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::pg_sys::{Datum, Oid};
use warden_core::audit::{BLOCKS, PLATFORM, Shape as StoredShape, Subject, redaction_key};
use warden_core::error::Result;
use warden_core::isolation::TenantType;
use warden_core::tenancy::TenantId;
use zeroize::Zeroizing;

use super::registry::{self, Audited};
use super::schema;
use crate::encryption::column::primary_key;
use crate::isolation;
use crate::pg::cache::{self, Registry};
use crate::pg::canonical::Columns;
use crate::pg::error::internal;
use crate::pg::trigger::{Shape, TriggerRow};
use crate::pg::{catalog, typed};
use crate::tenancy::directory;

/// Where a row says whose it is.
enum Owner {
    Nobody,
    Id(usize),
    /// By the tenant's external id.
    Named(usize, Oid),
}

struct RedactionKey {
    tenant: Option<TenantId>,
    key: Zeroizing<[u8; 32]>,
}

pub struct Target {
    pub subject: Subject,
    pub shape: StoredShape,
    pub columns: Columns,
    /// By their places in the shape: redacted columns and their names.
    pub redacted: Vec<(usize, String)>,
    owner: Owner,
    secret: Zeroizing<[u8; 32]>,
    /// The last tenant's.
    key: RefCell<Option<RedactionKey>>,
}

#[derive(Default)]
struct Known {
    at: u64,
    targets: HashMap<u32, Option<Rc<Target>>>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

/// The table of the row before: almost always this one's too.
struct Last {
    at: u64,
    relation: u32,
    target: Option<Rc<Target>>,
}

/// `None` for a table that is not audited.
///
/// # Errors
/// When its registry or the catalogs cannot be read.
pub fn of(relation: Oid, shape: Shape) -> Result<Option<Rc<Target>>> {
    let (at, number) = (cache::changes(), relation.to_u32());
    if let Some(last) = LAST.take()
        && (last.at, last.relation) == (at, number)
    {
        let target = last.target.clone();
        LAST.set(Some(last));
        return Ok(target);
    }
    let known = KNOWN.with_borrow(|known| (known.at == at).then(|| known.targets.get(&number).cloned()).flatten());
    let (at, target) = match known {
        Some(target) => (at, target),
        None => remember(relation, shape)?,
    };
    LAST.set(Some(Last { at, relation: number, target: target.clone() }));
    Ok(target)
}

fn remember(relation: Oid, shape: Shape) -> Result<(u64, Option<Rc<Target>>)> {
    cache::watch(relation);
    cache::watch(cache::oid(Registry::Audited));
    cache::watch(cache::oid(Registry::Relation));
    let at = cache::changes();
    let target = make(relation, shape)?.map(Rc::new);
    KNOWN.with_borrow_mut(|known| {
        if known.at != at {
            *known = Known { at, ..Known::default() };
        }
        known.targets.insert(relation.to_u32(), target.clone());
    });
    Ok((at, target))
}

fn make(relation: Oid, shape: Shape) -> Result<Option<Target>> {
    let Some(audited) = registry::of_family(relation)? else { return Ok(None) };
    let key = primary_key(relation)?;
    let numbers: Vec<usize> = (1..=shape.len())
        .filter(|number| !shape.is_dropped(*number))
        .filter(|number| !audited.excluded.contains(&name(shape, *number)))
        .collect();
    let is_key = |name: &String| key.is_empty() || key.contains(name);
    let names: Vec<String> = numbers.iter().map(|number| name(shape, *number)).collect();
    let columns = names.iter().map(|name| (name.as_str(), is_key(name)));
    let redacted = names.iter().enumerate().filter(|(_, name)| audited.redacted.contains(name));
    Ok(Some(Target {
        subject: subject(relation, &audited)?,
        shape: StoredShape::new(columns).map_err(internal)?,
        columns: Columns::new(shape, numbers.iter().copied()),
        redacted: redacted.map(|(at, name)| (at, name.clone())).collect(),
        owner: owner(relation, shape)?,
        secret: audited.redaction_key.clone(),
        key: RefCell::new(None),
    }))
}

fn name(shape: Shape, number: usize) -> String {
    shape.name(number).to_string_lossy().into_owned()
}

fn owner(relation: Oid, shape: Shape) -> Result<Owner> {
    let Some(protected) = isolation::registry::lookup(relation)? else { return Ok(Owner::Nobody) };
    let Some((column, kind)) = &protected.tenant else { return Ok(Owner::Nobody) };
    let number = shape.number(column).ok_or_else(|| internal("a tenant column that is not there"))?;
    Ok(match kind {
        TenantType::Uuid => Owner::Id(number),
        _ => Owner::Named(number, shape.kind(number)),
    })
}

impl Target {
    /// Whose the row is; `None`: nobody's, or of nobody that is known.
    ///
    /// # Errors
    /// When the tenant's name cannot be read.
    pub fn tenant(&self, row: TriggerRow) -> Result<Option<TenantId>> {
        match self.owner {
            Owner::Nobody => Ok(None),
            // No tenant has the names of the platform's log and the blocks'.
            Owner::Id(number) => {
                Ok(row.uuid(number).map(TenantId).filter(|tenant| ![PLATFORM, BLOCKS].contains(tenant)))
            }
            Owner::Named(number, kind) => row.value(number).map_or(Ok(None), |value| named(value, kind)),
        }
    }

    /// What a tenant's values of this table are redacted with.
    pub fn redaction_key(&self, tenant: Option<TenantId>) -> Zeroizing<[u8; 32]> {
        let mut last = self.key.borrow_mut();
        match &*last {
            Some(known) if known.tenant == tenant => known.key.clone(),
            _ => {
                let key = Zeroizing::new(redaction_key(&self.secret, tenant));
                *last = Some(RedactionKey { tenant, key: key.clone() });
                key
            }
        }
    }
}

fn named(value: Datum, kind: Oid) -> Result<Option<TenantId>> {
    let text = typed::text(value, kind)?;
    let name = std::str::from_utf8(&text).map_err(internal)?;
    Ok(directory::tenant(name)?.filter(|tenant| tenant.external_id.as_deref() == Some(name)).map(|tenant| tenant.id))
}

/// A table that is truncated, which shows no row.
///
/// # Errors
/// As [`of`].
pub fn truncated(relation: Oid) -> Result<Option<Subject>> {
    let Some(audited) = registry::of_family(relation)? else { return Ok(None) };
    subject(relation, &audited).map(Some)
}

/// The table by its name and columns of now, and the one that it is a partition of.
fn subject(relation: Oid, audited: &Audited) -> Result<Subject> {
    let name = catalog::recorded_name(relation);
    let root = (audited.relation != relation).then(|| catalog::recorded_name(audited.relation));
    let detail = root.map(|root| serde_json::json!({ "root": root }).to_string());
    Ok(Subject::new(Some(&name), Some(schema::version(relation, &name)?), detail.as_deref()))
}
