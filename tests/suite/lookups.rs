//! Many transactions in one request, the search, state with its proof, the network, and what is
//! said without a quorum: on real processes, over v2 and the command line.

use crate::sample;
use host_store::StateProof;
use host_types::hash::from_hex;
use host_types::{Hash32, ScoreName};
use serde_json::{Value, json};
use std::time::Duration;
use tests::network::CHANNEL;
use tests::wallet::Signed;
use tests::{Network, Wallet, eventually, http, process};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn what_was_sent_at_once_is_found_proved_and_refused_without_a_quorum() {
    let network = Network::up(sample());
    let wallet = Wallet::of(&network, "alice", CHANNEL);
    let sent = many_at_once(&network, &wallet);
    let hashes: Vec<_> = sent.iter().map(|one| one.id.as_str()).collect();
    found_on_every_peer(&network, &hashes);
    found_by_the_command_line(&network, &hashes);
    a_balance_is_proved(&network, &wallet);
    everybody_is_there(&network);
    without_a_quorum(&network, &wallet, &sent[0]);
}

fn path(below: &str) -> String {
    format!("/api/v2/channels/{CHANNEL}{below}")
}

fn transfer(network: &Network, wallet: &Wallet) -> Signed {
    let args = wallet.args(network, "token", "transfer", &json!({"to": "carol", "amount": "1"}));
    wallet.sign(&wallet.call("token", "transfer", args))
}

