//! Who somebody is: issuers, tokens, sessions, brokers.

use std::time::Duration;

use postgres::Client;
use serde_json::{Value, json};
use warden_lab::{Error, Member, Result, TestIssuer, TokenBuilder, Uuid, refused};
use warden_tests::{BAD_ARGUMENT, DENIED, NO_CONTEXT, Pair, REFUSED, all_refused, lab, value};

fn login(client: &mut Client, token: &str) -> Result<Uuid> {
    let mut tx = client.transaction()?;
    let tenant = tx.query_one("SELECT warden.login($1)", &[&token])?.get(0);
    tx.commit()?;
    Ok(tenant)
}

#[test]
fn forged_tokens_are_refused_one_by_one() -> Result<()> {
    type Spoil = for<'a> fn(TokenBuilder<'a>) -> TokenBuilder<'a>;
    let pair = Pair::unprotected()?;
    let mut client = pair.app()?;
    let good = || pair.lab.token_for(&pair.our("mia"));
    assert_eq!(login(&mut client, &good().sign())?, pair.ours);
    assert_eq!(login(&mut client, &good().without_header("kid").sign())?, pair.ours);
    assert_eq!(login(&mut client, &good().claim("aud", json!(["other", "warden-lab"])).sign())?, pair.ours);

    let spoiled: [(&str, Spoil); 24] = [
        ("no exp", |token| token.without("exp")),
        ("no iat", |token| token.without("iat")),
        ("no iss", |token| token.without("iss")),
        ("no aud", |token| token.without("aud")),
        ("no user", |token| token.without("sub")),
        ("no tenant", |token| token.without("tenant_id")),
        ("another audience", |token| token.claim("aud", "somebody else")),
        ("an audience of numbers", |token| token.claim("aud", json!([1, 2]))),
        ("an unknown issuer", |token| token.claim("iss", "https://idp.elsewhere.test")),
        ("an unknown tenant", |token| token.claim("tenant_id", "no-such-tenant")),
        ("exp as text", |token| token.claim("exp", "9999999999")),
        ("iat as text", |token| token.claim("iat", "1")),
        ("sub as a number", |token| token.claim("sub", 7)),
        ("nbf in the future", |token| token.claim("nbf", 9_999_999_999_u64)),
        ("issued in the future", |token| token.claim("iat", 9_999_999_000_u64).claim("exp", 9_999_999_100_u64)),
        ("expired", |token| token.issued_ago(Duration::from_secs(600))),
        ("longer than max_ttl", |token| token.ttl(Duration::from_secs(3600))),
        ("alg none", |token| token.header("alg", "none")),
        ("another alg", |token| token.header("alg", "HS256")),
        ("no alg", |token| token.without_header("alg")),
        ("an unknown kid", |token| token.header("kid", "lab-2")),
        ("crit", |token| token.header("crit", json!(["exp"]))),
        ("an embedded key", |token| token.header("jwk", json!({"kty": "OKP"}))),
        ("a key's address", |token| token.header("jku", "https://idp.elsewhere.test/jwks")),
    ];
    let mut wrong = Vec::new();
    for (what, spoil) in spoiled {
        if let Err(error) = refused(login(&mut client, &spoil(good()).sign()), NO_CONTEXT) {
            wrong.push(format!("{what}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn malformed_tokens_are_refused_and_the_server_goes_on() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut client = pair.app()?;
    let good = pair.lab.token(&pair.our("mia"));
    let (signed, signature) = good.rsplit_once('.').ok_or_else(|| Error::unexpected("no signature"))?;
    let issuer = &pair.lab.issuer;
    let header = r#"{"alg":"EdDSA","kid":"lab-1"}"#;
    let claims = |extra: &str| {
        format!(
            r#"{{"iss":"{}","aud":"warden-lab","sub":"mia","iat":1,"exp":9999999999,"tenant_id":"{}"{extra}}}"#,
            issuer.issuer, pair.ours
        )
    };
    let deep = format!(r#","deep":{}1{}"#, "[".repeat(40), "]".repeat(40));
    let long = format!(r#","long":"{}""#, "x".repeat(17 * 1024));
    let malformed = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "not a token".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{signed}.{signature}x"),
        format!("{good}.more"),
        format!(" {good}"),
        format!("{signed}.{}", "A".repeat(signature.len())),
        issuer.sign(header, "not json"),
        issuer.sign(header, "[]"),
        issuer.sign("not json", &claims("")),
        issuer.sign(header, &claims(r#","sub":"olga""#)),
        issuer.sign(r#"{"alg":"EdDSA","alg":"none","kid":"lab-1"}"#, &claims("")),
        issuer.sign(header, &claims(&deep)),
        issuer.sign(header, &claims(&long)),
    ];
    for token in &malformed {
        refused(login(&mut client, token), NO_CONTEXT)?;
    }
    refused(client.query("SELECT warden.login(NULL)", &[]), &["22004", "22023", "25P01", "28000"])?;
    assert_eq!(login(&mut client, &good)?, pair.ours);
    Ok(())
}

#[test]
fn injection_a_key_that_is_not_the_issuers() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut client = pair.app()?;
    let impostor = TestIssuer::new(&pair.lab.issuer.issuer, [9; 32]);
    refused(login(&mut client, &impostor.token(pair.ours, "mia").sign()), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn the_tenant_is_named_by_id_external_id_or_slug() -> Result<()> {
    let lab = lab()?;
    let (slug, external_id) = (lab.unique("named"), lab.unique("ext"));
    let tenant = lab.tenant_with_external_id(&slug, Some(&external_id), &[("mia", "owner")])?;
    let mut client = lab.connect("app")?;
    for name in [tenant.to_string(), external_id, slug] {
        assert_eq!(login(&mut client, &lab.issuer.token(&name, "mia").sign())?, tenant, "{name}");
    }
    Ok(())
}

#[test]
fn login_picks_a_tenant_only_where_the_token_names_none() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut client = pair.app()?;
    let mut pick = |token: String, tenant: Uuid| -> Result<Uuid> {
        let mut tx = client.transaction()?;
        Ok(tx.query_one("SELECT warden.login($1, $2)", &[&token, &tenant])?.get(0))
    };
    let named = || pair.lab.token_for(&pair.our("mia"));
    assert_eq!(pick(named().without("tenant_id").sign(), pair.ours)?, pair.ours);
    assert_eq!(pick(named().sign(), pair.ours)?, pair.ours);
    refused(pick(named().sign(), pair.theirs), REFUSED)?;
    refused(pick(named().without("tenant_id").sign(), pair.theirs), REFUSED)?;
    Ok(())
}

#[test]
fn only_members_log_in_and_the_members_role_counts() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut client = pair.app()?;
    for stranger in ["otto", "Mia", "mia ", "nobody"] {
        refused(login(&mut client, &pair.lab.token(&pair.our(stranger))), NO_CONTEXT)?;
    }
    let claims_more = pair.lab.token_for(&pair.our("vic")).claim("role", "owner").sign();
    let mut tx = client.transaction()?;
    tx.query_one("SELECT warden.login($1)", &[&claims_more])?;
    assert_eq!(value::<String>(&mut tx, "SELECT warden.role()")?, "viewer");
    Ok(())
}

#[test]
fn a_role_from_the_claim_where_the_issuer_names_it() -> Result<()> {
    let pair = Pair::unprotected()?;
    let issuer = TestIssuer::new(&format!("https://{}.test", pair.lab.unique("claim")), [11; 32]);
    pair.lab.trust(&issuer, json!({"role_from": "claim"}))?;
    let mut client = pair.app()?;
    let mut tx = client.transaction()?;
    tx.query_one("SELECT warden.login($1)", &[&issuer.token(pair.ours, "guest").claim("role", "admin").sign()])?;
    assert_eq!(value::<String>(&mut tx, "SELECT warden.role()")?, "admin");
    tx.rollback()?;
    refused(login(&mut client, &issuer.token(pair.ours, "guest").sign()), NO_CONTEXT)?;
    refused(login(&mut client, &issuer.token(pair.ours, "guest").claim("role", "king").sign()), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn an_issuer_of_one_tenant_opens_that_tenant_alone() -> Result<()> {
    let pair = Pair::unprotected()?;
    let issuer = TestIssuer::new(&format!("https://{}.test", pair.lab.unique("single")), [12; 32]);
    pair.lab.trust(&issuer, json!({"tenant": pair.ours.to_string()}))?;
    let mut client = pair.app()?;
    assert_eq!(login(&mut client, &issuer.token(pair.ours, "mia").without("tenant_id").sign())?, pair.ours);
    refused(login(&mut client, &issuer.token(pair.theirs, "otto").sign()), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn issuers_refuse_bad_arguments() -> Result<()> {
    let lab = lab()?;
    let mut officer = lab.connect("officer")?;
    let key = lab.issuer.jwks()["keys"][0].clone();
    let jwks = |keys: Value| json!({ "keys": keys });
    let mut short = key.clone();
    short["x"] = json!("AAAA");
    let cases = [
        ("no keys", jwks(json!([])), json!({})),
        ("no JWKS", json!({}), json!({})),
        ("a list", json!([]), json!({})),
        ("a malformed key", jwks(json!([short])), json!({})),
        ("one kid twice", jwks(json!([key, key])), json!({})),
        ("an unknown option", jwks(json!([key])), json!({"max_tll": "1 hour"})),
        ("a max_ttl that is none", jwks(json!([key])), json!({"max_ttl": "soon"})),
        ("an unknown role_from", jwks(json!([key])), json!({"role_from": "thin air"})),
        ("an unknown tenant", jwks(json!([key])), json!({"tenant": Uuid::nil().to_string()})),
    ];
    let mut wrong = Vec::new();
    for (what, jwks, options) in cases {
        let name = format!("https://{}.test", lab.unique("bad"));
        let added = officer.execute("SELECT warden.add_issuer($1, $2, 'warden-lab', $3)", &[&name, &jwks, &options]);
        if let Err(error) = refused(added, BAD_ARGUMENT) {
            wrong.push(format!("{what}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let again =
        officer.execute("SELECT warden.add_issuer($1, $2, 'warden-lab')", &[&lab.issuer.issuer, &lab.issuer.jwks()]);
    refused(again, &["22023", "23505", "42710"])?;
    refused(officer.execute("SELECT warden.remove_issuer('https://unknown.test')", &[]), BAD_ARGUMENT)?;
    refused(
        officer.execute("SELECT warden.set_issuer_keys('https://unknown.test', $1)", &[&lab.issuer.jwks()]),
        BAD_ARGUMENT,
    )?;
    let by_others = "SELECT warden.add_issuer('https://mine.test', '{\"keys\": []}', 'a')";
    for role in ["app", "app_broker", "dba", "auditor", "nobody"] {
        refused(lab.connect(role)?.batch_execute(by_others), DENIED)?;
    }
    Ok(())
}

#[test]
fn new_keys_count_at_once_and_old_ones_no_more() -> Result<()> {
    let pair = Pair::unprotected()?;
    let name = format!("https://{}.test", pair.lab.unique("rotating"));
    let (old, new) = (TestIssuer::new(&name, [13; 32]), TestIssuer::new(&name, [14; 32]));
    pair.lab.trust(&old, json!({}))?;
    let mut warm = pair.app()?;
    let token = old.token(pair.ours, "mia").sign();
    login(&mut warm, &token)?;
    pair.officer()?.execute("SELECT warden.set_issuer_keys($1, $2)", &[&name, &new.jwks()])?;
    refused(login(&mut warm, &token), NO_CONTEXT)?;
    login(&mut warm, &new.token(pair.ours, "mia").sign())?;
    pair.officer()?.execute("SELECT warden.remove_issuer($1)", &[&name])?;
    refused(login(&mut warm, &new.token(pair.ours, "mia").sign()), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn revocation_ends_what_was_issued_before_it() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut warm = pair.app()?;
    let earlier = |user: &str| pair.lab.token_for(&pair.our(user)).issued_ago(Duration::from_secs(10)).sign();
    let (mia, vic) = (earlier("mia"), earlier("vic"));
    login(&mut warm, &mia)?;
    login(&mut warm, &vic)?;
    pair.officer()?.execute("SELECT warden.revoke_user($1, 'mia')", &[&pair.ours])?;
    refused(login(&mut warm, &mia), NO_CONTEXT)?;
    login(&mut warm, &vic)?;
    pair.officer()?.execute("SELECT warden.revoke_tenant($1)", &[&pair.ours])?;
    refused(login(&mut warm, &vic), NO_CONTEXT)?;
    login(&mut warm, &pair.lab.token(&pair.their("max")))?;
    std::thread::sleep(Duration::from_millis(2100));
    login(&mut warm, &pair.lab.token(&pair.our("mia")))?;
    Ok(())
}

#[test]
fn revoked_sid_refuses_its_tokens() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut client = pair.app()?;
    let sid = pair.lab.unique("sid");
    let token = pair.lab.token_for(&pair.our("mia")).claim("sid", sid.as_str()).sign();
    let mut tx = client.transaction()?;
    tx.query_one("SELECT warden.login($1)", &[&token])?;
    assert_eq!(value::<String>(&mut tx, "SELECT warden.session_id()")?, sid);
    tx.commit()?;
    pair.officer()?.execute("SELECT warden.revoke_session($1)", &[&sid])?;
    refused(login(&mut client, &token), NO_CONTEXT)?;
    login(&mut client, &pair.lab.token_for(&pair.our("mia")).claim("sid", pair.lab.unique("sid")).sign())?;
    Ok(())
}

#[test]
fn sessions_are_opened_resumed_and_revoked() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut client = pair.app()?;
    let jwt = pair.lab.token(&pair.our("mia"));
    let session: String = client.query_one("SELECT warden.open_session($1)", &[&jwt])?.get(0);
    assert_ne!(session, jwt);
    let resume = |client: &mut Client, session: &str| -> Result<(Uuid, String)> {
        let mut tx = client.transaction()?;
        let tenant = tx.query_one("SELECT warden.resume($1)", &[&session])?.get(0);
        Ok((tenant, value(&mut tx, "SELECT warden.session_id()")?))
    };
    let (tenant, id) = resume(&mut client, &session)?;
    assert_eq!(tenant, pair.ours);
    refused(resume(&mut client, &format!("{session}x")), NO_CONTEXT)?;
    refused(resume(&mut client, &id), NO_CONTEXT)?;
    refused(resume(&mut client, &jwt), NO_CONTEXT)?;
    pair.officer()?.execute("SELECT warden.revoke_session($1)", &[&id])?;
    refused(resume(&mut client, &session), NO_CONTEXT)?;
    Ok(())
}

#[test]
fn brokers_name_the_user_and_may_only_lower_the_role() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut broker = pair.lab.connect("app_broker")?;
    let mut assume = |member: &Member, role: Option<&str>| -> Result<String> {
        let mut tx = broker.transaction()?;
        tx.query_one("SELECT warden.assume($1, $2, $3)", &[&member.tenant, &member.user, &role])?;
        value(&mut tx, "SELECT warden.role()")
    };
    assert_eq!(assume(&pair.our("adam"), None)?, "admin");
    assert_eq!(assume(&pair.our("adam"), Some("viewer"))?, "viewer");
    refused(assume(&pair.our("vic"), Some("admin")), REFUSED)?;
    refused(assume(&pair.our("vic"), Some("king")), BAD_ARGUMENT)?;
    refused(assume(&pair.our("otto"), None), NO_CONTEXT)?;
    let by_others = format!("BEGIN; SELECT warden.assume('{}', 'olga')", pair.ours);
    for role in ["app", "dba", "auditor", "nobody"] {
        refused(pair.lab.connect(role)?.batch_execute(&by_others), DENIED)?;
    }
    Ok(())
}

#[test]
fn roles_and_permissions_that_do_not_exist_are_never_a_silent_yes() -> Result<()> {
    let pair = Pair::unprotected()?;
    let mut client = pair.app()?;
    let mut tx = pair.begin(&mut client, &pair.our("olga"))?;
    let unknown = "SELECT warden.has_role(NULL) IS NOT FALSE OR warden.has_permission(NULL) IS NOT FALSE";
    assert!(!value::<bool>(&mut tx, unknown)?);
    let required = [
        "SELECT warden.require_role(NULL)",
        "SELECT warden.require_role('king')",
        "SELECT warden.require_permission(NULL)",
    ];
    all_refused(required, &["22004", "22023", "42501"], |sql| warden_tests::attempt(&mut tx, sql))
}
