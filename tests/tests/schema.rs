//! Protected schemas, seen from several connections.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use warden_lab::{OFFICER, OWNER, Result, refused};
use warden_tests::{DENIED, WRONG_STATE, lab, value};

fn schema() -> Result<String> {
    let name = lab()?.unique("ruled").replace('-', "_");
    lab()?
        .superuser()?
        .batch_execute(&format!("CREATE SCHEMA {name} AUTHORIZATION dba; GRANT USAGE ON SCHEMA {name} TO app"))?;
    Ok(name)
}

fn protect_schema(name: &str, mode: &str) -> String {
    format!("SELECT warden.protect_schema('{name}', '{mode}')")
}

#[test]
fn a_table_of_a_transaction_that_was_open_before_the_rule_is_found_at_its_commit() -> Result<()> {
    let name = schema()?;
    let mut owner = lab()?.connect(OWNER)?;
    let mut tx = owner.transaction()?;
    tx.batch_execute(&format!("CREATE TABLE {name}.early (id int)"))?;
    lab()?.connect(OFFICER)?.batch_execute(&protect_schema(&name, "enforce"))?;
    refused(tx.commit(), WRONG_STATE)?;
    // In the extended protocol the commit comes after the statement is complete: it is told all the same.
    refused(owner.execute(&format!("CREATE TABLE {name}.late (id int)"), &[]), WRONG_STATE)?;
    // A standing snapshot is no excuse.
    let mut tx = owner.build_transaction().isolation_level(postgres::IsolationLevel::RepeatableRead).start()?;
    let other = schema()?;
    assert_eq!(value::<i32>(&mut tx, "SELECT 1")?, 1);
    lab()?.connect(OFFICER)?.batch_execute(&protect_schema(&other, "enforce"))?;
    tx.batch_execute(&format!("CREATE TABLE {other}.late (id int)"))?;
    refused(tx.commit(), WRONG_STATE)?;
    Ok(())
}

#[test]
fn a_commit_waits_for_a_rule_that_is_being_made() -> Result<()> {
    let name = schema()?;
    let mut officer = lab()?.connect(OFFICER)?;
    let mut rule = officer.transaction()?;
    rule.batch_execute(&protect_schema(&name, "enforce"))?;
    let (told, heard) = mpsc::channel();
    let table = format!("CREATE TABLE {name}.meanwhile (id int)");
    let writer = thread::spawn(move || {
        let made = lab().and_then(|lab| Ok(lab.connect(OWNER)?.batch_execute(&table)?));
        // Nobody listens any more when the test has failed already.
        let _ = told.send(());
        made
    });
    assert!(heard.recv_timeout(Duration::from_millis(300)).is_err(), "the commit did not wait");
    rule.commit()?;
    match writer.join() {
        Ok(made) => refused(made, WRONG_STATE).map(drop),
        Err(_) => Err(warden_lab::Error::unexpected("the writer failed")),
    }
}

#[test]
fn what_apply_protects_is_isolated() -> Result<()> {
    let name = schema()?;
    let lab = lab()?;
    let ours = lab.tenant(&lab.unique("ours"), &[("mia", "member")])?;
    let theirs = lab.tenant(&lab.unique("theirs"), &[("otto", "owner")])?;
    lab.connect(OFFICER)?.batch_execute(&protect_schema(&name, "apply"))?;
    let mut owner = lab.connect(OWNER)?;
    owner.batch_execute(&format!(
        "BEGIN; CREATE TABLE {name}.note (id int, tenant_id uuid); INSERT INTO {name}.note VALUES (1, '{ours}'), (2, '{theirs}');
         GRANT SELECT ON {name}.note TO app; COMMIT"
    ))?;
    let query = format!("SELECT string_agg(id::text, ' ') FROM {name}.note");
    let mia = warden_lab::Member::new(ours, "mia");
    assert_eq!(lab.as_tenant(&mia, |tx| value::<String>(tx, &query))?, "1");
    refused(owner.batch_execute(&format!("ALTER TABLE {name}.note DISABLE ROW LEVEL SECURITY")), DENIED)?;
    // A transaction that is prepared is looked at as one that commits.
    let prepared = format!("BEGIN; CREATE TABLE {name}.later (tenant_id uuid); PREPARE TRANSACTION '{name}'");
    owner.batch_execute(&prepared)?;
    owner.batch_execute(&format!("COMMIT PREPARED '{name}'"))?;
    let state = format!("SELECT state FROM warden.coverage WHERE schema = '{name}' AND relation = 'later'");
    assert_eq!(value::<String>(&mut lab.connect(OFFICER)?, &state)?, "protected");
    // Rows that are nobody's are not protected by accident either.
    let nobody = format!("CREATE TABLE {name}.nobody AS SELECT NULL::uuid AS tenant_id");
    refused(owner.batch_execute(&nobody), &["23502"])?;
    Ok(())
}
