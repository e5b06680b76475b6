//! For their institution: read, written and searched as if they were not encrypted.

use warden_lab::{
    Error, Result,
    postgres::Transaction,
    refused,
    sample::{Institution, Secret},
};

use super::{Act, table_of};
use crate::{
    steps::{count, expect, literal, rolled_back, shown},
    teller::{Teller, counted, thousands},
};

const NO_ENVELOPE: &[&str] = &["22P02"];

pub fn used(teller: &mut Teller, act: &Act) {
    teller.chapter("Read, written and searched by their institution");
    read(teller, act);
    written(teller, act);
    searched(teller, act);
}

fn read(teller: &mut Teller, act: &Act) {
    for secret in act.secrets.all() {
        teller.sql(&format!("SELECT {} FROM {};", secret.column, secret.view()));
    }
    teller.check("every value is that of the source, institution by institution", || every_value(act));
}

/// By an instructor of each institution, through the views.
pub fn every_value(act: &Act) -> Result<String> {
    let mut client = act.world.lab.connect("app")?;
    let mut values = 0;
    for (number, (institution, _)) in act.world.institutions().enumerate() {
        values += act.world.lab.as_member(&mut client, &act.instructor(number)?, |tx| {
            let mut values = 0;
            for secret in act.secrets.all() {
                values += same_as_source(act, tx, institution, secret)?;
            }
            Ok(values)
        })?;
    }
    Ok(format!("{} values", thousands(values)))
}

fn same_as_source(act: &Act, tx: &mut Transaction<'_>, institution: &Institution, secret: Secret) -> Result<i64> {
    let rows = tx.query(&format!("SELECT {} FROM {}", secret.column, secret.view()), &[])?;
    let mut seen: Vec<Option<String>> = rows.iter().map(|row| row.get(0)).collect();
    let mut right: Vec<Option<String>> =
        table_of(act.world, secret)?.values(institution, &[secret.column])?.into_iter().flatten().collect();
    seen.sort();
    right.sort();
    if let Some(differs) = (0..seen.len().max(right.len())).find(|at| seen.get(*at) != right.get(*at)) {
        return Err(Error::unexpected(format!(
            "{} reads {} values of {}, has {}; the first that differs: {:?}, not {:?}",
            institution.slug,
            seen.len(),
            secret.context(),
            right.len(),
            seen.get(differs).cloned().flatten(),
            right.get(differs).cloned().flatten()
        )));
    }
    Ok(seen.iter().flatten().count().try_into().unwrap_or(i64::MAX))
}

fn written(teller: &mut Teller, act: &Act) {
    let (searched, new) = (act.secrets.searched, "a new secret");
    let update =
        format!("UPDATE {} SET {1} = $1 WHERE {2} RETURNING {1}", searched.view(), searched.column, act.row(&act.own));
    for (what, statement) in [("a new row, rolled back", act.secrets.insert), ("a change, rolled back", &update)] {
        teller.sql(&format!("{statement};"));
        teller.check(what, || {
            rolled_back(act.world, &act.instructor(0)?, |tx| {
                let returned: String = tx.query_one(statement, &[&new])?.get(0);
                let found: i64 = tx.query_one(&act.search(), &[&new])?.get(0);
                match returned == new && found == 1 {
                    true => Ok(format!("returns '{returned}', and {} has it", counted(found, "row"))),
                    false => Err(Error::unexpected(format!("returns '{returned}', {found} rows have it"))),
                }
            })
        });
    }
    let Secret { table, column } = searched;
    let plain = format!("UPDATE {table} SET {column} = {} WHERE {}", literal(new), act.row(&act.own));
    teller.sql(&format!("{plain};"));
    shown(teller, "the same past the view, into the table itself", || {
        refused(rolled_back(act.world, &act.instructor(0)?, |tx| Ok(tx.batch_execute(&plain)?)), NO_ENVELOPE)
    });
}

fn searched(teller: &mut Teller, act: &Act) {
    let (query, value) = (act.search(), &act.own.value);
    teller.sql(&format!("{query};"));
    teller.check(&format!("$1 = '{value}', as often as in the source"), || {
        let seen = act.world.lab.as_tenant(&act.instructor(0)?, |tx| Ok(tx.query_one(&query, &[value])?.get(0)))?;
        expect("rows", seen, act.own.count).map(|()| counted(seen, "row"))
    });
    teller.check("through the view, which decrypts each row to find it", || {
        let view = act.secrets.searched.view();
        let slow = format!("SELECT count(*) FROM {view} WHERE {} = {}", act.secrets.searched.column, literal(value));
        let seen = act.world.lab.as_tenant(&act.instructor(0)?, |tx| count(tx, &slow))?;
        expect("rows", seen, act.own.count).map(|()| counted(seen, "row"))
    });
    teller.check("EXPLAIN of the search", || {
        let plan: Vec<String> = act.world.lab.as_tenant(&act.instructor(0)?, |tx| {
            let explain = format!("EXPLAIN (COSTS off) {}", query.replace("$1", &literal(value)));
            Ok(tx.query(&explain, &[])?.iter().map(|row| row.get(0)).collect())
        })?;
        let condition = plan.iter().find(|line| line.contains("Index Cond") && line.contains("search_term"));
        match condition {
            Some(condition) => Ok(condition.trim().to_owned()),
            None => Err(Error::unexpected(format!("no index condition in {}", plan.join(" / ")))),
        }
    });
}
