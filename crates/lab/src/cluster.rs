//! A server of one's own: made in a temporary folder, reachable through a socket in it, gone with its owner.

use std::{
    env, fs,
    io::ErrorKind,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use postgres::{Client, Config, NoTls, error::DbError};

use crate::{
    Error, Result,
    process::{ServerUser, run},
};

/// Names the socket's file alone; no TCP port of that number is opened.
const SOCKET_PORT: u16 = 5432;

/// The root key of every lab: what is encrypted in one opens in another, as after a restore.
pub const ROOT_KEY: [u8; 32] = *b"the root key of a lab, no secret";

/// The seed that every lab signs its audit with.
pub const AUDIT_KEY: [u8; 32] = *b"the audit key of a lab, a seed..";

pub struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    port: u16,
    user: ServerUser,
    guard: Option<Guard>,
}

#[derive(Clone, Copy, Debug)]
pub enum StopMode {
    Smart,
    Fast,
    Immediate,
}

/// Every notice that a connection received, in order.
#[derive(Clone, Default)]
pub struct Notices(Arc<Mutex<Vec<DbError>>>);

pub struct ClusterBuilder {
    pg_config: PathBuf,
    preload: bool,
    tcp: bool,
    settings: Vec<(String, String)>,
}

impl Cluster {
    /// With the server that `PG_CONFIG` names, else the one whose `pg_config` is in the path.
    pub fn builder() -> ClusterBuilder {
        let named = env::var_os("PG_CONFIG").filter(|name| !name.is_empty());
        ClusterBuilder {
            pg_config: named.map_or_else(|| PathBuf::from("pg_config"), PathBuf::from),
            preload: true,
            tcp: false,
            settings: Vec::new(),
        }
    }

    /// A second server that follows this one: a hot standby by streaming replication, caught up when it is handed out.
    pub fn standby(&self) -> Result<Cluster> {
        let dir = private_dir(self.user)?;
        let guard = Guard::watch(&self.bin, &dir, self.user)?;
        let standby = Cluster { dir, bin: self.bin.clone(), port: self.port, user: self.user, guard: Some(guard) };
        let mut backup = self.program("pg_basebackup");
        backup.args(["-U", "postgres", "-R", "-X", "stream", "-c", "fast", "-D"]).arg(standby.data_dir());
        run(&mut backup)?;
        let path = standby.data_dir().join("postgresql.conf");
        let mut text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        text.push_str(&format!("unix_socket_directories = '{}'\n", standby.dir.display()));
        fs::write(&path, text).map_err(Error::file(&path))?;
        standby.start()?;
        self.wait_for(&standby)?;
        Ok(standby)
    }

    /// Until a standby has replayed what has been committed here so far: what is written and not flushed yet is not sent.
    pub fn wait_for(&self, standby: &Cluster) -> Result<()> {
        let written: String =
            self.connect("postgres", "postgres")?.query_one("SELECT pg_current_wal_flush_lsn()::text", &[])?.get(0);
        let mut client = standby.connect("postgres", "postgres")?;
        let deadline = Instant::now() + Duration::from_secs(30);
        let replayed = "SELECT coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false)";
        while !client.query_one(replayed, &[&written])?.get::<_, bool>(0) {
            if Instant::now() > deadline {
                return Err(Error::unexpected("the standby does not catch up"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Where the programs of this installation are.
    pub fn bin_dir(&self) -> &Path {
        &self.bin
    }

    /// A folder that the server's user may write, gone with the cluster.
    pub fn scratch_dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir(&dir).map_err(Error::file(&dir))?;
        self.user.own(&dir).map_err(Error::file(&dir))?;
        Ok(dir)
    }

    /// The file that holds the root key; a standby uses its primary's.
    pub fn root_key_file(&self) -> PathBuf {
        self.dir.join("root.key")
    }

    /// The file that holds the seed of the audit's signatures, likewise.
    pub fn audit_key_file(&self) -> PathBuf {
        self.dir.join("audit.key")
    }

    /// Makes the file anew; `mode` as for chmod.
    pub fn write_root_key(&self, content: &[u8], mode: u32) -> Result<()> {
        self.write_private(&self.root_key_file(), content, mode)
    }

    /// A file that belongs to the server's user.
    pub fn write_private(&self, path: &Path, content: &[u8], mode: u32) -> Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::file(path)(error)),
            _ => {}
        }
        fs::write(path, content).map_err(Error::file(path))?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::file(path))?;
        self.user.own(path).map_err(Error::file(path))
    }

