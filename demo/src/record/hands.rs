//! A superuser edits what is stored: `verify_audit` says where.

use warden_lab::{
    Error, Result,
    postgres::{Client, Row, Transaction},
};

use super::Act;
use crate::teller::Teller;

/// A row of `verify_audit`.
struct Finding {
    check: String,
    is_ok: bool,
    block: Option<i64>,
    entry: Option<String>,
    detail: Option<String>,
}

/// What is edited.
struct Target {
    entry: String,
    block: i64,
}

pub fn on_the_log(teller: &mut Teller, act: &Act) -> Result<()> {
    teller.chapter("A superuser edits the log");
    let mut superuser = act.world.lab.superuser()?;
    teller.sql("SELECT * FROM warden.verify_audit();");
    teller.check("every log, as it was written", || sound(&mut superuser));
    let target = target(act)?;
    let batch = format!("(incarnation || '.' || xid || '.' || first) = '{}'", target.entry);
    let at_entry = |finding: &Finding| finding.entry.as_ref() == Some(&target.entry);
    let at_block = |finding: &Finding| finding.block == Some(target.block);
    let bit = "set_byte(body, octet_length(body) - 1, get_byte(body, octet_length(body) - 1) # 1)";
    let payload = format!("UPDATE warden.audit_payload SET body = {bit} WHERE {batch}");
    edited(teller, &mut superuser, "one bit of what an entry holds", &payload, at_entry);
    let entry = format!("DELETE FROM warden.audit_entry WHERE {batch}");
    edited(teller, &mut superuser, "the entry itself", &entry, at_entry);
    let block = format!(
        "UPDATE warden.audit_block SET sealed_at = sealed_at - interval '1 day' WHERE block = {}",
        target.block
    );
    edited(teller, &mut superuser, "when its block was sealed", &block, at_block);
    teller.check("after the ROLLBACKs", || sound(&mut superuser));
    Ok(())
}

/// The statement is executed, found and rolled back.
fn edited(teller: &mut Teller, superuser: &mut Client, what: &str, statement: &str, place: impl Fn(&Finding) -> bool) {
    teller.sql(&format!("BEGIN;\n{statement};\nSELECT * FROM warden.verify_audit() WHERE NOT ok;\nROLLBACK;"));
    let mut found = Vec::new();
    teller.check(what, || {
        let mut tx = superuser.transaction()?;
        let rows = tx.execute(statement, &[])?;
        found = verified(&mut tx)?.into_iter().filter(|finding| !finding.is_ok).collect();
        tx.rollback()?;
        match (rows, found.iter().any(place)) {
            (1, true) => Ok("found".into()),
            (1, false) => Err(Error::unexpected("its place is not named")),
            (rows, _) => Err(Error::unexpected(format!("{rows} rows were edited"))),
        }
    });
    found.iter().for_each(|finding| teller.said(&finding.told()));
}

/// The first correction of the first institution.
fn target(act: &Act) -> Result<Target> {
    act.world.lab.as_tenant(&act.director(0)?, |tx| {
        let query = "SELECT entry, block FROM warden.audit_log WHERE relation = $1 ORDER BY index LIMIT 1";
        let row = tx.query_one(query, &[&act.results.table])?;
        Ok(Target { entry: row.get(0), block: row.get(1) })
    })
}

pub fn sound(client: &mut Client) -> Result<String> {
    let mut tx = client.transaction()?;
    let findings = verified(&mut tx)?;
    tx.commit()?;
    match (findings.is_empty(), findings.iter().find(|finding| !finding.is_ok)) {
        (false, None) => Ok(format!("sound in {} checks", findings.len())),
        (true, _) => Err(Error::unexpected("nothing was checked")),
        (_, Some(finding)) => Err(Error::unexpected(finding.told())),
    }
}

fn verified(tx: &mut Transaction<'_>) -> Result<Vec<Finding>> {
    let query = "SELECT check_name, ok, block, entry, detail FROM warden.verify_audit()";
    let finding = |row: &Row| Finding {
        check: row.get(0),
        is_ok: row.get(1),
        block: row.get(2),
        entry: row.get(3),
        detail: row.get(4),
    };
    Ok(tx.query(query, &[])?.iter().map(finding).collect())
}

impl Finding {
    fn told(&self) -> String {
        let block = self.block.map(|block| format!("block {block}"));
        let places: Vec<String> =
            block.into_iter().chain(self.entry.as_ref().map(|entry| format!("entry {entry}"))).collect();
        format!("{}: {}: {}", self.check, places.join(", "), self.detail.as_deref().unwrap_or("no detail"))
    }
}
