//! Keys outlive certificates: every certificate of a network runs out while transactions flow, and
//! the network goes on. What an expired one still does and what not, renewal without a restart.

use crate::grants::Asking;
use crate::sample;
use host_identity::authority::{Authority, Validity};
use host_identity::{Certificate, Revoked, Role, SigningKey, bundle, keyfile};
use host_types::{BlockTime, NodeName};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::load::Writers;
use tests::network::CHANNEL;
use tests::stream::Stream;
use tests::{Network, chain, eventually, process};

/// How long the certificates last: a network of debug processes is up well before.
const LAST: &str = "75s";
/// Until they have run out and every peer has noticed.
const OVER_WITHIN: Duration = Duration::from_secs(120);
/// A command, a restart, a block.
const SOON: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(20);

fn certificate_states(network: &Network, peer: u16) -> Option<Vec<String>> {
    let answer = network.get(peer, "/api/v2/channels").json();
    let all = answer["node"]["certificates"].as_array()?.clone();
    all.iter().map(|one| one["state"].as_str().map(str::to_owned)).collect()
}

/// A certificate of the dev CA for the key in a file, in the place of the one beside it.
fn issue(network: &Network, key: &Path, who: &str, role: Role, validity: Validity) -> Certificate {
    let authority = Authority::load(&network.data().join("pki/ca"), None).unwrap();
    let public = keyfile::load(key).unwrap().public();
    let name = NodeName::new(who).unwrap();
    let issued = authority.issue_signing(&name, role, None, &public, validity).unwrap();
    keyfile::save_certificate(&key.with_extension("crt"), &issued.der).unwrap();
    issued
}

fn send(network: &Network, who: &str) -> tests::network::Said {
    network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=1", "--identity", who])
}

fn register(network: &Network, identity: &str) {
    let document = network.cli_json(&["cert", "register", "--identity", identity]);
    assert_eq!(document["channel"], CHANNEL);
}

#[test]
fn a_network_whose_certificates_have_all_run_out_goes_on() {
    let network = Network::up(sample().with("--certificates-last").with(LAST));
    let writers = Writers::start(&network);
    eventually(OVER_WITHIN, "all certificates have run out", || {
        let states: Option<Vec<_>> =
            (0..4).map(|peer| certificate_states(&network, peer)).collect();
        states?.iter().flatten().all(|state| state == "expired").then_some(())
    });
    eventually(SOON, "an expired client is refused", || {
        let said = send(&network, "alice");
        (said.code == 4 && said.stderr.contains("LC4102")).then_some(())
    });
    let acknowledged = writers.stop();
    assert!(acknowledged.iter().all(|by_peer| !by_peer.is_empty()));
    let status = network.cli(&["status"]);
    assert_eq!(status.stdout.matches("LC4203").count(), 8, "{status:?}");

    new_subjects_need_a_certificate_that_is_valid(&network);
    let renewed = network.data().join("keys/alice.key");
    issue(&network, &renewed, "bank-a/alice", Role::Client, Validity::days_from_now(90));
    register(&network, "alice");
    let before = network.height(0, CHANNEL).unwrap();
    assert_eq!(send(&network, "alice").code, 0, "expired validators vote for a renewed client");
    assert!(network.height(0, CHANNEL).unwrap() > before);

    a_killed_peer_comes_back(&network);
    a_node_takes_its_renewed_certificates(&network);
    what_is_taken_back_is_refused_everywhere(&network);
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    chain::holds_once(&chain::of_all(&network, CHANNEL, height), &acknowledged.concat());
}

fn new_subjects_need_a_certificate_that_is_valid(network: &Network) {
    let key: PathBuf = network.folder().join("mallory.key");
    keyfile::save(&key, &SigningKey::generate().unwrap()).unwrap();
    let now = Validity::days_from_now(0);
    let over = Validity { not_after: BlockTime::new(now.not_before.get() + 1_000_000), ..now };
    issue(network, &key, "bank-a/mallory", Role::Client, over);
    let path = key.display().to_string();
    let said = network.cli(&["cert", "register", "--identity", &path]);
    assert!(said.code == 4 && said.stderr.contains("LC4102"), "{said:?}");
    issue(network, &key, "bank-a/mallory", Role::Client, Validity::days_from_now(1));
    register(network, &path);
}

