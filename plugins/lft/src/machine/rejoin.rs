//! Coming back without a trusted log of what was signed. Rules Q1 to Q4.
//!
//! In: the wish of the host (`InitCfg::rejoin`), and answers of the other validators. Out: on the node
//! that comes back a view below which nothing is ever signed again (`Closed`); on the others a signed
//! answer that says how far they are. Why it is safe: whatever this node signed in a view, it had
//! entered by a certificate of the view before, and one honest validator behind that certificate is
//! among those that answered. Deliberately not here: deciding that a log is not to be trusted, and the
//! registers (the host).

use super::{Lft, state::Head};
use crate::{
    certificate::{Certificate, FinalProof},
    peer::PeerMessage,
    statement::Body,
    validators::{Claim, Matter},
};
use plugin_api::{Hash, Output, Statement, Then, To};
use std::collections::BTreeMap;

/// A validator is answered anew at most this often, ms: each answer is a signature, and work.
const ANSWER_EVERY_MS: u64 = 2_000;
/// Views above the highest one entered, by any who answered, in which this node may have signed: it
/// can have been one ahead of them, and may have proposed for the one after.
const CLOSED_AHEAD: u64 = 2;

/// This node while it comes back, and after.
#[derive(Clone, Debug)]
pub(crate) struct Quarantine {
    nonce: Hash,
    /// The view that each one who answered had entered.
    answers: BTreeMap<u16, u64>,
    /// Nothing of views up to this one is signed; none while answers are missing.
    closed: Option<u64>,
}

/// What a validator that comes back was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    nonce: Hash,
    at: u64,
    entry: Option<Certificate>,
    /// None until it is signed and durable.
    statement: Option<Statement>,
}

impl Quarantine {
    pub(crate) const fn new(nonce: Hash) -> Self {
        Self { nonce, answers: BTreeMap::new(), closed: None }
    }
}

impl Lft {
    /// Q3: whether this node may sign in a view.
    pub(super) fn may_sign_in(&self, view: u64) -> bool {
        let Some(quarantine) = &self.quarantine else { return true };
        quarantine.closed.is_some_and(|closed| view > closed)
    }

    /// Q1, Q4: whether somebody comes back: then views go on without transactions, until it may sign.
    pub(super) fn somebody_rejoins(&self) -> bool {
        let own = self.quarantine.is_some() && !self.may_sign_in(self.view);
        own || self.view <= self.rejoin_until
    }

    /// Q1: asks everyone.
    pub(super) fn ask_to_rejoin(&self, out: &mut Vec<Output>) {
        if let Some(Quarantine { nonce, closed: None, .. }) = &self.quarantine {
            let bytes = PeerMessage::Rejoin { epoch: self.epoch, nonce: *nonce }.encode();
            out.push(Output::Send { to: To::All, bytes });
        }
    }

    /// Q2: a validator that comes back asks how far this node is.
    pub(super) fn on_rejoin(
        &mut self,
        asker: Option<u16>,
        node: u64,
        (epoch, nonce): (u64, Hash),
        out: &mut Vec<Output>,
    ) {
        if epoch < self.epoch {
            return self.send_head(node, out);
        }
        let (Some(asker), Some(me)) = (asker, self.me) else { return };
        if epoch > self.epoch || asker == me || self.quarantine.is_some() {
            return;
        }
        if let Some(told) = self.told.get(&asker) {
            if told.nonce == nonce {
                return self.send_answer(asker, out);
            }
            if self.now < told.at.saturating_add(ANSWER_EVERY_MS) {
                return;
            }
        }
        let told = Told { nonce, at: self.now, entry: self.entry(), statement: None };
        self.told.insert(asker, told);
        self.rejoin_until = self.rejoin_until.max(self.view + CLOSED_AHEAD);
        let body = Body::Rejoined { asker, nonce, view: self.view };
        self.sign(body, Then::Keep, Vec::new(), out);
    }

    /// The certificate by which this node is in its view; none in the first one of an epoch.
    fn entry(&self) -> Option<Certificate> {
        let ended = self.view.saturating_sub(1);
        let Head { view, proof, .. } = &self.head;
        if *view == ended && ended > 0 {
            return FinalProof::decode(proof).ok().map(Certificate::Final);
        }
        self.certificates_of(ended).into_iter().next()
    }

