//! From a proposal to an executed block.

use super::{GOSSIP_WAIT_MS, Pipeline};
use crate::clock::Now;
use crate::effect::Effect;
use crate::ingest::AdmittedTx;
use crate::input::ExecuteError;
use crate::vote::Progress;
use crate::vote::rule::{NodeId, RuleInput, Verdict};
use crate::vote::tree::Entry;
use crate::vote::validate::{HeaderContext, check_clock, check_header, check_payload, check_place};
use host_types::block::{Block, Pair, ProposalKind, RootPair, TxIds};
use host_types::limits::{BLOCKS_AHEAD_MAX, PROPOSALS_KEPT_MAX};
use host_types::message::{FetchRequest, Proposal};
use host_types::{BlockId, Header, TxId};
use std::sync::Arc;

impl Pipeline {
    pub(super) fn on_proposal(&mut self, from: NodeId, proposal: Proposal, out: &mut Vec<Effect>) {
        let Proposal { header, tx_ids, statement, justification } = proposal;
        if !self.is_of_now(header.epoch) || statement.epoch != header.epoch {
            return;
        }
        let tx_ids = TxIds::new(tx_ids);
        if let Err(reason) = self.screen(&header, &tx_ids) {
            out.push(Effect::Penalise { node: from, reason });
            return;
        }
        if statement.signer != header.proposer {
            let reason = "a proposal signed by another validator than its proposer".into();
            out.push(Effect::Penalise { node: from, reason });
            return;
        }
        let height = header.height.get();
        if height > self.head.header.height.get() + BLOCKS_AHEAD_MAX as u64 {
            self.sync.hint(host_types::Height::new(height - 1));
            return;
        }
        self.offered.insert(header.id(), tx_ids);
        self.to_rule.push_back(RuleInput::Proposal { header, statement, justification });
    }

    fn screen(&self, header: &Header, tx_ids: &TxIds) -> Result<(), String> {
        check_header(
            header,
            HeaderContext {
                genesis: self.head.header.genesis,
                epoch: self.config.epoch,
                validators: self.epoch.validators,
                validator_count: self.epoch.config.validators.all().len(),
                limits: &self.limits(),
            },
        )?;
        if tx_ids.fit(header) {
            Ok(())
        } else {
            Err("the transaction ids do not fit the header".into())
        }
    }

    pub(super) fn keep_header(&mut self, header: Header, tx_ids: TxIds, out: &mut Vec<Effect>) {
        if header.height <= self.head.header.height {
            return;
        }
        let id = header.id();
        self.unknown.remove(&id);
        self.tree.insert_header(id, header, tx_ids);
        for block in self.tree.shrink(PROPOSALS_KEPT_MAX + self.finals.len(), self.tip) {
            self.missing.remove(&block);
            out.push(Effect::Forget { block });
        }
    }

    pub(super) fn on_fetched_proposal(
        &mut self,
        block: BlockId,
        found: Option<(Box<Header>, Vec<TxId>)>,
        out: &mut Vec<Effect>,
    ) {
        let Some((header, tx_ids)) = found else { return };
        let tx_ids = TxIds::new(tx_ids);
        if header.id() != block
            || !self.is_of_now(header.epoch)
            || self.screen(&header, &tx_ids).is_err()
        {
            return;
        }
        let above = header.height.get().saturating_sub(self.final_tip().1.get());
        if above > 2 && self.header_of(&header.parent.block).is_none() {
            self.sync.hint(host_types::Height::new(header.height.get() - 1));
        }
        self.keep_header((*header).clone(), tx_ids, out);
        self.to_rule.push_back(RuleInput::Header(*header));
    }

    pub(super) fn on_validate(&mut self, now: Now, block: BlockId, out: &mut Vec<Effect>) {
        match self.tree.get_mut(&block) {
            Some(entry) => {
                entry.is_wanted = true;
                self.advance(now, block, out);
            }
            None => {
                self.to_rule.push_back(RuleInput::Validity { block, verdict: Verdict::NoResult });
            }
        }
    }

    /// Takes a block as far as it can go now.
    pub(super) fn advance(&mut self, now: Now, block: BlockId, out: &mut Vec<Effect>) {
        let Some(entry) = self.tree.get(&block) else { return };
        match entry.progress.clone() {
            Progress::Header => self.complete(now, block, out),
            Progress::Complete => self.execute(now, block, out),
            Progress::Executing => {}
            Progress::Executed(roots) => {
                self.tell_verdict(block, Verdict::Valid(Pair { block, roots }));
            }
            Progress::Invalid(why) => self.tell_verdict(block, Verdict::Invalid(why)),
            Progress::NoResult(_) => self.tell_verdict(block, Verdict::NoResult),
        }
    }

