//! Encryption from the primitives to the envelope and the keys, against published vectors, against other
//! implementations and against our own vectors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aead;
mod binding;
#[path = "../common/mod.rs"]
mod common;
mod envelope;
mod fixture;
mod keys;
mod oracle;
mod value;
mod vectors;
mod xaes;
