//! Bundles: the honest one is good however it is cut, and a changed one is rejected where it was changed.

use serde_json::{Value, json};
use warden_core::audit::{
    Check, Checkpoint, Header, KeyName, Note, Place, Shown, SigningKey, Timestamp, Writer, leaf_hash,
};

use crate::fixture::{ACME, GLOBEX, Sample, check, check_against, keys, signing_key};

fn assert_rejected_at(lines: &[String], line: usize, what: &str) {
    match check(lines) {
        Ok(_) => panic!("accepted: {what}"),
        Err(rejected) => assert_eq!(rejected.place, place(line), "{what}: {rejected}"),
    }
}

/// Of a line counted from 0.
fn place(line: usize) -> Place {
    Place::Line(u64::try_from(line).unwrap() + 1)
}

#[test]
fn an_honest_bundle_is_good() {
    for count in 0..12 {
        let log = Sample::of(count);
        let report = check(&log.bundle()).unwrap();
        assert_eq!(report.checkpoint, log.checkpoint());
        assert_eq!(report.block, log.block().map(|(block, _)| block));
        assert_eq!(report.signer, Some(signing_key().verifier()));
        assert_eq!((report.entries, report.omitted, report.erased, report.withheld), (u64::from(count), 0, 0, 0));
    }
    let platform = Sample::log(None, 4);
    assert_eq!(check(&platform.bundle()).unwrap().checkpoint.origin.to_string(), "warden.test/acme/platform");
}

#[test]
fn every_part_of_a_log_is_good() {
    let log = Sample::of(9);
    for shown in 0..1u64 << 9 {
        let lines = log.part(|at| shown >> at & 1 == 1, |_| false);
        let report = check(&lines).unwrap_or_else(|rejected| panic!("{shown:b}: {rejected}"));
        assert_eq!(report.entries, u64::from(shown.count_ones()));
        assert_eq!(report.entries + report.omitted, 9);
    }
}

#[test]
fn payloads_can_be_withheld_and_erased() {
    let log = Sample::of(9);
    let lines = log.part(|_| true, |_| true);
    let report = check(&lines).unwrap();
    assert_eq!((report.erased, report.withheld, report.entries), (3, 3, 9));
    assert!(!lines.concat().contains("salt"));
    let view: Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(view["view"]["key"], Value::Null);
    assert_eq!(report.times.unwrap().0, Timestamp(1_785_059_472_000_000));
}

#[test]
fn the_view_shows_what_was_hashed() {
    let lines = Sample::of(1).bundle();
    let line: Value = serde_json::from_str(&lines[1]).unwrap();
    let redacted = json!({"redacted": line["view"]["new"]["secret"]["redacted"]});
    assert_eq!(
        line["view"],
        json!({
            "entry": "1.7000000745.0", "index": 0, "tenant": ACME.to_string(), "incarnation": 1, "xid": "7000000745",
            "number": 0, "relation": "app.\"Table\"", "key": {"id": "7"}, "operation": "UPDATE", "kind": null,
            "detail": {"root": "app.parent", "n": 1.0},
            "old": {"id": "7", "v": "é \"1\"\n", "secret": redacted, "n": null},
            "new": {"id": "7", "v": "", "secret": redacted, "n": null},
            "database_user": "app", "session_user_name": "app", "user_id": "alice", "role": "owner",
            "session_id": "4f2c", "access_request": null, "application_name": "", "client_addr": "10.0.0.1",
            "at": "2026-07-26T09:51:12.000000Z",
        })
    );
    assert!(lines[1].contains("\"n\": 1.00"), "numbers keep their spelling");
}

/// Every character of every line: within values, names of members and syntax alike.
#[test]
fn every_changed_byte_is_rejected_in_its_line() {
    let (log, keys) = (Sample::of(5), keys());
    for lines in [log.bundle(), log.part(|at| at == 1 || at == 3, |at| at == 3)] {
        let mut checked = Check::new(&keys, None).unwrap();
        for (at, line) in lines.iter().enumerate() {
            for (offset, old) in line.char_indices() {
                let others = match old {
                    '0'..='8' | 'a'..='y' | 'A'..='Y' => vec![char::from_u32(u32::from(old) + 1).unwrap(), 'z'],
                    _ => vec!['9', '"', ' '],
                };
                for new in others.into_iter().filter(|new| *new != old) {
                    let forged = format!("{}{new}{}", &line[..offset], &line[offset + old.len_utf8()..]);
                    let mut check = checked.clone();
                    let rest = lines[at + 1..].iter().map(String::as_str);
                    let seen = std::iter::once(&*forged).chain(rest).try_for_each(|line| check.line(line.as_bytes()));
                    let around = &line[line.floor_char_boundary(offset.saturating_sub(20))..offset];
                    let what = format!("line {}: {around}[{old} to {new}]", at + 1);
                    match seen.and_then(|()| check.finish()) {
                        Ok(_) => panic!("accepted: {what}"),
                        Err(rejected) => assert_eq!(rejected.place, place(at), "{what}: {rejected}"),
                    }
                }
            }
            checked.line(line.as_bytes()).unwrap();
        }
        checked.finish().unwrap();
    }
}

