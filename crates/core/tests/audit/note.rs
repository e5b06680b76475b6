//! Signed notes and checkpoints: golang.org/x/mod's published note, and every bit of one of ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use warden_core::audit::{
    BlockRef, Checkpoint, Hash, KeyName, Log, Note, Origin, SigningKey, VerifierKey, verifier_keys,
};
use warden_core::tenancy::TenantId;

use crate::fixture::{ACME, flips, signing_key, vector_file};

struct Published {
    keys: Vec<VerifierKey>,
    note: Value,
}

impl Published {
    fn read() -> Self {
        let note: Value = serde_json::from_str(&vector_file("sumdb/note.json")).unwrap();
        let keys =
            note["keys"].as_array().unwrap().iter().map(|key| VerifierKey::parse(key.as_str().unwrap()).unwrap());
        Self { keys: keys.collect(), note }
    }

    fn text(&self, name: &str) -> &str {
        self.note[name].as_str().unwrap()
    }

    fn signature(&self, at: usize) -> &str {
        self.note["signatures"][at].as_str().unwrap()
    }
}

#[test]
fn the_published_note() {
    let published = Published::read();
    let (peter, enoch) = (published.signature(0), published.signature(1));
    let text = published.text("text");
    let whole = format!("{text}\n{peter}{enoch}");
    let note = Note::parse(&whole).unwrap();
    assert_eq!(note.text, text);
    assert_eq!(note.signers(&published.keys).unwrap(), [Some(&published.keys[0]), Some(&published.keys[1])]);
    assert_eq!(note.signers(&published.keys[1..]).unwrap(), [None, Some(&published.keys[1])]);
    assert_eq!(note.signers(&[]).unwrap(), [None, None]);

    // The private key of the same publication signs the same bytes.
    let encoded = published.text("signing_key").splitn(5, '+').last().unwrap();
    let seed: [u8; 33] = STANDARD.decode(encoded).unwrap().try_into().unwrap();
    let key = SigningKey::new(KeyName::parse("PeterNeumann").unwrap(), &seed[1..].try_into().unwrap());
    assert_eq!(key.verifier().to_string(), published.note["keys"][0]);
    assert_eq!(key.sign(text), format!("{text}\n{peter}"));
}

