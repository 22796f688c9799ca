//! `tx send`, `query`, `tx get`, `block get`: as the guide shows them and as JSON; what goes wrong.

use crate::{NETWORK, sample, shape};
use std::time::Duration;
use tests::eventually;
use tests::network::Said;

/// Nobody else pays bob on the shared network.
#[test]
fn a_transfer_is_shown_as_in_the_guide_and_every_peer_knows_it() {
    let network = NETWORK.lease(sample);
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=100"]);
    assert_eq!((sent.code, sent.stderr.as_str()), (0, ""), "{sent:?}");
    let pattern = concat!(
        "✓ final in block <int> after <seconds> s (<int> of 4 validators)\n",
        "  transaction  <short>\n",
        "  result       ok\n",
        "  event        token.transfer  from=alice to=bob amount=100\n",
    );
    let found = shape::captures(&sent.stdout, pattern);
    let (height, votes) = (found[0].clone(), found[2].parse::<u32>().unwrap());
    assert!((3..=4).contains(&votes), "a quorum voted: {votes}");
    for peer in 0..4 {
        let url = network.url(peer, "");
        eventually(Duration::from_secs(5), "every peer knows the balance", || {
            let asked = ["query", "token.balance_of", "who=bob", "--endpoint", &url];
            let balance = network.cli(&asked);
            assert_eq!(balance.code, 0, "{balance:?}");
            (balance.stdout == "\"100\"\n").then_some(())
        });
    }
    let block = network.cli(&["block", "get", &height]);
    assert_eq!(block.code, 0, "{block:?}");
    assert!(block.stdout.starts_with(&format!("block {height} of demo\n")), "{}", block.stdout);
    let block = network.cli_json(&["block", "get", &height]);
    // A `ready` of a peer may stand in the same block.
    let ids = block["transactions"].as_array().unwrap().iter().map(|tx| tx["hash"].as_str());
    let is_it = |id: &&str| format!("{}…{}", &id[..12], &id[56..]) == found[3];
    let id = ids.flatten().find(is_it).unwrap_or_else(|| panic!("{} is not in {block}", found[3]));
    let got = network.cli(&["tx", "get", id]);
    let pattern = concat!(
        "✓ final in block <int> (<int> validators)\n",
        "  transaction  <short>\n",
        "  result       ok\n",
        "  event        token.transfer  from=alice to=bob amount=100\n",
    );
    assert_eq!(shape::captures(&got.stdout, pattern)[0], height);
    let latest = network.cli_json(&["block", "get"]);
    assert!(latest["height"].as_u64() >= height.parse().ok(), "{latest}");
    let by_hash = network.cli_json(&["block", "get", block["hash"].as_str().unwrap()]);
    assert_eq!(by_hash["height"], block["height"]);
}

#[test]
fn every_command_has_one_json_document() {
    let network = NETWORK.lease(sample);
    let sent = network.cli_json(&["tx", "send", "token", "transfer", "to=carol", "amount=7"]);
    assert_eq!(sent["schema"], "loopchain.tx.v1");
    assert_eq!((&sent["state"], &sent["receipt"]["status"]), (&"final".into(), &"ok".into()));
    assert_eq!(sent["events"][0]["name"], "transfer", "{sent}");
    assert_eq!(sent["events"][0]["fields"]["amount"], "7", "amounts are texts: {sent}");
    let id = sent["hash"].as_str().unwrap();
    let got = network.cli_json(&["tx", "get", id]);
    assert_eq!((&got["hash"], &got["receipt"]), (&sent["hash"], &sent["receipt"]));
    let waited = network.cli_json(&["tx", "wait", id]);
    assert_eq!(waited["height"], sent["height"]);
    let answer = network.cli_json(&["query", "token.total_supply"]);
    assert_eq!(
        (&answer["schema"], &answer["result"]),
        (&"loopchain.query.v1".into(), &"1000000".into())
    );
    let block = network.cli_json(&["block", "get", &sent["height"].to_string()]);
    assert_eq!(
        (&block["schema"], &block["hash"]),
        (&"loopchain.block.v1".into(), &sent["block_hash"])
    );
    let sent =
        network.cli_json(&["tx", "send", "token", "transfer", "to=carol", "amount=1", "--no-wait"]);
    let state = sent["state"].as_str().unwrap();
    assert!(["pending", "final"].contains(&state), "{sent}");
}

