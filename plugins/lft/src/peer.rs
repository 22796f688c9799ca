//! Unsigned helper messages between the same rule on other nodes.
//!
//! They carry no authority: what matters in them is a certificate, or a signature of its own, and that
//! is checked.
//! Not here: answering them (`machine::repair`).

use crate::certificate::Certificate;
use minicbor::{Decode, Encode};
use plugin_api::Hash;
use plugin_api::canonical;

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Status {
    /// Its epoch.
    #[n(0)]
    pub epoch: u64,
    /// Its view.
    #[n(1)]
    pub view: u64,
    /// Height of its last final block.
    #[n(2)]
    pub head_height: u64,
    /// View of its last final block.
    #[n(3)]
    pub head_view: u64,
    /// Id of its last final block.
    #[n(4)]
    pub head: Hash,
}

/// A helper message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum PeerMessage {
    /// Where I stand.
    #[n(0)]
    Status(#[n(0)] Status),
    /// Send me the certificates from this view on.
    #[n(1)]
    GetCert {
        /// First view.
        #[n(0)]
        view: u64,
    },
    /// Certificates, ascending by view.
    #[n(2)]
    Certs {
        /// The certificates.
        #[n(0)]
        certificates: Vec<Certificate>,
    },
    /// My last final block.
    #[n(3)]
    Head {
        /// My epoch.
        #[n(0)]
        epoch: u64,
        /// Height of the block.
        #[n(1)]
        height: u64,
        /// Its Final proof; empty for the root of an epoch.
        #[cbor(n(2), with = "minicbor::bytes")]
        proof: Vec<u8>,
    },
    /// My log of what I signed is gone: how far is everyone? (Q1)
    #[n(4)]
    Rejoin {
        /// My epoch.
        #[n(0)]
        epoch: u64,
        /// Tells this question from earlier ones.
        #[n(1)]
        nonce: Hash,
    },
    /// The answer: a signed [`crate::statement::Body::Rejoined`], and what shows that it is true. (Q2)
    #[n(5)]
    Rejoined {
        /// Who answers.
        #[n(0)]
        signer: u16,
        /// The body.
        #[cbor(n(1), with = "minicbor::bytes")]
        body: Vec<u8>,
        /// The signature.
        #[cbor(n(2), with = "minicbor::bytes")]
        signature: Vec<u8>,
        /// The certificate by which the signer is in its view; none in the first of an epoch.
        #[n(3)]
        entry: Option<Box<Certificate>>,
    },
}

impl PeerMessage {
    /// Encodes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// Decodes.
    ///
    /// # Errors
    /// One line, when the bytes are not exactly one message.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        canonical::decode(bytes)
    }
}