/// 25 transfers and a line that is none; sent again, each has the answer of what became of it.
fn many_at_once(network: &Network, wallet: &Wallet) -> Vec<Signed> {
    let sent: Vec<_> = (0..25).map(|_| transfer(network, wallet)).collect();
    let body: String = sent.iter().map(|one| format!("{}\n", one.json)).collect();
    let post = |body: &str| {
        let headers = [("Content-Type", "application/x-ndjson")];
        let url = network.url(1, &path("/transactions/bulk"));
        let answer = http::post_with(&url, &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        let line = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        answer.body.lines().map(line).collect::<Vec<_>>()
    };
    let told = post(&format!("{body}none\n"));
    assert_eq!(told.len(), 26);
    for (line, one) in told.iter().zip(&sent) {
        assert_eq!(line["hash"], one.id.as_str(), "{line}");
        assert_eq!(line["state"], "pending", "{line}");
    }
    assert_eq!(told[25]["error"]["code"], "LC7101");
    for one in &sent {
        let waited = network.cli(&["tx", "wait", &one.id]);
        assert_eq!(waited.code, 0, "{waited:?}");
    }
    let again = post(&body);
    assert!(again.iter().all(|line| line["state"] == "final"), "{again:?}");
    sent
}

/// All hashes that a search finds, over as many pages as it takes.
fn searched(network: &Network, peer: u16, query: &str) -> Vec<String> {
    let (mut hashes, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = network.get(peer, &path(&format!("/transactions?{query}{cursor}"))).json();
        let found = page["transactions"].as_array().unwrap_or_else(|| panic!("{page}"));
        hashes.extend(found.iter().map(|tx| tx["hash"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return hashes,
        }
    }
}

fn found_on_every_peer(network: &Network, hashes: &[&str]) {
    network.agreed(CHANNEL, WITHIN);
    let mut wanted: Vec<_> = hashes.iter().map(|hash| (*hash).to_owned()).collect();
    wanted.sort();
    for peer in 0..4 {
        for query in [
            "signer=alice&limit=7",
            "score=token&method=transfer&limit=100",
            "signer=alice&score=token",
        ] {
            let mut found = searched(network, peer, query);
            found.sort();
            assert_eq!(found, wanted, "{query}");
        }
        assert_eq!(searched(network, peer, "signer=carol"), [""; 0]);
        assert_eq!(searched(network, peer, "signer=alice&to=1"), [""; 0]);
        let all = searched(network, peer, "");
        assert!(all.len() > wanted.len(), "the channel's own transactions are found as well");
    }
}

fn found_by_the_command_line(network: &Network, hashes: &[&str]) {
    let listed = network.cli_json(&["tx", "list", "--signer", "alice", "--limit", "20"]);
    assert_eq!(listed["schema"], "loopchain.txs.v1");
    let first = listed["transactions"].as_array().unwrap();
    let cursor = listed["next_cursor"].as_str().unwrap();
    let rest = network.cli_json(&["tx", "list", "--signer", "alice", "--cursor", cursor]);
    let rest = rest["transactions"].as_array().unwrap();
    assert_eq!((first.len(), rest.len()), (20, hashes.len() - 20));
    let shown = network.cli(&["tx", "list", "--score", "token", "--limit", "2"]);
    assert_eq!(shown.stdout.lines().count(), 4, "{shown:?}");
    assert!(shown.stdout.contains("token.transfer"), "{shown:?}");
    let wrong = network.cli(&["tx", "list", "--method", "transfer"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let proved = network.cli_json(&["tx", "get", hashes[0], "--proof"]);
    assert_eq!(proved["proof"]["schema"], "loopchain.receipt.v1", "{proved}");
}

fn hash(value: &Value) -> Hash32 {
    Hash32::from_hex(value.as_str().unwrap()).unwrap()
}

fn proof(told: &Value) -> StateProof {
    let list = |name: &str| told["proof"][name].as_array().unwrap().clone();
    let score = |name: &Value| ScoreName::new(name.as_str().unwrap()).unwrap();
    StateProof {
        scores: list("scores")
            .iter()
            .map(|one| (score(&one["score"]), hash(&one["root"])))
            .collect(),
        siblings: list("siblings").iter().map(hash).collect(),
        bucket: list("bucket")
            .iter()
            .map(|one| (hash(&one["key_hash"]), hash(&one["value_hash"])))
            .collect(),
    }
}

/// The key as `docs/spec/score-sdk.md` says: the name of the field, a slash, the address.
fn a_balance_is_proved(network: &Network, wallet: &Wallet) {
    let carol = [&b"balances/"[..], &wallet.address("carol").as_bytes()[..]].concat();
    let hex: String = carol.iter().map(|byte| format!("{byte:02x}")).collect();
    let token = ScoreName::new("token").unwrap();
    let read = |query: &str| network.get(2, &path(&format!("/state/token/{hex}?{query}"))).json();
    let told = read("proof=true");
    assert_eq!(told["decoded"], 25, "{told}");
    let value = from_hex(told["value"].as_str().unwrap()).unwrap();
    let block = network.get(0, &path(&format!("/blocks/{}", told["height"]))).json();
    let root = hash(&block["state_root"]);
    assert!(proof(&told).verify(root, &token, &carol, Some(&value)), "{told}");
    assert!(!proof(&told).verify(root, &token, &carol, None));
    // Before the first transfer she had nothing, and after each block what it made of it.
    let before = read("at=1");
    assert_eq!((&before["value"], &before["height"]), (&Value::Null, &1.into()), "{before}");
    let mut held = 0;
    let last = told["height"].as_u64().unwrap();
    let step = usize::try_from(last / 8 + 1).unwrap();
    for height in (1..last).step_by(step).chain([last]) {
        let told = read(&format!("at={height}&proof=true"));
        let value = told["value"].as_str().map(|value| from_hex(value).unwrap());
        let now = told["decoded"].as_u64().unwrap_or(0);
        assert!(now >= held, "{told}");
        held = now;
        // Whose root it is, somebody says who believes the genesis alone.
        let file = network.folder().join("proof.json");
        let (file, at) = (file.to_str().unwrap(), height.to_string());
        let saved = network.cli(&["block", "verify", &at, "--out", file]);
        assert_eq!(saved.code, 0, "{saved:?}");
        let verified = network.cli_json(&["block", "verify", &at, "--proof", file]);
        assert_eq!((&verified["hash"], &verified["height"]), (&told["block_hash"], &height.into()));
        let root = hash(&verified["state_root"]);
        assert!(proof(&told).verify(root, &token, &carol, value.as_deref()), "{told}");
        let other = value.is_none().then_some(&[24, 25][..]);
        assert!(!proof(&told).verify(root, &token, &carol, other), "{told}");
    }
    assert_eq!(held, 25);
    let early = network.get(2, &path(&format!("/state/token/{hex}?at=99999999")));
    assert_eq!((early.status, early.code().as_str()), (404, "LC7104"), "{early:?}");
}

fn everybody_is_there(network: &Network) {
    let told = network.get(3, "/api/v2/network").json();
    assert_eq!(told["peers"], 4, "{told}");
    let channels = told["channels"].as_array().unwrap();
    assert!(channels.iter().all(|channel| channel["has_quorum"] == true), "{told}");
    let peers = network.get(3, "/api/v2/network/peers").json();
    let peers = peers["peers"].as_array().unwrap();
    assert!(peers.iter().all(|peer| peer["connected"] == true), "{peers:?}");
    assert_eq!(peers.iter().filter(|peer| peer["self"] == true).count(), 1);
}

fn without_a_quorum(network: &Network, wallet: &Wallet, known: &Signed) {
    for peer in ["peer2", "peer3"] {
        let home = network.data().join("peers").join(peer);
        std::fs::rename(&home, home.with_extension("away")).unwrap();
        process::signal("KILL", &[network.pid_of(peer)]);
    }
    let url = network.url(0, &path("/transactions"));
    let headers = [("Content-Type", "application/json")];
    let send = |one: &Signed| http::post_with(&url, &headers, one.json.to_string().as_bytes());
    let answer = eventually(WITHIN, "the peer says that there is no quorum", || {
        let answer = send(&transfer(network, wallet));
        (answer.status == 503).then_some(answer)
    });
    assert_eq!(answer.code(), "LC3201", "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("5"), "{answer:?}");
    assert_eq!(answer.json()["retryable"], true);
    let again = send(known);
    assert_eq!((again.status, &again.json()["state"]), (200, &"final".into()), "{again:?}");
    assert_eq!(network.get(0, &path("/blocks/latest")).status, 200, "reads go on");
    let told = network.get(0, "/api/v2/network").json();
    assert_eq!(told["channels"][0]["has_quorum"], false, "{told}");
}
