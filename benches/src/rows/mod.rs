//! One file a section of the report.

pub mod login;
pub mod plan;
pub mod protected;
pub mod reading;
pub mod untouched;

/// How long one sample takes, and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub rounds: u64,
    pub seconds: u64,
    pub is_quick: bool,
}
