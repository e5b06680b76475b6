//! Foreign keys between protected tables: each carries the tenant, so that no reference crosses.
//!
//! A key on the column alone is an oracle (PostgreSQL checks it as the table's owner, beneath every policy) and a
//! bridge (its cascades go where no policy looks).

use super::facts::{Index, TenantType};
use super::name::{Name, quote, quote_all, unique};
use super::plan::{Converted, Step};
use crate::error::{Result, SqlState, WardenError};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    #[default]
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Action {
    /// As `pg_constraint` writes it.
    pub fn parse(code: &str) -> Option<Self> {
        match code {
            "a" => Some(Action::NoAction),
            "r" => Some(Action::Restrict),
            "c" => Some(Action::Cascade),
            "n" => Some(Action::SetNull),
            "d" => Some(Action::SetDefault),
            _ => None,
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Action::NoAction => "NO ACTION",
            Action::Restrict => "RESTRICT",
            Action::Cascade => "CASCADE",
            Action::SetNull => "SET NULL",
            Action::SetDefault => "SET DEFAULT",
        }
    }

    fn sets(self) -> bool {
        matches!(self, Action::SetNull | Action::SetDefault)
    }
}

/// One end of a key: the table, its columns in the key's order, and its tenant column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub table: Name,
    pub columns: Vec<String>,
    pub tenant: Option<(String, TenantType)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub name: String,
    pub child: Side,
    pub parent: Side,
    pub on_update: Action,
    pub on_delete: Action,
    /// The columns that ON DELETE sets, where it names some.
    pub set_columns: Vec<String>,
    pub is_match_full: bool,
    pub is_deferrable: bool,
    pub is_deferred: bool,
    pub is_valid: bool,
    /// Whether a column of the key may be NULL.
    pub is_nullable: bool,
    /// As `pg_get_constraintdef` prints it.
    pub definition: String,
}

impl ForeignKey {
    /// Whether the key joins two tenants' tables without saying the tenant.
    pub fn crosses(&self) -> bool {
        let (Some((child, _)), Some((parent, _))) = (&self.child.tenant, &self.parent.tenant) else { return false };
        !self.child.columns.iter().zip(&self.parent.columns).any(|(from, to)| from == child && to == parent)
    }

    fn cannot(&self, state: SqlState, detail: String) -> WardenError {
        WardenError::new(state, "the foreign key cannot be made composite")
            .detail(format!("Key {} of table {} {detail}.", quote(&self.name), self.child.table))
            .hint("Change the key first, or protect with {\"foreign_keys\": \"keep\"}, which leaves an oracle.")
    }

    fn columns(side: &Side) -> Vec<String> {
        let tenant = side.tenant.iter().map(|(column, _)| column.clone());
        tenant.chain(side.columns.iter().cloned()).collect()
    }

    fn drop(&self) -> String {
        format!("ALTER TABLE {} DROP CONSTRAINT {}", self.child.table, quote(&self.name))
    }

    fn rename(&self, from: &str, to: &str) -> String {
        format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {}", self.child.table, quote(from), quote(to))
    }

    /// The same key under a name of its own, checked without holding up writers.
    fn preparation(
        &self,
        child: &[String],
        parent: &[String],
        is_match_full: bool,
        set_columns: &[String],
    ) -> [Step; 2] {
        let name = unique::<String>(&self.name, "warden_ready", &[]);
        let ready = ForeignKey { name: name.clone(), is_valid: false, ..self.clone() };
        [
            Step {
                sql: ready.add(child, parent, is_match_full, set_columns),
                lock: "SHARE ROW EXCLUSIVE",
                note: "before: quick, and the next statement scans under a lock that writers do not mind".to_owned(),
                scans: false,
            },
            Step {
                sql: format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", self.child.table, quote(&name)),
                lock: "SHARE UPDATE EXCLUSIVE",
                note: format!(
                    "before, as a superuser where a table is protected already: it takes the place of {}",
                    quote(&self.name)
                ),
                scans: true,
            },
        ]
    }

    fn add(&self, child: &[String], parent: &[String], is_match_full: bool, set_columns: &[String]) -> String {
        let mut sql = format!(
            "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){} ON UPDATE {} ON DELETE {}",
            self.child.table,
            quote(&self.name),
            quote_all(child),
            self.parent.table,
            quote_all(parent),
            if is_match_full { " MATCH FULL" } else { "" },
            self.on_update.sql(),
            self.on_delete.sql(),
        );
        if self.on_delete.sets() && !set_columns.is_empty() {
            sql.push_str(&format!(" ({})", quote_all(set_columns)));
        }
        if self.is_deferrable {
            sql.push_str(" DEFERRABLE");
        }
        if self.is_deferred {
            sql.push_str(" INITIALLY DEFERRED");
        }
        if !self.is_valid {
            sql.push_str(" NOT VALID");
        }
        sql
    }
}

