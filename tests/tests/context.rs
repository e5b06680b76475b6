//! The context: one transaction's, made by a login and by nothing else. Each attack stands beside what is allowed.

use std::{thread, time::Duration};

use postgres::NoTls;
use serde_json::json;
use uuid::Uuid;
use warden_lab::{Error, OWNER, Result, refused};
use warden_tests::{DENIED, NO_CONTEXT, OURS, Pair, REFUSED, THEIRS, all_refused, attempt, value};

type Id = Option<Uuid>;

const TENANT_ID: &str = "SELECT warden.tenant_id()";

#[test]
fn a_login_makes_a_context_and_the_commit_ends_it() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    let read = "SELECT warden.user_id() = 'mia' AND warden.role() = 'member' AND warden.has_role('viewer') AND NOT warden.has_role('admin')";
    assert!(value::<bool>(&mut tx, read)?);
    assert_eq!(value::<Id>(&mut tx, TENANT_ID)?, Some(pair.ours));
    assert_eq!(pair.count(&mut tx)?, OURS);
    tx.commit()?;
    assert_eq!(value::<Id>(&mut client, TENANT_ID)?, None);
    refused(client.query(&format!("SELECT * FROM {}", pair.table), &[]), NO_CONTEXT)?;

    let tx = pair.begin(&mut client, &pair.our("mia"))?;
    tx.rollback()?;
    assert_eq!(value::<Id>(&mut client, TENANT_ID)?, None);
    Ok(())
}

#[test]
fn without_a_context_functions_are_null_or_false_and_requirements_fail() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let silent = "SELECT warden.tenant_id() IS NULL AND warden.external_id() IS NULL AND warden.user_id() IS NULL
                      AND warden.role() IS NULL AND warden.session_id() IS NULL AND warden.claims() IS NULL
                      AND NOT warden.has_role('viewer') AND NOT warden.has_permission('anything')";
    assert!(value::<bool>(&mut client, silent)?);
    let required = ["SELECT warden.require_role('viewer')", "SELECT warden.require_permission('anything')"];
    all_refused(required, NO_CONTEXT, |sql| Ok(client.batch_execute(sql)?))
}

#[test]
fn an_empty_table_raises_nothing_and_the_first_row_does() -> Result<()> {
    let pair = Pair::new()?;
    let mut app = pair.app()?;
    pair.lab.superuser()?.batch_execute(&format!("DELETE FROM {}", pair.table))?;
    assert_eq!(value::<i64>(&mut app, &format!("SELECT count(*) FROM {}", pair.table))?, 0);
    refused(app.execute(&format!("INSERT INTO {} (tenant_id) VALUES ($1)", pair.table), &[&pair.ours]), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn injection_set_in_every_way() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("vic"))?;
    // It may be hidden from the application, which is as good.
    let mut savepoint = tx.savepoint("peek")?;
    let real = value(&mut savepoint, "SELECT coalesce(current_setting('warden.context', true), '')")
        .unwrap_or_else(|_| String::new());
    savepoint.rollback()?;
    let attacks = [
        format!("SET warden.context = '{}'", pair.theirs),
        format!("SET LOCAL warden.context = '{}'", pair.theirs),
        format!("SELECT set_config('warden.context', '{}', true)", pair.theirs),
        format!("SELECT set_config('warden.context', '{}', false)", pair.theirs),
        "SELECT set_config('warden.context', '', true)".to_owned(),
        "SET warden.context = ''".to_owned(),
        "SET warden.context TO DEFAULT".to_owned(),
        "RESET warden.context".to_owned(),
        "ALTER ROLE app SET warden.context = 'x'".to_owned(),
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql SET warden.context = 'x' AS 'SELECT 1'".to_owned(),
        format!("UPDATE pg_settings SET setting = '{}' WHERE name = 'warden.context'", pair.theirs),
    ];
    for attack in &attacks {
        // An UPDATE of pg_settings of a hidden setting finds no row: what counts is what is true afterwards.
        if let Err(error) = attempt(&mut tx, attack) {
            refused::<(), Error>(Err(error), &["42501", "0A000", "28000", "55000", "22023"])?;
        } else if !attack.starts_with("UPDATE pg_settings") {
            return Err(Error::unexpected(format!("accepted: {attack}")));
        }
        assert_eq!(value::<Id>(&mut tx, TENANT_ID)?, Some(pair.ours), "{attack}");
        assert_eq!(pair.count(&mut tx)?, OURS, "{attack}");
    }
    tx.commit()?;

    // A value that was real is no more accepted than an invented one.
    if !real.is_empty() {
        let mut tx = client.transaction()?;
        refused(tx.execute("SELECT set_config('warden.context', $1, true)", &[&real]), DENIED)?;
    }
    Ok(())
}

