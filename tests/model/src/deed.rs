//! What a node says, seen from one view and one pair of it: all that the others can tell of it.
//!
//! In: what a node said before, and what it says. Out: [`Deed`]s. A deed names no block, no view and no
//! node, so that a handful of them says all that the rule ever does. Not here: finding them (`alone`),
//! what comes of them (`together`).

use crate::node::Said;
use lft::statement::Body;
use plugin_api::Pair;
use std::collections::{BTreeMap, BTreeSet};

/// What one node said of one view. Bits, those of "this" pair and of any other.
pub type Word = u8;

/// It voted for this pair.
pub const VOTE: Word = 1;
/// It voted for another one.
pub const VOTE_OTHER: Word = 1 << 1;
/// It skipped.
pub const SKIP: Word = 1 << 2;
/// It supports this pair.
pub const SUPPORT: Word = 1 << 3;
/// It supports another one.
pub const SUPPORT_OTHER: Word = 1 << 4;
/// It fell back.
pub const FALLBACK: Word = 1 << 5;
/// It committed this pair, alone or by the flag of a child's vote.
pub const COMMIT: Word = 1 << 6;
/// It committed another one.
pub const COMMIT_OTHER: Word = 1 << 7;

const NAMES: [&str; 8] = [
    "vote",
    "vote other",
    "skip",
    "support",
    "support other",
    "fallback",
    "commit",
    "commit other",
];

/// The same, seen from the other of two pairs.
#[must_use]
pub const fn turned(word: Word) -> Word {
    let this = word & (VOTE | SUPPORT | COMMIT);
    let other = word & (VOTE_OTHER | SUPPORT_OTHER | COMMIT_OTHER);
    // Each "other" stands beside its "this".
    (this << 1) | (other >> 1) | (word & (SKIP | FALLBACK))
}

/// How many others' and own first statements it had heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heard {
    /// Votes for this pair.
    pub this: u8,
    /// Votes for another one.
    pub other: u8,
    /// Skips.
    pub skips: u8,
}

impl Heard {
    /// More than there are.
    pub const ALL: Self = Self { this: u8::MAX, other: u8::MAX, skips: u8::MAX };

    const fn is_within(self, more: Self) -> bool {
        self.this <= more.this && self.other <= more.other && self.skips <= more.skips
    }
}

/// It says a thing, having said others, on some ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deed {
    /// What it had said of the view.
    pub own: Word,
    /// What it says: one bit.
    pub adds: Word,
    /// It holds the certificates of the parent and of every view in between (vote, support), or of the
    /// pair (commit).
    pub is_grounded: bool,
    /// First statements that it needs, with fast commit.
    pub heard: Heard,
}

impl core::fmt::Display for Deed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let said = |word: Word| {
            let bits = NAMES.iter().enumerate().filter(|(bit, _)| word & (1 << bit) != 0);
            let names: Vec<&str> = bits.map(|(_, name)| *name).collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        };
        let ground = if self.is_grounded { ", on its certificates" } else { "" };
        write!(f, "{} after {}{ground}", said(self.adds), said(self.own))?;
        if self.heard != Heard::default() {
            let Heard { this, other, skips } = self.heard;
            write!(f, ", with first statements {this} + {other} + {skips}")?;
        }
        Ok(())
    }
}

impl Deed {
    /// Whether everyone who may do the other may do this.
    fn covers(&self, other: &Self) -> bool {
        (self.own, self.adds) == (other.own, other.adds)
            && (!self.is_grounded || other.is_grounded)
            && self.heard.is_within(other.heard)
    }
}

/// Deeds, without those that others cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deeds {
    by_word: BTreeMap<Word, BTreeSet<Deed>>,
}

impl Deeds {
    /// Adds one.
    pub fn add(&mut self, deed: Deed) {
        let known = self.by_word.entry(deed.own).or_default();
        if known.iter().any(|other| other.covers(&deed)) {
            return;
        }
        known.retain(|other| !deed.covers(other));
        known.insert(deed);
    }

