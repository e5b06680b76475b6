//! What nobody may take from a protected table, and which roles are the extension's own.

use crate::error::{SqlState, WardenError};

/// Whether a policy or trigger of this name on a protected table is a part of its protection. The prefix, not a list: a
/// template has as many as it needs.
pub fn is_own(name: &str) -> bool {
    name.starts_with("warden_") || name == BIND_TRIGGER
}

/// The trigger that binds encrypted values to their rows: its name sorts behind every other ASCII name, so that it
/// fires when the row's key will not change any more.
pub const BIND_TRIGGER: &str = "~warden_bind";

/// Whether only superusers may touch a role of this name. The prefix, not a list: a role that a later version makes
/// could otherwise be prepared before it.
pub fn is_own_role(name: &str) -> bool {
    name.starts_with("warden_")
}

/// A part of ALTER TABLE, as far as it concerns a protected table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterPart {
    DisableRowSecurity,
    NoForceRowSecurity,
    DropColumn(String),
    DropNotNull(String),
    SetDefault(String),
    DropDefault(String),
    RetypeColumn(String),
    DetachPartition,
    Other,
}

/// What a protected table says to a part of ALTER TABLE: the thing that it would take away, if it would.
pub fn taken_by<'a>(part: &'a AlterPart, tenant_column: Option<&'a str>) -> Option<Taken<'a>> {
    let is_tenant = |column: &String| tenant_column == Some(column.as_str());
    match part {
        AlterPart::DisableRowSecurity => Some(Taken::RowSecurity),
        AlterPart::NoForceRowSecurity => Some(Taken::Force),
        AlterPart::DropColumn(column) if is_tenant(column) => Some(Taken::Column(column)),
        AlterPart::RetypeColumn(column) if is_tenant(column) => Some(Taken::ColumnType(column)),
        AlterPart::DropNotNull(column) if is_tenant(column) => Some(Taken::NotNull(column)),
        _ => None,
    }
}

/// What a statement would take from a protected table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken<'a> {
    RowSecurity,
    Force,
    Policy(&'a str),
    Trigger(&'a str),
    ForeignKey(&'a str),
    Column(&'a str),
    ColumnType(&'a str),
    NotNull(&'a str),
}

impl Taken<'_> {
    fn describe(self) -> String {
        match self {
            Taken::RowSecurity => "It would switch row-level security off.".to_owned(),
            Taken::Force => "It would exempt the table's owner from row-level security.".to_owned(),
            Taken::Policy(name) => format!("Policy \"{name}\" is a part of the protection."),
            Taken::Trigger(name) => format!("Trigger \"{name}\" is a part of the protection."),
            Taken::ForeignKey(name) => {
                format!("Foreign key \"{name}\" keeps references inside the tenant: it is a part of the protection.")
            }
            Taken::Column(name) => format!("Column \"{name}\" holds the tenant."),
            Taken::ColumnType(name) => format!("Column \"{name}\" holds the tenant: policies compare it by its type."),
            Taken::NotNull(name) => format!("Column \"{name}\" holds the tenant, and a row without one is nobody's."),
        }
    }
}

/// 42501: the statement would weaken a protected table.
pub fn refuse_weakening(relation: &str, taken: Taken) -> WardenError {
    let hint = match taken {
        Taken::Trigger(BIND_TRIGGER) => {
            "It goes when a member of warden_admin decrypts the table's columns with warden.decrypt_column."
        }
        _ => "A member of warden_admin takes it away as a whole with warden.unprotect.",
    };
    WardenError::new(SqlState::InsufficientPrivilege, format!("protection of table {relation} cannot be weakened"))
        .detail(taken.describe())
        .hint(hint)
}

/// 42501: a part of the protection that is missing came back as something else.
pub fn refuse_restored(relation: &str, taken: Taken) -> WardenError {
    WardenError::new(SqlState::InsufficientPrivilege, format!("protection of table {relation} cannot be weakened"))
        .detail(format!("{} Its definition is not the one that warden.protect makes.", taken.describe()))
        .hint("Restore a dump as pg_dump wrote it, or take the protection away with warden.unprotect and protect the table anew.")
}

/// What DDL would evaluate over the rows of a protected table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Index,
    Exclusion,
    Check,
    Generated,
    TypeChange,
    DomainCheck,
    Policy,
    Statistics,
    PartitionKey,
    Default,
}

impl Reader {
    fn noun(self) -> &'static str {
        match self {
            Reader::Index => "index",
            Reader::Exclusion => "exclusion constraint",
            Reader::Check => "check constraint",
            Reader::Generated => "generated column",
            Reader::TypeChange => "type change of column",
            Reader::DomainCheck => "domain constraint",
            Reader::Policy => "policy",
            Reader::Statistics => "statistics object",
            Reader::PartitionKey => "partition key of",
            Reader::Default => "default of column",
        }
    }
}

/// How [`refuse_function`] and its like name an expression.
pub fn holder(reader: Reader, name: &str) -> String {
    format!("{} \"{name}\"", reader.noun())
}

/// 42501: the statement would hand the rows' values to functions that can tell them.
pub fn refuse_reading(relation: &str, reader: Reader, name: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("DDL over protected table {relation} must not read its rows"),
    )
    .detail(format!(
        "The expression of {} \"{name}\" passes the rows' values to a function that is not leakproof.",
        reader.noun()
    ))
    .hint("A member of warden_admin, or of warden_migrator who owns the table, can run it.")
}

/// 42501: a table that has such an expression already is not protected with it.
pub fn refuse_standing_reader(relation: &str, reader: Reader, name: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("table {relation} holds an expression that reads its rows"),
    )
    .detail(format!(
        "The expression of {} \"{name}\" passes the rows' values to a function that is not leakproof.",
        reader.noun()
    ))
    .hint(format!(
        "Drop it, or let a superuser approve the table's expressions: ALTER TABLE {relation} OWNER TO a member of \
             warden_migrator."
    ))
}

