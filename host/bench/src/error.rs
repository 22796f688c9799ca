//! Why something could not be measured.

use host_store::StoreError;
use host_types::codec::CodecError;
use host_types::{Code, Rejection};
use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file or folder.
    #[error("{action} {path}: {error}", path = path.display())]
    Disk {
        /// What was tried, as a verb.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A connection on this machine.
    #[error("{action} {address}: {error}")]
    Connection {
        /// What was tried, as a verb.
        action: &'static str,
        /// With whom.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// An answer that is no HTTP of the form a node gives.
    #[error("{address} answered something else than expected: {what}")]
    Answer {
        /// Who.
        address: String,
        /// What it answered.
        what: String,
    },
    /// The store of a replica.
    #[error("the store of a replica: {0}")]
    Store(#[from] StoreError),
    /// The index of a replica.
    #[error("the index of a replica: {0}")]
    Index(#[from] fjall::Error),
    /// Bytes of the workload itself were refused.
    #[error("a generated transaction is refused: {0}")]
    Codec(#[from] CodecError),
    /// A check that must hold did not: the figure would be worthless.
    #[error("the run is void: {0}")]
    Void(String),
    /// Keys and certificates of the load.
    #[error("an identity of the load: {0}")]
    Identity(String),
    /// A process of the network under test.
    #[error("the network under test: {0}")]
    Network(String),
    /// A SCORE that is measured, or its worker.
    #[error("a SCORE under test: {0}")]
    Score(String),
    /// An option that makes no sense.
    #[error("{0}")]
    Option(String),
    /// The report cannot be encoded.
    #[error("the report: {0}")]
    Report(serde_json::Error),
    /// Nobody takes the report.
    #[error("the report cannot be written: {0}")]
    Output(io::Error),
}

impl BenchError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Disk { .. } | Self::Store(_) | Self::Index(_) => Code::StoreFailed,
            Self::Connection { .. } | Self::Answer { .. } => Code::Unreachable,
            Self::Codec(_) | Self::Void(_) | Self::Report(_) | Self::Output(_) => Code::Internal,
            Self::Identity(_) => Code::CertificateUntrusted,
            Self::Network(_) | Self::Score(_) => Code::StartFailed,
            Self::Option(_) => Code::UsageWrong,
        }
    }

    /// For `map_err` on file operations.
    pub fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Disk { action, path: path.to_owned(), error }
    }

    /// For `map_err` on connections.
    pub fn connection(action: &'static str, address: &str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Connection { action, address: address.to_owned(), error }
    }

    /// A void run.
    pub fn void(what: impl Into<String>) -> Self {
        Self::Void(what.into())
    }
}

impl From<BenchError> for Rejection {
    fn from(error: BenchError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