#[test]
fn injection_pgoptions_and_stored_settings() -> Result<()> {
    let pair = Pair::new()?;
    let mut config = pair.lab.cluster.config("app", "postgres");
    config.options(&format!("-c warden.context={}", pair.theirs));
    // Refused at the door or ignored there: never a context.
    if let Ok(mut client) = config.connect(NoTls) {
        assert_eq!(value::<Id>(&mut client, TENANT_ID)?, None);
        refused(client.query(&format!("SELECT * FROM {}", pair.table), &[]), NO_CONTEXT)?;
    }
    let stored = ["ALTER ROLE dba SET warden.context = 'x'", "ALTER DATABASE postgres SET warden.context = 'x'"];
    all_refused(stored, DENIED, |sql| Ok(pair.owner()?.batch_execute(sql)?))?;
    // The same statements about another setting are the role's own affair.
    pair.owner()?.batch_execute("ALTER ROLE dba SET work_mem = '5MB'; ALTER ROLE dba RESET work_mem")?;
    Ok(())
}

#[test]
fn injection_set_by_a_superuser_makes_no_context_either() -> Result<()> {
    let pair = Pair::new()?;
    let mut superuser = pair.lab.superuser()?;
    assert!(superuser.batch_execute(&format!("SET warden.context = '{}'", pair.theirs)).is_err());
    assert_eq!(value::<Id>(&mut superuser, TENANT_ID)?, None);
    Ok(())
}

#[test]
fn injection_reset_all_changes_nothing() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    tx.batch_execute("SET LOCAL work_mem = '5MB'; RESET ALL")?;
    assert_eq!(value::<Id>(&mut tx, TENANT_ID)?, Some(pair.ours));
    assert_eq!(pair.count(&mut tx)?, OURS);
    // RESET ALL did do its work on the rest.
    assert_ne!(value::<String>(&mut tx, "SHOW work_mem")?, "5MB");
    Ok(())
}

#[test]
fn injection_second_login() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let their_token = pair.lab.token(&pair.their("otto"));
    let colleague = pair.lab.token(&pair.our("olga"));
    for before in ["SELECT 1", "SELECT warden.logout()", "RESET ALL", "SELECT warden.logout(); RESET ALL"] {
        for token in [&their_token, &colleague] {
            let mut tx = pair.begin(&mut client, &pair.our("vic"))?;
            tx.batch_execute(before)?;
            let mut savepoint = tx.savepoint("second")?;
            let refusal = refused(savepoint.query("SELECT warden.login($1)", &[token]), REFUSED);
            refusal.map_err(|error| Error::unexpected(format!("after {before}: {error}")))?;
            savepoint.rollback()?;
            assert_ne!(value::<Id>(&mut tx, TENANT_ID)?, Some(pair.theirs), "{before}");
            assert_ne!(
                value::<Option<String>>(&mut tx, "SELECT warden.user_id()")?.as_deref(),
                Some("olga"),
                "{before}"
            );
        }
    }
    Ok(())
}

#[test]
fn the_same_login_twice_is_no_error() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    assert_eq!(pair.lab.login(&mut tx, &pair.our("mia"))?, pair.ours);
    assert_eq!(pair.count(&mut tx)?, OURS);
    Ok(())
}

#[test]
fn a_logout_ends_the_context_for_the_rest_of_the_transaction() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    tx.batch_execute("SELECT warden.logout()")?;
    assert_eq!(value::<Id>(&mut tx, TENANT_ID)?, None);
    refused(pair.count(&mut tx), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn a_savepoint_before_the_login_frees_the_slot_and_a_later_one_does_not() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = client.transaction()?;
    let mut before = tx.savepoint("before")?;
    pair.lab.login(&mut before, &pair.our("mia"))?;
    assert_eq!(pair.count(&mut before)?, OURS);
    before.rollback()?;
    assert_eq!(value::<Id>(&mut tx, TENANT_ID)?, None);
    pair.lab.login(&mut tx, &pair.their("max"))?;
    assert_eq!(pair.count(&mut tx)?, THEIRS);

    tx.savepoint("after")?.rollback()?;
    assert_eq!(pair.count(&mut tx)?, THEIRS);
    refused(pair.lab.login(&mut tx, &pair.our("mia")), REFUSED)?;
    Ok(())
}

