//! `make bench`: ours beside the alternative, interleaved in one run on private servers.

mod machine;
mod measure;
mod pgbench;
mod report;
mod rows;
mod world;

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use clap::{Parser, ValueEnum};
use warden_lab::{Error, Result};

use crate::{
    pgbench::Average,
    report::{Report, Section},
    rows::{Effort, audit, encryption, login, plan, protected, reading, search, untouched},
    world::World,
};

/// Measures pg_warden beside what one would do without it, on two private servers.
#[derive(Parser)]
#[command(name = "warden-bench")]
struct Arguments {
    /// A smoke run of under two minutes: few rounds, few tenants; its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Writes the report to this file too.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Rounds: samples of each contender.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: Option<u64>,
    /// Seconds that one sample takes.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// Typical transactions (the middle half) instead of throughput: for a machine that others disturb.
    #[arg(long)]
    typical: bool,
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tenants: u32,
    /// Rows of each tenant.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    rows: u32,
    /// These sections alone.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Plan,
    Reading,
    Login,
    Untouched,
    Encryption,
    EncryptionLarge,
    Protected,
    Search,
    AuditBulk,
    AuditTpcb,
    AuditSeal,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let begun = Instant::now();
    let load_before = machine::load();
    let effort = arguments.effort();
    let (tenants, rows) = if arguments.quick {
        (arguments.tenants.min(50), arguments.rows.min(200))
    } else {
        (arguments.tenants, arguments.rows)
    };
    eprintln!("== two servers, {tenants} tenants of {rows} rows");
    let world = World::build(tenants, rows)?;
    let mut report = Report { machine: vec![machine::describe(&world.ours.cluster)?], sections: Vec::new() };
    for part in Part::ALL.into_iter().filter(|part| arguments.only.contains(part)) {
        eprintln!("== {}", part.name());
        report.sections.extend(part.measure(&world, effort)?);
    }
    report.machine.push(format!(
        "{tenants} tenants of {rows} rows; {} rounds of {} s, {}; load average {load_before} before, {} after; {:.0} s in all{}",
        effort.rounds,
        effort.seconds,
        if arguments.typical { "the middle half of the transactions" } else { "throughput" },
        machine::load(),
        begun.elapsed().as_secs_f64(),
        if arguments.quick { "; a smoke run, its figures mean nothing" } else { "" }
    ));
    let text = report.to_string();
    print!("{text}");
    match &arguments.markdown {
        Some(path) => fs::write(path, text).map_err(Error::file(path)),
        None => Ok(()),
    }
}

impl Arguments {
    fn effort(&self) -> Effort {
        let (rounds, seconds) = if self.quick { (1, 1) } else { (5, 2) };
        Effort {
            rounds: self.rounds.unwrap_or(rounds),
            seconds: self.seconds.unwrap_or(seconds),
            is_quick: self.quick,
            average: if self.typical { Average::Typical } else { Average::Whole },
        }
    }
}

impl Part {
    /// Protected statements late: their inserts grow the tables. The search and
    /// the audit, which make large tables of their own, behind.
    const ALL: [Self; 11] = [
        Self::Plan,
        Self::Reading,
        Self::Login,
        Self::Untouched,
        Self::Encryption,
        Self::EncryptionLarge,
        Self::Protected,
        Self::Search,
        Self::AuditBulk,
        Self::AuditTpcb,
        Self::AuditSeal,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Plan => "plans",
            Self::Reading => "reading the context",
            Self::Login => "login",
            Self::Untouched => "statements that touch nothing protected",
            Self::Encryption => "encryption of 64 bytes",
            Self::EncryptionLarge => "encryption of 64 KiB",
            Self::Protected => "protected statements",
            Self::Search => "encrypted columns",
            Self::AuditBulk => "audited rows in bulk",
            Self::AuditTpcb => "audited short transactions",
            Self::AuditSeal => "sealing and verifying",
        }
    }

    fn measure(self, world: &World, effort: Effort) -> Result<Vec<Section>> {
        Ok(vec![match self {
            Self::Plan => plan::check(world)?,
            Self::Reading => reading::measure(world, effort)?,
            Self::Login => login::measure(world, effort)?,
            Self::Untouched => untouched::measure(world, effort)?,
            Self::Encryption => encryption::measure_small(world, effort)?,
            Self::EncryptionLarge => encryption::measure_large(world, effort)?,
            Self::Protected => protected::measure(world, effort)?,
            Self::Search => search::measure(world, effort)?,
            Self::AuditBulk => return audit::measure_bulk(world, effort),
            Self::AuditTpcb => audit::measure_tpcb(world, effort)?,
            Self::AuditSeal => audit::measure_seal(world, effort)?,
        }])
    }
}
