//! What a leader does: when to build, on which parent, with which justification.
//!
//! In: the state after an input, and built headers. Out: `Build`, then `Sign` of the proposal.
//! A leader that keeps its optimistic proposal never sends a normal one, and the other way round.
//! Not here: what goes into a block (the host).

use super::{
    Lft,
    learn::CERTIFICATES_MAX,
    state::{Checked, Register, place},
};
use crate::{
    certificate::{self, Certificate, FinalProof},
    pacemaker::Due,
    peer::PeerMessage,
    statement::Body,
};
use plugin_api::{Hash, HeaderView, Output, Pair, ProposalKind, Then, To};
use sha2::{Digest, Sha256};

/// How long a leader waits before it asks again when the host had nothing to build, ms.
const RETRY_MS: u64 = 10;

/// A parent and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) pair: Pair,
    pub(crate) view: u64,
}

/// A block being built.
#[derive(Clone, Copy, Debug)]
struct Request {
    number: u64,
    view: u64,
    kind: ProposalKind,
    base: Base,
}

/// What this node builds or plans to build.
#[derive(Clone, Debug, Default)]
pub(crate) struct Building {
    requests: u64,
    request: Option<Request>,
    /// Parent of an optimistic proposal for the view after the current one.
    plan: Option<(u64, Base)>,
    /// Not before this time, ms, because the host had nothing.
    not_before: u64,
    /// The view whose kept optimistic proposal was explained with its parent's certificate.
    explained: u64,
}

impl Lft {
    pub(super) fn forget_stale_build(&mut self) {
        let view = self.view;
        if self.building.request.is_some_and(|request| request.view < view) {
            self.building.request = None;
        }
        if self.building.plan.is_some_and(|(planned, _)| planned <= view) {
            self.building.plan = None;
        }
        self.building.not_before = 0;
    }

    pub(super) fn on_pending(&mut self, has_work: bool) {
        self.has_work = has_work;
        self.building.not_before = 0;
    }

    /// After a hot vote, the leader of the next view may build on what it voted for.
    pub(super) fn plan_optimistic(&mut self, header: &HeaderView, pair: Pair) {
        let next = header.view + 1;
        let hot = header.parent_view + 1 == header.view;
        // S2: what follows a sealing block waits until it is needed.
        let goes_on = !header.ends_transactions();
        if self.parameters.optimistic && hot && goes_on && self.leads(next) {
            self.building.plan = Some((next, Base { pair, view: header.view }));
        }
    }

    pub(super) fn propose(&mut self, out: &mut Vec<Output>) {
        if let Some((view, base)) = self.building.plan
            && view == self.view + 1
        {
            self.propose_optimistic(view, base, out);
        }
        if self.leads(self.view) {
            self.propose_now(out);
        }
    }

    fn propose_optimistic(&mut self, view: u64, base: Base, out: &mut Vec<Output>) {
        let open = self.is_unproposed(view);
        if !open || self.building.request.is_some() || !self.has_work {
            return;
        }
        let at = self.earliest(&base);
        if self.now < at {
            self.deadlines.set_earlier(Due::Build, at);
            return;
        }
        self.build(view, ProposalKind::Opt, base, false, out);
    }

    fn is_unproposed(&self, view: u64) -> bool {
        self.views.get(&view).is_none_or(|at| at.proposed.iter().all(Register::is_empty))
    }

    /// The block interval since the parent was seen, and the pause after a refusal to build.
    fn earliest(&self, base: &Base) -> u64 {
        let seen = self.blocks.get(&base.pair.block).map_or(0, |known| known.seen_at);
        (seen + self.parameters.block_interval).max(self.building.not_before)
    }

    fn propose_now(&mut self, out: &mut Vec<Output>) {
        let view = self.view;
        if self.keeps_optimistic(view, out) || self.building.request.is_some() {
            return;
        }
        let at = self.views.get(&view);
        let norm = at.and_then(|at| at.proposed.get(place(ProposalKind::Norm)).copied());
        if norm.is_some_and(|register| !register.is_empty())
            || at.is_some_and(super::state::View::is_skipped)
        {
            return;
        }
        if !self.is_working() {
            return;
        }
        let Some(base) = self.parent_for(view) else { return };
        let needed = self.has_unfinal_from(&base.pair.block);
        let kind = self.kind_on(&base.pair.block);
        #[cfg(feature = "planted-bugs")]
        if kind == ProposalKind::Closing && self.has_bug(crate::planted::Bug::NeverCloses) {
            return;
        }
        let has_work = self.has_work && kind == ProposalKind::Norm;
        if !has_work && !needed {
            return;
        }
        // An empty successor is the last resort: usually the Commits of the others come first.
        let patience = self.entered_at + (self.parameters.delta / 4);
        let mut at = self.earliest(&base);
        if !has_work {
            at = at.max(patience);
        }
        if self.now < at {
            self.deadlines.set_earlier(Due::Build, at);
            return;
        }
        let allow_empty = needed && self.now >= patience;
        #[cfg(feature = "planted-bugs")]
        let allow_empty = allow_empty && !self.has_bug(crate::planted::Bug::NeverEmpty);
        self.build(view, kind, base, allow_empty, out);
    }

