//! The audit log under many connections, and what an auditor makes of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use postgres::{Client, Transaction};
use warden_core::audit::{Checkpoint, Place, VerifierKey};
use warden_lab::{Cluster, Error, Lab, Member, Result, StopMode, Uuid, refused};
use warden_tests::audit::{Evidence, export, faults, keys, seal, sound};
use warden_tests::{Pair, value};

/// An entry of a row's change: operation, id, body before and after.
type Change = (String, String, Option<String>, Option<String>);

/// The pair's table, audited: none of the rows that it holds is in the log.
fn audited() -> Result<Pair> {
    let pair = Pair::new()?;
    pair.owner()?.execute(&format!("SELECT warden.audit('{}')", pair.table), &[])?;
    Ok(pair)
}

fn xid(tx: &mut Transaction<'_>) -> Result<String> {
    value(tx, "SELECT pg_current_xact_id()::text")
}

/// What the owner reads of the table's entries, by transaction, in the order of their numbers; which have no gap.
fn recorded(pair: &Pair, owner: &Member) -> Result<BTreeMap<String, Vec<Change>>> {
    let query = "SELECT xid::text, number, operation, key ->> 'id', old ->> 'body', new ->> 'body' FROM warden.audit_log \
         WHERE relation = $1 ORDER BY xid, number";
    let rows = pair.lab.as_tenant(owner, |tx| Ok(tx.query(query, &[&pair.table])?))?;
    let mut log: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    for row in rows {
        let changes = log.entry(row.get(0)).or_default();
        let number: i64 = row.get(1);
        changes.push((row.get(2), row.get(3), row.get(4), row.get(5)));
        assert_eq!(usize::try_from(number).ok(), Some(changes.len()), "a gap before number {number}");
    }
    Ok(log)
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A connection's rows as they should be, and what the log should say of how they became so.
#[derive(Clone, Default)]
struct World {
    rows: BTreeMap<u64, String>,
    changes: Vec<Change>,
    savepoints: u32,
}

impl World {
    /// One statement that changes one row, made in the database and here.
    fn step(&mut self, tx: &mut Transaction<'_>, table: &str, base: u64, dice: &mut Dice) -> Result<()> {
        let (id, body) = (base + dice.below(20), format!("b{}", dice.below(1000)));
        let old = self.rows.get(&id).cloned();
        let (statement, operation) = match (&old, dice.below(3)) {
            (None, _) => (format!("INSERT INTO {table} (id, body) VALUES ({id}, '{body}')"), "INSERT"),
            (Some(_), 0) => (format!("DELETE FROM {table} WHERE id = {id}"), "DELETE"),
            (Some(_), _) => (format!("UPDATE {table} SET body = '{body}' WHERE id = {id}"), "UPDATE"),
        };
        assert_eq!(tx.execute(&statement, &[])?, 1);
        let new = (operation != "DELETE").then_some(body);
        match &new {
            Some(body) => self.rows.insert(id, body.clone()),
            None => self.rows.remove(&id),
        };
        self.changes.push((operation.to_owned(), id.to_string(), old, new));
        Ok(())
    }

    /// Steps, and savepoints in savepoints; what is rolled back here is rolled back there.
    fn walk(&mut self, tx: &mut Transaction<'_>, table: &str, base: u64, dice: &mut Dice, depth: u32) -> Result<()> {
        for _ in 0..=dice.below(3) {
            if depth < 3 && dice.below(3) == 0 {
                let before = self.clone();
                // Of one name each: what is rolled back to stays, and would be taken for the one around it.
                self.savepoints += 1;
                let mut inner = tx.savepoint(format!("s{}", self.savepoints))?;
                self.walk(&mut inner, table, base, dice, depth + 1)?;
                if dice.below(2) == 0 {
                    inner.commit()?;
                } else {
                    inner.rollback()?;
                    *self = Self { savepoints: self.savepoints, ..before };
                }
            } else {
                self.step(tx, table, base, dice)?;
            }
        }
        Ok(())
    }
}

const CONNECTIONS: u64 = 8;

/// One connection's transactions; gives what it has committed.
fn work(pair: &Pair, connection: u64) -> Result<BTreeMap<String, Vec<Change>>> {
    let (member, base) = (pair.our("mia"), 1000 * (connection + 1));
    let mut client = pair.app()?;
    let mut dice = Dice(connection);
    let (mut world, mut committed) = (World::default(), BTreeMap::new());
    for _ in 0..30 {
        let before = world.clone();
        let mut tx = pair.begin(&mut client, &member)?;
        world.walk(&mut tx, &pair.table, base, &mut dice, 0)?;
        let xid = xid(&mut tx)?;
        if dice.below(4) > 0 {
            tx.commit()?;
            let changes = std::mem::take(&mut world.changes);
            if !changes.is_empty() {
                committed.insert(xid, changes);
            }
        } else {
            tx.rollback()?;
            world = before;
        }
    }
    Ok(committed)
}

#[test]
fn what_has_committed_is_in_the_log_and_nothing_else() -> Result<()> {
    let pair = audited()?;
    let running = AtomicUsize::new(usize::try_from(CONNECTIONS).unwrap_or_default());
    let expected = thread::scope(|scope| -> Result<_> {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let (pair, running) = (&pair, &running);
                scope.spawn(move || {
                    let done = work(pair, connection);
                    running.fetch_sub(1, Ordering::SeqCst);
                    done
                })
            })
            .collect();
        // Sealed and verified while they write.
        let mut officer = pair.officer()?;
        while running.load(Ordering::SeqCst) > 0 {
            seal(&mut officer)?;
            assert_eq!(faults(&mut officer)?, [""; 0]);
        }
        let mut expected = BTreeMap::new();
        for worker in workers {
            expected.extend(worker.join().map_err(|_| Error::unexpected("a worker panicked"))??);
        }
        Ok(expected)
    })?;
    assert_eq!(recorded(&pair, &pair.our("olga"))?, expected);
    assert!(expected.len() > 100, "{} transactions", expected.len());
    sound(pair.lab, "postgres")?;
    // Sealed, an entry is what it was; each has its place in the tree, and there is no other.
    assert_eq!(recorded(&pair, &pair.our("olga"))?, expected);
    let places = "SELECT count(block) = count(*) AND count(DISTINCT index) = count(*) AND min(index) = 0 \
         AND max(index) = count(*) - 1 FROM warden.audit_log";
    assert!(pair.lab.as_tenant(&pair.our("olga"), |tx| value(tx, places))?);
    assert!(recorded(&pair, &pair.their("otto"))?.is_empty());
    Ok(())
}

