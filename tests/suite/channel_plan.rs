//! channels.toml as desired state on a network of real processes, under policies that count
//! organisations: `channel plan`, `apply`, `export`, `vote`, and drift in `status` and `channel show`.

use crate::sample;
use serde_json::{Value, json};
use tests::Network;
use tests::network::{CHANNEL, run};

/// Two of three organisations decide about SCOREs and about the channel; the registrar has no say.
const CHANNELS: &str = r#"
[channel.loopchain_default]
[channel.loopchain_default.score.notary]

[channel.demo.score.token]
deploy = { supply = "1000000" }

[channel.demo.policy]
deploy = { of = 2, from = ["validator@bank-a", "validator@bank-b", "validator@exchange"] }
configure = { of = 2, from = ["validator@bank-a", "validator@bank-b", "validator@exchange"] }
"#;

fn key(network: &Network, peer: u16) -> String {
    network.data().join(format!("peers/peer{peer}/pki/sign.key")).display().to_string()
}

/// What the plan of a file says of the channel.
fn plan(network: &Network, file: &str) -> Value {
    let document = network.cli_json(&["channel", "plan", file, "--channel", CHANNEL]);
    assert_eq!(document["schema"], "loopchain.channel-plan.v1");
    document["channels"][0].clone()
}

fn names(plan: &Value) -> Vec<String> {
    let all = plan["differences"].as_array().unwrap();
    all.iter()
        .map(|one| format!("{} {}", one["kind"].as_str().unwrap(), one["name"].as_str().unwrap()))
        .collect()
}

/// What the chain exports, with other words in it.
fn edited(network: &Network, name: &str, edits: &[(&str, &str)]) {
    let exported = network.cli(&["channel", "export", CHANNEL]).stdout;
    let text = edits.iter().fold(exported, |text, (from, to)| {
        assert!(text.contains(from), "{from} in {text}");
        text.replace(from, to)
    });
    std::fs::write(network.folder().join(name), text).unwrap();
}

#[test]
fn a_file_is_planned_applied_and_voted_for_by_organisations() {
    let mut options = sample();
    options.channels = CHANNELS.to_owned();
    let network = Network::up(options);

    // `up` has made token active: one of its own proposed it and one other approved.
    let blocks = network.cli_json(&["event", "list", "--topic", "change-accepted"]);
    assert_eq!(blocks["events"].as_array().unwrap().len(), 1, "{blocks}");
    let all = network.cli_json(&["channel", "plan"]);
    assert_eq!((&all["is_same"], &all["unnamed"]), (&true.into(), &json!([])), "{all}");
    edited(&network, "exported.toml", &[]);
    let said = network.cli(&["channel", "plan", "exported.toml", "--channel", CHANNEL]);
    assert_eq!(said.stdout, "channel demo\n  as the file says\n✓ nothing to do\n", "{said:?}");

    differences_and_consequences_are_told(&network);
    drift_is_told_where_the_file_is_known(&network);
    the_keys_of_two_organisations_put_it_through(&network);
    one_organisation_after_the_other(&network);
}

