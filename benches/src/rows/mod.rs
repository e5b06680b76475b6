//! One file a section of the report, or a folder for what belongs together.

pub mod audit;
pub mod encryption;
pub mod login;
pub mod plan;
pub mod protected;
pub mod reading;
pub mod search;
pub mod untouched;

use crate::pgbench::Average;

/// How long one sample takes, and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub rounds: u64,
    pub seconds: u64,
    pub is_quick: bool,
    /// Of throughput rows; what is a difference of two times is measured by typical transactions anyway.
    pub average: Average,
}

impl Effort {
    /// Half the time a sample, for what is short or is one of many.
    pub fn halved(self) -> Self {
        Self { seconds: self.seconds.div_ceil(2), ..self }
    }
}
