//! What a login costs before anything is cached: `cargo test --release … cost -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use warden_core::identity::{Algorithm, Token};

use crate::signer::{NOW, claims, decode, issuer, token};

const BATCHES: u32 = 20;
const ROUNDS: u32 = 200;

/// Per call, in the fastest of several batches: what the machine can do when nobody disturbs it.
fn cost(call: impl Fn()) -> Duration {
    let batch = |_| {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| call());
        start.elapsed() / ROUNDS
    };
    (0..BATCHES).map(batch).min().unwrap()
}

#[test]
#[ignore = "a measurement, meaningful in release alone"]
fn parsing_and_verifying() {
    for algorithm in Algorithm::ALL {
        let (issuer, text) = (issuer(), token(algorithm, &claims()));
        let (input, signature) = text.rsplit_once('.').unwrap();
        let (input, signature) = (input.as_bytes(), decode(signature));
        let whole = cost(|| drop(Token::parse(&text).and_then(|token| token.verify(&issuer, NOW)).unwrap()));
        let signature = cost(|| issuer.keys.verify(None, algorithm, input, &signature).unwrap());
        println!("{:>6}: {whole:?}, of which the signature {signature:?}", algorithm.name());
    }
}
