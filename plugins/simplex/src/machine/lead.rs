//! What the leader of a view does: choose a parent, have a block built, propose it with the
//! certificates that show its ancestry.
//!
//! In: the state after an input, and built headers. Out: `Build`, then `Sign`. Not here: what goes
//! into a block (the host).

use super::{Simplex, state::Base};
use crate::{
    certificate::{self, CERTIFICATES_MAX, Certificate},
    statement::Body,
    timer::Timer,
};
use plugin_api::{Hash, HeaderView, Output, ProposalKind, Then, mirror::class};
use sha2::{Digest, Sha256};

/// How long a leader waits before it asks again when the host had nothing to build, ms.
const RETRY_MS: u64 = 10;

impl Simplex {
    pub(super) fn propose(&mut self, out: &mut Vec<Output>) {
        let view = self.view;
        let may = |class| self.views.get(&view).is_none_or(|at| at.is_open(class));
        // Who gave up on its own view proposes nothing in it any more.
        let is_free = may(class::PROPOSE_NORM) && may(class::END);
        if !self.leads(view) || !is_free || self.building.request.is_some() {
            return;
        }
        let Some(base) = self.parent_for(view) else { return };
        let is_needed = self.has_unfinal_from(&base.pair.block);
        // After a sealing block only closing blocks, and only when they are needed.
        let closes = base.view > 0
            && self.header(&base.pair.block).is_some_and(HeaderView::ends_transactions);
        let has_work = self.has_work && !closes;
        if !has_work && !is_needed {
            return;
        }
        // An empty block is the last resort: usually the Commits of the others come first.
        let patience = self.entered_at + self.parameters.delta / 4;
        let seen_at = self.blocks.get(&base.pair.block).map_or(0, |known| known.seen_at);
        let mut at = (seen_at + self.parameters.block_interval).max(self.building.not_before);
        if !has_work {
            at = at.max(patience);
        }
        if self.now < at {
            if self.timers.due(Timer::Build) != Some(at) {
                self.timers.set(Timer::Build, self.now, at - self.now, out);
            }
            return;
        }
        let kind = if closes { ProposalKind::Closing } else { ProposalKind::Norm };
        self.build(kind, base, is_needed && self.now >= patience, out);
    }

    /// The highest certified block that null views connect with `view`.
    fn parent_for(&self, view: u64) -> Option<Base> {
        let mut below = view - 1;
        while below > self.head.view {
            match self.certified(below) {
                Some(pair) if self.header(&pair.block).is_some() => {
                    return Some(Base { pair, view: below });
                }
                _ if self.is_null(below) => below -= 1,
                _ => return None,
            }
        }
        (below == self.head.view).then_some(Base { pair: self.head.pair, view: below })
    }

    fn build(&mut self, kind: ProposalKind, base: Base, allow_empty: bool, out: &mut Vec<Output>) {
        self.number += 1;
        self.building.request = Some((self.number, base));
        let proof = &self.head.proof;
        out.push(Output::Build {
            request: self.number,
            view: self.view,
            kind,
            parent: base.pair,
            parent_view: base.view,
            allow_empty,
            carried: if proof.is_empty() { Hash::ZERO } else { Hash(Sha256::digest(proof).into()) },
        });
    }

    pub(super) fn on_built(
        &mut self,
        number: u64,
        header: Option<HeaderView>,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        // Another number: that view has passed.
        let Some((_, base)) = self.building.request.take_if(|(asked, _)| *asked == number) else {
            return Ok(());
        };
        let Some(header) = header else {
            self.building.not_before = self.now + self.parameters.block_interval.max(RETRY_MS);
            return Ok(());
        };
        if (header.view, header.parent, header.parent_view) != (self.view, base.pair, base.view) {
            return Err("the host built another block than it was asked for".to_owned());
        }
        let is_stale = self.certified(base.view) != Some(base.pair);
        let has_skipped = self.views.get(&self.view).is_some_and(|at| !at.is_open(class::END));
        if is_stale || has_skipped {
            return Ok(());
        }
        let Some(justification) = self.justify(&header) else { return Ok(()) };
        let block = header.id;
        self.add_block(header);
        let body = Body::Propose { view: self.view, block };
        self.sign(body, Then::Propose { block, justification }, vec![block], out);
        Ok(())
    }

    /// Certificates that show a block's ancestry: of its parent, and null of the views between.
    /// None when the parent is not certified here.
    pub(super) fn justify(&self, header: &HeaderView) -> Option<Vec<u8>> {
        let view = header.parent_view;
        let parent = match self.views.get(&view).and_then(|at| at.certified.clone()) {
            Some(certified) => Some(certified),
            // The root of the epoch needs no certificate.
            None if view == 0 => None,
            None if view == self.head.view => Some(Certificate::decode(&self.head.proof).ok()?),
            None => return None,
        };
        let between = self.views.range(view + 1..header.view).rev();
        let nulls = between.filter_map(|(_, at)| at.null.clone()).take(CERTIFICATES_MAX - 1);
        Some(certificate::encode_all(&parent.into_iter().chain(nulls).collect()))
    }
}
