//! Examination platforms to protect: generated, or real. Both are tables that an application had before there was a tenant.

mod exam;
mod oulad;
mod rng;

use std::{collections::BTreeMap, io::Write};

pub use exam::Size;
use postgres::Client;

use crate::Result;

/// A platform as it stands before it is protected.
pub struct Sample {
    pub title: String,
    /// Run by the role that is to own the tables; makes the schema `exam`.
    pub schema: &'static str,
    /// In the order that foreign keys ask for.
    pub tables: Vec<Table>,
    pub institutions: Vec<Institution>,
    pub probes: Probes,
}

pub struct Institution {
    pub slug: String,
    pub name: String,
    /// What the tenant column of the tables holds.
    pub external_id: String,
    /// The user ids of its students; each has rows of its own in `Probes::forgotten_table`.
    pub students: Vec<String>,
}

pub struct Table {
    pub name: &'static str,
    pub columns: &'static str,
    pub protection: Protection,
    pub rows: Rows,
    csv: Vec<u8>,
}

pub struct Protection {
    pub template: &'static str,
    /// None where the template has no tenant column.
    pub tenant_column: Option<&'static str>,
    /// JSON; roles by the platform's own words.
    pub options: &'static str,
}

/// The truth, counted from the source and not from the database.
pub enum Rows {
    ByInstitution(BTreeMap<String, i64>),
    Everyone(i64),
}

/// Statements that mean something in this schema; what becomes of them depends on who says them.
pub struct Probes {
    /// A query whose author forgot the WHERE, and the table that it counts.
    pub forgotten_where: &'static str,
    pub forgotten_table: &'static str,
    /// The same mistake in a write.
    pub careless_write: &'static str,
    /// A write that takes an instructor; one parameter-free statement.
    pub instructor_write: &'static str,
    /// A row to refer to, and a statement that refers to row `$1`.
    pub referenced: &'static str,
    pub reference: &'static str,
    /// A write that nobody has, where the schema has such a table.
    pub append_only: Option<&'static str>,
    /// What the owner of the tables may try on the way to their content.
    pub leaking_ddl: &'static str,
}

/// The tiers in the platform's own words, highest first.
pub const ROLE_LABELS: [&str; 4] = ["institution_admin", "instructor", "proctor", "student"];

/// No row has this id.
pub const NO_ROW: i64 = 999_999_999;

impl Sample {
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Makes the tables and fills them, as their owner.
    pub fn load(&self, owner: &mut Client) -> Result<u64> {
        let mut tx = owner.transaction()?;
        tx.batch_execute(self.schema)?;
        let mut loaded = 0;
        for table in &self.tables {
            let mut copy = tx.copy_in(&format!("COPY {} ({}) FROM STDIN (FORMAT csv)", table.name, table.columns))?;
            copy.write_all(&table.csv)?;
            loaded += copy.finish()?;
        }
        tx.commit()?;
        owner.batch_execute("ANALYZE")?;
        Ok(loaded)
    }
}

impl Protection {
    /// The call as a person would write it.
    pub fn call(&self, table: &str) -> String {
        let mut arguments = format!("'{table}', '{}'", self.template);
        if let Some(column) = self.tenant_column {
            arguments.push_str(&format!(", '{column}'"));
        }
        if self.options != "{}" {
            arguments.push_str(&format!(", options => '{}'", self.options));
        }
        format!("SELECT warden.protect({arguments})")
    }
}

impl Rows {
    pub fn visible_to(&self, institution: &Institution) -> i64 {
        match self {
            Self::ByInstitution(counts) => counts.get(&institution.external_id).copied().unwrap_or(0),
            Self::Everyone(count) => *count,
        }
    }

    pub fn total(&self) -> i64 {
        match self {
            Self::ByInstitution(counts) => counts.values().sum(),
            Self::Everyone(count) => *count,
        }
    }
}

/// One table's rows on their way into CSV, counted per institution as they pass.
struct TableWriter {
    csv: csv::Writer<Vec<u8>>,
    counts: BTreeMap<String, i64>,
    total: i64,
}

impl TableWriter {
    fn new() -> Self {
        Self {
            csv: csv::WriterBuilder::new().flexible(true).from_writer(Vec::new()),
            counts: BTreeMap::new(),
            total: 0,
        }
    }

    fn row<'a>(&mut self, institution: &str, fields: impl IntoIterator<Item = &'a str>) -> Result<()> {
        self.csv.write_record(fields)?;
        match self.counts.get_mut(institution) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(institution.to_owned(), 1)),
        }
        self.total += 1;
        Ok(())
    }

    fn finish(self, name: &'static str, columns: &'static str, protection: Protection) -> Result<Table> {
        let rows = match protection.tenant_column {
            Some(_) => Rows::ByInstitution(self.counts),
            None => Rows::Everyone(self.total),
        };
        let csv = self.csv.into_inner().map_err(|error| crate::Error::unexpected(error.to_string()))?;
        Ok(Table { name, columns, protection, rows, csv })
    }
}
