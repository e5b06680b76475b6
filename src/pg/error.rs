//! From an error of the core to an ERROR of PostgreSQL.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};
use warden_core::error::{Result, SqlState, WardenError};

/// The value, or the ERROR: the last line of every exported function.
pub fn answer<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => raise(error),
    }
}

pub fn raise(error: WardenError) -> ! {
    report(error, PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

pub fn notice(message: String) {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, "").report(PgLogLevel::NOTICE);
}

pub fn warning(error: WardenError) {
    report(error, PgLogLevel::WARNING);
}

/// To the server's log alone.
pub fn log(message: String) {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, "").report(PgLogLevel::LOG);
}

fn report(error: WardenError, level: PgLogLevel) {
    let mut report = ErrorReport::new(code(error.state), error.message, "");
    if let Some(detail) = error.detail {
        report = report.set_detail(detail);
    }
    if let Some(hint) = error.hint {
        report = report.set_hint(hint);
    }
    report.report(level);
}

fn code(state: SqlState) -> PgSqlErrorCode {
    use PgSqlErrorCode::*;
    match state {
        SqlState::InsufficientPrivilege => ERRCODE_INSUFFICIENT_PRIVILEGE,
        SqlState::InvalidAuthorization => ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::NotInPrerequisiteState => ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        SqlState::InvalidParameterValue => ERRCODE_INVALID_PARAMETER_VALUE,
        SqlState::NullNotAllowed => ERRCODE_NULL_VALUE_NOT_ALLOWED,
        SqlState::UniqueViolation => ERRCODE_UNIQUE_VIOLATION,
        SqlState::ForeignKeyViolation => ERRCODE_FOREIGN_KEY_VIOLATION,
        SqlState::NoActiveTransaction => ERRCODE_NO_ACTIVE_SQL_TRANSACTION,
        SqlState::WrongObjectType => ERRCODE_WRONG_OBJECT_TYPE,
        SqlState::UndefinedTable => ERRCODE_UNDEFINED_TABLE,
        SqlState::DuplicateTable => ERRCODE_DUPLICATE_TABLE,
        SqlState::UndefinedColumn => ERRCODE_UNDEFINED_COLUMN,
        SqlState::DatatypeMismatch => ERRCODE_DATATYPE_MISMATCH,
        SqlState::NotNullViolation => ERRCODE_NOT_NULL_VIOLATION,
        SqlState::FeatureNotSupported => ERRCODE_FEATURE_NOT_SUPPORTED,
        SqlState::ProgramLimitExceeded => ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        SqlState::DecryptionFailed => ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION,
        SqlState::InvalidText => ERRCODE_INVALID_TEXT_REPRESENTATION,
        SqlState::InvalidBinary => ERRCODE_INVALID_BINARY_REPRESENTATION,
        SqlState::SerializationFailure => ERRCODE_T_R_SERIALIZATION_FAILURE,
        SqlState::StringTooLong => ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
        SqlState::Warning => ERRCODE_WARNING,
        SqlState::Internal => ERRCODE_INTERNAL_ERROR,
    }
}

/// A defect of pg_warden itself, met where PostgreSQL promised otherwise.
pub fn internal(what: impl std::fmt::Display) -> WardenError {
    WardenError::new(SqlState::Internal, format!("unexpected state: {what}"))
}
