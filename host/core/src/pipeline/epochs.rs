//! The end of an epoch and the beginning of the next one.
//!
//! In: what the state after a block holds for the next epoch; a sealing block that is stored; the next
//! instance of a rule. Out: which blocks seal, closing blocks, [`Effect::BeginEpoch`]. From the moment
//! a sealing block is known to be final until it is stored and the next instance is here, no rule is stepped: so
//! nothing is signed in an epoch that is over, and nothing in the next one before the proof of that is
//! durable. Deliberately not here: who votes next (`host/core/src/system`), making an instance.

use super::{FETCH_RETRY_MS, Pipeline};
use crate::clock::Now;
use crate::effect::Effect;
use crate::input::Timer;
use crate::vote::Progress;
use crate::vote::rule::{Rule, RuleInput, Verdict};
use host_types::block::{Block, Header, Pair, ProposalKind, tx_root};
use host_types::epoch::{EpochConfig, closes, ends_transactions};
use host_types::{BlockId, BlockTime, Epoch, Hash32, Height};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where a pipeline is in its epoch.
#[derive(Debug)]
pub(super) struct EpochPlace {
    /// What the epoch runs with.
    pub(super) config: Arc<EpochConfig>,
    /// Hash of its validator set.
    pub(super) validators: Hash32,
    /// What the next epoch runs with, in the state after the head.
    pub(super) next: Option<Arc<EpochConfig>>,
    /// The head seals: what the next epoch runs with.
    pub(super) ended: Option<Arc<EpochConfig>>,
    /// Timers that the rule has set.
    pub(super) timers: BTreeSet<u64>,
    /// Numbers of signatures below this one belong to instances that are gone.
    pub(super) first_sequence: u64,
    /// The first number that was not given out yet.
    pub(super) next_sequence: u64,
    /// The monotonic clock, milliseconds.
    pub(super) tick_ms: u64,
    /// When something of a later epoch was last a reason to ask for blocks.
    pub(super) asked_ms: Option<u64>,
}

impl EpochPlace {
    pub(super) fn new(config: Arc<EpochConfig>) -> Self {
        Self {
            validators: config.validators.hash(),
            config,
            next: None,
            ended: None,
            timers: BTreeSet::new(),
            first_sequence: 0,
            next_sequence: 0,
            tick_ms: 0,
            asked_ms: None,
        }
    }

    /// A number of the rule as the signer hears it: unlike any of an earlier instance.
    pub(super) fn number(&mut self, sequence: u64) -> u64 {
        let number = self.first_sequence + sequence;
        self.next_sequence = self.next_sequence.max(number + 1);
        number
    }
}

impl Pipeline {
    /// The same in another epoch than that of the genesis; `next` is what the state after the head
    /// holds for the one after it.
    #[must_use]
    pub fn in_epoch(mut self, config: Arc<EpochConfig>, next: Option<Arc<EpochConfig>>) -> Self {
        self.config.epoch = config.epoch;
        self.epoch = EpochPlace { next, ..EpochPlace::new(config) };
        self
    }

    /// The state after a block holds what the next epoch runs with.
    pub(super) fn on_next_epoch(&mut self, block: BlockId, next: Arc<EpochConfig>) {
        if let Some(entry) = self.tree.get_mut(&block) {
            entry.next = Some(next);
        }
    }

    /// What a child of this block has to name: the next epoch's configuration, or that there is none;
    /// `None` while that is not known. Only transactions for `system` can change it.
    pub(super) fn due_after(&self, block: &BlockId) -> Option<Option<Arc<EpochConfig>>> {
        let mut id = *block;
        loop {
            if id == self.head.pair.block {
                return Some(self.epoch.next.clone());
            }
            let entry = self.tree.get(&id)?;
            if let Progress::Executed(_) = entry.progress {
                return Some(entry.next.clone());
            }
            let whole = entry.block.as_ref()?;
            if whole.transactions().iter().any(|tx| tx.transaction().score.is_system()) {
                return None;
            }
            id = entry.header.parent.block;
        }
    }

    /// Whether only closing blocks may stand on this one; the root of an epoch is of the one before.
    pub(super) fn is_last(&self, header: &Header) -> bool {
        header.epoch == self.config.epoch && ends_transactions(header)
    }

    /// Whether a sealing block is due on the newest certified block, or is there and not final.
    pub(super) fn has_epoch_work(&self) -> bool {
        let is_last = self.header_of(&self.tip).is_some_and(|tip| self.is_last(tip));
        !is_last && matches!(self.due_after(&self.tip), Some(Some(_)))
    }

    /// What a child seals with.
    pub(super) fn seal_on(&self, parent: &BlockId) -> Option<Option<Hash32>> {
        self.due_after(parent).map(|due| due.map(|next| next.hash()))
    }

