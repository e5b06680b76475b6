//! What savepoints leave in the log, against a list that is copied at each of them.

use proptest::prelude::*;
use warden_core::audit::{Act, Actor, Buffer, Entries, EntryId, Operation, Subject, Timestamp, Transaction, Written};
use warden_core::tenancy::TenantId;

#[derive(Clone, Debug)]
enum Step {
    Record(u8, u16),
    Begin,
    Release,
    RollBack,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..4u8, 0..3000u16).prop_map(|(tenant, size)| Step::Record(tenant, size)),
        2 => Just(Step::Begin),
        2 => Just(Step::Release),
        1 => Just(Step::RollBack),
    ];
    proptest::collection::vec(step, 0..200)
}

fn tenant(number: u8) -> Option<TenantId> {
    (number > 0).then_some(TenantId([number; 16]))
}

/// Batches that a savepoint has written: gone if it is rolled back.
#[derive(Default)]
struct Table(Vec<(u32, Written)>);

fn record(buffer: &mut Buffer, savepoint: u32, number: u64, owner: Option<TenantId>, size: u16) -> bool {
    let actor = Actor::from(&Transaction::default());
    let subject = Subject::new(None, None, Some(&format!("\"{}\"", "x".repeat(size.into()))));
    let (batch, given) = buffer.batch(savepoint, owner);
    assert_eq!(given, number, "numbers have no gaps");
    let act = Act { number, operation: Operation::Event, kind: Some("k"), at: Timestamp(0), commitment: None };
    let before = batch.size();
    batch.entry(&actor, &subject, &act).unwrap();
    let bytes = batch.size() - before;
    buffer.recorded(bytes)
}

proptest! {
    #[test]
    fn what_is_written_is_what_no_savepoint_took_back(steps in steps()) {
        let (mut buffer, mut table) = (Buffer::default(), Table::default());
        // Of each savepoint: its number, and what the log held before it.
        let mut open: Vec<(u32, Vec<(u64, u8)>)> = vec![(1, Vec::new())];
        let (mut want, mut next): (Vec<(u64, u8)>, u32) = (Vec::new(), 2);
        for step in steps {
            let own = open.last().map_or(1, |(own, _)| *own);
            match step {
                Step::Record(owner, size) => {
                    let number = want.len() as u64 + 1;
                    want.push((number, owner));
                    if record(&mut buffer, own, number, tenant(owner), size) {
                        table.0.extend(buffer.take(own).into_iter().map(|written| (own, written)));
                    }
                }
                Step::Begin => {
                    open.push((next, want.clone()));
                    next += 1;
                }
                Step::Release if open.len() > 1 => {
                    if buffer.is_crowded(own) {
                        table.0.extend(buffer.take(own).into_iter().map(|written| (own, written)));
                    }
                    open.pop();
                    let parent = open.last().map_or(1, |(own, _)| *own);
                    buffer.savepoint_released(own, parent);
                    table.0.iter_mut().filter(|(of, _)| *of == own).for_each(|(of, _)| *of = parent);
                }
                Step::RollBack if open.len() > 1 => {
                    buffer.savepoint_rolled_back(own);
                    table.0.retain(|(of, _)| *of != own);
                    want = open.pop().map(|(_, before)| before).unwrap_or_default();
                }
                Step::Release | Step::RollBack => {}
            }
        }
        while open.len() > 1 {
            let (own, _) = open.pop().unwrap();
            let parent = open.last().map_or(1, |(own, _)| *own);
            buffer.savepoint_released(own, parent);
            table.0.iter_mut().filter(|(of, _)| *of == own).for_each(|(of, _)| *of = parent);
        }
        table.0.extend(buffer.take(1).into_iter().map(|written| (1, written)));

        let mut seen = Vec::new();
        for owner in 0..4u8 {
            let mut batches: Vec<&Written> = table.0.iter().map(|(_, written)| written).filter(|w| w.tenant == tenant(owner)).collect();
            batches.sort_by_key(|written| written.first);
            let mut last = 0;
            for written in batches {
                let first = EntryId { incarnation: 1, xid: 1, number: written.first };
                let entries: Vec<_> = Entries::read(first, tenant(owner), &written.entries).unwrap().map(Result::unwrap).collect();
                prop_assert_eq!(entries.len(), written.count);
                for entry in entries {
                    prop_assert!(entry.entry.number > last, "batches of a tenant do not overlap");
                    last = entry.entry.number;
                    seen.push((last, owner));
                }
            }
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, want);
    }
}

/// More than are looked for one by one.
#[test]
fn each_of_many_tenants_has_one_batch() {
    let mut buffer = Buffer::default();
    for number in 0..300u64 {
        let owner = u8::try_from(number % 100).unwrap();
        assert!(!record(&mut buffer, 1, number + 1, tenant(owner), 1));
    }
    let written = buffer.take(1);
    assert_eq!(written.len(), 100);
    for batch in written {
        assert_eq!(batch.count, 3);
        assert_eq!(batch.tenant, tenant(u8::try_from(batch.first - 1).unwrap()));
    }
}
