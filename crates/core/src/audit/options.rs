//! What audit can be told: one JSON object, read strictly.

use serde_json::Value;

use crate::error::{Result, SqlState, WardenError};

/// What of a table's changes the log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Columns that the log leaves out.
    pub exclude: Vec<String>,
    /// Columns that the log has as a hash only.
    pub redact: Vec<String>,
    /// Whether reads are recorded too.
    pub reads: bool,
}

/// What the options are held against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// As messages name it.
    pub name: String,
    pub columns: Vec<String>,
    /// The columns of the primary key, those of its partitions included.
    pub key: Vec<String>,
    pub tenant_column: Option<String>,
}

impl Options {
    /// # Errors
    /// 22023 for what is not an object of known options with values of their types.
    pub fn parse(value: &Value) -> Result<Self> {
        let Value::Object(object) = value else {
            return Err(bad("options must be a JSON object").hint(KNOWN));
        };
        let mut options = Self::default();
        for (key, value) in object {
            match key.as_str() {
                "exclude" => options.exclude = columns(key, value)?,
                "redact" => options.redact = columns(key, value)?,
                "reads" => {
                    options.reads = value.as_bool().ok_or_else(|| wrong_type(key, "true or false"))?;
                }
                _ => {
                    return Err(bad("unknown option")
                        .detail(format!("Option \"{}\" does not exist.", shown(key)))
                        .hint(KNOWN));
                }
            }
        }
        if let Some(both) = options.exclude.iter().find(|column| options.redact.contains(column)) {
            return Err(bad("a column cannot be both excluded and redacted")
                .detail(format!("Column \"{}\" is named in both options.", shown(both))));
        }
        Ok(options)
    }

    /// # Errors
    /// 42703 for a column that the table does not have, 22023 for one that the log cannot do without.
    pub fn check(&self, table: &Table) -> Result<()> {
        for column in self.exclude.iter().chain(&self.redact) {
            if !table.columns.contains(column) {
                return Err(WardenError::new(SqlState::UndefinedColumn, "column does not exist").detail(format!(
                    "Table {} has no column \"{}\".",
                    table.name,
                    shown(column)
                )));
            }
        }
        if let Some(column) = self.hides_any(&table.key) {
            return Err(bad("a key column can be neither excluded nor redacted").detail(format!(
                "Column \"{column}\" is part of a primary key of table {}, by which the log names its rows.",
                table.name
            )));
        }
        if let Some(column) = table.tenant_column.as_ref().filter(|column| self.level(column) != Level::Shown) {
            return Err(bad("the tenant column can be neither excluded nor redacted").detail(format!(
                "Column \"{column}\" of table {} says in whose log a row's changes stand.",
                table.name
            )));
        }
        Ok(())
    }

    /// The first of these columns that the log does not show as it is.
    pub fn hides_any<'a>(&self, columns: &'a [String]) -> Option<&'a String> {
        columns.iter().find(|column| self.level(column) != Level::Shown)
    }

    /// What would be recorded less than under `before`, as a fact; `None`: nothing.
    pub fn records_less_than(&self, before: &Self) -> Option<String> {
        let less = self.exclude.iter().chain(&self.redact).find(|column| self.level(column) > before.level(column));
        match less {
            Some(column) if self.level(column) == Level::Excluded => {
                Some(format!("Column \"{}\" would be left out of the log.", shown(column)))
            }
            Some(column) => Some(format!("Column \"{}\" would be redacted in the log.", shown(column))),
            None if before.reads && !self.reads => Some("Reads would not be recorded any more.".to_owned()),
            None => None,
        }
    }

    /// Whether both say the same, in whatever order.
    pub fn is_as(&self, other: &Self) -> bool {
        self.records_less_than(other).is_none() && other.records_less_than(self).is_none()
    }

    fn level(&self, column: &String) -> Level {
        if self.exclude.contains(column) {
            Level::Excluded
        } else if self.redact.contains(column) {
            Level::Redacted
        } else {
            Level::Shown
        }
    }
}

/// How much of a column the log keeps back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Shown,
    Redacted,
    Excluded,
}

const KNOWN: &str = "The options are: exclude, redact, reads.";

