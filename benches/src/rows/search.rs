//! Encrypted columns of a protected table: looked up by equality, and read through the companion view.

use std::time::Instant;

use warden_lab::{
    Error, Member, OWNER, Result,
    postgres::{Client, Statement, Transaction},
};

use super::Effort;
use crate::{
    measure::Samples,
    report::{Check, Row, Section, Target, Unit},
    world::{USER, World},
};

const ROWS: u32 = 1_000_000;
const QUICK_ROWS: u32 = 20_000;

/// Statements in one round, of each kind.
const STATEMENTS: u32 = 2_000;

/// The same values plain and to be encrypted, each once; the index on the plain ones is what one would have.
const TABLE: &str = "
    CREATE TABLE app.person (
        tenant_id uuid NOT NULL, id bigint NOT NULL, plain text NOT NULL, secret text NOT NULL, PRIMARY KEY (tenant_id, id));
    INSERT INTO app.person
        SELECT ('{tenants}'::uuid[])[r % {count} + 1], r, 'person-' || r || '@example.test', 'person-' || r || '@example.test'
        FROM generate_series(1, {rows}) r;
    CREATE INDEX ON app.person (plain);
    GRANT SELECT ON app.person TO app;
    SELECT warden.protect('app.person');
    SELECT warden.encrypt_column('app.person', 'secret', searchable => true)";

const BY_TERM: &str = "SELECT id FROM app.person WHERE secret = warden.search_term($1, 'app.person.secret')";
const BY_VALUE: &str = "SELECT id FROM app.person WHERE plain = $1";
const FROM_VIEW: &str = "SELECT id, plain, secret FROM app.person_clear WHERE plain = $1";
const FROM_TABLE: &str = "SELECT id, plain, secret FROM app.person WHERE plain = $1";
const EMPTY: &str = "SELECT $1::text";

pub fn measure(world: &World, effort: Effort) -> Result<Section> {
    let rows = if effort.is_quick { QUICK_ROWS } else { ROWS };
    let note = format!(
        "A protected table of {rows} rows of {} tenants, prepared statements in a logged-in transaction, turn by turn. \
         Search: an encrypted column with its hash index beside a text column with a btree, each value once. Reading: a row \
         found by the text column, through the view that decrypts beside from the table. Net: less an empty statement, \
         which is the way there and back.",
        world.active.len()
    );
    let mut section = Section::new("Encrypted columns", &note, Unit::Micro, &["plain"]);
    build(world, rows)?;
    let tenant = world.active.first().copied().ok_or_else(|| Error::unexpected("there is no tenant"))?;
    let mut client = world.ours.connect("app")?;
    let mut tx = client.transaction()?;
    world.ours.login(&mut tx, &Member::new(tenant, USER))?;
    section.checks.push(plan(&mut tx)?);
    let statements = Statements::prepare(&mut tx)?;
    let count = if effort.is_quick { STATEMENTS / 10 } else { STATEMENTS };
    // Until each has its generic plan, and the keys are read.
    statements.round(&mut tx, rows, world.active.len(), 0, 20)?;
    let mut rounds = Vec::new();
    for round in 0..effort.rounds {
        rounds.push(statements.round(&mut tx, rows, world.active.len(), round, count)?);
    }
    tx.rollback()?;
    let of = |kind: usize| Samples::new(rounds.iter().filter_map(|round| round.get(kind).copied()).collect());
    let [empty, term, value, view, table] = [0, 1, 2, 3, 4].map(of);
    for (what, ours, other) in [("search by equality", term, value), ("a row through the companion view", view, table)]
    {
        let net = (ours.less(&empty), other.less(&empty));
        for (what, ours, other) in [(what.to_owned(), ours, other), (format!("{what}, net"), net.0, net.1)] {
            section.rows.push(Row { what, ours, others: vec![other], target: Target::None });
        }
    }
    Ok(section)
}

fn build(world: &World, rows: u32) -> Result<()> {
    let tenants: Vec<String> = world.active.iter().map(ToString::to_string).collect();
    let mut owner: Client = world.ours.connect(OWNER)?;
    owner.batch_execute(
        &TABLE
            .replace("{tenants}", &format!("{{{}}}", tenants.join(",")))
            .replace("{count}", &tenants.len().to_string())
            .replace("{rows}", &rows.to_string()),
    )?;
    owner.batch_execute("VACUUM (ANALYZE) app.person")?;
    Ok(world.ours.superuser()?.batch_execute("CHECKPOINT")?)
}

fn plan(tx: &mut Transaction<'_>) -> Result<Check> {
    let lines = tx.query(&format!("EXPLAIN (COSTS off) {}", BY_TERM.replace("$1", "'person-16@example.test'")), &[])?;
    let lines: Vec<String> = lines.iter().map(|row| row.get::<_, String>(0).trim().to_owned()).collect();
    let condition = lines.iter().find(|line| line.starts_with("Index Cond: (secret = "));
    Ok(Check {
        what: "the search's plan".to_owned(),
        found: condition.cloned().unwrap_or_else(|| lines.join("; ")),
        is_ok: condition.is_some(),
    })
}

/// The empty one first, then each of ours before what it is compared with.
struct Statements(Vec<Statement>);

impl Statements {
    fn prepare(tx: &mut Transaction<'_>) -> Result<Self> {
        let prepared = [EMPTY, BY_TERM, BY_VALUE, FROM_VIEW, FROM_TABLE].map(|text| tx.prepare(text));
        Ok(Self(prepared.into_iter().collect::<std::result::Result<_, _>>()?))
    }

    /// The median time of each, over values of the first tenant.
    fn round(&self, tx: &mut Transaction<'_>, rows: u32, tenants: usize, round: u64, count: u32) -> Result<Vec<f64>> {
        let tenants = u32::try_from(tenants).unwrap_or(1).max(1);
        let mut times = vec![Vec::new(); self.0.len()];
        for number in 0..u64::from(count) {
            // Far apart, and others in each round; multiples of the number of tenants are the first one's.
            let chosen = (number * 7919 + round * 104_729) % u64::from(rows / tenants) + 1;
            let value = format!("person-{}@example.test", chosen * u64::from(tenants));
            if chosen * u64::from(tenants) > u64::from(rows) {
                continue;
            }
            // Nobody is always the first to touch a row.
            let first = usize::try_from(number).unwrap_or(0);
            for kind in (first..first + self.0.len()).map(|kind| kind % self.0.len()) {
                let (Some(statement), Some(times)) = (self.0.get(kind), times.get_mut(kind)) else { continue };
                let start = Instant::now();
                let found = tx.query(statement, &[&value])?.len();
                times.push(start.elapsed().as_secs_f64());
                if found != 1 {
                    return Err(Error::unexpected(format!("{found} rows for {value}")));
                }
            }
        }
        Ok(times.into_iter().map(|times| Samples::new(times).median()).collect())
    }
}
