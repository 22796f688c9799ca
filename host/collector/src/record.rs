//! One kept line: when, how grave, from whom, with which number, and the line itself.
//!
//! In: a line of a node, or an event of the forward protocol. Out: one line of JSON of the store.
//! The name of a node is that of its certificate, whatever its line says; the time is the line's own
//! where it has one. Not here: where records are kept.

use crate::moment;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How grave a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Every step.
    Trace,
    /// For developers.
    Debug,
    /// What normally happens.
    #[default]
    Info,
    /// To be looked at.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// Reads a word of any case.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" | "information" | "notice" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "err" | "fatal" | "critical" | "crit" | "alert" | "emerg" => Self::Error,
            _ => return None,
        })
    }

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One kept line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, microseconds since 1970: the line's own time, else when it came.
    pub time_us: u64,
    /// How grave.
    pub level: Level,
    /// `ORG/NAME` of a node, or `fluentd:TAG`.
    pub source: String,
    /// The start of the node that said it, hex; absent where lines have no numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Its number in that run, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The line.
    pub line: Value,
}

fn text<'a>(line: &'a Value, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| line.get(key)?.as_str())
}

impl Record {
    /// A line of a node. What is no JSON object is kept as its message.
    #[must_use]
    pub fn of_node(source: &str, run: &str, seq: u64, line: &[u8]) -> Self {
        let parsed = serde_json::from_slice(line).ok().filter(Value::is_object);
        let line =
            parsed.unwrap_or_else(|| json!({"message": String::from_utf8_lossy(line).trim_end()}));
        let run = Some(run.to_owned());
        Self { run, seq: Some(seq), ..Self::of_line(source.to_owned(), None, line) }
    }

    /// An event of the forward protocol.
    #[must_use]
    pub fn of_event(tag: &str, time_us: u64, record: Value) -> Self {
        Self::of_line(format!("fluentd:{tag}"), Some(time_us), record)
    }

    /// What a collector says of a node that had to drop lines.
    #[must_use]
    pub fn of_dropped(source: &str, run: &str, dropped: u64) -> Self {
        let message = format!("{source} dropped {dropped} lines because its queue was full");
        let line = json!({"event": "log.dropped", "level": "WARN", "message": message, "dropped": dropped});
        Self { run: Some(run.to_owned()), ..Self::of_line(source.to_owned(), None, line) }
    }

    /// A line of JSON that a process wrote to a file.
    #[must_use]
    pub fn of_line(source: String, time_us: Option<u64>, line: Value) -> Self {
        let own = text(&line, &["timestamp", "ts", "time"]).and_then(moment::read);
        let level = text(&line, &["level", "severity"]).and_then(Level::read).unwrap_or_default();
        let time_us = time_us.or(own).unwrap_or_else(moment::now_us);
        Self { time_us, level, source, run: None, seq: None, line }
    }

    /// The words for people in it.
    #[must_use]
    pub fn message(&self) -> &str {
        text(&self.line, &["message", "msg", "log"]).unwrap_or_default()
    }

    /// One line for people; control characters are escaped, so that no line moves a cursor.
    #[must_use]
    pub fn shown(&self) -> String {
        let level = self.level.word().to_ascii_uppercase();
        let time = moment::write(self.time_us);
        let mut shown = format!("{time} {level:<5} {:<22} {}", self.source, self.message());
        if let Value::Object(fields) = &self.line {
            const SAID: [&str; 8] =
                ["timestamp", "ts", "time", "level", "severity", "message", "msg", "log"];
            for (key, value) in fields.iter().filter(|(key, _)| !SAID.contains(&key.as_str())) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                shown.push_str(&format!(" {key}={value}"));
            }
        }
        escaped(&shown)
    }

    /// The document for programs.
    #[must_use]
    pub fn document(&self) -> Value {
        json!({
            "schema": "loopchain.log.v1",
            "time_us": self.time_us,
            "time": moment::write(self.time_us),
            "level": self.level.word(),
            "of": self.source,
            "run": self.run,
            "seq": self.seq,
            "line": self.line,
        })
    }
}

/// Text without control characters: each is written as Rust writes it, `\u{1b}`.
#[must_use]
pub fn escaped(text: &str) -> String {
    // Also what turns text around on a screen (bidirectional overrides).
    let is_control =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.chars().any(is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut out, c| {
        if is_control(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_time_and_level_and_not_its_name() {
        let line = br#"{"timestamp":"1970-01-01T00:00:01.5Z","level":"WARN","message":"hm","peer":"evil/x"}"#;
        let record = Record::of_node("bank-a/peer0", "07", 3, line);
        assert_eq!((record.time_us, record.level), (1_500_000, Level::Warn));
        assert_eq!((record.source.as_str(), record.seq), ("bank-a/peer0", Some(3)));
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }

    #[test]
    fn what_is_no_json_is_kept_and_no_line_moves_a_cursor() {
        let record = Record::of_node("bank-a/peer0", "07", 3, b"panicked \x1b[2J\x07 at\n");
        assert_eq!(record.message(), "panicked \u{1b}[2J\u{7} at");
        let shown = record.shown();
        assert!(shown.ends_with("panicked \\u{1b}[2J\\u{7} at"), "{shown}");
        let bidi = Record::of_event("t\n", 0, json!({"log": "a\u{202e}b", "k\r": 1}));
        assert!(!bidi.shown().chars().any(|c| c.is_control() || c == '\u{202e}'), "{bidi:?}");
    }
}
