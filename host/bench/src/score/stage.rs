//! A channel of a few workers without blocks and disks, for `bench score`.
//!
//! In: SCORE files and calls. Out: how long the peer waited for a block of one batch. Each block is
//! final at once.

use crate::error::BenchError;
use score_native_link::{
    Batch, Boxed, CallAsk, CallKind, CallLimits, CallSpec, Callee, Neighbours, Nest, NoResult,
    Outcome, Place, Pool, Refusal, Sandbox, Seat, SeatKey, StateReader, WorkerConfig, refusal,
};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Long enough for a busy machine; what takes longer is no figure.
const PATIENCE: Duration = Duration::from_secs(60);
/// Steps of a call: more than any kernel takes.
const STEPS: u64 = 2_000_000_000;

type Values = BTreeMap<(String, Vec<u8>), Vec<u8>>;

/// An account.
const fn address(number: u8) -> [u8; 20] {
    [number; 20]
}

/// The address of the SCORE `caller` here; it gets the whole supply.
const CALLER: [u8; 20] = address(9);

/// A transaction of account 1.
pub(super) fn call(method: &str, args: &[u8]) -> CallSpec {
    CallSpec {
        tx_hash: [7; 32],
        tx_index: 0,
        kind: CallKind::Invoke,
        origin: address(1),
        caller: CALLER,
        role: 0,
        organisation: String::new(),
        method: method.to_owned(),
        args: args.to_vec(),
        steps: STEPS,
    }
}

/// `deploy(2^32 - 1)` of the token.
pub(super) fn deploy() -> CallSpec {
    let args = [0x81, 0x1a, 0xff, 0xff, 0xff, 0xff];
    CallSpec { kind: CallKind::Deploy, ..call("deploy", &args) }
}

/// A transfer of 1.
pub(super) fn transfer() -> CallSpec {
    call("transfer", &[&[0x82, 0x54][..], &address(2), &[1]].concat())
}

/// A transfer of 1 that `caller` asks `token` for.
pub(super) fn nested() -> CallSpec {
    call("try_pay", &[&[0x83, 0x65][..], b"token", &[0x54], &address(2), &[1]].concat())
}

/// Some milliseconds of work.
pub(super) fn kernel(name: &str) -> CallSpec {
    call(name, &[0x81, 10])
}

/// The workers, what they wrote, and the number of the last block.
pub(super) struct Stage {
    seats: BTreeMap<&'static str, Arc<Seat>>,
    state: Values,
    block: u64,
    ran: BTreeMap<String, u64>,
    parts: BTreeMap<String, u32>,
}

impl Stage {
    /// Starts a worker for each SCORE.
    pub(super) async fn start(
        (program, args): &(PathBuf, Vec<OsString>),
        scores: &[(&'static str, &[u8])],
    ) -> Result<Self, BenchError> {
        let (pool, mut seats) = (Pool::default(), BTreeMap::new());
        for (name, bytes) in scores {
            let config = WorkerConfig::new(program, args.clone(), Sandbox::Strict, bytes);
            let config = config.map_err(|error| BenchError::Score(error.to_string()))?;
            let score = (*name).to_owned();
            let key = SeatKey { channel: "bench".into(), score, artefact: [0; 32] };
            let seat = pool.seat(&key, config).await;
            seats.insert(*name, seat.map_err(|why| BenchError::Score(why.to_string()))?);
        }
        let (state, ran, parts) = (Values::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { seats, state, block: 0, ran, parts })
    }

    /// Executes a block of one batch and makes it final; how long the batch took.
    pub(super) async fn block(
        &mut self,
        score: &'static str,
        calls: Vec<CallSpec>,
    ) -> Result<Duration, BenchError> {
        self.block += 1;
        self.parts.clear();
        let Self { seats, state, block, ran, parts } = self;
        let lost = || BenchError::void(format!("no worker of {score}"));
        let seat = Arc::clone(seats.get(score).ok_or_else(lost)?);
        let mut own = Own { state, score };
        let mut others = Others { seats, state, block: *block, ran, parts };
        let Place { parent, part, fresh } = others.place(score);
        let batch = Batch {
            block: id(*block),
            parent,
            part,
            height: *block,
            time_us: 1,
            block_seed: [0; 32],
            channel: "bench".into(),
            calls,
            fresh,
            steps: u64::MAX,
            limits: CallLimits::MOST,
        };
        let mut nest = Nest::new(&mut others, score, CALLER);
        let mut worker = seat.worker.lock().await;
        let started = Instant::now();
        let deadline = started + PATIENCE;
        let outcome = worker.execute_among(batch, &mut own, &mut nest, deadline).await;
        let took = started.elapsed();
        drop(worker);
        let receipts = match outcome {
            Outcome::Receipts(receipts) => receipts,
            Outcome::NoResult(why) => return Err(BenchError::Score(why.to_string())),
        };
        for receipt in receipts {
            let own = receipt.writes.into_iter();
            let own = own.map(|write| ((score.to_owned(), write.key), write.value));
            for (place, value) in own.chain(receipt.others.writes) {
                match value {
                    Some(value) => drop(self.state.insert(place, value)),
                    None => drop(self.state.remove(&place)),
                }
            }
        }
        for (name, seat) in &self.seats {
            if self.ran.get(*name) == Some(&self.block) {
                seat.worker.lock().await.finalize(id(self.block)).await;
            }
        }
        Ok(took)
    }
}

fn id(block: u64) -> [u8; 32] {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&block.to_be_bytes());
    id
}

/// State of one SCORE.
struct Own<'a> {
    state: &'a Values,
    score: &'a str,
}

impl StateReader for Own<'_> {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.state.get(&(self.score.to_owned(), key.to_vec())).cloned()
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = self.state.range((self.score.to_owned(), Vec::new())..);
        let own = all.take_while(|((score, _), _)| score == self.score);
        let fits = own.filter(|((_, k), _)| k.starts_with(prefix) && k.as_slice() > after);
        fits.take(limit).map(|((_, k), v)| (k.clone(), v.clone())).collect()
    }
}

/// The other SCOREs.
struct Others<'a> {
    seats: &'a BTreeMap<&'static str, Arc<Seat>>,
    state: &'a Values,
    block: u64,
    ran: &'a mut BTreeMap<String, u64>,
    parts: &'a mut BTreeMap<String, u32>,
}

impl Neighbours for Others<'_> {
    fn find<'a>(
        &'a mut self,
        ask: &'a CallAsk,
        _caller: CallKind,
    ) -> Boxed<'a, Result<Result<Callee, Refusal>, NoResult>> {
        let found = self.seats.get(&*ask.score).map(|seat| Callee {
            seat: Arc::clone(seat),
            address: CALLER,
            kind: CallKind::Invoke,
            args: ask.args.clone(),
        });
        let unknown = || Refusal { code: refusal::NO_SCORE, text: "no such SCORE".into() };
        Box::pin(std::future::ready(Ok(found.ok_or_else(unknown))))
    }

    fn place(&mut self, score: &str) -> Place {
        let part = self.parts.entry(score.to_owned()).or_default();
        let ran = self.ran.insert(score.to_owned(), self.block);
        let place = Place {
            parent: id(ran.unwrap_or_default()),
            part: *part,
            fresh: ran.is_none() && *part == 0,
        };
        *part += 1;
        place
    }

    fn distrust(&mut self, _score: &str) {}

    fn get(&mut self, score: &str, key: &[u8]) -> Option<Vec<u8>> {
        Own { state: self.state, score }.get(key)
    }

    fn scan(
        &mut self,
        score: &str,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        Own { state: self.state, score }.scan(prefix, after, limit)
    }
}
