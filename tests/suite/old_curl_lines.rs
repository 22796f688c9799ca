//! The curl lines of the old edition's README against a network of ours: exact bodies, key order and
//! types of `docs/spec/rest.md`.

use crate::{sample, shape};
use std::time::Duration;
use tests::network::{CHANNEL, Shared, V1_CHANNEL};
use tests::{Lease, Network, eventually, http};

/// These tests count blocks of the default channel, so nobody else may write to it.
static OWN: Shared = Shared::new();

fn network() -> Lease {
    OWN.lease(sample)
}

const BLOCK: &str = concat!(
    r#""block_data_json": {"prev_block_hash": "<hex>", "merkle_tree_root_hash": "<hex>", "#,
    r#""time_stamp": "<int>", "height": "<int>", "peer_id": "<uuid>"}"#
);

/// Where the registered peers listen, in the order in which they joined.
fn targets(list: &serde_json::Value) -> Vec<String> {
    let records = list["data"]["registered_peer_list"].as_array().unwrap();
    records.iter().map(|record| record["target"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn peer_list_tells_four_connected_peers() {
    let network = network();
    let answer = eventually(Duration::from_secs(10), "four peers are connected", || {
        let answer = http::get(&network.station("/api/v1/peer/list"));
        answer.body.contains("\"connected_peer_count\": 4").then_some(answer)
    });
    // They join side by side, so any of them may be the first.
    let targets = targets(&answer.json());
    let record = |(place, target): (usize, &String), is_leader: &str| {
        format!(
            concat!(
                r#"{{"order": {}, "peer_id": "<uuid>", "group_id": "<uuid>", "target": "{}", "#,
                r#""cert": "<base64>", "status_update_time": "<time>", "status": 1{}}}"#
            ),
            place + 1,
            target,
            is_leader
        )
    };
    let peers: Vec<_> =
        targets.iter().enumerate().map(|p| record(p, r#", "peer_type": <int>"#)).collect();
    let peers = peers.join(", ");
    let pattern = format!(
        concat!(
            r#"{{"response_code": 0, "data": {{"registered_peer_count": 4, "#,
            r#""connected_peer_count": 4, "registered_peer_list": [{}], "#,
            r#""connected_peer_list": [{}]}}}}"#,
            "\n"
        ),
        peers, peers
    );
    let mut all = targets;
    all.sort();
    let expected = (0..4).map(|peer| format!("127.0.0.1:{}", network.base_port() + peer * 100));
    assert_eq!(all, expected.collect::<Vec<_>>());
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    shape::is(&answer.body, &pattern);
}

#[test]
fn the_radiostation_asks_a_peer_for_its_status() {
    let network = network();
    let list = http::get(&network.station("/api/v1/peer/list")).json();
    let target = format!("127.0.0.1:{}", network.base_port() + 100);
    let place = targets(&list).iter().position(|other| *other == target).unwrap();
    let id = list["data"]["registered_peer_list"][place]["peer_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/peer/status?peer_id={id}&group_id={id}");
    let body = http::get(&network.station(&path)).body;
    shape::is(&body, &status_pattern(network.base_port() + 100));
    let missing = http::get(&network.station("/api/v1/peer/status")).body;
    let expected = concat!(
        r#"{"response_code": -6, "message": "fail validate params. "#,
        r#"You must throw all of parameters : peer_id, group_id"}"#,
        "\n"
    );
    assert_eq!(missing, expected);
}

fn status_pattern(port: u16) -> String {
    format!(
        concat!(
            r#"{{"made_block_count": <int>, "status": "Service is online: <int>", "#,
            r#""peer_type": "<int>", "audience_count": "0", "consensus": "lft", "#,
            r#""peer_id": "<uuid>", "block_height": <int>, "total_tx": <int>, "#,
            r#""peer_target": "127.0.0.1:{}", "leader_complaint": <int>}}"#,
            "\n"
        ),
        port
    )
}

#[test]
fn status_of_peers_has_the_old_keys_in_the_old_order() {
    let network = network();
    for peer in [0, 1] {
        let answer = network.get(peer, "/api/v1/status/peer");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        shape::is(&answer.body, &status_pattern(network.base_port() + peer * 100));
    }
    let unknown = network.get(0, "/api/v1/status/peer?channel=nosuch").body;
    let pattern = format!(
        concat!(
            r#"{{"status": "Service is online: 2", "peer_type": "2", "audience_count": "0", "#,
            r#""consensus": "none", "peer_id": "<uuid>", "block_height": 0, "total_tx": 0, "#,
            r#""peer_target": "127.0.0.1:{}", "leader_complaint": 0}}"#,
            "\n"
        ),
        network.base_port()
    );
    shape::is(&unknown, &pattern);
    let score = network.get(0, "/api/v1/status/score").body;
    let pattern = concat!(
        r#"{"id": "notary", "version": "<hex>", "all_version": ["<hex>"], "status": 0}"#,
        "\n"
    );
    shape::is(&score, pattern);
}

/// Height and hash of the last block of the default channel, as v1 tells them.
fn last(network: &Network, peer: u16) -> (u64, String) {
    let body = network.get(peer, "/api/v1/blocks").body;
    let pattern = format!(r#"{{"response_code": 0, "block_hash": "<hex>", {BLOCK}}}{}"#, "\n");
    let found = shape::captures(&body, &pattern);
    (found[4].parse().unwrap(), found[0].clone())
}

/// All v1 writes stand in this one test: it counts blocks.
#[test]
fn a_posted_hello_makes_one_block_that_every_peer_shows() {
    let network = network();
    let (before, parent) = last(&network, 0);
    let answer = network.post(0, "/api/v1/transactions", r#"{"data":"hello"}"#);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let pattern = concat!(r#"{"response_code": "0", "tx_hash": "<hex>", "more_info": ""}"#, "\n");
    let id = shape::captures(&answer.body, pattern).remove(0);
    let result = format!("/api/v1/transactions/result?hash={id}");
    let committed = concat!(
        r#"{"response_code": "0", "response": {"code": 0, "jsonrpc": "2.0", "#,
        r#""status": "committed"}}"#,
        "\n"
    );
    let pending = concat!(
        r#"{"response_code": "0", "response": {"code": 2, "jsonrpc": "2.0", "#,
        r#""status": "pending"}}"#,
        "\n"
    );
    for peer in 0..4 {
        eventually(Duration::from_secs(10), "the result is there", || {
            let body = network.get(peer, &result).body;
            let unknown = pending.replace("pending", "unknown");
            assert!([committed, pending, &unknown].contains(&body.as_str()), "{body}");
            (body == committed).then_some(())
        });
    }
    let tips: Vec<_> = (0..4).map(|peer| last(&network, peer)).collect();
    assert!(tips.iter().all(|tip| *tip == tips[0]), "all peers show the same block: {tips:?}");
    let (height, hash) = tips[0].clone();
    assert_eq!(height, before + 1, "one transaction makes one block");

    let found = network.get(1, &format!("/api/v1/transactions?hash={id}")).body;
    let pattern = concat!(
        r#"{"response_code": 0, "data": {"data": "hello"}, "meta": {"peer_id": "<uuid>", "#,
        r#""score_id": "notary", "score_version": "<hex>", "#,
        r#""channel_name": "loopchain_default"}, "more_info": "success", "#,
        r#""signature": "<base64>", "public_key": "<base64>"}"#,
        "\n"
    );
    shape::is(&found, pattern);
    let block = network.get(2, &format!("/api/v1/blocks?hash={hash}")).body;
    let pattern = format!(
        concat!(
            r#"{{"block_hash": "{}", {}, "tx_data_json": [{{"tx_hash": "{}", "#,
            r#""timestamp": <int>, "data_string": "{{\"data\": \"hello\"}}", "#,
            r#""peer_id": "<uuid>"}}]}}"#,
            "\n"
        ),
        hash, BLOCK, id
    );
    let found = shape::captures(&block, &pattern);
    assert_eq!((&found[0], &found[3]), (&parent, &height.to_string()));
    the_default_channel_can_be_named(&network);
}

fn the_default_channel_can_be_named(network: &Network) {
    let body = format!(r#"{{"channel": "{V1_CHANNEL}", "data": "named"}}"#);
    let answer = network.post(3, "/api/v1/transactions", &body);
    assert_eq!(answer.json()["response_code"], "0", "{answer:?}");
}

#[test]
fn genesis_has_empty_texts_and_no_list_of_transactions() {
    let network = network();
    let genesis = network.get(0, &format!("/api/v2/channels/{V1_CHANNEL}/blocks/0")).json();
    let hash = genesis["hash"].as_str().unwrap();
    let body = network.get(0, &format!("/api/v1/blocks?hash={hash}")).body;
    let expected = format!(
        concat!(
            r#"{{"block_hash": "{}", "block_data_json": {{"prev_block_hash": "", "#,
            r#""merkle_tree_root_hash": "", "time_stamp": "0", "height": "0", "#,
            r#""peer_id": ""}}, "tx_data_json": ""}}"#,
            "\n"
        ),
        hash
    );
    assert_eq!(body, expected);
}

#[test]
fn a_query_is_answered_with_itself_as_the_old_default_score_did() {
    let network = network();
    let asked = r#"{"jsonrpc":"2.0","method":"get_user_contracts","id":"11233","params":{"user_id":"jinho"}}"#;
    let answer = network.post(1, "/api/v1/query", asked);
    let expected = concat!(
        r#"{"response_code": "0", "response": {"jsonrpc": "2.0", "method": "get_user_contracts", "#,
        r#""id": "11233", "params": {"user_id": "jinho"}}}"#,
        "\n"
    );
    assert_eq!((answer.status, answer.body.as_str()), (200, expected));
}

#[test]
fn what_is_not_there_has_the_recorded_answers() {
    let network = network();
    let lines = [
        (
            "/api/v1/transactions?hash=0000",
            r#"{"response_code": -1, "data": "", "meta": "", "more_info": "fail", "signature": "", "public_key": ""}"#,
        ),
        ("/api/v1/transactions", r#"{"response_code": -6, "message": "fail validate params"}"#),
        (
            "/api/v1/transactions/result?hash=0000",
            r#"{"response_code": "0", "response": {"code": 2, "jsonrpc": "2.0", "status": "unknown"}}"#,
        ),
        ("/api/v1/transactions/result", r#"{"response_code": "-6", "response": ""}"#),
        (
            "/api/v1/blocks?hash=deadbeef",
            r#"{"response_code": -4, "message": "fail wrong block hash"}"#,
        ),
        (
            "/api/v1/blocks?channel=nosuch",
            r#"{"response_code": -12, "message": "fail invalid peer target for channel"}"#,
        ),
    ];
    for (path, expected) in lines {
        let answer = network.get(0, path);
        assert_eq!((answer.status, answer.body), (200, format!("{expected}\n")), "{path}");
    }
    // A channel of the network is not the default one, but can be asked for by name.
    assert_eq!(network.get(0, &format!("/api/v1/blocks?channel={CHANNEL}")).status, 200);
}
