//! What only the signer does: with work and after the interval ask for a block, have it executed,
//! sign block and result. Not here: making it final, which every node does (`follow.rs`).

use super::{RETRY_MS, Solo, Stage, TIMER_INTERVAL, WARN};
use crate::statement::{self, Commit};
use plugin_api::{HeaderView, Output, ProposalKind, RuleError, Statement, Then, input::Verdict};

impl Solo {
    /// The signer's own block was executed: sign it, or drop it and try again later.
    pub(super) fn on_own_verdict(
        &mut self,
        now_ms: u64,
        header: HeaderView,
        verdict: Verdict,
        out: &mut Vec<Output>,
    ) {
        let Verdict::Valid { pair } = verdict else {
            let line = format!("own block {:?} was not executed: {verdict:?}", header.id);
            out.push(Output::Trace { level: WARN, line });
            self.proposed_ms = Some(now_ms);
            self.stage = Stage::Waiting;
            out.push(Output::SetTimer { token: TIMER_INTERVAL, after_ms: RETRY_MS });
            return;
        };
        let commit = Commit { view: header.view, pair };
        let record = minicbor::to_vec(&header).unwrap_or_default();
        out.push(Output::Persist { view: header.view, record });
        let block = header.id;
        self.learn_header(header);
        if let Some(known) = self.pending.get_mut(&block) {
            known.result = Some(pair);
            known.is_validated = true;
        }
        let sequence = self.next_number();
        out.push(Output::Sign {
            sequence,
            slots: commit.slots(),
            body: commit.body(),
            then: Then::Propose { block, justification: Vec::new() },
            needs: vec![block],
        });
        self.stage = Stage::Signing { sequence, block };
    }

    pub(super) fn on_built(
        &mut self,
        request: u64,
        header: Option<HeaderView>,
        out: &mut Vec<Output>,
    ) {
        if self.stage != (Stage::Building { request }) {
            return;
        }
        match header {
            Some(header) => {
                out.push(Output::Validate { block: header.id });
                self.stage = Stage::Executing { header };
            }
            None => {
                self.has_work = false;
                self.stage = Stage::Idle;
            }
        }
    }

    pub(super) fn on_signed(
        &mut self,
        sequence: u64,
        statement: Statement,
    ) -> Result<(), RuleError> {
        if let Stage::Signing { sequence: asked, .. } = self.stage
            && asked == sequence
        {
            let commit = Commit::of(&statement)?;
            self.learn_commit(commit, statement);
            self.stage = Stage::Idle;
        }
        Ok(())
    }

    pub(super) fn on_refused(&mut self, sequence: u64, out: &mut Vec<Output>) {
        if let Stage::Signing { sequence: asked, block } = self.stage
            && asked == sequence
        {
            self.pending.remove(&block);
            let reason = "the signing guard refused: another block was signed in this view and is \
                          not in the log; restore the data folder or let the node sync";
            self.halt(reason.to_owned(), out);
        }
    }

    /// The signer's turn: only with work, nothing of its own unfinished, and the interval over.
    pub(super) fn propose(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        let has_turn = self.is_signer && self.stage == Stage::Idle && self.pending.is_empty();
        if !has_turn || !self.has_work {
            return;
        }
        let due_ms = self.proposed_ms.map_or(0, |ms| ms + self.settings.block_interval_ms);
        if now_ms < due_ms {
            out.push(Output::SetTimer { token: TIMER_INTERVAL, after_ms: due_ms - now_ms });
            self.stage = Stage::Waiting;
            return;
        }
        self.proposed_ms = Some(now_ms);
        let request = self.next_number();
        out.push(Output::Build {
            request,
            view: self.head.view + 1,
            kind: ProposalKind::Norm,
            parent: self.head.pair,
            parent_view: self.head.view,
            allow_empty: false,
            carried: statement::name_of_proof(&self.head.proof),
        });
        self.stage = Stage::Building { request };
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}
