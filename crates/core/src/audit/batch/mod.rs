//! The stored form of a transaction's consecutive entries for one tenant: far smaller than their canonical bytes, which
//! are rendered again from it exactly.
//!
//! Two bodies, because payloads are erased and entries never are. What repeats is defined where it is first used and
//! named by its index from then on. Both are canonical: what decodes is what [`Batch`] would have written, so no bit
//! can be changed unseen.

mod body;
mod dictionary;
mod entries;
mod payloads;
mod row;
mod terms;
mod varint;
mod writer;

pub use entries::{Entries, StoredEntry};
pub use payloads::{Payloads, Stored, StoredPayload, erase};
pub use row::Cell;
pub use terms::{Actor, Shape, Subject};
pub use writer::{Act, Batch};
