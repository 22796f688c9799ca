//! Ways to misbehave, each blind to the rule's formats: they work on any rule.
//!
//! In: what an honest instance would send. Out: what the villain sends instead. A villain's key is
//! its own; it cannot forge others. Not here: crashes (`faults`), which are no lies.

pub mod equivocator;
pub mod forger;
pub mod late;
pub mod liar;
pub mod mute;
pub mod replayer;
pub mod withholder;

use crate::clock::{Chance, Micros};

/// How a validator misbehaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Villain {
    /// Says nothing from some time on.
    Mute(mute::Mute),
    /// Says everything late.
    Late(late::Late),
    /// Says each thing only to some.
    Withholder(withholder::Withholder),
    /// Names wrong results.
    Liar(liar::Liar),
    /// Repeats what others said, to anyone, any time later.
    Replayer(replayer::Replayer),
    /// Runs twice with one key and no guard, each half speaking to its own audience.
    Equivocator(equivocator::Equivocator),
    /// Behaves well, and besides signs anything for anybody.
    Forger,
    /// Follows what happens, and says nothing but what it makes up.
    Puppet,
}

impl Villain {
    /// Draws one; a forger only where the rule's tests have one.
    pub fn draw(chance: &mut Chance, honest: u64, with_forger: bool) -> Self {
        match chance.below(if with_forger { 12 } else { 8 }) {
            0 => Self::Mute(mute::Mute::draw(chance)),
            1 => Self::Late(late::Late::draw(chance)),
            2 | 3 => Self::Withholder(withholder::Withholder::draw(chance)),
            4 => Self::Liar(liar::Liar::draw(chance)),
            5 => Self::Replayer(replayer::Replayer),
            8.. => Self::Forger,
            _ => Self::Equivocator(equivocator::Equivocator::draw(chance, honest)),
        }
    }

    /// After how long a message leaves for `to`; none when it does not.
    pub fn sends(&self, chance: &mut Chance, now: Micros, twin: bool, to: usize) -> Option<Micros> {
        match self {
            Self::Mute(mute) => mute.speaks(now).then_some(0),
            Self::Late(late) => Some(late.delay(chance)),
            Self::Withholder(withholder) => withholder.tells(chance).then_some(0),
            Self::Equivocator(two) => two.tells(now, twin, to).then_some(0),
            Self::Liar(_) | Self::Replayer(_) | Self::Forger => Some(0),
            Self::Puppet => None,
        }
    }
}
