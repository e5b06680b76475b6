//! Tables and statements about them: locks, kinds, owners.

use std::ffi::CString;

use pgrx::{PgTryBuilder, pg_sys};

use warden_core::error::Result;

use super::tuple::{self, Sees};
use super::utility::{Statement, relation_oid};

/// Locks a table against everybody until the transaction ends; `false` when it has gone meanwhile.
pub fn lock(relation: pg_sys::Oid) -> bool {
    lock_as(relation, pg_sys::AccessExclusiveLock)
}

/// Until the transaction ends, nobody gives the table an index, statistics, a constraint, a child or another
/// definition: the weakest lock that all of these wait for. Readers and writers are not held up, so that a lock which
/// a statement of ours takes afterwards is no deadlock with one who has read and is about to write.
pub fn lock_definition(relation: pg_sys::Oid) -> bool {
    lock_as(relation, pg_sys::ShareUpdateExclusiveLock)
}

/// Until the transaction ends, nobody writes to the table or gives it a trigger or a child; readers are not held up.
pub fn lock_rows_and_triggers(relation: pg_sys::Oid) -> bool {
    lock_as(relation, pg_sys::ShareRowExclusiveLock)
}

/// One transaction at a time past this point for each name; `class`: a table of the extension's own, whose names they are.
pub fn lock_name(class: pg_sys::Oid, name: &str) {
    let object = pg_sys::Oid::from_u32(super::call::hash(name.as_bytes()));
    // SAFETY: inside a transaction; the lock is on numbers, and the object need not exist.
    unsafe { pg_sys::LockDatabaseObject(class, object, 0, pg_sys::ExclusiveLock as pg_sys::LOCKMODE) };
}

fn lock_as(relation: pg_sys::Oid, mode: u32) -> bool {
    // SAFETY: inside a transaction; locking an OID that names nothing does no harm.
    unsafe {
        pg_sys::LockRelationOid(relation, mode as pg_sys::LOCKMODE);
        pg_sys::SearchSysCacheExists(
            pg_sys::SysCacheIdentifier::RELOID as i32,
            relation.into(),
            pg_sys::Datum::from(0),
            pg_sys::Datum::from(0),
            pg_sys::Datum::from(0),
        )
    }
}

/// One transaction at a time past this point; whoever only reads or writes the table is not held up.
pub fn lock_against_itself(relation: pg_sys::Oid) {
    // SAFETY: inside a transaction, on a table of the extension's own.
    unsafe { pg_sys::LockRelationOid(relation, pg_sys::ShareUpdateExclusiveLock as pg_sys::LOCKMODE) };
}

/// As whoever writes to the table, without writing: for as long as the transaction lasts, nobody passes
/// [`lock_against_writers`].
pub fn lock_as_writer(relation: pg_sys::Oid) {
    // SAFETY: inside a transaction, on a table of the extension's own.
    unsafe { pg_sys::LockRelationOid(relation, pg_sys::RowShareLock as pg_sys::LOCKMODE) };
}

/// When all writers have gone; whoever only reads is not held up.
pub fn lock_against_writers(relation: pg_sys::Oid) {
    // SAFETY: inside a transaction, on a table of the extension's own.
    unsafe { pg_sys::LockRelationOid(relation, pg_sys::ExclusiveLock as pg_sys::LOCKMODE) };
}

/// What a relation is, as pg_class has it.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    pub kind: u8,
    pub persistence: u8,
    pub schema: pg_sys::Oid,
    pub owner: pg_sys::Oid,
    pub oid: pg_sys::Oid,
}

