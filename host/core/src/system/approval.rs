//! Changes on their way: who proposed them, who approved, when they are accepted.
//!
//! In: a change, who asks. Out: its record, the marks of those who approved, and what its kind does
//! once it is accepted. Deliberately not here: what a kind may contain ([`super::deploy`],
//! [`super::configure`], [`super::freeze`], [`super::revoke`]).

use super::state::{Assent, ChangeRecord, ChangeStatus, SystemState, is_waiting};
use super::{Context, Outcome, configure, deploy, event, freeze, refuse, revoke, validator_of};
use host_identity::{Action, policy};
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
        Change::Freeze { score } => freeze::check(score, true, state)?,
        Change::Unfreeze { score } => freeze::check(score, false, state)?,
        Change::Revoke { crl } => drop(revoke::check(crl, context, state)?),
    }
    if state.open_changes() >= CHANGES_OPEN_MAX as u64 {
        return Err(refuse(format!("{CHANGES_OPEN_MAX} changes wait already")));
    }
    let id = change.id();
    if state.change(&id).is_some_and(|r| is_waiting(r.status)) {
        return Err(refuse(format!("change {id} was proposed before")));
    }
    // Who approved it an earlier time did not approve it this time.
    state.unmark("approval/", &id);
    state.unmark("assent/", &id);
    let (status, proposed) = (ChangeStatus::Open, context.height);
    let record = ChangeRecord { status, change, proposed, closed: None };
    state.put_change(&id, &record);
    deploy::proposed(&record.change, &id, state);
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
        Some(status @ (ChangeStatus::Cancelled | ChangeStatus::Failed)) => {
            Err(refuse(format!("change {id} was proposed and {}", came_to(status))))
        }
        Some(ChangeStatus::Open) => vote(id, context, state),
    }
}

const fn came_to(status: ChangeStatus) -> &'static str {
    if matches!(status, ChangeStatus::Failed) { "failed" } else { "was cancelled" }
}

/// Counts the signer's approval and accepts the change when the policy is met.
fn vote(
    id: Hash32,
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    let mut outcome = Outcome::default();
    let Some(mut record) = state.change(&id) else { return Ok(outcome) };
    let is_accepted = is_met(&record.change, &id, context, state)?;
    if !is_accepted || record.status != ChangeStatus::Open {
        return Ok(outcome);
    }
    record.status = ChangeStatus::Accepted;
    // Others may have been accepted since it was proposed.
    match &record.change {
        Change::Configure(change) => {
            let next = configure::check(change, context, state)?;
            state.put_next(&next);
        }
        Change::Freeze { score } => {
            outcome.events.push(freeze::freeze(score, context.height, state)?);
            record.status = ChangeStatus::Done;
        }
        Change::Unfreeze { score } => {
            outcome.events.push(freeze::unfreeze(score, state)?);
            record.status = ChangeStatus::Done;
        }
        Change::Revoke { crl } => {
            outcome.events.push(revoke::take_back(crl, context, state)?);
            record.status = ChangeStatus::Done;
        }
        Change::Deploy(_) => {}
    }
    state.put_change(&id, &record);
    let accepted = event("change-accepted", |w| {
        w.array(1);
        w.bytes(id.as_bytes());
    });
    outcome.events.insert(0, accepted);
    if let Change::Deploy(deploy) = &record.change {
        deploy::accepted(deploy, &id, &record, context, state, &mut outcome);
    }
    Ok(outcome)
}

/// Writes down that the signer approves, and whether the policy of the present epoch is met by those
/// who did.
fn is_met(
    change: &Change,
    id: &Hash32,
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<bool, Rejection> {
    let policies = context.policies();
    let action = Action::deciding(change);
    let policy = action.policy(policies);
    if *policy == Policy::Quorum {
        let kind = change.kind();
        let validator = validator_of(context)
            .ok_or_else(|| refuse(format!("only validators approve a {kind} here")))?;
        state.mark("approval/", id, validator);
        return Ok(has_quorum(&context.epoch().validators, &state.marked("approval/", id)));
    }
    let member = context.membership.may(&context.signer, action, policies, context.time)?;
    let Policy::Organisations { of, .. } = policy else { return Ok(true) };
    state.put_assent(id, &Assent { role: member.role(), name: member.name().clone() });
    let assents = state.assents(id);
    let spoke = assents.iter().map(|assent| (assent.role, assent.name.organisation()));
    Ok(policy::agreed(policy, spoke).len() >= usize::from(*of))
}

pub(super) fn has_quorum(set: &ValidatorSet, validators: &[u16]) -> bool {
    set.said_by(validators) >= set.quorum_weight()
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
