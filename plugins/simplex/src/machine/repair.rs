//! The network may lose anything, so everything that matters is said again: this file repeats, asks
//! and answers. All of it is idempotent and carries its own proof. Not here: new statements.

use super::{
    Simplex,
    state::{Ahead, Checked, Proposal, View},
};
use crate::{
    certificate::{CERTIFICATES_MAX, Certificate},
    peer::{PeerMessage, Status},
    statement::Body,
    timer::{Timer, jitter},
};
use plugin_api::{Input, Output, Statement, To, mirror::class};

/// Own statements of so many views are repeated; older ones are covered by certificates.
const REPEATED_VIEWS: u64 = 16;
/// A head this much higher is reached by block sync, not by fetching single blocks.
const SYNC_GAP: u64 = 8;
/// Repetitions without work since the head or the view moved; then an idle channel is silent again.
const TIDIES_MAX: u64 = 5;

impl Simplex {
    /// Doubling from the first repetition on, at most half of what a view may last.
    pub(super) fn repair_wait(&self) -> u64 {
        let waits = self.waits();
        let doubled = waits.repair.saturating_mul(1 << self.repairs.min(8));
        let base = doubled.min(waits.end / 2).max(1);
        jitter(base, self.me.unwrap_or(u16::MAX), self.repairs.wrapping_add(self.view))
    }

    /// Time to repeat and to ask again.
    pub(super) fn repair(&mut self, out: &mut Vec<Output>) {
        if !self.is_working() {
            if !self.tidies() {
                return;
            }
            self.tidied += 1;
        }
        self.repairs += 1;
        let wait = self.repair_wait();
        self.timers.set(Timer::Repair, self.now, wait, out);
        self.say_again(out);
        self.ask_again(out);
    }

    /// An empty block is no work. A view above the head in which something was said, and which no null
    /// certificate ended, may have ended without this node, and whoever knows it is silent.
    pub(super) fn tidies(&self) -> bool {
        let mut above = self.views.range(self.head.view + 1..);
        let is_open =
            |at: &View| at.null.is_none() && (at.certified.is_some() || !at.tally.is_empty());
        self.tidied < TIDIES_MAX && above.any(|(_, at)| is_open(at))
    }

    /// Says again where this node stands and, a validator, what it said since the head: its
    /// statements, the certificates that let it say them, the proposal of its view.
    pub(super) fn say_again(&self, out: &mut Vec<Output>) {
        out.push(Output::Send { to: To::All, bytes: self.status() });
        if self.me.is_none() {
            return;
        }
        let from = (self.head.view + 1).max(self.view.saturating_sub(REPEATED_VIEWS));
        let recent = self.views.range(from..);
        let certificates: Vec<Certificate> = recent
            .clone()
            .filter(|(view, at)| {
                let committed = at.registers.get(&class::END);
                **view + 1 == self.view || matches!(committed, Some(Some(Body::Commit { .. })))
            })
            .flat_map(|(_, at)| at.certified.iter().chain(&at.null).cloned())
            .take(CERTIFICATES_MAX)
            .collect();
        if !certificates.is_empty() {
            Self::send_certificates(To::All, certificates, out);
        }
        if let Some(proposal) = self.views.get(&self.view).and_then(|at| at.proposal.as_ref()) {
            Self::send_proposal(proposal, out);
        }
        let own: Vec<Statement> = recent.flat_map(|(_, at)| at.own.iter().cloned()).collect();
        out.extend(
            own.into_iter().map(|statement| Output::SendStatement { to: To::All, statement }),
        );
    }

    fn send_certificates(to: To, list: Vec<Certificate>, out: &mut Vec<Output>) {
        out.push(Output::Send { to, bytes: PeerMessage::Certificates { list }.encode() });
    }

    pub(super) fn send_proposal(proposal: &Proposal, out: &mut Vec<Output>) {
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
        let agreed: Vec<_> = self.views.keys().filter_map(|view| self.certified(*view)).collect();
        for (id, block) in self.blocks.iter_mut().filter(|(_, block)| block.is_wanted) {
            let is_other = match block.checked {
                Checked::Valid(own) => agreed.iter().any(|pair| pair.block == *id && *pair != own),
                _ => false,
            };
            if is_other {
                let line = format!("own result of block {id:?} is not the agreed one");
                out.push(Output::Trace { level: 1, line });
            }
            if is_other || block.checked == Checked::NoResult {
                block.checked = Checked::Asked;
                out.push(Output::Validate { block: *id });
            }
        }
        if self.proof.is_some() {
            self.say_behind(out);
        }
    }

