//! The bundle: a log, or a part of it, as JSON Lines that verify without PostgreSQL.
//!
//! Header, entries and what is left out between them, checkpoint. The lines are written here and read here, so that the
//! export and the verifier cannot differ.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::block::{Block, Head, HeadPath};
use super::checkpoint::{Checkpoint, Log, Origin};
use super::entry::decode;
use super::error::Malformed;
use super::hash::{Hash, leaf_hash};
use super::json::{Object, put_string, same, text};
use super::note::Note;
use super::payload::{Column, Payload, Row, Salt, Value};
use super::proof::list;
use super::tree::{Frontier, Omitted};
use super::view::{columns, string, view};
use crate::tenancy::TenantId;

const FORMAT: &str = "pg_warden/audit-bundle/1";

/// The first line: which log, and how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Not the blocks' log.
    pub origin: Origin,
    /// Of the block that made the log what it is; `None` for a log without entries.
    pub incarnation: Option<u32>,
    /// Of the first entry that is shown; the tree's size where none is.
    pub first_index: u64,
    pub tree_size: u64,
    pub root: Hash,
}

impl Header {
    fn line(&self) -> String {
        let tenant = self.origin.tenant().map_or("null".to_owned(), |tenant| format!("\"{tenant}\""));
        let incarnation = self.incarnation.map_or("null".to_owned(), |incarnation| incarnation.to_string());
        let mut line = format!("{{\"type\":\"header\",\"format\":\"{FORMAT}\",\"origin\":");
        put_string(&mut line, &self.origin.to_string());
        line += &format!(
            ",\"tenant\":{tenant},\"incarnation\":{incarnation},\"first_index\":{},\"tree_size\":{},\"root\":\"{}\"}}",
            self.first_index, self.tree_size, self.root
        );
        line
    }

    pub(super) fn parse(mut object: Object) -> Result<Self, Malformed> {
        object.expect("format", FORMAT)?;
        let origin = Origin::parse(&object.text("origin")?)?;
        let tenant = object.nullable_text("tenant")?;
        let incarnation = object.nullable_number("incarnation")?.map(u32::try_from).transpose();
        let header = Self {
            origin,
            incarnation: incarnation.map_err(|_| Malformed::new("its incarnation is too large"))?,
            first_index: object.number("first_index")?,
            tree_size: object.number("tree_size")?,
            root: object.hash("root")?,
        };
        object.end()?;
        if header.origin.log == Log::Blocks {
            return Err(Malformed::new("its origin is the blocks', which has no bundles"));
        }
        if tenant.as_deref() != header.origin.tenant().map(|tenant| tenant.to_string()).as_deref() {
            return Err(Malformed::new("its tenant is not its origin's"));
        }
        if header.incarnation.is_some() != (header.tree_size > 0) {
            return Err(Malformed::new("a log has an incarnation exactly if it has entries"));
        }
        if header.first_index > header.tree_size {
            return Err(Malformed::new("its first_index lies outside of the tree"));
        }
        Ok(header)
    }
}

/// What a reader gets of an entry's payload.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// The entry has none.
    Nothing,
    Payload(&'a Salt, &'a Payload<'a>),
    /// Erased for everyone.
    Erased,
    /// Not for this reader.
    Withheld,
}

/// Writes a bundle line by line, and keeps no more of the log than its right edge.
#[derive(Clone, Debug)]
pub struct Writer {
    header: Header,
    frontier: Frontier,
}

impl Writer {
    /// With the first line.
    pub fn new(header: Header) -> (Self, String) {
        let line = header.line();
        (Self { header, frontier: Frontier::new() }, line)
    }

    /// The index of the entry that comes next.
    pub fn position(&self) -> u64 {
        self.frontier.size()
    }

