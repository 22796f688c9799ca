//! The engine that runs `.so` files in the sandboxed workers of a node, through `score-native-link`.
//!
//! In: calls. Out: receipts. SCOREs call each other as on a node, by its [`Nest`]. With dice it also does
//! what a node on a bad day does: it starts a worker again, cuts a block into several batches, lets
//! blocks wait for finality, executes one twice. None of that may be seen in a receipt.
#![expect(clippy::panic, reason = "a test without a result fails by a panic")]

use crate::{
    address,
    dice::Dice,
    engine::{CHANNEL, Engine, Entries, Moment, Parts, Sent, World, apply},
    interface::Interface,
    library::{self, LibraryError},
};
use score_native_abi::refusal;
use score_native_link::{
    Batch, BlockId, Boxed, CallAsk, CallKind, CallLimits, CallReceipt, Callee, Neighbours, Nest,
    NoResult, Outcome, Place, Query, QueryWorker, Refusal, Seat, StateReader, Worker, WorkerConfig,
};
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::Mutex};

/// Time a batch gets; far more than its steps take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Blocks that wait for finality at most; a node is not further behind for long.
const UNFINISHED_MAX: usize = 8;

/// Times a worker is started anew for no reason: each costs some milliseconds of a test.
const RESTARTS_MAX: u32 = 8;

/// What drives the talk with all workers: SCOREs of one chain wait for each other.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let built = runtime.worker_threads(1).enable_all().build();
        built.unwrap_or_else(|error| panic!("no runtime for the workers: {error}"))
    })
}

/// A SCORE and its workers.
pub(crate) struct Member {
    config: WorkerConfig,
    manifest: String,
    interface: Interface,
    seat: Arc<Seat>,
    /// The last block that it ran in, before the one that runs.
    parent: BlockId,
    /// How many batches it had in the block that runs.
    part: u32,
    /// Its worker remembers what was undone.
    distrusted: bool,
}

impl Member {
    /// Checks the file as a peer does, and starts its worker.
    pub(crate) fn start(so: &[u8], config: WorkerConfig) -> Result<Self, LibraryError> {
        let manifest = library::checked(so)?.manifest;
        let manifest = serde_json::to_string(&manifest).map_err(std::io::Error::from)?;
        Self::with(config, manifest)
    }

    fn with(config: WorkerConfig, manifest: String) -> Result<Self, LibraryError> {
        let worker = runtime()
            .block_on(Worker::start(config.clone()))
            .map_err(|reason| LibraryError::Worker(reason.to_string()))?;
        let questions = || Mutex::new(QueryWorker::new(config.clone()));
        let seat = Seat {
            worker: Mutex::new(worker),
            query_worker: questions(),
            called_worker: questions(),
        };
        let interface = Interface::of(&manifest);
        let (parent, seat) = ([0; 32], Arc::new(seat));
        Ok(Self { config, manifest, interface, seat, parent, part: 0, distrusted: false })
    }

    /// The same SCORE in a worker that is started otherwise.
    pub(crate) fn under(&self, config: WorkerConfig) -> Result<Self, LibraryError> {
        Self::with(config, self.manifest.clone())
    }

    /// Where its next batch stands in the running block.
    fn place(&mut self) -> Place {
        let fresh = std::mem::take(&mut self.distrusted);
        let place = Place { parent: self.parent, part: self.part, fresh };
        self.part += 1;
        place
    }
}

/// The SCOREs of a chain in their workers. See the head of this file.
pub(crate) struct Jailed {
    members: BTreeMap<String, Member>,
    name: String,
    /// The last block that was executed.
    parent: BlockId,
    /// How many blocks there were: their ids.
    blocks: u64,
    /// Executed and not yet final.
    unfinished: Vec<BlockId>,
    dice: Option<Dice>,
    restarts: u32,
}

impl Jailed {
    pub(crate) fn new(members: BTreeMap<String, Member>) -> Self {
        Self::with(members, "the worker".into(), None)
    }

    /// Workers that are treated badly.
    pub(crate) const fn under(members: BTreeMap<String, Member>, name: String, dice: Dice) -> Self {
        Self::with(members, name, Some(dice))
    }

    const fn with(members: BTreeMap<String, Member>, name: String, dice: Option<Dice>) -> Self {
        let parent = [0; 32];
        Self { members, name, parent, blocks: 0, unfinished: Vec::new(), dice, restarts: 0 }
    }

