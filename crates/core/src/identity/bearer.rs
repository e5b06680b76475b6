//! The bearer token of an HTTP request (RFC 6750 section 2.1), out of its headers as PostgREST hands them over.

use serde_json::Value;

use super::error;
use crate::error::Result;

/// The token of the `authorization` header in a JSON object of headers; `None` where there is no such header, no
/// headers at all, or another scheme.
///
/// # Errors
/// 28000 for headers that are no JSON object, and for an `authorization` header that is no text.
pub fn token(headers: &str) -> Result<Option<String>> {
    if headers.is_empty() {
        return Ok(None);
    }
    let headers: Value = serde_json::from_str(headers).map_err(|_| error::malformed_token())?;
    let headers = headers.as_object().ok_or_else(error::malformed_token)?;
    let Some((_, value)) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")) else {
        return Ok(None);
    };
    let value = value.as_str().ok_or_else(error::malformed_token)?;
    let Some((scheme, token)) = value.split_once(' ') else { return Ok(None) };
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned()).filter(|token| !token.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn a_bearer_token_and_nothing_else() {
        for (headers, want) in [
            ("", None),
            ("{}", None),
            (r#"{"authorization": "Bearer a.b.c"}"#, Some("a.b.c")),
            (r#"{"Authorization": "bearer  a.b.c "}"#, Some("a.b.c")),
            (r#"{"authorization": "Basic eDp5"}"#, None),
            (r#"{"authorization": "Bearer"}"#, None),
            (r#"{"authorization": "Bearer "}"#, None),
            (r#"{"x": "Bearer a.b.c"}"#, None),
        ] {
            assert_eq!(token(headers).unwrap().as_deref(), want, "{headers}");
        }
        for bad in ["x", "[]", r#"{"authorization": 7}"#] {
            assert!(token(bad).is_err(), "{bad}");
        }
    }
}
