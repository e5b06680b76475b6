/// What is corrected when somebody contests it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Results {
    pub table: &'static str,
    /// Its primary key.
    pub key: &'static [&'static str],
    /// A number from 0 to 100, or NULL.
    pub score: &'static str,
}
