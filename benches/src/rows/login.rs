//! What a login costs, without the way to the server and back.

use std::time::Instant;

use warden_lab::{Cluster, Error, Result};

use super::Effort;
use crate::{
    measure::{Contender, Samples, interleave},
    pgbench::{Average, Load, Mode, Scripts, Work},
    report::{Row, Section, Target, Unit},
    world::{USER, World},
};

/// Sent in one go, so that the way there and back is shared among them.
const TRANSACTIONS: usize = 10;

/// Logins in one round of new tokens.
const NEW_TOKENS: usize = 400;

pub fn measure(world: &World, effort: Effort) -> Result<Section> {
    let note = "Seen before: ten times BEGIN, the statement and COMMIT, sent in one go (`\\;` unprepared, a pipeline \
                prepared), less as many BEGIN and COMMIT sent alike, by ten; of the runs' middle half. New: each token \
                distinct, as a bind parameter, its round trip less that of an empty statement with the same parameter.";
    let mut section = Section::new("Login", note, Unit::Micro, &["set_config"]);
    for mode in Mode::ALL {
        eprintln!("   token seen before, {}", mode.name());
        section.rows.push(seen_before(world, effort, mode)?);
    }
    eprintln!("   new token");
    section.rows.push(new_tokens(world, effort)?);
    Ok(section)
}

fn seen_before(world: &World, effort: Effort, mode: Mode) -> Result<Row> {
    let (ids, tokens) = (world.ids(), world.tokens());
    let (ours, plain) = ((&world.ours.cluster, &world.our_scripts), (&world.plain, &world.plain_scripts));
    let statements = [
        ("login", ours, &tokens, Some("SELECT warden.login(:token{n})")),
        ("login-base", ours, &tokens, None),
        ("set-config", plain, &ids, Some("SELECT set_config('app.tenant', :tenant{n}, true)")),
        ("set-config-base", plain, &ids, None),
    ];
    let mut loads = Vec::new();
    for (name, (cluster, scripts), variables, statement) in statements {
        let files = write(scripts, &format!("{name}-{}", mode.name()), mode, statement, world.active.len())?;
        loads.push((cluster, scripts, variables, files));
    }
    let contenders = loads.iter().map(|(cluster, dir, variables, scripts)| -> Contender<'_> {
        let cluster: &Cluster = cluster;
        let seconds = effort.halved().seconds;
        let load = Load {
            cluster,
            database: "postgres",
            role: "app",
            mode,
            clients: 1,
            seconds,
            work: Work::Scripts(scripts),
            average: Average::Typical,
            dir,
            variables: variables.as_slice(),
            settings: &[],
        };
        Box::new(move |round| Ok(load.run(round)? / TRANSACTIONS as f64))
    });
    let samples = interleave(effort.rounds, contenders.collect())?;
    let [login, login_base, set_config, set_config_base] = <[Samples; 4]>::try_from(samples)
        .map_err(|samples| Error::unexpected(format!("{} contenders came back", samples.len())))?;
    Ok(Row {
        what: format!("token seen before in the backend, {}", mode.name()),
        ours: login.less(&login_base),
        others: vec![set_config.less(&set_config_base)],
        target: Target::Ratio(1.5),
    })
}

/// One script for each active tenant.
fn write(
    scripts: &Scripts,
    name: &str,
    mode: Mode,
    statement: Option<&str>,
    tenants: usize,
) -> Result<Vec<std::path::PathBuf>> {
    (0..tenants)
        .map(|number| {
            let statement = statement.map(|text| text.replace("{n}", &number.to_string()));
            let transaction = || ["BEGIN".to_owned()].into_iter().chain(statement.clone()).chain(["COMMIT".to_owned()]);
            let statements: Vec<String> = (0..TRANSACTIONS).flat_map(|_| transaction()).collect();
            let text = match mode {
                Mode::Prepared => format!("\\startpipeline\n{};\n\\endpipeline\n", statements.join(";\n")),
                Mode::Unprepared => format!("{};\n", statements.join("\\;")),
            };
            scripts.write(&format!("{name}-{number}"), &text)
        })
        .collect()
}

fn new_tokens(world: &World, effort: Effort) -> Result<Row> {
    let mut client = world.ours.connect("app")?;
    let login = client.prepare("SELECT warden.login($1)")?;
    let empty = client.prepare("SELECT $1::text IS NULL")?;
    let mut samples = Vec::new();
    for round in 0..effort.rounds {
        let (mut logins, mut empties) = (Vec::new(), Vec::new());
        let tokens = distinct_tokens(world, round, if effort.is_quick { NEW_TOKENS / 4 } else { NEW_TOKENS });
        for token in &tokens {
            // Turn by turn, so that both meet the same machine.
            for (statement, times) in [(&empty, &mut empties), (&login, &mut logins)] {
                let mut transaction = client.transaction()?;
                let start = Instant::now();
                transaction.query_one(statement, &[token])?;
                times.push(start.elapsed().as_secs_f64());
                transaction.rollback()?;
            }
        }
        samples.push(Samples::new(logins).median() - Samples::new(empties).median());
    }
    Ok(Row {
        what: "new EdDSA token, prepared".to_owned(),
        ours: Samples::new(samples),
        others: Vec::new(),
        target: Target::Time(75e-6),
    })
}

fn distinct_tokens(world: &World, round: u64, count: usize) -> Vec<String> {
    let tenants = world.active.iter().cycle().take(count).enumerate();
    tenants
        .map(|(number, tenant)| world.ours.issuer.token(tenant, USER).claim("jti", format!("{round}-{number}")).sign())
        .collect()
}
