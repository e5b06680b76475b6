//! Audit: the bytes of an entry and of what it commits to, the trees and blocks that seal them, checkpoints, and the
//! bundle that an auditor checks without PostgreSQL.
//!
//! Every format here is version 1, as `docs/formats.md` has it byte by byte. Randomness comes from the caller, stored
//! hashes through [`Nodes`], lines one by one: nothing here reads or writes.

mod batch;
mod block;
mod buffer;
mod bundle;
mod bytes;
mod check;
mod checkpoint;
mod entry;
mod error;
mod hash;
mod history;
mod json;
mod kind;
mod note;
mod options;
mod payload;
mod proof;
mod snapshot;
mod stored;
pub mod text;
mod time;
mod tree;
mod verify;
mod view;
mod witness;

pub use batch::{
    Act, Actor, Batch, Cell, Entries, Payloads, Shape, Stored, StoredEntry, StoredPayload, Subject, erase,
};
pub use block::{BLOCK, Block, Body, HEADS_DEPTH, Head, HeadPath, Heads};
pub use buffer::{Buffer, Written};
pub use bundle::{Header, Shown, Writer};
pub use check::{Check, Place, Rejected, Report};
pub use checkpoint::{BlockRef, Checkpoint, Log, Origin};
pub use entry::{Entry, EntryId, Operation, Transaction, decode, encode};
pub use error::Malformed;
pub use hash::{Hash, leaf_hash, node_hash};
pub use history::Wanted;
pub use kind::check_kind;
pub use note::{KeyName, Note, Signature, SigningKey, VerifierKey, verifier_keys};
pub use options::{Options, Table};
pub use payload::{Column, Payload, Row, Salt, Value, redact, redaction_key};
pub use proof::{Consistency, Inclusion};
pub use snapshot::Snapshot;
pub use stored::{BLOCKS, BatchId, PLATFORM, StoredBatch, StoredBlock, StoredHead, StoredLeaf, hashes, owner};
pub use time::Timestamp;
pub use tree::{Frontier, Node, Nodes, Omitted, Stretch, perfect, root};
pub use verify::{Aspect, BlockCheck, BlockOf, FIRST_STORED, Fault, Faults, Keys, LogCheck, Newest, Summary, unsealed};
pub use view::{row, view};
pub use witness::{Seen, witness};