#[test]
fn the_next_transaction_is_free_for_another_tenant() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    for _ in 0..3 {
        assert_eq!(pair.lab.as_member(&mut client, &pair.our("mia"), |tx| pair.count(tx))?, OURS);
        assert_eq!(pair.lab.as_member(&mut client, &pair.their("max"), |tx| pair.count(tx))?, THEIRS);
    }
    Ok(())
}

#[test]
fn login_outside_a_transaction_block_says_so() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let token = pair.lab.token(&pair.our("mia"));
    let refusal = refused(client.query("SELECT warden.login($1)", &[&token]), &["25P01", "25001", "55000"])?;
    assert!(refusal.message.contains("transaction"), "{refusal}");
    Ok(())
}

#[test]
fn parallel_workers_see_the_context() -> Result<()> {
    let pair = Pair::new()?;
    let fill =
        format!("INSERT INTO {0} (tenant_id) SELECT unnest($1::uuid[]) FROM generate_series(1, 2000)", pair.table);
    let mut superuser = pair.lab.superuser()?;
    superuser.execute(&fill, &[&vec![pair.ours, pair.theirs]])?;
    superuser.batch_execute(&format!("ANALYZE {}", pair.table))?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    tx.batch_execute(
        "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0;
         SET LOCAL min_parallel_index_scan_size = 0; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off",
    )?;
    let plan = tx.query(&format!("EXPLAIN SELECT count(*) FROM {}", pair.table), &[])?;
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Gather")), "{}", plan.join("\n"));
    assert_eq!(pair.count(&mut tx)?, OURS + 2000);
    let whole =
        format!("SELECT count(*) FROM {} WHERE warden.tenant_id() = $1 AND warden.has_role('member')", pair.table);
    assert_eq!(tx.query_one(&whole, &[&pair.ours])?.get::<_, i64>(0), OURS + 2000);
    Ok(())
}

#[test]
fn an_expired_token_stops_counting_in_the_middle() -> Result<()> {
    let pair = Pair::new()?;
    let mut issuer = pair.lab.issuer.clone();
    issuer.issuer = "https://short.lab.test".to_owned();
    pair.lab.trust(&issuer, json!({"leeway": "1 second"}))?;
    let mut client = pair.app()?;
    let mut tx = client.transaction()?;
    let token = issuer.token(pair.ours, "mia").ttl(Duration::from_secs(2)).sign();
    tx.query_one("SELECT warden.login($1)", &[&token])?;
    assert_eq!(pair.count(&mut tx)?, OURS);
    thread::sleep(Duration::from_secs(4));
    refused(pair.count(&mut tx), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn revocation_cursor_stops_at_the_next_fetch() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    tx.batch_execute(&format!("DECLARE c CURSOR FOR SELECT id FROM {}", pair.table))?;
    assert_eq!(tx.query("FETCH 1 FROM c", &[])?.len(), 1);
    pair.officer()?.execute("SELECT warden.remove_member($1, 'mia')", &[&pair.ours])?;
    refused(tx.query("FETCH 1 FROM c", &[]), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn injection_cursor_opened_before_the_login() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = client.transaction()?;
    tx.batch_execute(&format!("DECLARE c CURSOR FOR SELECT id FROM {}", pair.table))?;
    let mut first = tx.savepoint("first")?;
    pair.lab.login(&mut first, &pair.our("mia"))?;
    refused(first.query("FETCH ALL FROM c", &[]), NO_CONTEXT)?;
    first.rollback()?;
    let mut second = tx.savepoint("second")?;
    pair.lab.login(&mut second, &pair.their("max"))?;
    // 55000 is PostgreSQL's own: the portal failed once already.
    refused(second.query("FETCH ALL FROM c", &[]), &["28000", "55000"])?;
    second.rollback()?;

    // One of the context's own is read to its end.
    pair.lab.login(&mut tx, &pair.our("mia"))?;
    tx.batch_execute(&format!("DECLARE d CURSOR FOR SELECT id FROM {}", pair.table))?;
    assert_eq!(tx.query("FETCH ALL FROM d", &[])?.len(), 3);
    Ok(())
}

#[test]
fn injection_portal_bound_before_the_login() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = client.transaction()?;
    let portal = tx.bind(&format!("SELECT id FROM {}", pair.table), &[])?;
    pair.lab.login(&mut tx, &pair.our("mia"))?;
    refused(tx.query_portal(&portal, 1), NO_CONTEXT)?;
    tx.rollback()?;

    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    let portal = tx.bind(&format!("SELECT id FROM {}", pair.table), &[])?;
    assert_eq!(tx.query_portal(&portal, 2)?.len(), 2);
    assert_eq!(tx.query_portal(&portal, 2)?.len(), 1);
    Ok(())
}

#[test]
fn injection_holdable_cursor() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    refused(attempt(&mut tx, &format!("DECLARE h CURSOR WITH HOLD FOR SELECT id FROM {}", pair.table)), REFUSED)?;
    attempt(&mut tx, &format!("DECLARE c CURSOR FOR SELECT id FROM {}", pair.table))?;
    tx.commit()?;

    // Declared before the login, it would be filled at the commit: under the context.
    let mut tx = client.transaction()?;
    tx.batch_execute(&format!("DECLARE h CURSOR WITH HOLD FOR SELECT id FROM {}", pair.table))?;
    pair.lab.login(&mut tx, &pair.our("mia"))?;
    refused(tx.commit(), NO_CONTEXT)?;
    refused(client.query("FETCH ALL FROM h", &[]), &["34000"])?;

    // Without a context it is PostgreSQL's own affair.
    client.batch_execute("BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT 1; COMMIT")?;
    assert_eq!(client.query("FETCH 1 FROM h", &[])?.len(), 1);
    Ok(())
}