#[test]
fn a_line_that_is_missing_moved_or_doubled_is_rejected() {
    let log = Sample::of(6);
    for lines in [log.bundle(), log.part(|at| at == 2 || at == 3, |_| true), log.part(|_| false, |_| false)] {
        for at in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(at);
            assert_rejected_at(&without, at, "a missing line");
            let mut doubled = lines.clone();
            doubled.insert(at, lines[at].clone());
            assert_rejected_at(&doubled, at + 1, "a doubled line");
            for other in at + 1..lines.len() {
                let mut swapped = lines.clone();
                swapped.swap(at, other);
                assert_rejected_at(&swapped, at, "swapped lines");
            }
        }
        assert_rejected_at(&[lines.clone(), lines.clone()].concat(), lines.len(), "two bundles");
        assert_rejected_at(&[], 0, "nothing");
        assert_rejected_at(&[vec![String::new()], lines.clone()].concat(), 0, "an empty line");
    }
}

#[test]
fn members_that_are_unknown_or_stand_twice_are_rejected() {
    let log = Sample::of(3);
    let lines = log.part(|at| at > 0, |_| false);
    for at in 0..lines.len() {
        let inner = &lines[at][1..];
        for forged in [
            format!("{{\"note_\":1,{inner}"),
            format!("{{\"type\":\"entry\",{inner}"),
            format!("{{\"erased\":true,{inner}"),
            format!("{{\"withheld\":false,{inner}"),
            lines[at].replacen("\"view\":{", "\"view\":{\"block\":7,", 1),
            lines[at].replacen("\"view\":{", "\"view\":{\"key\":null,", 1),
            lines[at].replacen("\"payload\":{", "\"payload\":{\"x\":null,", 1),
            lines[at].replacen("\"old\":null", "\"old\":{}", 1),
            lines[at].replacen("\"block_path\":{", "\"block_path\":{\"x\":1,", 1),
            lines[at].replacen("\"block_path\":{", "\"block_path\":null,\"y\":{", 1),
        ] {
            if forged != lines[at] {
                let mut all = lines.clone();
                all[at] = forged.clone();
                assert_rejected_at(&all, at, &forged);
            }
        }
    }
}

/// Another program may write the same bundle: with spaces, escapes, and its members in another order.
#[test]
fn another_spelling_of_the_same_is_good() {
    let lines = Sample::of(4).part(|at| at != 1, |_| false);
    let spelled: Vec<String> = lines
        .iter()
        .map(|line| {
            let line = line.replace(",\"", " ,\t\"").replace("é", "\\u00e9");
            let (first, rest) = line[1..].split_once(" ,\t").unwrap();
            format!("{{{},{first}}}", &rest[..rest.len() - 1])
        })
        .collect();
    assert_ne!(spelled, lines);
    check(&spelled).unwrap();
}

#[test]
fn another_tenants_lines_are_rejected() {
    let (log, other) = (Sample::of(5), Sample::log(Some(GLOBEX), 5));
    let (lines, others) = (log.bundle(), other.bundle());
    for at in 1..lines.len() {
        let mut spliced = lines.clone();
        spliced[at] = others[at].clone();
        assert_rejected_at(&spliced, at, "a foreign line");
    }
    assert_rejected_at(&[&lines[..1], &others[1..]].concat(), 1, "this header on another's body");
    let longer = Sample::of(6);
    let mut wrong_end = lines.clone();
    *wrong_end.last_mut().unwrap() = longer.bundle().pop().unwrap();
    assert_rejected_at(&wrong_end, lines.len() - 1, "a later checkpoint");
}

#[test]
fn a_bundle_is_signed_by_a_given_key_and_no_other() {
    let lines = Sample::of(3).bundle();
    let end = lines.len() - 1;
    let another = |name: &str, seed| SigningKey::new(KeyName::parse(name).unwrap(), &[seed; 32]);
    for other in [another("warden.test/acme", 1), another("elsewhere", 0x5e)] {
        let rejected = check_against(&lines, &[other.verifier()], None).unwrap_err();
        assert_eq!(rejected.place, Place::Line(u64::try_from(end).unwrap() + 1));
        assert!(check_against(&lines, &[other.verifier(), signing_key().verifier()], None).is_ok());
        // Signed by a given key that is not its origin's.
        let mut foreign = lines.clone();
        let note = Sample::of(3).checkpoint().sign(&other);
        foreign[end] = lines[end].replacen(&json!(Sample::of(3).note()).to_string(), &json!(note).to_string(), 1);
        assert!(check_against(&foreign, &[another("elsewhere", 0x5e).verifier()], None).is_err());
    }
}

