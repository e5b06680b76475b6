//! Transparent columns: which types there are, what encrypt_column can be told, and the statements of the view.

use serde_json::Value;

use super::binding::ValueType;
use crate::error::{Result, SqlState, WardenError};
use crate::isolation::{Name, quote};
use crate::tenancy::{Labels, Tier};

/// A type that a column can have before it is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    Varchar,
    Bytea,
    Json,
    Jsonb,
    Date,
    Timestamptz,
    Numeric,
    Uuid,
    Smallint,
    Integer,
    Bigint,
}

impl ColumnType {
    /// With their names in pg_type, in schema pg_catalog.
    const ALL: [(ColumnType, &'static str); 12] = [
        (ColumnType::Text, "text"),
        (ColumnType::Varchar, "varchar"),
        (ColumnType::Bytea, "bytea"),
        (ColumnType::Json, "json"),
        (ColumnType::Jsonb, "jsonb"),
        (ColumnType::Date, "date"),
        (ColumnType::Timestamptz, "timestamptz"),
        (ColumnType::Numeric, "numeric"),
        (ColumnType::Uuid, "uuid"),
        (ColumnType::Smallint, "int2"),
        (ColumnType::Integer, "int4"),
        (ColumnType::Bigint, "int8"),
    ];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, own)| *own == name).map(|(kind, _)| kind)
    }

    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// What its values are sealed as.
    pub fn value_type(self) -> ValueType {
        match self {
            ColumnType::Bytea => ValueType::Bytes,
            ColumnType::Json | ColumnType::Jsonb => ValueType::Json,
            _ => ValueType::Text,
        }
    }

    /// Whether it can be searched by text: json keeps its spelling, numeric 1.0 equals 1.00, and bytea is no text.
    pub fn is_searchable(self) -> bool {
        !matches!(self, ColumnType::Bytea | ColumnType::Json | ColumnType::Jsonb | ColumnType::Numeric)
    }
}

/// What encrypt_column was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnOptions {
    /// The lowest role that decrypts; `None`: whoever reads the row.
    pub decrypt: Option<Tier>,
}

impl ColumnOptions {
    /// # Errors
    /// 22023 for what is not an object of known options.
    pub fn parse(value: &Value, labels: &Labels) -> Result<Self> {
        let Value::Object(object) = value else {
            return Err(bad("options must be a JSON object", "The only option is \"decrypt\"."));
        };
        let mut options = Self::default();
        for (key, value) in object {
            if key != "decrypt" {
                let shown: String = key.chars().take(40).collect();
                return Err(bad("unknown option", format!("Option \"{shown}\" does not exist."))
                    .hint("The only option is \"decrypt\", the lowest role that decrypts."));
            }
            let Value::String(label) = value else {
                return Err(bad("invalid option", "Option \"decrypt\" names a role."));
            };
            options.decrypt = Some(labels.require(label)?);
        }
        Ok(options)
    }
}

fn bad(message: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>) -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, message).detail(detail)
}

/// What the companion view shows of a column of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    Plain,
    /// Decrypted.
    Clear(Clear),
    /// NULL, while the table's column changes its type.
    Blank(Clear),
}

/// A column as it was before it was encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// Registry id, in text.
    pub id: String,
    pub kind: ColumnType,
    /// With its modifier, as SQL.
    pub full_type: String,
    /// As SQL, for a type that has one.
    pub collation: Option<String>,
}

/// One column of the view: its name is the table's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewColumn {
    pub name: String,
    pub shown: Shown,
}

/// The table below the view, and what a row's key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    pub table: Name,
    pub tenant_column: String,
    pub key_columns: Vec<String>,
}

impl Below {
    /// Column id, tenant, a NULL of the type and the key: what every function over a stored value takes after it.
    fn arguments(&self, row: &str, clear: &Clear) -> String {
        let key: Vec<String> = self.key_columns.iter().map(|column| format!("{row}{}", quote(column))).collect();
        format!(
            "'{}'::pg_catalog.uuid, {row}{}, NULL::pg_catalog.{}, {}",
            clear.id,
            quote(&self.tenant_column),
            quote(clear.kind.name()),
            key.join(", ")
        )
    }

    /// The clear value of a column, as SQL over the table's row.
    fn opened(&self, row: &str, column: &str, clear: &Clear, function: &str) -> String {
        format!("warden.{function}({row}{}, {})", quote(column), self.arguments(row, clear))
    }

    /// Over the table, as `t`: the stored value is of this clear value.
    pub fn unchanged(&self, column: &str, clear: &Clear) -> String {
        self.opened("t.", column, clear, "column_unchanged")
    }

    /// Over the table, as `t`: the stored value opens.
    pub fn opening(&self, column: &str, clear: &Clear) -> String {
        self.opened("t.", column, clear, "column_opens")
    }

    /// For ALTER TABLE … USING: sealed for its row.
    pub fn sealing(&self, column: &str, clear: &Clear, searchable: bool) -> String {
        self.opened("", column, clear, if searchable { "column_seal_eq" } else { "column_seal" })
    }

    /// For ALTER TABLE … USING: the value of the type that it had.
    pub fn unsealing(&self, column: &str, clear: &Clear) -> String {
        typed(&self.opened("", column, clear, "column_unseal"), clear)
    }

