//! The file that holds a key of 32 bytes.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pgrx::pg_sys;
use zeroize::Zeroizing;

/// Bytes of a key.
const KEY: usize = 32;

/// Reads the key.
///
/// # Errors
/// What is wrong with the file, in words that hold its name and nothing of its content.
pub fn read(path: &str, may_be_local: bool) -> Result<Zeroizing<[u8; KEY]>, String> {
    let file = format!("File \"{path}\"");
    if !Path::new(path).is_absolute() {
        return Err(format!("{file} is not named by its absolute path."));
    }
    let mut open = OpenOptions::new()
        .read(true)
        // A pipe must not hold the server up, nor become its terminal.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC)
        .open(path)
        .map_err(|error| format!("{file} cannot be opened: {}.", reason(&error)))?;
    let found = open.metadata().map_err(|error| format!("{file} cannot be looked at: {}.", reason(&error)))?;
    // SAFETY: reads the identity of this process.
    let server = unsafe { libc::geteuid() };
    if !found.is_file() {
        return Err(format!("{file} is not a regular file."));
    }
    if found.uid() != server && found.uid() != 0 {
        return Err(format!("{file} belongs to neither the server's user nor root."));
    }
    // As PostgreSQL has it for its TLS key: one that is root's the server reads as a member of its group.
    let (others, most) = if found.uid() == 0 && server != 0 { (0o037, "0640") } else { (0o077, "0600") };
    if found.mode() & others != 0 {
        return Err(format!(
            "{file} can be used by others: its mode is {:04o}, it must be {most} or less.",
            found.mode() & 0o7777
        ));
    }
    if !may_be_local && is_inside_data_directory(path) {
        return Err(format!(
            "{file} lies inside of the data directory, which backups copy; warden.allow_local_root_key allows it."
        ));
    }
    if found.len() != KEY as u64 {
        return Err(format!("{file} has {} bytes, not {KEY}.", found.len()));
    }
    let mut key = Zeroizing::new([0; KEY]);
    open.read_exact(&mut *key).map_err(|error| format!("{file} cannot be read: {}.", reason(&error)))?;
    Ok(key)
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.kind().to_string(),
    }
}

fn is_inside_data_directory(path: &str) -> bool {
    // SAFETY: set by the postmaster before any backend starts; a C string.
    let data = unsafe { std::ffi::CStr::from_ptr(pg_sys::DataDir) }.to_string_lossy().into_owned();
    let real = |path: &str| std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    real(path).starts_with(real(&data))
}
