//! What the tests of the audit log share: sealing, verifying, and a bundle in an auditor's hands.

use postgres::Client;
use warden_core::audit::{Check, Rejected, Report, VerifierKey};
use warden_lab::{Error, Lab, Member, OFFICER, Result, Uuid};

use crate::value;

/// A log as its owner exports it, and what an auditor holds it against.
#[derive(Clone)]
pub struct Evidence {
    pub lines: Vec<String>,
    pub checkpoint: String,
}

impl Evidence {
    /// All of a tenant's log, and its checkpoint, of one snapshot.
    pub fn of(client: &mut Client, lab: &Lab, owner: &Member) -> Result<Self> {
        Self::between(client, lab, owner, "NULL", "NULL")
    }

    /// `since` and `until` as they stand in SQL.
    pub fn between(client: &mut Client, lab: &Lab, owner: &Member, since: &str, until: &str) -> Result<Self> {
        let mut tx = client.build_transaction().isolation_level(postgres::IsolationLevel::RepeatableRead).start()?;
        lab.login(&mut tx, owner)?;
        let lines = export(&mut tx, owner.tenant, since, until)?;
        let checkpoint = value(&mut tx, "SELECT warden.audit_checkpoint(warden.tenant_id())")?;
        tx.commit()?;
        Ok(Self { lines, checkpoint })
    }

    /// What warden-verify says of it.
    ///
    /// # Errors
    /// Where it points, and why.
    pub fn check(&self, keys: &[VerifierKey], given: Option<&str>) -> std::result::Result<Report, Rejected> {
        let mut check = Check::new(keys, given)?;
        for line in &self.lines {
            check.line(line.as_bytes())?;
        }
        check.finish()
    }

    pub fn accepted(&self, keys: &[VerifierKey], given: Option<&str>) -> Result<Report> {
        self.check(keys, given).map_err(|rejected| Error::unexpected(rejected.to_string()))
    }
}

/// The lines of an export, which are whole lines.
pub fn export(
    client: &mut impl postgres::GenericClient,
    tenant: Uuid,
    since: &str,
    until: &str,
) -> Result<Vec<String>> {
    let query = format!("SELECT warden.export_audit($1, {since}, {until})");
    let lines: Vec<String> = client.query(&query, &[&tenant])?.iter().map(|row| row.get(0)).collect();
    match lines.iter().find(|line| line.contains('\n')) {
        Some(line) => Err(Error::unexpected(format!("a line of an export is two: {line}"))),
        None => Ok(lines),
    }
}

/// The keys that the database publishes.
pub fn keys(officer: &mut Client) -> Result<Vec<VerifierKey>> {
    let rows = officer.query("SELECT vkey FROM warden.audit_keys ORDER BY from_block", &[])?;
    let parse = |text: String| VerifierKey::parse(&text).map_err(|error| Error::unexpected(error.to_string()));
    rows.iter().map(|row| parse(row.get(0))).collect()
}

/// The newest block, after a block that holds all that is committed.
pub fn seal(client: &mut Client) -> Result<i64> {
    value(client, "SELECT warden.seal_audit()")
}

/// Everything that `verify_audit` complains of.
pub fn faults(client: &mut impl postgres::GenericClient) -> Result<Vec<String>> {
    let query =
        "SELECT concat_ws(' ', check_name, tenant, block, entry, detail) FROM warden.verify_audit() WHERE NOT ok";
    Ok(client.query(query, &[])?.iter().map(|row| row.get(0)).collect())
}

/// All is sealed, and nothing is complained of.
pub fn sound(lab: &Lab, database: &str) -> Result<()> {
    let mut officer = lab.cluster.connect(OFFICER, database)?;
    seal(&mut officer)?;
    let faults = faults(&mut officer)?;
    let waiting: i64 = value(&mut officer, "SELECT unsealed_entries FROM warden.audit_status")?;
    if faults.is_empty() && waiting == 0 {
        return Ok(());
    }
    Err(Error::unexpected(format!("{database}: {waiting} entries wait; {}", faults.join("; "))))
}