    pub(crate) const fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    fn member(&mut self, score: &str) -> &mut Member {
        let found = self.members.get_mut(score);
        found.unwrap_or_else(|| panic!("the chain has no SCORE `{score}`"))
    }

    /// A process of some SCORE that remembers nothing.
    fn restart(&mut self) {
        let count = self.members.len() as u64;
        let dice = self.dice.as_mut().filter(|_| count > 1);
        let at = dice.map_or(0, |dice| dice.below(count)) as usize;
        let Some(member) = self.members.values().nth(at) else { return };
        match runtime().block_on(Worker::start(member.config.clone())) {
            Ok(worker) => *runtime().block_on(member.seat.worker.lock()) = worker,
            Err(reason) => panic!("{}: it does not start again: {reason}", self.name),
        }
        self.restarts += 1;
    }

    /// Runs calls of one SCORE.
    fn execute(&mut self, moment: &Moment, sent: &[Sent], world: &World) -> Vec<CallReceipt> {
        let Some(Sent { score, .. }) = sent.first() else { return Vec::new() };
        let Place { parent, part, fresh } = self.member(score).place();
        let batch = Batch {
            block: id(self.blocks),
            parent,
            part,
            height: moment.height,
            time_us: moment.time_us,
            block_seed: moment.block_seed,
            channel: CHANNEL.to_owned(),
            calls: sent.iter().map(|sent| sent.call.clone()).collect(),
            fresh,
            steps: u64::MAX,
            limits: CallLimits::MOST,
        };
        let seat = Arc::clone(&self.member(score).seat);
        let mut around = Around { members: &mut self.members, world };
        let mut nest = Nest::new(&mut around, score, address::of_score(score));
        let (mut reader, deadline) = (Reader(world, score), Instant::now() + DEADLINE);
        let ran = runtime().block_on(async {
            let mut worker = seat.worker.lock().await;
            worker.execute_among(batch, &mut reader, &mut nest, deadline).await
        });
        self.receipts(ran)
    }

    fn receipts(&self, outcome: Outcome) -> Vec<CallReceipt> {
        match outcome {
            Outcome::Receipts(receipts) => receipts,
            Outcome::NoResult(reason) => panic!("{}: no result: {reason}", self.name),
        }
    }

    /// One block, in as many batches as the SCOREs and the dice say.
    fn block(&mut self, moment: &Moment, calls: &[Sent], world: &World) -> Vec<CallReceipt> {
        let mut world = world.clone();
        let (mut receipts, mut rest) = (Vec::new(), calls);
        self.members.values_mut().for_each(|member| member.part = 0);
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|sent| sent.score == first.score);
            let most = same.count() as u64;
            let now = self.dice.as_mut().map_or(most, |dice| 1 + dice.below(most));
            let (calls, later) = rest.split_at(now as usize);
            let is_restarted = self.dice.as_mut().is_some_and(|dice| dice.once_in(8));
            if is_restarted && self.restarts < RESTARTS_MAX {
                self.restart();
            }
            let done = self.execute(moment, calls, &world);
            done.iter().for_each(|receipt| apply(&mut world, &first.score, receipt));
            receipts.extend(done);
            rest = later;
        }
        receipts
    }

    /// Makes blocks final: all of them, or as many as the dice say.
    fn finalize(&mut self) {
        self.unfinished.push(id(self.blocks));
        let waits = self.dice.as_mut().is_some_and(|dice| !dice.once_in(3));
        if waits && self.unfinished.len() < UNFINISHED_MAX {
            return;
        }
        for block in std::mem::take(&mut self.unfinished) {
            for member in self.members.values() {
                runtime().block_on(async { member.seat.worker.lock().await.finalize(block).await });
            }
        }
    }
}

/// The id of the nth block.
fn id(number: u64) -> BlockId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id
}

impl Engine for Jailed {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn manifests(&self) -> BTreeMap<String, String> {
        let of = |(name, member): (&String, &Member)| (name.clone(), member.manifest.clone());
        self.members.iter().map(of).collect()
    }

    fn run_block(&mut self, moment: &Moment, calls: &[Sent], world: &World) -> Vec<CallReceipt> {
        self.blocks += 1;
        let mut receipts = self.block(moment, calls, world);
        if self.dice.as_mut().is_some_and(|dice| dice.once_in(5)) {
            // A rival took its place and lost.
            receipts = self.block(moment, calls, world);
        }
        self.finalize();
        self.parent = id(self.blocks);
        for member in self.members.values_mut().filter(|member| member.part > 0) {
            member.parent = self.parent;
        }
        receipts
    }