    /// The line of the next entry.
    ///
    /// # Errors
    /// For bytes that are no entry of this log, and for a payload that is not the entry's: a bundle that its verifier
    /// would refuse is not begun.
    pub fn entry(&mut self, leaf_input: &[u8], shown: Shown) -> Result<String, Malformed> {
        let (index, leaf) = (self.position(), leaf_hash(leaf_input));
        let view = checked_view(index, leaf_input, shown, self.header.origin.tenant())?;
        let mut line = format!(
            "{{\"type\":\"entry\",\"index\":{index},\"leaf_input\":\"{}\",\"leaf_hash\":\"{leaf}\"",
            STANDARD.encode(leaf_input)
        );
        match shown {
            Shown::Nothing => {}
            Shown::Payload(salt, payload) => put_payload(&mut line, salt, payload),
            Shown::Erased => line.push_str(",\"erased\":true"),
            Shown::Withheld => line.push_str(",\"withheld\":true"),
        }
        line.push_str(",\"view\":");
        line.push_str(&view);
        line.push('}');
        self.frontier.append(leaf, |_, _| ())?;
        Ok(line)
    }

    /// The line that stands for leaves from here on that are not shown.
    ///
    /// # Errors
    /// For a stretch that is empty or has another number of hashes.
    pub fn omit(&mut self, omitted: &Omitted) -> Result<String, Malformed> {
        let from = self.position();
        omit(&mut self.frontier, omitted)?;
        Ok(format!(
            "{{\"type\":\"proof\",\"from\":{from},\"to\":{},\"hashes\":{},\"head\":\"{}\"}}",
            omitted.to,
            list(&omitted.hashes),
            head(&self.header, &self.frontier).hash()
        ))
    }

    /// The last line: the checkpoint, signed or not, and the block that it names, with the way to it.
    ///
    /// # Errors
    /// For a checkpoint that is not that of the lines so far.
    pub fn finish(self, checkpoint: &str, block: Option<(&Block, &HeadPath)>) -> Result<String, Malformed> {
        let said = Checkpoint::parse(Note::parse(checkpoint)?.text)?;
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let header = &self.header;
        if said.origin != header.origin || (said.size, said.root) != (size, root) {
            return Err(Malformed::new("the checkpoint is not that of the lines before it"));
        }
        if (header.tree_size, header.root) != (size, root) {
            return Err(Malformed::new("the header is not that of the lines after it"));
        }
        checked_block(&said, block)?;
        if block.map(|(block, _)| block.incarnation) != header.incarnation {
            return Err(Malformed::new("the header's incarnation is not the block's"));
        }
        let mut line = "{\"type\":\"checkpoint\",\"note\":".to_owned();
        put_string(&mut line, checkpoint);
        match block {
            Some((block, path)) => {
                line += &format!(
                    ",\"block_path\":{{\"block\":\"{}\",\"place\":{},\"hashes\":{}}}}}",
                    STANDARD.encode(block.bytes()),
                    path.place,
                    list(&path.hashes)
                );
            }
            None => line.push_str(",\"block_path\":null}"),
        }
        Ok(line)
    }
}

/// One line, read.
pub(super) enum Line<'a> {
    Header(Header),
    Entry(EntryLine<'a>),
    /// `head`: the hash of what the log is then, so that the line is bound by itself.
    Omitted {
        from: u64,
        omitted: Omitted,
        head: Hash,
    },
    Checkpoint {
        note: Cow<'a, str>,
        block: Option<(Block, HeadPath)>,
    },
}

impl<'a> Line<'a> {
    /// # Errors
    /// For anything but a line of a bundle: each member known, there and once.
    pub(super) fn parse(line: &'a str) -> Result<Self, Malformed> {
        let mut object = Object::parse(line)?;
        match &*object.text("type")? {
            "header" => Header::parse(object).map(Line::Header),
            "entry" => EntryLine::parse(object).map(Line::Entry),
            "proof" => {
                let (from, to) = (object.number("from")?, object.number("to")?);
                let (hashes, head) = (object.hashes("hashes")?, object.hash("head")?);
                object.end()?;
                Ok(Line::Omitted { from, omitted: Omitted { to, hashes }, head })
            }
            "checkpoint" => {
                let (note, path) = (object.text("note")?, object.raw("block_path")?);
                object.end()?;
                let block = if path == "null" { None } else { Some(read_block_path(path)?) };
                Ok(Line::Checkpoint { note, block })
            }
            _ => Err(Malformed::new("its type is none of header, entry, proof, checkpoint")),
        }
    }
}

