//! What happens at each hook, pillar by pillar, in a fixed order.

use warden_core::error::Result;

use crate::audit;
use crate::encryption;
use crate::identity::{leftovers, literal, run, session, slot};
use crate::isolation;
use crate::pg::analyze::AnalyzedQuery;
use crate::pg::force;
use crate::pg::hooks::{Dispatch, install};
use crate::pg::object::ObjectEvent;
use crate::pg::utility::{self, Statement, Verdict};
use crate::pg::worker::is_binary_upgrade;
use crate::pg::xact::SubTransaction;
use crate::tenancy::role_guard;
use crate::worker;

pub fn init() {
    install(Dispatch {
        query_analyzed,
        run_starts: run::starts,
        run_continues: run::continues,
        run_ended: run::ended,
        statement_starts,
        statement_done,
        object,
        before_commit,
        transaction_ended,
        savepoint_releases: audit::savepoint_releases,
        savepoint_released,
        savepoint_rolled_back,
    });
}

fn query_analyzed(query: AnalyzedQuery) -> Result<()> {
    literal::query_analyzed(query)?;
    leftovers::query_analyzed(query)
}

fn statement_starts(statement: &Statement) -> Result<Verdict> {
    // pg_upgrade moves everything as it is, and is not to be asked why.
    if is_binary_upgrade() {
        return Ok(Verdict::Run);
    }
    if leftovers::statement_starts(statement)? == Verdict::Done {
        return Ok(Verdict::Done);
    }
    role_guard::statement_starts(statement)?;
    // What an encrypted column needs is said before what the table's protection would say of it.
    encryption::statement_starts(statement)?;
    isolation::statement_starts(statement)?;
    audit::statement_starts(statement)?;
    worker::statement_starts(statement)?;
    Ok(Verdict::Run)
}

fn statement_done(statement: &Statement) -> Result<()> {
    if is_binary_upgrade() {
        return Ok(());
    }
    leftovers::statement_done(statement)?;
    isolation::statement_done(statement)?;
    encryption::statement_done(statement)?;
    audit::statement_done()?;
    worker::statement_done(statement)
}

fn object(event: &ObjectEvent) -> Result<()> {
    if is_binary_upgrade() {
        return Ok(());
    }
    leftovers::object(event)?;
    isolation::object(event)?;
    encryption::object(event)?;
    audit::object(event)?;
    worker::object(event)
}

fn before_commit() -> Result<()> {
    if is_binary_upgrade() {
        return Ok(());
    }
    leftovers::before_commit()?;
    encryption::before_commit()?;
    isolation::before_commit()?;
    // Last: it writes what the others have recorded too.
    audit::before_commit()
}

fn transaction_ended(committed: bool) {
    if !committed {
        session::rolled_back();
    }
    slot::transaction_ended();
    leftovers::transaction_ended();
    run::transaction_ended();
    force::transaction_ended();
    isolation::transaction_ended();
    encryption::transaction_ended();
    audit::transaction_ended();
    worker::transaction_ended(committed);
}

fn savepoint_released(own: SubTransaction, parent: SubTransaction) {
    slot::savepoint_released(own, parent);
    run::savepoint_released(own, parent);
    audit::savepoint_released(own, parent);
}

fn savepoint_rolled_back(own: SubTransaction) {
    utility::savepoint_rolled_back(own);
    if slot::savepoint_rolled_back(own) {
        leftovers::login_rolled_back();
    }
    session::rolled_back();
    leftovers::savepoint_rolled_back();
    isolation::savepoint_rolled_back();
    encryption::savepoint_rolled_back();
    run::savepoint_rolled_back(own);
    audit::savepoint_rolled_back(own);
}
