//! What the claims of a well-signed token must be.

use serde_json::{Value, json};
use warden_core::error::Result;
use warden_core::identity::{Algorithm, Issuer, IssuerOptions, RoleFrom, Token, Verified, error, json::Fault};

use crate::signer::{AUDIENCE, ISSUER, NOW, claims, issuer, jws, token};

fn with(claim: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[claim] = value.into();
    claims
}

fn without(claim: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(claim);
    claims
}

fn login(claims: &Value) -> Result<Verified> {
    login_at(claims, &issuer(), NOW)
}

fn login_at(claims: &Value, issuer: &Issuer, now: i64) -> Result<Verified> {
    Token::parse(&token(Algorithm::Hs256, claims))?.verify(issuer, now)
}

fn with_options(json: &str) -> Issuer {
    Issuer { options: IssuerOptions::parse(json, |_| None).unwrap(), ..issuer() }
}

#[test]
fn everything_is_handed_on() {
    let claims = json!({
        "iss": ISSUER, "aud": ["billing", AUDIENCE], "sub": "alice", "jti": "1", "sid": "s-1", "role": "admin",
        "tenant_id": "acme", "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 290
    });
    let verified = login(&claims).unwrap();
    assert_eq!(verified.issuer, ISSUER);
    assert_eq!(verified.tenant.as_deref(), Some("acme"));
    assert_eq!(verified.user.as_str(), "alice");
    assert_eq!(verified.role, None, "members");
    assert_eq!(verified.session.as_deref(), Some("s-1"));
    assert_eq!((verified.issued_at, verified.exp), (NOW - 10, NOW + 290));
    assert_eq!((verified.expires_at, verified.not_after, verified.not_before), (NOW + 290, NOW + 320, NOW - 40));
    assert_eq!(verified.claims, claims.to_string());
    assert!(!format!("{verified:?}").contains("jti"));
}

#[test]
fn registered_claims_are_there_and_of_their_type() {
    for claim in ["aud", "exp", "iat", "iss"] {
        assert_eq!(login(&without(claim)).unwrap_err(), error::missing_claim(claim), "{claim}");
    }
    for claim in ["iss", "sub", "jti", "aud", "exp", "nbf", "iat"] {
        for value in [Value::Null, json!(true), json!({}), json!([1]), json!([null])] {
            assert_eq!(
                login(&with(claim, value.clone())).unwrap_err(),
                error::mistyped_claim(claim),
                "{claim} {value}"
            );
        }
    }
    for claim in ["iss", "sub", "jti", "aud"] {
        assert_eq!(login(&with(claim, 7)).unwrap_err(), error::mistyped_claim(claim));
    }
    for claim in ["exp", "nbf", "iat"] {
        for value in [json!("1700000000"), json!(-1), json!(-0.5), json!(1e300), json!(i64::MAX), json!(u64::MAX)] {
            assert_eq!(
                login(&with(claim, value.clone())).unwrap_err(),
                error::mistyped_claim(claim),
                "{claim} {value}"
            );
        }
    }
    let unlooked = Issuer { audience: None, ..issuer() };
    assert_eq!(login_at(&with("aud", 7), &unlooked, NOW).unwrap_err(), error::mistyped_claim("aud"));
}

#[test]
fn the_audience_is_one_of_the_tokens() {
    for (aud, want) in [
        (json!("orders"), true),
        (json!(["orders"]), true),
        (json!(["billing", "orders"]), true),
        (json!("Orders"), false),
        (json!("orders "), false),
        (json!(""), false),
        (json!([]), false),
        (json!(["billing"]), false),
    ] {
        assert_eq!(login(&with("aud", aud.clone())).is_ok(), want, "{aud}");
        let unlooked = Issuer { audience: None, ..issuer() };
        assert!(login_at(&with("aud", aud), &unlooked, NOW).is_ok());
        assert!(login_at(&without("aud"), &unlooked, NOW).is_ok());
    }
    assert_eq!(login(&with("aud", "billing")).unwrap_err(), error::wrong_audience());
    let other = Issuer { name: "https://other.example".to_owned(), ..issuer() };
    assert_eq!(login_at(&claims(), &other, NOW).unwrap_err(), error::other_issuer());
}

