//! The command line as an auditor runs it, over the bundles of `tests/vectors/audit.json`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A folder of its own with the vectors' files in it, gone after the test.
struct Desk {
    folder: PathBuf,
    vectors: Value,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Desk {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("warden-verify-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let file = format!("{}/../../tests/vectors/audit.json", env!("CARGO_MANIFEST_DIR"));
        let desk = Self { folder, vectors: serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap() };
        desk.write("key", &format!("{}\n", desk.vectors["key"]["vkey"].as_str().unwrap()));
        desk.write("good", &desk.bundle("whole"));
        desk
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn named(&self, list: &str, name: &str) -> &Value {
        self.vectors[list].as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap()
    }

    fn bundle(&self, name: &str) -> String {
        let lines = self.named("bundles", name)["lines"].as_array().unwrap();
        lines.iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect()
    }

    fn checkpoint(&self, name: &str) -> &str {
        self.named("checkpoints", name)["note"].as_str().unwrap()
    }

    /// Exit status, and all that was said.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        self.run_with(arguments, Stdio::null())
    }

    fn run_with(&self, arguments: &[&str], input: impl Into<Stdio>) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warden-verify"));
        let output = command.args(arguments).current_dir(&self.folder).env_clear().stdin(input).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    fn assert(&self, arguments: &[&str], status: i32, said: &str) {
        let (seen, text) = self.run(arguments);
        assert_eq!(seen, status, "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

#[test]
fn good_rejected_usage_structure() {
    let desk = Desk::new();
    let mut lines: Vec<_> = desk.bundle("whole").lines().map(str::to_owned).collect();
    lines.remove(4);
    desk.write("torn", &lines.join("\n"));
    desk.write("nonsense", "nonsense");
    for (status, arguments, said) in [
        (0, &["check", "good", "--key", "key"][..], "signature   pg_warden-7531904481226537025+"),
        (1, &["check", "torn", "--key", "key"], "rejected: line 5: its index is 4, and 3 comes next"),
        (3, &["check", "good"], "no signature was checked, because no --key was given"),
        (1, &["check", "torn"], "rejected: line 5"),
        (1, &["check", "nonsense", "--key", "key"], "rejected: line 1: it is not a JSON object"),
        (2, &[], "Usage"),
        (2, &["nonsense"], "nonsense"),
        (2, &["check"], "BUNDLE"),
        (2, &["check", "good", "--no-such-option"], "--no-such-option"),
        (2, &["check", "good", "--key"], "--key"),
        (2, &["check", "missing", "--key", "key"], "cannot read missing"),
        (2, &["check", "good", "--key", "missing"], "cannot read missing"),
        (2, &["check", "good", "--key", "nonsense"], "the key file nonsense"),
        (2, &["check", "good", "--key", "good"], "the key file good"),
        (0, &["--help"], "Exit status"),
        (0, &["--version"], "warden-verify"),
    ] {
        desk.assert(arguments, status, said);
    }
}

#[test]
fn every_bundle_of_the_vectors() {
    let desk = Desk::new();
    for (name, said) in [
        ("whole", "entries     8, of which 8 are shown here"),
        (
            "an auditor's, with one payload erased",
            "the content of 1 entries is gone; 1 of those shown record an erasure",
        ),
        ("an auditor's, with one payload erased", "the content of 4 entries is not in this bundle"),
        ("parts", "entries     8, of which 3 are shown here"),
        ("nothing of it", "entries     8, of which 0 are shown here"),
        ("the platform's", "pg_warden-7531904481226537025/platform"),
        ("of an empty log", "entries     0, of which 0 are shown here"),
    ] {
        desk.write("bundle", &desk.bundle(name));
        desk.assert(&["check", "bundle", "--key", "key"], 0, said);
        desk.assert(&["check", "bundle"], 3, said);
    }
    desk.assert(
        &["check", "good", "--key", "key"],
        0,
        "times       2026-07-26T11:59:55.000000Z to 2026-07-26T12:00:11.000000Z",
    );
    desk.assert(
        &["check", "good", "--key", "key"],
        0,
        "sealed      in block 2 at 2026-07-26T12:00:00.000002Z, in incarnation 1",
    );
}

#[test]
fn a_bundle_from_standard_input() {
    let desk = Desk::new();
    let good = fs::File::open(desk.folder.join("good")).unwrap();
    assert_eq!(desk.run_with(&["check", "-", "--key", "key"], good).0, 0);
    assert_eq!(desk.run(&["check", "-", "--key", "key"]).0, 1);
}

#[test]
fn a_checkpoint_that_was_kept() {
    let desk = Desk::new();
    let early = desk.checkpoint("the same, earlier").to_owned();
    desk.write("early", &early);
    // As psql -At prints it.
    desk.write("printed", &format!("{early}\n"));
    desk.write("other", desk.checkpoint("the platform's"));
    desk.write("unsigned", &format!("{}\n", desk.named("checkpoints", "a tenant's")["text"].as_str().unwrap()));
    desk.write("parts", &desk.bundle("parts"));
    for (status, bundle, checkpoint, said) in [
        (0, "good", "early", "the log goes on from the given checkpoint of 4 entries"),
        (0, "good", "printed", "the log goes on from the given checkpoint of 4 entries"),
        (1, "good", "other", "rejected: the given checkpoint: it is another log's"),
        (1, "good", "unsigned", "rejected: the given checkpoint: it is signed by none"),
        (1, "good", "key", "rejected: the given checkpoint"),
        (0, "parts", "early", "the given checkpoint of 4 entries"),
    ] {
        desk.assert(&["check", bundle, "--key", "key", "--checkpoint", checkpoint], status, said);
    }
    desk.assert(&["check", "good", "--checkpoint", "unsigned"], 3, "the given checkpoint of 8 entries");
}

#[test]
fn a_witness_remembers() {
    let desk = Desk::new();
    desk.write("early", desk.checkpoint("the same, earlier"));
    desk.write("late", desk.checkpoint("a tenant's"));
    desk.write("other", desk.checkpoint("the platform's"));
    let unsigned = format!("{}\n", desk.named("checkpoints", "a tenant's")["text"].as_str().unwrap());
    desk.write("unsigned", &unsigned);
    let proof = desk.vectors["consistency"]["proof"].to_string();
    desk.write("proof", &format!("{proof}\n"));
    let zeros = format!("{{\"old_size\": 4, \"new_size\": 8, \"hashes\": [\"{}=\"]}}", "A".repeat(43));
    desk.write("forged", &zeros);
    desk.write("elsewhere", "{\"old_size\": 3, \"new_size\": 8, \"hashes\": []}");

    let witness = |checkpoint, proof: &[&str], status, said| {
        let arguments = [&["witness", "--state", "state", "--key", "key", "--checkpoint", checkpoint], proof].concat();
        desk.assert(&arguments, status, said);
    };
    witness("unsigned", &[], 1, "signed by none of the given keys");
    assert!(!desk.folder.join("state").exists());
    witness("early", &[], 0, "the first checkpoint of pg_warden-7531904481226537025/");
    witness("early", &[], 0, "has 4 entries as before");
    witness("late", &[], 1, "no proof of that is given");
    witness("late", &["--proof", "elsewhere"], 1, "one from 4 to 8 is needed");
    witness("late", &["--proof", "forged"], 1, "the log was forked");
    witness("late", &["--proof", "key"], 1, "the proof: it is not a JSON object");
    witness("other", &[], 1, "was seen before");
    assert_eq!(read(&desk, "state"), read(&desk, "early"), "what is refused is not remembered");
    witness("late", &["--proof", "proof"], 0, "has grown from 4 to 8 entries");
    assert_eq!(read(&desk, "state"), read(&desk, "late"));
    witness("early", &["--proof", "proof"], 1, "rolled back");
    desk.write("state", "nonsense");
    witness("late", &[], 2, "the state file state");
}

fn read(desk: &Desk, name: &str) -> String {
    fs::read_to_string(Path::new(&desk.folder).join(name)).unwrap()
}
