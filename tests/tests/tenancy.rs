//! Tenants, members and the four tiers.

use std::thread;

use warden_lab::{Error, Result, Uuid, refused};
use warden_tests::{BAD_ARGUMENT, DENIED, NO_CONTEXT, OURS, Pair, WRONG_STATE, all_refused, lab, value};

/// A name that is taken, as an argument or as a key.
const TAKEN: &[&str] = &["22023", "23505"];

#[test]
fn a_tenant_is_found_by_each_of_its_names() -> Result<()> {
    let lab = lab()?;
    let (slug, external_id) = (lab.unique("found"), lab.unique("ext"));
    let tenant = lab.tenant_with_external_id(&slug, Some(&external_id), &[])?;
    for role in ["officer", "auditor", "app_broker"] {
        let mut client = lab.connect(role)?;
        for name in [&tenant.to_string(), &external_id, &slug] {
            let found: Uuid = client.query_one("SELECT warden.tenant($1)", &[name])?.get(0);
            assert_eq!(found, tenant, "{role}, {name}");
        }
        refused(client.query("SELECT warden.tenant('no-such-tenant')", &[]), BAD_ARGUMENT)?;
    }
    for role in ["app", "dba", "nobody"] {
        refused(lab.connect(role)?.query("SELECT warden.tenant($1)", &[&slug]), DENIED)?;
    }
    Ok(())
}

#[test]
fn names_are_one_namespace() -> Result<()> {
    let lab = lab()?;
    let (slug, external_id) = (lab.unique("taken"), lab.unique("ext"));
    let tenant = lab.tenant_with_external_id(&slug, Some(&external_id), &[])?;
    refused(lab.tenant(&slug, &[]), TAKEN)?;
    refused(lab.tenant(&external_id, &[]), TAKEN)?;
    refused(lab.tenant(&tenant.to_string(), &[]), TAKEN)?;
    for name in [&slug, &external_id, &tenant.to_string()] {
        refused(lab.tenant_with_external_id(&lab.unique("new"), Some(name), &[]), TAKEN)?;
    }
    let same_id = "SELECT warden.create_tenant($1, 'x', id => $2)";
    refused(lab.connect("officer")?.query(same_id, &[&lab.unique("new"), &tenant]), TAKEN)?;
    Ok(())
}

#[test]
fn slugs_and_user_ids_have_limits() -> Result<()> {
    let lab = lab()?;
    let long = "x".repeat(64);
    for slug in ["", "Upper", "under_score", "spa ce", "ümlaut", "quo'te", &long] {
        refused(lab.tenant(slug, &[]), BAD_ARGUMENT)
            .map_err(|error| Error::unexpected(format!("{slug:?}: {error}")))?;
    }
    let slug = lab.unique("limits");
    let padded = format!("{slug}-{}", "y".repeat(63 - slug.len() - 1));
    let tenant = lab.tenant(&padded, &[("x@ü\u{1F600} \"quoted\" 'twice'", "owner"), (&"u".repeat(255), "member")])?;
    let mut officer = lab.connect("officer")?;
    for user in ["", "service:x", "operator:x", &"u".repeat(256)] {
        let added = officer.execute("SELECT warden.add_member($1, $2, 'viewer')", &[&tenant, &user]);
        refused(added, BAD_ARGUMENT).map_err(|error| Error::unexpected(format!("{user:?}: {error}")))?;
    }
    Ok(())
}