#[test]
fn a_transaction_that_stays_open_stalls_nobody_and_comes_later() -> Result<()> {
    let pair = audited()?;
    let (mia, olga) = (pair.our("mia"), pair.our("olga"));
    let mut officer = pair.officer()?;
    let mut client = pair.app()?;
    let mut open = pair.begin(&mut client, &mia)?;
    open.batch_execute(&format!("UPDATE {} SET body = 'slow' WHERE id = 1", pair.table))?;
    // More than the buffer holds: these are stored long before they are committed.
    open.batch_execute(&format!(
        "INSERT INTO {} (id, body) SELECT n, repeat('x', 500) FROM generate_series(1000, 3000) n",
        pair.table
    ))?;
    let slow = xid(&mut open)?;
    let block_of = |xid: &str| -> Result<Vec<Option<i64>>> {
        let query = "SELECT DISTINCT block FROM warden.audit_log WHERE xid = $1::text::xid8";
        let rows = pair.lab.as_tenant(&olga, |tx| Ok(tx.query(query, &[&xid])?))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    };
    let mut quick = Vec::new();
    for id in [2, 3] {
        let update = format!("UPDATE {} SET body = 'quick' WHERE id = {id}", pair.table);
        let xid = pair.lab.as_tenant(&mia, |tx| {
            tx.execute(&update, &[])?;
            xid(tx)
        })?;
        let block = seal(&mut officer)?;
        assert_eq!(block_of(&xid)?.len(), 1);
        assert!(block_of(&xid)?[0].is_some_and(|own| own <= block));
        quick.push(block);
    }
    assert!(quick[0] < quick[1]);
    assert!(block_of(&slow)?.is_empty());
    assert_eq!(faults(&mut officer)?, [""; 0]);
    open.commit()?;
    let block = seal(&mut officer)?;
    let slow = block_of(&slow)?;
    assert!(slow.len() == 1 && slow[0].is_some_and(|own| quick[1] < own && own <= block), "{slow:?}");
    sound(pair.lab, "postgres")
}

