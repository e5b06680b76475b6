//! A generated examination platform, the same every time.

use super::{Institution, Probes, Protection, Results, Sample, Secret, Secrets, TableWriter, rng::Rng};
use crate::Result;

/// Of the smallest institution; the others have up to four times as many students.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub institutions: u64,
    pub courses: u64,
    pub exams_per_course: u64,
    pub questions_per_exam: u64,
    pub students: u64,
    pub exams_per_student: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            institutions: 6,
            courses: 8,
            exams_per_course: 3,
            questions_per_exam: 8,
            students: 150,
            exams_per_student: 6,
        }
    }
}

const PLACES: [(&str, &str, &str); 8] = [
    ("northfield", "Northfield University", "GB"),
    ("aldwyn", "St Aldwyn's College", "IE"),
    ("lakeshore", "Lakeshore Institute of Technology", "CA"),
    ("monteverde", "Università di Monteverde", "IT"),
    ("hafen", "Hochschule am Hafen", "DE"),
    ("riverside", "Riverside Nursing School", "US"),
    ("meridian", "Meridian Business School", "FR"),
    ("cedar", "Cedar Hill Polytechnic", "NZ"),
];
const SUBJECTS: [&str; 8] =
    ["Statistics", "Databases", "Pharmacology", "Contract Law", "Mechanics", "Microeconomics", "Logic", "Anatomy"];
const SITTINGS: [&str; 4] = ["Midterm", "Final", "Resit", "Practical"];
const FIRST: [&str; 10] = ["Amira", "Bruno", "Chiara", "Dmitri", "Élodie", "Farah", "Grace", "Hiro", "Inés", "Jonas"];
const LAST: [&str; 10] =
    ["Adeyemi", "Brandt", "Costa", "Duarte", "Eriksen", "Fontaine", "Greene", "Haddad", "Ivanova", "O'Neill"];
const GRADES: [(&str, &str); 5] = [("A", "85"), ("B", "70"), ("C", "55"), ("D", "40"), ("F", "0")];

impl Sample {
    pub fn generated(size: Size) -> Result<Self> {
        let mut generator = Generator::new();
        for (letter, min_score) in GRADES {
            generator.grade_scale.row("", [letter, min_score])?;
        }
        let mut institutions = Vec::new();
        for number in 0..size.institutions {
            institutions.push(generator.institution(number, size)?);
        }
        Ok(Self {
            title: format!("a generated examination platform, {} institutions", institutions.len()),
            schema: include_str!("exam.sql"),
            tables: generator.tables()?,
            institutions,
            probes: Probes {
                forgotten_where: "SELECT count(*) FROM exam.submission",
                forgotten_table: "exam.submission",
                careless_write: "UPDATE exam.submission SET score = 0",
                instructor_write: "UPDATE exam.submission SET score = 100 WHERE id = (SELECT min(id) FROM exam.submission)",
                referenced: "SELECT min(id) FROM exam.course",
                reference: "INSERT INTO exam.exam (course_id, title, held_on) VALUES ($1, 'Resit', '2026-09-01')",
                append_only: Some("UPDATE exam.grade_log SET score = 100"),
                leaking_ddl: "ALTER TABLE exam.student ADD CHECK (email::int > 0)",
            },
            secrets: Secrets {
                searched: Secret { table: "exam.student", column: "email" },
                others: &[
                    Secret { table: "exam.student", column: "full_name" },
                    Secret { table: "exam.question", column: "solution" },
                ],
                key: &["id"],
                insert: "INSERT INTO exam.student_clear (user_id, full_name, email) \
                         VALUES ('student-new', 'Grace Haddad', $1) RETURNING email",
            },
            results: Results { table: "exam.submission", key: &["id"], score: "score" },
        })
    }
}

struct Generator {
    rng: Rng,
    next_id: u64,
    institution: TableWriter,
    grade_scale: TableWriter,
    student: TableWriter,
    course: TableWriter,
    exam: TableWriter,
    question: TableWriter,
    submission: TableWriter,
    grade_log: TableWriter,
}

