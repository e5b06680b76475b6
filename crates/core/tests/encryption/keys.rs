//! The keys: what a wrap is bound to, and that the derivations are the documented ones.

use warden_core::encryption::{
    DataKey, GenerationId, IndexKey, KeyState, NONCE, ROOT_KEY, Suite, TenantKey, WRAP, Wrapped, error,
};
use warden_core::error::{SqlState, WardenError};
use warden_core::tenancy::TenantId;

use crate::fixture::{
    ACME, CONTEXT, GLOBEX, SUITES, binding, data_key, flips, generation, given, head, index_key, open, root_key, seal,
    tenant_key, value_key,
};
use crate::oracle;

const NONCES: [u8; NONCE] = *b"abcdefghijklmnopqrstuvwx";

/// Wraps of a tenant key, a data key and an index key.
struct Wraps {
    tenant: Wrapped,
    data: Wrapped,
    index: Wrapped,
}

fn wraps() -> Wraps {
    let tenant_key = tenant_key([0x7e; 32]);
    Wraps {
        tenant: root_key([0x60; 32]).wrap(&tenant_key, ACME, &mut given(&NONCES)).unwrap(),
        data: wrap_data(&tenant_key, KeyState::Active),
        index: tenant_key.wrap_index(&index_key([0x1d; 32]), ACME, &mut given(&NONCES)).unwrap(),
    }
}

fn wrap_data(key: &TenantKey, state: KeyState) -> Wrapped {
    key.wrap_data(&data_key([0xda; 32]), ACME, generation(), 3, state, &mut given(&NONCES)).unwrap()
}

#[test]
fn what_is_wrapped_opens_again() {
    let wraps = wraps();
    assert_eq!((WRAP, ROOT_KEY), (4 + 24 + 32 + 16, 32));
    for (wrap, purpose) in [(wraps.tenant, 1), (wraps.data, 2), (wraps.index, 3)] {
        assert_eq!(wrap[..4], [1, purpose, 0, 0]);
        assert_eq!(wrap[4..28], NONCES);
    }
    // Wrapped once more under the same nonce, a key that came out whole gives the same bytes.
    let opened = root_key([0x60; 32]).unwrap(&wraps.tenant, ACME).unwrap();
    assert_eq!(root_key([0x60; 32]).wrap(&opened, ACME, &mut given(&NONCES)).unwrap(), wraps.tenant);
    let data = opened.unwrap_data(&wraps.data, ACME, generation(), 3, KeyState::Active).unwrap();
    let again = opened.wrap_data(&data, ACME, generation(), 3, KeyState::Active, &mut given(&NONCES)).unwrap();
    assert_eq!(again, wraps.data);
    let index = opened.unwrap_index(&wraps.index, ACME).unwrap();
    assert_eq!(opened.wrap_index(&index, ACME, &mut given(&NONCES)).unwrap(), wraps.index);
}

#[test]
fn a_wrap_opens_for_its_tenant_alone() {
    let wraps = wraps();
    let tenant_key = tenant_key([0x7e; 32]);
    assert!(root_key([0x60; 32]).unwrap(&wraps.tenant, GLOBEX).is_none());
    let data = tenant_key.unwrap_data(&wraps.data, GLOBEX, generation(), 3, KeyState::Active);
    assert_eq!(data.err(), Some(error::damaged_key_registry()));
    assert_eq!(tenant_key.unwrap_index(&wraps.index, GLOBEX).err(), Some(error::damaged_key_registry()));
    assert_eq!(error::damaged_key_registry().state, SqlState::NotInPrerequisiteState);
}

#[test]
fn a_data_key_opens_for_its_generation_number_and_state_alone() {
    let key = tenant_key([0x7e; 32]);
    let ids = [generation(), GenerationId::from_number(1).unwrap(), GenerationId::from_number(-1).unwrap()];
    for made in KeyState::ALL {
        let wrapped = wrap_data(&key, made);
        for id in ids {
            for number in [0, 1, 2, 3, 4, 3 << 8, u32::MAX] {
                for state in KeyState::ALL {
                    let opens = (id, number, state) == (generation(), 3, made);
                    let opened = key.unwrap_data(&wrapped, ACME, id, number, state);
                    assert_eq!(opened.is_ok(), opens, "made {made:?}: {id:?} {number} {state:?}");
                }
            }
        }
    }
}

