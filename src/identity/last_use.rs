//! When opened sessions were last used: in shared memory, written to their table once a minute by the worker, so that
//! resuming one writes nothing.

use warden_core::error::Result;

use crate::pg::{shmem, spi, time, worker};
use crate::tenancy::directory;

/// PostgreSQL microseconds; `None` where it is not known here (since a restart, or for want of room): then the table
/// tells.
pub fn of(session: [u8; 16]) -> Option<i64> {
    shmem::last_uses(|uses| uses.of(session))
}

pub fn touch(session: [u8; 16], at: i64) {
    let database = worker::own_database();
    shmem::last_uses(|uses| uses.touch(database, session, at));
}

/// The worker's job: sessions that ended a week ago are forgotten.
pub fn purge() -> Result<()> {
    if !worker::is_standby() {
        spi::as_owner(|| {
            spi::execute("DELETE FROM warden.session_registry WHERE expires_at < now() - interval '7 days'", &[])
        })?;
    }
    Ok(())
}

/// The worker's job. On a standby nothing is written: what is known here counts here.
pub fn flush() -> Result<()> {
    if worker::is_standby() {
        return Ok(());
    }
    let database = worker::own_database();
    loop {
        let batch = shmem::last_uses(|uses| uses.take_unwritten(database));
        if batch.is_empty() {
            return Ok(());
        }
        spi::as_owner(|| {
            for (session, at) in &batch {
                spi::execute(
                    "UPDATE warden.session_registry SET last_used_at = greatest(last_used_at, $2) WHERE id = $1",
                    &[directory::uuid(warden_core::tenancy::TenantId(*session)).into(), time::timestamp(*at)?.into()],
                )?;
            }
            Ok(())
        })?;
    }
}
