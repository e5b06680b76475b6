//! Values sealed and opened: no part of an envelope can be changed.

use proptest::prelude::*;
use warden_core::encryption::{Binding, DataKey, Envelope, IndexKey, NONCE, Suite, TAG, error, search_term};
use warden_core::error::SqlState;

use crate::fixture::{
    ACME, CONTEXT, EQUALITY, GLOBEX, SUITES, TYPES, binding, data_key, flips, generation, head, index_key, kinds, open,
    seal, value_key,
};
use crate::oracle;

const NONCES: [u8; NONCE] = *b"abcdefghijklmnopqrstuvwx";

#[test]
fn round_trip() {
    let key = value_key();
    let value: Vec<u8> = (0..=u8::MAX).cycle().take((1 << 20) + 1).collect();
    for (head, equality, row) in kinds() {
        for value_type in TYPES {
            let binding = Binding { value_type, ..binding(row.as_ref()) };
            for length in (0..=200).chain([value.len()]) {
                let sealed = seal(&key, &head, equality, &binding, &NONCES, &value[..length]);
                let envelope = Envelope::parse(&sealed).unwrap();
                assert_eq!((envelope.suite(), envelope.flags().row_bound), (head.suite, row.is_some()));
                assert_eq!((envelope.generation(), envelope.equality_tag()), (Some(generation()), equality));
                assert_eq!(sealed[12..36], NONCES);
                assert!(length < 16 || envelope.body() != &value[..length], "not encrypted");
                assert!(open(&key, &sealed, &binding).unwrap() == value[..length], "{head:?}, {length} bytes");
            }
        }
    }
}

#[test]
fn no_single_bit_can_be_flipped() {
    let key = value_key();
    for (head, equality, row) in kinds() {
        for value in [&b"a value of 24 bytes here"[..], b""] {
            let binding = binding(row.as_ref());
            let sealed = seal(&key, &head, equality, &binding, &NONCES, value);
            assert_eq!(open(&key, &sealed, &binding).unwrap(), value);
            for (bit, flipped) in flips(&sealed) {
                assert!(open(&key, &flipped, &binding).is_err(), "{head:?} {equality:?}: bit {bit}");
            }
        }
    }
}

#[test]
fn no_byte_can_be_added_or_dropped() {
    let key = value_key();
    for (head, equality, row) in kinds() {
        let binding = binding(row.as_ref());
        let sealed = seal(&key, &head, equality, &binding, &NONCES, b"0000000000000000");
        for at in 0..sealed.len() {
            let (mut shorter, mut longer) = (sealed.clone(), sealed.clone());
            shorter.remove(at);
            longer.insert(at, 0);
            assert!(open(&key, &shorter, &binding).is_err(), "{head:?}: without byte {at}");
            assert!(open(&key, &longer, &binding).is_err(), "{head:?}: a byte before {at}");
            assert!(open(&key, &sealed[..at], &binding).is_err(), "{head:?}: {at} bytes");
        }
        assert!(open(&key, &[&sealed[..], &[0]].concat(), &binding).is_err(), "{head:?}: a byte at the end");
    }
}

#[test]
fn no_part_can_be_exchanged() {
    let key = value_key();
    for (head, equality, row) in kinds() {
        let binding = binding(row.as_ref());
        let mine = seal(&key, &head, equality, &binding, &NONCES, b"mine....");
        let theirs = seal(&key, &head, equality.map(|_| [0x44; TAG]), &binding, &[7; NONCE], b"theirs..");
        let prefix = head.suite.prefix_len(equality.is_some());
        for range in [12..36, 36..prefix, prefix..prefix + 8, prefix + 8..mine.len(), 12..prefix, 0..prefix] {
            let mut mixed = mine.clone();
            mixed[range.clone()].copy_from_slice(&theirs[range.clone()]);
            assert_eq!(open(&key, &mixed, &binding).is_ok(), range.is_empty(), "{head:?}: {range:?}");
        }
    }
}

/// The commitment taken out or put in, so that the shape is that of the other suite.
#[test]
fn a_suite_cannot_be_exchanged() {
    let key = value_key();
    for equality in EQUALITY {
        let [plain, committing] =
            SUITES.map(|suite| seal(&key, &head(suite), equality, &binding(None), &NONCES, b"value"));
        let commitment = committing[36..68].to_vec();
        let mut downgraded = committing.clone();
        downgraded.drain(36..68);
        downgraded[1] = 1;
        let mut upgraded = plain.clone();
        upgraded.splice(36..36, commitment);
        upgraded[1] = 2;
        assert_eq!((downgraded.len(), upgraded.len()), (plain.len(), committing.len()));
        for exchanged in [downgraded, upgraded] {
            assert_eq!(open(&key, &exchanged, &binding(None)), Err(error::decryption_failed()));
        }
    }
}

