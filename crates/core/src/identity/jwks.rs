//! An issuer's keys: a JWK Set (RFC 7517 section 5), read once and then able only to verify.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::error;
use super::json::{self, Object};
use super::key::{Algorithm, Unusable, VerifyingKey};
use crate::error::Result;

/// The longest key set, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// What makes a key a private one (RFC 7518 sections 6.2.2 and 6.3.2; `priv`: kty AKP), or belongs to a secret.
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", "k"];

/// The usable keys of one issuer: at least one, and no `kid` twice.
#[derive(Clone)]
pub struct KeySet(Vec<Key>);

#[derive(Clone)]
struct Key {
    kid: Option<String>,
    thumbprint: String,
    verifying: VerifyingKey,
}

/// What anyone may see of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySummary {
    pub kid: Option<String>,
    pub alg: Algorithm,
}

/// A key of a kind that no token can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    pub kid: Option<String>,
    /// A sentence about the key.
    pub reason: &'static str,
}

impl KeySet {
    /// Reads a JWK Set of at most 256 KiB and 8 levels. Keys of an unknown `kty`, `crv`, `alg` or `use`, or with
    /// `key_ops` that do not verify, are skipped and handed back. Without `alg`, RSA means RS256 and oct HS256.
    ///
    /// # Errors
    /// 22023 for a malformed set, a malformed or private key, a `kid` that stands twice (skipped keys count),
    /// and a set without a usable key.
    pub fn parse(json: &str) -> Result<(Self, Vec<SkippedKey>)> {
        if json.len() > MAX_BYTES {
            return Err(error::oversized_key_set());
        }
        let set = Wiped(json::parse_object(json.as_bytes()).map_err(error::malformed_key_set)?);
        let listed = set.0.get("keys").and_then(Value::as_array).ok_or_else(error::missing_keys)?;
        let mut kids = std::collections::HashSet::new();
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (jwk, position) in listed.iter().zip(1..) {
            let malformed = |reason| error::malformed_key(position, reason);
            let jwk = jwk.as_object().ok_or_else(|| malformed("It is no JSON object."))?;
            if is_private(jwk) {
                return Err(error::private_key_in_set(position));
            }
            let kid = kid(jwk).map_err(malformed)?;
            if kid.is_some_and(|kid| !kids.insert(kid)) {
                return Err(error::duplicate_key_id(position));
            }
            let kid = kid.map(str::to_owned);
            match VerifyingKey::from_jwk(jwk) {
                Ok(verifying) => keys.push(Key { kid, thumbprint: thumbprint(jwk), verifying }),
                Err(Unusable::UnknownKind(reason)) => skipped.push(SkippedKey { kid, reason }),
                Err(Unusable::Malformed(reason)) => return Err(malformed(reason)),
            }
        }
        if keys.is_empty() {
            return Err(error::no_usable_key());
        }
        Ok((Self(keys), skipped))
    }

    /// In the set's order.
    pub fn summaries(&self) -> Vec<KeySummary> {
        self.0.iter().map(Key::summary).collect()
    }

    /// Gives the thumbprint of the key that verifies a signature in the form of JOSE: the one that `kid` names, or, without one, the
    /// only one of that algorithm.
    ///
    /// # Errors
    /// 28000 where no key fits, or several do, the key has another algorithm, or the signature is wrong.
    pub fn verify(&self, kid: Option<&str>, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<&str> {
        let key = match kid {
            Some(kid) => self.named(kid)?,
            None => self.only_one_of(algorithm)?,
        };
        if key.verifying.algorithm() != algorithm {
            return Err(error::foreign_algorithm());
        }
        if !key.verifying.verifies(message, signature) {
            return Err(error::bad_signature());
        }
        Ok(&key.thumbprint)
    }

    /// Whether the key with this thumbprint is still one of the set.
    pub fn holds(&self, thumbprint: &str) -> bool {
        self.0.iter().any(|key| key.thumbprint == thumbprint)
    }

    fn named(&self, kid: &str) -> Result<&Key> {
        self.0.iter().find(|key| key.kid.as_deref() == Some(kid)).ok_or_else(error::no_fitting_key)
    }

    fn only_one_of(&self, algorithm: Algorithm) -> Result<&Key> {
        let mut fitting = self.0.iter().filter(|key| key.verifying.algorithm() == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) => Err(error::no_fitting_key()),
            (Some(_), Some(_)) => Err(error::ambiguous_key()),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySet").field(&self.summaries()).finish()
    }
}

impl Key {
    fn summary(&self) -> KeySummary {
        KeySummary { kid: self.kid.clone(), alg: self.verifying.algorithm() }
    }
}

/// RFC 7638: the SHA-256 of what makes a key this key, its members in the order of their names.
fn thumbprint(jwk: &Object) -> String {
    let required = ["crv", "e", "k", "kty", "n", "x", "y"];
    let members: Vec<String> = required
        .iter()
        .filter_map(|name| jwk.get(*name).map(|value| format!("{}:{value}", Value::from(*name))))
        .collect();
    let text = zeroize::Zeroizing::new(format!("{{{}}}", members.join(",")));
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// Whatever kind it is of: a private key that this version cannot use has been given away all the same.
fn is_private(jwk: &Object) -> bool {
    jwk.get("kty").is_none_or(|kty| kty != "oct") && PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member))
}

