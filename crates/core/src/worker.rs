//! The table of background workers: which database has one, wants one, or must do without one for a while.

/// How many databases can have a worker. More may have the extension: they are logged, and wait for a free slot.
pub const SLOTS: usize = 64;

/// Plain data, so that it can lie in shared memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Slot {
    /// OID of the database; 0: free.
    pub database: u32,
    pub worker: Process,
    /// The backend that has sent the worker away and will let it come back; 0: nobody.
    pub paused_by: i32,
    /// Until then a process is on its way, and no second one is started; PostgreSQL microseconds.
    pub starting_until: i64,
    /// PostgreSQL microseconds; 0: not yet.
    pub started_at: i64,
    pub woken_at: i64,
    pub seal: Seal,
    /// The newest block when everything was last found sound; 0: not since the server's start.
    pub verified_block: u64,
}

/// Who waits for the audit log to be sealed, and how far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Seal {
    /// Tickets that were drawn.
    requested: u64,
    /// The last ticket that has been served.
    served: u64,
    /// The last ticket whose sealing failed.
    failed: u64,
    /// The newest block then; 0: there is none.
    block: u64,
}

/// What has become of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    Waits,
    /// With the newest block.
    Served(u64),
    Failed,
    /// The worker is gone.
    Lost,
}

/// A process and the address of its latch in shared memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Process {
    /// 0: not running.
    pub pid: i32,
    pub latch: usize,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Table {
    pub launcher: Process,
    slots: [Slot; SLOTS],
    /// Whether the want of slots has been logged.
    said_full: bool,
}

impl Default for Table {
    fn default() -> Self {
        Self { launcher: Process::default(), slots: [Slot::default(); SLOTS], said_full: false }
    }
}

/// What came of asking for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The launcher will start it.
    Entered,
    /// It has a slot already.
    Known,
    /// No slot is free; `first` when nobody has been told yet.
    Full { first: bool },
}

impl Table {
    /// Asks for a worker.
    pub fn want(&mut self, database: u32) -> Wanted {
        if self.slot(database).is_some() {
            return Wanted::Known;
        }
        match self.slots.iter_mut().find(|slot| slot.database == 0) {
            Some(slot) => {
                *slot = Slot { database, ..Slot::default() };
                Wanted::Entered
            }
            None => Wanted::Full { first: !std::mem::replace(&mut self.said_full, true) },
        }
    }

