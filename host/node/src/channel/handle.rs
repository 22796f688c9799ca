//! How the rest of the node reaches a channel.

use super::actor::Command;
use super::divergence::Divergences;
use super::epochs::{Own, RuleFinder};
use super::evidence::EvidenceBook;
use super::executor_task::KnowledgeWatch;
use super::intake::Intake;
use super::journeys::Journeys;
use super::links::Links;
use super::own_words::Heard;
use super::quorum::QuorumWatch;
use super::relay::Relay;
use crate::scores::Scores;
use crate::signer::Signer;
use host_core::pipeline::PipelineStatus;
use host_store::{Lease, Reader, Segments, StateTree};
use host_types::epoch::{EpochConfig, Epochs};
use host_types::event::ChainEvent;
use host_types::genesis::ChannelGenesis;
use host_types::proof::FinalProof;
use host_types::{GenesisHash, Height, Rejection, SignedTransaction, TxId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Ids of expired transactions that are remembered for whoever asks.
const EXPIRED_MAX: usize = 65_536;

/// Does some work for a channel until it is done or this node has left the channel.
pub async fn while_joined(mut left: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        // A lost sender means that the channel is gone as well.
        _ = left.wait_for(|left| *left) => {}
        () = work => {}
    }
}

/// The parts of a handle.
#[expect(missing_debug_implementations, reason = "holds what has no form for people")]
pub struct Parts {
    /// The genesis.
    pub genesis: Arc<ChannelGenesis>,
    /// Its hash.
    pub hash: GenesisHash,
    /// Finds the library of a rule.
    pub rules: RuleFinder,
    /// The stored channel.
    pub reader: Reader,
    /// The way to the actor.
    pub commands: mpsc::Sender<Command>,
    /// The way in for raw transactions.
    pub intake: Intake,
    /// Members and SCOREs as of the last stored block.
    pub knowledge: KnowledgeWatch,
    /// Last stored height.
    pub height: watch::Receiver<Height>,
    /// Events.
    pub events: broadcast::Sender<ChainEvent>,
    /// The other nodes.
    pub links: Arc<dyn Links>,
    /// This node among the validators.
    pub own: Own,
    /// Artefacts and workers.
    pub scores: Arc<Scores>,
    /// Blocks with transactions that this node proposed.
    pub made_blocks: Arc<std::sync::atomic::AtomicU64>,
    /// Why the channel has halted, when it has.
    pub halted: Arc<Mutex<Option<String>>>,
    /// Transactions that expired.
    pub expired: Arc<Mutex<Expired>>,
    /// When transactions and blocks passed each stage.
    pub journeys: Arc<Journeys>,
    /// Evidence against validators.
    pub evidence: Arc<EvidenceBook>,
    /// The way of own statements through a member of the group.
    pub relay: Arc<Relay>,
    /// Files of blocks and results.
    pub segments: Segments,
    /// The signer.
    pub signer: Signer,
    /// The newest statements of validators.
    pub heard: Heard,
    /// Results that differed from the agreed ones.
    pub divergences: Arc<Divergences>,
    /// Whether this node has left the channel; its tasks end then.
    pub left: watch::Sender<bool>,
    /// Tells when its files are closed.
    pub lease: Lease,
    /// The tree of the stored state, for proofs.
    pub tree: Arc<StateTree>,
    /// Since when there is no quorum.
    pub quorum: QuorumWatch,
    /// Whose turn it is to ask further SCOREs in the middle of a question.
    pub question_turns: tokio::sync::Mutex<()>,
}

/// Transactions that expired in the pool, the newest of them.
#[derive(Debug, Default)]
pub struct Expired {
    ids: BTreeMap<TxId, ()>,
    order: VecDeque<TxId>,
}

