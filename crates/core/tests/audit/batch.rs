//! Batches: the canonical bytes of what goes in come out, what decodes is what would have been written, every bit counts.

use std::num::NonZeroU32;

use proptest::collection::vec;
use proptest::prelude::*;
use warden_core::audit::{
    Act, Actor, Batch, Cell, Column, Entries, Entry, EntryId, Hash, Malformed, Operation, Payload, Payloads, Row, Salt,
    Shape, Stored, StoredEntry, Subject, Timestamp, Transaction, Value, encode, erase, leaf_hash,
};
use warden_core::tenancy::TenantId;

use crate::fixture::{ACME, flips, payload, sample, transaction};

/// The canonical bytes of entries, and a salt with canonical bytes where a payload is there.
type Entered = Vec<Vec<u8>>;
type Paid = Vec<Option<(Salt, Vec<u8>)>>;

const FIRST: EntryId = EntryId { incarnation: 1, xid: 7_000_000_745, number: 3 };

fn stored(first: EntryId, tenant: Option<TenantId>, bytes: &[u8]) -> Result<Vec<StoredEntry<'_>>, Malformed> {
    Entries::read(first, tenant, bytes)?.collect()
}

fn entered(bytes: &[u8]) -> Result<Entered, Malformed> {
    let mut out = vec![1; 3];
    let render = |entry: &StoredEntry| {
        entry.leaf_input(&mut out);
        assert_eq!(out, encode(entry.transaction(), &entry.entry));
        assert_eq!(entry.leaf(&mut Vec::new()), leaf_hash(&out));
        out.clone()
    };
    Ok(stored(FIRST, Some(ACME), bytes)?.iter().map(render).collect())
}

fn paid(bytes: &[u8]) -> Result<Paid, Malformed> {
    let (mut payloads, mut out, mut all) = (Payloads::read(bytes)?, vec![1; 3], Vec::new());
    while let Some(stored) = payloads.advance()? {
        all.push(match stored {
            Stored::Erased => None,
            Stored::Present { salt, payload } => {
                payload.canonical(&mut out);
                assert_eq!(Payload::read(&out).as_ref(), Ok(&payload.payload()));
                Some((salt, out.clone()))
            }
        });
    }
    assert_eq!(payloads.advance().unwrap().map(|_| ()), None);
    Ok(all)
}

/// Entries as they were read, written anew.
fn written_again(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut batch = Batch::new();
    for stored in &stored(FIRST, Some(ACME), bytes)? {
        if stored.entry.commitment.is_some() {
            batch.event_payload(None, &Salt([0; 32]));
        }
        enter(&mut batch, stored.transaction(), &stored.entry).unwrap();
    }
    Ok(batch.entries_bytes().to_vec())
}

/// Payloads as they were read, written anew.
fn paid_again(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (mut payloads, mut batch, mut erased) = (Payloads::read(bytes)?, Batch::new(), Vec::new());
    while let Some(stored) = payloads.advance()? {
        erased.push(matches!(stored, Stored::Erased));
        match stored {
            Stored::Present { salt, payload } => pay(&mut batch, &payload.payload(), &salt),
            Stored::Erased => batch.event_payload(None, &Salt([0; 32])),
        };
    }
    erase(batch.payload_bytes().unwrap(), |at| erased[at])
}

fn pay(batch: &mut Batch, payload: &Payload, salt: &Salt) -> Hash {
    let Some(row) = payload.old.as_ref().or(payload.new.as_ref()) else {
        return batch.event_payload(payload.detail.as_deref(), salt);
    };
    let is_key = |name: &str| payload.key.iter().flatten().any(|column| column.name == name);
    let shape = Shape::new(row.iter().map(|column| (&*column.name, is_key(&column.name)))).unwrap();
    let (old, new) = (payload.old.as_deref().map(cells), payload.new.as_deref().map(cells));
    batch.payload(&shape, old.as_deref(), new.as_deref(), payload.detail.as_deref(), salt).unwrap()
}

fn cells<'r>(row: &'r [Column<'_>]) -> Vec<Cell<'r>> {
    let cell = |column: &'r Column| match &column.value {
        Value::Null => Cell::Null,
        Value::Text(text) => Cell::Text(text),
        Value::Redacted(hash) => Cell::Redacted(*hash),
    };
    row.iter().map(cell).collect()
}

