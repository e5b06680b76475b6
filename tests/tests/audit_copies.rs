//! Copies of a database and of its audit log: dumps, templates, and the periods that its tables are cut into.

use std::process::Command;
use std::thread;
use std::time::Duration;

use postgres::Client;
use warden_core::audit::VerifierKey;
use warden_lab::{Cluster, Error, Lab, Member, OFFICER, Result};
use warden_tests::audit::{Evidence, faults, keys, seal, sound};
use warden_tests::value;

/// A signed log with sealed entries in the database `postgres`.
struct Source {
    lab: Lab,
    mia: Member,
    olga: Member,
}

impl Source {
    fn new() -> Result<Self> {
        let cluster = Cluster::builder()
            .setting("warden.seal_interval", "50ms")
            .setting("warden.installation", "copies.lab.test");
        let lab = Lab::start_with(cluster)?;
        let file = lab.cluster.socket_dir().join("audit.key");
        lab.cluster.write_private(&file, &[3; 32], 0o600)?;
        lab.superuser()?.batch_execute(&format!("ALTER SYSTEM SET warden.audit_key_file = '{}'", file.display()))?;
        lab.cluster.restart()?;
        let ours = lab.tenant("ours", &[("mia", "member"), ("olga", "owner")])?;
        lab.connect("dba")?.batch_execute(
            "CREATE TABLE app.t (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text); GRANT ALL ON app.t TO app;
             SELECT warden.protect('app.t'), warden.audit('app.t')",
        )?;
        let source = Self { lab, mia: Member::new(ours, "mia"), olga: Member::new(ours, "olga") };
        source.insert("postgres", 1)?;
        source.insert("postgres", 2)?;
        sound(&source.lab, "postgres")?;
        Ok(source)
    }

    fn insert(&self, database: &str, id: i32) -> Result<()> {
        let mut app = self.lab.cluster.connect("app", database)?;
        let insert = format!("INSERT INTO app.t (id, body) VALUES ({id}, 'x')");
        self.lab.as_member(&mut app, &self.mia, |tx| Ok(tx.execute(&insert, &[])?)).map(drop)
    }

    fn evidence(&self, database: &str) -> Result<Evidence> {
        Evidence::of(&mut self.lab.cluster.connect("app", database)?, &self.lab, &self.olga)
    }

    fn keys(&self, database: &str) -> Result<Vec<VerifierKey>> {
        keys(&mut self.lab.cluster.connect(OFFICER, database)?)
    }

    /// `id incarnation` of the table's entries, in the order of the log.
    fn log(&self, database: &str) -> Result<String> {
        let query = "SELECT string_agg(concat_ws(' ', key ->> 'id', incarnation), ', ' ORDER BY index) FROM warden.audit_log WHERE relation = 'app.t'";
        let mut app = self.lab.cluster.connect("app", database)?;
        self.lab.as_member(&mut app, &self.olga, |tx| value(tx, query))
    }

    /// How many blocks, and entries that wait.
    fn counts(&self, database: &str) -> Result<(i64, i64)> {
        let mut superuser = self.lab.cluster.connect("postgres", database)?;
        Ok((
            value(&mut superuser, "SELECT count(*) FROM warden.audit_block")?,
            value(&mut superuser, "SELECT unsealed_entries FROM warden.audit_status")?,
        ))
    }

    fn incarnations(&self, database: &str) -> Result<i64> {
        value(&mut self.lab.cluster.connect("postgres", database)?, "SELECT count(*) FROM warden.audit_incarnation")
    }

