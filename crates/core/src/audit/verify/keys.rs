//! Which key signs from which block on.

use super::super::note::VerifierKey;
use super::{Aspect, Fault, Faults};

/// From the first block on; `None`: nobody signs.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(u64, Signs)>);

#[derive(Clone, Debug)]
pub(super) enum Signs {
    Nobody,
    Key(Box<VerifierKey>),
    /// It is no key: nothing can be signed by it.
    Unknown,
}

impl Keys {
    /// Of rows in the order of their blocks.
    pub fn new<'a>(rows: impl IntoIterator<Item = (u64, Option<&'a str>)>, newest_block: u64, faults: Faults) -> Self {
        let mut keys: Vec<(u64, Signs)> = Vec::new();
        for (from, text) in rows {
            if keys.is_empty() && from != 1 {
                faults(Fault::new(Aspect::Keys, "nothing says which key signs the first blocks, or that none does"));
            }
            let mut fault = |detail: String| faults(Fault::new(Aspect::Keys, detail).in_block(from));
            if keys.last().is_some_and(|(last, _)| *last >= from) {
                fault("a block has two keys".to_owned());
            }
            if !(1..=newest_block).contains(&from) {
                fault("there is a key for a block that is not there".to_owned());
            }
            let signs = match text.map(VerifierKey::parse) {
                None => Signs::Nobody,
                Some(Ok(key)) => Signs::Key(Box::new(key)),
                Some(Err(malformed)) => {
                    fault(format!("the key cannot be read: {malformed}"));
                    Signs::Unknown
                }
            };
            keys.push((from, signs));
        }
        if keys.is_empty() && newest_block > 0 {
            faults(Fault::new(Aspect::Keys, "nothing says which keys sign, or that none does"));
        }
        Self(keys)
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|(_, signs)| matches!(signs, Signs::Key(_))).count()
    }

    pub(super) fn at(&self, block: u64) -> &Signs {
        let after = self.0.partition_point(|(from, _)| *from <= block);
        after.checked_sub(1).and_then(|at| self.0.get(at)).map_or(&Signs::Nobody, |(_, signs)| signs)
    }
}
