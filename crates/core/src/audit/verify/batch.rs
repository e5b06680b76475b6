//! A batch, read as strictly as it was written.

use super::super::batch::{Entries, Payloads, Stored};
use super::super::entry::{EntryId, Operation};
use super::super::hash::Hash;
use super::super::stored::{BatchId, StoredBatch, owner};
use super::{Aspect, Fault, Faults};

/// The kind of the entries that record an erasure, and the member of their detail that counts the payloads it took.
pub(super) const ERASURE: &str = "warden.audit.erase_subject";
const ERASED: &str = "entries";

/// What batches have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub entries: u64,
    /// Payloads that hold nothing any more.
    pub erased: u64,
    /// How many of them the log says that it erased.
    pub erasures: u64,
}

impl Summary {
    pub(super) fn add(&mut self, more: Summary) {
        self.entries += more.entries;
        self.erased += more.erased;
        self.erasures = self.erasures.saturating_add(more.erasures);
    }
}

/// Buffers that serve one batch after the other.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    entry: Vec<u8>,
    payload: Vec<u8>,
}

/// The payloads of a batch while its entries are read.
enum State<'a> {
    Missing,
    Open(Payloads<'a>),
    /// Said already.
    Unreadable,
}

/// Reads a batch: each leaf's hash goes to `leaf`, what does not fit to `faults`. The number of its last entry comes
/// with what it holds.
pub(super) fn read(
    batch: &StoredBatch,
    aspect: Aspect,
    scratch: &mut Scratch,
    mut leaf: impl FnMut(EntryId, Hash, Faults),
    faults: Faults,
) -> (u64, Summary) {
    let first = batch.id.entry();
    let (mut last, mut summary) = (first.number, Summary::default());
    let mut payloads = match batch.payloads.map(Payloads::read) {
        None => State::Missing,
        Some(Ok(payloads)) => State::Open(payloads),
        Some(Err(malformed)) => {
            faults(Fault::new(aspect, format!("the batch's payloads cannot be read: {malformed}")).at(first));
            State::Unreadable
        }
    };
    let entries = match Entries::read(first, owner(batch.tenant), batch.body) {
        Ok(entries) => entries,
        Err(malformed) => {
            faults(Fault::new(aspect, format!("the batch cannot be read: {malformed}")).at(first));
            return (last, summary);
        }
    };
    let mut is_whole = true;
    for stored in entries {
        let stored = match stored {
            Ok(stored) => stored,
            Err(malformed) => {
                let id = EntryId { number: last, ..first };
                faults(Fault::new(aspect, format!("the batch cannot be read from here on: {malformed}")).at(id));
                is_whole = false;
                break;
            }
        };
        let entry = &stored.entry;
        let id = EntryId { number: entry.number, ..first };
        last = entry.number;
        summary.entries += 1;
        if entry.operation == Operation::Event && entry.kind == Some(ERASURE) {
            summary.erasures = summary.erasures.saturating_add(entry.detail.map_or(0, erased));
        }
        leaf(id, stored.leaf(&mut scratch.entry), faults);
        if let Some(commitment) = entry.commitment
            && payload(&mut payloads, &commitment, id, aspect, scratch, faults)
        {
            summary.erased += 1;
        }
    }
    if is_whole {
        end(payloads, first, aspect, faults);
        if summary.entries != batch.entries {
            let detail = format!("the batch holds {} entries, and its row counts {}", summary.entries, batch.entries);
            faults(Fault::new(aspect, detail).at(first));
        }
    }
    (last, summary)
}

/// Whether the payload is one that was erased.
fn payload(
    payloads: &mut State,
    commitment: &Hash,
    id: EntryId,
    aspect: Aspect,
    scratch: &mut Scratch,
    faults: Faults,
) -> bool {
    let State::Open(open) = payloads else {
        if matches!(payloads, State::Missing) {
            faults(Fault::new(aspect, "the entry's payload is missing, and was not erased").at(id));
        }
        return false;
    };
    let detail = match open.advance() {
        Ok(Some(Stored::Erased)) => return true,
        Ok(Some(Stored::Present { salt, payload })) => {
            payload.canonical(&mut scratch.payload);
            if salt.commit(&scratch.payload) == *commitment {
                return false;
            }
            "the entry's payload is not the one that it commits to".to_owned()
        }
        Ok(None) => "the entry's payload is missing, and was not erased".to_owned(),
        Err(malformed) => {
            *payloads = State::Unreadable;
            format!("the batch's payloads cannot be read from here on: {malformed}")
        }
    };
    faults(Fault::new(aspect, detail).at(id));
    false
}

/// Nothing may be left over.
fn end(payloads: State, first: EntryId, aspect: Aspect, faults: Faults) {
    let State::Open(mut payloads) = payloads else { return };
    let detail = match payloads.advance() {
        Ok(None) => return,
        Ok(Some(_)) => "the batch has a payload that belongs to none of its entries".to_owned(),
        Err(malformed) => format!("the batch's payloads cannot be read: {malformed}"),
    };
    faults(Fault::new(aspect, detail).at(first));
}

/// How many payloads an erasure says that it took.
fn erased(detail: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(detail).ok().and_then(|detail| detail.get(ERASED)?.as_u64()).unwrap_or(0)
}

/// A batch that no block has sealed yet: it can be held against itself alone.
pub fn unsealed(batch: &StoredBatch, previous: Option<BatchId>, faults: Faults) -> Summary {
    let first = batch.id.entry();
    if previous == Some(batch.id) {
        faults(Fault::new(Aspect::Unsealed, "the batch is stored twice").at(first));
    }
    let (_, summary) = read(batch, Aspect::Unsealed, &mut Scratch::default(), |_, _, _| (), faults);
    summary
}
