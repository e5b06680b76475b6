//! Templates: who reads and who writes what, and what `protect` adds.

use warden_lab::{Cluster, Error, Lab, Member, Result, Uuid, refused};
use warden_tests::{BAD_ARGUMENT, DENIED, NO_CONTEXT, OURS, Pair, THEIRS, all_refused, value};

#[test]
fn tenant_members_write_and_viewers_read() -> Result<()> {
    let pair = Pair::new()?;
    let t = &pair.table;
    assert_eq!(pair.seen_by(&pair.our("vic"))?, OURS);
    assert_eq!(pair.seen_by(&pair.their("max"))?, THEIRS);
    assert_eq!(pair.run_as(&pair.our("mia"), &format!("UPDATE {t} SET body = upper(body)"))?, 3);
    assert_eq!(pair.run_as(&pair.our("mia"), &format!("INSERT INTO {t} (body) VALUES ('mine')"))?, 1);
    assert_eq!(pair.seen_by(&pair.our("vic"))?, OURS + 1);
    assert_eq!(pair.run_as(&pair.our("mia"), &format!("DELETE FROM {t}"))?, 4);
    assert_eq!(pair.rows()?, THEIRS);
    let writes = [
        format!("UPDATE {t} SET body = ''"),
        format!("DELETE FROM {t}"),
        format!("INSERT INTO {t} (body) VALUES ('x')"),
    ];
    all_refused(writes.iter().map(String::as_str), DENIED, |sql| pair.run_as(&pair.our("vic"), sql).map(drop))
}

#[test]
fn injection_foreign_rows_are_as_if_they_were_not() -> Result<()> {
    let pair = Pair::new()?;
    let (t, theirs) = (&pair.table, pair.theirs);
    let mia = pair.our("mia");
    let nothing = [
        format!("UPDATE {t} SET body = 'x' WHERE id = 4"),
        format!("DELETE FROM {t} WHERE tenant_id = '{theirs}'"),
        format!("SELECT * FROM {t} WHERE tenant_id = '{theirs}' OR id = 4"),
        format!("SELECT * FROM {t} WHERE id = 4 FOR UPDATE"),
    ];
    for sql in &nothing {
        assert_eq!(pair.run_as(&mia, sql)?, 0, "{sql}");
    }
    let moved = [
        format!("INSERT INTO {t} (tenant_id, body) VALUES ('{theirs}', 'x')"),
        format!("UPDATE {t} SET tenant_id = '{theirs}'"),
        format!("INSERT INTO {t} (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET tenant_id = '{theirs}'"),
    ];
    all_refused(moved.iter().map(String::as_str), DENIED, |sql| pair.run_as(&mia, sql).map(drop))?;
    assert_eq!(
        pair.run_as(
            &mia,
            &format!("INSERT INTO {t} (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = 'y'")
        )?,
        1
    );
    Ok(())
}

