//! What the record shows: to the institution all of its own, to the auditor who and when, to everybody else nothing.

use warden_lab::{
    Error, Result, Uuid,
    postgres::{Row, Transaction},
};

use super::{Act, Correction, Key, Made};
use crate::{
    steps::{count, expect},
    teller::{Teller, thousands},
};

/// Lines of the log that are printed.
const SHOWN: usize = 6;

pub fn of_its_own(teller: &mut Teller, act: &Act, made: &Made) -> Result<()> {
    teller.chapter("Each institution reads its own record");
    teller.sql("SELECT entry, user_id, role, operation, old, new FROM warden.audit_log;");
    let mut seen = 0;
    teller.check("every correction, its old score and its new one, institution by institution", || {
        let mut corrections = 0;
        for (number, ((_, tenant), made)) in act.world.institutions().zip(made).enumerate() {
            seen += act.world.lab.as_tenant(&act.director(number)?, |tx| same_as_made(act, tx, tenant, made))?;
            corrections += made.len();
        }
        Ok(format!("{corrections} corrections, nothing rolled back, nothing of another institution"))
    });
    shown(teller, act)?;
    teller.check("a student asks", || {
        let student = act.world.member(0, "student")?;
        let seen = act.world.lab.as_tenant(&student, |tx| count(tx, "SELECT count(*) FROM warden.audit_log"))?;
        expect("entries", seen, 0).map(|()| "no entry".into())
    });
    teller.sql("SELECT count(*), count(tenant), count(key), count(old), count(new) FROM warden.audit_log;");
    teller.check("the auditor, who is nobody's member, sees whose, who, what and when", || {
        let columns =
            "count(tenant), count(key), count(old), count(new), count(detail) FILTER (WHERE kind = 'exam.appeal')";
        let row =
            act.world.lab.connect("auditor")?.query_one(&format!("SELECT {columns} FROM warden.audit_log"), &[])?;
        let [tenants, content @ ..]: [i64; 5] = [0, 1, 2, 3, 4].map(|column| row.get(column));
        expect("entries of institutions", tenants, seen)?;
        expect("keys, rows and details", content.iter().sum(), 0)?;
        Ok(format!("{} entries of all institutions, none with its content", thousands(tenants)))
    });
    history(teller, act, made)
}

/// The institution's log holds its corrections, and is its own; how many entries there are.
fn same_as_made(act: &Act, tx: &mut Transaction<'_>, tenant: Uuid, made: &[Correction]) -> Result<i64> {
    let columns = correction_columns(act);
    let query = format!("SELECT {columns} FROM warden.audit_log WHERE relation = $1 AND operation = 'UPDATE'");
    let mut seen: Vec<Correction> =
        tx.query(&query, &[&act.results.table])?.iter().map(correction).collect::<Result<_>>()?;
    let mut made = made.to_vec();
    seen.sort();
    made.sort();
    if let Some(differs) = (0..seen.len().max(made.len())).find(|at| seen.get(*at) != made.get(*at)) {
        return Err(Error::unexpected(format!(
            "{} corrections were made, {} are recorded; the first that differs: {:?}, recorded {:?}",
            made.len(),
            seen.len(),
            made.get(differs),
            seen.get(differs)
        )));
    }
    let foreign = "SELECT count(*) FROM warden.audit_log WHERE tenant IS DISTINCT FROM $1";
    expect("entries of others", tx.query_one(foreign, &[&tenant])?.get(0), 0)?;
    count(tx, "SELECT count(*) FROM warden.audit_log")
}

/// What `correction` reads.
fn correction_columns(act: &Act) -> String {
    format!("key, old ->> '{0}', new ->> '{0}', coalesce(user_id, database_user)", act.results.score)
}

fn correction(row: &Row) -> Result<Correction> {
    let key: Key = serde_json::from_value(row.get(0)).map_err(|error| Error::unexpected(error.to_string()))?;
    let [old, new, user] = [1, 2, 3].map(|column| row.get::<_, Option<String>>(column).unwrap_or_default());
    Ok(Correction { key, old, new, user })
}

/// The last entries of the first institution's log.
fn shown(teller: &Teller, act: &Act) -> Result<()> {
    let columns = ["entry", "at", "database_user", "user_id", "what", "row", "old", "new"];
    let query = format!(
        "SELECT entry, to_char(at, 'HH24:MI:SS.MS'), database_user, coalesce(user_id, '-'), lower(operation) || coalesce(' ' || kind, ''),
            coalesce((SELECT string_agg(value, ', ') FROM jsonb_each_text(key)), '-'), coalesce(old ->> '{0}', '-'),
            coalesce(new ->> '{0}', '-')
        FROM warden.audit_log ORDER BY index DESC LIMIT {SHOWN}",
        act.results.score
    );
    let rows = act.world.lab.as_tenant(&act.director(0)?, |tx| Ok(tx.query(&query, &[])?))?;
    let cells = |row: &Row| (0..columns.len()).map(|column| row.get(column)).collect();
    let rows: Vec<Vec<String>> = rows.iter().rev().map(cells).collect();
    teller.table(&columns.map(str::to_owned), &rows);
    Ok(())
}

fn history(teller: &mut Teller, act: &Act, made: &Made) -> Result<()> {
    let first = act.result(0, 0)?;
    let key = serde_json::json!(act.key(first));
    let table = act.results.table;
    teller.sql(&format!("SELECT old, new, user_id, database_user FROM warden.row_history('{table}', '{key}');"));
    teller.check("the history of the result that was corrected again and again", || {
        let columns = correction_columns(act);
        let query = format!("SELECT {columns} FROM warden.row_history($1::text::regclass, $2) ORDER BY index");
        let rows = act.world.lab.as_tenant(&act.director(0)?, |tx| Ok(tx.query(&query, &[&table, &key])?))?;
        let seen: Vec<Correction> = rows.iter().map(correction).collect::<Result<_>>()?;
        let own = act.key(first);
        let right: Vec<&Correction> = made.iter().flatten().filter(|correction| correction.key == own).collect();
        match seen.iter().eq(right) {
            true => Ok(told(&seen)),
            false => Err(Error::unexpected(told(&seen))),
        }
    });
    Ok(())
}

fn told(history: &[Correction]) -> String {
    let first = history.first().map(|correction| correction.old.clone());
    let steps = history.iter().map(|correction| format!("{} by {}", correction.new, correction.user));
    first.into_iter().chain(steps).collect::<Vec<_>>().join(", then ")
}
