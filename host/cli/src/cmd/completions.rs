//! `completions`: the script that completes commands in a shell.
//!
//! In: the shell. Out: the script on stdout, with `--json` as a text of one document. Deliberately not here:
//! what there is to complete (`definition.rs`).

use super::{Context, Done};
use crate::definition::complete;
use serde_json::json;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn completions(shell: clap_complete::Shell, context: &Context) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut complete(), "loopchain", &mut script);
    let script = String::from_utf8_lossy(&script);
    if context.out.is_json() {
        let shell = shell.to_string();
        let document =
            json!({"schema": "loopchain.completions.v1", "shell": shell, "script": script});
        context.out.json(&document);
    } else {
        context.out.raw(&script);
    }
    Ok(ExitCode::SUCCESS)
}
