//! The `deploy` change: proposed, approved by the channel's policy, ready at validators of weight
//! q, active.

use super::state::{ChangeRecord, ChangeStatus, SystemState};
use super::{Context, Outcome, event, validator_of};
use host_identity::Action;
use host_types::change::{Change, Deploy};
use host_types::genesis::{ChannelGenesis, Policy};
use host_types::limits::CHANGES_OPEN_MAX;
use host_types::{Code, Hash32, Height, Rejection};

fn refuse(message: String) -> Rejection {
    Rejection::new(Code::SystemRefused, message)
}

pub(super) fn propose(
    deploy: Deploy,
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    if deploy.score.is_system() {
        return Err(refuse("`system` is a reserved name".into()));
    }
    if deploy.activate_at != Height::ZERO && deploy.activate_at <= context.height {
        return Err(refuse(format!("height {} has passed", deploy.activate_at)));
    }
    if state.active(&deploy.score).is_some_and(|active| active.sha256 == deploy.sha256) {
        return Err(refuse(format!("{} {} is active", deploy.score, deploy.sha256)));
    }
    if state.open_changes() >= CHANGES_OPEN_MAX as u64 {
        return Err(refuse(format!("{CHANGES_OPEN_MAX} changes wait already")));
    }
    let change = Change::Deploy(deploy);
    let id = change.id();
    if state.change(&id).is_some_and(|r| r.status != ChangeStatus::Cancelled) {
        return Err(refuse(format!("change {id} was proposed before")));
    }
    let record = ChangeRecord { status: ChangeStatus::Open, change, proposed: context.height };
    state.put_change(&id, &record);
    let mut outcome = vote(id, context, state)?;
    outcome.output = host_types::Encode::to_bytes(&id);
    Ok(outcome)
}

pub(super) fn approve(
    id: Hash32,
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    match state.change(&id).map(|record| record.status) {
        None => Err(refuse(format!("there is no change {id}"))),
        // An approval that comes late changes nothing and is no fault of its sender.
        Some(ChangeStatus::Accepted | ChangeStatus::Done) => Ok(Outcome::default()),
        Some(ChangeStatus::Cancelled) => Err(refuse(format!("change {id} was cancelled"))),
        Some(ChangeStatus::Open) => vote(id, context, state),
    }
}

/// Counts the signer's approval and accepts the change when the policy is met.
fn vote(
    id: Hash32,
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    let is_accepted = match &context.genesis.policies.deploy {
        Policy::Quorum => {
            let validator = validator_of(context)
                .ok_or_else(|| refuse("only validators approve a deploy here".into()))?;
            state.mark("approval/", &id, validator);
            has_quorum(context.genesis, &state.marked("approval/", &id))
        }
        Policy::Anyone | Policy::Roles(_) => {
            let policies = &context.genesis.policies;
            context.membership.may(&context.signer, Action::Deploy, policies, context.time)?;
            true
        }
    };
    let mut outcome = Outcome::default();
    let Some(mut record) = state.change(&id) else { return Ok(outcome) };
    if is_accepted && record.status == ChangeStatus::Open {
        record.status = ChangeStatus::Accepted;
        state.put_change(&id, &record);
        outcome.events.push(event("change-accepted", |w| {
            w.array(1);
            w.bytes(id.as_bytes());
        }));
        let Change::Deploy(deploy) = &record.change;
        if deploy.activate_at == Height::ZERO {
            activate_if_ready(context.genesis, &id, &record, state, &mut outcome);
        } else {
            state.put_due(deploy.activate_at, &id);
        }
    }
    Ok(outcome)
}

pub(super) fn ready(
    sha256: Hash32,
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    let validator =
        validator_of(context).ok_or_else(|| refuse("only validators are ready".into()))?;
    let mut outcome = Outcome::default();
    if !state.mark("ready/", &sha256, validator) {
        return Ok(outcome);
    }
    for (id, record) in state.pending_for(&sha256) {
        let Change::Deploy(deploy) = &record.change;
        if record.status == ChangeStatus::Accepted && deploy.activate_at == Height::ZERO {
            activate_if_ready(context.genesis, &id, &record, state, &mut outcome);
        }
    }
    Ok(outcome)
}

fn activate_if_ready(
    genesis: &ChannelGenesis,
    id: &Hash32,
    record: &ChangeRecord,
    state: &mut SystemState<'_>,
    outcome: &mut Outcome,
) {
    let Change::Deploy(deploy) = &record.change;
    if has_quorum(genesis, &state.marked("ready/", &deploy.sha256)) {
        state.put_change(id, &ChangeRecord { status: ChangeStatus::Done, ..record.clone() });
        outcome.activate.push(deploy.clone());
    }
}

/// Accepted changes whose height has come: active when enough validators are ready, else cancelled.
pub(super) fn due(
    genesis: &ChannelGenesis,
    height: Height,
    state: &mut SystemState<'_>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for id in state.take_due(height) {
        let Some(mut record) = state.change(&id) else { continue };
        if record.status != ChangeStatus::Accepted {
            continue;
        }
        activate_if_ready(genesis, &id, &record, state, &mut outcome);
        if state.change(&id).is_some_and(|r| r.status == ChangeStatus::Accepted) {
            record.status = ChangeStatus::Cancelled;
            state.put_change(&id, &record);
            outcome.events.push(event("change-cancelled", |w| {
                w.array(1);
                w.bytes(id.as_bytes());
            }));
        }
    }
    outcome
}

fn has_quorum(genesis: &ChannelGenesis, validators: &[u16]) -> bool {
    genesis.validators.said_by(validators) >= genesis.validators.quorum_weight()
}
