//! Voting, skipping, committing: rules R1, R2, R3, and the way a statement goes.
//!
//! In: the state after an input. Out: `Sign`. A register is taken in memory when the wish to sign
//! goes out, and the statement is counted only when the host says that it is durable.
//! Not here: the signing guard of the host, which refuses what this file must never ask for.

use super::{
    Lft, VIEWS_FULL,
    state::{Checked, End, First, Proposal, Register, Signing, View, place},
};
use crate::{
    pacemaker::Due,
    statement::{Ballot, Body},
    tally::Said,
};
use plugin_api::{Hash, HeaderView, Output, Pair, ProposalKind, Statement, Then};

/// A Commit waits up to this many `hold`s while a child is being executed.
const HOLDS_FOR_CHILD: u64 = 10;

impl Lft {
    /// Asks the host to sign.
    pub(super) fn sign(&mut self, body: Body, then: Then, needs: Vec<Hash>, out: &mut Vec<Output>) {
        self.mark_registers(&body);
        self.sequence += 1;
        self.signing.insert(self.sequence, Signing { body });
        let slots = body.slots(self.validators.mode());
        out.push(Output::Sign { sequence: self.sequence, slots, body: body.encode(), then, needs });
    }

    /// A statement of this node is durable.
    pub(super) fn on_own(
        &mut self,
        sequence: u64,
        statement: Statement,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let Some(Signing { body }) = self.signing.remove(&sequence) else {
            return Err(format!("nothing was to be signed as number {sequence}"));
        };
        self.heard.note(statement.signer, self.view, self.now);
        let view = body.view();
        if let Body::Propose { block, .. } = body {
            if let Some(header) = self.blocks.get(&block).map(|known| known.header.clone()) {
                let justification = self.justify(&header).unwrap_or_default();
                // Its view may have passed meanwhile: then nobody wants it.
                self.install(header, Proposal { block, statement, justification }).ok();
            }
            return Ok(());
        }
        if let Body::Rejoined { asker, nonce, .. } = body {
            self.on_answer_signed((asker, nonce), statement, out);
            return Ok(());
        }
        if view >= self.head.view {
            self.at(view).own.push(statement.clone());
        }
        self.take(&Said { body, statement }, out);
        Ok(())
    }

    /// The guard of the host holds another value: that register is closed for ever.
    pub(super) fn on_refused(&mut self, sequence: u64, out: &mut Vec<Output>) {
        let Some(Signing { body }) = self.signing.remove(&sequence) else { return };
        out.push(Output::Trace { level: 1, line: format!("the guard refused {body:?}") });
        match body {
            Body::Propose { view, kind, .. } => {
                if let Some(register) = self.at(view).proposed.get_mut(place(kind)) {
                    *register = Register::Refused;
                }
            }
            // The parent's register may be the one: vote again without the flag.
            Body::Vote { ballot, commit_parent: true } => {
                self.at(ballot.parent_view).end = Register::Refused;
                self.at(ballot.view).first = Register::Empty;
            }
            Body::Vote { ballot, .. } => self.at(ballot.view).first = Register::Refused,
            Body::Skip { view } if self.is_fast() => self.at(view).first = Register::Refused,
            Body::Skip { view }
            | Body::Commit { view, .. }
            | Body::Support { ballot: Ballot { view, .. } }
            | Body::Fallback { view } => self.at(view).end = Register::Refused,
            // It is asked for again.
            Body::Rejoined { asker, .. } => drop(self.told.remove(&asker)),
        }
    }

    pub(super) fn end_of(&self, view: u64) -> Register<End> {
        if view <= self.floor {
            return Register::Refused;
        }
        self.views.get(&view).map_or(Register::Empty, |at| at.end)
    }

    /// R1: vote for a proposal of the leader of the current view.
    pub(super) fn vote(&mut self, out: &mut Vec<Output>) {
        let Some(at) = self.views.get(&self.view) else { return };
        let free = at.first.is_empty() && self.admits_first(at);
        #[cfg(feature = "planted-bugs")]
        let free = free || self.has_bug(crate::planted::Bug::VoteTwice);
        if !free {
            return;
        }
        let votable = at.proposals.iter().flatten().find_map(|proposal| {
            let known = self.blocks.get(&proposal.block)?;
            let Checked::Valid(pair) = known.checked else { return None };
            (at.first != Register::Holds(First::Vote(pair))
                && self.has_valid_ancestry(&known.header)
                && !self.is_refused(&known.header))
            .then(|| (known.header.clone(), pair))
        });
        if let Some((header, pair)) = votable {
            self.cast_vote(&header, pair, out);
        }
    }

