//! Protecting a table: check, lock, read the facts, plan, execute, enter.

use std::ffi::CStr;

use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use serde_json::{Value, json};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{self as core, Above, Column, Options, Plan, Table, Template, TenantType};

use super::foreign_key::{self, Pending};
use super::registry::{self, Protected};
use super::{api, child, facts, guard, template, trust, unprotect};
use crate::audit::{self, event};
use crate::encryption;
use crate::pg::cache::{self, Registry};
use crate::pg::catalog;
use crate::pg::error::{answer, notice};
use crate::pg::guc::PROTECT_SCAN_LIMIT;
use crate::pg::relation::{self, Relation};
use crate::pg::role::{self, Role};
use crate::pg::spi;
use crate::sql::need;
use crate::tenancy::directory;

#[pg_extern(sql = false)]
fn protect(
    relation: Option<pg_sys::Oid>,
    template: Option<&str>,
    tenant_column: Option<&CStr>,
    options: Option<JsonB>,
) {
    answer((|| {
        let request = Request::parse(relation, template, tenant_column, options)?;
        role::refuse_restricted()?;
        request.require_allowed()?;
        let _running = api::begin();
        if spi::as_owner(|| run(&request, None))? {
            request.record(None)?;
        }
        Ok(())
    })());
}

/// What was asked for, and by whom.
pub struct Request {
    pub relation: pg_sys::Oid,
    pub template: Template,
    pub column: String,
    /// The table that option `parent` names, as the caller's search path has it.
    pub parent: Option<pg_sys::Oid>,
    /// As they were given; `None` for a request of the extension's own.
    options: Option<Value>,
    is_officer: bool,
    caller: pg_sys::Oid,
}

impl Request {
    /// # Errors
    /// 22004, 22023 and 42P01 for what names nothing, 42809 for what is no table.
    pub fn parse(
        relation: Option<pg_sys::Oid>,
        template: Option<&str>,
        tenant_column: Option<&CStr>,
        options: Option<JsonB>,
    ) -> Result<Self> {
        let relation = need(relation, "relation")?;
        let name = need(template, "template")?;
        let column = need(tenant_column, "tenant_column")?.to_string_lossy().into_owned();
        let given = need(options, "options")?.0;
        let options = Options::from_call(&given, &directory::labels()?)?;
        let template = Template::resolve(name, template::definition(name)?.as_ref(), &options)?;
        let parent = template.parent.as_deref().map(child::resolve).transpose()?;
        Ok(Self {
            relation,
            template,
            column,
            parent,
            options: Some(given),
            is_officer: role::is(Role::Admin),
            caller: role::current(),
        })
    }

    /// # Errors
    /// 42501 for a table that is not the caller's to protect, 42809 for what is no table.
    pub fn require_allowed(&self) -> Result<()> {
        let found = Relation::find(self.relation).ok_or_else(|| {
            WardenError::new(SqlState::UndefinedTable, "relation does not exist").hint("Name a table that exists.")
        })?;
        require_table(&found)?;
        if self.is_officer || found.is_owned_by(self.caller) {
            return Ok(());
        }
        Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied to protect the table")
            .detail("A table is protected by its owner or by warden_admin."))
    }
}

/// # Errors
/// 42501 for a system's own, 42809 for what is no table.
pub fn require_table(found: &Relation) -> Result<()> {
    if found.is_system() || found.is_of_the_extension() {
        return Err(WardenError::new(
            SqlState::InsufficientPrivilege,
            "permission denied: the relation is a system's own",
        )
        .detail("Catalogs and pg_warden's own tables are not protected."));
    }
    let Some(kind) = found.no_table() else { return Ok(()) };
    Err(WardenError::new(SqlState::WrongObjectType, "only tables can be protected")
        .detail(format!("The relation is {kind}."))
        .hint("Protect the tables that it reads; row-level security holds for what reads them, views included."))
}

/// As the extension's owner; `by`: who it is that asks, if it is not the caller. Gives whether it changed anything.
pub fn run(request: &Request, by: Option<&str>) -> Result<bool> {
    // One protection at a time: of two tables that a foreign key joins, the second must see the first.
    relation::lock_against_itself(cache::oid(Registry::Relation));
    let family = facts::lock_family(request.relation)?;
    request.require_allowed()?;
    let mut keeps_column = false;
    if let Some(protected) = &registry::lookup(request.relation)? {
        if is_same(request, protected)? {
            notice(format!("table {} is protected already", facts::name(request.relation)?));
            return Ok(false);
        }
        if protected.root.is_some() {
            return Err(part_of_another());
        }
        if !request.is_officer {
            return Err(WardenError::new(
                SqlState::InsufficientPrivilege,
                "permission denied to change a table's protection",
            )
            .detail("The table is protected with another template or other options.")
            .hint("Ask warden_admin."));
        }
        if encryption::registry::of(request.relation)?.is_some()
            && protected.tenant_column()
                != Some(request.column.as_str()).filter(|_| request.template.has_tenant_column())
        {
            return Err(WardenError::new(
                SqlState::NotInPrerequisiteState,
                "the tenant column of a table with encrypted columns cannot be changed",
            )
            .hint("Decrypt them first: warden.decrypt_column."));
        }
        keeps_column = protected.added.column
            && request.template.has_tenant_column()
            && protected.tenant_column() == Some(request.column.as_str());
        unprotect::take_away(protected, keeps_column)?;
    }
    if request.template.has_tenant_column() {
        audit::registry::refuse_hidden_tenant(request.relation, &request.column)?;
    }
    let prepared = prepare(request, &family, keeps_column)?;
    let summary = establish(request, &family, &prepared, None, by)?;
    notice(format!(
        "table {} is protected with template \"{}\": {summary}",
        facts::name(request.relation)?,
        request.template.name
    ));
    Ok(true)
}

