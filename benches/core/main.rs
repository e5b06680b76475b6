//! The core without a server: what the parts of a login cost, the plan that `protect` makes, encrypted values, and the
//! audit's entries.

mod audit;
mod keys;
mod value;

use std::{collections::HashMap, error::Error, hint::black_box, time::Duration};

use criterion::{Criterion, Throughput};
use keys::{Keys, NOW};
use serde_json::json;
use sha2::{Digest, Sha256};
use warden_core::{
    identity::{
        Algorithm, KeySet, Token,
        context::{Context, Door, Trust},
    },
    isolation::{self, Above, Column, ColumnType, Kind, Name, Options, Table, Template},
    tenancy::{Labels, TenantId, Tier},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    let keys = Keys::generate()?;
    tokens(&mut criterion, &keys)?;
    key_sets(&mut criterion, &keys);
    contexts(&mut criterion)?;
    plans(&mut criterion)?;
    value::values(&mut criterion)?;
    audit::audit(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// A new token: parsed and verified. A token seen before: its hash, the look-up, and whether it still counts.
fn tokens(criterion: &mut Criterion, keys: &Keys) -> Result<()> {
    let issuer = keys.issuer()?;
    let mut group = criterion.benchmark_group("token");
    for algorithm in Algorithm::ALL {
        let token = keys.token(algorithm)?;
        // Once outside: a bench that measures how fast something fails is none.
        Token::parse(&token).and_then(|token| token.verify(&issuer, NOW)).map_err(|error| error.to_string())?;
        group.bench_function(format!("new/{}", algorithm.name()), |bencher| {
            bencher.iter(|| Token::parse(black_box(&token)).and_then(|token| token.verify(&issuer, NOW)));
        });
    }
    let token = keys.token(Algorithm::EdDsa)?;
    let verified =
        Token::parse(&token).and_then(|token| token.verify(&issuer, NOW)).map_err(|error| error.to_string())?;
    let fingerprint = |token: &str| -> [u8; 32] { Sha256::digest(token.as_bytes()).into() };
    let known = HashMap::from([(fingerprint(&token), verified)]);
    group.bench_function("seen before", |bencher| {
        bencher.iter(|| known.get(&fingerprint(black_box(&token))).and_then(|verified| verified.still_valid(NOW)));
    });
    group.finish();
    Ok(())
}

fn key_sets(criterion: &mut Criterion, keys: &Keys) {
    let mut group = criterion.benchmark_group("jwks");
    for (name, algorithms) in [("one key", &[Algorithm::EdDsa][..]), ("six keys", &Algorithm::ALL[..])] {
        let text = keys.jwks(algorithms).to_string();
        group.bench_function(format!("parse/{name}"), |bencher| bencher.iter(|| KeySet::parse(black_box(&text))));
    }
    group.finish();
}

fn contexts(criterion: &mut Criterion) -> Result<()> {
    let context = Context {
        door: Door::Member,
        tenant: TenantId([7; 16]),
        external_id: Some("41".into()),
        user: "alice".into(),
        tier: Tier::Member,
        labels: Labels::default(),
        session: Some("4f2c".into()),
        trust: Some(Trust {
            registration: TenantId([8; 16]).to_string(),
            key: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".into(),
            issuer: "https://idp.bench.test".into(),
        }),
        expires_at: Some(NOW.saturating_mul(1_000_000)),
        issued_at: NOW,
        claims: Some(
            json!({"iss": "https://idp.bench.test", "sub": "alice", "iat": NOW, "exp": NOW + 300}).to_string(),
        ),
    };
    let text = context.encode(7);
    Context::decode(&text).ok_or("a context is not read back")?;
    let mut group = criterion.benchmark_group("context");
    group.throughput(Throughput::Bytes(text.len().try_into()?));
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&context).encode(7)));
    group.bench_function("decode", |bencher| bencher.iter(|| Context::decode(black_box(&text))));
    group.finish();
    Ok(())
}

fn plans(criterion: &mut Criterion) -> Result<()> {
    let options = Options::from_call(&json!({}), &Labels::default()).map_err(|error| error.to_string())?;
    let template = Template::resolve("tenant", None, &options).map_err(|error| error.to_string())?;
    let column = |name: &str, kind: &str| Column {
        name: name.to_owned(),
        kind: ColumnType { name: kind.to_owned(), is_deterministic: true },
        is_not_null: true,
        default: None,
    };
    let table = Table {
        name: Name::new("app", "record"),
        kind: Kind::Plain,
        is_partition: false,
        columns: vec![column("tenant_id", "uuid"), column("id", "bigint"), column("body", "text")],
        indexes: Vec::new(),
        has_row_security: false,
        has_forced_row_security: false,
        taken: Vec::new(),
        proven_not_null: Vec::new(),
        policies: Vec::new(),
        triggers: Vec::new(),
    };
    isolation::protect(&table, &template, "tenant_id", Above::Nothing).map_err(|error| error.to_string())?;
    criterion.bench_function("isolation/plan of protect", |bencher| {
        bencher.iter(|| isolation::protect(black_box(&table), &template, "tenant_id", Above::Nothing));
    });
    Ok(())
}