/// Sealed by another implementation that holds the key and commits to something else: every tag is right.
#[test]
fn a_wrong_commitment_is_refused_though_the_tag_is_right() {
    let material = [0xda; 32];
    let subkeys: [u8; 64] = oracle::derive(&material, "pg_warden/value-key/1", ACME, CONTEXT);
    let (cipher, committing) = subkeys.split_first_chunk().unwrap();
    let header = [&[1, 2, 0, 0][..], &generation().bytes(), &NONCES].concat();
    let right = oracle::hmac(committing, &[&b"pg_warden/commitment/1"[..], &header].concat());
    let commitments = flips(&right).map(|(_, flipped)| (flipped, false)).chain([(right.to_vec(), true)]);
    for (commitment, opens) in commitments {
        let prefix = [&header[..], &commitment].concat();
        let mut aad = [b"pg_warden/value/1", &prefix[..], &[0, 0, 0, 16], &ACME.0, &[0, 0, 0, 12]].concat();
        aad.extend([CONTEXT.as_bytes(), &[0, 0, 0, 1, 1], &[0xff; 4]].concat());
        let mut body = *b"value";
        let tag = oracle::seal(cipher, &NONCES, &aad, &mut body);
        let sealed = [&prefix[..], &body, &tag].concat();
        assert_eq!(open(&value_key(), &sealed, &binding(None)).is_ok(), opens, "{commitment:02x?}");
    }
}

#[test]
fn a_refusal_says_nothing() {
    let refused = error::decryption_failed();
    assert_eq!(refused.state, SqlState::DecryptionFailed);
    assert_eq!((&*refused.message, refused.detail, refused.hint), ("decryption failed", None, None));
    // A search term, an envelope of another key and one of no key at all get the same, as everything in this file does.
    let other = data_key([0xdb; 32]).value_key(ACME, CONTEXT).unwrap();
    let sealed = seal(&other, &head(Suite::Xaes), None, &binding(None), &NONCES, b"value");
    for bytes in [search_term([0x33; TAG]), sealed, [&[1, 1, 0, 0][..], &[1; 60]].concat()] {
        assert_eq!(open(&value_key(), &bytes, &binding(None)), Err(error::decryption_failed()));
    }
}

#[test]
fn a_buffer_of_another_length_is_refused() {
    let key = value_key();
    for (head, equality, row) in kinds() {
        let binding = binding(row.as_ref());
        let sealed = seal(&key, &head, equality, &binding, &NONCES, b"value");
        for length in [0, 4, 6, 100] {
            let mut out = vec![0xee; length];
            let opened = key.open(&Envelope::parse(&sealed).unwrap(), &binding, &mut out);
            assert_eq!(opened, Err(error::decryption_failed()), "{length}");
            assert!(out.iter().all(|byte| *byte == 0));
        }
        for length in 0..head.suite.sealed_len(equality.is_some(), 0) {
            let sealed = key.seal(&head, equality, &binding, &NONCES, &mut vec![0; length]);
            assert_eq!(sealed.unwrap_err().state, SqlState::ProgramLimitExceeded, "{length}");
        }
    }
}

#[test]
fn equality_tags_are_equal_for_what_is_equal() {
    let index = index_key([0x1d; 32]);
    let tag =
        |index: &IndexKey, tenant, context, value: &str| index.tag_key(tenant, context).unwrap().tag(value.as_bytes());
    let mine = tag(&index, ACME, CONTEXT, "value");
    assert_eq!(mine, tag(&index_key([0x1d; 32]), ACME, CONTEXT, "value"));
    for (what, other) in [
        ("value", tag(&index, ACME, CONTEXT, "Value")),
        ("longer value", tag(&index, ACME, CONTEXT, "value ")),
        ("no value", tag(&index, ACME, CONTEXT, "")),
        ("context", tag(&index, ACME, "people.email", "value")),
        ("tenant", tag(&index, GLOBEX, CONTEXT, "value")),
        ("index key", tag(&index_key([0x1e; 32]), ACME, CONTEXT, "value")),
    ] {
        assert_ne!(mine, other, "another {what}");
    }
    // Whatever seals the value, generation and row included, leaves the tag as it is; the search term has the same.
    for (head, _, row) in kinds() {
        for material in [[1; 32], [2; 32]] {
            let key = data_key(material).value_key(ACME, CONTEXT).unwrap();
            let sealed = seal(&key, &head, Some(mine), &binding(row.as_ref()), &NONCES, b"value");
            assert_eq!(Envelope::parse(&sealed).unwrap().equality_tag(), Some(mine));
        }
    }
    assert_eq!(Envelope::parse(&search_term(mine)).unwrap().equality_tag(), Some(mine));
}

proptest! {
    #[test]
    fn any_bytes_after_a_right_header_are_refused(suite in 1u8..3, flags in prop::sample::select(&[0u8, 1, 4, 5][..]), rest in prop::collection::vec(any::<u8>(), 0..150)) {
        let bytes = [&[1, suite, flags, 0][..], &generation().bytes(), &rest].concat();
        prop_assert!(open(&value_key(), &bytes, &binding(None)).is_err());
    }

    #[test]
    fn any_value_under_any_key(material in any::<[u8; 32]>(), nonce in any::<[u8; NONCE]>(), value in prop::collection::vec(any::<u8>(), 0..400), suite in prop::sample::select(&SUITES[..]), equality in any::<Option<[u8; TAG]>>()) {
        let key = data_key(material).value_key(ACME, CONTEXT).unwrap();
        let sealed = seal(&key, &head(suite), equality, &binding(None), &nonce, &value);
        prop_assert_eq!(open(&key, &sealed, &binding(None)).unwrap(), value);
        let other = DataKey::generate(&mut |bytes: &mut [u8]| { bytes.fill(1); Ok(()) }).unwrap();
        prop_assert!(open(&other.value_key(ACME, CONTEXT).unwrap(), &sealed, &binding(None)).is_err());
    }
}