    /// CREATE VIEW, which takes nobody's place; of one that stands, another query.
    pub fn view(&self, name: &Name, columns: &[ViewColumn], stands: bool) -> String {
        let columns: Vec<String> = columns
            .iter()
            .map(|column| match &column.shown {
                Shown::Plain => format!("t.{}", quote(&column.name)),
                Shown::Clear(clear) => {
                    let value = self.opened("t.", &column.name, clear, "column_open");
                    format!("{} AS {}", typed(&value, clear), quote(&column.name))
                }
                Shown::Blank(clear) => format!("{} AS {}", typed("NULL", clear), quote(&column.name)),
            })
            .collect();
        format!(
            "CREATE {}VIEW {name} WITH (security_invoker = true) AS SELECT {} FROM {} t",
            if stands { "OR REPLACE " } else { "" },
            columns.join(", "),
            self.table
        )
    }
}

fn typed(value: &str, clear: &Clear) -> String {
    let collation = clear.collation.as_ref().map_or(String::new(), |collation| format!(" COLLATE {collation}"));
    format!("(({value})::{}{collation})", clear.full_type)
}

/// `<table>_clear`, cut in the table's part where it would be too long.
pub fn view_name(table: &Name) -> Name {
    const NONE: [&str; 0] = [];
    Name::new(&table.schema, &crate::isolation::unique(&table.relation, "clear", &NONE))
}

/// How a statement can name a column: as SQL quotes it, and, where that differs, with plain dots between.
pub fn names(table: &Name, column: &str, quoted: &str) -> Vec<String> {
    let plain = format!("{}.{}.{column}", table.schema, table.relation);
    if plain == quoted { vec![plain] } else { vec![quoted.to_owned(), plain] }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn clear() -> Clear {
        Clear {
            id: "00000000-0000-0000-0000-0000000000aa".to_owned(),
            kind: ColumnType::Varchar,
            full_type: "character varying(40)".to_owned(),
            collation: Some("\"C\"".to_owned()),
        }
    }

    fn below() -> Below {
        Below {
            table: Name::new("a", "t\"x"),
            tenant_column: "tenant_id".to_owned(),
            key_columns: vec!["tenant_id".to_owned(), "Id".to_owned()],
        }
    }

    #[test]
    fn the_view_shows_what_it_is_told() {
        let columns = [
            ViewColumn { name: "Id".to_owned(), shown: Shown::Plain },
            ViewColumn { name: "s".to_owned(), shown: Shown::Clear(clear()) },
            ViewColumn { name: "n".to_owned(), shown: Shown::Blank(clear()) },
        ];
        assert_eq!(
            below().view(&Name::new("a", "v"), &columns, false),
            "CREATE VIEW \"a\".\"v\" WITH (security_invoker = true) AS SELECT t.\"Id\", \
             ((warden.column_open(t.\"s\", '00000000-0000-0000-0000-0000000000aa'::pg_catalog.uuid, t.\"tenant_id\", \
             NULL::pg_catalog.\"varchar\", t.\"tenant_id\", t.\"Id\"))::character varying(40) COLLATE \"C\") AS \"s\", \
             ((NULL)::character varying(40) COLLATE \"C\") AS \"n\" FROM \"a\".\"t\"\"x\" t"
        );
    }

    #[test]
    fn only_a_view_that_stands_is_replaced() {
        let columns = [ViewColumn { name: "a".to_owned(), shown: Shown::Plain }];
        let made = |stands| below().view(&Name::new("a", "v"), &columns, stands);
        assert!(made(true).starts_with("CREATE OR REPLACE VIEW \"a\".\"v\" "));
        assert!(made(false).starts_with("CREATE VIEW \"a\".\"v\" "));
    }

    #[test]
    fn conversions_name_the_row() {
        assert!(below().sealing("s", &clear(), true).starts_with("warden.column_seal_eq(\"s\", "));
        assert!(below().sealing("s", &clear(), false).starts_with("warden.column_seal(\"s\", "));
        assert!(below().unsealing("s", &clear()).ends_with("::character varying(40) COLLATE \"C\")"));
        assert!(below().unchanged("s", &clear()).starts_with("warden.column_unchanged(t.\"s\", "));
    }

    #[test]
    fn a_long_name_is_cut_in_the_tables_part() {
        assert_eq!(view_name(&Name::new("a", "t")).relation, "t_clear");
        let long = view_name(&Name::new("a", &"ä".repeat(31))).relation;
        assert!(long.len() <= 63 && long.ends_with("_clear") && long.starts_with('ä'), "{long}");
    }

    #[test]
    fn columns_are_named_plainly_and_quoted() {
        assert_eq!(names(&Name::new("a", "t"), "c", "a.t.c"), ["a.t.c"]);
        assert_eq!(names(&Name::new("a", "T"), "c", "a.\"T\".c"), ["a.\"T\".c", "a.T.c"]);
    }

    #[test]
    fn types_have_one_name_each() {
        for (kind, name) in ColumnType::ALL {
            assert_eq!(ColumnType::parse(name), Some(kind));
            assert_eq!(kind.name(), name);
        }
        for name in ["bool", "float8", "timestamp", "bpchar", "citext", ""] {
            assert_eq!(ColumnType::parse(name), None, "{name}");
        }
    }

    #[test]
    fn options_are_read_strictly() {
        let parse = |value: Value| ColumnOptions::parse(&value, &Labels::default());
        assert_eq!(parse(json!({})).unwrap().decrypt, None);
        assert_eq!(parse(json!({"decrypt": "admin"})).unwrap().decrypt, Some(Tier::Admin));
        for bad in
            [json!([]), json!({"decrypt": 2}), json!({"decrypt": "king"}), json!({"Decrypt": "admin"}), json!(null)]
        {
            assert_eq!(parse(bad.clone()).unwrap_err().state, SqlState::InvalidParameterValue, "{bad}");
        }
    }
}
