//! Who misbehaves, and how: the villains of the harness, which work on what is sent, and those that
//! only a whole node can be.
//!
//! In: a seed's chance. Out: a [`Villain`]; what it sends instead of what it should. Each one that is
//! more than a line has a file of its own. Not here: crashes (`plan`), which are no lies.

pub mod forgetful;
pub mod garbler;
pub mod misbuilder;
pub mod sync_liar;
pub mod time_liar;

use host_types::message::PeerMessage;
use plugin_api_harness::clock::{Chance, Micros};
use plugin_api_harness::villain::Villain as Speaker;

/// How a validator misbehaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Villain {
    /// As in the harness: mute, late, selective, lying about results, replaying, or two at once.
    Speaker(Speaker),
    /// Sends messages with a byte changed.
    Garbler(garbler::Garbler),
    /// Answers questions wrongly.
    SyncLiar(sync_liar::SyncLiar),
    /// Its clock is far off, and its blocks with it.
    TimeLiar(time_liar::TimeLiar),
    /// Builds on the wrong parent.
    Misbuilder(misbuilder::Misbuilder),
    /// Forgets what is final and proposes it again.
    Forgetful(forgetful::Forgetful),
}

impl Villain {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        match chance.below(15) {
            0 | 1 => Self::Garbler(garbler::Garbler::draw(chance)),
            2 | 3 => Self::SyncLiar(sync_liar::SyncLiar::draw(chance)),
            4 => Self::TimeLiar(time_liar::TimeLiar::draw(chance)),
            5 => Self::Forgetful(forgetful::Forgetful::draw(chance)),
            6 | 7 => Self::Misbuilder(misbuilder::Misbuilder::draw(chance)),
            _ => {
                let honest = chance.draw();
                Self::Speaker(Speaker::draw(chance, honest, false))
            }
        }
    }

    /// Whether it runs twice with one key.
    #[must_use]
    pub fn is_twin(&self) -> bool {
        matches!(self, Self::Speaker(Speaker::Equivocator(_)))
    }

    /// After how long a message leaves for `to`; none when it does not.
    pub fn sends(&self, chance: &mut Chance, now: Micros, twin: bool, to: usize) -> Option<Micros> {
        match self {
            Self::Speaker(speaker) => speaker.sends(chance, now, twin, to),
            _ => Some(0),
        }
    }

    /// Whether it hears what `from` says.
    #[must_use]
    pub fn hears(&self, now: Micros, twin: bool, from: usize) -> bool {
        match self {
            Self::Speaker(Speaker::Equivocator(two)) => two.tells(now, twin, from),
            _ => true,
        }
    }

    /// What it makes of a message; none when nothing readable is left of it.
    pub fn distorts(&self, chance: &mut Chance, message: &PeerMessage) -> Option<PeerMessage> {
        match self {
            Self::Garbler(garbler) => garbler.garble(chance, message),
            _ => Some(message.clone()),
        }
    }
}
