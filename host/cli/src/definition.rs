//! The command line as it is shown: clap's definition with examples, the likely commands of a noun
//! and the words that ICON hands type.
//!
//! In: [`Cli`]. Out: a definition for parsing, help, completions and man pages. Deliberately not
//! here: what a command takes (`args.rs`), which examples there are (`examples.rs`).

use crate::alias::ALIASES;
use crate::args::Cli;
use crate::examples::EXAMPLES;
use clap::{Command, CommandFactory};
use std::ffi::OsString;

/// The whole definition.
pub(crate) fn complete() -> Command {
    with_examples(Cli::command(), "")
}

/// The same with colour as the words say: clap prints its own help.
pub(crate) fn coloured(words: &[OsString]) -> Command {
    complete().color(color(words))
}

/// What `--color` among the words says, also when the rest of them cannot be read.
pub(crate) fn color(words: &[OsString]) -> clap::ColorChoice {
    let word = |at: usize| words.get(at).and_then(|word| word.to_str());
    let mut color = clap::ColorChoice::Auto;
    for at in 0..words.len() {
        let value = match word(at) {
            Some("--color") => word(at + 1),
            Some(other) => other.strip_prefix("--color="),
            None => None,
        };
        color = match value {
            Some("always") => clap::ColorChoice::Always,
            Some("never") => clap::ColorChoice::Never,
            _ => color,
        };
    }
    color
}

fn with_examples(command: Command, path: &str) -> Command {
    let is_root = path.is_empty();
    let has_verbs = command.has_subcommands();
    let examples = EXAMPLES.iter().find(|(words, _)| *words == path).map(|(_, all)| *all);
    let mut after = String::new();
    if let Some(examples) = examples {
        let head = match (is_root, has_verbs, examples.len()) {
            (false, true, _) => "Most often:",
            (_, _, 1) => "Example:",
            _ => "Examples:",
        };
        after = format!("{head}\n  {}", examples.join("\n  "));
    }
    if is_root {
        let words: Vec<_> =
            ALIASES.iter().map(|(word, means)| format!("{word} ({})", means.join(" "))).collect();
        after.push_str(&format!("\n\nFor hands that know ICON's tools: {}", words.join(", ")));
    }
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = if after.is_empty() { command } else { command.after_help(after) };
    names.into_iter().fold(command, |command, name| {
        let below = if is_root { name.clone() } else { format!("{path} {name}") };
        command.mut_subcommand(name, |sub| with_examples(sub, &below))
    })
}
