//! The audit beside none and beside the trigger that everybody writes first.

mod bulk;
mod seal;
mod tpcb;

pub use bulk::measure as measure_bulk;
pub use seal::measure as measure_seal;
pub use tpcb::measure as measure_tpcb;

use warden_lab::{Cluster, Result, postgres::Client};

/// What records a table's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audit {
    None,
    /// A row of jsonb for each change, by a trigger in PL/pgSQL.
    Jsonb,
    Warden,
}

/// Its log in a schema. Whoever writes to the table writes to the log, which saves the trigger a change of the user.
const JSONB_LOG: &str = r#"
    CREATE TABLE {schema}.audit_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, "user" text NOT NULL,
        relation text NOT NULL, op text NOT NULL, old jsonb, new jsonb);
    CREATE FUNCTION {schema}.audit_jsonb() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO {schema}.audit_log (at, "user", relation, op, old, new)
            VALUES (clock_timestamp(), session_user, TG_TABLE_NAME, TG_OP, to_jsonb(OLD), to_jsonb(NEW));
        RETURN NULL;
    END $$"#;

impl Audit {
    const ALL: [Self; 3] = [Self::Warden, Self::None, Self::Jsonb];

    fn name(self) -> &'static str {
        match self {
            Self::None => "unaudited",
            Self::Jsonb => "jsonb",
            Self::Warden => "audited",
        }
    }

    /// Once a schema.
    fn prepare(self, maker: &mut Client, schema: &str) -> Result<()> {
        match self {
            Self::Jsonb => Ok(maker.batch_execute(&JSONB_LOG.replace("{schema}", schema))?),
            Self::None | Self::Warden => Ok(()),
        }
    }

    fn begin(self, maker: &mut Client, schema: &str, table: &str) -> Result<()> {
        let statement = match self {
            Self::None => return Ok(()),
            Self::Jsonb => format!(
                "CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {schema}.{table} FOR EACH ROW
                     EXECUTE FUNCTION {schema}.audit_jsonb()"
            ),
            Self::Warden => format!("SELECT warden.audit('{schema}.{table}')"),
        };
        Ok(maker.batch_execute(&statement)?)
    }
}

/// Nothing is sealed but when it is asked for, while it lives: the worker neither takes a core nor writes WAL.
struct HeldSealing<'a>(&'a Cluster);

impl<'a> HeldSealing<'a> {
    fn new(cluster: &'a Cluster) -> Result<Self> {
        let held = Self(cluster);
        held.set("SET warden.seal_interval = '1h'")?;
        Ok(held)
    }

    fn set(&self, what: &str) -> Result<()> {
        let mut superuser = self.0.connect("postgres", "postgres")?;
        superuser.batch_execute(&format!("ALTER SYSTEM {what}"))?;
        superuser.batch_execute("SELECT pg_reload_conf()")?;
        // What the reload wakes has done its work then.
        superuser.batch_execute("SELECT pg_sleep(0.2); SELECT warden.seal_audit()")?;
        Ok(())
    }
}

impl Drop for HeldSealing<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.set("RESET warden.seal_interval") {
            eprintln!("error: sealing stays held: {error}");
        }
    }
}
