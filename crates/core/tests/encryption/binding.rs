//! Where a value belongs: it opens nowhere else.

use proptest::prelude::*;
use warden_core::encryption::{Binding, Context, NONCE, RowKey, ValueType, error};
use warden_core::error::SqlState;
use warden_core::tenancy::TenantId;

use crate::fixture::{GLOBEX, SUITES, TYPES, binding, head, kinds, open, row, seal, value_key};

const NONCES: [u8; NONCE] = *b"abcdefghijklmnopqrstuvwx";

/// Under the very key that sealed the value: the binding alone refuses.
#[test]
fn a_value_opens_nowhere_else() {
    let key = value_key();
    let (mine, other) = (row(), RowKey::new(["43", "2024-03-01"]));
    for (head, equality, row) in kinds() {
        let right = binding(row.as_ref());
        let elsewhere = if row.is_some() { [None, Some(&other)] } else { [Some(&mine), Some(&other)] };
        let wrong = [
            ("tenant", Binding { tenant: GLOBEX, ..right }),
            ("context", Binding { context: "people.email", ..right }),
            ("context, one byte more", Binding { context: "people.phones", ..right }),
            ("context, case", Binding { context: "People.phone", ..right }),
            ("type bytea", Binding { value_type: ValueType::Bytes, ..right }),
            ("type json", Binding { value_type: ValueType::Json, ..right }),
            ("row", Binding { row: elsewhere[0], ..right }),
            ("another row", Binding { row: elsewhere[1], ..right }),
        ];
        let sealed = seal(&key, &head, equality, &right, &NONCES, b"value");
        assert_eq!(open(&key, &sealed, &right).unwrap(), b"value");
        for (what, wrong) in wrong {
            assert_eq!(open(&key, &sealed, &wrong), Err(error::decryption_failed()), "{head:?}: {what}");
        }
    }
}

#[test]
fn no_two_row_keys_are_the_same() {
    let key = value_key();
    let rows: Vec<Option<RowKey>> = [
        &["ab", "c"][..],
        &["a", "bc"],
        &["abc"],
        &["a", "b", "c"],
        &["abc", ""],
        &["", "abc"],
        &[],
        &[""],
        &["", ""],
        &["\0\0\0\0"],
        &["NULL"],
        &["null"],
    ]
    .into_iter()
    .map(|columns| Some(RowKey::new(columns.iter().copied())))
    .chain([None])
    .collect();
    for suite in SUITES {
        for (mine, row) in rows.iter().enumerate() {
            let sealed = seal(&key, &head(suite), None, &binding(row.as_ref()), &NONCES, b"value");
            for (theirs, row) in rows.iter().enumerate() {
                let opened = open(&key, &sealed, &binding(row.as_ref()));
                assert_eq!(opened.is_ok(), mine == theirs, "{:?} opened as {row:?}", rows[mine]);
            }
        }
    }
}

#[test]
fn contexts() {
    for text in ["a", "people.phone", " ", "ü", &"x".repeat(255), &"ü".repeat(127)] {
        assert_eq!(Context::parse(text).unwrap().as_str(), text);
    }
    for text in ["", &"x".repeat(256), &"ü".repeat(128)] {
        assert_eq!(Context::parse(text).unwrap_err().state, SqlState::InvalidParameterValue, "{text}");
    }
}

/// Short and of few letters, lengths and terminators among them, so that different places nearly look the same.
fn piece() -> impl Strategy<Value = String> {
    "[ab\u{0}\u{1}]{0,5}"
}

#[derive(Clone, Debug, PartialEq)]
struct Place {
    tenant: TenantId,
    context: String,
    value_type: ValueType,
    row: Option<Vec<String>>,
}

fn place() -> impl Strategy<Value = Place> {
    let row = prop::option::of(prop::collection::vec(piece(), 0..4));
    (0u8..2, piece(), prop::sample::select(&TYPES[..]), row).prop_map(|(tenant, context, value_type, row)| Place {
        tenant: TenantId([tenant; 16]),
        context,
        value_type,
        row,
    })
}

proptest! {
    #[test]
    fn what_one_place_seals_opens_in_no_other(mine in place(), theirs in place(), suite in prop::sample::select(&SUITES[..]), value in any::<[u8; 9]>()) {
        let key = value_key();
        let rows = [&mine, &theirs].map(|place| place.row.as_ref().map(|row| RowKey::new(row.iter().map(String::as_str))));
        let [here, there] = [(&mine, &rows[0]), (&theirs, &rows[1])].map(|(place, row)| Binding {
            tenant: place.tenant,
            context: &place.context,
            value_type: place.value_type,
            row: row.as_ref(),
        });
        let sealed = seal(&key, &head(suite), None, &here, &NONCES, &value);
        prop_assert_eq!(open(&key, &sealed, &here).unwrap(), value);
        prop_assert_eq!(open(&key, &sealed, &there).is_ok(), mine == theirs);
    }
}
