//! `[channels] join` of a peer that runs: edited, wrong, edited back.

use crate::homes::{Homes, PEERS};
use std::fs;
use std::time::Duration;
use tests::{eventually, http};

/// Debug processes on a machine that is compiling besides.
const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn an_edited_list_of_channels_is_taken_without_a_restart() {
    let mut homes = Homes::with("a,b");
    homes.start(PEERS[0]);
    let url = format!("{}/api/v2/channels", homes.url(0));
    let listed = || -> Option<Vec<String>> {
        let told = http::exchange("GET", &url, &[], None).ok()?.json();
        let all = told["channels"].as_array()?.iter();
        all.map(|one| one["channel"].as_str().map(str::to_owned)).collect()
    };
    let runs = |what: &str, names: &[&str]| {
        eventually(WITHIN, what, || (listed()? == names).then_some(()));
    };
    runs("both channels", &["a", "b"]);
    let file = homes.peer(0).join("peer.toml");
    let before = fs::read_to_string(&file).unwrap();
    let with = |join: &str| {
        let mut table: toml::Table = before.parse().unwrap();
        let channels = table["channels"].as_table_mut().unwrap();
        channels.insert("join".to_owned(), join.parse::<toml::Value>().unwrap());
        fs::write(&file, table.to_string()).unwrap();
    };
    with("[\"a\"]");
    runs("b is left", &["a"]);
    assert!(homes.peer(0).join("data/channels/b").is_dir(), "its files stay");
    fs::write(&file, before.clone() + "\nnonsense = 1\n").unwrap();
    eventually(WITHIN, "a wrong file is told", || {
        homes.log(PEERS[0]).contains("settings.refused").then_some(())
    });
    assert_eq!(listed().unwrap(), ["a"], "and changes nothing");
    with("[\"b\"]");
    runs("one ends, the other begins again", &["b"]);
    with("[\"*\"]");
    runs("all", &["a", "b"]);
    assert!(!homes.log(PEERS[0]).contains("settings.restart"));
}
