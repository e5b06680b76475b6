//! Checkpoints (c2sp.org/tlog-checkpoint): how large a log is and what its root is, as a note that can be signed.

use std::fmt;

use super::error::Malformed;
use super::hash::Hash;
use super::note::{KeyName, Note, SigningKey, VerifierKey};
use crate::tenancy::TenantId;

/// One log of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Log {
    Tenant(TenantId),
    /// What belongs to no tenant.
    Platform,
    /// The blocks themselves: its leaves are their hashes.
    Blocks,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Log::Tenant(tenant) => tenant.fmt(f),
            Log::Platform => f.write_str("platform"),
            Log::Blocks => f.write_str("blocks"),
        }
    }
}

/// What names a log everywhere: `installation/log`. The installation's name is its keys'.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub installation: KeyName,
    pub log: Log,
}

impl Origin {
    /// # Errors
    /// For anything but the form that is printed.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("the origin is not installation/log");
        let (installation, log) = text.rsplit_once('/').ok_or_else(malformed)?;
        let log = match log {
            "platform" => Log::Platform,
            "blocks" => Log::Blocks,
            tenant => Log::Tenant(TenantId::parse(tenant).ok_or_else(malformed)?),
        };
        let origin = Self { installation: KeyName::parse(installation)?, log };
        if origin.to_string() == text { Ok(origin) } else { Err(malformed()) }
    }

    /// The tenant whose entries the log holds.
    pub fn tenant(&self) -> Option<TenantId> {
        match self.log {
            Log::Tenant(tenant) => Some(tenant),
            Log::Platform | Log::Blocks => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.installation.as_str(), self.log)
    }
}

/// The block that made a log what the checkpoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRef {
    pub number: u64,
    pub hash: Hash,
}

/// A log at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: Origin,
    pub size: u64,
    pub root: Hash,
    /// Of a tenant's log, or the platform's, that is not empty.
    pub block: Option<BlockRef>,
}

impl Checkpoint {
    /// What is signed: origin, size and root, each on a line, and an extension line `block number hash`.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root);
        if let Some(block) = self.block {
            text.push_str(&format!("block {} {}\n", block.number, block.hash));
        }
        text
    }

    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        key.sign(&self.text())
    }

    /// The note of an installation without a key: no signature below its empty line.
    pub fn unsigned(&self) -> String {
        self.text() + "\n"
    }

    /// A note that somebody hands over. Without keys its signatures are not looked at; with them, one of the keys of its
    /// origin has signed it. Others may have too: witnesses do.
    ///
    /// # Errors
    /// For a note that is no checkpoint's, and one that bears no such signature.
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Self, Malformed> {
        let note = Note::parse(note)?;
        let checkpoint = Self::parse(note.text)?;
        let is_ours = |key: &VerifierKey| *key.name() == checkpoint.origin.installation;
        if keys.is_empty() || note.signers(keys)?.into_iter().flatten().any(is_ours) {
            return Ok(checkpoint);
        }
        Err(Malformed::new("it is signed by none of the given keys of its origin"))
    }

    /// The text of a note.
    ///
    /// # Errors
    /// For anything but the form that is printed, and for a block where there can be none, or none where there is one.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("the note's text is not a checkpoint's");
        let mut lines = text.strip_suffix('\n').ok_or_else(malformed)?.split('\n');
        let mut line = || lines.next().ok_or_else(malformed);
        let (origin, size, root) = (Origin::parse(line()?)?, number(line()?), Hash::parse(line()?));
        let (size, root) = size.zip(root).ok_or_else(malformed)?;
        let block = lines.next().map(|line| BlockRef::parse(line).ok_or_else(malformed)).transpose()?;
        if lines.next().is_some() || block.is_some() != (size > 0 && origin.log != Log::Blocks) {
            return Err(malformed());
        }
        if size == 0 && root != Hash::of(&[]) {
            return Err(Malformed::new("an empty log has another root"));
        }
        Ok(Self { origin, size, root, block })
    }
}

impl BlockRef {
    fn parse(line: &str) -> Option<Self> {
        let (block, hash) = line.strip_prefix("block ")?.split_once(' ')?;
        Some(Self { number: number(block)?, hash: Hash::parse(hash)? })
    }
}

/// Decimal, without leading zeros; what a bigint holds.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text && i64::try_from(number).is_ok()).then_some(number)
}
