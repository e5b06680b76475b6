//! What must not come back: revoked contexts, sessions of keys that are gone, settings of another transaction.

use std::time::Duration;

use postgres::Client;
use uuid::Uuid;
use warden_lab::{Result, TestIssuer, refused};
use warden_tests::{DENIED, NO_CONTEXT, Pair, value};

fn open(client: &mut Client, token: &str) -> Result<String> {
    Ok(client.query_one("SELECT warden.open_session($1)", &[&token])?.get(0))
}

fn resume(client: &mut Client, session: &str) -> Result<Uuid> {
    let mut tx = client.transaction()?;
    let tenant = tx.query_one("SELECT warden.resume($1)", &[&session])?.get(0);
    tx.commit()?;
    Ok(tenant)
}

#[test]
fn elevation_a_revoked_session_login_does_not_come_back() -> Result<()> {
    let pair = Pair::new()?;
    let grant = "GRANT EXECUTE ON FUNCTION warden.login_for_session(text) TO app";
    pair.lab.superuser()?.batch_execute(grant)?;
    let mut client = pair.app()?;
    let (vic, max) = (pair.lab.token(&pair.our("vic")), pair.lab.token(&pair.their("max")));
    client.query_one("SELECT warden.login_for_session($1)", &[&vic])?;
    assert_eq!(value::<i64>(&mut client, &format!("SELECT count(*) FROM {}", pair.table))?, 3);
    pair.officer()?.execute("SELECT warden.remove_member($1, 'vic')", &[&pair.ours])?;
    refused(client.query(&format!("SELECT * FROM {}", pair.table), &[]), NO_CONTEXT)?;
    let mut tx = client.transaction()?;
    tx.query_one("SELECT warden.login($1)", &[&max])?;
    pair.officer()?.execute("SELECT warden.add_member($1, 'new', 'viewer')", &[&pair.theirs])?;
    assert_eq!(pair.count(&mut tx)?, 2);
    tx.commit()?;
    assert_eq!(value::<Option<String>>(&mut client, "SELECT warden.user_id()")?, None);
    refused(client.query(&format!("SELECT * FROM {}", pair.table), &[]), NO_CONTEXT)?;
    client.batch_execute("DISCARD ALL")?;
    Ok(())
}

