//! The envelope's shape: what is one and what is not, and its text form.

use proptest::prelude::*;
use warden_core::encryption::{
    Envelope, Flags, GenerationId, Head, Malformed, Suite, TAG, decode_hex as fill_decoded, decoded_len, encode_hex,
    error, hex_len, search_term,
};

use crate::fixture::{binding, generation, open, value_key};

fn decode_hex(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut bytes = vec![0; decoded_len(text)?];
    fill_decoded(text, &mut bytes)?;
    Ok(bytes)
}

const NONCE_AT: usize = 12;
const TAG_AT: usize = 36;

/// An envelope of a right shape, written byte by byte.
fn written(suite: u8, flags: u8, body: usize) -> Vec<u8> {
    let mut bytes = vec![1, suite, flags, 0];
    bytes.extend(generation().bytes());
    bytes.extend([0x11; 24]);
    if suite == 2 {
        bytes.extend([0x22; 32]);
    }
    if flags & 1 != 0 {
        bytes.extend([0x33; 16]);
    }
    bytes.extend(vec![0x44; body]);
    bytes.extend([0x55; 16]);
    bytes
}

/// Of generation 0, which no key has.
fn without_generation(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[4..12].fill(0);
    bytes
}

/// Changes one byte.
fn with(mut bytes: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
    bytes[at] = byte;
    bytes
}

fn refused(bytes: &[u8]) -> bool {
    matches!(Envelope::parse(bytes), Err(Malformed))
}

