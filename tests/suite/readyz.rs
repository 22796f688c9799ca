//! `/readyz` of a peer whose channels lose their quorum: ready, not ready with a reason for each channel
//! once it was away for long, and ready again. That nothing is refused before is `channel::quorum`'s test.

use crate::sample;
use serde_json::{Value, json};
use std::time::Duration;
use tests::network::CHANNEL;
use tests::{Network, eventually, http, process};

/// A connection to a process that is stopped is closed after three pings; then a quorum is missed for 10 s.
const NOTICED_WITHIN: Duration = Duration::from_secs(120);
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Status and document.
fn readyz(network: &Network) -> (u16, Value) {
    let answer = http::get(&network.operations(0, "/readyz"));
    (answer.status, answer.json())
}

/// The channels that say why, when each says that it has no quorum.
fn without_a_quorum(told: &Value) -> Option<Vec<String>> {
    let reasons = told["reasons"].as_array().unwrap().iter();
    let channel = |reason: &Value| {
        let rest = reason.as_str()?.strip_prefix("channel ")?;
        let (channel, rest) = rest.split_once(" has had no quorum for ")?;
        let (seconds, _) = rest.split_once(" s, as far as this peer sees")?;
        assert!(seconds.parse::<u64>().unwrap() >= 10, "{told}");
        Some(channel.to_owned())
    };
    let mut channels: Vec<_> = reasons.map(channel).collect::<Option<_>>()?;
    channels.sort_unstable();
    Some(channels)
}

#[test]
fn a_peer_is_not_ready_while_its_channels_have_no_quorum() {
    let network = Network::up(sample());
    let ready = (200, json!({"status": "ready", "reasons": []}));
    assert_eq!(readyz(&network), ready);
    let gone = [network.pid_of("peer2"), network.pid_of("peer3")];
    process::signal("STOP", &gone);
    let channels = eventually(NOTICED_WITHIN, "both channels say so", || {
        let (status, told) = readyz(&network);
        if status == 200 {
            return None;
        }
        assert_eq!((status, &told["status"]), (503, &json!("not ready")), "{told}");
        let channels = without_a_quorum(&told)?;
        (channels.len() == 2).then_some(channels)
    });
    assert_eq!(channels, [CHANNEL, "loopchain_default"]);
    let alive = http::get(&network.operations(0, "/healthz"));
    assert_eq!(alive.status, 200, "it lives: whoever restarts what is dead leaves it alone");
    process::signal("CONT", &gone);
    eventually(BACK_WITHIN, "it is ready again", || (readyz(&network) == ready).then_some(()));
}
