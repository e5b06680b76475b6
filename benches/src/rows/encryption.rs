//! Encrypting and decrypting in SQL, a call: ours beside pgcrypto, on one server.

use std::{cell::RefCell, time::Instant};

use warden_lab::{
    Error, Member, Result,
    postgres::{Client, Transaction},
};

use super::Effort;
use crate::{
    measure::{Contender, Samples, interleave},
    report::{Row, Section, Target, Unit},
    world::{USER, World},
};

const LARGE: usize = 64 * 1024;
const REPEATS: u32 = 5;

/// pgcrypto's AES takes the key that it is given: of the length of ours.
const AES: &str = "'a key of pgcrypto of 32 bytes, ok'::bytea, 'aes'";
/// Without deriving a key from the password: what is left is the format.
const PGP: &str = "'a password', 's2k-mode=0, compress-algo=0'";

/// An expression over `(SELECT value)`, which a statement computes once and nothing can compute before it runs.
struct Call {
    expression: String,
    /// Calls in a statement: fewer of the slow ones.
    count: u32,
}

/// What one value is for everybody: text and bytes.
struct Values {
    text: String,
    bytes: Vec<u8>,
}

pub fn measure_small(world: &World, effort: Effort) -> Result<Section> {
    let note = "A value of 64 bytes. `count(f((SELECT value)))` over a `generate_series` in a logged-in transaction, less \
                `count((SELECT value))`, divided by the rows. pgcrypto's `encrypt` and `decrypt` (AES-256 in CBC) do not \
                notice a changed ciphertext; pgp is `pgp_sym_encrypt` and `pgp_sym_decrypt`, with s2k-mode=0 and with the \
                default, which derives a key in each call.";
    let mut section = Section::new("Encryption, 64 bytes", note, Unit::Nano, &["aes", "pgp, s2k-mode=0", "pgp"]);
    let pgp_default = "'a password'";
    let aes_sealed = format!("encrypt($2::bytea, {AES})");
    let calls = [
        call(20_000, "warden.encrypt((SELECT $1::text), 'bench')"),
        call(20_000, "warden.encrypt_eq((SELECT $1::text), 'bench')"),
        call(20_000, format!("encrypt((SELECT $2::bytea), {AES})")),
        call(2_000, format!("pgp_sym_encrypt((SELECT $1::text), {PGP})")),
        call(50, format!("pgp_sym_encrypt((SELECT $1::text), {pgp_default})")),
        call(20_000, "warden.decrypt((SELECT warden.encrypt($1::text, 'bench')), 'bench')"),
        call(20_000, "warden.decrypt((SELECT warden.encrypt_eq($1::text, 'bench')), 'bench')"),
        call(20_000, format!("decrypt((SELECT {aes_sealed}), {AES})")),
        call(2_000, format!("pgp_sym_decrypt((SELECT pgp_sym_encrypt($1::text, {PGP})), 'a password')")),
        call(50, format!("pgp_sym_decrypt((SELECT pgp_sym_encrypt($1::text, {pgp_default})), 'a password')")),
        call(20_000, "warden.search_term((SELECT $1::text), 'bench')"),
    ];
    let text = "a secret of 64 bytes, as long as many a name and address are ok.".to_owned();
    let values = Values { bytes: text.clone().into_bytes(), text };
    let samples = <[Samples; 11]>::try_from(time(world, effort, &values, &calls)?)
        .map_err(|samples| Error::unexpected(format!("{} contenders came back", samples.len())))?;
    let [encrypt, encrypt_eq, aes, pgp, pgp_slow, decrypt, decrypt_eq, unaes, unpgp, unpgp_slow, term] = samples;
    let row = |what: &str, ours, others: &[&Samples], target| Row {
        what: what.to_owned(),
        ours,
        others: others.iter().map(|other| (*other).clone()).collect(),
        target,
    };
    let (sealing, opening) = ([&aes, &pgp, &pgp_slow], [&unaes, &unpgp, &unpgp_slow]);
    section.rows = vec![
        row("`warden.encrypt`", encrypt, &sealing, Target::Ratio(0.6)),
        row("`warden.decrypt`", decrypt, &opening, Target::Ratio(0.6)),
        row("`warden.encrypt_eq`, with the tag for searching", encrypt_eq, &sealing, Target::None),
        row("`warden.decrypt` of it", decrypt_eq, &opening, Target::None),
        row("`warden.search_term`", term, &[], Target::None),
    ];
    Ok(section)
}

