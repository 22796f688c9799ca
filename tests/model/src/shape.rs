//! Who the validators are and how their words are weighed, written without the rule's own arithmetic.
//!
//! In: a [`Shape`]. Out: the set and parameters the rule is given, and whether signers suffice. Not
//! here: what they say (`world`), planted bugs (the rule counts wrongly, never this file).

use lft::statement::Mode;
use plugin_api::{GroupMode, Unit, Validator};
use std::collections::BTreeSet;

/// Weight of a certificate: every shape has four units of weight one, of which one may lie.
pub const QUORUM: usize = 3;
/// Members of the group, with indices from [`FIRST_MEMBER`] on.
const MEMBERS: u16 = 3;
/// The first member of the group; those before it count alone.
const FIRST_MEMBER: u16 = 3;
/// Members that speak for the group.
const THRESHOLD: usize = 2;

/// A validator set, with the way it finishes blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
}

/// What signers said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Votes of a view.
    Votes(u64),
    /// Skips or commits.
    Ends,
}

impl Shape {
    /// How many there are.
    #[must_use]
    pub fn validators(self) -> u16 {
        if self.has_group() { FIRST_MEMBER + MEMBERS } else { 4 }
    }

    /// Whether some of them count as one.
    #[must_use]
    pub fn has_group(self) -> bool {
        matches!(self, Self::Quorum | Self::Delegate)
    }

    /// Which registers statements write.
    #[must_use]
    pub fn mode(self) -> Mode {
        if self == Self::Fast { Mode::Fast } else { Mode::Core }
    }

    /// Who leads a view.
    #[must_use]
    pub fn leader(self, view: u64) -> u16 {
        u16::try_from(view % u64::from(self.validators())).unwrap_or(0)
    }

    /// Who votes for the group in a view.
    fn delegate(view: u64) -> u16 {
        FIRST_MEMBER + u16::try_from(view % u64::from(MEMBERS)).unwrap_or(0)
    }

    /// Parameters that belong to it.
    #[must_use]
    pub fn parameters(self) -> Vec<(String, String)> {
        let fast = ("fast".to_owned(), "0".to_owned());
        if self == Self::Fast { vec![fast] } else { Vec::new() }
    }

    /// A validator of it with this key.
    #[must_use]
    pub fn validator(self, index: u16, public_key: [u8; 32]) -> Validator {
        let is_member = self.has_group() && index >= FIRST_MEMBER;
        let mode = if self == Self::Delegate { GroupMode::Delegate } else { GroupMode::Quorum };
        let group = if is_member { "group" } else { "" };
        Validator {
            name: format!("M/{index}"),
            public_key,
            weight: 1,
            group: group.to_owned(),
            unit: is_member.then_some(Unit { mode, weight: 1, threshold: THRESHOLD as u64 }),
        }
    }

    /// What these signers weigh.
    #[must_use]
    pub fn weigh(self, words: Words, signers: &BTreeSet<u16>) -> usize {
        if !self.has_group() {
            return signers.len();
        }
        let alone = signers.iter().filter(|index| **index < FIRST_MEMBER).count();
        let says = match (self, words) {
            (Self::Delegate, Words::Votes(view)) => signers.contains(&Self::delegate(view)),
            _ => signers.len() - alone >= THRESHOLD,
        };
        alone + usize::from(says)
    }

    /// Places of a node among those that no rule tells apart in `view`, when somebody else leads it.
    #[must_use]
    pub fn kind(self, index: u16, view: u64) -> u16 {
        match self {
            Self::Core | Self::Fast => index,
            _ if index < FIRST_MEMBER => 0,
            Self::Delegate if index == Self::delegate(view) => 2,
            _ => 1,
        }
    }
}
