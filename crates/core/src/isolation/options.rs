//! What protect and create_template can be told: one JSON object, read strictly.

use serde_json::{Map, Value, json};

use super::template::Command;
use crate::error::{Result, SqlState, WardenError};
use crate::tenancy::{Labels, Tier};

/// What becomes of foreign keys between two protected tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForeignKeys {
    /// Each gets the tenant column: no reference crosses tenants.
    #[default]
    Composite,
    /// Left alone, and a problem in coverage.
    Keep,
}

/// What becomes of a missing index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexMode {
    #[default]
    Build,
    /// It has been built before, CONCURRENTLY: protect refuses to build one itself.
    Require,
}

/// Whether an approved access request opens the table to an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OperatorAccess {
    #[default]
    Approved,
    Never,
}

/// A template's own predicates, by command.
pub type Commands = [Option<String>; 4];

/// What was said, and nothing of what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// By command; `Some(None)`: nobody.
    pub tiers: [Option<Option<Tier>>; 4],
    pub user_column: Option<String>,
    pub parent: Option<String>,
    pub foreign_keys: Option<ForeignKeys>,
    pub index: Option<IndexMode>,
    pub operator_access: Option<OperatorAccess>,
    pub commands: Commands,
}

/// Where an object comes from: what it may hold, and how it writes tiers.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// protect's options.
    Call(&'a Labels),
    /// create_template's definition, which may hold predicates.
    Definition(&'a Labels),
    /// What [`Options::to_json`] wrote: tiers are numbers, 0 is nobody.
    Stored,
}

const KEYS: [&str; 10] = [
    "read",
    "insert",
    "update",
    "delete",
    "user_column",
    "parent",
    "foreign_keys",
    "index",
    "operator_access",
    "commands",
];

impl Options {
    /// # Errors
    /// 22023 for what is not an object of known options with known values.
    pub fn from_call(value: &Value, labels: &Labels) -> Result<Self> {
        Self::parse(value, Source::Call(labels))
    }

    /// # Errors
    /// 22023 as [`Options::from_call`].
    pub fn from_definition(value: &Value, labels: &Labels) -> Result<Self> {
        Self::parse(value, Source::Definition(labels))
    }

    /// # Errors
    /// 22023 for what [`Options::to_json`] does not write.
    pub fn from_stored(value: &Value) -> Result<Self> {
        Self::parse(value, Source::Stored)
    }

    fn parse(value: &Value, source: Source) -> Result<Self> {
        let Value::Object(object) = value else { return Err(not_an_object("options")) };
        let mut options = Options::default();
        for (key, value) in object {
            if let Some(command) = Command::ALL.into_iter().find(|command| command.option() == key) {
                options.tiers[command as usize] = Some(tier(key, value, source)?);
                continue;
            }
            match (key.as_str(), source) {
                ("user_column", _) => options.user_column = Some(text(key, value)?.to_owned()),
                ("parent", _) => options.parent = Some(text(key, value)?.to_owned()),
                ("foreign_keys", _) => {
                    let known = [("composite", ForeignKeys::Composite), ("keep", ForeignKeys::Keep)];
                    options.foreign_keys = Some(word(key, value, &known)?);
                }
                ("index", _) => {
                    options.index =
                        Some(word(key, value, &[("build", IndexMode::Build), ("require", IndexMode::Require)])?);
                }
                ("operator_access", _) => {
                    let known = [("approved", OperatorAccess::Approved), ("never", OperatorAccess::Never)];
                    options.operator_access = Some(word(key, value, &known)?);
                }
                ("commands", Source::Definition(_) | Source::Stored) => options.commands = commands(value)?,
                ("commands", Source::Call(_)) => {
                    return Err(bad(
                        "a call of protect cannot bring its own predicates",
                        "Option \"commands\" belongs to a template.",
                    )
                    .hint("Make a template of your own with warden.create_template."));
                }
                _ => {
                    return Err(bad("unknown option", format!("Option \"{}\" does not exist.", shown(key)))
                        .hint(format!("The options are: {}.", KEYS.join(", "))));
                }
            }
        }
        Ok(options)
    }

    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        for command in Command::ALL {
            if let Some(tier) = self.tiers[command as usize] {
                object.insert(command.option().to_owned(), json!(tier.map_or(0, Tier::number)));
            }
        }
        for (key, value) in [("user_column", &self.user_column), ("parent", &self.parent)] {
            if let Some(value) = value {
                object.insert(key.to_owned(), json!(value));
            }
        }
        if let Some(value) = self.foreign_keys {
            let word = if value == ForeignKeys::Keep { "keep" } else { "composite" };
            object.insert("foreign_keys".to_owned(), json!(word));
        }
        if let Some(value) = self.index {
            object.insert("index".to_owned(), json!(if value == IndexMode::Require { "require" } else { "build" }));
        }
        if let Some(value) = self.operator_access {
            let word = if value == OperatorAccess::Never { "never" } else { "approved" };
            object.insert("operator_access".to_owned(), json!(word));
        }
        let own: Map<String, Value> = Command::ALL
            .into_iter()
            .filter_map(|command| Some((command.name().to_owned(), json!(self.commands[command as usize].as_ref()?))))
            .collect();
        if !own.is_empty() {
            object.insert("commands".to_owned(), Value::Object(own));
        }
        Value::Object(object)
    }

    /// Names of what was said, for a template that has no use for it.
    pub(super) fn said(&self) -> Vec<&'static str> {
        let mut said: Vec<&str> = Command::ALL
            .into_iter()
            .filter(|command| self.tiers[*command as usize].is_some())
            .map(Command::option)
            .collect();
        let others = [
            ("user_column", self.user_column.is_some()),
            ("parent", self.parent.is_some()),
            ("foreign_keys", self.foreign_keys.is_some()),
            ("index", self.index.is_some()),
            ("operator_access", self.operator_access.is_some()),
        ];
        said.extend(others.into_iter().filter(|(_, is_said)| *is_said).map(|(key, _)| key));
        said
    }
}

