//! Who said what in one view, and what that makes.
//!
//! In: statements whose signature and registers are checked. Out: certificates, and pairs of
//! statements that fill one register with two things: evidence. Of each signer the first statement
//! for a register counts and no other. Not here: what to do about it.

use crate::{
    certificate::{Certificate, Signed},
    committee::Committee,
    statement::Body,
};
use plugin_api::{Slot, Statement, mirror::class};
use std::collections::{BTreeMap, BTreeSet};

/// A statement with its decoded body.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) body: Body,
    pub(crate) statement: Statement,
}

/// What adding a statement did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is the first of its signer for this register.
    Counted,
    /// Nothing new.
    Known,
    /// It contradicts this earlier statement of its signer; told once.
    Against(Box<Statement>),
}

/// The statements of one view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// By class of register and signer.
    said: BTreeMap<(u8, u16), Said>,
    /// Whose contradiction was told already.
    told: BTreeSet<(u8, u16)>,
}

impl Tally {
    /// Nobody said anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// Adds a statement.
    pub(crate) fn add(&mut self, said: &Said) -> Added {
        let place = (said.body.slot().class, said.statement.signer);
        match self.said.get(&place) {
            None => {
                self.said.insert(place, said.clone());
                Added::Counted
            }
            Some(first) if first.body != said.body && self.told.insert(place) => {
                Added::Against(Box::new(first.statement.clone()))
            }
            Some(_) => Added::Known,
        }
    }

    fn with(&self, slot: Slot) -> impl Iterator<Item = &Said> {
        self.said.values().filter(move |said| said.body.slot() == slot)
    }

    /// Weight behind a body.
    pub(crate) fn weight(&self, body: &Body, committee: &Committee) -> u64 {
        self.with(body.slot())
            .fold(0, |sum, said| sum.saturating_add(committee.weight(said.statement.signer)))
    }

    /// Whether this signer said this.
    pub(crate) fn has(&self, body: &Body, signer: u16) -> bool {
        self.said.get(&(body.slot().class, signer)).is_some_and(|said| said.body == *body)
    }

    /// The certificate of a body, once the weight behind it is enough.
    pub(crate) fn certificate(&self, body: &Body, committee: &Committee) -> Option<Certificate> {
        if matches!(body, Body::Propose { .. }) || self.weight(body, committee) < committee.quorum()
        {
            return None;
        }
        let signed = self.with(body.slot()).map(|said| Signed {
            signer: said.statement.signer,
            signature: said.statement.signature.clone(),
        });
        Some(Certificate { body: *body, signed: signed.collect() })
    }

    /// Everything that was said, each body once or more.
    pub(crate) fn bodies(&self) -> Vec<Body> {
        self.said.values().map(|said| said.body).collect()
    }

    /// Forgets all but Skips and Commits: the view ended long ago, and bounds are bounds.
    pub(crate) fn slim(&mut self) {
        self.said.retain(|(kind, _), _| *kind == class::END);
    }
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
