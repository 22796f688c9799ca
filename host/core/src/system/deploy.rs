//! The `deploy` change: accepted, ready at validators of weight q, active.
//!
//! In: an accepted change, who is ready, heights. Out: versions to activate. Deliberately not here:
//! who approves it ([`super::approval`]), running the SCORE (the node).

use super::approval::has_quorum;
use super::state::{ChangeRecord, ChangeStatus, Closed, SystemState};
use super::{Context, Outcome, event, refuse, validator_of};
use host_types::change::{Change, Deploy};
use host_types::validators::ValidatorSet;
use host_types::{Hash32, Height, Rejection};

pub(super) fn check(
    deploy: &Deploy,
    context: Context<'_>,
    state: &SystemState<'_>,
) -> Result<(), Rejection> {
    if deploy.score.is_system() {
        return Err(refuse("`system` is a reserved name".into()));
    }
    if deploy.activate_at != Height::ZERO && deploy.activate_at <= context.height {
        return Err(refuse(format!("height {} has passed", deploy.activate_at)));
    }
    if state.active(&deploy.score).is_some_and(|active| active.sha256 == deploy.sha256) {
        return Err(refuse(format!("{} {} is active", deploy.score, deploy.sha256)));
    }
    Ok(())
}

/// It waits for its height from now on, accepted or not: what is not by then is cancelled.
pub(super) fn proposed(change: &Change, id: &Hash32, state: &mut SystemState<'_>) {
    match change {
        Change::Deploy(deploy) if deploy.activate_at != Height::ZERO => {
            state.put_due(deploy.activate_at, id);
        }
        _ => {}
    }
}

/// It is accepted: active now, or decided at its height.
pub(super) fn accepted(
    deploy: &Deploy,
    id: &Hash32,
    record: &ChangeRecord,
    context: Context<'_>,
    state: &mut SystemState<'_>,
    outcome: &mut Outcome,
) {
    if deploy.activate_at == Height::ZERO {
        activate_if_ready(&context.epoch().validators, record, state, outcome);
    } else {
        state.put_due(deploy.activate_at, id);
    }
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
    for (_, record) in state.pending_for(&sha256) {
        let Change::Deploy(deploy) = &record.change else { continue };
        if record.status == ChangeStatus::Accepted && deploy.activate_at == Height::ZERO {
            activate_if_ready(&context.epoch().validators, &record, state, &mut outcome);
        }
    }
    Ok(outcome)
}

/// Tells the node to activate it when enough validators are ready; whether they are.
fn activate_if_ready(
    set: &ValidatorSet,
    record: &ChangeRecord,
    state: &SystemState<'_>,
    outcome: &mut Outcome,
) -> bool {
    let Change::Deploy(deploy) = &record.change else { return false };
    let is_ready = has_quorum(set, &state.marked("ready/", &deploy.sha256));
    if is_ready {
        outcome.activate.push(deploy.clone());
    }
    is_ready
}

/// Changes whose height has come: active when they are accepted and enough validators are ready, else
/// cancelled.
pub(super) fn due(set: &ValidatorSet, height: Height, state: &mut SystemState<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    for id in state.take_due(height) {
        let Some(mut record) = state.change(&id) else { continue };
        let reason = match &record.change {
            _ if record.status == ChangeStatus::Open && !state.assents(&id).is_empty() => {
                let assents = state.assents(&id);
                let names: Vec<_> = assents.iter().map(|assent| assent.name.as_str()).collect();
                format!("it was not accepted by then: approved by {}", names.join(", "))
            }
            _ if record.status == ChangeStatus::Open => {
                let said = set.said_by(&state.marked("approval/", &id));
                let needed = set.quorum_weight();
                format!("it was not accepted by then: approvals of weight {said}, {needed} decide")
            }
            Change::Deploy(deploy) if record.status == ChangeStatus::Accepted => {
                not_ready(set, &state.marked("ready/", &deploy.sha256))
            }
            _ => continue,
        };
        let is_accepted = record.status == ChangeStatus::Accepted;
        if !is_accepted || !activate_if_ready(set, &record, state, &mut outcome) {
            record.status = ChangeStatus::Cancelled;
            record.closed = Some(Closed::new(height, reason));
            state.put_change(&id, &record);
            outcome.events.push(event("change-cancelled", |w| {
                w.array(1);
                w.bytes(id.as_bytes());
            }));
        }
    }
    outcome
}

/// Who did not hold the artefact, in one line.
pub(super) fn not_ready(set: &ValidatorSet, ready: &[u16]) -> String {
    let missing = (0u16..).zip(set.all()).filter(|(index, _)| !ready.contains(index));
    let names: Vec<_> = missing.map(|(_, validator)| validator.name.as_str()).collect();
    format!(
        "ready were validators of weight {}, {} are needed; not ready: {}",
        set.said_by(ready),
        set.quorum_weight(),
        names.join(", ")
    )
}

/// The version is active: so says its change, and the SCORE's record.
pub(super) fn activated(deploy: &Deploy, height: Height, state: &mut SystemState<'_>) {
    state.set_active(deploy, height);
    let id = Change::Deploy(deploy.clone()).id();
    if let Some(mut record) = state.change(&id) {
        record.status = ChangeStatus::Done;
        state.put_change(&id, &record);
    }
}

/// Its `deploy` or `migrate` did not end well: the change says so, and the version before stays.
pub(super) fn failed(deploy: &Deploy, height: Height, reason: String, state: &mut SystemState<'_>) {
    let id = Change::Deploy(deploy.clone()).id();
    if let Some(mut record) = state.change(&id) {
        record.status = ChangeStatus::Failed;
        record.closed = Some(Closed::new(height, reason));
        state.put_change(&id, &record);
    }
}

#[cfg(test)]
#[path = "deploy_tests.rs"]
mod tests;
