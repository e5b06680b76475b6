//! Tokens from signature to claims, against published vectors and against other implementations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod claims;
mod headers;
mod properties;
mod signer;
mod vectors;
