//! The way of a transaction through real peers: every stage on each of them, who voted; and one that
//! waits because the quorum is lost, until it is back.

use crate::sample;
use serde_json::Value;
use std::time::Duration;
use tests::network::CHANNEL;
use tests::{Network, eventually, process};

const STAGES: [&str; 6] = ["ingest", "mempool", "proposed", "voted", "final", "committed"];
/// A connection to a process that is stopped is closed after three pings.
const NOTICED_WITHIN: Duration = Duration::from_secs(120);
const BACK_WITHIN: Duration = Duration::from_secs(60);

fn journey(network: &Network, peer: u16, hash: &str) -> Value {
    network.get(peer, &format!("/api/v2/channels/{CHANNEL}/transactions/{hash}/journey")).json()
}

fn times(peer: &Value) -> Vec<Option<u64>> {
    STAGES.iter().map(|stage| peer["stages"][stage]["time_us"].as_u64()).collect()
}

#[test]
fn a_transaction_is_followed_through_all_peers_and_tells_why_it_waits() {
    let network = Network::up(sample());
    let sent = network.cli_json(&["tx", "send", "token", "transfer", "to=bob", "amount=5"]);
    let hash = sent["hash"].as_str().unwrap();
    network.agreed(CHANNEL, BACK_WITHIN);
    let told = network.cli_json(&["tx", "get", hash, "--journey"]);
    assert_eq!(
        (&told["schema"], &told["state"]),
        (&"loopchain.journey.v1".into(), &"final".into())
    );
    let peers = told["peers"].as_array().unwrap();
    assert_eq!(peers.len(), 4, "{told}");
    for peer in peers {
        let times = times(peer);
        let at =
            |stage: usize| times[stage].unwrap_or_else(|| panic!("{} of {peer}", STAGES[stage]));
        // Each peer was told of it, saw its block proposed, decided and stored, in this order.
        for pair in [[0, 1], [2, 4], [4, 5]] {
            assert!(at(pair[0]) <= at(pair[1]), "{peer}");
        }
    }
    let voted = peers.iter().filter(|peer| times(peer)[3].is_some()).count();
    assert!(voted >= 3, "a quorum voted: {told}");
    let block = network.cli_json(&["block", "get", &told["block"]["height"].to_string()]);
    for key in ["hash", "proposer", "view"] {
        assert_eq!(told["block"][key], block[key], "{key}");
    }
    let votes = told["votes"].as_array().unwrap();
    let weight: u64 = votes.iter().map(|vote| vote["weight"].as_u64().unwrap()).sum();
    assert_eq!(told["weight"], weight);
    assert!(weight >= told["quorum"].as_u64().unwrap(), "{told}");
    let said = network.cli(&["tx", "get", hash, "--journey"]);
    assert!(said.stdout.contains("PEER (ms)") && said.stdout.contains("needed"), "{said:?}");

    // Two of four are gone: nothing is final any more.
    let gone = [network.pid_of("peer2"), network.pid_of("peer3")];
    process::signal("STOP", &gone);
    let sent =
        network.cli_json(&["tx", "send", "token", "transfer", "to=bob", "amount=6", "--no-wait"]);
    let hash = sent["hash"].as_str().unwrap();
    let told = eventually(NOTICED_WITHIN, "the peer says that there is no quorum", || {
        let told = journey(&network, 0, hash);
        (told["waiting"]["reason"] == "no-quorum").then_some(told)
    });
    assert_eq!(told["state"], "pending");
    let detail = told["waiting"]["detail"].as_str().unwrap();
    assert!(detail.contains("peer2") && detail.contains("peer3"), "{detail}");
    let stages = times(&told["peers"][0]);
    assert!(stages[0].is_some() && stages[1].is_some(), "{told}");
    assert_eq!((stages[4], stages[5]), (None, None));
    let said = network.cli(&["tx", "get", hash, "--journey", "--endpoint", &network.url(1, "")]);
    assert!(said.stdout.contains("is pending") && said.stdout.contains("waits"), "{said:?}");
    process::signal("CONT", &gone);
    eventually(BACK_WITHIN, "it is final once they are back", || {
        let told = journey(&network, 0, hash);
        (told["state"] == "final" && told["waiting"].is_null()).then_some(())
    });
}
