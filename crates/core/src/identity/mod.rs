//! Who is calling: issuers, tokens, and the context that a login makes.

pub mod context;
