//! The launcher: starts a worker wherever one is wanted and none is running.

use std::time::Duration;

use crate::pg::shmem::workers;
use crate::pg::{catalog, error, time, worker};

/// When nobody wakes it: how long a worker that died or never came stays away.
const ROUND: Duration = Duration::from_secs(10);

pub fn run() {
    let own = worker::own();
    workers(|table| table.launcher = own);
    // Nobody knows which databases have the extension: a worker finds out, and leaves where it is not needed.
    for database in worker::transaction(catalog::databases).unwrap_or_default() {
        super::want(database);
    }
    let mut said_exhausted = false;
    loop {
        for (database, pid) in workers(|table| table.running()) {
            if !worker::is_alive(pid) {
                workers(|table| table.stopped(database, pid));
            }
        }
        start_missing(&mut said_exhausted);
        if !worker::sleep(ROUND) {
            break;
        }
    }
    workers(|table| table.launcher = Default::default());
}

fn start_missing(said_exhausted: &mut bool) {
    let now = time::now();
    let until = now.saturating_add(i64::try_from(ROUND.as_micros()).unwrap_or(i64::MAX));
    let missing = workers(|table| table.take_missing(now, until));
    if missing.is_empty() {
        return;
    }
    let existing = worker::transaction(catalog::databases).unwrap_or_default();
    for database in missing {
        if !existing.contains(&database) {
            workers(|table| table.free(database));
        } else if worker::start(database) {
            *said_exhausted = false;
        } else if !std::mem::replace(said_exhausted, true) {
            error::log(format!("no background worker for database {database}: max_worker_processes leaves none"));
        }
    }
}
