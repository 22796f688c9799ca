//! Unsigned helper messages between the same rule on other nodes.
//!
//! They have no authority: what matters in them is a certificate, and that is checked. Not here:
//! answering them (`machine`).

use crate::certificate::Certificate;
use minicbor::{Decode, Encode};
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
    /// View of its last final block.
    #[n(2)]
    pub head_view: u64,
    /// Height of its last final block.
    #[n(3)]
    pub head_height: u64,
}

/// A helper message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum PeerMessage {
    /// Where I stand.
    #[n(0)]
    Status(#[n(0)] Status),
    /// Send me the certificates from this view on.
    #[n(1)]
    Ask {
        /// The first view.
        #[n(0)]
        view: u64,
    },
    /// Certificates, ascending by view.
    #[n(2)]
    Certificates {
        /// The certificates.
        #[n(0)]
        list: Vec<Certificate>,
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
