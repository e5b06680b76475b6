//! Reading the context, a call.

use std::time::Instant;

use warden_lab::{Error, Member, Result};

use super::Effort;
use crate::{
    measure::{Contender, Samples, interleave},
    report::{Row, Section, Target, Unit},
    world::{USER, World},
};

/// So few that the scan's rows stay in work_mem, and that nothing is compiled just in time.
const CALLS: u32 = 50_000;
const REPEATS: u32 = 10;

pub fn measure(world: &World, effort: Effort) -> Result<Section> {
    let note = format!(
        "`count(f())` over a `generate_series` of {CALLS} rows, less `count` of the series itself, divided by the rows."
    );
    let mut section = Section::new("Reading the context", &note, Unit::Nano, &["current_setting"]);
    let tenant = world.active.first().copied().ok_or_else(|| Error::unexpected("there is no tenant"))?;
    let client = std::cell::RefCell::new(world.ours.connect("app")?);
    let timed = |expression: &'static str| -> Contender<'_> {
        let (ours, client) = (&world.ours, &client);
        Box::new(move |_| {
            ours.as_member(&mut client.borrow_mut(), &Member::new(tenant, USER), |tx| {
                tx.execute("SELECT set_config('app.tenant', $1, true)", &[&tenant.to_string()])?;
                let count = tx.prepare(&format!("SELECT count({expression}) FROM generate_series(1, {CALLS}) g"))?;
                let mut times = Vec::new();
                for _ in 0..REPEATS {
                    let start = Instant::now();
                    let row = tx.query_one(&count, &[])?;
                    times.push(start.elapsed().as_secs_f64());
                    if row.get::<_, i64>(0) != i64::from(CALLS) {
                        return Err(Error::unexpected(format!("{expression} is NULL in a context")));
                    }
                }
                Ok(Samples::new(times).median() / f64::from(CALLS))
            })
        })
    };
    let rows = [
        ("`warden.tenant_id()`", "warden.tenant_id()", Target::Time(50e-9)),
        ("`warden.user_id()`", "warden.user_id()", Target::None),
        ("`warden.role()`", "warden.role()", Target::None),
    ];
    let mut contenders = vec![timed("g"), timed("current_setting('app.tenant')")];
    contenders.extend(rows.iter().map(|(_, expression, _)| timed(expression)));
    let mut samples = interleave(effort.rounds, contenders)?.into_iter();
    let (Some(scan), Some(setting)) = (samples.next(), samples.next()) else {
        return Err(Error::unexpected("no samples came back"));
    };
    let setting = setting.less(&scan);
    section.rows = rows
        .into_iter()
        .zip(samples)
        .map(|((what, _, target), ours)| Row {
            what: what.to_owned(),
            ours: ours.less(&scan),
            others: vec![setting.clone()],
            target,
        })
        .collect();
    Ok(section)
}
