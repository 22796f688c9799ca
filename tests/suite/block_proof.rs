//! A Final proof of a running network is checked by somebody who trusts no peer, and again when no
//! peer is there any more.

use crate::sample;
use serde_json::Value;
use std::path::Path;
use tests::Network;
use tests::network::CHANNEL;

/// Another digit or letter in the place of one, so that the text stays a text of its kind.
fn other(text: &str, at: usize) -> String {
    let replaced = if text.as_bytes()[at] == b'1' { "2" } else { "1" };
    format!("{}{replaced}{}", &text[..at], &text[at + 1..])
}

/// Every single value of a document, each damaged in its middle.
fn damaged(document: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    leaves(document, String::new(), &mut pointers);
    pointers
        .into_iter()
        .filter_map(|pointer| {
            let mut changed = document.clone();
            let value = changed.pointer_mut(&pointer)?;
            *value = match &*value {
                Value::String(text) if text.is_empty() => "1".into(),
                Value::String(text) => other(text, text.len() / 2).into(),
                Value::Number(number) => (number.as_u64()? + 1).into(),
                _ => Value::Bool(true),
            };
            Some((pointer, changed))
        })
        .collect()
}

fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(key, value)| leaves(value, format!("{at}/{key}"), found));
        }
        Value::Array(values) if !values.is_empty() => {
            let each = values.iter().enumerate();
            each.for_each(|(index, value)| leaves(value, format!("{at}/{index}"), found));
        }
        _ => found.push(at),
    }
}

fn refused(network: &Network, file: &Path, text: &str, what: &str) {
    std::fs::write(file, text).unwrap();
    let said = network.cli(&["block", "verify", "--proof", file.to_str().unwrap()]);
    // Of a channel that this network does not have there is no genesis to compare it with.
    let expected = if what == "/channel" { (2, "LC1101") } else { (7, "LC3302") };
    assert_eq!((said.code, said.error().as_str()), expected, "{what}: {said:?}");
    assert_eq!(said.stdout, "", "{what}");
}

#[test]
fn a_saved_proof_is_verified_with_the_network_gone_and_any_damage_is_refused() {
    let mut network = Network::up(sample());
    for _ in 0..2 {
        let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
        assert_eq!(sent.code, 0, "{sent:?}");
    }
    let block = network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/1")).json();
    let hash = block["hash"].as_str().unwrap().to_owned();
    let saved = network.folder().join("proof.json");
    let path = saved.to_str().unwrap();
    let said = network.cli(&["block", "verify", &hash, "--out", path]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.starts_with("✓ block 1 of demo is final\n"), "{said:?}");
    assert!(said.stdout.contains("quorum        3 of 4"), "{said:?}");
    let unknown = network.cli(&["block", "verify", "999999"]);
    assert_eq!((unknown.code, unknown.error().as_str()), (3, "LC7104"), "{unknown:?}");
    let latest = network.cli_json(&["block", "verify", "latest"]);
    assert_eq!(latest["rule"], "lft", "{latest}");
    for height in 1..=latest["height"].as_u64().unwrap() {
        let told = network.cli_json(&["block", "verify", &height.to_string()]);
        assert_eq!(told["height"], height, "every block has a proof: {told}");
    }

    assert!(network.interrupt().success());
    let offline = ["block", "verify", "1", "--proof", path];
    let told = network.cli_json(&offline);
    assert_eq!((&told["hash"], &told["height"]), (&hash.as_str().into(), &1.into()), "{told}");
    assert_eq!((&told["state_root"], &told["quorum"]), (&block["state_root"], &3.into()));
    assert!(told["signers"].as_array().unwrap().len() >= 3, "{told}");

    let genesis = |channel: &str| network.data().join(format!("channels/{channel}.genesis"));
    let of = |channel: &str| {
        let file = genesis(channel);
        network.cli(&["block", "verify", "--proof", path, "--genesis", file.to_str().unwrap()])
    };
    assert_eq!(of(CHANNEL).code, 0);
    let elsewhere = of("loopchain_default");
    assert_eq!((elsewhere.code, elsewhere.error().as_str()), (7, "LC3302"), "{elsewhere:?}");
    let other_block = network.cli(&["block", "verify", "2", "--proof", path]);
    assert_eq!((other_block.code, other_block.error().as_str()), (7, "LC3302"), "{other_block:?}");

    let text = std::fs::read_to_string(&saved).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let bad = network.folder().join("bad.json");
    let cases = damaged(&document);
    assert!(cases.len() > 30, "every value of the document: {}", cases.len());
    for (pointer, changed) in cases {
        refused(&network, &bad, &changed.to_string(), &pointer);
    }
    refused(&network, &bad, &text[..text.len() / 2], "the half of it");
    let proof = document["proof"].as_str().unwrap();
    for at in (0..proof.len() - 2).step_by(proof.len() / 8) {
        let mut changed = document.clone();
        changed["proof"] = other(proof, at).into();
        refused(&network, &bad, &changed.to_string(), "a byte of the proof");
    }
}
