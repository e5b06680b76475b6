//! What a witness decides: whether a log has only grown since it was seen last.

use super::checkpoint::Checkpoint;
use super::error::Malformed;
use super::proof::Consistency;

/// How a checkpoint stands to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// There was none before.
    First,
    Same,
    /// From this many entries.
    Grown(u64),
}

/// `last`: what was seen before. A log that has grown proves it.
///
/// # Errors
/// For another log, a smaller one, another history, and growth without its proof.
pub fn witness(last: Option<&Checkpoint>, now: &Checkpoint, proof: Option<&Consistency>) -> Result<Seen, Malformed> {
    let Some(last) = last else { return Ok(Seen::First) };
    if last.origin != now.origin {
        return Err(Malformed::new(format!("it is of {}, and {} was seen before", now.origin, last.origin)));
    }
    if now.size < last.size {
        let reason = format!("the log was rolled back: it has {} entries, and had {}", now.size, last.size);
        return Err(Malformed::new(reason));
    }
    if now.size == last.size {
        return if now == last { Ok(Seen::Same) } else { Err(Malformed::new(FORK)) };
    }
    let needed = || format!("it has grown from {} to {} entries, and no proof of that is given", last.size, now.size);
    let proof = proof.ok_or_else(|| Malformed::new(needed()))?;
    if (proof.old_size, proof.new_size) != (last.size, now.size) {
        return Err(Malformed::new(format!(
            "the proof is from {} to {} entries, and one from {} to {} is needed",
            proof.old_size, proof.new_size, last.size, now.size
        )));
    }
    if proof.verifies(&last.root, &now.root) { Ok(Seen::Grown(last.size)) } else { Err(Malformed::new(FORK)) }
}

const FORK: &str = "the log was forked: its history is not the one that was seen before";
