//! The root key: whatever is wrong with it is one clear error at first use, the server goes on, nothing is written.

use std::fs;

use postgres::Client;
use warden_lab::{Cluster, Lab, Member, ROOT_KEY, Result, refused};
use warden_tests::{WRONG_STATE, value};

const OTHER_KEY: [u8; 32] = [7; 32];

struct World {
    lab: Lab,
    member: Member,
    /// What was sealed while all was well, in text.
    sealed: String,
}

impl World {
    fn new() -> Result<Self> {
        let lab = Lab::start()?;
        let member = Member::new(lab.tenant("ours", &[("mia", "member")])?, "mia");
        let sealed = lab.as_tenant(&member, |tx| {
            Ok(tx.query_one("SELECT warden.encrypt('kept safe'::text, 'c')::text", &[])?.get::<_, String>(0))
        })?;
        Ok(Self { lab, member, sealed })
    }

    fn open(&self) -> Result<String> {
        let query = "SELECT warden.decrypt($1::text::warden.ciphertext, 'c')";
        self.lab.as_tenant(&self.member, |tx| Ok(tx.query_one(query, &[&self.sealed])?.get(0)))
    }

    fn seal(&self) -> Result<()> {
        let query = "SELECT warden.encrypt('new'::text, 'c')::text, warden.encrypt_eq('new', 'c')::text, warden.search_term('new', 'c')::text";
        self.lab.as_tenant(&self.member, |tx| Ok(tx.query_one(query, &[]).map(drop)?))
    }

    /// Rows of the key registries.
    fn registered(&self) -> Result<i64> {
        value(
            &mut self.lab.superuser()?,
            "SELECT (SELECT count(*) FROM warden.tenant_key_registry) + (SELECT count(*) FROM warden.data_key_registry)",
        )
    }

    /// One error that says `why`, for whatever needs the key; the server goes on, and nothing is written.
    fn all_refused(&self, why: &str) -> Result<()> {
        let before = self.registered()?;
        let officer = || self.lab.connect("officer");
        let rotate = format!("SELECT warden.rotate_key('{}')", self.member.tenant);
        for (what, refusal) in [
            ("decrypt", refused(self.open(), WRONG_STATE)?),
            ("encrypt", refused(self.seal(), WRONG_STATE)?),
            ("rotate_key", refused(officer()?.batch_execute(&rotate), WRONG_STATE)?),
        ] {
            let said = format!("{refusal:?}");
            assert!(said.contains(why), "{what}: {said} does not say {why:?}");
            assert!(!said.contains("the root key of a lab"), "{what} shows the key: {said}");
        }
        // A tenant can be created; its keys are made when the root key is there.
        let slug = self.lab.unique("late");
        self.lab.tenant(&slug, &[])?;
        assert_eq!(self.registered()?, before, "keys were written");
        assert_eq!(value::<i32>(&mut self.lab.connect("app")?, "SELECT 1")?, 1);
        Ok(())
    }

    fn all_well(&self) -> Result<()> {
        assert_eq!(self.open()?, "kept safe");
        self.seal()
    }
}

#[test]
fn whatever_is_wrong_with_the_file_is_one_clear_error() -> Result<()> {
    let world = World::new()?;
    let cluster = &world.lab.cluster;
    let file = cluster.root_key_file();
    world.all_well()?;

    fs::remove_file(&file)?;
    world.all_refused("does not exist")?;
    fs::create_dir(&file)?;
    world.all_refused("is not a regular file")?;
    fs::remove_dir(&file)?;
    for (content, length) in [(&ROOT_KEY[..31], 31), (&[][..], 0), (&[0; 33][..], 33)] {
        cluster.write_root_key(content, 0o600)?;
        world.all_refused(&format!("has {length} bytes, not 32"))?;
    }
    for mode in [0o604, 0o640, 0o660, 0o601] {
        cluster.write_root_key(&ROOT_KEY, mode)?;
        world.all_refused(&format!("its mode is {mode:04o}"))?;
    }
    cluster.write_root_key(&OTHER_KEY, 0o600)?;
    world.all_refused("the root key does not open the tenant's key")?;

    // Every error names the file; with the right key back, nothing was lost.
    let refusal = refused(world.open(), WRONG_STATE)?;
    assert!(format!("{refusal:?}").contains(&file.display().to_string()), "{refusal:?}");
    for mode in [0o600, 0o400] {
        cluster.write_root_key(&ROOT_KEY, mode)?;
        world.all_well()?;
    }
    assert!(!cluster.log()?.contains("the root key of a lab"), "the log holds the key");
    Ok(())
}

#[test]
fn the_file_lies_outside_of_the_data_directory() -> Result<()> {
    let world = World::new()?;
    let cluster = &world.lab.cluster;
    let inside = cluster.data_dir().join("root.key");
    cluster.write_private(&inside, &ROOT_KEY, 0o600)?;
    let link = cluster.scratch_dir("elsewhere")?.join("link");
    std::os::unix::fs::symlink(&inside, &link)?;
    let mut superuser = world.lab.superuser()?;
    let mut set = |name: &str, value: &str| -> Result<()> {
        superuser.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'"))?;
        cluster.reload()?;
        std::thread::sleep(std::time::Duration::from_millis(300));
        Ok(())
    };
    for path in [&inside, &link] {
        set("warden.root_key_file", &path.display().to_string())?;
        world.all_refused("lies inside of the data directory")?;
    }
    set("warden.root_key_file", "root.key")?;
    world.all_refused("is not named by its absolute path")?;
    set("warden.root_key_file", "")?;
    world.all_refused("warden.root_key_file is not set")?;
    set("warden.root_key_file", &inside.display().to_string())?;
    set("warden.allow_local_root_key", "on")?;
    world.all_well()
}

