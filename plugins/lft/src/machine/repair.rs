//! Repeating, asking, answering: rule R6 and the helper messages.
//!
//! In: a due repetition, or a helper message. Out: statements, certificates and proposals sent
//! again. Everything here is idempotent and carries its own proof. Not here: new statements.

use super::{
    Ahead, Lft,
    learn::CERTIFICATES_MAX,
    state::{Checked, End, Proposal, Register},
};
use crate::{
    certificate::{Certificate, FinalProof},
    pacemaker::{Due, Timeouts, jitter},
    peer::{PeerMessage, Status},
};
use plugin_api::{Output, Statement, To};

/// Own statements of this many views are repeated; older ones are covered by certificates.
const RESEND_VIEWS: u64 = 16;
/// A head this much higher is reached by block sync, not by fetching single blocks.
const SYNC_GAP: u64 = 8;
/// Repetitions without work since the head or the view moved. Enough for a node that missed the end
/// of an empty block to be answered after 1 loss in 2; then an idle channel is silent again.
const TIDIES_MAX: u64 = 5;

impl Lft {
    pub(super) fn resend_wait(&self, timeouts: &Timeouts) -> u64 {
        let doubled = timeouts.resend.saturating_mul(1 << self.resends.min(8));
        let base = doubled.min(timeouts.certificate / 2).max(1);
        jitter(base, self.me.unwrap_or(u16::MAX), self.resends.wrapping_add(self.view))
    }