/// An entry's line, before anything in it is checked against anything else.
pub(super) struct EntryLine<'a> {
    pub(super) index: u64,
    pub(super) leaf_input: Vec<u8>,
    leaf_hash: Hash,
    payload: Option<(Salt, Payload<'a>)>,
    erased: bool,
    withheld: bool,
    view: &'a str,
}

impl<'a> EntryLine<'a> {
    fn parse(mut object: Object<'a>) -> Result<Self, Malformed> {
        let mut flag = |name: &str| match object.optional(name) {
            None => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Malformed::new(format!("its member \"{name}\" is not true"))),
        };
        let (erased, withheld) = (flag("erased")?, flag("withheld")?);
        let line = Self {
            index: object.number("index")?,
            leaf_input: object.base64("leaf_input")?,
            leaf_hash: object.hash("leaf_hash")?,
            payload: object.optional("payload").map(read_payload).transpose()?,
            erased,
            withheld,
            view: object.raw("view")?,
        };
        object.end()?;
        Ok(line)
    }

    /// Checks everything in the line against the hashed bytes, and gives their hash.
    pub(super) fn check(&self, tenant: Option<TenantId>) -> Result<Hash, Malformed> {
        let leaf = leaf_hash(&self.leaf_input);
        if leaf != self.leaf_hash {
            return Err(Malformed::new("its leaf_hash is not that of its leaf_input"));
        }
        let view = checked_view(self.index, &self.leaf_input, self.shown()?, tenant)?;
        match differs(self.view, &view)? {
            None => Ok(leaf),
            Some(member) => Err(Malformed::new(format!("its view's \"{member}\" is not what the hashed bytes say"))),
        }
    }

    pub(super) fn shown(&self) -> Result<Shown<'_>, Malformed> {
        match (&self.payload, self.erased, self.withheld) {
            (None, false, false) => Ok(Shown::Nothing),
            (Some((salt, payload)), false, false) => Ok(Shown::Payload(salt, payload)),
            (None, true, false) => Ok(Shown::Erased),
            (None, false, true) => Ok(Shown::Withheld),
            _ => Err(Malformed::new("it has more than one of payload, erased and withheld")),
        }
    }
}

/// The name of a member in which two views differ.
fn differs(given: &str, rendered: &str) -> Result<Option<String>, Malformed> {
    if given == rendered {
        return Ok(None);
    }
    let mut given = Object::parse(given)?;
    for (name, value) in Object::parse(rendered)?.into_members() {
        if !given.optional(&name).is_some_and(|given| same(given, value.get())) {
            return Ok(Some(name.into_owned()));
        }
    }
    given.end().map(|()| None)
}

/// The view of an entry whose payload, tenant and bytes fit together.
fn checked_view(index: u64, leaf_input: &[u8], shown: Shown, tenant: Option<TenantId>) -> Result<String, Malformed> {
    let (transaction, entry) = decode(leaf_input)?;
    if entry.tenant != tenant {
        return Err(Malformed::new("its tenant is not the header's"));
    }
    let payload = match (entry.commitment, shown) {
        (None, Shown::Nothing) | (Some(_), Shown::Erased | Shown::Withheld) => None,
        (Some(commitment), Shown::Payload(salt, payload)) => {
            if salt.commit(&payload.bytes()) != commitment {
                return Err(Malformed::new("its payload is not the one that the entry commits to"));
            }
            Some(payload)
        }
        (Some(_), Shown::Nothing) => return Err(Malformed::new("it has none of payload, erased and withheld")),
        (None, _) => return Err(Malformed::new("the entry commits to no payload")),
    };
    view(index, &transaction, &entry, payload)
}

