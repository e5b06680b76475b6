//! A table of last uses, of fixed size, for memory that processes share.
//!
//! Open addressing over a few neighbouring places: where all are taken, the one that was used longest ago gives way.
//! Its session then counts as last used when that was last written down: it may end early, never late.

const PLACES: usize = 8_192;
const NEIGHBOURS: usize = 8;
/// Entries that are handed out for writing at once.
pub const BATCH: usize = 64;

#[derive(Clone, Copy)]
#[repr(C)]
struct Use {
    session: [u8; 16],
    /// Microseconds; 0: the place is free.
    at: i64,
    database: u32,
    is_written: bool,
}

const FREE: Use = Use { session: [0; 16], at: 0, database: 0, is_written: true };

/// Plain data, without pointers.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct LastUses([Use; PLACES]);

impl Default for LastUses {
    fn default() -> Self {
        Self([FREE; PLACES])
    }
}

impl LastUses {
    pub fn of(&self, session: [u8; 16]) -> Option<i64> {
        places(session).map(|place| &self.0[place]).find(|used| used.at != 0 && used.session == session).map(|u| u.at)
    }

    pub fn touch(&mut self, database: u32, session: [u8; 16], at: i64) {
        let own = places(session).find(|place| self.0[*place].at != 0 && self.0[*place].session == session);
        let place = own.or_else(|| places(session).min_by_key(|place| self.0[*place].at));
        if let Some(place) = place {
            self.0[place] = Use { session, at, database, is_written: false };
        }
    }

    /// Some of a database's uses that have not been written down since they were made; they count as written then.
    pub fn take_unwritten(&mut self, database: u32) -> Vec<([u8; 16], i64)> {
        let mut batch = Vec::with_capacity(BATCH);
        for used in self.0.iter_mut().filter(|used| !used.is_written && used.database == database).take(BATCH) {
            used.is_written = true;
            batch.push((used.session, used.at));
        }
        batch
    }
}

/// A session's id is random: its first bytes say where it lies.
fn places(session: [u8; 16]) -> impl Iterator<Item = usize> + Clone {
    let start = usize::from(u16::from_le_bytes([session[0], session[1]]));
    (0..NEIGHBOURS).map(move |step| (start + step) % PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(n: u32) -> [u8; 16] {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_le_bytes());
        id
    }

    #[test]
    fn a_use_is_remembered_and_written_once() {
        let mut uses = Box::<LastUses>::default();
        assert_eq!(uses.of(session(1)), None);
        uses.touch(5, session(1), 10);
        uses.touch(5, session(1), 20);
        uses.touch(6, session(2), 30);
        assert_eq!(uses.of(session(1)), Some(20));
        assert_eq!(uses.take_unwritten(5), vec![(session(1), 20)]);
        assert_eq!(uses.take_unwritten(5), vec![]);
        assert_eq!(uses.of(session(1)), Some(20));
        uses.touch(5, session(1), 40);
        assert_eq!(uses.take_unwritten(5), vec![(session(1), 40)]);
        assert_eq!(uses.take_unwritten(6), vec![(session(2), 30)]);
    }

    #[test]
    fn the_longest_unused_gives_way() {
        let mut uses = Box::<LastUses>::default();
        // All of these begin at the same place.
        let crowd: Vec<_> = (0..=NEIGHBOURS as u32).map(|n| session(n << 16)).collect();
        for (at, id) in (1..).zip(&crowd) {
            uses.touch(5, *id, at);
        }
        assert_eq!(uses.of(crowd[0]), None);
        for (at, id) in (1..).zip(&crowd).skip(1) {
            assert_eq!(uses.of(*id), Some(at));
        }
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut uses = Box::<LastUses>::default();
        for n in 0..200 {
            uses.touch(5, session(n), 1);
        }
        let mut total = 0;
        loop {
            let batch = uses.take_unwritten(5);
            assert!(batch.len() <= BATCH);
            if batch.is_empty() {
                break;
            }
            total += batch.len();
        }
        assert_eq!(total, 200);
    }
}
