//! Templates: who may do what with a tenant's rows. A built-in one and one of the platform's own are the same thing.

use serde_json::{Value, json};

use super::options::{Commands, ForeignKeys, IndexMode, OperatorAccess, Options, shown};
use crate::error::{Result, SqlState, WardenError};
use crate::tenancy::Tier;

/// What policies are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Command {
    Select,
    Insert,
    Update,
    Delete,
}

impl Command {
    pub const ALL: [Command; 4] = [Command::Select, Command::Insert, Command::Update, Command::Delete];

    pub fn name(self) -> &'static str {
        ["select", "insert", "update", "delete"][self as usize]
    }

    /// The option that gives its minimum role.
    pub fn option(self) -> &'static str {
        ["read", "insert", "update", "delete"][self as usize]
    }
}

/// How a row is told to be somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// By its tenant column.
    Tenant,
    /// And by its user column, except for those who see all.
    Owned,
    /// It is everybody's: there is no tenant column.
    Reference,
    /// By its tenant column, which comes from the parent's row.
    Child,
    /// By its tenant column; without a tenant it is everybody's to read.
    Shared,
}

impl Rule {
    const ALL: [(Rule, &'static str); 5] = [
        (Rule::Tenant, "tenant"),
        (Rule::Owned, "owned"),
        (Rule::Reference, "reference"),
        (Rule::Child, "child"),
        (Rule::Shared, "shared"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(rule, _)| *rule == self).map_or("", |(_, name)| name)
    }

    /// Options that it can be told.
    fn takes(self, option: &str) -> bool {
        match (self, option) {
            (Rule::Owned, "user_column") | (Rule::Child, "parent") => true,
            (_, "user_column" | "parent") => false,
            (Rule::Reference, option) => matches!(option, "read" | "operator_access"),
            (Rule::Child, "foreign_keys") => false,
            _ => true,
        }
    }
}

/// A template, its options merged: all that the policies and the plan need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub name: String,
    pub rule: Rule,
    /// By command; `None`: nobody.
    pub tiers: [Option<Tier>; 4],
    pub user_column: Option<String>,
    pub parent: Option<String>,
    pub foreign_keys: ForeignKeys,
    pub index: IndexMode,
    pub operator_access: OperatorAccess,
    pub commands: Commands,
}

struct Builtin {
    name: &'static str,
    rule: Rule,
    tiers: [Option<Tier>; 4],
    description: &'static str,
}

const VIEWER: Option<Tier> = Some(Tier::Viewer);
const MEMBER: Option<Tier> = Some(Tier::Member);
const ADMIN: Option<Tier> = Some(Tier::Admin);

const BUILTINS: [Builtin; 7] = [
    Builtin {
        name: "tenant",
        rule: Rule::Tenant,
        tiers: [VIEWER, MEMBER, MEMBER, MEMBER],
        description: "viewers read, members write",
    },
    Builtin {
        name: "tenant_admin",
        rule: Rule::Tenant,
        tiers: [MEMBER, ADMIN, ADMIN, ADMIN],
        description: "members read, admins write",
    },
    Builtin {
        name: "owned",
        rule: Rule::Owned,
        tiers: [VIEWER, VIEWER, VIEWER, VIEWER],
        description: "everybody reads and writes rows of their own, admins all of the tenant's",
    },
    Builtin {
        name: "append_only",
        rule: Rule::Tenant,
        tiers: [VIEWER, MEMBER, None, None],
        description: "viewers read, members insert, nobody updates or deletes",
    },
    Builtin {
        name: "reference",
        rule: Rule::Reference,
        tiers: [VIEWER, None, None, None],
        description: "every context reads, warden_admin alone writes; no tenant column",
    },
    Builtin {
        name: "child",
        rule: Rule::Child,
        tiers: [VIEWER, MEMBER, MEMBER, MEMBER],
        description: "as tenant, the tenant column taken from the parent's row",
    },
    Builtin {
        name: "shared",
        rule: Rule::Shared,
        tiers: [VIEWER, MEMBER, MEMBER, MEMBER],
        description: "as tenant, and every context reads the rows without a tenant, which warden_admin alone writes",
    },
];

impl Template {
    /// Each that comes with the extension, with what it is for.
    pub fn builtins() -> impl Iterator<Item = (Template, &'static str)> {
        BUILTINS.iter().map(|builtin| (Self::plain(builtin.name, builtin.rule, builtin.tiers), builtin.description))
    }

