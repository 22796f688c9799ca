//! The only place that prints. Data goes to stdout, notes and errors to stderr.
//!
//! In: lines, JSON documents, failures. Out: bytes. With `--json` exactly one document goes to
//! stdout, nothing else. A closed pipe is not an error of the command, but ends what follows something;
//! data that could not be written for another reason (a full disk) is an error.

use crate::args::{Color, Global};
use crate::failure::Failure;
use crate::progress::Progress;
use anstream::{AutoStream, ColorChoice};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;
use std::io::{ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// Exit code when data could not be written: an unexpected failure.
const EXIT_LOST: u8 = 1;

/// How often who waits for something to print looks whether anybody would read it.
const LOOK_WHO_READS: Duration = Duration::from_millis(500);

/// Why stdout takes no more data; of the whole process, as stdout is.
static STDOUT_LOST: OnceLock<std::io::Error> = OnceLock::new();

/// How this run prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    is_json: bool,
    is_quiet: bool,
    verbose: u8,
    color: ColorChoice,
}

/// Green, for what went well.
pub(crate) const OK: &str = "\x1b[32m✓\x1b[0m";
/// Red, for what did not.
pub(crate) const BAD: &str = "\x1b[31m✗\x1b[0m";
/// Yellow, for what to look at.
pub(crate) const WARN: &str = "\x1b[33m!\x1b[0m";

impl Out {
    /// As the flags say.
    pub(crate) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self { is_json: global.json, is_quiet: global.quiet, verbose: global.verbose, color }
    }

    /// For people, before the flags could be read.
    pub(crate) const fn of_color(color: clap::ColorChoice) -> Self {
        let color = match color {
            clap::ColorChoice::Auto => ColorChoice::Auto,
            clap::ColorChoice::Always => ColorChoice::Always,
            clap::ColorChoice::Never => ColorChoice::Never,
        };
        Self { is_json: false, is_quiet: false, verbose: 0, color }
    }

    /// For programs.
    pub(crate) const fn machine() -> Self {
        Self { is_json: true, is_quiet: true, verbose: 0, color: ColorChoice::Never }
    }

    /// Whether one JSON document is wanted.
    pub(crate) const fn is_json(self) -> bool {
        self.is_json
    }

    /// Whether a person watches stdout.
    pub(crate) fn is_live(self) -> bool {
        !self.is_json && !self.is_quiet && std::io::stdout().is_terminal()
    }

    fn stdout(self, text: &str) {
        let mut stream = AutoStream::new(std::io::stdout().lock(), self.color);
        if let Err(error) = stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
            // The first reason counts.
            STDOUT_LOST.set(error).ok();
        }
    }

    /// Whether what goes to stdout is still taken: who follows something ends when it is not, also while
    /// there is nothing to write.
    pub(crate) fn is_read(self) -> bool {
        STDOUT_LOST.get().is_none() && !is_abandoned(&std::io::stdout())
    }

    /// Returns when nobody reads what goes to stdout any more.
    pub(crate) async fn unread(self) {
        while self.is_read() {
            tokio::time::sleep(LOOK_WHO_READS).await;
        }
    }

    /// Why data of this command did not get where it should; that nobody wanted it is no reason.
    pub(crate) fn lost(self) -> Option<Failure> {
        let error = STDOUT_LOST.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)?;
        let failure = Failure::file(Path::new("stdout"), error).with_exit(EXIT_LOST);
        Some(failure.with_help("what was printed is not whole: write it to another place"))
    }

    fn stderr(self, text: &str) {
        let mut stream = AutoStream::new(std::io::stderr().lock(), self.color);
        stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).ok();
    }

    /// A line of data for people; nothing with `--json`.
    pub(crate) fn line(self, text: &str) {
        if !self.is_json {
            self.stdout(&format!("{text}\n"));
        }
    }

    /// Data as it is, without a line end of ours (completion scripts).
    pub(crate) fn raw(self, text: &str) {
        self.stdout(text);
    }

    /// The one JSON document.
    pub(crate) fn json(self, value: &Value) {
        self.stdout(&format!("{value}\n"));
    }

    /// One line of a stream, JSON or not; false when nobody reads it any more.
    pub(crate) fn stream(self, line: &str) -> bool {
        self.stdout(&format!("{line}\n"));
        self.is_read()
    }

    /// JSON for programs or lines for people.
    pub(crate) fn either(self, value: &Value, lines: impl IntoIterator<Item = String>) {
        if self.is_json {
            self.json(value);
        } else {
            lines.into_iter().for_each(|line| self.line(&line));
        }
    }

    /// A note on the side.
    pub(crate) fn note(self, text: &str) {
        if self.has_notes() {
            self.stderr(&format!("{text}\n"));
        }
    }

    /// What another process printed, for stderr.
    pub(crate) fn raw_error(self, text: &str) {
        self.stderr(text);
    }

    /// A line of `up` that comes by itself; it goes above the live line.
    pub(crate) fn announce(self, text: &str) {
        if self.is_live() {
            self.stdout(&format!("\r\x1b[2K{text}\n"));
        } else if self.is_json {
            self.stderr(&format!("{text}\n"));
        } else {
            self.line(text);
        }
    }

    /// Whether notes are printed at all.
    pub(crate) const fn has_notes(self) -> bool {
        !self.is_json && !self.is_quiet
    }

    /// Work that begins now and may take long.
    pub(crate) fn progress(self, label: &'static str) -> Progress {
        Progress::begin(label, self)
    }

    /// What happens on the wire, with `-v`.
    pub(crate) fn trace(self, text: &str) {
        if self.verbose > 0 {
            self.stderr(&format!("{text}\n"));
        }
    }

    /// Overwrites the live line.
    pub(crate) fn live(self, text: &str) {
        if self.is_live() {
            self.stdout(&format!("\r\x1b[2K{text}"));
        }
    }

    /// Why the command failed.
    pub(crate) fn fail(self, failure: &Failure) {
        if self.is_json {
            self.stderr(&format!("{}\n", failure.to_json()));
        } else {
            let text = failure.to_text();
            let text = match text.split_once(':') {
                Some((head, rest)) => format!("\x1b[1;31m{head}\x1b[0m:{rest}"),
                None => text,
            };
            self.stderr(&format!("{text}\n"));
        }
    }
}

/// A table without lines, columns two blanks apart, as `ps` and `list` print it.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(head.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim().to_owned()).collect()
}

/// Whether the other end of a pipe or terminal is gone. A file has none.
fn is_abandoned(stream: &impl AsFd) -> bool {
    let mut looked_at = [PollFd::new(stream, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // What cannot be told counts as read: the next write tells.
    poll(&mut looked_at, Some(&at_once)).is_ok()
        && looked_at[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of a terminal that a text takes: a Hangul syllable takes two.
    fn width(text: &str) -> usize {
        text.chars().map(|c| if ('\u{1100}'..='\u{ffdc}').contains(&c) { 2 } else { 1 }).sum()
    }

    #[test]
    fn columns_of_korean_names_stand_below_each_other() {
        let row = |name: &str, org: &str| vec![name.to_owned(), org.to_owned()];
        let lines = table(&["NAME", "ORG"], vec![row("민수", "은행-가"), row("alice", "bank-a")]);
        let at = |line: &str, second: &str| width(line.split_once(second).unwrap().0);
        let starts = [at(&lines[0], "ORG"), at(&lines[1], "은행"), at(&lines[2], "bank-a")];
        assert_eq!(starts, [starts[0]; 3], "{lines:#?}");
    }
}
