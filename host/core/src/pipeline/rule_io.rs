//! Steps the rule and carries out what it asks for.

use super::Pipeline;
use crate::clock::Now;
use crate::effect::{Effect, To};
use crate::input::Timer;
use crate::propose::{Request, assemble};
use crate::vote::rule::{RuleFault, RuleInput, RuleOutput, Verdict};
use host_types::block::{Block, ProposalKind};
use host_types::limits::{STRIKES_MAX, STRIKES_OUT_VIEWS};
use host_types::message::{FetchRequest, PeerMessage, Proposal};
use host_types::statement::Statement;
use host_types::{BlockId, Encode, Header, ScoreName, SignedTransaction, TxId};
use std::sync::Arc;

/// How long a block is filled under a load.
struct Fill {
    /// A parent of so many transactions shows that such a load is there.
    parent_txs: u32,
    /// So many are worth a block of their own at any time.
    full_txs: usize,
    /// Longest time since the parent, microseconds.
    within_us: u64,
}

/// Heaviest load first. Every block has costs that do not depend on its size (three syncs, a round of
/// votes), and larger ones share them out; a transaction waits the longer for it, so that only a load
/// near what the machine can do is worth the longer wait.
const FILLS: [Fill; 2] = [
    Fill { parent_txs: 700, full_txs: 2_000, within_us: 100_000 },
    Fill { parent_txs: 64, full_txs: 1_000, within_us: 50_000 },
];

/// Whether a leader does better to wait: the load is high, the block would be small, and its parent
/// is young. An idle channel never waits, nor does a leader whose clock is behind the parent's.
fn is_worth_waiting(parent: &Header, waiting: usize, now: Now) -> bool {
    let Some(age) = now.wall.get().checked_sub(parent.time.get()) else { return false };
    let load = FILLS.iter().find(|fill| parent.tx_count >= fill.parent_txs);
    let is_early = |fill: &Fill| age < fill.within_us && waiting < fill.full_txs;
    waiting > 0 && load.is_some_and(is_early)
}

impl Pipeline {
    /// Steps the rule until it has nothing more to be told.
    pub(super) fn run_rule(&mut self, now: Now, out: &mut Vec<Effect>) {
        while let Some(input) = self.to_rule.pop_front() {
            if self.is_ending() {
                self.to_rule.clear();
                return;
            }
            let offer = match &input {
                RuleInput::Proposal { header, .. } => {
                    self.offered.remove(&header.id()).map(|tx_ids| (header.clone(), tx_ids))
                }
                _ => None,
            };
            match self.rule.step(now.tick_ms, input) {
                Ok(outputs) => {
                    // Only what the rule takes is kept: it alone knows who may propose when.
                    if let Some((header, tx_ids)) = offer {
                        self.keep_header(header, tx_ids, out);
                    }
                    for output in outputs {
                        // The end of the epoch is the last thing that counts of an instance.
                        if !self.is_ending() {
                            self.on_output(now, output, out);
                        }
                    }
                }
                Err(RuleFault::Rejected(why)) => {
                    out.push(Effect::Log { level: 4, line: format!("the rule ignored: {why}") });
                }
                Err(fault @ RuleFault::Poisoned(_)) => {
                    if self.degraded.is_none() {
                        self.degraded = Some(fault.to_string());
                        out.push(Effect::Log { level: 1, line: fault.to_string() });
                    }
                }
            }
        }
    }

    fn on_output(&mut self, now: Now, output: RuleOutput, out: &mut Vec<Effect>) {
        match output {
            RuleOutput::Sign { sequence, slots, body, then, needs } => {
                let sequence = self.epoch.number(sequence);
                self.signing.insert(sequence, then);
                out.push(Effect::Sign { sequence, slots, body, needs });
            }
            RuleOutput::Send { to, bytes } => {
                out.push(Effect::Send { to, message: PeerMessage::Rule(bytes) });
            }
            RuleOutput::SendStatement { to, statement } => {
                out.push(Effect::Send { to, message: PeerMessage::Statement(statement) });
            }
            RuleOutput::SendProposal { to, block, statement, justification } => {
                self.send_proposal(to, block, statement, justification, out);
            }
            RuleOutput::SetTimer { token, after_ms } => {
                self.epoch.timers.insert(token);
                out.push(Effect::SetTimer { timer: Timer::Rule(token), after_ms });
            }
            RuleOutput::CancelTimer(token) => {
                out.push(Effect::CancelTimer { timer: Timer::Rule(token) });
            }
            RuleOutput::Persist { view, record } => out.push(Effect::Persist { view, record }),
            build @ RuleOutput::Build { .. } => self.on_build(now, build, out),
            RuleOutput::Validate(block) => self.on_validate(now, block, out),
            RuleOutput::FetchBlock(block) => self.on_fetch_block(block, out),
            RuleOutput::Candidate { pair, .. } => {
                self.tip = pair.block;
                if let Some(entry) = self.tree.get(&pair.block) {
                    self.suspects.clear(&entry.tx_ids);
                }
                self.on_certified(pair, out);
                self.advance(now, pair.block, out);
                self.tell_work(false);
            }
            RuleOutput::Final { pairs, proof } => self.on_final(now, &pairs, proof, out),
            RuleOutput::Evidence { signer, first, second } => out.push(Effect::Evidence {
                signer,
                statements: Arc::new([first.to_bytes(), second.to_bytes()]),
            }),
            RuleOutput::Trace { level, line } => out.push(Effect::Log { level, line }),
            RuleOutput::Closed(view) => out.push(Effect::Close { view }),
            RuleOutput::Suspect { block, votes } => self.on_suspect(block, votes, out),
            RuleOutput::Entered { leader, .. } => self.leader = leader,
            RuleOutput::Behind { height, .. } => self.sync.hint(height),
        }
    }