impl Relation {
    pub fn find(relation: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a syscache look-up inside a transaction; the tuple is released before the function ends.
        unsafe {
            let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, relation.into());
            if tuple.is_null() {
                return None;
            }
            let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>();
            let found = Self {
                kind: (*form).relkind as u8,
                persistence: (*form).relpersistence as u8,
                schema: (*form).relnamespace,
                owner: (*form).relowner,
                oid: relation,
            };
            pg_sys::ReleaseSysCache(tuple);
            Some(found)
        }
    }

    /// One of PostgreSQL's own, information_schema's included.
    pub fn is_system(&self) -> bool {
        self.oid.to_u32() < pg_sys::FirstNormalObjectId
    }

    /// What the relation is, in words; `None`: a table that stays.
    pub fn no_table(&self) -> Option<&'static str> {
        match self.kind {
            b'r' | b'p' if self.persistence == b't' => Some("a temporary table"),
            b'r' | b'p' => None,
            b'v' => Some("a view"),
            b'm' => Some("a materialized view"),
            b'f' => Some("a foreign table"),
            b'S' => Some("a sequence"),
            b'i' | b'I' => Some("an index"),
            b'c' => Some("a composite type"),
            _ => Some("no table"),
        }
    }

    /// Whether a crash empties it.
    pub fn is_unlogged(&self) -> bool {
        self.persistence == b'u'
    }

    pub fn is_of_the_extension(&self) -> bool {
        // SAFETY: a catalog look-up inside a transaction.
        self.schema == unsafe { pg_sys::get_namespace_oid(c"warden".as_ptr(), true) }
    }

    /// Whether the user has the rights of its owner; superusers have.
    pub fn is_owned_by(&self, user: pg_sys::Oid) -> bool {
        // SAFETY: catalog look-ups inside a transaction.
        unsafe { pg_sys::has_privs_of_role(user, self.owner) }
    }
}

/// The old and the new name of a column that the running command has renamed, whichever way it does.
pub fn renamed(relation: pg_sys::Oid, column: i32) -> Result<Option<(String, String)>> {
    let key = [relation.to_u32(), column.cast_unsigned()];
    let name = |sees| tuple::row(tuple::ATTRIBUTE, &key, sees, |row| row.name(c"attname"));
    Ok(name(Sees::Before)?.zip(name(Sees::Now)?).filter(|(old, new)| old != new))
}

/// The table that ALTER TABLE has changed, under the name that it was called by.
pub fn altered(statement: &Statement) -> Option<pg_sys::Oid> {
    // SAFETY: the cast is to the type that the tag names.
    unsafe {
        if statement.tag() != pg_sys::NodeTag::T_AlterTableStmt {
            return None;
        }
        let alter = statement.node().cast::<pg_sys::AlterTableStmt>();
        if (*alter).relation.is_null() { None } else { relation_oid((*alter).relation) }
    }
}

const FAMILY_COMMANDS: [pg_sys::AlterTableType::Type; 5] = [
    pg_sys::AlterTableType::AT_AttachPartition,
    pg_sys::AlterTableType::AT_DetachPartition,
    pg_sys::AlterTableType::AT_DetachPartitionFinalize,
    pg_sys::AlterTableType::AT_AddInherit,
    pg_sys::AlterTableType::AT_DropInherit,
];

/// Whether a statement can have given a table children or parents, or taken them away.
pub fn changes_families(statement: &Statement) -> bool {
    // SAFETY: each cast is to the type that the tag names; the list of commands holds AlterTableCmd nodes.
    unsafe {
        match statement.tag() {
            pg_sys::NodeTag::T_CreateStmt => !(*statement.node().cast::<pg_sys::CreateStmt>()).inhRelations.is_null(),
            pg_sys::NodeTag::T_CreateForeignTableStmt => {
                !(*statement.node().cast::<pg_sys::CreateForeignTableStmt>()).base.inhRelations.is_null()
            }
            pg_sys::NodeTag::T_AlterTableStmt => {
                let commands = (*statement.node().cast::<pg_sys::AlterTableStmt>()).cmds;
                let count = if commands.is_null() { 0 } else { (*commands).length };
                (0..count).any(|at| {
                    let command = pg_sys::list_nth(commands, at).cast::<pg_sys::AlterTableCmd>();
                    FAMILY_COMMANDS.contains(&(*command).subtype)
                })
            }
            _ => false,
        }
    }
}

/// Whether a text is SQL that PostgreSQL's grammar takes. Nothing is looked up or executed.
pub fn parses(text: &str) -> bool {
    let Ok(text) = CString::new(text) else { return false };
    PgTryBuilder::new(|| {
        // SAFETY: a C string; the grammar allocates in the current memory context alone and holds no other resource, so
        // that its ERROR may be caught without a subtransaction.
        let trees = unsafe { pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT) };
        // SAFETY: null (an empty list), or a list.
        !trees.is_null() && unsafe { (*trees).length } == 1
    })
    .catch_others(|_| false)
    .execute()
}
