//! An issuer with a key of each algorithm, made anew for each run.

use std::error::Error;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use warden_core::identity::{Algorithm, Issuer, IssuerOptions, KeySet};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// When the tokens are good; the benches judge them at this time.
pub const NOW: i64 = 1_700_000_000;

const ISSUER: &str = "https://idp.bench.test";
const AUDIENCE: &str = "warden-bench";

pub struct Keys {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    rsa: RsaKeyPair,
    secret: [u8; 32],
    random: SystemRandom,
}

impl Keys {
    pub fn generate() -> Result<Self> {
        Ok(Self {
            ed25519: Ed25519KeyPair::generate()?,
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?,
            rsa: RsaKeyPair::generate(KeySize::Rsa2048)?,
            secret: aws_lc_rs::rand::generate(&SystemRandom::new())?.expose(),
            random: SystemRandom::new(),
        })
    }

    /// A JWK Set of one key for each of these algorithms, each named after its algorithm.
    pub fn jwks(&self, algorithms: &[Algorithm]) -> Value {
        json!({"keys": algorithms.iter().map(|algorithm| self.jwk(*algorithm)).collect::<Vec<_>>()})
    }

    pub fn issuer(&self) -> Result<Issuer> {
        Ok(Issuer {
            name: ISSUER.to_owned(),
            audience: Some(AUDIENCE.to_owned()),
            keys: KeySet::parse(&self.jwks(&Algorithm::ALL).to_string()).map_err(|error| error.to_string())?.0,
            options: IssuerOptions::default(),
        })
    }

    /// A token as an identity provider makes it, good at [`NOW`].
    pub fn token(&self, algorithm: Algorithm) -> Result<String> {
        let header = json!({"alg": algorithm.name(), "kid": algorithm.name(), "typ": "JWT"});
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW - 10, "exp": NOW + 290,
            "tenant_id": "0b6d9a3c-5b7e-4a52-8d0f-3f1d2c4b5a69", "sid": "4f2c", "role": "member",
        });
        let signed = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
        let signature = self.sign(algorithm, signed.as_bytes())?;
        Ok(format!("{signed}.{}", text(signature)))
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>> {
        Ok(match algorithm {
            Algorithm::EdDsa => self.ed25519.sign(message).as_ref().to_vec(),
            Algorithm::Es256 => self.p256.sign(&self.random, message)?.as_ref().to_vec(),
            Algorithm::Es384 => self.p384.sign(&self.random, message)?.as_ref().to_vec(),
            Algorithm::Rs256 => self.sign_rsa(&RSA_PKCS1_SHA256, message)?,
            Algorithm::Ps256 => self.sign_rsa(&RSA_PSS_SHA256, message)?,
            Algorithm::Hs256 => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.secret), message).as_ref().to_vec(),
        })
    }

    fn sign_rsa(&self, padding: &'static dyn RsaEncoding, message: &[u8]) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(padding, &self.random, message, &mut signature)?;
        Ok(signature)
    }

    fn jwk(&self, algorithm: Algorithm) -> Value {
        let mut jwk = match algorithm {
            Algorithm::EdDsa => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(self.ed25519.public_key())})
            }
            Algorithm::Es256 => elliptic("P-256", &self.p256),
            Algorithm::Es384 => elliptic("P-384", &self.p384),
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let key = self.rsa.public_key();
                let n = text(key.modulus().big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": n, "e": text(key.exponent().big_endian_without_leading_zero())})
            }
            Algorithm::Hs256 => json!({"kty": "oct", "k": text(self.secret)}),
        };
        jwk["alg"] = algorithm.name().into();
        jwk["kid"] = algorithm.name().into();
        jwk
    }
}

fn elliptic(curve: &str, key: &EcdsaKeyPair) -> Value {
    // Uncompressed (SEC 1): a byte 4, then both coordinates.
    let point = key.public_key().as_ref().get(1..).unwrap_or_default();
    let (x, y) = point.split_at(point.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y)})
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
