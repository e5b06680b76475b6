//! `make demo`: an examination platform becomes a multi-tenant one that a bug, an injected statement or the tables' owner
//! cannot cross, whose secrets only their institution reads, and whose record nobody changes unseen. `--psql` opens a prompt
//! in the same world instead.

mod prompt;
mod record;
mod secrets;
mod steps;
mod story;
mod teller;
mod world;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use teller::Teller;
use warden_lab::{
    Error, Result,
    sample::{Sample, Size},
};
use world::World;

fn main() -> ExitCode {
    let mut teller = Teller::new();
    match run(&mut teller) {
        Ok(Told::Story) => teller.verdict(),
        Ok(Told::Nothing) => teller.farewell(),
        Err(error) => {
            teller.stopped(&error);
            ExitCode::FAILURE
        }
    }
}

/// What has been shown: the whole story, or the world that it happens in.
enum Told {
    Story,
    Nothing,
}

fn run(teller: &mut Teller) -> Result<Told> {
    let prompt = match env::args().nth(1).as_deref() {
        None => false,
        Some("--psql") => true,
        Some(other) => return Err(Error::unexpected(format!("unknown argument {other}; there is --psql"))),
    };
    let sample = sample()?;
    let mut world = World::build(teller, sample)?;
    if prompt {
        return prompt::open(&world).map(|()| Told::Nothing);
    }
    story::tell(teller, &mut world)?;
    teller.chapter("The end");
    teller.note("The server is stopped and its folder removed. To try it yourself, in the same world:");
    teller.sql("make demo-psql");
    Ok(Told::Story)
}

fn sample() -> Result<Sample> {
    match env::var_os("SAMPLE_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from) {
        None => Sample::generated(Size::default()),
        Some(folder) if Path::is_dir(&folder) => Sample::oulad(&folder),
        Some(folder) => Err(Error::unexpected(format!("SAMPLE_DATA: {} is not a folder", folder.display()))),
    }
}
