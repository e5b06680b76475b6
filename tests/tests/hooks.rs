//! What is protected stays so, and DDL does not read. Each attack by the tables' owner stands beside what it may do.

use warden_lab::{Result, refused};
use warden_tests::{DENIED, OURS, Pair, WRONG_STATE, all_refused, value};

fn by_owner<'a>(pair: &Pair, attacks: impl IntoIterator<Item = &'a String>) -> Result<()> {
    all_refused(attacks.into_iter().map(String::as_str), DENIED, |sql| Ok(pair.owner()?.batch_execute(sql)?))?;
    // Whatever was tried: the tenant sees its own, and nobody else's.
    assert_eq!(pair.seen_by(&pair.our("vic"))?, OURS);
    Ok(())
}

#[test]
fn elevation_weakening_row_security() -> Result<()> {
    let pair = Pair::new()?;
    let t = &pair.table;
    let policies = pair
        .lab
        .superuser()?
        .query("SELECT quote_ident(polname) FROM pg_policy WHERE polrelid = to_regclass($1::text)", &[t])?;
    assert!(!policies.is_empty());
    let mut attacks = vec![
        format!("ALTER TABLE {t} DISABLE ROW LEVEL SECURITY"),
        format!("ALTER TABLE {t} NO FORCE ROW LEVEL SECURITY"),
        format!("ALTER TABLE {t} ADD COLUMN x int, DISABLE ROW LEVEL SECURITY"),
        format!("ALTER TABLE {t} DISABLE TRIGGER ALL"),
        format!("ALTER TABLE {t} DROP COLUMN tenant_id CASCADE"),
        format!("ALTER TABLE {t} ALTER tenant_id TYPE text USING ''"),
        format!("ALTER TABLE {t} ALTER tenant_id DROP NOT NULL"),
    ];
    for policy in &policies {
        let policy: String = policy.get(0);
        attacks.push(format!("DROP POLICY {policy} ON {t}"));
        // PostgreSQL knows no USING for INSERT.
        let clause = if policy.contains("insert") { "WITH CHECK" } else { "USING" };
        attacks.push(format!("ALTER POLICY {policy} ON {t} {clause} (true)"));
        attacks.push(format!("ALTER POLICY {policy} ON {t} TO nobody"));
        attacks.push(format!("ALTER POLICY {policy} ON {t} RENAME TO harmless"));
    }
    by_owner(&pair, &attacks)?;

    pair.owner()?.batch_execute(&format!(
        "ALTER TABLE {t} ADD COLUMN note text; ALTER TABLE {t} ALTER note SET DEFAULT 'x'; ALTER TABLE {t} DROP COLUMN note;
         ALTER TABLE {t} ENABLE ROW LEVEL SECURITY; ALTER TABLE {t} FORCE ROW LEVEL SECURITY; COMMENT ON TABLE {t} IS 'mine'"
    ))?;
    let open = format!("{t}_open");
    pair.owner()?.batch_execute(&format!(
        "CREATE TABLE {open} (id int); ALTER TABLE {open} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {open};
         DROP POLICY p ON {open}; ALTER TABLE {open} DISABLE ROW LEVEL SECURITY; DROP TABLE {open}"
    ))?;
    Ok(())
}

#[test]
fn elevation_a_policy_of_ones_own() -> Result<()> {
    let pair = Pair::new()?;
    let t = &pair.table;
    let spy = format!("{t}_spy");
    pair.owner()?.batch_execute(&format!(
        "CREATE FUNCTION {spy}(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
    ))?;
    by_owner(
        &pair,
        &[
            format!("CREATE POLICY spy ON {t} AS RESTRICTIVE USING ({spy}(body))"),
            format!("CREATE POLICY spy ON {t} AS PERMISSIVE FOR SELECT USING (body::int > 0)"),
        ],
    )
}

#[test]
fn elevation_a_parent_or_child_that_is_open() -> Result<()> {
    let pair = Pair::new()?;
    let t = &pair.table;
    pair.owner()?.batch_execute(&format!(
        "ALTER TABLE {t} ALTER id DROP IDENTITY IF EXISTS; -- PostgreSQL 17 attaches no table with one
         CREATE TABLE {t}_parent (LIKE {t}); CREATE TABLE {t}_range (LIKE {t}) PARTITION BY RANGE (id)"
    ))?;
    by_owner(
        &pair,
        &[format!("ALTER TABLE {t} INHERIT {t}_parent"), format!("ALTER TABLE {t}_range ATTACH PARTITION {t} DEFAULT")],
    )
}

#[test]
fn elevation_ddl_that_reads() -> Result<()> {
    let pair = Pair::new()?;
    let t = &pair.table;
    by_owner(
        &pair,
        &[
            format!("ALTER TABLE {t} ADD CHECK (body::int > 0)"),
            format!("ALTER TABLE {t} ADD CHECK (body::int > 0) NOT VALID"),
            format!("ALTER TABLE {t} ADD COLUMN leak int GENERATED ALWAYS AS (body::int) STORED"),
            format!("ALTER TABLE {t} ALTER body TYPE int USING body::int"),
            format!("CREATE INDEX ON {t} ((body::int))"),
            format!("CREATE INDEX ON {t} (id) WHERE body::int > 0"),
            format!(
                "CREATE STATISTICS app.{name}_spy ON (body::int), id FROM {t}",
                name = t.trim_start_matches("app.")
            ),
            format!("ALTER TABLE {t} ADD EXCLUDE USING btree ((body::int) WITH =)"),
        ],
    )?;
    pair.owner()?.batch_execute(&format!(
        "CREATE INDEX ON {t} (body); ALTER TABLE {t} ADD CHECK (id > 0); ALTER TABLE {t} ADD CHECK (body IS NOT NULL) NOT VALID;
         CREATE INDEX ON {t} (id) WHERE body IS NOT NULL"
    ))?;
    Ok(())
}

