//! Brings a channel up from what is on disk, and starts its tasks.
//!
//! In: genesis, files, the sign log's records of this channel. Out: a [`ChannelHandle`].
//! Order: store (with its own checks) → members and SCOREs from state → ids that could come again
//! → rule from its log → tasks.

use super::actor::{ANSWER_QUEUE_MAX, Actor, COMMAND_QUEUE_MAX, Command, World};
use super::agreement::Comparison;
use super::divergence::Divergences;
use super::epochs::{Begun, EpochStarter, Own, RuleFinder, epochs};
use super::evidence::{EpochSource, EvidenceBook};
use super::execution::{Executor, Knowledge, LayerView};
use super::executor_task;
use super::files::Committed;
use super::handle::{ChannelHandle, Parts, while_joined};
use super::intake::{ContextSource, Intake};
use super::journeys::Journeys;
use super::links::Links;
use super::own_words::{self, Heard};
use super::quorum::QuorumWatch;
use super::relay::Relay;
use crate::plugins::PluggedRule;
use crate::scores::Scores;
use crate::signer::{Answer, AnswerSink, ChannelSigner, Signer};
use host_core::input::Input;
use host_core::pipeline::{ChannelConfig, Head, Pipeline};
use host_core::system::freeze::all_frozen;
use host_core::system::revoke::all_revoked;
use host_core::system::state::{active_scores, epoch_records, next_epoch, registered_certificates};
use host_identity::{Certificate, Membership};
use host_store::{ChannelStore, Entry, Reader, Segments, StoreError, StoreOptions};
use host_types::epoch::Epochs;
use host_types::event::ChainEvent;
use host_types::genesis::ChannelGenesis;
use host_types::message::{FetchReply, FetchRequest};
use host_types::{Block, BlockTime, Code, Height, Pair, Rejection, TxId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, watch};

/// Events a slow follower may lag behind before it has to read from the store.
const EVENTS_KEPT: usize = 1_024;

/// What a channel needs to start.
#[expect(missing_debug_implementations, reason = "holds what has no form for people")]
pub struct ChannelStart {
    /// Its genesis.
    pub genesis: ChannelGenesis,
    /// Its folder.
    pub folder: PathBuf,
    /// How to open the store.
    pub options: StoreOptions,
    /// Finds the library of a rule.
    pub rules: RuleFinder,
    /// What the sign log holds of it.
    pub log: Vec<Entry>,
    /// This node.
    pub me: Own,
    /// The signer.
    pub signer: Signer,
    /// Artefacts and workers.
    pub scores: Arc<Scores>,
    /// The other nodes.
    pub links: Arc<dyn Links>,
    /// Where transactions are checked.
    pub front: Handle,
}

fn store_failed(error: &StoreError) -> Rejection {
    Rejection::new(error.code(), error.to_string())
}

/// Own statements that peers show at the start and that wait to be looked at.
const SHOWN_MAX: usize = 128;

