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
mod beside_members;
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
use host_types::Code;
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
        Err(error) => return usage(&error, &raw),
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

/// clap's own text with our code for people, ours for programs.
fn usage(error: &clap::Error, raw: &[OsString]) -> ExitCode {
    if raw.iter().any(|arg| arg == "--json") && error.use_stderr() {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        let message = line.strip_prefix("error: ").unwrap_or(line);
        let failure = Failure::new(Code::UsageWrong, message);
        let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
        Out::machine().fail(&tips.fold(failure, Failure::with_help));
    } else if is_help(error) {
        // Help and version go to stdout; a closed pipe is nobody's error.
        error.print().ok();
    } else {
        let text = error.render().ansi().to_string();
        Out::of_color(definition::color(raw)).raw_error(&coded(&text));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Help, also that of a noun without its verb, and the version.
fn is_help(error: &clap::Error) -> bool {
    !error.use_stderr()
        || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// `error: …` as every error begins here.
fn coded(text: &str) -> String {
    text.replacen("error:", &format!("error[{}]:", Code::UsageWrong), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_wrong_is_an_error_with_the_code_of_usage() {
        let told = |line: &str| Cli::read(line.split(' ')).unwrap_err();
        let refused = told("loopchain statsu");
        assert!(!is_help(&refused));
        let text = coded(&refused.to_string());
        assert!(text.starts_with("error[LC1001]: unrecognized subcommand 'statsu'"), "{text}");
        assert!(is_help(&told("loopchain tx")) && is_help(&told("loopchain --help")));
    }
}
