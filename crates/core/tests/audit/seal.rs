//! Blocks and the heads that they commit to: every bit counts, and a path tells nothing of the others.

use warden_core::audit::{Block, Body, HEADS_DEPTH, Hash, Head, HeadPath, Heads, Timestamp};
use warden_core::tenancy::TenantId;

use crate::fixture::flips;

fn heads(count: u16) -> Vec<Head> {
    let tenant = |at: u16| {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&at.to_be_bytes());
        TenantId(id)
    };
    (0..count).map(|at| Head { tenant: Some(tenant(at)), size: u64::from(at) + 1, root: Hash([7; 32]) }).collect()
}

#[test]
fn every_flipped_bit_of_a_block_shows() {
    let body = Body { blind: [5; 32], entries: 3, snapshot: "745:750:746,748" };
    let heads = Heads::new(&body.blind, &heads(3)).unwrap();
    let block = Block {
        number: 7,
        incarnation: 2,
        sealed_at: Timestamp(1_785_059_472_123_456),
        previous: Hash([1; 32]),
        heads: heads.root(),
        body: body.hash(),
    };
    for (bit, flipped) in flips(&block.bytes()) {
        if let Ok(read) = Block::parse(&flipped) {
            assert_eq!(read.bytes()[..], flipped, "bit {bit}");
            assert_ne!(read.hash(), block.hash(), "bit {bit}");
        }
    }
    for (bit, flipped) in flips(&body.bytes()) {
        if let Ok(read) = Body::parse(&flipped) {
            assert_eq!(read.bytes(), flipped, "bit {bit}");
            assert_ne!(read.hash(), block.body, "bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_path_shows() {
    let heads = heads(5);
    let tree = Heads::new(&[5; 32], &heads).unwrap();
    let path = tree.path(heads[3].tenant).unwrap();
    for bit in 0..32 {
        let forged = HeadPath { place: path.place ^ (1 << bit), ..path.clone() };
        assert_ne!(forged.root(&heads[3]), Some(tree.root()), "bit {bit}");
    }
    for at in 0..HEADS_DEPTH {
        for bit in [0, 255] {
            let mut forged = path.clone();
            forged.hashes[at].0[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(forged.root(&heads[3]), Some(tree.root()), "bit {bit} of {at}");
        }
    }
}

#[test]
fn neither_place_nor_length_tells_how_many_there_are() {
    let mut places = Vec::new();
    for count in [1, 2, 200] {
        let heads = heads(count);
        for blind in 0..16 {
            let path = Heads::new(&[blind; 32], &heads).unwrap().path(heads[0].tenant).unwrap();
            assert_eq!(path.hashes.len(), HEADS_DEPTH);
            places.push(path.place);
        }
    }
    // Spread over all places, whatever their number: each quarter of them is hit.
    for count in places.chunks(16) {
        let quarters: std::collections::BTreeSet<u32> = count.iter().map(|place| place >> 30).collect();
        assert_eq!(quarters.len(), 4, "{count:?}");
    }
}
