//! `cargo sim`: whole nodes in the simulator, many seeds, agreement *and* progress.
//!
//! In: `--seed 0x…` (that one, twice, with its report and, when it fails, its faults shrunk),
//! `--seeds N`, `--minutes M`; nothing: the slice that every `cargo test` runs. `--rule-only` is the
//! rule alone with model hosts, which is ten times faster. Out: totals, and for every bad seed the line
//! that repeats it. One seed is one run for ever.
//!
//! Deliberately not here: the simulators themselves (`src`, `plugin-api/harness`), real processes.

mod nodes;
mod request;
mod rule_only;

use request::{Family, Request, Task};
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let request = match Request::parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(message) => {
            say(&format!("{message}\n{}", request::USAGE));
            return ExitCode::from(2);
        }
    };
    let is_json = request.is_json;
    let is_good = match (request.task, request.family) {
        (Task::List, _) => {
            say("sim: test");
            true
        }
        (Task::Nothing, _) => true,
        (Task::Slice, Family::Rule) => rule_only::slice(),
        (Task::Slice, Family::Nodes) => {
            let rule = rule_only::slice();
            nodes::slice(is_json) && rule
        }
        (Task::One(seed, _), Family::Rule) => rule_only::one(seed),
        (Task::One(seed, is_loud), Family::Nodes) => nodes::one(seed, is_loud),
        (Task::Many(campaign), Family::Rule) => rule_only::many(&campaign),
        (Task::Many(campaign), Family::Nodes) => nodes::many(&campaign, is_json),
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(line: &str) {
    // Nobody is left to tell when standard output is gone.
    writeln!(std::io::stdout(), "{line}").ok();
}
