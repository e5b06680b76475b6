//! The plans of protected statements: an index condition on the tenant column, few InitPlans, no call per row.

use serde_json::Value;
use warden_lab::{Error, Member, Result};

use super::protected::Statement;
use crate::{
    report::{Check, Section, Unit},
    world::{USER, World},
};

const MOST_INIT_PLANS: usize = 2;

pub fn check(world: &World) -> Result<Section> {
    let note = "EXPLAIN (ANALYZE, VERBOSE) under a login: an index condition on the tenant column wherever a table is \
                read, at most two InitPlans, each run once at most, and nothing of ours called anywhere else.";
    let mut section = Section::new("Plans", note, Unit::Micro, &[]);
    let tenant = world.active.first().copied().ok_or_else(|| Error::unexpected("there is no tenant"))?;
    for (name, statement) in [
        ("point", Statement::Point),
        ("range", Statement::Range),
        ("aggregate", Statement::Aggregate),
        ("join", Statement::Join),
    ] {
        let sql = statement.sql("app", None).replace(":id", "7").replace(":first", "7").replace(":last", "56");
        let plan: Value = world.ours.as_tenant(&Member::new(tenant, USER), |tx| {
            Ok(tx.query_one(&format!("EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) {sql}"), &[])?.try_get(0)?)
        })?;
        let found = Found::new(&plan[0]["Plan"]);
        section.checks.push(Check { what: name.to_owned(), found: found.to_string(), is_ok: found.is_ok() });
    }
    Ok(section)
}

#[derive(Default)]
struct Found {
    scans: usize,
    scans_by_tenant: usize,
    init_plans: usize,
    most_loops: u64,
    calls_per_row: Vec<String>,
}

impl Found {
    fn new(plan: &Value) -> Self {
        let mut found = Self::default();
        found.visit(plan, false);
        found
    }

    fn is_ok(&self) -> bool {
        self.scans > 0
            && self.scans == self.scans_by_tenant
            && self.init_plans <= MOST_INIT_PLANS
            && self.most_loops <= 1
            && self.calls_per_row.is_empty()
    }

    fn visit(&mut self, node: &Value, within_init_plan: bool) {
        let is_init_plan = node["Parent Relationship"] == "InitPlan";
        if is_init_plan {
            self.init_plans += 1;
            self.most_loops = self.most_loops.max(node["Actual Loops"].as_u64().unwrap_or(0));
        }
        let within_init_plan = within_init_plan || is_init_plan;
        if node["Relation Name"].is_string() {
            self.scans += 1;
            self.scans_by_tenant += usize::from(has_tenant_condition(node));
        }
        if !within_init_plan {
            let calls = node.as_object().into_iter().flatten().filter(|(key, _)| *key != "Plans");
            let calls = calls.filter(|(_, value)| value.to_string().contains("warden."));
            self.calls_per_row.extend(calls.map(|(key, value)| format!("{key}: {value}")));
        }
        for child in node["Plans"].as_array().into_iter().flatten() {
            self.visit(child, within_init_plan);
        }
    }
}

/// Its own, or that of the index scan below a bitmap heap scan.
fn has_tenant_condition(node: &Value) -> bool {
    let holds = |node: &Value| node["Index Cond"].as_str().is_some_and(|condition| condition.contains("tenant_id = "));
    holds(node) || node["Plans"].as_array().is_some_and(|children| children.iter().any(holds))
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {} scans by the tenant's index, {} InitPlans, {}",
            self.scans_by_tenant,
            self.scans,
            self.init_plans,
            match self.calls_per_row.as_slice() {
                [] => "no call per row".to_owned(),
                calls => calls.join("; ").replace('|', "\\|"),
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Found;

    #[test]
    fn a_plan_is_good_by_its_index_condition_and_its_init_plans_alone() {
        let init = json!({"Node Type": "Result", "Parent Relationship": "InitPlan", "Actual Loops": 1,
                          "Output": ["warden.row_tenant_uuid('4'::smallint)"]});
        let scan = |condition: &str, filter: &str| {
            json!({"Node Type": "Index Scan", "Relation Name": "record", "Index Cond": condition, "Filter": filter,
                   "Plans": [init]})
        };
        let condition = "((record.tenant_id = $0) AND (record.id = 7))";
        assert!(Found::new(&scan(condition, "")).is_ok());
        assert!(!Found::new(&scan("(record.id = 7)", "(record.tenant_id = $0)")).is_ok());
        assert!(!Found::new(&scan(condition, "(record.tenant_id = warden.tenant_id())")).is_ok());
        assert!(!Found::new(&json!({"Node Type": "Result", "Plans": [init, init, init]})).is_ok());
        let bitmap = json!({"Node Type": "Bitmap Heap Scan", "Relation Name": "record",
                            "Plans": [{"Node Type": "Bitmap Index Scan", "Index Cond": "(record.tenant_id = $0)"}]});
        assert!(Found::new(&bitmap).is_ok());
    }
}
