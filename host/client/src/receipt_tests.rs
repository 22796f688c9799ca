//! Receipts of a channel of four validators under one root and the rule `lft`: whole, with every
//! value changed, and judged by somebody who trusts something else.

use super::*;
use crate::fixture::{CLIENT, Fixture, fixture, roots, rule};
use host_identity::SigningKey;
use host_types::validators::ValidatorSet;
use host_types::{Epoch, Height};
use host_web::receipt::{document, read};
use serde_json::Value;
use std::sync::Arc;

impl Fixture {
    fn trust(&self) -> Trust {
        Trust::Genesis(self.genesis.hash())
    }
}

fn check(view: &ReceiptView, trust: &Trust) -> Result<Shown, Code> {
    verify(view, trust, &|_| Ok(rule())).map_err(|refused| refused.code)
}

#[test]
fn a_receipt_holds_in_the_first_epoch_and_after_a_change() {
    let fixture = fixture();
    for is_later in [false, true] {
        let view = fixture.receipt(is_later);
        let text = document(&view).to_string();
        let read = read(text.as_bytes()).unwrap();
        assert_eq!(read, view);
        for trust in [fixture.trust(), Trust::Roots(vec![fixture.authority.root().fingerprint()])] {
            let shown = check(&read, &trust).unwrap();
            assert_eq!((shown.signer.as_str(), shown.role), ("bank-a/alice", Role::Client));
            assert_eq!(shown.proven.weight, if is_later { 4 } else { 3 });
        }
    }
}

#[test]
fn what_is_not_trusted_is_refused() {
    let fixture = fixture();
    let view = fixture.receipt(false);
    let other = Trust::Genesis(GenesisHash::new(Hash32::new([1; 32])));
    assert_eq!(check(&view, &other), Err(Code::ReceiptUntrusted));
    assert_eq!(check(&view, &Trust::Roots(vec![])), Err(Code::ReceiptUntrusted));
    // The root is known, but a validator is not one of those that it certified.
    let mut stranger = (*fixture.genesis).clone();
    let mut all = stranger.validators.all().to_vec();
    all[2].public_key = SigningKey::from_seed([99; 32]).public();
    stranger.validators = ValidatorSet::new(all).unwrap();
    let stranger = Fixture { genesis: Arc::new(stranger), ..fixture };
    let roots = Trust::Roots(vec![stranger.authority.root().fingerprint()]);
    assert_eq!(check(&stranger.receipt(false), &roots), Err(Code::ReceiptUntrusted));
}

/// What is changed, the refusal, and how.
type Case<'a> = (&'a str, Code, &'a dyn Fn(&mut ReceiptView));

#[test]
fn parts_of_other_receipts_are_refused_by_the_code_of_the_part() {
    let fixture = fixture();
    let whole = fixture.receipt(true);
    let changed = |change: &dyn Fn(&mut ReceiptView)| {
        let mut view = whole.clone();
        change(&mut view);
        check(&view, &fixture.trust()).unwrap_err()
    };
    let foreign = crate::fixture::fixture().client.der;
    let peer = fixture.genesis.certificates[2].clone();
    let cases: [Case<'_>; 12] = [
        ("another place", Code::ReceiptNotIncluded, &|view| view.included.index = 2),
        ("a longer path", Code::ReceiptNotIncluded, &|view| {
            view.included.path.push(Hash32::ZERO);
        }),
        ("another transaction", Code::ReceiptNotIncluded, &|view| {
            view.transaction = fixture.transaction(77, CLIENT);
        }),
        ("another result", Code::ReceiptResult, &|view| view.receipt.steps += 1),
        ("the result of another place", Code::ReceiptResult, &|view| view.resulted.index = 2),
        ("a certificate of another root", Code::ReceiptCertificate, &|view| {
            view.certificate.clone_from(&foreign);
        }),
        ("a certificate of another member", Code::ReceiptCertificate, &|view| {
            view.certificate.clone_from(&peer);
        }),
        ("another receipts root", Code::ProofWrong, &|view| view.proof.roots = roots(0x70)),
        ("another height", Code::ProofWrong, &|view| view.proof.header.height = Height::new(9)),
        ("a liar", Code::ProofWrong, &|view| drop(view.proof.signers.pop())),
        ("no epochs", Code::ProofWrong, &|view| view.proof.epochs.clear()),
        ("another next epoch", Code::ReceiptEpochs, &|view| {
            view.proof.epochs[0].next.epoch = Epoch::new(2);
        }),
    ];
    for (what, code, change) in cases {
        assert_eq!(changed(change), code, "{what}");
    }
    let forged = fixture.signed_by(true, CLIENT + 1);
    assert_eq!(check(&forged, &fixture.trust()), Err(Code::ReceiptSignature));
}

