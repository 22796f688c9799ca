//! What `score` looks like on the command line.
//!
//! In: words. Out: what was asked for.
//! Deliberately not here: what the commands do (`cmd/score.rs` and its neighbours).

use crate::cmd::score_new::Template;
use crate::cmd::score_rehearse::ScoreRehearse;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `score`
#[derive(Debug, Subcommand)]
pub enum ScoreCommand {
    /// From a file to an active version, and what stops one.
    #[command(flatten)]
    Life(crate::args_life::LifeCommand),
    /// Write a folder with a SCORE that builds, passes its tests and the check.
    New(ScoreNew),
    /// Build, check, swap and test a SCORE whenever one of its files is saved.
    Watch(ScoreWatch),
    /// Build the SCORE of a folder.
    Build {
        /// Folder with its Cargo.toml.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Check a built SCORE; exit code 7 when it may not be deployed.
    Check {
        /// The .so file, or the folder of a SCORE that is built.
        file: PathBuf,
    },
    /// Build a SCORE anew from its source and compare the digests; exit code 7 when they differ.
    Verify(ScoreVerify),
    /// Run the last blocks again with a new version of a SCORE; exit code 7 when anything differs.
    Rehearse(ScoreRehearse),
    /// Run the tests of a SCORE's folder.
    Test {
        /// Folder with its Cargo.toml.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Only tests whose name contains this.
        #[arg(long = "match-test", value_name = "TEXT")]
        filter: Option<String>,
    },
}

/// `score new`
#[derive(Debug, Args)]
pub struct ScoreNew {
    /// The folder; its last part is the name of the SCORE.
    pub path: PathBuf,
    /// What it begins with.
    #[arg(long, value_enum, default_value = "counter", conflicts_with = "from_package_json")]
    pub template: Template,
    /// package.json of a SCORE of the old edition: each of its methods, with types, to be written.
    #[arg(long, value_name = "FILE")]
    pub from_package_json: Option<PathBuf>,
    /// Checkout of loopchain with the packages a SCORE is written with.
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

/// `score watch`
#[derive(Debug, Args)]
pub struct ScoreWatch {
    /// Folder with its Cargo.toml.
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Do it once and end; exit code 7 when anything failed.
    #[arg(long)]
    pub once: bool,
    /// Leave the tests out.
    #[arg(long)]
    pub no_test: bool,
}

/// `score verify`
#[derive(Debug, Args)]
pub struct ScoreVerify {
    /// A .so file or its SHA-256 (64 hex digits); the version that is active when left out.
    #[arg(value_name = "FILE|SHA256")]
    pub artefact: Option<String>,
    /// Folder with the Cargo.toml of the source.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub source: PathBuf,
}
