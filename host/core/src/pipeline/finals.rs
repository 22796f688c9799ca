//! From "everybody agreed" to "stored here", and catching up.

use super::{FETCH_RETRY_MS, Head, Pipeline};
use crate::clock::Now;
use crate::commit::Agreed;
use crate::effect::{Effect, FinalBlock};
use crate::input::Timer;
use crate::sync::accept;
use crate::vote::Progress;
use crate::vote::rule::{NodeId, RuleInput};
use host_types::block::{Block, Header, Pair, ProposalKind};
use host_types::message::{BlockRange, FetchRequest};
use host_types::proof::FinalProof;
use host_types::{BlockId, Height};

impl Pipeline {
    /// The rule says blocks are final.
    pub(super) fn on_final(
        &mut self,
        now: Now,
        pairs: &[Pair],
        proof: Vec<u8>,
        out: &mut Vec<Effect>,
    ) {
        // Closing blocks come last: they are a part of the proof, and stand in no ledger.
        let closing: Vec<Header> =
            pairs.iter().filter_map(|pair| self.closing_header(&pair.block)).collect();
        let pairs = pairs.get(..pairs.len() - closing.len()).unwrap_or_default();
        let mut proof = Some(FinalProof {
            descendants: closing,
            roots: pairs.last().map(|pair| pair.roots).unwrap_or_default(),
            rule_proof: proof,
        });
        for (i, pair) in pairs.iter().enumerate() {
            let Some(entry) = self.tree.get_mut(&pair.block) else {
                // Settled already, or never seen: then peers have it with a proof.
                let tip = self.final_tip();
                if pair.block != tip.0 && pair.block != self.head.pair.block {
                    self.sync.hint(Height::new(tip.1.get() + 1));
                }
                continue;
            };
            entry.is_final = true;
            entry.settled = Some(pair.roots);
            let height = entry.header.height;
            let is_last = i + 1 == pairs.len();
            let own_proof = is_last.then(|| proof.take()).flatten();
            let agreed = Agreed { block: pair.block, height, roots: pair.roots, proof: own_proof };
            if self.finals.push(self.head.header.height, agreed) {
                self.advance(now, pair.block, out);
            }
        }
        self.drain_finals(now, out);
    }

    fn closing_header(&self, block: &BlockId) -> Option<Header> {
        let header = &self.tree.get(block)?.header;
        (header.kind == ProposalKind::Closing).then(|| header.clone())
    }

    /// Stores final blocks that are executed here with the agreed result, in order.
    pub(super) fn drain_finals(&mut self, now: Now, out: &mut Vec<Effect>) {
        let mut blocks = Vec::new();
        while let Some(agreed) = self.finals.front() {
            let (id, roots) = (agreed.block, agreed.roots);
            let Some(entry) = self.tree.get(&id) else { break };
            match &entry.progress {
                Progress::Executed(own) if *own == roots => {}
                #[cfg(feature = "planted-bugs")]
                Progress::Executed(_) if self.has_bug(crate::planted::Bug::NoResultCompare) => {}
                Progress::Executed(_) => {
                    self.compare(id, out);
                    break;
                }
                Progress::Invalid(why) => {
                    let line = format!("agreed block {id} is invalid here: {why}");
                    self.degrade(line, out);
                    break;
                }
                _ => break,
            }
            let entry_next = entry.next.clone();
            let (Some(block), Some(agreed)) = (entry.block.clone(), self.finals.pop()) else {
                break;
            };
            let (seals, next) = (self.is_last(block.header()), entry_next);
            let ended = self.epoch.next.take();
            self.epoch.next = next;
            self.settle(&block, &agreed, out);
            if seals {
                self.end_epoch(ended, out);
            }
            blocks.push(FinalBlock { block, pair: Pair { block: id, roots }, proof: agreed.proof });
        }
        if !blocks.is_empty() {
            let tip = self.head.pair.block;
            out.push(Effect::Commit { blocks });
            self.tell_work(false);
            self.advance_children(now, tip, out);
        }
    }

    fn settle(&mut self, block: &Block, agreed: &Agreed, out: &mut Vec<Effect>) {
        let header = block.header().clone();
        self.repairs.remove(&agreed.block);
        for id in self.tree.settle(agreed.block) {
            self.missing.remove(&id);
            self.repairs.remove(&id);
            out.push(Effect::Forget { block: id });
        }
        self.missing.remove(&agreed.block);
        for tx in block.transactions().iter() {
            self.pool.remove(&tx.id());
            self.window.insert(tx.id(), tx.transaction().expiry);
        }
        self.window.expire(header.time);
        if !self.suspects.is_empty() {
            let ids: Vec<_> = block.transactions().iter().map(|tx| tx.id()).collect();
            self.suspects.clear(&ids);
        }
        let expired = self.pool.expire(header.time);
        self.suspects.clear(&expired);
        if !expired.is_empty() {
            out.push(Effect::Expired { ids: expired });
        }
        if self.tree.get(&self.tip).is_none() {
            self.tip = agreed.block;
        }
        self.head = Head { header, pair: Pair { block: agreed.block, roots: agreed.roots } };
    }

    fn degrade(&mut self, why: String, out: &mut Vec<Effect>) {
        if self.degraded.is_none() {
            out.push(Effect::Log { level: 1, line: why.clone() });
            self.degraded = Some(why);
        }
    }

