//! A dump holds tenants, issuers and protections, and restores them into a server that has the library.

use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::Client;
use warden_lab::{Cluster, Error, Lab, Member, Result, StopMode, refused};
use warden_tests::{DENIED, NO_CONTEXT, WRONG_STATE, value};

const COVERAGE: &str = "SELECT string_agg(concat_ws(' ', relation, state, template, problems), ', ' ORDER BY relation) FROM warden.coverage";

/// All that protect can change of a table, one line each.
const CATALOG: &str = "
    SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT format('%s %s %s %s', c.oid::regclass, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole) FROM app c
        UNION ALL SELECT format('%s.%I %s %s', c.oid::regclass, a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
            FROM app c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        UNION ALL SELECT format('%s %s', c.oid::regclass, pg_get_indexdef(i.indexrelid)) FROM app c JOIN pg_index i ON i.indrelid = c.oid
        UNION ALL SELECT format('%s %I %s', c.oid::regclass, k.conname, pg_get_constraintdef(k.oid))
            FROM app c JOIN pg_constraint k ON k.conrelid = c.oid WHERE k.contype <> 'n'
        UNION ALL SELECT format('%s %I', c.oid::regclass, p.polname) FROM app c JOIN pg_policy p ON p.polrelid = c.oid
        UNION ALL SELECT format('%s %I', c.oid::regclass, g.tgname) FROM app c JOIN pg_trigger g ON g.tgrelid = c.oid
            WHERE NOT g.tgisinternal) lines(line)";