    /// A program of this installation (`psql`, `pg_dump`, `pgbench`), set up to reach this server, as the server's user.
    pub fn program(&self, name: &str) -> Command {
        self.program_at(&self.bin.join(name))
    }

    pub fn program_at(&self, path: &Path) -> Command {
        let mut command = self.user.command(path);
        command.env("PGHOST", &self.dir).env("PGPORT", self.port.to_string());
        command
    }

    pub fn start(&self) -> Result<()> {
        let log = self.log_file();
        let mut command = self.pg_ctl("start");
        command.args(["-w", "-t", "60", "-s", "-l"]).arg(&log);
        // The server inherits these; a pipe of ours would stay open as long as it runs.
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if status.success() {
            return Ok(());
        }
        let text = self.log().unwrap_or_default();
        let mut tail: Vec<&str> = text.lines().rev().take(15).collect();
        tail.reverse();
        Err(Error::Command { program: "pg_ctl start".into(), output: tail.join("\n") })
    }

    pub fn stop(&self, mode: StopMode) -> Result<()> {
        run(self.pg_ctl("stop").args(["-w", "-t", "60", "-s", "-m", mode.as_str()])).map(drop)
    }

    pub fn restart(&self) -> Result<()> {
        self.stop(StopMode::Fast)?;
        self.start()
    }

    pub fn reload(&self) -> Result<()> {
        run(&mut self.pg_ctl("reload")).map(drop)
    }

