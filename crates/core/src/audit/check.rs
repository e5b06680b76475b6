//! The verifier: a bundle line by line, in memory that does not grow with the log.
//!
//! A line is rejected for what it says itself, or against the lines before it. What is only seen at the end is held
//! against the line that disagrees with all others.

use std::borrow::Cow;
use std::fmt;

use super::block::{Block, HeadPath};
use super::bundle::{EntryLine, Header, Line, Shown, checked_block, head, omit};
use super::checkpoint::Checkpoint;
use super::entry::{Operation, decode};
use super::error::Malformed;
use super::hash::Hash;
use super::note::{Note, VerifierKey};
use super::time::Timestamp;
use super::tree::{Frontier, Omitted};

/// Where a rejection points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Of the bundle, from 1.
    Line(u64),
    /// The checkpoint that the bundle is held against.
    Checkpoint,
}

/// Why a bundle is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub place: Place,
    pub reason: Malformed,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Line(line) => write!(f, "line {line}: {}", self.reason),
            Place::Checkpoint => write!(f, "the given checkpoint: {}", self.reason),
        }
    }
}

impl std::error::Error for Rejected {}

/// What a good bundle shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub checkpoint: Checkpoint,
    pub block: Option<Block>,
    /// Whose signature was verified; `None` without keys.
    pub signer: Option<VerifierKey>,
    pub entries: u64,
    /// Of the entries that are shown, the earliest and the latest time.
    pub times: Option<(Timestamp, Timestamp)>,
    pub omitted: u64,
    pub erased: u64,
    pub withheld: u64,
    /// Entries that record an erasure.
    pub erasures: u64,
    /// The given checkpoint, which this log goes on from.
    pub given: Option<Checkpoint>,
}

/// The kind of the entries that record an erasure.
const ERASURE: &str = "warden.audit.erase_subject";

/// A bundle that is being checked.
#[derive(Clone)]
pub struct Check<'a> {
    line: u64,
    header: Option<Header>,
    body: Body<'a>,
}

impl<'a> Check<'a> {
    /// Without keys the structure alone is checked. `given`: the note of a checkpoint that the log must go on from.
    ///
    /// # Errors
    /// For a given checkpoint that is none, or bears no signature of one of the keys.
    pub fn new(keys: &'a [VerifierKey], given: Option<&str>) -> Result<Self, Rejected> {
        let given = given.map(|note| Checkpoint::open(note, keys)).transpose().map_err(at(Place::Checkpoint))?;
        let given = given.map(|checkpoint| Given { checkpoint, is_met: false });
        Ok(Self { line: 0, header: None, body: Body::new(keys, given) })
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// For a line that does not go on from those before it.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Rejected> {
        self.line += 1;
        let here = Place::Line(self.line);
        let text = std::str::from_utf8(line).map_err(|_| rejected(here, "it is not UTF-8"))?;
        if self.body.end.is_some() {
            return Err(rejected(here, "it follows the checkpoint, which is the last line"));
        }
        match (&self.header, Line::parse(text).map_err(at(here))?) {
            (None, Line::Header(header)) => {
                self.body.begin(&header)?;
                self.header = Some(header);
                Ok(())
            }
            (None, _) => Err(rejected(here, "the first line is not a header")),
            (Some(_), Line::Header(_)) => Err(rejected(here, "it is a second header")),
            (Some(header), Line::Entry(line)) => self.body.entry(header, &line, here),
            (Some(header), Line::Omitted { from, omitted, head }) => {
                self.body.omitted(header, from, &omitted, head, here)
            }
            (Some(header), Line::Checkpoint { note, block }) => {
                self.body.checkpoint(header, &note, block.as_ref(), here)
            }
        }
    }

    /// After the last line.
    ///
    /// # Errors
    /// For a bundle that ends before its checkpoint, and where the given checkpoint could not be met.
    pub fn finish(self) -> Result<Report, Rejected> {
        let missing = || rejected(Place::Line(self.line + 1), "the bundle ends before its checkpoint");
        self.body.report().ok_or_else(missing)?
    }
}

/// A checkpoint that somebody has kept, to hold the bundle against.
#[derive(Clone)]
struct Given {
    checkpoint: Checkpoint,
    is_met: bool,
}

/// What follows the header.
#[derive(Clone)]
struct Body<'a> {
    keys: &'a [VerifierKey],
    given: Option<Given>,
    frontier: Frontier,
    /// Whether the line before left something out.
    just_omitted: bool,
    entries: u64,
    times: Option<(Timestamp, Timestamp)>,
    erased: u64,
    withheld: u64,
    erasures: u64,
    end: Option<(Checkpoint, Option<Block>, Option<VerifierKey>)>,
}

impl<'a> Body<'a> {
    fn new(keys: &'a [VerifierKey], given: Option<Given>) -> Self {
        Self {
            keys,
            given,
            frontier: Frontier::new(),
            just_omitted: false,
            entries: 0,
            times: None,
            erased: 0,
            withheld: 0,
            erasures: 0,
            end: None,
        }
    }

    fn begin(&mut self, header: &Header) -> Result<(), Rejected> {
        if let Some(given) = &self.given {
            if given.checkpoint.origin != header.origin {
                return Err(rejected(Place::Checkpoint, "it is another log's than the bundle"));
            }
            if given.checkpoint.size > header.tree_size {
                return Err(rejected(Place::Checkpoint, "it is of a larger log than the bundle"));
            }
        }
        self.meet()
    }