impl Generator {
    fn new() -> Self {
        Self {
            rng: Rng::new(2026),
            next_id: 1,
            institution: TableWriter::new(),
            grade_scale: TableWriter::new(),
            student: TableWriter::new(),
            course: TableWriter::new(),
            exam: TableWriter::new(),
            question: TableWriter::new(),
            submission: TableWriter::new(),
            grade_log: TableWriter::new(),
        }
    }

    /// One sequence for all tables: neighbouring ids belong to the same institution, as in real life they do not have to.
    fn id(&mut self) -> String {
        let id = self.next_id;
        self.next_id += 1;
        id.to_string()
    }

    fn institution(&mut self, number: u64, size: Size) -> Result<Institution> {
        let places = PLACES.len() as u64;
        let (place, round) = (PLACES.get((number % places) as usize).copied().unwrap_or_default(), number / places);
        let (slug, name) = match round {
            0 => (place.0.to_owned(), place.1.to_owned()),
            _ => (format!("{}-{}", place.0, round + 1), format!("{} {}", place.1, round + 1)),
        };
        // Not 1, 2, 3: an id of the platform's own.
        let external_id = (41 + number).to_string();
        self.institution.row(&external_id, [external_id.as_str(), &name, place.2])?;
        let exams = self.courses(&external_id, size)?;
        let students = size.students * (1 + self.rng.below(4));
        let users = self.students(&external_id, &slug, students, &exams, size.exams_per_student)?;
        Ok(Institution { slug, name, external_id, students: users })
    }

    fn courses(&mut self, institution: &str, size: Size) -> Result<Vec<String>> {
        let mut exams = Vec::new();
        for number in 0..size.courses {
            let course = self.id();
            let subject = SUBJECTS.get((number % SUBJECTS.len() as u64) as usize).copied().unwrap_or_default();
            let code = format!("{}-{}", subject.chars().take(3).collect::<String>().to_uppercase(), 101 + number);
            self.course.row(institution, [course.as_str(), institution, &code, subject])?;
            for sitting in 0..size.exams_per_course {
                let exam = self.id();
                let title = SITTINGS.get((sitting % SITTINGS.len() as u64) as usize).copied().unwrap_or_default();
                let held_on = format!("2026-{:02}-{:02}", 1 + self.rng.below(6), 1 + self.rng.below(28));
                self.exam.row(
                    institution,
                    [exam.as_str(), institution, &course, &format!("{title}, {subject}"), &held_on],
                )?;
                for position in 1..=size.questions_per_exam {
                    let (id, position) = (self.id(), position.to_string());
                    let (body, solution) =
                        (format!("{subject}, question {position}"), format!("option {}", 1 + self.rng.below(4)));
                    let points = (5 + self.rng.below(16)).to_string();
                    self.question
                        .row(institution, [id.as_str(), institution, &exam, &position, &body, &solution, &points])?;
                }
                exams.push(exam);
            }
        }
        Ok(exams)
    }

    fn students(
        &mut self,
        institution: &str,
        slug: &str,
        count: u64,
        exams: &[String],
        sat: u64,
    ) -> Result<Vec<String>> {
        let mut users = Vec::new();
        for _ in 0..count {
            let student = self.id();
            let user = format!("student-{student}");
            let name = format!("{} {}", self.rng.pick(&FIRST), self.rng.pick(&LAST));
            let email = format!("{user}@{slug}.test");
            self.student.row(institution, [student.as_str(), institution, &user, &name, &email])?;
            let first = self.rng.below(exams.len() as u64) as usize;
            // In a row from a random one on: no exam twice.
            for exam in exams.iter().cycle().skip(first).take((sat as usize).min(exams.len())) {
                let (submission, score) = (self.id(), (20 + self.rng.below(80)).to_string());
                let at = format!(
                    "2026-06-{:02} {:02}:{:02}+00",
                    1 + self.rng.below(28),
                    8 + self.rng.below(10),
                    self.rng.below(60)
                );
                self.submission
                    .row(institution, [submission.as_str(), institution, exam, &student, &user, &score, &at])?;
                let grade = self.id();
                let grader = format!("instructor@{slug}");
                self.grade_log.row(institution, [grade.as_str(), institution, &submission, &score, &grader, &at])?;
            }
            users.push(user);
        }
        Ok(users)
    }

