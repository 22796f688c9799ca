//! Words that users of T-Bears and goloop type, as commands of this program.
//!
//! In: a command line. Out: the same with the first such word replaced. Deliberately not here:
//! formats of those tools; what stands behind the word is read as our command reads it.

use std::ffi::OsString;

/// Word and what it means.
pub(crate) const ALIASES: &[(&str, &[&str])] = &[
    ("lastblock", &["block", "get", "latest"]),
    ("blockbyheight", &["block", "get"]),
    ("txbyhash", &["tx", "get"]),
    ("txresult", &["tx", "get"]),
    ("sendtx", &["tx", "send"]),
    ("call", &["query"]),
    ("keystore", &["keys", "list"]),
];

/// Global flags whose value is the next word.
const WITH_VALUE: &[&str] = &[
    "--profile",
    "--endpoint",
    "--channel",
    "-c",
    "--identity",
    "--config",
    "--set",
    "--data",
    "--color",
    "--timeout",
];

/// Replaces an alias in the place of the noun.
pub(crate) fn resolved(words: Vec<OsString>) -> Vec<OsString> {
    let Some(at) = place_of_noun(&words) else { return words };
    let meaning = words
        .get(at)
        .and_then(|word| ALIASES.iter().find(|(alias, _)| word.to_str() == Some(*alias)));
    let Some((_, meaning)) = meaning else { return words };
    let mut resolved: Vec<_> = words.iter().take(at).cloned().collect();
    resolved.extend(meaning.iter().map(OsString::from));
    resolved.extend(words.into_iter().skip(at + 1));
    resolved
}

/// The first word that is neither the program, nor a flag, nor the value of one.
fn place_of_noun(words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = words.get(at)?.to_str()?;
        if !word.starts_with('-') {
            return Some(at);
        }
        at += if WITH_VALUE.contains(&word) { 2 } else { 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    fn told(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let resolved: Vec<_> =
            resolved(words).into_iter().map(|word| word.into_string().unwrap()).collect();
        resolved.join(" ")
    }

    #[test]
    fn a_word_of_the_old_tools_becomes_a_command_also_behind_flags() {
        assert_eq!(told("loopchain lastblock"), "loopchain block get latest");
        assert_eq!(told("loopchain --json txresult ab"), "loopchain --json tx get ab");
        assert_eq!(told("loopchain -c call call a.b"), "loopchain -c call query a.b");
        assert_eq!(told("loopchain --timeout 3s keystore"), "loopchain --timeout 3s keys list");
        assert_eq!(told("loopchain tx send call x"), "loopchain tx send call x");
        assert_eq!(told("loopchain"), "loopchain");
    }

    #[test]
    fn every_alias_means_a_command_and_hides_none() {
        let rest: &[(&str, &str)] = &[
            ("blockbyheight", "5"),
            ("txbyhash", "ab"),
            ("txresult", "ab"),
            ("sendtx", "token m"),
            ("call", "token.m"),
        ];
        for (alias, _) in ALIASES {
            let more = rest.iter().find(|(name, _)| name == alias).map_or("", |(_, more)| more);
            let line = told(format!("loopchain {alias} {more}").trim_end());
            assert!(crate::args::Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
            assert!(crate::args::Cli::command().find_subcommand(alias).is_none(), "{alias}");
        }
    }

    #[test]
    fn flags_with_a_value_are_those_of_the_definition() {
        for argument in crate::args::Cli::command().get_arguments() {
            let takes = argument.get_action().takes_values();
            if let Some(long) = argument.get_long() {
                assert_eq!(WITH_VALUE.contains(&format!("--{long}").as_str()), takes, "{long}");
            }
            if let Some(short) = argument.get_short() {
                assert_eq!(WITH_VALUE.contains(&format!("-{short}").as_str()), takes, "{short}");
            }
        }
    }
}