/// Starts a channel.
///
/// # Errors
/// A coded refusal: damaged files, a rule that does not take its parameters.
pub fn start(start: ChannelStart) -> Result<ChannelHandle, Rejection> {
    let ChannelStart { genesis, folder, options, rules, log, me, signer, scores, links, front } =
        start;
    let store = open_store(&folder, &genesis, &options).map_err(|e| store_failed(&e))?;
    let (reader, segments, lease, tree) =
        (store.reader(), store.segments(), store.lease(), store.tree());
    let committed = Committed::new(reader.clone(), Arc::clone(&tree));
    let genesis = Arc::new(genesis);
    let base = knowledge(&genesis, &committed, &reader)?;
    let (commands, queue) = mpsc::channel(COMMAND_QUEUE_MAX);
    let (own, answers) = mpsc::channel(ANSWER_QUEUE_MAX);
    let starter = EpochStarter {
        genesis: Arc::clone(&genesis),
        reader: reader.clone(),
        rules: Arc::clone(&rules),
        own: me.clone(),
        signer,
        files: segments.clone(),
        answers: answers_to(own.clone()),
    };
    let Begun { rule, me: index, seat } = starter.begin(base.epochs.current(), &log)?;
    let pipeline = pipeline(&base, (rule, index), &genesis, &reader, &segments)?;
    let executor = Executor::new(
        Arc::clone(&genesis),
        Arc::clone(&scores),
        committed,
        segments.clone(),
        (reader.tip().block, base),
    );
    let divergences = Arc::new(Divergences::new(genesis.channel.as_str(), &folder));
    let told = Arc::clone(&divergences);
    let (work, knowledge) = executor_task::start(executor, store, own.clone(), told)
        .map_err(|error| Rejection::new(Code::Internal, format!("a thread: {error}")))?;
    links.follow(knowledge.clone());
    let events = broadcast::channel(EVENTS_KEPT).0;
    let follow = Follow::new(&reader, &me, &knowledge).map_err(|e| store_failed(&e))?;
    let context = context(&genesis, &knowledge, &follow, &reader);
    let journeys = Arc::new(Journeys::default());
    let parts = Parts {
        hash: genesis.hash(),
        evidence: Arc::new(EvidenceBook::open(&folder, &genesis, epochs_of(&knowledge))?),
        genesis,
        rules,
        reader: reader.clone(),
        commands: commands.clone(),
        intake: Intake::start(context.clone(), commands, Arc::clone(&journeys), &front),
        journeys,
        knowledge: knowledge.clone(),
        height: follow.height.subscribe(),
        events: events.clone(),
        relay: Relay::new(me.clone(), epochs_of(&knowledge), Arc::clone(&links)),
        links,
        own: me,
        scores,
        made_blocks: Arc::clone(&follow.made_blocks),
        halted: Arc::default(),
        expired: Arc::default(),
        segments: segments.clone(),
        signer: starter.signer.clone(),
        heard: Heard::default(),
        divergences,
        left: watch::channel(false).0,
        lease,
        tree,
        quorum: QuorumWatch::default(),
        question_turns: tokio::sync::Mutex::new(()),
    };
    let world = world(&parts, (own, seat, starter), segments, work, context);
    let actor = Actor { pipeline, world, started: Instant::now(), floor: 0, next_rule: None };
    tokio::spawn(follow.run(reader, knowledge, events));
    Ok(set_going(actor, parts, (answers, queue)))
}

/// The actor begins once it was looked at what others hold of this node, or a second has passed.
fn set_going(
    actor: Actor,
    parts: Parts,
    (answers, queue): (mpsc::Receiver<Command>, mpsc::Receiver<Command>),
) -> ChannelHandle {
    let (tell, shown) = mpsc::channel(SHOWN_MAX);
    supervise(tokio::spawn(actor.run(shown, answers, queue)), Arc::clone(&parts.halted));
    let handle = ChannelHandle::new(parts);
    own_words::compare(&handle, &tell);
    tokio::spawn(while_joined(handle.joined(), ask_whom_it_meets(handle.clone())));
    handle
}

/// So often a node that does not vote asks somebody how far the channel is: a request of a few bytes.
const FOLLOWER_ASKS: std::time::Duration = std::time::Duration::from_secs(5);

