//! Our own vectors, made by another implementation (`tests/vectors/audit.py`): version 1 of every format.

use std::num::NonZeroU32;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use warden_core::audit::{
    Block, Body, Check, Checkpoint, Column, Entries, Entry, EntryId, Frontier, Hash, Head, HeadPath, Header, Heads,
    KeyName, Note, Omitted, Operation, Origin, Payload, Payloads, Row, Salt, Shown, SigningKey, Stored, Timestamp,
    Transaction, Writer, decode, encode, leaf_hash, redact,
};
use warden_core::tenancy::TenantId;

use crate::fixture::{array, hash, hex};
use crate::oracle;

static VECTORS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&read("tests/vectors/audit.json")).unwrap());

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn vectors(of: &str) -> &'static [Value] {
    assert_eq!(VECTORS["version"], 1);
    VECTORS[of].as_array().unwrap()
}

fn tenant(value: &Value) -> Option<TenantId> {
    (!value.is_null()).then(|| TenantId(array(value)))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn small(value: &Value) -> u32 {
    number(value).try_into().unwrap()
}

fn transaction(vector: &Value) -> Transaction<'_> {
    Transaction {
        incarnation: small(&vector["incarnation"]),
        xid: number(&vector["xid"]),
        database_user: vector["database_user"].as_str(),
        session_user: vector["session_user"].as_str(),
        user_id: vector["user_id"].as_str(),
        role: vector["role"].as_str(),
        session_id: vector["session_id"].as_str(),
        access_request: vector["access_request"].as_str(),
        application_name: vector["application_name"].as_str(),
        client_addr: vector["client_addr"].as_str(),
    }
}

fn entry(vector: &Value) -> Entry<'_> {
    Entry {
        number: number(&vector["number"]),
        tenant: tenant(&vector["tenant"]),
        relation: vector["relation"].as_str(),
        operation: Operation::from_number(number(&vector["operation"]).try_into().unwrap()).unwrap(),
        kind: vector["kind"].as_str(),
        at: Timestamp(vector["at"].as_i64().unwrap()),
        schema_version: vector["schema_version"]
            .as_u64()
            .and_then(|version| NonZeroU32::new(version.try_into().unwrap())),
        detail: vector["detail"].as_str(),
        commitment: (!vector["commitment"].is_null()).then(|| hash(&vector["commitment"])),
    }
}

fn row(vector: &Value) -> Option<Row<'_>> {
    vector.as_array().map(|columns| columns.iter().map(column).collect())
}

fn column(column: &Value) -> Column<'_> {
    let name = column[0].as_str().unwrap();
    match &column[1] {
        Value::Null => Column::null(name),
        Value::String(text) => Column::text(name, text),
        redacted => Column::redacted(name, hash(&redacted["redacted"])),
    }
}

fn payload(vector: &Value) -> (Salt, Payload<'_>) {
    let payload = Payload {
        key: row(&vector["key"]),
        old: row(&vector["old"]),
        new: row(&vector["new"]),
        detail: vector["detail"].as_str().map(Into::into),
    };
    (Salt(array(&vector["salt"])), payload)
}

fn signing_key() -> SigningKey {
    let key = &VECTORS["key"];
    SigningKey::new(KeyName::parse(key["name"].as_str().unwrap()).unwrap(), &array(&key["seed"]))
}

#[test]
fn entries() {
    for vector in vectors("entries") {
        let name = &vector["name"];
        let (transaction, entry) = (transaction(&vector["transaction"]), entry(&vector["entry"]));
        let bytes = hex(&vector["leaf_input"]);
        assert_eq!(encode(&transaction, &entry), bytes, "{name}");
        assert_eq!(decode(&bytes), Ok((transaction, entry)), "{name}");
        assert_eq!(leaf_hash(&bytes), hash(&vector["leaf_hash"]), "{name}");
    }
    assert_eq!(vectors("entries").len(), 10);
}

#[test]
fn payloads() {
    for vector in vectors("payloads") {
        let ((salt, payload), bytes) = (payload(vector), hex(&vector["bytes"]));
        assert_eq!(payload.bytes(), bytes, "{}", vector["name"]);
        assert!(Payload::read(&bytes).is_ok_and(|read| read == payload), "{}", vector["name"]);
        assert_eq!(salt.commit(&bytes), hash(&vector["commitment"]), "{}", vector["name"]);
    }
    assert_eq!(vectors("payloads").len(), 5);
}

#[test]
fn redacted_values() {
    for vector in vectors("redactions") {
        let made = redact(&array(&vector["key"]), vector["column"].as_str().unwrap(), vector["value"].as_str());
        assert_eq!(made, hash(&vector["hash"]), "{vector}");
    }
    assert_eq!(vectors("redactions").len(), 4);
}

