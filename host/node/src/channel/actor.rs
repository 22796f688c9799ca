//! The actor of one channel: the only owner of its pipeline.
//!
//! In: [`Command`]s and timers, one after the other. Out: effects, carried out in order; it waits
//! for nothing slow itself. Deliberately not here: decisions.

use super::agreement::{self, Comparison};
use super::epochs::EpochStarter;
use super::evidence::{EvidenceBook, Recorded};
use super::executor_task::{Adopt, Work};
use super::intake::Verdict;
use super::journeys::Journeys;
use super::links::{Lane, Links};
use super::own_words;
use super::relay::Relay;
use super::room::Room;
use crate::signer::{ChannelSigner, Job};
use bytes::Bytes;
use host_core::clock::Now;
use host_core::effect::{Effect, To};
use host_core::ingest::{AdmitContext, AdmittedTx, Offered, admit_bodies};
use host_core::input::{Input, Timer};
use host_core::pipeline::{Pipeline, PipelineStatus, Whereabouts};
use host_core::vote::rule::Rule;
use host_store::Segments;
use host_types::block::{Block, RootPair};
use host_types::event::ChainEvent;
use host_types::message::{FetchReply, FetchRequest, PeerMessage};
use host_types::statement::Statement;
use host_types::{
    BlockId, Decode, Encode, Header, Height, RawTx, Rejection, SignedTransaction, TxId,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Commands that may wait for the actor. Peers and clients wait beyond: that is the back-pressure.
pub const COMMAND_QUEUE_MAX: usize = 4_096;
/// Answers of this node's own parts that may wait for the actor: far more than it can have asked
/// for, so that none of them ever waits for it while it waits for them.
pub const ANSWER_QUEUE_MAX: usize = 4_096;
/// Commands taken before effects go out, so that statements share one sync.
const COMMANDS_AT_ONCE: usize = 64;
/// A turn that took so long lets other tasks of the thread go first: channels share threads, and while
/// commands wait, nothing else would end this one's time.
const TURN_LONG: Duration = Duration::from_millis(1);
/// Views between two floors: the log keeps a few MiB, and its segments go away in time.
const FLOOR_VIEWS: u64 = 2_000;
/// Transactions of one gossip message.
const GOSSIP_TXS_MAX: usize = 512;

/// What the actor is told.
#[derive(Debug)]
pub enum Command {
    /// Something for the pipeline.
    Input(Input),
    /// Transactions of this node's clients, who wait for a verdict.
    Submit(Vec<(AdmittedTx, Verdict)>),
    /// Transactions that peers told.
    Told(Vec<AdmittedTx>),
    /// Blocks up to this height are stored.
    Stored(Height),
    /// A peer showed a statement that carries this node's signature.
    Shown(Box<Statement>),
    /// The channel's files failed.
    Halt(String),
    /// This node leaves the channel: end, and let go of everything.
    Stop,
    /// How is the pipeline?
    Status(oneshot::Sender<PipelineStatus>),
    /// A transaction that waits or stands in a block above the head.
    Waiting(TxId, oneshot::Sender<Option<Arc<SignedTransaction>>>),
    /// Where a transaction waits.
    Whereabouts(TxId, oneshot::Sender<Option<Whereabouts>>),
    /// Envelopes for a peer that lacks them.
    Bodies(Vec<TxId>, oneshot::Sender<Vec<RawTx>>),
    /// Header and ids of a block above the head.
    Proposal(BlockId, oneshot::Sender<Option<(Header, Vec<TxId>)>>),
}

/// Everything around a pipeline.
pub struct Actor {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What it acts on.
    pub world: World,
    /// When the process began, for the monotonic clock.
    pub started: Instant,
    /// The view up to which the sign log was told that nothing will be signed.
    pub floor: u64,
    /// The rule of an epoch that begins in this turn, and this node's index in it.
    pub next_rule: Option<(Box<dyn Rule>, Option<u16>)>,
}

/// Everything a pipeline's effects touch.
pub struct World {
    /// The way to the signer; none for a node that only follows.
    pub signer: Option<ChannelSigner>,
    /// Begins the next epoch.
    pub starter: EpochStarter,
    /// Files for payloads.
    pub segments: Segments,
    /// The way to the executor.
    pub work: mpsc::Sender<Work>,
    /// The other nodes.
    pub links: Arc<dyn Links>,
    /// How to check transactions that were fetched.
    pub context: Arc<dyn Fn() -> AdmitContext + Send + Sync>,
    /// Where events go.
    pub events: broadcast::Sender<ChainEvent>,
    /// The way to itself, for what comes back later.
    pub own: mpsc::Sender<Command>,
    /// Evidence against validators.
    pub evidence: Arc<EvidenceBook>,
    /// When transactions and blocks passed each stage.
    pub journeys: Arc<Journeys>,
    /// Where clients wait for room in the pool.
    pub room: Arc<Room>,
    /// The way of own statements through a member of the group.
    pub relay: Arc<Relay>,
    /// How to find out where results part.
    pub comparison: Comparison,
    /// Called with ids that expired.
    pub expired: Arc<dyn Fn(Vec<TxId>) + Send + Sync>,
    /// Called when the channel halts.
    pub halted: Arc<dyn Fn(String) + Send + Sync>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor").field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}

/// One turn's gathered wishes.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) jobs: Vec<Job>,
    verdicts: BTreeMap<TxId, Rejection>,
}

impl Actor {
    /// Runs until every sender is gone or the channel halts. `answers` come from this node's own
    /// signer, executor and store, and go before whatever peers and clients say. `shown` are statements of
    /// this node that others hold: the signer looks at them before it signs anything.
    pub async fn run(
        mut self,
        mut shown: mpsc::Receiver<Statement>,
        mut answers: mpsc::Receiver<Command>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        let mut timers: BTreeMap<(Instant, Timer), ()> = BTreeMap::new();
        let mut first = Vec::new();
        let asked = async {
            while let Some(statement) = shown.recv().await {
                first.push(Command::Shown(Box::new(statement)));
            }
        };
        // Who is not there now answers later, and is heard then.
        tokio::time::timeout(own_words::WAIT, asked).await.ok();
        shown.close();
        drop(shown);
        first.push(Command::Input(Input::Start));
        self.turn(first, &mut timers).await;
        loop {
            let next = timers.keys().next().map(|(at, _)| *at);
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600));
            let (mut taken, mut said) = (Vec::new(), Vec::new());
            tokio::select! {
                biased;
                count = answers.recv_many(&mut taken, COMMANDS_AT_ONCE) => {
                    if count == 0 {
                        return;
                    }
                }
                count = commands.recv_many(&mut said, COMMANDS_AT_ONCE) => {
                    if count == 0 {
                        return;
                    }
                }
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            taken.append(&mut said);
            let now = Instant::now();
            while let Some(&(at, timer)) = timers.keys().next().filter(|(at, _)| *at <= now) {
                timers.remove(&(at, timer));
                taken.push(Command::Input(Input::Timer(timer)));
            }
            if self.turn(taken, &mut timers).await {
                return;
            }
            if now.elapsed() >= TURN_LONG {
                tokio::task::yield_now().await;
            }
        }
    }

    fn now(&self) -> Now {
        let tick_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { tick_ms, wall: super::intake::wall_clock() }
    }

    /// True when the channel has halted or is left.
    async fn turn(
        &mut self,
        commands: Vec<Command>,
        timers: &mut BTreeMap<(Instant, Timer), ()>,
    ) -> bool {
        let mut turn = Turn::default();
        for command in commands {
            match command {
                Command::Input(input) => self.input(input, &mut turn, timers).await,
                Command::Told(transactions) => {
                    let ids: Vec<_> = transactions.iter().map(AdmittedTx::id).collect();
                    let input = Input::Admitted { transactions, is_local: false };
                    self.input(input, &mut turn, timers).await;
                    self.note_pooled(ids, &turn);
                }
                Command::Submit(batch) => self.submit(batch, &mut turn, timers).await,
                Command::Stored(height) => {
                    self.world.journeys.stored(height, super::intake::wall_clock());
                    self.input(Input::Committed { height }, &mut turn, timers).await;
                    self.raise_floor(&mut turn);
                }
                Command::Halt(reason) => {
                    tracing::error!(code = %host_types::Code::StoreFailed, "the channel is halted: {reason}");
                    (self.world.halted)(reason.clone());
                    self.world.events.send(ChainEvent::ChannelHalted { reason }).ok();
                    return true;
                }
                Command::Stop => return true,
                Command::Shown(statement) => {
                    let Statement { epoch, slots, .. } = *statement;
                    turn.jobs.push(Job::Shown { epoch, slots });
                }
                ask => self.answer(ask),
            }
        }
        self.world.room.tell(self.pipeline.pool_percent());
        if let Some(signer) = &self.world.signer {
            signer.submit(turn.jobs);
        }
        false
    }

    /// Views below the last final block are never signed again: told to the sign log now and then,
    /// because it costs a sync of its own.
    fn raise_floor(&mut self, turn: &mut Turn) {
        let header = &self.pipeline.head().header;
        // A view of the epoch before is none of this one.
        let of_now = header.epoch.get() == self.pipeline.epoch().get();
        let view = if of_now { header.view.get().saturating_sub(1) } else { 0 };
        let is_rejoining = self.world.signer.as_ref().is_some_and(ChannelSigner::is_rejoining);
        // A floor would say that the registers above it are known.
        if view >= self.floor + FLOOR_VIEWS && !is_rejoining {
            self.floor = view;
            turn.jobs.push(Job::Floor { view: host_types::View::new(view) });
        }
    }

    async fn submit(
        &mut self,
        batch: Vec<(AdmittedTx, Verdict)>,
        turn: &mut Turn,
        timers: &mut BTreeMap<(Instant, Timer), ()>,
    ) {
        let transactions = batch.iter().map(|(tx, _)| tx.clone()).collect();
        self.input(Input::Admitted { transactions, is_local: true }, turn, timers).await;
        self.note_pooled(batch.iter().map(|(tx, _)| tx.id()), turn);
        for (tx, verdict) in batch {
            let answer = turn.verdicts.get(&tx.id()).cloned().map_or(Ok(()), Err);
            // The client may have gone away.
            verdict.send(answer).ok();
        }
        turn.verdicts.clear();
    }

    /// What was not refused waits in the pool now.
    fn note_pooled(&self, ids: impl IntoIterator<Item = TxId>, turn: &Turn) {
        let taken = ids.into_iter().filter(|id| !turn.verdicts.contains_key(id));
        self.world.journeys.pooled(taken, super::intake::wall_clock());
    }

    fn answer(&self, ask: Command) {
        match ask {
            Command::Status(reply) => drop(reply.send(self.pipeline.status())),
            Command::Waiting(id, reply) => drop(reply.send(self.find(&id))),
            Command::Whereabouts(id, reply) => drop(reply.send(self.pipeline.whereabouts(&id))),
            Command::Bodies(ids, reply) => {
                let found = self.pipeline.bodies(&ids).iter().map(|tx| tx.raw()).collect();
                drop(reply.send(found));
            }
            Command::Proposal(block, reply) => {
                let found = self.pipeline.proposal(&block).map(|(h, ids)| (h, ids.to_vec()));
                drop(reply.send(found));
            }
            Command::Input(_)
            | Command::Shown(_)
            | Command::Submit(_)
            | Command::Told(_)
            | Command::Stored(_)
            | Command::Halt(_)
            | Command::Stop => {}
        }
    }

    fn find(&self, id: &TxId) -> Option<Arc<SignedTransaction>> {
        let waiting = self.pipeline.waiting(id).map(|tx| Arc::clone(tx.transaction()));
        waiting.or_else(|| self.pipeline.speculative(id))
    }

    async fn input(
        &mut self,
        input: Input,
        turn: &mut Turn,
        timers: &mut BTreeMap<(Instant, Timer), ()>,
    ) {
        let mut effects = Vec::new();
        self.pipeline.handle(self.now(), input, &mut effects);
        loop {
            for effect in std::mem::take(&mut effects) {
                match effect {
                    Effect::BeginEpoch { config, root } => {
                        self.begin_epoch(config, &root, turn);
                    }
                    effect => self.world.carry_out(effect, turn, timers).await,
                }
            }
            let Some(next) = self.next_rule.take() else { return };
            self.pipeline.begin_epoch(self.now(), next, &mut effects);
        }
    }
}

