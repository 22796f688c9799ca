//! System transactions: what may change a channel itself (`docs/spec/system.md`).
//!
//! A system transaction is an ordinary one with the reserved SCORE name `system`; its method and
//! arguments decode to a [`SystemCall`]. Host code executes it. So far: `register`, `propose` and
//! `approve` of a `deploy`, `configure`, `freeze`, `unfreeze` or `revoke` change, `ready`, `evidence`,
//! `trail`.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::epoch::BlockLimits;
use crate::genesis::{Policies, RuleConfig};
use crate::hash::{Domain, Hash32};
use crate::height::{Epoch, Height};
use crate::ids::{Address, NodeName, ScoreName};
use crate::limits::{
    ARGS_BYTES_MAX, CERTIFICATE_BYTES_MAX, CONFIGURE_VALIDATORS_MAX, CRL_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::statement::Statement;
use crate::validators::{Unit, Validator};
use crate::weight::Weight;

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
    /// Two statements of one validator that cannot both be honest.
    Evidence {
        /// Both; which comes first means nothing.
        statements: Box<[Statement; 2]>,
    },
    /// How far the trail of a node's audited reads goes.
    Trail {
        /// Records so far.
        count: u64,
        /// Hash of the last one.
        root: Hash32,
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
            Self::Evidence { .. } => "evidence",
            Self::Trail { .. } => "trail",
        }
    }

    /// Its arguments as a transaction carries them.
    #[must_use]
    pub fn args(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(arguments_of(self.method()));
        match self {
            Self::Register { certificate } => w.bytes(certificate),
            Self::Propose { change } => change.encode(&mut w),
            Self::Approve { id } | Self::Ready { sha256: id } => id.encode(&mut w),
            Self::Evidence { statements } => statements.iter().for_each(|one| one.encode(&mut w)),
            Self::Trail { count, root } => {
                w.uint(*count);
                root.encode(&mut w);
            }
        }
        w.into_bytes()
    }

    /// Reads method and arguments; `None` when there is no such method.
    ///
    /// # Errors
    /// When the arguments are not those of the method.
    pub fn decode(method: &str, args: &[u8]) -> Result<Option<Self>, CodecError> {
        let mut r = Reader::new(args);
        r.array(arguments_of(method))?;
        let call = match method {
            "register" => Self::Register { certificate: r.bytes(CERTIFICATE_BYTES_MAX)?.to_vec() },
            "propose" => Self::Propose { change: Change::decode(&mut r)? },
            "approve" => Self::Approve { id: Hash32::decode(&mut r)? },
            "ready" => Self::Ready { sha256: Hash32::decode(&mut r)? },
            "evidence" => {
                let statements = [Statement::decode(&mut r)?, Statement::decode(&mut r)?];
                Self::Evidence { statements: Box::new(statements) }
            }
            "trail" => Self::Trail { count: r.uint()?, root: Hash32::decode(&mut r)? },
            _ => return Ok(None),
        };
        r.finish()?;
        Ok(Some(call))
    }
}

/// How many arguments a method takes.
fn arguments_of(method: &str) -> usize {
    if matches!(method, "evidence" | "trail") { 2 } else { 1 }
}

/// A change of a channel that its policy must accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Activates a version of a SCORE.
    Deploy(Deploy),
    /// Changes what the next epoch runs with.
    Configure(Configure),
    /// Stops a SCORE: transactions for it are refused, queries still answer.
    Freeze {
        /// Name of the SCORE.
        score: ScoreName,
    },
    /// Lets a SCORE go on that was frozen, or suspended because it crashed.
    Unfreeze {
        /// Name of the SCORE.
        score: ScoreName,
    },
    /// Takes certificates back that an organisation has revoked.
    Revoke {
        /// The organisation's revocation list, DER.
        crl: Vec<u8>,
    },
}

impl Change {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Hash32 {
        Domain::Change.hash(&[&self.to_bytes()])
    }

