//! Composes the stages of one channel and moves what comes out of one into the next.
//!
//! In: one [`Input`] at a time. Out: [`Effect`]s. It routes; what each stage knows lives in the
//! stage. Deliberately not here: anything that touches the world.

mod again;
mod agreement;
mod blocks;
mod epochs;
mod finals;
mod rule_io;
mod sizes;
#[cfg(test)]
mod tests;
mod whereabouts;

pub use again::{GOSSIP_AGAIN_MS, GOSSIP_AGAIN_TXS_MAX};
pub use sizes::Sizes;
pub use whereabouts::Whereabouts;

use crate::clock::Now;
use crate::commit::FinalQueue;
use crate::effect::{Effect, To};
use crate::ingest::AdmittedTx;
use crate::ingest::dedup::Window;
use crate::input::{Input, Timer};
use crate::mempool::Pool;
use crate::propose::cost::Costs;
use crate::propose::strikes::Strikes;
use crate::propose::suspect::Suspects;
use crate::sync::SyncPlan;
use crate::vote::BlockTree;
use crate::vote::rule::{Rule, RuleInput, RuleStatus, Then};
use epochs::EpochPlace;
use host_types::block::{Pair, RootPair, TxIds};
use host_types::epoch::EpochConfig;
use host_types::genesis::{ChannelGenesis, ChannelLimits};
use host_types::limits::DRIFT_US_MAX;
use host_types::message::PeerMessage;
use host_types::statement::Statement;
use host_types::{
    BlockId, BlockTime, Code, Epoch, Header, Height, Rejection, SignedTransaction, TxId, View,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How long to wait before looking again after what is missing, milliseconds.
pub const FETCH_RETRY_MS: u64 = 300;

/// How long bodies may still come by gossip before they are asked for, milliseconds: under load a node that
/// is busy takes so long to check them, and what is asked for besides is sent and checked twice.
pub const GOSSIP_WAIT_MS: u64 = 60;

/// What does not change while a channel runs.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Its genesis.
    pub genesis: Arc<ChannelGenesis>,
    /// Current epoch; `Pipeline::in_epoch` says what it runs with when it is not the first.
    pub epoch: Epoch,
    /// This node's index; none when it only follows.
    pub me: Option<u16>,
}

/// The last final block.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its header.
    pub header: Header,
    /// The block and its result.
    pub pair: Pair,
}

/// What a status page shows of the pipeline.
#[derive(Clone, Debug)]
pub struct PipelineStatus {
    /// Of the rule.
    pub rule: RuleStatus,
    /// Last final height known.
    pub height: Height,
    /// Transactions waiting.
    pub pool_txs: u64,
    /// Whether it is catching up.
    pub is_syncing: bool,
    /// Why it does not vote, when it does not.
    pub degraded: Option<String>,
    /// Leader of the current view.
    pub leader: u16,
}

/// Bodies that a proposed block lacks, and those that came for it. They are kept beside the pool:
/// its bounds are for what might be proposed, and must not keep anybody from voting for what is.
#[derive(Clone, Debug, Default)]
struct Missing {
    lacking: BTreeSet<TxId>,
    /// When they are asked for.
    due_ms: u64,
    found: BTreeMap<TxId, Arc<SignedTransaction>>,
    bytes: u64,
}

/// One channel.
pub struct Pipeline {
    config: ChannelConfig,
    epoch: EpochPlace,
    rule: Box<dyn Rule>,
    pool: Pool,
    window: Window,
    tree: BlockTree,
    finals: FinalQueue,
    sync: SyncPlan,
    head: Head,
    tip: BlockId,
    signing: BTreeMap<u64, Then>,
    missing: BTreeMap<BlockId, Missing>,
    offered: BTreeMap<BlockId, TxIds>,
    unknown: BTreeSet<BlockId>,
    to_rule: VecDeque<RuleInput>,
    restored: Vec<Header>,
    has_work: bool,
    /// When the timer for what is missing fires, on the monotonic clock.
    fetch_at_ms: Option<u64>,
    degraded: Option<String>,
    /// Blocks whose agreed result is being fetched, and whether an answer is under way.
    repairs: BTreeMap<BlockId, agreement::Repair>,
    leader: u16,
    suspects: Suspects,
    strikes: Strikes,
    costs: Costs,
    own: again::Own,
    #[cfg(feature = "planted-bugs")]
    bug: Option<crate::planted::Bug>,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("channel", &self.config.genesis.channel)
            .field("height", &self.head.header.height)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// A channel at its last stored block. `recent` are final transactions whose expiry has not
    /// passed.
    #[must_use]
    pub fn new(
        config: ChannelConfig,
        rule: Box<dyn Rule>,
        head: Head,
        recent: impl IntoIterator<Item = (TxId, BlockTime)>,
    ) -> Self {
        let mut window = Window::default();
        for (id, expiry) in recent {
            window.insert(id, expiry);
        }
        Self {
            epoch: EpochPlace::new(Arc::new(EpochConfig::of_genesis(&config.genesis))),
            pool: Pool::new(&config.genesis.limits),
            tree: BlockTree::default(),
            finals: FinalQueue::default(),
            sync: SyncPlan::default(),
            tip: head.pair.block,
            signing: BTreeMap::new(),
            missing: BTreeMap::new(),
            offered: BTreeMap::new(),
            unknown: BTreeSet::new(),
            to_rule: VecDeque::new(),
            restored: Vec::new(),
            has_work: false,
            fetch_at_ms: None,
            degraded: None,
            repairs: BTreeMap::new(),
            leader: 0,
            suspects: Suspects::default(),
            strikes: Strikes::default(),
            costs: Costs::default(),
            own: again::Own::default(),
            #[cfg(feature = "planted-bugs")]
            bug: None,
            config,
            rule,
            window,
            head,
        }
    }