fn enter(batch: &mut Batch, transaction: &Transaction, entry: &Entry) -> Result<(), Malformed> {
    let Entry { number, operation, kind, at, commitment, .. } = *entry;
    let subject = Subject::new(entry.relation, entry.schema_version, entry.detail);
    batch.entry(&Actor::from(transaction), &subject, &Act { number, operation, kind, at, commitment })
}

/// One of each: two actors, two relations, an event with a payload and one without, all kinds of values.
fn batch() -> (Batch, Entered, Paid) {
    let other = Transaction { role: None, user_id: Some("bob"), ..transaction() };
    let changed = payload();
    let inserted = Payload { old: None, ..payload() };
    let deleted = Payload { new: None, detail: Some("{}".into()), ..payload() };
    let moved =
        Payload { key: None, old: Some(vec![Column::null("x")]), new: Some(vec![Column::text("x", "")]), detail: None };
    let sent = Payload { detail: Some("{\"to\": \"é\"}".into()), ..Payload::default() };
    let event = Entry { operation: Operation::Event, kind: Some("app.sent"), ..sample() };
    let (mut batch, mut entries, mut payloads) = (Batch::new(), Vec::new(), Vec::new());
    for (gap, (transaction, entry, payload)) in [
        (transaction(), sample(), Some(&changed)),
        (transaction(), sample(), Some(&changed)),
        (other, Entry { operation: Operation::Insert, detail: None, ..sample() }, Some(&inserted)),
        (transaction(), Entry { relation: None, ..event }, Some(&sent)),
        (other, Entry { kind: Some(""), detail: Some("1"), ..event }, None),
        (other, Entry { operation: Operation::Delete, schema_version: None, ..sample() }, Some(&deleted)),
        (other, Entry { relation: Some("app.u"), ..sample() }, Some(&moved)),
        (transaction(), Entry { relation: Some("app.u"), operation: Operation::Truncate, ..sample() }, None),
    ]
    .into_iter()
    .enumerate()
    {
        let number = FIRST.number + (gap * gap * 30) as u64;
        let salt = Salt([gap as u8; 32]);
        let commitment = payload.map(|payload| pay(&mut batch, payload, &salt));
        let at = Timestamp(entry.at.0 - 70 * gap as i64);
        let entry = Entry { number, commitment, at, ..entry };
        enter(&mut batch, &transaction, &entry).unwrap();
        entries.push(encode(&transaction, &entry));
        if let Some(payload) = payload {
            assert_eq!(commitment, Some(salt.commit(&payload.bytes())));
            payloads.push(Some((salt, payload.bytes())));
        }
    }
    (batch, entries, payloads)
}

#[test]
fn what_goes_in_comes_out() {
    let (batch, entries, payloads) = batch();
    assert_eq!(batch.first(), Some(FIRST.number));
    assert_eq!(batch.len(), entries.len());
    assert_eq!(batch.size(), batch.entries_bytes().len() + batch.payload_bytes().unwrap().len());
    assert_eq!(entered(batch.entries_bytes()), Ok(entries));
    assert_eq!(paid(batch.payload_bytes().unwrap()), Ok(payloads));
    assert_eq!(written_again(batch.entries_bytes()).unwrap(), batch.entries_bytes());
    assert_eq!(paid_again(batch.payload_bytes().unwrap()).unwrap(), batch.payload_bytes().unwrap());
}

#[test]
fn every_flipped_bit_shows() {
    let (batch, entries, payloads) = batch();
    for (bit, flipped) in flips(batch.entries_bytes()) {
        if let Ok(read) = entered(&flipped) {
            assert_ne!(read, entries, "bit {bit}");
            assert_eq!(written_again(&flipped).unwrap(), flipped, "bit {bit}");
        }
    }
    let half_erased = erase(batch.payload_bytes().unwrap(), |at| at % 2 == 0).unwrap();
    let half = paid(&half_erased).unwrap();
    for (body, payloads) in [(batch.payload_bytes().unwrap(), payloads), (&half_erased, half)] {
        for (bit, flipped) in flips(body) {
            if let Ok(read) = paid(&flipped) {
                assert_ne!(read, payloads, "bit {bit}");
                assert_eq!(paid_again(&flipped).unwrap(), flipped, "bit {bit}");
            }
        }
    }
}