/// Weight, a parameter, a limit; and one that stands in the genesis.
fn differences_and_consequences_are_told(network: &Network) {
    edited(
        network,
        "wanted.toml",
        &[
            (
                "weight = 1\nvalidators = { \"bank-a/peer0\" = 1 }",
                "weight = 2\nvalidators = { \"bank-a/peer0\" = 2 }",
            ),
            ("block_txs = 10000", "block_txs = 500"),
            ("tx_bytes = \"64 KiB\"", "tx_bytes = \"32 KiB\""),
            ("v1_gateway = true", "v1_gateway = false"),
        ],
    );
    let wanted = plan(network, "wanted.toml");
    let four = ["validator bank-a/peer0", "limit tx_bytes", "limit block_txs", "policy v1_gateway"];
    assert_eq!(names(&wanted), four, "{wanted}");
    assert_eq!(
        (&wanted["before"]["quorum"], &wanted["after"]["quorum"]),
        (&"3".into(), &"4".into())
    );
    assert_eq!(wanted["approvals"]["configure"]["needs"]["organisations"], 2);
    assert_eq!(wanted["differences"][1]["changed_by"], "never");
    let said = network.cli(&["channel", "plan", "wanted.toml", "--channel", CHANNEL]).stdout;
    for part in [
        "  ~ validator    bank-a/peer0   weight 1, group alone, key ",
        "  ~ limit        block_txs   10000 → 500\n",
        "  quorum       3 of 4 → 4 of 5\n",
        "  tolerates    1\n",
        "  could halt   2 nodes of weight 2: bank-a/peer0 (1), bank-b/peer1 (1) → ",
        "  approvals    2 organisations of validator@bank-a, validator@bank-b, validator@exchange\n",
        "  next         loopchain channel apply -c demo\n",
        "cannot change: it stands in the genesis: what was admitted under it must stay valid\n",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
}

fn drift_is_told_where_the_file_is_known(network: &Network) {
    let elsewhere = network.folder().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::copy(network.folder().join("wanted.toml"), elsewhere.join("channels.toml")).unwrap();
    let data = network.data().display().to_string();
    let from_there = |arguments: &[&str]| {
        run(&sample().program, &elsewhere, &[arguments, &["--data", &data]].concat())
    };
    let shown = from_there(&["channel", "show", CHANNEL]).stdout;
    assert!(shown.contains("  drift        4 differences to "), "{shown}");
    assert!(shown.contains("elsewhere/channels.toml: loopchain channel plan -c demo\n"), "{shown}");
    let status = from_there(&["status", "--json"]).json();
    let ours = |status: &Value| {
        let channels = status["channels"].as_array().unwrap().clone();
        channels.into_iter().find(|one| one["channel"] == CHANNEL).unwrap()["drift"].clone()
    };
    assert_eq!(ours(&status)["differences"], 4);
    assert_eq!(ours(&network.cli_json(&["status"]))["differences"], 0);
}

/// What cannot change is said and left.
fn the_keys_of_two_organisations_put_it_through(network: &Network) {
    let applied = network.cli_json(&["channel", "apply", "wanted.toml", "--channel", CHANNEL]);
    let done = &applied["channels"][0];
    assert_eq!((&done["done"]["status"], &done["done"]["epoch"]), (&"in force".into(), &1.into()));
    assert_eq!(done["left"][0]["name"], "tx_bytes");
    assert_eq!(names(&plan(network, "wanted.toml")), ["limit tx_bytes"]);
    let again = network.cli(&["channel", "apply", "wanted.toml", "--channel", CHANNEL]);
    assert!(again.stdout.contains("channel demo: nothing to propose"), "{again:?}");
    // A peer signs for nobody any more.
    let epochs = network.cli_json(&["channel", "epochs"]);
    assert_eq!(epochs["present"]["policies"]["v1_gateway"], false);
}

/// The same one again, one without a say, another one.
fn one_organisation_after_the_other(network: &Network) {
    edited(network, "back.toml", &[("block_txs = 500", "block_txs = 600")]);
    let propose = ["channel", "apply", "back.toml", "--channel", CHANNEL, "--propose"];
    let as_peer = |arguments: &[&str], peer: u16| {
        let identity = key(network, peer);
        network.cli(&[arguments, &["--identity", &identity]].concat())
    };
    let proposed = as_peer(&propose, 0);
    assert_eq!(proposed.code, 0, "{proposed:?}");
    let epochs = network.cli_json(&["channel", "epochs"]);
    let change = &epochs["changes"][0];
    assert_eq!((&change["status"], &change["organisations"]), (&"open".into(), &json!(["bank-a"])));
    let id = change["id"].as_str().unwrap().to_owned();
    let vote = ["channel", "vote", &id, "--approve"];
    let same = as_peer(&vote, 0);
    assert!(same.stdout.contains("approved by bank-a, needed: 2 organisations of"), "{same:?}");
    let outsider = as_peer(&vote, 3);
    assert_ne!(outsider.code, 0);
    assert!(outsider.stderr.contains("registrar/peer3 is validator and may not"), "{outsider:?}");
    let other = as_peer(&vote, 2);
    assert!(other.stdout.trim_end().ends_with("accepted"), "{other:?}");
    tests::eventually(std::time::Duration::from_secs(10), "the third epoch begins", || {
        names(&plan(network, "back.toml")).is_empty().then_some(())
    });
    // SCOREs are stopped by the same two of three.
    let freeze = as_peer(&["score", "freeze", "token", "--propose"], 3);
    assert!(freeze.stderr.contains("the channel wants 2 organisations of"), "{freeze:?}");
    assert_eq!(network.cli(&["score", "freeze", "token"]).code, 0);
}
