//! On what the figures were measured.

use std::{fs, process::Command, thread};

use warden_lab::{Cluster, Result};

pub fn describe(cluster: &Cluster) -> Result<String> {
    let version: String = cluster.connect("postgres", "postgres")?.query_one("SHOW server_version", &[])?.get(0);
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let processor = cpu_model().unwrap_or_else(|| "unknown processor".to_owned());
    Ok(format!("{cores} cores, {processor}; PostgreSQL {version}; commit {}", commit()))
}

/// How busy the machine is, with the others' work as with ours.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Of the folder that this is run in.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let is_changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    if is_changed { format!("{commit} with changes") } else { commit }
}
