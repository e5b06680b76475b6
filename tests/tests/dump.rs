//! A dump holds tenants, issuers and protections, and restores them into a server that has the library.

use std::process::Command;

use warden_lab::{Error, Lab, Member, Result, refused};
use warden_tests::{DENIED, NO_CONTEXT, value};

const COVERAGE: &str = "SELECT string_agg(concat_ws(' ', relation, state, template, problems), ', ' ORDER BY relation) FROM warden.coverage";

#[test]
fn what_was_protected_is_protected_after_a_restore() -> Result<()> {
    let lab = Lab::start()?;
    let tenant = lab.tenant_with_external_id("solo", Some("41"), &[("mia", "member")])?;
    lab.connect("dba")?.batch_execute(
        "CREATE TABLE app.exam (id bigint PRIMARY KEY, tenant_id uuid NOT NULL);
         CREATE TABLE app.result (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, exam bigint NOT NULL REFERENCES app.exam);
         CREATE TABLE app.note (id int, college int NOT NULL) PARTITION BY RANGE (id);
         CREATE TABLE app.note_1 PARTITION OF app.note FOR VALUES FROM (0) TO (10);
         GRANT SELECT, INSERT ON app.exam, app.result TO app;
         SELECT warden.protect('app.exam'), warden.protect('app.result', 'append_only'), warden.protect('app.note', 'tenant', 'college')",
    )?;
    let mia = Member::new(tenant, "mia");
    lab.as_tenant(&mia, |tx| {
        Ok(tx.batch_execute("INSERT INTO app.exam VALUES (1); INSERT INTO app.result (id, exam) VALUES (1, 1)")?)
    })?;

    let folder = lab.cluster.scratch_dir("dump")?;
    let file = folder.join("all");
    done(lab.cluster.program("pg_dump").args(["-U", "postgres", "-Fc", "-f"]).arg(&file).arg("postgres"))?;
    let refused_dump = done(
        lab.cluster.program("pg_dump").args(["-U", "dba", "-n", "app", "-f"]).arg(folder.join("own")).arg("postgres"),
    );
    assert!(refused_dump.is_err_and(|error| error.to_string().contains("row-level security")));
    lab.superuser()?.batch_execute("CREATE DATABASE restored TEMPLATE template0")?;
    done(lab.cluster.program("pg_restore").args(["-U", "postgres", "-d", "restored", "--exit-on-error"]).arg(&file))?;

    let mut restored = lab.cluster.connect("postgres", "restored")?;
    assert_eq!(value::<String>(&mut restored, COVERAGE)?, value::<String>(&mut lab.superuser()?, COVERAGE)?);
    // The restored protection is kept as the first one was.
    for weakening in [
        "ALTER TABLE app.exam DISABLE TRIGGER warden_truncate",
        "ALTER TABLE app.exam ENABLE REPLICA TRIGGER warden_truncate",
        "DROP POLICY warden_select ON app.exam",
        "ALTER POLICY warden_select ON app.exam USING (true)",
    ] {
        refused(restored.batch_execute(weakening), DENIED)?;
    }
    let mut app = lab.cluster.connect("app", "restored")?;
    refused(app.query("SELECT * FROM app.result", &[]), NO_CONTEXT)?;
    assert_eq!(lab.as_member(&mut app, &mia, |tx| value::<i64>(tx, "SELECT count(*) FROM app.result"))?, 1);
    refused(lab.as_member(&mut app, &mia, |tx| Ok(tx.execute("UPDATE app.result SET id = 2", &[])?)), DENIED)?;
    // Nobody but a superuser takes a name of the protection.
    let mut owner = lab.cluster.connect("dba", "restored")?;
    refused(owner.batch_execute("CREATE POLICY warden_mine ON app.exam USING (true)"), DENIED)?;
    Ok(())
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::unexpected(String::from_utf8_lossy(&output.stderr)))
}
