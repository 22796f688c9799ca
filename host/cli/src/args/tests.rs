//! The definition of the command line is sound, and messages name commands that exist.

use super::Cli;
use clap::{CommandFactory, Parser};
use std::path::{Path, PathBuf};

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

/// What stands in backquotes behind `loopchain` in a text.
fn named(text: &str) -> Vec<String> {
    let parts = text.split("`loopchain ").skip(1);
    parts.filter_map(|part| part.split('`').next()).map(str::to_owned).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The first word of a command that does not exist.
fn unknown(named: &str) -> Option<&str> {
    let mut at = &Cli::command();
    for word in named.split_whitespace() {
        let is_word = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        // A worker is no command for people: clap does not know it.
        if !is_word || word == "score-worker" || word.starts_with('-') || !at.has_subcommands() {
            break;
        }
        // `score build|check` names several.
        match at.find_subcommand(word) {
            Some(found) => at = found,
            None => return Some(word),
        }
    }
    None
}

#[test]
fn every_command_that_a_message_names_exists() {
    let root = score_native_link::build::source_tree().unwrap();
    let mut files = Vec::new();
    for folder in ["host", "score-native", "plugin-api", "plugins"] {
        rust_files(&root.join(folder), &mut files);
    }
    let mut count = 0;
    for file in files {
        for named in named(&std::fs::read_to_string(&file).unwrap()) {
            assert_eq!(unknown(&named), None, "{}: `loopchain {named}`", file.display());
            count += 1;
        }
    }
    assert!(count > 20, "it looks for something: {count}");
    let helps = host_types::fault::Code::ALL.iter().flat_map(|code| named(code.help()));
    for named in helps {
        assert_eq!(unknown(&named), None, "`loopchain {named}`");
    }
}

#[test]
fn times_are_written_with_a_unit() {
    let parsed = Cli::try_parse_from(["loopchain", "ps", "--timeout", "2s"]).unwrap();
    assert_eq!(parsed.global.timeout.as_secs(), 2);
    assert!(Cli::try_parse_from(["loopchain", "ps", "--timeout", "2"]).is_err());
}

#[test]
fn a_channel_that_was_typed_is_told_from_one_of_the_environment() {
    for line in [
        &["loopchain", "-c", "a", "ca", "sign", "x"][..],
        &["loopchain", "ca", "sign", "x", "--channel", "a"],
    ] {
        let global = Cli::read(line).unwrap().global;
        assert_eq!((global.channel.as_deref(), global.is_channel_typed), (Some("a"), true));
    }
    assert!(!Cli::read(["loopchain", "ca", "sign", "x"]).unwrap().global.is_channel_typed);
}

#[test]
fn more_than_eighteen_peers_are_refused() {
    assert!(Cli::try_parse_from(["loopchain", "up", "--peers", "18"]).is_ok());
    assert!(Cli::try_parse_from(["loopchain", "up", "--peers", "19"]).is_err());
    assert!(Cli::try_parse_from(["loopchain", "up", "--once", "-d"]).is_err());
}
