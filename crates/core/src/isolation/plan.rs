//! The steps that protect a table, in order, and those that take the protection away.

use serde_json::{Value, json};

use super::facts::{Kind, Table, TenantType, UserType};
use super::name::{quote, unique};
use super::options::IndexMode;
use super::policy::policies;
use super::template::{Rule, Template};
use crate::error::{Result, SqlState, WardenError};

/// The trigger that refuses TRUNCATE.
pub const TRUNCATE: &str = "warden_truncate";

/// One statement, the lock it takes, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub sql: String,
    pub lock: &'static str,
    pub note: String,
    /// Whether it reads the whole table under its lock.
    pub scans: bool,
}

impl Step {
    fn quick(sql: String, note: impl Into<String>) -> Self {
        Self { sql, lock: "ACCESS EXCLUSIVE", note: note.into(), scans: false }
    }
}

/// A foreign key that carries the tenant now, and what it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    pub name: String,
    pub definition: String,
    pub names_set_columns: bool,
    pub is_match_full: bool,
}

/// What protect has added to a table: what unprotect takes away again, no more and no less.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub column: bool,
    pub default: bool,
    pub not_null: bool,
    pub index: Option<String>,
    pub row_security: bool,
    pub force: bool,
    pub trigger: bool,
    pub policies: Vec<String>,
    pub unique_keys: Vec<String>,
    pub foreign_keys: Vec<Converted>,
}

impl Added {
    pub fn to_json(&self) -> Value {
        let keys: Vec<_> = self
            .foreign_keys
            .iter()
            .map(|key| {
                json!({"name": key.name, "definition": key.definition, "names_set_columns": key.names_set_columns,
                    "match_full": key.is_match_full})
            })
            .collect();
        json!({"column": self.column, "default": self.default, "not_null": self.not_null, "index": self.index,
            "row_security": self.row_security, "force": self.force, "trigger": self.trigger, "policies": self.policies,
            "unique_keys": self.unique_keys, "foreign_keys": keys})
    }