#[test]
fn injection_temporary_objects_that_outlive_the_context() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    let attacks = [
        format!("CREATE TEMP TABLE kept AS SELECT * FROM {}", pair.table),
        format!("SELECT * INTO TEMP kept FROM {}", pair.table),
        "CREATE TEMP TABLE kept (id bigint)".to_owned(),
        "CREATE TEMP TABLE kept (id bigint) ON COMMIT DELETE ROWS".to_owned(),
        format!("CREATE TEMP VIEW kept AS SELECT * FROM {}", pair.table),
        "CREATE TEMP SEQUENCE kept".to_owned(),
        "CREATE TYPE pg_temp.kept AS (id bigint)".to_owned(),
        "CREATE DOMAIN pg_temp.kept AS bigint".to_owned(),
        "CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'".to_owned(),
        "LISTEN kept".to_owned(),
    ];
    all_refused(attacks.iter().map(String::as_str), REFUSED, |sql| attempt(&mut tx, sql))?;
    attempt(&mut tx, &format!("CREATE TEMP TABLE passing ON COMMIT DROP AS SELECT * FROM {}", pair.table))?;
    assert_eq!(value::<i64>(&mut tx, "SELECT count(*) FROM passing")?, OURS);
    tx.commit()?;
    let left: i64 = value(
        &mut client,
        "SELECT count(*) FROM pg_class WHERE pg_is_other_temp_schema(relnamespace) IS FALSE AND relnamespace = pg_my_temp_schema()",
    )?;
    assert_eq!(left, 0);
    // Without a context a session may have what it likes.
    client.batch_execute("CREATE TEMP TABLE mine (id bigint); DROP TABLE mine; LISTEN news; UNLISTEN *")?;
    Ok(())
}

#[test]
fn injection_temporary_table_made_before_the_login() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    client.batch_execute("CREATE TEMP TABLE trap (body text)")?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    let attacks = [
        format!("INSERT INTO trap SELECT body FROM {}", pair.table),
        "SELECT * FROM trap".to_owned(),
        "CREATE VIEW pg_temp.seen AS SELECT * FROM trap".to_owned(),
    ];
    all_refused(attacks.iter().map(String::as_str), REFUSED, |sql| attempt(&mut tx, sql))?;
    tx.rollback()?;
    client.batch_execute("INSERT INTO trap VALUES ('mine')")?;
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM trap")?, 1);
    Ok(())
}

#[test]
fn injection_statement_prepared_under_a_context() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    tx.batch_execute(&format!("PREPARE trap AS SELECT count(*) FROM {}", pair.table))?;
    assert_eq!(value::<i64>(&mut tx, "EXECUTE trap")?, OURS);
    tx.commit()?;
    refused(client.batch_execute("EXECUTE trap"), &["26000"])?;
    Ok(())
}

