//! Published vectors, at the level of signatures.

use serde_json::{Value, json};
use warden_core::identity::{Algorithm, KeySet};

use crate::common::hex;
use crate::signer::{decode, vector_file};

fn single(jwk: &Value) -> KeySet {
    KeySet::parse(&json!({"keys": [jwk]}).to_string()).unwrap().0
}

#[test]
fn rfc_examples() {
    for vector in vector_file("rfc/jws.json").as_array().unwrap() {
        let source = &vector["source"];
        let keys = single(&vector["jwk"]);
        let algorithm = Algorithm::parse(vector["alg"].as_str().unwrap()).unwrap();
        let (input, signature) = vector["jws"].as_str().unwrap().rsplit_once('.').unwrap();
        let signature = decode(signature);
        assert_eq!(keys.verify(None, algorithm, input.as_bytes(), &signature).map(|_| ()), Ok(()), "{source}");
        for at in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert!(keys.verify(None, algorithm, input.as_bytes(), &flipped).is_err(), "{source}: bit {at}");
        }
        assert!(keys.verify(None, algorithm, &input.as_bytes()[1..], &signature).is_err(), "{source}");
    }
}

#[test]
fn rfc_private_keys_are_refused_as_such() {
    for vector in vector_file("rfc/jws.json").as_array().unwrap() {
        for (member, value) in vector["private"].as_object().unwrap() {
            let mut jwk = vector["jwk"].clone();
            jwk[member] = value.clone();
            assert!(KeySet::parse(&json!({"keys": [jwk]}).to_string()).is_err(), "{}: {member}", vector["source"]);
        }
    }
}

#[test]
fn wycheproof() {
    for (file, algorithm, at_least) in [
        ("ed25519_test.json", Algorithm::EdDsa, 150),
        ("ecdsa_secp256r1_sha256_p1363_test.json", Algorithm::Es256, 250),
        ("ecdsa_secp384r1_sha384_p1363_test.json", Algorithm::Es384, 250),
        ("rsa_signature_2048_sha256_test.json", Algorithm::Rs256, 250),
        ("rsa_pss_2048_sha256_mgf1_32_test.json", Algorithm::Ps256, 100),
        ("hmac_sha256_test.json", Algorithm::Hs256, 50),
    ] {
        let mut judged = 0;
        for group in vector_file(&format!("wycheproof/{file}"))["groups"].as_array().unwrap() {
            for test in group["tests"].as_array().unwrap() {
                let Some(keys) = usable(group.get("jwk").unwrap_or(&test["jwk"])) else { continue };
                let verified = keys.verify(None, algorithm, &hex(&test["msg"]), &hex(&test["sig"])).is_ok();
                if test["result"] != "acceptable" {
                    assert_eq!(verified, test["result"] == "valid", "{file}: {test}");
                }
                judged += 1;
            }
        }
        assert!(judged >= at_least, "{file}: {judged}");
    }
}

/// Every key but a secret that is too short and an RSA exponent of 3.
fn usable(jwk: &Value) -> Option<KeySet> {
    let short = jwk["kty"] == "oct" && decode(jwk["k"].as_str().unwrap()).len() < 32;
    let parsed = KeySet::parse(&json!({"keys": [jwk]}).to_string());
    assert_eq!(parsed.is_err(), short || jwk["e"] == "Aw", "{jwk}: {parsed:?}");
    parsed.ok().map(|(keys, _)| keys)
}
