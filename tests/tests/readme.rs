//! The SQL of README.md and of the pages in docs/ does what the text beside it says.
//!
//! Every block whose info string is exactly `sql` runs, block after block, as psql would run it. `sql fragment` marks what is
//! to be read and not run. After a statement stand, as comments, what it gives:
//!
//! ```text
//! -- => 41 | North College        one line for each row, columns joined by " | ", NULL as psql prints it
//! -- => (no rows)
//! -- ERROR 42501                  it must fail so; `-- ERROR 42501: message` holds the message too
//! -- NOTICE: message              among the notices that came with it
//! ```
//!
//! Of psql's commands there are `\connect - role`, `\gset` in place of a semicolon, the lines below `COPY … FROM STDIN`, and the
//! variables of [`variables`].
//! README.md begins on an empty server as its superuser; each page of docs/ goes on from where the README has ended.

use std::{fmt::Write, fs, io::Write as _, path::Path};

use postgres::{Client, SimpleQueryMessage};
use serde_json::json;
use warden_lab::{Cluster, Error, Notices, Refusal, Result, TestIssuer, refused};

const ISSUER: &str = "https://id.example";

#[test]
fn the_readme_runs() -> Result<()> {
    let readme = Page::read("README.md")?;
    assert!(readme.steps.len() > 20, "only {} statements found", readme.steps.len());
    assert!(readme.steps.iter().any(|step| step.error.is_some()), "no refusal found");
    World::start()?.run(&readme)
}

#[test]
fn the_pages_of_docs_run() -> Result<()> {
    let readme = Page::read("README.md")?;
    let mut wrong = String::new();
    for name in pages("docs")? {
        let page = Page::read(&format!("docs/{name}"))?;
        if page.steps.is_empty() {
            continue;
        }
        let mut world = World::start()?;
        world.run(&readme)?;
        if let Err(error) = world.run(&page) {
            let _ = writeln!(wrong, "{error}");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::unexpected(wrong)) }
}

/// What `:'name'` stands for: the identity provider of the tour and tokens of it.
fn variables() -> Vec<(String, String)> {
    let mut issuer = TestIssuer::new(ISSUER, [9; 32]);
    "exams".clone_into(&mut issuer.audience);
    let mut renewed = TestIssuer::new(ISSUER, [10; 32]);
    "lab-2".clone_into(&mut renewed.kid);
    let both = [issuer.jwks(), renewed.jwks()].map(|set| set["keys"][0].clone());
    let token = |tenant: &str, user: &str| issuer.token(tenant, user).claim("sid", format!("{user}-phone")).sign();
    [
        ("jwks", issuer.jwks().to_string()),
        ("jwks_old_and_new", json!({ "keys": both }).to_string()),
        ("jwks_new", renewed.jwks().to_string()),
        ("token_of_ada", token("north", "ada")),
        ("token_of_mia", token("north", "mia")),
        ("token_of_vic", token("north", "vic")),
        ("token_of_max", token("south", "max")),
        ("token_without_tenant", issuer.token("north", "mia").without("tenant_id").sign()),
        ("token_that_expired", issuer.token("north", "mia").issued_ago(std::time::Duration::from_secs(3600)).sign()),
    ]
    .map(|(name, value)| variable(name, &value))
    .into()
}

/// As it is written in a statement, and what is put there.
fn variable(name: &str, value: &str) -> (String, String) {
    (format!(":'{name}'"), format!("'{}'", value.replace('\'', "''")))
}

struct World {
    cluster: Cluster,
    client: Client,
    notices: Notices,
    variables: Vec<(String, String)>,
}

impl World {
    fn start() -> Result<Self> {
        let cluster = Cluster::builder().start()?;
        let (client, notices) = cluster.connect_with_notices("postgres", "postgres")?;
        Ok(Self { cluster, client, notices, variables: variables() })
    }

    fn run(&mut self, page: &Page) -> Result<()> {
        (self.client, self.notices) = self.cluster.connect_with_notices("postgres", "postgres")?;
        for step in &page.steps {
            self.take(step).map_err(|error| {
                let line = step.sql.lines().next().unwrap_or_default();
                Error::unexpected(format!("{}:{}: {line}: {error}", page.name, step.line))
            })?;
        }
        Ok(())
    }

