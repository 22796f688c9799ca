//! Bodies of the statements validators sign, and the registers each one writes.
//!
//! In: bytes from the host. Out: [`Body`] and its slots. A statement whose slots are not the ones
//! its body implies is refused, so what the signing guard registered is what counts.
//! Not here: signatures (the host checks them), tallies.

use minicbor::{Decode, Encode};
use plugin_api::canonical;
use plugin_api::{
    Hash, Pair, ProposalKind, Slot, Statement, VerifyItem,
    mirror::{class, statement_message},
};
use sha2::{Digest, Sha256};

/// What a vote is for: a block with its result, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Ballot {
    /// View of the vote and of the block.
    #[n(0)]
    pub view: u64,
    /// Block and result.
    #[n(1)]
    pub pair: Pair,
    /// Parent and its result.
    #[n(2)]
    pub parent: Pair,
    /// View of the parent, 0 for the root of the epoch.
    #[n(3)]
    pub parent_view: u64,
}

/// Which registers statements write: those of the core rule, or those of fast commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// VOTE holds a vote; END holds Skip or Commit.
    Core,
    /// FIRST holds a vote or a Skip; END holds Commit, or the one value of all fallbacks. A Commit
    /// also writes into FIRST what a vote for the same pair would, so that the guard alone refuses
    /// it to whoever said anything else.
    Fast,
}

/// What a validator can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Body {
    /// I propose this block in this view.
    #[n(0)]
    Propose {
        /// The view.
        #[n(0)]
        view: u64,
        /// Norm or Opt.
        #[n(1)]
        kind: ProposalKind,
        /// The block.
        #[n(2)]
        block: Hash,
    },
    /// I vote; with `commit_parent` it is also my Commit of the parent.
    #[n(1)]
    Vote {
        /// For what.
        #[n(0)]
        ballot: Ballot,
        /// I have not skipped the parent's view and never shall.
        #[n(1)]
        commit_parent: bool,
    },
    /// I give up on this view and shall never commit in it.
    #[n(2)]
    Skip {
        /// The view.
        #[n(0)]
        view: u64,
    },
    /// I hold the candidate certificate of this pair and shall never skip its view.
    #[n(3)]
    Commit {
        /// The view.
        #[n(0)]
        view: u64,
        /// Block and result.
        #[n(1)]
        pair: Pair,
    },
    /// Fast commit, F1: I first said something else, and enough others voted for this.
    #[n(4)]
    Support {
        /// For what.
        #[n(0)]
        ballot: Ballot,
    },
    /// Fast commit, F2: I voted, and no block of this view can be final fast.
    #[n(5)]
    Fallback {
        /// The view.
        #[n(0)]
        view: u64,
    },
    /// Q2: I am in this view; it goes to a validator that comes back, in a helper message. It writes
    /// no register.
    #[n(6)]
    Rejoined {
        /// Who asked.
        #[n(0)]
        asker: u16,
        /// Of its question.
        #[n(1)]
        nonce: Hash,
        /// The highest view I entered.
        #[n(2)]
        view: u64,
    },
}

impl Body {
    /// Encodes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// Decodes and checks what can be checked without state.
    ///
    /// # Errors
    /// One line, when the bytes are not exactly one well-formed body.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let body: Self = canonical::decode(bytes)?;
        match body {
            Self::Propose { view: 0, .. }
            | Self::Skip { view: 0 }
            | Self::Fallback { view: 0 }
            | Self::Rejoined { view: 0, .. }
            | Self::Commit { view: 0, .. } => Err("nothing is signed in view 0".to_owned()),
            Self::Vote { ballot, .. } | Self::Support { ballot }
                if ballot.parent_view >= ballot.view =>
            {
                Err("the parent's view is not below the vote's".to_owned())
            }
            Self::Vote { ballot, commit_parent: true } if ballot.parent_view == 0 => {
                Err("the root of an epoch needs no commit".to_owned())
            }
            _ => Ok(body),
        }
    }

    /// View of the statement.
    #[must_use]
    pub fn view(&self) -> u64 {
        match self {
            Self::Propose { view, .. }
            | Self::Skip { view }
            | Self::Commit { view, .. }
            | Self::Fallback { view }
            | Self::Rejoined { view, .. } => *view,
            Self::Vote { ballot, .. } | Self::Support { ballot } => ballot.view,
        }
    }

    /// The registers this statement writes, in the one order that is accepted.
    #[must_use]
    pub fn slots(&self, mode: Mode) -> Vec<Slot> {
        let first = match mode {
            Mode::Core => class::VOTE,
            Mode::Fast => class::FIRST,
        };
        match self {
            Self::Propose { view, kind, block } => {
                let class = match kind {
                    ProposalKind::Opt => class::PROPOSE_OPT,
                    ProposalKind::Norm | ProposalKind::Closing => class::PROPOSE_NORM,
                };
                vec![Slot { view: *view, class, digest: *block }]
            }
            Self::Vote { ballot, commit_parent } => {
                let digest = pair_digest("vote", &ballot.pair);
                let mut slots = vec![Slot { view: ballot.view, class: first, digest }];
                if *commit_parent {
                    slots.extend(commit_slots(mode, ballot.parent_view, &ballot.parent));
                }
                slots
            }
            Self::Skip { view } => {
                let class = if mode == Mode::Fast { class::FIRST } else { class::END };
                vec![Slot { view: *view, class, digest: digest(&[b"skip"]) }]
            }
            Self::Commit { view, pair } => commit_slots(mode, *view, pair),
            Self::Rejoined { .. } => Vec::new(),
            Self::Support { ballot: Ballot { view, .. } } | Self::Fallback { view } => {
                vec![Slot { view: *view, class: class::END, digest: digest(&[b"fallback"]) }]
            }
        }
    }

    /// The bytes whose signature a certificate carries.
    #[must_use]
    pub fn verify_item(
        &self,
        mode: Mode,
        prefix: &[u8],
        public_key: [u8; 32],
        signature: &[u8],
    ) -> VerifyItem {
        VerifyItem {
            public_key,
            message: statement_message(prefix, &self.slots(mode), &self.encode()),
            signature: signature.to_vec(),
        }
    }
}

/// Reads a statement that the host received: body strict, slots as the body implies.
///
/// # Errors
/// One line, when it is malformed or of fast commit where that is off.
pub fn read(mode: Mode, statement: &Statement) -> Result<Body, String> {
    let body = Body::decode(&statement.body)?;
    if mode == Mode::Core && matches!(body, Body::Support { .. } | Body::Fallback { .. }) {
        return Err("fast commit is off in this channel".to_owned());
    }
    if body.slots(mode) == statement.slots {
        Ok(body)
    } else {
        Err("the registers are not those of the body".to_owned())
    }
}

fn commit_slots(mode: Mode, view: u64, pair: &Pair) -> Vec<Slot> {
    let end = Slot { view, class: class::END, digest: pair_digest("commit", pair) };
    match mode {
        Mode::Core => vec![end],
        Mode::Fast => {
            vec![Slot { view, class: class::FIRST, digest: pair_digest("vote", pair) }, end]
        }
    }
}

fn pair_digest(tag: &str, pair: &Pair) -> Hash {
    digest(&[tag.as_bytes(), &pair.block.0, &pair.state_root.0, &pair.receipts_root.0])
}

/// SHA-256 of the parts; only the first part varies in length, and no tag is another's beginning.
fn digest(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
