//! What a login costs before anything is cached: `cargo test --release … cost -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use warden_core::identity::{Algorithm, Token};

use crate::signer::{NOW, claims, issuer, token};

const ROUNDS: u32 = 2_000;

fn cost(algorithm: Algorithm) -> Duration {
    let (issuer, text) = (issuer(), token(algorithm, &claims()));
    let start = Instant::now();
    for _ in 0..ROUNDS {
        Token::parse(&text).and_then(|token| token.verify(&issuer, NOW)).unwrap();
    }
    start.elapsed() / ROUNDS
}

#[test]
#[ignore = "a measurement, meaningful in release alone"]
fn parsing_and_verifying() {
    for algorithm in Algorithm::ALL {
        println!("{:>6}: {:?}", algorithm.name(), cost(algorithm));
    }
}
