//! Fast commit: rules F1 and F2, what to say when a view can no longer end in two delays.
//!
//! In: the state after an input. Out: `Sign` of a Support or a Fallback. Neither counts for a fast
//! final, and who signed one commits nothing in that view. Not here: the votes themselves
//! (`voting`), the fast proof (`tally`).

use super::{
    Lft,
    state::{Checked, End, First, Register},
};
use crate::statement::{Ballot, Body};
use plugin_api::{Output, Then};

impl Lft {
    /// Whether this node said something in its view and has not committed in it.
    fn may_fall_back(&self) -> bool {
        let Some(at) = self.views.get(&self.view) else { return false };
        self.is_fast()
            && matches!(at.first, Register::Holds(_))
            && self.end_of(self.view).admits(&End::Fallback)
    }

    /// F1: a block that this node did not vote for has f + p + 1 first votes: no other can be final
    /// fast, and this one may be.
    pub(super) fn support(&mut self, out: &mut Vec<Output>) {
        if !self.may_fall_back() {
            return;
        }
        let Some(at) = self.views.get(&self.view) else { return };
        let wanted: Vec<Ballot> = at
            .tally
            .first_votes()
            .filter(|(_, weight)| self.earns_support(*weight))
            .map(|(ballot, _)| *ballot)
            .filter(|ballot| at.first != Register::Holds(First::Vote(ballot.pair)))
            .filter(|ballot| !at.supported.contains(&ballot.pair))
            .collect();
        for ballot in wanted {
            // An honest validator voted for it, so it must be fetched and checked here, too.
            self.want(ballot.pair.block, out);
            let Some(known) = self.blocks.get(&ballot.pair.block) else { continue };
            let header = &known.header;
            let named = (header.view, header.parent, header.parent_view);
            // Clocks, and whether an empty block is welcome, were the first voters' to judge.
            if named == (ballot.view, ballot.parent, ballot.parent_view)
                && known.checked == Checked::Valid(ballot.pair)
                && self.is_linked(header)
            {
                let needs = vec![ballot.pair.block];
                self.sign(Body::Support { ballot }, Then::Broadcast, needs, out);
            }
        }
    }

    /// F2: this node voted, and whatever the missing first statements are, no block can be final
    /// fast.
    pub(super) fn fall_back(&mut self, out: &mut Vec<Output>) {
        let view = self.view;
        if !self.may_fall_back() {
            return;
        }
        let Some(at) = self.views.get(&view) else { return };
        let voted = matches!(at.first, Register::Holds(First::Vote(_)));
        let (all, most) = at.tally.first_weights();
        let split = self.validators.quorum().falls_back(all.saturating_sub(most));
        #[cfg(feature = "planted-bugs")]
        let split = split
            || (self.certificate_expired && self.has_bug(crate::planted::Bug::CoreSkipWithFast));
        if voted && split && !at.fell_back {
            self.sign(Body::Fallback { view }, Then::Broadcast, Vec::new(), out);
        }
    }

    fn earns_support(&self, weight: u64) -> bool {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::SupportLow) {
            return self.validators.quorum().falls_back(weight.saturating_add(1));
        }
        self.validators.quorum().falls_back(weight)
    }
}
