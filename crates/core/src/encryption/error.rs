//! What encryption refuses: one constructor per condition. No message holds a key, a value or a part of an envelope.

use crate::error::{SqlState, WardenError};

/// A value that does not open: whatever the reason, the text is this one.
pub fn decryption_failed() -> WardenError {
    WardenError::new(SqlState::DecryptionFailed, "decryption failed")
}

pub fn malformed_text(type_name: &'static str) -> WardenError {
    WardenError::new(SqlState::InvalidText, format!("invalid input syntax for type warden.{type_name}"))
        .hint("Write clear values through the table's companion view <table>_clear, or as warden.encrypt gives them.")
}

pub fn malformed_binary(type_name: &'static str) -> WardenError {
    WardenError::new(SqlState::InvalidBinary, format!("invalid binary format of type warden.{type_name}"))
}

pub fn invalid_context() -> WardenError {
    WardenError::new(SqlState::InvalidParameterValue, "invalid encryption context")
        .detail("A context has 1 to 255 bytes.")
        .hint("Name what the value is, such as 'people.phone': the same to encrypt, search and decrypt.")
}

pub fn too_long() -> WardenError {
    WardenError::new(SqlState::ProgramLimitExceeded, "the value is too long to be encrypted")
        .detail("An encrypted value and its envelope are below 1 GB together.")
}

/// `what`: the setting and its value, which names a file and nothing of its content.
pub fn no_root_key(what: impl Into<std::borrow::Cow<'static, str>>) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "the root key cannot be used")
        .detail(what)
        .hint("warden.root_key_file names a file of exactly 32 bytes, mode 0600, that belongs to the server's user and lies outside of the data directory.")
}

pub fn wrong_root_key(file: &str) -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "the root key does not open the tenant's key")
        .detail(format!("File \"{file}\" holds another key, or the key registry has been changed."))
        .hint("Put the root key back that the tenant's key was wrapped with.")
}

/// A wrap in the registry that does not open under its tenant's key: somebody changed the registry.
pub fn damaged_key_registry() -> WardenError {
    WardenError::new(SqlState::NotInPrerequisiteState, "a key in the registry does not open")
        .detail("It does not belong to its tenant, its generation or its state: the key registry has been changed.")
}
