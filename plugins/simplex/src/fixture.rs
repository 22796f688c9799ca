//! What the tests of this crate share: validators whose signature is a keyed hash.

use crate::{certificate::Signed, committee::Committee, statement::Body};
use plugin_api::{Hash, Pair, Statement, Validator, VerifyItem, mirror::statement_message};
use sha2::{Digest, Sha256};

pub(crate) const PREFIX: &[u8] = b"test channel";

pub(crate) fn validators(weights: &[u64]) -> Vec<Validator> {
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

pub(crate) fn committee(weights: &[u64]) -> Committee {
    Committee::new(PREFIX, &validators(weights), 0).unwrap()
}

fn keyed(public_key: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let half: [u8; 32] = Sha256::digest([public_key.as_slice(), message].concat()).into();
    [half, half].concat()
}

pub(crate) fn verify(items: &[VerifyItem]) -> bool {
    items.iter().all(|item| keyed(&item.public_key, &item.message) == item.signature)
}

pub(crate) fn statement(signer: u16, body: &Body) -> Statement {
    let key = [u8::try_from(signer).unwrap(); 32];
    let signature = keyed(&key, &statement_message(PREFIX, &[body.slot()], &body.encode()));
    Statement { signer, slots: vec![body.slot()], body: body.encode(), signature }
}

pub(crate) fn signed(signers: &[u16], body: &Body) -> Vec<Signed> {
    let one =
        |signer: &u16| Signed { signer: *signer, signature: statement(*signer, body).signature };
    signers.iter().map(one).collect()
}

pub(crate) fn pair(n: u8) -> Pair {
    Pair { block: Hash([n; 32]), state_root: Hash([n; 32]), receipts_root: Hash([n; 32]) }
}