#[test]
fn blocks() {
    let mut blocks = Frontier::new();
    for vector in vectors("blocks") {
        let body = Body {
            blind: array(&vector["blind"]),
            entries: number(&vector["entries"]),
            snapshot: vector["snapshot"].as_str().unwrap(),
        };
        assert_eq!(body.bytes(), hex(&vector["body_bytes"]));
        let members = vector["members"].as_array().unwrap();
        let head = |vector: &Value| Head {
            tenant: tenant(&vector["tenant"]),
            size: number(&vector["size"]),
            root: hash(&vector["root"]),
        };
        let heads = Heads::new(&body.blind, &members.iter().map(head).collect::<Vec<_>>()).unwrap();
        for member in members {
            let hashes = member["path"].as_array().unwrap().iter().map(hash).collect();
            let path = HeadPath { place: small(&member["place"]), hashes };
            assert_eq!(heads.path(tenant(&member["tenant"])), Some(path.clone()));
            assert_eq!(path.root(&head(member)), Some(heads.root()));
        }
        let block = Block {
            number: number(&vector["number"]),
            incarnation: small(&vector["incarnation"]),
            sealed_at: Timestamp(vector["sealed_at"].as_i64().unwrap()),
            previous: hash(&vector["previous"]),
            heads: heads.root(),
            body: body.hash(),
        };
        assert_eq!(block.bytes()[..], hex(&vector["block"]));
        assert_eq!(block.hash(), hash(&vector["hash"]));
        blocks.append_data(&block.hash().0).unwrap();
    }
    let of_blocks = vectors("checkpoints").iter().find(|vector| vector["name"] == "the blocks'").unwrap();
    let of_blocks = Checkpoint::parse(of_blocks["text"].as_str().unwrap()).unwrap();
    assert_eq!((of_blocks.size, of_blocks.root), (blocks.size(), blocks.root()));
}

#[test]
fn checkpoints() {
    let key = signing_key();
    assert_eq!(key.verifier().to_string(), VECTORS["key"]["vkey"]);
    for vector in vectors("checkpoints") {
        let checkpoint = Checkpoint::parse(vector["text"].as_str().unwrap()).unwrap();
        assert_eq!(checkpoint.text(), vector["text"], "{}", vector["name"]);
        assert_eq!(checkpoint.sign(&key), vector["note"], "{}", vector["name"]);
        assert_eq!(Checkpoint::open(vector["note"].as_str().unwrap(), &[key.verifier()]), Ok(checkpoint));
    }
    assert_eq!(vectors("checkpoints").len(), 5);
}

fn base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn base64_hash(value: &Value) -> Hash {
    Hash::parse(value.as_str().unwrap()).unwrap()
}

fn base64_hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(base64_hash).collect()
}

/// Each bundle is good, and written again from what it says it is the same to the byte.
#[test]
fn bundles() {
    let keys = [signing_key().verifier()];
    for vector in vectors("bundles") {
        let name = &vector["name"];
        let lines: Vec<&str> = vector["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let mut check = Check::new(&keys, None).unwrap();
        lines.iter().for_each(|line| check.line(line.as_bytes()).unwrap_or_else(|why| panic!("{name}: {why}")));
        check.finish().unwrap();

        let parsed: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let header = &parsed[0];
        let (mut writer, first) = Writer::new(Header {
            origin: Origin::parse(header["origin"].as_str().unwrap()).unwrap(),
            incarnation: header["incarnation"].as_u64().map(|incarnation| incarnation.try_into().unwrap()),
            first_index: number(&header["first_index"]),
            tree_size: number(&header["tree_size"]),
            root: base64_hash(&header["root"]),
        });
        assert_eq!(first, lines[0], "{name}");
        for (line, expected) in parsed.iter().zip(&lines).skip(1).take(lines.len() - 2) {
            let written = if line["type"] == "proof" {
                writer.omit(&Omitted { to: number(&line["to"]), hashes: base64_hashes(&line["hashes"]) })
            } else {
                let salt = line["payload"]["salt"].as_str();
                let of_salt =
                    |own: &&Value| salt.is_some_and(|salt| hex(&own["salt"]) == STANDARD.decode(salt).unwrap());
                let own = vectors("payloads").iter().find(of_salt).map(payload);
                let shown = match &own {
                    Some((salt, payload)) => Shown::Payload(salt, payload),
                    None if line["erased"] == true => Shown::Erased,
                    None if line["withheld"] == true => Shown::Withheld,
                    None => Shown::Nothing,
                };
                writer.entry(&base64(&line["leaf_input"]), shown)
            };
            assert_eq!(written.unwrap(), *expected, "{name}");
        }
        let last = parsed.last().unwrap();
        let block = last["block_path"].is_object().then(|| {
            let (place, hashes) = (small(&last["block_path"]["place"]), base64_hashes(&last["block_path"]["hashes"]));
            (Block::parse(&base64(&last["block_path"]["block"])).unwrap(), HeadPath { place, hashes })
        });
        let note = last["note"].as_str().unwrap();
        assert_eq!(Note::parse(note).unwrap().signatures.len(), 1);
        let written = writer.finish(note, block.as_ref().map(|(block, path)| (block, path)));
        assert_eq!(written.unwrap(), lines[lines.len() - 1], "{name}");
    }
    assert_eq!(vectors("bundles").len(), 6);
}

/// The root of a whole bundle, by the naive tree.
#[test]
fn a_bundles_root_is_that_of_its_leaves() {
    let lines = vectors("bundles")[0]["lines"].as_array().unwrap();
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line.as_str().unwrap()).unwrap());
    let lines: Vec<Value> = lines.collect();
    let entries = lines.iter().filter(|line| line["type"] == "entry");
    let leaves: Vec<Hash> = entries.map(|line| oracle::leaf(&base64(&line["leaf_input"]))).collect();
    assert_eq!(oracle::root(&leaves), base64_hash(&lines[0]["root"]));
}

