//! Examination platforms to protect: generated, or real. Both are tables that an application had before there was a tenant.

mod exam;
mod oulad;
mod results;
mod rng;
mod secrets;

use std::{collections::BTreeMap, io::Write};

pub use exam::Size;
use postgres::Client;
pub use results::Results;
pub use secrets::{Secret, Secrets};
use uuid::Uuid;

use crate::{Error, Result};

/// A platform as it stands before it is protected.
pub struct Sample {
    pub title: String,
    /// Run by the role that is to own the tables; makes the schema `exam`.
    pub schema: &'static str,
    /// In the order that foreign keys ask for.
    pub tables: Vec<Table>,
    pub institutions: Vec<Institution>,
    pub probes: Probes,
    pub secrets: Secrets,
    pub results: Results,
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

/// Members of each institution with the upper three roles, as `<title>@<slug>`.
pub const STAFF: [&str; 3] = ["director", "instructor", "proctor"];

/// The first students of each become members; the rest have yet to be invited.
const INVITED: usize = 20;

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

    /// A tenant for each institution, in order, with its staff and first students; how many members. The roles must bear
    /// their labels by then.
    pub fn enrol(&self, officer: &mut Client) -> Result<(Vec<Uuid>, usize)> {
        let mut tenants = Vec::new();
        let mut members = 0;
        let mut tx = officer.transaction()?;
        for institution in &self.institutions {
            let create = "SELECT warden.create_tenant($1, $2, external_id => $3)";
            let tenant: Uuid =
                tx.query_one(create, &[&institution.slug, &institution.name, &institution.external_id])?.get(0);
            let staff =
                STAFF.iter().zip(ROLE_LABELS).map(|(title, role)| (format!("{title}@{}", institution.slug), role));
            let students = institution.students.iter().take(INVITED).map(|student| (student.clone(), "student"));
            for (user, role) in staff.chain(students) {
                tx.execute("SELECT warden.add_member($1, $2, $3)", &[&tenant, &user, &role])?;
                members += 1;
            }
            tenants.push(tenant);
        }
        tx.commit()?;
        Ok((tenants, members))
    }
}

/// The platform's own words for the tiers.
pub fn rename_roles(officer: &mut Client) -> Result<()> {
    for (tier, label) in (1i32..).zip(ROLE_LABELS) {
        officer.execute("SELECT warden.rename_role($1, $2)", &[&tier, &label])?;
    }
    Ok(())
}

impl Institution {
    /// A member with that title of `STAFF`, or the first of its students.
    pub fn user(&self, title: &str) -> Result<String> {
        if title != "student" {
            return Ok(format!("{title}@{}", self.slug));
        }
        self.students.first().cloned().ok_or_else(|| Error::unexpected(format!("{} has no student", self.slug)))
    }
}

impl Table {
    /// What the source has of an institution in these columns, row by row; `None` where the field is empty.
    pub fn values(&self, institution: &Institution, columns: &[&str]) -> Result<Vec<Vec<Option<String>>>> {
        let position = |column: &str| {
            let found = self.columns.split(", ").position(|own| own == column);
            found.ok_or_else(|| Error::unexpected(format!("{}: there is no column {column}", self.name)))
        };
        let tenant = self.protection.tenant_column.map(position).transpose()?;
        let positions: Vec<usize> = columns.iter().copied().map(position).collect::<Result<_>>()?;
        let mut rows = Vec::new();
        for record in csv::ReaderBuilder::new().has_headers(false).from_reader(self.csv.as_slice()).into_records() {
            let record = record?;
            if tenant.is_none_or(|tenant| record.get(tenant) == Some(&institution.external_id)) {
                let field = |position: &usize| record.get(*position).filter(|text| !text.is_empty()).map(str::to_owned);
                rows.push(positions.iter().map(field).collect());
            }
        }
        Ok(rows)
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
        let csv = self.csv.into_inner().map_err(|error| Error::unexpected(error.to_string()))?;
        Ok(Table { name, columns, protection, rows, csv })
    }
}