#[test]
fn owned_rows_are_their_users_and_the_admins() -> Result<()> {
    let pair = Pair::unprotected()?;
    pair.protect("owned", r#"{"user_column": "author"}"#)?;
    for (user, rows) in [("vic", 1), ("mia", 1), ("adam", OURS), ("olga", OURS)] {
        assert_eq!(pair.seen_by(&pair.our(user))?, rows, "{user}");
    }
    let t = &pair.table;
    assert_eq!(pair.run_as(&pair.our("vic"), &format!("UPDATE {t} SET body = 'mine'"))?, 1);
    assert_eq!(pair.run_as(&pair.our("vic"), &format!("INSERT INTO {t} (author) VALUES ('vic')"))?, 1);
    refused(pair.run_as(&pair.our("vic"), &format!("INSERT INTO {t} (author) VALUES ('mia')")), DENIED)?;
    refused(pair.run_as(&pair.our("vic"), &format!("UPDATE {t} SET author = 'mia'")), DENIED)?;
    Ok(())
}

#[test]
fn append_only_stays_for_everybody() -> Result<()> {
    let pair = Pair::unprotected()?;
    pair.protect("append_only", "{}")?;
    let t = &pair.table;
    assert_eq!(pair.run_as(&pair.our("mia"), &format!("INSERT INTO {t} (body) VALUES ('new')"))?, 1);
    assert_eq!(pair.seen_by(&pair.our("vic"))?, OURS + 1);
    for user in ["vic", "mia", "adam", "olga"] {
        for write in [format!("UPDATE {t} SET body = ''"), format!("DELETE FROM {t}")] {
            refused(pair.run_as(&pair.our(user), &write), DENIED)?;
        }
    }
    Ok(())
}

#[test]
fn reference_is_read_in_every_context_and_written_by_the_officer() -> Result<()> {
    let pair = Pair::new()?;
    let scale = format!("app.{}", pair.lab.unique("scale").replace('-', "_"));
    pair.owner()?.batch_execute(&format!(
        "CREATE TABLE {scale} (letter text PRIMARY KEY); INSERT INTO {scale} VALUES ('A'), ('B');
         GRANT SELECT, INSERT, UPDATE, DELETE ON {scale} TO app, officer; SELECT warden.protect('{scale}', 'reference')"
    ))?;
    let read = format!("SELECT count(*) FROM {scale}");
    let write = format!("INSERT INTO {scale} VALUES ('C')");
    for member in [pair.our("vic"), pair.their("otto")] {
        assert_eq!(pair.lab.as_tenant(&member, |tx| value::<i64>(tx, &read))?, 2);
        refused(pair.run_as(&member, &write), DENIED)?;
    }
    refused(pair.app()?.query(&read, &[]), NO_CONTEXT)?;
    let mut officer = pair.officer()?;
    officer.batch_execute(&write)?;
    assert_eq!(value::<i64>(&mut officer, &read)?, 3);
    Ok(())
}

#[test]
fn minimum_roles_by_command() -> Result<()> {
    let pair = Pair::unprotected()?;
    pair.protect("tenant", r#"{"read": "member", "update": "admin", "delete": "owner"}"#)?;
    let t = &pair.table;
    refused(pair.seen_by(&pair.our("vic")), DENIED)?;
    assert_eq!(pair.seen_by(&pair.our("mia"))?, OURS);
    refused(pair.run_as(&pair.our("mia"), &format!("UPDATE {t} SET body = ''")), DENIED)?;
    assert_eq!(pair.run_as(&pair.our("adam"), &format!("UPDATE {t} SET body = ''"))?, 3);
    refused(pair.run_as(&pair.our("adam"), &format!("DELETE FROM {t}")), DENIED)?;
    assert_eq!(pair.run_as(&pair.our("olga"), &format!("DELETE FROM {t}"))?, 3);
    Ok(())
}

#[test]
fn tenant_columns_of_every_type() -> Result<()> {
    let pair = Pair::new()?;
    let number = i64::from(pair.lab.unique("n").trim_start_matches("n-").parse::<i32>().unwrap_or(0)) + 70_000;
    let one = pair.lab.tenant_with_external_id(
        &pair.lab.unique("typed"),
        Some(&number.to_string()),
        &[("mia", "member"), ("olga", "owner")],
    )?;
    // 070001 is not 70001: it names no row of an integer column.
    let padded = format!("0{number}");
    let other = pair.lab.tenant_with_external_id(&pair.lab.unique("typed"), Some(&padded), &[("mia", "owner")])?;
    for (type_name, sees_padded) in [("integer", false), ("bigint", false), ("text", true)] {
        let table = format!("app.{}", pair.lab.unique("typed").replace('-', "_"));
        pair.owner()?.batch_execute(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, institution {type_name} NOT NULL);
             INSERT INTO {table} VALUES (1, '{number}'), (2, '{number}'), (3, '{}');
             GRANT SELECT, INSERT ON {table} TO app; SELECT warden.protect('{table}', 'tenant', 'institution')",
            number + 1
        ))?;
        let read = format!("SELECT count(*) FROM {table}");
        let seen = |tenant: Uuid| pair.lab.as_tenant(&Member::new(tenant, "mia"), |tx| value::<i64>(tx, &read));
        assert_eq!(seen(one)?, 2, "{type_name}");
        // Either it sees nothing, or it is told that its external id is none for this column.
        match seen(other) {
            Ok(rows) => assert_eq!(rows, 0, "{type_name}, padded ({sees_padded})"),
            Err(error) => drop(refused::<(), Error>(Err(error), &["55000"])?),
        }
        let write = format!("INSERT INTO {table} (id) VALUES (9)");
        assert_eq!(pair.run_as(&Member::new(one, "mia"), &write)?, 1, "{type_name}");
        assert_eq!(seen(one)?, 3, "{type_name}");
    }
    Ok(())
}