/// What a node said while the connection to it was lost did not come, and in an idle channel nothing
/// more may come: whoever is met is asked how far it is. Who only follows asks now and then besides: it
/// may have met everybody before it was let in (an auditor before its grant).
async fn ask_whom_it_meets(channel: ChannelHandle) {
    let links = Arc::clone(&channel.parts().links);
    let mut met = links.met();
    loop {
        let node = tokio::select! {
            met = met.recv() => match met {
                Ok(node) => Some(node),
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = tokio::time::sleep(FOLLOWER_ASKS), if channel.me().is_none() => None,
        };
        let reply = links.fetch(node, &FetchRequest::Head).await;
        if let Some((_, FetchReply::Head(height))) = reply {
            channel.tell(Command::Input(Input::PeerHead { height })).await;
        }
    }
}

/// What admission looks at.
fn context(
    genesis: &Arc<ChannelGenesis>,
    knowledge: &executor_task::KnowledgeWatch,
    follow: &Follow,
    reader: &Reader,
) -> ContextSource {
    ContextSource {
        genesis: Arc::clone(genesis),
        hash: genesis.hash(),
        knowledge: knowledge.clone(),
        block_time: follow.time.subscribe(),
        reader: reader.clone(),
    }
}

/// Opens the store; what its database lost is rebuilt from the block files, and the rest comes from
/// peers. Nothing can be signed twice meanwhile: the sign log is not in the database.
fn open_store(
    folder: &Path,
    genesis: &ChannelGenesis,
    options: &StoreOptions,
) -> Result<ChannelStore, StoreError> {
    match ChannelStore::open(folder, genesis, options) {
        Err(error @ (StoreError::BehindMarker { .. } | StoreError::Database { .. })) => {
            tracing::error!(code = %error.code(), channel = %genesis.channel, "{error}; rebuilding it from the block files");
            host_store::open_repaired(folder, genesis, options).map(|(store, _)| store)
        }
        opened => opened,
    }
}

/// What everybody may know of epochs.
fn epochs_of(knowledge: &executor_task::KnowledgeWatch) -> EpochSource {
    let knowledge = knowledge.clone();
    Arc::new(move || Arc::clone(&knowledge.borrow().epochs))
}

/// The pipeline at the last stored block, with what was stored above it.
fn pipeline(
    base: &Knowledge,
    (plugged, me): (PluggedRule, Option<u16>),
    genesis: &Arc<ChannelGenesis>,
    reader: &Reader,
    segments: &Segments,
) -> Result<Pipeline, Rejection> {
    let tip = reader.tip();
    let pair = Pair { block: tip.block, roots: tip.roots };
    let head = Head { header: tip.header.clone(), pair };
    let recent = recent_ids(reader).map_err(|e| store_failed(&e))?;
    let epoch = Arc::clone(&base.epochs.current().config);
    let config = ChannelConfig { genesis: Arc::clone(genesis), epoch: epoch.epoch, me };
    let mut pipeline =
        Pipeline::new(config, Box::new(plugged), head, recent).in_epoch(epoch, base.next.clone());
    for block in unfinished(segments).map_err(|e| store_failed(&e))? {
        pipeline.restore(block);
    }
    Ok(pipeline)
}

/// The signer's answers become inputs of the actor.
fn answers_to(commands: mpsc::Sender<Command>) -> AnswerSink {
    Arc::new(move |answer| {
        let command = match answer {
            Answer::Signed { sequence, statement } => {
                Command::Input(Input::Signed { sequence, statement })
            }
            Answer::Refused { sequence } => Command::Input(Input::SignRefused { sequence }),
            Answer::FilesFailed(why) => Command::Halt(why),
        };
        // An error means that the channel has stopped: nobody waits for the answer. Without a signer
        // thread the refusal comes from the actor itself, which must not wait for its own queue.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let commands = commands.clone();
                drop(runtime.spawn(async move { commands.send(command).await.ok() }));
            }
            Err(_) => drop(commands.blocking_send(command)),
        }
    })
}

fn world(
    parts: &Parts,
    (own, signer, starter): (mpsc::Sender<Command>, Option<ChannelSigner>, EpochStarter),
    segments: Segments,
    work: mpsc::Sender<executor_task::Work>,
    context: ContextSource,
) -> World {
    let (halted, expired) = (Arc::clone(&parts.halted), Arc::clone(&parts.expired));
    World {
        signer,
        starter,
        segments,
        work,
        links: Arc::clone(&parts.links),
        context: Arc::new(move || context.now()),
        events: parts.events.clone(),
        own,
        evidence: Arc::clone(&parts.evidence),
        journeys: Arc::clone(&parts.journeys),
        room: parts.intake.room(),
        relay: Arc::clone(&parts.relay),
        comparison: Comparison {
            links: Arc::clone(&parts.links),
            segments: parts.segments.clone(),
            reader: parts.reader.clone(),
        },
        expired: Arc::new(move |ids| lock(&expired).add(ids)),
        halted: Arc::new(move |why| {
            lock(&halted).get_or_insert(why);
        }),
    }
}

