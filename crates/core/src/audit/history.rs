//! Which entries are a row's.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::entry::Entry;
use super::hash::Hash;
use super::json::{Object, text};
use super::payload::{Column, Payload, Row, Value};
use crate::error::{Result, SqlState, WardenError};

/// A row of a relation, by its key as the log shows it.
#[derive(Clone, Debug)]
pub struct Wanted {
    relation: String,
    key: BTreeMap<String, Said>,
}

/// What the caller says of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Null,
    Text(String),
    /// PostgreSQL prints `t`, JSON `true`.
    Boolean(bool),
    Redacted(Hash),
}

impl Said {
    fn parse(raw: &RawValue) -> Option<Self> {
        match raw.get() {
            "null" => Some(Said::Null),
            "true" => Some(Said::Boolean(true)),
            "false" => Some(Said::Boolean(false)),
            object if object.starts_with('{') => {
                let mut object = Object::parse(object).ok()?;
                let hash = object.hash("redacted").ok()?;
                object.end().ok().map(|()| Said::Redacted(hash))
            }
            array if array.starts_with('[') => None,
            string if string.starts_with('"') => text(string).map(|text| Said::Text(text.into_owned())),
            // As it is written: it may have more digits than a float.
            number => Some(Said::Text(number.to_owned())),
        }
    }

    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Said::Null, Value::Null) => true,
            (Said::Text(said), Value::Text(text)) => said == text,
            (Said::Boolean(said), Value::Text(text)) => {
                let [short, long] = if *said { ["t", "true"] } else { ["f", "false"] };
                *text == short || *text == long
            }
            (Said::Redacted(said), Value::Redacted(hash)) => said == hash,
            _ => false,
        }
    }
}

impl Wanted {
    /// `relation`: as `format('%I.%I')` prints it; `key`: a JSON object of columns.
    ///
    /// # Errors
    /// 22023 for a key that is none.
    pub fn parse(relation: String, key: &str) -> Result<Self> {
        let invalid = |detail: Cow<'static, str>| {
            WardenError::new(SqlState::InvalidParameterValue, "invalid row key")
                .detail(detail)
                .hint("Give the key as warden.audit_log shows it.")
        };
        let columns: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(key).map_err(|_| invalid("It is not an object of the key's columns.".into()))?;
        if columns.is_empty() {
            return Err(invalid("It names no column.".into()));
        }
        let key = columns.into_iter().map(|(name, raw)| match Said::parse(&raw) {
            Some(said) => Ok((name, said)),
            None => Err(invalid(format!("The value of \"{name}\" is none that a column can have.").into())),
        });
        Ok(Self { relation, key: key.collect::<Result<_>>()? })
    }

    /// Whether the entry is about the relation, or a partition of it.
    pub fn concerns(&self, entry: &Entry) -> bool {
        entry.relation == Some(self.relation.as_str())
            || entry.detail.is_some_and(|detail| root(detail).as_deref() == Some(self.relation.as_str()))
    }

    /// Whether the payload of such an entry is the row's: it had the key before, or has it now.
    pub fn is_of(&self, payload: &Payload) -> bool {
        let Some(key) = &payload.key else { return false };
        let matches = |row: &Row| {
            key.iter().all(|Column { name, .. }| {
                let value = row.iter().find(|column| column.name == *name).map(|column| &column.value);
                self.key.get(&**name).zip(value).is_some_and(|(said, value)| said.is(value))
            })
        };
        key.len() == self.key.len() && (matches(key) || payload.new.as_ref().is_some_and(matches))
    }
}

/// The topmost table, in the detail of an entry about a partition.
fn root(detail: &str) -> Option<Cow<'_, str>> {
    if !detail.contains("\"root\"") {
        return None;
    }
    Object::parse(detail).ok()?.text("root").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Operation, Timestamp};

    fn wanted(key: &str) -> Wanted {
        Wanted::parse("app.t".to_owned(), key).unwrap()
    }

    #[test]
    fn a_row_is_found_by_all_of_its_key_and_nothing_else() {
        let payload = Payload {
            key: Some(vec![Column::text("a", "1"), Column::text("b", "t")]),
            new: Some(vec![Column::text("a", "2"), Column::text("b", "t"), Column::text("c", "x")]),
            ..Payload::default()
        };
        for (key, is_it) in [
            (r#"{"a": "1", "b": "t"}"#, true),
            (r#"{"b": true, "a": 1}"#, true),
            (r#"{"a": 2, "b": "t"}"#, true),
            (r#"{"a": 1.0, "b": "t"}"#, false),
            (r#"{"a": 1, "b": false}"#, false),
            (r#"{"a": 1}"#, false),
            (r#"{"a": 1, "c": "x"}"#, false),
            (r#"{"a": 1, "b": "t", "c": "x"}"#, false),
            (r#"{"a": null, "b": "t"}"#, false),
        ] {
            assert_eq!(wanted(key).is_of(&payload), is_it, "{key}");
        }
        assert!(!wanted(r#"{"a": "1"}"#).is_of(&Payload::default()));
    }

    #[test]
    fn nulls_and_redacted_values_are_values() {
        let hash = Hash::of(&[b"x"]);
        let key = vec![Column::null("a"), Column::redacted("b", hash)];
        let payload = Payload { key: Some(key), ..Payload::default() };
        assert!(wanted(&format!(r#"{{"a": null, "b": {{"redacted": "{hash}"}}}}"#)).is_of(&payload));
        assert!(!wanted(&format!(r#"{{"a": "", "b": {{"redacted": "{hash}"}}}}"#)).is_of(&payload));
        assert!(!wanted(&format!(r#"{{"a": null, "b": "{hash}"}}"#)).is_of(&payload));
    }

    #[test]
    fn a_partition_belongs_to_its_root() {
        let entry = Entry {
            number: 1,
            tenant: None,
            relation: Some("app.t"),
            operation: Operation::Insert,
            kind: None,
            at: Timestamp(0),
            schema_version: None,
            detail: None,
            commitment: None,
        };
        let part = Entry { relation: Some("app.p"), ..entry };
        for (entry, is_it) in [
            (entry, true),
            (part, false),
            (Entry { detail: Some(r#"{"root": "app.t"}"#), ..part }, true),
            (Entry { detail: Some(r#"{"root": "app.u"}"#), ..part }, false),
            (Entry { detail: Some(r#"{"x": "\"root\""}"#), ..part }, false),
            (Entry { detail: Some(r#"["root"]"#), ..part }, false),
        ] {
            assert_eq!(wanted(r#"{"a": 1}"#).concerns(&entry), is_it, "{entry:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "1", "[]", "{}", r#"{"a": [1]}"#, r#"{"a": {"b": 1}}"#, r#"{"a": {"redacted": "x"}}"#] {
            let error = Wanted::parse(String::new(), bad).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidParameterValue, "{bad}");
        }
    }
}
