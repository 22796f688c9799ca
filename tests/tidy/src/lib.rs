//! Checks of the tree itself: floors, docs, links, lints. `cargo test -p tests-tidy` runs them.
//!
//! In: a [`Tree`] (every text file of the checkout) and a [`Workspace`] (what cargo says about the
//! packages). Out: [`Finding`]s, one line each; no finding means the tree is tidy. Every check is a
//! pure function, so its own tests plant a violation in a tree made in memory and see it found.
//! Sizes are reported, never enforced.
//!
//! Deliberately not here: what `rustc`, `clippy`, `rustfmt` and `rustdoc` check already; changing
//! anything. Where to look next: `tests/the_tree.rs`, which runs every check on the real tree.

pub mod bans;
pub mod console;
pub mod files;
pub mod floors;
pub mod licences;
pub mod links;
pub mod provoked;
pub mod sizes;
pub mod source;
pub mod tree;
pub mod unsafe_code;
pub mod words;
pub mod workspace;

pub use console::{Block, Command, console_blocks};
pub use tree::Tree;
pub use workspace::Workspace;

use std::fmt;

/// One violation: where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the root, or the name of a package.
    pub place: String,
    /// Line, counted from 1; 0 when the whole place is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    /// A finding about a line.
    #[must_use]
    pub fn at(place: &str, line: usize, message: impl Into<String>) -> Self {
        Self { place: place.to_owned(), line, message: message.into() }
    }

    /// A finding about a whole place.
    #[must_use]
    pub fn about(place: &str, message: impl Into<String>) -> Self {
        Self::at(place, 0, message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.place, self.message),
            line => write!(f, "{}:{line}: {}", self.place, self.message),
        }
    }
}

/// The findings as text, one a line, sorted; empty when there is none.
#[must_use]
pub fn report(mut findings: Vec<Finding>) -> String {
    findings.sort();
    findings.iter().fold(String::new(), |text, finding| text + &format!("\n{finding}"))
}
