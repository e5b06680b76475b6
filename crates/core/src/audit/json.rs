//! JSON as the audit's formats carry it: every member is asked for by name, none stands twice, none is left over, and
//! a number keeps its spelling.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::Malformed;
use super::hash::Hash;

/// Objects and arrays inside each other that are compared member by member.
const MAX_DEPTH: usize = 128;

/// An object whose members are taken one by one.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// # Errors
    /// For anything but one object, and for a member that stands twice.
    pub(super) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let Members(members) = serde_json::from_str(text).map_err(|error| {
            Malformed::new(format!("it is not a JSON object with each member once ({})", kind(&error)))
        })?;
        Ok(Self(members))
    }

    /// In their order.
    pub(super) fn into_members(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.0
    }

    pub(super) fn optional(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(at).1.get())
    }

    pub(super) fn raw(&mut self, name: &str) -> Result<&'a str, Malformed> {
        self.optional(name).ok_or_else(|| Malformed::new(format!("it has no member \"{name}\"")))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Cow<'a, str>, Malformed> {
        text(self.raw(name)?).ok_or_else(|| wrong(name, "a string"))
    }

    /// `None` for null.
    pub(super) fn nullable_text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Malformed> {
        match self.raw(name)? {
            "null" => Ok(None),
            raw => text(raw).map(Some).ok_or_else(|| wrong(name, "a string or null")),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<u64, Malformed> {
        number(self.raw(name)?).ok_or_else(|| wrong(name, "a whole number"))
    }

    /// `None` for null.
    pub(super) fn nullable_number(&mut self, name: &str) -> Result<Option<u64>, Malformed> {
        match self.raw(name)? {
            "null" => Ok(None),
            raw => number(raw).map(Some).ok_or_else(|| wrong(name, "a whole number or null")),
        }
    }

    pub(super) fn hash(&mut self, name: &str) -> Result<Hash, Malformed> {
        let text = self.text(name)?;
        Hash::parse(&text).ok_or_else(|| wrong(name, "the base64 of 32 bytes"))
    }

    pub(super) fn hashes(&mut self, name: &str) -> Result<Vec<Hash>, Malformed> {
        let wrong = || wrong(name, "a list of hashes in base64");
        let items: Vec<&RawValue> = serde_json::from_str(self.raw(name)?).map_err(|_| wrong())?;
        items.iter().map(|item| text(item.get()).and_then(|text| Hash::parse(&text)).ok_or_else(wrong)).collect()
    }

    pub(super) fn base64(&mut self, name: &str) -> Result<Vec<u8>, Malformed> {
        let text = self.text(name)?;
        STANDARD.decode(&*text).map_err(|_| wrong(name, "base64"))
    }

    pub(super) fn expect(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        if self.text(name)? == value { Ok(()) } else { Err(Malformed::new(format!("its {name} is not \"{value}\""))) }
    }

    /// # Errors
    /// For a member that nobody has asked for.
    pub(super) fn end(self) -> Result<(), Malformed> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Malformed::new(format!("it has an unknown member \"{}\"", shown(name)))),
        }
    }
}

fn wrong(name: &str, what: &str) -> Malformed {
    Malformed::new(format!("its member \"{name}\" is not {what}"))
}

/// A name from outside, short and without what could confuse a terminal.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(40).flat_map(char::escape_debug).collect()
}

fn kind(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "another type, or a member twice",
        _ => "a syntax error",
    }
}

pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text>(raw).ok().map(|Text(text)| text)
}

fn number(raw: &str) -> Option<u64> {
    serde_json::from_str(raw).ok()
}

/// Whether a text is JSON that stands on one line.
pub(super) fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r']) && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// Appends a JSON string.
pub(super) fn put_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether two JSON texts say the same: spaces, escapes and the order of members aside, but with numbers spelled alike.
pub(super) fn same(left: &str, right: &str) -> bool {
    left == right || same_within(left, right, 0)
}

fn same_within(left: &str, right: &str, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match (left.as_bytes().first(), right.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => {
            let (Ok(left), Ok(right)) = (Object::parse(left), Object::parse(right)) else { return false };
            let (mut left, mut right) = (left.into_members(), right.into_members());
            left.sort_by(|one, other| one.0.cmp(&other.0));
            right.sort_by(|one, other| one.0.cmp(&other.0));
            left.len() == right.len()
                && left
                    .iter()
                    .zip(&right)
                    .all(|(one, other)| one.0 == other.0 && same_within(one.1.get(), other.1.get(), depth + 1))
        }
        (Some(b'['), Some(b'[')) => {
            let items = |text| serde_json::from_str::<Items>(text).ok();
            let (Some(Items(left)), Some(Items(right))) = (items(left), items(right)) else { return false };
            left.len() == right.len()
                && left.iter().zip(&right).all(|(one, other)| same_within(one.get(), other.get(), depth + 1))
        }
        (Some(b'"'), Some(b'"')) => text(left).is_some() && text(left) == text(right),
        _ => left == right,
    }
}

struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EachOnce;
        impl<'de> Visitor<'de> for EachOnce {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
                names.sort_unstable();
                if names.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(A::Error::custom("a member twice"));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(EachOnce)
    }
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_are_asked_for_once_each() {
        let text = r#"{"a":"\u00e9","n":7,"h":"ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=","z":null,"l":[]}"#;
        let mut object = Object::parse(text).unwrap();
        assert_eq!(object.text("a").unwrap(), "é");
        assert_eq!(object.number("n"), Ok(7));
        assert_eq!(object.hash("h"), Ok(Hash::of(&[b"abc"])));
        assert_eq!(object.nullable_text("z"), Ok(None));
        assert_eq!(object.hashes("l"), Ok(vec![]));
        assert!(object.text("a").is_err(), "taken already");
        assert_eq!(object.end(), Ok(()));
        assert!(Object::parse(text).unwrap().end().is_err());
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in [
            "",
            "[]",
            "null",
            "\"a\"",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"a":1}{}"#,
            r#"{"a":1,}"#,
            r#"{a:1}"#,
            r#"{"a":01}"#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":\"\n\"}",
        ] {
            let read = Object::parse(text).and_then(|mut object| object.text("a").map(|_| ()));
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_whole() {
        for text in ["-1", "-0", "1.0", "1e3", "18446744073709551616", "\"1\"", "true", "null"] {
            let text = format!("{{\"n\":{text}}}");
            assert!(Object::parse(&text).unwrap().number("n").is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_in_another_spelling() {
        for (left, right, same_) in [
            (r#"{"a":1,"b":[true,null]}"#, r#"{ "b": [ true, null ], "a": 1 }"#, true),
            (r#""é""#, r#""\u00e9""#, true),
            (r#"{"n":1.00}"#, r#"{"n":1.0}"#, false),
            (r#"{"n":12345678901234567890}"#, r#"{"n":12345678901234567891}"#, false),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
            (r#"[1,2]"#, r#"[2,1]"#, false),
            (r#"{"a":null}"#, r#"{}"#, false),
            (r#""1""#, "1", false),
        ] {
            assert_eq!(same(left, right), same_, "{left} {right}");
            assert_eq!(same(right, left), same_, "{right} {left}");
        }
        let deep = |space: &str| format!("{}{space}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(!same(&deep(""), &deep(" ")), "nested deeper than is compared");
    }

    proptest! {
        #[test]
        fn strings_are_written_as_they_are_read(text in any::<String>()) {
            let mut out = String::new();
            put_string(&mut out, &text);
            prop_assert!(!out.contains(['\n', '\r']));
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
