//! A small log of a tenant, and its bundle in one line.

use serde_json::Value as Json;
use warden_core::audit::{
    Block, BlockRef, Body, Check, Checkpoint, Column, Entry, Hash, Head, HeadPath, Header, Heads, KeyName, Log,
    Omitted, Operation, Origin, Payload, Rejected, Report, Salt, Shown, SigningKey, Timestamp, Transaction,
    VerifierKey, Writer, encode, leaf_hash, redact, root,
};
use warden_core::tenancy::TenantId;

pub use crate::common::{array, flips, hex, vector_file};
use crate::oracle::Stored;

pub const ACME: TenantId = TenantId([0xac; 16]);
pub const GLOBEX: TenantId = TenantId([0x91; 16]);
/// 2026-07-26 09:51:12 UTC.
const BEGINNING: i64 = 1_785_059_472_000_000;

pub fn signing_key() -> SigningKey {
    SigningKey::new(KeyName::parse("warden.test/acme").unwrap(), &[0x5e; 32])
}

pub fn keys() -> Vec<VerifierKey> {
    vec![signing_key().verifier()]
}

pub fn transaction() -> Transaction<'static> {
    Transaction {
        incarnation: 1,
        xid: 7_000_000_745,
        database_user: Some("app"),
        session_user: Some("app"),
        user_id: Some("alice"),
        role: Some("owner"),
        session_id: Some("4f2c"),
        access_request: None,
        application_name: Some(""),
        client_addr: Some("10.0.0.1"),
    }
}

pub fn payload() -> Payload<'static> {
    let redacted = || Column::redacted("secret", redact(&[2; 32], "secret", Some("1234")));
    Payload {
        key: Some(vec![Column::text("id", "7")]),
        old: Some(vec![Column::text("id", "7"), Column::text("v", "é \"1\"\n"), redacted(), Column::null("n")]),
        new: Some(vec![Column::text("id", "7"), Column::text("v", ""), redacted(), Column::null("n")]),
        detail: None,
    }
}

pub fn sample() -> Entry<'static> {
    Entry {
        number: 3,
        tenant: Some(ACME),
        relation: Some("app.\"Table\""),
        operation: Operation::Update,
        kind: None,
        at: Timestamp(BEGINNING),
        schema_version: std::num::NonZeroU32::new(2),
        detail: Some("{\"root\": \"app.parent\", \"n\": 1.00}"),
        commitment: Some(Salt([9; 32]).commit(&payload().bytes())),
    }
}

/// The log of ACME: changes, then events, one of which has a payload of its own.
pub struct Sample {
    tenant: Option<TenantId>,
    pub entries: Vec<Vec<u8>>,
}

impl Sample {
    pub fn of(count: u8) -> Self {
        Self::log(Some(ACME), count)
    }

    pub fn log(tenant: Option<TenantId>, count: u8) -> Self {
        let entry = |at: u8| {
            let entry = Entry { number: u64::from(at), tenant, at: Timestamp(BEGINNING + i64::from(at)), ..sample() };
            match at % 3 {
                2 => Entry { operation: Operation::Event, kind: Some("app.sent"), commitment: None, ..entry },
                _ => Entry { commitment: Some(Self::salt(at).commit(&Self::payload(at).bytes())), ..entry },
            }
        };
        Self { tenant, entries: (0..count).map(|at| encode(&transaction(), &entry(at))).collect() }
    }

    pub fn salt(at: u8) -> Salt {
        Salt([at; 32])
    }

    pub fn payload(at: u8) -> Payload<'static> {
        match at % 3 {
            0 => payload(),
            _ => Payload { old: None, ..payload() },
        }
    }

    pub fn origin(&self) -> Origin {
        let installation = signing_key().verifier().name().clone();
        Origin { installation, log: self.tenant.map_or(Log::Platform, Log::Tenant) }
    }

    pub fn stored(&self) -> Stored {
        Stored(self.entries.iter().map(|entry| leaf_hash(entry)).collect())
    }

    pub fn size(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap()
    }

    /// The last block, which touches other tenants too.
    pub fn block(&self) -> Option<(Block, HeadPath)> {
        let (size, root) = (self.size(), root(&self.stored(), self.size()).unwrap());
        let head = Head { tenant: self.tenant, size, root };
        let mut heads = vec![head, Head { tenant: Some(TenantId([0x7c; 16])), size: 4, root: Hash([4; 32]) }];
        heads.sort_by_key(|head| head.tenant);
        let body = Body { blind: [0xb1; 32], entries: size + 4, snapshot: "745:750:746,748" };
        let heads = Heads::new(&body.blind, &heads).unwrap();
        let block = Block {
            number: 7,
            incarnation: 2,
            sealed_at: Timestamp(BEGINNING + 1_000_000),
            previous: Hash([6; 32]),
            heads: heads.root(),
            body: body.hash(),
        };
        (size > 0).then(|| (block, heads.path(self.tenant).unwrap()))
    }

    pub fn checkpoint(&self) -> Checkpoint {
        let block = self.block().map(|(block, _)| BlockRef { number: block.number, hash: block.hash() });
        Checkpoint { origin: self.origin(), size: self.size(), root: root(&self.stored(), self.size()).unwrap(), block }
    }

    pub fn note(&self) -> String {
        self.checkpoint().sign(&signing_key())
    }

    pub fn bundle(&self) -> Vec<String> {
        self.part(|_| true, |_| false)
    }

    /// A bundle of these entries, of which some payloads are withheld.
    pub fn part(&self, is_shown: impl Fn(u64) -> bool, is_withheld: impl Fn(u64) -> bool) -> Vec<String> {
        let (stored, checkpoint, block) = (self.stored(), self.checkpoint(), self.block());
        let (mut writer, first) = Writer::new(Header {
            origin: self.origin(),
            incarnation: block.as_ref().map(|(block, _)| block.incarnation),
            first_index: (0..self.size()).find(|at| is_shown(*at)).unwrap_or(self.size()),
            tree_size: checkpoint.size,
            root: checkpoint.root,
        });
        let mut lines = vec![first];
        while writer.position() < self.size() {
            let from = writer.position();
            if !is_shown(from) {
                let to = (from..self.size()).find(|at| is_shown(*at)).unwrap_or(self.size());
                lines.push(writer.omit(&Omitted::load(&stored, from, to).unwrap()).unwrap());
                continue;
            }
            let at = u8::try_from(from).unwrap();
            let (salt, payload) = (Self::salt(at), Self::payload(at));
            let shown = match (at % 3, is_withheld(from)) {
                (2, _) => Shown::Nothing,
                (1, true) => Shown::Erased,
                (_, true) => Shown::Withheld,
                _ => Shown::Payload(&salt, &payload),
            };
            lines.push(writer.entry(&self.entries[usize::from(at)], shown).unwrap());
        }
        lines.push(writer.finish(&self.note(), block.as_ref().map(|(block, path)| (block, path))).unwrap());
        lines
    }
}

pub fn check(lines: &[String]) -> Result<Report, Rejected> {
    check_against(lines, &keys(), None)
}

pub fn check_against(lines: &[String], keys: &[VerifierKey], given: Option<&str>) -> Result<Report, Rejected> {
    let mut check = Check::new(keys, given)?;
    lines.iter().try_for_each(|line| check.line(line.as_bytes()))?;
    check.finish()
}

pub fn hash(text: &Json) -> Hash {
    Hash(array(text))
}
