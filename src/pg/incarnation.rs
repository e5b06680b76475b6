//! What tells this database's transaction ids from those of a copy of it.

use pgrx::pg_sys;

/// Where transaction ids mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incarnation {
    pub system: u64,
    pub timeline: u32,
    pub database: u32,
}

/// The one of this server and database. Not on a standby, which writes nothing.
pub fn own() -> Incarnation {
    // SAFETY: reads the state of the server, which is out of recovery, and of this process.
    unsafe {
        Incarnation {
            system: pg_sys::GetSystemIdentifier(),
            timeline: pg_sys::GetWALInsertionTimeLine(),
            database: pg_sys::MyDatabaseId.to_u32(),
        }
    }
}

/// The id of this cluster.
pub fn system_identifier() -> u64 {
    // SAFETY: reads the state of the server.
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// The top-level transaction's id with its epoch; one is assigned where there is none.
pub fn transaction() -> u64 {
    // SAFETY: inside a transaction that may write.
    unsafe { pg_sys::GetTopFullTransactionId() }.value
}