    pub fn slot(&self, database: u32) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.database == database && database != 0)
    }

    fn slot_mut(&mut self, database: u32) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.database == database && database != 0)
    }

    /// The worker is there. `false`: it is not wanted (any more) and must leave.
    pub fn started(&mut self, database: u32, worker: Process, now: i64) -> bool {
        match self.slot_mut(database) {
            Some(slot) if slot.paused_by == 0 && slot.worker.pid == 0 => {
                slot.worker = worker;
                slot.starting_until = 0;
                slot.started_at = now;
                slot.woken_at = now;
                true
            }
            _ => false,
        }
    }

    /// The worker has looked around. `false`: it must leave.
    pub fn woken(&mut self, database: u32, pid: i32, now: i64) -> bool {
        match self.slot_mut(database) {
            Some(slot) if slot.worker.pid == pid && slot.paused_by == 0 => {
                slot.woken_at = now;
                true
            }
            _ => false,
        }
    }

    /// The process is gone, whatever the reason; the launcher will start another.
    pub fn stopped(&mut self, database: u32, pid: i32) {
        if let Some(slot) = self.slot_mut(database)
            && slot.worker.pid == pid
        {
            slot.worker = Process::default();
        }
    }

    /// The database needs no worker any more.
    pub fn free(&mut self, database: u32) {
        if let Some(slot) = self.slot_mut(database) {
            *slot = Slot::default();
            self.said_full = false;
        }
    }

    /// Asks the worker to seal what is there; the ticket, and the process to wake. `None` without a worker.
    pub fn request_seal(&mut self, database: u32) -> Option<(u64, Process)> {
        let slot = self.slot_mut(database).filter(|slot| slot.worker.pid != 0)?;
        slot.seal.requested += 1;
        Some((slot.seal.requested, slot.worker))
    }

    /// For the worker: the last ticket that nobody has served; everything up to it is served at once.
    pub fn seal_wanted(&self, database: u32) -> Option<u64> {
        let seal = self.slot(database)?.seal;
        (seal.requested > seal.served).then_some(seal.requested)
    }

    /// The worker has sealed, or tried to, for all tickets up to this one; with the newest block.
    pub fn sealed(&mut self, database: u32, ticket: u64, block: Option<u64>) {
        if let Some(slot) = self.slot_mut(database) {
            slot.seal.served = slot.seal.served.max(ticket);
            match block {
                Some(block) => slot.seal.block = block,
                None => slot.seal.failed = ticket,
            }
        }
    }

    /// What has become of a ticket that was drawn from the worker of that number.
    pub fn ticket(&self, database: u32, ticket: u64, pid: i32) -> Ticket {
        match self.slot(database) {
            Some(slot) if slot.seal.served >= ticket && slot.seal.failed >= ticket => Ticket::Failed,
            Some(slot) if slot.seal.served >= ticket => Ticket::Served(slot.seal.block),
            Some(slot) if slot.worker.pid == pid => Ticket::Waits,
            _ => Ticket::Lost,
        }
    }

    /// Everything has been found sound up to this block.
    pub fn verified(&mut self, database: u32, block: u64) {
        if let Some(slot) = self.slot_mut(database) {
            slot.verified_block = slot.verified_block.max(block);
        }
    }

    /// Sends the worker away until [`Table::resume`]; gives the process to wake and to wait for.
    pub fn pause(&mut self, database: u32, by: i32) -> Option<Process> {
        let slot = self.slot_mut(database)?;
        slot.paused_by = by;
        (slot.worker.pid != 0).then_some(slot.worker)
    }

    /// Lets the workers come back that a backend has sent away; whether there was one.
    pub fn resume(&mut self, by: i32) -> bool {
        let mut any = false;
        for slot in self.slots.iter_mut().filter(|slot| slot.database != 0 && slot.paused_by == by) {
            slot.paused_by = 0;
            slot.starting_until = 0;
            any = true;
        }
        any
    }

    /// The databases whose worker is to be started now: each counts as starting until `until`.
    pub fn take_missing(&mut self, now: i64, until: i64) -> Vec<u32> {
        let missing = |slot: &&mut Slot| {
            slot.database != 0 && slot.worker.pid == 0 && slot.paused_by == 0 && slot.starting_until <= now
        };
        let start = |slot: &mut Slot| {
            slot.starting_until = until;
            slot.database
        };
        self.slots.iter_mut().filter(missing).map(start).collect()
    }

    /// The workers that should be running.
    pub fn running(&self) -> Vec<(u32, i32)> {
        let running = self.slots.iter().filter(|slot| slot.database != 0 && slot.worker.pid != 0);
        running.map(|slot| (slot.database, slot.worker.pid)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: Process = Process { pid: 100, latch: 0x1000 };

    fn with(databases: impl IntoIterator<Item = u32>) -> Table {
        let mut table = Table::default();
        for database in databases {
            assert_eq!(table.want(database), Wanted::Entered);
        }
        table
    }

    #[test]
    fn a_worker_is_wanted_once_and_started_once() {
        let mut table = with([5]);
        assert_eq!(table.want(5), Wanted::Known);
        assert_eq!(table.take_missing(1, 10), [5]);
        assert_eq!(table.take_missing(9, 20), [0; 0], "one is on its way");
        assert!(table.started(5, WORKER, 7));
        assert_eq!(table.running(), [(5, 100)]);
        assert!(!table.started(5, Process { pid: 101, ..WORKER }, 8), "two workers in one database");
        assert_eq!(table.take_missing(30, 40), [0; 0]);
        assert!(table.woken(5, 100, 9) && !table.woken(5, 101, 9));
        assert_eq!(table.slot(5).map(|slot| (slot.started_at, slot.woken_at)), Some((7, 9)));
    }

    #[test]
    fn a_worker_that_stopped_is_missing_and_one_that_is_not_needed_is_free() {
        let mut table = with([5]);
        assert!(table.started(5, WORKER, 1));
        table.stopped(5, 99);
        assert_eq!(table.take_missing(1, 2), [0; 0], "another process has stopped");
        table.stopped(5, 100);
        assert_eq!(table.take_missing(30, 40), [5]);
        assert_eq!(table.take_missing(40, 50), [5], "it never came");
        table.free(5);
        assert_eq!(table.slot(5), None);
        assert!(!table.started(5, WORKER, 1), "nobody wants it");
    }

    #[test]
    fn a_paused_worker_leaves_and_stays_away_until_its_backend_is_done() {
        let mut table = with([5, 6]);
        assert!(table.started(5, WORKER, 1));
        assert_eq!(table.pause(5, 42), Some(WORKER));
        assert_eq!(table.pause(6, 42), None, "no worker to wait for");
        assert_eq!(table.pause(7, 42), None, "no such database");
        assert!(!table.woken(5, 100, 2), "it must leave");
        table.stopped(5, 100);
        assert_eq!(table.take_missing(30, 40), [0; 0]);
        assert!(!table.started(6, WORKER, 2), "it came between");
        assert!(!table.resume(41), "another backend");
        assert!(table.resume(42) && !table.resume(42));
        assert_eq!(table.take_missing(30, 40), [5, 6]);
    }

    #[test]
    fn whoever_waits_for_a_seal_hears_of_the_one_after_his_question() {
        let mut table = with([5]);
        assert_eq!(table.request_seal(5), None, "no worker");
        assert!(table.started(5, WORKER, 1));
        assert_eq!(table.seal_wanted(5), None);
        assert_eq!(table.request_seal(5), Some((1, WORKER)));
        let wanted = table.seal_wanted(5).unwrap();
        assert_eq!(table.request_seal(5), Some((2, WORKER)), "while it seals");
        table.sealed(5, wanted, Some(7));
        assert_eq!(table.ticket(5, 1, 100), Ticket::Served(7));
        assert_eq!(table.ticket(5, 2, 100), Ticket::Waits);
        assert_eq!(table.seal_wanted(5), Some(2));
        table.sealed(5, 2, None);
        assert_eq!(table.ticket(5, 2, 100), Ticket::Failed);
        assert_eq!(table.request_seal(5), Some((3, WORKER)));
        table.stopped(5, 100);
        assert_eq!(table.ticket(5, 3, 100), Ticket::Lost);
        table.verified(5, 7);
        assert_eq!(table.slot(5).map(|slot| slot.verified_block), Some(7));
    }

    #[test]
    fn want_of_slots_is_said_once_until_one_is_free_again() {
        let mut table = with(1..=u32::try_from(SLOTS).unwrap());
        assert_eq!(table.want(1000), Wanted::Full { first: true });
        assert_eq!(table.want(1001), Wanted::Full { first: false });
        table.free(3);
        assert_eq!(table.want(1000), Wanted::Entered);
        assert_eq!(table.want(1001), Wanted::Full { first: true });
    }

    #[test]
    fn the_free_slot_is_no_database() {
        let mut table = Table::default();
        assert_eq!(table.slot(0), None);
        assert_eq!(table.pause(0, 1), None);
        assert!(!table.resume(0), "backend 0 pauses nothing");
        assert_eq!(table.take_missing(30, 40), [0; 0]);
    }
}
