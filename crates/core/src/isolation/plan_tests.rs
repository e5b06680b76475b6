use super::*;
use crate::isolation::{Column, ColumnType, Index, Name, Options};
use crate::tenancy::Labels;
use proptest::prelude::*;
use serde_json::json;

fn table(name: &str, columns: &[(&str, &str)]) -> Table {
    Table {
        name: Name::new("app", name),
        kind: Kind::Plain,
        is_partition: false,
        columns: columns
            .iter()
            .map(|(name, kind)| Column {
                name: (*name).to_owned(),
                kind: ColumnType { name: (*kind).to_owned(), is_deterministic: true },
                is_not_null: false,
                default: None,
            })
            .collect(),
        indexes: vec![],
        has_row_security: false,
        has_forced_row_security: false,
        taken: vec![],
        proven_not_null: vec![],
        policies: vec![],
        triggers: vec![],
    }
}

fn template(name: &str, options: Value) -> Template {
    Template::resolve(name, None, &Options::from_call(&options, &Labels::default()).unwrap()).unwrap()
}

/// The table as it is after its plan has run.
fn after(table: &Table, plan: &Plan, column: &str) -> Table {
    let mut table = table.clone();
    table.policies.clone_from(&plan.added.policies);
    table.triggers = vec![TRUNCATE.to_owned()];
    table.has_row_security = true;
    table.has_forced_row_security = true;
    if let Some(name) = &plan.added.index {
        table.indexes.push(index(name, &[column]));
    }
    for found in table.columns.iter_mut().filter(|found| found.name == column) {
        found.is_not_null |= plan.added.not_null;
        if plan.added.default {
            found.default = TenantType::parse(&found.kind.name).map(|kind| kind.default_expression().to_owned());
        }
    }
    table
}

fn index(name: &str, columns: &[&str]) -> Index {
    Index {
        name: name.to_owned(),
        columns: columns.iter().map(|column| Some((*column).to_owned())).collect(),
        is_valid: true,
        is_btree: true,
        ..Index::default()
    }
}

#[test]
fn a_bare_table_gets_everything_and_loses_it_again() {
    let bare = table("exam", &[("id", "integer"), ("tenant_id", "uuid")]);
    let plan = protect(&bare, &template("tenant", json!({})), "tenant_id", Above::Nothing).unwrap();
    let done = after(&bare, &plan, "tenant_id");
    let undone = unprotect(&done, &plan.added, Some(("tenant_id", TenantType::Uuid)), true);
    let sql: Vec<_> = undone.iter().map(|step| step.sql.as_str()).collect();
    assert_eq!(sql.iter().filter(|sql| sql.starts_with("DROP POLICY")).count(), 5);
    for want in [
        "DROP TRIGGER warden_truncate ON \"app\".\"exam\"",
        "ALTER TABLE \"app\".\"exam\" NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE \"app\".\"exam\" DISABLE ROW LEVEL SECURITY",
        "DROP INDEX \"app\".\"exam_warden_idx\"",
        "ALTER TABLE ONLY \"app\".\"exam\" ALTER COLUMN \"tenant_id\" DROP DEFAULT",
        "ALTER TABLE \"app\".\"exam\" ALTER COLUMN \"tenant_id\" DROP NOT NULL",
    ] {
        assert!(sql.contains(&want), "{want} is not in {sql:#?}");
    }
}

#[test]
fn what_was_there_before_stays() {
    let mut ready = table("exam", &[("id", "integer"), ("tenant_id", "uuid")]);
    ready.columns[1].is_not_null = true;
    ready.columns[1].default = Some("gen_random_uuid()".to_owned());
    ready.indexes.push(index("own", &["tenant_id", "id"]));
    ready.has_row_security = true;
    let plan = protect(&ready, &template("tenant", json!({})), "tenant_id", Above::Nothing).unwrap();
    assert!(plan.steps.iter().all(|step| !step.scans));
    let added = &plan.added;
    assert!(!added.default && !added.not_null && added.index.is_none() && !added.row_security && added.force);
    let undone = unprotect(&after(&ready, &plan, "tenant_id"), added, Some(("tenant_id", TenantType::Uuid)), true);
    for step in &undone {
        assert!(
            !step.sql.contains("COLUMN") && !step.sql.contains("INDEX") && !step.sql.contains("DISABLE"),
            "{}",
            step.sql
        );
    }
}

#[test]
fn the_index_leads_with_the_tenant_and_ends_with_the_key() {
    let mut keyed = table("exam", &[("no", "integer"), ("tenant_id", "bigint"), ("year", "integer")]);
    keyed.indexes.push(Index { is_primary: true, is_unique: true, ..index("exam_pkey", &["year", "no"]) });
    // None of these can serve: partial, invalid, an expression first, the tenant second.
    keyed.indexes.push(Index { is_partial: true, ..index("a", &["tenant_id"]) });
    keyed.indexes.push(Index { is_valid: false, ..index("b", &["tenant_id"]) });
    keyed.indexes.push(Index { is_btree: false, ..index("c", &["tenant_id"]) });
    keyed.indexes.push(Index { columns: vec![None, Some("tenant_id".to_owned())], ..index("d", &[]) });
    let plan = protect(&keyed, &template("tenant", json!({})), "tenant_id", Above::Nothing).unwrap();
    let want = "CREATE INDEX \"exam_warden_idx\" ON \"app\".\"exam\" (\"tenant_id\", \"year\", \"no\")";
    assert!(plan.steps.iter().any(|step| step.sql == want), "{plan:#?}");
    let error =
        protect(&keyed, &template("tenant", json!({"index": "require"})), "tenant_id", Above::Nothing).unwrap_err();
    assert_eq!(error.state, SqlState::NotInPrerequisiteState);
}

