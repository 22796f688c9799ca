//! Exit codes of the command line: what a script does with each.
//!
//! In: nothing. Out: one table, which `loopchain explain exit-codes`, the page of errors and the
//! tests read. Deliberately not here: which error has which ([`crate::Code`]).

/// One exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode {
    /// What the process returns.
    pub code: u8,
    /// What it means.
    pub meaning: &'static str,
    /// What a script should do.
    pub script: &'static str,
}

const fn exit(code: u8, meaning: &'static str, script: &'static str) -> ExitCode {
    ExitCode { code, meaning, script }
}

/// All of them.
pub const EXIT_CODES: &[ExitCode] = &[
    exit(0, "done; for `tx send`: final, and the SCORE returned ok", "go on"),
    exit(1, "unexpected failure", "stop"),
    exit(2, "wrong usage or configuration", "correct the input"),
    exit(3, "not found", "correct the name"),
    exit(
        4,
        "refused: signature, permission, error of the SCORE, invalid",
        "do not send the same again",
    ),
    exit(5, "unavailable, or a timeout before acceptance", "try again"),
    exit(6, "accepted, not final within --timeout", "loopchain tx wait HASH"),
    exit(7, "a check found problems", "look at them"),
    exit(130, "interrupted (SIGINT)", "stop"),
    exit(143, "terminated (SIGTERM)", "stop"),
];
