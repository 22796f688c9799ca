//! What peers refuse over REST: one code for each mistake, and nothing half done.

use crate::{NETWORK, sample};
use serde_json::{Value, json};
use tests::network::CHANNEL;
use tests::wallet::{Signed, envelope, now_us};
use tests::{Answer, Network, Wallet, http};

/// `host_types::BlockTime` of microseconds.
fn at(us: u64) -> host_types::BlockTime {
    host_types::BlockTime::new(us)
}

fn transfer(network: &Network, wallet: &Wallet) -> host_types::Transaction {
    let args = wallet.args(network, "token", "transfer", &json!({"to": "carol", "amount": "1"}));
    wallet.call("token", "transfer", args)
}

fn transactions(network: &Network, channel: &str) -> String {
    network.url(0, &format!("/api/v2/channels/{channel}/transactions"))
}

/// A problem document of RFC 9457 with this status and code.
#[track_caller]
fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let json = answer.json();
    assert_eq!(json["request_id"].as_str(), answer.header("x-request-id"));
    assert!(json["detail"].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
}

fn sends(network: &Network, signed: &Signed) -> Answer {
    signed.send(network, 0, CHANNEL)
}

/// Neither pending nor final anywhere.
fn is_nowhere(network: &Network, signed: &Signed) {
    for peer in 0..4 {
        let path = format!("/api/v2/channels/{CHANNEL}/transactions/{}", signed.id);
        let answer = network.get(peer, &path);
        let is_unknown = answer.status == 404 && answer.code() == "LC7104";
        assert!(is_unknown || answer.json()["state"] == "rejected", "peer{peer}: {answer:?}");
    }
}

#[test]
fn a_wrong_signature_is_refused() {
    let network = NETWORK.lease(sample);
    let wallet = Wallet::of(&network, "alice", CHANNEL);
    let transaction = transfer(&network, &wallet);
    let by_nobody = envelope(&transaction, &[7; 64]);
    is_problem(&sends(&network, &by_nobody), 403, "LC2103");
    is_nowhere(&network, &by_nobody);
    // Bob signs what names alice's certificate.
    let mut of_alice = transaction;
    of_alice.nonce ^= 1;
    let by_bob = Wallet::of(&network, "bob", CHANNEL).sign(&of_alice);
    is_problem(&sends(&network, &by_bob), 403, "LC2103");
    is_nowhere(&network, &by_bob);
    let mut stranger = of_alice;
    stranger.signer = host_types::ids::CertificateId::new(host_types::Hash32::sha256(b"nobody"));
    is_problem(&sends(&network, &wallet.sign(&stranger)), 403, "LC4101");
}

#[test]
fn the_same_bytes_get_the_same_answer_and_are_done_once() {
    let network = NETWORK.lease(sample);
    let wallet = Wallet::of(&network, "alice", CHANNEL);
    let signed = wallet.sign(&transfer(&network, &wallet));
    let first = sends(&network, &signed);
    assert_eq!((first.status, &first.json()["state"]), (200, &"final".into()), "{first:?}");
    for _ in 0..2 {
        let again = signed.send(&network, 0, CHANNEL);
        assert_eq!((again.status, again.json()), (200, first.json()), "the same peer");
    }
    // Each peer has a proof of its own: any three of the four may have signed it.
    let without_voters = |answer: &Answer| {
        let mut json = answer.json();
        json.as_object_mut().unwrap().remove("voters").unwrap();
        json
    };
    let again = signed.send(&network, 3, CHANNEL);
    assert_eq!((again.status, without_voters(&again)), (200, without_voters(&first)), "peer3");
    let url = transactions(&network, CHANNEL);
    let again = http::post_with(&url, &[("Content-Type", "application/cbor")], &signed.cbor);
    assert_eq!((again.status, again.json()), (200, first.json()), "as CBOR");
    let height = first.json()["height"].as_u64().unwrap();
    let block = network.get(1, &format!("/api/v2/channels/{CHANNEL}/blocks/{height}")).json();
    let times = |block: &Value| {
        let all = block["transactions"].as_array().unwrap();
        all.iter().filter(|tx| tx["hash"] == signed.id.as_str()).count()
    };
    assert_eq!(times(&block), 1);
}

