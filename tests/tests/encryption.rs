//! Encrypted columns under several connections, crashes, dumps and large values.

use std::{fs, thread, time::Duration};

use postgres::Client;
use warden_lab::{Error, Lab, Member, Result, StopMode, Uuid, refused};
use warden_tests::{NO_CONTEXT, Pair, lab, value};

const MOVED: &[&str] = &["39000"];
const SERIALIZE: &[&str] = &["40001"];

/// The pair's table with `body` encrypted.
fn encrypted(searchable: bool) -> Result<Pair> {
    let pair = Pair::new()?;
    let table = &pair.table;
    pair.owner()?.batch_execute(&format!("SELECT warden.encrypt_column('{table}', 'body', {searchable})"))?;
    Ok(pair)
}

fn bodies(pair: &Pair, member: &Member) -> Result<Vec<(i64, Option<String>)>> {
    let query = format!("SELECT id, body FROM {}_clear ORDER BY id", pair.table);
    pair.lab.as_tenant(member, |tx| Ok(tx.query(&query, &[])?.iter().map(|row| (row.get(0), row.get(1))).collect()))
}

fn owned(rows: &[(i64, &str)]) -> Vec<(i64, Option<String>)> {
    rows.iter().map(|(id, body)| (*id, Some((*body).to_owned()))).collect()
}

#[test]
fn each_reads_its_own_through_the_view() -> Result<()> {
    let pair = encrypted(false)?;
    assert_eq!(bodies(&pair, &pair.our("vic"))?, owned(&[(1, "one"), (2, "two"), (3, "three")]));
    assert_eq!(bodies(&pair, &pair.their("max"))?, owned(&[(4, "four"), (5, "five")]));
    refused(pair.app()?.query(&format!("SELECT * FROM {}_clear", pair.table), &[]), NO_CONTEXT)?;
    refused(pair.owner()?.query(&format!("SELECT * FROM {}_clear", pair.table), &[]), NO_CONTEXT)?;
    Ok(())
}

/// Two transactions change one row through the view, the second while the first is open.
fn late_update(pair: &Pair, first: &str, second: &str) -> Result<std::result::Result<u64, String>> {
    let view = format!("{}_clear", pair.table);
    let mut one = pair.app()?;
    let mut open = pair.begin(&mut one, &pair.our("mia"))?;
    open.batch_execute(&format!("UPDATE {view} SET {first} WHERE id = 1"))?;
    thread::scope(|scope| -> Result<_> {
        let late = scope.spawn(|| pair.run_as(&pair.our("adam"), &format!("UPDATE {view} SET {second} WHERE id = 1")));
        thread::sleep(Duration::from_millis(300));
        open.commit()?;
        let outcome = late.join().map_err(|_| Error::unexpected("the second update panicked"))?;
        Ok(match outcome {
            Ok(rows) => Ok(rows),
            Err(error) => Err(refused(Err::<(), _>(error), SERIALIZE)?.to_string()),
        })
    })
}

#[test]
fn a_concurrent_update_is_never_lost() -> Result<()> {
    for (first, second) in [
        ("body = 'from one'", "body = body || '!'"),
        ("author = author || 'x'", "author = author || 'y'"),
        ("author = 'from one'", "body = 'from two'"),
    ] {
        let pair = encrypted(false)?;
        let outcome = late_update(&pair, first, second)?;
        assert!(outcome.is_err(), "{second} after {first} went on with what it had read");
        // What the refusal says: try again.
        let view = format!("{}_clear", pair.table);
        pair.run_as(&pair.our("adam"), &format!("UPDATE {view} SET {second} WHERE id = 1"))?;
        let row: (String, String) = pair.lab.as_tenant(&pair.our("vic"), |tx| {
            let row = tx.query_one(&format!("SELECT author, body FROM {view} WHERE id = 1"), &[])?;
            Ok((row.get(0), row.get(1)))
        })?;
        let want = match second {
            "body = body || '!'" => ("mia", "from one!"),
            "author = author || 'y'" => ("miaxy", "one"),
            _ => ("from one", "from two"),
        };
        assert_eq!((row.0.as_str(), row.1.as_str()), want, "{first}; {second}");
    }
    Ok(())
}

