//! Looks for a planted bug: runs seeds with it until one is bad that is good without it.
//!
//! In: a bug, where to begin, how many seeds at most. Out: what was found and after how many seeds.
//! Deliberately not here: the bugs (`planted`).

use crate::plan::plan;
use crate::planted::Bug;
use crate::run::run;

/// How a hunt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunt {
    /// Seeds run with the bug.
    pub seeds: u64,
    /// Bad seeds that are bad without it as well, and show nothing.
    pub unclear: u64,
    /// What gave it away; none when it survived.
    pub line: Option<String>,
}

/// Hunts a bug from `first` on.
#[must_use]
pub fn hunt(bug: Bug, first: u64, most: u64) -> Hunt {
    let mut hunt = Hunt { seeds: 0, unclear: 0, line: None };
    while hunt.seeds < most {
        let seed = first.wrapping_add(hunt.seeds);
        hunt.seeds += 1;
        let planted = plan(seed, Some(bug));
        let report = run(planted.clone(), false);
        if report.verdict.is_good() {
            continue;
        }
        let mut sound = planted;
        sound.bug = None;
        sound.parameters.retain(|(name, _)| name != "planted_bug");
        if run(sound, false).verdict.is_good() {
            hunt.line = Some(report.line(seed));
            return hunt;
        }
        hunt.unclear += 1;
    }
    hunt
}
