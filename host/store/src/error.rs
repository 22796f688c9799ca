//! What can go wrong with a disk and its files, and how the node must react.
//!
//! In: the facts where an operation failed. Out: one error type with a class and a code. It never
//! retries: after a failed write or sync nobody knows what the disk holds until it is read again.

use host_types::{Code, FaultClass, GenesisHash, Height};
use std::io;
use std::path::{Path, PathBuf};

/// Which file failed: decides what stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The node's sign log: signing stops on every channel.
    SignLog,
    /// Files of one channel: that channel halts.
    Channel,
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// Whose file.
        part: Part,
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// The database refused.
    #[error("database {}: {source}", path.display())]
    Database {
        /// Its folder.
        path: PathBuf,
        /// Its answer.
        source: Box<fjall::Error>,
    },
    /// An earlier write or sync failed; nothing is written until the node is restarted.
    #[error("{} had a write error before; it is read-only until restart", path.display())]
    Poisoned {
        /// Whose file.
        part: Part,
        /// Which file or folder.
        path: PathBuf,
    },
    /// What is on disk is not what was written.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Damaged {
        /// Whose file.
        part: Part,
        /// Which file or folder.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What was found.
        what: String,
    },
    /// Written by another version.
    #[error("{} has format {found}; this version reads format {known}", path.display())]
    OtherFormat {
        /// Whose file.
        part: Part,
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// The folder holds another channel.
    #[error("{} belongs to genesis {found}, not {expected}", path.display())]
    OtherGenesis {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        found: GenesisHash,
        /// Whose it should be.
        expected: GenesisHash,
    },
    /// The database lost final blocks.
    #[error("the database ends at height {database}, the tip marker at {marker}")]
    BehindMarker {
        /// Last height of the database.
        database: Height,
        /// Height of the marker.
        marker: Height,
    },
    /// The block is not the child of the tip.
    #[error("block {got} cannot follow height {tip}: {why}")]
    NotNext {
        /// Last height.
        tip: Height,
        /// Height of the block.
        got: Height,
        /// What does not fit.
        why: &'static str,
    },
    /// A state version that is not built on the committed state (its branch lost).
    #[error("the state version is not built on the committed state; its branch was abandoned")]
    StaleVersion,
    /// More than a file can take in one piece.
    #[error("{size} bytes in one piece, at most {max} fit")]
    TooLarge {
        /// Size asked for, bytes.
        size: usize,
        /// Largest, bytes.
        max: usize,
    },
}

impl StoreError {
    /// How to react.
    #[must_use]
    pub const fn class(&self) -> FaultClass {
        match self {
            Self::Io { part, .. }
            | Self::Poisoned { part, .. }
            | Self::Damaged { part, .. }
            | Self::OtherFormat { part, .. } => match part {
                Part::SignLog => FaultClass::StopSigning,
                Part::Channel => FaultClass::HaltChannel,
            },
            Self::Database { .. }
            | Self::OtherGenesis { .. }
            | Self::BehindMarker { .. }
            | Self::NotNext { .. } => FaultClass::HaltChannel,
            Self::StaleVersion | Self::TooLarge { .. } => FaultClass::Reject,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Io { part: Part::SignLog, .. } | Self::Poisoned { part: Part::SignLog, .. } => {
                Code::SigningStopped
            }
            Self::Io { .. } | Self::Poisoned { .. } | Self::Database { .. } => Code::StoreFailed,
            Self::Damaged { .. } | Self::OtherFormat { .. } | Self::OtherGenesis { .. } => {
                Code::StoreDamaged
            }
            Self::BehindMarker { .. } => Code::StoreBehindMarker,
            Self::NotNext { .. } | Self::StaleVersion | Self::TooLarge { .. } => Code::Internal,
        }
    }

    /// Whether files are not what was written; not whether the system could read or write them.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let Self::Database { source, .. } = self else { return self.code() == Code::StoreDamaged };
        let mut at: Option<&(dyn std::error::Error + 'static)> = Some(source.as_ref());
        while let Some(error) = at {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                let kinds = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
                return kinds.contains(&io.kind());
            }
            at = error.source();
        }
        !matches!(**source, fjall::Error::Io(_))
    }

    /// For `map_err` after a call to the operating system.
    pub(crate) fn io(
        part: Part,
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { part, action, path: path.to_owned(), source }
    }

    /// A finding in a file.
    pub(crate) fn damaged(part: Part, path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged { part, path: path.to_owned(), offset, what: what.into() }
    }
}
