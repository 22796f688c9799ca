//! The committed keys of every JSON document that a command prints: `schemas.txt` beside this file.
//!
//! In: a command and a document of it. Out: a failure with what differs; `LOOPCHAIN_BLESS=1` writes the
//! lines of the documents that were seen anew. A line is `COMMAND = NAME: KEYS`; a key with `?` is not in
//! every such document. Of an event, whose form depends on its type, the name is followed by that type and
//! the keys of `data` are listed too. Keys may be added; one that goes, or a name that changes, is another
//! version of that document (ADR 0029). Not here: values, and which commands are run (`schemas.rs`).

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// After a change that was decided.
const BLESS: &str = "LOOPCHAIN_BLESS";

/// Keys, and whether every document of that name has them.
type Keys = BTreeMap<String, bool>;
/// By command and name of the document.
type Listed = BTreeMap<(String, String), Keys>;

/// What this process has seen so far, when it writes the list.
static SEEN: Mutex<Listed> = Mutex::new(Listed::new());

fn path() -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/schemas.txt")
}

/// The committed list.
pub(crate) fn listed() -> Listed {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let lines = text.lines().map(|line| {
        let parts = line.split_once(" = ").and_then(|(command, rest)| {
            let (name, keys) = rest.split_once(": ")?;
            Some((command.to_owned(), name.to_owned(), keys))
        });
        let (command, name, keys) = parts.unwrap_or_else(|| panic!("COMMAND = NAME: KEYS: {line}"));
        let key = |key: &str| match key.strip_suffix('?') {
            Some(sometimes) => (sometimes.to_owned(), false),
            None => (key.to_owned(), true),
        };
        ((command, name), keys.split(' ').map(key).collect())
    });
    lines.collect()
}

fn written(listed: &Listed) -> String {
    let line = |((command, name), keys): (&(String, String), &Keys)| {
        let keys =
            keys.iter().map(|(key, always)| format!("{key}{}", if *always { "" } else { "?" }));
        format!("{command} = {name}: {}\n", keys.collect::<Vec<_>>().join(" "))
    };
    listed.iter().map(line).collect()
}

/// Name and keys of a document.
fn described(command: &str, document: &Value) -> (String, Vec<String>) {
    let fields = document.as_object().unwrap_or_else(|| panic!("{command}: {document}"));
    let schema = fields.get("schema").and_then(Value::as_str).unwrap_or_default();
    let is_named = schema.strip_prefix("loopchain.").is_some_and(|rest| rest.ends_with(".v1"));
    assert!(is_named, "{command}: schema {schema:?}");
    let mut name = schema.to_owned();
    let mut keys: Vec<_> = fields.keys().filter(|key| *key != "schema").cloned().collect();
    if let (Some(kind), Some(Value::Object(data))) =
        (fields.get("type").and_then(Value::as_str), fields.get("data"))
    {
        name = format!("{schema} {kind}");
        keys.extend(data.keys().map(|key| format!("data.{key}")));
    }
    (name, keys)
}

/// Checks a document against its line.
pub(crate) fn hold(command: &str, document: &Value) {
    let (name, keys) = described(command, document);
    let place = (command.to_owned(), name);
    if std::env::var_os(BLESS).is_some() {
        return bless(place, &keys);
    }
    let listed = listed();
    let Some(known) = listed.get(&place) else {
        panic!(
            "`{command}` prints {}, which schemas.txt does not list: {BLESS}=1 adds it",
            place.1
        );
    };
    let added: Vec<_> = keys.iter().filter(|key| !known.contains_key(*key)).collect();
    assert!(
        added.is_empty(),
        "`{command}`: keys that schemas.txt lacks: {added:?}; {BLESS}=1 adds them"
    );
    let gone: Vec<_> =
        known.iter().filter(|(key, always)| **always && !keys.contains(key)).collect();
    assert!(gone.is_empty(), "`{command}`: {gone:?} are not in {document}");
}

/// The line of what this process has seen under that name.
fn bless(place: (String, String), keys: &[String]) {
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = !seen.contains_key(&place);
    let known = seen.entry(place).or_default();
    for (key, always) in known.iter_mut() {
        *always &= keys.contains(key);
    }
    for key in keys {
        known.entry(key.clone()).or_insert(is_first);
    }
    let mut all = listed();
    all.extend(seen.clone());
    std::fs::write(path(), written(&all)).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_listed_under_its_type_with_the_keys_of_its_data() {
        let event = json!({"schema": "loopchain.event.v1", "id": "1.0.0", "type": "block", "data": {"height": 1}});
        let (name, mut keys) = described("event watch", &event);
        keys.sort();
        assert_eq!(name, "loopchain.event.v1 block");
        assert_eq!(keys, ["data", "data.height", "id", "type"]);
    }

    #[test]
    fn the_list_is_written_as_it_is_read() {
        let listed = listed();
        assert_eq!(written(&listed), std::fs::read_to_string(path()).unwrap());
        assert!(listed.values().flatten().any(|(_, always)| *always));
    }
}
