//! What every node does, the signer included: learn headers, commits and results in any order, and
//! make the child of the head final when all three are here. Not here: what only the signer does
//! (`propose.rs`).

use super::{
    PENDING_BLOCKS_MAX, PendingBlock, QUIET_MS, RETRY_MS, Solo, Stage, TIMER_QUIET, TIMER_RETRY,
};
use crate::statement::{self, Commit, SIGNER};
use plugin_api::{
    Hash, HeaderView, Output, Pair, ProposalKind, RuleError, Statement, input::Verdict,
    output::FinalBlock,
};

impl Solo {
    fn pending_block(&mut self, id: Hash) -> Option<&mut PendingBlock> {
        let has_room = self.pending.len() < PENDING_BLOCKS_MAX || self.pending.contains_key(&id);
        has_room.then(|| self.pending.entry(id).or_default())
    }

    pub(super) fn learn_header(&mut self, header: HeaderView) {
        if header.height > self.head.height
            && let Some(block) = self.pending_block(header.id)
        {
            block.header = Some(header);
        }
    }

    pub(super) fn learn_commit(&mut self, commit: Commit, statement: Statement) {
        if let Some(block) = self.pending_block(commit.pair.block) {
            block.commit = Some((commit, statement));
        }
    }

    /// A commit of the signer arrived.
    pub(super) fn on_commit(
        &mut self,
        statement: Statement,
        out: &mut Vec<Output>,
    ) -> Result<(), RuleError> {
        let commit = Commit::of(&statement)?;
        if commit.view < self.head.view {
            return Ok(());
        }
        let rival = self.rival_of(&commit);
        if let Some(first) = rival {
            out.push(Output::Evidence { signer: SIGNER, first, second: statement });
            self.halt("the signer committed two results in one view".to_owned(), out);
        } else if commit.view > self.head.view {
            self.learn_commit(commit, statement);
        }
        Ok(())
    }

    /// A statement for something else in the same view.
    fn rival_of(&self, commit: &Commit) -> Option<Statement> {
        let head = statement::read_proof(&self.head.proof).ok();
        let known = self.pending.values().filter_map(|block| block.commit.as_ref());
        let known = known.map(|(commit, statement)| (statement, commit));
        head.iter()
            .map(|(statement, commit)| (statement, commit))
            .chain(known)
            .find(|(_, other)| other.view == commit.view && other.pair != commit.pair)
            .map(|(statement, _)| statement.clone())
    }

    pub(super) fn on_proposal(
        &mut self,
        header: HeaderView,
        statement: Statement,
        out: &mut Vec<Output>,
    ) -> Result<(), RuleError> {
        let commit = Commit::of(&statement)?;
        self.check_header(&header)?;
        if commit.pair.block != header.id || commit.view != header.view {
            return Err(RuleError {
                message: "the commit is not of the proposed block".to_owned(),
            });
        }
        let height = header.height;
        self.learn_header(header);
        self.on_commit(statement, out)?;
        self.ask_about_gap(height, out);
        Ok(())
    }

    pub(super) fn check_header(&self, header: &HeaderView) -> Result<(), RuleError> {
        let refused = |message: &str| Err(RuleError { message: message.to_owned() });
        if header.epoch != self.epoch {
            return refused("the block is of another epoch");
        }
        if header.proposer != SIGNER || header.kind != ProposalKind::Norm {
            return refused("the block is not an ordinary proposal of the signer");
        }
        let extends_head = header.parent.block == self.head.id;
        let fits_head = header.height == self.head.height + 1
            && header.view > self.head.view
            && header.parent_view == self.head.view;
        if extends_head && !fits_head {
            return refused("the block's height or view does not follow its parent's");
        }
        Ok(())
    }

    pub(super) fn on_verdict(
        &mut self,
        now_ms: u64,
        block: Hash,
        verdict: Verdict,
        out: &mut Vec<Output>,
    ) {
        if let Stage::Executing { header } = &self.stage
            && header.id == block
        {
            let header = header.clone();
            return self.on_own_verdict(now_ms, header, verdict, out);
        }
        let Some(known) = self.pending.get_mut(&block) else { return };
        match verdict {
            Verdict::Valid { pair } => known.result = Some(pair),
            Verdict::NoResult => {
                out.push(Output::SetTimer { token: TIMER_RETRY, after_ms: RETRY_MS });
            }
            Verdict::Invalid { reason } => {
                self.halt(format!("the signer committed an invalid block: {reason}"), out);
            }
        }
    }

    pub(super) fn on_synced(&mut self, header: &HeaderView, pair: Pair, proof: Vec<u8>) {
        if header.height <= self.head.height {
            return;
        }
        self.head = Self::head_of(self.root, header, pair, proof);
        self.forget_passed();
        if self.is_signer && !self.is_halted() {
            self.stage = Stage::Idle;
        }
    }

    /// Drops blocks that the head has reached.
    fn forget_passed(&mut self) {
        let (height, view) = (self.head.height, self.head.view);
        self.pending.retain(|_, block| {
            block.header.as_ref().is_none_or(|header| header.height > height)
                && block.commit.as_ref().is_none_or(|(commit, _)| commit.view > view)
        });
    }

    /// Makes the child of the head final when all of it is here.
    pub(super) fn finalize_next(&mut self, out: &mut Vec<Output>) -> bool {
        let child = self.pending.iter().find_map(|(id, block)| {
            let header = block.header.as_ref().filter(|header| header.parent == self.head.pair)?;
            let (commit, statement) = block.commit.as_ref()?;
            Some((*id, header.clone(), *commit, statement.clone(), block.result?))
        });
        let Some((id, header, commit, statement, result)) = child else { return false };
        if let Err(error) = self.check_header(&header) {
            self.halt(format!("the signer committed block {id:?}: {}", error.message), out);
            return false;
        }
        if result != commit.pair {
            self.halt(format!("this node's result of block {id:?} is not the signer's"), out);
            return false;
        }
        let proof = statement::proof_of(&statement);
        let block = FinalBlock { pair: commit.pair, view: commit.view };
        out.push(Output::Final { blocks: vec![block], proof: proof.clone() });
        self.head = Self::head_of(self.root, &header, commit.pair, proof);
        self.forget_passed();
        out.push(Output::Entered { view: self.head.view + 1, leader: SIGNER });
        if self.is_signer {
            out.push(Output::SetTimer { token: TIMER_QUIET, after_ms: QUIET_MS });
        }
        true
    }

    /// Fetches headers of commits, and has the child of the head executed.
    pub(super) fn ask_for_missing(&mut self, out: &mut Vec<Output>) {
        let parent = self.head.pair;
        for (id, block) in self.pending.iter_mut().filter(|(_, block)| block.commit.is_some()) {
            match &block.header {
                None if !block.is_fetched => {
                    block.is_fetched = true;
                    out.push(Output::FetchBlock { block: *id });
                }
                Some(header) if header.parent == parent && !block.is_validated => {
                    block.is_validated = true;
                    out.push(Output::Validate { block: *id });
                }
                _ => {}
            }
        }
    }

    /// Executions without a result are asked for again.
    pub(super) fn retry(&mut self) {
        for block in self.pending.values_mut().filter(|block| block.result.is_none()) {
            block.is_validated = false;
        }
    }
}
