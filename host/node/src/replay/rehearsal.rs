//! The last kept blocks again, with a new version of one SCORE.
//!
//! In: the file of the new version, how many blocks. Out: a [`Rehearsal`]: whose receipts and writes
//! are other ones, and what it costs in steps. The new version takes the state over first, as in an
//! upgrade; then block follows block, on the state that the rehearsal itself has made. Every other
//! SCORE runs in its own version, so that calls between them are followed, too. Deliberately not
//! here: whether a difference is wanted.

use super::{Place, Replay, Workers};
use crate::channel::divergence::{self, keys};
use crate::channel::execution::Layer;
use crate::scores::Artefact;
use host_core::system::state::{ActiveScore, ChangeRecord, score_key};
use host_core::system::system_name;
use host_store::{AtTip, Kept, RewindError};
use host_types::change::{Change, Deploy};
use host_types::receipt::Receipt;
use host_types::{Address, Code, Decode, Hash32, Height, Rejection, ScoreName, TxId};
use serde_json::Value;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Differences that are told in detail.
pub const DETAILS_MAX: usize = 3;
/// Keys that one of them lists.
const KEYS_MAX: usize = 4;
/// Changes that are looked through for who deployed the version that is active.
const CHANGES_MAX: usize = 65_536;

/// What is tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The SCORE.
    pub score: ScoreName,
    /// The file of the new version.
    pub bytes: Vec<u8>,
    /// The blocks that are run again: the last ones, at most so many.
    pub blocks: u64,
}

/// A version of the SCORE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// As its manifest says.
    pub version: String,
    /// Its file.
    pub sha256: Hash32,
}

/// What the new version makes of the state of the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Keys that it wrote.
    pub writes: usize,
    /// State root of the copy after it.
    pub root: Hash32,
    /// How long it took.
    pub took: Duration,
}

/// Steps of the same calls in both versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Sum of what is stored.
    pub old_sum: u64,
    /// Sum of the rehearsal.
    pub new_sum: u64,
    /// Most that a call took before.
    pub old_max: u64,
    /// Most that a call took in the rehearsal.
    pub new_max: u64,
}

impl Steps {
    /// New steps for each old one; none when nothing was counted.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let (old, new) = (self.old_sum as f64, self.new_sum as f64);
        (self.old_sum > 0).then_some(new / old)
    }
}

/// One receipt that is another one.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Height of the block.
    pub height: Height,
    /// Place in it.
    pub index: usize,
    /// The transaction.
    pub tx: TxId,
    /// Of this SCORE: another than the one that is tried when it calls that one.
    pub score: ScoreName,
    /// The method.
    pub method: String,
    /// The stored receipt.
    pub old: Receipt,
    /// The receipt of the rehearsal.
    pub new: Receipt,
    /// The first keys of the block whose last values differ; `own` is the rehearsal.
    pub keys: Vec<Value>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The SCORE.
    pub score: ScoreName,
    /// The version that is active.
    pub from: Version,
    /// The one that was tried.
    pub to: Version,
    /// First and last block.
    pub blocks: (Height, Height),
    /// Its `migrate`; none when it has none, or is the very file that is active.
    pub migration: Option<Migration>,
    /// Transactions of the SCORE in these blocks.
    pub transactions: u64,
    /// Those whose status, code, output or events are others.
    pub receipts_differ: u64,
    /// Those that wrote something else.
    pub writes_differ: u64,
    /// Transactions of other SCOREs with another receipt, because they call this one.
    pub others_differ: u64,
    /// Steps of the SCORE's transactions.
    pub steps: Steps,
    /// Time of the SCORE's transactions in the rehearsal.
    pub took: Duration,
    /// The first differences.
    pub differences: Vec<Difference>,
}

impl Rehearsal {
    /// Whether the new version did the same, whatever steps it took.
    #[must_use]
    pub const fn is_equal(&self) -> bool {
        self.receipts_differ == 0 && self.writes_differ == 0 && self.others_differ == 0
    }

