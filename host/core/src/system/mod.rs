//! System transactions: host code that changes the channel itself.
//!
//! In: a decoded [`SystemCall`], who signed it, the state under the reserved name `system`.
//! Out: a receipt's parts, writes, events, and what has to happen besides (a version to activate,
//! a member to add). Executed in block order like any transaction; the same on every node.
//! Deliberately not here: running a SCORE's `deploy` (the node does, when told to activate).
//! Where to look next: [`execute`], [`state`] for the keys.

pub mod absence;
mod approval;
mod configure;
mod deploy;
pub mod evidence;
pub mod freeze;
mod quarantine;
pub mod revoke;
pub mod said;
#[cfg(test)]
mod stage;
pub mod state;
pub mod trail;

use crate::ingest::registration::may_register;
use host_identity::{Certificate, Membership};
use host_types::change::{Deploy, SystemCall};
use host_types::epoch::{EpochConfig, EpochRun, Epochs};
use host_types::genesis::{ChannelGenesis, Policies};
use host_types::receipt::Write;
use host_types::validators::ValidatorSet;
use host_types::{
    BlockTime, CertificateId, Code, Height, Rejection, ScoreEvent, ScoreName, Writer,
};
use state::{SystemState, View};
use std::collections::BTreeMap;

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The channel.
    pub genesis: &'a ChannelGenesis,
    /// Its members before this transaction.
    pub membership: &'a Membership,
    /// The signer's certificate.
    pub signer: CertificateId,
    /// Height of the block.
    pub height: Height,
    /// Time of the block.
    pub time: BlockTime,
    /// The epochs so far; the last one is the block's.
    pub epochs: &'a Epochs,
    /// Whether the block is the last one of its epoch.
    pub is_sealing: bool,
}

impl<'a> Context<'a> {
    /// What the block's epoch runs with.
    #[must_use]
    pub fn epoch(&self) -> &'a EpochConfig {
        &self.epochs.current().config
    }

    /// Who may do what in the block's epoch.
    #[must_use]
    pub fn policies(&self) -> &'a Policies {
        self.epoch().policies(self.genesis)
    }
}

/// What a system transaction did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What it wrote, sorted.
    pub writes: Vec<Write>,
    /// What it announced.
    pub events: Vec<ScoreEvent>,
    /// What it returned.
    pub output: Vec<u8>,
    /// A certificate that is a member from the next transaction on.
    pub registered: Option<Certificate>,
    /// Versions of SCOREs to activate now, right after this transaction.
    pub activate: Vec<Deploy>,
}

/// The reserved name.
///
/// # Panics
/// Never: the name is well formed (a test says so).
#[must_use]
#[expect(clippy::expect_used, reason = "a constant that a test checks")]
pub fn system_name() -> ScoreName {
    ScoreName::new(ScoreName::SYSTEM).expect("`system` is a name")
}

/// Executes one system transaction.
///
/// # Errors
/// A coded refusal; nothing is written then.
pub fn execute(
    method: &str,
    args: &[u8],
    context: Context<'_>,
    view: &dyn View,
) -> Result<Outcome, Rejection> {
    let call = SystemCall::decode(method, args)
        .map_err(|error| Rejection::new(Code::ArgumentsWrong, format!("system.{method}: {error}")))?
        .ok_or_else(|| {
            let message = format!(
                "system has no method `{method}`; it has register, propose, approve, ready, evidence, \
                 trail"
            );
            Rejection::new(Code::MethodUnknown, message)
        })?;
    let mut state = SystemState::new(view);
    let mut outcome = match call {
        SystemCall::Register { certificate } => register(&certificate, context, &mut state)?,
        SystemCall::Propose { change } => approval::propose(change, context, &mut state)?,
        SystemCall::Approve { id } => approval::approve(id, context, &mut state)?,
        SystemCall::Ready { sha256 } => deploy::ready(sha256, context, &mut state)?,
        SystemCall::Evidence { statements } => {
            evidence::record(&statements, context, view, &mut state)?
        }
        SystemCall::Trail { count, root } => trail::record(count, root, context, &mut state)?,
    };
    outcome.writes = state.into_writes();
    Ok(outcome)
}