    fn take(&mut self, step: &Step) -> Result<()> {
        if let Some(role) = step.sql.strip_prefix("\\connect - ") {
            (self.client, self.notices) = self.cluster.connect_with_notices(role.trim(), "postgres")?;
            return Ok(());
        }
        let sql =
            self.variables.iter().fold(step.sql.clone(), |sql, (variable, literal)| sql.replace(variable, literal));
        self.notices.take();
        let result = match &step.copied {
            // After a refused COPY the client is out of step when it has sent it by the extended protocol.
            Some(lines) if step.error.is_none() => copy_in(&mut self.client, &sql, lines),
            _ if step.keeps => keep(&mut self.client, &sql, &mut self.variables),
            _ => rows(&mut self.client, &sql),
        };
        match &step.error {
            Some(expected) => step.check_error(refused(result, &[expected.code.as_str()])?)?,
            None => step.check_rows(&result?)?,
        }
        let said: Vec<String> = self.notices.take().iter().map(|notice| notice.message().to_owned()).collect();
        match step.notices.iter().find(|notice| !said.contains(notice)) {
            Some(missing) => Err(Error::unexpected(format!("no notice \"{missing}\", but {said:?}"))),
            None => Ok(()),
        }
    }
}

fn rows(client: &mut Client, sql: &str) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for message in client.simple_query(sql)? {
        if let SimpleQueryMessage::Row(row) = message {
            let values: Vec<&str> = (0..row.len()).map(|column| row.get(column).unwrap_or_default()).collect();
            rows.push(values.join(" | ").trim_end().to_owned());
        }
    }
    Ok(rows)
}

/// Makes variables of the columns of the one row that a query gives.
fn keep(client: &mut Client, sql: &str, variables: &mut Vec<(String, String)>) -> Result<Vec<String>> {
    for message in client.simple_query(sql)? {
        if let SimpleQueryMessage::Row(row) = message {
            for (number, column) in row.columns().iter().enumerate() {
                variables.push(variable(column.name(), row.get(number).unwrap_or_default()));
            }
        }
    }
    Ok(Vec::new())
}

fn copy_in(client: &mut Client, sql: &str, lines: &str) -> Result<Vec<String>> {
    let mut writer = client.copy_in(sql.trim_end_matches(';'))?;
    writer.write_all(lines.as_bytes())?;
    writer.finish()?;
    Ok(Vec::new())
}

struct Page {
    name: String,
    steps: Vec<Step>,
}

/// A statement with what is said about it.
struct Step {
    line: usize,
    sql: String,
    /// It ends with `\gset`.
    keeps: bool,
    copied: Option<String>,
    rows: Option<Vec<String>>,
    error: Option<Expected>,
    notices: Vec<String>,
}

struct Expected {
    code: String,
    message: Option<String>,
}

impl Page {
    fn read(name: &str) -> Result<Self> {
        let path = root().join(name);
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let mut steps = Vec::new();
        let mut block: Option<Block> = None;
        let mut running = false;
        for (number, line) in text.lines().enumerate() {
            match (line.strip_prefix("```"), &mut block) {
                (Some(info), None) => {
                    running = info == "sql";
                    block = Some(Block::default());
                }
                (Some(_), Some(_)) => {
                    let ended = block.take().unwrap_or_default();
                    if running {
                        ended.require_whole(name, number)?;
                        steps.extend(ended.steps);
                    }
                }
                (None, Some(block)) if running => block.line(number + 1, line),
                _ => {}
            }
        }
        Ok(Self { name: name.to_owned(), steps })
    }
}

/// A block while it is read.
#[derive(Default)]
struct Block {
    steps: Vec<Step>,
    /// A statement that has not ended yet.
    text: String,
    begun: usize,
    /// Lines for the last statement, a COPY, up to `\.`.
    copying: bool,
}

impl Block {
    fn line(&mut self, number: usize, line: &str) {
        if self.copying {
            self.copying = line != "\\.";
            if let (true, Some(copied)) = (self.copying, self.steps.last_mut().and_then(|step| step.copied.as_mut())) {
                copied.push_str(line);
                copied.push('\n');
            }
            return;
        }
        if self.text.trim().is_empty() {
            self.text.clear();
            self.begun = number;
            let line = line.trim();
            if line.starts_with("\\connect ") {
                self.steps.push(Step::new(number, line));
                return;
            }
            if line.starts_with("--") {
                self.remark(line);
                return;
            }
        }
        self.text.push_str(line);
        self.text.push('\n');
        while let Some(end) = statement_end(&self.text) {
            let rest = self.text.split_off(end);
            let step = Step::new(self.begun, self.text.trim());
            self.copying = step.copied.is_some();
            self.steps.push(step);
            self.text = rest;
            if self.text.trim_start().starts_with("--") {
                let remark = std::mem::take(&mut self.text);
                self.remark(remark.trim());
            }
        }
    }

