//! Questions: calls of query methods on the stored state, also through SCOREs that ask others.
//!
//! In: a SCORE, a method, arguments. Out: the answer as of the last stored block. Nothing is written,
//! and a question delays no block: workers of its own answer it.

use super::ChannelHandle;
use super::execution::{as_it_takes, callee};
use crate::scores::{Scores, call_limits, tell, to_receipt};
use host_core::system::state::ActiveScore;
use host_rpc::gateway::QueryAnswer;
use host_store::{Reader, StoreError};
use host_types::genesis::ChannelGenesis;
use host_types::{Address, Code, Domain, Rejection, ScoreName};
use score_native_link::{
    Boxed, CallAsk, CallKind, CallSpec, Callee, Neighbours, Nest, NoResult, Outcome, Place, Query,
    Refusal, StateReader,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a query may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

impl ChannelHandle {
    /// Calls a query method on the stored state.
    ///
    /// # Errors
    /// When there is no such SCORE here, or its worker gives no result.
    pub async fn query(
        &self,
        score: &ScoreName,
        method: &str,
        args: Vec<u8>,
    ) -> Result<QueryAnswer, Rejection> {
        let parts = self.parts();
        let active = parts.knowledge.borrow().active.get(score).cloned().ok_or_else(|| {
            let message = format!("{} has no SCORE `{score}`", parts.genesis.channel);
            Rejection::new(Code::ScoreUnknown, message)
        })?;
        if let Some(why) = parts.scores.closed() {
            return Err(why.clone());
        }
        let artefact = parts.scores.artefact(&active.sha256).ok_or_else(|| {
            let message = format!("artefact {} of {score} is not here", active.sha256);
            Rejection::new(Code::ArtefactMissing, message)
        })?;
        let args = as_it_takes(Some(&artefact), CallKind::Query, method, &args);
        let channel = parts.genesis.channel.as_str();
        let internal = |why: String| Rejection::new(Code::Internal, format!("{score}: {why}"));
        let seat = parts.scores.seat(&parts.genesis, score, &artefact).await.map_err(internal)?;
        let tip = self.reader().tip();
        let query = Query {
            snapshot: *tip.block.as_bytes(),
            height: tip.height.get(),
            time_us: tip.header.time.get(),
            block_seed: *Domain::Seed.hash(&[tip.header.parent.block.as_bytes()]).as_bytes(),
            channel: channel.to_owned(),
            call: query_call(method, args, parts.genesis.limits.steps_per_tx),
            limits: call_limits(&parts.genesis.call),
        };
        let failure = ReadFailure::default();
        let stored = |score: &ScoreName| Stored {
            reader: self.reader().clone(),
            score: score.clone(),
            failure: failure.clone(),
        };
        let mut asked = Asked {
            scores: &parts.scores,
            genesis: &parts.genesis,
            active: Arc::clone(&parts.knowledge.borrow().active),
            turns: &parts.question_turns,
            turn: None,
            stored: &stored,
        };
        let address = *Address::of_score(score).as_bytes();
        let mut nest = Nest::new(&mut asked, score.as_str(), address);
        let mut state = stored(score);
        let deadline = Instant::now() + QUERY_TIMEOUT;
        let mut worker = seat.query_worker.lock().await;
        let outcome = worker.query_among(query, &mut state, &mut nest, deadline).await;
        drop(worker);
        if let Some(failure) = failure.take() {
            return Err(Rejection::new(Code::StoreFailed, failure));
        }
        match outcome {
            Outcome::NoResult(why @ NoResult::Deadline) => {
                Err(Rejection::new(Code::QueryTimeout, format!("{score}: {why}")))
            }
            Outcome::NoResult(why) => Err(internal(why.to_string())),
            Outcome::Receipts(receipts) => {
                let raw = receipts.into_iter().next();
                let raw = raw.ok_or_else(|| internal("no receipt".into()))?;
                tell(channel, score, None, &raw.logs);
                for (other, line) in &raw.others.logs {
                    if let Some(other) = ScoreName::new(other) {
                        tell(channel, &other, None, std::slice::from_ref(line));
                    }
                }
                let (receipt, _, _) = to_receipt(score, raw);
                Ok(QueryAnswer { receipt, height: tip.height, block: tip.block })
            }
        }
    }
}

fn query_call(method: &str, args: Vec<u8>, steps: u64) -> CallSpec {
    CallSpec {
        tx_hash: [0; 32],
        tx_index: 0,
        kind: CallKind::Query,
        origin: [0; 20],
        caller: [0; 20],
        role: 0,
        organisation: String::new(),
        method: method.to_owned(),
        args,
        steps,
    }
}

/// The first read that failed in a question: the question fails, whatever the SCOREs say.
#[derive(Clone, Default)]
struct ReadFailure(Arc<Mutex<Option<String>>>);

impl ReadFailure {
    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Stored state of one SCORE.
struct Stored {
    reader: Reader,
    score: ScoreName,
    failure: ReadFailure,
}

impl Stored {
    fn note<T>(&self, result: Result<T, StoreError>) -> Option<T> {
        result
            .map_err(|error| {
                let mut failure = self.failure.0.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert_with(|| error.to_string());
            })
            .ok()
    }
}

impl StateReader for Stored {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.note(self.reader.state_get(&self.score, key)).flatten()
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let after = (!after.is_empty()).then_some(after);
        let entries = self.reader.state_scan(&self.score, prefix, after, limit);
        self.note(entries).unwrap_or_default()
    }
}

/// The SCOREs that a question may ask in turn.
struct Asked<'a> {
    scores: &'a Scores,
    genesis: &'a ChannelGenesis,
    active: Arc<BTreeMap<ScoreName, ActiveScore>>,
    /// One question of the channel after the other asks further SCOREs: two that ask crosswise would
    /// wait for each other's workers.
    turns: &'a tokio::sync::Mutex<()>,
    turn: Option<tokio::sync::MutexGuard<'a, ()>>,
    stored: &'a (dyn Fn(&ScoreName) -> Stored + Sync),
}

impl Neighbours for Asked<'_> {
    fn find<'a>(
        &'a mut self,
        ask: &'a CallAsk,
        _caller: CallKind,
    ) -> Boxed<'a, Result<Result<Callee, Refusal>, NoResult>> {
        Box::pin(async move {
            if self.turn.is_none() {
                self.turn = Some(self.turns.lock().await);
            }
            // A frozen SCORE answers questions.
            let nothing = BTreeMap::new();
            callee(self.scores, self.genesis, &self.active, &nothing, (ask, CallKind::Query)).await
        })
    }

    fn place(&mut self, _score: &str) -> Place {
        // A question begins no batch.
        Place { parent: [0; 32], part: 0, fresh: true }
    }

    fn distrust(&mut self, _score: &str) {}

    fn get(&mut self, score: &str, key: &[u8]) -> Option<Vec<u8>> {
        (self.stored)(&ScoreName::new(score)?).get(key)
    }

    fn scan(
        &mut self,
        score: &str,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let score = ScoreName::new(score);
        score.map(|score| (self.stored)(&score).scan(prefix, after, limit)).unwrap_or_default()
    }
}
