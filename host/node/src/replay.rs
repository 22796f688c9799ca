//! Executes kept blocks again, on a copy of a peer's store, apart from any node.
//!
//! In: the folder of a channel, which a running peer may be using; which block to begin with. Out:
//! for each block, what it does here beside what the store holds of it ([`compare`]); one transaction
//! in a worker that a debugger can look into ([`native`]); the last blocks with a new version of a
//! SCORE ([`rehearsal`]). Every block runs the artefacts that were active in it, in the ordinary
//! sandboxed worker. Nothing of the peer's is written; the copy is removed with the [`Replay`].
//! Deliberately not here: what people see of it (the command line).

pub mod compare;
pub mod native;
pub mod rehearsal;
pub(crate) mod scratch;
#[cfg(test)]
mod tests;

pub use compare::{BlockReplay, Parted, TxReplay};
pub use host_store::AtTip;
pub use rehearsal::{Rehearsal, Trial};

use crate::channel::execution::{Executor, Layer};
use crate::channel::files::Committed;
use crate::channel::recover;
use crate::scores::Scores;
use host_core::input::ExecuteError;
use host_store::{CopyReport, Kept, RewindError, Rewound, StoreError, Told, rewind};
use host_types::genesis::ChannelGenesis;
use host_types::{Code, Hash32, Height, Rejection, ScoreName};
use score_native_link::Sandbox;
use scratch::Scratch;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where a peer keeps what is replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The channel's folder: `DATA/channels/NAME`.
    pub channel: PathBuf,
    /// The folder of SCORE files: `DATA/scores`.
    pub scores: PathBuf,
}

impl Place {
    /// The places below a peer's data folder.
    #[must_use]
    pub fn of(data: &Path, channel: &str) -> Self {
        Self { channel: data.join("channels").join(channel), scores: data.join("scores") }
    }

    /// # Errors
    /// `LC1101` when there is no store there: nothing is made by mistake.
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        if self.channel.join("db").is_dir() && self.channel.join("blocks").is_dir() {
            return Ok(());
        }
        let message = format!(
            "there is no store of a channel in {}: its folders `db` and `blocks` are missing",
            self.channel.display()
        );
        Err(Rejection::new(Code::ConfigUnreadable, message))
    }
}

/// How workers are started.
#[derive(Clone, Debug)]
pub struct Workers {
    /// What becomes the worker with `score-worker`: this very program.
    pub program: PathBuf,
    /// How they are confined.
    pub sandbox: Sandbox,
}

/// Kept blocks of one channel, executed again one after the other.
#[derive(Debug)]
pub struct Replay {
    // Before the folder that it uses: it is closed first.
    executor: Executor,
    rewound: Rewound,
    genesis: Arc<ChannelGenesis>,
    scores: Arc<Scores>,
    copied: CopyReport,
    next: Height,
    /// Removed at the end.
    _scratch: Scratch,
}

fn store_failed(error: &StoreError) -> Rejection {
    Rejection::new(error.code(), error.to_string())
}

