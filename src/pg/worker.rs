//! Background processes: how they are registered, what wakes them, how they end.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use pgrx::bgworkers::{BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{IntoDatum, PgTryBuilder, pg_guard, pg_sys};
use warden_core::error::Result;
use warden_core::worker::Process;

use super::error;

const LIBRARY: &str = "pg_warden";
/// After a crash of its own the launcher comes back by itself; PostgreSQL's default is never.
const RESTART: Duration = Duration::from_secs(5);

/// Whether pg_upgrade runs the server: then nothing of ours may.
pub fn is_binary_upgrade() -> bool {
    // SAFETY: reads this process's state, which the postmaster set before it loaded libraries.
    unsafe { pg_sys::IsBinaryUpgrade }
}

/// Registers the launcher; it starts when the server takes writes, never on a standby.
pub fn register_launcher() {
    BackgroundWorkerBuilder::new("pg_warden launcher")
        .set_type("pg_warden launcher")
        .set_library(LIBRARY)
        .set_function("pg_warden_launcher")
        .enable_spi_access()
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .set_restart_time(Some(RESTART))
        .load();
}

/// Starts a database's worker; whether PostgreSQL has a process left for it.
pub fn start(database: u32) -> bool {
    // SAFETY: reads this process's state.
    let own = unsafe { pg_sys::MyProcPid };
    BackgroundWorkerBuilder::new("pg_warden worker")
        .set_type("pg_warden worker")
        .set_library(LIBRARY)
        .set_function("pg_warden_worker")
        .enable_spi_access()
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        // The launcher starts it again where it is still wanted.
        .set_restart_time(None)
        .set_argument(pg_sys::Oid::from_u32(database).into_datum())
        .set_notify_pid(own)
        .load_dynamic()
        .is_ok()
}

/// # Safety
/// Called by PostgreSQL, in a background worker.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn pg_warden_launcher(_argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    // No database: it reads the cluster's catalogs alone.
    BackgroundWorker::connect_worker_to_spi(None, None);
    crate::worker::launcher::run();
    leave();
}

/// # Safety
/// Called by PostgreSQL, in a background worker, with a database's OID.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn pg_warden_worker(argument: pg_sys::Datum) {
    let database = pg_sys::Oid::from_u32(argument.value() as u32);
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    BackgroundWorker::connect_worker_to_spi_by_oid(Some(database), None);
    crate::worker::job::run(database.to_u32());
}

/// Ends the process so that the postmaster starts it again, unless the server stops.
fn leave() -> ! {
    // SAFETY: the ordinary end of a process, outside of any transaction. Status 0 would unregister the launcher.
    unsafe { pg_sys::proc_exit(1) };
    #[allow(unreachable_code, reason = "the bindings of PostgreSQL 18 do not say that it does not return")]
    {
        unreachable!("proc_exit does not return")
    }
}

/// Sleeps until woken, reloads the configuration when asked to; `false` when the process must end.
pub fn sleep(at_most: Duration) -> bool {
    if !BackgroundWorker::wait_latch(Some(at_most)) {
        return false;
    }
    if BackgroundWorker::sighup_received() {
        // SAFETY: outside of any transaction, as ProcessConfigFile wants it.
        unsafe {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
    }
    true
}

/// This process, and where its latch is.
pub fn own() -> Process {
    // SAFETY: a process with a PGPROC, whose latch lies in shared memory for as long as the server runs.
    unsafe { Process { pid: pg_sys::MyProcPid, latch: (&raw mut (*pg_sys::MyProc).procLatch) as usize } }
}

pub fn wake(process: Process) {
    if process.latch != 0 {
        // SAFETY: the address of a PGPROC's latch. PGPROCs are never freed; where the process is gone, whoever has
        // its PGPROC now is woken once for nothing.
        unsafe { pg_sys::SetLatch(process.latch as *mut pg_sys::Latch) };
    }
}

/// A server in recovery: nothing can be written.
pub fn is_standby() -> bool {
    // SAFETY: reads this process's view of the server's state.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Whether a process of the server has this number.
pub fn is_alive(pid: i32) -> bool {
    // SAFETY: looks the number up in shared memory.
    unsafe { !pg_sys::BackendPidGetProc(pid).is_null() }
}

/// The database of this process; 0: none.
pub fn own_database() -> u32 {
    // SAFETY: reads this process's state.
    unsafe { pg_sys::MyDatabaseId }.to_u32()
}

pub fn own_pid() -> i32 {
    // SAFETY: reads this process's state.
    unsafe { pg_sys::MyProcPid }
}

/// A short wait that a cancel ends.
pub fn pause_briefly() {
    pause(10_000);
}

/// A wait for what takes about a millisecond.
pub fn pause_shortly() {
    pause(500);
}

fn pause(micros: std::ffi::c_long) {
    // SAFETY: plain sleep; an interrupt is an ERROR here, with nothing held.
    unsafe {
        pg_sys::pg_usleep(micros);
        pg_sys::check_for_interrupts!();
    }
}

/// Runs work in a transaction of its own. An error is logged and its transaction aborted: the process goes on.
pub fn transaction<T>(work: impl FnOnce() -> Result<T>) -> Option<T> {
    run(|| (), work)
}

/// As [`transaction`], with one snapshot for the whole of it, which is taken when the lock is held.
pub fn repeatable<T>(lock: impl FnOnce(), work: impl FnOnce() -> Result<T>) -> Option<T> {
    let lock = || {
        // SAFETY: inside a transaction that has no snapshot yet.
        unsafe { pg_sys::XactIsoLevel = pg_sys::XACT_REPEATABLE_READ as i32 };
        lock();
    };
    run(lock, work)
}

fn run<T>(prepare: impl FnOnce(), work: impl FnOnce() -> Result<T>) -> Option<T> {
    // SAFETY: outside of any transaction.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
    }
    let begun = || {
        prepare();
        // SAFETY: inside the transaction that has begun.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
        work().map_err(|error| error.to_string())
    };
    let outcome = PgTryBuilder::new(AssertUnwindSafe(begun)).catch_others(|caught| Err(describe(&caught))).execute();
    match outcome {
        Ok(value) => {
            // SAFETY: the snapshot and the transaction begun above.
            unsafe {
                pg_sys::PopActiveSnapshot();
                pg_sys::CommitTransactionCommand();
            }
            Some(value)
        }
        Err(message) => {
            // SAFETY: the transaction begun above; the abort pops the snapshot.
            unsafe { pg_sys::AbortCurrentTransaction() };
            error::log(format!("background work failed: {message}"));
            None
        }
    }
}

fn describe(caught: &CaughtError) -> String {
    match caught {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => report.message().to_owned(),
        CaughtError::RustPanic { ereport, .. } => ereport.message().to_owned(),
    }
}