    pub fn is_builtin(name: &str) -> bool {
        BUILTINS.iter().any(|builtin| builtin.name == name)
    }

    /// The template of this name with the call's options over it; `own` is the definition of one of the platform's.
    ///
    /// # Errors
    /// 22023 for a name that is nobody's, and for options that it has no use for.
    pub fn resolve(name: &str, own: Option<&Options>, options: &Options) -> Result<Self> {
        let template = match (BUILTINS.iter().find(|builtin| builtin.name == name), own) {
            (Some(builtin), _) => {
                let template = Self::plain(name, builtin.rule, builtin.tiers);
                for command in Command::ALL {
                    if builtin.tiers[command as usize].is_none() && options.tiers[command as usize].is_some() {
                        return Err(no_use(name, command.option()));
                    }
                }
                template
            }
            (None, Some(own)) => Self::own(name, own)?,
            (None, None) => {
                let names: Vec<_> = BUILTINS.iter().map(|builtin| builtin.name).collect();
                return Err(WardenError::new(SqlState::InvalidParameterValue, "unknown template")
                    .detail(format!("There is no template \"{}\".", shown(name)))
                    .hint(format!(
                        "Built in are: {}; warden.create_template makes others, and warden.templates lists all.",
                        names.join(", ")
                    )));
            }
        };
        let template = template.with(options)?;
        if template.rule == Rule::Owned && template.user_column.is_none() {
            return Err(WardenError::new(SqlState::InvalidParameterValue, "option \"user_column\" is missing")
                .detail(format!("Template \"{}\" compares a column with the user's id.", shown(name)))
                .hint("Name the column: {\"user_column\": \"...\"}."));
        }
        Ok(template)
    }

    /// A definition of the platform's own over what `tenant` says; a user column makes it one of owned rows, a parent
    /// one of a child's.
    ///
    /// # Errors
    /// 22023 for options that do not go together.
    pub fn own(name: &str, definition: &Options) -> Result<Self> {
        let rule = match (&definition.user_column, &definition.parent) {
            (Some(_), Some(_)) => return Err(no_use(name, "parent")),
            (Some(_), None) => Rule::Owned,
            (None, Some(_)) => Rule::Child,
            (None, None) => Rule::Tenant,
        };
        Self::plain(name, rule, BUILTINS[0].tiers).with(definition)
    }

    fn plain(name: &str, rule: Rule, tiers: [Option<Tier>; 4]) -> Self {
        Self {
            name: name.to_owned(),
            rule,
            tiers,
            user_column: None,
            parent: None,
            foreign_keys: ForeignKeys::default(),
            index: IndexMode::default(),
            operator_access: OperatorAccess::default(),
            commands: Commands::default(),
        }
    }

    fn with(mut self, options: &Options) -> Result<Self> {
        if let Some(option) = options.said().into_iter().find(|option| !self.rule.takes(option)) {
            return Err(no_use(&self.name, option));
        }
        for command in Command::ALL {
            let at = command as usize;
            self.tiers[at] = options.tiers[at].unwrap_or(self.tiers[at]);
            if options.commands[at].is_some() {
                self.commands[at].clone_from(&options.commands[at]);
            }
        }
        self.user_column = options.user_column.clone().or(self.user_column);
        self.parent = options.parent.clone().or(self.parent);
        self.foreign_keys = options.foreign_keys.unwrap_or(self.foreign_keys);
        self.index = options.index.unwrap_or(self.index);
        self.operator_access = options.operator_access.unwrap_or(self.operator_access);
        Ok(self)
    }

    pub fn has_tenant_column(&self) -> bool {
        self.rule != Rule::Reference
    }

    /// All of it, as the registry keeps it: a template that is changed later changes no table.
    pub fn to_json(&self) -> Value {
        let options = Options {
            tiers: self.tiers.map(Some),
            user_column: self.user_column.clone(),
            parent: self.parent.clone(),
            foreign_keys: Some(self.foreign_keys),
            index: Some(self.index),
            operator_access: Some(self.operator_access),
            commands: self.commands.clone(),
        };
        json!({"name": self.name, "rule": self.rule.name(), "options": options.to_json()})
    }

