//! The typed pass over one TOML text: its errors know the line.
//!
//! In: a file's text and the type it should have. Out: the value, or the error drawn at its place.
//! serde's own words for an unknown key are taken apart here and nowhere else.

use super::render::{ConfigError, Place, nearest};
use host_types::fault::Code;
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Reads a text as `T`.
pub(super) fn typed<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ConfigError> {
    if let Err(error) = DeTable::parse(text) {
        let message = format!("{} is not valid TOML", file.display());
        let place = error.span().map(|span| Place::of(file, text, span, error.message()));
        return Err(ConfigError::new(Code::ConfigSyntax, message).at(place));
    }
    toml::from_str(text).map_err(|error| explained(file, text, &error))
}

fn explained(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let span = error.span().unwrap_or(0..0);
    if let Some((key, known)) = unknown_field(error.message()) {
        let span = key_span(text, &key, &span).unwrap_or(span);
        return unknown_key(file, text, &key, span, &known);
    }
    let place = Place::of(file, text, span, first_line(error.message()));
    let message = format!("a value in {} is not of the right kind", file.display());
    ConfigError::new(Code::ConfigBadValue, message).at(Some(place))
}

/// The error for a key that does not exist.
pub(super) fn unknown_key(
    file: &Path,
    text: &str,
    key: &str,
    span: Range<usize>,
    known: &[String],
) -> ConfigError {
    let section = section_at(text, &span);
    let note = if section.is_empty() {
        "not a setting of this file".to_owned()
    } else {
        format!("not a setting of [{section}]")
    };
    let error = ConfigError::new(Code::ConfigUnknownKey, format!("unknown key `{key}`"))
        .at(Some(Place::of(file, text, span, note)));
    match nearest(key, known.iter().map(String::as_str)) {
        Some(meant) => error.with_help(format!("did you mean `{meant}`?")),
        None => error.with_help(format!("the settings here are: {}", known.join(", "))),
    }
}

/// `unknown field `x`, expected one of `a`, `b`` as key and known names.
fn unknown_field(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((key.to_owned(), known))
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// Where the key itself stands: serde's span may be the whole table's.
fn key_span(text: &str, key: &str, near: &Range<usize>) -> Option<Range<usize>> {
    let mut found = Vec::new();
    let table = DeTable::parse(text).ok()?;
    each_key(table.get_ref(), &mut Vec::new(), &mut |path, span| {
        if path.last().is_some_and(|last| last == key) {
            found.push(span);
        }
    });
    found.into_iter().min_by_key(|span| span.start.abs_diff(near.start))
}

/// Dotted path of the table that the key at a span stands in.
fn section_at(text: &str, span: &Range<usize>) -> String {
    let mut section = String::new();
    if let Ok(table) = DeTable::parse(text) {
        each_key(table.get_ref(), &mut Vec::new(), &mut |path, at| {
            if at == *span {
                section = path.get(..path.len() - 1).unwrap_or_default().join(".");
            }
        });
    }
    section
}

type Visit<'a> = dyn FnMut(&[String], Range<usize>) + 'a;

fn each_key(table: &DeTable<'_>, path: &mut Vec<String>, visit: &mut Visit<'_>) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        visit(path, key.span());
        if let DeValue::Table(inner) = value.get_ref() {
            each_key(inner, path, visit);
        }
        path.pop();
    }
}

/// Where a value stands (its key when it is a table), for errors found after reading.
pub(super) fn span_of(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let (key, value, is_table) = spans(text, path)?;
    Some(if is_table { key } else { value })
}

/// Where a key stands.
pub(super) fn key_span_of(text: &str, path: &[&str]) -> Option<Range<usize>> {
    spans(text, path).map(|(key, _, _)| key)
}

/// Key, value, and whether the value is a table.
fn spans(text: &str, path: &[&str]) -> Option<(Range<usize>, Range<usize>, bool)> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let (last, parents) = path.split_last()?;
    for name in parents {
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
        let DeValue::Table(inner) = value.get_ref() else { return None };
        table = inner;
    }
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == last)?;
    Some((key.span(), value.span(), matches!(value.get_ref(), DeValue::Table(_))))
}