#[test]
fn a_row_that_another_deletes_meanwhile_is_not_written() -> Result<()> {
    let pair = encrypted(false)?;
    let view = format!("{}_clear", pair.table);
    let mut one = pair.app()?;
    let mut open = pair.begin(&mut one, &pair.our("mia"))?;
    open.batch_execute(&format!("DELETE FROM {view} WHERE id = 1"))?;
    thread::scope(|scope| -> Result<()> {
        let delete = scope.spawn(|| pair.run_as(&pair.our("adam"), &format!("DELETE FROM {view} WHERE id = 1")));
        let update =
            scope.spawn(|| pair.run_as(&pair.our("adam"), &format!("UPDATE {view} SET body = 'x' WHERE id = 1")));
        thread::sleep(Duration::from_millis(300));
        open.commit()?;
        assert_eq!(delete.join().map_err(|_| Error::unexpected("panicked"))??, 0);
        refused(update.join().map_err(|_| Error::unexpected("panicked"))?, SERIALIZE)?;
        Ok(())
    })?;
    assert_eq!(bodies(&pair, &pair.our("vic"))?, owned(&[(2, "two"), (3, "three")]));
    Ok(())
}

#[test]
fn two_first_uses_make_one_set_of_keys() -> Result<()> {
    let lab = lab()?;
    let tenant = lab.tenant(&lab.unique("twice"), &[("mia", "member")])?;
    let mut superuser = lab.superuser()?;
    for registry in ["data_key_registry", "tenant_key_registry"] {
        superuser.execute(&format!("DELETE FROM warden.{registry} WHERE tenant = $1"), &[&tenant])?;
    }
    let mia = Member::new(tenant, "mia");
    let sealed: Vec<String> = thread::scope(|scope| {
        let uses: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    lab.as_tenant(&mia, |tx| {
                        let query = "SELECT warden.encrypt_eq('once', 'c')::text";
                        let sealed: String = tx.query_one(query, &[])?.get(0);
                        thread::sleep(Duration::from_millis(50));
                        Ok(sealed)
                    })
                })
            })
            .collect();
        uses.into_iter()
            .map(|used| used.join().map_err(|_| Error::unexpected("a first use panicked"))?)
            .collect::<Result<_>>()
    })?;
    let query = "SELECT count(*) FROM unnest($1::text[]) s WHERE warden.decrypt(s::warden.ciphertext_eq, 'c') = 'once' \
                 AND s::warden.ciphertext_eq = warden.search_term('once', 'c')";
    let opened: i64 = lab.as_tenant(&mia, |tx| Ok(tx.query_one(query, &[&sealed])?.get(0)))?;
    assert_eq!(opened, 8);
    let keys: i64 =
        superuser.query_one("SELECT count(*) FROM warden.data_key_registry WHERE tenant = $1", &[&tenant])?.get(0);
    assert_eq!(keys, 1);
    Ok(())
}

#[test]
fn a_rotation_reaches_every_backend_at_its_next_statement() -> Result<()> {
    let pair = encrypted(false)?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    let sealed = "SELECT substr(warden.encrypt('x'::text, 'c')::text, 11, 16)";
    let before: String = value(&mut tx, sealed)?;
    assert_eq!(value::<String>(&mut tx, sealed)?, before);
    let number: i32 = pair.officer()?.query_one("SELECT warden.rotate_key($1)", &[&pair.ours])?.get(0);
    assert_eq!(number, 2);
    let after: String = value(&mut tx, sealed)?;
    assert_ne!(after, before, "still the generation of before");
    let body: String = value(&mut tx, &format!("SELECT body FROM {}_clear WHERE id = 1", pair.table))?;
    assert_eq!(body, "one");
    Ok(())
}

