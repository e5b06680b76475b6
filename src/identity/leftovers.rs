//! A transaction leaves the session as it found it: behind a pooler, the next one belongs to another tenant.

use std::cell::{Cell, RefCell};
use std::ffi::CString;

use pgrx::pg_sys;
use warden_core::error::{Result, SqlState, WardenError};

use super::standing;
use crate::pg::analyze::{self, AnalyzedQuery};
use crate::pg::executor::Run;
use crate::pg::object::{self, Access, ObjectEvent};
use crate::pg::utility::{self, Kind, Statement, Verdict};
use crate::pg::{guc, parallel, temp, xact};

/// What a transaction has done to its session so far.
#[derive(Default)]
struct Traces {
    /// `search_path` and `role` as the session had them at login, where the transaction had changed them before.
    found: [Option<CString>; 2],
    /// A SET or RESET has run under the context, or a set_config at any time (its call may be older than the login).
    settings_touched: bool,
    /// Names that SQL's PREPARE made under the context.
    prepared: Vec<String>,
    /// Temporary relations made under the context, all of them ON COMMIT DROP.
    own_temporary: Vec<pg_sys::Oid>,
    /// Objects that the running statement has created, to be looked at when it is done.
    created: Vec<(pg_sys::Oid, pg_sys::Oid)>,
}

thread_local! {
    static TRACES: RefCell<Traces> = RefCell::default();
    /// The session may have made temporary types or functions: its queries are looked at for them under a context.
    static TEMPORARY_CODE: Cell<bool> = const { Cell::new(false) };
}

/// `pg_catalog.set_config`.
const SET_CONFIG: u32 = 2078;
const RESTORED: [&std::ffi::CStr; 2] = [c"search_path", c"role"];

pub fn entering() -> Result<()> {
    let found = [guc::session_value(RESTORED[0])?, guc::session_value(RESTORED[1])?];
    TRACES.with_borrow_mut(|traces| traces.found = found);
    if TEMPORARY_CODE.get() {
        analyze::forget_plans();
    }
    Ok(())
}

/// # Errors
/// 42501 for a type or function of the session's temporary schema: a domain could run a check over every value.
pub fn query_analyzed(query: AnalyzedQuery) -> Result<()> {
    if !TEMPORARY_CODE.get() || !super::slot::is_taken() || !temp::exists() {
        return Ok(());
    }
    let is_temporary = |(class, oid)| match class {
        pg_sys::ProcedureRelationId => temp::function_is_temporary(oid),
        _ => analyze::free_type_schema(oid).is_some_and(temp::is_temporary),
    };
    if query.types_and_functions().into_iter().any(is_temporary) { Err(made_before()) } else { Ok(()) }
}

/// # Errors
/// 42501 or 0A000 for what would outlive the context.
pub fn statement_starts(statement: &Statement) -> Result<Verdict> {
    let kind = statement.kind();
    if matches!(kind, Kind::Set { .. }) && super::slot::is_taken() {
        TRACES.with_borrow_mut(|traces| traces.settings_touched = true);
    }
    if let Kind::Copy { relation: Some(relation) } = kind {
        // COPY reads a table without a run.
        super::run::refuse_content([(relation, pg_sys::Oid::INVALID)])?;
    }
    if kind == Kind::Other || !xact::is_transaction_running() || !super::slot::is_taken() {
        return Ok(Verdict::Run);
    }
    match kind {
        Kind::Listen => Err(outlives("LISTEN", "It would go on listening for the next user of this session.")),
        Kind::DeclareCursor { with_hold: true } => {
            Err(outlives("DECLARE ... WITH HOLD", "The cursor would hold this tenant's rows for the next user."))
        }
        Kind::Fetch { held: true } => Err(super::run::foreign()),
        Kind::DiscardTemporary => {
            Err(outlives("DISCARD TEMP", "It would drop what the session had before this context."))
        }
        Kind::AlterRole => Err(outlives("ALTER ROLE", "It would change every later session of the role.")),
        Kind::Deallocate { name } => {
            deallocate(name.as_deref());
            Ok(Verdict::Done)
        }
        Kind::Copy { relation: Some(relation) } => {
            require_open(relation)?;
            Ok(Verdict::Run)
        }
        _ => Ok(Verdict::Run),
    }
}