    /// Puts the bodies together, or asks for those that are missing.
    fn complete(&mut self, now: Now, block: BlockId, out: &mut Vec<Effect>) {
        let Some(entry) = self.tree.get(&block) else { return };
        let (header, ids) = (entry.header.clone(), entry.tx_ids.clone());
        let kept = self.missing.remove(&block);
        let body = |id: &TxId| match self.pool.get(id) {
            Some(tx) => Some(Arc::clone(tx.transaction())),
            None => kept.as_ref().and_then(|missing| missing.found.get(id)).map(Arc::clone),
        };
        let found: Vec<_> = ids.iter().map(body).collect();
        if found.iter().all(Option::is_some) {
            let bodies = found.into_iter().flatten().collect();
            if let Some(whole) = Block::with_ids(header, ids, bodies) {
                self.put_block(block, whole);
                self.advance(now, block, out);
            }
            return;
        }
        let is_new = kept.is_none();
        let mut missing = kept.unwrap_or_default();
        missing.lacking.clear();
        // What is here is kept: the pool may drop it before the rest comes.
        for (id, tx) in ids.iter().zip(found) {
            match tx {
                Some(tx) => drop(missing.found.insert(*id, tx)),
                None => drop(missing.lacking.insert(*id)),
            }
        }
        if is_new {
            // Gossip is usually on its way: ask only for what has not come in a moment.
            missing.due_ms = now.tick_ms.saturating_add(GOSSIP_WAIT_MS);
            self.fetch_within(now, GOSSIP_WAIT_MS, out);
        }
        self.missing.insert(block, missing);
    }

    fn put_block(&mut self, id: BlockId, block: Block) {
        if let Some(entry) = self.tree.get_mut(&id)
            && entry.progress == Progress::Header
        {
            entry.block = Some(block);
            entry.progress = Progress::Complete;
        }
    }

    /// New bodies are here: whoever waited for them goes on.
    pub(super) fn on_bodies(
        &mut self,
        now: Now,
        fetched_for: Option<BlockId>,
        transactions: Vec<AdmittedTx>,
        out: &mut Vec<Effect>,
    ) {
        if fetched_for.is_some() {
            for tx in &transactions {
                // Others may want it from here; whether the pool has room for it does not matter.
                self.insert(tx);
            }
        }
        let bytes_max = self.limits().block_bytes;
        let (mut ready, mut too_large) = (Vec::new(), Vec::new());
        for (block, missing) in &mut self.missing {
            for tx in &transactions {
                if missing.lacking.remove(&tx.id()) {
                    missing.bytes += tx.transaction().size() as u64;
                    missing.found.insert(tx.id(), Arc::clone(tx.transaction()));
                }
            }
            if missing.bytes > bytes_max {
                too_large.push(*block);
            } else if missing.lacking.is_empty() {
                ready.push(*block);
            }
        }
        for block in too_large {
            self.missing.remove(&block);
            self.set_progress(block, Progress::Invalid("its transactions are too large".into()));
            self.advance(now, block, out);
        }
        for block in ready {
            self.advance(now, block, out);
            let still_lacks = |entry: &Entry| entry.progress == Progress::Header;
            if !self.tree.get(&block).is_some_and(still_lacks) {
                self.missing.remove(&block);
            }
        }
    }

