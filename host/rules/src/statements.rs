//! Statements, validators and what the sign log holds, both ways.

use crate::headers::hash;
use host_store::Entry;
use host_types::statement::{Slot, Statement};
use host_types::tolerance::UnitMode;
use host_types::validators::{Unit, ValidatorSet};
use host_types::{Epoch, Hash32, View};
use plugin_api as api;

/// What a statement says about one view, as a rule sees it.
#[must_use]
pub fn to_slot(slot: &Slot) -> api::Slot {
    api::Slot { view: slot.view.get(), class: slot.class, digest: hash(slot.digest) }
}

/// What a statement of a rule says about one view.
#[must_use]
pub fn from_slot(slot: &api::Slot) -> Slot {
    Slot { view: View::new(slot.view), class: slot.class, digest: Hash32::new(slot.digest.0) }
}

/// A statement as a rule sees it.
#[must_use]
pub fn to_statement(statement: &Statement) -> api::Statement {
    api::Statement {
        signer: statement.signer,
        slots: statement.slots.iter().map(to_slot).collect(),
        body: statement.body.clone(),
        signature: statement.signature.to_vec(),
    }
}

/// None when the rule made a signature of another length.
#[must_use]
pub fn from_statement(epoch: Epoch, statement: api::Statement) -> Option<Statement> {
    Some(Statement {
        epoch,
        signer: statement.signer,
        slots: statement.slots.iter().map(from_slot).collect(),
        body: statement.body,
        signature: statement.signature.try_into().ok()?,
    })
}

/// A group that counts as one, as a rule sees it.
#[must_use]
pub const fn to_unit(unit: &Unit) -> api::Unit {
    api::Unit {
        mode: match unit.mode {
            UnitMode::Quorum => api::GroupMode::Quorum,
            UnitMode::Delegate => api::GroupMode::Delegate,
        },
        weight: unit.weight.get(),
        threshold: unit.threshold.get(),
    }
}

/// The validators as a rule sees them.
#[must_use]
pub fn to_validators(set: &ValidatorSet) -> Vec<api::Validator> {
    set.all()
        .iter()
        .map(|v| api::Validator {
            name: v.name.as_str().to_owned(),
            public_key: v.public_key,
            weight: v.weight.get(),
            group: v.group.clone(),
            unit: set.unit_of(v).map(to_unit),
        })
        .collect()
}

/// An entry of the sign log as the rule that made it reads it; none for what is not its own.
#[must_use]
pub fn to_record(me: Option<u16>, entry: &Entry) -> Option<api::LogRecord> {
    match entry {
        Entry::Signed { slots, body, signature, .. } => Some(api::LogRecord::Own {
            statement: api::Statement {
                signer: me?,
                slots: slots.iter().map(to_slot).collect(),
                body: body.clone(),
                signature: signature.to_vec(),
            },
        }),
        Entry::RuleRecord { view, bytes, .. } => {
            Some(api::LogRecord::Rule { view: view.get(), record: bytes.clone() })
        }
        Entry::Floor { .. } => None,
    }
}
