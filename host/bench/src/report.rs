//! The result of a run: figures, ratios against the goals, and what they were measured on.
//!
//! In: numbers with names and units. Out: Markdown for people, JSON with a schema for programs.

use crate::cpu::median;
use crate::machine::{Machine, load_average};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Above this load at the start the machine was busy with other things, and no figure of the run
/// is a record.
pub const LOAD_QUIET_MAX: f64 = 1.0;

/// Form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Markdown,
    /// For programs.
    Json,
}

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Stable name for programs.
    pub key: String,
    /// What it is, for people.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Range, distribution, or how it was measured.
    pub detail: String,
}

/// A goal and how far it is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Number of the goal.
    pub goal: &'static str,
    /// What is divided by what.
    pub name: String,
    /// The ratio.
    pub value: f64,
    /// What passes.
    pub pass: f64,
    /// True when more is better.
    pub is_floor: bool,
    /// Whether it passes.
    pub is_met: bool,
}

impl Ratio {
    /// A ratio that must be at least `pass`.
    #[must_use]
    pub fn at_least(goal: &'static str, name: &str, value: f64, pass: f64) -> Self {
        let is_met = value >= pass;
        Self { goal, name: name.to_owned(), value, pass, is_floor: true, is_met }
    }

    /// A ratio that must be at most `pass`.
    #[must_use]
    pub fn at_most(goal: &'static str, name: &str, value: f64, pass: f64) -> Self {
        let is_met = value <= pass;
        Self { goal, name: name.to_owned(), value, pass, is_floor: false, is_met }
    }
}

/// Everything of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Names this form.
    pub schema: &'static str,
    /// Which bench.
    pub bench: &'static str,
    /// What it ran on.
    pub machine: Machine,
    /// Load average of the minute before.
    pub load_before: f64,
    /// Load average of the last minute of the run.
    pub load_after: f64,
    /// False when the machine was busy at the start: then no figure is a record.
    pub is_record: bool,
    /// The values.
    pub figures: Vec<Figure>,
    /// The goals.
    pub ratios: Vec<Ratio>,
    /// What a reader must know to judge them.
    pub notes: Vec<String>,
}

impl Report {
    /// An empty report; notes the load before the run.
    #[must_use]
    pub fn start(bench: &'static str, dir: &Path) -> Self {
        let machine = Machine::read(dir);
        let load_before = load_average();
        let is_record = load_before <= LOAD_QUIET_MAX && machine.build == "release";
        let mut notes = Vec::new();
        if machine.build != "release" {
            notes.push("A debug build: its figures say nothing about the product.".to_owned());
        }
        if load_before > LOAD_QUIET_MAX {
            notes.push(format!(
                "The load average was {load_before:.2} at the start: the machine was busy, so \
                 no figure here is a record."
            ));
        }
        if machine.file_system == "tmpfs" {
            notes.push("The folder lies in memory: nothing about the disk is measured.".to_owned());
        }
        Self {
            schema: "loopchain.bench.v1",
            bench,
            machine,
            load_before,
            load_after: load_before,
            is_record,
            figures: Vec::new(),
            ratios: Vec::new(),
            notes,
        }
    }

    /// Adds a value.
    pub fn figure(
        &mut self,
        key: &str,
        name: &str,
        (value, unit): (f64, &'static str),
        detail: impl Into<String>,
    ) {
        let (key, name) = (key.to_owned(), name.to_owned());
        self.figures.push(Figure { key, name, value, unit, detail: detail.into() });
    }

    /// Replaces each ratio by the median of it and those of other runs, and says so.
    pub fn take_medians(&mut self, others: &[Vec<Ratio>]) {
        if others.is_empty() {
            return;
        }
        for (at, ratio) in self.ratios.iter_mut().enumerate() {
            let other = others.iter().filter_map(|run| run.get(at)).map(|other| other.value);
            let mut values: Vec<f64> = other.chain([ratio.value]).collect();
            let value = median(&mut values);
            let texts: Vec<String> = values.iter().map(|value| format!("{value:.2}")).collect();
            self.notes.push(format!(
                "{}, {}: median of {}",
                ratio.goal,
                ratio.name,
                texts.join(", ")
            ));
            let (goal, name, pass) = (ratio.goal, ratio.name.clone(), ratio.pass);
            *ratio = if ratio.is_floor {
                Ratio::at_least(goal, &name, value, pass)
            } else {
                Ratio::at_most(goal, &name, value, pass)
            };
        }
    }

    /// Adds a remark.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Notes the load after the run.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.load_after = load_average();
        self
    }

