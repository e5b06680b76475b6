//! Who signs: the installation's name and its key. The key is read for each block and kept by nobody.

use std::cell::RefCell;

use warden_core::audit::{KeyName, SigningKey};
use warden_core::error::Result;

use crate::pg::error::internal;
use crate::pg::guc::{self, ALLOW_LOCAL_ROOT_KEY};
use crate::pg::{error, incarnation, key_file};

thread_local! {
    /// What was last said of the key's file, so that it is not said every second.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// # Errors
/// For a name that no key can have.
pub fn installation() -> Result<KeyName> {
    let name = guc::installation().unwrap_or_else(|| format!("pg_warden-{}", incarnation::system_identifier()));
    KeyName::parse(&name).map_err(internal)
}

/// `None` where there is no usable key: blocks are unsigned then, and every report says so.
pub fn signing(installation: &KeyName) -> Option<SigningKey> {
    let file = guc::audit_key_file()?;
    match key_file::read(&file, ALLOW_LOCAL_ROOT_KEY.get()) {
        Ok(seed) => {
            SAID.take();
            Some(SigningKey::new(installation.clone(), &seed))
        }
        Err(reason) => {
            let is_new = SAID.with_borrow(|said| said.as_ref() != Some(&reason));
            if is_new {
                error::log(format!("the audit log is not signed: {reason}"));
                SAID.set(Some(reason));
            }
            None
        }
    }
}