#[test]
fn null_and_unknown_arguments_are_errors_never_silence() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut officer = pair.officer()?;
    let ours = pair.ours;
    let nowhere = Uuid::nil();
    let calls = [
        "SELECT warden.create_tenant(NULL, 'x')".to_owned(),
        "SELECT warden.tenant(NULL)".to_owned(),
        "SELECT warden.add_member(NULL, 'x', 'viewer')".to_owned(),
        format!("SELECT warden.add_member('{ours}', NULL, 'viewer')"),
        format!("SELECT warden.add_member('{ours}', 'x', NULL)"),
        format!("SELECT warden.add_member('{ours}', 'x', 'king')"),
        format!("SELECT warden.add_member('{nowhere}', 'x', 'viewer')"),
        format!("SELECT warden.remove_member('{ours}', 'no such user')"),
        format!("SELECT warden.set_member_role('{ours}', 'no such user', 'viewer')"),
        format!("SELECT warden.suspend_tenant('{ours}', NULL)"),
        format!("SELECT warden.suspend_tenant('{ours}', '  ')"),
        format!("SELECT warden.suspend_tenant('{nowhere}', 'a reason')"),
        "SELECT warden.rename_role(5, 'x')".to_owned(),
        "SELECT warden.rename_role(NULL, 'x')".to_owned(),
        "SELECT warden.rename_role(1, NULL)".to_owned(),
    ];
    all_refused(calls.iter().map(String::as_str), BAD_ARGUMENT, |sql| Ok(officer.batch_execute(sql)?))
}

#[test]
fn suspension_is_felt_by_the_next_statement_and_resuming_too() -> Result<()> {
    let pair = Pair::new()?;
    let mut officer = pair.officer()?;
    let mut warm = pair.app()?;
    let mut tx = pair.begin(&mut warm, &pair.our("mia"))?;
    assert_eq!(pair.count(&mut tx)?, OURS);
    officer.execute("SELECT warden.suspend_tenant($1, 'unpaid')", &[&pair.ours])?;
    refused(pair.count(&mut tx), NO_CONTEXT)?;
    tx.rollback()?;
    refused(pair.begin(&mut warm, &pair.our("mia")), NO_CONTEXT)?;
    officer.execute("SELECT warden.resume_tenant($1, 'paid')", &[&pair.ours])?;
    assert_eq!(pair.lab.as_member(&mut warm, &pair.our("mia"), |tx| pair.count(tx))?, OURS);
    Ok(())
}

#[test]
fn closing_is_final() -> Result<()> {
    let pair = Pair::new()?;
    let mut officer = pair.officer()?;
    officer.execute("SELECT warden.close_tenant($1, 'left')", &[&pair.ours])?;
    for action in ["suspend_tenant", "resume_tenant"] {
        refused(officer.execute(&format!("SELECT warden.{action}($1, 'again')"), &[&pair.ours]), WRONG_STATE)?;
    }
    refused(pair.seen_by(&pair.our("mia")), NO_CONTEXT)?;
    pair.seen_by(&pair.their("max"))?;
    Ok(())
}

#[test]
fn elevation_nobody_grants_a_role_above_their_own() -> Result<()> {
    let pair = Pair::unprotected()?;
    let t = pair.ours;
    let add = |user: &str, role: &str| format!("SELECT warden.add_member('{t}', '{user}', '{role}')");
    let set = |user: &str, role: &str| format!("SELECT warden.set_member_role('{t}', '{user}', '{role}')");
    let remove = |user: &str| format!("SELECT warden.remove_member('{t}', '{user}')");
    let admin = [add("new", "owner"), set("adam", "owner"), set("mia", "owner"), set("olga", "viewer"), remove("olga")];
    all_refused(admin.iter().map(String::as_str), DENIED, |sql| pair.run_as(&pair.our("adam"), sql).map(drop))?;
    for user in ["mia", "vic"] {
        let lower = [add("new", "viewer"), set(user, "admin"), remove("vic")];
        all_refused(lower.iter().map(String::as_str), DENIED, |sql| pair.run_as(&pair.our(user), sql).map(drop))?;
    }
    let foreign = [add("new", "viewer"), remove("mia")];
    all_refused(foreign.iter().map(String::as_str), DENIED, |sql| pair.run_as(&pair.their("otto"), sql).map(drop))?;

    pair.run_as(&pair.our("adam"), &add("new", "admin"))?;
    pair.run_as(&pair.our("adam"), &set("mia", "viewer"))?;
    pair.run_as(&pair.our("olga"), &add("second", "owner"))?;
    Ok(())
}