#[test]
fn an_expiry_must_lie_ahead_but_not_far() {
    let network = NETWORK.lease(sample);
    let wallet = Wallet::of(&network, "alice", CHANNEL);
    let mut transaction = transfer(&network, &wallet);
    transaction.expiry = at(now_us() - 1_000_000);
    let expired = wallet.sign(&transaction);
    is_problem(&sends(&network, &expired), 409, "LC2104");
    is_nowhere(&network, &expired);
    transaction.expiry = at(now_us() + 3_600_000_000);
    let far = wallet.sign(&transaction);
    is_problem(&sends(&network, &far), 400, "LC2110");
    is_nowhere(&network, &far);
}

#[test]
fn a_transaction_is_for_one_channel_of_one_network() {
    let network = NETWORK.lease(sample);
    let wallet = Wallet::of(&network, "alice", CHANNEL);
    let signed = wallet.sign(&transfer(&network, &wallet));
    let elsewhere = signed.send(&network, 0, "loopchain_default");
    is_problem(&elsewhere, 409, "LC2109");
    let mut other = transfer(&network, &wallet);
    other.genesis = host_types::ids::GenesisHash::from_hex(&"ab".repeat(32)).unwrap();
    let other = wallet.sign(&other);
    is_problem(&sends(&network, &other), 409, "LC2109");
    is_nowhere(&network, &other);
    is_problem(&signed.send(&network, 0, "nosuch"), 404, "LC3205");
}

#[test]
fn an_oversized_body_is_refused_with_the_limit() {
    let network = NETWORK.lease(sample);
    let url = transactions(&network, CHANNEL);
    let json = [("Content-Type", "application/json")];
    let large = format!("{{\"transaction\": \"{}\"}}", "A".repeat(300 * 1024));
    is_problem(&http::post_with(&url, &json, large.as_bytes()), 413, "LC7113");
    let cbor = [("Content-Type", "application/cbor")];
    is_problem(&http::post_with(&url, &cbor, &vec![0; 300 * 1024]), 413, "LC7113");
    let v1 = http::post(&network.url(0, "/api/v1/transactions"), &large);
    assert_eq!((v1.status, v1.json()["message"].is_string()), (413, true), "{v1:?}");
    // One that fits the body but not a transaction: a long byte string where 64 bytes belong.
    let mut long = vec![0x82, 0x80, 0x5a, 0, 1, 0x11, 0x70];
    long.resize(70_007, 0);
    let answer = http::post_with(&url, &cbor, &long);
    assert!(["LC2101", "LC2102"].contains(&answer.code().as_str()), "{answer:?}");
    let huge = http::exchange(
        "GET",
        &network.url(0, "/api/v1/blocks"),
        &[("X", &"y".repeat(20_000))],
        None,
    );
    assert!(huge.is_ok_and(|answer| answer.status == 431), "headers have a limit");
}