#[test]
fn whoever_asks_for_a_block_finds_what_was_committed_before_in_it() -> Result<()> {
    let pair = audited()?;
    let (mia, olga) = (pair.our("mia"), pair.our("olga"));
    thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..6)
            .map(|worker| {
                let (pair, mia, olga) = (&pair, &mia, &olga);
                scope.spawn(move || -> Result<()> {
                    let mut client = pair.app()?;
                    for step in 0..5 {
                        let insert = format!(
                            "INSERT INTO {} (id, body) VALUES ({}, 'x')",
                            pair.table,
                            1000 + 10 * worker + step
                        );
                        let xid = pair.lab.as_member(&mut client, mia, |tx| {
                            tx.execute(&insert, &[])?;
                            xid(tx)
                        })?;
                        pair.lab.as_member(&mut client, olga, |tx| {
                            let newest: i64 = value(tx, "SELECT warden.seal_audit()")?;
                            let query = "SELECT block FROM warden.audit_log WHERE xid = $1::text::xid8";
                            let own: Option<i64> = tx.query_one(query, &[&xid])?.get(0);
                            assert!(own.is_some_and(|own| own <= newest), "{own:?} of {newest}");
                            Ok(())
                        })?;
                    }
                    Ok(())
                })
            })
            .collect();
        for worker in workers {
            worker.join().map_err(|_| Error::unexpected("a worker panicked"))??;
        }
        Ok(())
    })?;
    let mut officer = pair.officer()?;
    let chain = "SELECT bool_and(block = n AND prev_hash = before) FROM (SELECT block, prev_hash, row_number() OVER w AS n, \
         lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER w AS before FROM warden.audit_blocks WINDOW w AS (ORDER BY block)) b";
    assert!(value::<bool>(&mut officer, chain)?);
    // A caller's own transaction does not hold up what it asks for, whatever it has read and written.
    let mut tx = officer.transaction()?;
    tx.batch_execute("SELECT count(*) FROM warden.audit_log; SELECT warden.grant_permission('member', 'audit.read')")?;
    let waiting: i64 = value(&mut tx, "SELECT warden.seal_audit()")?;
    assert!(waiting > 0);
    tx.rollback()?;
    sound(pair.lab, "postgres")
}

/// A lock on the log's tables keeps its entry, so it keeps the change.
#[test]
fn a_change_whose_entry_cannot_be_written_is_not_made() -> Result<()> {
    let lab = Lab::start()?;
    let ours = lab.tenant("ours", &[("mia", "member"), ("olga", "owner")])?;
    lab.connect("dba")?.batch_execute(
        "CREATE TABLE app.t (id int PRIMARY KEY, tenant_id uuid NOT NULL); GRANT ALL ON app.t TO app;
         SELECT warden.protect('app.t'), warden.audit('app.t')",
    )?;
    let (mia, olga) = (Member::new(ours, "mia"), Member::new(ours, "olga"));
    let count = "SELECT count(*) FROM app.t";
    for table in ["warden.audit_entry_0", "warden.audit_payload_0"] {
        let mut superuser = lab.superuser()?;
        let mut lock = superuser.transaction()?;
        lock.batch_execute(&format!("LOCK TABLE {table} IN SHARE MODE"))?;
        let mut app = lab.connect("app")?;
        app.batch_execute("SET lock_timeout = '150ms'")?;
        let mut tx = app.transaction()?;
        lab.login(&mut tx, &mia)?;
        assert_eq!(tx.execute("INSERT INTO app.t (id) VALUES (1)", &[])?, 1);
        refused(tx.commit(), &["55P03"])?;
        assert_eq!(lab.as_tenant(&mia, |tx| value::<i64>(tx, count))?, 0, "{table}");
        lock.rollback()?;
        // The same connection, when the lock is gone.
        lab.as_member(&mut app, &mia, |tx| Ok(tx.execute("INSERT INTO app.t (id) VALUES (1)", &[])?))?;
        lab.as_member(&mut app, &mia, |tx| Ok(tx.execute("DELETE FROM app.t", &[])?))?;
    }
    sound(&lab, "postgres")?;
    let query = "SELECT string_agg(operation, ' ' ORDER BY xid, number) FROM warden.audit_log WHERE relation = 'app.t'";
    assert_eq!(lab.as_tenant(&olga, |tx| value::<String>(tx, query))?, "INSERT DELETE INSERT DELETE");
    Ok(())
}

