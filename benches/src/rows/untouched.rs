//! Statements that touch nothing protected: what everybody else on the server pays.

use warden_lab::{Error, Result};

use super::Effort;
use crate::{
    measure::{Contender, Samples, interleave},
    pgbench::{Load, Mode, Work, fill},
    report::{Row, Section, Target, Unit},
    world::{BYSTANDER, World},
};

pub fn measure(world: &World, effort: Effort) -> Result<Section> {
    let note = "`pgbench -S` on a server with the extension (preloaded, and created in the database) beside one without. \
                The control measures the server without it against itself: what this machine cannot tell apart.";
    let mut section = Section::new("Statements that touch nothing protected", note, Unit::Micro, &["without"]);
    for cluster in [&world.ours.cluster, &world.plain] {
        fill(cluster, "postgres", BYSTANDER, if effort.is_quick { 1 } else { 10 })?;
    }
    for (mode, clients) in [(Mode::Prepared, 1), (Mode::Unprepared, 1), (Mode::Prepared, 2)] {
        if effort.is_quick && clients > 1 {
            continue;
        }
        let name =
            format!("select-only, {}, {clients} {}", mode.name(), if clients == 1 { "client" } else { "clients" });
        eprintln!("   {name}");
        let contender = |cluster, dir| -> Contender<'_> {
            let seconds = effort.halved().seconds;
            let load = Load {
                cluster,
                database: "postgres",
                role: BYSTANDER,
                mode,
                clients,
                seconds,
                work: Work::Builtin("select-only"),
                average: effort.average,
                dir,
                variables: &[],
                settings: &[],
            };
            Box::new(move |round| load.run(round))
        };
        let contenders = vec![
            contender(&world.ours.cluster, &world.our_scripts),
            contender(&world.plain, &world.plain_scripts),
            contender(&world.plain, &world.plain_scripts),
        ];
        // Small differences want more rounds than ratios of 1.03.
        let rounds = if effort.is_quick { effort.rounds } else { effort.rounds + 4 };
        let [with, without, again] = <[Samples; 3]>::try_from(interleave(rounds, contenders)?)
            .map_err(|samples| Error::unexpected(format!("{} contenders came back", samples.len())))?;
        let others = vec![without];
        section.rows.push(Row { what: name.clone(), ours: with, others: others.clone(), target: Target::NoDifference });
        section.rows.push(Row { what: format!("control: {name}"), ours: again, others, target: Target::None });
    }
    Ok(section)
}
