//! What steps are made of: a count, what it should be, a change that leaves nothing, a refusal that is shown whole.

use warden_lab::{Error, Member, Refusal, Result, postgres::Transaction};

use crate::{
    teller::{Teller, thousands},
    world::World,
};

pub const DENIED: &[&str] = &["42501"];
pub const NO_CONTEXT: &[&str] = &["28000"];

/// A check whose point is what the user is told: the whole message, as psql shows it.
pub fn shown(teller: &mut Teller, what: &str, work: impl FnOnce() -> Result<Refusal>) {
    let mut seen = None;
    teller.check(what, || {
        let refusal = work()?;
        let outcome = "refused".to_owned();
        seen = Some(refusal);
        Ok(outcome)
    });
    if let Some(refusal) = seen {
        teller.refusal(&refusal);
    }
}

pub fn rolled_back<T>(
    world: &World,
    member: &Member,
    work: impl FnOnce(&mut Transaction<'_>) -> Result<T>,
) -> Result<T> {
    let mut client = world.lab.connect("app")?;
    let mut tx = client.transaction()?;
    world.lab.login(&mut tx, member)?;
    let value = work(&mut tx)?;
    tx.rollback()?;
    Ok(value)
}

pub fn count(tx: &mut Transaction<'_>, query: &str) -> Result<i64> {
    Ok(tx.query_one(query, &[])?.get(0))
}

pub fn expect(what: &str, seen: i64, right: i64) -> Result<()> {
    if seen == right {
        return Ok(());
    }
    Err(Error::unexpected(format!("{} {what}, not {}", thousands(seen), thousands(right))))
}

/// The condition that picks the row with this key.
pub fn picking(columns: &[&str], key: &[String]) -> String {
    let values: Vec<String> = key.iter().map(|part| literal(part)).collect();
    match (columns, values.as_slice()) {
        ([column], [value]) => format!("{column} = {value}"),
        (columns, values) => format!("({}) = ({})", columns.join(", "), values.join(", ")),
    }
}

pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
