//! The longer command: `cargo run --release -p tests-model -- prove core --views 3`, or without the first
//! two words for states of all nodes at once.
//!
//! In: bounds. Out: one line with what was seen, and what was found. See `README.md`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;
use tests_model::{
    Bounds, Shape, check,
    proof::{Claim, prove},
    walk,
};

const USAGE: &str = "model prove SHAPE [--views N] [--alone-views N] [--restarts N] [--odd] [--late] [--seals-at H] [--full] [--liar I]
model [--views N] [--byzantine I] [--optimistic] [--power-losses N] [--odd I] [--seals-at H] [--crashes N] \
                     [--log-losses N] [--starts-at V] [--repairs] \
                     [--fast | --quorum | --delegate] \
                     [--depth N] [--states N] [--walks N] [--seed N]";

fn main() -> ExitCode {
    let mut bounds = Bounds { forges: true, ..Bounds::default() };
    let mut how = How { states: 100_000_000, walks: 0, seed: 1 };
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|first| first == "prove").is_some() {
        return prove_claim(args).unwrap_or_else(usage);
    }
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--optimistic" => bounds.optimistic = true,
            "--repairs" => bounds.repairs = true,
            "--fast" => bounds.shape = Shape::Fast,
            "--quorum" => bounds.shape = Shape::Quorum,
            "--delegate" => bounds.shape = Shape::Delegate,
            _ if with_number(&arg, args.next(), &mut bounds, &mut how) => {}
            _ => return usage(),
        }
    }
    let start = Instant::now();
    let checked =
        if how.walks > 0 { walk(&bounds, how.seed, how.walks) } else { check(&bounds, how.states) };
    for line in &checked.found {
        say(line);
    }
    let end = match (how.walks > 0, checked.is_exhausted) {
        (true, _) => "walked",
        (false, true) => "exhausted",
        (false, false) => "to bound",
    };
    say(&format!(
        "{end}: {} states, depth {}, {:.1} s; {bounds:?}",
        checked.states,
        checked.depth,
        start.elapsed().as_secs_f64()
    ));
    if checked.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Both halves of a proof.
fn prove_claim(mut args: impl Iterator<Item = String>) -> Option<ExitCode> {
    let name = args.next()?;
    let (_, shape) = Shape::NAMED.into_iter().find(|(known, _)| *known == name)?;
    let mut claim = Claim::of(shape, 1);
    let mut liars = Vec::new();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--odd" => claim.alone.is_odd = true,
            "--late" => claim.alone.is_late = true,
            "--full" => claim.alone.is_lazy = false,
            name => {
                let number = args.next()?.parse::<u8>().ok()?;
                match name {
                    "--views" => {
                        (claim.views, claim.alone.views) = (usize::from(number), u64::from(number));
                    }
                    "--alone-views" => claim.alone.views = u64::from(number),
                    "--restarts" => claim.alone.restarts = number,
                    "--seals-at" => claim.alone.seals_at = Some(u64::from(number)),
                    "--liar" => liars.push(u16::from(number)),
                    _ => return None,
                }
            }
        }
    }
    if !liars.is_empty() {
        claim.liars = liars;
    }
    let proof = prove(&claim).ok()?;
    proof.deeds.iter().for_each(|deed| say(&deed.to_string()));
    proof.found.iter().for_each(|line| say(line));
    say(&format!(
        "{name}: one node {} states, {} steps, {:.1} s; together {} views, {} states, depth {}, {:.1} s; {}",
        proof.alone,
        proof.steps,
        proof.alone_time.as_secs_f64(),
        claim.views,
        proof.together.states,
        proof.together.depth,
        proof.together_time.as_secs_f64(),
        if proof.found.is_empty() { "exhausted, holds" } else { "does not hold" }
    ));
    Some(if proof.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How it is run.
struct How {
    states: usize,
    walks: u64,
    seed: u64,
}

/// An option with a number; false when it is none.
fn with_number(name: &str, value: Option<String>, bounds: &mut Bounds, how: &mut How) -> bool {
    let Some(number) = value.and_then(|text| text.parse::<u32>().ok()) else { return false };
    let index = u16::try_from(number).ok().filter(|index| *index < bounds.shape.validators());
    let few = u8::try_from(number).unwrap_or(u8::MAX);
    let size = usize::try_from(number).unwrap_or(usize::MAX);
    match name {
        "--views" => bounds.views = u64::from(number),
        "--byzantine" => bounds.byzantine = index.unwrap_or(0),
        "--power-losses" => bounds.power_losses = few,
        "--crashes" => bounds.crashes = few,
        "--log-losses" => bounds.log_losses = few,
        "--starts-at" => bounds.starts_at = u64::from(number),
        "--seals-at" => bounds.seals_at = Some(u64::from(number)),
        "--odd" => bounds.odd_one = index,
        "--depth" => bounds.depth = Some(size),
        "--states" => how.states = size,
        "--walks" => how.walks = u64::from(number),
        "--seed" => how.seed = u64::from(number),
        _ => return false,
    }
    true
}

fn usage() -> ExitCode {
    say(USAGE);
    ExitCode::from(2)
}

fn say(line: &str) {
    // Nobody is left to tell when standard output is gone.
    writeln!(std::io::stdout(), "{line}").ok();
}