    pub(super) fn send_proposal(
        &self,
        to: To,
        block: BlockId,
        statement: Statement,
        justification: Vec<u8>,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.tree.get(&block) else { return };
        let proposal = Proposal {
            header: entry.header.clone(),
            tx_ids: entry.tx_ids.to_vec(),
            statement,
            justification,
        };
        out.push(Effect::Send { to, message: PeerMessage::Proposal(Box::new(proposal)) });
    }

    fn on_build(&mut self, now: Now, build: RuleOutput, out: &mut Vec<Effect>) {
        let RuleOutput::Build { request, view, kind, parent, parent_view, allow_empty, carried } =
            build
        else {
            return;
        };
        self.pool.lay_aside(&self.strikes.out(view));
        let (Some(me), Some(parent_header)) = (self.config.me, self.header_of(&parent.block))
        else {
            self.to_rule.push_back(RuleInput::Built { request, header: None });
            return;
        };
        let closes = self.is_last(parent_header);
        if closes || kind == ProposalKind::Closing {
            let fits = closes && kind == ProposalKind::Closing;
            let views = (view, parent_view);
            let block = self.closing_block(views, parent, carried, now.wall).filter(|_| fits);
            return self.built(request, block, out);
        }
        let Some(seal) = self.seal_on(&parent.block) else {
            // Not executed here, and what it did to the next epoch cannot be told.
            return self.built(request, None, out);
        };
        let wanted = Request {
            genesis: parent_header.genesis,
            epoch: self.config.epoch,
            view,
            kind,
            seal,
            height: parent_header.height.next(),
            parent,
            parent_view,
            parent_time: parent_header.time,
            proposer: me,
            validators: self.epoch.validators,
            carried,
            allow_empty: allow_empty || seal.is_some(),
        };
        let taken = self.tree.branch_ids(parent.block);
        let waiting = self.pool.in_order_len().saturating_sub(taken.len());
        if seal.is_none() && is_worth_waiting(parent_header, waiting, now) {
            self.to_rule.push_back(RuleInput::Built { request, header: None });
            return;
        }
        let limits = &self.limits();
        let is_taken = |id: &TxId| taken.binary_search(id).is_ok();
        let is_there = |id: &TxId| self.pool.is_in_order(id) && !is_taken(id);
        let only = self.suspects.only(now.tick_ms, waiting, is_there);
        let is_left_out = |tx: &SignedTransaction| {
            let id = &tx.id();
            is_taken(id) || (only.is_empty() && self.suspects.is_left_out(id))
        };
        // Few are looked up: a walk through a full pool for them, for each block, takes milliseconds.
        let block = if only.is_empty() {
            let waiting = self.pool.in_order();
            assemble(&wanted, waiting, limits, now.wall, is_left_out, &self.costs)
        } else {
            let waiting = self.pool.in_order_of(&only);
            assemble(&wanted, waiting, limits, now.wall, is_left_out, &self.costs)
        };
        self.built(request, block, out);
    }

    /// A SCORE that gave no result here: after several, this node's own blocks leave it out.
    pub(super) fn on_strike(&mut self, score: ScoreName, out: &mut Vec<Effect>) {
        let view = host_types::View::new(self.rule.status().view);
        if self.strikes.strike(&score, view) {
            let line = format!(
                "SCORE {score} gave no result in time {STRIKES_MAX} times: this node proposes none of \
                 its transactions for {STRIKES_OUT_VIEWS} views"
            );
            out.push(Effect::Log { level: 2, line });
        }
    }

    fn built(&mut self, request: u64, block: Option<Block>, out: &mut Vec<Effect>) {
        let header = block.map(|block| {
            let header = block.header().clone();
            self.tree.insert_block(block.clone());
            out.push(Effect::StorePayload { block });
            header
        });
        self.to_rule.push_back(RuleInput::Built { request, header });
    }

    fn on_fetch_block(&mut self, block: BlockId, out: &mut Vec<Effect>) {
        if let Some(header) = self.header_of(&block) {
            let header = header.clone();
            self.to_rule.push_back(RuleInput::Header(header));
        } else if self.unknown.insert(block) {
            let request = FetchRequest::Proposal(block);
            out.push(Effect::Fetch { from: None, block: Some(block), request });
        }
    }

    /// Tells the rule what became of a block it asked about.
    pub(super) fn tell_verdict(&mut self, block: BlockId, verdict: Verdict) {
        if let Some(entry) = self.tree.get_mut(&block)
            && std::mem::take(&mut entry.is_wanted)
        {
            self.to_rule.push_back(RuleInput::Validity { block, verdict });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use host_types::BlockTime;

    #[test]
    fn a_leader_waits_only_under_load_for_a_small_block_on_a_young_parent() {
        let genesis = Fixture::new().genesis.header();
        let time = genesis.time.get();
        // Transactions of the parent, transactions waiting, microseconds since the parent.
        let table = [
            (64, 1, 0, true),
            (699, 999, 49_999, true),
            (699, 1_000, 0, false),
            (700, 1_999, 99_999, true),
            (700, 2_000, 0, false),
            (700, 1, 100_000, false),
            (63, 500, 0, false),
            (64, 0, 0, false),
            (64, 1_000, 0, false),
            (64, 1, 50_000, false),
            (64, 1, -1, false),
            (0, 1, 0, false),
        ];
        for (tx_count, waiting, after, waits) in table {
            let parent = Header { tx_count, ..genesis.clone() };
            let wall = BlockTime::new(time.checked_add_signed(after).unwrap());
            let now = Now { tick_ms: 1, wall };
            let found = is_worth_waiting(&parent, waiting, now);
            assert_eq!(found, waits, "{tx_count} {waiting} {after}");
        }
    }
}
