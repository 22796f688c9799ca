//! System transactions: what may change a channel itself (`docs/spec/system.md`).
//!
//! A system transaction is an ordinary one with the reserved SCORE name `system`; its method and
//! arguments decode to a [`SystemCall`]. Host code executes it. So far: `register`, `propose` and
//! `approve` of a `deploy` change, `ready`.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::height::Height;
use crate::ids::{Address, ScoreName};
use crate::limits::{ARGS_BYTES_MAX, CERTIFICATE_BYTES_MAX, TEXT_BYTES_MAX};

/// What a system transaction asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemCall {
    /// Puts a certificate into the membership; signed by that certificate's own key.
    Register {
        /// DER.
        certificate: Vec<u8>,
    },
    /// Puts a change up for approval; counts as the signer's approval.
    Propose {
        /// The change.
        change: Change,
    },
    /// Approves an open change.
    Approve {
        /// [`Change::id`] of it.
        id: Hash32,
    },
    /// A validator holds and has checked an artefact.
    Ready {
        /// SHA-256 of the artefact.
        sha256: Hash32,
    },
}

impl SystemCall {
    /// Name of the method.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Propose { .. } => "propose",
            Self::Approve { .. } => "approve",
            Self::Ready { .. } => "ready",
        }
    }

    /// Its arguments as a transaction carries them.
    #[must_use]
    pub fn args(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(1);
        match self {
            Self::Register { certificate } => w.bytes(certificate),
            Self::Propose { change } => change.encode(&mut w),
            Self::Approve { id } | Self::Ready { sha256: id } => id.encode(&mut w),
        }
        w.into_bytes()
    }

    /// Reads method and arguments; `None` when there is no such method.
    ///
    /// # Errors
    /// When the arguments are not those of the method.
    pub fn decode(method: &str, args: &[u8]) -> Result<Option<Self>, CodecError> {
        let mut r = Reader::new(args);
        r.array(1)?;
        let call = match method {
            "register" => Self::Register { certificate: r.bytes(CERTIFICATE_BYTES_MAX)?.to_vec() },
            "propose" => Self::Propose { change: Change::decode(&mut r)? },
            "approve" => Self::Approve { id: Hash32::decode(&mut r)? },
            "ready" => Self::Ready { sha256: Hash32::decode(&mut r)? },
            _ => return Ok(None),
        };
        r.finish()?;
        Ok(Some(call))
    }
}

/// A change of a channel that its policy must accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Activates a version of a SCORE.
    Deploy(Deploy),
}

impl Change {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Hash32 {
        Domain::Change.hash(&[&self.to_bytes()])
    }
}

/// A version of a SCORE to activate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deploy {
    /// Name of the SCORE.
    pub score: ScoreName,
    /// Version in its manifest.
    pub version: String,
    /// SHA-256 of the artefact.
    pub sha256: Hash32,
    /// Target triple it was built for.
    pub target: String,
    /// The block it becomes active in, before its transactions; 0: as soon as it is accepted and
    /// validators of weight q are ready, right after the transaction that completes this.
    pub activate_at: Height,
    /// Arguments of `deploy`, for the first version of a SCORE.
    pub args: Vec<u8>,
    /// Whom `deploy` sees as its caller.
    pub deployer: Address,
}

const DEPLOY: u64 = 1;

impl Encode for Change {
    fn encode(&self, w: &mut Writer) {
        let Self::Deploy(deploy) = self;
        w.array(8);
        w.uint(DEPLOY);
        deploy.score.encode(w);
        w.text(&deploy.version);
        deploy.sha256.encode(w);
        w.text(&deploy.target);
        deploy.activate_at.encode(w);
        w.bytes(&deploy.args);
        deploy.deployer.encode(w);
    }
}

impl Decode<'_> for Change {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(8)?;
        if r.uint()? != DEPLOY {
            return Err(r.error(CodecErrorKind::UnknownFormat));
        }
        Ok(Self::Deploy(Deploy {
            score: ScoreName::decode(r)?,
            version: r.text(TEXT_BYTES_MAX)?.to_owned(),
            sha256: Hash32::decode(r)?,
            target: r.text(TEXT_BYTES_MAX)?.to_owned(),
            activate_at: Height::decode(r)?,
            args: r.bytes(ARGS_BYTES_MAX)?.to_vec(),
            deployer: Address::decode(r)?,
        }))
    }
}