    /// R6: time to repeat.
    pub(super) fn repeat(&mut self, out: &mut Vec<Output>) {
        if !self.is_working() {
            if !self.tidies() {
                return;
            }
            self.tidied += 1;
        }
        self.resends += 1;
        let wait = self.resend_wait(&self.timeouts());
        self.deadlines.set(Due::Resend, self.now + wait);
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::NoRepair) {
            return;
        }
        self.ask_to_rejoin(out);
        self.say_again(out);
        self.ask_again(out);
    }

    /// Without work, too, a view above the head in which something was said may have ended without
    /// this node: an empty block is no work, and whoever holds its Final proof is silent.
    pub(super) fn tidies(&self) -> bool {
        let mut above = self.views.range(self.head.view + 1..);
        self.tidied < TIDIES_MAX && above.any(|(_, at)| at.is_open())
    }

    /// Says again what this node said since the head, with the certificates that show why.
    pub(super) fn say_again(&mut self, out: &mut Vec<Output>) {
        let from = (self.head.view + 1).max(self.view.saturating_sub(RESEND_VIEWS));
        let own: Vec<Statement> =
            self.views.range(from..).flat_map(|(_, at)| at.own.iter().cloned()).collect();
        out.push(Output::Send { to: To::All, bytes: self.status() });
        if self.me.is_none() {
            return;
        }
        let mut certificates = self.certificates_of(self.view.saturating_sub(1));
        for (_, at) in self.views.range(from..) {
            if let Register::Holds(End::Commit(pair)) = at.end
                && let Some(candidate) = at.candidate(&pair)
            {
                certificates.push(Certificate::Candidate(candidate.clone()));
            }
        }
        certificates.dedup();
        certificates.truncate(CERTIFICATES_MAX);
        if !certificates.is_empty() {
            let bytes = PeerMessage::Certs { certificates }.encode();
            out.push(Output::Send { to: To::All, bytes });
        }
        let proposals = self.views.range(self.view..).take(2).flat_map(|(_, at)| &at.proposals);
        let proposals: Vec<Proposal> = proposals.flatten().cloned().collect();
        for proposal in &proposals {
            self.send_proposal(proposal, out);
        }
        for statement in own {
            out.push(Output::SendStatement { to: To::All, statement });
        }
    }

    pub(super) fn send_proposal(&self, proposal: &Proposal, out: &mut Vec<Output>) {
        out.push(Output::SendProposal {
            to: To::All,
            block: proposal.block,
            statement: proposal.statement.clone(),
            justification: proposal.justification.clone(),
        });
    }

    /// Asks again for what did not come: blocks, results, a range of final blocks.
    fn ask_again(&mut self, out: &mut Vec<Output>) {
        for (block, asked) in &mut self.fetching {
            if *asked < self.now {
                *asked = self.now;
                out.push(Output::FetchBlock { block: *block });
            }
        }
        let mut again = Vec::new();
        for (id, block) in &mut self.blocks {
            let other = match (block.checked, self.views.get(&block.header.view)) {
                (Checked::Valid(own), Some(at)) => {
                    let results = at.candidates.iter().map(|candidate| candidate.ballot.pair);
                    at.candidate(&own).is_none() && results.into_iter().any(|p| p.block == *id)
                }
                _ => false,
            };
            if block.wanted && (other || block.checked == Checked::NoResult) {
                block.checked = Checked::Asked;
                again.push(*id);
            }
            if other {
                let line = format!("diverged: own result of block {id:?} is not the agreed one");
                out.push(Output::Trace { level: 1, line });
            }
        }
        out.extend(again.into_iter().map(|block| Output::Validate { block }));
        if self.pending.is_some() {
            self.say_behind(out);
        }
    }

    /// Tells the host who has final blocks that this node lacks, not more often than Δ0/2.
    fn say_behind(&mut self, out: &mut Vec<Output>) {
        let pause = self.parameters.delta / 2;
        let Some(Ahead { node, height }) = self.ahead else { return };
        if height > self.head.header.height
            && self.behind_said.is_none_or(|said| self.now >= said + pause)
        {
            self.behind_said = Some(self.now);
            out.push(Output::Behind { node, height });
        }
    }

    fn status(&self) -> Vec<u8> {
        PeerMessage::Status(Status {
            epoch: self.epoch,
            view: self.view,
            head_height: self.head.header.height,
            head_view: self.head.view,
            head: self.head.header.id,
        })
        .encode()
    }

    /// The certificates of a view, as far as they are held.
    pub(super) fn certificates_of(&self, view: u64) -> Vec<Certificate> {
        let Some(at) = self.views.get(&view) else { return Vec::new() };
        let candidates = at.candidates.iter().cloned().map(Certificate::Candidate);
        candidates.chain(at.null.clone().map(Certificate::Null)).collect()
    }

    /// Sends to everyone what was put aside for it during the step.
    pub(super) fn flush(&mut self, out: &mut Vec<Output>) {
        if self.relay.is_empty() || self.me.is_none() {
            self.relay.clear();
            return;
        }
        let mut certificates = std::mem::take(&mut self.relay);
        certificates.truncate(CERTIFICATES_MAX);
        let bytes = PeerMessage::Certs { certificates }.encode();
        out.push(Output::Send { to: To::All, bytes });
    }

    /// Asks whoever spoke in a higher view for its certificates.
    pub(super) fn pull(&mut self, out: &mut Vec<Output>) {
        let Some((validator, view)) = self.leading.take() else { return };
        if view > self.view {
            let bytes = PeerMessage::GetCert { view: self.view }.encode();
            out.push(Output::Send { to: To::Validator(validator), bytes });
        }
    }

    pub(super) fn on_peer(
        &mut self,
        from: Option<u16>,
        node: u64,
        bytes: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let message = PeerMessage::decode(bytes)?;
        if let Some(validator) = from {
            self.heard.note(validator, self.view, self.now);
        }
        match message {
            PeerMessage::Status(status) => self.on_status(&status, node, out),
            PeerMessage::GetCert { view } => self.answer_certificates(view, node, out),
            PeerMessage::Certs { certificates } => {
                if certificates.len() > CERTIFICATES_MAX {
                    return Err(format!("{} certificates in one message", certificates.len()));
                }
                for certificate in certificates {
                    self.accept(certificate, out)?;
                }
            }
            PeerMessage::Head { epoch, height, proof } => {
                self.on_head(epoch, height, &proof, node, out)?;
            }
            PeerMessage::Rejoin { epoch, nonce } => {
                self.on_rejoin(from, node, (epoch, nonce), out);
            }
            PeerMessage::Rejoined { signer, body, signature, entry } => {
                let entry = entry.map(|certificate| *certificate);
                self.on_rejoined((signer, body, signature), entry, out)?;
            }
        }
        Ok(())
    }

    fn on_status(&mut self, theirs: &Status, node: u64, out: &mut Vec<Output>) {
        let to = To::Node(node);
        if theirs.epoch != self.epoch {
            if theirs.epoch > self.epoch {
                self.ahead = Some(Ahead { node, height: theirs.head_height });
                self.say_behind(out);
            } else {
                self.send_head(node, out);
            }
            return;
        }
        if theirs.head_view < self.head.view {
            self.send_head(node, out);
        } else if theirs.head_view > self.head.view {
            out.push(Output::Send { to, bytes: self.status() });
        }
        if theirs.view < self.view {
            self.answer_certificates(theirs.view, node, out);
        } else if theirs.view > self.view {
            let bytes = PeerMessage::GetCert { view: self.view }.encode();
            out.push(Output::Send { to, bytes });
        }
    }

    pub(super) fn send_head(&self, node: u64, out: &mut Vec<Output>) {
        let bytes = PeerMessage::Head {
            epoch: self.epoch,
            height: self.head.header.height,
            proof: self.head.proof.clone(),
        }
        .encode();
        out.push(Output::Send { to: To::Node(node), bytes });
    }

    fn answer_certificates(&mut self, from: u64, node: u64, out: &mut Vec<Output>) {
        if from <= self.head.view {
            self.send_head(node, out);
        }
        let start = from.max(self.head.view + 1);
        let certificates: Vec<Certificate> = self
            .views
            .range(start..)
            .flat_map(|(view, _)| self.certificates_of(*view))
            .take(CERTIFICATES_MAX)
            .collect();
        if !certificates.is_empty() {
            let bytes = PeerMessage::Certs { certificates }.encode();
            out.push(Output::Send { to: To::Node(node), bytes });
        }
    }

    fn on_head(
        &mut self,
        epoch: u64,
        height: u64,
        proof: &[u8],
        node: u64,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        if height <= self.head.header.height {
            return Ok(());
        }
        if epoch == self.epoch {
            let proof = FinalProof::decode(proof)?;
            self.accept(Certificate::Final(proof), out)?;
        }
        self.ahead = Some(Ahead { node, height });
        if epoch > self.epoch || height - self.head.header.height > SYNC_GAP {
            self.say_behind(out);
        }
        Ok(())
    }
}
