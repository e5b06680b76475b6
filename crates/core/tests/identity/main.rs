//! Tokens from signature to claims, against published vectors and against other implementations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod claims;
#[path = "../common/mod.rs"]
mod common;
mod headers;
mod properties;
mod signer;
mod vectors;
