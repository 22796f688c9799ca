//! One transaction again, in a worker outside the sandbox that a debugger or a profiler attaches to.
//!
//! In: the place of a transaction in the next block. Out: the process, once it has stopped itself;
//! after somebody continued it, the receipt beside the stored one. The transactions before it run in
//! the ordinary worker first. Never part of a node: it is reached from the command line only, on the
//! copy of a store.

use super::Replay;
use crate::scores::Artefact;
use host_types::receipt::Receipt;
use host_types::{Code, Hash32, Rejection, ScoreName, TxId};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a person may look into one call.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the process takes to stop itself; it needs microseconds.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A process that waits for a debugger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its id. It is stopped.
    pub pid: u32,
    /// The transaction that it will run.
    pub tx: TxId,
    /// Of this SCORE.
    pub score: ScoreName,
    /// This method.
    pub method: String,
    /// The artefact that it has loaded.
    pub artefact: Hash32,
    /// A file with the same bytes, while the replay lives.
    pub file: PathBuf,
    /// Where the artefact lies in its memory, when the system tells.
    pub loaded_at: Option<u64>,
}

/// What the transaction did there.
#[derive(Clone, Debug)]
pub struct NativeReplay {
    /// Its receipt.
    pub here: Receipt,
    /// The stored one.
    pub stored: Receipt,
    /// From the moment it was continued, about.
    pub took: Duration,
}

impl NativeReplay {
    /// Whether both receipts are the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.here == self.stored
    }
}

impl Replay {
    /// Runs the transaction at `index` of the next block in a process of which `told` hears as soon as
    /// it waits; returns when it was continued and has run to its end.
    ///
    /// # Errors
    /// `LC7104` when there is no such transaction, `LC2412` when it runs in no worker, `LC6301` when
    /// its artefact is missing, `LC2413` when the process ended without a result.
    pub async fn native(
        &mut self,
        index: usize,
        told: &mut (dyn FnMut(&Waiting) + Send),
    ) -> Result<NativeReplay, Rejection> {
        let kept = self.kept()?;
        let count = kept.block.transactions().len();
        let place = (kept.block.transactions().get(index), kept.result.receipts.get(index));
        let (Some(tx), Some(stored)) = place else {
            let message = format!("block {} has {count} transactions, from 0 on", self.next);
            return Err(Rejection::new(Code::NotFound, message));
        };
        let body = tx.transaction();
        if body.score.is_system() {
            let next = self.next;
            let message = format!(
                "transaction {index} of block {next} is for `system`: the host itself executes it, \
                 there is no native code of a SCORE to look into"
            );
            return Err(Rejection::new(Code::ReplayImpossible, message));
        }
        self.check_artefacts()?;
        let artefact = self.artefact_of(&kept.block, index).await?;
        let channel = self.genesis.channel.as_str();
        let started = self.scores.start_for_debugger(channel, &body.score, &artefact).await;
        let mut worker = started.map_err(|why| self.no_result(&why))?;
        let pid = worker.process_id().ok_or_else(|| self.no_result("the worker is gone"))?;
        until_stopped(pid).await.map_err(|why| self.no_result(&why))?;
        told(&Waiting {
            pid,
            tx: tx.id(),
            score: body.score.clone(),
            method: body.method.to_string(),
            artefact: artefact.sha256,
            file: self.scores.path(&artefact.sha256),
            loaded_at: loaded_at(pid),
        });
        let started = Instant::now();
        let here = self.executor.call_in(&mut worker, (&kept.block, index), PATIENCE).await?.0;
        Ok(NativeReplay { here, stored: stored.clone(), took: started.elapsed() })
    }

    async fn artefact_of(
        &self,
        block: &host_types::block::Block,
        index: usize,
    ) -> Result<std::sync::Arc<Artefact>, Rejection> {
        let sha256 = self.executor.artefact_at(block, index).await;
        let sha256 = sha256.map_err(|why| self.no_result(&why))?.ok_or_else(|| {
            let message = format!("the SCORE of transaction {index} was not active then");
            Rejection::new(Code::ReplayImpossible, message)
        })?;
        self.scores.artefact(&sha256).ok_or_else(|| {
            Rejection::new(Code::ArtefactMissing, format!("the file {sha256} is not here"))
        })
    }
}

async fn until_stopped(pid: u32) -> Result<(), String> {
    let end = Instant::now() + STOPPED_WITHIN;
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        match state {
            Some('T' | 't') => return Ok(()),
            None | Some('Z' | 'X') => return Err("the worker ended before it waited".to_owned()),
            Some(_) if Instant::now() > end => return Err("the worker does not stop".to_owned()),
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

fn loaded_at(pid: u32) -> Option<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let line = maps.lines().find(|line| line.contains("/memfd:score.so"))?;
    u64::from_str_radix(line.split('-').next()?, 16).ok()
}