/// Times relative to [`NOW`]; max_ttl 900, leeway 30.
#[test]
fn times() {
    let far_off = json!(253_402_300_799i64);
    for (iat, exp, nbf, want) in [
        (json!(NOW), json!(NOW + 900), None, None),
        (json!(NOW), json!(NOW + 901), None, Some(error::lives_too_long())),
        (json!(NOW), far_off.clone(), None, Some(error::lives_too_long())),
        (json!(0), json!(NOW + 1), None, Some(error::lives_too_long())),
        (json!(NOW + 30), json!(NOW + 100), None, None),
        (json!(NOW + 31), json!(NOW + 100), None, Some(error::issued_in_the_future())),
        (json!(NOW as f64 + 30.5), json!(NOW + 100), None, Some(error::issued_in_the_future())),
        (json!(NOW), json!(NOW + 100), Some(json!(NOW + 30)), None),
        (json!(NOW), json!(NOW + 100), Some(json!(NOW + 31)), Some(error::not_yet_valid())),
        (json!(NOW), json!(NOW + 100), Some(json!(NOW as f64 + 30.25)), Some(error::not_yet_valid())),
        (json!(NOW), json!(NOW + 100), Some(far_off), Some(error::not_yet_valid())),
        (json!(NOW), json!(NOW + 100), Some(json!(0)), None),
        (json!(NOW), json!(NOW), None, Some(error::expires_before_issue())),
        (json!(NOW), json!(NOW - 1), None, Some(error::expires_before_issue())),
        (json!(NOW - 100), json!(NOW - 29), None, None),
        (json!(NOW - 100), json!(NOW - 30), None, Some(error::expired_token())),
        (json!(NOW - 100), json!(NOW as f64 - 29.5), None, Some(error::expired_token())),
        (json!(NOW as f64 + 0.5), json!(NOW as f64 + 900.5), None, None),
        (json!(NOW), json!(NOW as f64 + 900.5), None, Some(error::lives_too_long())),
        (json!(1.7e9), json!(1_700_000_100.0), None, None),
    ] {
        let mut claims = claims();
        (claims["iat"], claims["exp"]) = (iat, exp);
        if let Some(nbf) = nbf {
            claims["nbf"] = nbf;
        }
        assert_eq!(login(&claims).err(), want, "{claims}");
    }
}

/// A revocation in the second of issue must count.
#[test]
fn fractions_count_against_the_token() {
    let mut claims = claims();
    (claims["iat"], claims["exp"]) = ((NOW as f64 - 9.5).into(), (NOW as f64 + 290.5).into());
    let verified = login(&claims).unwrap();
    assert_eq!((verified.issued_at, verified.exp, verified.not_before), (NOW - 10, NOW + 290, NOW - 39));
}

#[test]
fn a_clock_at_the_end_of_time_is_no_overflow() {
    for now in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        assert!(login_at(&claims(), &issuer(), now).is_err(), "{now}");
    }
    let options = IssuerOptions { max_ttl: i64::MAX, leeway: 300, ..IssuerOptions::default() };
    assert!(login_at(&with("exp", 253_402_300_799i64), &Issuer { options, ..issuer() }, NOW).is_ok());
}

/// Issued at NOW - 10, expires at NOW + 290, leeway 30.
#[test]
fn a_remembered_verdict_ends_as_a_new_one_would() {
    let verified = login(&claims()).unwrap();
    for (now, want) in [
        (NOW - 41, None),
        (NOW - 40, Some(NOW + 290)),
        (NOW, Some(NOW + 290)),
        (NOW + 289, Some(NOW + 290)),
        (NOW + 290, Some(NOW + 320)),
        (NOW + 319, Some(NOW + 320)),
        (NOW + 320, None),
        (i64::MAX, None),
        (i64::MIN, None),
    ] {
        assert_eq!(verified.still_valid(now), want, "{}", now - NOW);
        let afresh = login_at(&claims(), &issuer(), now).ok().map(|verified| verified.expires_at);
        assert_eq!(afresh, want, "{}", now - NOW);
    }
}

