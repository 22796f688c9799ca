//! What comes in: statements, proposals, headers, certificates.
//!
//! In: what the host authenticated. Out: tallies, certificates, evidence. A certificate above the
//! head is persisted when it is learned, so that what is signed later stands on durable ground.
//! Not here: what follows from it (`act`, `finality`).

use super::{
    Simplex, VIEWS_AHEAD_MAX,
    state::{Block, Checked, Proposal},
};
use crate::{
    certificate::{self, Certificate},
    statement::{self, Body},
    tally::{Added, Said},
    timer::Timer,
};
use plugin_api::{HeaderView, Output, ProposalKind, Statement, input::Verdict};

impl Simplex {
    pub(super) fn on_statement(
        &mut self,
        statement: Statement,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let body = statement::read(&statement)?;
        if usize::from(statement.signer) >= self.committee.count() {
            return Err(format!("there is no validator {}", statement.signer));
        }
        if matches!(body, Body::Propose { .. }) {
            return Err("a proposal comes with its header".to_owned());
        }
        self.note_leading(&body, statement.signer, out);
        self.count(&Said { body, statement }, out);
        Ok(())
    }

    /// Counts a statement, of others or of this node, and sees what that completes.
    pub(super) fn count(&mut self, said: &Said, out: &mut Vec<Output>) {
        let view = said.body.view();
        if view <= self.head.view || view > self.view.saturating_add(VIEWS_AHEAD_MAX) {
            return;
        }
        match self.at(view).tally.add(said) {
            Added::Counted => self.find_certificate(&said.body, out),
            Added::Against(first) => out.push(Output::Evidence {
                signer: said.statement.signer,
                first: *first,
                second: said.statement.clone(),
            }),
            Added::Known => {}
        }
    }

    /// Whether what was counted for a body makes a certificate that is new.
    pub(super) fn find_certificate(&mut self, body: &Body, out: &mut Vec<Output>) {
        let Some(at) = self.views.get(&body.view()) else { return };
        if let Some(certificate) = at.tally.certificate(body, &self.committee)
            && !self.knows(&certificate)
        {
            self.learn(certificate, out);
        }
    }

    /// Checks a certificate of another node, unless it says nothing new, and learns it.
    pub(super) fn accept(
        &mut self,
        certificate: Certificate,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        if !self.knows(&certificate) {
            certificate.check(&self.committee, self.verify)?;
            self.learn(certificate, out);
        }
        Ok(())
    }

    fn knows(&self, certificate: &Certificate) -> bool {
        let view = certificate.body.view();
        let at = self.views.get(&view);
        view <= self.head.view
            || match certificate.body {
                Body::Vote { .. } => at.is_some_and(|at| at.certified.is_some()),
                Body::Skip { .. } => at.is_some_and(|at| at.null.is_some()),
                Body::Commit { .. } => {
                    self.proof.as_ref().is_some_and(|known| known.body.view() >= view)
                }
                Body::Propose { .. } => true,
            }
    }

    fn learn(&mut self, certificate: Certificate, out: &mut Vec<Output>) {
        let view = certificate.body.view();
        out.push(Output::Persist { view, record: certificate.encode() });
        if let Body::Vote { pair, .. } = certificate.body {
            out.push(Output::Candidate { pair, view });
        }
        // Everyone passes on what ends the view they are in: who sees a view end, makes all see it.
        if view >= self.view && self.me.is_some() {
            self.relay.push(certificate.clone());
        }
        self.keep(certificate);
    }

    /// Puts a certificate in its place.
    pub(super) fn keep(&mut self, certificate: Certificate) {
        let view = certificate.body.view();
        if self.knows(&certificate) {
            return;
        }
        match certificate.body {
            Body::Vote { .. } => self.at(view).certified = Some(certificate),
            Body::Skip { .. } => self.at(view).null = Some(certificate),
            Body::Commit { .. } => self.proof = Some(certificate),
            Body::Propose { .. } => {}
        }
    }

