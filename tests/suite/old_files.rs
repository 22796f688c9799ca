//! Files of settings written for a person, where no network is: `channel import` and `config import` of
//! the old edition's files, `channel create`. Nothing that is there is written over.

use crate::sample;
use std::path::Path;
use tests::network::{Said, run};

fn said(folder: &Path, arguments: &[&str]) -> Said {
    run(&sample().program, folder, arguments)
}

#[test]
fn channels_of_the_old_edition_are_written_once_and_check_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let old = r#"{"channel1": {"score_package": "user/contract", "peers": [{"peer_target": "1.2.3.4:7100"}]},
                  "channel2": {"score_package": "loopchain/default"}}"#;
    std::fs::write(folder.path().join("channel_manage_data.json"), old).unwrap();
    let import = ["channel", "import", "channel_manage_data.json", "-o", "channels.toml"];
    let first = said(folder.path(), &import);
    assert_eq!((first.code, first.stdout.as_str()), (0, "✓ channels.toml   2 without an equal\n"));
    for part in ["channel1.peers: 1.2.3.4:7100: an address makes nobody a member", "port it"] {
        assert!(first.stderr.contains(part), "{first:?}");
    }
    let again = said(folder.path(), &import);
    assert_eq!((again.code, again.error().as_str()), (2, "LC1001"), "{again:?}");
    let check = said(folder.path(), &["channel", "check", "--json"]).json();
    assert_eq!(check["channels"], serde_json::json!(["channel1", "channel2"]));
}

#[test]
fn settings_of_the_old_edition_are_a_document_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("conf.json"), r#"{"PORT_PEER": 7200, "VOTING_RATIO": 0.5}"#)
        .unwrap();
    let json = said(folder.path(), &["config", "import", "conf.json", "--json"]).json();
    assert_eq!(json["schema"], "loopchain.config-import.v1");
    assert_eq!(json["toml"], "# A peer of the old edition.\n\n[rpc]\nlisten = \"0.0.0.0:7200\"\n");
    assert_eq!(json["without_equal"][0]["what"], "VOTING_RATIO = 0.5");
    std::fs::write(folder.path().join("conf.json"), "[1]").unwrap();
    let bad = said(folder.path(), &["config", "import", "conf.json"]);
    assert_eq!((bad.code, bad.error().as_str()), (2, "LC1102"), "{bad:?}");
}

#[test]
fn a_channel_is_added_to_a_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = "7f".repeat(32);
    let org = format!("bank-a=SHA256:{root}");
    let create = ["channel", "create", "settlement", "--org", &org, "--rule", "simplex"];
    let made = said(folder.path(), &create);
    assert_eq!(made.code, 0, "{made:?}");
    let second = said(folder.path(), &["channel", "create", "other"]);
    assert_eq!(second.code, 0, "{second:?}");
    let text = std::fs::read_to_string(folder.path().join("channels.toml")).unwrap();
    let expected = format!(
        "[channel.settlement]\nrule = \"simplex\"\norganisations = {{ bank-a = \"SHA256:{root}\" }}\n\
         \n[channel.other]\n"
    );
    assert_eq!(text, expected);
    let again = said(folder.path(), &create);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("channels.toml has a channel settlement"), "{again:?}");
    let bad = said(folder.path(), &["channel", "create", "third", "--org", "bank-a=SHA256:12"]);
    assert_eq!(bad.code, 2);
    assert!(bad.stderr.contains("a fingerprint is SHA256: and 64 hex digits"), "{bad:?}");
    let unchanged = std::fs::read_to_string(folder.path().join("channels.toml")).unwrap();
    assert_eq!(unchanged, text);
}