    /// Plants a bug, before anything is handled.
    #[cfg(feature = "planted-bugs")]
    pub const fn plant(&mut self, bug: crate::planted::Bug) {
        self.bug = Some(bug);
    }

    #[cfg(feature = "planted-bugs")]
    fn has_bug(&self, bug: crate::planted::Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Gives back, before anything is handled, a block above the head that was stored before a
    /// restart: it may be certified, and then everybody needs it again.
    pub fn restore(&mut self, block: host_types::Block) {
        if block.header().height > self.head.header.height {
            self.restored.push(block.header().clone());
            self.tree.insert_block(block);
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        self.epoch.tick_ms = now.tick_ms;
        self.drop_expired(now, out);
        match input {
            Input::Start => {
                self.to_rule.push_back(RuleInput::Start);
                let restored = std::mem::take(&mut self.restored);
                self.to_rule.extend(restored.into_iter().map(RuleInput::Header));
                // A change that was accepted before the stop waits for its sealing block.
                self.tell_work(false);
            }
            Input::Admitted { transactions, is_local } => {
                self.admit(now, transactions, is_local, out);
            }
            Input::Statement { statement } => {
                if self.is_of_now(statement.epoch) {
                    self.to_rule.push_back(RuleInput::Statement(statement));
                }
            }
            Input::Proposal { from, proposal } => self.on_proposal(from, *proposal, out),
            Input::Helper { from, validator, bytes } => {
                self.to_rule.push_back(RuleInput::Helper { from, validator, bytes });
            }
            Input::FetchedProposal { block, found } => self.on_fetched_proposal(block, found, out),
            Input::FetchedBodies { block, transactions } => {
                self.on_bodies(now, Some(block), transactions, out);
            }
            Input::FetchedBlocks { from, range } => self.on_range(now, from, range, out),
            Input::Executed { block, result } => self.on_executed(now, block, result, out),
            Input::Signed { sequence, statement } => self.on_signed(sequence, statement, out),
            Input::SignRefused { sequence } => {
                // One below belongs to an instance that is gone.
                if let Some(own) = sequence.checked_sub(self.epoch.first_sequence) {
                    self.signing.remove(&sequence);
                    self.to_rule.push_back(RuleInput::SignRefused(own));
                }
            }
            Input::PeerHead { height } => self.sync.hint(height),
            Input::Repaired { block, result } => self.on_repaired(now, block, result, out),
            Input::Parted { block, places } => self.on_parted(block, &places),
            Input::Costs(costs) => self.costs.learn(costs),
            Input::Struck { score } => self.on_strike(score, out),
            Input::NextEpoch { block, config } => self.on_next_epoch(block, config),
            Input::Committed { height } => self.on_stored(height, out),
            Input::Timer(Timer::Rule(token)) => {
                self.epoch.timers.remove(&token);
                self.to_rule.push_back(RuleInput::Timer(token));
            }
            Input::Timer(Timer::Fetch) => self.on_fetch_timer(now, out),
            Input::Timer(Timer::Gossip) => self.on_gossip_timer(out),
        }
        self.run_rule(now, out);
        self.keep_fetching(now, out);
    }

    /// For status pages.
    #[must_use]
    pub fn status(&self) -> PipelineStatus {
        PipelineStatus {
            rule: self.rule.status(),
            height: self.head.header.height,
            pool_txs: self.pool.len() as u64,
            is_syncing: self.sync.is_active(),
            degraded: self.degraded.clone().or_else(|| self.differs()),
            leader: self.leader,
        }
    }

    /// How much of the pool's bounds is in use, percent.
    #[must_use]
    pub fn pool_percent(&self) -> u64 {
        self.pool.filled_percent()
    }

    /// A transaction that waits here or stands in a block that is not final yet.
    #[must_use]
    pub fn waiting(&self, id: &TxId) -> Option<&AdmittedTx> {
        self.pool.get(id)
    }

    /// Header and ids of a block above the last final one.
    #[must_use]
    pub fn proposal(&self, id: &BlockId) -> Option<(Header, TxIds)> {
        self.tree.get(id).map(|entry| (entry.header.clone(), entry.tx_ids.clone()))
    }

    /// A transaction of a block above the last final one.
    #[must_use]
    pub fn speculative(&self, id: &TxId) -> Option<Arc<SignedTransaction>> {
        let blocks = self.tree.iter().filter_map(|(_, entry)| entry.block.as_ref());
        blocks.flat_map(|b| b.transactions().iter()).find(|tx| tx.id() == *id).cloned()
    }

    /// Those of these transactions that wait or stand in a block above the last final one, looked
    /// up in one pass whatever their number.
    #[must_use]
    pub fn bodies(&self, ids: &[TxId]) -> Vec<Arc<SignedTransaction>> {
        let mut found = Vec::with_capacity(ids.len());
        let mut others = BTreeSet::new();
        for id in ids {
            match self.pool.get(id) {
                Some(tx) => found.push(Arc::clone(tx.transaction())),
                None => drop(others.insert(*id)),
            }
        }
        for (_, entry) in self.tree.iter() {
            let Some(block) = entry.block.as_ref().filter(|_| !others.is_empty()) else { continue };
            let wanted = block.transactions().iter().filter(|tx| others.remove(&tx.id()));
            found.extend(wanted.cloned());
        }
        found
    }

    /// The epoch that is being run.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.config.epoch
    }

    /// The last final block known, stored or on its way.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    fn admit(
        &mut self,
        now: Now,
        transactions: Vec<AdmittedTx>,
        is_local: bool,
        out: &mut Vec<Effect>,
    ) {
        let mut fresh = Vec::new();
        let before = self.pool.in_order_len();
        for tx in &transactions {
            if let Some(rejection) = self.insert(tx) {
                out.push(Effect::Refused { id: tx.id(), rejection });
            } else {
                fresh.push(tx.clone());
            }
        }
        if is_local && !fresh.is_empty() {
            self.note_own(&fresh, out);
            out.push(Effect::Gossip { transactions: fresh });
        }
        self.on_bodies(now, None, transactions, out);
        // What was refused, and what is laid aside, gives a leader nothing to build of.
        self.tell_work(self.pool.in_order_len() > before);
    }