    /// A message of a higher view shows that its sender holds certificates this node lacks. They
    /// are probably on their way: ask a little later.
    fn note_leading(&mut self, body: &Body, signer: u16, out: &mut Vec<Output>) {
        let view = body.view();
        if view > self.view && self.leading.is_none_or(|(_, known)| known < view) {
            self.leading = Some((signer, view));
            if self.timers.due(Timer::Pull).is_none() {
                let wait = (self.parameters.delta / 10).max(1);
                self.timers.set(Timer::Pull, self.now, wait, out);
            }
        }
    }

    pub(super) fn on_proposal(
        &mut self,
        header: HeaderView,
        statement: Statement,
        justification: Vec<u8>,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let body = statement::read(&statement)?;
        self.check_proposal(&header, &statement, &body)?;
        if !justification.is_empty() {
            for certificate in certificate::decode_all(&justification)? {
                self.accept(certificate, out)?;
            }
        }
        self.advance(out);
        self.note_leading(&body, statement.signer, out);
        self.count(&Said { body, statement: statement.clone() }, out);
        self.install(header, Proposal { block: body.slot().digest, statement, justification })
    }

    /// What can be said against a proposal without looking at its payload or parent.
    fn check_proposal(
        &self,
        header: &HeaderView,
        statement: &Statement,
        body: &Body,
    ) -> Result<(), String> {
        if *body != (Body::Propose { view: header.view, block: header.id }) {
            return Err("the statement does not propose this block".to_owned());
        }
        if header.epoch != self.epoch || header.kind == ProposalKind::Opt {
            return Err("the block is of another epoch or kind".to_owned());
        }
        let leader = self.committee.leader(header.view);
        if header.proposer != statement.signer || statement.signer != leader {
            return Err(format!("view {} is led by validator {leader}", header.view));
        }
        if header.parent_view >= header.view {
            return Err(format!("a parent of view {} does not fit", header.parent_view));
        }
        Ok(())
    }

    /// Keeps the first proposal of a view. Any other is refused, so that the host keeps no block
    /// that nobody will vote for.
    pub(super) fn install(&mut self, header: HeaderView, proposal: Proposal) -> Result<(), String> {
        let view = header.view;
        if view <= self.head.view || view > self.view.saturating_add(VIEWS_AHEAD_MAX) {
            return Err(format!("a proposal of view {view} in view {}", self.view));
        }
        match &self.at(view).proposal {
            Some(first) if first.block != proposal.block => {
                return Err(format!("a second proposal of view {view}"));
            }
            Some(_) => {}
            None => self.at(view).proposal = Some(proposal),
        }
        self.add_block(header);
        Ok(())
    }

    /// Keeps a header above the head.
    pub(super) fn add_block(&mut self, header: HeaderView) {
        if header.view <= self.head.view || header.epoch != self.epoch {
            return;
        }
        self.fetching.remove(&header.id);
        self.blocks.entry(header.id).or_insert(Block {
            header,
            checked: Checked::Unasked,
            seen_at: self.now,
            is_wanted: false,
        });
    }

    /// A header that was asked for, maybe of an own proposal from before a restart.
    pub(super) fn on_header(&mut self, header: HeaderView, out: &mut Vec<Output>) {
        if !self.fetching.contains_key(&header.id) {
            return;
        }
        self.add_block(header.clone());
        let body = Body::Propose { view: header.view, block: header.id };
        let Some(at) = self.views.get_mut(&header.view) else { return };
        let Some(statement) = at.restored.take_if(|s| s.slots == [body.slot()]) else { return };
        // A view further on needs it no more.
        let Some(justification) = self.justify(&header) else { return };
        let proposal = Proposal { block: header.id, statement, justification };
        Self::send_proposal(&proposal, out);
        self.install(header, proposal).ok();
    }

    pub(super) fn on_verdict(
        &mut self,
        block: &plugin_api::Hash,
        verdict: Verdict,
        out: &mut Vec<Output>,
    ) {
        let Some(known) = self.blocks.get_mut(block) else { return };
        known.checked = match verdict {
            Verdict::Valid { pair } if pair.block == *block => Checked::Valid(pair),
            Verdict::Invalid { reason } => {
                out.push(Output::Trace { level: 2, line: format!("block {block:?}: {reason}") });
                Checked::Invalid
            }
            Verdict::Valid { .. } | Verdict::NoResult => Checked::NoResult,
        };
    }
}
