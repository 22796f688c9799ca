//! Old files as they were shipped and as people had them, and the new ones letter by letter.

use super::*;
use crate::config::{ChannelsFile, Overrides, PeerConfig};
use std::path::Path;

fn lines(left: &[Left]) -> Vec<String> {
    left.iter().map(|one| format!("{}: {}", one.what, one.why)).collect()
}

#[test]
fn channels_of_the_old_edition_become_channels_and_say_what_is_missing() {
    let old = r#"{
        "channel1": {"score_package": "loopchain/default",
                     "peers": [{"peer_target": "172.17.0.4:7100"}]},
        "Channel2": {"score_package": "user/contract_sample", "peers": [], "colour": "red"},
        "CHANNEL2": {},
        "2017": {},
        "odd": 7
    }"#;
    let imported = channels(old).unwrap();
    assert_eq!(
        imported.toml,
        "# Channels of the old edition. `loopchain channel check` tells what they tolerate.\n\
         \n[channel.channel2]\n\
         \n[channel.channel1]\n\
         \n[channel.channel1.score.notary]\n\
         \n[channel.odd]\n"
    );
    assert_eq!(
        lines(&imported.left),
        [
            "2017: no name of a channel here: [a-z][a-z0-9_-]*, at most 64",
            "CHANNEL2: its name is channel2 here: names are in lower case",
            "Channel2: there is a channel channel2 already",
            "channel1.peers: 172.17.0.4:7100: an address makes nobody a member: validators are \
             ORG/NAME with a certificate of their organisation; name them in \
             [channel.NAME.group.GROUP]",
            "odd = 7: no channel: it is no object",
        ]
    );
    let path = Path::new("channels.toml");
    let file = ChannelsFile::parse(path, imported.toml).unwrap();
    let names: Vec<_> = file.channels.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["channel1", "channel2", "odd"]);
}

#[test]
fn a_score_in_python_is_named_and_not_asked_for() {
    let imported =
        channels(r#"{"a": {"score_package": "user/contract_sample", "colour": "red"}}"#).unwrap();
    assert!(!imported.toml.contains("score"), "{}", imported.toml);
    let [colour, score] = imported.left.as_slice() else { panic!("{:?}", imported.left) };
    assert_eq!(colour.what, "a.colour = \"red\"");
    assert_eq!(score.what, "a.score_package = \"user/contract_sample\"");
    assert!(score.why.starts_with("a SCORE in Python does not run here: port it"));
}

#[test]
fn settings_of_the_old_edition_become_a_peer_and_say_what_is_missing() {
    let old = r#"{
        "PEER_NAME": "seoul-1", "LOOPCHAIN_HOST": "10.0.1.5", "PORT_PEER": "7200",
        "DEFAULT_STORAGE_PATH": "./.storage", "LOOPCHAIN_LOG_LEVEL": "WARNING",
        "LOOPCHAIN_DEFAULT_CHANNEL": "channel1",
        "MAX_BLOCK_TX_NUM": 1000, "MAX_BLOCK_KBYTES": 3000, "INTERVAL_BLOCKGENERATION": 0.5,
        "VOTING_RATIO": 0.65, "PRIVATE_PASSWORD": "test", "CHANNEL_OPTION": {"c": {"key": 1}},
        "ENABLE_REST_SSL": 0, "PORT_PEAR": 1, "LEADER_BLOCK_CREATION_LIMIT": "often"
    }"#;
    let imported = settings(old).unwrap();
    assert_eq!(
        imported.toml,
        "# A peer of the old edition.\n\
         data_dir = \"./.storage\"\n\
         name = \"seoul-1\"\n\
         \n[rpc]\n\
         advertise = \"10.0.1.5:7200\"\n\
         listen = \"0.0.0.0:7200\"\n\
         \n[rest]\n\
         v1_default_channel = \"channel1\"\n\
         \n[log]\n\
         level = \"warn\"\n"
    );
    assert_eq!(
        lines(&imported.left),
        [
            "CHANNEL_OPTION: keys of the old edition are of another kind: make new ones",
            "ENABLE_REST_SSL = 0: put a proxy with TLS before REST",
            "INTERVAL_BLOCKGENERATION = 0.5: all peers of a channel must agree on it: \
             `block_interval = \"500 ms\"` in [channel.NAME.lft] of channels.toml",
            "LEADER_BLOCK_CREATION_LIMIT = \"often\": `tenure` of a channel takes no such value",
            "MAX_BLOCK_KBYTES = 3000: all peers of a channel must agree on it: \
             `block_bytes = \"3000 KiB\"` in [channel.NAME.limits] of channels.toml",
            "MAX_BLOCK_TX_NUM = 1000: all peers of a channel must agree on it: \
             `block_txs = 1000` in [channel.NAME.limits] of channels.toml",
            "PORT_PEAR = 1: the old edition did not know it either: did you mean PORT_PEER?",
            "PRIVATE_PASSWORD: keys of the old edition are of another kind: make new ones",
            "VOTING_RATIO = 0.65: more than two thirds of the weight, always: less would fork",
        ]
    );
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("peer.toml"), imported.toml).unwrap();
    let peer = PeerConfig::load(home.path(), &Overrides::default()).unwrap();
    assert_eq!((peer.name.as_str(), peer.rpc.target().as_str()), ("seoul-1", "10.0.1.5:7200"));
}

#[test]
fn every_setting_is_known_once_and_what_is_no_object_is_refused() {
    for (at, (name, _)) in SETTINGS.iter().enumerate() {
        assert!(SETTINGS[..at].iter().all(|(other, _)| other != name), "{name} stands twice");
    }
    for text in ["", "[]", "7", "{"] {
        assert!(settings(text).is_err() && channels(text).is_err(), "{text}");
    }
    assert!(settings(&" ".repeat(OLD_FILE_BYTES_MAX + 1)).unwrap_err().contains("more than"));
}