    fn tables(self) -> Result<Vec<super::Table>> {
        let by = |template, options| Protection { template, tenant_column: Some("institution_id"), options };
        let staff_writes = r#"{"insert": "instructor", "update": "instructor", "delete": "instructor"}"#;
        let own_register = Protection {
            template: "tenant",
            tenant_column: Some("id"),
            options: r#"{"insert": "institution_admin", "update": "institution_admin", "delete": "institution_admin"}"#,
        };
        let for_everyone = Protection { template: "reference", tenant_column: None, options: "{}" };
        let graded = r#"{"user_column": "user_id", "update": "instructor", "delete": "instructor"}"#;
        let enrolled =
            r#"{"user_column": "user_id", "insert": "instructor", "update": "instructor", "delete": "instructor"}"#;
        let marked = r#"{"read": "instructor", "insert": "instructor"}"#;
        Ok(vec![
            self.institution.finish("exam.institution", "id, name, country", own_register)?,
            self.grade_scale.finish("exam.grade_scale", "letter, min_score", for_everyone)?,
            self.student.finish(
                "exam.student",
                "id, institution_id, user_id, full_name, email",
                by("owned", enrolled),
            )?,
            self.course.finish("exam.course", "id, institution_id, code, title", by("tenant", staff_writes))?,
            self.exam.finish(
                "exam.exam",
                "id, institution_id, course_id, title, held_on",
                by("tenant", staff_writes),
            )?,
            self.question.finish(
                "exam.question",
                "id, institution_id, exam_id, position, body, solution, points",
                by("tenant_admin", "{}"),
            )?,
            self.submission.finish(
                "exam.submission",
                "id, institution_id, exam_id, student_id, user_id, score, submitted_at",
                by("owned", graded),
            )?,
            self.grade_log.finish(
                "exam.grade_log",
                "id, institution_id, submission_id, score, graded_by, graded_at",
                by("append_only", marked),
            )?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Rows, Sample, Size};

    #[test]
    fn the_same_every_time_and_every_row_has_an_institution() -> crate::Result<()> {
        let (one, two) = (Sample::generated(Size::default())?, Sample::generated(Size::default())?);
        for (a, b) in one.tables.iter().zip(&two.tables) {
            assert_eq!(a.csv, b.csv, "{}", a.name);
            assert_eq!(a.rows.total(), bytecount(&a.csv), "{}", a.name);
            if let Rows::ByInstitution(counts) = &a.rows {
                assert_eq!(counts.len(), one.institutions.len(), "{}", a.name);
            }
        }
        Ok(())
    }

    #[test]
    fn secrets_are_told_from_the_source() -> crate::Result<()> {
        let sample = Sample::generated(Size::default())?;
        let first = &sample.institutions[0];
        for secret in sample.secrets.all() {
            let table = sample.table(secret.table).ok_or_else(|| crate::Error::unexpected(secret.table))?;
            let values = table.values(first, &[secret.column])?;
            assert_eq!(values.len() as i64, table.rows.visible_to(first), "{}", secret.context());
            assert!(values.iter().all(|row| row[0].is_some()), "{}", secret.context());
            assert!(table.values(first, &["no_column"]).is_err());
        }
        Ok(())
    }

    fn bytecount(csv: &[u8]) -> i64 {
        csv.iter().filter(|byte| **byte == b'\n').count() as i64
    }
}
