//! A SCORE that calls `token`, on four peers: tokens move, failures are undone, every peer has the
//! same receipts and state, also after its workers were killed and its process started again.

use crate::sample;
use host_types::{Address, ScoreName};
use score_native_link::build::{build_score, source_tree};
use serde_json::Value;
use std::time::Duration;
use tests::memory::workers;
use tests::network::CHANNEL;
use tests::{Network, chain, eventually, process};

const WITHIN: Duration = Duration::from_secs(30);

/// Sends a call that pays bob; the receipt as each of the four peers tells it.
fn pay(network: &Network, method: &str, amount: &str) -> Value {
    let amount = format!("amount={amount}");
    let arguments = ["tx", "send", "caller", method, "token=token", "to=bob", &amount, "--json"];
    let said = network.cli(&arguments);
    let json: Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let id = json["hash"].as_str().or(json["tx_hash"].as_str()).unwrap_or_else(|| panic!("{json}"));
    let path = format!("/api/v2/channels/{CHANNEL}/transactions/{id}");
    let told = |peer| {
        eventually(WITHIN, "the call is final on every peer", || {
            let json = network.get(peer, &path).json();
            (json["state"] == "final").then(|| json["receipt"].clone())
        })
    };
    let receipt: Value = told(0);
    for peer in 1..4 {
        assert_eq!(told(peer), receipt, "peer{peer}");
    }
    receipt
}

/// What an address has, once every peer says the same.
fn balance(network: &Network, who: &str, amount: &str) {
    for peer in 0..4 {
        let url = network.url(peer, "");
        let who = format!("who={who}");
        eventually(WITHIN, "every peer knows the balance", || {
            // Through the SCORE that calls, and directly.
            let through = ["query", "caller.ask_balance", "token=token", &who, "--endpoint", &url];
            let through = network.cli(&through);
            let direct = network.cli(&["query", "token.balance_of", &who, "--endpoint", &url]);
            assert_eq!((through.code, direct.code), (0, 0), "{through:?} {direct:?}");
            let expected = format!("\"{amount}\"\n");
            (through.stdout == expected && direct.stdout == expected).then_some(())
        });
    }
}

#[test]
fn a_score_that_calls_token_moves_tokens_on_all_peers() {
    let path = build_score(&source_tree().unwrap(), "tests-caller", &mut |_| {}).unwrap();
    let network = Network::up(sample());
    std::fs::copy(path, network.data().join("plugins/libcaller.so")).unwrap();
    network.said_line("caller@0.1.0 active on channel demo from block ", WITHIN);
    let address = Address::of_score(&ScoreName::new("caller").unwrap()).to_string();
    let in_tests = score_native_testkit::Testnet::score_address("caller");
    assert_eq!(
        Address::new(in_tests.0).to_string(),
        address,
        "the testkit's addresses are a node's"
    );
    let to = format!("to={address}");
    let funded = network.cli(&["tx", "send", "token", "transfer", &to, "amount=100"]);
    assert_eq!(funded.code, 0, "{funded:?}");

    let paid = network.cli(&["tx", "send", "caller", "pay", "token=token", "to=bob", "amount=30"]);
    assert_eq!(paid.code, 0, "{paid:?}");
    let events: Vec<_> = paid.stdout.lines().filter(|line| line.contains("  event  ")).collect();
    assert_eq!(events.len(), 3, "{paid:?}");
    assert!(events[0].contains("caller.did") && events[0].contains("what=before"), "{paid:?}");
    assert!(events[1].contains("token.transfer") && events[1].contains("amount=30"), "{paid:?}");
    assert!(events[2].contains("caller.did") && events[2].contains("what=after"), "{paid:?}");
    assert_eq!(pay(&network, "pay_and_fail", "5")["status"], "fault");
    assert_eq!(pay(&network, "try_pay", "1000")["status"], "ok", "the callee's fault is an answer");
    balance(&network, "bob", "30");
    balance(&network, &address, "70");

    // Callees whose workers die are replaced without a trace, on one peer and on the others.
    process::signal("KILL", &workers(network.pid_of("peer1")));
    assert_eq!(pay(&network, "pay", "1")["status"], "ok");
    assert_eq!(pay(&network, "pay_twice", "2")["status"], "ok");
    balance(&network, "bob", "35");
    let (height, _) = network.agreed(CHANNEL, WITHIN);
    // A block names the state root of its parent: equal hashes are equal states.
    let chain = chain::of_all(&network, CHANNEL, height);
    assert!(chain.transactions.len() >= 7, "{chain:?}");
}
