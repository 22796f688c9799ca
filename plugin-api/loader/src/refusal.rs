//! Why a file was not loaded as a rule. Each refusal is one line that names the file, says what is
//! wrong with it and what to do; details for developers go to the log at level debug.

use plugin_api::version::ApiVersion;
use std::path::Path;

/// One refused file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file cannot be read.
    #[error("{path} cannot be read: {reason}; check the path and who may read it")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// A folder, a symbolic link, a pipe.
    #[error("{path} is not a regular file; copy the plugin itself there")]
    NotAFile {
        /// The file.
        path: String,
    },
    /// Above [`crate::check::PLUGIN_BYTES_MAX`].
    #[error("{path} has more than {max_mib} MiB; build it with `--release` or strip it")]
    TooLarge {
        /// The file.
        path: String,
        /// Largest size, MiB.
        max_mib: u64,
    },
    /// Not a shared library of this machine, or not all of it.
    #[error("{path} is not a whole plugin: {what}; build it or copy it again")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// A library, but not of ours.
    #[error(
        "{path} is not a consensus rule: {found} symbols begin with `loopchain_rule_`, one is \
         expected; make the plugin with plugin_api::export_rule!"
    )]
    NotARule {
        /// The file.
        path: String,
        /// How many such symbols it has.
        found: usize,
    },
    /// The channel does not accept this build.
    #[error(
        "{path} has SHA-256 {sha256}, which is not among the {accepted} builds in `rule_sha256` \
         of the channel; install an accepted build, or let the channel accept this one"
    )]
    NotAccepted {
        /// The file.
        path: String,
        /// Hexadecimal.
        sha256: String,
        /// How many builds the channel accepts.
        accepted: usize,
    },
    /// The private copy could not be made.
    #[error("{path} cannot be kept in the plugin store: {reason}; check space and permissions")]
    Store {
        /// File or folder of the store.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The dynamic linker refused it.
    #[error("{path} cannot be loaded: {reason}; build it on a system like this one")]
    Unloadable {
        /// The file.
        path: String,
        /// What the dynamic linker said.
        reason: String,
    },
    /// Built for an interface that this host does not have.
    #[error(
        "{path} was built for plugin-api {plugin}, this host has {host}; use a build for {host}, \
         or another host"
    )]
    OtherApi {
        /// The file.
        path: String,
        /// Version of the plugin.
        plugin: String,
        /// Version of this host.
        host: ApiVersion,
    },
    /// The version fits but the tables do not.
    #[error(
        "{path} says plugin-api {version} but its root module has another layout; build it with \
         the plugin-api of this host"
    )]
    OtherLayout {
        /// The file.
        path: String,
        /// Version that both claim.
        version: ApiVersion,
    },
    /// Another rule than the channel's.
    #[error(
        "{path} holds rule `{found}`, the channel wants `{wanted}`; install a `{wanted}` plugin"
    )]
    OtherRule {
        /// The file.
        path: String,
        /// Rule of the channel.
        wanted: String,
        /// Rule in the file.
        found: String,
    },
}

/// A path for a message: control characters escaped, so that a line stays a line.
pub(crate) fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// Any text on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