    /// With fast commit: who committed in a view votes for nothing else in it. The core rule leaves
    /// the two registers alone.
    fn admits_first(&self, at: &View) -> bool {
        !self.is_fast() || at.end.is_empty()
    }

    fn cast_vote(&mut self, header: &HeaderView, pair: Pair, out: &mut Vec<Output>) {
        let parent_view = header.parent_view;
        let commit = End::Commit(header.parent);
        let commit_parent = self.may_end(parent_view, &commit)
            && parent_view >= self.head.view
            && parent_view > self.floor;
        #[cfg(feature = "planted-bugs")]
        let commit_parent =
            commit_parent || (parent_view == 0 && self.has_bug(crate::planted::Bug::FlagRoot));
        let ballot = Ballot { view: header.view, pair, parent: header.parent, parent_view };
        let mut needs = vec![pair.block];
        if commit_parent {
            needs.push(header.parent.block);
            self.deadlines.clear(Due::Hold(parent_view));
        }
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::PayloadAfterVote) {
            needs.clear();
        }
        self.sign(Body::Vote { ballot, commit_parent }, Then::Broadcast, needs, out);
        self.plan_optimistic(header, pair);
    }

    fn may_end(&self, view: u64, end: &End) -> bool {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::NeverCommit) {
            return false;
        } else if self.has_bug(crate::planted::Bug::FlagAfterSkip) && view > self.floor {
            return true;
        }
        self.end_of(view).admits(end) && self.admits_commit(view, end)
    }

    /// With fast commit: a Commit of a pair only by who said nothing else in its view.
    fn admits_commit(&self, view: u64, end: &End) -> bool {
        let (End::Commit(pair), true) = (end, self.is_fast()) else { return true };
        let first = self.views.get(&view).map_or(Register::Empty, |at| at.first);
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::CommitAfterOther) {
            return true;
        }
        first.admits(&First::Vote(*pair))
    }

    /// A3: the parent is certified, and every view in between is null.
    fn has_valid_ancestry(&self, header: &HeaderView) -> bool {
        self.is_linked(header)
            && match header.kind {
                ProposalKind::Norm | ProposalKind::Closing => true,
                ProposalKind::Opt => self.may_vote_optimistic(header),
            }
    }

    /// The parent is certified, and every view in between is null.
    pub(super) fn is_linked(&self, header: &HeaderView) -> bool {
        let mut between = header.parent_view + 1..header.view;
        let linked = between.all(|view| self.holds_null(view));
        #[cfg(feature = "planted-bugs")]
        let linked = linked || self.has_bug(crate::planted::Bug::NoNullNeeded);
        let certified = self.is_certified(header.parent_view, &header.parent);
        #[cfg(feature = "planted-bugs")]
        let certified = certified || self.has_bug(crate::planted::Bug::AnyParent);
        linked && certified
    }

    /// Only one proposal of an honest leader is ever votable: who skipped the view before waits
    /// for the leader's own vote for its optimistic proposal.
    fn may_vote_optimistic(&self, header: &HeaderView) -> bool {
        let Some(at) = self.views.get(&header.view) else { return false };
        let leader = self.leader(header.view);
        if Some(leader) == self.me {
            return at.proposed.get(place(ProposalKind::Norm)).is_some_and(Register::is_empty);
        }
        let skipped =
            self.views.get(&header.parent_view).is_some_and(super::state::View::is_skipped);
        #[cfg(feature = "planted-bugs")]
        let skipped = skipped && !self.has_bug(crate::planted::Bug::OptAfterSkip);
        !skipped || at.tally.vote_of(leader).is_some_and(|ballot| ballot.pair.block == header.id)
    }

    /// What no later message can make votable.
    pub(super) fn is_refused(&self, header: &HeaderView) -> bool {
        if self.blocks.get(&header.id).is_some_and(|known| known.checked == Checked::Invalid) {
            return true;
        }
        let misplaced = if self.is_certified(header.parent_view, &header.parent) {
            false
        } else if self.is_fast() && header.parent_view > self.head.view {
            // Another candidate of that view may still come.
            false
        } else {
            header.parent_view < self.head.view || !self.certified(header.parent_view).is_empty()
        };
        #[cfg(feature = "planted-bugs")]
        let misplaced = misplaced && !self.has_bug(crate::planted::Bug::AnyParent);
        if misplaced {
            return true;
        }
        let Some(parent) = self.header(&header.parent.block) else { return false };
        if !self.may_follow(header, parent) {
            return true;
        }
        !header.is_work() && !self.needs_successor(header)
    }

    /// An empty block is welcome on a block with transactions (or on a sealing one), or while one below is not final.
    fn needs_successor(&self, header: &HeaderView) -> bool {
        let parent = header.parent.block;
        let fresh = self.header(&parent).is_some_and(HeaderView::is_work);
        (fresh && parent != self.root) || self.has_unfinal_from(&parent)
    }

    /// Whether this block or one between it and the head carries transactions, or seals.
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

    /// R2: give up on the current view.
    pub(super) fn skip(&mut self, out: &mut Vec<Output>) {
        let view = self.view;
        let end = self.end_of(view);
        let first = self.views.get(&view).map_or(Register::Empty, |at| at.first);
        let free = end.is_empty() && (first.is_empty() || !self.is_fast());
        if free && self.wants_skip() {
            self.sign(Body::Skip { view }, Then::Broadcast, Vec::new(), out);
            #[cfg(feature = "planted-bugs")]
            if self.has_bug(crate::planted::Bug::SkipAfterCommit)
                && matches!(self.end_of(view - 1), Register::Holds(End::Commit(_)))
            {
                let late = Body::Skip { view: view - 1 };
                self.sign(late, Then::Broadcast, Vec::new(), out);
            }
        }
    }

    fn wants_skip(&self) -> bool {
        let nothing = super::View::default();
        let at = self.views.get(&self.view).unwrap_or(&nothing);
        if self.validators.quorum().surely_honest(at.tally.skip_weight()) {
            return true;
        }
        if self.is_split(at) {
            return true;
        }
        let voted = !at.first.is_empty();
        if !voted && at.tally.skipped(self.leader(self.view)) {
            return true;
        }
        if !self.is_working() {
            return false;
        }
        if self.certificate_expired || (self.lead_expired && !voted) {
            return true;
        }
        let mut proposals = at.proposals.iter().flatten().peekable();
        let any = proposals.peek().is_some();
        any && !voted
            && proposals.all(|proposal| {
                self.blocks.get(&proposal.block).is_some_and(|b| self.is_refused(&b.header))
            })
    }

    /// R3: commit candidates that no child's vote committed.
    pub(super) fn commit(&mut self, out: &mut Vec<Output>) {
        let from = (self.head.view + 1).max(self.view.saturating_sub(VIEWS_FULL));
        let waiting: Vec<(u64, Pair)> = self
            .views
            .range(from..)
            .flat_map(|(view, at)| at.candidates.iter().map(move |candidate| (view, at, candidate)))
            .filter_map(|(view, at, candidate)| {
                let pair = candidate.ballot.pair;
                let free = at.end.is_empty() && self.admits_commit(*view, &End::Commit(pair));
                #[cfg(feature = "planted-bugs")]
                let free = free
                    || (self.has_bug(crate::planted::Bug::CommitAfterSkip)
                        && at.end == Register::Holds(End::Skip));
                (free && *view > self.floor).then_some((*view, pair))
            })
            .collect();
        for (view, pair) in waiting {
            let known = self.blocks.get(&pair.block).map(|known| known.checked);
            // With two candidates of one view, the first one took the register.
            if matches!(self.end_of(view), Register::Holds(End::Commit(_))) {
                continue;
            }
            if known == Some(Checked::Valid(pair)) && self.hold_is_over(view, &pair) {
                #[cfg(feature = "planted-bugs")]
                if self.has_bug(crate::planted::Bug::NeverCommit) {
                    return;
                }
                self.deadlines.clear(Due::Hold(view));
                self.sign(Body::Commit { view, pair }, Then::Broadcast, vec![pair.block], out);
            }
        }
    }

    /// Whether a lone Commit should wait no longer for a child whose vote would carry it.
    fn hold_is_over(&mut self, view: u64, pair: &Pair) -> bool {
        if self.view > view + 1 || self.parameters.hold == 0 || !self.expects_child(view, pair) {
            return true;
        }
        let child = self.child_in_execution(view, pair);
        let holds = if child { HOLDS_FOR_CHILD } else { 1 };
        let until = self.entered_at + self.parameters.hold * holds;
        if self.now >= until {
            return true;
        }
        self.deadlines.set(Due::Hold(view), until);
        false
    }

    fn expects_child(&self, view: u64, pair: &Pair) -> bool {
        let is_last = self.header(&pair.block).is_some_and(HeaderView::ends_transactions);
        (self.has_work && !is_last) || self.child_in_execution(view, pair)
    }

    fn child_in_execution(&self, view: u64, pair: &Pair) -> bool {
        self.views.get(&(view + 1)).is_some_and(|at| {
            at.proposals.iter().flatten().any(|proposal| {
                self.blocks.get(&proposal.block).is_some_and(|known| {
                    known.header.parent == *pair && known.checked == Checked::Asked
                })
            })
        })
    }
}