/// 42501: rows would be given to a function that somebody without approval can change.
pub fn refuse_function(relation: &str, holder: &str, function: &str, owner: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("{holder} on protected table {relation} calls a function that nobody has approved"),
    )
    .detail(format!("Function {function} belongs to role \"{owner}\", who could change what it does with the rows."))
    .hint(format!(
        "Its owner is the approval: ALTER FUNCTION {function} OWNER TO a superuser or a member of warden_admin or \
         warden_migrator."
    ))
}

/// 42501: a query of an open table would read the rows of a protected one.
pub fn refuse_parent(child: &str, parent: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("protected table {child} cannot be a child or partition of unprotected table {parent}"),
    )
    .detail("A query of the parent reads the child's rows under the parent's policies.")
    .hint("Protect the parent first.")
}

/// 42501: the rows of a foreign table are out of reach of every policy here.
pub fn refuse_foreign(child: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("foreign table {child} cannot be a child or partition of a protected table"),
    )
    .detail("Its rows live on another server, where nothing here protects them.")
    .hint("Keep it outside of the protected table's family.")
}

/// 42501: what a publication sends out is under no policy.
pub fn refuse_publication(relation: &str, publication: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("protected table {relation} cannot be in publication \"{publication}\""),
    )
    .detail("A publication sends the rows of every tenant to whoever may subscribe.")
    .hint("A member of warden_admin decides what is published.")
}

/// 42501: a rule of somebody without trust would copy rows out of the table's protection.
pub fn refuse_rule(relation: &str, rule: &str, target: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("rule \"{rule}\" on protected table {relation} writes to an unprotected table"),
    )
    .detail(format!("It could copy rows to {target}, where no policy binds its readers."))
    .hint("A member of warden_admin, or of warden_migrator who owns the table, can make it.")
}

/// 42501: a function that is approved, and tells what it is given, or runs it.
pub fn refuse_speaking(relation: &str, holder: &str, function: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("{holder} on protected table {relation} calls a function that carries rows out"),
    )
    .detail(format!("Function {function} sends, stores or runs what it is given, past every policy."))
    .hint("A member of warden_admin, or of warden_migrator who owns the table, can make it.")
}

/// 42501: rows would be read together with a relation whose owner decides what runs then.
pub fn refuse_relation(relation: &str, holder: &str, read: &str, owner: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("{holder} on protected table {relation} reads a relation that nobody has approved"),
    )
    .detail(format!("{read} belongs to role \"{owner}\", who could change what a query of it runs."))
    .hint(format!(
        "Its owner is the approval: ALTER TABLE {read} OWNER TO a superuser or a member of warden_admin or \
         warden_migrator."
    ))
}