impl World {
    async fn carry_out(
        &self,
        effect: Effect,
        turn: &mut Turn,
        timers: &mut BTreeMap<(Instant, Timer), ()>,
    ) {
        match effect {
            Effect::Sign { sequence, slots, body, needs } => {
                let needs_files = !needs.is_empty();
                self.journeys.voted(&needs, super::intake::wall_clock());
                turn.jobs.push(Job::Sign { sequence, slots, body, needs_files });
            }
            Effect::Persist { view, record } => turn.jobs.push(Job::Persist { view, record }),
            Effect::Send { to, message } => self.send(to, &message),
            Effect::StorePayload { block } => {
                self.journeys.proposed(block.id(), super::intake::wall_clock());
                if let Err(error) = self.segments.append_block(&block) {
                    self.halt(error.to_string());
                }
            }
            Effect::Execute { block } => {
                self.journeys.proposed(block.id(), super::intake::wall_clock());
                self.order(Work::Execute(Box::new(block))).await;
            }
            Effect::Forget { block } => self.order(Work::Forget(block)).await,
            Effect::Commit { blocks } => {
                let decided = blocks.iter().map(|f| (f.block.header().height, f.pair.block));
                self.journeys.decided(decided, super::intake::wall_clock());
                self.order(Work::Commit(blocks)).await;
            }
            Effect::Fetch { from, block, request } => self.fetch(from, block, request),
            Effect::SetTimer { timer, after_ms } => {
                timers.retain(|(_, other), ()| *other != timer);
                timers.insert((Instant::now() + Duration::from_millis(after_ms), timer), ());
            }
            Effect::CancelTimer { timer } => timers.retain(|(_, other), ()| *other != timer),
            Effect::Gossip { transactions } => self.gossip(&transactions),
            Effect::Refused { id, rejection } => drop(turn.verdicts.insert(id, rejection)),
            Effect::Expired { ids } => (self.expired)(ids),
            // The actor's own: it takes more than the world.
            Effect::BeginEpoch { .. } => {}
            Effect::Emit(event) => drop(self.events.send(event)),
            Effect::Penalise { node, reason } => {
                tracing::warn!(node, "{reason}");
                self.links.penalise(node, &reason);
            }
            Effect::Close { view } => turn.jobs.push(Job::Close { view }),
            Effect::Repair { block, agreed, .. } => self.repair(block, agreed),
            Effect::Compare { block, votes } => self.compare(block, votes),
            Effect::Evidence { signer, statements } => self.accuse(signer, &statements),
            Effect::Log { level, line } => match level {
                1 => tracing::error!("{line}"),
                2 => tracing::warn!("{line}"),
                3 => tracing::info!("{line}"),
                _ => tracing::debug!("{line}"),
            },
        }
    }

