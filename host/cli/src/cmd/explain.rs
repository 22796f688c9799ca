//! `explain LCnnnn`: what an error means and what to do; `explain exit-codes`.

use super::Done;
use crate::failure::Failure;
use crate::output::Out;
use host_types::fault::Code;
use serde_json::json;
use std::process::ExitCode;

/// Exit codes and their meaning, as documented.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done; for `tx send`: final, and the SCORE returned ok"),
    (1, "unexpected failure"),
    (2, "wrong usage or configuration: fix the input"),
    (3, "not found"),
    (4, "refused (signature, permission, error of the SCORE, invalid): do not retry"),
    (5, "unavailable, or a timeout before acceptance: retry"),
    (6, "accepted, not final within --timeout: loopchain tx wait HASH"),
    (7, "a check found problems: look"),
    (130, "interrupted"),
];

/// Runs it.
pub(crate) fn explain(topic: &str, out: Out) -> Done {
    if topic == "exit-codes" {
        let list: Vec<_> = EXIT_CODES
            .iter()
            .map(|(code, meaning)| json!({"code": code, "meaning": meaning}))
            .collect();
        let lines = EXIT_CODES.iter().map(|(code, meaning)| format!("{code:>4}  {meaning}"));
        out.either(&json!({"schema": "loopchain.exit-codes.v1", "codes": list}), lines);
        return Ok(ExitCode::SUCCESS);
    }
    let digits = topic.trim_start_matches(['L', 'l']).trim_start_matches(['C', 'c']);
    let code = digits.parse().ok().and_then(Code::from_number).ok_or_else(|| {
        Failure::new(Code::NotFound, format!("there is no error code `{topic}`"))
            .with_help("codes look like LC1104; `loopchain explain exit-codes` lists exit codes")
    })?;
    let document = json!({
        "schema": "loopchain.explain.v1",
        "code": code.to_string(),
        "title": code.title(),
        "help": code.help(),
        "exit_code": code.exit(),
        "http_status": code.http(),
        "retryable": code.is_retryable(),
    });
    let retry = if code.is_retryable() { "may succeed later" } else { "will not succeed as it is" };
    let lines = [
        format!("{code}  {}", code.title()),
        format!("  what to do   {}", code.help()),
        format!("  exit code    {}", code.exit()),
        format!("  HTTP status  {}", code.http()),
        format!("  a retry      {retry}"),
    ];
    out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_of_an_error_is_documented() {
        for code in Code::ALL {
            assert!(EXIT_CODES.iter().any(|(exit, _)| *exit == code.exit()), "{code}");
        }
    }

    #[test]
    fn an_unknown_code_is_not_found() {
        assert_eq!(explain("LC0001", Out::machine()).unwrap_err().exit(), 3);
    }
}
