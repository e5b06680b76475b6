//! The pure part of pg_warden: types, formats and decisions that know nothing of PostgreSQL.
//!
//! One module and one cargo feature per pillar; `tenancy` holds the words that every other pillar speaks.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "encryption")]
pub mod encryption;
pub mod error;
#[cfg(any(feature = "audit", feature = "encryption"))]
mod field;
#[cfg(feature = "identity")]
pub mod identity;
#[cfg(feature = "isolation")]
pub mod isolation;
pub mod tenancy;
pub mod worker;
