//! A new generation of an institution's keys: what was written before opens beside what is written from then on.

use std::collections::BTreeSet;

use warden_lab::{Error, OFFICER, Result, sample::Secret};

use super::{Act, generation, home};
use crate::{
    steps::{expect, rolled_back},
    teller::Teller,
};

pub fn changed(teller: &mut Teller, act: &Act) -> Result<()> {
    teller.chapter("A new key");
    let tenant = act.instructor(0)?.tenant;
    teller.sql("SELECT warden.rotate_key(tenant);");
    teller.must("the security officer rotates the first institution's key", || {
        let mut officer = act.world.lab.connect(OFFICER)?;
        let generation: i32 = officer.query_one("SELECT warden.rotate_key($1)", &[&tenant])?.get(0);
        let query = "SELECT generation, state FROM warden.keys WHERE tenant = $1 ORDER BY generation";
        let states: Vec<(i32, String)> =
            officer.query(query, &[&tenant])?.iter().map(|row| (row.get(0), row.get(1))).collect();
        match (generation, states.as_slice()) {
            (2, [(1, old), (2, new)]) if old == "retired" && new == "active" => {
                Ok(((), format!("generation 1 is {old}, 2 is {new}")))
            }
            _ => Err(Error::unexpected(format!("generation {generation}; {states:?}"))),
        }
    })?;
    teller.check(&format!("another row with '{}', searched for and read, rolled back", act.own.value), || {
        rolled_back(act.world, &act.instructor(0)?, |tx| {
            tx.query_one(act.secrets.insert, &[&act.own.value])?;
            let Secret { table, column } = act.secrets.searched;
            let term = format!("warden.search_term($1, '{}')", act.secrets.searched.context());
            let rows =
                tx.query(&format!("SELECT {column}::text FROM {table} WHERE {column} = {term}"), &[&act.own.value])?;
            expect("rows found", i64::try_from(rows.len()).unwrap_or(i64::MAX), act.own.count + 1)?;
            let generations: BTreeSet<&str> = rows.iter().map(|row| generation(row.get(0))).collect();
            let query = format!("SELECT count(*) FROM {} WHERE {column} = $1", act.secrets.searched.view());
            expect("rows that open", tx.query_one(&query, &[&act.own.value])?.get(0), act.own.count + 1)?;
            match generations.len() {
                2 => Ok(format!("{} rows, of both generations", rows.len())),
                _ => Err(Error::unexpected(format!("envelopes name the generations {generations:?}"))),
            }
        })
    });
    teller.check("every value is still that of the source, institution by institution", || home::every_value(act));
    Ok(())
}
