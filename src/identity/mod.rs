//! Issuers, tokens and the context of a transaction.

pub mod cache;
mod door;
mod issuer;
pub mod last_use;
pub mod leftovers;
pub mod literal;
mod reading;
mod revocation;
pub mod run;
pub mod session;
pub mod slot;
pub mod standing;
