//! Keys of known bytes, and sealing and opening in one line.

use serde_json::Value;
use warden_core::encryption::{
    Binding, DataKey, Envelope, GenerationId, Head, IndexKey, NONCE, RootKey, RowKey, Suite, TAG, TenantKey, ValueKey,
    ValueType, error,
};
use warden_core::error::Result;
use warden_core::tenancy::TenantId;

pub use crate::common::{array, flips, hex, vector_file};

pub const ACME: TenantId = TenantId([0xac; 16]);
pub const GLOBEX: TenantId = TenantId([0x91; 16]);
pub const CONTEXT: &str = "people.phone";
pub const SUITES: [Suite; 2] = [Suite::Xaes, Suite::XaesCommitting];
/// Without an equality tag and with one.
pub const EQUALITY: [Option<[u8; TAG]>; 2] = [None, Some([0x33; TAG])];
pub const TYPES: [ValueType; 3] = [ValueType::Text, ValueType::Bytes, ValueType::Json];

/// Gives these bytes instead of random ones, in order. Whoever wants more of them fails the test.
pub fn given(mut bytes: &[u8]) -> impl FnMut(&mut [u8]) -> Result<()> {
    move |out| {
        let (now, later) = bytes.split_at_checked(out.len()).expect("more randomness than expected");
        out.copy_from_slice(now);
        bytes = later;
        Ok(())
    }
}

pub fn root_key(material: [u8; 32]) -> RootKey {
    RootKey::new(&material)
}

pub fn tenant_key(material: [u8; 32]) -> TenantKey {
    TenantKey::generate(&mut given(&material)).unwrap()
}

pub fn data_key(material: [u8; 32]) -> DataKey {
    DataKey::generate(&mut given(&material)).unwrap()
}

pub fn index_key(material: [u8; 32]) -> IndexKey {
    IndexKey::generate(&mut given(&material)).unwrap()
}

pub fn value_key() -> ValueKey {
    data_key([0xda; 32]).value_key(ACME, CONTEXT).unwrap()
}

pub fn generation() -> GenerationId {
    GenerationId::new([0x80, 1, 2, 3, 4, 5, 6, 7]).unwrap()
}

pub fn head(suite: Suite) -> Head {
    Head { suite, generation: generation() }
}

pub fn binding(row: Option<&RowKey>) -> Binding<'_> {
    Binding { tenant: ACME, context: CONTEXT, value_type: ValueType::Text, row }
}

pub fn row() -> RowKey {
    RowKey::new(["42", "2024-03-01"])
}

/// Head, equality tag and row key: every kind of value there is.
pub fn kinds() -> impl Iterator<Item = (Head, Option<[u8; TAG]>, Option<RowKey>)> {
    SUITES.into_iter().flat_map(|suite| {
        EQUALITY
            .into_iter()
            .flat_map(move |equality| [None, Some(row())].into_iter().map(move |row| (head(suite), equality, row)))
    })
}

pub fn seal(
    key: &ValueKey,
    head: &Head,
    equality: Option<[u8; TAG]>,
    binding: &Binding,
    nonce: &[u8; NONCE],
    value: &[u8],
) -> Vec<u8> {
    let at = head.suite.prefix_len(equality.is_some());
    let mut out = vec![0xee; head.suite.sealed_len(equality.is_some(), value.len())];
    out[at..at + value.len()].copy_from_slice(value);
    key.seal(head, equality, binding, nonce, &mut out).unwrap();
    out
}

/// Opens an envelope. Whatever refuses it, no plaintext stays behind and the error is the one there is.
pub fn open(key: &ValueKey, bytes: &[u8], binding: &Binding) -> Result<Vec<u8>> {
    let envelope = Envelope::parse(bytes).map_err(|_| error::malformed_binary("ciphertext"))?;
    let mut out = vec![0xee; envelope.body().len()];
    let opened = key.open(&envelope, binding, &mut out);
    if let Err(refused) = &opened {
        assert_eq!(*refused, error::decryption_failed());
        assert!(out.iter().all(|byte| *byte == 0), "left behind: {out:?}");
    }
    opened.map(|()| out)
}

/// The tests of a Wycheproof file, whatever their group.
pub fn wycheproof(name: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(&vector_file(&format!("wycheproof/{name}"))).unwrap();
    file["groups"].as_array().unwrap().iter().flat_map(|group| group["tests"].as_array().unwrap().clone()).collect()
}