    /// As a power cut does, as far as processes go: SIGKILL, no last checkpoint. `start` recovers.
    pub fn crash(&self) -> Result<()> {
        let pid_file = self.data_dir().join("postmaster.pid");
        let text = fs::read_to_string(&pid_file).map_err(Error::file(&pid_file))?;
        let pid = text.lines().next().unwrap_or_default().to_owned();
        run(self.user.command(&self.bin.join("pg_ctl")).args(["kill", "KILL", &pid]))?;
        // The children notice that the postmaster died and leave; until then a start is refused.
        let deadline = Instant::now() + Duration::from_secs(30);
        let process = PathBuf::from("/proc").join(&pid);
        while process.exists() || self.start().is_err() {
            if Instant::now() > deadline {
                return Err(Error::unexpected("the server did not come back after a crash"));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// A copy of the data directory beside it, as somebody with the disk can take one. The server must be stopped.
    pub fn copy_data(&self, name: &str) -> Result<PathBuf> {
        self.must_be_stopped()?;
        let copy = self.dir.join(name);
        run(self.user.command(Path::new("cp")).arg("-a").arg(self.data_dir()).arg(&copy))?;
        Ok(copy)
    }

    /// Puts another data directory in the place of this one, and this one in its place. The server must be stopped.
    pub fn swap_data(&self, other: &Path) -> Result<()> {
        self.must_be_stopped()?;
        let (data, aside) = (self.data_dir(), self.dir.join("data.aside"));
        for (from, to) in [(data.as_path(), aside.as_path()), (other, &data), (&aside, other)] {
            fs::rename(from, to).map_err(Error::file(from))?;
        }
        Ok(())
    }

    fn must_be_stopped(&self) -> Result<()> {
        match self.is_running() {
            false => Ok(()),
            true => Err(Error::unexpected("the server runs in the data directory")),
        }
    }

    pub fn is_running(&self) -> bool {
        run(&mut self.pg_ctl("status")).is_ok()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> Result<String> {
        match fs::read(self.log_file()) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Error::file(self.log_file())(error)),
        }
    }

    pub fn config(&self, user: &str, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(&self.dir).port(self.port).user(user).dbname(database);
        config.connect_timeout(Duration::from_secs(10));
        config
    }

    pub fn connect(&self, user: &str, database: &str) -> Result<Client> {
        Ok(self.config(user, database).connect(NoTls)?)
    }

    /// A connection, and the notices that it will receive.
    pub fn connect_with_notices(&self, user: &str, database: &str) -> Result<(Client, Notices)> {
        let notices = Notices::default();
        let received = notices.clone();
        let mut config = self.config(user, database);
        config.notice_callback(move |notice| received.lock().push(notice));
        Ok((config.connect(NoTls)?, notices))
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut command = self.user.command(&self.bin.join("pg_ctl"));
        command.arg(action).arg("-D").arg(self.data_dir());
        command
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    fn write_settings(&self, builder: &ClusterBuilder) -> Result<()> {
        let mut settings: Vec<(&str, String)> = vec![
            ("unix_socket_directories", self.dir.display().to_string()),
            ("port", self.port.to_string()),
            ("listen_addresses", if builder.tcp { "127.0.0.1".into() } else { String::new() }),
            ("max_connections", "100".into()),
            ("log_line_prefix", "%m [%p] %u ".into()),
            // Lives shorter than the operating system: a crash of processes loses nothing without fsync.
            ("fsync", "off".into()),
        ];
        if builder.preload {
            settings.push(("shared_preload_libraries", "pg_warden".into()));
            settings.push(("warden.root_key_file", self.root_key_file().display().to_string()));
            settings.push(("warden.audit_key_file", self.audit_key_file().display().to_string()));
        }
        let own = builder.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let path = self.data_dir().join("postgresql.conf");
        let mut text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        for (name, value) in settings.into_iter().chain(own) {
            text.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        fs::write(&path, text).map_err(Error::file(&path))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.finish();
        }
        // What the caller put there and the server's user cannot remove; nothing, as a rule.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl ClusterBuilder {
    pub fn pg_config(mut self, path: impl Into<PathBuf>) -> Self {
        self.pg_config = path.into();
        self
    }

    /// Without: a plain PostgreSQL, to compare with.
    pub fn preload(mut self, preload: bool) -> Self {
        self.preload = preload;
        self
    }

    /// Listens on a free TCP port of 127.0.0.1 as well.
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// A line of postgresql.conf; it wins over the lab's own.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Makes the cluster and starts it.
    pub fn start(self) -> Result<Cluster> {
        let bin = PathBuf::from(run(Command::new(&self.pg_config).arg("--bindir"))?);
        let user = ServerUser::detect()?;
        let port = if self.tcp { free_port()? } else { SOCKET_PORT };
        let dir = private_dir(user)?;
        let guard = Guard::watch(&bin, &dir, user)?;
        let cluster = Cluster { dir, bin, port, user, guard: Some(guard) };
        let mut initdb = user.command(&cluster.bin.join("initdb"));
        initdb.arg("-D").arg(cluster.data_dir()).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        run(&mut initdb)?;
        cluster.write_settings(&self)?;
        cluster.write_root_key(&ROOT_KEY, 0o600)?;
        cluster.write_private(&cluster.audit_key_file(), &AUDIT_KEY, 0o600)?;
        cluster.start()?;
        Ok(cluster)
    }
}

impl Notices {
    /// Those received since the last call.
    pub fn take(&self) -> Vec<DbError> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<DbError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StopMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Smart => "smart",
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        }
    }
}

/// Stops the server and removes its folder when this process ends, however it ends: a shell in a process group of its own
/// (a Ctrl-C does not reach it) waits until the pipe, whose other end only this process holds, closes.
struct Guard {
    shell: Child,
    pipe: ChildStdin,
}

impl Guard {
    const SCRIPT: &'static str = r#"cat >/dev/null
[ ! -f "$2/data/postmaster.pid" ] || "$1/pg_ctl" stop -D "$2/data" -m immediate -w -t 30 -s
rm -rf "$2""#;

    fn watch(bin: &Path, dir: &Path, user: ServerUser) -> Result<Self> {
        let mut command = user.command(Path::new("/bin/sh"));
        command.args(["-c", Self::SCRIPT, "warden-lab-guard"]).arg(bin).arg(dir);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn()?;
        match shell.stdin.take() {
            Some(pipe) => Ok(Self { shell, pipe }),
            None => Err(Error::unexpected("the guard's shell has no standard input")),
        }
    }

    fn finish(mut self) {
        drop(self.pipe);
        // Nothing to do about a shell that cannot be waited for: it does its work all the same.
        let _ = self.shell.wait();
    }
}

/// In /tmp, whatever TMPDIR says: a socket's path may be 107 bytes long at most.
fn private_dir(user: ServerUser) -> Result<PathBuf> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    let unique = format!("warden-{}-{}-{now:x}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let dir = Path::new("/tmp").join(unique);
    fs::create_dir(&dir).map_err(Error::file(&dir))?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(Error::file(&dir))?;
    user.own(&dir).map_err(Error::file(&dir))?;
    Ok(dir)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
