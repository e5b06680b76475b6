//! Entries and payloads: whatever is written is read back, whatever is read is written back, every bit counts.

use std::num::NonZeroU32;

use proptest::prelude::*;
use warden_core::audit::{
    Column, Entry, Hash, Operation, Payload, Row, Salt, Timestamp, Transaction, Value, decode, encode, leaf_hash,
};
use warden_core::tenancy::TenantId;

use crate::fixture::{flips, payload, sample, transaction};

#[test]
fn every_flipped_bit_of_an_entry_shows() {
    let (transaction, entry) = (transaction(), sample());
    let bytes = encode(&transaction, &entry);
    let leaf = leaf_hash(&bytes);
    for (bit, flipped) in flips(&bytes) {
        assert_ne!(leaf_hash(&flipped), leaf, "bit {bit}");
        if let Ok(read) = decode(&flipped) {
            assert_ne!(read, (transaction, entry), "bit {bit}");
            assert_eq!(encode(&read.0, &read.1), flipped, "bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_payload_shows() {
    let (salt, payload) = (Salt([9; 32]), payload());
    let bytes = payload.bytes();
    let commitment = salt.commit(&bytes);
    for (bit, flipped) in flips(&bytes) {
        assert_ne!(salt.commit(&flipped), commitment, "bit {bit}");
        if let Ok(read) = Payload::read(&flipped) {
            assert_ne!(read, payload, "bit {bit}");
            assert_eq!(read.bytes(), flipped, "bit {bit}");
        }
    }
    for (bit, salt) in flips(&salt.0) {
        assert_ne!(Salt(salt.try_into().unwrap()).commit(&bytes), commitment, "bit {bit}");
    }
}

#[test]
fn nothing_shorter_or_longer_is_read() {
    let bytes = encode(&transaction(), &sample());
    let payload = payload().bytes();
    for end in 0..bytes.len() {
        assert!(decode(&bytes[..end]).is_err(), "{end}");
    }
    for end in 0..payload.len() {
        assert!(Payload::read(&payload[..end]).is_err(), "{end}");
    }
    assert!(decode(&[&bytes[..], &[0]].concat()).is_err());
    assert!(Payload::read(&[&payload[..], &[0]].concat()).is_err());
}

#[test]
fn what_a_transaction_shares_stands_first() {
    let (transaction, entry) = (transaction(), sample());
    let mut bytes = transaction.bytes();
    entry.write(&mut bytes);
    assert_eq!(bytes, encode(&transaction, &entry));
}

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![Just(String::new()), "[a-z]{1,9}", any::<String>()])
}

/// A column's name, and its text or what stands for it; `None` is NULL.
type Given = (String, Option<Result<String, [u8; 32]>>);

fn rows() -> impl Strategy<Value = Option<Vec<Given>>> {
    let value = proptest::option::of(prop_oneof![any::<String>().prop_map(Ok), any::<[u8; 32]>().prop_map(Err)]);
    proptest::option::of(
        proptest::collection::btree_map(".{0,8}", value, 0..5).prop_map(|row| row.into_iter().collect()),
    )
}

fn row(columns: &[Given]) -> Row<'_> {
    let value = |given: &Option<Result<String, [u8; 32]>>| match given {
        None => Value::Null,
        Some(Ok(text)) => Value::Text(text.clone().into()),
        Some(Err(hash)) => Value::Redacted(Hash(*hash)),
    };
    columns.iter().map(|(name, own)| Column { name: name.into(), value: value(own) }).collect()
}

proptest! {
    #[test]
    fn entries_are_read_as_they_are_written(
        texts in proptest::collection::vec(text(), 8),
        numbers in any::<(u32, u64, u64, i64, u32)>(),
        tenant in any::<Option<[u8; 16]>>(),
        commitment in any::<Option<[u8; 32]>>(),
        own in (text(), 1u8..=6, any::<String>(), text()),
    ) {
        let text = |at: usize| texts[at].as_deref();
        let transaction = Transaction {
            incarnation: numbers.0,
            xid: numbers.1,
            database_user: text(0),
            session_user: text(1),
            user_id: text(2),
            role: text(3),
            session_id: text(4),
            access_request: text(5),
            application_name: text(6),
            client_addr: text(7),
        };
        let operation = Operation::from_number(own.1).unwrap();
        let is_event = operation == Operation::Event;
        let entry = Entry {
            number: numbers.2,
            tenant: tenant.map(TenantId),
            relation: if is_event { own.0.as_deref() } else { Some(own.0.as_deref().unwrap_or("t")) },
            operation,
            kind: is_event.then_some(&own.2),
            at: Timestamp(numbers.3),
            schema_version: NonZeroU32::new(numbers.4),
            detail: own.3.as_deref(),
            commitment: commitment.map(Hash),
        };
        let bytes = encode(&transaction, &entry);
        prop_assert_eq!(decode(&bytes), Ok((transaction, entry)));
    }

    #[test]
    fn payloads_are_read_as_they_are_written(key in rows(), old in rows(), new in rows(), detail in text()) {
        let payload = Payload {
            key: key.as_deref().map(row),
            old: old.as_deref().map(row),
            new: new.as_deref().map(row),
            detail: detail.as_deref().map(Into::into),
        };
        let bytes = payload.bytes();
        prop_assert_eq!(Payload::read(&bytes).unwrap(), payload);
    }

    #[test]
    fn whatever_is_read_is_written_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for bytes in [bytes.clone(), [&[1][..], &bytes].concat()] {
            if let Ok((transaction, entry)) = decode(&bytes) {
                prop_assert_eq!(encode(&transaction, &entry), &bytes[..]);
            }
            if let Ok(payload) = Payload::read(&bytes) {
                prop_assert_eq!(payload.bytes(), &bytes[..]);
            }
        }
    }
}