#[test]
fn another_key_opens_no_wrap() {
    let wraps = wraps();
    for (_, bytes) in flips(&[0x60; 32]) {
        assert!(root_key(bytes.try_into().unwrap()).unwrap(&wraps.tenant, ACME).is_none());
    }
    for (_, bytes) in flips(&[0x7e; 32]) {
        let other = tenant_key(bytes.try_into().unwrap());
        assert!(other.unwrap_data(&wraps.data, ACME, generation(), 3, KeyState::Active).is_err());
        assert!(other.unwrap_index(&wraps.index, ACME).is_err());
    }
}

#[test]
fn no_single_bit_of_a_wrap_can_be_flipped() {
    let wraps = wraps();
    let (root, tenant) = (root_key([0x60; 32]), tenant_key([0x7e; 32]));
    for (bit, flipped) in flips(&wraps.tenant) {
        assert!(root.unwrap(&flipped, ACME).is_none(), "tenant key: bit {bit}");
    }
    for (bit, flipped) in flips(&wraps.data) {
        assert!(tenant.unwrap_data(&flipped, ACME, generation(), 3, KeyState::Active).is_err(), "data key: bit {bit}");
    }
    for (bit, flipped) in flips(&wraps.index) {
        assert!(tenant.unwrap_index(&flipped, ACME).is_err(), "index key: bit {bit}");
    }
}

#[test]
fn a_wrap_of_another_length_is_refused() {
    let wraps = wraps();
    let (root, tenant) = (root_key([0x60; 32]), tenant_key([0x7e; 32]));
    let longer = |wrap: Wrapped| [&wrap[..], &[0; WRAP]].concat();
    for length in (0..2 * WRAP).filter(|length| *length != WRAP) {
        assert!(root.unwrap(&longer(wraps.tenant)[..length], ACME).is_none(), "{length}");
        let data = &longer(wraps.data)[..length];
        assert!(tenant.unwrap_data(data, ACME, generation(), 3, KeyState::Active).is_err(), "{length}");
        assert!(tenant.unwrap_index(&longer(wraps.index)[..length], ACME).is_err(), "{length}");
    }
}

/// Each kind under the key that opens the others, its header's purpose exchanged too.
#[test]
fn a_wrap_opens_as_its_own_kind_alone() {
    let tenant = tenant_key([0x7e; 32]);
    // A root key of the tenant key's bytes, so that the kind alone tells them apart.
    let root = root_key([0x7e; 32]);
    let kinds = [
        root.wrap(&tenant, ACME, &mut given(&NONCES)).unwrap(),
        wrap_data(&tenant, KeyState::Active),
        tenant.wrap_index(&index_key([0x1d; 32]), ACME, &mut given(&NONCES)).unwrap(),
    ];
    for (made, wrap) in kinds.into_iter().enumerate() {
        for purpose in 1..=3 {
            let mut wrap = wrap;
            wrap[1] = purpose;
            let opens = usize::from(purpose) == made + 1;
            assert_eq!(root.unwrap(&wrap, ACME).is_some(), opens && made == 0);
            let data = tenant.unwrap_data(&wrap, ACME, generation(), 3, KeyState::Active);
            assert_eq!(data.is_ok(), opens && made == 1);
            assert_eq!(tenant.unwrap_index(&wrap, ACME).is_ok(), opens && made == 2);
        }
    }
}

#[test]
fn a_value_key_opens_for_its_generation_tenant_and_context_alone() {
    let sealed = SUITES.map(|suite| seal(&value_key(), &head(suite), None, &binding(None), &NONCES, b"value"));
    let other = |material, tenant, context| data_key(material).value_key(tenant, context).unwrap();
    for (what, key, opens) in [
        ("the same", other([0xda; 32], ACME, CONTEXT), true),
        ("another generation", other([0xdb; 32], ACME, CONTEXT), false),
        ("another tenant", other([0xda; 32], GLOBEX, CONTEXT), false),
        ("another context", other([0xda; 32], ACME, "people.email"), false),
        ("a longer context", other([0xda; 32], ACME, "people.phones"), false),
        ("an empty context", other([0xda; 32], ACME, ""), false),
    ] {
        for sealed in &sealed {
            assert_eq!(open(&key, sealed, &binding(None)).is_ok(), opens, "{what}");
        }
    }
}