#[test]
fn the_setting_is_the_servers_own() -> Result<()> {
    let world = World::new()?;
    for role in ["app", "dba", "officer", "auditor"] {
        let mut client = world.lab.connect(role)?;
        for change in ["SET warden.root_key_file = '/tmp/x'", "SET warden.allow_local_root_key = on"] {
            refused(client.batch_execute(change), &["55P02"])?;
        }
        refused(client.batch_execute("SHOW warden.root_key_file"), &["42501"])?;
    }
    let mut superuser = world.lab.superuser()?;
    refused(superuser.batch_execute("SET warden.root_key_file = '/tmp/x'"), &["55P02"])?;
    let file: String = value(&mut superuser, "SHOW warden.root_key_file")?;
    assert_eq!(file, world.lab.cluster.root_key_file().display().to_string());
    Ok(())
}

/// What a process holds in its memory, mapping by mapping; `None` where this user may not look.
fn mappings_with(pid: i32, needle: &[u8]) -> Option<Vec<String>> {
    use std::io::{Read, Seek, SeekFrom};
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        if !rights.starts_with('r') || line.contains("[v") {
            continue;
        }
        let Some((start, end)) = range.split_once('-') else { continue };
        let (Ok(start), Ok(end)) = (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16)) else { continue };
        let mut bytes = vec![0; usize::try_from(end - start).ok()?];
        if memory.seek(SeekFrom::Start(start)).is_err() || memory.read_exact(&mut bytes).is_err() {
            continue;
        }
        if bytes.windows(needle.len()).any(|window| window == needle) {
            found.push(line.to_owned());
        }
    }
    Some(found)
}

fn pid(client: &mut Client) -> Result<i32> {
    value(client, "SELECT pg_backend_pid()")
}

#[test]
fn nothing_of_the_root_key_stays_in_a_backends_memory() -> Result<()> {
    let world = World::new()?;
    let mut app = world.lab.connect("app")?;
    let pid = pid(&mut app)?;
    let mark = b"a mark that is in the memory, at least in the statement";
    world.lab.as_member(&mut app, &world.member, |tx| {
        tx.query_one("SELECT warden.encrypt('x'::text, 'c')::text", &[])?;
        tx.query_one(&format!("SELECT length('{}')", String::from_utf8_lossy(mark)), &[])?;
        let Some(found) = mappings_with(pid, mark) else {
            eprintln!("skipped: this user may not read the server's memory");
            return Ok(());
        };
        assert!(!found.is_empty(), "the search finds nothing");
        assert_eq!(mappings_with(pid, &ROOT_KEY), Some(vec![]), "in a transaction that has used it");
        Ok(())
    })?;
    refused(
        world.lab.as_member(&mut app, &world.member, |tx| {
            tx.query_one("SELECT warden.encrypt('x'::text, 'c')::text, 1 / 0", &[])?;
            Ok(())
        }),
        &["22012"],
    )?;
    assert!(mappings_with(pid, &ROOT_KEY).is_none_or(|found| found.is_empty()), "after an error");
    Ok(())
}

#[test]
fn keys_lie_in_memory_that_no_core_dump_holds() -> Result<()> {
    let world = World::new()?;
    let mut app = world.lab.connect("app")?;
    let pid = pid(&mut app)?;
    // Regions of keys: anonymous, of 128 KiB, left out of dumps (dd) and wiped in a child (wf).
    let regions = || -> Option<usize> {
        let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).ok()?;
        let flags = smaps.lines().filter(|line| line.starts_with("VmFlags:"));
        Some(flags.filter(|flags| flags.contains(" dd") && flags.contains(" wf")).count())
    };
    let Some(before) = regions() else {
        eprintln!("skipped: this user may not look at the server's mappings");
        return Ok(());
    };
    world.lab.as_member(&mut app, &world.member, |tx| {
        tx.query_one("SELECT warden.encrypt('x'::text, 'c')::text, warden.search_term('x', 'c')::text", &[])?;
        assert_eq!(regions(), Some(before + 1), "one region for this backend's keys");
        Ok(())
    })?;
    Ok(())
}

#[test]
fn a_server_without_a_root_key_does_everything_else() -> Result<()> {
    let lab = Lab::start_with(Cluster::builder().setting("warden.root_key_file", ""))?;
    let mia = Member::new(lab.tenant("ours", &[("mia", "member")])?, "mia");
    lab.connect("dba")?.batch_execute(
        "CREATE TABLE app.t (tenant_id uuid NOT NULL, id int PRIMARY KEY, secret text); GRANT ALL ON app.t TO app;
         SELECT warden.protect('app.t')",
    )?;
    lab.superuser()?.execute("INSERT INTO app.t VALUES ($1, 1, 'as it was')", &[&mia.tenant])?;
    let refusal =
        refused(lab.connect("dba")?.batch_execute("SELECT warden.encrypt_column('app.t', 'secret')"), WRONG_STATE)?;
    assert!(format!("{refusal:?}").contains("warden.root_key_file is not set"), "{refusal:?}");
    let seen: String = lab.as_tenant(&mia, |tx| Ok(tx.query_one("SELECT secret FROM app.t", &[])?.get(0)))?;
    assert_eq!(seen, "as it was");
    // An empty table needs no key to become ciphertext, and none to come back.
    lab.superuser()?.batch_execute("DELETE FROM app.t")?;
    lab.connect("officer")?.batch_execute(
        "SELECT warden.encrypt_column('app.t', 'secret', true); SELECT warden.decrypt_column('app.t', 'secret')",
    )?;
    Ok(())
}