#[test]
fn a_drivers_statements_survive_deallocate_all() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let statement = client.prepare(&format!("SELECT count(*) FROM {}", pair.table))?;
    client.batch_execute("PREPARE earlier AS SELECT 1")?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    tx.batch_execute("DEALLOCATE ALL; DEALLOCATE earlier; DEALLOCATE never_prepared")?;
    assert_eq!(tx.query_one(&statement, &[])?.get::<_, i64>(0), OURS);
    tx.batch_execute("PREPARE own AS SELECT 1; DEALLOCATE own")?;
    refused(attempt(&mut tx, "EXECUTE own"), &["26000"])?;
    tx.commit()?;
    client.batch_execute("EXECUTE earlier; DEALLOCATE earlier")?;
    refused(client.batch_execute("EXECUTE earlier"), &["26000"])?;
    Ok(())
}

#[test]
fn injection_search_path_and_role_return_to_their_value() -> Result<()> {
    let pair = Pair::new()?;
    let helper = pair.lab.unique("helper");
    pair.lab.superuser()?.batch_execute(&format!("CREATE ROLE \"{helper}\"; GRANT \"{helper}\" TO app"))?;
    let mut client = pair.app()?;
    client.batch_execute("SET search_path = app, public")?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    tx.batch_execute(&format!("SET search_path = pg_temp, app; SET ROLE \"{helper}\""))?;
    assert_eq!(value::<String>(&mut tx, "SELECT current_user::text")?, helper);
    tx.commit()?;
    assert_eq!(value::<String>(&mut client, "SHOW search_path")?, "app, public");
    assert_eq!(value::<String>(&mut client, "SELECT current_user::text")?, "app");
    // Without a context they are the session's own.
    client.batch_execute("BEGIN; SET search_path = public; COMMIT")?;
    assert_eq!(value::<String>(&mut client, "SHOW search_path")?, "public");
    Ok(())
}

#[test]
fn elevation_login_of_an_exempt_role() -> Result<()> {
    let pair = Pair::new()?;
    let exempt = pair.lab.unique("exempt");
    pair.lab.superuser()?.batch_execute(&format!("CREATE ROLE \"{exempt}\" LOGIN BYPASSRLS"))?;
    for role in ["postgres", &exempt] {
        let mut client = pair.lab.connect(role)?;
        let mut tx = client.transaction()?;
        let refusal = refused(pair.lab.login(&mut tx, &pair.our("mia")), DENIED)?;
        assert!(refusal.hint.is_some(), "no HINT says why {role} is refused: {refusal}");
    }
    Ok(())
}

#[test]
fn elevation_assume_and_borrowed_roles() -> Result<()> {
    let pair = Pair::new()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("mia"))?;
    let attacks = [
        format!("SELECT warden.assume('{}', 'otto')", pair.theirs),
        "SET ROLE officer".to_owned(),
        "SET ROLE warden_admin".to_owned(),
        "SET SESSION AUTHORIZATION postgres".to_owned(),
        format!("SELECT warden.add_member('{}', 'mia', 'owner')", pair.theirs),
        format!("SELECT warden.set_member_role('{}', 'mia', 'owner')", pair.ours),
        format!("SELECT warden.unprotect('{}')", pair.table),
    ];
    all_refused(attacks.iter().map(String::as_str), DENIED, |sql| attempt(&mut tx, sql))?;
    assert_eq!(pair.count(&mut tx)?, OURS);
    tx.commit()?;

    let mut broker = pair.lab.connect("app_broker")?;
    let mut tx = broker.transaction()?;
    tx.execute("SELECT warden.assume($1, 'otto')", &[&pair.theirs])?;
    assert_eq!(pair.count(&mut tx)?, THEIRS);
    Ok(())
}

#[test]
fn elevation_the_extensions_tables_are_read_by_nobody() -> Result<()> {
    let pair = Pair::new()?;
    let reader = pair.lab.unique("reader");
    let mut superuser = pair.lab.superuser()?;
    superuser.batch_execute(&format!("CREATE ROLE \"{reader}\" LOGIN; GRANT pg_read_all_data TO \"{reader}\""))?;
    let tables = superuser.query(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace = 'warden'::regnamespace AND relkind IN ('r', 'p')",
        &[],
    )?;
    assert!(!tables.is_empty());
    for role in ["app", OWNER, "officer", "auditor", "nobody", &reader] {
        let mut client = pair.lab.connect(role)?;
        for table in &tables {
            let table: String = table.get(0);
            if let Ok(row) = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]) {
                assert_eq!(row.get::<_, i64>(0), 0, "{role} reads {table}");
            }
        }
    }
    assert!(value::<i64>(&mut pair.officer()?, "SELECT count(*) FROM warden.tenants")? >= 2);
    Ok(())
}
