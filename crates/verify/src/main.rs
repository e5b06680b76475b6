//! The auditor's command line: what pg_warden's audit exports is checked here, without PostgreSQL and without trusting
//! the server.
#![forbid(unsafe_code)]

mod bundle;
mod file;
mod outcome;
mod witness;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks what pg_warden's audit exports.
///
/// Exit status: 0 good, 1 rejected, 2 wrong usage, 3 the structure is good and no signature was checked.
#[derive(Parser)]
#[command(name = "warden-verify", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks a bundle: every entry, that none is missing, and that the log's key signed for all of it.
    Check {
        /// What warden.export_audit gave, one JSON object a line; - for standard input
        bundle: PathBuf,
        /// Verifier keys of the log as warden.audit_keys shows them, one a line. Without it the structure alone is checked
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// A checkpoint that you have kept, which the bundle's log must go on from
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Remembers a log's last checkpoint, and refuses one that does not go on from it.
    Witness {
        /// Where the last checkpoint is kept; made if it is not there
        #[arg(long, value_name = "FILE")]
        state: PathBuf,
        /// Verifier keys of the log as warden.audit_keys shows them, one a line
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The new checkpoint, as warden.audit_checkpoint gave it
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
        /// What warden.audit_consistency_proof gave for the size of the last checkpoint; needed if the log has grown
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Check { bundle, key, checkpoint } => bundle::check(&bundle, key.as_deref(), checkpoint.as_deref()),
        Command::Witness { state, key, checkpoint, proof } => {
            witness::witness(&state, &key, &checkpoint, proof.as_deref())
        }
    };
    outcome::tell(outcome)
}
