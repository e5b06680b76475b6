//! Who changed which result: on record, read by its institution alone, proved without the server, and changed by nobody unseen.

mod corrections;
mod fork;
mod hands;
mod outside;
mod proof;
mod reading;

use std::collections::BTreeMap;

use warden_lab::{
    Error, Member, OFFICER, Result, Uuid,
    postgres::GenericClient,
    sample::{Institution, Results, Table},
};

use self::{corrections::Correction, outside::Outside};
use crate::{steps::picking, teller::Teller, world::World};

pub fn tell(teller: &mut Teller, world: &World) -> Result<()> {
    let act = Act::new(world)?;
    let made = corrections::recorded(teller, &act)?;
    reading::of_its_own(teller, &act, &made)?;
    let copy = proof::outside(teller, &act, &made)?;
    hands::on_the_log(teller, &act)?;
    fork::rejected(teller, &act, &copy)
}

struct Act<'a> {
    world: &'a World,
    results: Results,
    /// The first results of each institution, as the source has them.
    scored: Vec<Vec<Scored>>,
    outside: Outside,
}

struct Scored {
    key: Vec<String>,
    score: i64,
}

/// A row's key as the log shows it.
type Key = BTreeMap<String, String>;

impl<'a> Act<'a> {
    fn new(world: &'a World) -> Result<Self> {
        let results = world.sample.results;
        let table = world.sample.table(results.table);
        let table = table.ok_or_else(|| Error::unexpected(format!("the sample lacks the table {}", results.table)))?;
        let of_each = world.institutions().map(|(institution, _)| scored(table, results, institution));
        let scored = of_each.collect::<Result<_>>()?;
        Ok(Self { world, results, scored, outside: Outside::beside(&world.lab.cluster)? })
    }

    /// The institution that is looked at more closely.
    fn first(&self) -> Result<(&Institution, Uuid)> {
        self.world.institutions().next().ok_or_else(|| Error::unexpected("there is no institution"))
    }

    fn result(&self, number: usize, place: usize) -> Result<&Scored> {
        let found = self.scored.get(number).and_then(|scored| scored.get(place));
        found.ok_or_else(|| Error::unexpected(format!("{}: too few results in the source", self.results.table)))
    }

    /// Who reads an institution's log.
    fn director(&self, number: usize) -> Result<Member> {
        self.world.member(number, "director")
    }

    fn key(&self, scored: &Scored) -> Key {
        self.results.key.iter().map(|column| (*column).to_owned()).zip(scored.key.iter().cloned()).collect()
    }

    fn update(&self, scored: &Scored, score: i64) -> String {
        let Results { table, key, score: column } = self.results;
        format!("UPDATE {table} SET {column} = {score} WHERE {}", picking(key, &scored.key))
    }

    fn write(&self, client: &mut impl GenericClient, scored: &Scored, score: i64) -> Result<()> {
        match client.execute(&self.update(scored, score), &[])? {
            1 => Ok(()),
            rows => Err(Error::unexpected(format!("{rows} rows have the key {:?}", self.key(scored)))),
        }
    }

    /// The newest block.
    fn seal(&self) -> Result<i64> {
        Ok(self.world.lab.connect(OFFICER)?.query_one("SELECT warden.seal_audit()", &[])?.get(0))
    }
}

/// Corrections by institution.
type Made = Vec<Vec<Correction>>;

fn scored(table: &Table, results: Results, institution: &Institution) -> Result<Vec<Scored>> {
    let columns: Vec<&str> = std::iter::once(results.score).chain(results.key.iter().copied()).collect();
    let rows = table.values(institution, &columns)?.into_iter().filter_map(|row| {
        let row: Vec<String> = row.into_iter().collect::<Option<_>>()?;
        let (score, key) = row.split_first()?;
        Some(Scored { key: key.to_vec(), score: score.parse().ok()? })
    });
    Ok(rows.take(corrections::ROWS).collect())
}
