//! A hot standby isolates as its primary does, and hears of revocations by itself.

use warden_lab::{Lab, Member, Result, refused};
use warden_tests::{NO_CONTEXT, value};

#[test]
fn a_standby_isolates_and_hears_of_what_was_revoked() -> Result<()> {
    let lab = Lab::start()?;
    let (ours, theirs) = (lab.tenant("ours", &[("mia", "member"), ("olga", "owner")])?, lab.tenant("theirs", &[])?);
    lab.connect("dba")?.batch_execute(
        "CREATE TABLE app.exam (id int PRIMARY KEY, tenant_id uuid NOT NULL); GRANT SELECT, INSERT ON app.exam TO app",
    )?;
    let fill = "INSERT INTO app.exam VALUES (1, $1), (2, $1), (3, $2)";
    lab.superuser()?.execute(fill, &[&ours, &theirs])?;
    lab.connect("officer")?.batch_execute("SELECT warden.protect('app.exam')")?;
    let (mia, olga) = (lab.token(&Member::new(ours, "mia")), lab.token(&Member::new(ours, "olga")));
    let session: String = value(&mut lab.connect("app")?, &format!("SELECT warden.open_session('{olga}')"))?;
    let standby = lab.cluster.standby()?;

    let mut app = standby.connect("app", "postgres")?;
    refused(app.query("SELECT * FROM app.exam", &[]), NO_CONTEXT)?;
    let mut tx = app.transaction()?;
    tx.query_one("SELECT warden.login($1)", &[&mia])?;
    assert_eq!(tx.query_one("SELECT count(*) FROM app.exam", &[])?.get::<_, i64>(0), 2);
    refused(tx.execute("INSERT INTO app.exam VALUES (9)", &[]), &["25006"])?;
    drop(tx);
    refused(app.query("SELECT warden.open_session($1)", &[&mia]), &["25006"])?;
    let mut tx = app.transaction()?;
    tx.query_one("SELECT warden.resume($1)", &[&session])?;
    assert_eq!(tx.query_one("SELECT count(*) FROM app.exam", &[])?.get::<_, i64>(0), 2);
    tx.commit()?;

    // A transaction that is open on the standby while its member is removed on the primary.
    let mut tx = app.transaction()?;
    tx.query_one("SELECT warden.login($1)", &[&mia])?;
    lab.connect("officer")?.execute("SELECT warden.remove_member($1, 'mia')", &[&ours])?;
    lab.cluster.wait_for(&standby)?;
    refused(tx.query("SELECT * FROM app.exam", &[]), NO_CONTEXT)?;
    drop(tx);
    let mut tx = app.transaction()?;
    refused(tx.query("SELECT warden.login($1)", &[&mia]), NO_CONTEXT)?;
    drop(tx);
    lab.connect("officer")?.execute("SELECT warden.revoke_user($1, 'olga')", &[&ours])?;
    lab.cluster.wait_for(&standby)?;
    let mut tx = app.transaction()?;
    refused(tx.query("SELECT warden.resume($1)", &[&session]), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn a_crash_loses_no_protection_and_no_revocation() -> Result<()> {
    let lab = Lab::start()?;
    let ours = lab.tenant("ours", &[("mia", "member"), ("olga", "owner")])?;
    lab.connect("dba")?.batch_execute(
        "CREATE TABLE app.exam (id int PRIMARY KEY, tenant_id uuid NOT NULL); GRANT ALL ON app.exam TO app",
    )?;
    lab.connect("officer")?.batch_execute("SELECT warden.protect('app.exam')")?;
    lab.as_tenant(&Member::new(ours, "mia"), |tx| Ok(tx.batch_execute("INSERT INTO app.exam VALUES (1)")?))?;
    let token = lab.token(&Member::new(ours, "mia"));
    lab.connect("officer")?.execute("SELECT warden.remove_member($1, 'mia')", &[&ours])?;
    lab.cluster.crash()?;

    let mut app = lab.connect("app")?;
    refused(app.query("SELECT * FROM app.exam", &[]), NO_CONTEXT)?;
    let mut tx = app.transaction()?;
    refused(tx.query("SELECT warden.login($1)", &[&token]), NO_CONTEXT)?;
    drop(tx);
    let owner = Member::new(ours, "olga");
    let seen = lab.as_tenant(&owner, |tx| Ok(tx.query_one("SELECT count(*) FROM app.exam", &[])?.get::<_, i64>(0)))?;
    assert_eq!(seen, 1);
    refused(lab.connect("dba")?.batch_execute("ALTER TABLE app.exam DISABLE ROW LEVEL SECURITY"), &["42501"])?;
    Ok(())
}
