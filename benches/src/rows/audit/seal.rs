//! Sealing what has been recorded, and verifying it, an entry.

use std::time::Instant;

use warden_lab::{Error, Member, OWNER, Result, postgres::Client};

use super::{Audit, HeldSealing};
use crate::{
    measure::Samples,
    report::{Check, Row, Section, Target, Unit},
    rows::Effort,
    world::{USER, World},
};

/// An entry, as so many a second.
const SEALING: f64 = 1.0 / 200_000.0;
const VERIFYING: f64 = 1.0 / 1_000_000.0;

const TABLE: &str = "
    CREATE TABLE app.sealed (tenant_id uuid NOT NULL, id bigint NOT NULL, score numeric, remark text, PRIMARY KEY (tenant_id, id));
    GRANT SELECT, INSERT ON app.sealed TO app;
    SELECT warden.protect('app.sealed')";
/// Rows of a transaction.
const STRIDE: u32 = 10_000;

pub fn measure(world: &World, effort: Effort) -> Result<Section> {
    let strides = if effort.is_quick { 2 } else { 40 };
    let note = format!(
        "{} entries of one tenant, recorded while sealing is held; then `warden.seal_audit()` as its caller sees it, by the \
         entries, and `warden.verify_audit()` over all that has been sealed until then. One process does either.",
        strides * STRIDE
    );
    let mut section = Section::new("Sealing and verifying", &note, Unit::Nano, &[]);
    let _held = HeldSealing::new(&world.ours.cluster)?;
    let tenant = world.active.first().copied().ok_or_else(|| Error::unexpected("there is no tenant"))?;
    let member = Member::new(tenant, USER);
    let mut owner = world.ours.connect(OWNER)?;
    owner.batch_execute(TABLE)?;
    Audit::Warden.begin(&mut owner, "app", "sealed")?;
    let (mut app, mut superuser) = (world.ours.connect("app")?, world.ours.superuser()?);
    superuser.batch_execute("SELECT warden.seal_audit()")?;
    let can_verify =
        superuser.query_one("SELECT to_regprocedure('warden.verify_audit(uuid)') IS NOT NULL", &[])?.get::<_, bool>(0);

    let (mut sealing, mut verifying) = (Samples::default(), Samples::default());
    let mut faults = Vec::new();
    let mut next = 0;
    // Each round is seconds long, and the log grows by it.
    for _ in 0..effort.rounds.min(3) {
        let before = entries(&mut superuser)?;
        for _ in 0..strides {
            let rows = format!(
                "INSERT INTO app.sealed SELECT warden.tenant_id(), n, n % 101, 'a remark, the ' || n || 'th'
                 FROM generate_series({next} + 1, {next} + {STRIDE}) n"
            );
            world.ours.as_member(&mut app, &member, |tx| Ok(tx.batch_execute(&rows)?))?;
            next += STRIDE;
        }
        superuser.batch_execute("CHECKPOINT")?;
        let start = Instant::now();
        superuser.batch_execute("SELECT warden.seal_audit()")?;
        let seconds = start.elapsed().as_secs_f64();
        let sealed = entries(&mut superuser)?;
        sealing.push(seconds / (sealed - before) as f64);
        if can_verify {
            let start = Instant::now();
            let bad = superuser.query("SELECT check_name, detail FROM warden.verify_audit() WHERE NOT ok", &[])?;
            verifying.push(start.elapsed().as_secs_f64() / sealed as f64);
            faults.extend(
                bad.iter().map(|row| format!("{}: {:?}", row.get::<_, &str>(0), row.get::<_, Option<&str>>(1))),
            );
        }
    }
    section.rows.push(row("sealing", sealing, SEALING));
    if can_verify {
        section.rows.push(row("verifying", verifying, VERIFYING));
        let found = if faults.is_empty() { "every check is good".to_owned() } else { faults.join("; ") };
        section.checks.push(Check { what: "the log verifies".to_owned(), found, is_ok: faults.is_empty() });
    } else {
        section.note.push_str(" Verifying is left out: this version has no `warden.verify_audit(uuid)`.");
    }
    Ok(section)
}

fn row(what: &str, samples: Samples, target: f64) -> Row {
    let rate = 1.0 / samples.median();
    Row {
        what: format!("{what}; {rate:.0} entries/s"),
        ours: samples,
        others: Vec::new(),
        target: Target::Time(target),
    }
}

/// All that have been sealed.
fn entries(superuser: &mut Client) -> Result<i64> {
    Ok(superuser.query_one("SELECT coalesce(sum(entries), 0)::bigint FROM warden.audit_block", &[])?.get(0))
}
