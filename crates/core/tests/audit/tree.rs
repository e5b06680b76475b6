//! Trees and proofs against certificate-transparency's reference tree, and against the naive one.

use proptest::prelude::*;
use serde_json::Value;
use warden_core::audit::{Consistency, Frontier, Hash, Inclusion, Node, Nodes, Omitted, leaf_hash, root};

use crate::fixture::{hash, hex, vector_file};
use crate::oracle::{self, Stored};

fn reference() -> (Value, Vec<Hash>) {
    let reference: Value = serde_json::from_str(&vector_file("ct/merkle.json")).unwrap();
    let leaves = reference["leaves"].as_array().unwrap().iter().map(|leaf| leaf_hash(&hex(leaf))).collect();
    (reference, leaves)
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

fn size(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

#[test]
fn the_reference_tree() {
    let (reference, leaves) = reference();
    let roots = hashes(&reference["roots"]);
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), hash(&reference["empty_root"]));
    for (leaf, expected) in leaves.iter().zip(&roots) {
        frontier.append(*leaf, |_, _| ()).unwrap();
        assert_eq!(frontier.root(), *expected);
        assert_eq!(root(&Stored(leaves.clone()), frontier.size()), Ok(*expected));
    }
    assert_eq!(frontier.size(), 8);
}

#[test]
fn the_reference_inclusion_proofs() {
    let (reference, leaves) = reference();
    let roots = hashes(&reference["roots"]);
    let vectors = reference["inclusion"].as_array().unwrap();
    for vector in vectors {
        let (leaf_index, tree_size) = (size(&vector["leaf_index"]), size(&vector["tree_size"]));
        let made = Inclusion::load(&Stored(leaves.clone()), leaf_index, tree_size).unwrap().unwrap();
        assert_eq!(made.hashes, hashes(&vector["hashes"]));
        assert_eq!(made.leaf_hash, leaves[index(leaf_index)]);
        assert_eq!(made.root(), Some(roots[index(tree_size) - 1]));
    }
    assert_eq!(vectors.len(), 5);
}

#[test]
fn the_reference_consistency_proofs() {
    let (reference, leaves) = reference();
    let roots = hashes(&reference["roots"]);
    let vectors = reference["consistency"].as_array().unwrap();
    for vector in vectors {
        let (old_size, new_size) = (size(&vector["old_size"]), size(&vector["new_size"]));
        let made = Consistency::load(&Stored(leaves.clone()), old_size, new_size).unwrap().unwrap();
        assert_eq!(made.hashes, hashes(&vector["hashes"]));
        assert!(made.verifies(&roots[index(old_size) - 1], &roots[index(new_size) - 1]));
    }
    assert_eq!(vectors.len(), 4);
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|at| oracle::leaf(&at.to_be_bytes())).collect()
}

#[test]
fn every_small_tree_is_the_naive_one() {
    let all = leaves(40);
    for count in 0..=all.len() {
        let (stored, tree_size) = (Stored(all[..count].to_vec()), u64::try_from(count).unwrap());
        let expected = oracle::root(&stored.0);
        assert_eq!(root(&stored, tree_size), Ok(expected));
        assert_eq!(Frontier::load(&stored, tree_size).unwrap().root(), expected);
        assert_eq!(Inclusion::load(&stored, tree_size, tree_size), Ok(None));
        for leaf in 0..count {
            let proof = Inclusion::load(&stored, u64::try_from(leaf).unwrap(), tree_size).unwrap().unwrap();
            assert_eq!(proof.hashes, oracle::path(leaf, &stored.0), "{leaf} of {count}");
            assert_eq!(proof.leaf_hash, stored.0[leaf]);
            assert_eq!(proof.root(), Some(expected), "{leaf} of {count}");
            assert_eq!(Inclusion::parse(&proof.to_json()), Ok(proof));
        }
        for old in 0..=count {
            let proof = Consistency::load(&stored, u64::try_from(old).unwrap(), tree_size).unwrap().unwrap();
            assert_eq!(proof.hashes, if old == 0 { vec![] } else { oracle::proof(old, &stored.0) }, "{old} of {count}");
            assert!(proof.verifies(&oracle::root(&stored.0[..old]), &expected), "{old} of {count}");
            assert_eq!(Consistency::parse(&proof.to_json()), Ok(proof));
        }
        assert_eq!(Consistency::load(&stored, tree_size + 1, tree_size), Ok(None));
    }
}

#[test]
fn a_growing_tree_shows_every_node_once() {
    let all = leaves(70);
    let (mut frontier, mut seen) = (Frontier::new(), Vec::new());
    for leaf in &all {
        frontier.append(*leaf, |node, hash| seen.push((node, hash))).unwrap();
        let again = Frontier::from_hashes(frontier.size(), frontier.hashes().to_vec()).unwrap();
        assert_eq!(again, frontier);
    }
    let mut expected: Vec<Node> =
        (0..7u8).flat_map(|level| (0..70 >> level).map(move |index| Node { level, index })).collect();
    let stored = Stored(all);
    seen.iter().for_each(|(node, hash)| assert_eq!(stored.hashes(&[*node]), Ok(vec![*hash]), "{node:?}"));
    let mut nodes: Vec<Node> = seen.into_iter().map(|(node, _)| node).collect();
    nodes.sort();
    expected.sort();
    assert_eq!(nodes, expected);
}