#[test]
fn a_generic_plan_keeps_nothing_of_the_tenant_before() -> Result<()> {
    let pair = encrypted(true)?;
    let t = &pair.table;
    let mut client = pair.app()?;
    client.batch_execute("SET plan_cache_mode = force_generic_plan")?;
    let look = client.prepare(&format!(
        "SELECT v.body FROM {t}_clear v WHERE v.id IN (SELECT id FROM {t} WHERE body = warden.search_term($1, '{t}.body'))"
    ))?;
    for _ in 0..6 {
        for (member, own, foreign) in [(pair.our("mia"), "two", "four"), (pair.their("max"), "four", "two")] {
            let mut tx = pair.begin(&mut client, &member)?;
            let rows = tx.query(&look, &[&own])?;
            assert_eq!(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), [own]);
            assert!(tx.query(&look, &[&foreign])?.is_empty(), "{foreign} was found");
            tx.commit()?;
        }
    }
    refused(client.query(&look, &[&"two"]), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn a_parallel_plan_decrypts_in_its_leader() -> Result<()> {
    let pair = encrypted(false)?;
    let t = &pair.table;
    pair.lab.superuser()?.batch_execute(&format!("ALTER TABLE {t} SET (parallel_workers = 2)"))?;
    pair.run_as(
        &pair.our("mia"),
        &format!("INSERT INTO {t}_clear (body) SELECT 'v' || g FROM generate_series(1, 5000) g"),
    )?;
    let mut client = pair.app()?;
    client.batch_execute(
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_indexscan = off; SET enable_bitmapscan = off",
    )?;
    let query = format!("SELECT count(body) FROM {t}_clear");
    let mut tx = pair.begin(&mut client, &pair.our("vic"))?;
    let plan: Vec<String> =
        tx.query(&format!("EXPLAIN (COSTS off) {query}"), &[])?.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Gather")), "no parallel plan: {plan:?}");
    assert_eq!(value::<i64>(&mut tx, &query)?, 5003);
    Ok(())
}

#[test]
fn the_condition_is_an_index_condition_below_the_policy() -> Result<()> {
    let pair = encrypted(true)?;
    let t = &pair.table;
    pair.run_as(
        &pair.our("mia"),
        &format!("INSERT INTO {t}_clear (body) SELECT 'v' || g FROM generate_series(1, 3000) g"),
    )?;
    pair.lab.superuser()?.batch_execute(&format!("ANALYZE {t}"))?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("vic"))?;
    let query = format!("SELECT id FROM {t} WHERE body = warden.search_term('v42', '{t}.body')");
    let plan: Vec<String> =
        tx.query(&format!("EXPLAIN (COSTS off) {query}"), &[])?.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Index Cond: (body = ")), "{plan:?}");
    assert_eq!(tx.query(&query, &[])?.len(), 1);
    Ok(())
}

/// Every file below a folder that holds one of the needles.
fn files_with(dir: &std::path::Path, needles: &[&str], found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files_with(&path, needles, found)?;
        } else if let Ok(bytes) = fs::read(&path) {
            for needle in needles {
                if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                    found.push(format!("{needle} in {}", path.display()));
                }
            }
        }
    }
    Ok(())
}

/// A lab with a table of two tenants, encrypted: `app.paper (tenant_id, id, body, code)`, `code` searchable.
fn paper(lab: &Lab) -> Result<(Uuid, Uuid)> {
    let (ours, theirs) = (lab.tenant("ours", &[("mia", "member")])?, lab.tenant("theirs", &[("max", "member")])?);
    lab.connect("dba")?.batch_execute(
        "CREATE TABLE app.paper (tenant_id uuid NOT NULL, id int PRIMARY KEY, body text, code text);
         GRANT SELECT, INSERT, UPDATE, DELETE ON app.paper TO app; SELECT warden.protect('app.paper');
         SELECT warden.encrypt_column('app.paper', 'body'), warden.encrypt_column('app.paper', 'code', true)",
    )?;
    for (tenant, user, id) in [(ours, "mia", 1), (theirs, "max", 2)] {
        lab.as_tenant(&Member::new(tenant, user), |tx| {
            let insert = "INSERT INTO app.paper_clear (id, body, code) VALUES ($1, $2, $3)";
            Ok(tx.execute(insert, &[&id, &format!("PLAINTEXT body {id}"), &format!("PLAINTEXT code {id}")])?)
        })?;
    }
    Ok((ours, theirs))
}

fn read_paper(client: &mut Client, lab: &Lab, member: &Member) -> Result<Vec<(i32, String, String)>> {
    lab.as_member(client, member, |tx| {
        let rows = tx.query("SELECT id, body, code FROM app.paper_clear ORDER BY id", &[])?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    })
}

fn own_paper(id: i32) -> Vec<(i32, String, String)> {
    vec![(id, format!("PLAINTEXT body {id}"), format!("PLAINTEXT code {id}"))]
}

