//! One key of an issuer, checked once and then able to verify signatures of one algorithm.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curve25519_dalek::edwards::CompressedEdwardsY;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc;
use serde_json::Value;
use zeroize::Zeroizing;

use super::json::Object;

/// The signature algorithms of tokens (RFC 7518 section 3, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// HMAC with SHA-256.
    Hs256,
}

impl Algorithm {
    pub const ALL: [Self; 6] = [Self::EdDsa, Self::Es256, Self::Es384, Self::Rs256, Self::Ps256, Self::Hs256];

    /// The JOSE name, which is case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The JOSE name.
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Hs256 => "HS256",
        }
    }

    fn jose(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
        }
    }
}

/// Why a JWK cannot be used; the text is a sentence about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    UnknownKind(&'static str),
    Malformed(&'static str),
}

/// What verifies the signatures of one algorithm. Its bytes are overwritten when it is dropped.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    algorithm: Algorithm,
    signature_bytes: usize,
    material: DecodingKey,
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    /// Reads a JWK (RFC 7517). Private members are the caller's to refuse.
    pub(super) fn from_jwk(jwk: &Object) -> Result<Self, Unusable> {
        let family = Family::of(jwk)?;
        check_purpose(jwk)?;
        let algorithm = family.algorithm(jwk)?;
        match family {
            Family::Ed25519 => ed25519(&bytes(jwk, "x")?),
            Family::P256 => ecdsa(jwk, algorithm, 32, &ECDSA_P256_SHA256_FIXED),
            Family::P384 => ecdsa(jwk, algorithm, 48, &ECDSA_P384_SHA384_FIXED),
            Family::Rsa => rsa(algorithm, &bytes(jwk, "n")?, &bytes(jwk, "e")?),
            Family::Secret => hmac(&bytes(jwk, "k")?),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `signature` in the form of JOSE: of fixed length, never DER.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        // The provider is named here rather than taken from jsonwebtoken's process-wide default, which panics
        // as soon as any other crate of the program switches a second provider on.
        signature.len() == self.signature_bytes
            && (aws_lc::DEFAULT_PROVIDER.verifier_factory)(&self.algorithm.jose(), &self.material)
                .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}

/// What a JWK's `kty` and `crv` say together.
#[derive(Clone, Copy)]
enum Family {
    Ed25519,
    P256,
    P384,
    Rsa,
    Secret,
}

impl Family {
    fn of(jwk: &Object) -> Result<Self, Unusable> {
        match text(jwk, "kty", "Its kty is missing or no string.")? {
            "OKP" => match text(jwk, "crv", NO_CURVE)? {
                "Ed25519" => Ok(Self::Ed25519),
                _ => Err(Unusable::UnknownKind(UNKNOWN_CURVE)),
            },
            "EC" => match text(jwk, "crv", NO_CURVE)? {
                "P-256" => Ok(Self::P256),
                "P-384" => Ok(Self::P384),
                _ => Err(Unusable::UnknownKind(UNKNOWN_CURVE)),
            },
            "RSA" => Ok(Self::Rsa),
            "oct" => Ok(Self::Secret),
            _ => Err(Unusable::UnknownKind("Its kty is none of OKP, EC, RSA, oct.")),
        }
    }

    /// The algorithms of the family, the default first.
    fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::Ed25519 => &[Algorithm::EdDsa],
            Self::P256 => &[Algorithm::Es256],
            Self::P384 => &[Algorithm::Es384],
            Self::Rsa => &[Algorithm::Rs256, Algorithm::Ps256],
            Self::Secret => &[Algorithm::Hs256],
        }
    }

    fn algorithm(self, jwk: &Object) -> Result<Algorithm, Unusable> {
        if !jwk.contains_key("alg") {
            return Ok(self.algorithms()[0]);
        }
        let name = text(jwk, "alg", "Its alg is no string.")?;
        let algorithm = Algorithm::parse(name)
            .ok_or(Unusable::UnknownKind("Its alg is none of EdDSA, ES256, ES384, RS256, PS256, HS256."))?;
        if self.algorithms().contains(&algorithm) {
            return Ok(algorithm);
        }
        Err(Unusable::Malformed("Its alg does not fit its kty and crv."))
    }
}

const NO_CURVE: &str = "Its crv is missing or no string.";
const UNKNOWN_CURVE: &str = "Its crv is none of Ed25519, P-256, P-384.";
const NOT_FOR_SIGNATURES: &str = "It does not serve to verify signatures.";

