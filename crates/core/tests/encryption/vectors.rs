//! Our own vectors, made by another implementation (`tests/vectors/encryption.py`): version 1 of every format.

use std::sync::LazyLock;

use serde_json::Value;
use warden_core::encryption::{
    Binding, Context, Envelope, GenerationId, Head, KeyState, NONCE, RowKey, Suite, ValueType, search_term,
};
use warden_core::tenancy::TenantId;

use crate::fixture::{array, data_key, given, hex, index_key, open, root_key, seal, tenant_key};
use crate::oracle;

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&read("tests/vectors/encryption.json")).unwrap());

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn vectors(of: &str) -> &'static [Value] {
    assert_eq!(VECTORS["version"], 1);
    VECTORS[of].as_array().unwrap()
}

fn text(value: &Value) -> String {
    String::from_utf8(hex(value)).unwrap()
}

fn tenant(vector: &Value) -> TenantId {
    TenantId(array(&vector["tenant"]))
}

fn generation(vector: &Value) -> GenerationId {
    GenerationId::new(array(&vector["generation_id"])).unwrap()
}

/// The key of a row whose columns are given.
fn row(columns: &Value) -> Option<RowKey> {
    let columns: Vec<String> = columns.as_array()?.iter().map(text).collect();
    Some(RowKey::new(columns.iter().map(String::as_str)))
}

#[test]
fn values() {
    for vector in vectors("values") {
        let name = &vector["name"];
        let (tenant, context) = (tenant(vector), Context::parse(&text(&vector["context"])).unwrap());
        let key = data_key(array(&vector["data_key"])).value_key(tenant, context.as_str()).unwrap();
        let row = row(&vector["row_key"]);
        let value_type = match vector["value_type"].as_u64() {
            Some(1) => ValueType::Text,
            Some(2) => ValueType::Bytes,
            _ => ValueType::Json,
        };
        let binding = Binding { tenant, context: context.as_str(), value_type, row: row.as_ref() };
        let suite = if vector["suite"] == 1 { Suite::Xaes } else { Suite::XaesCommitting };
        let head = Head { suite, generation: generation(vector) };
        let (nonce, plaintext): ([u8; NONCE], _) = (array(&vector["nonce"]), hex(&vector["plaintext"]));
        let equality = (!vector["index_key"].is_null())
            .then(|| index_key(array(&vector["index_key"])).tag_key(tenant, context.as_str()).unwrap().tag(&plaintext));
        assert_eq!(equality.map(hex::encode).as_deref(), vector["equality_tag"].as_str(), "{name}");
        let subkeys: [u8; 64] =
            oracle::derive(&array(&vector["data_key"]), "pg_warden/value-key/1", tenant, context.as_str());
        assert_eq!(hex::encode(subkeys), vector["value_key"], "{name}");

        let expected = hex(&vector["envelope"]);
        let sealed = seal(&key, &head, equality, &binding, &nonce, &plaintext);
        assert_eq!(hex::encode(&sealed), vector["envelope"], "{name}");
        assert_eq!(expected[2], u8::try_from(vector["flags"].as_u64().unwrap()).unwrap(), "{name}");
        assert_eq!(Envelope::parse(&expected).unwrap().generation(), Some(generation(vector)), "{name}");
        assert_eq!(open(&key, &expected, &binding).unwrap(), plaintext, "{name}");

        // The additional data as it is documented, by a third implementation.
        let prefix = head.suite.prefix_len(equality.is_some());
        let mut body = expected[prefix..expected.len() - 16].to_vec();
        let tag = expected[expected.len() - 16..].try_into().unwrap();
        let cipher = subkeys.first_chunk().unwrap();
        assert!(oracle::open(cipher, &nonce, &hex(&vector["additional_data"]), &mut body, tag), "{name}");
        assert_eq!(body, plaintext, "{name}");
    }
    assert_eq!(vectors("values").len(), 13);
}

#[test]
fn search_terms() {
    for vector in vectors("search_terms") {
        let key = index_key(array(&vector["index_key"]));
        let tag = key.tag_key(tenant(vector), &text(&vector["context"])).unwrap().tag(&hex(&vector["plaintext"]));
        assert_eq!(hex::encode(tag), vector["equality_tag"], "{}", vector["name"]);
        assert_eq!(hex::encode(search_term(tag)), vector["envelope"], "{}", vector["name"]);
        assert_eq!(Envelope::parse(&hex(&vector["envelope"])).unwrap().equality_tag(), Some(tag));
    }
    assert_eq!(vectors("search_terms").len(), 4);
}

/// Each wrap is made anew from its key, and what it opens to is wrapped again: the same bytes both times.
#[test]
fn wraps() {
    for vector in vectors("wraps") {
        let name = &vector["name"];
        let (wrapping, material, nonce) =
            (array(&vector["wrapping_key"]), array(&vector["material"]), hex(&vector["nonce"]));
        let (wrap, tenant) = (hex(&vector["wrap"]), tenant(vector));
        let made = match wrap[1] {
            1 => {
                let root = root_key(wrapping);
                let opened = root.unwrap(&wrap, tenant).unwrap();
                [tenant_key(material), opened].map(|key| root.wrap(&key, tenant, &mut given(&nonce)).unwrap())
            }
            2 => {
                let number = vector["number"].as_u64().unwrap().try_into().unwrap();
                let state = KeyState::ALL[usize::try_from(vector["state"].as_u64().unwrap()).unwrap() - 1];
                let (key, id) = (tenant_key(wrapping), generation(vector));
                let opened = key.unwrap_data(&wrap, tenant, id, number, state).unwrap();
                [data_key(material), opened]
                    .map(|data| key.wrap_data(&data, tenant, id, number, state, &mut given(&nonce)).unwrap())
            }
            _ => {
                let key = tenant_key(wrapping);
                let opened = key.unwrap_index(&wrap, tenant).unwrap();
                [index_key(material), opened].map(|index| key.wrap_index(&index, tenant, &mut given(&nonce)).unwrap())
            }
        };
        assert_eq!(made.map(hex::encode), [(); 2].map(|()| vector["wrap"].as_str().unwrap()), "{name}");
    }
    assert_eq!(vectors("wraps").len(), 7);
}

/// Every long hexadecimal number of the example in docs/formats.md is in the vectors.
#[test]
fn the_documented_example() {
    let (formats, vectors) = (read("docs/formats.md"), VECTORS.to_string());
    let (_, example) = formats.split_once("## An example").unwrap();
    let example = example.split("\n## ").next().unwrap();
    let numbers = example.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 16);
    let numbers: Vec<_> = numbers.filter(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit())).collect();
    for number in &numbers {
        assert!(vectors.contains(number), "{number}");
    }
    assert!(numbers.len() > 25, "{}", numbers.len());
}
