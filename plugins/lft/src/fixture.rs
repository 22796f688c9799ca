//! What the tests of this crate share: a set of validators whose signatures are a keyed hash.

use crate::{
    parameters::Parameters,
    statement::{Ballot, Body, Mode},
    tally::Said,
    validators::Validators,
};
use plugin_api::{
    GroupMode, Hash, Pair, Statement, Unit, Validator, VerifyItem, mirror::statement_message,
};
use sha2::{Digest, Sha256};

pub(crate) const PREFIX: &[u8] = b"test channel";

pub(crate) fn list(weights: &[u64]) -> Vec<Validator> {
    (0u8..)
        .zip(weights)
        .map(|(index, weight)| Validator {
            name: format!("T/{index}"),
            public_key: [index; 32],
            weight: *weight,
            group: format!("{index}"),
            unit: None,
        })
        .collect()
}

pub(crate) fn set(weights: &[u64]) -> Validators {
    set_of(&list(weights), &Parameters::default())
}

pub(crate) fn fast_set(weights: &[u64], slack: u64) -> Validators {
    set_of(&list(weights), &Parameters { fast: Some(slack), ..Parameters::default() })
}

pub(crate) fn set_of(validators: &[Validator], parameters: &Parameters) -> Validators {
    Validators::new(PREFIX, validators, parameters).unwrap()
}

/// Makes these members one group that counts as one.
pub(crate) fn group(
    validators: &mut [Validator],
    members: &[u16],
    mode: GroupMode,
    weight: u64,
    threshold: u64,
) {
    for member in members {
        let validator = &mut validators[usize::from(*member)];
        validator.group = "group".to_owned();
        validator.unit = Some(Unit { mode, weight, threshold });
    }
}

fn keyed(public_key: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let half: [u8; 32] = Sha256::digest([public_key.as_slice(), message].concat()).into();
    [half, half].concat()
}

pub(crate) fn verify(items: &[VerifyItem]) -> bool {
    items.iter().all(|item| keyed(&item.public_key, &item.message) == item.signature)
}

pub(crate) fn statement(signer: u16, body: &Body) -> Statement {
    statement_in(Mode::Core, signer, body)
}

pub(crate) fn statement_in(mode: Mode, signer: u16, body: &Body) -> Statement {
    let key = [u8::try_from(signer).unwrap(); 32];
    let slots = body.slots(mode);
    let message = statement_message(PREFIX, &slots, &body.encode());
    let signature = keyed(&key, &message);
    Statement { signer, slots, body: body.encode(), signature }
}

pub(crate) fn said(signer: u16, body: &Body) -> Said {
    Said { body: *body, statement: statement(signer, body) }
}

pub(crate) fn said_fast(signer: u16, body: &Body) -> Said {
    Said { body: *body, statement: statement_in(Mode::Fast, signer, body) }
}

pub(crate) fn pair(n: u8) -> Pair {
    Pair { block: Hash([n; 32]), state_root: Hash([n; 32]), receipts_root: Hash([n; 32]) }
}

pub(crate) fn vote(view: u64, n: u8, parent_view: u64, parent: u8, commit_parent: bool) -> Body {
    let ballot = Ballot { view, pair: pair(n), parent: pair(parent), parent_view };
    Body::Vote { ballot, commit_parent }
}