impl Expired {
    /// Remembers ids; forgets the oldest beyond the bound.
    pub fn add(&mut self, ids: Vec<TxId>) {
        for id in ids {
            self.ids.insert(id, ());
            self.order.push_back(id);
        }
        while self.order.len() > EXPIRED_MAX {
            if let Some(id) = self.order.pop_front() {
                self.ids.remove(&id);
            }
        }
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains(&self, id: &TxId) -> bool {
        self.ids.contains_key(id)
    }
}

/// A channel, from outside.
#[derive(Clone)]
pub struct ChannelHandle(Arc<Parts>);

impl std::fmt::Debug for ChannelHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChannelHandle({})", self.0.genesis.channel)
    }
}

impl ChannelHandle {
    /// A handle of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.0
    }

    /// The genesis.
    #[must_use]
    pub fn genesis(&self) -> &ChannelGenesis {
        &self.0.genesis
    }

    /// The epochs as of the last stored block.
    #[must_use]
    pub fn epochs(&self) -> Arc<Epochs> {
        Arc::clone(&self.0.knowledge.borrow().epochs)
    }

    /// What the present epoch runs with.
    #[must_use]
    pub fn epoch(&self) -> Arc<EpochConfig> {
        Arc::clone(&self.epochs().current().config)
    }

    /// This node's index in the present epoch; none when it only follows.
    #[must_use]
    pub fn me(&self) -> Option<u16> {
        self.0.own.index(&self.epoch().validators)
    }

    /// Whether this node waits to know what it may have signed before.
    #[must_use]
    pub fn is_rejoining(&self) -> bool {
        self.me().is_some() && self.0.signer.is_rejoining(self.0.hash, self.epoch().epoch)
    }

    /// The stored channel.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// The way in for raw transactions.
    #[must_use]
    pub fn intake(&self) -> &Intake {
        &self.0.intake
    }

    /// Tells the actor; waits while it has too much to do. A channel that has stopped takes nothing.
    pub async fn tell(&self, command: Command) {
        self.0.commands.send(command).await.ok();
    }

    /// Ends the channel on this node: its actor, and whatever runs [`while_joined`]. Its files are
    /// closed once nobody reads them any more; [`Parts::lease`] tells.
    pub async fn stop(&self) {
        self.0.left.send_replace(true);
        self.tell(Command::Stop).await;
    }

    /// For [`while_joined`].
    #[must_use]
    pub fn joined(&self) -> watch::Receiver<bool> {
        self.0.left.subscribe()
    }

    /// How the pipeline is; none when the channel has stopped.
    pub async fn pipeline(&self) -> Option<PipelineStatus> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Status(reply)).await;
        answer.await.ok()
    }

    /// A transaction that is not stored yet.
    pub async fn waiting(&self, id: TxId) -> Option<Arc<SignedTransaction>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Waiting(id, reply)).await;
        answer.await.ok().flatten()
    }

    /// Why it has halted.
    #[must_use]
    pub fn halted(&self) -> Option<String> {
        self.0.halted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a transaction expired in the pool.
    #[must_use]
    pub fn has_expired(&self, id: &TxId) -> bool {
        self.0.expired.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// Waits until a block above `after` is stored; gives the last height.
    ///
    /// # Errors
    /// When the channel stops.
    pub async fn next_height(&self, after: Height) -> Result<Height, Rejection> {
        let mut height = self.0.height.clone();
        let stopped = || Rejection::new(host_types::Code::ChannelHalted, "the channel has stopped");
        let seen = height.wait_for(|height| *height > after).await.map_err(|_| stopped())?;
        Ok(*seen)
    }

    /// The proof of a stored block: its own, or that of the next block that has one, with the
    /// headers that lead there.
    #[must_use]
    pub fn proof_of(&self, height: Height) -> Option<FinalProof> {
        let tip = self.0.reader.tip().height;
        let (mut at, mut descendants) = (height, Vec::new());
        loop {
            if let Some(proof) = self.0.reader.proof(at).ok()? {
                descendants.extend(proof.descendants);
                return Some(FinalProof { descendants, ..proof });
            }
            at = at.next();
            if at > tip || descendants.len() >= host_types::limits::BLOCKS_AHEAD_MAX {
                return None;
            }
            descendants.push(self.0.reader.header(at).ok()??);
        }
    }
}