#[test]
fn a_source_that_fails_is_heard() {
    let stored = Stored(leaves(3));
    assert!(root(&stored, 4).is_err());
    assert!(Inclusion::load(&stored, 1, 5).is_err());
    assert!(Consistency::load(&stored, 3, 5).is_err());
    assert!(Omitted::load(&stored, 2, 5).is_err());
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = hash.0;
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_larger_tree_is_the_naive_one(count in 41usize..600, at in any::<prop::sample::Index>()) {
        let stored = Stored(leaves(count));
        let (leaf, tree_size) = (at.index(count), u64::try_from(count).unwrap());
        let expected = oracle::root(&stored.0);
        let proof = Inclusion::load(&stored, u64::try_from(leaf).unwrap(), tree_size).unwrap().unwrap();
        prop_assert_eq!(&proof.hashes, &oracle::path(leaf, &stored.0));
        prop_assert_eq!(proof.root(), Some(expected));
        let proof = Consistency::load(&stored, u64::try_from(leaf).unwrap(), tree_size).unwrap().unwrap();
        prop_assert!(proof.verifies(&oracle::root(&stored.0[..leaf]), &expected));
    }

    #[test]
    fn every_flipped_bit_of_an_inclusion_proof_shows(count in 1usize..70, at in any::<prop::sample::Index>()) {
        let stored = Stored(leaves(count));
        let expected = oracle::root(&stored.0);
        let proof = Inclusion::load(&stored, u64::try_from(at.index(count)).unwrap(), u64::try_from(count).unwrap());
        let proof = proof.unwrap().unwrap();
        for bit in 0..256 {
            let leaf_hash = flipped(&proof.leaf_hash, bit);
            prop_assert_ne!(Inclusion { leaf_hash, ..proof.clone() }.root(), Some(expected));
            for hash in 0..proof.hashes.len() {
                let mut forged = proof.clone();
                forged.hashes[hash] = flipped(&forged.hashes[hash], bit);
                prop_assert_ne!(forged.root(), Some(expected));
            }
        }
        for bit in 0..64 {
            let leaf_index = proof.leaf_index ^ (1 << bit);
            prop_assert_ne!(Inclusion { leaf_index, ..proof.clone() }.root(), Some(expected));
        }
        let hashes = [proof.hashes.clone(), vec![expected]].concat();
        prop_assert_ne!(Inclusion { hashes, ..proof.clone() }.root(), Some(expected));
        if let Some((_, rest)) = proof.hashes.split_last() {
            prop_assert_ne!(Inclusion { hashes: rest.to_vec(), ..proof.clone() }.root(), Some(expected));
        }
    }

    #[test]
    fn every_flipped_bit_of_a_consistency_proof_shows(count in 1usize..70, at in any::<prop::sample::Index>()) {
        let stored = Stored(leaves(count));
        let old_size = at.index(count) + 1;
        let (old, new) = (oracle::root(&stored.0[..old_size]), oracle::root(&stored.0));
        let proof = Consistency::load(&stored, u64::try_from(old_size).unwrap(), u64::try_from(count).unwrap());
        let proof = proof.unwrap().unwrap();
        for bit in 0..256 {
            for hash in 0..proof.hashes.len() {
                let mut forged = proof.clone();
                forged.hashes[hash] = flipped(&forged.hashes[hash], bit);
                prop_assert!(!forged.verifies(&old, &new));
            }
            if old_size < count {
                prop_assert!(!proof.verifies(&flipped(&old, bit), &new));
                prop_assert!(!proof.verifies(&old, &flipped(&new, bit)));
            }
        }
        let hashes = [proof.hashes.clone(), vec![new]].concat();
        let forged = Consistency { hashes, ..proof.clone() };
        prop_assert!(!forged.verifies(&old, &new));
        if let Some((_, rest)) = proof.hashes.split_last() {
            let forged = Consistency { hashes: rest.to_vec(), ..proof.clone() };
            prop_assert!(!forged.verifies(&old, &new));
        }
    }

    #[test]
    fn proofs_in_json_have_one_form(text in ".{0,40}") {
        prop_assert!(Inclusion::parse(&text).is_err());
        prop_assert!(Consistency::parse(&text).is_err());
    }
}

#[test]
fn proofs_of_nothing_are_refused() {
    let none = Hash::default();
    for (leaf_index, tree_size) in [(0, 0), (1, 1), (u64::MAX, 1)] {
        assert_eq!(Inclusion { leaf_index, tree_size, leaf_hash: none, hashes: vec![] }.root(), None);
    }
    let empty = oracle::root(&[]);
    let proof = |old_size, new_size, hashes: &[Hash]| Consistency { old_size, new_size, hashes: hashes.to_vec() };
    assert!(proof(0, 0, &[]).verifies(&empty, &empty));
    assert!(proof(0, 5, &[]).verifies(&empty, &none));
    assert!(!proof(0, 0, &[]).verifies(&none, &none), "an empty tree has one root");
    assert!(!proof(0, 0, &[]).verifies(&empty, &none));
    assert!(!proof(0, 5, &[none]).verifies(&empty, &none));
    assert!(!proof(5, 0, &[]).verifies(&none, &empty));
    assert!(!proof(5, 3, &[none]).verifies(&none, &none));
    assert!(!proof(3, 5, &[]).verifies(&none, &none));
    assert!(proof(5, 5, &[]).verifies(&none, &none));
    assert!(!proof(5, 5, &[]).verifies(&none, &empty));
}