fn kid(jwk: &Object) -> std::result::Result<Option<&str>, &'static str> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if !kid.is_empty() => Ok(Some(kid)),
        Some(_) => Err("Its kid is no string, or an empty one."),
    }
}

/// A key set as it was given, overwritten when it is dropped.
struct Wiped(Object);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.values_mut().for_each(json::wipe);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::error::SqlState;

    const ED: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const P256: [&str; 2] =
        ["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"];
    const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    fn b64(bytes: &[u8]) -> String {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }

    fn ed() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": ED})
    }

    fn ec() -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": P256[0], "y": P256[1]})
    }

    fn rsa() -> Value {
        json!({"kty": "RSA", "n": b64(&[0xff; 256]), "e": "AQAB"})
    }

    fn oct() -> Value {
        json!({"kty": "oct", "k": SECRET})
    }

    fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
        jwk[member] = value.into();
        jwk
    }

    fn without(mut jwk: Value, member: &str) -> Value {
        jwk.as_object_mut().unwrap().remove(member);
        jwk
    }

    fn parse(keys: &[Value]) -> Result<(KeySet, Vec<SkippedKey>)> {
        KeySet::parse(&json!({"keys": keys}).to_string())
    }

    fn refusal(keys: &[Value]) -> String {
        let refused = parse(keys).expect_err(&json!(keys).to_string());
        assert_eq!(refused.state, SqlState::InvalidParameterValue);
        refused.detail.unwrap().into_owned()
    }

    #[test]
    fn the_key_pins_the_algorithm() {
        for (jwk, want) in [
            (ed(), Algorithm::EdDsa),
            (with(ed(), "alg", "EdDSA"), Algorithm::EdDsa),
            (ec(), Algorithm::Es256),
            (rsa(), Algorithm::Rs256),
            (with(rsa(), "alg", "RS256"), Algorithm::Rs256),
            (with(rsa(), "alg", "PS256"), Algorithm::Ps256),
            (oct(), Algorithm::Hs256),
            (with(ec(), "use", "sig"), Algorithm::Es256),
            (with(ec(), "key_ops", json!(["sign", "verify"])), Algorithm::Es256),
            (with(ec(), "x5c", json!(["MIIB"])), Algorithm::Es256),
        ] {
            let (set, skipped) = parse(&[with(jwk.clone(), "kid", "k")]).unwrap();
            assert_eq!(set.summaries(), [KeySummary { kid: Some("k".to_owned()), alg: want }], "{jwk}");
            assert_eq!(skipped, []);
        }
    }

    #[test]
    fn an_unknown_kind_is_skipped_beside_a_usable_key() {
        for (jwk, reason) in [
            (json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}), "kty"),
            (json!({"kty": "OKP", "crv": "X25519", "x": ED}), "crv"),
            (json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}), "crv"),
            (json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}), "crv"),
            (json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}), "crv"),
            (with(rsa(), "alg", "RS512"), "alg"),
            (with(rsa(), "alg", "RSA-OAEP"), "alg"),
            (with(oct(), "alg", "none"), "alg"),
            (with(ec(), "alg", "es256"), "alg"),
            (with(ec(), "use", "enc"), "verify"),
            (with(oct(), "key_ops", json!(["sign"])), "verify"),
            (with(oct(), "key_ops", json!([])), "verify"),
        ] {
            let named = with(jwk.clone(), "kid", "other");
            let (set, skipped) = parse(&[named.clone(), ed()]).unwrap();
            assert_eq!(set.summaries().len(), 1, "{jwk}");
            assert_eq!(skipped[0].kid.as_deref(), Some("other"));
            assert!(skipped[0].reason.contains(reason), "{jwk}: {}", skipped[0].reason);
            assert!(refusal(&[named]).contains("usable"), "{jwk}");
        }
    }

    #[test]
    fn a_malformed_key_refuses_the_whole_set() {
        let p384 = json!({"kty": "EC", "crv": "P-384", "x": P256[0], "y": P256[1]});
        let point = P256.map(base64_of).concat();
        let mut off_curve = base64_of(P256[1]);
        off_curve[31] ^= 1;
        for jwk in [
            json!("key"),
            json!({}),
            json!({"kty": 1}),
            without(ed(), "crv"),
            without(ed(), "x"),
            with(ed(), "x", format!("{ED}=")),
            with(ed(), "x", ED.replace('_', "/")),
            with(ed(), "x", format!("{ED} ")),
            with(ed(), "x", ED.replacen("URo", "URp", 1)),
            with(ed(), "x", b64(&[1; 31])),
            with(ed(), "x", 1),
            with(ed(), "alg", "ES256"),
            with(ed(), "alg", 1),
            with(ec(), "alg", "ES384"),
            with(ec(), "alg", "HS256"),
            with(rsa(), "alg", "HS256"),
            with(oct(), "alg", "RS256"),
            with(ec(), "y", b64(&off_curve)),
            with(ec(), "y", b64(&[0; 32])),
            with(ec(), "x", b64(&[0xff; 32])),
            with(ec(), "x", b64(&[&[0], base64_of(P256[0]).as_slice()].concat())),
            with(with(ec(), "x", b64(&point[..31])), "y", b64(&point[31..])),
            without(ec(), "y"),
            p384,
            with(rsa(), "n", b64(&[0xff; 255])),
            with(rsa(), "n", b64(&[&[0x7f], [0xff; 255].as_slice()].concat())),
            with(rsa(), "n", b64(&[0xff; 1025])),
            with(rsa(), "n", b64(&[&[0], [0xff; 256].as_slice()].concat())),
            with(rsa(), "n", b64(&[0xfe; 256])),
            with(rsa(), "n", ""),
            with(rsa(), "e", "AQ"),
            with(rsa(), "e", "Aw"),
            with(rsa(), "e", b64(&65_536u32.to_be_bytes())),
            with(rsa(), "e", b64(&[1, 0, 0])),
            with(rsa(), "e", b64(&[1, 0, 2])),
            with(rsa(), "e", b64(&[1, 0, 0, 0, 1])),
            with(rsa(), "e", ""),
            with(oct(), "k", b64(&[7; 31])),
            without(oct(), "k"),
            with(ec(), "use", 1),
            with(ec(), "key_ops", "verify"),
            with(ec(), "key_ops", json!(["verify", 1])),
            with(ec(), "kid", 7),
            with(ec(), "kid", Value::Null),
            with(ec(), "kid", ""),
        ] {
            let detail = refusal(&[ed(), jwk.clone()]);
            assert!(detail.starts_with("Key 2: "), "{jwk}: {detail}");
        }
    }

    fn base64_of(text: &str) -> Vec<u8> {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn weak_points_are_no_keys() {
        let order_eight = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
        let order_eight: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&order_eight[2 * at..2 * at + 2], 16).unwrap()).collect();
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let mut identity = [0; 32];
        identity[0] = 1;
        let torsion = CompressedPoint(order_eight.clone().try_into().unwrap());
        let mixed = torsion.plus_base_point();
        for point in [&[0; 32], &identity, &minus_one, order_eight.as_slice(), &mixed] {
            let detail = refusal(&[with(ed(), "x", b64(point))]);
            assert!(detail.contains("point"), "{point:02x?}: {detail}");
        }
    }

    /// The 19 encodings of a y that is not reduced modulo p = 2^255 - 19, with either sign.
    #[test]
    fn a_point_has_one_encoding() {
        for low in 0xed..=0xff {
            for high in [0x7f, 0xff] {
                let mut encoded = [0xff; 32];
                (encoded[0], encoded[31]) = (low, high);
                let detail = refusal(&[with(ed(), "x", b64(&encoded))]);
                assert!(detail.contains("no point"), "{encoded:02x?}: {detail}");
            }
        }
    }

    struct CompressedPoint([u8; 32]);

    impl CompressedPoint {
        fn plus_base_point(&self) -> [u8; 32] {
            use curve25519_dalek::{constants::ED25519_BASEPOINT_POINT, edwards::CompressedEdwardsY};
            (CompressedEdwardsY(self.0).decompress().unwrap() + ED25519_BASEPOINT_POINT).compress().0
        }
    }

    #[test]
    fn a_pasted_private_key_is_refused() {
        let unusable = json!({"kty": "OKP", "crv": "X25519", "x": ED});
        for jwk in [ed(), ec(), rsa(), with(rsa(), "use", "enc"), unusable] {
            for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", "k"] {
                let detail = refusal(&[with(jwk.clone(), member, "AA"), ed()]);
                assert_eq!(detail, "Key 1: It is a private key.", "{jwk} {member}");
            }
        }
    }

    #[test]
    fn a_kid_stands_once() {
        let unknown = json!({"kty": "new", "kid": "a"});
        for second in [with(ed(), "kid", "a"), with(ec(), "kid", "a"), unknown] {
            assert_eq!(refusal(&[with(ed(), "kid", "a"), second]), "Key 2: Its kid stands in the set already.");
        }
        assert!(parse(&[ed(), ed(), with(ed(), "kid", "a"), with(ed(), "kid", "A")]).is_ok());
    }

    #[test]
    fn what_is_no_set() {
        let huge = format!("{{\"keys\":[{}],\"x\":\"{}\"}}", ed(), "x".repeat(256 * 1024));
        for json in ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#, &huge] {
            assert_eq!(KeySet::parse(json).unwrap_err().state, SqlState::InvalidParameterValue);
        }
        let deep = format!("{{\"keys\":{}", "[".repeat(5_000));
        assert_eq!(KeySet::parse(&deep).unwrap_err().detail.unwrap(), "The key set is nested over 8 deep.");
    }

    #[test]
    fn no_secret_shows() {
        let (set, _) = parse(&[oct(), ed()]).unwrap();
        let shown = format!("{set:?} {set:#?} {:?}", set.0[0].verifying);
        for secret in [SECRET, ED, &format!("{:?}", base64_of(SECRET))[1..40]] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("Hs256"));
    }

    #[test]
    fn without_a_kid_one_key_must_fit() {
        let (set, _) = parse(&[with(oct(), "kid", "a"), with(oct(), "kid", "b"), with(ed(), "kid", "c")]).unwrap();
        for (kid, algorithm, want) in [
            (None, Algorithm::Hs256, error::ambiguous_key()),
            (None, Algorithm::Rs256, error::no_fitting_key()),
            (None, Algorithm::EdDsa, error::bad_signature()),
            (Some("d"), Algorithm::EdDsa, error::no_fitting_key()),
            (Some("C"), Algorithm::EdDsa, error::no_fitting_key()),
            (Some("c"), Algorithm::Hs256, error::foreign_algorithm()),
            (Some("a"), Algorithm::Hs256, error::bad_signature()),
        ] {
            assert_eq!(set.verify(kid, algorithm, b"message", &[0; 64]), Err(want), "{kid:?} {algorithm:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(kty in "OKP|EC|RSA|oct", crv in "Ed25519|P-256|P-384", x in "[A-Za-z0-9_-]{0,70}", y in "[A-Za-z0-9_-]{40,70}") {
            let _ = parse(&[json!({"kty": kty, "crv": crv, "x": x, "y": y})]);
            let _ = parse(&[json!({"kty": kty, "n": x, "e": y})]);
            let _ = parse(&[json!({"kty": kty, "crv": crv, "k": x})]);
        }
    }
}