/// 42501: rows would go through a cast that somebody without approval can change.
pub fn refuse_cast(relation: &str, holder: &str, kind: &str, owner: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("{holder} on protected table {relation} casts a type that nobody has approved"),
    )
    .detail(format!("Type {kind} belongs to role \"{owner}\", who could change what a cast does with the rows."))
    .hint("Let both columns have the same type, or a superuser or member of warden_admin or warden_migrator own the type.")
}

/// 42501: a foreign key between tenants' tables that does not say the tenant.
pub fn refuse_crossing(child: &str, key: &str, columns: &str, parent: &str, referenced: &str) -> WardenError {
    WardenError::new(
        SqlState::InsufficientPrivilege,
        format!("foreign key \"{key}\" of protected table {child} does not carry the tenant"),
    )
    .detail(format!(
        "It would refer to rows of {parent} of every tenant: it tells whether they exist, and its cascades reach over."
    ))
    .hint(format!(
        "FOREIGN KEY ({columns}) REFERENCES {parent} ({referenced}), for which {parent} needs a unique constraint on \
         ({referenced}). A member of warden_admin can make it as it is."
    ))
}

/// 55000: DROP EXTENSION while tables are protected.
pub fn refuse_leaving(protected: usize) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "extension pg_warden is still in use")
        .detail(format!("Protected tables: {protected}."))
        .hint("Take the protection away first, with warden.unprotect.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_alter_table_may_not_take() {
        let tenant = || "tenant_id".to_owned();
        let body = || "body".to_owned();
        for (part, refused) in [
            (AlterPart::DisableRowSecurity, true),
            (AlterPart::NoForceRowSecurity, true),
            (AlterPart::DropColumn(tenant()), true),
            (AlterPart::DropColumn(body()), false),
            (AlterPart::DropNotNull(tenant()), true),
            (AlterPart::DropNotNull(body()), false),
            (AlterPart::RetypeColumn(tenant()), true),
            (AlterPart::RetypeColumn(body()), false),
            (AlterPart::Other, false),
        ] {
            let taken = taken_by(&part, Some("tenant_id"));
            assert_eq!(taken.is_some(), refused, "{part:?} {taken:?}");
        }
        assert_eq!(taken_by(&AlterPart::DropColumn(tenant()), None), None, "no tenant column, nothing to keep");
    }

    #[test]
    fn names_that_are_the_extensions_own() {
        for (name, own) in [
            ("warden_open", true),
            ("warden_update_own", true),
            ("warden_truncate", true),
            ("warden", false),
            ("Warden_open", false),
            ("wide", false),
            (" warden_open", false),
        ] {
            assert_eq!(is_own(name), own, "{name:?}");
        }
        assert!(is_own_role("warden_admin") && is_own_role("warden_later"));
        assert!(!is_own_role("warden") && !is_own_role("my_warden_admin") && !is_own_role(""));
    }

    #[test]
    fn refusals_follow_the_style_guide() {
        let errors = [
            refuse_weakening("app.t", Taken::RowSecurity),
            refuse_restored("app.t", Taken::Policy("warden_open")),
            refuse_reading("app.t", Reader::Index, "t_idx"),
            refuse_standing_reader("app.t", Reader::Check, "t_check"),
            refuse_function("app.t", "trigger \"x\"", "app.f()", "dba"),
            refuse_parent("app.t", "app.p"),
            refuse_foreign("app.f"),
            refuse_publication("app.t", "spy"),
            refuse_rule("app.t", "r", "app.spy"),
            refuse_speaking("app.t", "trigger \"x\"", "pg_catalog.pg_notify(text,text)"),
            refuse_relation("app.t", "rule \"x\"", "app.v", "dba"),
            refuse_cast("app.t", "foreign key \"x\"", "app.grade", "dba"),
            refuse_crossing("app.t", "fk", "tenant_id, p", "app.p", "tenant_id, id"),
            refuse_leaving(3),
        ];
        for error in errors {
            assert!(!error.message.ends_with('.'), "{error:?}");
            assert!(error.detail.as_ref().is_some_and(|d| d.ends_with('.')), "{error:?}");
            assert!(error.hint.as_ref().is_some_and(|h| h.ends_with('.')), "{error:?}");
        }
    }
}
