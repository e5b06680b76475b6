//! What came out, as Markdown: the target beside what was measured.

use std::fmt::{self, Display};

use crate::measure::Samples;

pub struct Report {
    pub machine: Vec<String>,
    pub sections: Vec<Section>,
}

pub struct Section {
    pub title: String,
    pub note: String,
    pub unit: Unit,
    /// Whom we are compared with, in the order of each row's `others`.
    pub against: Vec<&'static str>,
    pub rows: Vec<Row>,
    pub checks: Vec<Check>,
}

pub struct Row {
    pub what: String,
    pub ours: Samples,
    pub others: Vec<Samples>,
    pub target: Target,
}

/// Something that is so or is not.
pub struct Check {
    pub what: String,
    pub found: String,
    pub is_ok: bool,
}

#[derive(Clone, Copy)]
pub enum Target {
    /// Times the first of the others, at most.
    Ratio(f64),
    /// Times each of the others, in their order, at most.
    Ratios(&'static [f64]),
    /// Seconds, at most.
    Time(f64),
    /// Against the first of the others: the interval of the ratio's median holds 1, or lies below.
    NoDifference,
    None,
}

#[derive(Clone, Copy)]
pub enum Unit {
    Micro,
    Nano,
    Bytes,
}

impl Section {
    pub fn new(title: &str, note: &str, unit: Unit, against: &[&'static str]) -> Self {
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            unit,
            against: against.to_vec(),
            rows: Vec::new(),
            checks: Vec::new(),
        }
    }
}

impl Row {
    /// A difference that came out at nothing or below says that the machine drowned it.
    fn is_drowned(&self) -> bool {
        self.others.iter().chain([&self.ours]).any(|samples| samples.min() <= 0.0)
    }

    /// `None`: nothing was to be reached.
    fn is_met(&self) -> Option<bool> {
        let first = || self.others.first().map(|other| self.ours.over(other));
        match self.target {
            Target::Ratio(most) => first().map(|ratio| ratio.median() <= most),
            Target::Ratios(most) => {
                let mut pairs = self.others.iter().zip(most);
                Some(pairs.all(|(other, most)| self.ours.over(other).median() <= *most))
            }
            Target::Time(most) => Some(self.ours.median() <= most),
            Target::NoDifference => first().map(|ratio| ratio.median_interval().0 <= 1.0),
            Target::None => None,
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.machine {
            writeln!(f, "- {line}")?;
        }
        for section in &self.sections {
            write!(f, "\n{section}")?;
        }
        Ok(())
    }
}

impl Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n{}", self.title, self.note)?;
        if !self.rows.is_empty() {
            let unit = self.unit.name();
            write!(f, "\n| what | ours, {unit} |")?;
            self.against.iter().try_for_each(|name| write!(f, " {name}, {unit} |"))?;
            self.against.iter().try_for_each(|name| write!(f, " ÷ {name} |"))?;
            writeln!(f, " target | |\n|---|{}---|", "---|".repeat(2 + 2 * self.against.len()))?;
        }
        for row in &self.rows {
            write!(f, "| {} | {} |", row.what, self.unit.range(&row.ours))?;
            // A row may be compared with fewer than the section's others.
            let others = || (0..self.against.len()).map(|index| row.others.get(index));
            let cell = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
            others().try_for_each(|other| write!(f, " {} |", cell(other.map(|other| self.unit.range(other)))))?;
            others().try_for_each(|other| write!(f, " {} |", cell(other.map(|other| ratio(&row.ours.over(other))))))?;
            let verdict = if row.is_drowned() { "**too noisy**" } else { verdict(row.is_met()) };
            writeln!(f, " {} | {verdict} |", self.unit.target(row))?;
        }
        if !self.checks.is_empty() {
            writeln!(f, "\n| what | found | |\n|---|---|---|")?;
        }
        for check in &self.checks {
            let verdict = if check.is_ok { "ok" } else { "**not ok**" };
            writeln!(f, "| {} | {} | {verdict} |", check.what, check.found)?;
        }
        Ok(())
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Micro => "µs",
            Self::Nano => "ns",
            Self::Bytes => "B",
        }
    }

    fn of(self, sample: f64) -> f64 {
        match self {
            Self::Micro => sample * 1e6,
            Self::Nano => sample * 1e9,
            Self::Bytes => sample,
        }
    }

    fn range(self, samples: &Samples) -> String {
        let show = |sample| format!("{:.1}", self.of(sample));
        format!("{} / **{}** / {}", show(samples.min()), show(samples.median()), show(samples.max()))
    }

    fn target(self, row: &Row) -> String {
        match row.target {
            Target::Ratio(most) => format!("≤ {most:.2}"),
            Target::Ratios(most) => most.iter().map(|most| format!("≤ {most}")).collect::<Vec<_>>().join(", "),
            Target::Time(most) => format!("≤ {:.0} {}", self.of(most), self.name()),
            Target::NoDifference => "none to see".to_owned(),
            Target::None => "–".to_owned(),
        }
    }
}

fn ratio(ratio: &Samples) -> String {
    format!("{:.3} ({:.3}–{:.3})", ratio.median(), ratio.min(), ratio.max())
}

fn verdict(is_met: Option<bool>) -> &'static str {
    match is_met {
        Some(true) => "met",
        Some(false) => "**NOT met**",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Section, Target, Unit};
    use crate::measure::Samples;

    fn row(target: Target) -> Row {
        let samples = |values: [f64; 3]| Samples::new(values.map(|value| value / 1e6).to_vec());
        Row { what: "point".into(), ours: samples([11.0, 12.0, 13.0]), others: vec![samples([10.0; 3])], target }
    }

    #[test]
    fn a_row_says_whether_the_target_is_met() {
        for (target, met) in [
            (Target::Ratio(1.2), Some(true)),
            (Target::Ratio(1.1), Some(false)),
            (Target::Ratios(&[1.2]), Some(true)),
            (Target::Ratios(&[1.1]), Some(false)),
            (Target::Time(12e-6), Some(true)),
            (Target::Time(11e-6), Some(false)),
            (Target::NoDifference, Some(false)),
            (Target::None, None),
        ] {
            assert_eq!(row(target).is_met(), met);
        }
    }

    #[test]
    fn as_a_table() {
        let mut section = Section::new("Title", "Note.", Unit::Micro, &["by hand"]);
        section.rows.push(row(Target::Ratio(1.1)));
        let text = section.to_string();
        let row =
            "| point | 11.0 / **12.0** / 13.0 | 10.0 / **10.0** / 10.0 | 1.200 (1.100–1.300) | ≤ 1.10 | **NOT met** |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("|---|---|---|---|---|---|"), "{text}");
        section.rows[0].others[0] = Samples::new(vec![-1e-6, 2e-6, 1e-6]);
        assert!(section.to_string().contains("| ≤ 1.10 | **too noisy** |"), "{section}");
        section.rows[0].target = Target::Ratios(&[2.5, 0.125]);
        section.rows[0].others = vec![Samples::new(vec![10e-6; 3]), Samples::new(vec![100e-6; 3])];
        assert!(section.rows[0].is_met() == Some(true) && section.to_string().contains("| ≤ 2.5, ≤ 0.125 | met |"));
        section.rows[0].target = Target::Ratio(1.1);
        section.rows[0].others.clear();
        assert!(section.to_string().contains("13.0 | – | – | ≤ 1.10 |  |"), "{section}");
    }
}
