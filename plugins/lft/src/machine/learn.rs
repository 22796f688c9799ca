//! What comes in: statements, proposals, headers, certificates. Rule R4's first half.
//!
//! In: what the host authenticated. Out: tallies, certificates, evidence. Every certificate above
//! the head is persisted when it is learned, so that whatever is signed later stands on durable
//! ground. Not here: what follows from it (`voting`, `finality`).

use super::{Lft, VIEWS_AHEAD_MAX, start::roles, state::Proposal};
use crate::{
    certificate::{self, Candidate, Certificate, Null},
    machine::state::{Block, Checked, View, place},
    pacemaker::Due,
    statement::{self, Ballot, Body},
    tally::Said,
};
use plugin_api::{Hash, HeaderView, Output, ProposalKind, Statement, input::Verdict};

/// Candidate certificates of one view with fast commit. Each takes q, and a validator that votes or
/// supports honestly does so for blocks with f + p + 1 first votes only.
const CANDIDATES_MAX: usize = 4;
/// Certificates in one justification or helper message; more are pulled by asking again.
pub(crate) const CERTIFICATES_MAX: usize = 64;

impl Lft {
    pub(super) fn on_statement(
        &mut self,
        statement: Statement,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let body = statement::read(self.validators.mode(), &statement)?;
        if usize::from(statement.signer) >= self.validators.count() {
            return Err(format!("there is no validator {}", statement.signer));
        }
        match body {
            Body::Propose { .. } => return Err("a proposal comes with its header".to_owned()),
            Body::Rejoined { .. } => return Err("an answer comes with what shows it".to_owned()),
            _ => {}
        }
        self.heard.note(statement.signer, self.view, self.now);
        self.note_leading(&body, statement.signer);
        self.take(&Said { body, statement }, out);
        Ok(())
    }

    /// Counts a statement wherever it counts, and sees what that completes.
    pub(super) fn take(&mut self, said: &Said, out: &mut Vec<Output>) {
        for (view, role) in roles(&said.body) {
            if view <= self.head.view || view > self.view.saturating_add(VIEWS_AHEAD_MAX) {
                continue;
            }
            let at = self.views.entry(view).or_default();
            let added = at.tally.add(view, role, said, &self.validators);
            if let Some(first) = added.against {
                let second = said.statement.clone();
                out.push(Output::Evidence { signer: second.signer, first, second });
            }
            if added.counted {
                self.find_certificates(view, out);
            }
        }
    }

    /// Whether the tally of a view makes a certificate that is not held yet.
    pub(super) fn find_certificates(&mut self, view: u64, out: &mut Vec<Output>) {
        let Some(at) = self.views.get(&view) else { return };
        let fresh = at.tally.certified(&self.validators).filter(|ballot| self.admits(at, ballot));
        let candidates: Vec<Candidate> = fresh.map(|ballot| at.tally.candidate(&ballot)).collect();
        let null = match at.null {
            None => at.tally.null(view, &self.validators),
            Some(_) => None,
        };
        let higher = self.pending.as_ref().is_none_or(|known| known.proof.view < view);
        let proof = if higher { at.tally.final_proof(view, &self.validators) } else { None };
        for candidate in candidates {
            self.learn_candidate(candidate, out);
        }
        if let Some(null) = null {
            self.learn_null(null, out);
        }
        if let Some(proof) = proof {
            self.learn_final(proof, out);
        }
    }

    /// Checks a certificate of another node unless it says nothing new, and learns it.
    pub(super) fn accept(
        &mut self,
        certificate: Certificate,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        if self.knows(&certificate) {
            return Ok(());
        }
        self.check_certificate(&certificate)?;
        match certificate {
            Certificate::Candidate(candidate) => self.learn_candidate(candidate, out),
            Certificate::Null(null) => self.learn_null(null, out),
            Certificate::Final(proof) => self.learn_final(proof, out),
        }
        Ok(())
    }

