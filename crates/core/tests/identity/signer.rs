//! An issuer that signs with the private keys of the RFCs.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use p256::ecdsa::signature::Signer;
use serde_json::{Value, json};
use warden_core::identity::{Algorithm, Issuer, IssuerOptions, KeySet};

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "orders";

/// When the tests take place.
pub const NOW: i64 = 1_700_000_000;

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

pub fn vector_file(name: &str) -> Value {
    serde_json::from_str(&crate::common::vector_file(name)).unwrap()
}

static RFC: LazyLock<Value> = LazyLock::new(|| vector_file("rfc/jws.json"));

fn rfc(alg: &str) -> &'static Value {
    RFC.as_array().unwrap().iter().find(|vector| vector["alg"] == alg).unwrap()
}

fn private(alg: &str, member: &str) -> Vec<u8> {
    decode(rfc(alg)["private"][member].as_str().unwrap())
}

static P384: LazyLock<p384::ecdsa::SigningKey> =
    LazyLock::new(|| p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap());

static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| {
    let path = format!("{}/tests/vectors/rfc/rs256-pkcs1.der", env!("CARGO_MANIFEST_DIR"));
    RsaKeyPair::from_der(&std::fs::read(path).unwrap()).unwrap()
});

fn sign_rsa(padding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; RSA.public_modulus_len()];
    RSA.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

/// The public key of an algorithm, named after it.
pub fn jwk(algorithm: Algorithm) -> Value {
    let mut jwk = match algorithm {
        Algorithm::Es384 => {
            let point = P384.verifying_key().to_encoded_point(false);
            json!({"kty": "EC", "crv": "P-384", "x": b64(point.x().unwrap()), "y": b64(point.y().unwrap())})
        }
        Algorithm::Ps256 => rfc("RS256")["jwk"].clone(),
        _ => rfc(algorithm.name())["jwk"].clone(),
    };
    jwk["alg"] = algorithm.name().into();
    jwk["kid"] = algorithm.name().into();
    jwk
}

pub fn sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::EdDsa => {
            use ed25519_dalek::Signer;
            let seed: [u8; 32] = private("EdDSA", "d").try_into().unwrap();
            ed25519_dalek::SigningKey::from_bytes(&seed).sign(message).to_bytes().to_vec()
        }
        Algorithm::Es256 => {
            let key = p256::ecdsa::SigningKey::from_slice(&private("ES256", "d")).unwrap();
            let signature: p256::ecdsa::Signature = key.sign(message);
            signature.to_vec()
        }
        Algorithm::Es384 => {
            let signature: p384::ecdsa::Signature = P384.sign(message);
            signature.to_vec()
        }
        Algorithm::Rs256 => sign_rsa(&RSA_PKCS1_SHA256, message),
        Algorithm::Ps256 => sign_rsa(&RSA_PSS_SHA256, message),
        Algorithm::Hs256 => {
            let secret = decode(rfc("HS256")["jwk"]["k"].as_str().unwrap());
            let mac = hmac::Hmac::<sha2_010::Sha256>::new_from_slice(&secret).unwrap();
            mac.chain_update(message).finalize().into_bytes().to_vec()
        }
    }
}

/// A compact JWS of two texts, whatever they say.
pub fn jws(algorithm: Algorithm, header: &str, payload: &str) -> String {
    let signing_input = format!("{}.{}", b64(header), b64(payload));
    let signature = sign(algorithm, signing_input.as_bytes());
    format!("{signing_input}.{}", b64(signature))
}

/// A token of the test's issuer, valid at [`NOW`] for five minutes unless its claims say otherwise.
pub fn token(algorithm: Algorithm, claims: &Value) -> String {
    let header = json!({"alg": algorithm.name(), "kid": algorithm.name(), "typ": "JWT"});
    jws(algorithm, &header.to_string(), &claims.to_string())
}

pub fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW - 10, "exp": NOW + 290, "tenant_id": "acme"})
}

pub fn key_set(algorithms: &[Algorithm]) -> KeySet {
    let keys: Vec<Value> = algorithms.iter().copied().map(jwk).collect();
    KeySet::parse(&json!({"keys": keys}).to_string()).unwrap().0
}

/// The test's issuer, with a key of each algorithm.
pub fn issuer() -> Issuer {
    Issuer {
        name: ISSUER.to_owned(),
        audience: Some(AUDIENCE.to_owned()),
        keys: key_set(&Algorithm::ALL),
        options: IssuerOptions::default(),
    }
}
