//! The `loopchain` command: parse, call, print.
//!
//! In: arguments, environment, configuration files. Out: data on stdout, notes and errors on
//! stderr, a documented exit code. Logic lives below (`host/node`, `score-native/link`); here is
//! what people see, and the supervision of a local network (`loopchain up`).
//!
//! Deliberately not here: anything that decides about blocks. Only `output.rs` prints.
//!
//! Where to look next: [`args`], `cmd/`.

mod alias;
pub mod args;
pub mod args_api;
pub mod args_life;
pub mod args_logs;
pub mod args_network;
pub mod args_operate;
pub mod args_pki;
pub mod args_tx;
mod ca_folder;
mod client;
mod cmd;
mod definition;
mod examples;
mod failure;
#[cfg(test)]
mod help_tests;
mod identity;
mod key_folder;
mod network;
mod network_facts;
mod output;
mod password;
mod profile;
mod progress;
mod sign;
mod time;

pub use failure::Failure;

use args::{Cli, Command, PeerCommand};
use args_network::RadioStationCommand;
use output::Out;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command of this process.
#[must_use]
pub fn main() -> ExitCode {
    let mut raw = std::env::args_os().skip(1);
    // A SCORE's worker must not carry threads, sockets or settings of the command.
    if raw.next().is_some_and(|first| first == "score-worker") {
        return score_native_runner::score_worker_main(raw);
    }
    run(std::env::args_os())
}

fn run(raw: impl Iterator<Item = OsString>) -> ExitCode {
    let raw: Vec<_> = raw.collect();
    let cli = match Cli::read(&raw) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, raw.iter().any(|arg| arg == "--json")),
    };
    let out = Out::new(&cli.global);
    let done = match cli.command {
        Command::Peer(PeerCommand::Run(run)) => cmd::peer::peer(&run, &cli.global),
        Command::Radiostation(RadioStationCommand::Run(run)) => {
            cmd::peer::radiostation(&run, &cli.global)
        }
        command => cmd::run(command, cli.global, out),
    };
    match done.and_then(|code| out.lost().map_or(Ok(code), Err)) {
        Ok(code) => code,
        Err(failure) => {
            out.fail(&failure);
            ExitCode::from(failure.exit())
        }
    }
}

/// clap's own text for people, ours for programs.
fn usage(error: &clap::Error, is_json: bool) -> ExitCode {
    if !error.use_stderr() || !is_json {
        // Help and version go to stdout, errors to stderr; a closed pipe is nobody's error.
        error.print().ok();
    } else {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        let message = line.strip_prefix("error: ").unwrap_or(line);
        let failure = Failure::new(host_types::Code::UsageWrong, message);
        let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
        Out::machine().fail(&tips.fold(failure, Failure::with_help));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