    /// True when this node's optimistic proposal stands on what was certified: it is kept, and
    /// the certificate goes along when somebody skipped the view before.
    fn keeps_optimistic(&mut self, view: u64, out: &mut Vec<Output>) -> bool {
        let Some(at) = self.views.get(&view) else { return false };
        let Some(Register::Holds(block)) = at.proposed.get(place(ProposalKind::Opt)).copied()
        else {
            return false;
        };
        let Some(parent) = self.blocks.get(&block).map(|known| known.header.parent) else {
            return false;
        };
        if !self.is_certified(view - 1, &parent) {
            return false;
        }
        let Some(before) = self.views.get(&(view - 1)) else { return true };
        let skips = before.tally.skip_weight() > 0;
        if skips
            && self.building.explained < view
            && let Some(candidate) = before.candidate(&parent)
        {
            self.building.explained = view;
            let certificates = vec![Certificate::Candidate(candidate.clone())];
            let bytes = PeerMessage::Certs { certificates }.encode();
            out.push(Output::Send { to: To::All, bytes });
        }
        true
    }

    /// The highest certified block that null views connect with `view`.
    fn parent_for(&self, view: u64) -> Option<Base> {
        let mut below = view - 1;
        while below > self.head.view {
            // With two candidates of one view, the one that this node checked itself.
            let known =
                self.certified(below).into_iter().filter(|p| self.header(&p.block).is_some());
            let best = known.max_by_key(|pair| {
                let checked = self.blocks.get(&pair.block).map(|block| block.checked);
                (checked == Some(Checked::Valid(*pair)), core::cmp::Reverse(*pair))
            });
            match best {
                Some(pair) => return Some(Base { pair, view: below }),
                None if self.holds_null(below) => below -= 1,
                None => return None,
            }
        }
        (below == self.head.view).then_some(Base { pair: self.head.pair, view: self.head.view })
    }

    fn build(
        &mut self,
        view: u64,
        kind: ProposalKind,
        base: Base,
        allow_empty: bool,
        out: &mut Vec<Output>,
    ) {
        self.building.requests += 1;
        let request = self.building.requests;
        self.building.request = Some(Request { number: request, view, kind, base });
        out.push(Output::Build {
            request,
            view,
            kind,
            parent: base.pair,
            parent_view: base.view,
            allow_empty,
            carried: self.carried(),
        });
    }

    /// Hash of the newest Final proof this node knows.
    fn carried(&self) -> Hash {
        if self.head.proof.is_empty() {
            return Hash::ZERO;
        }
        Hash(Sha256::digest(&self.head.proof).into())
    }

    pub(super) fn on_built(
        &mut self,
        number: u64,
        header: Option<HeaderView>,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let Some(request) = self.building.request.filter(|request| request.number == number) else {
            return Ok(());
        };
        self.building.request = None;
        let Some(header) = header else {
            self.building.not_before = self.now + self.parameters.block_interval.max(RETRY_MS);
            return Ok(());
        };
        if (header.view, header.kind, header.parent, header.parent_view)
            != (request.view, request.kind, request.base.pair, request.base.view)
        {
            return Err("the host built another block than it was asked for".to_owned());
        }
        if !self.still_wanted(&request) {
            return Ok(());
        }
        let block = header.id;
        let justification = self.justify(&header);
        let Some(justification) = justification else { return Ok(()) };
        self.add_block(header, false);
        let body = Body::Propose { view: request.view, kind: request.kind, block };
        let then = Then::Propose { block, justification };
        self.sign(body, then, vec![block], out);
        Ok(())
    }

    fn still_wanted(&self, request: &Request) -> bool {
        if !self.is_unproposed(request.view) {
            // An optimistic proposal that lost its parent may be followed by a normal one.
            let at = self.views.get(&request.view);
            let norm = at.and_then(|at| at.proposed.get(place(ProposalKind::Norm)));
            if request.kind == ProposalKind::Opt || norm.is_some_and(|r| !r.is_empty()) {
                return false;
            }
        }
        let certified = self.is_certified(request.base.view, &request.base.pair);
        match request.kind {
            ProposalKind::Opt if request.view == self.view + 1 => true,
            _ => request.view == self.view && certified,
        }
    }

    /// Certificates that show a block's ancestry: of its parent and of the null views between.
    /// `None` when the parent was not certified here.
    pub(super) fn justify(&self, header: &HeaderView) -> Option<Vec<u8>> {
        if header.kind == ProposalKind::Opt {
            return Some(Vec::new());
        }
        let mut certificates = Vec::new();
        let view = header.parent_view;
        let candidate = self.views.get(&view).and_then(|at| at.candidate(&header.parent).cloned());
        if view == 0 {
            // The root of the epoch needs no certificate.
        } else if let Some(candidate) = candidate {
            certificates.push(Certificate::Candidate(candidate));
        } else if view == self.head.view {
            let proof = FinalProof::decode(&self.head.proof).ok()?;
            certificates.push(Certificate::Final(proof));
        } else {
            return None;
        }
        let between = self.views.range(view + 1..header.view).rev();
        let nulls = between.filter_map(|(_, at)| at.null.clone()).map(Certificate::Null);
        certificates.extend(nulls.take(CERTIFICATES_MAX - 1));
        Some(certificate::encode_all(&certificates))
    }
}