    pub fn from_json(value: &Value) -> Self {
        let flag = |value: &Value| value.as_bool().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        Self {
            column: flag(&value["column"]),
            default: flag(&value["default"]),
            not_null: flag(&value["not_null"]),
            index: value["index"].as_str().map(str::to_owned),
            row_security: flag(&value["row_security"]),
            force: flag(&value["force"]),
            trigger: flag(&value["trigger"]),
            policies: list(&value["policies"]).iter().map(text).collect(),
            unique_keys: list(&value["unique_keys"]).iter().map(text).collect(),
            foreign_keys: list(&value["foreign_keys"])
                .iter()
                .map(|key| Converted {
                    name: text(&key["name"]),
                    definition: text(&key["definition"]),
                    names_set_columns: flag(&key["names_set_columns"]),
                    is_match_full: flag(&key["match_full"]),
                })
                .collect(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub added: Added,
}

impl Plan {
    /// In words, for the notice.
    pub fn summary(&self) -> String {
        let added = &self.added;
        let mut parts = Vec::new();
        let mut part = |is_there: bool, text: &str| {
            if is_there {
                parts.push(text.to_owned());
            }
        };
        part(added.default, "a default");
        part(added.not_null, "NOT NULL");
        part(added.index.is_some(), "an index");
        part(added.row_security || added.force, "forced row-level security");
        part(added.trigger, "a trigger against TRUNCATE");
        parts.push(format!("{} policies", added.policies.len()));
        parts.join(", ")
    }
}

/// The tenant column's type.
///
/// # Errors
/// 42703 for a column that is not there, 42804 for one that tells no tenant exactly.
pub fn check_column(table: &Table, template: &Template, column: &str) -> Result<Option<TenantType>> {
    if !template.has_tenant_column() {
        return Ok(None);
    }
    table.column(column)?.tenant_type().map(Some)
}

/// How a table hangs below another protected one, with what was added to that.
#[derive(Clone, Copy, Debug)]
pub enum Above<'a> {
    Nothing,
    /// The plan of the table above runs before this one's.
    Planned(&'a Added),
    /// It was made below the other: what it inherited from there that is ours, is ours here.
    Born(&'a Added),
    /// It has come below the other: what it has, it had before.
    Joined(&'a Added),
}

impl Above<'_> {
    fn gives_default(self) -> bool {
        matches!(self, Above::Planned(added) | Above::Born(added) | Above::Joined(added) if added.default)
    }
}

///
/// # Errors
/// 42703 or 42804 for a column that does not fit, 55000 for an index that must have been built before.
pub fn protect(table: &Table, template: &Template, column: &str, above: Above) -> Result<Plan> {
    let tenant = check_column(table, template, column)?.map(|kind| (column, kind));
    let user = match &template.user_column {
        Some(name) => Some((name.as_str(), table.column(name)?.user_type()?)),
        None => None,
    };
    let mut plan = Plan::default();
    if let Some(tenant) = tenant {
        plan_column(table, template, tenant, above, &mut plan)?;
        plan_index(table, template, column, above, &mut plan)?;
    }
    plan_guard(table, template, tenant, user, &mut plan);
    Ok(plan)
}

fn plan_column(
    table: &Table,
    template: &Template,
    (name, kind): (&str, TenantType),
    above: Above,
    plan: &mut Plan,
) -> Result<()> {
    let column = table.column(name)?;
    let ours = kind.default_expression();
    match &column.default {
        // What a child inherited from a table that we gave it to is ours too.
        Some(default) => plan.added.default = default == ours && above.gives_default(),
        None => {
            plan.steps.push(Step::quick(
                format!("ALTER TABLE ONLY {} ALTER COLUMN {} SET DEFAULT {ours}", table.name, quote(name)),
                "a new row is the context's tenant's by itself",
            ));
            plan.added.default = true;
        }
    }
    if template.rule == Rule::Shared {
        return Ok(());
    }
    if column.is_not_null {
        plan.added.not_null = matches!(above, Above::Born(added) if added.not_null);
        return Ok(());
    }
    plan.added.not_null = true;
    // From the parent it comes by itself.
    if !matches!(above, Above::Planned(added) if added.not_null) {
        plan.steps.push(Step {
            scans: !table.proven_not_null.iter().any(|proven| proven == name),
            ..Step::quick(
                format!("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table.name, quote(name)),
                "every row is somebody's",
            )
        });
    }
    Ok(())
}

fn plan_index(table: &Table, template: &Template, column: &str, above: Above, plan: &mut Plan) -> Result<()> {
    // A partition has every index of the table above.
    if table.indexes.iter().any(|index| index.leads_with(column))
        || (table.is_partition && !matches!(above, Above::Nothing))
    {
        return Ok(());
    }
    if template.index == IndexMode::Require {
        return Err(WardenError::new(
            SqlState::NotInPrerequisiteState,
            "the table has no index that leads with the tenant column",
        )
        .detail(format!(
            "Option \"index\" is \"require\", and no valid index of {} begins with {}.",
            table.name,
            quote(column)
        ))
        .hint("warden.preview gives the CREATE INDEX CONCURRENTLY to run first."));
    }
    let name = unique(&table.name.relation, "warden_idx", &table.taken);
    plan.steps.push(Step {
        sql: format!("CREATE INDEX {} ON {} ({})", quote(&name), table.name, index_columns(table, column)),
        lock: "SHARE",
        note: "a query reads its own tenant's rows alone".to_owned(),
        scans: true,
    });
    plan.added.index = Some(name);
    Ok(())
}

/// The tenant, then the primary key: below a policy, an operator that might leak cannot use an index of its own.
pub(super) fn index_columns(table: &Table, column: &str) -> String {
    let mut columns = vec![column];
    columns.extend(table.primary_key().into_iter().filter(|key| *key != column));
    columns.truncate(32);
    super::name::quote_all(&columns)
}

fn plan_guard(
    table: &Table,
    template: &Template,
    tenant: Option<(&str, TenantType)>,
    user: Option<(&str, UserType)>,
    plan: &mut Plan,
) {
    let name = &table.name;
    plan.steps.push(Step {
        lock: "SHARE ROW EXCLUSIVE",
        ..Step::quick(
            format!("CREATE TRIGGER {TRUNCATE} BEFORE TRUNCATE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION warden.refuse_truncate()"),
            "row-level security does not see TRUNCATE",
        )
    });
    plan.steps.push(Step {
        lock: "SHARE ROW EXCLUSIVE",
        ..Step::quick(
            format!("ALTER TABLE {name} ENABLE ALWAYS TRIGGER {TRUNCATE}"),
            "also where session_replication_role is replica",
        )
    });
    plan.added.trigger = true;
    for policy in policies(template, name, tenant, user) {
        plan.steps.push(Step::quick(policy.sql, format!("policy {}", policy.name)));
        plan.added.policies.push(policy.name);
    }
    if !table.has_row_security {
        plan.steps.push(Step::quick(format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"), "the policies hold"));
        plan.added.row_security = true;
    }
    if !table.has_forced_row_security {
        plan.steps.push(Step::quick(format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"), "for the owner too"));
        plan.added.force = true;
    }
}

/// What takes away exactly what was added and is still there; foreign keys have gone back before.
pub fn unprotect(table: &Table, added: &Added, tenant: Option<(&str, TenantType)>, is_root: bool) -> Vec<Step> {
    let name = &table.name;
    let mut steps = Vec::new();
    for policy in added.policies.iter().filter(|policy| table.policies.contains(policy)) {
        steps.push(Step::quick(format!("DROP POLICY {} ON {name}", quote(policy)), "policy"));
    }
    if added.trigger && table.triggers.iter().any(|trigger| trigger == TRUNCATE) {
        steps.push(Step::quick(format!("DROP TRIGGER {TRUNCATE} ON {name}"), "trigger"));
    }
    if added.force && table.has_forced_row_security {
        steps.push(Step::quick(format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"), "as it was"));
    }
    if added.row_security && table.has_row_security {
        steps.push(Step::quick(format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"), "as it was"));
    }
    for key in &added.unique_keys {
        if table.indexes.iter().any(|index| &index.name == key) {
            steps.push(Step::quick(format!("ALTER TABLE {name} DROP CONSTRAINT {}", quote(key)), "unique key"));
        }
    }
    if let Some(index) = added.index.as_ref().filter(|index| table.indexes.iter().any(|other| &other.name == *index)) {
        steps.push(Step::quick(format!("DROP INDEX {}.{}", quote(&name.schema), quote(index)), "index"));
    }
    if let Some((column, kind)) = tenant {
        steps.extend(unprotect_column(table, added, column, kind, is_root));
    }
    steps
}

fn unprotect_column(table: &Table, added: &Added, name: &str, kind: TenantType, is_root: bool) -> Vec<Step> {
    let Ok(column) = table.column(name) else { return Vec::new() };
    if added.column {
        // Below, the column goes with the one above.
        let drop = Step::quick(format!("ALTER TABLE {} DROP COLUMN {}", table.name, quote(name)), "column");
        return if is_root { vec![drop] } else { Vec::new() };
    }
    let mut steps = Vec::new();
    if added.default && column.default.as_deref() == Some(kind.default_expression()) {
        steps.push(Step::quick(
            format!("ALTER TABLE ONLY {} ALTER COLUMN {} DROP DEFAULT", table.name, quote(name)),
            "default",
        ));
    }
    let in_primary_key = table.primary_key().contains(&name);
    if column.is_not_null && !in_primary_key {
        if added.not_null && (is_root || !table.is_partition) {
            steps.push(Step::quick(
                format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table.name, quote(name)),
                "as it was",
            ));
        } else if !added.not_null && !is_root {
            // What the table above lost, its children lose with it: this one had it before.
            steps.push(Step::quick(
                format!("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table.name, quote(name)),
                "as it was",
            ));
        }
    }
    steps
}

impl Table {
    /// Whether the statement of [`index_columns`] can be run beforehand without blocking writers.
    pub fn builds_concurrently(&self) -> bool {
        self.kind == Kind::Plain
    }

    /// What to run before protecting a large table: the statements that scan, in forms that block no writer.
    pub fn preparation(&self, column: &str, plan: &Plan) -> Vec<Step> {
        let mut steps = Vec::new();
        if plan.steps.iter().any(|step| step.scans && step.sql.ends_with("SET NOT NULL")) {
            let check = unique(&self.name.relation, "warden_not_null", &self.taken);
            steps.push(Step::quick(
                format!(
                    "ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID",
                    self.name,
                    quote(&check),
                    quote(column)
                ),
                "before: quick, and the next statement scans under a lock that writers do not mind",
            ));
            steps.push(Step {
                sql: format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", self.name, quote(&check)),
                lock: "SHARE UPDATE EXCLUSIVE",
                note: "before: SET NOT NULL needs no scan then; the check can be dropped afterwards".to_owned(),
                scans: true,
            });
        }
        if let Some(index) = plan.added.index.as_ref().filter(|_| self.builds_concurrently()) {
            steps.push(Step {
                sql: format!(
                    "CREATE INDEX CONCURRENTLY {} ON {} ({})",
                    quote(index),
                    self.name,
                    index_columns(self, column)
                ),
                lock: "SHARE UPDATE EXCLUSIVE",
                note: "before, outside a transaction block".to_owned(),
                scans: true,
            });
        }
        steps
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