    /// The answer is durable.
    pub(super) fn on_answer_signed(
        &mut self,
        (asker, nonce): (u16, Hash),
        statement: Statement,
        out: &mut Vec<Output>,
    ) {
        if let Some(told) = self.told.get_mut(&asker).filter(|told| told.nonce == nonce) {
            told.statement = Some(statement);
            self.send_answer(asker, out);
        }
    }

    fn send_answer(&self, asker: u16, out: &mut Vec<Output>) {
        let Some(Told { entry, statement: Some(statement), .. }) = self.told.get(&asker) else {
            return;
        };
        let bytes = PeerMessage::Rejoined {
            signer: statement.signer,
            body: statement.body.clone(),
            signature: statement.signature.clone(),
            entry: entry.clone().map(Box::new),
        };
        out.push(Output::Send { to: To::Validator(asker), bytes: bytes.encode() });
    }

    /// Q2: takes an answer. It counts with a signature over this collection's nonce, and the
    /// certificate that shows how far its signer is.
    pub(super) fn on_rejoined(
        &mut self,
        (signer, body, signature): (u16, Vec<u8>, Vec<u8>),
        entry: Option<Certificate>,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let Some(Quarantine { nonce: mine, closed: None, .. }) = self.quarantine else {
            return Ok(());
        };
        let Body::Rejoined { asker, nonce, view } = Body::decode(&body)? else {
            return Err("this answers nothing".to_owned());
        };
        if Some(asker) != self.me || Some(signer) == self.me {
            return Err("this answers somebody else".to_owned());
        }
        #[cfg(feature = "planted-bugs")]
        let is_stale = nonce != mine && !self.has_bug(crate::planted::Bug::StaleRejoin);
        #[cfg(not(feature = "planted-bugs"))]
        let is_stale = nonce != mine;
        if is_stale {
            return Err("an answer to an earlier question".to_owned());
        }
        match &entry {
            Some(certificate) if certificate.view().checked_add(1) == Some(view) => {
                certificate.check(&self.validators, self.verify)?;
            }
            None if view == 1 => {}
            _ => return Err(format!("nothing shows that validator {signer} is in view {view}")),
        }
        let said = Body::Rejoined { asker, nonce, view };
        let claim = Claim { signer, body: said, signature: &signature };
        #[cfg(feature = "planted-bugs")]
        let is_checked = !self.has_bug(crate::planted::Bug::UnsignedRejoin);
        #[cfg(not(feature = "planted-bugs"))]
        let is_checked = true;
        if is_checked {
            self.validators.check_claims(std::iter::once(claim), self.verify)?;
        }
        if let Some(certificate) = entry {
            self.accept(certificate, out)?;
        }
        if let Some(quarantine) = &mut self.quarantine {
            quarantine.answers.insert(signer, view);
        }
        self.close(out);
        Ok(())
    }

    /// Q3: with answers of weight 2f + p + 1 it is known below which view nothing may be signed.
    fn close(&mut self, out: &mut Vec<Output>) {
        let Some(quarantine) = &self.quarantine else { return };
        if !self.validators.count_alone() {
            // What a member's loss does to its group is not proved: it takes a new key.
            return;
        }
        let quorum = self.validators.quorum();
        let slack = quorum.fast.map_or(0, |fast| fast.slack);
        let needed = 2 * u128::from(quorum.faulty) + u128::from(slack) + 1;
        let matter = Matter::End(self.view);
        let weight = self.validators.weigh(matter, quarantine.answers.keys().copied());
        let Some(highest) = quarantine.answers.values().max().copied() else { return };
        if u128::from(weight) < needed {
            return;
        }
        let closed = highest.saturating_add(CLOSED_AHEAD);
        #[cfg(feature = "planted-bugs")]
        let closed = if self.has_bug(crate::planted::Bug::RejoinAtOnce) { 0 } else { closed };
        self.floor = self.floor.max(closed);
        if let Some(quarantine) = &mut self.quarantine {
            quarantine.closed = Some(closed);
        }
        self.dirty = true;
        out.push(Output::Closed { view: closed });
    }
}
