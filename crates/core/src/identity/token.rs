//! A JSON Web Token (RFC 7519) as a compact JWS (RFC 7515 section 7.1), hardened after RFC 8725.
//!
//! A token is parsed, its issuer looked up by the caller, its signature verified, and only then are its claims judged.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::claims::{self, Verified};
use super::error;
use super::json::{self, Fault, Object};
use super::jwks::KeySet;
use super::key::Algorithm;
use super::options::IssuerOptions;
use crate::error::{Result, WardenError};

/// The longest token, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// Header parameters that bring a key along or change what is signed (RFC 7515 section 4.1, RFC 7797).
const FORBIDDEN_PARAMETERS: [&str; 6] = ["crit", "b64", "jwk", "jku", "x5c", "x5u"];

/// Who signs tokens, with which keys, and how its tokens are read.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Exactly what its tokens carry as `iss`.
    pub name: String,
    /// What `aud` must contain; None: `aud` need not be there, and its content is not looked at.
    pub audience: Option<String>,
    pub keys: KeySet,
    pub options: IssuerOptions,
}

/// A token of sound form, about which nothing is known yet.
pub struct Token {
    header: Header,
    issuer: String,
    payload: Object,
    payload_text: String,
    signing_input: String,
    signature: Vec<u8>,
}

/// Shows nothing that could be replayed.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("header", &self.header).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Token {
    /// Reads a compact JWS of at most 16 KiB with a payload of at most 8 levels.
    ///
    /// # Errors
    /// 28000 for anything else, for a header that is refused whoever signed it, and for a payload without `iss`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(error::oversized_token());
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or_else(error::malformed_token)?;
        let (header, payload) = signing_input.split_once('.').ok_or_else(error::malformed_token)?;
        // A further period is no base64url, so there are three parts or an error.
        let header = Header::parse(&decode(header)?)?;
        let payload_text =
            String::from_utf8(decode(payload)?).map_err(|_| error::malformed_token_payload(Fault::Grammar))?;
        let payload = json::parse_object(payload_text.as_bytes()).map_err(error::malformed_token_payload)?;
        let issuer = match payload.get("iss") {
            Some(Value::String(issuer)) => issuer.clone(),
            Some(_) => return Err(error::mistyped_claim("iss")),
            None => return Err(error::missing_claim("iss")),
        };
        let signature = decode(signature)?;
        Ok(Self { header, issuer, payload, payload_text, signing_input: signing_input.to_owned(), signature })
    }

    /// Who claims to have issued it; unverified, good only to look the issuer up.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies the signature, then judges the claims at `now` (seconds since 1970-01-01 UTC).
    ///
    /// # Errors
    /// 28000 with the first reason that the token is not valid.
    pub fn verify(&self, issuer: &Issuer, now: i64) -> Result<Verified> {
        let Header { algorithm, kid } = &self.header;
        let key = issuer.keys.verify(kid.as_deref(), *algorithm, self.signing_input.as_bytes(), &self.signature)?;
        claims::judge(&self.payload, &self.payload_text, key, issuer, now)
    }
}

/// What a header says that counts.
#[derive(Debug)]
struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
}

impl Header {
    fn parse(text: &[u8]) -> Result<Self> {
        let header = json::parse_object(text).map_err(error::malformed_token_header)?;
        if FORBIDDEN_PARAMETERS.iter().any(|parameter| header.contains_key(*parameter)) {
            return Err(error::forbidden_header_parameter());
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        let algorithm = algorithm.ok_or_else(error::unsupported_algorithm)?;
        text_parameter(&header, "typ", error::malformed_token_type)?;
        let kid = text_parameter(&header, "kid", error::malformed_key_id)?;
        if kid.is_some_and(str::is_empty) {
            return Err(error::malformed_key_id());
        }
        Ok(Self { algorithm, kid: kid.map(str::to_owned) })
    }
}

fn text_parameter<'a>(header: &'a Object, name: &str, otherwise: fn() -> WardenError) -> Result<Option<&'a str>> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(otherwise()),
    }
}

/// Unpadded base64url with zero trailing bits (RFC 7515 section 2, RFC 4648 section 3.5): one text for each value.
fn decode(part: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| error::malformed_token())
}
