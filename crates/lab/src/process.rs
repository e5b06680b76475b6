//! Running PostgreSQL's programs, which refuse to run as root.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use crate::{Error, Result};

/// Who the server runs as: the caller, or an unprivileged user when the caller is root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerUser {
    switch_to: Option<(u32, u32)>,
}

impl ServerUser {
    pub(crate) fn detect() -> Result<Self> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(Self { switch_to: None });
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(Error::file("/etc/passwd"))?;
        let ids = ["postgres", "nobody"].iter().find_map(|user| ids_of(&passwd, user));
        match ids {
            Some(ids) => Ok(Self { switch_to: Some(ids) }),
            None => {
                Err(Error::unexpected("neither postgres nor nobody is a user here, and a server does not run as root"))
            }
        }
    }

    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null()).env_remove("PGDATA").env("LC_ALL", "C.UTF-8");
        if let Some((uid, gid)) = self.switch_to {
            command.uid(uid).gid(gid);
        }
        command
    }

    pub(crate) fn own(self, path: &Path) -> io::Result<()> {
        match self.switch_to {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }
}

/// Runs to the end; what it printed when it succeeded.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(Error::file(&program))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.trim().to_owned());
    }
    Err(Error::Command { program, output: format!("{stdout}{}", String::from_utf8_lossy(&output.stderr)) })
}

fn ids_of(passwd: &str, user: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [name, _, uid, gid, ..] if *name == user => Some((uid.parse().ok()?, gid.parse().ok()?)),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::ids_of;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(ids_of(passwd, "postgres"), Some((101, 104)));
        assert_eq!(ids_of(passwd, "post"), None);
    }
}
