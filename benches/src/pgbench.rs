//! Runs of PostgreSQL's own load generator.

use std::{
    fs,
    path::{Path, PathBuf},
};

use warden_lab::{Cluster, Error, Result};

/// How statements reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Parsed and planned once a connection, then executed with parameters.
    Prepared,
    /// Parsed and planned each time, the values inside the text.
    Unprepared,
}

/// A folder with scripts that pgbench, which runs as the server's user, can read.
pub struct Scripts {
    dir: PathBuf,
}

pub struct Load<'a> {
    pub cluster: &'a Cluster,
    pub role: &'a str,
    pub mode: Mode,
    pub clients: u32,
    pub seconds: u64,
    /// Picked at random, each as often as the others. None: pgbench's own `select-only`.
    pub scripts: &'a [PathBuf],
    /// What `:name` in the scripts stands for: texts, written without quotes.
    pub variables: &'a [(String, String)],
    /// For the session, by name.
    pub settings: &'a [(&'a str, &'a str)],
}

impl Mode {
    pub const ALL: [Mode; 2] = [Mode::Prepared, Mode::Unprepared];

    pub fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Unprepared => "unprepared",
        }
    }
}

impl Scripts {
    pub fn new(cluster: &Cluster) -> Result<Self> {
        Ok(Self { dir: cluster.scratch_dir("scripts")? })
    }

    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.dir.join(format!("{name}.sql"));
        fs::write(&path, text).map_err(Error::file(&path))?;
        Ok(path)
    }
}

impl Load<'_> {
    /// Seconds a transaction, as each client saw them.
    pub fn run(&self, seed: u64) -> Result<f64> {
        let mut pgbench = self.cluster.program("pgbench");
        pgbench.args(["-n", "-U", self.role, "-M", self.mode.option()]);
        pgbench.args(["-T", &self.seconds.to_string()]);
        pgbench.args(["-c", &self.clients.to_string(), "-j", &self.clients.to_string()]);
        pgbench.arg(format!("--random-seed={}", seed + 1));
        for (name, value) in self.variables {
            // Unprepared, a variable's text stands in the statement as it is.
            let value = match self.mode {
                Mode::Prepared => value.clone(),
                Mode::Unprepared => format!("'{}'", value.replace('\'', "''")),
            };
            pgbench.arg("-D").arg(format!("{name}={value}"));
        }
        self.scripts.iter().for_each(|script| {
            pgbench.arg("-f").arg(script);
        });
        if self.scripts.is_empty() {
            pgbench.args(["-b", "select-only"]);
        }
        if !self.settings.is_empty() {
            let settings: Vec<String> =
                self.settings.iter().map(|(name, value)| format!("-c {name}={value}")).collect();
            pgbench.env("PGOPTIONS", settings.join(" "));
        }
        let output = pgbench.arg("postgres").output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        match transactions_per_second(&printed) {
            Some(rate) if output.status.success() => Ok(f64::from(self.clients) / rate),
            _ => Err(Error::Command {
                program: format!(
                    "pgbench {}",
                    self.scripts.first().map_or(Path::new("-S"), PathBuf::as_path).display()
                ),
                output: format!("{printed}{}", String::from_utf8_lossy(&output.stderr)),
            }),
        }
    }
}

impl Mode {
    fn option(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Unprepared => "simple",
        }
    }
}

/// `None` also where nothing was done.
fn transactions_per_second(printed: &str) -> Option<f64> {
    let rate = printed.lines().find_map(|line| line.strip_prefix("tps = "))?;
    rate.split_whitespace().next()?.parse().ok().filter(|rate| *rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::transactions_per_second;

    #[test]
    fn the_rate_without_connecting() {
        let printed = "latency average = 0.050 ms\ntps = 19845.5 (without initial connection time)\n";
        assert_eq!(transactions_per_second(printed), Some(19845.5));
        assert_eq!(transactions_per_second("tps = 0.000000 (without initial connection time)"), None);
        assert_eq!(transactions_per_second(""), None);
    }
}
