//! The actor of one channel: the only owner of its pipeline.
//!
//! In: [`Command`]s and timers, one after the other. Out: effects, carried out in order; it waits
//! for nothing slow itself. Deliberately not here: decisions.

use super::evidence::{EvidenceBook, Recorded};
use super::executor_task::Work;
use super::intake::Verdict;
use super::links::{Lane, Links};
use crate::signer::{ChannelSigner, Job};
use bytes::Bytes;
use host_core::clock::Now;
use host_core::effect::{Effect, To};
use host_core::ingest::{AdmitContext, AdmittedTx, Offered, admit_bodies};
use host_core::input::{Input, Timer};
use host_core::pipeline::{Pipeline, PipelineStatus};
use host_store::Segments;
use host_types::event::ChainEvent;
use host_types::message::{FetchReply, FetchRequest, PeerMessage};
use host_types::{BlockId, Encode, Header, Height, RawTx, Rejection, SignedTransaction, TxId};
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
    /// The channel's files failed.
    Halt(String),
    /// How is the pipeline?
    Status(oneshot::Sender<PipelineStatus>),
    /// A transaction that waits or stands in a block above the head.
    Waiting(TxId, oneshot::Sender<Option<Arc<SignedTransaction>>>),
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
}

/// Everything a pipeline's effects touch.
pub struct World {
    /// The way to the signer; none for a node that only follows.
    pub signer: Option<ChannelSigner>,
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
struct Turn {
    jobs: Vec<Job>,
    verdicts: BTreeMap<TxId, Rejection>,
}

impl Actor {
    /// Runs until every sender is gone or the channel halts. `answers` come from this node's own
    /// signer, executor and store, and go before whatever peers and clients say.
    pub async fn run(
        mut self,
        mut answers: mpsc::Receiver<Command>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        let mut timers: BTreeMap<(Instant, Timer), ()> = BTreeMap::new();
        self.turn(vec![Command::Input(Input::Start)], &mut timers).await;
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
        }
    }

    fn now(&self) -> Now {
        let tick_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { tick_ms, wall: super::intake::wall_clock() }
    }

    /// True when the channel has halted.
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
                    let input = Input::Admitted { transactions, is_local: false };
                    self.input(input, &mut turn, timers).await;
                }
                Command::Submit(batch) => self.submit(batch, &mut turn, timers).await,
                Command::Stored(height) => {
                    self.input(Input::Committed { height }, &mut turn, timers).await;
                    self.raise_floor(&mut turn);
                }
                Command::Halt(reason) => {
                    tracing::error!(code = %host_types::Code::StoreFailed, "the channel is halted: {reason}");
                    (self.world.halted)(reason.clone());
                    self.world.events.send(ChainEvent::ChannelHalted { reason }).ok();
                    return true;
                }
                ask => self.answer(ask),
            }
        }
        if let Some(signer) = &self.world.signer {
            signer.submit(turn.jobs);
        }
        false
    }

    /// Views below the last final block are never signed again: told to the sign log now and then,
    /// because it costs a sync of its own.
    fn raise_floor(&mut self, turn: &mut Turn) {
        let view = self.pipeline.head().header.view.get().saturating_sub(1);
        if view >= self.floor + FLOOR_VIEWS {
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
        for (tx, verdict) in batch {
            let answer = turn.verdicts.get(&tx.id()).cloned().map_or(Ok(()), Err);
            // The client may have gone away.
            verdict.send(answer).ok();
        }
        turn.verdicts.clear();
    }

    fn answer(&self, ask: Command) {
        match ask {
            Command::Status(reply) => drop(reply.send(self.pipeline.status())),
            Command::Waiting(id, reply) => drop(reply.send(self.find(&id))),
            Command::Bodies(ids, reply) => {
                let found = self.pipeline.bodies(&ids).iter().map(|tx| tx.raw()).collect();
                drop(reply.send(found));
            }
            Command::Proposal(block, reply) => {
                let found = self.pipeline.proposal(&block).map(|(h, ids)| (h, ids.to_vec()));
                drop(reply.send(found));
            }
            Command::Input(_)
            | Command::Submit(_)
            | Command::Told(_)
            | Command::Stored(_)
            | Command::Halt(_) => {}
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
        for effect in effects {
            self.world.carry_out(effect, turn, timers).await;
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
                turn.jobs.push(Job::Sign { sequence, slots, body, needs_files });
            }
            Effect::Persist { view, record } => turn.jobs.push(Job::Persist { view, record }),
            Effect::Send { to, message } => self.send(to, &message),
            Effect::StorePayload { block } => {
                if let Err(error) = self.segments.append_block(&block) {
                    self.halt(error.to_string());
                }
            }
            Effect::Execute { block } => self.order(Work::Execute(Box::new(block))).await,
            Effect::Forget { block } => self.order(Work::Forget(block)).await,
            Effect::Commit { blocks } => self.order(Work::Commit(blocks)).await,
            Effect::Fetch { from, block, request } => self.fetch(from, block, request),
            Effect::SetTimer { timer, after_ms } => {
                timers.retain(|(_, other), ()| *other != timer);
                timers.insert((Instant::now() + Duration::from_millis(after_ms), timer), ());
            }
            Effect::CancelTimer { timer } => timers.retain(|(_, other), ()| *other != timer),
            Effect::Gossip { transactions } => self.gossip(&transactions),
            Effect::Refused { id, rejection } => drop(turn.verdicts.insert(id, rejection)),
            Effect::Expired { ids } => (self.expired)(ids),
            Effect::Emit(event) => drop(self.events.send(event)),
            Effect::Penalise { node, reason } => {
                tracing::warn!(node, "{reason}");
                self.links.penalise(node, &reason);
            }
            Effect::Diverged { agreed, own } => tracing::error!(
                block = %agreed.block,
                "own result (state {}, receipts {}) differs from the agreed one (state {}, receipts {})",
                own.roots.state, own.roots.receipts, agreed.roots.state, agreed.roots.receipts
            ),
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

    /// Tells itself, without waiting for its own queue.
    fn halt(&self, reason: String) {
        let own = self.own.clone();
        tokio::spawn(async move { own.send(Command::Halt(reason)).await });
    }

    async fn order(&self, work: Work) {
        // The executor is gone only when the channel stops.
        self.work.send(work).await.ok();
    }

    fn send(&self, to: To, message: &PeerMessage) {
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