    /// A block that closes: no transactions, height and result of the sealing block.
    pub(super) fn closing_block(
        &self,
        (view, parent_view): (host_types::View, host_types::View),
        parent: Pair,
        carried: Hash32,
        wall: BlockTime,
    ) -> Option<Block> {
        let below = self.header_of(&parent.block)?;
        let header = Header {
            genesis: below.genesis,
            epoch: self.config.epoch,
            view,
            kind: ProposalKind::Closing,
            height: below.height,
            parent,
            parent_view,
            proposer: self.config.me?,
            time: BlockTime::new(wall.get().max(below.time.get() + 1)),
            tx_count: 0,
            tx_root: tx_root(&[]),
            validators: self.epoch.validators,
            next_validators: None,
            carried,
        };
        Block::assemble(header, Arc::new([]))
    }

    /// A closing block is not executed: it has the result of its parent.
    pub(super) fn close(&mut self, id: BlockId, out: &mut Vec<Effect>) {
        let Some(entry) = self.tree.get(&id) else { return };
        let (header, block) = (entry.header.clone(), entry.block.clone());
        let fits = self.header_of(&header.parent.block).is_some_and(|parent| {
            closes(&header, parent) && header.time > parent.time && self.is_last(parent)
        });
        if !fits {
            return self.tell_verdict(id, Verdict::Invalid("it closes nothing".into()));
        }
        // Whoever votes for it must still know it after a restart.
        out.extend(block.map(|block| Effect::StorePayload { block }));
        self.set_progress(id, Progress::Executed(header.parent.roots));
    }

    /// A final sealing block is settled: the epoch is over.
    pub(super) fn end_epoch(&mut self, next: Option<Arc<EpochConfig>>, out: &mut Vec<Effect>) {
        let Some(next) = next else {
            let line = "a sealing block is final without a next epoch in the state".to_owned();
            out.push(Effect::Log { level: 1, line });
            return;
        };
        let line = format!("epoch {} is over, {} is next", self.config.epoch, next.epoch);
        out.push(Effect::Log { level: 3, line });
        self.epoch.ended = Some(next);
        self.to_rule.clear();
        let timers = std::mem::take(&mut self.epoch.timers);
        out.extend(
            timers.into_iter().map(|token| Effect::CancelTimer { timer: Timer::Rule(token) }),
        );
    }

    /// Blocks are stored: when the last of them seals, the next epoch may begin.
    pub(super) fn on_stored(&self, height: Height, out: &mut Vec<Effect>) {
        if let Some(config) = &self.epoch.ended
            && height >= self.head.header.height
        {
            let (config, root) = (Arc::clone(config), self.head.clone());
            out.push(Effect::BeginEpoch { config, root: Box::new(root) });
        }
    }

    /// The next instance is here: it begins on the head, as validator `me`.
    pub fn begin_epoch(
        &mut self,
        now: Now,
        (rule, me): (Box<dyn Rule>, Option<u16>),
        out: &mut Vec<Effect>,
    ) {
        let Some(config) = self.epoch.ended.take() else { return };
        let first_sequence = self.epoch.next_sequence;
        self.config.epoch = config.epoch;
        self.config.me = me;
        self.epoch =
            EpochPlace { first_sequence, next_sequence: first_sequence, ..EpochPlace::new(config) };
        self.rule = rule;
        self.tip = self.head.pair.block;
        let above: Vec<BlockId> = self.tree.iter().map(|(id, _)| *id).collect();
        out.extend(above.into_iter().map(|block| Effect::Forget { block }));
        self.tree = crate::vote::BlockTree::default();
        self.finals = crate::commit::FinalQueue::default();
        self.signing.clear();
        // Views begin anew.
        self.strikes = crate::propose::strikes::Strikes::default();
        self.missing.clear();
        self.repairs.clear();
        self.offered.clear();
        self.unknown.clear();
        self.restored.clear();
        self.to_rule.clear();
        self.to_rule.push_back(RuleInput::Start);
        self.has_work = false;
        self.tell_work(true);
        self.run_rule(now, out);
        self.keep_fetching(now, out);
    }

    /// Whether something of this epoch is meant for the rule now. Of a later one: this node is behind,
    /// if that is true. Nobody can check it here, so it makes this node ask only now and then.
    pub(super) fn is_of_now(&mut self, epoch: Epoch) -> bool {
        let now = self.epoch.tick_ms;
        if epoch > self.config.epoch
            && self.epoch.asked_ms.is_none_or(|asked| now >= asked.saturating_add(FETCH_RETRY_MS))
        {
            self.epoch.asked_ms = Some(now);
            self.sync.hint(self.final_tip().1.next());
        }
        epoch == self.config.epoch && !self.is_ending()
    }

    /// Whether the last block known to be final seals: what comes after it is for the next instance.
    pub(super) fn is_ending(&self) -> bool {
        let seals = |id: &BlockId| self.header_of(id).is_some_and(|header| self.is_last(header));
        self.epoch.ended.is_some() || seals(&self.final_tip().0)
    }
}