#[test]
fn injection_a_reference_to_a_foreign_row_reads_like_one_to_no_row() -> Result<()> {
    let pair = Pair::new()?;
    let child = format!("app.{}", pair.lab.unique("child").replace('-', "_"));
    pair.owner()?.batch_execute(&format!(
        "CREATE TABLE {child} (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, tenant_id uuid NOT NULL,
                               doc bigint NOT NULL REFERENCES {} ON DELETE CASCADE);
         GRANT SELECT, INSERT, DELETE ON {child} TO app; SELECT warden.protect('{child}')",
        pair.table
    ))?;
    let insert = |doc: i64| pair.run_as(&pair.our("mia"), &format!("INSERT INTO {child} (doc) VALUES ({doc})"));
    assert_eq!(insert(1)?, 1);
    let (foreign, missing) = (refused(insert(4), &["23503"])?, refused(insert(4444), &["23503"])?);
    let text = |refusal: &warden_lab::Refusal| format!("{} {:?} {:?}", refusal.message, refusal.detail, refusal.hint);
    assert_eq!(text(&foreign).replace("=(4)", "=(n)").replace(", 4)", ", n)"), text(&missing).replace("4444", "n"));
    // The key's own action still works inside the tenant.
    assert_eq!(pair.run_as(&pair.our("mia"), &format!("DELETE FROM {} WHERE id = 1", pair.table))?, 1);
    assert_eq!(
        pair.lab.as_tenant(&pair.our("mia"), |tx| value::<i64>(tx, &format!("SELECT count(*) FROM {child}")))?,
        0
    );
    Ok(())
}

#[test]
fn references_that_already_cross_are_refused_with_their_count() -> Result<()> {
    let pair = Pair::new()?;
    let child = format!("app.{}", pair.lab.unique("child").replace('-', "_"));
    pair.owner()?.batch_execute(&format!(
        "CREATE TABLE {child} (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, doc bigint NOT NULL);
         INSERT INTO {child} VALUES (1, '{ours}', 4), (2, '{ours}', 5), (3, '{ours}', 1)",
        ours = pair.ours
    ))?;
    // The key is made by somebody whom row security does not bind, before anybody thought of tenants.
    pair.lab
        .superuser()?
        .batch_execute(&format!("ALTER TABLE {child} ADD FOREIGN KEY (doc) REFERENCES {}", pair.table))?;
    let refusal = refused(
        pair.owner()?.batch_execute(&format!("SELECT warden.protect('{child}')")),
        &["22023", "23503", "55000"],
    )?;
    let text = format!("{} {}", refusal.message, refusal.detail.unwrap_or_default());
    assert!(text.contains('2'), "{text}");
    Ok(())
}

#[test]
fn partitions_and_children_now_and_later() -> Result<()> {
    let pair = Pair::new()?;
    let table = format!("app.{}", pair.lab.unique("part").replace('-', "_"));
    pair.owner()?.batch_execute(&format!(
        "CREATE TABLE {table} (id int, tenant_id uuid NOT NULL) PARTITION BY RANGE (id);
         CREATE TABLE {table}_1 PARTITION OF {table} FOR VALUES FROM (0) TO (10);
         INSERT INTO {table} VALUES (1, '{ours}'), (2, '{theirs}');
         SELECT warden.protect('{table}');
         CREATE TABLE {table}_2 PARTITION OF {table} FOR VALUES FROM (10) TO (20);
         GRANT SELECT, INSERT ON {table}, {table}_1, {table}_2 TO app",
        ours = pair.ours,
        theirs = pair.theirs
    ))?;
    pair.lab
        .superuser()?
        .batch_execute(&format!("INSERT INTO {table} VALUES (11, '{}'), (12, '{}')", pair.ours, pair.theirs))?;
    for (part, rows) in [("", 2), ("_1", 1), ("_2", 1)] {
        let read = format!("SELECT count(*) FROM {table}{part}");
        assert_eq!(pair.lab.as_tenant(&pair.our("vic"), |tx| value::<i64>(tx, &read))?, rows, "{table}{part}");
        refused(pair.app()?.query(&read, &[]), NO_CONTEXT)?;
    }
    Ok(())
}

