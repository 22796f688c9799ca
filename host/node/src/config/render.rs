//! What is wrong with a configuration, shown as a person needs it: the line, a caret, a hint.
//!
//! In: text of a file, a place in it. Out: a [`ConfigError`]. The value itself is never shown
//! outside the line of the file it stands in (it may be a secret from the environment), and not
//! there either when its key sounds like a secret. Control characters never reach a terminal.

use host_types::fault::{Code, Rejection};
use std::fmt;
use std::ops::Range;
use std::path::Path;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as people named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub width: usize,
    /// The whole line.
    pub text: String,
    /// What is wrong with what is underlined.
    pub note: String,
}

impl Place {
    /// The place of a byte range of a text.
    #[must_use]
    pub fn of(file: &Path, text: &str, span: Range<usize>, note: impl Into<String>) -> Self {
        let start = text.floor_char_boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = text.floor_char_boundary(span.end.min(line_end)).max(start);
        Self {
            file: file.display().to_string(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            text: without_secret(text[line_start..line_end].trim_end()),
            note: note.into(),
        }
    }
}

/// Words in a key whose value is not shown: no setting is a secret, but people try.
const SECRET_WORDS: [&str; 4] = ["passw", "secret", "token", "private"];

/// A line of a file without the value of what sounds like a secret.
fn without_secret(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let word = SECRET_WORDS.iter().filter_map(|word| lower.find(word)).min();
    let value = word.and_then(|at| lower.get(at..)?.find('=').map(|sign| at + sign + 1));
    match value.and_then(|at| line.get(..at)) {
        Some(shown) => format!("{shown} ..."),
        None => line.to_owned(),
    }
}

/// Text of a file as a terminal may see it.
fn visible(text: &str) -> String {
    let is_shown = |c: char| !c.is_control() || c == '\n' || c == '\t';
    text.chars().map(|c| if is_shown(c) { c } else { '\u{fffd}' }).collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let indent = " ".repeat(self.column - 1);
        let carets = "^".repeat(self.width);
        writeln!(f, "{gutter}--> {}:{}:{}", self.file, self.line, self.column)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {}", self.text)?;
        writeln!(f, "{gutter} | {indent}{carets} {}", self.note)?;
        write!(f, "{gutter} |")
    }
}

/// What is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Its number.
    pub code: Code,
    /// One line.
    pub message: String,
    /// Where, when it stands in a file.
    pub place: Option<Place>,
    /// What to do, when there is more to say than the code's own help.
    pub help: Option<String>,
}

impl ConfigError {
    /// An error without a place.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, help: None }
    }

    /// The same with its place.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.message))?;
        if let Some(place) = &self.place {
            write!(f, "\n{}", visible(&place.to_string()))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {}", visible(help))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Rejection {
    fn from(error: ConfigError) -> Self {
        Self::new(error.code, error.to_string())
    }
}

/// The word of `known` nearest to `word`, when it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance where swapping two neighbours counts one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Place, nearest};
    use std::path::Path;

    #[test]
    fn a_place_shows_line_caret_and_note() {
        let text = "a = 1\nénd = 22\n";
        let place = Place::of(Path::new("x.toml"), text, 13..15, "too much");
        assert_eq!(
            place.to_string(),
            " --> x.toml:2:7\n  |\n2 | énd = 22\n  |       ^^ too much\n  |"
        );
    }

    #[test]
    fn a_near_word_is_offered_and_a_far_one_is_not() {
        let known = ["rate_limit_per_second", "listen"];
        assert_eq!(nearest("rate_limit_per_secnd", known), Some("rate_limit_per_second"));
        assert_eq!(nearest("lisetn", known), Some("listen"));
        assert_eq!(nearest("colour", known), None);
    }
}
