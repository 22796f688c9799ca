//! More calls than the steps of a block allow: each ends with a receipt, the same on all peers, and
//! the channel goes on.

use crate::sample;
use serde_json::Value;
use std::time::Duration;
use tests::network::CHANNEL;
use tests::wallet::{Signed, Wallet};
use tests::{Network, eventually};

/// A transfer takes about 4 000 steps: a block holds one and a part of the next.
const STEPS: &str = "6000";
const CALLS: usize = 30;
const FINAL_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn a_block_whose_steps_are_used_up_ends_with_a_receipt_for_each_call_on_all_peers() {
    let mut options = sample();
    options.channels = options
        .channels
        .replace("steps_per_tx = 20000000", &format!("steps_per_tx = {STEPS}"))
        .replace("steps_per_block = 50000000", &format!("steps_per_block = {STEPS}"));
    let network = Network::up(options);
    let wallet = Wallet::of(&network, "alice", CHANNEL);
    let args = serde_json::json!({"to": "bob", "amount": "1"});
    let args = wallet.args(&network, "token", "transfer", &args);
    // Leaders know nothing of the method yet, then what it takes.
    let first = wave(&network, &wallet, &args);
    assert!(first.iter().any(|status| status == "ok"), "{first:?}");
    let second = wave(&network, &wallet, &args);
    assert!(
        second.iter().all(|status| status == "ok"),
        "leaders fill no block too far: {second:?}"
    );
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=1"]);
    assert_eq!(sent.code, 0, "the channel goes on: {sent:?}");
}

/// Sends calls at once; their statuses, after all peers have told the same receipts.
fn wave(network: &Network, wallet: &Wallet, args: &[u8]) -> Vec<String> {
    let sign = |_| wallet.sign(&wallet.call("token", "transfer", args.to_vec()));
    let calls: Vec<Signed> = (0..CALLS).map(sign).collect();
    std::thread::scope(|scope| {
        for call in &calls {
            scope.spawn(|| {
                let answer = call.send(network, 0, CHANNEL);
                assert_eq!(answer.json()["state"], "final", "{answer:?}");
            });
        }
    });
    let receipts = |peer| -> Vec<Value> {
        let receipt = |call: &Signed| {
            let path = format!("/api/v2/channels/{CHANNEL}/transactions/{}", call.id);
            eventually(FINAL_WITHIN, "the call is final", || {
                let json = network.get(peer, &path).json();
                (json["state"] == "final").then(|| json["receipt"].clone())
            })
        };
        calls.iter().map(receipt).collect()
    };
    let told = receipts(0);
    for peer in 1..4 {
        assert_eq!(receipts(peer), told, "peer{peer}");
    }
    let status = |receipt: &Value| {
        let is_cut = receipt["status"] == "refused" && receipt["code"] == 2115;
        assert!(receipt["status"] == "ok" || is_cut, "{receipt}");
        receipt["status"].as_str().unwrap().to_owned()
    };
    told.iter().map(status).collect()
}
