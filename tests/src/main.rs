//! The `loopchain` command, built for the tests of this workspace: cargo builds no other package's
//! program for a test.

use std::process::ExitCode;

fn main() -> ExitCode {
    host_cli::main()
}