    /// The value with this key; 0 when there is none.
    #[must_use]
    pub fn value(&self, key: &str) -> f64 {
        self.figures.iter().find(|figure| figure.key == key).map_or(0.0, |figure| figure.value)
    }

    /// One JSON document.
    ///
    /// # Errors
    /// When a value is no number of JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Headed tables.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("## loopchain bench {}\n\n", self.bench);
        let machine = &self.machine;
        let git = machine.git.as_deref().unwrap_or("no source tree here");
        // Writing to a String cannot fail; the results are dropped for that reason only.
        write!(
            text,
            "{cpu}, {cores} threads, kernel {kernel}, {fs}; curve25519-dalek {dalek}; {build} \
             build {version}, commit {git}; load average {before:.2} before, {after:.2} after.\n\n",
            cpu = machine.cpu,
            cores = machine.cores,
            kernel = machine.kernel,
            fs = machine.file_system,
            dalek = machine.dalek_backend,
            build = machine.build,
            version = machine.version,
            before = self.load_before,
            after = self.load_after,
        )
        .ok();
        text.push_str("| figure | value | |\n|---|---:|---|\n");
        for Figure { name, value, unit, detail, .. } in &self.figures {
            let value = number(*value);
            writeln!(text, "| {name} | {value} {unit} | {detail} |").ok();
        }
        if !self.ratios.is_empty() {
            text.push_str("\n| goal | ratio | value | passes | |\n|---|---|---:|---:|---|\n");
            for Ratio { goal, name, value, pass, is_floor, is_met } in &self.ratios {
                let (value, pass) = (number(*value), number(*pass));
                let bound = if *is_floor { "≥" } else { "≤" };
                let met = if *is_met { "met" } else { "**not met**" };
                writeln!(text, "| {goal} | {name} | {value} | {bound} {pass} | {met} |").ok();
            }
        }
        if !self.notes.is_empty() {
            text.push('\n');
            self.notes.iter().for_each(|note| {
                writeln!(text, "- {note}").ok();
            });
        }
        text
    }
}

/// Three figures that count; thousands apart.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => {
            let digits = format!("{value:.0}");
            let mut text = String::new();
            for (i, digit) in digits.chars().enumerate() {
                let left = digits.len() - i;
                if i > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures_and_thousands_apart() {
        let texts: Vec<_> = [0.123, 9.876, 98.76, 987.6, 1234.5, 1_234_567.0, -1000.0]
            .iter()
            .map(|value| number(*value))
            .collect();
        assert_eq!(texts, ["0.12", "9.88", "98.8", "988", "1,234", "1,234,567", "-1,000"]);
    }

    #[test]
    fn of_several_runs_the_median_of_each_ratio_counts() {
        let run = |p50, rate| {
            let met = Ratio::at_most("G5", "p50 / L", p50, 2.5);
            vec![met, Ratio::at_least("G1", "tx/s / B4", rate, 0.5)]
        };
        let mut report = Report::start("net", Path::new("/"));
        report.ratios = run(2.0, 0.6);
        report.take_medians(&[run(9.0, 0.1), run(3.0, 0.5)]);
        let found: Vec<_> = report.ratios.iter().map(|r| (r.goal, r.value, r.is_met)).collect();
        assert_eq!(found, [("G5", 3.0, false), ("G1", 0.5, true)]);
        assert_eq!(report.notes.last().unwrap(), "G1, tx/s / B4: median of 0.10, 0.50, 0.60");
    }

    #[test]
    fn a_report_reads_as_table_and_as_json() {
        let mut report = Report::start("limits", Path::new("/"));
        report.figure("sign", "sign", (23.4, "us"), "236 bytes");
        report.ratios.push(Ratio::at_most("G5", "p50 / L", 2.0, 2.5));
        report.ratios.push(Ratio::at_least("G1", "tx/s / B4", 0.4, 0.5));
        let report = report.finish();
        let text = report.to_markdown();
        assert!(text.contains("| sign | 23.4 us | 236 bytes |"), "{text}");
        assert!(text.contains("| G5 | p50 / L | 2.00 | ≤ 2.50 | met |"), "{text}");
        assert!(text.contains("| G1 | tx/s / B4 | 0.40 | ≥ 0.50 | **not met** |"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(json["schema"], "loopchain.bench.v1");
        assert_eq!(json["figures"][0]["value"], 23.4);
        assert!((report.value("sign") - 23.4).abs() < f64::EPSILON);
    }
}
