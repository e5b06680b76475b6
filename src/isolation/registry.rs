//! Which tables are protected, how, and what that added to them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::{JsonB, Uuid, pg_sys};
use warden_core::error::Result;
use warden_core::isolation::{Added, Command, Template, TenantType};

use crate::pg::cache::{self, Registry};
use crate::pg::error::internal;
use crate::pg::spi;
use crate::tenancy::directory;

/// A protected table.
#[derive(Clone, Debug)]
pub struct Protected {
    pub id: Uuid,
    pub relation: pg_sys::Oid,
    pub template: Template,
    pub tenant: Option<(String, TenantType)>,
    /// The table above, whose protection this one is part of.
    pub root: Option<Uuid>,
    pub added: Added,
}

impl Protected {
    pub fn tenant_column(&self) -> Option<&str> {
        self.tenant.as_ref().map(|(column, _)| column.as_str())
    }

    /// Whether it is the same protection.
    pub fn is_as(&self, template: &Template, tenant: Option<&(String, TenantType)>) -> bool {
        &self.template == template && self.tenant.as_ref() == tenant
    }
}

type Tables = Rc<HashMap<u32, Rc<Protected>>>;

thread_local! {
    /// All of them: every DDL statement asks, and most ask about tables that are not protected.
    static TABLES: RefCell<Option<Tables>> = const { RefCell::new(None) };
}

/// How a table is protected; cheap, also for one that is not.
pub fn lookup(relation: pg_sys::Oid) -> Result<Option<Rc<Protected>>> {
    Ok(tables()?.get(&relation.to_u32()).cloned())
}

/// How many tables are protected.
pub fn count() -> Result<usize> {
    Ok(tables()?.len())
}

pub fn all() -> Result<Vec<Rc<Protected>>> {
    Ok(tables()?.values().cloned().collect())
}

fn tables() -> Result<Tables> {
    if cache::oid(Registry::Relation) == pg_sys::Oid::INVALID {
        // The extension is not installed here, or is being installed.
        return Ok(Rc::default());
    }
    if cache::take_stale(Registry::Relation) {
        TABLES.with_borrow_mut(|tables| *tables = None);
    }
    if let Some(tables) = TABLES.with_borrow(Clone::clone) {
        return Ok(tables);
    }
    let rows = directory::look_up(
        Registry::Relation,
        "SELECT r.id, r.relation::oid, r.definition, r.tenant_column::text, r.tenant_type, r.root, r.added \
         FROM warden.relation_registry r",
        &[],
        read,
    )?;
    let tables: Tables = Rc::new(rows.into_iter().map(|row| (row.relation.to_u32(), Rc::new(row))).collect());
    TABLES.with_borrow_mut(|cached| *cached = Some(tables.clone()));
    Ok(tables)
}

fn read(row: &spi::Row) -> Result<Protected> {
    let definition: JsonB = row.need(3)?;
    let column: Option<String> = row.get(4)?;
    let kind: Option<String> = row.get(5)?;
    Ok(Protected {
        id: row.need(1)?,
        relation: row.need(2)?,
        template: Template::from_json(&definition.0).ok_or_else(|| internal("a template in the registry"))?,
        tenant: column.zip(kind.as_deref().and_then(TenantType::parse)),
        root: row.get(6)?,
        added: Added::from_json(&row.need::<JsonB>(7)?.0),
    })
}

/// Enters a table; gives its id.
pub fn enter(
    relation: pg_sys::Oid,
    template: &Template,
    tenant: Option<&(String, TenantType)>,
    root: Option<Uuid>,
    added: &Added,
    by: &str,
) -> Result<Uuid> {
    spi::value(
        "INSERT INTO warden.relation_registry (relation, template, tenant_column, tenant_type, definition, root, added, protected_by) \
         VALUES ($1::oid::regclass, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        &[
            relation.into(),
            template.name.as_str().into(),
            tenant.map(|(column, _)| column.as_str()).into(),
            tenant.map(|(_, kind)| kind.name()).into(),
            JsonB(template.to_json()).into(),
            root.into(),
            JsonB(added.to_json()).into(),
            by.into(),
        ],
    )?
    .ok_or_else(|| internal("no row was entered"))
}

