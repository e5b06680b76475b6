//! Published vectors against the primitives that we ship: AES-256-GCM, HKDF and HMAC with SHA-256.

use std::collections::HashMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::fixture::{hex, vector_file, wycheproof};

/// One vector of AES-256-GCM, with a nonce of 96 bits and a tag of 128.
struct Gcm {
    key: Vec<u8>,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl Gcm {
    fn cipher(&self) -> (LessSafeKey, Nonce) {
        let key = UnboundKey::new(&AES_256_GCM, &self.key).unwrap();
        (LessSafeKey::new(key), Nonce::try_assume_unique_for_key(&self.nonce).unwrap())
    }

    fn seals(&self, plaintext: &[u8]) -> bool {
        let (key, nonce) = self.cipher();
        let mut data = plaintext.to_vec();
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&self.aad), &mut data).unwrap();
        data == self.ciphertext && tag.as_ref() == self.tag
    }

    fn open(&self) -> Option<Vec<u8>> {
        let (key, nonce) = self.cipher();
        let mut out = vec![0; self.ciphertext.len()];
        key.open_separate_gather(nonce, Aad::from(&self.aad), &self.ciphertext, &self.tag, &mut out).ok()?;
        Some(out)
    }
}

#[test]
fn wycheproof_aes_256_gcm() {
    let tests = wycheproof("aes_gcm_test.json");
    for test in &tests {
        let [key, nonce, aad, ciphertext, tag] = ["key", "iv", "aad", "ct", "tag"].map(|name| hex(&test[name]));
        let vector = Gcm { key, nonce, aad, ciphertext, tag };
        let plaintext = hex(&test["msg"]);
        match test["result"].as_str() {
            Some("valid") => {
                assert!(vector.seals(&plaintext), "{test}");
                assert_eq!(vector.open(), Some(plaintext), "{test}");
            }
            _ => assert_eq!(vector.open(), None, "{test}"),
        }
    }
    assert_eq!(tests.len(), 66);
}

#[test]
fn nist_aes_256_gcm() {
    for (file, sealing) in [("gcmEncryptExtIV256", true), ("gcmDecrypt256", false)] {
        let file = vector_file(&format!("nist/{file}.rsp"));
        let (mut vectors, mut refused) = (0, 0);
        for block in file.split("\n\n").filter(|block| block.starts_with("Count")) {
            let members: HashMap<_, _> = block.lines().filter_map(|line| line.split_once('=')).collect();
            let members: HashMap<_, _> = members.into_iter().map(|(name, value)| (name.trim(), value.trim())).collect();
            let [key, nonce, aad, ciphertext, tag] =
                ["Key", "IV", "AAD", "CT", "Tag"].map(|name| hex::decode(members[name]).unwrap());
            let vector = Gcm { key, nonce, aad, ciphertext, tag };
            let plaintext = members.get("PT").map(|text| hex::decode(text).unwrap());
            assert_eq!(vector.open(), plaintext, "{block}");
            assert_eq!(plaintext.is_none(), block.contains("FAIL"), "{block}");
            match plaintext {
                Some(plaintext) => assert!(vector.seals(&plaintext), "{block}"),
                None => refused += 1,
            }
            vectors += 1;
        }
        assert_eq!((vectors, refused), (375, if sealing { 0 } else { 191 }));
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[test]
fn wycheproof_hkdf_sha256() {
    let tests = wycheproof("hkdf_sha256_test.json");
    for test in &tests {
        let [key, salt, info] = ["ikm", "salt", "info"].map(|name| hex(&test[name]));
        let length = usize::try_from(test["size"].as_u64().unwrap()).unwrap();
        let mut out = vec![0; length];
        let prk = Salt::new(HKDF_SHA256, &salt).extract(&key);
        let derived = prk.expand(&[&info], Length(length)).and_then(|derived| derived.fill(&mut out));
        assert_eq!(derived.is_ok(), test["result"] == "valid", "{test}");
        if derived.is_ok() {
            assert_eq!(out, hex(&test["okm"]), "{test}");
        }
    }
    assert_eq!(tests.len(), 86);
}

#[test]
fn wycheproof_hmac_sha256() {
    let tests = wycheproof("hmac_sha256_test.json");
    for test in &tests {
        let key = URL_SAFE_NO_PAD.decode(test["jwk"]["k"].as_str().unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let made = hmac::sign(&key, &hex(&test["msg"]));
        assert_eq!(made.as_ref() == hex(&test["sig"]), test["result"] == "valid", "{test}");
    }
    assert_eq!(tests.len(), 87);
}