/// # Errors
/// 42501 for a temporary object that would outlive the context.
pub fn statement_done(statement: &Statement) -> Result<()> {
    if statement.is_subcommand() {
        // Looked at when the statement is done that it is a part of: a serial column's sequence goes with its table.
        return Ok(());
    }
    match statement.kind() {
        Kind::CreateType | Kind::CreateFunction if temp::exists() => TEMPORARY_CODE.set(true),
        Kind::DiscardAll => super::slot::end_session(),
        Kind::Prepare { name } if super::slot::is_taken() => {
            TRACES.with_borrow_mut(|traces| traces.prepared.push(name));
        }
        _ => {}
    }
    let created = TRACES.with_borrow_mut(|traces| std::mem::take(&mut traces.created));
    if created.is_empty() || !super::slot::is_taken() || !temp::exists() {
        return Ok(());
    }
    let dropped_at_commit = matches!(statement.kind(), Kind::CreateTable { on_commit_drop: true });
    xact::next_command();
    for (class, object) in created {
        if !object::schema_of(class, object).is_some_and(temp::is_temporary) {
            continue;
        }
        let goes_with_its_table =
            class == pg_sys::RelationRelationId && matches!(temp::relation_kind(object), b'i' | b'I' | b't');
        if !(dropped_at_commit || goes_with_its_table) {
            return Err(outlives(
                "a temporary object that outlives the transaction",
                "Under a context temporary tables must be ON COMMIT DROP, and no other temporary object can be made.",
            ));
        }
        if class == pg_sys::RelationRelationId {
            TRACES.with_borrow_mut(|traces| traces.own_temporary.push(object));
        }
    }
    Ok(())
}

/// # Errors
/// 42501 for a function of the session's temporary schema: whoever had the session before may have made it.
pub fn object(event: &ObjectEvent) -> Result<()> {
    match event.access {
        Access::Executing => {
            if event.object.to_u32() == SET_CONFIG {
                TRACES.with_borrow_mut(|traces| traces.settings_touched = true);
            } else if super::slot::is_taken() && temp::exists() && temp::function_is_temporary(event.object) {
                return Err(made_before());
            }
        }
        Access::Created if super::slot::is_taken() => {
            TRACES.with_borrow_mut(|traces| traces.created.push((event.class, event.object)));
        }
        _ => {}
    }
    Ok(())
}

/// # Errors
/// 42501 when the run reads a temporary relation that was there before the login.
pub fn closed_to(run: Run) -> Result<()> {
    // A worker's plan is a part of its leader's, which has been looked at.
    if parallel::is_worker() || !temp::exists() {
        return Ok(());
    }
    run.relations().into_iter().try_for_each(require_open)
}

pub fn before_commit() -> Result<()> {
    let (prepared, touched, found) = TRACES.with_borrow_mut(|traces| {
        (std::mem::take(&mut traces.prepared), traces.settings_touched, std::mem::take(&mut traces.found))
    });
    prepared.iter().for_each(|name| utility::drop_prepared(name));
    if touched && super::slot::is_taken() {
        for (name, found) in RESTORED.into_iter().zip(found) {
            let value = found.map_or_else(|| guc::before_transaction(name), Ok)?;
            guc::set_session(name, &value);
        }
    }
    Ok(())
}

pub fn transaction_ended() {
    let traces = TRACES.take();
    traces.prepared.iter().for_each(|name| utility::drop_prepared(name));
}

/// The login was undone: what was prepared under it goes with it.
pub fn login_rolled_back() {
    TRACES.with_borrow_mut(|traces| {
        traces.own_temporary.clear();
        std::mem::take(&mut traces.prepared).iter().for_each(|name| utility::drop_prepared(name));
    });
}

/// What a statement had created is gone with its savepoint.
pub fn savepoint_rolled_back() {
    TRACES.with_borrow_mut(|traces| traces.created.clear());
}

/// Drops what SQL's PREPARE made in this context; anything else (a driver's own statements) stays.
fn deallocate(name: Option<&str>) {
    let gone: Vec<String> = TRACES.with_borrow_mut(|traces| {
        let (gone, kept) = std::mem::take(&mut traces.prepared)
            .into_iter()
            .partition(|prepared| name.is_none_or(|name| name == prepared));
        traces.prepared = kept;
        gone
    });
    gone.iter().for_each(|name| utility::drop_prepared(name));
}

fn require_open(relation: pg_sys::Oid) -> Result<()> {
    let own = TRACES.with_borrow(|traces| traces.own_temporary.contains(&relation));
    if own || !temp::exists() || !temp::relation_is_temporary(relation) {
        return Ok(());
    }
    Err(made_before())
}

fn made_before() -> WardenError {
    WardenError::new(SqlState::InsufficientPrivilege, "this temporary object was made before the login")
        .detail("Whoever had the session before may have made it.")
        .hint("Make temporary tables after the login, ON COMMIT DROP.")
}

fn outlives(what: &str, detail: &'static str) -> WardenError {
    let hint = if standing::live().ok().flatten().is_some() {
        "End the transaction first."
    } else {
        "End the transaction first; its context has ended already."
    };
    WardenError::new(SqlState::InsufficientPrivilege, format!("{what} is not allowed under a tenant context"))
        .detail(detail)
        .hint(hint)
}
