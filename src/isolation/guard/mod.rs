//! DDL over protected tables: nothing weakens them, and nothing reads them by the way.
//!
//! Most of it is decided at object accesses, which name objects by OID and come by every route (CASCADE, DO blocks,
//! DROP OWNED): after the catalogs were written, before a row is read. The parse tree decides what calls no such hook.

mod approval;
mod event;
mod foreign_key;
mod kept;
mod leaving;
mod publication;
mod reader;
mod restore;
mod standing;
mod statement;

use crate::pg::catalog;
use crate::pg::role::{self, Role};

pub use event::object;
pub use kept::{before_commit, transaction_ended};
pub use publication::refuse_published;
pub use standing::{approve_defaults, refuse_standing};
pub use statement::{statement_done, statement_starts};

/// Whose functions may see rows.
const APPROVING: [Role; 2] = [Role::Admin, Role::Migrator];

/// Whether the user's DDL over the table is trusted with its content.
fn is_trusted(user: pgrx::pg_sys::Oid, relation: pgrx::pg_sys::Oid) -> bool {
    role::is_superuser(user)
        || role::has(user, Role::Admin)
        || role::has(user, Role::Migrator) && catalog::is_owned_by(relation, user)
}
