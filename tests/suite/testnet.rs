//! `testnet init`: the homes it makes start with nothing but `run`, reach finality on every channel, and
//! it writes beside nothing else.

use serde_json::Value;
use std::path::Path;
use std::process::Child;
use std::time::Duration;
use tests::network::{Said, build_scores, clean, run};
use tests::ports::BasePort;
use tests::{eventually, http, process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_loopchain-under-test");
/// Five debug processes on a machine that is compiling besides.
const READY_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(30);

fn cli(folder: &Path, line: &str) -> Said {
    let words: Vec<_> = line.split_whitespace().collect();
    run(Path::new(PROGRAM), folder, &words)
}

fn ok(folder: &Path, line: &str) -> Said {
    let said = cli(folder, line);
    assert_eq!(said.code, 0, "{line}: {said:?}");
    said
}

/// Processes that end with the test.
struct Running(Vec<Child>);

impl Running {
    /// Exactly the commands that `testnet init` tells.
    fn start(folder: &Path, document: &Value) -> Self {
        let nodes = document["nodes"].as_array().unwrap();
        let commands = nodes.iter().map(|node| node["run"].as_str().unwrap());
        let children = commands.map(|line| {
            let mut command = process::tied(Path::new(PROGRAM));
            clean(&mut command);
            command.args(line.split_whitespace().skip(1)).current_dir(folder);
            process::start(command)
        });
        Self(children.collect())
    }

    fn stop(mut self) {
        for child in &mut self.0 {
            process::signal("INT", &[child.id()]);
            let status = process::ended(child, STOP_WITHIN).expect("it stops when asked");
            assert!(status.success(), "{status}");
        }
        self.0.clear();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

#[test]
fn four_peers_and_a_radiostation_from_their_homes_reach_finality_on_both_channels() {
    build_scores();
    let (place, port) = (tempfile::tempdir().unwrap(), BasePort::take());
    let folder = place.path();
    let made = ok(
        folder,
        &format!(
            "testnet init --peers 4 --orgs 4 --channels a,b --out net --base-port {} \
             --no-password --json",
            port.number
        ),
    )
    .json();
    assert_eq!(made["schema"], "loopchain.testnet-init.v1");
    assert_eq!(
        made["organisations"],
        serde_json::json!(["bank-a", "bank-b", "exchange", "registrar"])
    );
    assert_eq!(made["nodes"].as_array().unwrap().len(), 5);
    for channel in made["channels"].as_array().unwrap() {
        assert_eq!((&channel["validators"], &channel["tolerates"]), (&4.into(), &"1".into()));
    }
    a_root_of_an_organisation_signs_for_it_alone(folder);
    the_genesis_is_what_file_and_members_make(folder);

    let running = Running::start(folder, &made);
    let url = |peer: u16| format!("http://127.0.0.1:{}", port.rest(peer));
    for peer in 0..4 {
        for channel in ["a", "b"] {
            eventually(READY_WITHIN, "all validators are connected", || {
                let at = format!("{}/api/v2/channels/{channel}", url(peer));
                let answer = http::exchange("GET", &at, &[], None).ok()?;
                let all = answer.json()["validators"].as_array()?.clone();
                all.iter().all(|one| one["connected"] == true).then_some(())
            });
        }
    }
    for channel in ["a", "b"] {
        final_everywhere(folder, channel, &url);
    }
    let station = format!("http://127.0.0.1:{}/api/v1/peer/list?channel=a", port.number + 2 + 1900);
    let listed = http::exchange("GET", &station, &[], None).unwrap().json();
    assert_eq!(listed["data"]["registered_peer_count"], 4, "{listed}");
    running.stop();
}

/// A SCORE becomes active by approvals of three organisations, each with its own key, and a payment
/// is final at every peer.
fn final_everywhere(folder: &Path, channel: &str, url: &dyn Fn(u16) -> String) {
    let at = format!("-c {channel} --endpoint {}", url(0));
    let key = |org: &str, peer: u16| format!("--identity net/{org}/peer{peer}/pki/sign.key");
    eventually(READY_WITHIN, "the peer has looked into its plugin folder", || {
        ok(folder, &format!("score list {at}")).stdout.contains("token").then_some(())
    });
    let proposed = ok(
        folder,
        &format!(
            "score deploy token@0.1.0 --args {{\"supply\":\"5\"}} --propose --json {at} {}",
            key("bank-a", 0)
        ),
    )
    .json();
    let id = proposed["change"].as_str().unwrap();
    for (peer, org) in [(1, "bank-b"), (2, "exchange")] {
        ok(folder, &format!("score approve {id} {at} {}", key(org, peer)));
    }
    let operator = format!("--identity net/bank-a/operator/sign.key {at}");
    eventually(READY_WITHIN, "token is active", || {
        let said = cli(folder, &format!("query token.total_supply {at}"));
        (said.code == 0).then_some(())
    });
    let to = format!("hx{}", "11".repeat(20));
    let sent = cli(folder, &format!("tx send token transfer to={to} amount=0 --json {operator}"));
    let height = sent.json()["height"].as_u64().unwrap_or_else(|| panic!("{sent:?}"));
    for peer in 0..4 {
        eventually(READY_WITHIN, "every peer has the block", || {
            let at = format!("{}/api/v2/channels/{channel}", url(peer));
            let told = http::exchange("GET", &at, &[], None).ok()?.json();
            (told["height"].as_u64()? >= height).then_some(())
        });
    }
}

fn a_root_of_an_organisation_signs_for_it_alone(folder: &Path) {
    let check = |root: &str| {
        cli(
            folder,
            &format!("cert check net/bank-b/peer1/pki/sign.crt --root net/{root}/ca/root.crt"),
        )
    };
    assert_eq!(check("bank-b").code, 0);
    let wrong = check("bank-a");
    assert!(wrong.code == 7 && wrong.stdout.contains("LC4104"), "{wrong:?}");
    let listed = ok(folder, "ca list --dir net/exchange/ca --json").json();
    assert_eq!(listed["certificates"].as_array().unwrap().len(), 4);
    assert_eq!(listed["organisation"], "exchange");
}

/// Whoever gets the homes can make the genesis again from what is public.
fn the_genesis_is_what_file_and_members_make(folder: &Path) {
    let mut members = String::new();
    for (peer, org) in ["bank-a", "bank-b", "exchange", "registrar"].iter().enumerate() {
        members.push_str(&format!(
            " --member net/{org}/peer{peer}/pki/sign.crt --member net/{org}/operator/sign.crt"
        ));
    }
    let line = |members: &str| {
        format!(
            "channel genesis net/channels.toml --network net/network.toml \
             --out net/registrar/peer3/channels --plugins net/registrar/peer3/plugins --json{members}"
        )
    };
    let told = ok(folder, &line(&members)).json();
    for channel in told["channels"].as_array().unwrap() {
        assert_eq!(channel["was_there"], true);
    }
    let fewer = members.replace(" --member net/exchange/operator/sign.crt", "");
    let refused = cli(folder, &line(&fewer));
    assert_eq!((refused.code, refused.error().as_str()), (2, "LC1105"), "{refused:?}");
}

#[test]
fn what_cannot_be_a_network_is_refused_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    std::fs::create_dir(folder.join("full")).unwrap();
    std::fs::write(folder.join("full/mine"), "precious").unwrap();
    let cases = [
        ("--out full --no-password", "LC1105"),
        ("--out net --peers 2 --orgs 3 --no-password", "LC1105"),
        ("--out net --hosts 0.0.0.0 --no-password", "LC1105"),
        ("--out net --base-port 57000 --peers 64 --no-password", "LC1105"),
        ("--out net", "LC4123"),
    ];
    for (line, code) in cases {
        let refused = cli(folder, &format!("testnet init {line}"));
        assert_eq!((refused.code != 0, refused.error().as_str()), (true, code), "{line}");
    }
    assert!(!folder.join("net").exists());
    assert_eq!(std::fs::read_dir(folder.join("full")).unwrap().count(), 1);
}