/// Tables of two owners, for every template, with keys, partitions and children.
const TABLES: &str = "
    CREATE TABLE app.exam (id bigint PRIMARY KEY, tenant_id uuid NOT NULL);
    CREATE TABLE app.result (id bigint PRIMARY KEY, tenant_id uuid, exam bigint REFERENCES app.exam ON DELETE SET NULL (exam));
    CREATE TABLE app.remark (id bigint PRIMARY KEY, result bigint NOT NULL REFERENCES app.result ON DELETE CASCADE);
    CREATE TABLE app.diary (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, author varchar(20) NOT NULL);
    CREATE TABLE app.setting (name text, org integer, CONSTRAINT setting_key UNIQUE (org, name));
    CREATE TABLE app.country (code text PRIMARY KEY);
    CREATE TABLE app.paper (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, state varchar(10) NOT NULL);
    CREATE TABLE app.visit (id int, org int NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.visit_1 PARTITION OF app.visit FOR VALUES FROM (0) TO (10);
    CREATE TABLE app.visit_2 PARTITION OF app.visit FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
    CREATE TABLE app.visit_2_1 PARTITION OF app.visit_2 DEFAULT;
    CREATE TABLE app.page (id bigint PRIMARY KEY, tenant_id uuid);
    CREATE TABLE app.letter (id int, tenant_id uuid);
    CREATE TABLE app.letter_old (sent date) INHERITS (app.letter);";

const PROTECT: &str = r#"
    SELECT warden.protect('app.exam'), warden.protect('app.result', 'append_only'), warden.protect('app.remark', 'child'),
        warden.protect('app.diary', 'owned', options => '{"user_column": "author"}'),
        warden.protect('app.setting', 'tenant_admin', 'org'), warden.protect('app.country', 'reference'), warden.protect('app.page', 'shared'),
        warden.protect('app.paper', 'reviewed'), warden.protect('app.visit', 'tenant', 'org'), warden.protect('app.letter')"#;

const ROOTS: [&str; 10] =
    ["page", "remark", "result", "exam", "diary", "setting", "country", "paper", "visit", "letter"];

struct Source {
    lab: Lab,
    mia: Member,
    otto: Member,
    folder: PathBuf,
    /// The catalogs before protect, and after.
    bare: String,
    protected: String,
    coverage: String,
}

impl Source {
    fn new() -> Result<Self> {
        let lab = Lab::start()?;
        let ours = lab.tenant_with_external_id("ours", Some("41"), &[("mia", "admin")])?;
        let theirs = lab.tenant_with_external_id("theirs", Some("42"), &[("otto", "owner")])?;
        let mut superuser = lab.superuser()?;
        let mut officer = lab.connect("officer")?;
        lab.connect("dba")?.batch_execute(TABLES)?;
        superuser.batch_execute(
            "CREATE ROLE builder LOGIN; GRANT USAGE, CREATE ON SCHEMA app TO builder;
             ALTER TABLE app.diary OWNER TO builder; ALTER TABLE app.letter OWNER TO builder;
             ALTER TABLE app.letter_old OWNER TO builder;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO app",
        )?;
        let bare =
            catalog(&mut superuser)?.replace("paper.state", "paper.stage").replace("diary.author", "diary.autor");
        // Read back from what PostgreSQL prints, `IN` over varchar is not what it was.
        officer.batch_execute(
            r#"SELECT warden.create_template('reviewed', '{"commands": {"select": "state IN (''open'', ''done'')",
                "update": "EXISTS (SELECT FROM app.country c WHERE c.code = state) OR state = ''open''"}}', 'papers')"#,
        )?;
        superuser.batch_execute("INSERT INTO app.country VALUES ('xx')")?;
        officer.batch_execute(PROTECT)?;
        // A schema under enforce, with exemptions of both kinds.
        superuser.batch_execute(
            "CREATE SCHEMA ruled; CREATE TABLE ruled.guarded (tenant_id uuid); CREATE TABLE ruled.colours (id int);
             CREATE TABLE ruled.import_1 (id int);
             SELECT warden.protect('ruled.guarded'), warden.exempt('ruled.colours', 'a list'),
                 warden.exempt('ruled'::regnamespace, 'import%', 'every night'), warden.protect_schema('ruled')",
        )?;
        // The predicates, the tenant and the user follow their columns.
        superuser.batch_execute(
            "ALTER TABLE app.paper RENAME state TO stage; ALTER TABLE app.diary RENAME author TO autor",
        )?;
        for (tenant, user, at) in [(ours, "mia", 1), (theirs, "otto", 2)] {
            lab.as_tenant(&Member::new(tenant, user), |tx| {
                Ok(tx.batch_execute(&format!(
                    "INSERT INTO app.exam VALUES ({at}); INSERT INTO app.result (id, exam) VALUES ({at}, {at});
                     INSERT INTO app.remark (id, result) VALUES ({at}, {at}); INSERT INTO app.diary (id, autor) VALUES ({at}, '{user}');
                     INSERT INTO app.setting (name) VALUES ('colour'); INSERT INTO app.paper (id, stage) VALUES ({at}, 'open');
                     INSERT INTO app.visit (id) VALUES ({at}), (1{at}); INSERT INTO app.letter (id) VALUES ({at});
                     INSERT INTO app.letter_old (id) VALUES ({at}); INSERT INTO app.page (id) VALUES ({at})"
                ))?)
            })?;
        }
        let (protected, coverage) = (catalog(&mut superuser)?, value(&mut superuser, COVERAGE)?);
        let folder = lab.cluster.scratch_dir("dump")?;
        let (mia, otto) = (Member::new(ours, "mia"), Member::new(theirs, "otto"));
        Ok(Self { lab, mia, otto, folder, bare, protected, coverage })
    }

    fn dump(&self, database: &str, name: &str, options: &[&str]) -> Result<PathBuf> {
        let file = self.folder.join(name);
        let mut command = self.lab.cluster.program("pg_dump");
        done(command.args(["-U", "postgres", "-f"]).arg(&file).args(options).arg(database))?;
        Ok(file)
    }

    fn create(&self, database: &str) -> Result<()> {
        Ok(self.lab.superuser()?.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0"))?)
    }

    fn drop(&self, database: &str) -> Result<()> {
        Ok(self.lab.superuser()?.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)"))?)
    }

    fn restore(&self, database: &str, file: &Path, options: &[&str]) -> Result<()> {
        let mut command = self.lab.cluster.program("pg_restore");
        done(command.args(["-U", "postgres", "-d", database]).args(options).arg(file))
    }

    fn run_script(&self, database: &str, file: &Path) -> Result<()> {
        let mut command = self.lab.cluster.program("psql");
        done(command.args(["-X", "-q", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-d", database, "-f"]).arg(file))
    }

    /// What was protected is protected as it was.
    fn check(&self, database: &str) -> Result<()> {
        let mut superuser = self.lab.cluster.connect("postgres", database)?;
        assert_eq!(value::<String>(&mut superuser, COVERAGE)?, self.coverage, "{database}");
        assert_eq!(catalog(&mut superuser)?, self.protected, "{database}");
        for weakening in [
            "ALTER TABLE app.exam DISABLE TRIGGER warden_truncate",
            "ALTER TABLE app.exam ENABLE REPLICA TRIGGER warden_truncate",
            "ALTER TABLE app.visit_2_1 NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE app.result DROP CONSTRAINT result_exam_fkey",
            "DROP POLICY warden_select ON app.exam",
            "ALTER POLICY warden_select ON app.exam USING (true)",
            "CREATE POLICY warden_mine ON app.exam USING (true)",
        ] {
            refused(superuser.batch_execute(weakening), DENIED).map_err(|error| told(weakening, &error))?;
        }
        let open = "CREATE TABLE ruled.import_2 (id int); DROP TABLE ruled.import_2; CREATE TABLE ruled.open (id int)";
        refused(superuser.batch_execute(open), WRONG_STATE)?;
        let mut app = self.lab.cluster.connect("app", database)?;
        refused(app.query("SELECT * FROM app.result", &[]), NO_CONTEXT)?;
        for (member, at) in [(&self.mia, 1), (&self.otto, 2)] {
            self.lab.as_member(&mut app, member, |tx| {
                for table in ["exam", "result", "remark", "diary", "paper", "page"] {
                    let seen: String = value(tx, &format!("SELECT string_agg(id::text, ' ') FROM app.{table}"))?;
                    assert_eq!(seen, at.to_string(), "{database} {table}");
                }
                assert_eq!(value::<i64>(tx, "SELECT count(*) FROM app.setting")?, 1);
                assert_eq!(value::<i64>(tx, "SELECT count(*) FROM app.visit")?, 2);
                assert_eq!(value::<i64>(tx, "SELECT count(*) FROM app.letter")?, 2);
                assert_eq!(value::<i64>(tx, "SELECT count(*) FROM app.country")?, 1);
                Ok(())
            })?;
        }
        let foreign = "INSERT INTO app.result (id, exam) VALUES (3, 2)";
        refused(self.lab.as_member(&mut app, &self.mia, |tx| Ok(tx.execute(foreign, &[])?)), &["23503"])?;
        refused(
            self.lab.as_member(&mut app, &self.mia, |tx| Ok(tx.execute("UPDATE app.result SET id = 2", &[])?)),
            DENIED,
        )?;
        Ok(())
    }

    /// And it goes as it came.
    fn check_unprotect(&self, database: &str) -> Result<()> {
        let mut officer = self.lab.cluster.connect("officer", database)?;
        for table in ROOTS {
            officer.batch_execute(&format!("SELECT warden.unprotect('app.{table}')"))?;
        }
        assert_eq!(catalog(&mut self.lab.cluster.connect("postgres", database)?)?, self.bare, "{database}");
        Ok(())
    }
}

#[test]
fn what_was_protected_is_protected_after_a_restore() -> Result<()> {
    let source = Source::new()?;
    let refused_dump = done(
        source
            .lab
            .cluster
            .program("pg_dump")
            .args(["-U", "dba", "-t", "app.exam", "-f"])
            .arg(source.folder.join("own"))
            .arg("postgres"),
    );
    assert!(refused_dump.is_err_and(|error| error.to_string().contains("row-level security")));
    let file = source.dump("postgres", "all", &["-Fc"])?;

    source.create("first")?;
    source.restore("first", &file, &["--exit-on-error"])?;
    source.check("first")?;
    // A dump of what came from a dump is another text, and the same protection.
    let again = source.dump("first", "again", &["-Fd"])?;
    source.check_unprotect("first")?;
    source.drop("first")?;
    source.create("second")?;
    // Parallel jobs load the registries, and make policies, in any order.
    source.restore("second", &again, &["--exit-on-error", "--jobs=4"])?;
    source.check("second")?;
    source.check_unprotect("second")?;
    source.drop("second")?;

    source.create("plain")?;
    source.run_script("plain", &source.dump("postgres", "plain.sql", &["-Fp"])?)?;
    source.check("plain")?;
    source.drop("plain")?;

    source.create("sections")?;
    for section in ["pre-data", "data", "post-data"] {
        source.run_script("sections", &source.dump("postgres", section, &["--section", section])?)?;
    }
    source.check("sections")?;
    source.check_unprotect("sections")?;
    source.drop("sections")
}

#[test]
fn a_restore_cleans_only_what_a_superuser_lets_it() -> Result<()> {
    let source = Source::new()?;
    let file = source.dump("postgres", "all", &["-Fc"])?;
    let clean = ["--clean", "--if-exists"];
    // Where there is nothing, nothing is to be cleaned.
    source.create("cleaned")?;
    source.restore("cleaned", &file, &clean)?;
    source.check("cleaned")?;
    // Over what is protected it takes the policies one by one, and that is refused.
    let refusal = source.restore("cleaned", &file, &["--clean", "--if-exists", "--single-transaction"]);
    assert!(refusal.is_err_and(|error| error.to_string().contains("cannot be weakened")));
    source.check("cleaned")?;
    let mut command = source.lab.cluster.program("pg_restore");
    command.env("PGOPTIONS", "-c warden.allow_drop=on").args(["-U", "postgres", "-d", "cleaned", "--exit-on-error"]);
    done(command.args(clean).arg(&file))?;
    source.check("cleaned")?;
    source.check_unprotect("cleaned")
}

#[test]
fn what_is_missing_comes_back_as_it_was_or_not_at_all() -> Result<()> {
    let source = Source::new()?;
    let mut superuser = source.lab.superuser()?;
    let make: String = "CREATE POLICY warden_select ON app.exam AS RESTRICTIVE FOR SELECT USING (%)".to_owned();
    let right = make.replace('%', "tenant_id = (SELECT warden.row_tenant_uuid(4::smallint))");
    superuser.batch_execute(
        "SET warden.allow_drop = on; DROP POLICY warden_select ON app.exam; DROP TRIGGER warden_truncate ON app.exam; RESET warden.allow_drop",
    )?;
    let state = "SELECT state FROM warden.coverage WHERE relation = 'exam'";
    assert_eq!(value::<String>(&mut superuser, state)?, "partial");
    for wrong in [
        make.replace('%', "true"),
        make.replace('%', "tenant_id = (SELECT warden.row_tenant_uuid(4::smallint)) OR true"),
        make.replace('%', "tenant_id = (SELECT warden.row_tenant_uuid(1::smallint))"),
        right.replace("RESTRICTIVE", "PERMISSIVE"),
        right.replace("FOR SELECT", "FOR UPDATE"),
        right.replace("USING", "TO app USING"),
        right.replace("warden_select", "warden_other"),
        "CREATE TRIGGER warden_truncate AFTER TRUNCATE ON app.exam EXECUTE FUNCTION warden.refuse_truncate()"
            .to_owned(),
        "CREATE TRIGGER warden_truncate BEFORE DELETE ON app.exam EXECUTE FUNCTION warden.refuse_truncate()".to_owned(),
        "CREATE TRIGGER warden_truncate BEFORE TRUNCATE ON app.exam EXECUTE FUNCTION warden.registry_changed()"
            .to_owned(),
    ] {
        refused(superuser.batch_execute(&wrong), DENIED).map_err(|error| told(&wrong, &error))?;
    }
    let trigger =
        "CREATE TRIGGER warden_truncate BEFORE TRUNCATE ON app.exam EXECUTE FUNCTION warden.refuse_truncate()";
    for other in ["dba", "officer"] {
        let mut other = source.lab.connect(other)?;
        refused(other.batch_execute(&right), DENIED)?;
        refused(other.batch_execute(trigger), DENIED)?;
    }
    // With the one policy, the one that permits has gone: the table is shut.
    refused(superuser.batch_execute("CREATE POLICY warden_open ON app.exam FOR SELECT USING (true)"), DENIED)?;
    superuser.batch_execute("CREATE POLICY warden_open ON app.exam USING (true) WITH CHECK (true)")?;
    superuser.batch_execute(&right)?;
    superuser.batch_execute(trigger)?;
    superuser.batch_execute("ALTER TABLE app.exam ENABLE ALWAYS TRIGGER warden_truncate")?;
    source.check("postgres")
}

/// From a major version to itself: the same program, in the same mode.
#[test]
fn pg_upgrade_keeps_what_is_protected() -> Result<()> {
    let mut source = Source::new()?;
    let new = Cluster::builder().start()?;
    source.lab.cluster.stop(StopMode::Fast)?;
    new.stop(StopMode::Fast)?;
    let mut upgrade = new.program("pg_upgrade");
    upgrade.current_dir(new.scratch_dir("upgrade")?).args(["-U", "postgres", "-b"]).arg(new.bin_dir());
    upgrade.arg("-B").arg(new.bin_dir()).arg("-d").arg(source.lab.cluster.data_dir()).arg("-D").arg(new.data_dir());
    let output = upgrade.output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    new.start()?;
    source.lab.cluster = new;
    source.check("postgres")
}

fn catalog(superuser: &mut Client) -> Result<String> {
    let tables = "SELECT * FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')";
    value(superuser, &format!("WITH app AS ({tables}) {CATALOG}"))
}

fn told(statement: &str, error: &Error) -> Error {
    Error::unexpected(format!("{statement}: {error}"))
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::unexpected(String::from_utf8_lossy(&output.stderr)))
}
