//! The receipt of a transaction that was sent after the validators changed is saved from a running
//! network and checked when no peer is there any more, by somebody who knows the genesis or the root.

use crate::sample;
use host_types::Decode;
use host_types::genesis::ChannelGenesis;
use serde_json::Value;
use tests::Network;
use tests::network::run;

#[test]
fn a_saved_receipt_is_verified_with_the_network_gone_and_damage_is_named() {
    let mut network = Network::up(sample());
    let changed = network.cli(&["channel", "configure", "--weight", "bank-a/peer0=2"]);
    assert_eq!(changed.code, 0, "{changed:?}");
    let sent = network.cli_json(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    let hash = sent["hash"].as_str().unwrap();
    let saved = network.folder().join("receipt.json");
    let path = saved.to_str().unwrap();
    let told = network.cli_json(&["tx", "get", hash, "--receipt", path]);
    assert_eq!((&told["hash"], &told["epochs_followed"]), (&hash.into(), &1.into()), "{told}");
    let genesis = told["genesis"].as_str().unwrap();
    let unknown = network.cli(&["tx", "get", &"0".repeat(64), "--receipt", path]);
    assert_eq!((unknown.code, unknown.error().as_str()), (3, "LC7104"), "{unknown:?}");

    assert!(network.interrupt().success());
    let said = network.cli(&["verify", path]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.starts_with("✓ included in block "), "{said:?}");
    assert!(said.stdout.contains("1 changes followed from the genesis"), "{said:?}");
    let told = network.cli_json(&["tx", "verify", hash, "--proof", path]);
    assert_eq!((&told["status"], &told["total_weight"]), (&"ok".into(), &5.into()), "{told}");

    // Somebody with nothing but the rule and one number.
    let plugins = network.data().join("plugins");
    let elsewhere = network.folder().join("elsewhere");
    let there = ["--data", elsewhere.to_str().unwrap(), "--rules", plugins.to_str().unwrap()];
    let by = |trust: &[&str]| {
        let all: Vec<_> = ["verify", path].iter().chain(&there).chain(trust).copied().collect();
        let said = run(&sample().program, network.folder(), &all);
        (said.code, if said.code == 0 { String::new() } else { said.error() })
    };
    let fine = (0, String::new());
    assert_eq!(by(&["--genesis", genesis]), fine);
    let der = root(&network);
    assert_eq!(by(&["--trust", &format!("SHA256:{der}")]), fine);
    assert_eq!(by(&["--genesis", &"0".repeat(64)]), (7, "LC3312".to_owned()));
    assert_eq!(by(&["--trust", &format!("SHA256:{}", "0".repeat(64))]), (7, "LC3312".to_owned()));
    assert_eq!(by(&[]), (2, "LC1101".to_owned()), "nothing is trusted");
    assert!(!elsewhere.exists(), "a check leaves nothing behind");

    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&saved).unwrap()).unwrap();
    let bad = network.folder().join("bad.json");
    for (pointer, code) in [
        ("/schema", "LC3311"),
        ("/genesis_hash", "LC3312"),
        ("/signature", "LC3313"),
        ("/certificate", "LC3314"),
        ("/inclusion/leaves", "LC3315"),
        ("/result/steps", "LC3316"),
        ("/block/proof", "LC3302"),
        ("/block/epochs/0/proof", "LC3317"),
    ] {
        let mut changed = whole.clone();
        let value = changed.pointer_mut(pointer).unwrap();
        *value = match &*value {
            Value::String(text) => {
                let (at, by) = (text.len() / 2, if text.contains("AAB") { "A" } else { "B" });
                let by = if &text[at..=at] == by { "C" } else { by };
                format!("{}{by}{}", &text[..at], &text[at + 1..]).into()
            }
            number => (number.as_u64().unwrap() + 1).into(),
        };
        std::fs::write(&bad, changed.to_string()).unwrap();
        let said = network.cli(&["verify", bad.to_str().unwrap()]);
        assert_eq!((said.code, said.error().as_str()), (7, code), "{pointer}: {said:?}");
    }
    let other = network.cli(&["tx", "verify", &"0".repeat(64), "--proof", path]);
    assert_eq!((other.code, other.error().as_str()), (7, "LC3313"), "{other:?}");
}

/// SHA-256 of the root certificate of the local network.
fn root(network: &Network) -> String {
    let bytes = std::fs::read(network.data().join("channels/demo.genesis")).unwrap();
    ChannelGenesis::from_bytes(&bytes).unwrap().roots[0].1.to_string()
}
