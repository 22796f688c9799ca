//! JSON of commands that change a channel, a peer or a network: on a network of their own, over which they
//! go one after the other, from a freeze to `reset`.
//!
//! In: commands with `--json`. Out: a failure when the keys of a document are not the committed ones. What
//! the changes do is tested where each is at home (`score_life.rs`, `epochs.rs`, `channel_life.rs`).

use crate::schemas::Reader;
use crate::{sample, score_life};
use std::fs;
use tests::Network;

/// A channel on which nothing is activated but by votes.
const VOTES: &str = "\n[channel.votes.score.token]\ndeployer = \"alice\"\ndeploy = { supply = \"10\" }\n\
                     [channel.votes.execution]\nauto_activate = false\n";
/// Run in this order. `ID` is the change that was proposed last, `KEY0` the key of peer0.
pub(crate) const COMMANDS: &[&str] = &[
    "score freeze token -c votes --propose --identity KEY0",
    "score vote ID -c votes",
    "score approve ID -c votes --identity KEY1",
    "score vote ID -c votes --approve --identity KEY2",
    "score unfreeze token -c votes",
    "score deploy other.so -c votes --wait",
    "score upgrade third.so --at +30 -c votes",
    "channel configure --weight bank-a/peer0=2 -c votes --propose --identity KEY0",
    "channel vote ID -c votes",
    "channel vote ID -c votes --approve --identity KEY1",
    "channel configure --weight bank-b/peer1=2 -c votes",
    "channel apply channels.toml -c votes",
    "peer leave votes --home data/peers/peer3",
    "peer join votes --home data/peers/peer3",
    "radiostation evict registrar/peer3 --home data/radiostation",
    "radiostation invite registrar/peer3 --home data/radiostation",
    "score watch HELLO --once --no-test",
    "down",
    "reset --yes",
];

#[test]
fn what_changes_something_prints_the_committed_keys() {
    let mut options = sample();
    options.channels.push_str(VOTES);
    let network = Network::up(options);
    let token = fs::read(network.data().join("plugins/libtoken.so")).unwrap();
    // The same SCORE as other files.
    for (name, more) in [("other.so", 1), ("third.so", 2)] {
        let bytes = [token.as_slice(), &vec![0; more]].concat();
        fs::write(network.folder().join(name), bytes).unwrap();
    }
    let mut reader = Reader::new(&network);
    for peer in 0..3 {
        reader.knows(&format!("KEY{peer}"), score_life::identity(&network, peer));
    }
    let source = score_native_link::build::source_tree().unwrap();
    reader.knows("HELLO", source.join("examples/hello-score").display().to_string());
    for line in COMMANDS {
        let document = reader.types(line);
        if let Some(id) = document["change"].as_str() {
            reader.knows("ID", id);
        }
    }
    assert!(!network.data().exists());
}
