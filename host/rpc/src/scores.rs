//! SCOREs of a channel as a node tells of them: what is active, every version, what a query answers.
//!
//! In and out: the answers of [`crate::gateway::Gateway`]. Not here: how they are found.

use host_types::manifest::Manifest;
use host_types::{BlockId, Hash32, Height, NodeName, Receipt, Rejection, ScoreName};
use std::sync::Arc;
use std::time::Duration;

/// One SCORE of a channel.
#[derive(Clone, Debug)]
pub struct ScoreView {
    /// Its name.
    pub name: ScoreName,
    /// Version of the active artefact.
    pub version: String,
    /// SHA-256 of the active artefact.
    pub sha256: Hash32,
    /// Since this height.
    pub active_since: Height,
    /// Whether the channel activated it before any other: the one that v1 requests mean.
    pub is_first: bool,
    /// Digests of all versions that were active, newest first.
    pub history: Vec<Hash32>,
    /// Its manifest; none when the artefact is not here.
    pub manifest: Option<Arc<Manifest>>,
    /// Whether its worker answers.
    pub is_running: bool,
    /// Why it takes no transactions now, when it does not.
    pub frozen: Option<FrozenView>,
}

/// Why a SCORE takes no transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrozenView {
    /// Since this block.
    pub since: Height,
    /// Whether it crashed too often; else the channel decided so.
    pub by_crashes: bool,
    /// One line.
    pub reason: String,
}

/// Where a version of a SCORE is in its life, as this node knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// This node holds it; no change is about it.
    Installed,
    /// A change is about it that is not accepted yet.
    Staged,
    /// Accepted; it waits for its height or for validators that hold it.
    Approved,
    /// Active.
    Active,
    /// Active before.
    Former,
    /// Too few validators were ready at its height.
    Cancelled,
    /// Its `deploy` or `migrate` did not end well.
    Failed,
    /// The channel does not take it.
    Refused,
}

impl VersionState {
    /// The word that people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Staged => "staged",
            Self::Approved => "approved",
            Self::Active => "active",
            Self::Former => "former",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// One version of a SCORE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionView {
    /// Name of the SCORE.
    pub score: String,
    /// Its version; empty when neither a change nor the file here tells.
    pub version: String,
    /// SHA-256 of the artefact.
    pub sha256: Hash32,
    /// Where it is in its life.
    pub state: VersionState,
    /// Whether this node holds the artefact and has checked it.
    pub is_here: bool,
    /// Since when it is active, or the height that its change names or came to nothing at.
    pub height: Option<Height>,
    /// Why it is refused, cancelled or failed, one line.
    pub reason: Option<String>,
    /// The newest change about it.
    pub change: Option<Hash32>,
    /// Validators that approved that change.
    pub approved: Vec<NodeName>,
    /// Validators that hold the artefact and said so.
    pub ready: Vec<NodeName>,
    /// Validators that did not say so.
    pub not_ready: Vec<NodeName>,
    /// How long its activation took in this node: the start of its worker, as far as that did not run
    /// before, and `deploy` or `migrate`. None when another run of the node did that, or it has only
    /// followed.
    pub activation: Option<Duration>,
    /// Its manifest; none when the artefact is not here.
    pub manifest: Option<Arc<Manifest>>,
}

/// A file of the drop-in folder that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedFile {
    /// Its name.
    pub file: String,
    /// Why.
    pub why: Rejection,
}

/// The versions of a channel's SCOREs, and what this node does not take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionsView {
    /// Versions by name, the one that is active first.
    pub versions: Vec<VersionView>,
    /// Files of the drop-in folder that were refused.
    pub refused: Vec<RefusedFile>,
}

/// Answer of a query.
#[derive(Clone, Debug)]
pub struct QueryAnswer {
    /// How it ended and the returned bytes; a query has no events or writes.
    pub receipt: Receipt,
    /// The last final height it read.
    pub height: Height,
    /// That block.
    pub block: BlockId,
}
