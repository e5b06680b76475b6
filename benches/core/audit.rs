//! The audit's work for each entry: captured, sealed, verified in the database, verified from a bundle.

use std::{error::Error, hint::black_box, num::NonZeroU32};

use criterion::{Criterion, Throughput};
use warden_core::{
    audit::{
        Act, Actor, Batch, Block, BlockRef, Body, Cell, Check, Checkpoint, Column, Entries, Entry, EntryId, Frontier,
        Hash, Head, Header, Heads, KeyName, Log, Operation, Origin, Payload, Payloads, Salt, Shape, Shown, SigningKey,
        Subject, Timestamp, Transaction, Writer, decode, leaf_hash,
    },
    tenancy::TenantId,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TENANT: TenantId = TenantId([7; 16]);
const ENTRIES: u64 = 1000;
const TRANSACTION: Transaction = Transaction {
    incarnation: 1,
    xid: 7_000_000_745,
    database_user: Some("app"),
    session_user: Some("app"),
    user_id: Some("alice@example.org"),
    role: Some("member"),
    session_id: Some("0191e1b2-7c3d-7000-8abc-0123456789ab"),
    access_request: None,
    application_name: Some("billing"),
    client_addr: Some("10.11.12.13"),
};

pub fn audit(criterion: &mut Criterion) -> Result<()> {
    let stored = (0..ENTRIES).map(Stored::new).collect::<Vec<_>>();
    // Once outside: a bench that measures how fast something fails is none.
    verify(&stored)?;
    let mut capture = Capture::new()?;
    let batch = capture.batch(ENTRIES)?;
    // The formats are two, the entries the same.
    let (entries, payloads) = (batch.entries_bytes().to_vec(), batch.payload_bytes().ok_or("no payloads")?.to_vec());
    if verify_batch(&entries, &payloads)? != verify(&stored)? {
        return Err("another tree".into());
    }
    let (key, lines) = bundle(&stored)?;
    check(&key, &lines)?;

    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Elements(ENTRIES));
    group.bench_function("capture: payload, commitment, bytes, leaf", |bencher| {
        bencher.iter(|| (0..ENTRIES).map(|at| Stored::new(black_box(at)).leaf).fold(0u8, |all, leaf| all ^ leaf.0[0]));
    });
    group.bench_function("capture: payload and entry into a batch", |bencher| {
        bencher.iter(|| capture.batch(black_box(ENTRIES)).map(Batch::size));
    });
    group.bench_function("hash: the leaf of stored bytes", |bencher| {
        bencher.iter(|| {
            stored.iter().map(|own| leaf_hash(black_box(&own.leaf_input))).fold(0u8, |all, leaf| all ^ leaf.0[0])
        });
    });
    group.bench_function("seal: leaves into a tree, each node shown", |bencher| {
        bencher.iter(|| {
            let (mut frontier, mut nodes) = (Frontier::new(), Vec::with_capacity(2 * stored.len()));
            for own in &stored {
                frontier.append(black_box(own.leaf), |node, hash| nodes.push((node, hash)))?;
            }
            Ok::<_, Box<dyn Error>>((frontier.root(), nodes.len()))
        });
    });
    group.bench_function("verify: bytes, commitment, leaf, tree", |bencher| {
        bencher.iter(|| verify(black_box(&stored)));
    });
    group.bench_function("verify: bytes, leaf, tree", |bencher| {
        bencher.iter(|| {
            let mut frontier = Frontier::new();
            for own in black_box(&stored) {
                decode(&own.leaf_input)?;
                frontier.append_data(&own.leaf_input)?;
            }
            Ok::<_, Box<dyn Error>>(frontier.root())
        });
    });
    group.bench_function("verify: a stored batch, commitment, leaf, tree", |bencher| {
        bencher.iter(|| verify_batch(black_box(&entries), black_box(&payloads)));
    });
    group.bench_function("verify: a bundle with every payload", |bencher| {
        bencher.iter(|| check(&key, black_box(&lines)))
    });
    group.finish();
    Ok(())
}

/// An entry as it is stored: five columns, one of them changed.
struct Stored {
    salt: Salt,
    payload: Vec<u8>,
    leaf_input: Vec<u8>,
    leaf: Hash,
}

impl Stored {
    fn new(at: u64) -> Self {
        let id = at.to_string();
        let row = |state| {
            vec![
                Column::text("tenant_id", "07070707-0707-0707-0707-070707070707"),
                Column::text("id", &id),
                Column::text("title", "Invoice for May"),
                Column::text("state", state),
                Column::null("paid_at"),
            ]
        };
        let key = vec![Column::text("tenant_id", "07070707-0707-0707-0707-070707070707"), Column::text("id", &id)];
        let payload = Payload { key: Some(key), old: Some(row("draft")), new: Some(row("sent")), detail: None }.bytes();
        let salt = Salt([at.to_be_bytes()[7]; 32]);
        let entry = Entry {
            number: at,
            tenant: Some(TENANT),
            relation: Some("billing.invoice"),
            operation: Operation::Update,
            kind: None,
            at: Timestamp(1_785_067_200_000_000),
            schema_version: NonZeroU32::new(3),
            detail: None,
            commitment: Some(salt.commit(&payload)),
        };
        let mut leaf_input = TRANSACTION.bytes();
        entry.write(&mut leaf_input);
        let leaf = leaf_hash(&leaf_input);
        Self { salt, payload, leaf_input, leaf }
    }
}