    /// Keeps what the rule found against a validator, when it proves it.
    fn accuse(&self, signer: u16, statements: &[Vec<u8>; 2]) {
        let code = host_types::Code::EvidenceFound;
        match self.evidence.record(signer, statements) {
            Ok(Recorded::New) => {
                self.show(signer, statements);
                tracing::warn!(
                    %code,
                    signer,
                    "a validator signed two statements that cannot both be honest"
                );
                self.events.send(ChainEvent::EvidenceFound { signer }).ok();
                let book = Arc::clone(&self.evidence);
                // The disk is slow, and a second statement is no less evidence when it is lost.
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = book.save() {
                        tracing::error!(code = %error.code, "evidence is not on disk: {error}");
                    }
                });
            }
            Ok(Recorded::Known | Recorded::Full) => {}
            Err(why) => tracing::error!(signer, "the rule accuses a validator wrongly: {why}"),
        }
    }

    /// Shows a validator what it signed: if it knows nothing of it, somebody else has its key.
    fn show(&self, signer: u16, statements: &[Vec<u8>; 2]) {
        for statement in statements.iter().filter_map(|bytes| Statement::from_bytes(bytes).ok()) {
            self.send(To::Validator(signer), &PeerMessage::Statement(statement));
        }
    }

    /// Tells itself, without waiting for its own queue.
    pub(super) fn halt(&self, reason: String) {
        let own = self.own.clone();
        tokio::spawn(async move { own.send(Command::Halt(reason)).await });
    }

    fn repair(&self, block: Block, agreed: RootPair) {
        let (links, own, work) = (Arc::clone(&self.links), self.own.clone(), self.work.clone());
        tokio::spawn(async move {
            let id = block.id();
            match agreement::fetch_outcome(&links, id, agreed).await {
                // The executor is gone only when the channel stops.
                Ok(outcome) => {
                    work.send(Work::Adopt(Box::new(Adopt { block, agreed, outcome }))).await.ok();
                }
                Err(why) => {
                    let input = Input::Repaired { block: id, result: Err(why) };
                    own.send(Command::Input(input)).await.ok();
                }
            }
        });
    }

    fn compare(&self, block: BlockId, votes: Vec<(u16, RootPair)>) {
        let (comparison, own) = (self.comparison.clone(), self.own.clone());
        tokio::spawn(async move {
            let places = comparison.places(block, votes).await;
            own.send(Command::Input(Input::Parted { block, places })).await.ok();
        });
    }

    async fn order(&self, work: Work) {
        // The executor is gone only when the channel stops.
        self.work.send(work).await.ok();
    }

    fn send(&self, to: To, message: &PeerMessage) {
        if let (To::All, PeerMessage::Statement(statement)) = (to, message)
            && self.relay.take(statement)
        {
            return;
        }
        self.links.send(Lane::Consensus, to, Bytes::from(message.to_bytes()));
    }

    fn gossip(&self, transactions: &[AdmittedTx]) {
        for chunk in transactions.chunks(GOSSIP_TXS_MAX) {
            let raw = chunk.iter().map(|tx| tx.transaction().raw()).collect();
            let message = PeerMessage::Transactions(raw);
            self.links.send(Lane::Transactions, To::All, Bytes::from(message.to_bytes()));
        }
    }

    fn fetch(&self, from: Option<u64>, block: Option<BlockId>, request: FetchRequest) {
        let (links, own) = (Arc::clone(&self.links), self.own.clone());
        let context = Arc::clone(&self.context);
        tokio::spawn(async move {
            let found = links.fetch(from, &request).await;
            let input = match (found, block, request) {
                (Some((from, FetchReply::Blocks(range))), _, _) => {
                    Some(Input::FetchedBlocks { from, range })
                }
                (None, _, FetchRequest::Blocks { .. }) => {
                    Some(Input::FetchedBlocks { from: 0, range: None })
                }
                (Some((_, FetchReply::Head(height))), ..) => Some(Input::PeerHead { height }),
                (Some((_, FetchReply::Proposal(found))), Some(block), _) => {
                    Some(Input::FetchedProposal { block, found })
                }
                (Some((_, FetchReply::Bodies(raw))), Some(block), _) => {
                    let now = context();
                    let offered: Vec<_> = raw.into_iter().map(Offered::Raw).collect();
                    let check = move || admit_bodies(&offered, &now);
                    let checked = tokio::task::spawn_blocking(check).await;
                    let transactions = checked.unwrap_or_default().into_iter().flatten().collect();
                    Some(Input::FetchedBodies { block, transactions })
                }
                _ => None,
            };
            if let Some(input) = input {
                own.send(Command::Input(input)).await.ok();
            }
        });
    }
}
