//! Parts of executing a block that only replay and rehearsal need.
//!
//! In: a block that is final long since. Out: the same as on a node, transaction by transaction with
//! times; or the state before one of its transactions; or what a new version's `migrate` does.
//! Deliberately not here: where the state comes from, what is compared.

use super::super::callees::BlockNeighbours;
use super::{CallSpec, Run};
use crate::scores::{call_limits, to_receipt};
use host_core::system;
use host_types::change::Deploy;
use host_types::receipt::{Receipt, ScoreEvent, Write};
use host_types::{Address, Code, Reader, Rejection, SignedTransaction};
use score_native_link::{Batch, Nest, Outcome, Worker};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one call did.
pub(in super::super) type Called = (Receipt, Vec<ScoreEvent>, Vec<Write>);

impl Run<'_> {
    /// Nobody waits for a vote: more patience, and each call is a batch of its own, so that it has a
    /// time. A call finds the same state and gets the same receipt in a batch of any size.
    pub(in super::super) fn one_by_one(mut self, patience: Duration) -> Self {
        self.deadline = Instant::now() + patience;
        self.group_max = 1;
        self
    }

    /// How long each transaction took, once all were executed.
    pub(in super::super) fn took(&self) -> Vec<Duration> {
        self.took.clone()
    }

    /// Executes what comes before the transaction at `index`.
    pub(in super::super) async fn execute_before(&mut self, index: usize) -> Result<(), String> {
        self.begin_height().await?;
        self.run_transactions(index).await
    }

    /// Calls what the next transaction says, in a worker of the caller's choice.
    ///
    /// # Errors
    /// Why it runs in no worker, or why there is no result.
    pub(in super::super) async fn call_in(
        &mut self,
        worker: &mut Worker,
        tx: &Arc<SignedTransaction>,
        index: usize,
    ) -> Result<Called, Rejection> {
        let score = &tx.transaction().score;
        let active = self.knowledge.active.get(score).cloned();
        let artefact = active.as_ref().and_then(|active| self.scores.artefact(&active.sha256));
        let call = self.ready(active.is_some(), artefact.as_deref(), index, tx).map_err(|why| {
            let message = format!("transaction {index} was refused before any SCORE ran: {why}");
            Rejection::new(Code::ReplayImpossible, message)
        })?;
        let batch = self.alone(call);
        let mut neighbours = BlockNeighbours {
            genesis: self.genesis,
            scores: self.scores,
            active: &self.knowledge.active,
            frozen: &self.knowledge.frozen,
            view: &self.view,
            block: self.block,
            parts: &mut self.parts,
            ran: &mut self.knowledge.ran,
            distrusted: &mut self.distrusted,
        };
        // What it calls runs in the sandbox, as ever.
        let address = *Address::of_score(score).as_bytes();
        let mut nest = Nest::new(&mut neighbours, score.as_str(), address);
        let mut reader = super::ScoreReader { view: &self.view, score };
        match worker.execute_among(batch, &mut reader, &mut nest, self.deadline).await {
            Outcome::NoResult(why) => {
                Err(Rejection::new(Code::ReplayNoResult, format!("{score}: {why}")))
            }
            Outcome::Receipts(receipts) => {
                receipts.into_iter().next().map(|raw| to_receipt(score, raw)).ok_or_else(|| {
                    Rejection::new(Code::ReplayNoResult, "the worker answered nothing")
                })
            }
        }
    }

    /// A batch of one call for a worker that remembers nothing.
    fn alone(&self, call: CallSpec) -> Batch {
        let header = self.block.header();
        Batch {
            block: *self.block.id().as_bytes(),
            parent: *header.parent.block.as_bytes(),
            part: 0,
            height: header.height.get(),
            time_us: header.time.get(),
            block_seed: super::block_seed(header),
            channel: self.genesis.channel.as_str().to_owned(),
            calls: vec![call],
            fresh: true,
            steps: self.steps_left,
            limits: call_limits(&self.genesis.call),
        }
    }

    /// Makes a version active before the block. The error inside says why its `migrate` failed.
    ///
    /// # Errors
    /// Why there is no result.
    pub(in super::super) async fn switch_to(
        &mut self,
        deploy: &Deploy,
    ) -> Result<Result<(), String>, String> {
        let (events, _) = self.activate(deploy).await?;
        let now = self.knowledge.active.get(&deploy.score).map(|active| active.sha256);
        if now == Some(deploy.sha256) {
            return Ok(Ok(()));
        }
        Ok(Err(events.iter().find_map(failure).unwrap_or_else(|| "it was not activated".into())))
    }
}

/// Code and message in the event of an activation that failed.
fn failure(event: &ScoreEvent) -> Option<String> {
    let is_it = event.score == system::system_name() && event.name == "score-activation-failed";
    let mut r = Reader::new(is_it.then_some(&event.data)?);
    r.array(3).ok()?;
    r.text(host_types::limits::TEXT_BYTES_MAX).ok()?;
    let code: u32 = r.uint_as().ok()?;
    let output = r.bytes(host_types::limits::OUTPUT_BYTES_MAX).ok()?;
    Some(format!("code {code:#x}: {}", String::from_utf8_lossy(output).escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::{ScoreName, Writer};

    fn event(score: ScoreName, name: &str) -> ScoreEvent {
        let mut w = Writer::default();
        w.array(3);
        w.text("token");
        w.uint(0xfffe_0001);
        w.bytes(b"nothing\nto take");
        ScoreEvent { score, name: name.into(), data: w.into_bytes() }
    }

    #[test]
    fn why_an_activation_failed_is_read_from_the_event_of_the_channel_itself() {
        let failed = "score-activation-failed";
        let why = failure(&event(system::system_name(), failed));
        assert_eq!(why.as_deref(), Some("code 0xfffe0001: nothing\\nto take"));
        assert_eq!(failure(&event(ScoreName::new("token").unwrap(), failed)), None);
        assert_eq!(failure(&event(system::system_name(), "score-activated")), None);
    }
}