#[test]
fn published_notes_and_keys_that_are_none() {
    let published = Published::read();
    for note in published.note["bad_notes"].as_array().unwrap() {
        assert!(Note::parse(note.as_str().unwrap()).is_err(), "{note}");
    }
    for key in published.note["bad_keys"].as_array().unwrap() {
        assert!(VerifierKey::parse(key.as_str().unwrap()).is_err(), "{key}");
    }
    let key = published.note["keys"][0].as_str().unwrap();
    for from in 0..key.len() {
        for to in from..=key.len() {
            let part = &key[from..to];
            assert_eq!(VerifierKey::parse(part).is_ok(), part == key, "{part}");
        }
    }
    for (bit, flipped) in flips(key.as_bytes()) {
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        assert!(VerifierKey::parse(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn keys_that_verify_too_much_are_refused() {
    // Points of small order: a signature by one fits many messages.
    for point in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let id = Hash::of(&[b"k\n\x01", &point]).0;
        let id = format!("{:02x}{:02x}{:02x}{:02x}", id[0], id[1], id[2], id[3]);
        let key = format!("k+{id}+{}", STANDARD.encode([&[1][..], &point].concat()));
        assert!(VerifierKey::parse(&key).is_err(), "{key}");
    }
}

#[test]
fn a_file_of_keys() {
    let key = signing_key().verifier();
    let file = format!("# the log's key\n\n{key}\r\n  {key}\n");
    assert_eq!(verifier_keys(&file).unwrap(), [key.clone(), key]);
    for file in ["", "# none\n", "nonsense\n"] {
        assert!(verifier_keys(file).is_err(), "{file}");
    }
}

#[test]
fn names_of_keys() {
    for good in ["pg_warden-7531904481", "example.com/prod", "é"] {
        assert_eq!(KeyName::parse(good).unwrap().as_str(), good);
    }
    for bad in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{7}"] {
        assert!(KeyName::parse(bad).is_err(), "{bad:?}");
    }
}

fn checkpoint() -> Checkpoint {
    let installation = signing_key().verifier().name().clone();
    Checkpoint {
        origin: Origin { installation, log: Log::Tenant(ACME) },
        size: 12,
        root: Hash([3; 32]),
        block: Some(BlockRef { number: 7, hash: Hash([4; 32]) }),
    }
}

#[test]
fn a_checkpoint_is_read_as_it_is_written() {
    let tenants = checkpoint();
    let with =
        |log, size, root, block| Checkpoint { origin: Origin { log, ..tenants.origin.clone() }, size, root, block };
    let empty = Hash::of(&[]);
    for checkpoint in [
        tenants.clone(),
        with(Log::Platform, 1, Hash([1; 32]), tenants.block),
        with(Log::Blocks, 7, Hash([1; 32]), None),
        with(Log::Tenant(ACME), 0, empty, None),
    ] {
        let signed = checkpoint.sign(&signing_key());
        let note = Note::parse(&signed).unwrap();
        assert_eq!(Checkpoint::parse(note.text), Ok(checkpoint.clone()));
        assert_eq!(note.signers(&[signing_key().verifier()]).unwrap(), [Some(&signing_key().verifier())]);
        let unsigned = checkpoint.unsigned();
        let note = Note::parse(&unsigned).unwrap();
        assert_eq!((Checkpoint::parse(note.text), note.signatures.len()), (Ok(checkpoint), 0));
    }
    assert_eq!(
        tenants.text(),
        "warden.test/acme/acacacac-acac-acac-acac-acacacacacac\n12\n\
         AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\nblock 7 BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=\n"
    );
}

#[test]
fn what_is_no_checkpoint() {
    let root = Hash([3; 32]).to_string();
    let tenant = TenantId([1; 16]);
    for text in [
        String::new(),
        "\n".to_owned(),
        format!("a/{tenant}\n1\n{root}"),
        format!("a/{tenant}\n1\n{root}\n"),
        format!("a/{tenant}\n01\n{root}\nblock 1 {root}\n"),
        format!("a/{tenant}\n+1\n{root}\nblock 1 {root}\n"),
        format!("a/{tenant}\n9223372036854775808\n{root}\nblock 1 {root}\n"),
        format!("a/{tenant}\n1\n{}\nblock 1 {root}\n", &root[1..]),
        format!("a/{tenant}\n1\n{root}\nblock 1 {root}\nmore\n"),
        format!("a/{tenant}\n1\n{root}\nblock 1  {root}\n"),
        format!("a/{tenant}\n1\n{root}\nBlock 1 {root}\n"),
        format!("a/{tenant}\n0\n{root}\n"),
        format!("{tenant}\n1\n{root}\nblock 1 {root}\n"),
        format!("/{tenant}\n1\n{root}\nblock 1 {root}\n"),
        format!("a/{}\n1\n{root}\nblock 1 {root}\n", tenant.to_string().replace('1', "A")),
        format!("a/other\n1\n{root}\nblock 1 {root}\n"),
        format!("a/blocks\n1\n{root}\nblock 1 {root}\n"),
    ] {
        assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn every_flipped_bit_of_a_signed_checkpoint_shows() {
    let signed = checkpoint().sign(&signing_key());
    let keys = [signing_key().verifier()];
    for (bit, flipped) in flips(signed.as_bytes()) {
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        let Ok(note) = Note::parse(&flipped) else { continue };
        let believed = note.signers(&keys).is_ok_and(|signers| signers.iter().any(Option::is_some));
        assert!(!believed, "bit {bit}");
    }
}
