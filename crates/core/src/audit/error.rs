//! What is wrong with bytes or text that are no value of a format of version 1.

use std::borrow::Cow;
use std::fmt;

/// A phrase that ends a sentence: "… is refused: it has an unknown version". It holds none of the refused content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(Cow<'static, str>);

impl Malformed {
    pub(super) fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}
