//! What only an institution may read is ciphertext to everybody else: on disk, in a dump, in the table, in a query's answer.

mod disk;
mod hands;
mod home;
mod key;

use std::collections::BTreeMap;

use warden_lab::{
    Error, Member, Result,
    sample::{Institution, Secret, Secrets, Table},
};

use crate::{steps::picking, teller::Teller, world::World};

pub fn tell(teller: &mut Teller, world: &World) -> Result<()> {
    let act = Act::new(world)?;
    disk::encrypted(teller, &act)?;
    home::used(teller, &act);
    hands::refused_to_all_others(teller, &act)?;
    key::changed(teller, &act)
}

/// The secrets, and a few of their rows to look at.
struct Act<'a> {
    world: &'a World,
    secrets: &'a Secrets,
    table: &'a Table,
    /// Of the first institution: the row with its rarest secret, and another with another one.
    own: Known,
    neighbour: Known,
    /// Of the second institution.
    foreign: Known,
}

/// A row with a secret, as the source has it.
struct Known {
    key: Vec<String>,
    value: String,
    /// Rows of its institution with the same secret.
    count: i64,
}

impl<'a> Act<'a> {
    fn new(world: &'a World) -> Result<Self> {
        let secrets = &world.sample.secrets;
        let table = table_of(world, secrets.searched)?;
        let of = |number: usize| {
            let (institution, _) =
                world.institutions().nth(number).ok_or_else(|| Error::unexpected("too few institutions"))?;
            known(table, secrets, institution)
        };
        let (mut own, foreign) = (of(0)?.into_iter(), of(1)?.into_iter().next());
        let rarest = own.next();
        let neighbour = own.find(|known| rarest.as_ref().is_some_and(|rarest| rarest.value != known.value));
        match (rarest, neighbour, foreign) {
            (Some(own), Some(neighbour), Some(foreign)) => Ok(Self { world, secrets, table, own, neighbour, foreign }),
            _ => Err(Error::unexpected(format!("{}: too few secrets in the source", secrets.searched.context()))),
        }
    }

    /// A member of the n-th institution who reads and writes its secrets.
    fn instructor(&self, number: usize) -> Result<Member> {
        self.world.member(number, "instructor")
    }

    /// The condition that picks a row.
    fn row(&self, known: &Known) -> String {
        picking(self.secrets.key, &known.key)
    }

    /// What `decrypt` takes as a row's key.
    fn key(&self, known: &Known) -> String {
        let named = self.secrets.key.iter().zip(&known.key).map(|(column, part)| ((*column).to_owned(), part.as_str()));
        serde_json::json!(named.collect::<BTreeMap<_, _>>()).to_string()
    }

    /// Selects a row's secret, from the table or from the view.
    fn select(&self, from: &str, known: &Known) -> String {
        format!("SELECT {}::text FROM {from} WHERE {}", self.secrets.searched.column, self.row(known))
    }

    /// Counts the rows whose secret is `$1`.
    fn search(&self) -> String {
        let Secret { table, column } = self.secrets.searched;
        let context = self.secrets.searched.context();
        format!("SELECT count(*) FROM {table} WHERE {column} = warden.search_term($1, '{context}')")
    }
}

/// Rarest first.
fn known(table: &Table, secrets: &Secrets, institution: &Institution) -> Result<Vec<Known>> {
    let columns: Vec<&str> = std::iter::once(secrets.searched.column).chain(secrets.key.iter().copied()).collect();
    let rows: Vec<Vec<String>> =
        table.values(institution, &columns)?.into_iter().filter_map(|row| row.into_iter().collect()).collect();
    let mut counts = BTreeMap::new();
    for row in &rows {
        *counts.entry(row.first().cloned()).or_insert(0_i64) += 1;
    }
    let mut known: Vec<Known> = rows
        .into_iter()
        .filter_map(|row| {
            let (value, key) = row.split_first()?;
            let count = counts.get(&Some(value.clone())).copied()?;
            Some(Known { key: key.to_vec(), value: value.clone(), count })
        })
        .collect();
    known.sort_by_key(|known| known.count);
    Ok(known)
}

fn table_of(world: &World, secret: Secret) -> Result<&Table> {
    let table = world.sample.table(secret.table);
    table.ok_or_else(|| Error::unexpected(format!("the sample lacks the table {}", secret.table)))
}

/// The beginning of a stored value, and how long it is.
fn excerpt(envelope: &str) -> String {
    let bytes = envelope.len().saturating_sub(2) / 2;
    format!("{}… ({bytes} bytes)", envelope.chars().take(42).collect::<String>())
}

/// What an envelope says of its key: 8 bytes behind the 4 of version, suite, flags and reserve.
fn generation(envelope: &str) -> &str {
    envelope.get(2 + 2 * 4..2 + 2 * 12).unwrap_or_default()
}