#[test]
fn nothing_shorter_or_longer_is_read() {
    let (batch, ..) = batch();
    let (entries, payloads) = (batch.entries_bytes(), batch.payload_bytes().unwrap());
    for end in 0..entries.len() {
        assert!(entered(&entries[..end]).is_err(), "{end}");
    }
    for end in 0..payloads.len() {
        assert!(paid(&payloads[..end]).is_err(), "{end}");
        assert!(erase(&payloads[..end], |_| true).is_err(), "{end}");
    }
    assert!(entered(&[entries, &[0]].concat()).is_err());
    assert!(paid(&[payloads, &[0]].concat()).is_err());
}

#[test]
fn what_is_malformed_stays_so() {
    let (batch, ..) = batch();
    let (entries, payloads) = (batch.entries_bytes(), batch.payload_bytes().unwrap());
    for bad in [entries[..entries.len() - 1].to_vec(), [entries, &[0]].concat()] {
        let mut reader = Entries::read(FIRST, Some(ACME), &bad).unwrap();
        assert_eq!(reader.by_ref().filter(Result::is_err).count(), 1);
        assert!(reader.next().is_none());
    }
    for bad in [payloads[..payloads.len() - 1].to_vec(), [payloads, &[0]].concat()] {
        let mut reader = Payloads::read(&bad).unwrap();
        while reader.advance().is_ok_and(|read| read.is_some()) {}
        for _ in 0..3 {
            assert!(reader.advance().is_err());
        }
    }
}

#[test]
fn what_is_erased_is_gone_and_the_others_stay() {
    let (batch, _, payloads) = batch();
    let body = batch.payload_bytes().unwrap();
    assert_eq!(erase(body, |_| false).unwrap(), body);
    for erased in 0u32..1 << payloads.len() {
        let is_erased = |at: usize| erased >> at & 1 == 1;
        let kept = erase(body, is_erased).unwrap();
        let expected: Paid =
            payloads.iter().enumerate().map(|(at, own)| own.clone().filter(|_| !is_erased(at))).collect();
        assert_eq!(paid(&kept).unwrap(), expected);
        assert_eq!(paid_again(&kept).unwrap(), kept);
        assert_eq!(erase(&kept, is_erased).unwrap(), kept, "again, nothing changes");
        for (at, (salt, _)) in payloads.iter().enumerate().filter_map(|(at, own)| Some((at, own.as_ref()?))) {
            let holds = kept.windows(32).any(|window| window == salt.0);
            assert_eq!(holds, !is_erased(at), "{at} of {erased:b}");
        }
    }
    assert_eq!(erase(body, |_| true).unwrap(), [1, 6, 0, 0, 0, 0, 0, 0]);
}

