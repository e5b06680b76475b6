//! The audit's formats from the hash to the bundle, against published vectors, against a naive tree and against our own
//! vectors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod batch;
mod buffer;
mod bundle;
#[path = "../common/mod.rs"]
mod common;
mod entry;
mod fixture;
mod note;
mod oracle;
mod seal;
mod tree;
mod vectors;
mod verify;
mod witness;