    /// What kind it is, in one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Deploy(_) => "deploy",
            Self::Configure(_) => "configure",
            Self::Freeze { .. } => "freeze",
            Self::Unfreeze { .. } => "unfreeze",
            Self::Revoke { .. } => "revoke",
        }
    }

    /// The SCORE that it is about; none when it is about the channel.
    #[must_use]
    pub const fn score(&self) -> Option<&ScoreName> {
        match self {
            Self::Deploy(deploy) => Some(&deploy.score),
            Self::Freeze { score } | Self::Unfreeze { score } => Some(score),
            Self::Configure(_) | Self::Revoke { .. } => None,
        }
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

/// What the next epoch runs with, as the difference to this one. In force at the next sealing block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configure {
    /// The epoch it is about: accepted in no other. So the same difference may be proposed again in
    /// a later one.
    pub epoch: Epoch,
    /// Validators, in this order.
    pub validators: Vec<ValidatorChange>,
    /// Another rule, version, builds or parameters; none: as before.
    pub rule: Option<RuleConfig>,
    /// Other limits of blocks; none: as before.
    pub limits: Option<BlockLimits>,
    /// Other policies, all of them; none: as before.
    pub policies: Option<Box<Policies>>,
}

/// One difference of a validator set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidatorChange {
    /// It leaves.
    Remove(NodeName),
    /// It joins at the end of the set, or, when its name stands there, takes that place with this
    /// key, weight and group.
    Set {
        /// The validator.
        validator: Validator,
        /// How its group counts as one from now on; none: its members count each for itself.
        unit: Option<Unit>,
    },
}

impl Encode for ValidatorChange {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Remove(name) => {
                w.array(1);
                name.encode(w);
            }
            Self::Set { validator, unit } => {
                w.array(5);
                validator.name.encode(w);
                w.bytes(&validator.public_key);
                validator.weight.encode(w);
                w.text(&validator.group);
                w.option(unit.as_ref());
            }
        }
    }
}

impl Decode<'_> for ValidatorChange {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let arity = r.error(CodecErrorKind::WrongArity);
        match r.array_up_to(5)? {
            1 => Ok(Self::Remove(NodeName::decode(r)?)),
            5 => Ok(Self::Set {
                validator: Validator {
                    name: NodeName::decode(r)?,
                    public_key: r.bytes_exact::<32>()?,
                    weight: Weight::decode(r)?,
                    group: r.text(TEXT_BYTES_MAX)?.to_owned(),
                },
                unit: r.option()?,
            }),
            _ => Err(arity),
        }
    }
}

const DEPLOY: u64 = 1;
const CONFIGURE: u64 = 2;
const FREEZE: u64 = 3;
const UNFREEZE: u64 = 4;
const REVOKE: u64 = 5;

fn encode_of_score(kind: u64, score: &ScoreName, w: &mut Writer) {
    w.array(2);
    w.uint(kind);
    score.encode(w);
}

impl Encode for Change {
    fn encode(&self, w: &mut Writer) {
        let deploy = match self {
            Self::Deploy(deploy) => deploy,
            Self::Configure(configure) => {
                w.array(if configure.policies.is_some() { 6 } else { 5 });
                w.uint(CONFIGURE);
                configure.epoch.encode(w);
                w.list(&configure.validators);
                w.option(configure.rule.as_ref());
                w.option(configure.limits.as_ref());
                if let Some(policies) = &configure.policies {
                    policies.encode(w);
                }
                return;
            }
            Self::Freeze { score } => return encode_of_score(FREEZE, score, w),
            Self::Unfreeze { score } => return encode_of_score(UNFREEZE, score, w),
            Self::Revoke { crl } => {
                w.array(2);
                w.uint(REVOKE);
                w.bytes(crl);
                return;
            }
        };
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
        let (arity, unknown) =
            (r.error(CodecErrorKind::WrongArity), r.error(CodecErrorKind::UnknownFormat));
        let fields = r.array_up_to(8)?;
        match (r.uint()?, fields) {
            (DEPLOY, 8) => {}
            (CONFIGURE, 5 | 6) => {
                return Ok(Self::Configure(Configure {
                    epoch: Epoch::decode(r)?,
                    validators: r.list(CONFIGURE_VALIDATORS_MAX)?,
                    rule: r.option()?,
                    limits: r.option()?,
                    policies: if fields == 6 { Some(Box::new(Policies::decode(r)?)) } else { None },
                }));
            }
            (FREEZE, 2) => return Ok(Self::Freeze { score: ScoreName::decode(r)? }),
            (UNFREEZE, 2) => return Ok(Self::Unfreeze { score: ScoreName::decode(r)? }),
            (REVOKE, 2) => return Ok(Self::Revoke { crl: r.bytes(CRL_BYTES_MAX)?.to_vec() }),
            (DEPLOY | CONFIGURE | FREEZE | UNFREEZE | REVOKE, _) => return Err(arity),
            _ => return Err(unknown),
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