/// By hand: what a batch never writes, though each could be read as something.
#[test]
fn only_the_one_form_is_read() {
    let nobody = [0; 8];
    // Version, one entry, an actor and a subject (relation "t", no version, no detail), TRUNCATE at 0.
    let entry = [&[1, 1, 0][..], &nobody, &[0, 2, b't', 0, 0, 4, 0]].concat();
    assert_eq!(stored(FIRST, None, &entry).unwrap().len(), 1);
    let with = |tail: &[u8]| [&entry[..1], &[2], &entry[2..], tail].concat();
    assert_eq!(stored(FIRST, None, &with(&[0, 0, 0, 4, 0])).unwrap().len(), 2);
    for (what, tail) in [
        ("the actor again", [&[0, 1][..], &nobody, &[0, 4, 0]].concat()),
        ("the subject again", vec![0, 0, 1, 2, b't', 0, 0, 4, 0]),
        ("an actor that is not defined", [&[0, 2][..], &nobody, &[0, 4, 0]].concat()),
        ("a subject that is not defined", vec![0, 0, 2, 2, b'u', 0, 0, 4, 0]),
        ("a longer number", vec![0x80, 0, 0, 0, 4, 0]),
        ("an operation of another version", vec![0, 0, 0, 7, 0]),
        ("no operation", vec![0, 0, 0, 0, 0]),
        ("no relation", vec![0, 0, 1, 0, 0, 0, 4, 0]),
        ("an impossible schema version", vec![0, 0, 1, 2, b'u', 0x80, 0x80, 0x80, 0x80, 0x10, 0, 4, 0]),
        ("a text that is none", vec![0, 0, 1, 2, 0xff, 0, 0, 4, 0]),
        ("an entry too few", vec![]),
        ("a number beyond all", vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 4, 0]),
    ] {
        assert!(stored(FIRST, None, &with(&tail)).is_err(), "{what}");
    }
    assert!(stored(FIRST, None, &[1, 0]).is_err(), "empty");
    assert!(stored(FIRST, None, &[&[2], &entry[1..]].concat()).is_err(), "another version");
    let last = EntryId { number: u64::MAX, ..FIRST };
    assert!(stored(last, None, &entry).is_ok());
    assert!(stored(last, None, &with(&[0, 0, 0, 4, 0])).is_err(), "a number after the last");

    let salt = [9; 32];
    let body = |state: u8, rest: &[u8]| [&[1, 1, state][..], &salt, rest].concat();
    // Shape 0: columns a, which is the key, and b.
    let shape = [0, 2, 3, b'a', 2, b'b'];
    let row = |state: u8, values: &[u8]| body(state, &[&shape[..], values].concat());
    for (good, what) in [
        (body(1, &[]), "nothing"),
        (body(9, &[2, b'{', b'}']), "a detail"),
        (row(3, &[4, b'1', 0]), "an old row"),
        (row(7, &[4, b'1', 0, 2, 0]), "an update"),
        (row(7, &[4, b'1', 0, 3, 4, b'1']), "another update"),
    ] {
        assert_eq!(paid(&good).unwrap().len(), 1, "{what}");
    }
    for (bad, what) in [
        (row(7, &[4, b'1', 0, 4, b'1', 0]), "the same twice"),
        (row(7, &[4, b'1', 0, 2, 2]), "NULL as the same"),
        (row(5, &[2, 0]), "the same as none in a new row"),
        (row(3, &[2, 0]), "the same as none in an old row"),
        (row(3, &[0x84, 0, b'1', 0]), "a longer length"),
        (row(3, &[4, 0xff, 0]), "a text that is none"),
        (body(2, &[0, 0]), "a state that is not there"),
        (body(17, &[]), "an unknown state"),
        (body(3, &[1, 0]), "a shape that is not defined"),
        (body(3, &[0, 2, 2, b'a', 3, b'a', 0, 0]), "a column twice"),
        (vec![1, 0], "empty"),
        (vec![2, 1, 0], "another version"),
        ([&[1, 2][..], &row(3, &[0, 0])[2..], &row(3, &[0, 0])[2..]].concat(), "an index that is taken"),
        ([&[1, 2, 3][..], &salt, &shape, &[0, 0, 3], &salt, &[1], &shape[1..], &[0, 0]].concat(), "the shape again"),
    ] {
        assert!(paid(&bad).is_err(), "{what}");
    }
}

#[test]
fn what_would_not_be_read_is_not_written() {
    let (transaction, commitment) = (transaction(), None);
    let entry = Entry { commitment, ..sample() };
    let mut batch = Batch::new();
    enter(&mut batch, &transaction, &entry).unwrap();
    let written = batch.entries_bytes().to_vec();
    for bad in [
        entry,
        Entry { number: 0, ..entry },
        Entry { number: 9, kind: Some("k"), ..entry },
        Entry { number: 9, operation: Operation::Event, ..entry },
        Entry { number: 9, relation: None, ..entry },
        Entry { number: 9, commitment: Some(Hash([1; 32])), ..entry },
    ] {
        assert!(enter(&mut batch, &transaction, &bad).is_err(), "{bad:?}");
    }
    let shape = Shape::new([("a", true), ("b", false)]).unwrap();
    for row in [&[][..], &[Cell::Null], &[Cell::Null; 3]] {
        assert!(batch.payload(&shape, None, Some(row), None, &Salt([1; 32])).is_err());
    }
    assert_eq!(batch.payload_bytes(), None);
    batch.event_payload(None, &Salt([1; 32]));
    assert!(enter(&mut batch, &transaction, &Entry { number: 9, ..entry }).is_err(), "a payload of none");
    assert_eq!(batch.entries_bytes(), written);
    assert!(Shape::new([("a", true), ("a", false)]).is_err());
}

#[test]
fn a_cleared_batch_is_a_new_one() {
    let (mut used, entries, payloads) = batch();
    used.clear();
    assert!(used.is_empty());
    assert_eq!((used.first(), used.payload_bytes()), (None, None));
    assert_eq!(used.entries_bytes(), Batch::new().entries_bytes());
    let (fresh, ..) = batch();
    for (bytes, (salt, payload)) in entries.iter().zip(payloads.iter().flatten()).take(3) {
        let (transaction, entry) = warden_core::audit::decode(bytes).unwrap();
        pay(&mut used, &Payload::read(payload).unwrap(), salt);
        enter(&mut used, &transaction, &entry).unwrap();
    }
    assert_eq!(used.entries_bytes()[2..], fresh.entries_bytes()[2..used.entries_bytes().len()]);
}