fn verify(stored: &[Stored]) -> Result<Hash> {
    let mut frontier = Frontier::new();
    for own in stored {
        let (_, entry) = decode(&own.leaf_input)?;
        if entry.commitment != Some(own.salt.commit(&own.payload)) {
            return Err("another payload".into());
        }
        frontier.append_data(&own.leaf_input)?;
    }
    Ok(frontier.root())
}

/// The same entries as a trigger captures them.
struct Capture {
    batch: Batch,
    actor: Actor,
    subject: Subject,
    shape: Shape,
}

impl Capture {
    fn new() -> Result<Self> {
        let columns = [("tenant_id", true), ("id", true), ("title", false), ("state", false), ("paid_at", false)];
        Ok(Self {
            batch: Batch::new(),
            actor: Actor::from(&TRANSACTION),
            subject: Subject::new(Some("billing.invoice"), NonZeroU32::new(3), None),
            shape: Shape::new(columns)?,
        })
    }

    fn batch(&mut self, entries: u64) -> Result<&Batch> {
        self.batch.clear();
        for at in 0..entries {
            let id = at.to_string();
            let row = |state| {
                [
                    Cell::Text("07070707-0707-0707-0707-070707070707"),
                    Cell::Text(&id),
                    Cell::Text("Invoice for May"),
                    Cell::Text(state),
                    Cell::Null,
                ]
            };
            let salt = Salt([at.to_be_bytes()[7]; 32]);
            let (old, new) = (row("draft"), row("sent"));
            let commitment = self.batch.payload(&self.shape, Some(&old), Some(&new), None, &salt)?;
            let act = Act {
                number: at,
                operation: Operation::Update,
                kind: None,
                at: Timestamp(1_785_067_200_000_000),
                commitment: Some(commitment),
            };
            self.batch.entry(&self.actor, &self.subject, &act)?;
        }
        Ok(&self.batch)
    }
}

fn verify_batch(entries: &[u8], payloads: &[u8]) -> Result<Hash> {
    let first = EntryId { incarnation: TRANSACTION.incarnation, xid: TRANSACTION.xid, number: 0 };
    let (mut frontier, mut scratch) = (Frontier::new(), Vec::new());
    let mut payloads = Payloads::read(payloads)?;
    for stored in Entries::read(first, Some(TENANT), entries)? {
        let stored = stored?;
        if let Some(commitment) = stored.entry.commitment {
            let payload = payloads.advance()?.ok_or("a payload too few")?;
            if payload.commitment(&mut scratch).is_some_and(|own| own != commitment) {
                return Err("another payload".into());
            }
        }
        frontier.append(stored.leaf(&mut scratch), |_, _| ())?;
    }
    if payloads.advance()?.is_some() {
        return Err("a payload too many".into());
    }
    Ok(frontier.root())
}

fn bundle(stored: &[Stored]) -> Result<(SigningKey, Vec<String>)> {
    let key = SigningKey::new(KeyName::parse("bench")?, &[7; 32]);
    let mut frontier = Frontier::new();
    stored.iter().try_for_each(|own| frontier.append(own.leaf, |_, _| ()))?;
    let head = Head { tenant: Some(TENANT), size: ENTRIES, root: frontier.root() };
    let body = Body { blind: [7; 32], entries: ENTRIES, snapshot: "745:750:" };
    let heads = Heads::new(&body.blind, &[head]).ok_or("no heads")?;
    let block = Block {
        number: 1,
        incarnation: 1,
        sealed_at: Timestamp(0),
        previous: Hash::default(),
        heads: heads.root(),
        body: body.hash(),
    };
    let origin = Origin { installation: key.verifier().name().clone(), log: Log::Tenant(TENANT) };
    let named = Some(BlockRef { number: block.number, hash: block.hash() });
    let checkpoint = Checkpoint { origin: origin.clone(), size: ENTRIES, root: head.root, block: named };
    let (mut writer, first) =
        Writer::new(Header { origin, incarnation: Some(1), first_index: 0, tree_size: ENTRIES, root: head.root });
    let mut lines = vec![first];
    for own in stored {
        lines.push(writer.entry(&own.leaf_input, Shown::Payload(&own.salt, &Payload::read(&own.payload)?))?);
    }
    let path = heads.path(Some(TENANT)).ok_or("no path")?;
    lines.push(writer.finish(&checkpoint.sign(&key), Some((&block, &path)))?);
    Ok((key, lines))
}

fn check(key: &SigningKey, lines: &[String]) -> Result<u64> {
    let keys = [key.verifier()];
    let mut check = Check::new(&keys, None)?;
    lines.iter().try_for_each(|line| check.line(line.as_bytes()))?;
    Ok(check.finish()?.entries)
}