#[test]
fn every_part_is_found() {
    for (number, suite) in [(1, Suite::Xaes), (2, Suite::XaesCommitting)] {
        for (byte, equality, row_bound) in [(0, false, false), (1, true, false), (4, false, true), (5, true, true)] {
            for length in [0, 1, 16, 1000] {
                let bytes = written(number, byte, length);
                let envelope = Envelope::parse(&bytes).unwrap();
                assert_eq!(envelope.suite(), suite);
                assert_eq!(envelope.flags(), Flags { equality, search_term: false, row_bound });
                assert_eq!(envelope.generation(), Some(generation()));
                assert_eq!(envelope.equality_tag(), equality.then_some([0x33; TAG]));
                assert_eq!(envelope.body(), vec![0x44; length]);
                assert_eq!(suite.sealed_len(equality, length), bytes.len());
                assert_eq!(suite.prefix_len(equality), bytes.len() - length - TAG);
            }
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for bytes in [1, 2].into_iter().flat_map(|suite| [0, 1, 4, 5].map(|flags| written(suite, flags, 0))) {
        assert!(!refused(&bytes));
        for length in 0..bytes.len() {
            assert!(refused(&bytes[..length]), "{length} bytes of {bytes:02x?}");
        }
    }
    let term = search_term([0x33; TAG]);
    for length in 0..term.len() {
        assert!(refused(&term[..length]), "{length} bytes of a search term");
    }
}

#[test]
fn every_value_of_the_first_four_bytes_is_judged() {
    for at in 0..4 {
        for byte in 0..=u8::MAX {
            // Long enough for whatever the byte says.
            let bytes = with(written(1, 0, 100), at, byte);
            let accepted: &[u8] = [&[1][..], &[1, 2], &[0, 1, 4, 5], &[0]][at];
            assert_eq!(refused(&bytes), !accepted.contains(&byte), "byte {at}: {byte}");
        }
    }
}

#[test]
fn malformed_ones_and_their_accepted_twins() {
    let value = || written(1, 1, 3);
    let term = || search_term([0x33; TAG]);
    let cases: &[(&str, Vec<u8>, Vec<u8>)] = &[
        ("nothing", value(), Vec::new()),
        ("version 0", value(), with(value(), 0, 0)),
        ("version 2", value(), with(value(), 0, 2)),
        ("suite 0", value(), with(value(), 1, 0)),
        ("suite 3", value(), with(value(), 1, 3)),
        ("flag 2 without 1", term(), with(term(), 2, 2)),
        ("flag 2 without 1, and no tag", term(), [&[1, 1, 2, 0][..], &[0; 48]].concat()),
        ("flag 2 with 4", term(), with(term(), 2, 7)),
        ("flag 2 with 4 without 1", term(), with(term(), 2, 6)),
        ("flag 8", value(), with(value(), 2, 9)),
        ("flag 128", value(), with(value(), 2, 129)),
        ("a reserved byte", value(), with(value(), 3, 1)),
        ("a value of generation 0 and flag 2", value(), with(without_generation(value()), 2, 3)),
        ("a search term of version 2", term(), with(term(), 0, 2)),
        ("a search term of a generation", term(), with(term(), 11, 1)),
        ("a search term with a nonce, first byte", term(), with(term(), NONCE_AT, 1)),
        ("a search term with a nonce, last byte", term(), with(term(), TAG_AT - 1, 1)),
        ("a search term with a GCM tag, first byte", term(), with(term(), TAG_AT + TAG, 1)),
        ("a search term with a GCM tag, last byte", term(), with(term(), TAG_AT + 2 * TAG - 1, 0x80)),
        ("a search term with a body", term(), [term(), vec![0]].concat()),
        ("a search term of suite 2", term(), with(term(), 1, 2)),
        ("a search term of suite 2 with room for a commitment", term(), {
            let mut bytes = with(term(), 1, 2);
            bytes.splice(TAG_AT..TAG_AT, [0; 32]);
            bytes
        }),
    ];
    for (what, accepted, malformed) in cases {
        assert!(!refused(accepted), "the twin of {what}");
        assert!(refused(malformed), "{what}");
    }
}

/// Its shape is right, and nothing opens it.
#[test]
fn a_value_of_generation_0_names_no_key() {
    let as_value = with(search_term([0x33; TAG]), 2, 1);
    for bytes in [written(1, 0, 3), written(2, 5, 3), as_value].map(without_generation) {
        assert_eq!(Envelope::parse(&bytes).unwrap().generation(), None);
        assert_eq!(open(&value_key(), &bytes, &binding(None)), Err(error::decryption_failed()));
    }
}

#[test]
fn a_search_term_holds_its_tag_alone() {
    for tag in [[0x33; TAG], [0; TAG], [0xff; TAG]] {
        let term = search_term(tag);
        assert_eq!(term, [&[1, 1, 3, 0][..], &[0; 8], &[0; 24], &tag, &[0; 16]].concat());
        let envelope = Envelope::parse(&term).unwrap();
        assert_eq!(envelope.flags(), Flags { equality: true, search_term: true, row_bound: false });
        assert_eq!(envelope.equality_tag(), Some(tag));
        assert_eq!((envelope.suite(), envelope.generation(), envelope.body()), (Suite::Xaes, None, &[][..]));
        for at in (4..term.len()).filter(|at| !(TAG_AT..TAG_AT + TAG).contains(at)) {
            for bit in 0..8 {
                assert!(refused(&with(term.clone(), at, 1 << bit)), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn generation_ids() {
    assert_eq!(GenerationId::new([0; 8]), None);
    assert_eq!(GenerationId::from_number(0), None);
    for (number, bytes) in [
        (1, [0, 0, 0, 0, 0, 0, 0, 1]),
        (i64::MAX, [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (i64::MIN, [0x80, 0, 0, 0, 0, 0, 0, 0]),
        (-1, [0xff; 8]),
    ] {
        let id = GenerationId::from_number(number).unwrap();
        assert_eq!((id, id.bytes(), id.number()), (GenerationId::new(bytes).unwrap(), bytes, number));
    }
}

#[test]
fn text_form() {
    for (text, bytes) in [("\\x", &[][..]), ("\\x00", &[0]), ("\\x01ff80", &[1, 0xff, 0x80])] {
        let mut out = vec![0; hex_len(bytes.len())];
        encode_hex(bytes, &mut out).unwrap();
        assert_eq!(out, text.as_bytes());
        assert_eq!(decode_hex(text.as_bytes()).unwrap(), bytes);
    }
    assert_eq!(decode_hex(b"\\xFFaB").unwrap(), [0xff, 0xab]);
    for text in [
        "",
        "\\",
        "x",
        "00",
        "0x00",
        "\\X00",
        "\\\\x00",
        "\\x0",
        "\\x000",
        "\\x0g",
        "\\x 00",
        "\\x00 ",
        " \\x00",
        "\\x00\n",
        "\\x00\0",
        "\\x-1",
        "\\x+1",
        "\\x\u{ff10}",
        "\\000",
    ] {
        assert_eq!(decode_hex(text.as_bytes()), Err(Malformed), "{text:?}");
    }
    for length in [0, 1, 2, 5, 7] {
        assert_eq!(encode_hex(&[1, 2], &mut vec![0; length]), Err(Malformed), "{length}");
    }
}

/// Bytes that come as far as a parser can be led: a header, right or nearly so, and something behind it.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let header = (0u8..3, 0u8..4, prop_oneof![0u8..8, any::<u8>()], 0u8..2);
    let byte = prop_oneof![Just(0), any::<u8>()];
    (header, prop::collection::vec(byte, 0..160)).prop_map(|((version, suite, flags, zero), rest)| {
        let mut bytes = vec![version, suite, flags, zero];
        bytes.extend(rest);
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Envelope::parse(&bytes);
        let _ = decode_hex(&bytes);
    }

    #[test]
    fn what_is_accepted_can_be_written_again(bytes in nearly()) {
        if let Ok(envelope) = Envelope::parse(&bytes) {
            let Flags { equality, search_term: term, row_bound } = envelope.flags();
            let again = if term {
                search_term(envelope.equality_tag().unwrap())
            } else {
                let number = if envelope.suite() == Suite::Xaes { 1 } else { 2 };
                let head = Head { suite: envelope.suite(), generation: generation() };
                let mut again = vec![1, number, u8::from(equality) + 4 * u8::from(row_bound), 0];
                again.extend(envelope.generation().map_or([0; 8], GenerationId::bytes));
                again.extend(&bytes[NONCE_AT..head.suite.prefix_len(equality)]);
                again.extend(envelope.body());
                again.extend(&bytes[bytes.len() - TAG..]);
                prop_assert_eq!(again.len(), head.suite.sealed_len(equality, envelope.body().len()));
                again
            };
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn the_text_form_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut text = vec![0; hex_len(bytes.len())];
        prop_assert!(encode_hex(&bytes, &mut text).is_ok());
        prop_assert_eq!(decode_hex(&text).unwrap(), bytes);
    }

    #[test]
    fn any_text_is_decoded_without_panic(text in "\\\\x[0-9a-fA-F]{0,40}|\\PC{0,40}|\\\\x\\PC{0,40}") {
        let even = text.strip_prefix("\\x").filter(|digits| digits.len() % 2 == 0);
        let hexadecimal = even.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        prop_assert_eq!(decode_hex(text.as_bytes()).is_ok(), hexadecimal);
    }
}
