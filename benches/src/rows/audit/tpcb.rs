//! TPC-B as pgbench has it: short transactions of three UPDATEs and an INSERT, all of them recorded.

use warden_lab::{Cluster, Error, Result};

use super::Audit;
use crate::{
    measure::{Contender, Samples, interleave},
    pgbench::{Load, Mode, Scripts, Work, fill},
    report::{Row, Section, Target, Unit},
    rows::Effort,
    world::{BYSTANDER, World},
};

const TABLES: [&str; 4] = ["pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history"];

/// Of ten transactions a second, nine are to be left.
const KEPT: f64 = 0.9;

pub fn measure(world: &World, effort: Effort) -> Result<Section> {
    let note = "`pgbench -M prepared`, its four tables audited, none protected; sealing goes on. Time of a transaction as \
                a client sees it. Without audit and with the trigger: on the server without the extension. 0.90 of the \
                transactions a second are 1.11 times the time.";
    let mut section = Section::new("TPC-B", note, Unit::Micro, &["no audit", "jsonb trigger"]);
    // Every client finds a branch of its own, by and large.
    let scale = if effort.is_quick { 2 } else { 20 };
    for audit in Audit::ALL {
        prepare(world, audit, scale)?;
    }
    let counts: &[u32] = if effort.is_quick { &[1] } else { &[1, 4, 16] };
    for clients in counts {
        for waits_for_disk in [true, false] {
            section.rows.push(run(world, effort, *clients, waits_for_disk)?);
        }
    }
    Ok(section)
}

impl Audit {
    fn server(self, world: &World) -> (&Cluster, &Scripts) {
        match self {
            Self::Warden => (&world.ours.cluster, &world.our_scripts),
            Self::None | Self::Jsonb => (&world.plain, &world.plain_scripts),
        }
    }

    fn database(self) -> &'static str {
        match self {
            Self::None => "tpcb_unaudited",
            Self::Jsonb => "tpcb_jsonb",
            Self::Warden => "tpcb_audited",
        }
    }
}

fn prepare(world: &World, audit: Audit, scale: u32) -> Result<()> {
    let (cluster, _) = audit.server(world);
    let database = audit.database();
    let create = format!("CREATE DATABASE {database} OWNER {BYSTANDER}");
    cluster.connect("postgres", "postgres")?.batch_execute(&create)?;
    if audit == Audit::Warden {
        world.ours.prepare(database)?;
    }
    fill(cluster, database, BYSTANDER, scale)?;
    let mut owner = cluster.connect(BYSTANDER, database)?;
    audit.prepare(&mut owner, "public")?;
    TABLES.into_iter().try_for_each(|table| audit.begin(&mut owner, "public", table))
}

fn run(world: &World, effort: Effort, clients: u32, waits_for_disk: bool) -> Result<Row> {
    let name = format!(
        "{clients} {}, synchronous_commit {}",
        if clients == 1 { "client" } else { "clients" },
        if waits_for_disk { "on" } else { "off" }
    );
    eprintln!("   {name}");
    let settings: &[_] = if waits_for_disk { &[] } else { &[("synchronous_commit", "off")] };
    let contenders = Audit::ALL.into_iter().map(|audit| -> Contender<'_> {
        let (cluster, dir) = audit.server(world);
        let load = Load {
            cluster,
            database: audit.database(),
            role: BYSTANDER,
            mode: Mode::Prepared,
            clients,
            seconds: effort.seconds,
            work: Work::Builtin("tpcb-like"),
            average: effort.average,
            dir,
            variables: &[],
            settings,
        };
        Box::new(move |round| {
            // So that each writes as many images of whole pages.
            cluster.connect("postgres", "postgres")?.batch_execute("CHECKPOINT")?;
            load.run(round)
        })
    });
    let samples = interleave(effort.rounds, contenders.collect())?;
    let [ours, none, jsonb] = <[Samples; 3]>::try_from(samples)
        .map_err(|samples| Error::unexpected(format!("{} contenders came back", samples.len())))?;
    let rate = |samples: &Samples| f64::from(clients) / samples.median();
    Ok(Row {
        what: format!("{name}; {:.0} tps, none {:.0}, jsonb {:.0}", rate(&ours), rate(&none), rate(&jsonb)),
        ours,
        others: vec![none, jsonb],
        target: Target::Ratio(1.0 / KEPT),
    })
}