#[test]
fn elevation_triggers_and_rules_with_code_of_ones_own() -> Result<()> {
    let pair = Pair::new()?;
    let t = &pair.table;
    let body = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$";
    pair.owner()?.batch_execute(&format!(
        "CREATE FUNCTION {t}_own() {body}; CREATE FUNCTION {t}_say(text) RETURNS text LANGUAGE sql AS 'SELECT $1'"
    ))?;
    pair.lab.superuser()?.batch_execute(&format!("CREATE FUNCTION {t}_approved() {body}"))?;
    by_owner(
        &pair,
        &[
            format!("CREATE TRIGGER spy BEFORE UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_own()"),
            format!("CREATE RULE spy AS ON UPDATE TO {t} DO ALSO SELECT {t}_say(OLD.body)"),
        ],
    )?;
    pair.owner()?.batch_execute(&format!(
        "CREATE TRIGGER fine BEFORE UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_approved(); DROP TRIGGER fine ON {t}"
    ))?;
    refused(pair.owner()?.batch_execute(&format!("ALTER FUNCTION {t}_approved() RENAME TO mine")), DENIED)?;
    Ok(())
}

#[test]
fn elevation_publications_over_protected_tables() -> Result<()> {
    let pair = Pair::new()?;
    let (t, name) = (&pair.table, pair.lab.unique("pub").replace('-', "_"));
    by_owner(&pair, &[format!("CREATE PUBLICATION {name} FOR TABLE {t}")])?;
    pair.owner()?
        .batch_execute(&format!("CREATE TABLE {t}_open (id int); CREATE PUBLICATION {name} FOR TABLE {t}_open"))?;
    by_owner(
        &pair,
        &[format!("ALTER PUBLICATION {name} ADD TABLE {t}"), format!("ALTER PUBLICATION {name} SET TABLE {t}")],
    )?;
    pair.owner()?.batch_execute(&format!("DROP PUBLICATION {name}"))?;
    Ok(())
}

#[test]
fn injection_truncate_by_the_application_even_where_granted() -> Result<()> {
    let pair = Pair::new()?;
    let t = &pair.table;
    pair.owner()?.batch_execute(&format!("GRANT TRUNCATE ON {t} TO app"))?;
    let before = pair.rows()?;
    for truncate in
        [format!("TRUNCATE {t}"), format!("TRUNCATE {t} CASCADE"), format!("TRUNCATE ONLY {t} RESTART IDENTITY")]
    {
        refused(pair.run_as(&pair.our("olga"), &truncate), DENIED)?;
        refused(pair.app()?.batch_execute(&truncate), DENIED)?;
    }
    assert_eq!(pair.rows()?, before);
    Ok(())
}

#[test]
fn elevation_a_new_foreign_key_that_crosses() -> Result<()> {
    let pair = Pair::new()?;
    let t = &pair.table;
    pair.owner()?.batch_execute(&format!(
        "CREATE TABLE {t}_child (id int, tenant_id uuid NOT NULL, doc bigint); GRANT SELECT, INSERT ON {t}_child TO app;
         SELECT warden.protect('{t}_child')"
    ))?;
    // Refused, or made composite: in no case an oracle.
    let _ = pair
        .owner()?
        .batch_execute(&format!("ALTER TABLE {t}_child ADD CONSTRAINT crossing FOREIGN KEY (doc) REFERENCES {t} (id)"));
    let key = format!(
        "SELECT coalesce(max(pg_get_constraintdef(oid)), '') FROM pg_constraint WHERE conrelid = '{t}_child'::regclass AND contype = 'f'"
    );
    let key: String = value(&mut pair.lab.superuser()?, &key)?;
    assert!(key.is_empty() || key.contains("(tenant_id, doc)"), "{key}");
    Ok(())
}

#[test]
fn dropping_the_extension_is_refused_while_it_protects() -> Result<()> {
    let pair = Pair::new()?;
    let mut superuser = pair.lab.superuser()?;
    for drop in ["DROP EXTENSION pg_warden", "DROP EXTENSION pg_warden CASCADE", "DROP SCHEMA warden CASCADE"] {
        let refusal = refused(
            superuser.batch_execute(drop),
            if drop.contains("SCHEMA") { &["55000", "2BP01"] } else { WRONG_STATE },
        )?;
        if drop.contains("EXTENSION") {
            assert!(refusal.detail.is_some() && refusal.hint.is_some(), "{refusal}");
        }
    }
    assert_eq!(pair.seen_by(&pair.our("vic"))?, OURS);
    Ok(())
}

#[test]
fn a_protected_table_can_be_dropped_by_its_owner_and_leaves_nothing() -> Result<()> {
    let pair = Pair::new()?;
    let coverage = format!(
        "SELECT count(*) FROM warden.coverage WHERE relation::text IN ('{0}', '{1}')",
        pair.table,
        pair.table.trim_start_matches("app.")
    );
    let mut officer = pair.officer()?;
    assert_eq!(value::<i64>(&mut officer, &coverage)?, 1);
    pair.owner()?.batch_execute(&format!("DROP TABLE {}", pair.table))?;
    assert_eq!(value::<i64>(&mut officer, &coverage)?, 0);
    Ok(())
}
