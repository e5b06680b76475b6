//! What a credential, a key set or an issuer's options can be refused for: one constructor per condition.
//!
//! A refused credential is always 28000; its DETAIL is a constant text and never a part of the credential.

use std::borrow::Cow;

use super::json::Fault;
use super::options::OPTIONS;
use crate::error::{SqlState, WardenError};

pub fn oversized_token() -> WardenError {
    invalid_token("A token has at most 16384 bytes.")
}

pub fn malformed_token() -> WardenError {
    invalid_token("The token is not a compact JWS: three parts in unpadded base64url, joined by periods.")
}

pub fn malformed_token_header(fault: Fault) -> WardenError {
    invalid_token(format!("The token's header {}", fault.predicate()))
}

pub fn malformed_token_payload(fault: Fault) -> WardenError {
    invalid_token(format!("The token's payload {}", fault.predicate()))
}

pub fn unsupported_algorithm() -> WardenError {
    invalid_token("The header's alg is missing or none of EdDSA, ES256, ES384, RS256, PS256, HS256.")
}

pub fn forbidden_header_parameter() -> WardenError {
    invalid_token("The header holds crit, b64, jwk, jku, x5c or x5u, none of which is accepted.")
}

pub fn malformed_key_id() -> WardenError {
    invalid_token("The header's kid is not a non-empty string.")
}

pub fn malformed_token_type() -> WardenError {
    invalid_token("The header's typ is not a string.")
}

pub fn unknown_issuer() -> WardenError {
    invalid_token("The token's issuer is not known.")
}

pub fn other_issuer() -> WardenError {
    invalid_token("The token was issued by another issuer.")
}

pub fn no_fitting_key() -> WardenError {
    invalid_token("No key of the issuer fits.")
}

pub fn foreign_algorithm() -> WardenError {
    invalid_token("The header's alg is not the key's.")
}

pub fn ambiguous_key() -> WardenError {
    invalid_token("The header has no kid, and several keys of the issuer have its alg.")
}

pub fn bad_signature() -> WardenError {
    invalid_token("The signature does not verify.")
}

pub fn missing_claim(claim: &'static str) -> WardenError {
    invalid_token(format!("The required claim {claim} is missing."))
}

pub fn mistyped_claim(claim: &'static str) -> WardenError {
    invalid_token(format!("The claim {claim} has the wrong JSON type or is out of range."))
}

pub fn wrong_audience() -> WardenError {
    invalid_token("The token is for another audience.")
}

pub fn expired_token() -> WardenError {
    WardenError::new(SqlState::InvalidAuthorization, "token has expired").detail("The token has expired.")
}

pub fn not_yet_valid() -> WardenError {
    invalid_token("The token is not valid yet: its nbf lies beyond the leeway.")
}

pub fn issued_in_the_future() -> WardenError {
    invalid_token("The token was issued in the future: its iat lies beyond the leeway.")
}

pub fn expires_before_issue() -> WardenError {
    invalid_token("The token's exp is not after its iat.")
}

pub fn lives_too_long() -> WardenError {
    invalid_token("The token's exp lies further after its iat than the issuer's max_ttl.")
}

pub fn unfit_tenant_claim() -> WardenError {
    invalid_token("The tenant claim is neither a string of 1 to 255 bytes nor an integer of 64 bits.")
}

pub fn unfit_user_claim() -> WardenError {
    invalid_token("The user claim is missing, no string of 1 to 255 bytes, or a reserved name.")
}

pub fn unfit_role_claim() -> WardenError {
    invalid_token("The role claim is missing or no string of 1 to 255 bytes.")
}

pub fn unfit_session_claim() -> WardenError {
    invalid_token("The session claim is no string of 1 to 255 bytes.")
}

pub fn oversized_key_set() -> WardenError {
    invalid_key_set("A key set has at most 262144 bytes.")
}

pub fn malformed_key_set(fault: Fault) -> WardenError {
    invalid_key_set(format!("The key set {}", fault.predicate()))
}

pub fn missing_keys() -> WardenError {
    invalid_key_set("The key set has no array \"keys\".")
}

pub fn no_usable_key() -> WardenError {
    invalid_key_set("No key of the set is usable.").hint(
        "A usable key has kty OKP with crv Ed25519, EC with crv P-256 or P-384, RSA, or oct, and serves to verify signatures.",
    )
}

