//! The longer command: `cargo run --release -p tests-model -- --views 2 --byzantine 1`.
//!
//! In: bounds. Out: one line with what was seen, and what was found. See `README.md`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;
use tests_model::{Bounds, check, walk};

const USAGE: &str = "model [--views N] [--byzantine I] [--optimistic] [--power-losses N] [--odd I] [--seals-at H] \
                     [--depth N] [--states N] [--walks N] [--seed N]";

fn main() -> ExitCode {
    let mut bounds = Bounds { forges: true, ..Bounds::default() };
    let (mut states, mut walks, mut seed) = (100_000_000, 0, 1);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--optimistic" {
            bounds.optimistic = true;
            continue;
        }
        let number = args.next().and_then(|text| text.parse::<u32>().ok());
        let Some(number) = number else { return usage() };
        match arg.as_str() {
            "--views" => bounds.views = u64::from(number),
            "--byzantine" if number < 4 => bounds.byzantine = u16::try_from(number).unwrap_or(0),
            "--power-losses" => bounds.power_losses = u8::try_from(number).unwrap_or(u8::MAX),
            "--seals-at" => bounds.seals_at = Some(u64::from(number)),
            "--odd" if number < 4 => bounds.odd_one = u16::try_from(number).ok(),
            "--depth" => bounds.depth = usize::try_from(number).ok(),
            "--states" => states = usize::try_from(number).unwrap_or(usize::MAX),
            "--walks" => walks = u64::from(number),
            "--seed" => seed = u64::from(number),
            _ => return usage(),
        }
    }
    let start = Instant::now();
    let checked = if walks > 0 { walk(&bounds, seed, walks) } else { check(&bounds, states) };
    for line in &checked.found {
        say(line);
    }
    let how = match (walks > 0, checked.is_exhausted) {
        (true, _) => "walked",
        (false, true) => "exhausted",
        (false, false) => "to bound",
    };
    say(&format!(
        "{how}: {} states, depth {}, {:.1} s; {bounds:?}",
        checked.states,
        checked.depth,
        start.elapsed().as_secs_f64()
    ));
    if checked.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    say(USAGE);
    ExitCode::from(2)
}

fn say(line: &str) {
    // Nobody is left to tell when standard output is gone.
    writeln!(std::io::stdout(), "{line}").ok();
}
