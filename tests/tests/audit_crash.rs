//! The audit log over crashes, prepared transactions, a worker that dies, and a standby that takes over.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use warden_lab::{Cluster, Error, Lab, Member, Result, StopMode, refused};
use warden_tests::audit::{Evidence, faults, seal, sound};
use warden_tests::value;

const READ_ONLY: &[&str] = &["25006"];

/// A server with an audited table.
struct Server {
    lab: Lab,
    mia: Member,
    olga: Member,
}

impl Server {
    fn new() -> Result<Self> {
        let cluster =
            Cluster::builder().setting("max_prepared_transactions", "10").setting("warden.seal_interval", "50ms");
        let lab = Lab::start_with(cluster)?;
        let ours = lab.tenant("ours", &[("mia", "member"), ("olga", "owner")])?;
        lab.connect("dba")?.batch_execute(
            "CREATE TABLE app.t (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text); GRANT ALL ON app.t TO app;
             SELECT warden.protect('app.t'), warden.audit('app.t')",
        )?;
        Ok(Self { lab, mia: Member::new(ours, "mia"), olga: Member::new(ours, "olga") })
    }

    fn insert(&self, id: i32) -> Result<()> {
        let insert = format!("INSERT INTO app.t (id, body) VALUES ({id}, 'x')");
        self.lab.as_tenant(&self.mia, |tx| Ok(tx.execute(&insert, &[])?)).map(drop)
    }

    /// As a superuser, for whom a transaction may be prepared.
    fn prepare(&self, id: i32, name: &str) -> Result<()> {
        let tenant = self.mia.tenant;
        Ok(self.lab.superuser()?.batch_execute(&format!(
            "BEGIN; INSERT INTO app.t VALUES ({id}, '{tenant}', 'prepared'); PREPARE TRANSACTION '{name}'"
        ))?)
    }

    /// Ids of rows, and ids of rows whose coming is recorded, in order.
    fn agree(&self, cluster: &Cluster) -> Result<String> {
        let rows: String = value(
            &mut cluster.connect("postgres", "postgres")?,
            "SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM app.t",
        )?;
        let recorded = "SELECT coalesce(string_agg(key ->> 'id', ' ' ORDER BY (key ->> 'id')::int), '') FROM warden.audit_log \
             WHERE relation = 'app.t' AND operation = 'INSERT'";
        let mut app = cluster.connect("app", "postgres")?;
        assert_eq!(self.lab.as_member(&mut app, &self.olga, |tx| value::<String>(tx, recorded))?, rows);
        Ok(rows)
    }
}