#[test]
fn without_keys_the_structure_alone_is_checked() {
    let log = Sample::of(3);
    let mut lines = log.bundle();
    assert_eq!(check_against(&lines, &[], None).unwrap().signer, None);
    let (signed, unsigned) = (json!(log.note()).to_string(), json!(log.checkpoint().unsigned()).to_string());
    let last = lines.last_mut().unwrap();
    *last = last.replacen(&signed, &unsigned, 1);
    assert!(check_against(&lines, &[], None).is_ok());
    assert_rejected_at(&lines, 4, "unsigned");
    let twice = format!("{}{}", log.note(), log.note().lines().last().unwrap()) + "\n";
    let last = lines.last_mut().unwrap();
    *last = last.replacen(&unsigned, &json!(twice).to_string(), 1);
    assert_rejected_at(&lines, 4, "signed twice");
    lines.remove(2);
    assert!(check_against(&lines, &[], None).is_err());
}

#[test]
fn a_kept_checkpoint_is_the_beginning_of_the_log() {
    let log = Sample::of(9);
    let (lines, whole) = (log.bundle(), log.checkpoint());
    for count in 0..=9 {
        let early = Sample::of(count);
        let report = check_against(&lines, &keys(), Some(&early.note())).unwrap();
        assert_eq!(report.given, Some(early.checkpoint()));
        // Of an unsigned bundle too, as far as it goes.
        assert!(check_against(&lines, &[], Some(&early.checkpoint().unsigned())).is_ok());
    }
    let witness = SigningKey::new(KeyName::parse("witness").unwrap(), &[7; 32]);
    let cosigned = log.note() + witness.sign(&whole.text()).strip_prefix(&format!("{}\n", whole.text())).unwrap();
    assert!(check_against(&lines, &keys(), Some(&cosigned)).is_ok());

    let fork = Checkpoint { root: leaf_hash(b"another history"), ..Sample::of(5).checkpoint() };
    for (given, what) in [
        (Sample::of(10).note(), "larger"),
        (Sample::log(Some(GLOBEX), 5).note(), "another log's"),
        (fork.sign(&signing_key()), "a fork"),
        (whole.unsigned(), "unsigned"),
        (witness.sign(&whole.text()), "signed by another"),
        (log.note().replace('\n', "\r\n"), "no note"),
        (String::new(), "nothing"),
    ] {
        let rejected = check_against(&lines, &keys(), Some(&given)).unwrap_err();
        assert_eq!(rejected.place, Place::Checkpoint, "{what}: {rejected}");
    }
}

#[test]
fn a_part_meets_the_checkpoints_that_it_can_compute() {
    let log = Sample::of(9);
    let lines = log.part(|at| at == 4 || at == 5, |_| false);
    for count in 0..=9 {
        let met = check_against(&lines, &keys(), Some(&Sample::of(count).note()));
        assert_eq!(met.is_ok(), [0, 4, 5, 6, 9].contains(&count), "{count}: {met:?}");
    }
}

#[test]
fn the_writer_writes_no_bundle_that_would_be_refused() {
    let log = Sample::of(2);
    let header = |log: &Sample| {
        let checkpoint = log.checkpoint();
        let incarnation = log.block().map(|(block, _)| block.incarnation);
        Header { origin: log.origin(), incarnation, first_index: 0, tree_size: checkpoint.size, root: checkpoint.root }
    };
    let (mut writer, _) = Writer::new(header(&log));
    let (salt, payload) = (Sample::salt(0), Sample::payload(0));
    assert!(writer.entry(b"nonsense", Shown::Nothing).is_err());
    assert!(writer.entry(&log.entries[0], Shown::Nothing).is_err(), "an entry with a payload");
    assert!(writer.entry(&log.entries[0], Shown::Payload(&Sample::salt(1), &payload)).is_err(), "another salt");
    assert!(writer.entry(&Sample::log(None, 1).entries[0], Shown::Erased).is_err(), "another log's");
    assert!(writer.entry(&Sample::of(3).entries[2], Shown::Erased).is_err(), "an entry without a payload");
    writer.entry(&log.entries[0], Shown::Payload(&salt, &payload)).unwrap();
    let block = log.block();
    let block = block.as_ref().map(|(block, path)| (block, path));
    assert!(writer.clone().finish(&log.note(), block).is_err(), "an entry too few");
    writer.entry(&log.entries[1], Shown::Erased).unwrap();
    assert!(writer.clone().finish(&log.note(), None).is_err(), "no block");
    assert!(writer.clone().finish(&Sample::of(1).note(), block).is_err(), "another checkpoint");
    assert!(writer.finish(&log.note(), block).is_ok());
    assert!(Note::parse(&log.note()).is_ok());
}
