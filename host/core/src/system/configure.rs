//! The `configure` change: what the next epoch runs with, and the end of the present one.
//!
//! In: a change that is proposed or accepted; a sealing block. Out: the next epoch's configuration
//! under the key `next`, and, with the sealing block, its record under `epoch/` and who leads nothing in
//! it under `excluded/`. A change is about one
//! epoch: what is open when that ends is cancelled. Deliberately not here: when a block seals (the
//! pipeline: as soon as its parent's state holds `next`), whether a rule takes its parameters.

use super::state::{ChangeStatus, Closed, SystemState};
use super::{Context, absence, refuse};
use host_identity::{grant, policy};
use host_types::change::{Change, Configure};
use host_types::epoch::{EpochConfig, EpochRun};
use host_types::{Height, Rejection};

/// What the next epoch would run with.
pub(super) fn check(
    change: &Configure,
    context: Context<'_>,
    state: &SystemState<'_>,
) -> Result<EpochConfig, Rejection> {
    let present = context.epoch().epoch;
    if context.is_sealing {
        let message = format!("epoch {present} ends with this block; propose it in the next one");
        return Err(refuse(message));
    }
    // On top of what was accepted for the next epoch already.
    let accepted = state.next_epoch();
    let base = accepted.as_ref().unwrap_or(context.epoch());
    let next = base.changed_by(present, change).map_err(refuse)?;
    if let Some(policies) = &change.policies {
        let organisations = context.genesis.roots.iter().map(|(name, _)| name.as_str()).collect();
        policy::check(policies, &organisations)
            .map_err(|(name, error)| refuse(format!("policy {name}: {error}")))?;
        grant::check(&policies.grants, &context.genesis.roots)
            .map_err(|(name, why)| refuse(format!("grant {name}: {why}")))?;
        // The genesis is not known where a configuration is compared with another.
        let says_more =
            change.rule.is_some() || change.limits.is_some() || !change.validators.is_empty();
        if !says_more && **policies == *base.policies(context.genesis) {
            return Err(refuse("it changes nothing".into()));
        }
    }
    Ok(next)
}

/// The end of an epoch, after the transactions of its sealing block: the next configuration gets its
/// record, changes that were about this epoch are done or cancelled, and marks of validators move to
/// their new indices.
pub(super) fn seal(
    run: &EpochRun,
    height: Height,
    proposer: &dyn Fn(Height) -> Option<u16>,
    state: &mut SystemState<'_>,
) {
    let Some(next) = state.next_epoch() else { return };
    let present = &run.config;
    state.put_epoch(height, &next);
    let set = &present.validators;
    let spans = absence::spans(run.root_height, height, set.all().len());
    let of_span = |span| Iterator::filter_map(span, |at| proposer(Height::new(at))).collect();
    let proposers: Vec<Vec<u16>> = spans.into_iter().map(of_span).collect();
    let excluded_now = state.excluded(present.epoch);
    let excluded = absence::excluded(set, &excluded_now, &proposers, &next.validators);
    state.put_excluded(next.epoch, &excluded);
    for (id, mut record) in state.waiting_changes() {
        let Change::Configure(_) = &record.change else { continue };
        record.status = match record.status {
            ChangeStatus::Accepted => ChangeStatus::Done,
            _ => {
                let reason = format!("epoch {} ended before it was accepted", present.epoch);
                record.closed = Some(Closed::new(height, reason));
                ChangeStatus::Cancelled
            }
        };
        state.put_change(&id, &record);
    }
    // Another key is another validator: it did not say what the old one said.
    let moved = |index: u16| absence::place(present.validators.get(index)?, &next.validators);
    for kind in ["approval/", "ready/"] {
        state.move_marks(kind, moved);
    }
}

#[cfg(test)]
#[path = "configure_tests.rs"]
mod tests;