    /// Executes a complete block when its parent has the result that the header names.
    fn execute(&mut self, now: Now, id: BlockId, out: &mut Vec<Effect>) {
        let Some(entry) = self.tree.get(&id) else { return };
        let (header, is_final) = (entry.header.clone(), entry.is_final);
        let Some(block) = entry.block.clone() else { return };
        let Some(parent) = self.header_of(&header.parent.block).cloned() else {
            self.find_parent(header.parent.block, out);
            return;
        };
        let own = self.result_of(&header.parent.block);
        #[cfg(feature = "planted-bugs")]
        let own = match own {
            Some(_) if self.has_bug(crate::planted::Bug::SkipParentCheck) => {
                Some(header.parent.roots)
            }
            own => own,
        };
        match own {
            None => {
                self.advance(now, header.parent.block, out);
                return;
            }
            Some(own) if own != header.parent.roots => {
                let why = format!("block {id} builds on another result of its parent than ours");
                out.push(Effect::Log { level: 2, line: why });
                self.tell_verdict(id, Verdict::NoResult);
                return;
            }
            Some(_) => {}
        }
        if header.kind == ProposalKind::Closing {
            self.close(id, out);
            return self.advance_closed(now, id, out);
        }
        let seal = self.due_after(&header.parent.block).map(|due| due.map(|next| next.hash()));
        if seal != Some(header.next_validators) || self.is_last(&parent) {
            let why = "whether it seals the epoch is not what the state of its parent says";
            self.set_progress(id, Progress::Invalid(why.into()));
            self.advance(now, id, out);
            return;
        }
        let refused = if is_final {
            None
        } else if let Err(why) = check_place(&header, &parent) {
            Some((Verdict::Invalid(why.clone()), why))
        } else {
            check_clock(&header, now.wall).err().map(|why| (Verdict::NoResult, why))
        };
        if let Some((verdict, why)) = refused {
            out.push(Effect::Log { level: 3, line: format!("no vote for block {id}: {why}") });
            self.tell_verdict(id, verdict);
            return;
        }
        let ancestors = self.tree.branch_ids(header.parent.block);
        let limits = self.limits();
        let verdict = check_payload(&block, &ancestors, &self.window, &limits);
        #[cfg(feature = "planted-bugs")]
        let verdict = match verdict {
            Err(_) if self.has_bug(crate::planted::Bug::AcceptDuplicate) => Ok(()),
            verdict => verdict,
        };
        if let Err(why) = verdict {
            self.set_progress(id, Progress::Invalid(why));
            self.advance(now, id, out);
            return;
        }
        self.set_progress(id, Progress::Executing);
        out.push(Effect::Execute { block });
    }

    /// A closing block has its result at once, and so may those after it.
    fn advance_closed(&mut self, now: Now, id: BlockId, out: &mut Vec<Effect>) {
        if self.result_of(&id).is_some() {
            self.advance(now, id, out);
            self.advance_children(now, id, out);
        }
    }

    fn find_parent(&mut self, parent: BlockId, out: &mut Vec<Effect>) {
        if self.unknown.insert(parent) {
            let request = FetchRequest::Proposal(parent);
            out.push(Effect::Fetch { from: None, block: Some(parent), request });
        }
    }

    /// This node's own result of a block.
    pub(super) fn result_of(&self, block: &BlockId) -> Option<RootPair> {
        if *block == self.head.pair.block {
            return Some(self.head.pair.roots);
        }
        match self.tree.get(block)?.progress {
            Progress::Executed(roots) => Some(roots),
            _ => None,
        }
    }

    pub(super) fn set_progress(&mut self, block: BlockId, progress: Progress) {
        if let Some(entry) = self.tree.get_mut(&block) {
            entry.progress = progress;
        }
    }

    pub(super) fn on_executed(
        &mut self,
        now: Now,
        block: BlockId,
        result: Result<RootPair, ExecuteError>,
        out: &mut Vec<Effect>,
    ) {
        let progress = match result {
            Ok(roots) => Progress::Executed(roots),
            Err(ExecuteError::Invalid(why)) => Progress::Invalid(why),
            Err(ExecuteError::NoResult(why)) => {
                out.push(Effect::Log { level: 2, line: format!("no result of {block}: {why}") });
                self.suspect(block);
                Progress::NoResult(why)
            }
        };
        if matches!(self.tree.get(&block).map(|e| &e.progress), Some(Progress::Executed(_))) {
            // The agreed result came meanwhile.
            return;
        }
        self.set_progress(block, progress);
        self.compare(block, out);
        if self.tree.get(&block).is_some_and(|entry| entry.next.is_some()) {
            self.tell_work(false);
        }
        self.advance(now, block, out);
        self.drain_finals(now, out);
        self.advance_children(now, block, out);
    }

    /// A block has no result: when it was ours, the next ones narrow down why.
    fn suspect(&mut self, block: BlockId) {
        let Some(entry) = self.tree.get(&block) else { return };
        let waits = entry.tx_ids.iter().any(|id| self.pool.get(id).is_some());
        // What has left the pool (a block of before a restart, one that another leader settled) would
        // be held for ever: nothing takes it out again.
        if self.config.me == Some(entry.header.proposer) && waits {
            self.suspects.failed(&entry.tx_ids, self.epoch.tick_ms);
        }
    }

    pub(super) fn advance_children(&mut self, now: Now, of: BlockId, out: &mut Vec<Effect>) {
        let children: Vec<BlockId> = self
            .tree
            .iter()
            .filter(|(_, e)| e.header.parent.block == of && (e.is_wanted || e.is_final))
            .map(|(id, _)| *id)
            .collect();
        for child in children {
            self.advance(now, child, out);
        }
    }
}