#[test]
fn tables_wal_dump_and_log_hold_ciphertext() -> Result<()> {
    let lab = Lab::start_with(
        warden_lab::Cluster::builder()
            .setting("log_statement", "all")
            .setting("log_parameter_max_length", "0")
            .setting("log_min_messages", "debug1"),
    )?;
    let (ours, _) = paper(&lab)?;
    let mia = Member::new(ours, "mia");
    // Errors of every kind: none repeats the value.
    let change = |sql: &str, value: &str| {
        lab.as_tenant(&mia, |tx| Ok(tx.execute(sql, &[&value])?)).map_err(|error| format!("{error:?}"))
    };
    for sql in [
        "INSERT INTO app.paper_clear (id, body) VALUES (1, $1)",
        "INSERT INTO app.paper_clear (id, body) VALUES (NULL, $1)",
        "INSERT INTO app.paper (id, body) VALUES (9, ($1::text)::warden.ciphertext)",
        "INSERT INTO app.paper (id, code) VALUES (9, warden.search_term($1, 'app.paper.code'))",
        "SELECT warden.decrypt_json(warden.encrypt($1::text, 'c'), 'c')",
    ] {
        let Err(error) = change(sql, "PLAINTEXT of an error") else {
            return Err(Error::unexpected(format!("{sql} was taken")));
        };
        assert!(!error.contains("PLAINTEXT"), "{sql}: {error}");
    }
    lab.superuser()?.batch_execute("CHECKPOINT; SELECT pg_switch_wal()")?;
    let mut found = Vec::new();
    files_with(
        &lab.cluster.data_dir(),
        &["PLAINTEXT", std::str::from_utf8(&warden_lab::ROOT_KEY).unwrap_or_default()],
        &mut found,
    )?;
    assert!(found.is_empty(), "{found:?}");
    assert!(!lab.cluster.log()?.contains("PLAINTEXT"), "the log holds a value");
    let dump = lab.cluster.program("pg_dump").args(["-U", "postgres", "postgres"]).output()?;
    let dump = String::from_utf8_lossy(&dump.stdout).into_owned();
    assert!(dump.contains("\\\\x0101") && !dump.contains("PLAINTEXT"), "the dump");
    Ok(())
}

#[test]
fn a_dump_is_restored_with_its_keys_views_and_names() -> Result<()> {
    let lab = Lab::start()?;
    let (ours, theirs) = paper(&lab)?;
    let work = lab.cluster.scratch_dir("dump")?;
    let file = work.join("lab.dump");
    let run = |program: &str, arguments: &[&str]| -> Result<()> {
        let output = lab.cluster.program(program).args(["-U", "postgres"]).args(arguments).output()?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Error::unexpected(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)))),
        }
    };
    let path = file.display().to_string();
    run("pg_dump", &["-Fc", "-f", &path, "postgres"])?;
    run("createdb", &["copy"])?;
    run("pg_restore", &["-e", "-d", "copy", &path])?;
    let mut app = lab.cluster.connect("app", "copy")?;
    assert_eq!(read_paper(&mut app, &lab, &Member::new(ours, "mia"))?, own_paper(1));
    assert_eq!(read_paper(&mut app, &lab, &Member::new(theirs, "max"))?, own_paper(2));
    lab.as_member(&mut app, &Member::new(ours, "mia"), |tx| {
        let search = "SELECT id FROM app.paper WHERE code = warden.search_term($1, 'app.paper.code')";
        assert_eq!(tx.query(search, &[&"PLAINTEXT code 1"])?.len(), 1);
        tx.execute("UPDATE app.paper_clear SET id = 7, code = 'new' WHERE id = 1", &[])?;
        tx.execute(
            "INSERT INTO app.paper (id, body) VALUES (8, warden.encrypt('direct'::text, 'app.paper.body'))",
            &[],
        )?;
        let rows = tx.query("SELECT id, body FROM app.paper_clear ORDER BY id", &[])?;
        let rows: Vec<(i32, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(rows, [(7, "PLAINTEXT body 1".to_owned()), (8, "direct".to_owned())]);
        Ok(())
    })?;
    // The officer gives the column back in the copy, and the original stays as it is.
    lab.cluster.connect("officer", "copy")?.batch_execute("SELECT warden.decrypt_column('app.paper', 'body')")?;
    assert_eq!(read_paper(&mut lab.connect("app")?, &lab, &Member::new(ours, "mia"))?, own_paper(1));
    Ok(())
}