/// docs/formats.md, "Keys", by other libraries.
#[test]
fn derivations_are_the_documented_ones() {
    for (material, tenant, context) in [
        ([0xda; 32], ACME, CONTEXT),
        ([0; 32], TenantId([0; 16]), "x"),
        ([0xff; 32], GLOBEX, "5f0c8a51-2e64-4b0d-9a77-c81d3e6f4b20"),
        ([1; 32], GLOBEX, &"ü".repeat(127)),
    ] {
        let binding = warden_core::encryption::Binding { tenant, context, ..binding(None) };
        let subkeys: [u8; 64] = oracle::derive(&material, "pg_warden/value-key/1", tenant, context);
        let (cipher, committing) = subkeys.split_first_chunk().unwrap();
        for suite in SUITES {
            let key = data_key(material).value_key(tenant, context).unwrap();
            let head = head(suite);
            let sealed = seal(&key, &head, None, &binding, &NONCES, b"value");
            let (prefix, rest) = sealed.split_at(head.suite.prefix_len(false));
            if suite == Suite::XaesCommitting {
                let committed = [&b"pg_warden/commitment/1"[..], &prefix[..36]].concat();
                assert_eq!(prefix[36..], oracle::hmac(committing, &committed));
            }
            let length = u32::try_from(context.len()).unwrap().to_be_bytes();
            let aad = [b"pg_warden/value/1", prefix, &[0, 0, 0, 16], &tenant.0, &length, context.as_bytes()].concat();
            let aad = [&aad[..], &[0, 0, 0, 1, 1], &[0xff; 4]].concat();
            let mut body: [u8; 5] = rest[..5].try_into().unwrap();
            assert!(oracle::open(cipher, &NONCES, &aad, &mut body, rest[5..].try_into().unwrap()));
            assert_eq!(&body, b"value");
        }
        let tag_key: [u8; 32] = oracle::derive(&material, "pg_warden/tag-key/1", tenant, context);
        let tag = index_key(material).tag_key(tenant, context).unwrap().tag(b"value");
        assert_eq!(tag, oracle::hmac(&tag_key, b"value")[..16]);
    }
}

#[test]
fn every_key_is_32_random_bytes_and_every_wrap_takes_24() {
    let mut taken = Vec::new();
    let mut random = |bytes: &mut [u8]| {
        taken.push(bytes.len());
        Ok(())
    };
    let tenant = TenantKey::generate(&mut random).unwrap();
    let (data, index) = (DataKey::generate(&mut random).unwrap(), IndexKey::generate(&mut random).unwrap());
    root_key([0x60; 32]).wrap(&tenant, ACME, &mut random).unwrap();
    tenant.wrap_data(&data, ACME, generation(), 1, KeyState::Pending, &mut random).unwrap();
    tenant.wrap_index(&index, ACME, &mut random).unwrap();
    assert_eq!(taken, [32, 32, 32, 24, 24, 24]);
}

#[test]
fn without_randomness_nothing_is_made() {
    let nothing = WardenError::new(SqlState::Internal, "no randomness");
    let mut random = |_: &mut [u8]| Err(nothing.clone());
    let tenant = tenant_key([0x7e; 32]);
    let (data, index) = (data_key([0xda; 32]), index_key([0x1d; 32]));
    for refused in [
        TenantKey::generate(&mut random).err(),
        DataKey::generate(&mut random).err(),
        IndexKey::generate(&mut random).err(),
        root_key([0x60; 32]).wrap(&tenant, ACME, &mut random).err(),
        tenant.wrap_data(&data, ACME, generation(), 1, KeyState::Pending, &mut random).err(),
        tenant.wrap_index(&index, ACME, &mut random).err(),
    ] {
        assert_eq!(refused, Some(nothing.clone()));
    }
}

#[test]
fn states_by_name() {
    for (state, name) in KeyState::ALL.into_iter().zip(["pending", "active", "retired", "destroyed"]) {
        assert_eq!((state.name(), KeyState::parse(name)), (name, Some(state)));
    }
    for name in ["", "Active", "active ", "gone"] {
        assert_eq!(KeyState::parse(name), None, "{name:?}");
    }
}
