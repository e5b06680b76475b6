//! Many rows a statement: what a recorded row costs, in time and in WAL.

use std::time::Instant;

use warden_lab::{Error, Member, OWNER, Result, postgres::Client};

use super::{Audit, HeldSealing};
use crate::{
    measure::{Samples, take_turns},
    report::{Row, Section, Target, Unit},
    rows::Effort,
    world::{USER, World},
};

/// Results of assessments. `{first}` and `{last}` bound the ids.
const TABLE: &str = "
    CREATE TABLE app.result_{audit} (
        tenant_id uuid NOT NULL, id bigint NOT NULL, assessment_id integer NOT NULL, student_id integer NOT NULL,
        score numeric(5, 2), submitted date NOT NULL, remark text NOT NULL, PRIMARY KEY (tenant_id, id));
    GRANT SELECT, INSERT, UPDATE, DELETE ON app.result_{audit} TO app;
    SELECT warden.protect('app.result_{audit}')";
const ROWS: &str = "
    SELECT warden.tenant_id(), n, 1752 + n % 30, 11391 + n % 5000, (n * 37 % 10001) / 100.0, date '2024-01-19' + n % 260,
           'handed in on time, attempt ' || n % 3
    FROM generate_series({first}, {last}) n";

#[derive(Clone, Copy)]
enum Statement {
    Insert,
    Update,
    Delete,
}

/// Of one contender and statement, each of a row.
#[derive(Default)]
struct Measured {
    seconds: Samples,
    wal: Samples,
    /// With what sealing writes of it.
    wal_sealed: Samples,
}

pub fn measure(world: &World, effort: Effort) -> Result<Vec<Section>> {
    let count = if effort.is_quick { 1_000 } else { 10_000 };
    let rounds = if effort.is_quick { effort.rounds } else { effort.rounds + 4 };
    let _held = HeldSealing::new(&world.ours.cluster)?;
    let mut bench = Bench::new(world, count)?;
    let mut measured: [[Measured; 3]; 3] = Default::default();
    take_turns(rounds, Audit::ALL.len(), |_, at| match (Audit::ALL.get(at), measured.get_mut(at)) {
        (Some(audit), Some(measured)) => bench.round(*audit, measured),
        _ => Ok(()),
    })?;

    let [ours, none, jsonb] = measured;
    let title = "Audited rows in bulk";
    let note = format!(
        "A transaction of {count} rows of a protected table (uuid, bigint, two integers, numeric, date, text; key: tenant and \
         id) by a logged-in member, the statement and COMMIT, after TRUNCATE and CHECKPOINT, by the rows: what it is more \
         than without any audit. The alternative writes a row of jsonb for each change, in PL/pgSQL."
    );
    let mut time = Section::new(&format!("{title}: time"), &note, Unit::Micro, &["jsonb trigger"]);
    let note = "Of the same transactions. What sealing writes later is counted apart.";
    let mut wal = Section::new(&format!("{title}: WAL"), note, Unit::Bytes, &["jsonb trigger"]);
    for (statement, at) in Statement::ALL.into_iter().zip(0..) {
        let (ours, none, jsonb) = (&ours[at], &none[at], &jsonb[at]);
        let row = |name: String, of: fn(&Measured) -> &Samples, target| Row {
            what: name,
            ours: of(ours).less(of(none)),
            others: vec![of(jsonb).less(of(none))],
            target,
        };
        let name = statement.name();
        let without = |samples: &Samples, unit: f64| samples.median() * unit;
        time.rows.push(row(
            format!("{name}; {:.1} without audit", without(&none.seconds, 1e6)),
            |measured| &measured.seconds,
            Target::Ratio(0.25),
        ));
        wal.rows.push(row(
            format!("{name}; {:.0} without audit", without(&none.wal, 1.0)),
            |measured| &measured.wal,
            Target::Ratio(0.5),
        ));
        wal.rows.push(row(format!("{name}, sealing included"), |measured| &measured.wal_sealed, Target::Ratio(0.5)));
    }
    Ok(vec![time, wal])
}

struct Bench<'a> {
    world: &'a World,
    member: Member,
    count: u32,
    app: Client,
    owner: Client,
    superuser: Client,
}

impl<'a> Bench<'a> {
    fn new(world: &'a World, count: u32) -> Result<Self> {
        let tenant = world.active.first().copied().ok_or_else(|| Error::unexpected("there is no tenant"))?;
        let mut bench = Self {
            world,
            member: Member::new(tenant, USER),
            count,
            app: world.ours.connect("app")?,
            owner: world.ours.connect(OWNER)?,
            superuser: world.ours.superuser()?,
        };
        for audit in Audit::ALL {
            bench.owner.batch_execute(&TABLE.replace("{audit}", audit.name()))?;
            // A trigger's function that anybody else made would have to be approved.
            audit.prepare(&mut bench.superuser, "app")?;
            if audit == Audit::Jsonb {
                bench.superuser.batch_execute("GRANT INSERT ON app.audit_log TO app")?;
            }
            audit.begin(&mut bench.superuser, "app", &format!("result_{}", audit.name()))?;
        }
        Ok(bench)
    }

    fn round(&mut self, audit: Audit, measured: &mut [Measured; 3]) -> Result<()> {
        // New pages, no images of old ones.
        self.owner.batch_execute(&format!("TRUNCATE app.result_{}", audit.name()))?;
        self.superuser.batch_execute("CHECKPOINT")?;
        for (statement, measured) in Statement::ALL.into_iter().zip(measured) {
            let text = statement.text(audit, self.count);
            let before = self.position()?;
            let seconds = self.run(&text)?;
            let written = self.position()? - before;
            self.superuser.batch_execute("SELECT warden.seal_audit()")?;
            let sealed = self.position()? - before;
            let rows = f64::from(self.count);
            measured.seconds.push(seconds / rows);
            measured.wal.push(written as f64 / rows);
            measured.wal_sealed.push(sealed as f64 / rows);
        }
        Ok(())
    }

    fn run(&mut self, statement: &str) -> Result<f64> {
        let prepared = self.app.prepare(statement)?;
        let mut tx = self.app.transaction()?;
        self.world.ours.login(&mut tx, &self.member)?;
        let start = Instant::now();
        let done = tx.execute(&prepared, &[])?;
        tx.commit()?;
        let seconds = start.elapsed().as_secs_f64();
        match done == u64::from(self.count) {
            true => Ok(seconds),
            false => Err(Error::unexpected(format!("{statement}: {done} rows instead of {}", self.count))),
        }
    }

    /// Where WAL is inserted next.
    fn position(&mut self) -> Result<i64> {
        let row = self.superuser.query_one("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint", &[])?;
        Ok(row.get(0))
    }
}

impl Statement {
    const ALL: [Self; 3] = [Self::Insert, Self::Update, Self::Delete];

    fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE of two columns",
            Self::Delete => "DELETE",
        }
    }

    fn text(self, audit: Audit, count: u32) -> String {
        let table = format!("app.result_{}", audit.name());
        match self {
            Self::Insert => {
                let rows = ROWS.replace("{first}", "1").replace("{last}", &count.to_string());
                format!("INSERT INTO {table} {rows}")
            }
            Self::Update => format!("UPDATE {table} SET score = 100 - score, submitted = submitted + 1"),
            Self::Delete => format!("DELETE FROM {table}"),
        }
    }
}
