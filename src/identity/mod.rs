//! Issuers, tokens and the context of a transaction.

pub mod cache;
mod door;
mod issuer;
mod reading;
pub mod run;
pub mod session;
pub mod slot;
pub mod standing;
