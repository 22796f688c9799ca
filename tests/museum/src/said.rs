//! What a validator of LFT1 or LFT2 could say.
//!
//! In: fields. Out: bytes to sign, and the registers that today's signing guard keeps of them. The
//! old rules had no such registers; here they show which of their wishes the guard would refuse.
//! Not here: when something is said.

use minicbor::{Decode, Encode};
use plugin_api::{Hash, Slot, Statement, canonical, mirror::class};

/// What can be said. `round` is the round of LFT2, and height and round in one of LFT1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Said {
    /// I propose this block.
    #[n(0)]
    Announce {
        /// When.
        #[n(0)]
        round: u64,
        /// The block.
        #[n(1)]
        block: Hash,
    },
    /// I vote for this block, or for none.
    #[n(1)]
    Vote {
        /// When.
        #[n(0)]
        round: u64,
        /// The block; zero is NONE.
        #[n(1)]
        block: Hash,
        /// My candidate when I vote (LFT2); zero in LFT1.
        #[n(2)]
        candidate: Hash,
    },
    /// I want the next leader (LFT1).
    #[n(2)]
    Complain {
        /// When.
        #[n(0)]
        round: u64,
    },
}

impl Said {
    /// Its round.
    #[must_use]
    pub const fn round(&self) -> u64 {
        match self {
            Self::Announce { round, .. } | Self::Vote { round, .. } | Self::Complain { round } => {
                *round
            }
        }
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// The register it would fill.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        let (class, digest) = match self {
            Self::Announce { block, .. } => (class::PROPOSE_NORM, *block),
            Self::Vote { block, .. } => (class::VOTE, *block),
            Self::Complain { .. } => (class::END, Hash([1; 32])),
        };
        Slot { view: self.round(), class, digest }
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// One line, when it says something else than its registers.
    pub fn read(statement: &Statement) -> Result<Self, String> {
        let said: Self = canonical::decode(&statement.body)?;
        if statement.slots == [said.slot()] { Ok(said) } else { Err("other registers".to_owned()) }
    }
}
