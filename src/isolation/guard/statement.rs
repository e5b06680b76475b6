//! What is decided by the statement itself, before it runs.

use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::guard::{self, AlterPart, Reader};

use super::{is_trusted, kept, leaving, publication, reader};
use crate::isolation::{api, registry};
use crate::pg::catalog;
use crate::pg::ddl::{self, AlterTable, Command};
use crate::pg::role::{self, Role};
use crate::pg::utility::Statement;

pub fn statement_starts(statement: &Statement) -> Result<()> {
    if !ddl::concerns_guard(statement) || api::running() || registry::count()? == 0 {
        return Ok(());
    }
    match ddl::command(statement) {
        Command::AlterTable(alter) => alter_table(&alter, statement),
        Command::AlterCompositeType { of } => reader::typed_tables(of),
        Command::AlterDomain { domain: Some(domain) } => reader::domain(domain),
        Command::Truncate(relations) => relations.into_iter().try_for_each(truncate),
        Command::DropExtension(names) => leaving::drop_extension(&names),
        _ => Ok(()),
    }
}

/// After whatever protects newborn tables has done so.
pub fn statement_done(statement: &Statement) -> Result<()> {
    kept::verify()?;
    if !ddl::concerns_guard(statement) || api::running() || registry::count()? == 0 {
        return Ok(());
    }
    match ddl::command_done(statement) {
        Command::Publication { name } => publication::refuse(&name),
        Command::SetSchema { relation: Some(relation) } => publication::refuse_moved(relation),
        _ => Ok(()),
    }
}

fn alter_table(alter: &AlterTable, statement: &Statement) -> Result<()> {
    let Some(protected) = registry::lookup(alter.relation)? else { return Ok(()) };
    let trusted = is_trusted(role::current(), alter.relation);
    for (part, change) in &alter.parts {
        if let Some(taken) = guard::taken_by(part, protected.tenant_column()) {
            return Err(guard::refuse_weakening(&catalog::relation_name(alter.relation), taken));
        }
        if let AlterPart::RetypeColumn(column) = part
            && !trusted
            && change.leaks(alter.relation, statement.text())
        {
            return Err(guard::refuse_reading(&catalog::relation_name(alter.relation), Reader::TypeChange, column));
        }
    }
    Ok(())
}

/// The trigger on the table decides again, with CASCADE: this one says it before anything is locked.
fn truncate(relation: pgrx::pg_sys::Oid) -> Result<()> {
    if registry::lookup(relation)?.is_none() {
        return Ok(());
    }
    let user = role::current();
    if role::has(user, Role::Admin) || catalog::is_owned_by(relation, user) {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InsufficientPrivilege, "permission denied to truncate a protected table")
        .detail("TRUNCATE would take the rows of every tenant.")
        .hint("Use DELETE, which takes the context's own rows alone."))
}
