//! Results are corrected, in all institutions at once, and by a superuser's hand.

use std::{ops::Range, sync::Barrier, thread};

use warden_lab::{Error, OWNER, Result, postgres::Client};

use super::{Act, Key, Made, Scored};
use crate::teller::{Teller, counted};

/// Corrections of an institution at a time.
const AT_A_TIME: usize = 20;
/// The rows that are corrected first, and those that are later.
pub const FIRST: Range<usize> = 0..AT_A_TIME;
pub const LATER: Range<usize> = AT_A_TIME..2 * AT_A_TIME;
/// As many again, so that a history made up is no shorter than the true one.
pub const OTHERWISE: Range<usize> = AT_A_TIME..ROWS;
/// Rows of an institution that the act takes.
pub const ROWS: usize = 3 * AT_A_TIME;

/// As the record must have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Correction {
    pub key: Key,
    pub old: String,
    pub new: String,
    /// The context's user, or the database's where there is no context.
    pub user: String,
}

pub fn recorded(teller: &mut Teller, act: &Act) -> Result<Made> {
    teller.chapter("Who changed which result is on record");
    let table = act.results.table;
    let call = format!("SELECT warden.audit('{table}')");
    teller.sql(&format!("{call};"));
    teller.must("by the tables' owner", || {
        act.world.lab.connect(OWNER)?.batch_execute(&call)?;
        Ok(((), format!("every change of {table} is recorded from now on")))
    })?;
    act.outside.keep_keys(teller, act)?;
    act.outside.keep_checkpoints(teller, act)?;
    let first = act.result(0, 0)?;
    teller.sql(&format!("{};", act.update(first, corrected(first.score))));
    let institutions = act.scored.len();
    let what = format!("instructors of {institutions} institutions correct results, all at once, a transaction each");
    let mut made = teller.must(&what, || {
        let made = correct(act, FIRST, corrected)?;
        let count = i64::try_from(made.iter().map(Vec::len).sum::<usize>()).unwrap_or(i64::MAX);
        let outcome = format!("{} committed, {institutions} rolled back", counted(count, "correction"));
        Ok((made, outcome))
    })?;
    let of_first = made.first_mut().ok_or_else(|| Error::unexpected("there is no institution"))?;
    of_first.push(appeal(teller, act, first)?);
    of_first.push(by_hand(teller, act, first)?);
    teller.sql("SELECT warden.seal_audit();");
    teller.must("sealed, as the worker does every second by itself", || {
        act.seal().map(|block| ((), format!("block {block}")))
    })?;
    Ok(made)
}

/// By instructors of all institutions at once, each on a connection of its own. Each begins one more correction, and
/// takes it back.
pub fn correct(act: &Act, rows: Range<usize>, to: fn(i64) -> i64) -> Result<Made> {
    let all_connected = Barrier::new(act.scored.len());
    thread::scope(|scope| {
        let spawn = |number| {
            let (rows, all_connected) = (rows.clone(), &all_connected);
            scope.spawn(move || {
                let client = act.world.lab.connect("app");
                all_connected.wait();
                correct_in(act, number, &mut client?, rows, to)
            })
        };
        let working: Vec<_> = (0..act.scored.len()).map(spawn).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<Vec<Correction>>>| {
            thread.join().unwrap_or_else(|_| Err(Error::unexpected("an instructor's thread panicked")))
        };
        working.into_iter().map(join).collect()
    })
}

fn correct_in(
    act: &Act,
    number: usize,
    client: &mut Client,
    rows: Range<usize>,
    to: fn(i64) -> i64,
) -> Result<Vec<Correction>> {
    let instructor = act.world.member(number, "instructor")?;
    let mut made = Vec::new();
    for place in rows {
        let scored = act.result(number, place)?;
        act.world.lab.as_member(client, &instructor, |tx| act.write(tx, scored, to(scored.score)))?;
        made.push(correction(act, scored, scored.score, to(scored.score), &instructor.user));
    }
    let mut tx = client.transaction()?;
    act.world.lab.login(&mut tx, &instructor)?;
    act.write(&mut tx, act.result(number, 0)?, 0)?;
    tx.rollback()?;
    Ok(made)
}

fn appeal(teller: &mut Teller, act: &Act, scored: &Scored) -> Result<Correction> {
    let director = act.director(0)?;
    let old = corrected(scored.score);
    let new = corrected(old);
    let event = r#"SELECT warden.record_event('exam.appeal', '{"upheld": true}')"#;
    teller.sql(&format!("{event};\n{};", act.update(scored, new)));
    teller.must("the first of them once more, on appeal: by the director, with an event of the application", || {
        act.world.lab.as_tenant(&director, |tx| {
            tx.batch_execute(event)?;
            act.write(tx, scored, new)
        })?;
        Ok((correction(act, scored, old, new, &director.user), format!("{old}, now {new}")))
    })
}

fn by_hand(teller: &mut Teller, act: &Act, scored: &Scored) -> Result<Correction> {
    let old = corrected(corrected(scored.score));
    teller.sql(&format!("{};", act.update(scored, 100)));
    teller.must("and by a superuser's hand, past every policy", || {
        act.write(&mut act.world.lab.superuser()?, scored, 100)?;
        Ok((correction(act, scored, old, 100, "postgres"), format!("{old}, now 100")))
    })
}

/// A few points more, or fewer where there are no more to give.
pub fn corrected(score: i64) -> i64 {
    if score > 90 { score - 3 } else { score + 3 }
}

fn correction(act: &Act, scored: &Scored, old: i64, new: i64, user: &str) -> Correction {
    Correction { key: act.key(scored), old: old.to_string(), new: new.to_string(), user: user.to_owned() }
}
