//! What a witness accepts of a log: that it stays and that it grows.

use warden_core::audit::{BlockRef, Checkpoint, Consistency, Hash, Seen, witness};

use crate::fixture::Sample;

fn proof(old: u8, new: u8) -> Consistency {
    let log = Sample::of(new);
    Consistency::load(&log.stored(), old.into(), log.size()).unwrap().unwrap()
}

#[test]
fn a_log_stays_or_grows() {
    for (old, new) in [(0, 0), (0, 5), (1, 2), (4, 8), (5, 9), (9, 9)] {
        let (last, now) = (Sample::of(old).checkpoint(), Sample::of(new).checkpoint());
        assert_eq!(witness(None, &now, None), Ok(Seen::First));
        let expected = if old == new { Seen::Same } else { Seen::Grown(old.into()) };
        assert_eq!(witness(Some(&last), &now, Some(&proof(old, new))), Ok(expected), "{old} to {new}");
    }
}

#[test]
fn anything_else_is_refused() {
    let (last, now) = (Sample::of(5).checkpoint(), Sample::of(9).checkpoint());
    let fork = |checkpoint: &Checkpoint| Checkpoint { root: Hash([9; 32]), ..checkpoint.clone() };
    let resealed = Checkpoint { block: Some(BlockRef { number: 8, hash: Hash([9; 32]) }), ..last.clone() };
    let good = proof(5, 9);
    for (last, now, proof, said) in [
        (&last, &Sample::log(None, 9).checkpoint(), Some(&good), "was seen before"),
        (&now, &last, Some(&good), "rolled back"),
        (&last, &fork(&last), None, "forked"),
        (&last, &resealed, None, "forked"),
        (&last, &fork(&now), Some(&good), "forked"),
        (&fork(&last), &now, Some(&good), "forked"),
        (&last, &now, None, "no proof"),
        (&last, &now, Some(&proof(4, 9)), "is needed"),
        (&last, &now, Some(&Consistency { hashes: vec![], ..good.clone() }), "forked"),
    ] {
        let refused = witness(Some(last), now, proof).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}