/// Exit code and error code, the same with and without `--json`, and nothing on stdout.
fn refused(arguments: &[&str], code: i32, error: &str) -> Said {
    let network = NETWORK.lease(sample);
    let json: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
    let as_json = network.cli(&json);
    assert_eq!(
        (as_json.code, as_json.error().as_str()),
        (code, error),
        "{arguments:?}: {as_json:?}"
    );
    let document: serde_json::Value = serde_json::from_str(&as_json.stderr).unwrap();
    assert_eq!(document["error"]["code"], error);
    let said = network.cli(arguments);
    assert_eq!((said.code, said.error().as_str()), (code, error), "{arguments:?}: {said:?}");
    said
}

#[test]
fn what_the_command_line_gets_wrong_is_told_before_anything_is_sent() {
    let network = NETWORK.lease(sample);
    let wrong: [(&[&str], i32, &str); 8] = [
        (&["tx", "send", "token", "transfer", "too=bob", "amount=1"], 2, "LC2107"),
        (&["tx", "send", "token", "transfer", "to=bob"], 2, "LC2107"),
        (&["tx", "send", "token", "transfer", "to=bob", "amount=-1"], 2, "LC2107"),
        (&["tx", "send", "nosuch", "transfer", "to=bob"], 4, "LC2106"),
        (&["tx", "send", "token", "nosuch"], 4, "LC2108"),
        (&["tx", "send", "token", "transfer", "to=bob", "amount=1", "-c", "nosuch"], 3, "LC3205"),
        (
            &["tx", "send", "token", "transfer", "to=bob", "amount=1", "--identity", "eve"],
            2,
            "LC4112",
        ),
        (
            &["tx", "get", "0000000000000000000000000000000000000000000000000000000000000000"],
            3,
            "LC7104",
        ),
    ];
    for (arguments, code, error) in wrong {
        let said = refused(arguments, code, error);
        assert_eq!(said.stdout, "", "{arguments:?}");
        assert!(said.stderr.contains("\nhelp: "), "every error says what to do: {said:?}");
    }
    let said = refused(&["tx", "send", "token", "transfer", "too=bob", "amount=1"], 2, "LC2107");
    assert!(said.stderr.contains("`too`"), "it names the parameter: {said:?}");
    refused(&["query", "token.nosuch"], 4, "LC2108");
    refused(&["query", "nosuch.balance_of", "who=bob"], 4, "LC2106");
    refused(&["query", "token.balance_of", "whom=bob"], 2, "LC2107");
    drop(network);
}

#[test]
fn a_fault_of_the_score_is_final_and_changes_nothing() {
    let network = NETWORK.lease(sample);
    let pay =
        ["tx", "send", "token", "transfer", "to=carol", "amount=5000000", "--identity", "alice"];
    let said = network.cli(&pay);
    assert_eq!((said.code, said.error().as_str()), (4, "LC2111"), "{said:?}");
    assert!(said.stdout.starts_with("✗ final in block "), "{said:?}");
    assert!(said.stderr.contains(" is less than 5000000"), "{said:?}");
    let supply = network.cli(&["query", "token.total_supply"]);
    assert_eq!(supply.stdout, "\"1000000\"\n");
    let auditor = network.cli(&[
        "tx",
        "send",
        "token",
        "transfer",
        "to=carol",
        "amount=1",
        "--identity",
        "auditor",
    ]);
    assert_eq!((auditor.code, auditor.error().as_str()), (4, "LC4301"), "{auditor:?}");
}