/// The places of all values that are no object and no list.
fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| leaves(value, format!("{at}/{key}"), found));
        }
        Value::Array(values) => {
            let each = values.iter().enumerate();
            each.for_each(|(index, value)| leaves(value, format!("{at}/{index}"), found));
        }
        _ => found.push(at),
    }
}

/// Another text or number of the same kind.
fn damaged(value: &Value, at: usize) -> Value {
    match value {
        Value::String(text) if text.is_empty() => "1".into(),
        Value::String(text) => {
            let at = at.min(text.len() - 1);
            let replaced = if text.as_bytes()[at] == b'1' { "2" } else { "1" };
            format!("{}{replaced}{}", &text[..at], &text[at + 1..]).into()
        }
        Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
        other => Value::Bool(*other != Value::Bool(true)),
    }
}

/// Which code a change of this value is refused with.
fn code_of(pointer: &str) -> Code {
    let field = pointer.split('/').nth(1).unwrap();
    match field {
        "schema" => Code::ReceiptMalformed,
        "channel" | "genesis" | "genesis_hash" => Code::ReceiptUntrusted,
        "block" if pointer.starts_with("/block/epochs") => Code::ReceiptEpochs,
        "block" | "height" => Code::ProofWrong,
        "index" | "inclusion" => Code::ReceiptNotIncluded,
        "result" | "result_inclusion" => Code::ReceiptResult,
        "certificate" => Code::ReceiptCertificate,
        "hash" | "transaction" | "signature" => Code::ReceiptSignature,
        other => panic!("a field without a code: {other}"),
    }
}

#[test]
fn every_value_of_a_receipt_that_was_changed_is_refused_by_the_code_of_its_part() {
    let fixture = fixture();
    let whole: Value = serde_json::from_str(&document(&fixture.receipt(true)).to_string()).unwrap();
    let mut pointers = Vec::new();
    leaves(&whole, String::new(), &mut pointers);
    assert!(pointers.len() > 60, "{}", pointers.len());
    for pointer in pointers {
        let value = whole.pointer(&pointer).unwrap();
        let size = value.as_str().map_or(1, str::len);
        for at in [0, size / 3, size / 2, size.saturating_sub(3)] {
            let mut changed = whole.clone();
            *changed.pointer_mut(&pointer).unwrap() = damaged(value, at);
            if changed == whole {
                continue;
            }
            let refused = read(changed.to_string().as_bytes())
                .and_then(|view| verify(&view, &fixture.trust(), &|_| Ok(rule())))
                .unwrap_err();
            assert_eq!(refused.code, code_of(&pointer), "{pointer} at {at}: {refused}");
        }
    }
    for field in whole.as_object().unwrap().keys() {
        let mut changed = whole.clone();
        changed.as_object_mut().unwrap().remove(field);
        let refused = read(changed.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.code, code_of(&format!("/{field}")), "without {field}: {refused}");
    }
    let text = whole.to_string();
    let half = read(&text.as_bytes()[..text.len() / 2]).unwrap_err();
    assert_eq!(half.code, Code::ReceiptMalformed);
    let more = text.replacen('{', "{\"more\": 1, ", 1);
    assert_eq!(read(more.as_bytes()).unwrap_err().code, Code::ReceiptMalformed);
}
