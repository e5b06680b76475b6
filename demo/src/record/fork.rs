//! History made up anew, with the right key: consistent in itself, and not what the auditor has kept.

use std::path::Path;

use warden_lab::{Result, StopMode};

use super::{
    Act,
    corrections::{LATER, OTHERWISE, correct, corrected},
    hands::sound,
    outside::{Ends, check, checkpoint},
};
use crate::teller::Teller;

/// A copy of the checkpoint that the witness kept first.
const OLDER: &str = "older.checkpoint";

pub fn rejected(teller: &mut Teller, act: &Act, copy: &Path) -> Result<()> {
    teller.chapter("History made up anew");
    let (institution, tenant) = act.first()?;
    let (slug, kept) = (&institution.slug, checkpoint(&institution.slug));
    act.outside.keep(OLDER, &act.outside.read(&kept)?)?;
    teller.must("more corrections, as before", || {
        let made: usize = correct(act, LATER, corrected)?.iter().map(Vec::len).sum();
        Ok(((), format!("{made} corrections")))
    })?;
    act.outside.keep_checkpoints(teller, act)?;
    teller.note(
        "Whoever has the disk and the key file can put the copy from before in the place of the data, and go on from there \
         as if these corrections had never been.",
    );
    replaced(teller, act, copy, "the copy is put in the place of the data, and the server started in it")?;
    exported(teller, act, "rolled-back.jsonl")?;
    let shorter = Ends::Rejected("the given checkpoint: it is of a larger log");
    let what = "the log rolled back, against the checkpoint kept last";
    act.outside.judge(teller, what, &check("rolled-back.jsonl", Some(&kept)), shorter);
    teller.must("the same results, each made 100, and others with them", || {
        let made: usize = correct(act, OTHERWISE, |_| 100)?.iter().map(Vec::len).sum();
        act.seal()?;
        Ok(((), format!("{made} corrections, sealed and signed")))
    })?;
    teller
        .check("verify_audit, which knows what is stored and nothing else", || sound(&mut act.world.lab.superuser()?));
    exported(teller, act, "forked.jsonl")?;
    act.outside.judge(teller, "its bundle by itself", &check("forked.jsonl", None), Ends::Good);
    let what = "against the checkpoint from before the fork, which cannot tell either";
    act.outside.judge(teller, what, &check("forked.jsonl", Some(OLDER)), Ends::Good);
    let other = Ends::Rejected("the given checkpoint: the bundle's log is not a continuation of it");
    let what = "against the checkpoint kept last";
    act.outside.judge(teller, what, &check("forked.jsonl", Some(&kept)), other);
    teller.sql(&act.outside.asking(slug));
    act.outside.ask(act, slug, tenant)?;
    let forked = Ends::Rejected("the checkpoint: the log was forked");
    act.outside.judge(teller, "and its new checkpoint, by the auditor's witness", &act.outside.witness(slug), forked);
    teller.note("So have checkpoints kept often, and where no operator of the server can write.");
    replaced(teller, act, copy, "the true data are put back")?;
    exported(teller, act, "true.jsonl")?;
    let what = "the true log, against the checkpoint kept last";
    act.outside.judge(teller, what, &check("true.jsonl", Some(&kept)), Ends::Good);
    Ok(())
}

fn replaced(teller: &mut Teller, act: &Act, by: &Path, what: &str) -> Result<()> {
    let cluster = &act.world.lab.cluster;
    teller.must(what, || {
        cluster.stop(StopMode::Fast)?;
        cluster.swap_data(by)?;
        cluster.start()?;
        Ok(((), "done".into()))
    })
}

/// The first institution's log.
fn exported(teller: &mut Teller, act: &Act, name: &str) -> Result<()> {
    let (_, tenant) = act.first()?;
    teller.must(&format!("the first institution's export, {name}"), || {
        act.seal()?;
        Ok(((), format!("{} lines", act.outside.export(act, 0, tenant, name)?)))
    })
}