impl Replay {
    /// Copies the store and goes back to the block that `choose` names. `told` hears of the copy.
    ///
    /// # Errors
    /// `LC5301` when the block is older than what the peer keeps, `LC7104` when it is not there yet,
    /// `LC5302`, `LC5205` and `LC5206` when the store cannot be copied or read.
    pub fn begin(
        place: &Place,
        workers: Workers,
        choose: &dyn Fn(&AtTip<'_>) -> Result<Height, RewindError>,
        told: Told<'_>,
    ) -> Result<Self, Rejection> {
        place.check()?;
        let scratch = Scratch::new()?;
        let taken = rewind(&place.channel, &scratch.path().join("store"), choose, told);
        let (rewound, copied) =
            taken.map_err(|error| Rejection::new(error.code(), error.to_string()))?;
        let folder = scratch.path().join("scores");
        scratch::copy_scores(&place.scores, &folder)?;
        let scores = Arc::new(Scores::open(&folder, workers.program, workers.sandbox)?);
        let genesis = Arc::new(rewound.genesis().clone());
        let (reader, segments) = (rewound.store().reader(), rewound.store().segments());
        let committed = Committed::new(reader.clone(), rewound.store().tree());
        let base = recover::knowledge(&genesis, &committed, &reader)?;
        let tip = reader.tip();
        let (shared, known) = (Arc::clone(&scores), (tip.block, base));
        let executor = Executor::new(Arc::clone(&genesis), shared, committed, segments, known);
        let next = tip.height.next();
        Ok(Self { executor, rewound, genesis, scores, copied, next, _scratch: scratch })
    }

    /// As [`Replay::begin`], with the block named.
    ///
    /// # Errors
    /// As [`Replay::begin`].
    pub fn before(
        place: &Place,
        workers: Workers,
        height: Height,
        told: Told<'_>,
    ) -> Result<Self, Rejection> {
        Self::begin(place, workers, &|_: &AtTip<'_>| Ok(height), told)
    }

    /// The channel's genesis.
    #[must_use]
    pub fn genesis(&self) -> &ChannelGenesis {
        &self.genesis
    }

    /// The block that comes next.
    #[must_use]
    pub const fn next(&self) -> Height {
        self.next
    }

    /// The last block that the peer had.
    #[must_use]
    pub const fn last(&self) -> Height {
        self.rewound.last()
    }

    /// What the copy cost.
    #[must_use]
    pub const fn copied(&self) -> CopyReport {
        self.copied
    }

    /// Version and digest of a SCORE that is active now.
    #[must_use]
    pub fn active(&self, score: &ScoreName) -> Option<(String, Hash32)> {
        let active = self.executor.base().active.get(score)?;
        Some((active.version.clone(), active.sha256))
    }

    /// Runs another artefact in place of an active SCORE's own from the next block on.
    ///
    /// # Errors
    /// `LC2106` when the channel has no such SCORE then; `LC6102` when the file is none that a node
    /// takes.
    pub fn replace(&mut self, bytes: &[u8]) -> Result<ScoreName, Rejection> {
        let artefact = self.scores.install(bytes)?;
        let score = ScoreName::new(&artefact.manifest.name);
        let score = score.filter(|score| self.active(score).is_some()).ok_or_else(|| {
            let (name, next) = (&artefact.manifest.name, self.next);
            let message = format!("there was no SCORE `{name}` before block {next}");
            Rejection::new(Code::ScoreUnknown, message)
        })?;
        self.executor.replace(&score, artefact.sha256);
        Ok(score)
    }

    /// The next block as the peer keeps it.
    fn kept(&self) -> Result<Kept, Rejection> {
        let kept = self.rewound.kept(self.next).map_err(|error| store_failed(&error))?;
        kept.ok_or_else(|| {
            Rejection::new(Code::NotFound, format!("there is no block {} here", self.next))
        })
    }

    /// Executes the next block and compares; then the one after it is next, on the result that was
    /// computed here.
    ///
    /// # Errors
    /// `LC6301` when an artefact is missing, `LC2413` when there is no result on this machine.
    pub async fn block(&mut self) -> Result<BlockReplay, Rejection> {
        let kept = self.kept()?;
        let (layer, took) = self.execute(&kept).await?;
        let active = &layer.knowledge.active;
        let report = compare::block(self.genesis.channel.as_str(), &kept, &layer, &took, active);
        self.advance(&kept, &layer).await?;
        Ok(report)
    }

    async fn execute(&mut self, kept: &Kept) -> Result<(Arc<Layer>, Vec<Duration>), Rejection> {
        self.check_artefacts()?;
        let height = self.next;
        self.executor.replay(&kept.block).await.map_err(|error| no_result(height, error))
    }

    fn no_result(&self, why: &str) -> Rejection {
        no_result(self.next, ExecuteError::NoResult(why.to_owned()))
    }

    /// The versions that are active must be here: an old one may have been removed by hand.
    fn check_artefacts(&self) -> Result<(), Rejection> {
        let active = &self.executor.base().active;
        let missing =
            active.iter().find(|(_, active)| self.scores.artefact(&active.sha256).is_none());
        let Some((score, active)) = missing else { return Ok(()) };
        let message = format!(
            "the file {} of {score} {}, active in block {}, is not here or is not what its name says",
            active.sha256, active.version, self.next
        );
        Err(Rejection::new(Code::ArtefactMissing, message))
    }

    async fn advance(&mut self, kept: &Kept, layer: &Layer) -> Result<(), Rejection> {
        let advanced = self.rewound.advance(&kept.block, &layer.result, &layer.tree);
        advanced.map_err(|error| store_failed(&error))?;
        self.executor.settle(kept.block.id()).await;
        self.next = self.next.next();
        Ok(())
    }
}

/// A block that this machine could not execute says nothing about the block.
fn no_result(height: Height, error: ExecuteError) -> Rejection {
    let why = match error {
        ExecuteError::NoResult(why) => why,
        ExecuteError::Invalid(why) => format!("it breaks a rule of the host: {why}"),
    };
    let message = format!("block {height} has no result on this machine: {why}");
    Rejection::new(Code::ReplayNoResult, message)
}
