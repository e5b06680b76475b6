//! `export_audit`: a log, or a part of it, as the lines of a bundle.

use pgrx::pg_sys::Datum;
use warden_core::audit::{
    Checkpoint, Hash, Header, Note, Payloads, Shown, Stored, StoredBatch, Stretch, Writer, hashes,
};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::tenancy::TenantId;

use super::history::Period;
use super::reader::{self, Reader, damaged};
use super::stored::{self, NewestHead};
use super::{proof, rows};
use crate::pg::call::{self, Call};
use crate::pg::fetch::Reading;
use crate::pg::set::Rows;
use crate::sql::need;

/// `export_audit(tenant, since, until)`: one line a row, all of one snapshot.
pub fn export_audit(call: Call) -> Result<Option<Datum>> {
    let tenant = need(call.uuid(0), "tenant")?;
    let reader = reader::require()?;
    let tenant = reader.log(Some(tenant))?.ok_or_else(|| damaged("no log is named"))?;
    let export = Export { tenant, reader, period: Period::of(call, 1, 2) };
    let lines = Rows::of_values(call)?;
    reader::read(|reading| export.write(reading, &lines))?;
    lines.end()
}

struct Export {
    tenant: TenantId,
    reader: Reader,
    period: Period,
}

impl Export {
    fn write(&self, reading: &Reading, lines: &Rows) -> Result<()> {
        match stored::newest_head(reading, self.tenant)? {
            Some(head) => self.write_log(reading, &head, lines),
            None => self.write_empty(reading, lines),
        }
    }

    fn write_empty(&self, reading: &Reading, lines: &Rows) -> Result<()> {
        let (origin, root) = (proof::origin(reading, self.tenant)?, Hash::of(&[]));
        let checkpoint = Checkpoint { origin: origin.clone(), size: 0, root, block: None };
        let header = Header { origin, incarnation: None, first_index: 0, tree_size: 0, root };
        let (writer, line) = Writer::new(header);
        put(lines, &line)?;
        put(lines, &writer.finish(&checkpoint.unsigned(), None).map_err(damaged)?)
    }

    fn write_log(&self, reading: &Reading, head: &NewestHead, lines: &Rows) -> Result<()> {
        let (block, path) = stored::block_path(reading, head.block, self.tenant)?;
        let said = Note::parse(&head.checkpoint).and_then(|note| Checkpoint::parse(note.text));
        let header = Header {
            origin: said.map_err(damaged)?.origin,
            incarnation: Some(block.incarnation),
            first_index: self.first_index(reading, head.size)?,
            tree_size: head.size,
            root: head.root,
        };
        let (mut writer, line) = Writer::new(header);
        put(lines, &line)?;
        let mut leaves = stored::sealed(reading, Some(self.tenant))?;
        let mut omitted = Stretch::default();
        let mut input = Vec::new();
        while let Some(row) = leaves.next() {
            let (leaf, batch) = (stored::leaf(row), stored::batch(row));
            let batch = batch.ok_or_else(|| damaged(format_args!("batch {} is missing", leaf.id.entry())))?;
            let own = hashes(leaf.hashes).ok_or_else(|| damaged("the hashes of leaves are torn"))?;
            self.write_batch(&batch, &own, &mut writer, &mut omitted, &mut input, lines)?;
        }
        end_stretch(&mut writer, &mut omitted, lines)?;
        put(lines, &writer.finish(&head.checkpoint, Some((&block, &path))).map_err(damaged)?)
    }

    /// Of the first entry that is shown, which the first line says already; the tree's size where there is none.
    fn first_index(&self, reading: &Reading, size: u64) -> Result<u64> {
        if self.period.is_all() {
            return Ok(0);
        }
        let mut leaves = reading.cursor(stored::ENTRIES, &[crate::tenancy::directory::uuid(self.tenant).into()])?;
        while let Some(row) = leaves.next() {
            let Some(batch) = stored::batch(row) else { continue };
            if let Some(at) = rows::entries(&batch).and_then(|entries| {
                entries.flatten().zip(0u64..).find_map(|(stored, at)| self.period.holds(&stored).then_some(at))
            }) {
                return Ok(stored::leaf(row).index + at);
            }
        }
        Ok(size)
    }

    fn write_batch(
        &self,
        batch: &StoredBatch,
        leaves: &[Hash],
        writer: &mut Writer,
        omitted: &mut Stretch,
        input: &mut Vec<u8>,
        lines: &Rows,
    ) -> Result<()> {
        let torn = || damaged(format_args!("batch {} cannot be read", batch.id.entry()));
        let entries = rows::entries(batch).ok_or_else(torn)?;
        let mut payloads = match batch.payloads {
            Some(bytes) if self.reader.has_payloads() => Some(Payloads::read(bytes).map_err(damaged)?),
            _ => None,
        };
        let mut leaves = leaves.iter();
        for stored in entries {
            let stored = stored.map_err(damaged)?;
            let leaf = leaves.next().ok_or_else(torn)?;
            let is_shown = self.period.holds(&stored);
            let mut show = |shown: Shown| {
                if !is_shown {
                    if omitted.is_empty() {
                        *omitted = Stretch::from(writer.position());
                    }
                    omitted.push(*leaf);
                    return Ok(());
                }
                end_stretch(writer, omitted, lines)?;
                stored.leaf_input(input);
                put(lines, &writer.entry(input, shown).map_err(damaged)?)
            };
            match (stored.entry.commitment, &mut payloads) {
                (None, _) => show(Shown::Nothing)?,
                (Some(_), None) if !self.reader.has_payloads() => show(Shown::Withheld)?,
                (Some(_), Some(payloads)) => match payloads.advance().map_err(damaged)? {
                    Some(Stored::Erased) => show(Shown::Erased)?,
                    Some(Stored::Present { salt, payload }) if is_shown => {
                        show(Shown::Payload(&salt, &payload.payload()))?;
                    }
                    Some(Stored::Present { .. }) => show(Shown::Withheld)?,
                    None => return Err(torn()),
                },
                (Some(_), None) => return Err(torn()),
            }
        }
        let has_more =
            leaves.next().is_some() || payloads.is_some_and(|mut payloads| !matches!(payloads.advance(), Ok(None)));
        if has_more { Err(torn()) } else { Ok(()) }
    }
}

/// What has been left out so far, if anything.
fn end_stretch(writer: &mut Writer, omitted: &mut Stretch, lines: &Rows) -> Result<()> {
    if omitted.is_empty() {
        return Ok(());
    }
    let line = writer.omit(&std::mem::take(omitted).end()).map_err(damaged)?;
    put(lines, &line)
}

fn put(lines: &Rows, line: &str) -> Result<()> {
    let mut is_too_long = false;
    lines.put(|| {
        let line = call::text(line);
        is_too_long = line.is_none();
        [line]
    })?;
    if is_too_long {
        return Err(WardenError::new(SqlState::ProgramLimitExceeded, "a line of the export is too long")
            .detail("An entry with its content takes more than a value can hold."));
    }
    Ok(())
}
