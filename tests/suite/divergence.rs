//! One machine computes something else: its node says so, names transaction and key, takes over what
//! the others agreed on, and votes again. Two machines that compute two other things: their
//! transactions wait, all others go on.
//!
//! The fault is real: bytes of the code of a running worker are overwritten, so that the token looks
//! for balances under another key.

use crate::sample;
use serde_json::Value;
use std::time::Duration;
use tests::network::CHANNEL;
use tests::{Network, eventually, memory};

const SOUND: &[u8] = b"balances";
const WITHIN: Duration = Duration::from_secs(20);

fn fault(network: &Network, peer: u16, from: &[u8], to: &[u8]) {
    let pid = network.pid_of(&format!("peer{peer}"));
    assert!(memory::overwrite(pid, from, to) > 0, "peer{peer} has no worker with the token");
}

fn pay(network: &Network) -> Value {
    network.cli_json(&["tx", "send", "token", "transfer", "to=carol", "amount=1"])
}

fn channel(network: &Network, peer: u16) -> Value {
    network.channel(peer, CHANNEL).expect("the peer answers")
}

#[test]
fn a_peer_that_computes_something_else_says_where_and_goes_on_with_the_agreed_result() {
    let network = Network::up(sample());
    pay(&network);
    network.agreed(CHANNEL, WITHIN);
    assert_eq!(channel(&network, 3)["divergences"], 0);
    fault(&network, 3, SOUND, b"balancez");

    let sent = pay(&network);
    assert_eq!(sent["receipt"]["status"], "ok", "{sent}");
    let last = eventually(WITHIN, "peer3 says that it had another result", || {
        let state = channel(&network, 3);
        (state["divergences"] == 1).then(|| state["last_divergence"].clone())
    });
    let (id, last) = (sent["hash"].as_str().unwrap_or_default(), last.as_str().unwrap_or_default());
    assert!(last.contains(id) && last.contains("balances/"), "{last}");

    let log = std::fs::read_to_string(network.data().join("logs/peer3.log")).unwrap_or_default();
    assert!(log.contains("LC3303"), "the log has its number, too");

    // The record is where the line says, and both write sets are in it.
    let file = last.rsplit_once("see ").map(|(_, file)| file).expect("the line names the file");
    let record: Value =
        serde_json::from_slice(&std::fs::read(file).expect("it is there")).expect("it is JSON");
    assert_eq!(record["first_transaction"]["tx"], id);
    let (own, agreed) =
        (&record["first_transaction"]["own"], &record["first_transaction"]["agreed"]);
    assert_eq!(agreed["status"], "ok");
    assert_ne!(own["writes_digest"], agreed["writes_digest"], "{record}");
    assert!(record["first_transaction"]["artefact"].is_string());

    // It holds what the others hold, also of what it computed wrongly, and votes again.
    network.agreed(CHANNEL, WITHIN);
    assert_eq!(channel(&network, 3)["mode"], "normal");
    let shown = network.cli(&["status"]);
    assert!(shown.stdout.contains("other results than agreed: 1"), "{shown:?}");
    fault(&network, 3, b"balancez", SOUND);
    let before = network.height(3, CHANNEL).unwrap_or_default();
    eventually(WITHIN, "peer3 votes again", || {
        pay(&network);
        let block = network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/latest")).json();
        let signers = block["proof"]["signers"].as_array()?.clone();
        let is_signer = signers.iter().any(|signer| signer["name"] == "registrar/peer3");
        (is_signer && block["height"].as_u64()? > before).then_some(())
    });
    assert_eq!(channel(&network, 3)["divergences"], 1, "sound again");
}

#[test]
fn what_has_three_results_waits_and_everything_else_goes_on() {
    let mut options = sample();
    options.channels.push_str("\n[channel.demo.score.notary]\n");
    let network = Network::up(options);
    pay(&network);
    network.agreed(CHANNEL, WITHIN);
    fault(&network, 2, SOUND, b"balancex");
    fault(&network, 3, SOUND, b"zalances");
    // Both read nothing and fail alike: the balance that a receipt names must differ, too.
    fault(&network, 3, b"balance ", b"balanke ");

    let poisoned =
        network.cli_json(&["tx", "send", "token", "transfer", "to=carol", "amount=1", "--no-wait"]);
    let id = poisoned["hash"].as_str().expect("it has a hash").to_owned();
    for n in 0..8 {
        let text = format!("data=document {n}");
        let sent = network.cli_json(&["tx", "send", "notary", "record", &text]);
        assert_eq!(sent["receipt"]["status"], "ok", "{sent}");
    }
    let path = format!("/api/v2/channels/{CHANNEL}/transactions/{id}");
    assert_eq!(network.get(0, &path).json()["state"], "pending");

    // Sound again, it is tried again by itself.
    fault(&network, 2, b"balancex", SOUND);
    fault(&network, 3, b"zalances", SOUND);
    fault(&network, 3, b"balanke ", b"balance ");
    eventually(Duration::from_secs(60), "it becomes final", || {
        (network.get(0, &path).json()["state"] == "final").then_some(())
    });
    network.agreed(CHANNEL, WITHIN);
}
