//! Help of all commands: a snapshot, and what each must have.

use crate::definition::complete;
use clap::{Command, Parser};

/// After a change of the command line: `LOOPCHAIN_BLESS=1 cargo test -p host-cli help`.
const BLESS: &str = "LOOPCHAIN_BLESS";
/// Characters of a first sentence, fewer than.
const SENTENCE_MAX: usize = 80;

/// Every command with its words, nouns before their verbs.
fn commands() -> Vec<(String, Command)> {
    fn walk(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        found.push((path.to_owned(), command.clone()));
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            walk(sub, format!("{path} {}", sub.get_name()).trim_start(), found);
        }
    }
    let mut root = complete();
    root.build();
    let mut found = Vec::new();
    walk(&root, "", &mut found);
    found
}

#[test]
fn the_help_of_all_commands_is_the_committed_one() {
    let mut text = String::from(
        "The short help of every command, as a test compares it; the global flags stand once.\n",
    );
    for (path, command) in commands() {
        let command = if path.is_empty() { command } else { own(command) };
        let help = command.term_width(100).render_help().to_string();
        let lines: Vec<_> = help.lines().map(str::trim_end).collect();
        let title = format!("loopchain {path}");
        text.push_str(&format!("\n## {}\n\n{}\n", title.trim_end(), lines.join("\n").trim_end()));
    }
    let root = score_native_link::build::source_tree().unwrap();
    let path = root.join("host/cli/src/help.txt");
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (now, before)) in text.lines().zip(committed.lines()).enumerate() {
        assert_eq!(now, before, "help.txt:{}: {BLESS}=1 writes it anew", line + 1);
    }
    assert_eq!(text.len(), committed.len(), "{BLESS}=1 writes help.txt anew");
}

/// A command without the global flags, which are the same everywhere.
fn own(command: Command) -> Command {
    let global: Vec<_> = complete().get_arguments().map(|arg| arg.get_id().clone()).collect();
    let ids: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
    ids.into_iter()
        .filter(|id| global.contains(id))
        .fold(command, |command, id| command.mut_arg(id.as_str(), |arg| arg.hide(true)))
}

#[test]
fn every_command_says_in_a_short_sentence_what_it_does_and_shows_an_example() {
    for (path, command) in commands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let sentence = about.split(['.', ';', ':']).next().unwrap_or_default();
        let count = sentence.chars().count();
        assert!((1..SENTENCE_MAX).contains(&count), "`{path}`: {count} characters: {sentence}");
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.contains("  loopchain "), "`{path}` has no line in examples.rs");
        if command.has_subcommands() {
            assert_eq!(
                after.lines().filter(|line| line.starts_with("  loop")).count(),
                2,
                "{path}"
            );
        }
    }
}

#[test]
fn no_command_is_deeper_than_noun_and_verb() {
    for (path, _) in commands() {
        assert!(path.split_whitespace().count() <= 2, "`{path}`");
    }
}

#[test]
fn every_example_is_a_command_line_that_is_read() {
    let paths: Vec<_> = commands().into_iter().map(|(path, _)| path).collect();
    for (path, examples) in crate::examples::EXAMPLES {
        assert!(paths.iter().any(|known| known == path), "there is no command `{path}`");
        for example in *examples {
            let line = example.split(['|', '>']).next().unwrap_or_default();
            let read = crate::args::Cli::try_parse_from(line.split_whitespace());
            assert!(read.is_ok(), "{example}: {}", read.unwrap_err());
        }
    }
}

#[test]
fn a_noun_without_a_verb_shows_its_help_with_the_likely_commands() {
    let refused = complete().try_get_matches_from(["loopchain", "tx"]).unwrap_err();
    let text = refused.to_string();
    assert_eq!(refused.exit_code(), 2);
    assert!(text.contains("Most often:\n  loopchain tx send "), "{text}");
}

#[test]
fn a_slip_of_the_pen_is_answered_with_what_was_meant() {
    for (line, meant) in [("loopchain statsu", "status"), ("loopchain tx sned", "send")] {
        let refused = complete().try_get_matches_from(line.split(' ')).unwrap_err();
        assert!(refused.to_string().contains(&format!("'{meant}'")), "{refused}");
    }
}

#[test]
fn every_shell_gets_a_script_with_the_nouns() {
    for shell in [
        clap_complete::Shell::Bash,
        clap_complete::Shell::Zsh,
        clap_complete::Shell::Fish,
        clap_complete::Shell::Elvish,
        clap_complete::Shell::PowerShell,
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut complete(), "loopchain", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("radiostation") && script.contains("rehearse"), "{shell}");
    }
}
