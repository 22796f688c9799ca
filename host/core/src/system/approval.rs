//! Changes on their way: who proposed them, who approved, when they are accepted.
//!
//! In: a change, who asks. Out: its record, the marks of those who approved, and what its kind does
//! once it is accepted. Deliberately not here: what a kind may contain ([`super::deploy`],
//! [`super::configure`]).

use super::state::{ChangeRecord, ChangeStatus, SystemState};
use super::{Context, Outcome, configure, deploy, event, refuse, validator_of};
use host_identity::Action;
use host_types::change::Change;
use host_types::genesis::Policy;
use host_types::limits::CHANGES_OPEN_MAX;
use host_types::validators::ValidatorSet;
use host_types::{Hash32, Rejection};

pub(super) fn propose(
    change: Change,
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    match &change {
        Change::Deploy(deploy) => deploy::check(deploy, context, state)?,
        Change::Configure(change) => drop(configure::check(change, context, state)?),
    }
    if state.open_changes() >= CHANGES_OPEN_MAX as u64 {
        return Err(refuse(format!("{CHANGES_OPEN_MAX} changes wait already")));
    }
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
    let mut outcome = Outcome::default();
    let Some(mut record) = state.change(&id) else { return Ok(outcome) };
    let policies = &context.genesis.policies;
    let (policy, action, kind) = match &record.change {
        Change::Deploy(_) => (&policies.deploy, Action::Deploy, "deploy"),
        Change::Configure(_) => (&policies.configure, Action::Configure, "configure"),
    };
    let is_accepted = match policy {
        Policy::Quorum => {
            let validator = validator_of(context)
                .ok_or_else(|| refuse(format!("only validators approve a {kind} here")))?;
            state.mark("approval/", &id, validator);
            has_quorum(&context.epoch().validators, &state.marked("approval/", &id))
        }
        Policy::Anyone | Policy::Roles(_) => {
            context.membership.may(&context.signer, action, policies, context.time)?;
            true
        }
    };
    if !is_accepted || record.status != ChangeStatus::Open {
        return Ok(outcome);
    }
    if let Change::Configure(change) = &record.change {
        // Others may have been accepted since it was proposed.
        let next = configure::check(change, context, state)?;
        state.put_next(&next);
    }
    record.status = ChangeStatus::Accepted;
    state.put_change(&id, &record);
    outcome.events.push(event("change-accepted", |w| {
        w.array(1);
        w.bytes(id.as_bytes());
    }));
    if let Change::Deploy(deploy) = &record.change {
        deploy::accepted(deploy, &id, &record, context, state, &mut outcome);
    }
    Ok(outcome)
}

pub(super) fn has_quorum(set: &ValidatorSet, validators: &[u16]) -> bool {
    set.said_by(validators) >= set.quorum_weight()
}