#[test]
fn elevation_sessions_of_replaced_keys_and_issuers() -> Result<()> {
    let pair = Pair::new()?;
    let name = format!("https://{}.test", pair.lab.unique("rotating"));
    let (old, new) = (TestIssuer::new(&name, [1; 32]), TestIssuer::new(&name, [2; 32]));
    let claim = r#"{"role_from": "claim", "max_ttl": "1 day"}"#;
    let add = format!("SELECT warden.add_issuer('{name}', '{}', 'warden-lab', '{claim}')", old.jwks());
    pair.officer()?.batch_execute(&add)?;
    let token = |issuer: &TestIssuer| {
        issuer.token(pair.ours, "mallory").ttl(Duration::from_secs(300)).claim("role", "owner").sign()
    };
    let mut client = pair.app()?;
    let session = open(&mut client, &token(&old))?;
    assert_eq!(resume(&mut client, &session)?, pair.ours);
    // A key that stays leaves its sessions alone, a key that goes takes them along: open transactions too.
    let mut inside = pair.app()?;
    let mut tx = inside.transaction()?;
    tx.query_one("SELECT warden.resume($1)", &[&session])?;
    assert_eq!(pair.count(&mut tx)?, 3);
    let set_keys = format!("SELECT warden.set_issuer_keys('{name}', '{}')", new.jwks());
    pair.officer()?.batch_execute(&set_keys)?;
    refused(tx.query(&format!("SELECT * FROM {}", pair.table), &[]), NO_CONTEXT)?;
    drop(tx);
    refused(resume(&mut client, &session), NO_CONTEXT)?;
    let session = open(&mut client, &token(&new))?;
    // The same issuer with the same keys, registered anew, is another one.
    let anew = format!(
        "SELECT warden.remove_issuer('{name}'); SELECT warden.add_issuer('{name}', '{}', 'warden-lab', '{{}}')",
        new.jwks()
    );
    pair.officer()?.batch_execute(&anew)?;
    refused(resume(&mut client, &session), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn revoking_a_tokens_session_ends_what_it_opened() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let (one, two) = (pair.lab.unique("sid"), pair.lab.unique("sid"));
    let jwt = |sid: &str| pair.lab.token_for(&pair.our("mia")).claim("sid", sid).sign();
    let (ended, kept) = (open(&mut client, &jwt(&one))?, open(&mut client, &jwt(&two))?);
    assert_eq!(resume(&mut client, &ended)?, pair.ours);
    pair.officer()?.execute("SELECT warden.revoke_session($1)", &[&one])?;
    refused(resume(&mut client, &ended), NO_CONTEXT)?;
    assert_eq!(resume(&mut client, &kept)?, pair.ours);
    // An opened session's id counts in any spelling.
    let mut tx = client.transaction()?;
    tx.query_one("SELECT warden.resume($1)", &[&kept])?;
    let id: String = value(&mut tx, "SELECT warden.session_id()")?;
    tx.commit()?;
    pair.officer()?.execute("SELECT warden.revoke_session($1)", &[&id.to_uppercase()])?;
    refused(resume(&mut client, &kept), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn elevation_a_session_that_was_rolled_back_is_none() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let jwt = pair.lab.token(&pair.our("mia"));
    let mut tx = client.transaction()?;
    let session: String = tx.query_one("SELECT warden.open_session($1)", &[&jwt])?.get(0);
    tx.query_one("SELECT warden.resume($1)", &[&session])?;
    tx.rollback()?;
    refused(resume(&mut client, &session), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn a_tenant_cannot_hold_up_its_suspension() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("olga"))?;
    tx.execute("SELECT warden.add_member($1, 'new', 'viewer'), warden.revoke_tenant($1)", &[&pair.ours])?;
    let mut officer = pair.officer()?;
    officer.batch_execute("SET lock_timeout = '2s'")?;
    officer.execute("SELECT warden.revoke_tenant($1)", &[&pair.ours])?;
    officer.execute("SELECT warden.suspend_tenant($1, 'unpaid')", &[&pair.ours])?;
    refused(tx.query(&format!("SELECT * FROM {}", pair.table), &[]), NO_CONTEXT)?;
    drop(tx);
    officer.execute("SELECT warden.close_tenant($1, 'gone')", &[&pair.ours])?;
    Ok(())
}

#[test]
fn injection_settings_of_a_transaction_do_not_stay() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let token = pair.lab.token(&pair.our("mia"));
    let found: String = value(&mut client, "SHOW search_path")?;
    // Local before the login, whatever happens after it.
    for touch in ["SET LOCAL statement_timeout = 0", "SET search_path = pg_temp", "SET LOCAL search_path = pg_catalog"]
    {
        client.batch_execute(&format!(
            "BEGIN; SET LOCAL search_path = app, pg_catalog; SELECT warden.login('{token}'); {touch}; COMMIT"
        ))?;
        assert_eq!(value::<String>(&mut client, "SHOW search_path")?, found, "{touch}");
    }
    // A login by way of a function with a setting of its own.
    let helper = format!("app.{}", pair.lab.unique("enter").replace('-', "_"));
    pair.lab.superuser()?.batch_execute(&format!(
        "CREATE FUNCTION {helper}(token text) RETURNS uuid LANGUAGE sql SET search_path = pg_catalog AS 'SELECT warden.login(token)'"
    ))?;
    client.batch_execute(&format!("BEGIN; SELECT {helper}('{token}'); SET search_path = pg_temp; COMMIT"))?;
    assert_eq!(value::<String>(&mut client, "SHOW search_path")?, found);
    // Nor for every later session of the role.
    for attack in ["ALTER ROLE app SET search_path = pg_temp", "ALTER ROLE app PASSWORD 'known'"] {
        let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
        refused(tx.batch_execute(attack), DENIED)?;
    }
    Ok(())
}

#[test]
fn a_prepare_that_failed_drops_nothing_of_the_applications() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    client.batch_execute("PREPARE appq AS SELECT 1")?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    let mut inner = tx.transaction()?;
    refused(inner.batch_execute("PREPARE appq AS SELECT 2"), &["42P05"])?;
    inner.rollback()?;
    tx.batch_execute("DEALLOCATE appq")?;
    tx.commit()?;
    assert_eq!(value::<i32>(&mut client, "EXECUTE appq")?, 1);
    Ok(())
}