/// What makes a key composite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    pub steps: Vec<Step>,
    /// What to run before, where tables are large: no statement of `steps` scans then.
    pub preparation: Vec<Step>,
    /// Whether a key like it stands already, so that every row is known to agree.
    pub is_prepared: bool,
    /// The unique key that the parent gets for it.
    pub parent_key: Option<String>,
    pub converted: Converted,
}

/// The steps that give a key the tenant columns; `indexes` and `taken` are the parent's, `others` the keys that stand
/// beside it.
///
/// # Errors
/// 42804 when the two tenant columns differ in type, 0A000 for a key whose meaning would change.
pub fn compose(key: &ForeignKey, indexes: &[Index], taken: &[String], others: &[&ForeignKey]) -> Result<Composed> {
    let (Some((child, child_type)), Some((_, parent_type))) = (&key.child.tenant, &key.parent.tenant) else {
        return Err(WardenError::new(SqlState::Internal, "unexpected state: a key between tables without tenants"));
    };
    if child_type != parent_type {
        let detail =
            format!("joins a tenant column of type {} with one of type {}", child_type.name(), parent_type.name());
        return Err(key.cannot(SqlState::DatatypeMismatch, detail));
    }
    if key.on_update.sets() {
        let detail = format!("has ON UPDATE {}, which would set the tenant column too", key.on_update.sql());
        return Err(key.cannot(SqlState::FeatureNotSupported, detail));
    }
    if key.child.columns.contains(child) {
        let detail = "uses the tenant column for something else".to_owned();
        return Err(key.cannot(SqlState::FeatureNotSupported, detail));
    }
    // MATCH FULL over one column is MATCH SIMPLE; over several, a tenant that is never NULL would change its meaning.
    let is_match_full = key.is_match_full && key.child.columns.len() > 1;
    if is_match_full && key.is_nullable {
        return Err(key.cannot(SqlState::FeatureNotSupported, "is MATCH FULL over columns that may be NULL".to_owned()));
    }
    let (from, to) = (ForeignKey::columns(&key.child), ForeignKey::columns(&key.parent));
    let set_columns = if key.set_columns.is_empty() { key.child.columns.clone() } else { key.set_columns.clone() };
    let (mut steps, mut preparation) = (Vec::new(), Vec::new());
    let mut parent_key = None;
    if !indexes.iter().any(|index| index.identifies(&to)) {
        let name = unique(&key.parent.table.relation, "warden_key", taken);
        steps.push(Step {
            sql: format!(
                "ALTER TABLE {} ADD CONSTRAINT {} UNIQUE ({})",
                key.parent.table,
                quote(&name),
                quote_all(&to)
            ),
            lock: "ACCESS EXCLUSIVE",
            note: format!("the unique key that {} will refer to", quote(&key.name)),
            scans: true,
        });
        preparation.push(Step {
            sql: format!(
                "CREATE UNIQUE INDEX CONCURRENTLY {} ON {} ({})",
                quote(&name),
                key.parent.table,
                quote_all(&to)
            ),
            lock: "SHARE UPDATE EXCLUSIVE",
            note: format!("before, outside a transaction block: {} will refer to it", quote(&key.name)),
            scans: true,
        });
        parent_key = Some(name);
    }
    let prepared = others.iter().find(|other| {
        other.is_valid
            && (&other.child.columns, &other.parent.columns) == (&from, &to)
            && (other.on_update, other.on_delete) == (key.on_update, key.on_delete)
            && (other.is_deferrable, other.is_deferred) == (key.is_deferrable, key.is_deferred)
            && other.is_match_full == is_match_full
            && (!key.on_delete.sets() || other.set_columns == set_columns)
    });
    steps.push(Step {
        sql: key.drop(),
        lock: "ACCESS EXCLUSIVE",
        note: format!("foreign key {} is about to carry the tenant", quote(&key.name)),
        scans: false,
    });
    steps.push(match prepared {
        Some(prepared) => Step {
            sql: key.rename(&prepared.name, &key.name),
            lock: "ACCESS EXCLUSIVE",
            note: format!("no reference of {} crosses tenants", quote(&key.name)),
            scans: false,
        },
        None => Step {
            sql: key.add(&from, &to, is_match_full, &set_columns),
            lock: "SHARE ROW EXCLUSIVE",
            note: format!("no reference of {} crosses tenants", quote(&key.name)),
            scans: key.is_valid,
        },
    });
    if prepared.is_none() && key.is_valid {
        preparation.extend(key.preparation(&from, &to, is_match_full, &set_columns));
    }
    let converted = Converted {
        name: key.name.clone(),
        definition: key.definition.clone(),
        names_set_columns: !key.set_columns.is_empty(),
        is_match_full: key.is_match_full,
    };
    Ok(Composed { steps, preparation, is_prepared: prepared.is_some(), parent_key, converted })
}