    /// What can enter no block any more, whatever the clocks of other leaders say, is no work.
    fn drop_expired(&mut self, now: Now, out: &mut Vec<Effect>) {
        let past = now.wall.get().saturating_sub(DRIFT_US_MAX);
        let expired = self.pool.expire(BlockTime::new(past));
        if !expired.is_empty() {
            self.suspects.clear(&expired);
            out.push(Effect::Expired { ids: expired });
            self.tell_work(false);
        }
    }

    /// Puts a transaction into the pool; says why not.
    fn insert(&mut self, tx: &AdmittedTx) -> Option<Rejection> {
        let is_final = self.window.contains(&tx.id());
        #[cfg(feature = "planted-bugs")]
        let is_final = is_final && !self.has_bug(crate::planted::Bug::AcceptDuplicate);
        if is_final {
            let message = format!("transaction {} is final already", tx.id());
            return Some(Rejection::new(Code::TxDuplicate, message));
        }
        self.pool.insert(tx.clone()).err()
    }

    /// Tells the rule whether there is work beyond the newest certified branch: at every change,
    /// and again when work arrives.
    fn tell_work(&mut self, is_news: bool) {
        let carried: usize = self.tree.branch(self.tip).map(|(_, e)| e.tx_ids.len()).sum();
        // What failed alone waits for other leaders.
        let held = self.suspects.held(self.epoch.tick_ms);
        let waiting = self.pool.len().saturating_sub(held) > carried;
        let has_work = waiting || self.has_epoch_work();
        if has_work != self.has_work || (has_work && is_news) {
            self.has_work = has_work;
            self.to_rule.push_back(RuleInput::Pending(has_work));
        }
    }

    fn on_signed(&mut self, sequence: u64, statement: Statement, out: &mut Vec<Effect>) {
        match self.signing.remove(&sequence) {
            Some(Then::Broadcast) => {
                let message = PeerMessage::Statement(statement.clone());
                out.push(Effect::Send { to: To::All, message });
            }
            Some(Then::Propose { block, justification }) => {
                self.send_proposal(To::All, block, statement.clone(), justification, out);
            }
            Some(Then::Keep) | None => {}
        }
        let Some(sequence) = sequence.checked_sub(self.epoch.first_sequence) else { return };
        self.to_rule.push_back(RuleInput::OwnSigned { sequence, statement });
    }

    /// Block, height and result of the last block known to be final.
    fn final_tip(&self) -> (BlockId, Height, RootPair) {
        self.finals.back().map_or(
            (self.head.pair.block, self.head.header.height, self.head.pair.roots),
            |agreed| (agreed.block, agreed.height, agreed.roots),
        )
    }

    fn header_of(&self, id: &BlockId) -> Option<&Header> {
        if *id == self.head.pair.block {
            return Some(&self.head.header);
        }
        self.tree.get(id).map(|entry| &entry.header)
    }

    /// Limits of the epoch's blocks.
    fn limits(&self) -> ChannelLimits {
        self.epoch.config.limits
    }

    /// Epoch and view of the head: views begin anew with each epoch.
    const fn place_of_head(&self) -> (Epoch, View) {
        (self.head.header.epoch, self.head.header.view)
    }
}