    /// A range of final blocks came.
    pub(super) fn on_range(
        &mut self,
        now: Now,
        from: NodeId,
        range: Option<Box<BlockRange>>,
        out: &mut Vec<Effect>,
    ) {
        self.sync.answered(from, range.is_some());
        let Some(range) = range else { return };
        if self.is_ending() {
            return;
        }
        let tip = self.final_tip();
        if range.blocks.first().is_none_or(|(header, _)| header.height != tip.1.next()) {
            return;
        }
        let accepted = match accept(&range, tip, self.config.epoch, &*self.rule) {
            Ok(accepted) => accepted,
            Err(reason) => {
                out.push(Effect::Penalise { node: from, reason });
                return;
            }
        };
        let mut last = None;
        for one in accepted {
            let id: BlockId = one.agreed.block;
            last = Some((one.block.header().clone(), Pair { block: id, roots: one.agreed.roots }));
            let entry = self.tree.insert_block(one.block.clone());
            if entry.progress == Progress::Header {
                entry.block = Some(one.block);
                entry.progress = Progress::Complete;
            }
            entry.is_final = true;
            entry.settled = Some(one.agreed.roots);
            self.missing.remove(&id);
            self.unknown.remove(&id);
            self.finals.push(self.head.header.height, one.agreed);
        }
        if let Some(first) = self.finals.front().map(|agreed| agreed.block) {
            self.advance(now, first, out);
        }
        self.drain_finals(now, out);
        if let Some((header, pair)) = last {
            self.sync.hint(Height::new(header.height.get() + 1));
            let proof = range.proof.rule_proof;
            let is_above = (header.epoch, header.view) > self.place_of_head();
            if range.proof.descendants.is_empty() && is_above {
                self.to_rule.push_back(RuleInput::SyncedTo { header, pair, proof });
            } else if range.proof.descendants.is_empty() && pair.block == self.head.pair.block {
                let header = self.head.header.clone();
                self.to_rule.push_back(RuleInput::SyncedTo { header, pair, proof });
            }
        }
    }

    /// Asks again for what is missing, and runs again what had no result.
    pub(super) fn on_fetch_timer(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.fetch_at_ms = None;
        self.ask_for_bodies(now, out);
        let unknown = std::mem::take(&mut self.unknown);
        for block in unknown {
            let request = FetchRequest::Proposal(block);
            out.push(Effect::Fetch { from: None, block: Some(block), request });
        }
        let stuck = self.finals.front().map(|agreed| agreed.block).filter(|id| {
            self.tree.get(id).is_some_and(|e| matches!(e.progress, Progress::NoResult(_)))
        });
        if let Some(block) = stuck {
            self.set_progress(block, Progress::Complete);
            self.advance(now, block, out);
        }
        self.repair_again(out);
        if !self.suspects.is_empty() {
            self.tell_work(true);
        }
    }

    /// Asks for the bodies whose time has come: those of a block that came a moment ago are on their way.
    fn ask_for_bodies(&mut self, now: Now, out: &mut Vec<Effect>) {
        let mut next = None;
        for (block, missing) in &mut self.missing {
            if missing.due_ms <= now.tick_ms {
                let request = FetchRequest::Bodies(missing.lacking.iter().copied().collect());
                out.push(Effect::Fetch { from: None, block: Some(*block), request });
                missing.due_ms = now.tick_ms.saturating_add(FETCH_RETRY_MS);
            }
            next = Some(next.map_or(missing.due_ms, |next: u64| next.min(missing.due_ms)));
        }
        if let Some(due_ms) = next {
            self.fetch_within(now, due_ms - now.tick_ms, out);
        }
    }

    /// Starts what sync needs next, and the timer while anything is missing.
    pub(super) fn keep_fetching(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.finals.len() < host_types::limits::BLOCKS_AHEAD_MAX
            && !self.is_ending()
            && let Some(request) = self.sync.next(self.final_tip().1, now.tick_ms)
        {
            out.push(Effect::Fetch { from: None, block: None, request });
        }
        let stuck = self.finals.front().is_some_and(|agreed| {
            self.tree
                .get(&agreed.block)
                .is_some_and(|e| matches!(e.progress, Progress::NoResult(_)))
        });
        let is_missing =
            !self.missing.is_empty() || !self.unknown.is_empty() || self.sync.is_active() || stuck;
        let is_missing = is_missing || !self.repairs.is_empty();
        if is_missing && self.fetch_at_ms.is_none() {
            self.fetch_within(now, FETCH_RETRY_MS, out);
        }
        if let Some(due_ms) = self.suspects.next_due_ms(now.tick_ms) {
            self.fetch_within(now, due_ms, out);
        }
    }

    /// Looks again after what is missing at the latest in so many milliseconds: a timer that fires
    /// earlier stays, or new proposals could put it off for ever.
    pub(super) fn fetch_within(&mut self, now: Now, after_ms: u64, out: &mut Vec<Effect>) {
        let at = now.tick_ms.saturating_add(after_ms);
        if self.fetch_at_ms.is_none_or(|set| at < set) {
            self.fetch_at_ms = Some(at);
            out.push(Effect::SetTimer { timer: Timer::Fetch, after_ms });
        }
    }
}
