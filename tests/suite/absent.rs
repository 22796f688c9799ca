//! A validator that is gone through an epoch: the next one does not wait for it as a leader, on any
//! node, also on itself once it is back; and it leads again in the one after.

use crate::sample;
use serde_json::{Value, json};
use std::time::Duration;
use tests::load::{Writers, longest_gap};
use tests::network::CHANNEL;
use tests::{Network, chain, eventually, process};

const GONE: &str = "registrar/peer3";
/// Blocks go on within this time.
const GAP: Duration = Duration::from_secs(5);
/// An epoch of so many blocks tells who leads nothing: 8 turns of 4, and some for views that passed.
const LONG: u64 = 40;
/// That many blocks on a machine that compiles besides, every fourth leader being gone.
const LONG_WITHIN: Duration = Duration::from_secs(90);
/// Who slept reads what it missed.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// One change; gives the height of the sealing block.
fn next_epoch(network: &Network, epoch: u64) -> u64 {
    let weight = format!("bank-a/peer0={}", 1 + epoch % 2);
    let document = network.cli_json(&["channel", "configure", "--weight", &weight]);
    assert_eq!(document["epoch"], epoch);
    document["root_height"].as_u64().unwrap()
}

/// What a peer says of epochs, once it is in this one.
fn epochs(network: &Network, peer: u16, epoch: u64) -> Value {
    eventually(BACK_WITHIN, &format!("peer{peer} is in epoch {epoch}"), || {
        let told = network.get(peer, &format!("/api/v2/channels/{CHANNEL}/epochs")).json();
        (told["epoch"] == epoch).then_some(told)
    })
}

fn grows_to(network: &Network, height: u64) {
    eventually(LONG_WITHIN, &format!("block {height}"), || {
        (network.height(0, CHANNEL)? >= height).then_some(())
    });
}

fn block(network: &Network, height: u64) -> Value {
    network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/{height}")).json()
}

/// Views without a block from one height to another.
fn missed(network: &Network, from: u64, to: u64) -> u64 {
    let view = |height| block(network, height)["view"].as_u64().unwrap();
    view(to) - view(from) - (to - from)
}

#[test]
fn who_led_nothing_in_an_epoch_is_left_out_of_the_next_and_back_in_the_one_after() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < GAP);
    let gone = network.pid_of("peer3");
    process::signal("STOP", &[gone]);
    let first = next_epoch(&network, 1);
    // It led in epoch 0, so nobody is left out yet: every fourth leader is waited for, or skipped.
    assert_eq!(epochs(&network, 0, 1)["excluded"], json!([]));
    grows_to(&network, first + LONG);
    assert!(missed(&network, first + 1, first + LONG) > LONG / 6);

    let second = next_epoch(&network, 2);
    for peer in 0..3 {
        assert_eq!(epochs(&network, peer, 2)["excluded"], json!([GONE]), "peer{peer}");
    }
    grows_to(&network, second + LONG);
    let missed = missed(&network, second + 1, second + LONG);
    assert!(missed <= 2, "{missed} views passed without a block");
    let said = network.cli(&["channel", "epochs"]);
    assert!(said.stdout.contains(&format!("absent in the epoch before: {GONE}")), "{said:?}");

    // Who comes later computes the same from the blocks, and votes.
    process::signal("CONT", &[gone]);
    let [own, theirs] = [3, 0].map(|peer| epochs(&network, peer, 2));
    assert_eq!((&own["excluded"], &own["epochs"]), (&json!([GONE]), &theirs["epochs"]));
    eventually(BACK_WITHIN, "it votes", || {
        let latest = network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/latest")).json();
        let signers = latest["proof"]["signers"].as_array()?.clone();
        signers.iter().any(|signer| signer["name"] == GONE).then_some(())
    });

    let third = next_epoch(&network, 3);
    for peer in 0..4 {
        assert_eq!(epochs(&network, peer, 3)["excluded"], json!([]), "peer{peer}");
    }
    let proposers = (second + 1..=third).map(|height| block(&network, height)["proposer"].clone());
    assert_eq!(proposers.filter(|name| name == GONE).count(), 0);
    eventually(BACK_WITHIN, "it leads again", || {
        let latest = network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/latest")).json();
        (latest["proposer"] == GONE).then_some(())
    });
    // Who leads is no matter of a proof.
    let verified = network.cli_json(&["block", "verify", &(second + 1).to_string()]);
    assert_eq!(verified["epoch"], 2);
    drop(writers.stop());
    let (height, _) = network.agreed(CHANNEL, Duration::from_secs(20));
    assert!(height > third);
    assert!(!chain::of_all(&network, CHANNEL, height).hashes.is_empty());
}
