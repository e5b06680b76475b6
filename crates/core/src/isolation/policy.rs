//! The policies of a template. Tiers stand in them as numbers, so that renaming a role changes none.

use super::facts::{TenantType, UserType};
use super::name::{Name, quote};
use super::template::{Command, Rule, Template};
use crate::tenancy::Tier;

/// The one permissive policy: a tier or a tenant in a permissive policy would fall to any that the owner adds.
pub const PERMISSIVE: &str = "warden_open";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub name: String,
    pub sql: String,
}

/// What makes the table the tenants': one restrictive policy a command, the platform's own predicates behind it, and
/// one that permits.
///
/// PostgreSQL asks the policies of a table in the order of their cost. A predicate of the platform's own (`..._own`)
/// therefore asks ours itself, first: it hears nothing of other tenants' rows, and hides none in silence where ours
/// would have raised.
pub fn policies(
    template: &Template,
    table: &Name,
    tenant: Option<(&str, TenantType)>,
    user: Option<(&str, UserType)>,
) -> Vec<Policy> {
    let mut policies = vec![Policy {
        name: PERMISSIVE.to_owned(),
        sql: format!(
            "CREATE POLICY {} ON {table} AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true)",
            quote(PERMISSIVE)
        ),
    }];
    for command in Command::ALL {
        let name = format!("warden_{}", command.name());
        let predicate = predicate(template, command, tenant, user);
        policies.push(restrictive(&name, table, command, &predicate));
        if let Some(own) = &template.commands[command as usize] {
            // A line of its own: a comment at its end must not swallow the parenthesis.
            policies.push(restrictive(
                &format!("{name}_own"),
                table,
                command,
                &format!("CASE WHEN {predicate} THEN ({own}\n) ELSE false END"),
            ));
        }
    }
    policies
}

fn restrictive(name: &str, table: &Name, command: Command, predicate: &str) -> Policy {
    let clauses = match command {
        Command::Select | Command::Delete => format!("USING ({predicate})"),
        Command::Insert => format!("WITH CHECK ({predicate})"),
        Command::Update => format!("USING ({predicate}) WITH CHECK ({predicate})"),
    };
    let sql = format!(
        "CREATE POLICY {} ON {table} AS RESTRICTIVE FOR {} TO PUBLIC {clauses}",
        quote(name),
        command.name().to_uppercase()
    );
    Policy { name: name.to_owned(), sql }
}