/// Appends leaves that are not shown to the right edge.
pub(super) fn omit(frontier: &mut Frontier, omitted: &Omitted) -> Result<(), Malformed> {
    if omitted.to <= frontier.size() {
        return Err(Malformed::new("it leaves nothing out"));
    }
    frontier.append_omitted(omitted.to, &omitted.hashes)
}

/// The log as far as it is known.
pub(super) fn head(header: &Header, frontier: &Frontier) -> Head {
    Head { tenant: header.origin.tenant(), size: frontier.size(), root: frontier.root() }
}

/// Whether the block is the one that the checkpoint names, and holds the head that the checkpoint is of.
pub(super) fn checked_block(checkpoint: &Checkpoint, block: Option<(&Block, &HeadPath)>) -> Result<(), Malformed> {
    let Some(named) = checkpoint.block else {
        return if block.is_none() { Ok(()) } else { Err(Malformed::new("its checkpoint names no block")) };
    };
    let (block, path) = block.ok_or_else(|| Malformed::new("it does not hold the block that its checkpoint names"))?;
    if (block.number, block.hash()) != (named.number, named.hash) {
        return Err(Malformed::new("its block is not the one that its checkpoint names"));
    }
    let head = Head { tenant: checkpoint.origin.tenant(), size: checkpoint.size, root: checkpoint.root };
    if path.root(&head) == Some(block.heads) {
        return Ok(());
    }
    Err(Malformed::new("its block_path does not lead from the checkpoint to the block"))
}

fn put_payload(line: &mut String, salt: &Salt, payload: &Payload) {
    line.push_str(",\"payload\":{\"salt\":\"");
    line.push_str(&STANDARD.encode(salt.0));
    line.push('"');
    columns(line, "key", payload.key.as_ref());
    columns(line, "old", payload.old.as_ref());
    columns(line, "new", payload.new.as_ref());
    string(line, "detail", payload.detail.as_deref());
    line.push('}');
}

fn read_payload(raw: &str) -> Result<(Salt, Payload<'_>), Malformed> {
    let mut object = Object::parse(raw)?;
    let Hash(salt) = object.hash("salt")?;
    let payload = Payload {
        key: read_row(object.raw("key")?)?,
        old: read_row(object.raw("old")?)?,
        new: read_row(object.raw("new")?)?,
        detail: object.nullable_text("detail")?,
    };
    object.end()?;
    Ok((Salt(salt), payload))
}

fn read_row(raw: &str) -> Result<Option<Row<'_>>, Malformed> {
    if raw == "null" {
        return Ok(None);
    }
    let members = Object::parse(raw)?.into_members();
    let row = members.into_iter().map(|(name, value)| Ok(Column { name, value: read_value(value.get())? }));
    row.collect::<Result<Row, _>>().map(Some)
}

fn read_value(raw: &str) -> Result<Value<'_>, Malformed> {
    if raw == "null" {
        return Ok(Value::Null);
    }
    if let Some(text) = text(raw) {
        return Ok(Value::Text(text));
    }
    let mut object = Object::parse(raw)?;
    let hash = object.hash("redacted")?;
    object.end()?;
    Ok(Value::Redacted(hash))
}

fn read_block_path(raw: &str) -> Result<(Block, HeadPath), Malformed> {
    let mut object = Object::parse(raw)?;
    let block = Block::parse(&object.base64("block")?)?;
    let place = u32::try_from(object.number("place")?).map_err(|_| Malformed::new("its place is too large"))?;
    let hashes = object.hashes("hashes")?;
    object.end()?;
    Ok((block, HeadPath { place, hashes }))
}
