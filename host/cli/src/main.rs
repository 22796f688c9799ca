//! The `loopchain` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    host_cli::main()
}
