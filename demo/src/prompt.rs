//! `make demo-psql`: psql as the application, in the world of the story.

use std::{fs, io::Write, process::Command};

use warden_lab::{
    Error, Result,
    sample::{ROLE_LABELS, STAFF},
};

use crate::world::World;

pub fn open(world: &World) -> Result<()> {
    let cluster = &world.lab.cluster;
    let rc = cluster.scratch_dir("psql")?.join("psqlrc");
    let mut file = fs::File::create(&rc).map_err(Error::file(&rc))?;
    write!(file, "{}", startup(world)?)?;
    drop(file);
    // As the caller, not as the server's user: the history is the caller's. The script that started us ignores SIGINT, so that
    // Ctrl-C reaches psql alone.
    let status = Command::new(cluster.bin_dir().join("psql"))
        .env("PSQLRC", &rc)
        .arg("-h")
        .arg(cluster.socket_dir())
        .args(["-p", &cluster.port().to_string(), "-U", "app", "-d", "postgres", "-v", "HISTFILE=/dev/null"])
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::unexpected(format!("psql ended with {status}"))),
    }
}

/// Variables with tokens for two institutions, and what to try with them.
fn startup(world: &World) -> Result<String> {
    let mut text = String::from("\\set QUIET on\n\\pset null '(null)'\n\\set PROMPT1 'app %R%x%# '\n");
    let mut names = Vec::new();
    for (number, (institution, _)) in world.institutions().enumerate().take(2) {
        // Each token's variable says the role that it opens, and not the title of the member.
        for (role, title) in ROLE_LABELS.iter().zip(STAFF.into_iter().chain(["student"])) {
            let name = format!("{}_{role}", institution.slug.replace('-', "_"));
            let token = world
                .lab
                .token_for(&world.member(number, title)?)
                .ttl(std::time::Duration::from_secs(12 * 60 * 60))
                .sign();
            text.push_str(&format!("\\set {name} '{token}'\n"));
            names.push(name);
        }
    }
    let (one, two) = names.split_at(ROLE_LABELS.len());
    let [instructor, student] = [1, 3].map(|role| one.get(role).cloned().unwrap_or_default());
    let other = two.first().cloned().unwrap_or_default();
    let (probes, secrets) = (&world.sample.probes, &world.sample.secrets);
    let banner = [
        String::new(),
        "You are the application's role, app, in the protected world. psql variables hold tokens:".into(),
        format!("  {}", one.join(", ")),
        format!("  {}", two.join(", ")),
        String::new(),
        "Try:".into(),
        format!("  BEGIN; SELECT warden.login(:'{instructor}'); SELECT * FROM warden.whoami();"),
        format!("  {};   -- no WHERE: its own rows", probes.forgotten_where),
        format!("  SELECT warden.login(:'{other}');   -- a second login; then ROLLBACK;"),
        format!("  BEGIN; SELECT warden.login(:'{student}');"),
        format!("  {};", probes.instructor_write),
        "Also: SET warden.context, RESET ALL, set_config, \\d+ exam.*;".into(),
        "or \\c - dba (owns the tables), officer (warden_admin), auditor (warden_auditor), app_broker (warden_broker)."
            .into(),
        "As dba, encrypt a column, and then read the table, and the view that the notice names:".into(),
        format!("  {};", secrets.call(secrets.searched)),
        "or audit a table, change a row as an instructor, and read the log as that institution's institution_admin:"
            .into(),
        format!("  SELECT warden.audit('{}');", world.sample.results.table),
        "  SELECT entry, user_id, operation, key, old, new FROM warden.audit_log;".into(),
        "\\q stops the server and removes everything.".into(),
        String::new(),
    ];
    for line in banner {
        text.push_str(&format!("\\echo '{}'\n", line.replace('\\', "\\\\").replace('\'', "''")));
    }
    text.push_str("\\set QUIET off\n");
    Ok(text)
}