    /// A copy that has all of the log, seals nothing before it is asked, and then goes on from it.
    fn check_copy(&self, database: &str) -> Result<()> {
        let there = self.evidence("postgres")?;
        let before = self.counts(database)?;
        assert_eq!(before, self.counts("postgres")?, "{database}");
        // Several intervals of sealing.
        thread::sleep(Duration::from_millis(400));
        assert_eq!(self.counts(database)?, before, "{database}");
        let here = self.evidence(database)?;
        assert_eq!((&here.lines, &here.checkpoint), (&there.lines, &there.checkpoint), "{database}");
        let mut officer = self.lab.cluster.connect(OFFICER, database)?;
        assert_eq!(faults(&mut officer)?, [""; 0], "{database}");

        self.insert(database, 3)?;
        sound(&self.lab, database)?;
        assert_eq!(self.log(database)?, "1 1, 2 1, 3 2");
        assert_eq!((self.counts(database)?, self.incarnations(database)?), ((before.0 + 1, 0), 2));
        let keys = self.keys(database)?;
        self.evidence(database)?.accepted(&keys, Some(&there.checkpoint))?;
        // The first goes on by itself; the two have parted.
        assert_eq!(self.log("postgres")?, "1 1, 2 1");
        Ok(())
    }

    /// Makes a database of a dump of another.
    fn dump(&self, from: &str, to: &str) -> Result<()> {
        let cluster = &self.lab.cluster;
        let file = cluster.scratch_dir(&format!("dump-{to}"))?.join("all");
        done(cluster.program("pg_dump").args(["-U", "postgres", "-Fc", "-f"]).arg(&file).arg(from))?;
        self.lab.superuser()?.batch_execute(&format!("CREATE DATABASE {to} TEMPLATE template0"))?;
        done(cluster.program("pg_restore").args(["-U", "postgres", "--exit-on-error", "-d", to]).arg(&file))
    }