#[test]
fn the_last_owner_stays() -> Result<()> {
    let pair = Pair::unprotected()?;
    let by_officer = |sql: &str| Ok(pair.officer()?.batch_execute(sql)?);
    let attacks = [
        format!("SELECT warden.remove_member('{}', 'olga')", pair.ours),
        format!("SELECT warden.set_member_role('{}', 'olga', 'viewer')", pair.ours),
    ];
    let kept: &[&str] = &["22023", "23514", "42501", "55000"];
    all_refused(attacks.iter().map(String::as_str), kept, by_officer)?;
    all_refused(attacks.iter().map(String::as_str), kept, |sql| pair.run_as(&pair.our("olga"), sql).map(drop))?;
    by_officer(&format!("SELECT warden.add_member('{}', 'second', 'owner')", pair.ours))?;
    by_officer(attacks.first().map_or("", String::as_str))
}

#[test]
fn the_last_owner_stays_against_two_removals_at_once() -> Result<()> {
    let pair = Pair::unprotected()?;
    pair.officer()?.execute("SELECT warden.add_member($1, 'second', 'owner')", &[&pair.ours])?;
    thread::scope(|scope| {
        for user in ["olga", "second"] {
            let pair = &pair;
            scope.spawn(move || -> Result<()> {
                let mut officer = pair.officer()?;
                let mut tx = officer.transaction()?;
                tx.execute("SELECT warden.remove_member($1, $2)", &[&pair.ours, &user])?;
                thread::sleep(std::time::Duration::from_millis(300));
                Ok(tx.commit()?)
            });
        }
    });
    let owners = format!("SELECT count(*) FROM warden.members WHERE tenant = '{}' AND role = 'owner'", pair.ours);
    assert_eq!(value::<i64>(&mut pair.officer()?, &owners)?, 1);
    Ok(())
}

#[test]
fn a_changed_role_counts_at_once() -> Result<()> {
    let pair = Pair::new()?;
    let mut warm = pair.app()?;
    let write = format!("UPDATE {} SET body = body", pair.table);
    let mut run = || pair.lab.as_member(&mut warm, &pair.our("mia"), |tx| Ok(tx.execute(&write, &[])?));
    assert_eq!(run()?, 3);
    pair.officer()?.execute("SELECT warden.set_member_role($1, 'mia', 'viewer')", &[&pair.ours])?;
    refused(run(), DENIED)?;
    pair.officer()?.execute("SELECT warden.set_member_role($1, 'mia', 'admin')", &[&pair.ours])?;
    assert_eq!(run()?, 3);
    Ok(())
}

#[test]
fn views_show_a_tenant_itself_and_the_officers_everyone() -> Result<()> {
    let pair = Pair::unprotected()?;
    let both = format!(
        "SELECT count(DISTINCT tenant) FROM warden.members WHERE tenant IN ('{}', '{}')",
        pair.ours, pair.theirs
    );
    for role in ["officer", "auditor"] {
        assert_eq!(value::<i64>(&mut pair.lab.connect(role)?, &both)?, 2, "{role}");
    }
    assert_eq!(pair.lab.as_tenant(&pair.our("olga"), |tx| value::<i64>(tx, &both))?, 1);
    Ok(())
}

#[test]
fn only_the_officer_manages_tenants() -> Result<()> {
    let pair = Pair::unprotected()?;
    let calls = [
        "SELECT warden.create_tenant('mine', 'mine')".to_owned(),
        format!("SELECT warden.suspend_tenant('{}', 'x')", pair.theirs),
        format!("SELECT warden.close_tenant('{}', 'x')", pair.theirs),
        "SELECT warden.rename_role(1, 'king')".to_owned(),
    ];
    for role in ["app", "app_broker", "dba", "auditor", "nobody"] {
        let mut client = pair.lab.connect(role)?;
        all_refused(calls.iter().map(String::as_str), DENIED, |sql| Ok(client.batch_execute(sql)?))?;
    }
    all_refused(calls.iter().map(String::as_str), DENIED, |sql| pair.run_as(&pair.our("olga"), sql).map(drop))
}