/// Each once.
fn columns(key: &str, value: &Value) -> Result<Vec<String>> {
    let refused = || wrong_type(key, "an array of column names");
    let mut columns: Vec<String> = Vec::new();
    for name in value.as_array().ok_or_else(refused)? {
        let name = name.as_str().ok_or_else(refused)?;
        if !columns.iter().any(|known| known == name) {
            columns.push(name.to_owned());
        }
    }
    Ok(columns)
}

fn wrong_type(key: &str, want: &str) -> WardenError {
    bad("invalid option").detail(format!("Option \"{key}\" must be {want}."))
}

fn bad(message: &'static str) -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, message)
}

/// What a caller said, short enough for a message.
fn shown(text: &str) -> String {
    const MOST: usize = 64;
    text.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Options {
        Options::parse(&value).unwrap()
    }

    fn table() -> Table {
        Table {
            name: "app.exam".to_owned(),
            columns: ["id", "tenant_id", "body", "note"].map(str::to_owned).to_vec(),
            key: vec!["id".to_owned()],
            tenant_column: Some("tenant_id".to_owned()),
        }
    }

    #[test]
    fn options_are_read_strictly() {
        for bad in [
            json!([]),
            json!(null),
            json!("exclude"),
            json!({"exclud": []}),
            json!({"Exclude": []}),
            json!({"exclude": "body"}),
            json!({"exclude": {"body": true}}),
            json!({"exclude": [1]}),
            json!({"exclude": [null]}),
            json!({"redact": [["body"]]}),
            json!({"redact": null}),
            json!({"reads": "true"}),
            json!({"reads": 1}),
            json!({"reads": null}),
            json!({"exclude": ["body"], "redact": ["note", "body"]}),
        ] {
            let error = Options::parse(&bad).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidParameterValue, "{bad}");
            assert!(error.detail.is_some() || error.hint.is_some(), "{bad}");
        }
        assert_eq!(parse(json!({})), Options::default());
        let options = parse(json!({"exclude": ["body", "body"], "redact": [], "reads": true}));
        assert_eq!(options.exclude, ["body"]);
        assert!(options.reads && options.redact.is_empty());
    }

    #[test]
    fn a_long_answer_is_cut() {
        let error = Options::parse(&json!({"x".repeat(10_000): 1})).unwrap_err();
        assert!(error.detail.unwrap().len() < 200);
        let error = parse(json!({"exclude": ["ä".repeat(10_000)]})).check(&table()).unwrap_err();
        assert!(error.detail.unwrap().len() < 300);
    }

    #[test]
    fn columns_that_the_log_needs_stay() {
        use SqlState::{InvalidParameterValue, UndefinedColumn};
        for (options, state) in [
            (json!({"exclude": ["id"]}), Some(InvalidParameterValue)),
            (json!({"redact": ["id"]}), Some(InvalidParameterValue)),
            (json!({"exclude": ["tenant_id"]}), Some(InvalidParameterValue)),
            (json!({"redact": ["body", "tenant_id"]}), Some(InvalidParameterValue)),
            (json!({"exclude": ["Body"]}), Some(UndefinedColumn)),
            (json!({"redact": [""]}), Some(UndefinedColumn)),
            (json!({"exclude": ["body"], "redact": ["note"]}), None),
            (json!({}), None),
        ] {
            let checked = parse(options.clone()).check(&table());
            assert_eq!(checked.as_ref().err().map(|error| error.state), state, "{options}");
            assert!(checked.err().is_none_or(|error| error.detail.is_some()), "{options}");
        }
    }

    #[test]
    fn less_is_a_column_further_back_or_reads_no_more() {
        let before = parse(json!({"exclude": ["body"], "redact": ["note"], "reads": true}));
        for (now, less) in [
            (json!({"exclude": ["body"], "redact": ["note"], "reads": true}), false),
            (json!({"redact": ["note", "body"], "reads": true}), false),
            (json!({"reads": true}), false),
            (json!({"exclude": ["body"], "redact": ["note"]}), true),
            (json!({"exclude": ["body", "note"], "reads": true}), true),
            (json!({"exclude": ["body"], "redact": ["note", "mark"], "reads": true}), true),
        ] {
            assert_eq!(parse(now.clone()).records_less_than(&before).is_some(), less, "{now}");
        }
        assert!(parse(json!({"exclude": ["b", "a"]})).is_as(&parse(json!({"exclude": ["a", "b"]}))));
        assert!(!parse(json!({"exclude": ["a"]})).is_as(&parse(json!({}))));
    }
}