#[test]
fn a_standby_reads_and_a_crash_loses_nothing() -> Result<()> {
    let lab = Lab::start()?;
    let (ours, theirs) = paper(&lab)?;
    let (mia, max) = (Member::new(ours, "mia"), Member::new(theirs, "max"));
    let standby = lab.cluster.standby()?;
    let mut app = standby.connect("app", "postgres")?;
    assert_eq!(read_paper(&mut app, &lab, &mia)?, own_paper(1));
    assert_eq!(read_paper(&mut app, &lab, &max)?, own_paper(2));
    refused(app.query("SELECT * FROM app.paper_clear", &[]), NO_CONTEXT)?;
    lab.as_member(&mut app, &mia, |tx| {
        let opened: String = value(tx, "SELECT warden.decrypt(warden.encrypt('on a standby'::text, 'c'), 'c')")?;
        assert_eq!(opened, "on a standby");
        Ok(())
    })?;
    drop(app);

    let mut officer = lab.connect("officer")?;
    officer.query_one("SELECT warden.rotate_key($1)", &[&ours])?;
    lab.as_tenant(&mia, |tx| {
        Ok(tx.execute("UPDATE app.paper_clear SET body = 'after the rotation' WHERE id = 1", &[])?)
    })?;
    // An encrypt_column that the crash cuts off.
    let mut owner = lab.connect("dba")?;
    let mut tx = owner.transaction()?;
    tx.batch_execute("CREATE TABLE app.second (tenant_id uuid NOT NULL, id int PRIMARY KEY, body text); SELECT warden.protect('app.second')")?;
    tx.commit()?;
    lab.superuser()?
        .execute("INSERT INTO app.second SELECT $1, g, 'plain' FROM generate_series(1, 1000) g", &[&ours])?;
    let mut tx = owner.transaction()?;
    tx.batch_execute("SELECT warden.encrypt_column('app.second', 'body')")?;
    lab.cluster.stop(StopMode::Immediate)?;
    drop(tx);
    lab.cluster.start()?;
    let mut client = lab.connect("app")?;
    let body: String = lab.as_member(&mut client, &mia, |tx| value(tx, "SELECT body FROM app.paper_clear"))?;
    assert_eq!(body, "after the rotation");
    let mut superuser = lab.superuser()?;
    assert_eq!(value::<i64>(&mut superuser, "SELECT count(*) FROM app.second WHERE body = 'plain'")?, 1000);
    lab.connect("dba")?.batch_execute("SELECT warden.encrypt_column('app.second', 'body')")?;
    assert_eq!(
        value::<i64>(&mut superuser, "SELECT count(*) FROM app.second WHERE body::text LIKE '\\\\x0101%'")?,
        1000
    );
    Ok(())
}

#[test]
fn another_database_or_another_root_key_opens_nothing() -> Result<()> {
    let (one, two) = (Lab::start()?, Lab::start()?);
    let id = Uuid::from_u128(0x4242);
    let mut sealed = Vec::new();
    for lab in [&one, &two] {
        lab.connect("officer")?.execute("SELECT warden.create_tenant('moved', 'Moved', id => $1)", &[&id])?;
        lab.connect("officer")?.execute("SELECT warden.add_member($1, 'mia', 'member')", &[&id])?;
        sealed.push(lab.as_tenant(&Member::new(id, "mia"), |tx| {
            Ok(tx.query_one("SELECT warden.encrypt('x'::text, 'c')::text", &[])?.get::<_, String>(0))
        })?);
    }
    let open = |lab: &Lab, envelope: &String| {
        let query = "SELECT warden.decrypt($1::text::warden.ciphertext, 'c')";
        lab.as_tenant(&Member::new(id, "mia"), |tx| Ok(tx.query_one(query, &[envelope])?.get::<_, String>(0)))
    };
    assert_eq!(open(&one, &sealed[0])?, "x");
    assert_eq!(open(&two, &sealed[1])?, "x");
    refused(open(&two, &sealed[0]), MOVED)?;
    refused(open(&one, &sealed[1]), MOVED)?;
    Ok(())
}

/// A value just below PostgreSQL's limit, and those that are too long with their envelope: an error, no crash.
#[test]
fn values_up_to_postgresqls_own_limit() -> Result<()> {
    let pair = encrypted(false)?;
    let mut client = pair.app()?;
    let pid: i32 = value(&mut client, "SELECT pg_backend_pid()")?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    let megabytes = "SELECT length(warden.decrypt(warden.encrypt(repeat('x', $1), 'c'), 'c'))";
    assert_eq!(tx.query_one(megabytes, &[&300_000_000])?.get::<_, i32>(0), 300_000_000);
    // 1 GB less 5 is the longest text; with an envelope around it there is no room.
    for length in [0x3fff_fffa, 0x3fff_ffff - 40] {
        let mut savepoint = tx.savepoint("long")?;
        refused(savepoint.query_one("SELECT warden.encrypt(repeat('x', $1), 'c') IS NULL", &[&length]), &["54000"])?;
        savepoint.rollback()?;
    }
    assert_eq!(value::<i32>(&mut tx, "SELECT pg_backend_pid()")?, pid);
    Ok(())
}
