//! Runs of PostgreSQL's own load generator.

use std::{fs, path::PathBuf};

use warden_lab::{Cluster, Error, Result};

/// How statements reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Parsed and planned once a connection, then executed with parameters.
    Prepared,
    /// Parsed and planned each time, the values inside the text.
    Unprepared,
}

/// What one run says of a transaction's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// Of all, as throughput has it: clients by transactions a second.
    Whole,
    /// Of the middle half, from pgbench's log: neither what the machine's other work did to some, nor a rare cost of
    /// ours, counts.
    Typical,
}

/// A folder with scripts that pgbench, which runs as the server's user, can read, and in which it can write its log.
pub struct Scripts {
    dir: PathBuf,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// Picked at random, each as often as the others.
    Scripts(&'a [PathBuf]),
    /// One of pgbench's own, on its own tables.
    Builtin(&'static str),
}

pub struct Load<'a> {
    pub cluster: &'a Cluster,
    pub database: &'a str,
    pub role: &'a str,
    pub mode: Mode,
    pub clients: u32,
    pub seconds: u64,
    pub work: Work<'a>,
    pub average: Average,
    pub dir: &'a Scripts,
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

    /// What the last run's log says of the middle half, in seconds; the log is gone then.
    fn take_logged(&self) -> Result<f64> {
        let mut latencies = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(Error::file(&self.dir))? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LOG)) {
                let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
                latencies.extend(text.lines().filter_map(latency));
                fs::remove_file(&path).map_err(Error::file(&path))?;
            }
        }
        middle_half(latencies).ok_or_else(|| Error::unexpected("pgbench has logged no transaction"))
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
        match self.work {
            Work::Scripts(scripts) => scripts.iter().for_each(|script| {
                pgbench.arg("-f").arg(script);
            }),
            Work::Builtin(name) => {
                pgbench.args(["-b", name]);
            }
        }
        if !self.settings.is_empty() {
            let settings: Vec<String> =
                self.settings.iter().map(|(name, value)| format!("-c {name}={value}")).collect();
            pgbench.env("PGOPTIONS", settings.join(" "));
        }
        if self.average == Average::Typical {
            pgbench.arg("--log").arg(format!("--log-prefix={}", self.dir.dir.join(LOG).display()));
        }
        let output = pgbench.arg(self.database).output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        match transactions_per_second(&printed) {
            Some(rate) if output.status.success() => match self.average {
                Average::Whole => Ok(f64::from(self.clients) / rate),
                Average::Typical => self.dir.take_logged(),
            },
            _ => Err(Error::Command {
                program: format!("pgbench {}", self.work.name()),
                output: format!("{printed}{}", String::from_utf8_lossy(&output.stderr)),
            }),
        }
    }
}

impl Work<'_> {
    fn name(&self) -> String {
        match self {
            Self::Scripts(scripts) => scripts.first().map_or(String::new(), |script| script.display().to_string()),
            Self::Builtin(name) => (*name).to_owned(),
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

const LOG: &str = "transactions";

/// In seconds, of a line of pgbench's log: client, number, microseconds, …
fn latency(line: &str) -> Option<f64> {
    line.split(' ').nth(2)?.parse::<f64>().ok().map(|microseconds| microseconds / 1e6)
}

/// The mean between the quartiles. The log knows whole microseconds, which a median would not get below.
fn middle_half(mut latencies: Vec<f64>) -> Option<f64> {
    latencies.sort_by(f64::total_cmp);
    let quarter = latencies.len() / 4;
    let middle = latencies.get(quarter..latencies.len() - quarter).filter(|middle| !middle.is_empty())?;
    Some(middle.iter().sum::<f64>() / middle.len() as f64)
}

/// Makes pgbench's tables anew; those that ran before are gone.
pub fn fill(cluster: &Cluster, database: &str, role: &str, scale: u32) -> Result<()> {
    let scale = scale.to_string();
    let output = cluster.program("pgbench").args(["-i", "-q", "-U", role, "-s", &scale, database]).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Command { program: "pgbench -i".into(), output: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// `None` also where nothing was done.
fn transactions_per_second(printed: &str) -> Option<f64> {
    let rate = printed.lines().find_map(|line| line.strip_prefix("tps = "))?;
    rate.split_whitespace().next()?.parse().ok().filter(|rate| *rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::{latency, middle_half, transactions_per_second};

    #[test]
    fn the_middle_half_of_what_was_logged() {
        let log =
            ["0 1 40 3 1700000000 5", "0 2 50 0 1700000000 5", "0 3 52 0 1700000000 5", "0 4 9000 1 1700000000 5"];
        let latencies: Vec<f64> = log.iter().filter_map(|line| latency(line)).collect();
        assert_eq!(latencies.len(), 4);
        assert!(middle_half(latencies).is_some_and(|mean| (mean - 51e-6).abs() < 1e-12));
        assert_eq!(middle_half(Vec::new()), None);
        assert_eq!(latency("0 1 skipped 0"), None);
    }

    #[test]
    fn the_rate_without_connecting() {
        let printed = "latency average = 0.050 ms\ntps = 19845.5 (without initial connection time)\n";
        assert_eq!(transactions_per_second(printed), Some(19845.5));
        assert_eq!(transactions_per_second("tps = 0.000000 (without initial connection time)"), None);
        assert_eq!(transactions_per_second(""), None);
    }
}