/// Every long number of the page's audit part is in the vectors, its example's fields make up the bytes, and its
/// checkpoint is one of them.
#[test]
fn the_documented_example() {
    let (formats, vectors) = (read("docs/formats.md"), VECTORS.to_string());
    let (_, page) = formats.split_once("## Audit entries").unwrap();
    let (_, example) = page.split_once("## An example of an entry").unwrap();
    let example = example.split("\n## ").next().unwrap();
    let numbers = example.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 16);
    let numbers: Vec<_> = numbers.filter(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit())).collect();
    for number in &numbers {
        assert!(vectors.contains(number), "{number}");
    }
    assert!(numbers.len() > 12, "{}", numbers.len());

    let listings: Vec<&str> = example.split("```").skip(1).step_by(2).collect();
    let fields = |listing: &str| listing.lines().map(field).collect::<String>();
    assert_eq!(fields(listings[0]), self::vectors("entries")[0]["leaf_input"].as_str().unwrap());
    assert_eq!(fields(listings[2]), self::vectors("payloads")[0]["bytes"].as_str().unwrap());
    let (block, _) = listings[4].split_once("hash ").unwrap();
    assert_eq!(fields(block), self::vectors("blocks")[1]["block"].as_str().unwrap());

    let note = page.split("```\n").nth(1).unwrap();
    assert_eq!(note, self::vectors("checkpoints")[0]["note"]);
}

/// The page's stored batch is that of two vectors, bit by bit.
#[test]
fn the_documented_batch() {
    let formats = read("docs/formats.md");
    let (_, example) = formats.split_once("## An example of a stored batch").unwrap();
    let listings: Vec<&str> = example.split("```").skip(1).step_by(2).take(2).collect();
    let bytes = |at: usize| hex(&Value::String(listings[at].lines().map(field).collect()));

    let first = EntryId::parse("1.745.1").unwrap();
    let entries = bytes(0);
    let known = [0, 1].map(|at| hex(&vectors("entries")[at]["leaf_input"]));
    let tenant = decode(&known[0]).unwrap().1.tenant;
    let input = |entry: Result<warden_core::audit::StoredEntry, _>| {
        let mut input = Vec::new();
        entry.unwrap().leaf_input(&mut input);
        input
    };
    let read: Vec<_> = Entries::read(first, tenant, &entries).unwrap().map(input).collect();
    assert_eq!(read, known);

    let payloads = bytes(1);
    let mut read = Payloads::read(&payloads).unwrap();
    for at in 0..2 {
        let Some(Stored::Present { payload, .. }) = read.advance().unwrap() else {
            panic!("payload {at} is not there")
        };
        let mut canonical = Vec::new();
        payload.canonical(&mut canonical);
        assert_eq!(canonical, hex(&vectors("payloads")[at]["bytes"]));
    }
    assert!(read.advance().unwrap().is_none());
}

/// The bytes of a listing's line: what follows its name, without spaces.
fn field(line: &str) -> String {
    let is_name = |word: &&str| !word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = words.iter().rposition(is_name).map_or(0, |at| at + 1);
    words[after..].concat()
}