/// Its TLS certificate has run out, and so has everybody's that it meets.
fn a_killed_peer_comes_back(network: &Network) {
    let killed = network.pid_of("peer1");
    process::signal("KILL", &[killed]);
    network.said_line("peer1 runs again", SOON);
    assert_eq!(send(network, "alice").code, 0);
    let now = network.height(0, CHANNEL).unwrap();
    eventually(SOON, "it has what came meanwhile", || {
        (network.height(1, CHANNEL)? >= now).then_some(())
    });
    eventually(SOON, "it votes", || {
        assert_eq!(send(network, "alice").code, 0);
        let url = format!("/api/v2/channels/{CHANNEL}/blocks/latest");
        let block = network.get(0, &url).json();
        let signers = block["proof"]["signers"].as_array()?.clone();
        signers.iter().any(|signer| signer["name"] == "bank-b/peer1").then_some(())
    });
}

fn a_node_takes_its_renewed_certificates(network: &Network) {
    let pki = network.data().join("peers/peer2/pki");
    let name = NodeName::new("exchange/peer2").unwrap();
    let authority = Authority::load(&network.data().join("pki/ca"), None).unwrap();
    let long = Validity::days_from_now(90);
    authority.issue_tls(&name, Role::Validator, &[], long).unwrap().save(&pki).unwrap();
    let key = pki.join("sign.key");
    issue(network, &key, "exchange/peer2", Role::Validator, long);
    eventually(SOON, "peer2 tells of its new certificates", || {
        (certificate_states(network, 2)? == ["valid", "valid"]).then_some(())
    });
    let path = key.display().to_string();
    register(network, &path);
}

/// On a list: alice, by the dev CA; on the channel: from the next block on, at every peer.
fn what_is_taken_back_is_refused_everywhere(network: &Network) {
    let authority = Authority::load(&network.data().join("pki/ca"), None).unwrap();
    let der = keyfile::load_certificate(&network.data().join("keys/alice.crt")).unwrap();
    let serial = Certificate::parse(&der).unwrap().serial;
    let now = Validity::days_from_now(0).not_after;
    let crl = authority.issue_crl(1, now, &[Revoked { serial, at: now }]).unwrap();
    let file = network.folder().join("crl.pem");
    let text = bundle::write(&[bundle::Block::new(bundle::CRL, crl)]).unwrap();
    std::fs::write(&file, text).unwrap();
    // The keys of validators are there, and all but peer2's have certificates that ran out.
    for (peer, org) in ["bank-a", "bank-b", "exchange", "registrar"].into_iter().enumerate() {
        let key = network.data().join(format!("peers/peer{peer}/pki/sign.key"));
        let who = format!("{org}/peer{peer}");
        issue(network, &key, &who, Role::Validator, Validity::days_from_now(90));
        register(network, &key.display().to_string());
    }
    // What she opened while she counted is over as well.
    let (asking, target) =
        (Asking::of(network, "alice"), "/api/v2/channels/demo/events?types=block&from=0");
    let signed = format!("Loopchain-Read: {}\r\n", asking.header(asking.request(target, 30)));
    let mut stream = Stream::open_with(&network.url(0, target), &signed);
    assert!(stream.next_frame().is_some());
    let file = file.display().to_string();
    let document = network.cli_json(&["cert", "revoke", &file]);
    assert_eq!(document["status"], "done");
    let last = std::iter::from_fn(|| stream.next_frame()).last().unwrap();
    assert!(last.contains("event: end") && last.contains("LC4103"), "{last}");
    for peer in 0..4 {
        let url = network.url(peer, "");
        let said = eventually(SOON, "alice is refused", || {
            let said = network.cli(&[
                "tx",
                "send",
                "token",
                "transfer",
                "to=bob",
                "amount=1",
                "--endpoint",
                &url,
            ]);
            (said.code == 4).then_some(said)
        });
        assert!(said.stderr.contains("LC4105"), "{said:?}");
    }
    let again = network.cli(&["cert", "revoke", &file]);
    assert!(again.code == 4 && again.stderr.contains("does not follow"), "{again:?}");
}
