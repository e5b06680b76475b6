//! What the adapter has read of a table, and what the decisions need of it.

use super::name::Name;
use crate::error::{Result, SqlState, WardenError};

/// The types that a tenant column can have, exactly: a domain over one is another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantType {
    Uuid,
    Bigint,
    Integer,
    Text,
}

impl TenantType {
    pub const ALL: [TenantType; 4] = [TenantType::Uuid, TenantType::Bigint, TenantType::Integer, TenantType::Text];

    /// As `format_type` prints it.
    pub fn name(self) -> &'static str {
        match self {
            TenantType::Uuid => "uuid",
            TenantType::Bigint => "bigint",
            TenantType::Integer => "integer",
            TenantType::Text => "text",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What fills the column by itself, as `pg_get_expr` prints it.
    pub fn default_expression(self) -> &'static str {
        match self {
            TenantType::Uuid => "warden.tenant_id()",
            TenantType::Bigint => "warden.tenant_bigint()",
            TenantType::Integer => "warden.tenant_integer()",
            TenantType::Text => "warden.external_id()",
        }
    }
}

/// The types that a user column can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserType {
    Text,
    Varchar,
    Uuid,
    Bigint,
    Integer,
}

/// A column's type, as far as it matters: its name as `format_type` prints it, and whether equal means identical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    pub name: String,
    /// Not so under a non-deterministic collation: two spellings of one tenant would be two tenants to others.
    pub is_deterministic: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    pub is_not_null: bool,
    /// Its default, generation expression or `identity`.
    pub default: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    /// Key columns in order; `None`: an expression.
    pub columns: Vec<Option<String>>,
    pub is_valid: bool,
    pub is_unique: bool,
    pub is_immediate: bool,
    pub is_partial: bool,
    pub is_btree: bool,
    pub is_primary: bool,
}

impl Index {
    /// Whether a scan for one tenant can start at this index.
    pub fn leads_with(&self, column: &str) -> bool {
        self.is_valid
            && self.is_btree
            && !self.is_partial
            && self.columns.first().is_some_and(|first| first.as_deref() == Some(column))
    }

    /// Whether a foreign key can refer to exactly these columns by it.
    pub fn identifies(&self, columns: &[String]) -> bool {
        self.is_valid
            && self.is_unique
            && self.is_immediate
            && !self.is_partial
            && self.columns.len() == columns.len()
            && columns.iter().all(|column| self.columns.iter().any(|key| key.as_ref() == Some(column)))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Plain,
    Partitioned,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: Name,
    pub kind: Kind,
    pub is_partition: bool,
    pub columns: Vec<Column>,
    pub indexes: Vec<Index>,
    pub has_row_security: bool,
    pub has_forced_row_security: bool,
    /// Names that the schema's relations have already, of those that could be ours.
    pub taken: Vec<String>,
    /// Columns that a valid CHECK proves to hold no NULL: NOT NULL needs no scan then.
    pub proven_not_null: Vec<String>,
    pub policies: Vec<String>,
    pub triggers: Vec<String>,
}

impl Table {
    /// # Errors
    /// 42703 for a column that is not there.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            WardenError::new(SqlState::UndefinedColumn, "column does not exist")
                .detail(format!("Table {} has no column \"{}\".", self.name, super::options::shown(name)))
                .hint("Name the column that tells whose a row is.")
        })
    }

    pub(super) fn primary_key(&self) -> Vec<&str> {
        self.indexes
            .iter()
            .find(|index| index.is_primary)
            .map(|index| index.columns.iter().flatten().map(String::as_str).collect())
            .unwrap_or_default()
    }
}

impl Column {
    /// # Errors
    /// 42804 for a type that tells no tenant exactly.
    pub fn tenant_type(&self) -> Result<TenantType> {
        let kind = TenantType::parse(&self.kind.name).ok_or_else(|| {
            self.wrong_type(
                "a tenant column must be uuid, bigint, integer or text",
                "Change the column's type, or name another column.",
            )
        })?;
        self.require_deterministic()?;
        Ok(kind)
    }

    /// # Errors
    /// 42804 for a type that holds no user's id exactly.
    pub fn user_type(&self) -> Result<UserType> {
        let kind = match self.kind.name.as_str() {
            "text" => UserType::Text,
            "character varying" => UserType::Varchar,
            "uuid" => UserType::Uuid,
            "bigint" => UserType::Bigint,
            "integer" => UserType::Integer,
            _ => {
                return Err(self.wrong_type(
                    "a user column must be text, varchar, uuid, bigint or integer",
                    "Change the column's type, or name another column.",
                ));
            }
        };
        self.require_deterministic()?;
        Ok(kind)
    }

    fn require_deterministic(&self) -> Result<()> {
        if self.kind.is_deterministic {
            return Ok(());
        }
        Err(WardenError::new(SqlState::DatatypeMismatch, "the column's collation is not deterministic")
            .detail(format!("Under the collation of column \"{}\", texts that differ can be equal.", self.name))
            .hint("Give the column a deterministic collation, such as \"C\"."))
    }

    fn wrong_type(&self, message: &'static str, hint: &'static str) -> WardenError {
        WardenError::new(SqlState::DatatypeMismatch, message)
            .detail(format!("Column \"{}\" has the type {}.", self.name, self.kind.name))
            .hint(hint)
    }
}

/// How a table stands in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    pub template: super::Template,
    pub tenant: Option<(String, TenantType)>,
}
