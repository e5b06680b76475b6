//! Before and after: what whoever has the disk, or a dump, reads there.

use std::collections::BTreeSet;

use warden_lab::{Error, OWNER, Result, postgres::Client, sample::Secret};

use super::{Act, excerpt, generation, table_of};
use crate::teller::{Teller, thousands};

/// Shorter ones stand in a file by chance.
const LONG_ENOUGH: usize = 6;
/// So many are looked for, at most.
const WORDS: usize = 100;

pub fn encrypted(teller: &mut Teller, act: &Act) -> Result<()> {
    teller.chapter("Secrets are ciphertext");
    teller.note("What only their institution may read, encrypted in place by the tables' owner. So far:");
    let mut superuser = act.world.lab.superuser()?;
    let query = act.select(act.secrets.searched.table, &act.own);
    teller.sql(&format!("{query};  -- as a superuser"));
    teller.check("in the table", || {
        let stored: String = superuser.query_one(&query, &[])?.get(0);
        match stored == act.own.value {
            true => Ok(stored),
            false => Err(Error::unexpected(format!("{stored}, not {}", act.own.value))),
        }
    });
    let words = words(act)?;
    let old = files(&mut superuser, act)?;
    teller.check("on disk, after a checkpoint", || {
        let found = found(&mut superuser, &old, &words)?;
        match found == words.len() {
            true => Ok(format!("{found} secrets of the first institution looked for, each readable")),
            false => Err(Error::unexpected(format!("{found} of {} found", words.len()))),
        }
    });
    encrypt(teller, act)?;
    teller.sql(&format!("{query};  -- as a superuser"));
    teller.check("in the table", || {
        let stored: String = superuser.query_one(&query, &[])?.get(0);
        match stored.starts_with("\\x01") {
            true => Ok(excerpt(&stored)),
            false => Err(Error::unexpected(format!("{stored} is no envelope"))),
        }
    });
    teller.check("on disk, after a checkpoint", || {
        let new = files(&mut superuser, act)?;
        let found = found(&mut superuser, &new, &words)?;
        let left = left(&mut superuser, old.difference(&new))?;
        match (found, left.is_empty()) {
            (0, true) => Ok(format!("none of the {} in the tables' files, and the old files are gone", words.len())),
            _ => Err(Error::unexpected(format!("{found} secrets found; old files left: {}", left.join(", ")))),
        }
    });
    let tables: BTreeSet<&str> = act.secrets.all().map(|secret| secret.table).collect();
    let tables: Vec<&str> = tables.into_iter().collect();
    teller.sql(&format!("pg_dump -U postgres -t {}", tables.join(" -t ")));
    teller.check("in a dump, by a superuser", || {
        let dump = dump(act, &tables)?;
        let found = words.iter().filter(|word| dump.contains(word.as_str())).count();
        let envelopes = dump.matches("\\\\x01").count();
        match found == 0 && envelopes > 0 {
            true => Ok(format!(
                "none of the {}; {} envelopes",
                words.len(),
                thousands(i64::try_from(envelopes).unwrap_or(0))
            )),
            false => Err(Error::unexpected(format!("{found} secrets found, {envelopes} envelopes"))),
        }
    });
    teller.note(
        "What was written before stays where it was copied to: in backups, in the write-ahead log until it is recycled, \
         in old rows of pg_statistic until VACUUM FULL. Where you can, encrypt before the data come.",
    );
    Ok(())
}

fn encrypt(teller: &mut Teller, act: &Act) -> Result<()> {
    let mut owner = act.world.lab.connect(OWNER)?;
    for secret in act.secrets.all() {
        let call = act.secrets.call(secret);
        teller.sql(&format!("{call};"));
        teller.must(&secret.context(), || {
            owner.batch_execute(&call)?;
            let (values, keys) = stored(act, secret)?;
            let (all, institutions) = (in_source(act, secret)?, act.world.sample.institutions.len());
            match values == all && keys == institutions {
                true => Ok(((), format!("{} values encrypted, with {keys} institutions' keys", thousands(values)))),
                false => Err(Error::unexpected(format!(
                    "{values} envelopes name {keys} keys; the source has {all} values of {institutions} institutions"
                ))),
            }
        })?;
    }
    Ok(())
}