    /// How many blocks were run again.
    #[must_use]
    pub const fn block_count(&self) -> u64 {
        self.blocks.1.get() + 1 - self.blocks.0.get()
    }
}

/// What a long rehearsal tells on the way; an answer of false stops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes of the store copied, of so many.
    Copied(u64, u64),
    /// Blocks run, of so many.
    Ran(u64, u64),
}

/// Rehearses an upgrade.
///
/// # Errors
/// `LC2106` when the channel has no such SCORE; `LC6102` when a node would not take the file;
/// `LC2411` when its `migrate` fails; `LC2412` when the active version has no block yet; as
/// [`Replay::begin`] and [`Replay::block`].
pub async fn rehearse(
    place: &Place,
    workers: Workers,
    trial: &Trial,
    told: &mut dyn FnMut(Step) -> bool,
) -> Result<Rehearsal, Rejection> {
    let found = RefCell::new(None);
    let choose = |at: &AtTip<'_>| first_block(at, trial, &found);
    let mut copied = |now, all| told(Step::Copied(now, all));
    let mut replay = Replay::begin(place, workers, &choose, &mut copied)?;
    let active = found.into_inner().ok_or_else(|| {
        let message = format!("{} has no SCORE `{}`", replay.genesis.channel, trial.score);
        Rejection::new(Code::ScoreUnknown, message)
    })?;
    if replay.next <= active.since {
        let ActiveScore { version, since, .. } = active;
        let message = format!(
            "{} {version} is active since block {since}, the last one: there is no block to run \
             again yet",
            trial.score
        );
        return Err(Rejection::new(Code::ReplayImpossible, message));
    }
    let artefact = replay.scores.install(&trial.bytes)?;
    artefact.fits(&replay.genesis.channel, replay.genesis.metering_required)?;
    let migration = replay.take_over(&trial.score, &active, &artefact).await?;
    let (first, last) = (replay.next, replay.last());
    let version = |version: &str, sha256| Version { version: version.to_owned(), sha256 };
    let mut rehearsal = Rehearsal {
        score: trial.score.clone(),
        from: version(&active.version, active.sha256),
        to: version(&artefact.manifest.version, artefact.sha256),
        blocks: (first, last),
        migration,
        transactions: 0,
        receipts_differ: 0,
        writes_differ: 0,
        others_differ: 0,
        steps: Steps::default(),
        took: Duration::ZERO,
        differences: Vec::new(),
    };
    while replay.next <= last {
        let kept = replay.kept()?;
        let (layer, took) = replay.execute(&kept).await?;
        rehearsal.note(&kept, &layer, &took);
        replay.advance(&kept, &layer).await?;
        if !told(Step::Ran(replay.next.get() - first.get(), rehearsal.block_count())) {
            let message = format!("stopped before block {}", replay.next);
            return Err(Rejection::new(Code::ReplayNoResult, message));
        }
    }
    Ok(rehearsal)
}

/// The block to begin with: what was asked for, as far as it is kept and ran the active version.
fn first_block(
    at: &AtTip<'_>,
    trial: &Trial,
    found: &RefCell<Option<ActiveScore>>,
) -> Result<Height, RewindError> {
    let record = at.get(&system_name(), &score_key(&trial.score))?;
    let active = record.and_then(|record| ActiveScore::from_bytes(&record).ok());
    let asked = (at.tip.get() + 1).saturating_sub(trial.blocks.max(1));
    // In its first block it may have become active behind other transactions.
    let since = active.as_ref().map_or(0, |active| active.since.get() + 1);
    *found.borrow_mut() = active;
    let first = asked.max(since).max(at.oldest.get());
    // Both are told apart later; the store has to be somewhere.
    Ok(Height::new(first.min(at.tip.get())))
}

