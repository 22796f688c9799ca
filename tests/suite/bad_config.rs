//! Configuration files with mistakes: a coded error with the line and a caret, exit code 2, and
//! nothing is started.

use crate::{sample, shape};
use tests::network::run;

fn started(arguments: &[&str], files: &[(&str, &str)]) -> (tests::network::Said, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let said = run(&sample().program, folder.path(), arguments);
    (said, folder.path().display().to_string())
}

#[test]
fn an_unknown_key_of_channels_toml_is_drawn_with_its_line() {
    let text = "[channel.demo]\n\n[channel.demo.limits]\nblok_txs = 10\n";
    let (said, folder) = started(&["up", "--data", "data"], &[("channels.toml", text)]);
    assert_eq!(said.code, 2, "{said:?}");
    let pattern = concat!(
        "error[LC1104]: unknown key `blok_txs`\n",
        " --> ./channels.toml:4:1\n",
        "  |\n",
        "4 | blok_txs = 10\n",
        "  | ^^^^^^^^ not a setting of [channel.demo.limits]\n",
        "  |\n",
        "help: did you mean `block_txs`?\n",
        "more: loopchain explain LC1104\n",
    );
    let stderr = said.stderr.replace(&format!("{folder}/"), "./");
    shape::is(&stderr, pattern);
}

#[test]
fn an_unknown_key_of_peer_toml_is_drawn_with_its_line() {
    let text = "name = \"peer0\"\norg = \"bank-a\"\n\n[rest]\nlissten = \"127.0.0.1:1\"\n";
    let (said, folder) = started(&["peer", "run", "--home", "."], &[("peer.toml", text)]);
    assert_eq!((said.code, said.error().as_str()), (2, "LC1104"), "{said:?}");
    let stderr = said.stderr.replace(&format!("{folder}/"), "./");
    assert!(stderr.contains("peer.toml:5:1\n"), "{stderr}");
    assert!(stderr.contains("\n  | ^^^^^^^ not a setting of [rest]\n"), "{stderr}");
    assert!(stderr.contains("help: did you mean `listen`?\n"), "{stderr}");
}

#[test]
fn a_rule_that_does_not_exist_or_is_given_what_it_does_not_take_writes_no_genesis() {
    let unknown = "[channel.demo]\nrule = \"ltf\"\n";
    let parameter = "[channel.demo]\n\n[channel.demo.lft]\nblok_interval = \"10 ms\"\n";
    let value = "[channel.demo]\n\n[channel.demo.lft]\ntenure = 0\n";
    let version = "[channel.demo]\nrule_version = 2\n";
    for (text, code, exit, told) in [
        (unknown, "LC6101", 4, ["channels.toml:2:8\n", "help: did you mean `lft`?\n"]),
        (parameter, "LC1104", 2, ["channels.toml:4:1\n", "did you mean `block_interval`?\n"]),
        (value, "LC1105", 2, ["channels.toml:4:10\n", "whole number from 1 to 1000"]),
        (version, "LC1105", 2, ["channels.toml:2:16\n", "rule `lft` is version 3 here"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("channels.toml"), text).unwrap();
        let said = run(&sample().program, folder.path(), &["up", "--data", "data"]);
        assert_eq!((said.code, said.error().as_str()), (exit, code), "{said:?}");
        for part in told {
            assert!(said.stderr.contains(part), "{part}: {said:?}");
        }
        assert!(!folder.path().join("data/channels/demo.genesis").exists(), "{text}");
        // The rule is in the plugin folder now, so the check needs no network.
        if text != unknown {
            let check = ["channel", "check", "channels.toml", "--data", "data"];
            let said = run(&sample().program, folder.path(), &check);
            assert_eq!((said.code, said.error().as_str()), (exit, code), "{said:?}");
        }
    }
}

#[test]
fn other_mistakes_have_codes_of_their_own() {
    let cases = [
        ("[channel.demo\n", "LC1102"),
        ("[channel.demo.limits]\nblock_txs = \"many\"\n", "LC1105"),
        ("[channel.demo]\nfaulty_peers_max = 3\n", "LC1106"),
        ("", "LC1105"),
    ];
    for (text, code) in cases {
        let (said, _) = started(&["up", "--data", "data"], &[("channels.toml", text)]);
        assert_eq!((said.code, said.error().as_str()), (2, code), "{text:?}: {said:?}");
        let (said, _) = started(&["up", "--data", "data", "--json"], &[("channels.toml", text)]);
        assert_eq!((said.code, said.error().as_str()), (2, code), "{text:?}: {said:?}");
        assert_eq!(said.stdout, "");
    }
    let (said, _) = started(&["up", "--set", "rest.lissten=1", "--data", "data"], &[]);
    assert_ne!(said.code, 0, "a setting that does not exist is no success: {said:?}");
}
