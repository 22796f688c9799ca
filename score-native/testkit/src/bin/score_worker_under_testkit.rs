//! The worker as a program of its own, for the tests of this package: `loopchain score-worker`
//! without loopchain.
//!
//! In: the arguments of `score-worker`. Out: its status.

use std::process::ExitCode;

fn main() -> ExitCode {
    score_native_runner::score_worker_main(std::env::args_os().skip(1))
}
