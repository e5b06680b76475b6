//! XAES-256-GCM against the vectors of its specification (c2sp.org/XAES-256-GCM) and against another implementation.

use proptest::prelude::*;
use sha3::Shake128;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use warden_core::encryption::Xaes256Gcm;

use crate::oracle;

#[test]
fn vectors() {
    let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
    for (key, aad, sealed) in [
        ([1; 32], "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        ([3; 32], "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ] {
        let cipher = Xaes256Gcm::new(&key);
        let mut data = *b"XAES-256-GCM";
        let tag = cipher.seal(nonce, aad.as_bytes(), &mut data).unwrap();
        assert_eq!(hex::encode([&data[..], &tag].concat()), sealed);
        let mut opened = [0; 12];
        cipher.open(nonce, aad.as_bytes(), &data, &tag, &mut opened).unwrap();
        assert_eq!(&opened, b"XAES-256-GCM");
    }
}

#[test]
fn accumulated_10_000() {
    accumulated(10_000, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "the hash takes minutes without optimisation: cargo test --release")]
fn accumulated_1_000_000() {
    accumulated(1_000_000, "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15");
}

/// Seals random data under random keys, and compares a hash of all that was sealed.
fn accumulated(iterations: u32, expected: &str) {
    let mut random = Shake128::default().finalize_xof();
    let mut sealed = Shake128::default();
    for iteration in 0..iterations {
        let (mut key, mut nonce) = ([0; 32], [0; 24]);
        random.read(&mut key);
        random.read(&mut nonce);
        let plaintext = read_with_length(&mut random);
        let aad = read_with_length(&mut random);
        let cipher = Xaes256Gcm::new(&key);
        let mut data = plaintext.clone();
        let tag = cipher.seal(&nonce, &aad, &mut data).unwrap();
        sealed.update(&data);
        sealed.update(&tag);
        let mut opened = vec![0; data.len()];
        cipher.open(&nonce, &aad, &data, &tag, &mut opened).unwrap();
        assert_eq!(opened, plaintext, "iteration {iteration}");
    }
    let mut hash = [0; 32];
    sealed.finalize_xof().read(&mut hash);
    assert_eq!(hex::encode(hash), expected);
}

fn read_with_length(random: &mut impl XofReader) -> Vec<u8> {
    let mut length = [0];
    random.read(&mut length);
    let mut bytes = vec![0; length[0].into()];
    random.read(&mut bytes);
    bytes
}

fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=longest)
}

proptest! {
    #[test]
    fn another_implementation_opens_it(key in any::<[u8; 32]>(), nonce in any::<[u8; 24]>(), aad in bytes(100), value in bytes(600)) {
        let mut data = value.clone();
        let tag = Xaes256Gcm::new(&key).seal(&nonce, &aad, &mut data).unwrap();
        prop_assert!(oracle::open(&key, &nonce, &aad, &mut data, tag));
        prop_assert_eq!(data, value);
    }

    #[test]
    fn it_opens_what_another_implementation_seals(key in any::<[u8; 32]>(), nonce in any::<[u8; 24]>(), aad in bytes(100), value in bytes(600)) {
        let mut data = value.clone();
        let tag = oracle::seal(&key, &nonce, &aad, &mut data);
        let mut opened = vec![0; data.len()];
        prop_assert!(Xaes256Gcm::new(&key).open(&nonce, &aad, &data, &tag, &mut opened).is_ok());
        prop_assert_eq!(opened, value);
    }

    #[test]
    fn nothing_else_opens(
        key in any::<[u8; 32]>(), nonce in any::<[u8; 24]>(), aad in bytes(40), value in bytes(100),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut data = value.clone();
        let tag = Xaes256Gcm::new(&key).seal(&nonce, &aad, &mut data).unwrap();
        let mut all = [&key[..], &nonce, &tag, &aad, &data].concat();
        let bit = bit.index(all.len() * 8);
        all[bit / 8] ^= 1 << (bit % 8);
        let (key, rest) = all.split_first_chunk().unwrap();
        let (nonce, rest) = rest.split_first_chunk().unwrap();
        let (tag, rest) = rest.split_first_chunk().unwrap();
        let (aad, data) = rest.split_at(aad.len());
        let mut opened = vec![0xee; data.len()];
        prop_assert!(Xaes256Gcm::new(key).open(nonce, aad, data, tag, &mut opened).is_err());
        prop_assert!(opened.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_buffer_of_another_length_is_refused(length in 0usize..100, other in 0usize..100) {
        let cipher = Xaes256Gcm::new(&[7; 32]);
        let mut data = vec![1; length];
        let tag = cipher.seal(&[9; 24], b"", &mut data).unwrap();
        let mut out = vec![0xee; other];
        prop_assert_eq!(cipher.open(&[9; 24], b"", &data, &tag, &mut out).is_ok(), length == other);
    }
}
