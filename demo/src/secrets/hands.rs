//! For everybody else: the tables' owner, another institution, a superuser, and whoever moves ciphertext about.

use warden_lab::{
    Error, Member, OWNER, Result,
    postgres::{Client, GenericClient},
    refused,
    sample::Secret,
};

use super::{Act, Known, excerpt};
use crate::{
    steps::{NO_CONTEXT, expect, shown},
    teller::{Teller, counted},
};

const DOES_NOT_OPEN: &[&str] = &["39000"];

pub fn refused_to_all_others(teller: &mut Teller, act: &Act) -> Result<()> {
    teller.chapter("Ciphertext in other hands");
    the_owner(teller, act);
    another_institution(teller, act)?;
    a_superuser(teller, act)?;
    moved(teller, act)
}

fn the_owner(teller: &mut Teller, act: &Act) {
    let query = act.select(&act.secrets.searched.view(), &act.own);
    teller.sql(&format!("{query};"));
    teller.check("as dba, the tables' owner", || {
        Ok(format!("refused, {}", refused(act.world.lab.connect(OWNER)?.query(&query, &[]), NO_CONTEXT)?))
    });
}

fn another_institution(teller: &mut Teller, act: &Act) -> Result<()> {
    let (own, other) = (act.instructor(0)?, act.instructor(1)?);
    let query = act.select(&act.secrets.searched.view(), &act.own);
    teller.check("as an instructor of another institution", || {
        let rows = act.world.lab.as_tenant(&other, |tx| Ok(tx.query(&query, &[])?.len()))?;
        expect("rows", i64::try_from(rows).unwrap_or(i64::MAX), 0).map(|()| "no such row".into())
    });
    let stolen: String =
        act.world.lab.superuser()?.query_one(&act.select(act.secrets.searched.table, &act.own), &[])?.get(0);
    teller.note(&format!("The stored value, stolen: {}", excerpt(&stolen)));
    let context = act.secrets.searched.context();
    teller.sql(&format!("SELECT warden.decrypt(stolen, '{context}', '{}');", act.key(&act.own)));
    teller.check("as an instructor of its own institution", || {
        let clear = act.world.lab.as_tenant(&own, |tx| decrypt(tx, act, &stolen))?;
        match clear == act.own.value {
            true => Ok(format!("'{clear}'")),
            false => Err(Error::unexpected(format!("'{clear}', not '{}'", act.own.value))),
        }
    });
    shown(teller, "as an instructor of another", || {
        refused(act.world.lab.as_tenant(&other, |tx| decrypt(tx, act, &stolen)), DOES_NOT_OPEN)
    });
    teller.sql(&format!("{};", act.search()));
    teller.check("$1 as above, searched for by another institution", || {
        let (institution, _) =
            act.world.institutions().nth(1).ok_or_else(|| Error::unexpected("too few institutions"))?;
        let column = act.secrets.searched.column;
        let rows = act.table.values(institution, &[column])?;
        let right = rows.iter().flatten().flatten().filter(|value| **value == act.own.value).count();
        let seen = act.world.lab.as_tenant(&other, |tx| Ok(tx.query_one(&act.search(), &[&act.own.value])?.get(0)))?;
        expect("rows", seen, i64::try_from(right).unwrap_or(i64::MAX))
            .map(|()| format!("{}, its own: the same value has another tag there", counted(seen, "row")))
    });
    Ok(())
}

fn decrypt(client: &mut impl GenericClient, act: &Act, stolen: &str) -> Result<String> {
    let context = act.secrets.searched.context();
    let call = format!("SELECT warden.decrypt($1::text::warden.ciphertext_eq, '{context}', $2::text::jsonb)");
    Ok(client.query_one(&call, &[&stolen, &act.key(&act.own)])?.get(0))
}

fn a_superuser(teller: &mut Teller, act: &Act) -> Result<()> {
    let mut superuser = act.world.lab.superuser()?;
    let query = act.select(&act.secrets.searched.view(), &act.own);
    teller.sql(&format!("{query};"));
    teller.check("as a superuser, past every policy", || {
        match superuser.query_one(&query, &[])?.get::<_, Option<String>>(0) {
            None => Ok("NULL".into()),
            Some(seen) => Err(Error::unexpected(format!("'{seen}'"))),
        }
    });
    let stolen: String = superuser.query_one(&act.select(act.secrets.searched.table, &act.own), &[])?.get(0);
    teller.check("and with decrypt", || {
        Ok(format!("refused, {}", refused(decrypt(&mut superuser, act, &stolen), NO_CONTEXT)?))
    });
    Ok(())
}

fn moved(teller: &mut Teller, act: &Act) -> Result<()> {
    teller.note(
        "A superuser who switches triggers off may write what no table's owner may. A value opens where it belongs:",
    );
    let mut superuser = act.world.lab.superuser()?;
    let replica = "SET session_replication_role = replica";
    teller.sql(&format!("{replica};"));
    superuser.batch_execute(replica)?;
    for (what, to, reader) in [
        ("ciphertext, moved to another row and read there", &act.neighbour, act.instructor(0)?),
        ("ciphertext, moved to another institution's row and read there", &act.foreign, act.instructor(1)?),
    ] {
        teller.sql(&format!("{};", copying(act, to)));
        let kept: String = superuser.query_one(&act.select(act.secrets.searched.table, to), &[])?.get(0);
        shown(teller, what, || {
            let copied = superuser.execute(&copying(act, to), &[])?;
            expect("rows written", i64::try_from(copied).unwrap_or(i64::MAX), 1)?;
            refused(read(act, to, &reader), DOES_NOT_OPEN)
        });
        teller.must("put back", || put_back(&mut superuser, act, to, &kept, &reader).map(|told| ((), told)))?;
    }
    Ok(())
}

fn copying(act: &Act, to: &Known) -> String {
    let Secret { table, column } = act.secrets.searched;
    format!(
        "UPDATE {table} SET {column} = (SELECT {column} FROM {table} WHERE {}) WHERE {}",
        act.row(&act.own),
        act.row(to)
    )
}

fn read(act: &Act, known: &Known, reader: &Member) -> Result<Option<String>> {
    let query = act.select(&act.secrets.searched.view(), known);
    act.world.lab.as_tenant(reader, |tx| Ok(tx.query_one(&query, &[])?.get(0)))
}

fn put_back(superuser: &mut Client, act: &Act, known: &Known, kept: &str, reader: &Member) -> Result<String> {
    let Secret { table, column } = act.secrets.searched;
    superuser.execute(&format!("UPDATE {table} SET {column} = '{kept}' WHERE {}", act.row(known)), &[])?;
    match read(act, known, reader)? {
        Some(seen) if seen == known.value => Ok("opens again".into()),
        seen => Err(Error::unexpected(format!("reads {seen:?}, not '{}'", known.value))),
    }
}
