//! What holds for every token.

use proptest::prelude::*;
use serde_json::Value;
use warden_core::error::SqlState;
use warden_core::identity::{Algorithm, IssuerOptions, KeySet, Token};

use crate::signer::{NOW, b64, claims, issuer, jws, token};

#[test]
fn no_single_bit_can_be_flipped() {
    let issuer = issuer();
    for algorithm in Algorithm::ALL {
        let good = token(algorithm, &claims());
        assert!(Token::parse(&good).unwrap().verify(&issuer, NOW).is_ok(), "{algorithm:?}");
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(text) = String::from_utf8(flipped) else { continue };
            let verified = Token::parse(&text).and_then(|token| token.verify(&issuer, NOW));
            assert!(verified.is_err(), "{algorithm:?}: bit {bit} of {text}");
        }
    }
}

#[test]
fn no_part_can_be_exchanged() {
    let issuer = issuer();
    let mut other = claims();
    other["sub"] = "bob".into();
    for algorithm in Algorithm::ALL {
        let tokens = [claims(), other.clone()].map(|claims| token(algorithm, &claims));
        let [mine, theirs] = tokens.each_ref().map(|text| text.rsplit_once('.').unwrap());
        let exchanged = format!("{}.{}", mine.0, theirs.1);
        assert!(Token::parse(&exchanged).unwrap().verify(&issuer, NOW).is_err(), "{algorithm:?}");
    }
}

/// The texts of the claims' members, such as `"sub":"alice"`.
fn members() -> Vec<String> {
    claims().as_object().unwrap().iter().map(|(name, value)| format!("\"{name}\":{value}")).collect()
}

fn hs256(payload: &str) -> String {
    jws(Algorithm::Hs256, r#"{"alg":"HS256"}"#, payload)
}

proptest! {
    #[test]
    fn any_text_is_refused(text in ".{0,200}") {
        prop_assert!(Token::parse(&text).is_err());
    }

    #[test]
    fn a_refusal_is_28000_and_repeats_nothing(header in "[ -~]{0,60}", payload in "\\PC{0,120}", signature in any::<[u8; 8]>()) {
        let text = format!("{}.{}.{}", b64(header), b64(payload), b64(signature));
        let refused = Token::parse(&text).and_then(|token| token.verify(&issuer(), NOW)).unwrap_err();
        prop_assert_eq!(refused.state, SqlState::InvalidAuthorization);
        prop_assert_eq!(&*refused.message, "invalid token");
    }

    #[test]
    fn any_signed_payload_is_judged_without_panic(payload in "\\PC{0,200}") {
        if let Ok(token) = Token::parse(&hs256(&payload)) {
            let _ = token.verify(&issuer(), NOW);
        }
    }

    #[test]
    fn any_times_are_judged_without_panic(iat in any::<f64>(), exp in any::<i64>(), nbf in any::<u64>(), now in any::<i64>()) {
        let mut claims = claims();
        (claims["iat"], claims["exp"], claims["nbf"]) = (iat.into(), exp.into(), nbf.into());
        if let Ok(token) = Token::parse(&hs256(&claims.to_string())) {
            let _ = token.verify(&issuer(), now);
        }
    }

    #[test]
    fn what_is_accepted_is_within_its_times(iat in -1000i64..1000, ttl in -10i64..1000, nbf in -1000i64..1000, now in -1000i64..1000) {
        let mut claims = claims();
        (claims["iat"], claims["exp"], claims["nbf"]) = ((NOW + iat).into(), (NOW + iat + ttl).into(), (NOW + nbf).into());
        let valid = (1..=900).contains(&ttl) && now < iat + ttl + 30 && iat <= now + 30 && nbf <= now + 30;
        let verified = Token::parse(&hs256(&claims.to_string())).unwrap().verify(&issuer(), NOW + now);
        prop_assert_eq!(verified.is_ok(), valid);
        if let Ok(verified) = verified {
            prop_assert!(verified.expires_at > NOW + now);
            prop_assert_eq!(verified.still_valid(NOW + now), Some(verified.expires_at));
        }
    }

    #[test]
    fn the_order_of_claims_means_nothing(members in Just(members()).prop_shuffle()) {
        let payload = format!("{{{}}}", members.join(","));
        let verified = Token::parse(&hs256(&payload)).unwrap().verify(&issuer(), NOW).unwrap();
        prop_assert_eq!(verified.user.as_str(), "alice");
        prop_assert_eq!(verified.tenant.as_deref(), Some("acme"));
        prop_assert_eq!(verified.claims, payload);
    }

    #[test]
    fn no_claim_stands_twice(members in Just(members()).prop_shuffle(), again in any::<prop::sample::Index>(), escaped in any::<bool>()) {
        let mut again = again.get(&members).clone();
        if escaped {
            let first = u32::from(again.chars().nth(1).unwrap());
            again.replace_range(1..2, &format!("\\u{first:04x}"));
        }
        let payload = format!("{{{},{again}}}", members.join(","));
        prop_assert!(Token::parse(&hs256(&payload)).is_err());
    }

    #[test]
    fn any_key_set_and_any_options_are_parsed_without_panic(text in "\\PC{0,200}", value in "[\\[\\]{}\",:a-z0-9]{0,60}") {
        for json in [text, format!("{{\"keys\":[{value}]}}"), format!("{{\"max_ttl\":{value}}}")] {
            let _ = KeySet::parse(&json);
            let _ = IssuerOptions::parse(&json, |text| text.parse().ok());
            let _: Result<Value, _> = serde_json::from_str(&json);
        }
    }
}