fn tier(key: &str, value: &Value, source: Source) -> Result<Option<Tier>> {
    match source {
        Source::Call(labels) | Source::Definition(labels) => {
            let label = text(key, value)?;
            labels
                .require(label)
                .map(Some)
                .map_err(|error| error.detail(format!("Option \"{key}\" names the role \"{}\".", shown(label))))
        }
        Source::Stored => match value.as_i64() {
            Some(0) => Ok(None),
            Some(number) => Tier::from_number(number).map(Some).ok_or_else(|| wrong_type(key, "a tier")),
            None => Err(wrong_type(key, "a tier")),
        },
    }
}

fn commands(value: &Value) -> Result<Commands> {
    let Value::Object(object) = value else { return Err(wrong_type("commands", "a JSON object")) };
    let mut commands = Commands::default();
    for (key, value) in object {
        let Some(command) = Command::ALL.into_iter().find(|command| command.name() == key) else {
            return Err(bad("unknown command", format!("A template has no predicate for \"{}\".", shown(key)))
                .hint("The commands are: select, insert, update, delete."));
        };
        let predicate = text(key, value)?;
        if predicate.trim().is_empty() {
            return Err(bad("a predicate must not be blank", format!("That of \"{key}\" is.")));
        }
        commands[command as usize] = Some(predicate.to_owned());
    }
    Ok(commands)
}

fn word<T: Copy>(key: &str, value: &Value, known: &[(&str, T)]) -> Result<T> {
    let said = text(key, value)?;
    known.iter().find(|(word, _)| *word == said).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        bad("invalid option", format!("Option \"{key}\" cannot be \"{}\".", shown(said)))
            .hint(format!("It is one of: {}.", words.join(", ")))
    })
}

fn text<'a>(key: &str, value: &'a Value) -> Result<&'a str> {
    value.as_str().ok_or_else(|| wrong_type(key, "a text"))
}

fn wrong_type(key: &str, want: &str) -> WardenError {
    bad("invalid option", format!("Option \"{}\" must be {want}.", shown(key)))
}

fn not_an_object(what: &str) -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, format!("{what} must be a JSON object"))
        .hint(format!("The options are: {}.", KEYS.join(", ")))
}

fn bad(message: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>) -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, message).detail(detail)
}

/// What a caller said, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict() {
        let labels = Labels::default();
        for bad in [
            json!([]),
            json!("x"),
            json!(null),
            json!({"reads": "viewer"}),
            json!({"read": "viewers"}),
            json!({"read": 4}),
            json!({"read": null}),
            json!({"user_column": 1}),
            json!({"foreign_keys": "cascade"}),
            json!({"index": "BUILD"}),
            json!({"operator_access": ""}),
            json!({"commands": {"select": "true"}}),
            json!({"'; DROP TABLE x; --": "viewer"}),
        ] {
            let error = Options::from_call(&bad, &labels).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidParameterValue, "{bad}");
            assert!(error.detail.is_some() || error.hint.is_some(), "{bad}");
        }
        for bad in [
            json!({"commands": {"truncate": "true"}}),
            json!({"commands": {"select": 7}}),
            json!({"commands": {"select": null}}),
            json!({"commands": {"select": " \n"}}),
            json!({"commands": []}),
            json!({"commands": "true"}),
            json!({"using": "true"}),
        ] {
            let error = Options::from_definition(&bad, &labels).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidParameterValue, "{bad}");
        }
    }

    #[test]
    fn labels_are_the_platforms_and_numbers_what_is_kept() {
        let labels = Labels::new(["institution_admin", "instructor", "proctor", "student"].map(str::to_owned));
        let said = json!({"read": "student", "insert": "proctor", "update": "instructor", "delete": "institution_admin",
            "user_column": "Prüfling\"", "foreign_keys": "keep", "index": "require", "operator_access": "never",
            "commands": {"select": "published"}});
        let options = Options::from_definition(&said, &labels).unwrap();
        let stored = options.to_json();
        assert_eq!(stored["read"], 4);
        assert_eq!(stored["delete"], 1);
        assert_eq!(Options::from_stored(&stored).unwrap(), options);
        assert!(Options::from_call(&json!({"read": "viewer"}), &labels).is_err());
    }

    #[test]
    fn a_long_answer_is_cut() {
        let error = Options::from_call(&json!({"x".repeat(10_000): 1}), &Labels::default()).unwrap_err();
        assert!(error.detail.unwrap().len() < 200);
    }
}