/// An actor that broke off has halted its channel, whatever it was about to say.
fn supervise(actor: tokio::task::JoinHandle<()>, halted: Arc<Mutex<Option<String>>>) {
    tokio::spawn(async move {
        if let Err(error) = actor.await {
            let why = format!("the channel broke off: {error}");
            tracing::error!(code = %Code::ChannelHalted, "{why}");
            lock(&halted).get_or_insert(why);
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Members, SCOREs and epochs as of the last stored block.
///
/// # Errors
/// `LC5206` when the state cannot be read.
pub(crate) fn knowledge(
    genesis: &ChannelGenesis,
    committed: &Committed,
    reader: &Reader,
) -> Result<Knowledge, Rejection> {
    let mut membership = Membership::from_genesis(genesis)
        .map_err(|error| Rejection::new(error.code(), error.to_string()))?;
    let (view, time) = (LayerView::new(None, committed.clone()), reader.tip().header.time);
    for der in registered_certificates(&view) {
        if let Ok(certificate) = Certificate::parse(&der) {
            // Receipts must be those of a node that did not restart: better none than another one's.
            membership
                .restore(&certificate, time)
                .map_err(|error| Rejection::new(Code::StoreDamaged, error.to_string()))?;
        }
    }
    membership.set_revoked(all_revoked(&view));
    let active: BTreeMap<_, _> = active_scores(&view).into_iter().collect();
    let epochs = epochs(genesis, reader, epoch_records(&view))?;
    let next = next_epoch(&view).map(Arc::new);
    let frozen = Arc::new(all_frozen(&view));
    if let Some(failure) = committed.take_failure() {
        return Err(Rejection::new(Code::StoreDamaged, failure));
    }
    Ok(Knowledge {
        membership: Arc::new(membership),
        active: Arc::new(active),
        frozen,
        ran: BTreeMap::new(),
        epochs: Arc::new(epochs),
        next,
    })
}

/// Blocks above the tip whose payload was stored before the last stop, lowest first: this node may
/// have voted for them.
fn unfinished(segments: &Segments) -> Result<Vec<Block>, StoreError> {
    let mut blocks = Vec::new();
    for (_, entry) in segments.all_unfinished() {
        if let Some(location) = entry.block {
            // What cannot be decoded was never voted for: the vote waits for its sync.
            blocks.extend(segments.read_block(location)?.decode().ok());
        }
    }
    blocks.sort_by_key(|block| block.header().height);
    Ok(blocks)
}

/// Final transactions that could still come again: those of blocks young enough.
fn recent_ids(reader: &Reader) -> Result<Vec<(TxId, BlockTime)>, StoreError> {
    let tip = reader.tip();
    let now = tip.header.time.get();
    let (mut recent, mut height) = (Vec::new(), tip.height);
    while height > Height::ZERO {
        let Some(stored) = reader.block_by_height(height)? else { break };
        let time = stored.block.header().time.get();
        if time + host_types::limits::EXPIRY_US_MAX < now {
            break;
        }
        for tx in stored.block.transactions().iter() {
            let expiry = tx.transaction().expiry;
            if expiry.get() >= now {
                recent.push((tx.id(), expiry));
            }
        }
        height = Height::new(height.get() - 1);
    }
    Ok(recent)
}

/// Tells everybody who follows the channel what was stored.
struct Follow {
    height: watch::Sender<Height>,
    time: watch::Sender<BlockTime>,
    made_blocks: Arc<AtomicU64>,
    own: Own,
}

impl Follow {
    fn new(
        reader: &Reader,
        own: &Own,
        knowledge: &executor_task::KnowledgeWatch,
    ) -> Result<Self, StoreError> {
        let tip = reader.tip();
        // The store counts by index: what this node made under another one is not told apart.
        let me = own.index(knowledge.borrow().validators());
        let made = me.map(|me| reader.made_by(me)).transpose()?.unwrap_or_default();
        Ok(Self {
            height: watch::channel(tip.height).0,
            time: watch::channel(tip.header.time).0,
            made_blocks: Arc::new(AtomicU64::new(made)),
            own: own.clone(),
        })
    }

    async fn run(
        self,
        reader: Reader,
        mut knowledge: executor_task::KnowledgeWatch,
        events: broadcast::Sender<ChainEvent>,
    ) {
        let mut last = *self.height.borrow();
        while knowledge.changed().await.is_ok() {
            let tip = reader.tip();
            while last < tip.height {
                last = last.next();
                let epochs = Arc::clone(&knowledge.borrow().epochs);
                self.announce(&reader, last, &epochs, &events);
            }
            self.time.send_replace(tip.header.time);
            self.height.send_replace(tip.height);
        }
    }

    fn announce(
        &self,
        reader: &Reader,
        height: Height,
        epochs: &Epochs,
        events: &broadcast::Sender<ChainEvent>,
    ) {
        let Ok(Some(header)) = reader.header(height) else { return };
        let Ok(Some(pair)) = reader.pair(height) else { return };
        let set = epochs.get(header.epoch).map(|run| &run.config.validators);
        let me = set.and_then(|set| self.own.index(set));
        if Some(header.proposer) == me && header.tx_count > 0 {
            self.made_blocks.fetch_add(1, Ordering::Relaxed);
        }
        tracing::debug!(
            event = "block.committed",
            height = height.get(),
            view = header.view.get(),
            txs = header.tx_count,
            "block {height} committed"
        );
        events
            .send(ChainEvent::BlockCommitted {
                height,
                pair,
                view: header.view,
                time: header.time,
                tx_count: header.tx_count,
            })
            .ok();
    }
}