#[test]
fn tenants() {
    for (value, want) in [
        (json!("acme"), Some(Some("acme"))),
        (json!(42), Some(Some("42"))),
        (json!(-7), Some(Some("-7"))),
        (json!(u64::MAX), Some(Some("18446744073709551615"))),
        (Value::Null, Some(None)),
        (json!("x".repeat(256)), None),
        (json!(""), None),
        (json!(1.5), None),
        (json!(1.0), None),
        (json!(true), None),
        (json!(["acme"]), None),
        (json!({"id": "acme"}), None),
    ] {
        let tenant = login(&with("tenant_id", value.clone())).map(|verified| verified.tenant);
        match want {
            Some(want) => assert_eq!(tenant.unwrap().as_deref(), want, "{value}"),
            None => assert_eq!(tenant.unwrap_err(), error::unfit_tenant_claim(), "{value}"),
        }
    }
    assert_eq!(login(&without("tenant_id")).unwrap().tenant, None);
    let payload = claims().to_string().replace("\"acme\"", "18446744073709551616");
    let huge = Token::parse(&jws(Algorithm::Hs256, r#"{"alg":"HS256"}"#, &payload)).unwrap();
    assert_eq!(huge.verify(&issuer(), NOW).unwrap_err(), error::unfit_tenant_claim());
}

#[test]
fn users_roles_and_sessions() {
    let (by_claim, by_pointer) = (r#"{"role_from":"claim"}"#, r#"{"tenant_claim":"/org/id","user_claim":"/org/u/0"}"#);
    for (options, claims, want) in [
        ("{}", without("sub"), Err(error::unfit_user_claim())),
        ("{}", with("sub", ""), Err(error::unfit_user_claim())),
        ("{}", with("sub", "x".repeat(256)), Err(error::unfit_user_claim())),
        ("{}", with("sub", "service:billing"), Err(error::unfit_user_claim())),
        ("{}", with("sub", "operator:dba"), Err(error::unfit_user_claim())),
        (r#"{"user_claim":"uid"}"#, with("uid", 7), Err(error::unfit_user_claim())),
        (r#"{"user_claim":"email"}"#, with("email", "a@b"), Ok(("acme", "a@b", None, None))),
        ("{}", with("role", 7), Ok(("acme", "alice", None, None))),
        (by_claim, claims(), Err(error::unfit_role_claim())),
        (by_claim, with("role", Value::Null), Err(error::unfit_role_claim())),
        (by_claim, with("role", ""), Err(error::unfit_role_claim())),
        (by_claim, with("role", json!(["admin"])), Err(error::unfit_role_claim())),
        (by_claim, with("role", "Admin "), Ok(("acme", "alice", Some("Admin "), None))),
        ("{}", with("sid", "s"), Ok(("acme", "alice", None, Some("s")))),
        ("{}", with("sid", ""), Err(error::unfit_session_claim())),
        ("{}", with("sid", Value::Null), Err(error::unfit_session_claim())),
        ("{}", with("sid", 7), Err(error::unfit_session_claim())),
        ("{}", with("sid", "x".repeat(256)), Err(error::unfit_session_claim())),
        (by_pointer, with("org", json!({"id": 4, "u": ["bob"]})), Ok(("4", "bob", None, None))),
        (by_pointer, with("/org/id", "other"), Err(error::unfit_user_claim())),
    ] {
        let seen = login_at(&claims, &with_options(options), NOW);
        let seen = seen.map(|v| (v.tenant.unwrap_or_default(), v.user.as_str().to_owned(), v.role, v.session));
        let text = |text: &str| text.to_owned();
        let want: Result<_> =
            want.map(|(tenant, user, role, session)| (text(tenant), text(user), role.map(text), session.map(text)));
        assert_eq!(seen, want, "{options} {claims}");
    }
    assert_eq!(with_options(by_claim).options.role_from, RoleFrom::Claim);
}

#[test]
fn a_claim_stands_once() {
    for (twice, fault) in [
        (r#""sub":"mallory","#, Fault::DuplicateMember),
        (r#""tenant\u005fid":"other","#, Fault::DuplicateMember),
        (r#""e\u0078p":99999999999,"#, Fault::DuplicateMember),
        (r#""x":{"a":1,"a":2},"#, Fault::DuplicateMember),
        (r#""x\u0000":1,"#, Fault::Nul),
        (r#""x":"\u0000","#, Fault::Nul),
        (r#""x":"\ud800","#, Fault::Grammar),
    ] {
        let payload = claims().to_string().replacen('{', &format!("{{{twice}"), 1);
        let refused = Token::parse(&jws(Algorithm::Hs256, r#"{"alg":"HS256"}"#, &payload)).unwrap_err();
        assert_eq!(refused, error::malformed_token_payload(fault), "{twice}");
    }
}
