//! Runs the SQL tests: `warden-regress <pg_regress> <test> ...`, from the root of the repository.
//!
//! A private server with the database `regression`, the platform's roles, two tenants with a member of each tier, and a file of
//! psql variables with the test issuer and tokens, which lasts longer than any run. `pg_regress/README.md` says how tests use it.

use std::{
    env,
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use serde_json::json;
use warden_lab::{Cluster, Error, Lab, OFFICER, Result, TestIssuer, Uuid};

const DATABASE: &str = "regression";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TENANTS: [(&str, &str); 2] = [("acme", "41"), ("globex", "42")];
const TIERS: [&str; 4] = ["owner", "admin", "member", "viewer"];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let mut arguments = env::args().skip(1);
    let program = arguments.next().ok_or_else(|| Error::unexpected("usage: warden-regress <pg_regress> <test> ..."))?;
    let tests: Vec<String> = arguments.collect();

    let lab = Lab::without_issuer(Cluster::builder().setting("max_prepared_transactions", "10"))?;
    let work = lab.cluster.scratch_dir("regress")?;
    let variables = work.join("tokens.sql");
    fs::write(&variables, world(&lab)?).map_err(Error::file(&variables))?;
    copy_tests(&lab.cluster)?;

    let update = env::var("UPDATE").is_ok_and(|value| value == "1");
    if update {
        // pg_regress stops at a test that it has nothing to compare with.
        for test in &tests {
            OpenOptions::new().create(true).append(true).open(work.join("expected").join(format!("{test}.out")))?;
        }
    }
    let mut regress = lab.cluster.program_at(Path::new(&program));
    regress
        .env("WARDEN_TOKENS", &variables)
        .arg(format!("--bindir={}", lab.cluster.bin_dir().display()))
        .arg(format!("--inputdir={}", work.display()))
        .arg(format!("--outputdir={}", work.display()))
        .arg(format!("--host={}", lab.cluster.socket_dir().display()))
        .arg(format!("--port={}", lab.cluster.port()))
        .args(["--use-existing", "--user=postgres", &format!("--dbname={DATABASE}")])
        .args(&tests);
    let passed = regress.status()?.success();
    if let Ok(differences) = fs::read_to_string(work.join("regression.diffs"))
        && !update
    {
        println!("{differences}");
    }
    if update {
        for test in &tests {
            let name = format!("{test}.out");
            let (from, to) = (work.join("results").join(&name), Path::new("pg_regress/expected").join(&name));
            fs::copy(&from, &to).map_err(Error::file(&from))?;
            println!("wrote {}", to.display());
        }
    }
    Ok(passed || update)
}

/// Makes what the tests start from; the psql variables that name it.
fn world(lab: &Lab) -> Result<String> {
    let mut superuser = lab.superuser()?;
    superuser
        .batch_execute(&format!("CREATE DATABASE {DATABASE} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"))?;
    // As pg_regress does to a database that it makes itself: the same messages and times everywhere.
    superuser.batch_execute(&format!(
        "ALTER DATABASE {DATABASE} SET lc_messages = 'C'; ALTER DATABASE {DATABASE} SET timezone = 'UTC';
         ALTER DATABASE {DATABASE} SET datestyle = 'ISO, YMD'; ALTER DATABASE {DATABASE} SET bytea_output = 'hex'"
    ))?;
    lab.prepare(DATABASE)?;

    let issuer = TestIssuer::new("https://idp.regress.test", [1; 32]);
    let mut officer = lab.cluster.connect(OFFICER, DATABASE)?;
    let options = json!({"max_ttl": "1 day"});
    officer.execute(
        "SELECT warden.add_issuer($1, $2, $3, $4)",
        &[&issuer.issuer, &issuer.jwks(), &issuer.audience, &options],
    )?;
    let mut variables =
        set("issuer", &issuer.issuer) + &set("audience", &issuer.audience) + &set("jwks", &issuer.jwks().to_string());
    for (number, (slug, external_id)) in (1..).zip(TENANTS) {
        let id = Uuid::from_u128(number);
        officer.execute(
            "SELECT warden.create_tenant(slug => $1, name => $1, external_id => $2, id => $3)",
            &[&slug, &external_id, &id],
        )?;
        variables += &set(slug, &id.to_string());
        for role in TIERS {
            let user = format!("{slug}-{role}");
            officer.execute("SELECT warden.add_member($1, $2, $3)", &[&id, &user, &role])?;
            variables += &set(&format!("{slug}_{role}"), &issuer.token(id, &user).ttl(DAY).sign());
        }
        variables += &set(&format!("{slug}_stranger"), &issuer.token(id, "stranger").ttl(DAY).sign());
    }
    Ok(variables)
}

fn set(name: &str, value: &str) -> String {
    format!("\\set {name} '{}'\n", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// Beside the server, whose user may not be allowed to read the repository.
fn copy_tests(cluster: &Cluster) -> Result<()> {
    for folder in ["sql", "expected"] {
        let (from, to) = (Path::new("pg_regress").join(folder), cluster.scratch_dir(&format!("regress/{folder}"))?);
        for entry in fs::read_dir(&from).map_err(Error::file(&from))? {
            let path: PathBuf = entry?.path();
            let Some(name) = path.file_name() else { continue };
            fs::copy(&path, to.join(name)).map_err(Error::file(&path))?;
        }
    }
    Ok(())
}