    fn template(&self, name: &str) -> Result<()> {
        Ok(self
            .lab
            .cluster
            .connect("postgres", "template1")?
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE postgres"))?)
    }
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::unexpected(String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_restored_log_is_the_same_and_goes_on_in_an_incarnation_of_its_own() -> Result<()> {
    let source = Source::new()?;
    source.dump("postgres", "restored")?;
    source.check_copy("restored")?;
    // A copy of the copy.
    source.dump("restored", "second")?;
    // Asked for a block where nothing was recorded: there is none to make.
    let mut officer = source.lab.cluster.connect(OFFICER, "second")?;
    let blocks = source.counts("second")?.0;
    assert_eq!(seal(&mut officer)?, blocks);
    source.insert("second", 4)?;
    sound(&source.lab, "second")?;
    assert_eq!(source.log("second")?, "1 1, 2 1, 3 2, 4 3");
    Ok(())
}

#[test]
fn entries_that_nobody_sealed_before_the_dump_are_sealed_first_after_it() -> Result<()> {
    let source = Source::new()?;
    // Nothing is sealed any more for as long as the dump takes.
    source.lab.superuser()?.batch_execute("ALTER SYSTEM SET warden.seal_interval = '1h'")?;
    source.lab.cluster.restart()?;
    let mut officer = until(|| {
        let mut officer = source.lab.connect(OFFICER)?;
        seal(&mut officer)?;
        Ok(officer)
    })?;
    source.insert("postgres", 10)?;
    assert_eq!(value::<i64>(&mut officer, "SELECT unsealed_entries FROM warden.audit_status")?, 1);
    drop(officer);
    source.dump("postgres", "restored")?;
    source.insert("restored", 11)?;
    sound(&source.lab, "restored")?;
    assert_eq!(source.log("restored")?, "1 1, 2 1, 10 1, 11 2");
    Ok(())
}

fn until<T>(mut ready: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..200 {
        if let Ok(done) = ready() {
            return Ok(done);
        }
        thread::sleep(Duration::from_millis(50));
    }
    ready()
}

#[test]
fn the_first_writer_of_a_copy_holds_nobody_up() -> Result<()> {
    let source = Source::new()?;
    for (database, commits) in [("kept", true), ("dropped", false)] {
        source.template(database)?;
        // The worker enters the copy's incarnation, so that no writer does while others wait.
        until(|| match source.incarnations(database)? {
            2 => Ok(()),
            _ => Err(Error::unexpected("no second incarnation")),
        })?;
        let mut first = source.lab.cluster.connect("app", database)?;
        let mut tx = first.transaction()?;
        source.lab.login(&mut tx, &source.mia)?;
        // More than the buffer holds: it is in the tables, and nobody else sees it yet.
        tx.batch_execute("INSERT INTO app.t (id, body) SELECT n, repeat('x', 500) FROM generate_series(1000, 3000) n")?;
        source.insert(database, 5)?;
        if commits {
            tx.commit()?;
        } else {
            tx.rollback()?;
        }
        sound(&source.lab, database)?;
        let seen: String = value(
            &mut source.lab.cluster.connect(OFFICER, database)?,
            "SELECT string_agg(DISTINCT incarnation::text, ' ') || ' ' || count(*) FROM warden.audit_log WHERE relation = 'app.t'",
        )?;
        assert_eq!(seen, if commits { "1 2 2004" } else { "1 2 3" });
        source.evidence(database)?.accepted(&source.keys(database)?, Some(&source.evidence("postgres")?.checkpoint))?;
    }
    Ok(())
}

#[test]
fn a_database_made_after_this_one_goes_on_with_its_log() -> Result<()> {
    let source = Source::new()?;
    source.template("copy")?;
    source.check_copy("copy")
}

#[test]
fn entries_go_into_the_newest_period_and_all_periods_are_one_log() -> Result<()> {
    let source = Source::new()?;
    let kept = source.evidence("postgres")?;
    let periods = |client: &mut Client| -> Result<String> {
        value(client, "SELECT string_agg(DISTINCT period::text, ' ') FROM warden.audit_leaf")
    };
    for period in 1..3 {
        let mut superuser = source.lab.superuser()?;
        let open = source.lab.connect("app")?;
        superuser.batch_execute(
            "UPDATE warden.audit_incarnation SET since = since - interval '31 days'; UPDATE warden.audit_period SET since = since - interval '31 days'",
        )?;
        drop((superuser, open));
        // The worker looks after periods when it starts.
        source.lab.cluster.restart()?;
        let mut superuser = source.lab.superuser()?;
        let made = format!("SELECT to_regclass('warden.audit_payload_{period}') IS NOT NULL");
        until(|| if value::<bool>(&mut superuser, &made)? { Ok(()) } else { Err(Error::unexpected("no new period")) })?;
        source.insert("postgres", 10 * period)?;
        sound(&source.lab, "postgres")?;
        assert_eq!(
            value::<String>(
                &mut superuser,
                &format!(
                    "SELECT max(period) || ' ' || count(*) FILTER (WHERE period = {period}) FROM warden.audit_entry"
                )
            )?,
            format!("{period} 1")
        );
        // As the first: nobody's, and in dumps.
        let same = format!(
            "SELECT count(DISTINCT (c.relrowsecurity, c.relacl::text, c.reloptions::text)) FROM pg_class c WHERE c.oid IN ('warden.audit_entry_0'::regclass, 'warden.audit_entry_{period}'::regclass)"
        );
        assert_eq!(value::<i64>(&mut superuser, &same)?, 1);
    }
    let mut superuser = source.lab.superuser()?;
    assert_eq!(periods(&mut superuser)?, "0 1 2");
    assert_eq!(source.log("postgres")?, "1 1, 2 1, 10 1, 20 1");
    source.evidence("postgres")?.accepted(&source.keys("postgres")?, Some(&kept.checkpoint))?;
    let history = "SELECT count(*) FROM warden.row_history('app.t', '{\"id\": \"20\"}')";
    assert_eq!(source.lab.as_tenant(&source.olga, |tx| value::<i64>(tx, history))?, 1);
    // A dump holds what the later periods do.
    source.dump("postgres", "restored")?;
    source.insert("restored", 30)?;
    sound(&source.lab, "restored")?;
    assert_eq!(source.log("restored")?, "1 1, 2 1, 10 1, 20 1, 30 2");
    Ok(())
}