    fn ask(&mut self, moment: &Moment, question: &Sent, world: &World) -> CallReceipt {
        let Sent { score, call } = question;
        let query = Query {
            snapshot: self.parent,
            height: moment.height,
            time_us: moment.time_us,
            block_seed: moment.block_seed,
            channel: CHANNEL.to_owned(),
            call: call.clone(),
            limits: CallLimits::MOST,
        };
        let seat = Arc::clone(&self.member(score).seat);
        let mut around = Around { members: &mut self.members, world };
        let mut nest = Nest::new(&mut around, score, address::of_score(score));
        let (mut reader, deadline) = (Reader(world, score), Instant::now() + DEADLINE);
        let asked = runtime().block_on(async {
            let mut worker = seat.query_worker.lock().await;
            worker.query_among(query, &mut reader, &mut nest, deadline).await
        });
        let receipt = self.receipts(asked).pop();
        receipt.unwrap_or_else(|| panic!("{}: no receipt", self.name))
    }

    fn is_metered(&self) -> bool {
        true
    }

    fn fork(&self) -> Box<dyn Engine> {
        let again = |(name, member): (&String, &Member)| {
            let other = member.under(member.config.clone());
            let other = other.unwrap_or_else(|reason| panic!("{name}: no other one: {reason}"));
            (name.clone(), other)
        };
        let members = self.members.iter().map(again).collect();
        Box::new(Self::with(members, self.name.clone(), self.dice.clone()))
    }

    fn forget(&mut self) {
        // A block that nobody executed: the workers ask for the whole state.
        self.blocks += 1;
        self.parent = id(self.blocks);
        self.unfinished.clear();
        for member in self.members.values_mut() {
            member.parent = self.parent;
        }
    }

    fn into_parts(self: Box<Self>) -> Parts {
        Parts::Jailed(self.members)
    }
}

/// What a SCORE's calls reach.
struct Around<'a> {
    members: &'a mut BTreeMap<String, Member>,
    world: &'a World,
}

impl Around<'_> {
    fn callee(&self, ask: &CallAsk, caller: CallKind) -> Result<Callee, Refusal> {
        let Some(member) = self.members.get(&ask.score) else {
            let text = format!("{CHANNEL} has no SCORE `{}`", ask.score.escape_debug());
            return Err(Refusal { code: refusal::NO_SCORE, text });
        };
        let (kind, args) = member.interface.called(&ask.method, &ask.args, caller);
        let (seat, address) = (Arc::clone(&member.seat), address::of_score(&ask.score));
        Ok(Callee { seat, address, kind, args })
    }
}

impl Neighbours for Around<'_> {
    fn find<'a>(
        &'a mut self,
        ask: &'a CallAsk,
        caller: CallKind,
    ) -> Boxed<'a, Result<Result<Callee, Refusal>, NoResult>> {
        Box::pin(std::future::ready(Ok(self.callee(ask, caller))))
    }

    fn place(&mut self, score: &str) -> Place {
        let nowhere = Place { parent: [0; 32], part: 0, fresh: true };
        self.members.get_mut(score).map_or(nowhere, Member::place)
    }

    fn distrust(&mut self, score: &str) {
        if let Some(member) = self.members.get_mut(score) {
            member.distrusted = true;
        }
    }

    fn get(&mut self, score: &str, key: &[u8]) -> Option<Vec<u8>> {
        Reader(self.world, score).get(key)
    }

    fn scan(
        &mut self,
        score: &str,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        Reader(self.world, score).scan(prefix, after, limit)
    }
}

/// The state of a SCORE as it is now.
struct Reader<'a>(&'a World, &'a str);

impl Reader<'_> {
    fn state(&self) -> Option<&Entries> {
        self.0.get(self.1)
    }
}

impl StateReader for Reader<'_> {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.state()?.get(key).cloned()
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let from = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let entries = |state: &Entries| {
            let entries = state.range::<[u8], _>((from, Bound::Unbounded));
            let under = entries.take_while(|(key, _)| key.starts_with(prefix));
            under.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        self.state().map(entries).unwrap_or_default()
    }
}
