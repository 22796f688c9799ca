//! Blocks whose votes name several results: when that ends a view, and what the host is told.
//! Rules D1 and D2.
//!
//! In: tallies. Out: a reason to skip, `Suspect`. A node can be slow or wrong about a result without
//! being faulty, so nobody is accused here. Deliberately not here: which transaction it was, and how
//! a node that is wrong comes right again (the host).

use super::{
    Lft,
    state::{Register, View},
};
use plugin_api::{
    Hash, Output,
    output::{ResultVote, Why},
};

impl Lft {
    /// D1: no result of some block of this view can be certified any more. With fast commit that is
    /// for F2 to say, since who voted may still support.
    pub(super) fn is_split(&self, at: &View) -> bool {
        !self.is_fast() && self.splits(at).next().is_some()
    }

    /// Blocks of a view that are surely split.
    fn splits(&self, at: &View) -> impl Iterator<Item = Hash> {
        let quorum = self.validators.quorum();
        let is_sure = move |rest: u64| match quorum.fast {
            None => quorum.surely_honest(rest),
            Some(_) => quorum.falls_back(rest),
        };
        at.tally.parted().into_iter().filter(move |(_, rest)| is_sure(*rest)).map(|(id, _)| id)
    }

    /// D1: tells the host, once, of a block of the current view that is surely split.
    pub(super) fn note_splits(&mut self, out: &mut Vec<Output>) {
        let view = self.view;
        let Some(at) = self.views.get(&view).filter(|at| at.suspected.is_none()) else { return };
        let Some(block) = self.splits(at).next() else { return };
        let votes = at.tally.results_of(&block);
        self.suspect(view, block, Why::Split, votes, out);
    }

    /// D2: a view that this node led came to nothing although its block stood on certified ground.
    pub(super) fn doubt_own(&mut self, view: u64, out: &mut Vec<Output>) {
        let Some(at) = self.views.get(&view).filter(|at| at.suspected.is_none()) else { return };
        if at.null.is_none() || !self.leads(view) {
            return;
        }
        // A normal proposal was the one that counted.
        let own = at.proposed.iter().rev().find_map(|register| match register {
            Register::Holds(block) => Some(*block),
            Register::Empty | Register::Refused => None,
        });
        let Some(block) = own else { return };
        let Some(known) = self.blocks.get(&block).filter(|known| !known.header.is_empty) else {
            return;
        };
        if self.is_certified(known.header.parent_view, &known.header.parent) {
            let votes = at.tally.results_of(&block);
            self.suspect(view, block, Why::Doubt, votes, out);
        }
    }

    fn suspect(
        &mut self,
        view: u64,
        block: Hash,
        why: Why,
        votes: Vec<ResultVote>,
        out: &mut Vec<Output>,
    ) {
        self.at(view).suspected = Some(why);
        if why == Why::Split {
            self.split_views += 1;
        }
        out.push(Output::Suspect { block, why, votes });
    }
}
