//! How the story is printed: chapters, the SQL, and a line for each step with its outcome and time.

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use warden_lab::{Error, Refusal, Result};

/// Where a step's time stands.
const TIME_COLUMN: usize = 100;
/// No line is wider, but one that is a single word.
const WIDTH: usize = 120;

pub struct Teller {
    colour: bool,
    chapters: u32,
    steps: u32,
    wrong: Vec<String>,
    begun: Instant,
}

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Good,
    Bad,
}

impl Teller {
    pub fn new() -> Self {
        let colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
        Self { colour, chapters: 0, steps: 0, wrong: Vec::new(), begun: Instant::now() }
    }

    pub fn chapter(&mut self, title: &str) {
        self.chapters += 1;
        let heading = format!("{}. {title}", self.chapters);
        self.line(&format!("\n{}", self.paint(Style::Bold, &heading)));
    }

    pub fn note(&self, text: &str) {
        self.lines("   ", text, None);
    }

    pub fn sql(&self, statement: &str) {
        for line in statement.lines() {
            self.lines("     ", line, Some(Style::Dim));
        }
    }

    /// What a program printed.
    pub fn said(&self, text: &str) {
        for line in text.lines() {
            self.lines("     ", line, None);
        }
    }

    /// What PostgreSQL said, as psql shows it.
    pub fn refusal(&self, refusal: &Refusal) {
        self.lines("     ", &format!("ERROR:  {}: {}", refusal.code, refusal.message), None);
        for (word, text) in [("DETAIL", &refusal.detail), ("HINT", &refusal.hint)] {
            if let Some(text) = text {
                self.lines("     ", &format!("{word}:  {text}"), None);
            }
        }
    }

    /// A step of the story: its outcome is right, or the demo has failed; the story goes on.
    pub fn check(&mut self, what: &str, work: impl FnOnce() -> Result<String>) {
        let begun = Instant::now();
        match work() {
            Ok(outcome) => self.step(true, what, &outcome, begun.elapsed()),
            Err(error) => {
                self.step(false, what, &error.to_string(), begun.elapsed());
                self.wrong.push(format!("{what}: {error}"));
            }
        }
    }

    /// A step that the rest of the story stands on: the demo stops where it fails.
    pub fn must<T>(&mut self, what: &str, work: impl FnOnce() -> Result<(T, String)>) -> Result<T> {
        let begun = Instant::now();
        match work() {
            Ok((value, outcome)) => {
                self.step(true, what, &outcome, begun.elapsed());
                Ok(value)
            }
            Err(error) => {
                self.step(false, what, "", begun.elapsed());
                Err(error)
            }
        }
    }

    /// Aligned: the first column left, numbers right.
    pub fn table(&self, header: &[String], rows: &[Vec<String>]) {
        let lines = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
        let widest = |column: usize| lines().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
        let widths: Vec<usize> = (0..header.len()).map(|column| widest(column).unwrap_or(0)).collect();
        let aligned = |row: &[String]| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, wide))| {
                let gap = " ".repeat(wide.saturating_sub(width(cell)));
                if column == 0 { format!("{cell}{gap}") } else { format!("{gap}{cell}") }
            });
            cells.collect::<Vec<_>>().join("  ")
        };
        self.line(&self.paint(Style::Dim, &format!("     {}", aligned(header))));
        for row in rows {
            self.line(&format!("     {}", aligned(row)));
        }
    }

    pub fn verdict(&self) -> ExitCode {
        let seconds = self.begun.elapsed().as_secs_f64();
        if self.wrong.is_empty() {
            self.line(&format!(
                "\n{} {} steps, each as promised, in {seconds:.1} s",
                self.paint(Style::Good, "✓"),
                self.steps
            ));
            return ExitCode::SUCCESS;
        }
        let count = format!("{} of {} steps did not end as promised:", self.wrong.len(), self.steps);
        self.line(&format!("\n{} {count}", self.paint(Style::Bad, "✗")));
        for wrong in &self.wrong {
            self.line(&format!("   {wrong}"));
        }
        ExitCode::FAILURE
    }

    /// After the prompt: what the user has tried there is the user's to judge.
    pub fn farewell(&self) -> ExitCode {
        if !self.wrong.is_empty() {
            return self.verdict();
        }
        self.line("The server is stopped and its folder removed.");
        ExitCode::SUCCESS
    }

    pub fn stopped(&self, error: &Error) {
        self.line(&format!("\n{} the demo cannot go on: {error}", self.paint(Style::Bad, "✗")));
    }

    fn step(&mut self, right: bool, what: &str, outcome: &str, time: Duration) {
        self.steps += 1;
        let mark = if right { self.paint(Style::Good, "✓") } else { self.paint(Style::Bad, "✗") };
        let text = if outcome.is_empty() { what.to_owned() } else { format!("{what}: {outcome}") };
        // What does not fit beside its time stands below it.
        let (text, below) = if width(&text) > TIME_COLUMN { (what, Some(outcome)) } else { (text.as_str(), None) };
        let gap = " ".repeat(TIME_COLUMN.saturating_sub(width(text)).max(1));
        let time = format!("{:>8}", readable(time));
        self.line(&format!("   {mark} {text}{gap}{}", self.paint(Style::Dim, &time)));
        if let Some(outcome) = below {
            self.lines("     ", outcome, None);
        }
    }

    /// Text that is broken between words where it is too wide, and then goes on a little further in.
    fn lines(&self, indent: &str, text: &str, style: Option<Style>) {
        for line in wrapped(indent, text, WIDTH) {
            self.line(&style.map_or(line.clone(), |style| self.paint(style, &line)));
        }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Bad => "31",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&self, text: &str) {
        // A reader that went away (`make demo | head`) is no reason to leave a server behind in a panic.
        let _ = writeln!(io::stdout(), "{text}");
    }
}

/// "1 row", "1,200 rows".
pub fn counted(number: i64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// 1234567 as 1,234,567.
pub fn thousands(number: i64) -> String {
    let digits = number.abs().to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

fn readable(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds => format!("{:.1} ms", seconds * 1000.0),
    }
}

fn wrapped(indent: &str, text: &str, limit: usize) -> Vec<String> {
    let whole = format!("{indent}{text}");
    if width(&whole) <= limit {
        return vec![whole];
    }
    // The text's own indentation stays.
    let depth = width(&whole) - width(whole.trim_start());
    let mut lines = Vec::new();
    let mut line = " ".repeat(depth);
    for word in whole.split_whitespace() {
        let is_begun = !line.trim().is_empty();
        if is_begun && width(&line) + 1 + width(word) > limit {
            lines.push(std::mem::replace(&mut line, format!("{}{word}", " ".repeat(depth + 4))));
            continue;
        }
        if is_begun {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::{thousands, wrapped};

    #[test]
    fn lines_are_broken_between_words_and_keep_their_indentation() {
        assert_eq!(wrapped("  ", "one two", 9), ["  one two"]);
        assert_eq!(wrapped("  ", "  one two three", 12), ["    one two", "        three"]);
        assert_eq!(wrapped("", "a_word_that_is_too_wide", 10), ["a_word_that_is_too_wide"]);
    }

    #[test]
    fn thousands_are_grouped_from_the_right() {
        let read: Vec<String> = [0, 999, 1000, 36184, 1234567, -1000].into_iter().map(thousands).collect();
        assert_eq!(read, ["0", "999", "1,000", "36,184", "1,234,567", "-1,000"]);
    }
}