#[test]
fn a_partition_takes_from_above_what_comes_by_itself() {
    let parent =
        protect(&table("log", &[("tenant_id", "uuid")]), &template("tenant", json!({})), "tenant_id", Above::Nothing)
            .unwrap();
    let mut partition = table("log_25", &[("tenant_id", "uuid")]);
    partition.is_partition = true;
    let plan = protect(&partition, &template("tenant", json!({})), "tenant_id", Above::Planned(&parent.added)).unwrap();
    assert!(plan.added.not_null && plan.added.index.is_none());
    for step in &plan.steps {
        assert!(!step.sql.contains("NOT NULL") && !step.sql.contains("INDEX"), "{}", step.sql);
    }
    // A partition that was NOT NULL by itself is so again when the parent is not any more.
    partition.columns[0].is_not_null = true;
    let plan = protect(&partition, &template("tenant", json!({})), "tenant_id", Above::Planned(&parent.added)).unwrap();
    let undone = unprotect(&partition, &plan.added, Some(("tenant_id", TenantType::Uuid)), false);
    assert!(undone.iter().any(|step| step.sql.ends_with("SET NOT NULL")), "{undone:#?}");
    // One that is made later has it from the parent alone; one that is attached later had it.
    let template = template("tenant", json!({}));
    let born = protect(&partition, &template, "tenant_id", Above::Born(&parent.added)).unwrap();
    let joined = protect(&partition, &template, "tenant_id", Above::Joined(&parent.added)).unwrap();
    assert!(born.added.not_null && !joined.added.not_null);
}

#[test]
fn columns_that_tell_no_tenant() {
    for (kind, deterministic, column, state) in [
        ("uuid", true, "tenant", SqlState::UndefinedColumn),
        ("uuid", true, "", SqlState::UndefinedColumn),
        ("date", true, "tenant_id", SqlState::DatatypeMismatch),
        ("uuid[]", true, "tenant_id", SqlState::DatatypeMismatch),
        ("smallint", true, "tenant_id", SqlState::DatatypeMismatch),
        ("character varying", true, "tenant_id", SqlState::DatatypeMismatch),
        ("app.tenant", true, "tenant_id", SqlState::DatatypeMismatch),
        ("text", false, "tenant_id", SqlState::DatatypeMismatch),
    ] {
        let mut wrong = table("exam", &[("tenant_id", kind)]);
        wrong.columns[0].kind.is_deterministic = deterministic;
        let error = protect(&wrong, &template("tenant", json!({})), column, Above::Nothing).unwrap_err();
        assert_eq!(error.state, state, "{kind} {column}");
        assert!(error.detail.is_some() && error.hint.is_some());
    }
}

#[test]
fn reference_touches_no_column() {
    let plan =
        protect(&table("country", &[("code", "text")]), &template("reference", json!({})), "tenant_id", Above::Nothing)
            .unwrap();
    for step in &plan.steps {
        assert!(!step.sql.contains("COLUMN") && !step.sql.contains("INDEX"), "{}", step.sql);
    }
}

#[test]
fn a_proof_saves_the_scan() {
    let mut proven = table("exam", &[("tenant_id", "uuid")]);
    proven.indexes.push(index("own", &["tenant_id"]));
    let plan = protect(&proven, &template("tenant", json!({})), "tenant_id", Above::Nothing).unwrap();
    assert!(plan.steps.iter().any(|step| step.scans));
    assert!(proven.preparation("tenant_id", &plan).iter().any(|step| step.sql.ends_with("NOT VALID")));
    proven.proven_not_null.push("tenant_id".to_owned());
    let plan = protect(&proven, &template("tenant", json!({})), "tenant_id", Above::Nothing).unwrap();
    assert!(plan.steps.iter().all(|step| !step.scans));
}

proptest! {
    /// Whatever a table is called, each statement of its plan names it quoted, and nothing of it stands outside of quotes.
    #[test]
    fn evil_names_stay_names(relation in "[\\PC]{1,40}", column in "[\\PC]{1,40}") {
        let mut evil = table("x", &[]);
        evil.name = Name::new(&relation, &relation);
        evil.columns = table("x", &[("id", "integer"), ("c", "text")]).columns;
        evil.columns[1].name.clone_from(&column);
        let plan = protect(&evil, &template("tenant", json!({})), &column, Above::Nothing).unwrap();
        let done = after(&evil, &plan, &column);
        let steps = plan.steps.iter().chain(&evil.preparation(&column, &plan)).cloned()
            .chain(unprotect(&done, &plan.added, Some((&column, TenantType::Text)), true)).collect::<Vec<_>>();
        for step in steps {
            let mut bare = String::new();
            for (at, part) in step.sql.split('"').enumerate() {
                if at % 2 == 0 {
                    bare.push_str(part);
                }
            }
            prop_assert!(
                bare.chars().all(|c| c.is_ascii_alphanumeric() || " ().,:=_'".contains(c)),
                "{:?} leaves {bare:?}", step.sql
            );
        }
        prop_assert_eq!(Added::from_json(&plan.added.to_json()), plan.added);
    }
}