    /// Adds all of others.
    pub fn extend(&mut self, others: &Self) {
        others.iter().for_each(|deed| self.add(*deed));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Deed> {
        self.by_word.values().flatten()
    }

    /// What may follow these words.
    pub fn after(&self, word: Word) -> impl Iterator<Item = &Deed> {
        self.by_word.get(&word).into_iter().flatten()
    }

    /// Whether one of them covers this one.
    #[must_use]
    pub fn allow(&self, deed: &Deed) -> bool {
        self.after(deed.own).any(|known| known.covers(deed))
    }
}

/// What was said of a view, seen from a pair of it.
#[must_use]
pub fn word_of(said: &[Said], view: u64, this: &Pair) -> Word {
    let of = |pair: &Pair, own: Word| if pair == this { own } else { own << 1 };
    let bits = |said: &Said| -> Word {
        let here = if said.body.view() != view {
            0
        } else {
            match &said.body {
                Body::Vote { ballot, .. } => of(&ballot.pair, VOTE),
                Body::Skip { .. } => SKIP,
                Body::Commit { pair, .. } => of(pair, COMMIT),
                Body::Support { ballot } => of(&ballot.pair, SUPPORT),
                Body::Fallback { .. } => FALLBACK,
                Body::Propose { .. } | Body::Rejoined { .. } => 0,
            }
        };
        let below = match &said.body {
            Body::Vote { ballot, commit_parent: true } if ballot.parent_view == view => {
                of(&ballot.parent, COMMIT)
            }
            _ => 0,
        };
        here | below
    };
    said.iter().map(bits).fold(0, |all, bit| all | bit)
}

/// The pair that a skip or fallback of a view is seen from: what was voted for, or committed.
fn pair_of(said: &[Said], view: u64) -> Pair {
    let own = said.iter().filter(|said| said.body.view() == view);
    let pair = own.filter_map(|said| match &said.body {
        Body::Vote { ballot, .. } => Some(ballot.pair),
        Body::Commit { pair, .. } => Some(*pair),
        _ => None,
    });
    pair.into_iter().next().unwrap_or_default()
}

/// The deeds of the last of what a node said, after the rest; each with its view.
#[must_use]
pub fn deeds_of(said: &[Said], heard: impl Fn(&Pair) -> Heard) -> Vec<(u64, Deed)> {
    let Some((last, before)) = said.split_last() else { return Vec::new() };
    let view = last.body.view();
    let deed = |view: u64, pair: &Pair, adds: Word, is_grounded: bool, heard: Heard| {
        (view, Deed { own: word_of(before, view, pair), adds, is_grounded, heard })
    };
    let none = Heard::default();
    let mut deeds = Vec::new();
    match &last.body {
        Body::Vote { ballot, commit_parent } => {
            deeds.push(deed(view, &ballot.pair, VOTE, last.is_grounded, none));
            if *commit_parent {
                let parent = (ballot.parent_view, &ballot.parent);
                deeds.push(deed(parent.0, parent.1, COMMIT, last.is_grounded, none));
            }
        }
        Body::Skip { .. } => deeds.push(deed(view, &pair_of(before, view), SKIP, false, none)),
        Body::Commit { pair, .. } => deeds.push(deed(view, pair, COMMIT, last.is_grounded, none)),
        Body::Support { ballot } => {
            let pair = &ballot.pair;
            deeds.push(deed(view, pair, SUPPORT, last.is_grounded, heard(pair)));
        }
        Body::Fallback { .. } => {
            let pair = pair_of(before, view);
            deeds.push(deed(view, &pair, FALLBACK, false, heard(&pair)));
        }
        Body::Propose { .. } | Body::Rejoined { .. } => {}
    }
    // To say a thing again, as the flag of a further child does, is no deed.
    deeds.retain(|(_, deed)| deed.own & deed.adds == 0);
    deeds
}
