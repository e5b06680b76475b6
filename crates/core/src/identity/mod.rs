//! Who is calling: issuers and their keys, the tokens that they sign, and the context that a login makes.

pub mod bearer;
mod claims;
pub mod context;
pub mod duration;
pub mod error;
pub mod json;
mod jwks;
mod key;
pub mod last_use;
mod options;
mod token;

pub use claims::Verified;
pub use jwks::{KeySet, KeySummary, SkippedKey};
pub use key::Algorithm;
pub use options::{ClaimPath, IssuerOptions, RoleFrom};
pub use token::{Issuer, Token};