fn is_same(request: &Request, protected: &Protected) -> Result<bool> {
    let tenant = if request.template.has_tenant_column() {
        let table = facts::table(request.relation)?;
        core::check_column(&table, &request.template, &request.column)?.map(|kind| (request.column.clone(), kind))
    } else {
        None
    };
    Ok(protected.is_as(&request.template, tenant.as_ref()))
}

/// The tables' facts and plans, parents first.
pub struct Prepared {
    pub tables: Vec<(pg_sys::Oid, Table, Plan)>,
    pub tenant: Option<(String, TenantType)>,
    lacks_column: bool,
}

impl Prepared {
    pub fn pending<'a>(&self, family: &'a [pg_sys::Oid], template: &'a Template) -> Pending<'a> {
        Pending { tables: family, tenant: self.tenant.clone(), template, lacks_column: self.lacks_column }
    }
}

/// Everything that can be refused before anything is changed.
fn prepare(request: &Request, family: &[pg_sys::Oid], has_added_column: bool) -> Result<Prepared> {
    require_family(request, family)?;
    for table in family {
        // A child that was protected by itself becomes part of its parent's protection.
        if let Some(own) = registry::lookup(*table)? {
            if !request.is_officer && own.template != request.template {
                return Err(part_of_another());
            }
            unprotect::take_away(&own, false)?;
        }
    }
    trust::secure(family)?;
    refuse_open(request, family)?;
    let source = child::complete(request)?;
    if source.is_some() {
        // The owner's triggers may have run meanwhile.
        refuse_open(request, family)?;
    }
    let mut prepared = plan(request, family, None)?;
    if has_added_column || source.is_some_and(|source| source.adds_column) {
        prepared.tables.iter_mut().for_each(|(_, _, plan)| plan.added.column = true);
    }
    refuse_large(request, family, &prepared)?;
    refuse_nulls(&prepared)?;
    Ok(prepared)
}

/// What the guard would not let anybody make over protected tables, and what publishes them.
fn refuse_open(request: &Request, family: &[pg_sys::Oid]) -> Result<()> {
    for table in family {
        guard::refuse_standing(*table)?;
        guard::refuse_published(*table, request.caller)?;
    }
    Ok(())
}

/// # Errors
/// 42809 for a partition that is no table, 55000 for a table that is read through an unprotected parent.
pub fn require_family(request: &Request, family: &[pg_sys::Oid]) -> Result<()> {
    for table in family {
        let Some(found) = Relation::find(*table) else { continue };
        require_table(&found)?;
        if !request.is_officer && !found.is_owned_by(request.caller) {
            return Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied to protect the table")
                .detail(format!("Its child {} belongs to somebody else.", facts::name(*table)?)));
        }
    }
    for parent in facts::parents_outside(family)? {
        if registry::lookup(parent)?.is_some() {
            continue;
        }
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the table is read through another table")
            .detail(format!("A query of {} would read it beneath its policies.", facts::name(parent)?))
            .hint("Protect that table: its partitions and children are protected with it."));
    }
    Ok(())
}

/// `missing`: a column that the tables are about to get.
///
/// # Errors
/// As the core's plan.
pub fn plan(request: &Request, family: &[pg_sys::Oid], missing: Option<&Column>) -> Result<Prepared> {
    plan_below(&request.template, &request.column, family, Above::Nothing, missing)
}

/// `above`: what the table above the family was given when it was protected.
pub fn plan_below(
    template: &Template,
    column: &str,
    family: &[pg_sys::Oid],
    above: Above,
    missing: Option<&Column>,
) -> Result<Prepared> {
    let mut tables: Vec<(pg_sys::Oid, Table, Plan)> = Vec::new();
    let mut tenant = None;
    for oid in family {
        let mut table = facts::table(*oid)?;
        table.columns.extend(missing.cloned());
        let parent = facts::parent_among(*oid, family)?;
        let parent_plan =
            parent.and_then(|parent| tables.iter().find(|(oid, ..)| *oid == parent)).map(|(.., plan)| plan);
        let plan =
            core::protect(&table, template, column, parent_plan.map_or(above, |plan| Above::Planned(&plan.added)))?;
        if tables.is_empty() {
            tenant = core::check_column(&table, template, column)?.map(|kind| (column.to_owned(), kind));
        }
        tables.push((*oid, table, plan));
    }
    Ok(Prepared { tables, tenant, lacks_column: missing.is_some() })
}