    /// `None` for what [`Template::to_json`] does not write.
    pub fn from_json(value: &Value) -> Option<Self> {
        let rule = value["rule"].as_str()?;
        let (rule, _) = Rule::ALL.into_iter().find(|(_, name)| *name == rule)?;
        let options = Options::from_stored(&value["options"]).ok()?;
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            rule,
            tiers: options.tiers.map(Option::flatten),
            user_column: options.user_column,
            parent: options.parent,
            foreign_keys: options.foreign_keys?,
            index: options.index?,
            operator_access: options.operator_access?,
            commands: options.commands,
        })
    }
}

/// The name of a template of the platform's own.
///
/// # Errors
/// 22023 for one that is not printable, too long or built in.
pub fn check_name(name: &str) -> Result<()> {
    if Template::is_builtin(name) {
        return Err(
            WardenError::new(SqlState::InvalidParameterValue, "the template is built in").hint("Choose another name.")
        );
    }
    let fits = (1..=63).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InvalidParameterValue, "invalid template name")
        .detail("A name has 1 to 63 bytes, no control characters and no white space at its ends."))
}

fn no_use(template: &str, option: &str) -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "the option does not belong to the template")
        .detail(format!("Template \"{}\" has no option \"{option}\".", shown(template)))
        .hint("Leave the option out, or choose another template.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::Labels;

    fn options(value: Value) -> Options {
        Options::from_call(&value, &Labels::default()).unwrap()
    }

    fn tiers(name: &str, value: Value) -> [u8; 4] {
        Template::resolve(name, None, &options(value)).unwrap().tiers.map(|tier| tier.map_or(0, Tier::number))
    }

    #[test]
    fn the_built_in_ones() {
        for (name, said, want) in [
            ("tenant", json!({}), [4, 3, 3, 3]),
            ("tenant_admin", json!({}), [3, 2, 2, 2]),
            ("owned", json!({"user_column": "author"}), [4, 4, 4, 4]),
            ("append_only", json!({}), [4, 3, 0, 0]),
            ("reference", json!({}), [4, 0, 0, 0]),
            ("child", json!({"parent": "exam"}), [4, 3, 3, 3]),
            ("shared", json!({"delete": "admin"}), [4, 3, 3, 2]),
            (
                "tenant",
                json!({"read": "member", "insert": "admin", "update": "owner", "delete": "owner"}),
                [3, 2, 1, 1],
            ),
            ("append_only", json!({"insert": "viewer"}), [4, 4, 0, 0]),
            ("reference", json!({"read": "admin"}), [2, 0, 0, 0]),
        ] {
            assert_eq!(tiers(name, said.clone()), want, "{name} {said}");
        }
    }

    #[test]
    fn what_does_not_belong_together() {
        for (name, said) in [
            ("nothing", json!({})),
            ("'; DROP TABLE x; --", json!({})),
            ("owned", json!({})),
            ("tenant", json!({"user_column": "author"})),
            ("tenant", json!({"parent": "exam"})),
            ("append_only", json!({"update": "owner"})),
            ("append_only", json!({"delete": "owner"})),
            ("reference", json!({"insert": "owner"})),
            ("reference", json!({"foreign_keys": "keep"})),
            ("reference", json!({"index": "build"})),
            ("child", json!({"foreign_keys": "keep"})),
            ("shared", json!({"user_column": "author"})),
            ("shared", json!({"parent": "exam"})),
        ] {
            let error = Template::resolve(name, None, &options(said.clone())).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidParameterValue, "{name} {said}");
            assert!(error.detail.is_some() && error.hint.is_some(), "{name} {said}");
        }
    }

    #[test]
    fn one_of_its_own_stands_on_tenant_and_is_kept_whole() {
        let said = json!({"read": "member", "delete": "admin", "commands": {"select": "published"}});
        let own = Options::from_definition(&said, &Labels::default()).unwrap();
        let template =
            Template::resolve("mine", Some(&own), &options(json!({"read": "admin", "index": "require"}))).unwrap();
        assert_eq!(template.tiers.map(|tier| tier.map_or(0, Tier::number)), [2, 3, 3, 2]);
        assert_eq!(template.commands[0].as_deref(), Some("published"));
        assert_eq!(Template::from_json(&template.to_json()), Some(template));
        for (template, _) in Template::builtins() {
            assert_eq!(Template::from_json(&template.to_json()), Some(template));
        }
    }

    #[test]
    fn names_of_ones_own() {
        assert!(check_name("authored").is_ok());
        for bad in ["", " x", "tenant", "shared", "a\nb", &"x".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