pub fn measure_large(world: &World, effort: Effort) -> Result<Section> {
    let note = "64 KiB of random bytes, measured as 64 bytes are; none is stored, so that nobody reads TOAST. pgp is \
                `pgp_sym_encrypt_bytea` and `pgp_sym_decrypt_bytea`, with s2k-mode=0 and compress-algo=0. Twice the rate is \
                half the time.";
    let mut section = Section::new("Encryption, 64 KiB", note, Unit::Micro, &["aes", "pgp, s2k-mode=0"]);
    let calls = [
        call(500, "warden.encrypt((SELECT $2::bytea), 'bench')"),
        call(500, format!("encrypt((SELECT $2::bytea), {AES})")),
        call(200, format!("pgp_sym_encrypt_bytea((SELECT $2::bytea), {PGP})")),
        call(500, "warden.decrypt_bytes((SELECT warden.encrypt($2::bytea, 'bench')), 'bench')"),
        call(500, format!("decrypt((SELECT encrypt($2::bytea, {AES})), {AES})")),
        call(200, format!("pgp_sym_decrypt_bytea((SELECT pgp_sym_encrypt_bytea($2::bytea, {PGP})), 'a password')")),
    ];
    let mut superuser = world.ours.superuser()?;
    create_pgcrypto(&mut superuser)?;
    // 1,024 are the most that one call gives.
    let random = format!("SELECT string_agg(gen_random_bytes(1024), '') FROM generate_series(1, {})", LARGE / 1024);
    let values = Values { text: String::new(), bytes: superuser.query_one(&random, &[])?.get(0) };
    let samples = <[Samples; 6]>::try_from(time(world, effort, &values, &calls)?)
        .map_err(|samples| Error::unexpected(format!("{} contenders came back", samples.len())))?;
    let [encrypt, aes, pgp, decrypt, unaes, unpgp] = samples;
    let row = |what: &str, ours: Samples, aes: Samples, pgp: Samples, target| Row {
        what: format!("{what}; {} GB/s, aes {}, pgp {}", rate(&ours), rate(&aes), rate(&pgp)),
        ours,
        others: vec![aes, pgp],
        target,
    };
    section.rows = vec![
        row("`warden.encrypt`", encrypt, aes, pgp, Target::Ratios(&[1.0 / 2.0, 1.0 / 8.0])),
        row("`warden.decrypt_bytes`", decrypt, unaes, unpgp, Target::Ratios(&[1.0 / 0.4, 1.0 / 8.0])),
    ];
    Ok(section)
}

fn call(count: u32, expression: impl Into<String>) -> Call {
    Call { expression: expression.into(), count }
}

fn rate(samples: &Samples) -> String {
    format!("{:.2}", LARGE as f64 / samples.median() / 1e9)
}

fn create_pgcrypto(superuser: &mut Client) -> Result<()> {
    Ok(superuser.batch_execute("CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public")?)
}

/// Seconds a call, without its scan.
fn time(world: &World, effort: Effort, values: &Values, calls: &[Call]) -> Result<Vec<Samples>> {
    create_pgcrypto(&mut world.ours.superuser()?)?;
    let tenant = world.active.first().copied().ok_or_else(|| Error::unexpected("there is no tenant"))?;
    let member = Member::new(tenant, USER);
    let client = RefCell::new(world.ours.connect("app")?);
    let contenders = calls.iter().map(|call| -> Contender<'_> {
        let (client, member) = (&client, &member);
        Box::new(move |_| {
            world.ours.as_member(&mut client.borrow_mut(), member, |tx| {
                let (mut scans, mut whole) = (Vec::new(), Vec::new());
                // The transaction's first call reads the keys.
                run(tx, values, &call.expression, 1)?;
                for _ in 0..REPEATS {
                    scans.push(run(tx, values, "coalesce((SELECT $1::text), '')", call.count)?);
                    whole.push(run(tx, values, &call.expression, call.count)?);
                }
                Ok((Samples::new(whole).median() - Samples::new(scans).median()) / f64::from(call.count))
            })
        })
    });
    interleave(effort.rounds, contenders.collect())
}

/// Seconds that one statement with so many calls takes.
fn run(tx: &mut Transaction<'_>, values: &Values, expression: &str, count: u32) -> Result<f64> {
    // Both values are sent, whichever the expression takes; a condition without a column is looked at once.
    let query = format!(
        "SELECT count({expression}) FROM generate_series(1, {count}) WHERE $1::text IS NOT NULL AND $2::bytea IS NOT NULL"
    );
    let statement = tx.prepare(&query)?;
    let start = Instant::now();
    let row = tx.query_one(&statement, &[&values.text, &values.bytes])?;
    let seconds = start.elapsed().as_secs_f64();
    match row.get::<_, i64>(0) == i64::from(count) {
        true => Ok(seconds),
        false => Err(Error::unexpected(format!("{expression} is NULL"))),
    }
}