#[test]
fn plans_have_an_index_condition_and_no_call_per_row() -> Result<()> {
    let pair = Pair::new()?;
    let plan = pair.lab.as_tenant(&pair.our("mia"), |tx| {
        tx.batch_execute("SET LOCAL enable_seqscan = off")?;
        let rows = tx.query(&format!("EXPLAIN (COSTS OFF) SELECT * FROM {}", pair.table), &[])?;
        Ok(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n"))
    })?;
    assert!(plan.contains("Index Cond: (tenant_id = "), "{plan}");
    assert!(plan.matches("InitPlan").count() <= 4, "{plan}");
    Ok(())
}

#[test]
fn protect_twice_is_as_once_and_changing_it_is_the_officers() -> Result<()> {
    let pair = Pair::new()?;
    pair.protect("tenant", "{}")?;
    refused(pair.protect("append_only", "{}"), DENIED)?;
    refused(pair.owner()?.batch_execute(&format!("SELECT warden.unprotect('{}')", pair.table)), DENIED)?;
    pair.officer()?.batch_execute(&format!("SELECT warden.unprotect('{}')", pair.table))?;
    assert_eq!(value::<i64>(&mut pair.app()?, &format!("SELECT count(*) FROM {}", pair.table))?, OURS + THEIRS);
    Ok(())
}

#[test]
fn unprotect_removes_exactly_what_protect_added() -> Result<()> {
    let pair = Pair::unprotected()?;
    let shape = format!(
        "SELECT concat_ws(' | ', relrowsecurity, relforcerowsecurity,
             (SELECT string_agg(pg_get_indexdef(indexrelid), ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = c.oid),
             (SELECT string_agg(pg_get_constraintdef(oid), ', ' ORDER BY conname) FROM pg_constraint WHERE conrelid = c.oid),
             (SELECT string_agg(attname || attnotnull || atthasdef, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0),
             (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid), (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid))
         FROM pg_class c WHERE oid = '{}'::regclass",
        pair.table
    );
    let mut superuser = pair.lab.superuser()?;
    let before: String = value(&mut superuser, &shape)?;
    pair.protect("tenant", "{}")?;
    assert_ne!(value::<String>(&mut superuser, &shape)?, before);
    pair.officer()?.batch_execute(&format!("SELECT warden.unprotect('{}')", pair.table))?;
    assert_eq!(value::<String>(&mut superuser, &shape)?, before);
    Ok(())
}

#[test]
fn bad_input_is_one_clear_error_and_nothing_half_done() -> Result<()> {
    let pair = Pair::unprotected()?;
    let t = &pair.table;
    let mut owner = pair.owner()?;
    owner.batch_execute(&format!(
        "CREATE VIEW {t}_view AS SELECT * FROM {t}; CREATE TABLE {t}_float (id int, tenant_id float8 NOT NULL);
         CREATE TABLE {t}_null (id int, tenant_id uuid); INSERT INTO {t}_null VALUES (1, NULL)"
    ))?;
    let calls = [
        "SELECT warden.protect(NULL)".to_owned(),
        format!("SELECT warden.protect(to_regclass('{t}_missing'))"),
        format!("SELECT warden.protect('{t}', NULL)"),
        format!("SELECT warden.protect('{t}', 'tenent')"),
        format!("SELECT warden.protect('{t}', 'tenant', 'missing')"),
        format!("SELECT warden.protect('{t}', 'tenant', NULL)"),
        format!("SELECT warden.protect('{t}', options => NULL)"),
        format!("SELECT warden.protect('{t}', options => '[]')"),
        format!("SELECT warden.protect('{t}', options => '{{\"reed\": \"viewer\"}}')"),
        format!("SELECT warden.protect('{t}', options => '{{\"read\": \"king\"}}')"),
        format!("SELECT warden.protect('{t}', options => '{{\"read\": 1}}')"),
        format!("SELECT warden.protect('{t}', 'owned')"),
        format!("SELECT warden.protect('{t}', 'owned', options => '{{\"user_column\": \"missing\"}}')"),
        format!("SELECT warden.protect('{t}_view')"),
        format!("SELECT warden.protect('{t}_float')"),
        format!("SELECT warden.protect('{t}_null')"),
        "SELECT warden.protect('pg_catalog.pg_class', 'tenant', 'relname')".to_owned(),
    ];
    let codes = &["22004", "22023", "23502", "42501", "42703", "42704", "42804", "42809", "55000", "0A000"];
    all_refused(calls.iter().map(String::as_str), codes, |sql| Ok(owner.batch_execute(sql)?))?;
    let left = format!(
        "SELECT relrowsecurity OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) FROM pg_class c WHERE oid = '{t}'::regclass"
    );
    assert!(!value::<bool>(&mut pair.lab.superuser()?, &left)?);
    refused(owner.batch_execute("SELECT warden.protect('app.does_not_exist')"), &["42P01"])?;
    refused(pair.app()?.batch_execute(&format!("SELECT warden.protect('{t}')")), DENIED)?;
    pair.protect("tenant", "{}")
}

#[test]
fn names_with_quotes_upper_case_unicode_and_63_bytes() -> Result<()> {
    let pair = Pair::new()?;
    let longest = "x".repeat(63);
    for (number, name) in ["Upper Case", "quo\"te'd", "größe_表", "select", longest.as_str()].into_iter().enumerate()
    {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        pair.owner()?.batch_execute(&format!(
            "CREATE TABLE app.{quoted} (id int PRIMARY KEY, {quoted} uuid NOT NULL);
             INSERT INTO app.{quoted} VALUES (1, '{}'), (2, '{}'); GRANT SELECT ON app.{quoted} TO app",
            pair.ours, pair.theirs
        ))?;
        let relation = format!("app.{quoted}");
        pair.owner()?
            .execute("SELECT warden.protect($1::text::regclass, 'tenant', $2::text::name)", &[&relation, &name])
            .map_err(|error| Error::unexpected(format!("{number}, {name}: {}", Error::from(error))))?;
        let seen: i64 =
            pair.lab.as_tenant(&pair.our("vic"), |tx| value(tx, &format!("SELECT count(*) FROM {relation}")))?;
        assert_eq!(seen, 1, "{name}");
    }
    Ok(())
}

#[test]
fn coverage_lists_what_is_protected() -> Result<()> {
    let pair = Pair::new()?;
    let state = format!(
        "SELECT state || ' by ' || template FROM warden.coverage WHERE relation::text IN ('{0}', '{1}')",
        pair.table,
        pair.table.trim_start_matches("app.")
    );
    assert_eq!(value::<String>(&mut pair.officer()?, &state)?, "protected by tenant");
    Ok(())
}

#[test]
fn missing_context_empty_shows_no_row_instead_of_an_error() -> Result<()> {
    let lab = Lab::start_with(Cluster::builder().setting("warden.missing_context", "empty"))?;
    let tenant = lab.tenant("solo", &[("mia", "owner")])?;
    lab.connect("dba")?.batch_execute(&format!(
        "CREATE TABLE app.doc (id int, tenant_id uuid NOT NULL); INSERT INTO app.doc VALUES (1, '{tenant}');
         GRANT SELECT ON app.doc TO app; SELECT warden.protect('app.doc')"
    ))?;
    assert_eq!(value::<i64>(&mut lab.connect("app")?, "SELECT count(*) FROM app.doc")?, 0);
    assert_eq!(value::<i64>(&mut lab.connect("dba")?, "SELECT count(*) FROM app.doc")?, 0);
    assert_eq!(lab.as_tenant(&Member::new(tenant, "mia"), |tx| value::<i64>(tx, "SELECT count(*) FROM app.doc"))?, 1);
    refused(lab.connect("app")?.batch_execute("SELECT warden.require_role('viewer')"), NO_CONTEXT)?;
    let set = ["SET warden.missing_context = 'error'", "ALTER ROLE app SET warden.missing_context = 'error'"];
    all_refused(set, &["42501", "55P02"], |sql| Ok(lab.connect("app")?.batch_execute(sql)?))
}

#[test]
fn unknown_templates_and_reserved_names_are_the_officers() -> Result<()> {
    let pair = Pair::new()?;
    let create = "SELECT warden.create_template('mine', '{}', 'x')";
    for role in ["app", "dba", "auditor"] {
        refused(pair.lab.connect(role)?.batch_execute(create), DENIED)?;
    }
    refused(pair.officer()?.batch_execute("SELECT warden.drop_template('no_such_template')"), BAD_ARGUMENT)?;
    Ok(())
}
