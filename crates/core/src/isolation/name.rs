//! Names in SQL text: always quoted, never longer than PostgreSQL keeps.

use std::fmt;

/// What PostgreSQL keeps of a name, in bytes.
const LONGEST: usize = 63;

/// A name as SQL wants it, whatever it holds.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Several, with commas between.
pub(super) fn quote_all<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| quote(name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A table's name with its schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    pub schema: String,
    pub relation: String,
}

impl Name {
    pub fn new(schema: &str, relation: &str) -> Self {
        Self { schema: schema.to_owned(), relation: relation.to_owned() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quote(&self.schema), quote(&self.relation))
    }
}

/// `<base>_<suffix>`, shortened and numbered until it is nobody else's.
pub fn unique<S: AsRef<str>>(base: &str, suffix: &str, taken: &[S]) -> String {
    let is_taken = |name: &str| taken.iter().any(|other| other.as_ref() == name);
    (0u32..)
        .map(|number| match number {
            0 => format!("_{suffix}"),
            _ => format!("_{suffix}{number}"),
        })
        .map(|end| format!("{}{end}", shorten(base, LONGEST.saturating_sub(end.len()))))
        .find(|name| !is_taken(name))
        .unwrap_or_default()
}

/// At most `bytes`, cut between characters.
fn shorten(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_quoted() {
        for (name, want) in [
            ("plain", "\"plain\""),
            ("Upper Case", "\"Upper Case\""),
            ("a\"b", "\"a\"\"b\""),
            ("\"; DROP TABLE x; --", "\"\"\"; DROP TABLE x; --\""),
            ("prüfung'", "\"prüfung'\""),
        ] {
            assert_eq!(quote(name), want);
        }
        assert_eq!(Name::new("a.b", "c\"d").to_string(), "\"a.b\".\"c\"\"d\"");
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let none: [&str; 0] = [];
        assert_eq!(unique("exam", "warden_idx", &none), "exam_warden_idx");
        assert_eq!(unique("exam", "warden_idx", &["exam_warden_idx", "exam_warden_idx1"]), "exam_warden_idx2");
    }

    proptest! {
        #[test]
        fn a_made_name_fits_and_is_free(base in "\\PC{0,80}", taken in 0usize..12) {
            let mut names: Vec<String> = Vec::new();
            for _ in 0..=taken {
                let name = unique(&base, "warden_idx", &names);
                prop_assert!(name.len() <= LONGEST && !names.contains(&name), "{name:?}");
                names.push(name);
            }
        }

        #[test]
        fn a_quoted_name_ends_where_it_should(name in "\\PC{1,63}") {
            let quoted = quote(&name);
            let inner = &quoted[1..quoted.len() - 1];
            prop_assert_eq!(inner.replace("\"\"", ""), name.replace('"', ""));
        }
    }
}
