//! SCOREs that gave this node no result in time.
//!
//! In: strikes, with the view they happened in. Out: which SCOREs this node's own blocks leave out for
//! now. With metering this happens only when a machine is ill, so it stays a matter of this machine:
//! volatile, never told to others, never a receipt; other leaders propose what this one leaves out.
//! Deliberately not here: which transaction of a block it was ([`super::suspect`]), crashes, which are
//! receipts and counted on the chain (`system`).

use host_types::limits::{STRIKES_MAX, STRIKES_OUT_VIEWS};
use host_types::{ScoreName, View};
use std::collections::{BTreeMap, BTreeSet};

/// SCOREs that are remembered, at most. Only active ones run at all; at the bound everything is
/// forgotten and learnt anew.
const SCORES_MAX: usize = 1_024;

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    count: u32,
    last: u64,
    out_until: u64,
}

/// Strikes by SCORE, of one epoch: views begin anew in the next.
#[derive(Clone, Debug, Default)]
pub struct Strikes(BTreeMap<ScoreName, Record>);

impl Strikes {
    /// One more; true when the SCORE is left out from now on.
    pub fn strike(&mut self, score: &ScoreName, view: View) -> bool {
        let now = view.get();
        if self.0.len() >= SCORES_MAX && !self.0.contains_key(score) {
            self.0.clear();
        }
        let record = self.0.entry(score.clone()).or_default();
        if now > record.last.saturating_add(STRIKES_OUT_VIEWS) {
            record.count = 0;
        }
        record.last = now;
        record.count += 1;
        let is_out = record.count >= STRIKES_MAX;
        if is_out {
            record.count = 0;
            record.out_until = now.saturating_add(STRIKES_OUT_VIEWS);
        }
        is_out
    }

    /// The SCOREs that a block of this view leaves out.
    #[must_use]
    pub fn out(&self, view: View) -> BTreeSet<ScoreName> {
        let out = self.0.iter().filter(|(_, record)| view.get() < record.out_until);
        out.map(|(score, _)| score.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{SCORES_MAX, Strikes};
    use host_types::{ScoreName, View};

    fn score(name: &str) -> ScoreName {
        ScoreName::new(name).unwrap()
    }

    #[test]
    fn three_strikes_leave_a_score_out_for_64_views() {
        // Views of the strikes, and the views in which blocks leave it out.
        type Row<'a> = (&'a [u64], std::ops::Range<u64>);
        let table: [Row<'_>; 6] = [
            (&[], 0..0),
            (&[5, 6], 0..0),
            (&[5, 6, 7], 7..71),
            (&[5, 5, 5], 5..69),
            // 65 views after the one before, the first is forgotten; 64 views after it, it is not.
            (&[5, 70, 71], 0..0),
            (&[5, 69, 133], 133..197),
        ];
        for (views, out) in table {
            let mut strikes = Strikes::default();
            for (at, view) in views.iter().enumerate() {
                let is_out = strikes.strike(&score("slow"), View::new(*view));
                assert_eq!(is_out, at == 2 && !out.is_empty(), "{views:?} {view}");
            }
            let first = views.last().copied().unwrap_or_default();
            for view in first..300 {
                let expected = out.contains(&view).then(|| score("slow"));
                let found: Vec<_> = strikes.out(View::new(view)).into_iter().collect();
                assert_eq!(found, Vec::from_iter(expected), "{views:?} {view}");
            }
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_three_more_are_needed_for_another_time() {
        let mut strikes = Strikes::default();
        for n in 0..=SCORES_MAX {
            strikes.strike(&score(&format!("s{n}")), View::new(1));
        }
        assert_eq!(strikes.0.len(), 1);
        let slow = score("slow");
        let struck: Vec<bool> =
            (1..=6).map(|view| strikes.strike(&slow, View::new(view))).collect();
        assert_eq!(struck, [false, false, true, false, false, true]);
        assert_eq!(strikes.out(View::new(69)).into_iter().collect::<Vec<_>>(), [slow]);
        assert!(strikes.out(View::new(70)).is_empty());
    }
}