/// `position` counts from 1, in the set's order.
pub fn duplicate_key_id(position: usize) -> WardenError {
    invalid_key(position, "Its kid stands in the set already.")
}

/// `position` counts from 1, in the set's order; `reason` is a sentence about the key.
pub fn malformed_key(position: usize, reason: &'static str) -> WardenError {
    invalid_key(position, reason)
}

/// `position` counts from 1, in the set's order.
pub fn private_key_in_set(position: usize) -> WardenError {
    invalid_key(position, "It is a private key.")
        .hint("Give the public key alone, and replace this key: it was sent to the server.")
}

pub fn malformed_options(fault: Fault) -> WardenError {
    invalid_option(format!("The text of the options {}", fault.predicate()))
}

pub fn unknown_option(name: &str) -> WardenError {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    invalid_option(format!("Option \"{shown}\" does not exist."))
}

/// `expected` is the end of a sentence whose subject is the option.
pub fn unfit_option(name: &'static str, expected: &'static str) -> WardenError {
    invalid_option(format!("Option \"{name}\" {expected}"))
}

fn invalid_token(detail: impl Into<Cow<'static, str>>) -> WardenError {
    WardenError::new(SqlState::InvalidAuthorization, "invalid token").detail(detail)
}

fn invalid_key_set(detail: impl Into<Cow<'static, str>>) -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "invalid key set").detail(detail)
}

fn invalid_key(position: usize, reason: &'static str) -> WardenError {
    invalid_key_set(format!("Key {position}: {reason}"))
}

fn invalid_option(detail: String) -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "invalid issuer option")
        .detail(detail)
        .hint(format!("The options are: {}.", OPTIONS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refused_credential_looks_alike() {
        let refusals = [
            oversized_token(),
            malformed_token(),
            malformed_token_header(Fault::Grammar),
            malformed_token_payload(Fault::DuplicateMember),
            unsupported_algorithm(),
            forbidden_header_parameter(),
            malformed_key_id(),
            malformed_token_type(),
            unknown_issuer(),
            other_issuer(),
            no_fitting_key(),
            foreign_algorithm(),
            ambiguous_key(),
            bad_signature(),
            missing_claim("exp"),
            mistyped_claim("aud"),
            wrong_audience(),
            not_yet_valid(),
            issued_in_the_future(),
            expires_before_issue(),
            lives_too_long(),
            unfit_tenant_claim(),
            unfit_user_claim(),
            unfit_role_claim(),
            unfit_session_claim(),
        ];
        for (at, refusal) in refusals.iter().enumerate() {
            assert_eq!(refusal.state, SqlState::InvalidAuthorization, "{refusal:?}");
            assert_eq!(refusal.message, "invalid token", "{refusal:?}");
            assert!(refusals[..at].iter().all(|other| other.detail != refusal.detail), "{refusal:?}");
            assert_sentence(refusal);
        }
        assert_eq!(expired_token().state, SqlState::InvalidAuthorization);
        assert_eq!(expired_token().message, "token has expired");
        assert_sentence(&expired_token());
    }

    #[test]
    fn a_refused_argument_says_what_is_wrong() {
        for (refusal, message) in [
            (oversized_key_set(), "invalid key set"),
            (malformed_key_set(Fault::TooDeep), "invalid key set"),
            (missing_keys(), "invalid key set"),
            (no_usable_key(), "invalid key set"),
            (duplicate_key_id(2), "invalid key set"),
            (malformed_key(1, "Its x is wrong."), "invalid key set"),
            (private_key_in_set(3), "invalid key set"),
            (malformed_options(Fault::NotAnObject), "invalid issuer option"),
            (unknown_option("max_ttll"), "invalid issuer option"),
            (unfit_option("leeway", "is no interval."), "invalid issuer option"),
        ] {
            assert_eq!(refusal.state, SqlState::InvalidParameterValue, "{refusal:?}");
            assert_eq!(refusal.message, message);
            assert_sentence(&refusal);
        }
        let unknown = unknown_option(&"x\n".repeat(100));
        assert_eq!(unknown.detail.unwrap(), format!("Option \"{}\" does not exist.", "x".repeat(64)));
        assert!(unknown.hint.unwrap().contains("database_roles"));
    }

    fn assert_sentence(error: &WardenError) {
        let detail = error.detail.as_deref().unwrap_or_default();
        assert!(detail.ends_with('.') && detail.len() > 10, "{error:?}");
        assert!(!error.message.ends_with('.'), "{error:?}");
    }
}
