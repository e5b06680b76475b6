//! What a token's form and header may be, and which key they lead to.

use serde_json::{Value, json};
use warden_core::error::{Result, SqlState};
use warden_core::identity::{Algorithm, Issuer, KeySet, Token, Verified, error, json::Fault};

use crate::signer::{NOW, b64, claims, decode, issuer, jwk, jws, key_set, sign, token};

fn login(text: &str) -> Result<Verified> {
    login_at(text, &issuer())
}

fn login_at(text: &str, issuer: &Issuer) -> Result<Verified> {
    Token::parse(text)?.verify(issuer, NOW)
}

fn with_keys(keys: &[Value]) -> Issuer {
    Issuer { keys: KeySet::parse(&json!({"keys": keys}).to_string()).unwrap().0, ..issuer() }
}

#[test]
fn each_algorithm_opens() {
    for algorithm in Algorithm::ALL {
        let verified = login(&token(algorithm, &claims())).unwrap();
        assert_eq!(verified.user.as_str(), "alice", "{algorithm:?}");
        assert_eq!(verified.tenant.as_deref(), Some("acme"));
        let without_kid = jws(algorithm, &json!({"alg": algorithm.name()}).to_string(), &claims().to_string());
        assert!(login(&without_kid).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn a_key_verifies_its_own_algorithm_alone() {
    for signed in Algorithm::ALL {
        for named in Algorithm::ALL {
            for kid in Algorithm::ALL {
                let header = json!({"alg": named.name(), "kid": kid.name()});
                let opened = login(&jws(signed, &header.to_string(), &claims().to_string())).is_ok();
                assert_eq!(opened, signed == named && named == kid, "{signed:?} {named:?} {kid:?}");
            }
        }
    }
}

/// CVE-2015-9235: the public key, which everybody knows, used as the secret of an HMAC.
#[test]
fn hmac_with_the_public_key() {
    use hmac::Mac;
    for asymmetric in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let public = jwk(asymmetric);
        let bytes = ["n", "x"].iter().find_map(|member| public[*member].as_str()).unwrap();
        for secret in [public.to_string().into_bytes(), bytes.as_bytes().to_vec(), decode(bytes)] {
            for kid in [json!({}), json!({"kid": asymmetric.name()})] {
                let mut header = kid;
                header["alg"] = "HS256".into();
                let input = format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
                let mac =
                    hmac::Hmac::<sha2_010::Sha256>::new_from_slice(&secret).unwrap().chain_update(&input).finalize();
                let forged = format!("{input}.{}", b64(mac.into_bytes()));
                assert!(login_at(&forged, &with_keys(std::slice::from_ref(&public))).is_err(), "{header}");
                assert!(login(&forged).is_err(), "{header}");
            }
        }
    }
}

#[test]
fn what_a_header_may_not_say() {
    let sound = |text: &str| jws(Algorithm::EdDsa, text, &claims().to_string());
    for (header, want) in [
        (r#"{"alg":"none"}"#, error::unsupported_algorithm()),
        (r#"{"alg":"None"}"#, error::unsupported_algorithm()),
        (r#"{"alg":"eddsa"}"#, error::unsupported_algorithm()),
        (r#"{"alg":"RS512"}"#, error::unsupported_algorithm()),
        (r#"{"alg":""}"#, error::unsupported_algorithm()),
        (r#"{"alg":null}"#, error::unsupported_algorithm()),
        (r#"{"alg":["EdDSA"]}"#, error::unsupported_algorithm()),
        (r#"{"kid":"EdDSA"}"#, error::unsupported_algorithm()),
        (r#"{}"#, error::unsupported_algorithm()),
        (r#"{"alg":"EdDSA","crit":["exp"]}"#, error::forbidden_header_parameter()),
        (r#"{"alg":"EdDSA","crit":[]}"#, error::forbidden_header_parameter()),
        (r#"{"alg":"EdDSA","b64":true}"#, error::forbidden_header_parameter()),
        (r#"{"alg":"EdDSA","jwk":{}}"#, error::forbidden_header_parameter()),
        (r#"{"alg":"EdDSA","jku":null}"#, error::forbidden_header_parameter()),
        (r#"{"alg":"EdDSA","x5c":[]}"#, error::forbidden_header_parameter()),
        (r#"{"alg":"EdDSA","x5\u0075":""}"#, error::forbidden_header_parameter()),
        (r#"{"alg":"EdDSA","kid":""}"#, error::malformed_key_id()),
        (r#"{"alg":"EdDSA","kid":1}"#, error::malformed_key_id()),
        (r#"{"alg":"EdDSA","kid":null}"#, error::malformed_key_id()),
        (r#"{"alg":"EdDSA","typ":1}"#, error::malformed_token_type()),
        (r#"{"alg":"EdDSA","typ":null}"#, error::malformed_token_type()),
        (r#"{"alg":"EdDSA","alg":"EdDSA"}"#, error::malformed_token_header(Fault::DuplicateMember)),
        (r#"{"alg":"EdDSA"} "x""#, error::malformed_token_header(Fault::Grammar)),
        (r#"["EdDSA"]"#, error::malformed_token_header(Fault::NotAnObject)),
        ("", error::malformed_token_header(Fault::Grammar)),
        (r#"{"alg":"EdDSA","kid":"other"}"#, error::no_fitting_key()),
        (r#"{"alg":"EdDSA","kid":"eddsa"}"#, error::no_fitting_key()),
        (r#"{"alg":"EdDSA","kid":"ES256"}"#, error::foreign_algorithm()),
    ] {
        assert_eq!(login(&sound(header)).unwrap_err(), want, "{header}");
    }
    for header in [r#"{"alg":"EdDSA","typ":"at+jwt","x5t":"AA","new":[1]}"#, "\n{\"alg\" : \"EdDSA\"}\t"] {
        assert!(login(&sound(header)).is_ok(), "{header}");
    }
}

#[test]
fn what_is_no_compact_jws() {
    let good = token(Algorithm::EdDsa, &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{good}") };
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}..{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("Bearer {good}"),
        format!("{good}="),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}.{payload}.{signature}AA\0"),
        format!("{header}.{}.{signature}", payload.replacen('e', "é", 1)),
        format!("{header}.{}.{signature}", b64(b"{\"iss\":\"\xff\"}")),
        json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
    ] {
        let refused = Token::parse(&text).expect_err(&text);
        assert_eq!((refused.state, &*refused.message), (SqlState::InvalidAuthorization, "invalid token"), "{text}");
    }
    for signature in ["", "AA", &b64([0; 64]), &b64([0xff; 64]), &b64([0; 65]), &b64([0; 63])] {
        assert_eq!(login(&format!("{header}.{payload}.{signature}")).unwrap_err(), error::bad_signature());
    }
    assert_eq!(login(&format!("{good}A")).unwrap_err(), error::bad_signature());
}

/// 4 of the last character's 6 bits are not part of a 64-byte signature; none of them may be set.
#[test]
fn one_text_for_each_token() {
    let good = token(Algorithm::EdDsa, &claims());
    let (stem, last) = good.split_at(good.len() - 1);
    let accepted: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|last| login(&format!("{stem}{last}")).is_ok())
        .collect();
    assert_eq!(accepted, last.chars().collect::<Vec<_>>());
}

#[test]
fn a_der_signature_is_refused() {
    let key = p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    let public = json!({"kty": "EC", "crv": "P-256", "x": b64(point.x().unwrap()), "y": b64(point.y().unwrap())});
    let input = format!("{}.{}", b64(r#"{"alg":"ES256"}"#), b64(claims().to_string()));
    let signature: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(&key, input.as_bytes());
    let issuer = with_keys(&[public]);
    assert!(login_at(&format!("{input}.{}", b64(signature.to_bytes())), &issuer).is_ok());
    assert_eq!(login_at(&format!("{input}.{}", b64(signature.to_der())), &issuer).unwrap_err(), error::bad_signature());
}

#[test]
fn size_and_depth_are_bounded() {
    let padded = |bytes: usize| {
        let mut claims = claims();
        claims["pad"] = "x".repeat(bytes).into();
        token(Algorithm::Hs256, &claims)
    };
    assert!(padded(11_000).len() < 16_384 && login(&padded(11_000)).is_ok());
    assert_eq!(login(&padded(12_300)).unwrap_err(), error::oversized_token());
    assert_eq!(Token::parse(&"a".repeat(100_000_000)).unwrap_err(), error::oversized_token());
    for (depth, want) in [(7, None), (8, Some(Fault::TooDeep)), (2_500, Some(Fault::TooDeep))] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let payload = claims().to_string().replacen('{', &format!("{{\"deep\":{text},"), 1);
        let refused = login(&jws(Algorithm::Hs256, r#"{"alg":"HS256"}"#, &payload)).err();
        assert_eq!(refused, want.map(error::malformed_token_payload), "{depth}");
    }
}

#[test]
fn without_a_kid_the_key_must_be_clear() {
    let nameless = jws(Algorithm::Hs256, r#"{"alg":"HS256"}"#, &claims().to_string());
    let mut second = jwk(Algorithm::Hs256);
    second["kid"] = "second".into();
    assert_eq!(
        login_at(&nameless, &with_keys(&[jwk(Algorithm::Hs256), second.clone()])).unwrap_err(),
        error::ambiguous_key()
    );
    assert!(login_at(&nameless, &with_keys(&[second, jwk(Algorithm::EdDsa)])).is_ok());
    assert_eq!(
        login_at(&nameless, &Issuer { keys: key_set(&[Algorithm::EdDsa]), ..issuer() }).unwrap_err(),
        error::no_fitting_key()
    );
}

#[test]
fn claims_are_not_judged_before_the_signature() {
    let mut expired = claims();
    expired["exp"] = 1.into();
    expired["sub"] = Value::Null;
    let input = format!("{}.{}", b64(r#"{"alg":"EdDSA"}"#), b64(expired.to_string()));
    let forged = format!("{input}.{}", b64(sign(Algorithm::EdDsa, b"something else")));
    assert_eq!(login(&forged).unwrap_err(), error::bad_signature());
}

#[test]
fn the_issuer_is_known_before_the_signature_is() {
    let token = Token::parse(&token(Algorithm::EdDsa, &claims())).unwrap();
    assert_eq!(token.issuer(), crate::signer::ISSUER);
    let shown = format!("{token:?}");
    assert!(!shown.contains("acme") && !shown.contains("eyJ"), "{shown}");
    for payload in [r#"{}"#, r#"{"iss":null}"#, r#"{"iss":["a"]}"#, r#"{"iss":"a","iss":"b"}"#] {
        assert!(Token::parse(&jws(Algorithm::EdDsa, r#"{"alg":"EdDSA"}"#, payload)).is_err(), "{payload}");
    }
}