/// A server whose blocks are signed, or will be.
struct Signed {
    lab: Lab,
    mia: Member,
    olga: Member,
    theirs: Uuid,
}

impl Signed {
    fn new() -> Result<Self> {
        let cluster =
            Cluster::builder().setting("warden.installation", "audit.lab.test").setting("warden.audit_key_file", "");
        let lab = Lab::start_with(cluster)?;
        let ours = lab.tenant("ours", &[("mia", "member"), ("olga", "owner")])?;
        let theirs = lab.tenant("theirs", &[("otto", "owner")])?;
        lab.connect("dba")?.batch_execute(
            "CREATE TABLE app.t (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text); GRANT ALL ON app.t TO app;
             SELECT warden.protect('app.t'), warden.audit('app.t')",
        )?;
        Ok(Self { lab, mia: Member::new(ours, "mia"), olga: Member::new(ours, "olga"), theirs })
    }

    /// The key of a seed, from the next block on.
    fn use_key(&self, seed: u8, mode: u32) -> Result<()> {
        let file = self.lab.cluster.socket_dir().join("audit.key");
        self.lab.cluster.write_private(&file, &[seed; 32], mode)?;
        self.lab
            .superuser()?
            .batch_execute(&format!("ALTER SYSTEM SET warden.audit_key_file = '{}'", file.display()))?;
        self.lab.cluster.reload()
    }

    /// A sealed entry of ours.
    fn insert(&self, id: i32) -> Result<i64> {
        let insert = format!("INSERT INTO app.t (id, body) VALUES ({id}, 'CANARY {id}')");
        self.lab.as_tenant(&self.mia, |tx| Ok(tx.execute(&insert, &[])?))?;
        seal(&mut self.lab.connect("officer")?)
    }

    fn evidence(&self) -> Result<Evidence> {
        Evidence::of(&mut self.lab.connect("app")?, &self.lab, &self.olga)
    }

    fn keys(&self) -> Result<Vec<VerifierKey>> {
        keys(&mut self.lab.connect("officer")?)
    }

    /// What verify_audit says of keys and of our checkpoints.
    fn said(&self) -> Result<String> {
        let query = "SELECT string_agg(detail, '; ' ORDER BY check_name DESC) FROM warden.verify_audit() \
             WHERE check_name = 'keys' OR check_name = 'checkpoints' AND tenant IS NOT NULL";
        self.lab.as_tenant(&self.olga, |tx| value(tx, query))
    }
}

