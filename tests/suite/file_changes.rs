//! channels.toml is saved while a local network runs: channels that exist become what it says.

use crate::sample;
use std::time::Duration;
use tests::Network;

/// Votes of debug processes on a machine that is compiling besides.
const WITHIN: Duration = Duration::from_secs(40);

fn save(network: &Network, edits: &[(&str, &str)]) {
    let path = network.folder().join("channels.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = edits.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from} in {text}");
        text.replacen(from, to, 1)
    });
    std::fs::write(path, text).unwrap();
}

fn limit(network: &Network) -> u64 {
    network.cli_json(&["channel", "epochs"])["present"]["block_txs"].as_u64().unwrap()
}

#[test]
fn a_saved_file_changes_its_channels_and_leaves_those_alone_that_it_did_not_change() {
    let mut network = Network::up(sample());
    // By a command: the file does not know of it.
    let weight = ["channel", "configure", "-c", "loopchain_default", "--weight", "bank-a/peer0=2"];
    let said = network.cli(&weight);
    assert_eq!(said.code, 0, "{said:?}");

    save(
        &network,
        &[
            ("block_txs = 10000", "block_txs = 500"),
            ("tx_bytes = \"64 KiB\"", "tx_bytes = \"32 KiB\""),
        ],
    );
    let line = network.said_line("channel demo follows channels.toml", WITHIN);
    assert!(
        line.starts_with("  ✓ channel demo follows channels.toml: epoch 1 began on block "),
        "{line}"
    );
    assert_eq!(limit(&network), 500);
    for part in [
        "    ~ limit        block_txs   10000 → 500\n",
        "    ! limit        tx_bytes   ",
        ": cannot change: it stands in the genesis: what was admitted under it must stay valid\n",
        "    quorum       3 of 4\n",
    ] {
        let said = network.said();
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let kept = network.cli_json(&["channel", "epochs", "-c", "loopchain_default"]);
    assert_eq!(kept["present"]["quorum"], 4, "what a command did stays: {kept}");

    save(&network, &[("submit = [\"client\", \"admin\"]", "submit = [\"client\"]")]);
    network.said_line("epoch 2 began on block", WITHIN);
    // Edited while nothing runs: told, not done.
    assert!(network.interrupt().success());
    save(&network, &[("block_txs = 500", "block_txs = 600")]);
    network.start();
    network.said_line("channel demo: channels.toml says something else in 2 places", WITHIN);
    assert_eq!(limit(&network), 500);
}