/// Indices and counts of more than one byte, and definitions too many to be compared one by one.
#[test]
fn a_batch_may_be_long() {
    let shapes: Vec<Shape> = (0..40).map(|at| Shape::new([(&*format!("c{at}"), true)]).unwrap()).collect();
    let mut batch = Batch::new();
    let mut expected = (Vec::new(), Vec::new());
    for at in 0..1000u16 {
        let detail = (at % 300).to_string();
        let (salt, shape) = (Salt([at as u8; 32]), usize::from(at % 40));
        let name = format!("c{shape}");
        let row: Row = vec![Column::text(&name, &detail)];
        let payload = Payload { key: Some(row.clone()), new: Some(row), ..Payload::default() };
        let commitment = batch.payload(&shapes[shape], None, Some(&[Cell::Text(&detail)]), None, &salt).unwrap();
        let entry = Entry {
            number: FIRST.number + u64::from(at),
            detail: Some(&detail),
            commitment: Some(commitment),
            ..sample()
        };
        enter(&mut batch, &transaction(), &entry).unwrap();
        expected.0.push(encode(&transaction(), &entry));
        expected.1.push(Some((salt, payload.bytes())));
    }
    assert_eq!(entered(batch.entries_bytes()).unwrap(), expected.0);
    assert_eq!(paid(batch.payload_bytes().unwrap()).unwrap(), expected.1);
    // The last definition is made one that stands long before it.
    let mut twice = batch.entries_bytes().to_vec();
    let at = twice.windows(4).position(|window| window == b"\x04299").unwrap();
    twice[at + 1..at + 4].copy_from_slice(b"298");
    assert!(entered(&twice).is_err());
    assert_eq!(batch.entries_bytes()[..3], [1, 0xe8, 7]);
}

#[test]
fn an_actor_is_its_transaction() {
    let transaction = transaction();
    let actor = Actor::from(&transaction);
    assert_eq!(actor.transaction(transaction.incarnation, transaction.xid), transaction);
}

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![Just(String::new()), "[a-z]{1,3}", any::<String>()])
}

/// A value: NULL, a text, or what stands for a redacted one.
type Given = Option<Result<String, [u8; 32]>>;

fn value() -> impl Strategy<Value = Given> {
    proptest::option::of(prop_oneof![
        "[ab]{0,2}".prop_map(Ok),
        any::<String>().prop_map(Ok),
        (0u8..3).prop_map(|byte| Err([byte; 32]))
    ])
}

fn row<'r>(shape: &'r [(String, bool)], values: &'r [Given], is_taken: impl Fn(bool) -> bool) -> Row<'r> {
    let column = |((name, _), value): (&'r (String, bool), &'r Given)| match value {
        None => Column::null(name),
        Some(Ok(text)) => Column::text(name, text),
        Some(Err(hash)) => Column::redacted(name, Hash(*hash)),
    };
    shape.iter().zip(values).filter(|((_, is_key), _)| is_taken(*is_key)).map(column).collect()
}

prop_compose! {
    fn shape()(columns in proptest::collection::btree_map("[a-d]{1,2}", any::<bool>(), 0..5)) -> Vec<(String, bool)> {
        columns.into_iter().collect()
    }
}

prop_compose! {
    fn given_entry()(
        who in 0usize..3,
        gap in prop_oneof![0u64..3, 0u64..1 << 40],
        relation in prop_oneof![Just(None), Just(Some("t".into())), text()],
        operation in 1u8..=6,
        kind in "[a-z.]{0,9}",
        at in prop_oneof![0i64..2, any::<i64>()],
        version in prop_oneof![0u32..2, any::<u32>()],
        detail in prop_oneof![Just(None), text()],
        rows in proptest::option::of((0usize..3, vec(value(), 5), vec(value(), 5), any::<(bool, bool)>(), text())),
    ) -> GivenEntry {
        GivenEntry { who, gap, relation, operation, kind, at, version, detail, rows }
    }
}

/// A shape, the values of an old and a new row, which of them there are, and a detail.
type GivenRows = (usize, Vec<Given>, Vec<Given>, (bool, bool), Option<String>);

#[derive(Debug)]
struct GivenEntry {
    who: usize,
    gap: u64,
    relation: Option<String>,
    operation: u8,
    kind: String,
    at: i64,
    version: u32,
    detail: Option<String>,
    rows: Option<GivenRows>,
}

