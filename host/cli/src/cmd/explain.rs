//! `explain LCnnnn`: what an error means and what to do; all of them without a topic; `exit-codes`;
//! a setting of a file.
//!
//! In: a topic. Out: lines or one document. Deliberately not here: what the errors are, which is
//! the registry's (`host/types/src/fault.rs`).

mod setting;

use super::Done;
use crate::failure::Failure;
use crate::output::Out;
use host_types::exit_code::EXIT_CODES;
use host_types::fault::Code;
use host_types::fault_page::RANGES;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn explain(topic: Option<&str>, out: Out) -> Done {
    match topic {
        None => codes(out),
        Some("exit-codes") => exit_codes(out),
        Some(topic) => match number(topic) {
            Some(number) => code(number, topic, out)?,
            None => setting::explain(topic, out)?,
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// `LC1104`, `lc1104` or `1104`.
fn number(topic: &str) -> Option<u16> {
    let digits = topic.trim_start_matches(['L', 'l']).trim_start_matches(['C', 'c']);
    digits.parse().ok()
}

fn document(code: Code) -> Value {
    json!({
        "code": code.to_string(),
        "title": code.title(),
        "help": code.help(),
        "exit_code": code.exit(),
        "http_status": code.http(),
        "retryable": code.is_retryable(),
    })
}

fn codes(out: Out) {
    let list: Vec<_> = Code::ALL.iter().map(|code| document(*code)).collect();
    let mut lines = Vec::new();
    for (thousand, about) in RANGES {
        lines.push((*about).to_owned());
        let mut codes: Vec<_> =
            Code::ALL.iter().filter(|code| code.number() / 1000 == *thousand).collect();
        codes.sort_unstable_by_key(|code| code.number());
        lines.extend(codes.iter().map(|code| format!("  {code}  {}", code.title())));
    }
    out.either(&json!({"schema": "loopchain.explain-codes.v1", "codes": list}), lines);
}

fn exit_codes(out: Out) {
    let list: Vec<_> = EXIT_CODES
        .iter()
        .map(|exit| json!({"code": exit.code, "meaning": exit.meaning, "script": exit.script}))
        .collect();
    let lines = EXIT_CODES
        .iter()
        .map(|exit| format!("{:>4}  {}: {}", exit.code, exit.meaning, exit.script));
    out.either(&json!({"schema": "loopchain.exit-codes.v1", "codes": list}), lines);
}

fn code(number: u16, topic: &str, out: Out) -> Result<(), Failure> {
    let code = Code::from_number(number).ok_or_else(|| {
        Failure::new(Code::NotFound, format!("there is no error code `{topic}`"))
            .with_help("codes look like LC1104; `loopchain explain` lists all of them")
    })?;
    let mut document = document(code);
    document["schema"] = "loopchain.explain.v1".into();
    let retry = if code.is_retryable() { "may succeed later" } else { "will not succeed as it is" };
    let lines = [
        format!("{code}  {}", code.title()),
        format!("  what to do   {}", code.help()),
        format!("  exit code    {}", code.exit()),
        format!("  HTTP status  {}", code.http()),
        format!("  a retry      {retry}"),
    ];
    out.either(&document, lines);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_not_found() {
        assert_eq!(explain(Some("LC0001"), Out::machine()).unwrap_err().exit(), 3);
        assert_eq!(explain(Some("nonsense"), Out::machine()).unwrap_err().exit(), 3);
    }

    #[test]
    fn a_code_is_known_with_and_without_its_letters() {
        for topic in [Some("LC1104"), Some("lc1104"), Some("1104"), Some("exit-codes"), None] {
            assert!(explain(topic, Out::machine()).is_ok(), "{topic:?}");
        }
    }
}