/// Whatever is asked first raises what there is to raise: each sub-select knows the command's tier. Sub-selects without a reference to the row: each is evaluated once a statement, and the comparison is an index
/// condition. The types are equal, so that no cast stands between column and index.
fn predicate(
    template: &Template,
    command: Command,
    tenant: Option<(&str, TenantType)>,
    user: Option<(&str, UserType)>,
) -> String {
    let tier = template.tiers[command as usize].map_or(0, Tier::number);
    let Some((column, kind)) = tenant.filter(|_| template.rule != Rule::Reference) else {
        let writes = command != Command::Select;
        return format!("(SELECT warden.row_reference({tier}::smallint, {writes}))");
    };
    let column = quote(column);
    if template.rule == Rule::Shared {
        let writes = command != Command::Select;
        return format!(
            "{column} = (SELECT CASE WHEN warden.row_shared(true) THEN NULL ELSE warden.row_tenant_{}({tier}::smallint) END) \
             OR {column} IS NULL AND (SELECT warden.row_shared({writes}))",
            kind.name()
        );
    }
    let own_tenant = format!("{column} = (SELECT warden.row_tenant_{}({tier}::smallint))", kind.name());
    let Some((column, kind)) = user.filter(|_| template.rule == Rule::Owned) else { return own_tenant };
    let column = quote(column);
    let own_row = match kind {
        UserType::Text => format!("{column} = (SELECT warden.row_user_text({tier}::smallint))"),
        UserType::Varchar => format!("{column}::text = (SELECT warden.row_user_text({tier}::smallint))"),
        UserType::Uuid => format!("{column} = (SELECT warden.row_user_uuid({tier}::smallint))"),
        UserType::Bigint => format!("{column} = (SELECT warden.row_user_bigint({tier}::smallint))"),
        UserType::Integer => format!("{column} = (SELECT warden.row_user_integer({tier}::smallint))"),
    };
    let all = Tier::Admin.number();
    format!("{own_tenant} AND ({own_row} OR (SELECT warden.row_sees_all({tier}::smallint, {all}::smallint)))")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolation::Options;
    use crate::tenancy::Labels;
    use serde_json::json;

    fn of(name: &str, options: serde_json::Value) -> Template {
        let options = Options::from_call(&options, &Labels::default()).unwrap();
        Template::resolve(name, None, &options).unwrap()
    }

    #[test]
    fn one_each_and_one_that_permits() {
        let table = Name::new("app", "exam");
        let made = policies(&of("tenant", json!({})), &table, Some(("tenant_id", TenantType::Uuid)), None);
        let names: Vec<_> = made.iter().map(|policy| policy.name.as_str()).collect();
        assert_eq!(names, ["warden_open", "warden_select", "warden_insert", "warden_update", "warden_delete"]);
        assert_eq!(
            made[3].sql,
            "CREATE POLICY \"warden_update\" ON \"app\".\"exam\" AS RESTRICTIVE FOR UPDATE TO PUBLIC \
             USING (\"tenant_id\" = (SELECT warden.row_tenant_uuid(3::smallint))) \
             WITH CHECK (\"tenant_id\" = (SELECT warden.row_tenant_uuid(3::smallint)))"
        );
    }

    #[test]
    fn nobody_is_tier_zero() {
        let table = Name::new("app", "log");
        let made = policies(&of("append_only", json!({})), &table, Some(("t", TenantType::Text)), None);
        for policy in &made[3..] {
            assert!(policy.sql.contains("warden.row_tenant_text(0::smallint)"), "{}", policy.sql);
        }
    }

    #[test]
    fn every_restrictive_policy_compares_the_tenant_outside_of_any_or() {
        let table = Name::new("app", "note");
        for kind in TenantType::ALL {
            for user in [UserType::Text, UserType::Varchar, UserType::Uuid, UserType::Bigint, UserType::Integer] {
                let template = of("owned", json!({"user_column": "author"}));
                for policy in policies(&template, &table, Some(("t\"x", kind)), Some(("author", user))).iter().skip(1) {
                    let start = format!("(\"t\"\"x\" = (SELECT warden.row_tenant_{}(4::smallint)) AND (", kind.name());
                    assert!(policy.sql.contains(&start), "{}", policy.sql);
                    assert!(policy.sql.contains("AS RESTRICTIVE"), "{}", policy.sql);
                }
            }
        }
    }

    #[test]
    fn reference_tells_reading_from_writing() {
        let made = policies(&of("reference", json!({})), &Name::new("app", "country"), None, None);
        assert!(made[1].sql.contains("row_reference(4::smallint, false)"));
        for policy in &made[2..] {
            assert!(policy.sql.contains("row_reference(0::smallint, true)"), "{}", policy.sql);
        }
    }

    #[test]
    fn shared_rows_are_read_by_all_and_written_by_none() {
        let made = policies(&of("shared", json!({})), &Name::new("app", "page"), Some(("t", TenantType::Uuid)), None);
        assert!(made[1].sql.contains("OR \"t\" IS NULL AND (SELECT warden.row_shared(false)))"), "{}", made[1].sql);
        for policy in &made[2..] {
            assert!(policy.sql.contains("OR \"t\" IS NULL AND (SELECT warden.row_shared(true)))"), "{}", policy.sql);
        }
    }

    #[test]
    fn own_predicates_ask_ours_first_and_end_their_line() {
        let labels = Labels::default();
        let own = Options::from_definition(&json!({"commands": {"select": "published --"}}), &labels).unwrap();
        let template = Template::own("mine", &own).unwrap();
        let made = policies(&template, &Name::new("app", "exam"), Some(("tenant_id", TenantType::Uuid)), None);
        let own = made.iter().find(|policy| policy.name == "warden_select_own").unwrap();
        assert!(own.sql.ends_with("THEN (published --\n) ELSE false END)"), "{}", own.sql);
        assert!(
            own.sql.contains("CASE WHEN \"tenant_id\" = (SELECT warden.row_tenant_uuid(4::smallint)) THEN"),
            "{}",
            own.sql
        );
    }
}