/// Keeps what has been added to a table since it was entered.
pub fn keep_added(relation: pg_sys::Oid, added: &Added) -> Result<()> {
    spi::execute(
        "UPDATE warden.relation_registry SET added = $2 WHERE relation = $1::oid::regclass",
        &[relation.into(), JsonB(added.to_json()).into()],
    )?;
    Ok(())
}

/// A table belongs to another's protection, or stands by itself again.
pub fn set_root(relation: pg_sys::Oid, root: Option<Uuid>) -> Result<()> {
    spi::execute(
        "UPDATE warden.relation_registry SET root = $2 WHERE relation = $1::oid::regclass",
        &[relation.into(), root.into()],
    )?;
    Ok(())
}

/// A row leaves with its table, and its children stand by themselves.
pub fn forget(relation: pg_sys::Oid) -> Result<()> {
    if lookup(relation)?.is_none() {
        return Ok(());
    }
    spi::as_owner(|| leave(relation))
}

pub fn leave(relation: pg_sys::Oid) -> Result<()> {
    super::commit::note(relation);
    spi::execute("DELETE FROM warden.relation_registry WHERE relation = $1::oid::regclass", &[relation.into()])?;
    Ok(())
}

/// A column has another name now, here and in the tables below: the tenant's, the user's, or one that predicates of
/// the platform's own may name.
pub fn column_renamed(relation: pg_sys::Oid, from: &str, to: &str) -> Result<()> {
    let Some(renamed) = lookup(relation)? else { return Ok(()) };
    let family = renamed.root.unwrap_or(renamed.id);
    let is_user_column = renamed.template.user_column.as_deref() == Some(from);
    let has_predicates = renamed.root.is_none() && renamed.template.commands.iter().any(Option::is_some);
    if renamed.tenant_column() != Some(from) && !is_user_column && !has_predicates {
        return Ok(());
    }
    let mut commands = renamed.template.commands.clone();
    if has_predicates {
        for command in Command::ALL {
            let predicate = &mut commands[command as usize];
            if predicate.is_some() {
                *predicate = spi::as_owner(|| predicate_now(relation, command))?;
            }
        }
    }
    for row in all()?.into_iter().filter(|row| row.id == family || row.root == Some(family)) {
        let mut template = row.template.clone();
        if is_user_column {
            template.user_column = Some(to.to_owned());
        }
        template.commands.clone_from(&commands);
        let column = row.tenant_column().map(|column| if column == from { to } else { column });
        spi::as_owner(|| {
            spi::execute(
                "UPDATE warden.relation_registry SET tenant_column = $2, definition = $3 WHERE relation = $1::oid::regclass",
                &[row.relation.into(), column.into(), JsonB(template.to_json()).into()],
            )
        })?;
    }
    Ok(())
}

/// A predicate of the platform's own as PostgreSQL prints it now: what stands behind ours in its policy.
fn predicate_now(relation: pg_sys::Oid, command: Command) -> Result<Option<String>> {
    let printed = |name: String| {
        spi::value::<String>(
            "SELECT pg_get_expr(coalesce(p.polqual, p.polwithcheck), p.polrelid) FROM pg_policy p \
             WHERE p.polrelid = $1 AND p.polname = $2",
            &[relation.into(), name.into()],
        )
    };
    let Some(whole) = printed(format!("warden_{}_own", command.name()))? else { return Ok(None) };
    let ours = printed(format!("warden_{}", command.name()))?.unwrap_or_default();
    match own_part(&whole, &ours) {
        Some(own) => Ok(Some(own.to_owned())),
        None => Err(internal("a policy of the platform's own that does not ask ours first")),
    }
}

fn own_part<'a>(whole: &'a str, ours: &str) -> Option<&'a str> {
    let behind = whole.trim_start().strip_prefix("CASE")?.trim_start().strip_prefix("WHEN")?.trim_start();
    let behind = behind.strip_prefix(ours)?.trim_start().strip_prefix("THEN")?;
    Some(behind.trim_end().strip_suffix("END")?.trim_end().strip_suffix("ELSE false")?.trim())
}
