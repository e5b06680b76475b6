//! JSON as credentials may carry it (RFC 8259, RFC 7519 section 4): one meaning per text.
//!
//! Refused on top of the grammar: a member that stands twice in one object, by whatever spelling; nesting over
//! [`MAX_DEPTH`]; a NUL character in any string, which no `jsonb` can hold; bytes after the value; invalid UTF-8;
//! a lone surrogate; a number outside of what an `f64` holds.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use zeroize::Zeroize;

/// Objects and arrays inside each other; a flat object counts 1.
pub const MAX_DEPTH: usize = 8;

pub type Object = Map<String, Value>;

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Grammar,
    NotAnObject,
    DuplicateMember,
    TooDeep,
    Nul,
}

impl Fault {
    /// The end of a sentence whose subject is the text, with a period.
    pub fn predicate(self) -> &'static str {
        match self {
            Self::Grammar => "is not valid JSON.",
            Self::NotAnObject => "is not a JSON object.",
            Self::DuplicateMember => "holds a JSON member twice.",
            Self::TooDeep => "is nested over 8 deep.",
            Self::Nul => "holds a NUL character.",
        }
    }
}

/// Parses one object and nothing after it.
///
/// Cost and stack stay within the first [`MAX_DEPTH`] levels, however deep the text goes.
///
/// # Errors
/// The first [`Fault`] met.
pub fn parse_object(text: &[u8]) -> Result<Object, Fault> {
    let fault = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let parsed = Node { around: 0, fault: &fault }.deserialize(&mut deserializer);
    let value = parsed.map_err(|_| fault.get().unwrap_or(Fault::Grammar))?;
    deserializer.end().map_err(|_| Fault::Grammar)?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Fault::NotAnObject),
    }
}

/// Overwrites every string value, for what may hold a secret.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(object) => object.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// One value, with the number of containers around it.
#[derive(Clone, Copy)]
struct Node<'a> {
    around: usize,
    fault: &'a Cell<Option<Fault>>,
}

impl Node<'_> {
    fn refuse<T, E: Error>(self, fault: Fault) -> Result<T, E> {
        self.fault.set(Some(fault));
        Err(E::custom(fault.predicate()))
    }

    fn inside<E: Error>(self) -> Result<Self, E> {
        if self.around == MAX_DEPTH {
            return self.refuse(Fault::TooDeep);
        }
        Ok(Self { around: self.around + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => self.refuse(Fault::Grammar),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        if text.contains('\0') {
            return self.refuse(Fault::Nul);
        }
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Object::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.contains('\0') {
                return self.refuse(Fault::Nul);
            }
            if object.contains_key(&name) {
                return self.refuse(Fault::DuplicateMember);
            }
            object.insert(name, members.next_value_seed(inside)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(depth: usize) -> String {
        let arrays = depth - 1;
        format!("{{\"a\":{}0{}}}", "[".repeat(arrays), "]".repeat(arrays))
    }

    #[test]
    fn one_meaning_or_none() {
        for (text, want) in [
            (r#"{}"#, None),
            (r#" {"a":1,"A":1,"b":{"a":1}} "#, None),
            (r#"{"a":"\ud83d\ude00 é"}"#, None),
            (r#"{"a":1,"a":1}"#, Some(Fault::DuplicateMember)),
            (r#"{"tenant_id":1,"tenant\u005fid":2}"#, Some(Fault::DuplicateMember)),
            (r#"{"x":[{"y":{"a":1,"\u0061":null}}]}"#, Some(Fault::DuplicateMember)),
            (r#"{"a\u0000":1}"#, Some(Fault::Nul)),
            (r#"{"a":["\u0000"]}"#, Some(Fault::Nul)),
            (r#"{"a":"\ud800"}"#, Some(Fault::Grammar)),
            (r#"{"\udc00":1}"#, Some(Fault::Grammar)),
            (r#"{"a":"\ud800\u0041"}"#, Some(Fault::Grammar)),
            (r#"{"a":1e999}"#, Some(Fault::Grammar)),
            (r#"{"a":NaN}"#, Some(Fault::Grammar)),
            (r#"{"a":01}"#, Some(Fault::Grammar)),
            (r#"{"a":1,}"#, Some(Fault::Grammar)),
            (r#"{'a':1}"#, Some(Fault::Grammar)),
            (r#"{"a":1} x"#, Some(Fault::Grammar)),
            (r#"{}{}"#, Some(Fault::Grammar)),
            ("{}\0", Some(Fault::Grammar)),
            ("\u{feff}{}", Some(Fault::Grammar)),
            ("{\"a\":\"\n\"}", Some(Fault::Grammar)),
            ("", Some(Fault::Grammar)),
            ("[]", Some(Fault::NotAnObject)),
            ("\"a\"", Some(Fault::NotAnObject)),
            ("null", Some(Fault::NotAnObject)),
        ] {
            assert_eq!(parse_object(text.as_bytes()).err(), want, "{text}");
        }
        assert_eq!(parse_object(b"{\"a\":\"\xff\"}").err(), Some(Fault::Grammar));
        assert_eq!(parse_object(b"{\"\xc0\x80\":1}").err(), Some(Fault::Grammar), "overlong");
        assert_eq!(parse_object(b"{\"\xed\xa0\x80\":1}").err(), Some(Fault::Grammar), "surrogate in UTF-8");
    }

    #[test]
    fn eight_levels_and_no_more() {
        for depth in 1..=MAX_DEPTH {
            assert!(parse_object(nested(depth).as_bytes()).is_ok(), "{depth}");
        }
        for depth in [MAX_DEPTH + 1, 200, 5_000, 1_000_000] {
            assert_eq!(parse_object(nested(depth).as_bytes()).err(), Some(Fault::TooDeep), "{depth}");
            let unclosed = "{\"a\":".repeat(depth);
            assert_eq!(parse_object(unclosed.as_bytes()).err(), Some(Fault::TooDeep), "{depth}");
        }
    }

    #[test]
    fn integers_keep_their_digits() {
        let object = parse_object(br#"{"a":9223372036854775807,"b":-9223372036854775808,"c":18446744073709551615}"#);
        let object = object.unwrap();
        assert_eq!(object["a"].to_string(), "9223372036854775807");
        assert_eq!(object["b"].to_string(), "-9223372036854775808");
        assert_eq!(object["c"].to_string(), "18446744073709551615");
    }

    #[test]
    fn wiping_leaves_no_string() {
        let mut value = Value::Object(parse_object(br#"{"k":"secret","a":[{"b":"secret"}],"n":1}"#).unwrap());
        wipe(&mut value);
        assert!(!value.to_string().contains("secret"), "{value}");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_object(&bytes);
        }

        #[test]
        fn json_like_text_never_panics(text in r#"[\[\]{}",:0-9eE.+\-\\ua-f ]{0,80}"#) {
            let _ = parse_object(text.as_bytes());
        }

        #[test]
        fn what_is_accepted_means_what_serde_json_reads(text in r#"\{("[a-c]":([0-9]|"[a-z]"|\[\]|\{\})(,"[a-c]":[0-9]){0,3})?\}"#) {
            if let Ok(object) = parse_object(text.as_bytes()) {
                let plain: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(Value::Object(object), plain);
            }
        }
    }
}