#[test]
fn malformed_json_and_cbor_have_codes() {
    let network = NETWORK.lease(sample);
    let url = transactions(&network, CHANNEL);
    let json = [("Content-Type", "application/json")];
    let (wallet, v1) =
        (Wallet::of(&network, "alice", CHANNEL), network.url(0, "/api/v1/transactions"));
    let signed = wallet.sign(&transfer(&network, &wallet));
    let twice = format!("{{\"signature\": \"\", {}", &signed.json.to_string()[1..]);
    let cases: [(&str, u16, &str); 6] = [
        ("{bad", 400, "LC7101"),
        ("", 400, "LC7101"),
        (&twice, 400, "LC7101"),
        ("[]", 400, "LC7106"),
        (r#"{"transaction": "!", "signature": ""}"#, 400, "LC7106"),
        (r#"{"transaction": "", "signature": "", "more": 1}"#, 400, "LC7106"),
    ];
    for (body, status, code) in cases {
        is_problem(&http::post_with(&url, &json, body.as_bytes()), status, code);
    }
    is_problem(&http::post_with(&url, &[("Content-Type", "text/plain")], b"{}"), 415, "LC7102");
    let cbor = [("Content-Type", "application/cbor")];
    let mut longer = signed.cbor.clone();
    longer.push(0);
    for body in [&b"\xff"[..], b"", b"\x80", &signed.cbor[..40], &longer] {
        is_problem(&http::post_with(&url, &cbor, body), 400, "LC2101");
    }
    let bad = http::post_with(&v1, &json, b"{bad");
    assert_eq!(bad.status, 400, "{bad:?}");
    assert!(
        bad.body.starts_with("{\"message\": \"The browser (or proxy) sent a request"),
        "{bad:?}"
    );
    assert_eq!(http::post_with(&v1, &[("Content-Type", "text/plain")], b"x").status, 415);
    is_nowhere(&network, &signed);
}

#[test]
fn unknown_scores_methods_and_arguments_have_codes() {
    let network = NETWORK.lease(sample);
    let wallet = Wallet::of(&network, "alice", CHANNEL);
    // Such a transaction is well signed: it is refused by the channel itself, and its receipt says so.
    let empty = vec![0x80];
    let right = wallet.args(&network, "token", "transfer", &json!({"to": "carol", "amount": "1"}));
    let cases = [
        ("nosuch", "transfer", right.clone(), 2106),
        ("token", "nosuch", right, 2108),
        ("token", "transfer", empty, 2107),
    ];
    for (score, method, args, code) in cases {
        let signed = wallet.sign(&wallet.call(score, method, args));
        let answer = sends(&network, &signed);
        if answer.status == 200 {
            let receipt = answer.json()["receipt"].clone();
            assert_eq!(
                (&receipt["status"], &receipt["code"]),
                (&"refused".into(), &code.into()),
                "{answer:?}"
            );
        } else {
            assert_eq!(answer.code(), format!("LC{code}"), "{answer:?}");
        }
    }
    let query = |score: &str, body: &str| {
        network.post(0, &format!("/api/v2/channels/{CHANNEL}/scores/{score}/query"), body)
    };
    let asked = |method: &str, args: Value| json!({"method": method, "args": args}).to_string();
    is_problem(&query("nosuch", &asked("balance_of", json!({}))), 404, "LC2106");
    is_problem(&query("token", &asked("nosuch", json!({}))), 404, "LC2108");
    is_problem(&query("token", &asked("balance_of", json!({"whom": "bob"}))), 400, "LC2107");
    is_problem(&query("token", &asked("balance_of", json!({"who": 5}))), 400, "LC2107");
    is_problem(&query("token", "{}"), 400, "LC7106");
}

#[test]
fn v1_refuses_with_the_old_codes() {
    let network = NETWORK.lease(sample);
    let cases = [
        (r#"{"channel": "nosuch", "data": "x"}"#, "-12", "fail invalid peer target for channel"),
        ("[1, 2]", "-6", "fail validate params"),
        (r#"{"channel": 5}"#, "-6", "fail validate params"),
        (r#"{"channel": "demo", "method": "nosuch", "params": {}}"#, "-6", "fail validate params"),
        (
            r#"{"channel": "demo", "method": "transfer", "params": {"too": "bob"}}"#,
            "-6",
            "fail validate params",
        ),
    ];
    let before = network.height(0, CHANNEL);
    for (body, code, info) in cases {
        let answer = network.post(0, "/api/v1/transactions", body);
        let expected = format!(
            "{{\"response_code\": \"{code}\", \"tx_hash\": \"\", \"more_info\": \"{info}\"}}\n"
        );
        assert_eq!((answer.status, answer.body), (200, expected), "{body}");
    }
    assert!(network.height(0, CHANNEL) >= before);
    for (path, status) in [("/api/v1/nosuch", 404), ("/nosuch", 404)] {
        assert_eq!(network.get(0, path).status, status, "{path}");
    }
    let put = http::exchange("PUT", &network.url(0, "/api/v1/blocks"), &[], Some(b"")).unwrap();
    assert_eq!((put.status, put.json()["message"].is_string()), (405, true), "{put:?}");
    is_problem(&network.get(0, "/api/v2/nosuch"), 404, "LC7104");
    let bad = network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/x"));
    is_problem(&bad, 400, "LC7106");
    let none = network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/999999999"));
    is_problem(&none, 404, "LC7104");
}