#[test]
fn without_a_key_blocks_are_unsigned_and_another_key_signs_from_the_next_block_on() -> Result<()> {
    let signed = Signed::new()?;
    signed.insert(1)?;
    let unsigned = signed.evidence()?;
    assert_eq!(signed.keys()?.len(), 0);
    assert!(!unsigned.checkpoint.contains('\u{2014}'), "{}", unsigned.checkpoint);
    assert!(signed.said()?.contains("no block is signed: there was no key"), "{}", signed.said()?);
    assert!(unsigned.accepted(&[], None)?.signer.is_none());
    // A file that others can read is no key.
    signed.use_key(1, 0o644)?;
    let last_unsigned = signed.insert(2)?;
    assert_eq!(signed.keys()?.len(), 0);
    assert!(signed.lab.cluster.log()?.contains("the audit log is not signed"));

    signed.use_key(1, 0o600)?;
    until(|| signed.insert_any().and(Ok(!signed.keys()?.is_empty())))?;
    let (one, first) = (signed.evidence()?, signed.keys()?);
    assert_eq!(first.len(), 1);
    assert_eq!(one.accepted(&first, None)?.signer.as_ref(), first.first());
    // What is not signed is not taken for it.
    assert!(unsigned.check(&first, None).is_err());
    assert!(one.check(&first, Some(&unsigned.checkpoint)).is_err());
    assert!(one.accepted(&[], Some(&unsigned.checkpoint))?.given.is_some());

    signed.use_key(2, 0o600)?;
    until(|| signed.insert_any().and(Ok(signed.keys()?.len() == 2)))?;
    let (two, both) = (signed.evidence()?, signed.keys()?);
    assert_eq!(both[0], first[0]);
    assert_eq!(one.accepted(&both, None)?.signer.as_ref(), both.first());
    assert_eq!(two.accepted(&both, Some(&one.checkpoint))?.signer.as_ref(), both.last());
    assert!(two.check(&first, None).is_err());
    let mut officer = signed.lab.connect("officer")?;
    let spans: String = value(
        &mut officer,
        "SELECT string_agg(concat_ws('-', from_block, to_block), ' ' ORDER BY from_block) FROM warden.audit_keys",
    )?;
    let (from, to) = spans.split_once(' ').unwrap_or_default();
    let (end, next): (i64, i64) = (number(from.split('-').nth(1))?, number(Some(to))?);
    assert!(number(from.split('-').next())? > last_unsigned && end + 1 == next, "{spans}");
    assert!(signed.said()?.starts_with("2 keys; "), "{}", signed.said()?);
    assert!(signed.said()?.contains("unsigned: there was no key then"), "{}", signed.said()?);
    sound(&signed.lab, "postgres")
}

fn number(text: Option<&str>) -> Result<i64> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Error::unexpected(format!("no number: {text:?}")))
}

impl Signed {
    /// One more sealed entry.
    fn insert_any(&self) -> Result<i64> {
        let next: i32 = value(&mut self.lab.superuser()?, "SELECT coalesce(max(id), 0) + 1 FROM app.t")?;
        self.insert(next)
    }
}

/// Tries until it holds, as a setting that is read again when the worker hears of it.
fn until(mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..100 {
        if holds()? {
            return Ok(());
        }
        thread::sleep(std::time::Duration::from_millis(30));
    }
    Err(Error::unexpected("it does not come to hold"))
}