/// A column's envelopes, and how many generations of keys they name.
fn stored(act: &Act, secret: Secret) -> Result<(i64, usize)> {
    let query = format!("SELECT {}::text FROM {}", secret.column, secret.table);
    let rows = act.world.lab.superuser()?.query(&query, &[])?;
    let envelopes: Vec<String> = rows.iter().filter_map(|row| row.get(0)).collect();
    let keys: BTreeSet<&str> = envelopes.iter().map(|envelope| generation(envelope)).collect();
    Ok((i64::try_from(envelopes.len()).unwrap_or(i64::MAX), keys.len()))
}

fn in_source(act: &Act, secret: Secret) -> Result<i64> {
    let mut values = 0;
    for (institution, _) in act.world.institutions() {
        let rows = table_of(act.world, secret)?.values(institution, &[secret.column])?;
        values += rows.iter().flatten().flatten().count();
    }
    Ok(i64::try_from(values).unwrap_or(i64::MAX))
}

/// The first institution's secrets, each once; of many, some from everywhere among them.
fn words(act: &Act) -> Result<BTreeSet<String>> {
    let (institution, _) =
        act.world.institutions().next().ok_or_else(|| Error::unexpected("there is no institution"))?;
    let mut words = BTreeSet::new();
    for secret in act.secrets.all() {
        let rows = table_of(act.world, secret)?.values(institution, &[secret.column])?;
        words.extend(rows.into_iter().flatten().flatten().filter(|word| word.len() >= LONG_ENOUGH));
    }
    let every = words.len().div_ceil(WORDS).max(1);
    Ok(words.into_iter().step_by(every).collect())
}

/// The files of the tables, their TOAST tables and indexes, below the data directory.
fn files(superuser: &mut Client, act: &Act) -> Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for Secret { table, .. } in act.secrets.all() {
        let rows = superuser.query(
            "WITH heap AS (
                SELECT oid, reltoastrelid FROM pg_class WHERE oid = $1::text::regclass
            ), family AS (
                SELECT oid FROM heap UNION SELECT reltoastrelid FROM heap WHERE reltoastrelid <> 0
            )
            SELECT pg_relation_filepath(oid) FROM family
            UNION SELECT pg_relation_filepath(i.indexrelid) FROM pg_index i JOIN family f ON f.oid = i.indrelid",
            &[&table],
        )?;
        files.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    Ok(files)
}

/// How many of the words stand in one of the files.
fn found(superuser: &mut Client, files: &BTreeSet<String>, words: &BTreeSet<String>) -> Result<usize> {
    superuser.batch_execute("CHECKPOINT")?;
    let mut texts = Vec::new();
    for file in files {
        let bytes: Vec<u8> = superuser.query_one("SELECT pg_read_binary_file($1)", &[file])?.get(0);
        // Every other byte becomes a mark; a word is text, and stays.
        texts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(words.iter().filter(|word| texts.iter().any(|text| text.contains(word.as_str()))).count())
}

/// Those of the files that are still there.
fn left<'f>(superuser: &mut Client, files: impl Iterator<Item = &'f String>) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for file in files {
        if superuser.query_one("SELECT (pg_stat_file($1, true)).size > 0", &[file])?.get::<_, Option<bool>>(0)
            == Some(true)
        {
            left.push(file.clone());
        }
    }
    Ok(left)
}

fn dump(act: &Act, tables: &[&str]) -> Result<String> {
    let mut pg_dump = act.world.lab.cluster.program("pg_dump");
    pg_dump.args(["-U", "postgres", "-d", "postgres"]);
    tables.iter().for_each(|table| {
        pg_dump.args(["-t", table]);
    });
    let output = pg_dump.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Command { program: "pg_dump".into(), output: String::from_utf8_lossy(&output.stderr).into_owned() })
}