/// The worker may only be on its way.
fn until<T>(mut ready: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match ready() {
            Ok(done) => return Ok(done),
            Err(error) if start.elapsed() > Duration::from_secs(20) => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

#[test]
fn a_crash_under_load_leaves_rows_and_entries_that_agree() -> Result<()> {
    let server = Server::new()?;
    for (round, mode) in [None, Some(StopMode::Immediate)].into_iter().enumerate() {
        let (is_over, next) =
            (AtomicBool::new(false), AtomicI32::new(10_000 * (i32::try_from(round).unwrap_or(0) + 1)));
        let committed = thread::scope(|scope| -> Result<i32> {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (server, is_over, next) = (&server, &is_over, &next);
                    scope.spawn(move || -> Result<i32> {
                        let mut client = server.lab.connect("app")?;
                        let mut committed = 0;
                        while !is_over.load(Ordering::SeqCst) {
                            let first = next.fetch_add(3, Ordering::SeqCst);
                            let statement = format!(
                                "INSERT INTO app.t (id) VALUES ({first}); SAVEPOINT s; INSERT INTO app.t (id) VALUES ({}); {}; INSERT INTO app.t (id) VALUES ({})",
                                first + 1, if writer % 2 == 0 { "ROLLBACK TO s" } else { "RELEASE s" }, first + 2
                            );
                            let done = server.lab.as_member(&mut client, &server.mia, |tx| Ok(tx.batch_execute(&statement)?));
                            if done.is_err() {
                                break;
                            }
                            committed += 1;
                        }
                        Ok(committed)
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(700));
            match mode {
                Some(mode) => {
                    server.lab.cluster.stop(mode)?;
                    server.lab.cluster.start()?;
                }
                None => server.lab.cluster.crash()?,
            }
            is_over.store(true, Ordering::SeqCst);
            let joined =
                writers.into_iter().map(|writer| writer.join().map_err(|_| Error::unexpected("a writer panicked"))?);
            joined.sum()
        })?;
        let rows = server.agree(&server.lab.cluster)?;
        assert!(committed > 10 && rows.split(' ').count() >= 2 * committed.unsigned_abs() as usize, "{committed}");
        until(|| sound(&server.lab, "postgres"))?;
        assert_eq!(server.agree(&server.lab.cluster)?, rows);
    }
    Ok(())
}

#[test]
fn a_prepared_transaction_is_recorded_when_it_is_committed_whatever_came_between() -> Result<()> {
    let server = Server::new()?;
    server.prepare(1, "kept")?;
    server.prepare(2, "dropped")?;
    server.insert(3)?;
    sound(&server.lab, "postgres")?;
    assert_eq!(server.agree(&server.lab.cluster)?, "3");
    server.lab.cluster.crash()?;
    until(|| sound(&server.lab, "postgres"))?;
    server.insert(4)?;
    let before = seal(&mut server.lab.connect("officer")?)?;
    assert_eq!(server.agree(&server.lab.cluster)?, "3 4");
    server.lab.superuser()?.batch_execute("COMMIT PREPARED 'kept'")?;
    server.lab.superuser()?.batch_execute("ROLLBACK PREPARED 'dropped'")?;
    sound(&server.lab, "postgres")?;
    assert_eq!(server.agree(&server.lab.cluster)?, "1 3 4");
    let block = "SELECT block FROM warden.audit_log WHERE relation = 'app.t' AND key ->> 'id' = '1'";
    assert!(server.lab.as_tenant(&server.olga, |tx| value::<i64>(tx, block))? > before);
    // An event and a savepoint's entries too, and none of what was rolled back.
    let tenant = server.mia.tenant;
    server.lab.superuser()?.batch_execute(&format!(
        "BEGIN; SELECT warden.revoke_user('{tenant}', 'nobody'); SAVEPOINT s; INSERT INTO app.t VALUES (5, '{tenant}'); ROLLBACK TO s;
         INSERT INTO app.t VALUES (6, '{tenant}'); PREPARE TRANSACTION 'both'"
    ))?;
    server.lab.superuser()?.batch_execute("COMMIT PREPARED 'both'")?;
    assert_eq!(server.agree(&server.lab.cluster)?, "1 3 4 6");
    sound(&server.lab, "postgres")
}

fn worker(officer: &mut Client) -> Result<i32> {
    value::<Option<i32>>(officer, "SELECT worker_pid FROM warden.audit_status")?
        .ok_or_else(|| Error::unexpected("there is no worker"))
}

#[test]
fn a_worker_that_dies_comes_back_and_seals() -> Result<()> {
    let server = Server::new()?;
    server.insert(1)?;
    sound(&server.lab, "postgres")?;
    let first = worker(&mut server.lab.connect("officer")?)?;
    assert!(value::<bool>(&mut server.lab.superuser()?, &format!("SELECT pg_terminate_backend({first})"))?);
    server.insert(2)?;
    until(|| sound(&server.lab, "postgres"))?;
    let second = until(|| worker(&mut server.lab.connect("officer")?))?;
    assert_ne!(second, first);
    // SIGKILL takes all processes of the server along, which starts them anew.
    let status = Command::new("kill").args(["-KILL", &second.to_string()]).status()?;
    assert!(status.success());
    until(|| {
        let third = worker(&mut server.lab.connect("officer")?)?;
        if third == second { Err(Error::unexpected("it is the same worker")) } else { Ok(()) }
    })?;
    until(|| server.insert(3))?;
    until(|| sound(&server.lab, "postgres"))?;
    assert_eq!(server.agree(&server.lab.cluster)?, "1 2 3");
    Ok(())
}

#[test]
fn a_standby_shows_the_log_and_goes_on_with_it_when_it_takes_over() -> Result<()> {
    let server = Server::new()?;
    server.insert(1)?;
    let standby = server.lab.cluster.standby()?;
    server.prepare(2, "from before")?;
    let newest = seal(&mut server.lab.connect("officer")?)?;
    server.lab.cluster.wait_for(&standby)?;
    let mut officer = standby.connect("officer", "postgres")?;
    refused(seal(&mut officer), READ_ONLY)?;
    assert_eq!(faults(&mut officer)?, [""; 0]);
    let mut app = standby.connect("app", "postgres")?;
    let here = Evidence::of(&mut app, &server.lab, &server.olga)?;
    let there = Evidence::of(&mut server.lab.connect("app")?, &server.lab, &server.olga)?;
    assert_eq!((&here.lines, &here.checkpoint), (&there.lines, &there.checkpoint));
    let event = "SELECT warden.record_event('test.standby', '{}')";
    refused(server.lab.as_member(&mut app, &server.mia, |tx| Ok(tx.execute(event, &[])?)), READ_ONLY)?;

    server.lab.cluster.stop(StopMode::Fast)?;
    let mut superuser = standby.connect("postgres", "postgres")?;
    assert!(value::<bool>(&mut superuser, "SELECT pg_promote()")?);
    until(|| seal(&mut officer).map(drop))?;
    let insert = "INSERT INTO app.t (id) VALUES (3)";
    server.lab.as_member(&mut app, &server.mia, |tx| Ok(tx.execute(insert, &[])?))?;
    let after = until(|| seal(&mut officer))?;
    assert!(after > newest);
    superuser.batch_execute("COMMIT PREPARED 'from before'")?;
    assert!(until(|| seal(&mut officer))? > after);
    assert_eq!(faults(&mut officer)?, [""; 0]);
    assert_eq!(value::<i64>(&mut officer, "SELECT unsealed_entries FROM warden.audit_status")?, 0);
    server.agree(&standby)?;
    let log = "SELECT string_agg(concat_ws(' ', key ->> 'id', incarnation, block > $1), ', ' ORDER BY index) FROM warden.audit_log WHERE relation = 'app.t'";
    let said: String = server.lab.as_member(&mut app, &server.olga, |tx| Ok(tx.query_one(log, &[&newest])?.get(0)))?;
    // The prepared transaction is of the timeline that it was prepared in; its entry stands behind those of the new one.
    assert_eq!(said, "1 1 f, 3 2 t, 2 1 t");
    let evidence = Evidence::of(&mut app, &server.lab, &server.olga)?;
    evidence.accepted(&[], Some(&here.checkpoint))?;
    Ok(())
}
