//! The Open University Learning Analytics Dataset (CC BY 4.0), from a folder with its CSV files: courses, assessments,
//! studentInfo, studentRegistration, studentAssessment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::Path,
};

use csv::StringRecord;

use super::{Institution, Probes, Protection, Results, Sample, Secret, Secrets, Table, TableWriter};
use crate::{Error, Result};

const STAFF_WRITES: &str = r#"{"insert": "instructor", "update": "instructor", "delete": "instructor"}"#;
const OWN_ROWS: &str =
    r#"{"user_column": "id_student", "insert": "instructor", "update": "instructor", "delete": "instructor"}"#;

/// A file whose rows name their module themselves.
struct Source {
    file: &'static str,
    table: &'static str,
    columns: &'static str,
    template: &'static str,
    options: &'static str,
}

const SOURCES: [Source; 4] = [
    Source {
        file: "courses.csv",
        table: "exam.courses",
        columns: "code_module, code_presentation, module_presentation_length",
        template: "tenant",
        options: STAFF_WRITES,
    },
    Source {
        file: "assessments.csv",
        table: "exam.assessments",
        columns: "code_module, code_presentation, id_assessment, assessment_type, date, weight",
        template: "tenant",
        options: STAFF_WRITES,
    },
    Source {
        file: "studentInfo.csv",
        table: "exam.student_info",
        columns: "code_module, code_presentation, id_student, gender, region, highest_education, imd_band, age_band, \
                  num_of_prev_attempts, studied_credits, disability, final_result",
        template: "owned",
        options: OWN_ROWS,
    },
    Source {
        file: "studentRegistration.csv",
        table: "exam.student_registration",
        columns: "code_module, code_presentation, id_student, date_registration, date_unregistration",
        template: "owned",
        options: OWN_ROWS,
    },
];

impl Sample {
    pub fn oulad(folder: &Path) -> Result<Self> {
        let mut tables = Vec::new();
        for source in &SOURCES {
            tables.push(copied(folder, source)?);
        }
        let (results, institutions) = student_assessment(folder)?;
        tables.push(results);
        Ok(Self {
            title: format!("the OULAD files in {}, {} modules", folder.display(), institutions.len()),
            schema: include_str!("oulad.sql"),
            tables,
            institutions,
            probes: Probes {
                forgotten_where: "SELECT count(*) FROM exam.student_assessment",
                forgotten_table: "exam.student_assessment",
                careless_write: "UPDATE exam.student_assessment SET score = 0",
                instructor_write: "UPDATE exam.student_assessment SET score = 100 \
                                   WHERE id_student = (SELECT min(id_student) FROM exam.student_assessment)",
                referenced: "SELECT min(id_assessment) FROM exam.assessments",
                reference: "INSERT INTO exam.student_assessment (id_assessment, id_student, is_banked) VALUES ($1, 1, 0)",
                append_only: None,
                leaking_ddl: "ALTER TABLE exam.student_info ADD CHECK (region::int > 0)",
            },
            secrets: Secrets {
                searched: Secret { table: "exam.student_info", column: "region" },
                others: &[
                    Secret { table: "exam.student_info", column: "imd_band" },
                    Secret { table: "exam.student_info", column: "disability" },
                ],
                key: &["code_module", "code_presentation", "id_student"],
                insert: "INSERT INTO exam.student_info_clear (code_presentation, id_student, region) \
                         VALUES ('2013J', 999999999, $1) RETURNING region",
            },
            results: Results {
                table: "exam.student_assessment",
                key: &["id_assessment", "id_student"],
                score: "score",
            },
        })
    }
}

fn copied(folder: &Path, source: &Source) -> Result<Table> {
    let file = Csv::open(folder, source.file)?;
    let positions: Vec<usize> =
        source.columns.split(", ").map(|column| file.position(column)).collect::<Result<_>>()?;
    let module = file.position("code_module")?;
    let mut table = TableWriter::new();
    for record in file.reader.into_records() {
        let record = record?;
        table.row(field(&record, module), positions.iter().map(|position| field(&record, *position)))?;
    }
    table.finish(source.table, source.columns, by_module(source.template, source.options))
}

/// The module of a result is that of its assessment.
fn student_assessment(folder: &Path) -> Result<(Table, Vec<Institution>)> {
    let assessments = Csv::open(folder, "assessments.csv")?;
    let (id, module) = (assessments.position("id_assessment")?, assessments.position("code_module")?);
    let mut modules = BTreeMap::new();
    for record in assessments.reader.into_records() {
        let record = record?;
        modules.insert(field(&record, id).to_owned(), field(&record, module).to_owned());
    }
    let results = Csv::open(folder, "studentAssessment.csv")?;
    let names = ["id_assessment", "id_student", "date_submitted", "is_banked", "score"];
    let positions: Vec<usize> = names.iter().map(|name| results.position(name)).collect::<Result<_>>()?;
    let (id, student) = (results.position("id_assessment")?, results.position("id_student")?);
    let mut table = TableWriter::new();
    let mut students: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for record in results.reader.into_records() {
        let record = record?;
        let module = modules.get(field(&record, id)).ok_or_else(|| {
            Error::unexpected(format!(
                "studentAssessment.csv: assessment {} is not in assessments.csv",
                field(&record, id)
            ))
        })?;
        students.entry(module).or_default().insert(field(&record, student).to_owned());
        table.row(
            module,
            std::iter::once(module.as_str()).chain(positions.iter().map(|position| field(&record, *position))),
        )?;
    }
    let institutions = students.into_iter().map(|(module, students)| Institution {
        slug: module.to_lowercase(),
        name: format!("Module {module}"),
        external_id: module.to_owned(),
        students: students.into_iter().collect(),
    });
    let institutions = institutions.collect();
    let table = table.finish(
        "exam.student_assessment",
        "code_module, id_assessment, id_student, date_submitted, is_banked, score",
        by_module("owned", OWN_ROWS),
    )?;
    Ok((table, institutions))
}

fn by_module(template: &'static str, options: &'static str) -> Protection {
    Protection { template, tenant_column: Some("code_module"), options }
}

struct Csv {
    name: String,
    headers: StringRecord,
    reader: csv::Reader<File>,
}

impl Csv {
    fn open(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        let file = File::open(&path).map_err(Error::file(&path))?;
        let mut reader = csv::Reader::from_reader(file);
        let headers = reader.headers()?.clone();
        Ok(Self { name: name.to_owned(), headers, reader })
    }

    fn position(&self, column: &str) -> Result<usize> {
        let found = self.headers.iter().position(|header| header == column);
        found.ok_or_else(|| Error::unexpected(format!("{}: there is no column {column}", self.name)))
    }
}

fn field(record: &StringRecord, position: usize) -> &str {
    record.get(position).unwrap_or_default()
}