impl Replay {
    async fn take_over(
        &mut self,
        score: &ScoreName,
        active: &ActiveScore,
        artefact: &Artefact,
    ) -> Result<Option<Migration>, Rejection> {
        if artefact.sha256 == active.sha256 {
            return Ok(None);
        }
        let (kept, started) = (self.kept()?, Instant::now());
        let version = artefact.manifest.version.clone();
        let deploy = Deploy {
            score: score.clone(),
            version: version.clone(),
            sha256: artefact.sha256,
            target: String::new(),
            activate_at: self.next,
            args: vec![0x80],
            deployer: self.deployer(score, active)?,
        };
        let switched = self.executor.switch_to(&deploy, &kept.block).await;
        let switched = switched.map_err(|why| self.no_result(&why))?;
        let (writes, tree) = switched.map_err(|why| {
            let old = &active.version;
            let message =
                format!("rehearsal: `migrate` of {version} fails on state written by {old}: {why}");
            Rejection::new(Code::RehearsalFailed, message)
        })?;
        let applied = self.rewound.apply(&writes, &tree);
        applied.map_err(|error| super::store_failed(&error))?;
        let has_migrate = artefact.manifest.method("migrate", "migrate").is_some();
        let (root, took) = (tree.root(), started.elapsed());
        Ok(has_migrate.then_some(Migration { writes: writes.len(), root, took }))
    }

    /// Who deployed the active version: `migrate` of the next one sees the same caller.
    fn deployer(&self, score: &ScoreName, active: &ActiveScore) -> Result<Address, Rejection> {
        let reader = self.rewound.store().reader();
        let changes = reader.state_scan(&system_name(), b"change/", None, CHANGES_MAX);
        let changes = changes.map_err(|error| super::store_failed(&error))?;
        let deployer = changes.iter().find_map(|(_, value)| {
            match ChangeRecord::from_bytes(value).ok()?.change {
                Change::Deploy(deploy)
                    if deploy.score == *score && deploy.sha256 == active.sha256 =>
                {
                    Some(deploy.deployer)
                }
                _ => None,
            }
        });
        Ok(deployer.unwrap_or_else(|| Address::new([0; 20])))
    }
}

impl Rehearsal {
    fn note(&mut self, kept: &Kept, layer: &Layer, took: &[Duration]) {
        for (index, tx) in kept.block.transactions().iter().enumerate() {
            let receipts = (kept.result.receipts.get(index), layer.result.receipts.get(index));
            let (Some(old), Some(new)) = receipts else { continue };
            let is_own = tx.transaction().score == self.score;
            let receipt_differs = answer(old) != answer(new);
            let writes_differ = old.writes_digest != new.writes_digest;
            if is_own {
                self.transactions += 1;
                self.receipts_differ += u64::from(receipt_differs);
                self.writes_differ += u64::from(writes_differ);
                self.steps.add(old.steps, new.steps);
                self.took += took.get(index).copied().unwrap_or_default();
            } else {
                self.others_differ += u64::from(receipt_differs || writes_differ);
            }
            let is_to_tell = receipt_differs || writes_differ;
            if is_to_tell && self.differences.len() < DETAILS_MAX {
                self.differences.push(difference((kept, index), layer, (old, new)));
            }
        }
    }
}

impl Steps {
    fn add(&mut self, old: u64, new: u64) {
        self.old_sum += old;
        self.new_sum += new;
        self.old_max = self.old_max.max(old);
        self.new_max = self.new_max.max(new);
    }
}

/// What a caller sees of a receipt.
fn answer(receipt: &Receipt) -> (host_types::Status, u32, &[u8], Hash32) {
    (receipt.status, receipt.code, &receipt.output, receipt.events_root)
}

fn difference(
    (kept, index): (&Kept, usize),
    layer: &Layer,
    (old, new): (&Receipt, &Receipt),
) -> Difference {
    let tx = kept.block.transactions().get(index);
    let body = tx.map(|tx| tx.transaction());
    let parted = keys(&layer.result.writes, &kept.result.writes);
    Difference {
        height: kept.result.height,
        index,
        tx: tx.map(|tx| tx.id()).unwrap_or_default(),
        score: body.map_or_else(system_name, |body| body.score.clone()),
        method: body.map(|body| body.method.to_string()).unwrap_or_default(),
        old: old.clone(),
        new: new.clone(),
        keys: parted.iter().take(KEYS_MAX).map(divergence::Key::json).collect(),
    }
}
