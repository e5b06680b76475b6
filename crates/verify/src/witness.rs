//! `witness`: a log's last checkpoint, kept where its installation cannot change it.

use std::path::Path;

use warden_core::audit::{Checkpoint, Consistency, Seen, witness as decide};

use crate::file;
use crate::outcome::{Bad, Good, Outcome};

pub fn witness(state: &Path, key: &Path, checkpoint: &Path, proof: Option<&Path>) -> Outcome {
    let keys = file::keys(key)?;
    let note = file::note(checkpoint)?;
    let now = Checkpoint::open(&note, &keys).map_err(Bad::of("the checkpoint"))?;
    let last = if state.exists() { Some(file::note(state)?) } else { None };
    // Its signature was checked when it came; its key may have gone since.
    let read = last.map(|note| Checkpoint::open(&note, &[])).transpose();
    let last = read.map_err(|reason| Bad::Usage(format!("the state file {}: {reason}", state.display())))?;
    let proof = proof.map(file::text).transpose()?;
    let proof = proof.as_deref().map(Consistency::parse).transpose().map_err(Bad::of("the proof"))?;
    let seen = decide(last.as_ref(), &now, proof.as_ref()).map_err(Bad::of("the checkpoint"))?;
    if seen != Seen::Same {
        file::replace(state, &note)?;
    }
    let (origin, size) = (&now.origin, now.size);
    let text = match seen {
        Seen::First => format!("good: the first checkpoint of {origin}, of {size} entries, is kept\n"),
        Seen::Same => format!("good: {origin} has {size} entries as before\n"),
        Seen::Grown(from) => {
            format!("good: {origin} has grown from {from} to {size} entries, and has kept the first\n")
        }
    };
    Ok(Good { is_authentic: true, text })
}