/// What has to happen at the start of the block of this height: versions to activate, and the
/// writes and events of those that are cancelled for lack of readiness, and of SCOREs that crashed
/// too often.
#[must_use]
pub fn at_height(set: &ValidatorSet, height: Height, view: &dyn View) -> Outcome {
    let mut state = SystemState::new(view);
    let mut outcome = deploy::due(set, height, &mut state);
    outcome.events.extend(quarantine::suspend(height, &mut state));
    outcome.writes = state.into_writes();
    outcome
}

/// What the end of a sealing block writes: after its transactions. `proposer` tells who proposed the
/// block of a height of the ending epoch.
#[must_use]
pub fn sealed(
    present: &EpochRun,
    height: Height,
    proposer: &dyn Fn(Height) -> Option<u16>,
    view: &dyn View,
) -> Vec<Write> {
    let mut state = SystemState::new(view);
    configure::seal(present, height, proposer, &mut state);
    state.into_writes()
}

/// What the end of a block writes whose receipts say `crash`, so often for each SCORE.
#[must_use]
pub fn crashed(counts: &BTreeMap<ScoreName, u64>, height: Height, view: &dyn View) -> Vec<Write> {
    let mut state = SystemState::new(view);
    quarantine::count(counts, height, &mut state);
    state.into_writes()
}

/// Records that the `deploy` or `migrate` of a version did not end well; `reason` in one line.
#[must_use]
pub fn activation_failed(
    deploy: &Deploy,
    height: Height,
    (code, reason): (u32, String),
    view: &dyn View,
) -> Outcome {
    let mut state = SystemState::new(view);
    let failed = event("score-activation-failed", |w| {
        w.array(3);
        w.text(deploy.score.as_str());
        w.uint(u64::from(code));
        w.bytes(reason.as_bytes());
    });
    deploy::failed(deploy, height, reason, &mut state);
    Outcome { events: vec![failed], writes: state.into_writes(), ..Outcome::default() }
}

/// Records that a version is active from this height on.
#[must_use]
pub fn activated(deploy: &Deploy, height: Height, view: &dyn View) -> Outcome {
    let mut state = SystemState::new(view);
    deploy::activated(deploy, height, &mut state);
    Outcome {
        events: vec![event("score-activated", |w| {
            w.array(3);
            w.text(deploy.score.as_str());
            w.text(&deploy.version);
            w.bytes(deploy.sha256.as_bytes());
        })],
        writes: state.into_writes(),
        ..Outcome::default()
    }
}

fn register(
    certificate: &[u8],
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    let parsed = may_register(context.membership, &context.signer, certificate, context.time)?;
    context
        .membership
        .clone()
        .add(parsed.clone(), context.time)
        .map_err(|error| Rejection::new(error.code(), error.to_string()))?;
    state.put_certificate(&parsed.id, certificate);
    let events = vec![event("registered", |w| {
        w.array(2);
        w.bytes(parsed.id.as_bytes());
        w.text(parsed.name.as_str());
    })];
    Ok(Outcome { events, registered: Some(parsed), ..Outcome::default() })
}

fn refuse(message: String) -> Rejection {
    Rejection::new(Code::SystemRefused, message)
}

fn event(name: &str, fields: impl FnOnce(&mut Writer)) -> ScoreEvent {
    let mut w = Writer::default();
    fields(&mut w);
    ScoreEvent { score: system_name(), name: name.to_owned(), data: w.into_bytes() }
}

/// Index of the validator whose pinned key this certificate has.
fn validator_of(context: Context<'_>) -> Option<u16> {
    let key = context.membership.get(&context.signer)?.public_key;
    let all = context.epoch().validators.all();
    all.iter().position(|v| v.public_key == key).and_then(|index| u16::try_from(index).ok())
}
