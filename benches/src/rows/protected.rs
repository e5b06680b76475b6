//! Protected statements: BEGIN, the context, the statement, COMMIT, on 1,000 tenants of 1,000 rows.

use std::path::PathBuf;

use warden_lab::{Cluster, Result};

use super::Effort;
use crate::{
    measure::{Contender, interleave},
    pgbench::{Load, Mode, Scripts, Work},
    report::{Row, Section, Target, Unit},
    world::{USER, World},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    Point,
    Range,
    Aggregate,
    Join,
    Insert,
}

/// Who sees to it that a tenant gets its own rows alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `warden.login` with a token that the connection has seen before.
    Login,
    /// `warden.assume` by a broker.
    Assume,
    /// `WHERE tenant_id = …`, row-level security off.
    Hand,
    /// Row-level security with `current_setting`.
    Policy,
}

struct Cell {
    statement: Statement,
    mode: Mode,
    clients: u32,
    /// As the default is, COMMIT waits for the disk.
    waits_for_disk: bool,
}

pub fn measure(world: &World, effort: Effort) -> Result<Section> {
    let note = "One transaction: BEGIN, the context (`warden.login`, `warden.assume` or `set_config`), the statement, COMMIT. \
                The alternatives run on a server of their own without the extension.";
    let against = ["WHERE by hand", "current_setting policy"];
    let mut section = Section::new("Protected statements", note, Unit::Micro, &against);
    for cell in cells(effort.is_quick) {
        eprintln!("   {}", cell.name());
        let is_main = matches!(cell.statement, Statement::Point | Statement::Insert);
        section.rows.extend(cell.measure(world, if is_main { effort } else { effort.halved() })?);
    }
    Ok(section)
}

/// Inserts last: they grow the tables.
fn cells(is_quick: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for statement in Statement::ALL {
        for mode in Mode::ALL {
            cells.push(Cell { statement, mode, clients: 1, waits_for_disk: true });
            if statement == Statement::Insert {
                cells.push(Cell { statement, mode, clients: 1, waits_for_disk: false });
            }
        }
        if matches!(statement, Statement::Point | Statement::Insert) {
            cells.push(Cell { statement, mode: Mode::Prepared, clients: 2, waits_for_disk: true });
        }
    }
    if is_quick {
        cells.retain(|cell| cell.clients == 1 && !matches!(cell.statement, Statement::Range | Statement::Aggregate));
    }
    cells
}

impl Cell {
    fn name(&self) -> String {
        let clients = if self.clients == 1 { "1 client".to_owned() } else { format!("{} clients", self.clients) };
        let disk = if self.waits_for_disk { "" } else { ", synchronous_commit off" };
        format!("{}, {}, {clients}{disk}", self.statement.name(), self.mode.name())
    }

    fn measure(&self, world: &World, effort: Effort) -> Result<[Row; 2]> {
        let (ids, tokens) = (world.ids(), world.tokens());
        let settings: &[_] = if self.waits_for_disk { &[] } else { &[("synchronous_commit", "off")] };
        let mut scripts = Vec::new();
        for way in Way::ALL {
            scripts.push((way, self.scripts(way, world)?));
        }
        let contenders = scripts.iter().map(|(way, scripts)| -> Contender<'_> {
            let load = Load {
                cluster: way.cluster(world),
                database: "postgres",
                role: way.role(),
                mode: self.mode,
                clients: self.clients,
                seconds: effort.seconds,
                work: Work::Scripts(scripts),
                average: effort.average,
                dir: way.scripts(world),
                variables: if *way == Way::Login { &tokens } else { &ids },
                settings,
            };
            Box::new(move |round| load.run(round))
        });
        let samples = interleave(effort.rounds, contenders.collect())?;
        let [login, assume, hand, policy] = <[_; 4]>::try_from(samples)
            .map_err(|samples| warden_lab::Error::unexpected(format!("{} contenders came back", samples.len())))?;
        let row = |door: &str, ours| Row {
            what: format!("{}, {door}", self.name()),
            ours,
            others: vec![hand.clone(), policy.clone()],
            target: Target::Ratio(if self.mode == Mode::Prepared { 1.03 } else { 1.10 }),
        };
        Ok([row("`login`", login), row("`assume`", assume)])
    }

    /// One for each active tenant.
    fn scripts(&self, way: Way, world: &World) -> Result<Vec<PathBuf>> {
        let name = |number| format!("{}-{}-{number}", self.statement.name(), way.schema_and_door());
        (0..world.active.len())
            .map(|number| way.scripts(world).write(&name(number), &self.statement.script(way, number, world.rows)))
            .collect()
    }
}

