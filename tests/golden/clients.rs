//! Vectors that the clients of all languages check: `clients/*.json` beside this file.
//!
//! In: fixed keys and values; for receipts a channel whose certificates are new each time it is made. Out:
//! a failed test when a file is not what this release makes or takes. `transactions`, `arguments` and
//! `merkle` are compared as a whole; `receipts` is written anew only by `GOLDEN_WRITE=1`, and read and
//! judged here as Python and JavaScript judge it.

use host_client::fixture::{fixture, rule};
use host_client::receipt::{Trust, verify};
use host_identity::SigningKey;
use host_types::manifest::{Field, Method};
use host_types::{Address, Domain, Encode, GenesisHash, merkle};
use host_web::arguments;
use host_web::json::{Duplicates, parse};
use host_web::receipt::{document, read};
use serde_json::{Value, json};
use std::path::PathBuf;

use crate::samples;

fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    folder.join("golden/clients").join(format!("{name}.json"))
}

fn is_writing() -> bool {
    std::env::var_os("GOLDEN_WRITE").is_some()
}

fn write(name: &str, value: &Value) {
    std::fs::write(path(name), format!("{value:#}\n")).unwrap();
}

fn stored(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

pub(crate) fn same(name: &str, value: &Value) {
    if is_writing() {
        write(name, value);
    }
    assert_eq!(
        stored(name),
        *value,
        "{name}.json: write it anew with GOLDEN_WRITE=1 if that was decided"
    );
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    host_types::hash::to_hex(bytes.as_ref())
}

const SEED: [u8; 32] = [7; 32];

#[test]
fn a_transaction_has_these_bytes_this_id_and_this_signature() {
    let key = SigningKey::from_seed(SEED);
    let cases = samples::transactions().into_iter().map(|(name, transaction)| {
        let signature = key.sign(&transaction.signing_message());
        json!({
            "name": name,
            "genesis": transaction.genesis.to_string(),
            "score": transaction.score.as_str(),
            "method": transaction.method,
            "args": hex(&transaction.args),
            "signer": transaction.signer.to_string(),
            "nonce": transaction.nonce.to_string(),
            "expiry": transaction.expiry.get().to_string(),
            "transaction": hex(transaction.to_bytes()),
            "hash": transaction.id().to_string(),
            "signature": hex(signature),
        })
    });
    let value = json!({
        "pkcs8": hex(&*key.to_pkcs8().unwrap()),
        "public_key": hex(key.public()),
        "address": Address::of_key(&key.public()).to_string(),
        "cases": cases.collect::<Vec<_>>(),
    });
    same("transactions", &value);
}

const SHAPE: &str = "<Open|Shut{at:u64,by:address}|Moved{0:text}>";

/// Parameters as name and type.
type Parameters = &'static [(&'static str, &'static str)];

fn typed_cases() -> Vec<(Parameters, Value)> {
    let wide = "340282366920938463463374607431768211455";
    let zeros = "00".repeat(32);
    vec![
        (&[("to", "address"), ("amount", "u128")], json!({"amount": "30", "to": "alice"})),
        (&[("to", "address"), ("amount", "u128")], json!(["alice", 30])),
        (&[("to", "address"), ("amount", "u128")], json!({"to": "alice"})),
        (&[("to", "address"), ("amount", "u128")], json!({"to": "alice", "amuont": 1})),
        (&[("to", "address")], json!({"to": "nobody"})),
        (&[], json!(null)),
        (&[], json!([1])),
        (&[("a", "u8")], json!([255])),
        (&[("a", "u8")], json!([256])),
        (&[("a", "u8")], json!([-1])),
        (&[("a", "u8")], json!([1.5])),
        (&[("a", "u8")], json!([true])),
        (&[("a", "u64")], json!(["18446744073709551615"])),
        (&[("a", "u128")], json!(["18446744073709551616"])),
        (&[("a", "u128")], json!([wide])),
        (&[("a", "u128")], json!(["340282366920938463463374607431768211456"])),
        (&[("a", "i8")], json!([-128])),
        (&[("a", "i8")], json!([-129])),
        (&[("a", "i64")], json!(["-9223372036854775808"])),
        (&[("a", "i128")], json!(["-18446744073709551616"])),
        (&[("a", "i128")], json!(["-18446744073709551617"])),
        (&[("a", "i128")], json!(["-170141183460469231731687303715884105728"])),
        (&[("a", "bool")], json!(["true"])),
        (&[("a", "bool")], json!([false])),
        (&[("a", "bool")], json!([1])),
        (&[("a", "text")], json!(["한국어"])),
        (&[("a", "text")], json!([1])),
        (&[("a", "bytes")], json!(["0x00ff"])),
        (&[("a", "bytes")], json!(["0"])),
        (&[("a", "hash")], json!([zeros])),
        (&[("a", "hash")], json!(["00"])),
        (&[("a", "u8?")], json!({})),
        (&[("a", "u8?")], json!([7])),
        (&[("a", "[u8]")], json!([[1, 2, 3]])),
        (&[("a", "[u8]")], json!([[1, "x"]])),
        (&[("a", "(u8,text)")], json!([[1, "x"]])),
        (&[("a", "(u8,text)")], json!([[1]])),
        (&[("a", "{x:u8,y:text?}")], json!([{"x": 1}])),
        (&[("a", "{x:u8,y:text?}")], json!([{"z": 1}])),
        (&[("a", SHAPE)], json!(["Open"])),
        (&[("a", SHAPE)], json!([{"Shut": {"by": "alice", "at": "7"}}])),
        (&[("a", SHAPE)], json!([{"Moved": ["x"]}])),
        (&[("a", SHAPE)], json!(["Shut"])),
        (&[("a", SHAPE)], json!([{"Shut": {"at": 7}}])),
        (&[("a", "()")], json!([null])),
        (&[("a", "nonsense")], json!([1])),
    ]
}

#[test]
fn arguments_are_typed_to_these_bytes_or_refused() {
    let alice = Address::new([0xaa; 20]);
    let cases = typed_cases().into_iter().map(|(fields, given)| {
        let args = fields
            .iter()
            .map(|(name, kind)| Field { name: (*name).into(), kind: (*kind).into() })
            .collect();
        let method =
            Method { name: "do".into(), kind: "invoke".into(), args, returns: "()".into() };
        let written = parse(given.to_string().as_bytes(), Duplicates::Refuse).unwrap();
        let resolve = |name: &str| (name == "alice").then_some(alice);
        let encoded = arguments::encode("score", &method, &written, &resolve);
        let parameters: Vec<_> =
            fields.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
        let mut case = json!({"parameters": parameters, "given": given});
        match encoded {
            Ok(bytes) => case["args"] = hex(bytes).into(),
            Err(error) => case["error"] = error.code.to_string().into(),
        }
        case
    });
    let names = json!({"alice": alice.to_string()});
    same("arguments", &json!({"names": names, "cases": cases.collect::<Vec<_>>()}));
}

#[test]
fn a_leaf_is_in_the_tree_or_not() {
    let mut cases = Vec::new();
    for count in [1_u8, 2, 3, 5, 8, 13] {
        let leaves: Vec<[u8; 2]> = (0..count).map(|at| [at, 0xff]).collect();
        let root = merkle::root(Domain::TxRoot, leaves.iter());
        for at in [0, count / 2, count - 1] {
            let at = usize::from(at);
            let proof = merkle::prove(leaves.iter(), at).unwrap();
            let path: Vec<_> = proof.path.iter().map(ToString::to_string).collect();
            let whole = json!({"domain": "tx-root", "leaf": hex(leaves[at]), "index": at,
                "leaves": count, "path": path, "root": root.to_string(), "holds": true});
            let changed = |field: &str, value: Value| {
                let mut case = whole.clone();
                case[field] = value;
                case["holds"] = false.into();
                case
            };
            cases.push(changed("leaf", hex([at as u8, 0xfe]).into()));
            cases.push(changed("leaves", (u64::from(count) + 1).into()));
            cases.push(changed("index", count.into()));
            cases.push(changed("domain", "receipt-root".into()));
            let longer: Vec<_> = path.iter().cloned().chain(["00".repeat(32)]).collect();
            cases.push(changed("path", longer.into()));
            if let [_, rest @ ..] = path.as_slice() {
                cases.push(changed("path", rest.into()));
            }
            cases.push(whole);
        }
    }
    same("merkle", &json!({"cases": cases}));
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

/// One value changed: a letter of a text, or a number by one.
pub(crate) fn damages(document: &Value) -> Vec<Value> {
    let mut pointers = Vec::new();
    leaves(document, String::new(), &mut pointers);
    let mut found = Vec::new();
    for pointer in pointers {
        let Some(text) = document.pointer(&pointer).and_then(Value::as_str) else {
            found.push(json!({"pointer": pointer}));
            continue;
        };
        for at in [0, text.len() / 2, text.len().saturating_sub(3)] {
            let letter = if text.as_bytes().get(at) == Some(&b'1') { "2" } else { "1" };
            found.push(json!({"pointer": pointer, "at": at, "letter": letter}));
        }
    }
    found
}

pub(crate) fn damaged(document: &Value, damage: &Value) -> Value {
    let mut changed = document.clone();
    let value = changed.pointer_mut(damage["pointer"].as_str().unwrap()).unwrap();
    *value = match (&*value, damage.get("at")) {
        (Value::String(text), Some(at)) => {
            let at = usize::try_from(at.as_u64().unwrap()).unwrap();
            let rest = text.get(at + 1..).unwrap_or_default();
            format!("{}{}{rest}", &text[..at], damage["letter"].as_str().unwrap()).into()
        }
        (number, _) => (number.as_u64().unwrap() + 1).into(),
    };
    changed
}

fn judged(document: &Value, trust: &Trust) -> String {
    let shown = read(document.to_string().as_bytes())
        .and_then(|view| verify(&view, trust, &|_| Ok(rule())));
    shown.map_or_else(|refused| refused.code.to_string(), |_| "ok".to_owned())
}

fn new_receipts() -> Value {
    let fixture = fixture();
    let trust = Trust::Genesis(fixture.genesis.hash());
    let receipts = [("first", false), ("later", true)].map(|(name, is_later)| {
        let view = fixture.receipt(is_later);
        let whole: Value = serde_json::from_str(&document(&view).to_string()).unwrap();
        let mut damages = damages(&whole);
        for damage in &mut damages {
            damage["code"] = judged(&damaged(&whole, damage), &trust).into();
        }
        json!({"name": name, "weight": if is_later { 4 } else { 3 }, "document": whole,
            "damages": damages})
    });
    let validators: Vec<_> = fixture
        .genesis
        .validators
        .all()
        .iter()
        .map(|one| json!([one.name.as_str(), hex(one.public_key), one.weight.get()]))
        .collect();
    json!({
        "genesis": fixture.genesis.hash().to_string(),
        "validators": validators,
        "signer": Address::of_key(fixture.client.signing_key().unwrap()).to_string(),
        "receipts": receipts,
    })
}

#[test]
fn receipts_hold_and_each_damage_is_refused_by_the_code_of_its_part() {
    if is_writing() {
        write("receipts", &new_receipts());
    }
    let vectors = stored("receipts");
    let trust =
        Trust::Genesis(GenesisHash::from_hex(vectors["genesis"].as_str().unwrap()).unwrap());
    let mut count = 0;
    for receipt in vectors["receipts"].as_array().unwrap() {
        assert_eq!(judged(&receipt["document"], &trust), "ok");
        for damage in receipt["damages"].as_array().unwrap() {
            let changed = damaged(&receipt["document"], damage);
            let code = damage["code"].as_str().unwrap();
            assert_ne!(code, "ok", "{damage}");
            assert_eq!(judged(&changed, &trust), code, "{damage}");
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
}
