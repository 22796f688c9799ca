//! New versions of a SCORE on a running network: what the old ones needed goes away with them.

use crate::sample;
use std::time::Duration;
use tests::network::CHANNEL;
use tests::{Network, eventually};

const ACTIVE_WITHIN: Duration = Duration::from_secs(30);
/// Blocks that the workers of an old version stay for, and some more.
const BLOCKS: usize = 20;

/// Processes that execute a SCORE of a channel, in every peer of a network.
pub(crate) fn workers(network: &Network, label: &str) -> usize {
    let peers: Vec<u32> = network.ps().into_iter().map(|process| process.pid).collect();
    let field = |pid: &str, name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let is_worker = |pid: &String| {
        let labelled =
            field(pid, "cmdline").unwrap_or_default().split('\0').any(|arg| arg == label);
        let status = field(pid, "status").unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        let parent = parent.and_then(|parent| parent.trim().parse().ok());
        labelled && parent.is_some_and(|parent| peers.contains(&parent))
    };
    processes.map(|p| p.file_name().to_string_lossy().into_owned()).filter(is_worker).count()
}

#[test]
fn two_upgrades_leave_one_worker_of_the_score_in_each_peer() {
    let network = Network::up(sample());
    let whole = std::fs::read(network.data().join("plugins/libtoken.so")).unwrap();
    let label = format!("{CHANNEL}/token");
    let sha256 = |peer| {
        let answer = network.get(peer, &format!("/api/v2/channels/{CHANNEL}/scores/token"));
        answer.json()["sha256"].as_str().map(str::to_owned)
    };
    let pay = || {
        let sent = network.cli_json(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
        sent["hash"].as_str().unwrap().to_owned()
    };
    let ran_by = |id: &str| {
        let path = format!("/api/v2/channels/{CHANNEL}/transactions/{id}");
        network.get(0, &path).json()["artefact"].as_str().map(str::to_owned)
    };
    let (first, original) = (pay(), sha256(0));
    assert_eq!(ran_by(&first), original);
    for upgrade in 1..=2 {
        let before = sha256(0);
        // The same SCORE, and yet another file.
        let bytes = [whole.as_slice(), &vec![0; upgrade]].concat();
        std::fs::write(network.data().join(format!("plugins/libtoken{upgrade}.so")), bytes)
            .unwrap();
        eventually(ACTIVE_WITHIN, "the new version is active", || {
            (0..4).all(|peer| sha256(peer) != before).then_some(())
        });
        assert_eq!(ran_by(&pay()), sha256(0));
        // After one upgrade it is known which version ran it, after two it is not.
        assert_eq!(ran_by(&first), original.clone().filter(|_| upgrade == 1));
        assert!(workers(&network, &label) > 4, "the old version's worker is there for a while");
    }
    for _ in 0..BLOCKS {
        pay();
    }
    eventually(ACTIVE_WITHIN, "one worker of it is left in each peer", || {
        (workers(&network, &label) == 4).then_some(())
    });
    pay();
}
