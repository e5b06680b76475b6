//! A database's worker: does what is due, for as long as the database has the extension.

use std::time::{Duration, Instant};

use warden_core::error::Result;

use crate::audit::seal;
use crate::pg::shmem::workers;
use crate::pg::{catalog, time, worker};

/// What a pillar has done from time to time: in a transaction of its own, in batches short enough that the process can
/// end between two of them.
pub struct Job {
    pub name: &'static str,
    pub run: fn() -> Result<()>,
}

/// In the order in which they run, once a minute.
const JOBS: [Job; 3] = [
    Job { name: "last uses of sessions", run: crate::identity::last_use::flush },
    Job { name: "ended sessions", run: crate::identity::last_use::purge },
    Job { name: "periods of the audit log", run: crate::audit::period::open_next },
];

const ROUND: Duration = Duration::from_secs(60);

pub fn run(database: u32) {
    let own = worker::own();
    if !workers(|table| table.started(database, own, time::now())) {
        return;
    }
    let mut last_round = None;
    loop {
        match worker::transaction(|| Ok(catalog::has_extension())) {
            Some(true) => {}
            Some(false) => {
                workers(|table| table.free(database));
                return;
            }
            // Logged already; the launcher starts another.
            None => break,
        }
        seal::due();
        if last_round.is_none_or(|last: Instant| last.elapsed() >= ROUND) {
            last_round = Some(Instant::now());
            JOBS.iter().for_each(run_job);
        }
        if !worker::sleep(ROUND.min(seal::interval())) || !workers(|table| table.woken(database, own.pid, time::now()))
        {
            break;
        }
    }
    workers(|table| table.stopped(database, own.pid));
}

fn run_job(job: &Job) {
    if worker::transaction(job.run).is_none() {
        crate::pg::error::log(format!("job {} will be tried again", job.name));
    }
}
