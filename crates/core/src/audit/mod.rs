//! Audit: the bytes of an entry and of what it commits to, the trees and blocks that seal them, checkpoints, and the
//! bundle that an auditor checks without PostgreSQL.
//!
//! Every format here is version 1, as `docs/formats.md` has it byte by byte. Randomness comes from the caller, stored
//! hashes through [`Nodes`], lines one by one: nothing here reads or writes.

mod block;
mod bundle;
mod bytes;
mod check;
mod checkpoint;
mod entry;
mod error;
mod hash;
mod json;
mod note;
mod payload;
mod proof;
mod time;
mod tree;
mod view;
mod witness;

pub use block::{BLOCK, Block, Body, HEADS_DEPTH, Head, HeadPath, Heads};
pub use bundle::{Header, Shown, Writer};
pub use check::{Check, Place, Rejected, Report};
pub use checkpoint::{BlockRef, Checkpoint, Log, Origin};
pub use entry::{Entry, EntryId, Operation, Transaction, decode, encode};
pub use error::Malformed;
pub use hash::{Hash, leaf_hash, node_hash};
pub use note::{KeyName, Note, Signature, SigningKey, VerifierKey, verifier_keys};
pub use payload::{Column, Payload, Row, Salt, Value, redact};
pub use proof::{Consistency, Inclusion};
pub use time::Timestamp;
pub use tree::{Frontier, Node, Nodes, Omitted, perfect, root};
pub use view::view;
pub use witness::{Seen, witness};
