//! `key=value` arguments of a call, typed by the SCORE's manifest.
//!
//! In: what people write. Out: JSON by name, canonical bytes. `name=text` takes any type that can
//! be written as text, `name:=JSON` exactly that, `name=@FILE` the text of a file.

use crate::client::Client;
use crate::failure::Failure;
use crate::identity::AddressBook;
use host_types::fault::Code;
use host_types::manifest::Manifest;
use host_web::arguments::CallKind;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

/// Reads `key=value` arguments or `--params`.
///
/// # Errors
/// `LC1001` when one is of another form.
pub(crate) fn given(arguments: &[String], params: Option<&str>) -> Result<Value, Failure> {
    if let Some(params) = params {
        return json_object(params);
    }
    let mut object = Map::new();
    for argument in arguments {
        let (name, value) = one(argument)?;
        if object.insert(name.clone(), value).is_some() {
            let message = format!("`{name}` is given twice");
            return Err(Failure::new(Code::UsageWrong, message));
        }
    }
    Ok(Value::Object(object))
}

fn one(argument: &str) -> Result<(String, Value), Failure> {
    let Some((name, value)) = argument.split_once('=') else {
        let message = format!("`{argument}` is no argument of a call");
        return Err(Failure::new(Code::UsageWrong, message)
            .with_help("write name=value, name:=JSON or name=@FILE"));
    };
    if let Some(name) = name.strip_suffix(':') {
        let value = serde_json::from_str(value).map_err(|error| {
            Failure::new(Code::UsageWrong, format!("`{name}` is not JSON: {error}"))
        })?;
        return Ok((name.to_owned(), value));
    }
    let text = match value.strip_prefix('@') {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| Failure::file(Path::new(file), &error))?
        }
        None => value.to_owned(),
    };
    Ok((name.to_owned(), Value::String(text)))
}

fn json_object(params: &str) -> Result<Value, Failure> {
    let mut text = params.to_owned();
    if params == "-" {
        text.clear();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Failure::new(Code::UsageWrong, format!("stdin: {error}")))?;
    }
    match serde_json::from_str(&text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Failure::new(Code::UsageWrong, "`--params` is no JSON object")),
        Err(error) => {
            Err(Failure::new(Code::UsageWrong, format!("`--params` is not JSON: {error}")))
        }
    }
}

/// Canonical arguments of a method. Names that the key folder does not have the peer is asked for.
pub(crate) async fn encode(
    client: &Client,
    book: &AddressBook,
    manifest: &Manifest,
    called: (CallKind, &str),
    given: &Value,
) -> Result<Vec<u8>, Failure> {
    Ok(client.encode(manifest, called, given, |name| book.address(name)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(arguments: &[&str]) -> Result<Value, Failure> {
        given(&arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>(), None)
    }

    #[test]
    fn values_are_text_unless_marked_as_json() {
        let value = read(&["to=bob", "amount=100", "tags:=[1, \"a\"]", "note=a=b"]).unwrap();
        assert_eq!(value, json!({"to": "bob", "amount": "100", "tags": [1, "a"], "note": "a=b"}));
    }

    #[test]
    fn other_forms_are_refused_as_usage() {
        for wrong in [vec!["bob"], vec!["a:=nope"], vec!["a=1", "a=2"]] {
            assert_eq!(read(&wrong).unwrap_err().exit(), 2, "{wrong:?}");
        }
        assert!(given(&[], Some("[1]")).is_err());
        assert_eq!(given(&[], Some("{\"a\": 1}")).unwrap(), json!({"a": 1}));
    }

    #[test]
    fn a_file_is_read_for_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("note.txt");
        std::fs::write(&file, "hello").unwrap();
        let argument = format!("note=@{}", file.display());
        assert_eq!(read(&[&argument]).unwrap(), json!({"note": "hello"}));
        assert!(read(&["note=@/does/not/exist"]).is_err());
    }
}