/// Counts the rows that refer to another tenant's.
pub fn crossing(key: &ForeignKey) -> Option<String> {
    let ((child, _), (parent, _)) = (key.child.tenant.as_ref()?, key.parent.tenant.as_ref()?);
    let pairs: Vec<_> = key
        .child
        .columns
        .iter()
        .zip(&key.parent.columns)
        .map(|(from, to)| format!("p.{} OPERATOR(pg_catalog.=) c.{}", quote(to), quote(from)))
        .collect();
    Some(format!(
        "SELECT count(*) FROM {} c JOIN {} p ON {} WHERE c.{} IS DISTINCT FROM p.{}",
        key.child.table,
        key.parent.table,
        pairs.join(" AND "),
        quote(child),
        quote(parent)
    ))
}

/// The steps that take the tenant out of a key that [`compose`] made, as it stands now: columns may have been renamed.
pub fn decompose(key: &ForeignKey, converted: &Converted) -> Vec<Step> {
    let pairs: Vec<_> = key
        .child
        .columns
        .iter()
        .zip(&key.parent.columns)
        .enumerate()
        // The tenant pair stands first: compose put it there.
        .filter(|(at, _)| *at > 0)
        .map(|(_, (from, to))| (from.clone(), to.clone()))
        .collect();
    let (from, to): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let set_columns: &[String] = if converted.names_set_columns { &key.set_columns } else { &[] };
    vec![
        Step {
            sql: key.drop(),
            lock: "ACCESS EXCLUSIVE",
            note: format!("foreign key {} goes back to what it was", quote(&key.name)),
            scans: false,
        },
        Step {
            sql: key.add(&from, &to, converted.is_match_full, set_columns),
            lock: "SHARE ROW EXCLUSIVE",
            note: format!("foreign key {} without the tenant", quote(&key.name)),
            scans: key.is_valid,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ForeignKey {
        ForeignKey {
            name: "question_exam_fkey".to_owned(),
            child: Side {
                table: Name::new("app", "question"),
                columns: vec!["exam_id".to_owned()],
                tenant: Some(("tenant_id".to_owned(), TenantType::Uuid)),
            },
            parent: Side {
                table: Name::new("app", "exam"),
                columns: vec!["id".to_owned()],
                tenant: Some(("org".to_owned(), TenantType::Uuid)),
            },
            on_update: Action::NoAction,
            on_delete: Action::Cascade,
            set_columns: vec![],
            is_match_full: false,
            is_deferrable: false,
            is_deferred: false,
            is_valid: true,
            is_nullable: true,
            definition: "FOREIGN KEY (exam_id) REFERENCES app.exam(id) ON DELETE CASCADE".to_owned(),
        }
    }

    fn unique_index(columns: &[&str]) -> Index {
        Index {
            name: "i".to_owned(),
            columns: columns.iter().map(|column| Some((*column).to_owned())).collect(),
            is_valid: true,
            is_unique: true,
            is_immediate: true,
            is_btree: true,
            ..Index::default()
        }
    }

    #[test]
    fn a_key_gets_the_tenant_and_the_parent_what_it_refers_to() {
        let composed = compose(&key(), &[unique_index(&["id"])], &[], &[]).unwrap();
        let sql: Vec<_> = composed.steps.iter().map(|step| step.sql.as_str()).collect();
        assert_eq!(
            sql,
            [
                "ALTER TABLE \"app\".\"exam\" ADD CONSTRAINT \"exam_warden_key\" UNIQUE (\"org\", \"id\")",
                "ALTER TABLE \"app\".\"question\" DROP CONSTRAINT \"question_exam_fkey\"",
                "ALTER TABLE \"app\".\"question\" ADD CONSTRAINT \"question_exam_fkey\" FOREIGN KEY (\"tenant_id\", \"exam_id\") \
                 REFERENCES \"app\".\"exam\" (\"org\", \"id\") ON UPDATE NO ACTION ON DELETE CASCADE",
            ]
        );
        // In any order, a key of the parent's own will do; one that is deferrable, partial or larger will not.
        assert_eq!(compose(&key(), &[unique_index(&["id", "org"])], &[], &[]).unwrap().parent_key, None);
        for index in [
            Index { is_immediate: false, ..unique_index(&["org", "id"]) },
            Index { is_partial: true, ..unique_index(&["org", "id"]) },
            Index { is_valid: false, ..unique_index(&["org", "id"]) },
            Index { is_unique: false, ..unique_index(&["org", "id"]) },
            unique_index(&["org", "id", "x"]),
        ] {
            assert!(compose(&key(), &[index], &[], &[]).unwrap().parent_key.is_some());
        }
    }

    #[test]
    fn a_key_that_stands_ready_takes_the_place_of_the_plain_one() {
        let index = unique_index(&["org", "id"]);
        let plain = compose(&key(), std::slice::from_ref(&index), &[], &[]).unwrap();
        assert_eq!(plain.preparation.len(), 2);
        assert!(plain.preparation[0].sql.ends_with(" NOT VALID") && !plain.is_prepared);
        let mut ready = ForeignKey { name: "ready".to_owned(), ..key() };
        ready.child.columns.insert(0, "tenant_id".to_owned());
        ready.parent.columns.insert(0, "org".to_owned());
        let composed = compose(&key(), std::slice::from_ref(&index), &[], &[&ready]).unwrap();
        assert!(composed.is_prepared && composed.preparation.is_empty());
        assert!(composed.steps.iter().all(|step| !step.scans));
        assert!(composed.steps[1].sql.ends_with("RENAME CONSTRAINT \"ready\" TO \"question_exam_fkey\""));
        for other in [
            ForeignKey { is_valid: false, ..ready.clone() },
            ForeignKey { on_delete: Action::NoAction, ..ready.clone() },
            ForeignKey { is_deferrable: true, ..ready.clone() },
            key(),
        ] {
            assert!(!compose(&key(), std::slice::from_ref(&index), &[], &[&other]).unwrap().is_prepared, "{other:?}");
        }
    }

    #[test]
    fn what_the_key_said_it_goes_on_saying() {
        let made = ForeignKey {
            on_delete: Action::SetNull,
            on_update: Action::Cascade,
            is_deferrable: true,
            is_deferred: true,
            is_valid: false,
            ..key()
        };
        let composed = compose(&made, &[], &[], &[]).unwrap();
        let sql = &composed.steps[2].sql;
        assert!(
            sql.ends_with("ON UPDATE CASCADE ON DELETE SET NULL (\"exam_id\") DEFERRABLE INITIALLY DEFERRED NOT VALID"),
            "{sql}"
        );
        assert!(!composed.steps[2].scans);
        let mut live = made;
        live.child.columns.insert(0, "tenant_id".to_owned());
        live.parent.columns.insert(0, "org".to_owned());
        live.set_columns = vec!["exam_id".to_owned()];
        assert!(!live.crosses());
        let back = decompose(&live, &composed.converted);
        assert!(
            back[1].sql.contains(
                "FOREIGN KEY (\"exam_id\") REFERENCES \"app\".\"exam\" (\"id\") ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE"
            ),
            "{}",
            back[1].sql
        );
    }

    #[test]
    fn a_key_whose_meaning_would_change_is_refused() {
        let other_type = |mut key: ForeignKey| {
            key.parent.tenant = Some(("org".to_owned(), TenantType::Text));
            key
        };
        let two = |mut key: ForeignKey| {
            key.child.columns.push("exam_no".to_owned());
            key.parent.columns.push("no".to_owned());
            key.is_match_full = true;
            key
        };
        let busy = |mut key: ForeignKey| {
            key.child.columns = vec!["tenant_id".to_owned()];
            key
        };
        for (key, state) in [
            (ForeignKey { on_update: Action::SetNull, ..key() }, SqlState::FeatureNotSupported),
            (ForeignKey { on_update: Action::SetDefault, ..key() }, SqlState::FeatureNotSupported),
            (other_type(key()), SqlState::DatatypeMismatch),
            (two(key()), SqlState::FeatureNotSupported),
            (busy(key()), SqlState::FeatureNotSupported),
        ] {
            let error = compose(&key, &[], &[], &[]).unwrap_err();
            assert_eq!(error.state, state, "{key:?}");
            assert!(error.detail.is_some() && error.hint.is_some());
        }
        let full = ForeignKey { is_nullable: false, ..two(key()) };
        assert!(compose(&full, &[], &[], &[]).unwrap().steps[2].sql.contains("MATCH FULL"));
        let one = ForeignKey { is_match_full: true, ..key() };
        assert!(!compose(&one, &[], &[], &[]).unwrap().steps[2].sql.contains("MATCH FULL"));
    }

    #[test]
    fn only_keys_between_tenants_tables_cross() {
        assert!(key().crosses());
        let mut paired = key();
        paired.child.columns.push("tenant_id".to_owned());
        paired.parent.columns.push("org".to_owned());
        assert!(!paired.crosses());
        let mut to_reference = key();
        to_reference.parent.tenant = None;
        assert!(!to_reference.crosses() && crossing(&to_reference).is_none());
        assert_eq!(
            crossing(&key()).unwrap(),
            "SELECT count(*) FROM \"app\".\"question\" c JOIN \"app\".\"exam\" p ON p.\"id\" OPERATOR(pg_catalog.=) c.\"exam_id\" \
             WHERE c.\"tenant_id\" IS DISTINCT FROM p.\"org\""
        );
    }
}