/// Bytes above which nothing is scanned under a lock.
pub fn scan_limit() -> i64 {
    i64::from(PROTECT_SCAN_LIMIT.get()) * 1024 * 1024
}

fn refuse_large(request: &Request, family: &[pg_sys::Oid], prepared: &Prepared) -> Result<()> {
    let scans = prepared.tables.iter().flat_map(|(_, _, plan)| &plan.steps).filter(|step| step.scans).count();
    if scans > 0 && facts::size(family)? > scan_limit() {
        return Err(too_large(&facts::name(request.relation)?.to_string(), scans));
    }
    for change in foreign_key::compose(&prepared.pending(family, &request.template))? {
        if change.scanned()? > scan_limit() {
            let scans = change.steps.iter().filter(|step| step.scans).count();
            return Err(too_large(&change.tables()?, scans));
        }
    }
    Ok(())
}

pub fn too_large(tables: &str, scans: usize) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "the table is too large to be scanned under a lock")
        .detail(format!(
            "{tables} is larger than warden.protect_scan_limit ({} MB), and {scans} statements would scan it while nobody can write.",
            PROTECT_SCAN_LIMIT.get()
        ))
        .hint("Run the statements that warden.preview gives first: they scan without holding up writers. Where it gives none, raise warden.protect_scan_limit for the time of the call.")
}

fn refuse_nulls(prepared: &Prepared) -> Result<()> {
    let Some((column, _)) = &prepared.tenant else { return Ok(()) };
    for (oid, table, plan) in prepared.tables.iter().filter(|(.., plan)| plan.added.not_null) {
        if plan.steps.iter().any(|step| step.sql.ends_with("SET NOT NULL") && !step.scans) {
            continue;
        }
        let query = format!("SELECT count(*) FROM ONLY {} t WHERE t.{} IS NULL", table.name, core::quote(column));
        let nulls = trust::count(&query, &[*oid])?;
        if nulls > 0 {
            return Err(WardenError::new(SqlState::NotNullViolation, "the tenant column holds NULL")
                .detail(format!("{nulls} rows of table {} are nobody's: their \"{column}\" is NULL.", table.name))
                .hint("Give these rows a tenant, or delete them, first."));
        }
    }
    Ok(())
}

/// Executes the plans and enters the tables; what has been done, in words.
pub fn establish(
    request: &Request,
    family: &[pg_sys::Oid],
    prepared: &Prepared,
    root: Option<Uuid>,
    by: Option<&str>,
) -> Result<String> {
    let by = by.map_or_else(|| role::name(request.caller), str::to_owned);
    let mut root = root;
    for (oid, _, plan) in &prepared.tables {
        for step in &plan.steps {
            spi::execute(&step.sql, &[])?;
        }
        let id = registry::enter(*oid, &request.template, prepared.tenant.as_ref(), root, &plan.added, &by)?;
        root = root.or(Some(id));
    }
    let pending = prepared.pending(family, &request.template);
    let mut keys = 0;
    for change in foreign_key::compose(&pending)? {
        change.refuse_crossing()?;
        for step in &change.steps {
            spi::execute(&step.sql, &[])?;
        }
        foreign_key::keep(change)?;
        keys += 1;
    }
    let mut summary = prepared.tables.first().map(|(.., plan)| plan.summary()).unwrap_or_default();
    if prepared.tables.len() > 1 {
        summary.push_str(&format!("; the same on {} partitions or children", prepared.tables.len() - 1));
    }
    if keys > 0 {
        summary.push_str(&format!("; {keys} foreign keys carry the tenant"));
    }
    Ok(summary)
}

impl Request {
    /// A request of the extension's own: a child's, which its parent's protection decides.
    pub fn inherited(relation: pg_sys::Oid, template: Template, column: &str) -> Self {
        Self {
            relation,
            template,
            column: column.to_owned(),
            parent: None,
            options: None,
            is_officer: true,
            caller: role::current(),
        }
    }

    /// The event of its success. `by`: what protected the table, if nobody called for it.
    pub fn record(&self, by: Option<&str>) -> Result<()> {
        let mut detail = json!({
            "relation": catalog::relation_name(self.relation),
            "template": self.template.name,
            "tenant_column": self.template.has_tenant_column().then_some(&self.column),
        });
        if let Some(options) = &self.options {
            detail["options"] = options.clone();
        }
        if let Some(by) = by {
            detail["by"] = json!(by);
        }
        event::record(None, "warden.isolation.protect", detail)
    }
}

fn part_of_another() -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "the table is protected as part of another table")
        .hint("Partitions and children are protected as the table above them is: change that one.")
}
