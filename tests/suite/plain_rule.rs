//! A channel under another rule than the usual one: `rule = "simplex"`.

use crate::sample;
use std::time::Duration;
use tests::Network;
use tests::network::{CHANNEL, V1_CHANNEL};

const CHANNELS: &str = r#"
[channel.loopchain_default]
[channel.loopchain_default.score.notary]

[channel.demo]
rule = "simplex"
rule_version = 1

[channel.demo.simplex]
delta = "300 ms"

[channel.demo.score.token]
deploy = { supply = "1000000" }
deployer = "alice"
"#;

#[test]
fn a_channel_under_simplex_commits_beside_one_under_lft_and_goes_on_after_a_kill_of_all() {
    let mut options = sample();
    options.channels = CHANNELS.to_owned();
    let mut network = Network::up(options);
    let status = network.cli_json(&["status"]);
    for (channel, rule) in [(CHANNEL, "simplex"), (V1_CHANNEL, "lft")] {
        let channels = status["channels"].as_array().unwrap();
        let one = channels.iter().find(|one| one["channel"] == channel).unwrap();
        assert_eq!((&one["verdict"], &one["rule"]), (&"OK".into(), &rule.into()), "{one}");
    }
    let pay = |network: &Network| {
        let sent = network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=100"]);
        assert_eq!(sent.code, 0, "{sent:?}");
    };
    pay(&network);
    let (height, hash) = network.agreed(CHANNEL, Duration::from_secs(10));
    assert!(height > 0);
    network.kill_up();
    network.start();
    for peer in 0..4 {
        let block = network.get(peer, &format!("/api/v2/channels/{CHANNEL}/blocks/{height}"));
        assert_eq!(block.json()["hash"], *hash, "peer{peer}");
    }
    pay(&network);
    let balance = network.cli(&["query", "token.balance_of", "who=bob"]);
    assert_eq!(balance.stdout, "\"200\"\n", "{balance:?}");
}