    fn check_certificate(&self, certificate: &Certificate) -> Result<(), String> {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::TrustCertificates) {
            return Ok(());
        }
        certificate.check(&self.validators, self.verify)
    }

    fn knows(&self, certificate: &Certificate) -> bool {
        let view = certificate.view();
        if view <= self.head.view {
            return true;
        }
        match certificate {
            Certificate::Candidate(candidate) => {
                self.views.get(&view).is_some_and(|at| !self.admits(at, &candidate.ballot))
            }
            Certificate::Null(_) => self.holds_null(view),
            Certificate::Final(_) => {
                self.pending.as_ref().is_some_and(|known| known.proof.view >= view)
            }
        }
    }

    /// Whether a candidate certificate of this ballot would be news. In the core rule there is one
    /// in a view; with fast commit there may be more, though not of one pair twice.
    fn admits(&self, at: &View, ballot: &Ballot) -> bool {
        let most = if self.is_fast() { CANDIDATES_MAX } else { 1 };
        at.candidates.len() < most && at.candidate(&ballot.pair).is_none()
    }

    pub(super) fn persist(&self, certificate: &Certificate, out: &mut Vec<Output>) {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::ForgetCertificates) {
            return;
        }
        out.push(Output::Persist { view: certificate.view(), record: certificate.encode() });
    }

    fn learn_candidate(&mut self, candidate: Candidate, out: &mut Vec<Output>) {
        let view = candidate.ballot.view;
        let certificate = Certificate::Candidate(candidate.clone());
        self.persist(&certificate, out);
        out.push(Output::Candidate { pair: candidate.ballot.pair, view });
        self.want(candidate.ballot.pair.block, out);
        let at = self.at(view);
        at.candidates.push(candidate);
        // Who skipped will neither vote for a child with the flag nor commit: say it this way.
        if at.is_skipped() {
            self.relay.push(certificate);
        }
        self.target = self.target.max(view + 1);
        self.dirty = true;
    }

    fn learn_null(&mut self, null: Null, out: &mut Vec<Output>) {
        let view = null.view;
        let certificate = Certificate::Null(null.clone());
        self.persist(&certificate, out);
        if view >= self.view {
            self.relay.push(certificate);
        }
        self.at(view).null = Some(null);
        self.target = self.target.max(view + 1);
        self.dirty = true;
    }

    /// A message of a higher view shows that its sender holds certificates this node lacks.
    fn note_leading(&mut self, body: &Body, signer: u16) {
        let reached = match body {
            // Who commits holds the candidate certificate of the view.
            Body::Commit { view, .. } if self.certified(*view).is_empty() => view + 1,
            // An optimistic proposal and its votes may run one view ahead.
            _ => body.view(),
        };
        if reached <= self.view || self.leading.is_some_and(|(_, view)| view >= reached) {
            return;
        }
        self.leading = Some((signer, reached));
        let wait = (self.parameters.delta / 10).max(1);
        self.deadlines.set_earlier(Due::Pull, self.now + wait);
    }

    pub(super) fn on_proposal(
        &mut self,
        header: HeaderView,
        statement: Statement,
        justification: Vec<u8>,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let body = statement::read(self.validators.mode(), &statement)?;
        let Body::Propose { view, kind, block } = body else {
            return Err("the statement is not a proposal".to_owned());
        };
        self.check_proposal(&header, &statement, (view, kind, block))?;
        self.heard.note(statement.signer, self.view, self.now);
        if !justification.is_empty() {
            let certificates = certificate::decode_all(&justification)?;
            if certificates.len() > CERTIFICATES_MAX {
                return Err(format!("{} certificates in one proposal", certificates.len()));
            }
            for certificate in certificates {
                self.accept(certificate, out)?;
            }
        }
        self.note_leading(&body, statement.signer);
        self.take(&Said { body, statement: statement.clone() }, out);
        self.install(header, Proposal { block, statement, justification })
    }

    /// What can be said against a proposal without looking at its payload or parent.
    fn check_proposal(
        &self,
        header: &HeaderView,
        statement: &Statement,
        (view, kind, block): (u64, ProposalKind, Hash),
    ) -> Result<(), String> {
        if (header.id, header.view, header.kind) != (block, view, kind) {
            return Err("header and statement disagree".to_owned());
        }
        if header.epoch != self.epoch {
            return Err(format!("the block is of epoch {}", header.epoch));
        }
        if header.proposer != statement.signer || statement.signer != self.leader(view) {
            return Err(format!("validator {} does not lead view {view}", statement.signer));
        }
        if kind == ProposalKind::Closing && (header.is_sealing || !header.is_empty) {
            return Err("a closing block has no transactions and seals nothing".to_owned());
        }
        let distance = view.saturating_sub(header.parent_view);
        if distance == 0 || (kind == ProposalKind::Opt && distance != 1) {
            return Err(format!("a parent of view {} does not fit", header.parent_view));
        }
        Ok(())
    }

    /// Stores the first proposal of each kind of a view.
    ///
    /// Any other is refused, so that the host keeps no block that nobody will vote for.
    pub(super) fn install(&mut self, header: HeaderView, proposal: Proposal) -> Result<(), String> {
        let view = header.view;
        if view <= self.head.view || view > self.view.saturating_add(VIEWS_AHEAD_MAX) {
            return Err(format!("a proposal of view {view} in view {}", self.view));
        }
        let kind = header.kind;
        match self.at(view).proposals.get_mut(place(kind)) {
            Some(stored @ None) => {
                *stored = Some(proposal);
                self.add_block(header, false);
                Ok(())
            }
            Some(Some(stored)) if stored.block == proposal.block => Ok(()),
            _ => Err(format!("a second proposal of view {view}")),
        }
    }

    /// Keeps a header above the head.
    pub(super) fn add_block(&mut self, header: HeaderView, wanted: bool) {
        if header.view <= self.head.view || header.epoch != self.epoch {
            return;
        }
        let id = header.id;
        let seen_at = self.now;
        let certified = self.certified(header.view).iter().any(|pair| pair.block == id);
        let wanted = wanted || certified;
        self.blocks.entry(id).or_insert(Block {
            header,
            checked: Checked::Unasked,
            seen_at,
            wanted: false,
        });
        self.fetching.remove(&id);
        self.dirty = true;
        if wanted {
            self.mark_wanted(id);
        }
    }

    /// A header that was asked for, or one of an own proposal from before a restart.
    pub(super) fn on_header(&mut self, header: HeaderView, out: &mut Vec<Output>) {
        if !self.fetching.contains_key(&header.id) {
            return;
        }
        let id = header.id;
        let view = header.view;
        let restored = self
            .views
            .get(&view)
            .and_then(|at| at.restored.iter().find(|statement| names(statement, &id)).cloned());
        let parent = header.parent.block;
        match restored {
            Some(statement) => {
                self.add_block(header.clone(), false);
                let justification = self.justify(&header).unwrap_or_default();
                let proposal = Proposal { block: id, statement, justification };
                self.send_proposal(&proposal, out);
                // Its view may have passed meanwhile: then nobody wants it.
                self.install(header, proposal).ok();
            }
            None => {
                self.add_block(header, true);
                if self.blocks.get(&id).is_some_and(|known| known.wanted) {
                    self.want(parent, out);
                }
            }
        }
    }

    pub(super) fn on_validity(&mut self, block: &Hash, verdict: Verdict, out: &mut Vec<Output>) {
        let Some(known) = self.blocks.get_mut(block) else { return };
        let closing = known.header.kind == ProposalKind::Closing;
        let parent = known.header.parent;
        known.checked = match verdict {
            // S1: it has the result of the block it closes.
            Verdict::Valid { pair }
                if closing
                    && (pair.state_root, pair.receipts_root)
                        != (parent.state_root, parent.receipts_root) =>
            {
                Checked::NoResult
            }
            Verdict::Valid { pair } if pair.block == *block => Checked::Valid(pair),
            Verdict::Valid { .. } => Checked::NoResult,
            Verdict::Invalid { reason } => {
                out.push(Output::Trace { level: 2, line: format!("block {block:?}: {reason}") });
                Checked::Invalid
            }
            Verdict::NoResult => Checked::NoResult,
        };
        self.dirty = true;
    }
}

fn names(statement: &Statement, block: &Hash) -> bool {
    matches!(Body::decode(&statement.body), Ok(Body::Propose { block: named, .. }) if named == *block)
}
