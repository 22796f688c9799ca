//! Errors between peers: as data on the wire, and as facts for whoever called.
//!
//! Every one has a [`Code`]; texts name the peer and what to do. Nothing decides by a text.

use host_types::{Code, NetworkId, NodeName, Rejection};
use serde::{Deserialize, Serialize};

/// What a peer answers instead of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
pub enum RpcError {
    /// Refused, with the number of the reason.
    #[error("LC{code}: {message}")]
    Refused {
        /// Number of a [`Code`].
        code: u16,
        /// One line with the facts.
        message: String,
    },
    /// The answer or request is over its limit; ask for less.
    #[error("{bytes} bytes, at most {max}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// Too much to do; later.
    #[error("busy")]
    Busy,
    /// The caller broke a rule: its connections are closed and refused for a while.
    #[error("rule broken: {reason}")]
    Penalised {
        /// Which.
        reason: String,
    },
}

impl RpcError {
    /// Its number.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Refused { code, .. } => Code::from_number(*code).unwrap_or(Code::Internal),
            Self::TooLarge { .. } => Code::BodyTooLarge,
            Self::Busy => Code::TooManyRequests,
            Self::Penalised { .. } => Code::JoinRefused,
        }
    }
}

impl From<Rejection> for RpcError {
    fn from(rejection: Rejection) -> Self {
        Self::Refused { code: rejection.code.number(), message: rejection.message }
    }
}

/// Why no session came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The socket or TLS.
    #[error("{peer} at {address} cannot be reached: {error}")]
    Unreachable {
        /// Who was to be reached.
        peer: String,
        /// Where.
        address: String,
        /// What the system or TLS said.
        error: std::io::Error,
    },
    /// No answer in time.
    #[error("{peer} at {address} did not answer in 5 s")]
    Slow {
        /// Who was to be reached.
        peer: String,
        /// Where.
        address: String,
    },
    /// Its certificate was not accepted here.
    #[error("{peer} at {address} is not who it should be: {reason}")]
    Untrusted {
        /// Who was to be reached.
        peer: String,
        /// Where.
        address: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// Another version of the protocol.
    #[error("protocol {ours} here, {theirs} there: run the same release on both")]
    Protocol {
        /// Ours.
        ours: u64,
        /// Theirs.
        theirs: u64,
    },
    /// Another network.
    #[error("network {ours} here, network {theirs} there")]
    Network {
        /// Ours.
        ours: NetworkId,
        /// Theirs.
        theirs: NetworkId,
    },
    /// It refused us.
    #[error("{peer} refused the connection: {rejection}")]
    Refused {
        /// Who refused.
        peer: String,
        /// Why.
        rejection: Rejection,
    },
    /// Something else than a greeting came.
    #[error("{peer} answered with something else than a greeting: {reason}")]
    Garbled {
        /// Who answered.
        peer: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ConnectError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } | Self::Slow { .. } => Code::Unreachable,
            Self::Untrusted { .. } => Code::CertificateUntrusted,
            Self::Protocol { .. } | Self::Network { .. } | Self::Garbled { .. } => {
                Code::ProtocolMismatch
            }
            Self::Refused { rejection, .. } => rejection.code,
        }
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no connection now; why the last attempt failed.
    #[error("{peer} is not connected: {reason}")]
    NotConnected {
        /// Who was called.
        peer: NodeName,
        /// What the last attempt said.
        reason: String,
    },
    /// The connection broke or no answer came in time.
    #[error("{peer} did not answer: {reason}")]
    Lost {
        /// Who was called.
        peer: NodeName,
        /// What happened.
        reason: String,
    },
    /// The peer answered with an error.
    #[error("{peer}: {error}")]
    Answered {
        /// Who answered.
        peer: NodeName,
        /// With what.
        error: RpcError,
    },
}

impl CallError {
    /// Its number.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NotConnected { .. } | Self::Lost { .. } => Code::Unreachable,
            Self::Answered { error, .. } => error.code(),
        }
    }
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It fits no frame.
    #[error("a message of {bytes} bytes fits no frame (at most {max})")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The queue of its class is full and keeps what it has.
    #[error("the queue for this peer is full: send again later")]
    Full,
}
