//! The auditor's desk: a folder that no role of the database reaches, and `warden-verify`.

use std::{env, fs, path::PathBuf, process::Command};

use warden_lab::{Cluster, Error, Result, Uuid};

use super::Act;
use crate::teller::Teller;

/// The verifier keys' file.
const KEYS: &str = "audit.keys";

pub struct Outside {
    folder: PathBuf,
    verifier: PathBuf,
}

/// How `warden-verify` ends; a rejection with the beginning of its reason.
#[derive(Clone, Copy)]
pub enum Ends<'a> {
    Good,
    Rejected(&'a str),
}

impl Outside {
    /// Gone with the cluster; the server's user has nothing to do there.
    pub fn beside(cluster: &Cluster) -> Result<Self> {
        let folder = cluster.socket_dir().join("auditor");
        fs::create_dir(&folder).map_err(Error::file(&folder))?;
        let verifier = env::current_exe()?.with_file_name("warden-verify");
        match verifier.is_file() {
            true => Ok(Self { folder, verifier }),
            false => Err(Error::unexpected(format!(
                "{} is not there; cargo build --package warden-verify makes it",
                verifier.display()
            ))),
        }
    }

    pub fn keep(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(Error::file(path))
    }

    pub fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).map_err(Error::file(path))
    }

    /// The keys that sign, once and for all.
    pub fn keep_keys(&self, teller: &mut Teller, act: &Act) -> Result<()> {
        teller.sql("SELECT vkey FROM warden.audit_keys;");
        teller.must("the auditor keeps the key that signs the logs, outside of the server", || {
            let rows = act.world.lab.connect("auditor")?.query("SELECT vkey FROM warden.audit_keys", &[])?;
            let keys: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            match keys.as_slice() {
                [key] => self.keep(KEYS, &format!("{key}\n")).map(|()| ((), key.clone())),
                keys => Err(Error::unexpected(format!("{} keys", keys.len()))),
            }
        })
    }

    /// The newest checkpoint of each institution's log, if it goes on from the one that is kept.
    pub fn keep_checkpoints(&self, teller: &mut Teller, act: &Act) -> Result<()> {
        let (institution, _) = act.first()?;
        teller.sql(&self.asking(&institution.slug));
        teller.sql(&command(&self.witness(&institution.slug)));
        let said = teller.must("the auditor's witness keeps a checkpoint of each institution's log there", || {
            act.seal()?;
            let mut said = Vec::new();
            for (institution, tenant) in act.world.institutions() {
                self.ask(act, &institution.slug, tenant)?;
                said.push(self.run(&self.witness(&institution.slug), Ends::Good)?);
            }
            let outcome = format!("{} times exit status 0", said.len());
            Ok((said, outcome))
        })?;
        said.first().iter().for_each(|said| teller.said(said));
        Ok(())
    }

    /// The newest checkpoint of a log, and the proof that it goes on from the one that is kept, where one is.
    pub fn ask(&self, act: &Act, slug: &str, tenant: Uuid) -> Result<()> {
        let mut auditor = act.world.lab.connect("auditor")?;
        let note: String = auditor.query_one("SELECT warden.audit_checkpoint($1)", &[&tenant])?.get(0);
        self.keep(&format!("{slug}.new"), &note)?;
        let Some(size) = self.kept(slug) else { return Ok(()) };
        let proof = "SELECT warden.audit_consistency_proof($1, $2)::text";
        let proof: String = auditor.query_one(proof, &[&tenant, &size])?.get(0);
        self.keep(&format!("{slug}.proof"), &proof)
    }

    /// The statements of `ask`.
    pub fn asking(&self, slug: &str) -> String {
        let proof = self.kept(slug).map(|size| format!("\nSELECT warden.audit_consistency_proof(tenant, {size});"));
        format!("SELECT warden.audit_checkpoint(tenant);{}", proof.unwrap_or_default())
    }

    /// The arguments by which what `ask` was given is believed, or not.
    pub fn witness(&self, slug: &str) -> Vec<String> {
        let proof = self.kept(slug).map(|_| ["--proof".to_owned(), format!("{slug}.proof")]);
        let given = ["witness", "--state", &checkpoint(slug), "--key", KEYS, "--checkpoint", &format!("{slug}.new")];
        given.map(str::to_owned).into_iter().chain(proof.into_iter().flatten()).collect()
    }

    /// Of how many entries the checkpoint is that is kept.
    fn kept(&self, slug: &str) -> Option<i64> {
        self.read(&checkpoint(slug)).ok()?.lines().nth(1)?.parse().ok()
    }

    /// An institution's export, by its director, into a file; its lines.
    pub fn export(&self, act: &Act, number: usize, tenant: Uuid, name: &str) -> Result<usize> {
        let rows = act.world.lab.as_tenant(&act.director(number)?, |tx| {
            Ok(tx.query("SELECT * FROM warden.export_audit($1)", &[&tenant])?)
        })?;
        let lines = rows.iter().map(|row| format!("{}\n", row.get::<_, &str>(0)));
        self.keep(name, &lines.collect::<String>())?;
        Ok(rows.len())
    }

    /// Runs `warden-verify`, which must end so; what it said.
    pub fn run(&self, arguments: &[String], ends: Ends) -> Result<String> {
        let mut command = Command::new(&self.verifier);
        command.current_dir(&self.folder).args(arguments);
        let output = command.output().map_err(Error::file(&self.verifier))?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim_end().to_owned();
        let (status, begins) = match ends {
            Ends::Good => (0, "good: ".to_owned()),
            Ends::Rejected(reason) => (1, format!("rejected: {reason}")),
        };
        match output.status.code() == Some(status) && said.starts_with(&begins) {
            true => Ok(said),
            false => Err(Error::unexpected(format!("{}: {said}", output.status))),
        }
    }

    /// The same as a step of the story, with a rejection's reason; what it said.
    pub fn judge(&self, teller: &mut Teller, what: &str, arguments: &[String], ends: Ends) -> Option<String> {
        teller.sql(&command(arguments));
        let mut said = None;
        teller.check(what, || {
            said = Some(self.run(arguments, ends)?);
            Ok(format!("exit status {}", if matches!(ends, Ends::Good) { 0 } else { 1 }))
        });
        if let (Ends::Rejected(_), Some(reason)) = (ends, &said) {
            teller.said(reason);
        }
        said
    }
}

/// As one types it, in the auditor's folder.
fn command(arguments: &[String]) -> String {
    format!("$ warden-verify {}", arguments.join(" "))
}

/// The arguments that check a bundle.
pub fn check(bundle: &str, checkpoint: Option<&str>) -> Vec<String> {
    let given = checkpoint.into_iter().flat_map(|checkpoint| ["--checkpoint", checkpoint]);
    ["check", bundle, "--key", KEYS].into_iter().chain(given).map(str::to_owned).collect()
}

pub fn bundle(slug: &str) -> String {
    format!("{slug}.jsonl")
}

/// The one that the witness keeps.
pub fn checkpoint(slug: &str) -> String {
    format!("{slug}.checkpoint")
}
