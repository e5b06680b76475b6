//! Files: read whole where they are small, line by line where they are not, and written so that none is half there.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use warden_core::audit::{VerifierKey, verifier_keys};

use crate::outcome::Bad;

/// Bytes of a line at most: no value of PostgreSQL is longer.
const LONGEST: u64 = 1 << 30;
/// Bytes of a key file, a checkpoint or a proof at most.
const SMALL: u64 = 1 << 20;

pub fn text(path: &Path) -> Result<String, Bad> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(SMALL).read_to_string(&mut text));
    read.map(|_| text).map_err(cannot("read", path))
}

/// A checkpoint, with as many newlines at its end as it had before psql printed it.
pub fn note(path: &Path) -> Result<String, Bad> {
    let text = text(path)?;
    let note = text.trim_end_matches('\n');
    let is_signed = note.lines().last().is_some_and(|line| line.starts_with("— "));
    Ok(format!("{note}{}", if is_signed { "\n" } else { "\n\n" }))
}

pub fn keys(path: &Path) -> Result<Vec<VerifierKey>, Bad> {
    verifier_keys(&text(path)?).map_err(|reason| Bad::Usage(format!("the key file {}: {reason}", path.display())))
}

/// Hands each line on, without its end; holds one at a time.
pub fn each_line(path: &Path, mut line: impl FnMut(&[u8]) -> Result<(), Bad>) -> Result<(), Bad> {
    let mut reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(cannot("read", path))?))
    };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes).map_err(cannot("read", path))?;
        if read == 0 {
            return Ok(());
        }
        line(bytes.strip_suffix(b"\n").unwrap_or(&bytes))?;
    }
}

/// Puts a file in place of another at once.
pub fn replace(path: &Path, text: &str) -> Result<(), Bad> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(cannot("write", path))
}

fn cannot(what: &str, path: &Path) -> impl Fn(io::Error) -> Bad {
    move |error| Bad::Usage(format!("cannot {what} {}: {error}", path.display()))
}
