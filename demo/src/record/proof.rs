//! What is exported proves itself while the server is stopped, and so gives away whoever edits it.

use std::path::PathBuf;

use warden_lab::{Error, Result, StopMode};

use super::{
    Act, Correction, Made,
    outside::{Ends, bundle, check, checkpoint},
};
use crate::teller::{Teller, counted};

/// A copy of the data directory as it is now.
pub fn outside(teller: &mut Teller, act: &Act, made: &Made) -> Result<PathBuf> {
    teller.chapter("Proof without the server");
    exported(teller, act)?;
    let cluster = &act.world.lab.cluster;
    teller.must("the server is stopped", || Ok((cluster.stop(StopMode::Fast)?, "done".into())))?;
    let (first, _) = act.first()?;
    let arguments = |slug: &str| check(&bundle(slug), Some(&checkpoint(slug)));
    let what = "the first institution's bundle, against the checkpoint from before the corrections";
    let said = act.outside.judge(teller, what, &arguments(&first.slug), Ends::Good);
    said.iter().for_each(|said| teller.said(said));
    teller.check("the other institutions' bundles, each against its own", || {
        for (institution, _) in act.world.institutions().skip(1) {
            act.outside.run(&arguments(&institution.slug), Ends::Good)?;
        }
        Ok(format!("{} times exit status 0", act.scored.len() - 1))
    });
    edited(teller, act, made, &bundle(&first.slug))?;
    let copy = teller.must("a copy of the data directory, as whoever has the disk can make one", || {
        Ok((cluster.copy_data("copy")?, "made, for later".into()))
    })?;
    teller.must("the server is started again", || Ok((cluster.start()?, "done".into())))?;
    Ok(copy)
}

fn exported(teller: &mut Teller, act: &Act) -> Result<()> {
    teller.sql("SELECT warden.export_audit(tenant);");
    teller.must("each institution's log, exported by its director to a file outside of the server", || {
        let mut lines = 0;
        for (number, (institution, tenant)) in act.world.institutions().enumerate() {
            lines += act.outside.export(act, number, tenant, &bundle(&institution.slug))?;
        }
        let lines = counted(i64::try_from(lines).unwrap_or(i64::MAX), "line");
        Ok(((), format!("{} bundles, {lines}", act.scored.len())))
    })
}

/// Somebody edits the file: a score, a line less.
fn edited(teller: &mut Teller, act: &Act, made: &Made, whole: &str) -> Result<()> {
    let text = act.outside.read(whole)?;
    let lines: Vec<&str> = text.lines().collect();
    let Some(Correction { old, new, .. }) = made.first().and_then(|made| made.first()) else {
        return Err(Error::unexpected("there is no correction"));
    };
    let score = |score: &str| format!("\"{}\":\"{score}\"", act.results.score);
    let update = |line: &&str| line.contains(&score(old)) && line.contains(&score(new));
    let place = lines.iter().position(update).ok_or_else(|| Error::unexpected("no line has the first correction"))?;
    let better = |line: &str| line.replace(&score(new), &score("100"));
    let edited = lines.iter().enumerate().map(|(at, line)| if at == place { better(line) } else { (*line).to_owned() });
    let shorter = lines.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, line)| (*line).to_owned());
    for (name, what, lines) in [
        ("edited.jsonl", format!("{new} is made 100, wherever line {} has it", place + 1), edited.collect::<Vec<_>>()),
        ("shorter.jsonl", format!("line {} is taken out", place + 1), shorter.collect()),
    ] {
        act.outside.keep(name, &lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
        act.outside.judge(teller, &what, &check(name, None), Ends::Rejected(&format!("line {}: ", place + 1)));
    }
    Ok(())
}
