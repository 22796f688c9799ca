//! The page about errors, docs/spec/errors.md: the registry for readers.
//!
//! In: [`Code`] and [`EXIT_CODES`]. Out: Markdown; `tests/golden` compares it with the page.
//! Deliberately not here: anything about an error that the registry does not hold.

use crate::exit_code::EXIT_CODES;
use crate::fault::Code;
use std::fmt::Write as _;

/// Thousands of the numbers, and what they are about.
pub const RANGES: &[(u16, &str)] = &[
    (1, "The command line, configuration, the local network"),
    (2, "Transactions and SCOREs"),
    (3, "Network, consensus, proofs"),
    (4, "Identity and permission"),
    (5, "Storage"),
    (6, "Plugins and the sandbox"),
    (7, "The REST interface"),
    (9, "Faults of the program"),
];

const HEAD: &str = "\
# Errors

Written from the registry (`host/types/src/fault.rs`), and compared with it by a test; after a change
`GOLDEN_WRITE=1 cargo test -p tests --test golden page` writes it anew.

Every error has a number, one cause and one next step, and is the same in answers of the REST interface
(`code`, `help`, `retryable` of a problem), on the command line and in logs. `loopchain explain LC1104`
prints one, `loopchain explain` all of them. With `--json` a command writes its error as one document to
stderr:

```json
{\"error\":{\"code\":\"LC3101\",\"message\":\"...\",\"help\":[\"...\"],\"retryable\":true,\"request_id\":null}}
```

For each there is a test that provokes it (`tests/tidy/provoked.txt`, checked by `cargo test -p
tests-tidy`). A number is never given to another error, also when its own is gone.

";

/// The whole page.
#[must_use]
pub fn errors_page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("## Exit codes\n\n| code | meaning | a script should |\n|--:|---|---|\n");
    for exit in EXIT_CODES {
        let (code, meaning, script) = (exit.code, exit.meaning, exit.script);
        writeln!(page, "| {code} | {meaning} | {script} |").ok();
    }
    page.push_str(
        "\nA command may tell more than its error's own code: `tx send` exits with 4 when a final \
         transaction did nothing,\nand a command that checks something with 7 when it found \
         anything.\n",
    );
    for (thousand, about) in RANGES {
        write!(page, "\n## LC{thousand}: {about}\n\n").ok();
        page.push_str(
            "| code | cause | what to do | HTTP | exit | retry |\n|---|---|---|--:|--:|---|\n",
        );
        let mut codes: Vec<_> =
            Code::ALL.iter().filter(|code| code.number() / 1000 == *thousand).collect();
        codes.sort_unstable_by_key(|code| code.number());
        for code in codes {
            let retry = if code.is_retryable() { "yes" } else { "no" };
            let (cause, help) = (code.title(), code.help());
            let (http, exit) = (code.http(), code.exit());
            writeln!(page, "| {code} | {cause} | {help} | {http} | {exit} | {retry} |").ok();
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_a_range_and_has_a_line() {
        let page = errors_page();
        for code in Code::ALL {
            assert_eq!(page.matches(&format!("\n| {code} | ")).count(), 1, "{code}");
            assert!(EXIT_CODES.iter().any(|exit| exit.code == code.exit()), "{code}");
            assert!(!code.title().contains('|') && !code.help().contains('|'), "{code}");
        }
    }
}
