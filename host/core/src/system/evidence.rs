//! The method `evidence`: what a validator signed twice, put on the chain.
//!
//! In: two statements, the epochs, the state. Out: a record under `evidence/` and an event, once for
//! each register of a signer; or a coded refusal. Everything is checked that makes them proof, with the
//! set and the prefix of their own epoch, so that no honest validator is ever accused, whoever sends
//! them. Deliberately not here: finding them (the rule), what follows for the signer (people).

use super::state::{EvidenceRecord, SystemState, View, evidence_count, evidence_of};
use super::{Context, Outcome, event};
use host_identity::verify;
use host_types::epoch::Epochs;
use host_types::evidence::{Register, clash};
use host_types::limits::EVIDENCE_PER_SIGNER_MAX;
use host_types::statement::Statement;
use host_types::{Code, Epoch, GenesisHash, Rejection};

/// Whether a validator of the channel signed a statement.
///
/// # Errors
/// One line: unknown epoch, no such validator, wrong signature.
pub fn signed(genesis: GenesisHash, epochs: &Epochs, statement: &Statement) -> Result<(), String> {
    let run = epochs.get(statement.epoch);
    let run = run.ok_or_else(|| format!("the channel has no epoch {}", statement.epoch))?;
    let signer = run.config.validators.get(statement.signer);
    let signer = signer.ok_or_else(|| format!("there is no validator {}", statement.signer))?;
    let message = run.statement_prefix(genesis).message(&statement.slots, &statement.body);
    if verify(&signer.public_key, &message, &statement.signature) {
        return Ok(());
    }
    Err(format!("a statement of {} with a wrong signature", signer.name))
}

/// Whether the chain still takes evidence of an epoch: of the present one and of the one before.
#[must_use]
pub fn is_fresh(of: Epoch, present: Epoch) -> bool {
    of == present || of.next() == present
}

/// Whether the chain would take evidence of a register: it does not hold it, nor enough of its signer.
#[must_use]
pub fn is_news(view: &dyn View, register: &Register) -> bool {
    evidence_of(view, register).is_none()
        && evidence_count(view, register.epoch, register.signer) < EVIDENCE_PER_SIGNER_MAX
}

/// The register in which the statements clash, when the chain takes them. Signatures come last,
/// because they take longest.
///
/// # Errors
/// `LC2117` when they prove nothing, `LC2118` when nothing would be added.
pub fn judge(
    statements: &[Statement; 2],
    genesis: impl FnOnce() -> GenesisHash,
    epochs: &Epochs,
    view: &dyn View,
) -> Result<Register, Rejection> {
    let worthless = |why: String| Rejection::new(Code::EvidenceWorthless, why);
    let [first, second] = statements;
    let (register, _) = clash(first, second).map_err(worthless)?;
    let present = epochs.current().config.epoch;
    if !is_fresh(register.epoch, present) {
        let of = register.epoch;
        return Err(worthless(format!(
            "they are of epoch {of}; epoch {present} takes its own and those of the one before"
        )));
    }
    if let Some(known) = evidence_of(view, &register) {
        let message = format!("it was recorded in block {}", known.height);
        return Err(Rejection::new(Code::EvidenceKnown, message));
    }
    if !is_news(view, &register) {
        let message = format!("{EVIDENCE_PER_SIGNER_MAX} of this signer and epoch are recorded");
        return Err(Rejection::new(Code::EvidenceKnown, message));
    }
    let genesis = genesis();
    for statement in statements {
        signed(genesis, epochs, statement).map_err(worthless)?;
    }
    Ok(register)
}

/// Records it.
pub(super) fn record(
    statements: &[Statement; 2],
    context: Context<'_>,
    view: &dyn View,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    let register = judge(statements, || context.genesis.hash(), context.epochs, view)?;
    let record = EvidenceRecord { height: context.height, statements: statements.clone() };
    state.put_evidence(&register, &record);
    let run = context.epochs.get(register.epoch);
    let signer = run.and_then(|run| run.config.validators.get(register.signer));
    let events = vec![event("evidence-recorded", |w| {
        w.array(4);
        w.text(signer.map_or("", |signer| signer.name.as_str()));
        w.uint(register.epoch.get());
        w.uint(register.view.get());
        w.uint(u64::from(register.class));
    })];
    Ok(Outcome { events, ..Outcome::default() })
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