/// `use` and `key_ops`, where given, must allow to verify (RFC 7517 sections 4.2 and 4.3).
fn check_purpose(jwk: &Object) -> Result<(), Unusable> {
    if jwk.contains_key("use") && text(jwk, "use", "Its use is no string.")? != "sig" {
        return Err(Unusable::UnknownKind(NOT_FOR_SIGNATURES));
    }
    let Some(operations) = jwk.get("key_ops") else { return Ok(()) };
    let operations = operations.as_array().filter(|names| names.iter().all(Value::is_string));
    let operations = operations.ok_or(Unusable::Malformed("Its key_ops is no array of strings."))?;
    if operations.iter().any(|name| name == "verify") {
        return Ok(());
    }
    Err(Unusable::UnknownKind(NOT_FOR_SIGNATURES))
}

/// RFC 8037 section 2. A point of small order would verify signatures that nobody made.
fn ed25519(x: &[u8]) -> Result<VerifyingKey, Unusable> {
    let encoded: [u8; 32] = x.try_into().map_err(|_| Unusable::Malformed("Its x has not 32 bytes."))?;
    let point = CompressedEdwardsY(encoded).decompress().filter(|point| point.compress().0 == encoded);
    let point = point.ok_or(Unusable::Malformed("Its x is no point of the curve."))?;
    if point.is_small_order() || !point.is_torsion_free() {
        return Err(Unusable::Malformed("Its x is a weak point of the curve."));
    }
    Ok(VerifyingKey { algorithm: Algorithm::EdDsa, signature_bytes: 64, material: DecodingKey::from_ed_der(x) })
}

/// RFC 7518 section 6.2.1: coordinates have the full width of the field.
fn ecdsa(
    jwk: &Object,
    algorithm: Algorithm,
    width: usize,
    verification: &'static dyn VerificationAlgorithm,
) -> Result<VerifyingKey, Unusable> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != width || y.len() != width {
        return Err(Unusable::Malformed("Its x or y has not the width of its curve."));
    }
    // Uncompressed form (SEC 1 section 2.3.3).
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    ParsedPublicKey::new(verification, &point)
        .map_err(|_| Unusable::Malformed("Its x and y are no point of the curve."))?;
    Ok(VerifyingKey { algorithm, signature_bytes: 2 * width, material: DecodingKey::from_ec_der(&point) })
}

/// RFC 7518 section 6.3.1: big-endian, without leading zeros. The exponent is odd and 65537 to 2^32 - 1
/// (FIPS 186-5 section 5.1 has the same lower bound).
fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<VerifyingKey, Unusable> {
    let leading = n.first().copied().unwrap_or(0);
    if leading == 0 || e.first().is_none_or(|byte| *byte == 0) {
        return Err(Unusable::Malformed("Its n or e is empty or begins with a zero byte."));
    }
    let bits = n.len() * 8 - leading.leading_zeros() as usize;
    if !(2048..=8192).contains(&bits) {
        return Err(Unusable::Malformed("Its n has not 2048 to 8192 bits."));
    }
    let exponent = e.iter().try_fold(0u32, |sum, byte| Some(sum.checked_mul(256)? + u32::from(*byte)));
    if !exponent.is_some_and(|e| e >= 65_537 && e % 2 == 1) {
        return Err(Unusable::Malformed("Its e is even, below 65537 or over 32 bits."));
    }
    if n.last().is_some_and(|byte| byte % 2 == 0) {
        return Err(Unusable::Malformed("Its n is even."));
    }
    let material = DecodingKey::from_rsa_raw_components(n, e);
    Ok(VerifyingKey { algorithm, signature_bytes: n.len(), material })
}

/// RFC 7518 section 3.2: a secret is at least as long as the hash.
fn hmac(k: &[u8]) -> Result<VerifyingKey, Unusable> {
    if k.len() < 32 {
        return Err(Unusable::Malformed("Its k has under 32 bytes."));
    }
    Ok(VerifyingKey { algorithm: Algorithm::Hs256, signature_bytes: 32, material: DecodingKey::from_secret(k) })
}

fn text<'a>(jwk: &'a Object, member: &str, otherwise: &'static str) -> Result<&'a str, Unusable> {
    jwk.get(member).and_then(Value::as_str).ok_or(Unusable::Malformed(otherwise))
}

fn bytes(jwk: &Object, member: &str) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    const UNFIT: &str = "A member of it is missing or not in unpadded base64url.";
    URL_SAFE_NO_PAD.decode(text(jwk, member, UNFIT)?).map(Zeroizing::new).map_err(|_| Unusable::Malformed(UNFIT))
}
