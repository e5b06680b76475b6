//! How tenants and users are named: parsed once, then a type.

use std::fmt;

use crate::error::{Result, SqlState, WardenError};

/// A tenant's own id, a UUID (RFC 9562) in network order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub [u8; 16]);

impl TenantId {
    /// Accepts the canonical 8-4-4-4-12 form alone, so that one tenant has one spelling in a token.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 {
            return None;
        }
        let mut id = [0u8; 16];
        let mut nibbles = 0usize;
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return None;
                }
                continue;
            }
            let value = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                _ => return None,
            };
            id[nibbles / 2] |= if nibbles.is_multiple_of(2) { value << 4 } else { value };
            nibbles += 1;
        }
        Some(Self(id))
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let places = (0..36).filter(|at| !matches!(at, 8 | 13 | 18 | 23));
        let nibbles = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for (at, nibble) in places.zip(nibbles) {
            text[at] = DIGITS[usize::from(nibble)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A tenant's short name: 1 to 63 of a–z, 0–9 and '-'.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slug(String);

impl Slug {
    /// # Errors
    /// 22023 for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let fits = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(WardenError::new(SqlState::InvalidParameterValue, "invalid tenant slug")
            .detail("A slug has 1 to 63 characters of a-z, 0-9 and \"-\"."))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The application's own id for a tenant, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// # Errors
    /// 22023 for an empty one, one over 255 bytes, or one with control characters.
    pub fn parse(text: &str) -> Result<Self> {
        let fits = (1..=255).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(WardenError::new(SqlState::InvalidParameterValue, "invalid external id")
            .detail("An external id has 1 to 255 bytes, no control characters and no white space at its ends."))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a bigint tenant column holds for this tenant, if anything: the text must be exactly
    /// what PostgreSQL prints for that number, so that '41', '041' and '+41' stay three tenants.
    pub fn as_integer(text: &str) -> Option<i64> {
        let number: i64 = text.parse().ok()?;
        (number.to_string() == text).then_some(number)
    }
}

/// A user as an issuer or a broker names it: any text of 1 to 255 bytes without NUL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// Names that only the extension itself gives out.
    const RESERVED: [&'static str; 2] = ["service:", "operator:"];

    /// # Errors
    /// 22023 for an empty or overlong one, one with NUL, or a reserved one.
    pub fn parse(text: &str) -> Result<Self> {
        if !(1..=255).contains(&text.len()) || text.contains('\0') {
            return Err(WardenError::new(SqlState::InvalidParameterValue, "invalid user id")
                .detail("A user id has 1 to 255 bytes and no NUL."));
        }
        if Self::RESERVED.iter().any(|prefix| text.starts_with(prefix)) {
            return Err(WardenError::new(SqlState::InvalidParameterValue, "reserved user id")
                .detail("Names that begin with \"service:\" or \"operator:\" are given by the extension alone."));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why somebody did something: never blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// # Errors
    /// 22023 for a blank one, or one over 1,024 bytes.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim().is_empty() || text.len() > 1024 {
            return Err(WardenError::new(SqlState::InvalidParameterValue, "invalid reason")
                .detail("A reason is not blank and has at most 1024 bytes."));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_id_has_one_form() {
        let text = "0191e1b2-7c3d-7000-8abc-0123456789ab";
        let id = TenantId::parse(text).unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(TenantId::parse(&text.to_uppercase()), Some(id));
        for bad in ["", "x", &text.replace('-', ""), &format!("{{{text}}}"), &text.replace('0', "g"), &text[..35]] {
            assert_eq!(TenantId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn slugs() {
        for good in ["a", "exam-42", &"x".repeat(63)] {
            assert!(Slug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a b", "a_b", "é", "a\0", &"x".repeat(64)] {
            assert_eq!(Slug::parse(bad).unwrap_err().state, SqlState::InvalidParameterValue, "{bad}");
        }
    }

    #[test]
    fn only_the_canonical_spelling_is_an_integer() {
        for (text, want) in [
            ("41", Some(41)),
            ("-7", Some(-7)),
            ("0", Some(0)),
            ("9223372036854775807", Some(i64::MAX)),
            ("041", None),
            ("+41", None),
            ("41 ", None),
            ("-0", None),
            ("9223372036854775808", None),
            ("", None),
            ("٤١", None),
        ] {
            assert_eq!(ExternalId::as_integer(text), want, "{text:?}");
        }
    }

    #[test]
    fn user_ids() {
        for good in ["alice", "o'brien\"; DROP", " a b ", "zoë-日本", "service", &"x".repeat(255)] {
            assert!(UserId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a\0b", "service:billing", "operator:dba", &"x".repeat(256)] {
            assert_eq!(UserId::parse(bad).unwrap_err().state, SqlState::InvalidParameterValue, "{bad}");
        }
    }

    #[test]
    fn a_reason_says_something() {
        assert!(Reason::parse("unpaid").is_ok());
        for bad in ["", "  ", "\n\t"] {
            assert!(Reason::parse(bad).is_err());
        }
    }
}
