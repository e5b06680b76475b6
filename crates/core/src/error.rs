//! The one error type that crosses the seam: what the adapter needs to raise a PostgreSQL error.

use std::borrow::Cow;
use std::fmt;

/// The SQLSTATEs of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlState {
    /// 42501: not allowed.
    InsufficientPrivilege,
    /// 28000: bad, expired or revoked credential, or no context.
    InvalidAuthorization,
    /// 55000: wrong state.
    NotInPrerequisiteState,
    /// 22023: bad argument.
    InvalidParameterValue,
    /// 22004: NULL where it has no meaning.
    NullNotAllowed,
    /// 23505: taken already.
    UniqueViolation,
    /// 23503: a reference to nothing, or to what is not yours.
    ForeignKeyViolation,
    /// 25P01: needs a transaction block.
    NoActiveTransaction,
    /// 42809: an object of the wrong kind.
    WrongObjectType,
    /// 42P01: no such relation.
    UndefinedTable,
    /// 42P07: a relation of that name is there.
    DuplicateTable,
    /// 42703: no such column.
    UndefinedColumn,
    /// 42804: a column of the wrong type.
    DatatypeMismatch,
    /// 23502: NULL in a column that may hold none.
    NotNullViolation,
    /// 0A000: not supported.
    FeatureNotSupported,
    /// 54000: over a limit.
    ProgramLimitExceeded,
    /// 39000: a value does not decrypt.
    DecryptionFailed,
    /// 22P02: text that is no value of the type.
    InvalidText,
    /// 22P03: bytes that are no value of the type.
    InvalidBinary,
    /// 40001: somebody else was faster; the transaction can be tried again.
    SerializationFailure,
    /// 22001: longer than the type allows.
    StringTooLong,
    /// 01000: no error, but to be known.
    Warning,
    /// XX000: a defect of pg_warden itself.
    Internal,
}

/// One condition: SQLSTATE, primary message, and what helps (DETAIL: facts; HINT: a sentence that says what to do).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WardenError {
    pub state: SqlState,
    pub message: Cow<'static, str>,
    pub detail: Option<Cow<'static, str>>,
    pub hint: Option<Cow<'static, str>>,
}

pub type Result<T> = std::result::Result<T, WardenError>;

impl WardenError {
    pub fn new(state: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self { state, message: message.into(), detail: None, hint: None }
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for WardenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for WardenError {}