    fn entry(&mut self, header: &Header, line: &EntryLine, here: Place) -> Result<(), Rejected> {
        if line.index != self.frontier.size() {
            let reason = format!("its index is {}, and {} comes next", line.index, self.frontier.size());
            return Err(rejected(here, reason));
        }
        let leaf = line.check(header.origin.tenant()).map_err(at(here))?;
        if self.entries == 0 && header.first_index != line.index {
            return Err(rejected(Place::Line(1), "its first_index is not that of the first entry"));
        }
        self.count(line).map_err(at(here))?;
        self.frontier.append(leaf, |_, _| ()).map_err(at(here))?;
        self.just_omitted = false;
        self.meet()
    }

    fn count(&mut self, line: &EntryLine) -> Result<(), Malformed> {
        let (_, entry) = decode(&line.leaf_input)?;
        let (earliest, latest) = self.times.unwrap_or((entry.at, entry.at));
        self.times = Some((earliest.min(entry.at), latest.max(entry.at)));
        self.entries += 1;
        match line.shown()? {
            Shown::Erased => self.erased += 1,
            Shown::Withheld => self.withheld += 1,
            Shown::Nothing | Shown::Payload(..) => {}
        }
        self.erasures += u64::from(entry.operation == Operation::Event && entry.kind == Some(ERASURE));
        Ok(())
    }

    fn omitted(
        &mut self,
        header: &Header,
        from: u64,
        omitted: &Omitted,
        said: Hash,
        here: Place,
    ) -> Result<(), Rejected> {
        if from != self.frontier.size() {
            let reason = format!("it goes on from {from}, and {} comes next", self.frontier.size());
            return Err(rejected(here, reason));
        }
        if self.just_omitted {
            return Err(rejected(here, "it stands directly below another proof"));
        }
        omit(&mut self.frontier, omitted).map_err(at(here))?;
        if head(header, &self.frontier).hash() != said {
            return Err(rejected(here, "its hashes do not lead to its head"));
        }
        self.just_omitted = true;
        self.meet()
    }

    /// The given checkpoint, as soon as the log is as large as it says.
    fn meet(&mut self) -> Result<(), Rejected> {
        let Some(given) = &mut self.given else { return Ok(()) };
        if given.checkpoint.size == self.frontier.size() {
            if given.checkpoint.root != self.frontier.root() {
                return Err(rejected(Place::Checkpoint, "the bundle's log is not a continuation of it"));
            }
            given.is_met = true;
        }
        Ok(())
    }

    fn checkpoint(
        &mut self,
        header: &Header,
        note: &str,
        block: Option<&(Block, HeadPath)>,
        here: Place,
    ) -> Result<(), Rejected> {
        let note = Note::parse(note).map_err(at(here))?;
        let said = Checkpoint::parse(note.text).map_err(at(here))?;
        if said.origin.log != header.origin.log {
            return Err(rejected(here, "its checkpoint is another log's"));
        }
        if said.size != self.frontier.size() {
            let reason =
                format!("its checkpoint is of {} entries, and {} stand before it", said.size, self.frontier.size());
            return Err(rejected(here, reason));
        }
        if said.root != self.frontier.root() {
            return Err(rejected(here, "its checkpoint's root is not that of the lines before it"));
        }
        checked_block(&said, block.map(|(block, path)| (block, path))).map_err(at(here))?;
        let block = block.map(|(block, _)| *block);
        // From here on the note is believed, so that what disagrees with it is the header.
        let signer = self.signer(&note, &said).map_err(at(here))?;
        header_fits(header, &said, block.as_ref(), self.entries).map_err(at(Place::Line(1)))?;
        self.end = Some((said, block, signer));
        Ok(())
    }

    /// Exactly one signature, so that no byte of the note is without one.
    fn signer(&self, note: &Note, said: &Checkpoint) -> Result<Option<VerifierKey>, Malformed> {
        if note.signatures.len() > 1 {
            return Err(Malformed::new("its checkpoint has more than one signature"));
        }
        if self.keys.is_empty() {
            return Ok(None);
        }
        match &note.signers(self.keys)?[..] {
            [Some(key)] if *key.name() == said.origin.installation => Ok(Some((*key).clone())),
            [] => Err(Malformed::new("its checkpoint is not signed")),
            _ => Err(Malformed::new("its checkpoint is signed by none of the given keys of its origin")),
        }
    }

    fn report(self) -> Option<Result<Report, Rejected>> {
        let (checkpoint, block, signer) = self.end?;
        if self.given.as_ref().is_some_and(|given| !given.is_met) {
            let reason = "the bundle leaves out what its root could be computed from: export it for its size";
            return Some(Err(rejected(Place::Checkpoint, reason)));
        }
        Some(Ok(Report {
            omitted: checkpoint.size - self.entries,
            checkpoint,
            block,
            signer,
            entries: self.entries,
            times: self.times,
            erased: self.erased,
            withheld: self.withheld,
            erasures: self.erasures,
            given: self.given.map(|given| given.checkpoint),
        }))
    }
}

/// Whether the header says what the lines below it have shown.
fn header_fits(header: &Header, said: &Checkpoint, block: Option<&Block>, entries: u64) -> Result<(), Malformed> {
    let differs = if header.origin != said.origin {
        "origin"
    } else if header.tree_size != said.size {
        "tree_size"
    } else if header.root != said.root {
        "root"
    } else if header.incarnation != block.map(|block| block.incarnation) {
        "incarnation"
    } else if entries == 0 && header.first_index != said.size {
        "first_index"
    } else {
        return Ok(());
    };
    Err(Malformed::new(format!("its {differs} is not what the lines below it say")))
}

fn rejected(place: Place, reason: impl Into<Cow<'static, str>>) -> Rejected {
    Rejected { place, reason: Malformed::new(reason) }
}

fn at(place: Place) -> impl Fn(Malformed) -> Rejected {
    move |reason| Rejected { place, reason }
}
