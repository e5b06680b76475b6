//! Audited tables through many connections, and through a dump.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use warden_lab::{Error, Lab, Result, refused};
use warden_tests::{DENIED, value};

/// Every trigger of the audit's, with what it is worth.
const TRIGGERS: &str = "
    SELECT coalesce(string_agg(format('%s %s %s %s', tgrelid::regclass, tgname, tgenabled, tgparentid <> 0), ', '
        ORDER BY tgrelid::regclass::text, tgname), '')
    FROM pg_trigger WHERE tgfoid IN ('warden.audit_row()'::regprocedure, 'warden.audit_truncate()'::regprocedure)";

const REGISTRY: &str = "
    SELECT string_agg(format('%s %s %s %s %s', relation, excluded, redacted, reads, redaction_key), ', ' ORDER BY relation::text)
    FROM warden.audited_registry";

const VERSIONS: &str =
    "SELECT string_agg(format('%s %s %s', relation, version, columns), ', ' ORDER BY relation, version)
    FROM warden.audit_schema";

const LOG: &str = "
    CREATE TABLE app.log (id int, at int, body text, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE app.log_1 PARTITION OF app.log FOR VALUES FROM (0) TO (10);
    CREATE TABLE app.log_2 PARTITION OF app.log FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
    CREATE TABLE app.log_2_1 PARTITION OF app.log_2 DEFAULT;";

/// Waits until some session waits for a lock.
fn until_one_waits(superuser: &mut Client) -> Result<()> {
    let start = Instant::now();
    let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')";
    while !value::<bool>(superuser, waiting)? {
        if start.elapsed() > Duration::from_secs(10) {
            return Err(Error::unexpected("nobody waited for a lock"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::unexpected(String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn what_was_audited_is_audited_after_a_restore() -> Result<()> {
    let lab = Lab::start()?;
    let mut owner = lab.connect("dba")?;
    owner.batch_execute(LOG)?;
    owner.batch_execute(
        r#"CREATE TABLE app."Keyless one" (a int, b text);
        SELECT warden.audit('app.log', '{"exclude": ["body"], "redact": ["note"], "reads": true}'), warden.audit('app."Keyless one"');
        INSERT INTO app.log VALUES (1, 1), (2, 12)"#,
    )?;
    let mut superuser = lab.superuser()?;
    let all = |client: &mut Client| -> Result<[String; 3]> {
        Ok([value(client, TRIGGERS)?, value(client, REGISTRY)?, value(client, VERSIONS)?])
    };
    let source = all(&mut superuser)?;
    assert_eq!(source[0].matches(" A ").count(), 10, "{}", source[0]);
    let file = lab.cluster.scratch_dir("dump")?.join("all");
    let mut command = lab.cluster.program("pg_dump");
    done(command.args(["-U", "postgres", "-Fd", "-f"]).arg(&file).arg("postgres"))?;
    for (database, jobs) in [("one", "1"), ("four", "4")] {
        superuser.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0"))?;
        let mut command = lab.cluster.program("pg_restore");
        done(command.args(["-U", "postgres", "--exit-on-error", "-j", jobs, "-d", database]).arg(&file))?;
        let mut restored = lab.cluster.connect("postgres", database)?;
        assert_eq!(all(&mut restored)?, source, "{database}");
        let mut owner = lab.cluster.connect("dba", database)?;
        refused(owner.batch_execute("ALTER TABLE app.log DISABLE TRIGGER ALL"), DENIED)?;
        refused(owner.batch_execute("DROP TABLE app.log_2_1"), DENIED)?;
    }
    Ok(())
}

/// A partition that comes while its table is being audited is audited with it, whoever is first.
#[test]
fn partitions_that_come_meanwhile_are_audited() -> Result<()> {
    let lab = Lab::start()?;
    let mut superuser = lab.superuser()?;
    let mut owner = lab.connect("dba")?;
    owner.batch_execute(LOG)?;
    owner.batch_execute("CREATE TABLE app.later (id int NOT NULL, at int NOT NULL, body text, note text)")?;
    let steps = [
        ("SELECT warden.audit('app.log')", "CREATE TABLE app.log_3 PARTITION OF app.log FOR VALUES FROM (20) TO (30)"),
        (
            "ALTER TABLE app.log ATTACH PARTITION app.later FOR VALUES FROM (30) TO (40)",
            "SELECT warden.audit('app.log', '{\"reads\": true}')",
        ),
    ];
    for (first, second) in steps {
        let mut tx = owner.transaction()?;
        tx.batch_execute(first)?;
        let mut other = lab.connect("dba")?;
        let waiting = thread::spawn(move || other.batch_execute(second));
        until_one_waits(&mut superuser)?;
        tx.commit()?;
        waiting.join().map_err(|_| Error::unexpected("a thread ended badly"))??;
    }
    let triggers: String = value(&mut superuser, TRIGGERS)?;
    assert_eq!(triggers.matches(" A ").count(), 12, "{triggers}");
    Ok(())
}

/// Who writes while a table is being audited comes before it or is recorded: the triggers wait for writers.
#[test]
fn auditing_waits_for_writers_and_once_is_enough() -> Result<()> {
    let lab = Lab::start()?;
    let mut superuser = lab.superuser()?;
    let mut owner = lab.connect("dba")?;
    owner.batch_execute(LOG)?;
    let mut tx = owner.transaction()?;
    tx.batch_execute("INSERT INTO app.log VALUES (1, 1)")?;
    let auditors: Vec<_> = (0..2)
        .map(|_| {
            let mut other = lab.connect("dba")?;
            Ok(thread::spawn(move || other.batch_execute("SELECT warden.audit('app.log')")))
        })
        .collect::<Result<_>>()?;
    until_one_waits(&mut superuser)?;
    assert_eq!(value::<String>(&mut superuser, TRIGGERS)?, "");
    tx.commit()?;
    for auditor in auditors {
        auditor.join().map_err(|_| Error::unexpected("a thread ended badly"))??;
    }
    let triggers: String = value(&mut superuser, TRIGGERS)?;
    assert_eq!(triggers.matches(" A ").count(), 8, "{triggers}");
    assert_eq!(value::<i64>(&mut superuser, "SELECT count(*) FROM warden.audited_registry")?, 1);
    assert_eq!(value::<i64>(&mut superuser, "SELECT count(*) FROM warden.audit_schema")?, 4);
    Ok(())
}