    fn say_behind(&self, out: &mut Vec<Output>) {
        if let Some(Ahead { node, height }) = self.ahead {
            out.push(Output::Behind { node, height });
        }
    }

    fn status(&self) -> Vec<u8> {
        PeerMessage::Status(Status {
            epoch: self.epoch,
            view: self.view,
            head_view: self.head.view,
            head_height: self.head.header.height,
        })
        .encode()
    }

    /// Passes on the certificates that ended a view in this step.
    pub(super) fn pass_on(&mut self, out: &mut Vec<Output>) {
        let mut list = std::mem::take(&mut self.relay);
        list.truncate(CERTIFICATES_MAX);
        if !list.is_empty() {
            Self::send_certificates(To::All, list, out);
        }
    }

    /// Asks whoever spoke in a higher view for its certificates.
    pub(super) fn pull(&mut self, out: &mut Vec<Output>) {
        if let Some((validator, view)) = self.leading.take()
            && view > self.view
        {
            let bytes = PeerMessage::Ask { view: self.view }.encode();
            out.push(Output::Send { to: To::Validator(validator), bytes });
        }
    }

    pub(super) fn on_peer(
        &mut self,
        node: u64,
        bytes: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        match PeerMessage::decode(bytes)? {
            PeerMessage::Status(status) => self.on_status(&status, node, out),
            PeerMessage::Ask { view } => self.answer(view, node, out),
            PeerMessage::Certificates { list } => {
                if list.len() > CERTIFICATES_MAX {
                    return Err(format!("{} certificates at once", list.len()));
                }
                for certificate in list {
                    self.accept(certificate, out)?;
                }
            }
            PeerMessage::Head { epoch, height, proof } => {
                self.on_head((epoch, height), &proof, node, out)?;
            }
        }
        Ok(())
    }

    /// Whoever has a lower head gets the Final proof, whoever is in a lower view the certificates.
    fn on_status(&mut self, theirs: &Status, node: u64, out: &mut Vec<Output>) {
        if theirs.epoch > self.epoch {
            self.ahead = Some(Ahead { node, height: theirs.head_height });
            return self.say_behind(out);
        }
        if theirs.epoch < self.epoch {
            return self.send_head(node, out);
        }
        if theirs.head_view < self.head.view {
            self.send_head(node, out);
        } else if theirs.head_view > self.head.view {
            out.push(Output::Send { to: To::Node(node), bytes: self.status() });
        }
        if theirs.view < self.view {
            self.answer(theirs.view, node, out);
        } else if theirs.view > self.view {
            let bytes = PeerMessage::Ask { view: self.view }.encode();
            out.push(Output::Send { to: To::Node(node), bytes });
        }
    }

    fn send_head(&self, node: u64, out: &mut Vec<Output>) {
        let (epoch, height) = (self.epoch, self.head.header.height);
        let bytes = PeerMessage::Head { epoch, height, proof: self.head.proof.clone() }.encode();
        out.push(Output::Send { to: To::Node(node), bytes });
    }

    fn answer(&self, from: u64, node: u64, out: &mut Vec<Output>) {
        if from <= self.head.view {
            self.send_head(node, out);
        }
        let above = self.views.range(from.max(self.head.view + 1)..);
        let list: Vec<Certificate> = above
            .flat_map(|(_, at)| at.certified.iter().chain(&at.null).cloned())
            .take(CERTIFICATES_MAX)
            .collect();
        if !list.is_empty() {
            Self::send_certificates(To::Node(node), list, out);
        }
    }

    /// The epoch is over: whoever still stands in it gets the proof of its end.
    pub(super) fn answer_only(&self, input: Input, out: &mut Vec<Output>) -> Result<(), String> {
        let Input::Peer { node, bytes, .. } = input else { return Ok(()) };
        match PeerMessage::decode(&bytes)? {
            PeerMessage::Status(theirs) if theirs.epoch <= self.epoch => self.send_head(node, out),
            PeerMessage::Ask { .. } => self.send_head(node, out),
            _ => {}
        }
        Ok(())
    }

    fn on_head(
        &mut self,
        (epoch, height): (u64, u64),
        proof: &[u8],
        node: u64,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        if height <= self.head.header.height {
            return Ok(());
        }
        if epoch == self.epoch {
            let proof = Certificate::decode(proof)?;
            self.accept(proof, out)?;
        }
        self.ahead = Some(Ahead { node, height });
        if epoch > self.epoch || height - self.head.header.height > SYNC_GAP {
            self.say_behind(out);
        }
        Ok(())
    }
}