impl Statement {
    const ALL: [Self; 5] = [Self::Point, Self::Range, Self::Aggregate, Self::Join, Self::Insert];

    fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Range => "range",
            Self::Aggregate => "aggregate",
            Self::Join => "join",
            Self::Insert => "insert",
        }
    }

    /// In pgbench's language, for the tenant of that number.
    fn script(self, way: Way, number: usize, rows: u32) -> String {
        let draws = match self {
            Self::Point => format!("\\set id random(1, {rows})\n"),
            Self::Range | Self::Join => {
                format!("\\set first random(1, {})\n\\set last :first + 49\n", rows.max(50) - 49)
            }
            Self::Aggregate | Self::Insert => String::new(),
        };
        let by_hand = (way == Way::Hand).then(|| format!(":tenant{number}"));
        let (context, statement) = (way.context(number), self.sql(way.schema(), by_hand.as_deref()));
        format!("{draws}BEGIN;\n{context};\n{statement};\nCOMMIT;\n")
    }

    /// `tenant`: written into the statement by hand, by whoever has to.
    pub fn sql(self, schema: &str, tenant: Option<&str>) -> String {
        let own = |column: &str, more: &str| match tenant {
            Some(tenant) => format!(" WHERE {column} = {tenant}{}{more}", if more.is_empty() { "" } else { " AND " }),
            None if more.is_empty() => String::new(),
            None => format!(" WHERE {more}"),
        };
        match self {
            Self::Point => {
                format!("SELECT id, course_id, score, body FROM {schema}.record{}", own("tenant_id", "id = :id"))
            }
            Self::Range => {
                let chosen = own("tenant_id", "id BETWEEN :first AND :last");
                format!("SELECT id, score FROM {schema}.record{chosen} ORDER BY id")
            }
            Self::Aggregate => format!("SELECT count(*), sum(score) FROM {schema}.record{}", own("tenant_id", "")),
            Self::Join => format!(
                "SELECT r.id, r.score, c.title FROM {schema}.record r \
                 JOIN {schema}.course c ON c.tenant_id = r.tenant_id AND c.id = r.course_id{}",
                own("r.tenant_id", "r.id BETWEEN :first AND :last")
            ),
            Self::Insert => {
                let (column, value) = match tenant {
                    Some(tenant) => ("tenant_id, ", format!("{tenant}, ")),
                    None => ("", String::new()),
                };
                format!(
                    "INSERT INTO {schema}.record ({column}course_id, score, body) \
                     VALUES ({value}7, 50, 'an answer of some length, a new one of its tenant')"
                )
            }
        }
    }
}

impl Way {
    const ALL: [Self; 4] = [Self::Login, Self::Assume, Self::Hand, Self::Policy];

    fn is_ours(self) -> bool {
        matches!(self, Self::Login | Self::Assume)
    }

    fn cluster(self, world: &World) -> &Cluster {
        if self.is_ours() { &world.ours.cluster } else { &world.plain }
    }

    fn scripts(self, world: &World) -> &Scripts {
        if self.is_ours() { &world.our_scripts } else { &world.plain_scripts }
    }

    fn schema(self) -> &'static str {
        match self {
            Self::Login | Self::Assume => "app",
            Self::Hand => "hand",
            Self::Policy => "policy",
        }
    }

    fn schema_and_door(self) -> &'static str {
        match self {
            Self::Login => "app-login",
            Self::Assume => "app-assume",
            other => other.schema(),
        }
    }

    fn role(self) -> &'static str {
        if self == Self::Assume { "app_broker" } else { "app" }
    }

    fn context(self, number: usize) -> String {
        match self {
            Self::Login => format!("SELECT warden.login(:token{number})"),
            Self::Assume => format!("SELECT warden.assume(:tenant{number}, '{USER}')"),
            Self::Hand | Self::Policy => format!("SELECT set_config('app.tenant', :tenant{number}, true)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Statement, Way};

    #[test]
    fn by_hand_the_tenant_stands_in_every_statement() {
        for statement in Statement::ALL {
            let text = statement.script(Way::Hand, 3, 1000);
            assert_eq!(text.matches(":tenant3").count(), 2, "{text}");
            for way in [Way::Login, Way::Policy] {
                assert!(!statement.sql(way.schema(), None).contains("= :tenant"));
            }
        }
        assert_eq!(
            Statement::Point.script(Way::Login, 0, 9),
            "\\set id random(1, 9)\nBEGIN;\nSELECT warden.login(:token0);\n\
             SELECT id, course_id, score, body FROM app.record WHERE id = :id;\nCOMMIT;\n"
        );
    }
}
