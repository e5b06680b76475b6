//! Encryption: the envelope of a value, what it is bound to, and the keys that open it.
//!
//! Randomness comes from the caller, so that everything here can be checked against vectors.

mod binding;
pub mod column;
mod envelope;
pub mod error;
mod key;
mod text;
mod value;
mod xaes;

pub use binding::{Binding, Context, RowKey, ValueType};
pub use envelope::{
    Envelope, EnvelopeName, Flags, GenerationId, Head, LONGEST_PREFIX, Malformed, NONCE, Suite, TAG, equality_tag_of,
    search_term,
};
pub use key::{DataKey, IndexKey, KeyState, ROOT_KEY, RootKey, TenantKey, WRAP, Wrapped};
pub use text::{decode_hex, decoded_len, encode_hex, hex_len};
pub use value::{TagKey, ValueKey};
pub use xaes::Xaes256Gcm;

/// Fills a buffer with random bytes from the operating system.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]) -> crate::error::Result<()>;
