//! Vote, commit, skip, and the way a statement goes.
//!
//! In: the state after an input. Out: `Sign`. A register is taken in memory when the wish goes out;
//! the statement counts once the host says that it is durable. Not here: the host's guard, which
//! refuses what this file must never ask for.

use super::{
    Simplex, VIEWS_FULL,
    state::{Checked, Proposal},
};
use crate::{statement::Body, tally::Said};
use plugin_api::{Hash, HeaderView, Output, Pair, Statement, Then, mirror::class};

impl Simplex {
    /// Remembers what a statement of this node fills, when it is being signed or read from the log.
    pub(super) fn mark(&mut self, body: &Body) {
        let class = body.slot().class;
        self.at(body.view()).registers.insert(class, Some(*body));
    }

    /// Asks the host to sign. `needs` must be durable, with its result, before that leaves.
    pub(super) fn sign(&mut self, body: Body, then: Then, needs: Vec<Hash>, out: &mut Vec<Output>) {
        self.mark(&body);
        self.number += 1;
        let sequence = self.number;
        self.signing.insert(sequence, body);
        out.push(Output::Sign {
            sequence,
            slots: vec![body.slot()],
            body: body.encode(),
            then,
            needs,
        });
    }

    /// A statement of this node is durable.
    pub(super) fn on_signed(
        &mut self,
        sequence: u64,
        statement: Statement,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let Some(body) = self.signing.remove(&sequence) else {
            return Err(format!("nothing was to be signed as number {sequence}"));
        };
        if let Body::Propose { block, .. } = body {
            if let Some(header) = self.blocks.get(&block).map(|known| known.header.clone()) {
                let justification = self.justify(&header).unwrap_or_default();
                // Its view may have passed meanwhile: then nobody wants it.
                self.install(header, Proposal { block, statement, justification }).ok();
            }
            return Ok(());
        }
        if body.view() > self.head.view {
            self.at(body.view()).own.push(statement.clone());
        }
        self.count(&Said { body, statement }, out);
        Ok(())
    }

    /// The guard holds something else in that register: it is closed for ever.
    pub(super) fn on_refused(&mut self, sequence: u64, out: &mut Vec<Output>) {
        let Some(body) = self.signing.remove(&sequence) else { return };
        out.push(Output::Trace { level: 1, line: format!("the guard refused {body:?}") });
        self.at(body.view()).registers.insert(body.slot().class, None);
    }

    /// Vote, once, for a proposal of the leader of the current view. It is still allowed after a
    /// Skip: a late vote may be the one that certifies the block.
    pub(super) fn vote(&mut self, out: &mut Vec<Output>) {
        let view = self.view;
        let Some(at) = self.views.get(&view).filter(|at| !at.has_voted()) else { return };
        let Some(block) = at.proposal.as_ref().and_then(|p| self.blocks.get(&p.block)) else {
            return;
        };
        let Checked::Valid(pair) = block.checked else { return };
        if self.stands_on_certified(&block.header) && !self.is_refused(&block.header) {
            let body = Body::Vote { view, pair };
            self.sign(body, Then::Broadcast, vec![pair.block], out);
        }
    }

    /// Rule 3 of the proof: the parent is certified, and every view in between is null.
    fn stands_on_certified(&self, header: &HeaderView) -> bool {
        let mut between = header.parent_view + 1..header.view;
        self.certified(header.parent_view) == Some(header.parent)
            && between.all(|view| self.is_null(view))
    }

    /// What no later message can make votable.
    fn is_refused(&self, header: &HeaderView) -> bool {
        let is_invalid =
            self.blocks.get(&header.id).is_some_and(|block| block.checked == Checked::Invalid);
        let is_misplaced = match self.certified(header.parent_view) {
            Some(pair) => pair != header.parent,
            None => header.parent_view < self.head.view,
        };
        if is_invalid || is_misplaced {
            return true;
        }
        let Some(parent) = self.header(&header.parent.block) else { return false };
        let is_useless = !header.is_work() && !self.needs_successor(&header.parent.block);
        !header.may_follow(parent) || is_useless
    }

    /// An empty block is good for one thing: to make what stands below it final.
    fn needs_successor(&self, parent: &Hash) -> bool {
        let has_transactions = self.header(parent).is_some_and(HeaderView::is_work);
        (has_transactions && *parent != self.root) || self.has_unfinal_from(parent)
    }

    /// Whether this block or one between it and the head carries transactions.
    pub(super) fn has_unfinal_from(&self, block: &Hash) -> bool {
        let mut id = *block;
        while let Some(known) = self.blocks.get(&id) {
            if known.header.is_work() {
                return true;
            }
            id = known.header.parent.block;
        }
        false
    }

    /// Commit every certified block whose view this node has not skipped.
    pub(super) fn commit(&mut self, out: &mut Vec<Output>) {
        let from = (self.head.view + 1).max(self.view.saturating_sub(VIEWS_FULL));
        let ready: Vec<(u64, Pair)> = self
            .views
            .range(from..)
            .filter(|(_, at)| at.is_open(class::END))
            .filter_map(|(view, _)| Some((*view, self.certified(*view)?)))
            .filter(|(_, pair)| self.has_checked(pair))
            .collect();
        for (view, pair) in ready {
            self.sign(Body::Commit { view, pair }, Then::Broadcast, vec![pair.block], out);
        }
    }

    /// The block is here and this node found the same result.
    pub(super) fn has_checked(&self, pair: &Pair) -> bool {
        self.blocks.get(&pair.block).is_some_and(|known| known.checked == Checked::Valid(*pair))
    }

    /// Skip: give up on the current view.
    pub(super) fn skip(&mut self, out: &mut Vec<Output>) {
        let view = self.view;
        let is_open = self.views.get(&view).is_none_or(|at| at.is_open(class::END));
        if is_open && self.wants_skip() {
            self.sign(Body::Skip { view }, Then::Broadcast, Vec::new(), out);
        }
    }

    fn wants_skip(&self) -> bool {
        let Some(at) = self.views.get(&self.view) else {
            return self.is_working() && (self.lead_is_over || self.end_is_over);
        };
        let skip = Body::Skip { view: self.view };
        // Somebody honest gave up.
        if at.tally.weight(&skip, &self.committee) > self.committee.faulty() {
            return true;
        }
        let has_voted = at.has_voted();
        if !has_voted && at.tally.has(&skip, self.committee.leader(self.view)) {
            return true;
        }
        let block = at.proposal.as_ref().and_then(|p| self.blocks.get(&p.block));
        let is_refused = block.is_some_and(|block| self.is_refused(&block.header));
        self.is_working() && (self.end_is_over || (!has_voted && (self.lead_is_over || is_refused)))
    }
}
