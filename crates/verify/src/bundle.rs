//! `check`: a bundle, line by line.

use std::fmt::Write;
use std::path::Path;

use warden_core::audit::{Check, Report};

use crate::file;
use crate::outcome::{Bad, Good, Outcome};

pub fn check(bundle: &Path, key: Option<&Path>, checkpoint: Option<&Path>) -> Outcome {
    let keys = key.map(file::keys).transpose()?.unwrap_or_default();
    let given = checkpoint.map(file::note).transpose()?;
    let mut check = Check::new(&keys, given.as_deref()).map_err(Bad::rejected)?;
    file::each_line(bundle, |line| check.line(line).map_err(Bad::rejected))?;
    let report = check.finish().map_err(Bad::rejected)?;
    Ok(Good { is_authentic: report.signer.is_some(), text: tell(&report) })
}

fn tell(report: &Report) -> String {
    let mut text = match &report.signer {
        Some(_) => "good: the bundle is whole, and signed by a given key\n".to_owned(),
        None => "structure only: the bundle is whole in itself, but no signature was checked, because no --key was \
                 given. Whoever made the bundle can have made all of it up.\n"
            .to_owned(),
    };
    let checkpoint = &report.checkpoint;
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<11} {value}");
    };
    line("log", checkpoint.origin.to_string());
    line("entries", format!("{}, of which {} are shown here", checkpoint.size, report.entries));
    if let Some((from, to)) = report.times {
        line("times", format!("{from} to {to}"));
    }
    if report.withheld > 0 {
        line("withheld", format!("the content of {} entries is not in this bundle", report.withheld));
    }
    if report.erased > 0 || report.erasures > 0 {
        let (erased, erasures) = (report.erased, report.erasures);
        line("erased", format!("the content of {erased} entries is gone; {erasures} of those shown record an erasure"));
    }
    if let Some(block) = report.block {
        line(
            "sealed",
            format!("in block {} at {}, in incarnation {}", block.number, block.sealed_at, block.incarnation),
        );
    }
    line("root", checkpoint.root.to_string());
    if let Some(given) = &report.given {
        line("checkpoint", format!("the log goes on from the given checkpoint of {} entries", given.size));
    }
    let signature = report.signer.as_ref().map_or("not checked: no --key was given".to_owned(), ToString::to_string);
    line("signature", signature);
    text
}
