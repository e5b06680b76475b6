//! Credentials that stand in a statement's text: others of the same role could read them in pg_stat_activity, and
//! whoever reads the log.

use warden_core::error::{Result, SqlState, WardenError};

use crate::pg::activity;
use crate::pg::analyze::AnalyzedQuery;
use crate::pg::guc::{LITERAL_CREDENTIALS, LiteralCredentials};

/// The functions of schema `warden` whose first argument is a credential.
const DOORS: [&str; 4] = ["login", "resume", "open_session", "login_for_session"];

/// # Errors
/// 28000 for a literal where the server wants bind parameters.
pub fn query_analyzed(query: AnalyzedQuery) -> Result<()> {
    if !query.text_holds_one_of(&DOORS) || !query.calls_with_literal(&DOORS) {
        return Ok(());
    }
    activity::hide_statement();
    if LITERAL_CREDENTIALS.get() == LiteralCredentials::Redact {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InvalidAuthorization, "a credential must not be a literal")
        .detail("Others can read a statement's text; warden.literal_credentials is \"refuse\".")
        .hint("Pass the token as a bind parameter, bound by the server."))
}

/// A plan that was analyzed under an earlier message brings its literal along: the text tells.
pub fn presented(credential: &str) {
    if activity::statement_holds(credential) {
        activity::hide_statement();
    }
}