#[test]
fn an_auditor_believes_the_bundle_and_the_checkpoint_that_was_kept_alone() -> Result<()> {
    let signed = Signed::new()?;
    signed.use_key(7, 0o600)?;
    signed.insert(1)?;
    until(|| signed.insert_any().and(Ok(!signed.keys()?.is_empty())))?;
    for id in 1000..1005 {
        signed.insert(id)?;
    }
    let mut app = signed.lab.connect("app")?;
    let mut officer = signed.lab.connect("officer")?;
    let middle: String = value(&mut officer, "SELECT clock_timestamp()::text")?;
    let kept = signed.evidence()?;
    for id in 2000..2003 {
        signed.insert(id)?;
    }
    let whole = signed.evidence()?;
    let middle = format!("'{middle}'::timestamptz");
    let late = Evidence::between(&mut app, &signed.lab, &signed.olga, &middle, "NULL")?;
    let early = Evidence::between(&mut app, &signed.lab, &signed.olga, "NULL", &middle)?;
    let nothing = Evidence::between(&mut app, &signed.lab, &signed.olga, "now() + interval '1 day'", "NULL")?;
    let mut auditor = signed.lab.connect("auditor")?;
    let withheld =
        Evidence { lines: export(&mut auditor, signed.olga.tenant, "NULL", "NULL")?, checkpoint: String::new() };
    let other = Evidence { lines: export(&mut auditor, signed.theirs, "NULL", "NULL")?, checkpoint: String::new() };
    let keys = signed.keys()?;
    let entries: i64 = signed.lab.as_tenant(&signed.olga, |tx| value(tx, "SELECT count(*) FROM warden.audit_log"))?;

    // The superuser takes back the newest block, and everything that tells of it.
    let mut superuser = signed.lab.superuser()?;
    let newest: i64 = value(&mut superuser, "SELECT max(block) FROM warden.audit_block")?;
    let mut tx = superuser.transaction()?;
    tx.batch_execute(&format!(
        "DELETE FROM warden.audit_payload p USING warden.audit_leaf l WHERE l.block = {newest} AND (p.incarnation, p.xid, p.first) = (l.incarnation, l.xid, l.first);
         DELETE FROM warden.audit_entry e USING warden.audit_leaf l WHERE l.block = {newest} AND (e.incarnation, e.xid, e.first) = (l.incarnation, l.xid, l.first);
         DELETE FROM warden.audit_leaf WHERE block = {newest}; DELETE FROM warden.audit_head WHERE block = {newest}; DELETE FROM warden.audit_block WHERE block = {newest}"
    ))?;
    // From inside it cannot be known.
    assert_eq!(faults(&mut tx)?, [""; 0]);
    tx.batch_execute("SET LOCAL ROLE app")?;
    signed.lab.login(&mut tx, &signed.olga)?;
    let shortened = Evidence { lines: export(&mut tx, signed.olga.tenant, "NULL", "NULL")?, checkpoint: String::new() };
    tx.rollback()?;
    signed.lab.cluster.stop(StopMode::Fast)?;

    let report = whole.accepted(&keys, Some(&kept.checkpoint))?;
    assert_eq!((report.entries.cast_signed(), report.omitted, report.withheld, report.erased), (entries, 0, 0, 0));
    assert_eq!(report.signer.as_ref(), keys.last());
    assert!(report.block.is_some());
    let kept_size =
        Checkpoint::open(&kept.checkpoint, &keys).map_err(|error| Error::unexpected(error.to_string()))?.size;
    assert_eq!(report.checkpoint.size - kept_size, 3);
    // Parts: with what leads to the whole, and nothing else.
    let part = late.accepted(&keys, None)?;
    assert_eq!((part.entries, part.omitted, part.checkpoint.root), (3, kept_size, report.checkpoint.root));
    assert!(!late.lines.concat().contains("CANARY 1000") && late.lines.concat().contains("CANARY 2000"));
    let part = early.accepted(&keys, Some(&kept.checkpoint))?;
    assert_eq!((part.entries, part.omitted), (kept_size, 3));
    assert!(early.lines.concat().contains("CANARY 1000") && !early.lines.concat().contains("CANARY 2000"));
    assert_eq!(nothing.accepted(&keys, None)?.entries, 0);
    // The auditor's: all entries, no content.
    let report = withheld.accepted(&keys, Some(&kept.checkpoint))?;
    assert_eq!((report.entries.cast_signed(), report.checkpoint.size.cast_signed()), (entries, entries));
    assert!(report.withheld >= 8 && !withheld.lines.concat().contains("CANARY"), "{}", report.withheld);
    assert!(whole.lines.concat().contains("CANARY"));
    other.accepted(&keys, None)?;
    // Rejected: what was taken back, in the face of what was kept; another's checkpoint; any other byte; any line less.
    shortened.accepted(&keys, None)?;
    shortened.accepted(&keys, Some(&kept.checkpoint))?;
    let rejected = shortened.check(&keys, Some(&whole.checkpoint)).err().map(|rejected| rejected.place);
    assert_eq!(rejected, Some(Place::Checkpoint));
    assert!(other.check(&keys, Some(&kept.checkpoint)).is_err());
    for at in 0..whole.lines.len() {
        let mut less = whole.clone();
        less.lines.remove(at);
        assert!(less.check(&keys, None).is_err(), "without line {}", at + 1);
        let mut more = whole.clone();
        more.lines.insert(at, more.lines[at].clone());
        assert!(more.check(&keys, None).is_err(), "with line {} twice", at + 1);
        let mut forged = whole.clone();
        if forged.lines[at].contains("CANARY") {
            forged.lines[at] = forged.lines[at].replace("CANARY", "FORGED");
            let place = forged.check(&keys, None).err().map(|rejected| rejected.place);
            assert_eq!(place, Some(Place::Line(at as u64 + 1)));
        }
    }
    Ok(())
}