proptest! {
    #[test]
    fn batches_are_read_as_they_are_written(
        who in vec(vec(text(), 8), 3),
        shapes in vec(shape(), 3),
        given in vec(given_entry(), 1..12),
        mask in any::<u16>(),
    ) {
        let transactions: Vec<Transaction> = who.iter().map(|texts| {
            let text = |at: usize| texts[at].as_deref();
            Transaction {
                incarnation: FIRST.incarnation,
                xid: FIRST.xid,
                database_user: text(0),
                session_user: text(1),
                user_id: text(2),
                role: text(3),
                session_id: text(4),
                access_request: text(5),
                application_name: text(6),
                client_addr: text(7),
            }
        }).collect();
        let (mut batch, mut entries, mut payloads) = (Batch::new(), Vec::new(), Vec::new());
        let mut number = FIRST.number;
        for (at, own) in given.iter().enumerate() {
            let salt = Salt([at as u8; 32]);
            let payload = own.rows.as_ref().map(|(shape, old, new, has, detail)| {
                let shape = &shapes[*shape];
                let all = |is_there: bool, values| is_there.then(|| row(shape, values, |_| true));
                let key = row(shape, if has.0 { old } else { new }, |is_key| is_key);
                Payload {
                    key: Some(key).filter(|key| !key.is_empty() && (has.0 || has.1)),
                    old: all(has.0, old),
                    new: all(has.1, new),
                    detail: detail.as_deref().map(Into::into),
                }
            });
            let commitment = payload.as_ref().map(|payload| pay(&mut batch, payload, &salt));
            let operation = Operation::from_number(own.operation).unwrap();
            let is_event = operation == Operation::Event;
            let entry = Entry {
                number,
                tenant: Some(ACME),
                relation: own.relation.as_deref().or((!is_event).then_some("r")),
                operation,
                kind: is_event.then_some(&own.kind),
                at: Timestamp(own.at),
                schema_version: NonZeroU32::new(own.version),
                detail: own.detail.as_deref(),
                commitment,
            };
            number += 1 + own.gap;
            enter(&mut batch, &transactions[own.who], &entry).unwrap();
            entries.push(encode(&transactions[own.who], &entry));
            payloads.extend(payload.map(|payload| {
                assert_eq!(commitment, Some(salt.commit(&payload.bytes())));
                Some((salt, payload.bytes()))
            }));
        }
        prop_assert_eq!(entered(batch.entries_bytes()).unwrap(), entries);
        prop_assert_eq!(written_again(batch.entries_bytes()).unwrap(), batch.entries_bytes());
        let Some(body) = batch.payload_bytes() else {
            prop_assert!(payloads.is_empty());
            return Ok(());
        };
        prop_assert_eq!(&paid(body).unwrap(), &payloads);
        prop_assert_eq!(paid_again(body).unwrap(), body);
        let is_erased = |at: usize| mask >> at & 1 == 1;
        let kept = erase(body, is_erased).unwrap();
        let expected: Paid =
            payloads.into_iter().enumerate().map(|(at, own)| own.filter(|_| !is_erased(at))).collect();
        prop_assert_eq!(paid(&kept).unwrap(), expected);
        prop_assert_eq!(paid_again(&kept).unwrap(), kept);
    }

    #[test]
    fn whatever_is_read_is_written_back(
        random in vec(any::<u8>(), 0..200),
        changes in vec(any::<(prop::sample::Index, u8)>(), 0..4),
        small in vec(0u8..12, 0..90),
    ) {
        let (batch, ..) = batch();
        let changed = |body: &[u8]| {
            let mut body = body.to_vec();
            for (at, byte) in &changes {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            body
        };
        let candidates = [
            random,
            [&[1, 1][..], &small].concat(),
            [&[1, 1, 5][..], &[7; 32], &small].concat(),
            [&[1, 1, 7][..], &[7; 32], &small].concat(),
            changed(batch.entries_bytes()),
            changed(batch.payload_bytes().unwrap()),
        ];
        for bytes in candidates {
            if entered(&bytes).is_ok() {
                prop_assert_eq!(written_again(&bytes).unwrap(), &bytes[..]);
            }
            if paid(&bytes).is_ok() {
                prop_assert_eq!(paid_again(&bytes).unwrap(), &bytes[..]);
                prop_assert_eq!(erase(&bytes, |_| false).unwrap(), bytes);
            }
        }
    }
}