    /// Of the statement before it, if it is one that says something.
    fn remark(&mut self, remark: &str) {
        let remark = remark.trim_start_matches('-').trim();
        let Some(step) = self.steps.last_mut() else { return };
        if let Some(row) = remark.strip_prefix("=>") {
            let rows = step.rows.get_or_insert_default();
            if row.trim() != "(no rows)" {
                rows.push(row.trim().to_owned());
            }
        } else if let Some(error) = remark.strip_prefix("ERROR ") {
            let (code, message) = match error.split_once(':') {
                Some((code, message)) => (code, Some(message.trim().to_owned())),
                None => (error, None),
            };
            step.error = Some(Expected { code: code.trim().to_owned(), message });
        } else if let Some(notice) = remark.strip_prefix("NOTICE:") {
            step.notices.push(notice.trim().to_owned());
        }
    }

    fn require_whole(&self, page: &str, line: usize) -> Result<()> {
        if self.text.trim().is_empty() && !self.copying {
            return Ok(());
        }
        Err(Error::unexpected(format!("{page}:{line}: the block ends within a statement")))
    }
}

impl Step {
    fn new(line: usize, sql: &str) -> Self {
        let copies = sql.to_uppercase().starts_with("COPY ") && sql.to_uppercase().contains("FROM STDIN");
        Self {
            line,
            sql: sql.trim_end_matches("\\gset").to_owned(),
            keeps: sql.ends_with("\\gset"),
            copied: copies.then(String::new),
            rows: None,
            error: None,
            notices: Vec::new(),
        }
    }

    fn check_rows(&self, seen: &[String]) -> Result<()> {
        match &self.rows {
            Some(expected) if expected != seen => {
                Err(Error::unexpected(format!("expected {expected:?}, saw {seen:?}")))
            }
            _ => Ok(()),
        }
    }

    fn check_error(&self, seen: Refusal) -> Result<()> {
        match self.error.as_ref().and_then(|expected| expected.message.as_ref()) {
            Some(message) if *message != seen.message => {
                Err(Error::unexpected(format!("expected \"{message}\", saw \"{}\"", seen.message)))
            }
            _ => Ok(()),
        }
    }
}

/// Where the first statement of a text ends, behind its semicolon; quotes, dollar quotes and comments are passed over.
fn statement_end(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let passed = match rest.chars().next()? {
            ';' => return Some(at + 1),
            quote @ ('\'' | '"') => closing(rest, 1, &quote.to_string())?,
            '-' if rest.starts_with("--") => rest.find('\n')? + 1,
            '\\' if rest.starts_with("\\gset") => return Some(at + "\\gset".len()),
            '$' => match rest[1..].find('$').map(|end| &rest[..end + 2]) {
                Some(tag) if tag[1..tag.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_') => {
                    closing(rest, tag.len(), tag)?
                }
                _ => 1,
            },
            other => other.len_utf8(),
        };
        at += passed;
    }
    None
}

fn closing(text: &str, from: usize, quote: &str) -> Option<usize> {
    text[from..].find(quote).map(|at| from + at + quote.len())
}

fn pages(folder: &str) -> Result<Vec<String>> {
    let dir = root().join(folder);
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).map_err(Error::file(&dir))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

#[test]
fn statements_end_at_their_own_semicolons() {
    for (text, statement) in [
        ("SELECT 1; SELECT 2;", Some("SELECT 1;")),
        ("SELECT ';', \";\" -- ;\n, 1;", Some("SELECT ';', \";\" -- ;\n, 1;")),
        ("DO $$ BEGIN; END $$;", Some("DO $$ BEGIN; END $$;")),
        ("DO $a$ ; $$ ; $a$;", Some("DO $a$ ; $$ ; $a$;")),
        ("SELECT $1;", Some("SELECT $1;")),
        ("SELECT 'o''brien;'", None),
        ("SELECT 'open;", None),
    ] {
        assert_eq!(statement_end(text).map(|end| &text[..end]), statement, "{text}");
    }
}