/// Proofs from the server lead an auditor who has kept nothing but checkpoints.
#[test]
fn a_log_that_has_grown_proves_it() -> Result<()> {
    use warden_core::audit::{Consistency, Inclusion, Seen, witness};
    let signed = Signed::new()?;
    let wrong = |error: warden_core::audit::Malformed| Error::unexpected(error.to_string());
    let mut last: Option<Checkpoint> = None;
    for round in 0..4 {
        let rows = [1, 5, 300, 2][round as usize];
        let insert = format!(
            "INSERT INTO app.t (id) SELECT n FROM generate_series({0}, {0} + {rows} - 1) n",
            1000 * (round + 1)
        );
        signed.lab.as_tenant(&signed.mia, |tx| Ok(tx.execute(&insert, &[])?))?;
        seal(&mut signed.lab.connect("officer")?)?;
        let (note, proof, entries) = signed.lab.as_tenant(&signed.olga, |tx| {
            let size = last.as_ref().map_or(0, |last| last.size).cast_signed();
            let note: String = value(tx, "SELECT warden.audit_checkpoint(warden.tenant_id())")?;
            let proof = tx.query_one("SELECT warden.audit_consistency_proof(warden.tenant_id(), $1)::text", &[&size])?;
            let entries = tx.query("SELECT index, warden.audit_inclusion_proof(entry)::text FROM warden.audit_log WHERE index % 37 = 0 OR index < 5", &[])?;
            Ok((note, proof.get::<_, String>(0), entries))
        })?;
        let now = Checkpoint::open(&note, &[]).map_err(wrong)?;
        let proof = Consistency::parse(&proof).map_err(wrong)?;
        let seen = witness(last.as_ref(), &now, Some(&proof)).map_err(wrong)?;
        assert_eq!(seen == Seen::First, last.is_none());
        for row in entries {
            let proof = Inclusion::parse(row.get(1)).map_err(wrong)?;
            assert_eq!(proof.root(), Some(now.root), "entry {}", row.get::<_, i64>(0));
        }
        if let Some(last) = &last {
            let shrunk = Checkpoint { size: last.size - 1, ..now.clone() };
            assert!(witness(Some(last), &shrunk, Some(&proof)).is_err());
        }
        last = Some(now);
    }
    refused(
        signed.lab.as_tenant(&signed.olga, |tx| {
            Ok(tx.execute("SELECT warden.audit_consistency_proof(warden.tenant_id(), 100000)", &[])?)
        }),
        &["22023"],
    )?;
    Ok(())
}

/// The same member through one connection and two tenants in turn: each change stands in the log of the context it was made in.
#[test]
fn a_pooled_connection_keeps_contexts_apart() -> Result<()> {
    let pair = audited()?;
    let mut client: Client = pair.app()?;
    for round in 0..10 {
        for (member, id) in [(pair.our("mia"), 1000 + round), (pair.their("max"), 2000 + round)] {
            pair.lab.as_member(&mut client, &member, |tx| {
                tx.execute(&format!("INSERT INTO {} (id, body) VALUES ({id}, 'x')", pair.table), &[])?;
                Ok(tx.execute("SELECT warden.record_event('test.round', $1)", &[&serde_json::json!(id)])?)
            })?;
        }
    }
    for (owner, user, first) in [(pair.our("olga"), "mia", 1000), (pair.their("otto"), "max", 2000)] {
        let query = "SELECT string_agg(DISTINCT user_id, ' '), count(*), min(coalesce(key ->> 'id', detail::text)::int), \
             max(coalesce(key ->> 'id', detail::text)::int) FROM warden.audit_log WHERE relation = $1 OR kind = 'test.round'";
        let row = pair.lab.as_tenant(&owner, |tx| Ok(tx.query_one(query, &[&pair.table])?))?;
        let seen: (String, i64, i32, i32) = (row.get(0), row.get(1), row.get(2), row.get(3));
        assert_eq!(seen, (user.to_owned(), 20, first, first + 9));
    }
    Ok(())
}
