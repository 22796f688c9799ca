//! Who the validators are and how their words are weighed, written without the rule's own arithmetic.
//!
//! In: a [`Shape`]. Out: the set and parameters the rule is given, and whether signers suffice. Not
//! here: what they say (`world`), planted bugs (the rule counts wrongly, never this file).

use lft::statement::Mode;
use plugin_api::{GroupMode, Unit, Validator};
use std::collections::BTreeSet;

/// A validator set, with the way it finishes blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// Four that count alone.
    #[default]
    Core,
    /// The same with fast commit, p = 0.
    Fast,
    /// Three that count alone, and a group that says what two of its three members sign.
    Quorum,
    /// The same, but the vote of the view's delegate is the group's.
    Delegate,
    /// Seven that count alone, two of which may lie.
    Seven,
    /// Seven with fast commit, p = 0.
    FastSeven,
    /// Six with fast commit, p = 1.
    FastSix,
    /// Weights 3, 2, 2 and 1, and 3 of who may lie.
    Weighted,
    /// One that counts alone, and three groups that say what two of their three members sign.
    ThreeQuorums,
    /// The same with delegates.
    ThreeDelegates,
}

/// What signers said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Votes of a view.
    Votes(u64),
    /// Skips or commits.
    Ends,
}

/// Members of a group, with indices that follow each other.
const MEMBERS: u16 = 3;
/// Members that speak for a group.
const THRESHOLD: usize = 2;

impl Shape {
    /// All of them, with the names they have on the command line.
    pub const NAMED: [(&'static str, Self); 10] = [
        ("core", Self::Core),
        ("fast", Self::Fast),
        ("quorum", Self::Quorum),
        ("delegate", Self::Delegate),
        ("seven", Self::Seven),
        ("fast-seven", Self::FastSeven),
        ("fast-six", Self::FastSix),
        ("weighted", Self::Weighted),
        ("three-quorums", Self::ThreeQuorums),
        ("three-delegates", Self::ThreeDelegates),
    ];

    /// Validators that count alone, and groups of three after them.
    const fn parts(self) -> (u16, u16) {
        match self {
            Self::Core | Self::Fast => (4, 0),
            Self::Quorum | Self::Delegate => (3, 1),
            Self::Seven | Self::FastSeven => (7, 0),
            Self::FastSix => (6, 0),
            Self::Weighted => (5, 0),
            Self::ThreeQuorums | Self::ThreeDelegates => (1, 3),
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn validators(self) -> u16 {
        let (alone, groups) = self.parts();
        alone + groups * MEMBERS
    }

    /// Weight of one that counts alone.
    #[must_use]
    pub const fn weight(self, index: u16) -> u16 {
        match (self, index) {
            (Self::Weighted, 0 | 4) => 3,
            (Self::Weighted, 1 | 2) => 2,
            _ => 1,
        }
    }

    /// Weight of a certificate.
    #[must_use]
    pub const fn quorum(self) -> usize {
        match self {
            Self::Seven | Self::FastSeven => 5,
            Self::FastSix => 4,
            Self::Weighted => 8,
            _ => 3,
        }
    }

    /// Weight of first votes that makes a block final, with fast commit.
    #[must_use]
    pub const fn fast_quorum(self) -> Option<usize> {
        match self {
            Self::Fast => Some(4),
            Self::FastSix => Some(5),
            Self::FastSeven => Some(7),
            _ => None,
        }
    }

    /// Who may lie, if they all do: the last that count alone.
    #[must_use]
    pub fn liars(self) -> Vec<u16> {
        let (alone, _) = self.parts();
        let count = if matches!(self, Self::Seven | Self::FastSeven) { 2 } else { 1 };
        (alone - count..alone).collect()
    }

    /// Whether some of them count as one.
    #[must_use]
    pub const fn has_group(self) -> bool {
        self.parts().1 > 0
    }

    /// Whether a delegate votes for a group.
    const fn delegates(self) -> bool {
        matches!(self, Self::Delegate | Self::ThreeDelegates)
    }

    /// Which registers statements write.
    #[must_use]
    pub fn mode(self) -> Mode {
        if self.fast_quorum().is_some() { Mode::Fast } else { Mode::Core }
    }

    /// Who leads a view.
    #[must_use]
    pub fn leader(self, view: u64) -> u16 {
        u16::try_from(view % u64::from(self.validators())).unwrap_or(0)
    }

    /// The group of a validator that does not count alone.
    #[must_use]
    pub const fn group(self, index: u16) -> Option<u16> {
        let (alone, _) = self.parts();
        if index < alone { None } else { Some((index - alone) / MEMBERS) }
    }

    /// Who votes for a group in a view.
    fn delegate(self, group: u16, view: u64) -> u16 {
        let turn = u16::try_from(view % u64::from(MEMBERS)).unwrap_or(0);
        self.parts().0 + group * MEMBERS + turn
    }

    /// Parameters that belong to it.
    #[must_use]
    pub fn parameters(self) -> Vec<(String, String)> {
        let slack = |needed: usize| usize::from(self.validators()) - needed;
        let fast = |needed: usize| ("fast".to_owned(), slack(needed).to_string());
        self.fast_quorum().map(fast).into_iter().collect()
    }

    /// A validator of it with this key.
    #[must_use]
    pub fn validator(self, index: u16, public_key: [u8; 32]) -> Validator {
        let mode = if self.delegates() { GroupMode::Delegate } else { GroupMode::Quorum };
        let group = self.group(index);
        Validator {
            name: format!("M/{index}"),
            public_key,
            weight: u64::from(self.weight(index)),
            group: group.map(|number| format!("group{number}")).unwrap_or_default(),
            unit: group.map(|_| Unit { mode, weight: 1, threshold: THRESHOLD as u64 }),
        }
    }

    /// What these signers weigh.
    #[must_use]
    pub fn weigh(self, words: Words, signers: &BTreeSet<u16>) -> usize {
        let alone = signers.iter().filter(|index| self.group(**index).is_none());
        let alone: usize = alone.map(|index| usize::from(self.weight(*index))).sum();
        let says = |group: &u16| match words {
            Words::Votes(view) if self.delegates() => {
                signers.contains(&self.delegate(*group, view))
            }
            _ => signers.iter().filter(|i| self.group(**i) == Some(*group)).count() >= THRESHOLD,
        };
        alone + (0..self.parts().1).filter(says).count()
    }

    /// Whether it votes for its group in a view.
    #[must_use]
    pub fn role(self, index: u16, view: u64) -> bool {
        let speaks = |group| index == self.delegate(group, view);
        self.delegates() && self.group(index).is_some_and(speaks)
    }

    /// Places of a node among those that no rule tells apart in `view`, when somebody else leads it.
    #[must_use]
    pub fn kind(self, index: u16, view: u64) -> u16 {
        match self.group(index) {
            None if self.has_group() => 0,
            None => index,
            Some(_) => 1 + u16::from(self.role(index, view)),
        }
    }
}
