//! v2: search, state, many transactions at once, the network, CBOR, rates.

use crate::chain;
use crate::fake::{Answer, Node, ask, get, peer_router, peer_with};
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_rpc::gateway::Gateway;
use host_rpc::lookups::TxPosition;
use host_types::{Code, Encode, Height, Rejection, SignedTransaction};
use host_web::gate::ClientAddress;
use host_web::rate::RateLimit;
use host_web::{RestConfig, peer_pages};
use http_body_util::BodyExt;
use std::net::IpAddr;
use std::sync::Arc;

const CHANNEL: &str = "/api/v2/channels/channel1";

#[tokio::test]
async fn transactions_are_looked_for_and_a_cursor_asks_for_the_next_page() {
    let node = Arc::new(Node::default());
    let router = peer_with(Arc::clone(&node));
    let path = format!("{CHANNEL}/transactions?score=token&method=transfer&from=1&to=9&limit=1");
    let json = get(&router, &path).await.json();
    assert_eq!(
        (&json["schema"], &json["channel"]),
        (&"loopchain.txs.v1".into(), &"channel1".into())
    );
    assert_eq!(json["next_cursor"], "2.1");
    let one = &json["transactions"][0];
    assert_eq!((&one["height"], &one["index"]), (&2.into(), &1.into()));
    assert_eq!((&one["score"], &one["method"]), (&"token".into(), &"transfer".into()));
    assert_eq!((&one["status"], &one["code"]), (&"ok".into(), &0.into()));
    assert_eq!(one["time"], "2026-11-22T07:52:59.294213Z");
    let asked = node.searched.lock().unwrap().take().unwrap();
    assert_eq!((asked.from, asked.to, asked.limit), (Height::new(1), Height::new(9), 1));
    assert_eq!((asked.method.as_deref(), asked.before), (Some("transfer"), None));
    get(&router, &format!("{CHANNEL}/transactions?cursor=2.1&signer=alice")).await;
    let asked = node.searched.lock().unwrap().take().unwrap();
    let place = TxPosition { height: Height::new(2), index: 1 };
    assert_eq!((asked.before, asked.limit), (Some(place), 20));
    let alice = chain::member("bank-a/alice", [1; 32]);
    assert_eq!(asked.signer, Some(alice.certificate));
    for signer in [alice.address.to_string(), alice.certificate.to_string()] {
        get(&router, &format!("{CHANNEL}/transactions?signer={signer}")).await;
        let asked = node.searched.lock().unwrap().take().unwrap();
        assert_eq!(asked.signer, Some(alice.certificate));
    }
}

#[tokio::test]
async fn a_search_of_another_form_is_refused_with_what_is_wrong() {
    for (query, wrong) in [
        ("score=NO", "`score` is the name of a SCORE"),
        ("method=transfer", "`method` is looked for together with its `score`"),
        ("score=token&method=", "`method` is the name of a method"),
        ("from=x", "`from` is a height"),
        ("to=-1", "`to` is a height"),
        ("cursor=3", "`cursor` is what `next_cursor` told"),
        ("cursor=3.4.5", "`cursor` is what `next_cursor` told"),
        ("limit=0", "`limit` is a number from 1 to 100"),
        ("limit=101", "`limit` is a number from 1 to 100"),
        ("signer=nobody", "nobody of channel1 is called `nobody`"),
    ] {
        let answer = get(&peer_router(), &format!("{CHANNEL}/transactions?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        let json = answer.json();
        assert_eq!(json["code"], "LC7106", "{query}");
        assert!(json["detail"].as_str().unwrap().contains(wrong), "{query}: {json}");
    }
    let closed = get(&peer_router(), "/api/v2/channels/closed/transactions").await;
    assert_eq!((closed.status.as_u16(), &closed.json()["code"]), (403, &"LC4103".into()));
}

#[tokio::test]
async fn a_key_of_the_state_is_shown_with_its_value_and_the_way_to_the_root() {
    let json = get(&peer_router(), &format!("{CHANNEL}/state/token/0x01?proof=true")).await.json();
    assert_eq!(json["schema"], "loopchain.state.v1");
    assert_eq!((&json["key"], &json["value"]), (&"01".into(), &"181e".into()));
    assert_eq!((&json["decoded"], &json["height"]), (&30.into(), &2.into()));
    assert_eq!(json["state_root"], "51".repeat(32));
    assert_eq!(json["proof"]["scores"][0]["score"], "token");
    assert_eq!(json["proof"]["siblings"][0], "02".repeat(32));
    assert_eq!(json["proof"]["bucket"][0]["value_hash"], "04".repeat(32));
    let json = get(&peer_router(), &format!("{CHANNEL}/state/token/02?at=1")).await.json();
    assert_eq!((&json["value"], &json["height"]), (&serde_json::Value::Null, &1.into()));
    assert_eq!(json["proof"], serde_json::Value::Null);
    let long = "00".repeat(257);
    for path in [
        "NO/01",
        "token/xyz",
        "token/123",
        "token/01?at=x",
        "token/01?proof=1",
        &format!("token/{long}"),
    ] {
        let answer = get(&peer_router(), &format!("{CHANNEL}/state/{path}")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (400, &"LC7106".into()),
            "{path}"
        );
    }
    let gone = get(&peer_router(), &format!("{CHANNEL}/state/token/01?at=0")).await;
    assert_eq!((gone.status.as_u16(), &gone.json()["code"]), (410, &"LC5301".into()));
}

fn line(tx: &SignedTransaction) -> String {
    let transaction = STANDARD.encode(tx.transaction().to_bytes());
    let signature = STANDARD.encode(tx.signature());
    format!("{{\"transaction\":\"{transaction}\",\"signature\":\"{signature}\"}}\n")
}

/// Its canonical bytes.
fn envelope(tx: &SignedTransaction) -> Vec<u8> {
    tx.transaction().clone().into_envelope(tx.signature()).0.to_vec()
}

async fn bulk(node: Node, kind: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(format!("{CHANNEL}/transactions/bulk"));
    let request = request.header("content-type", kind).body(body.into()).unwrap();
    ask(&peer_with(Arc::new(node)), request).await
}

fn lines(answer: &Answer) -> Vec<serde_json::Value> {
    answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn many_transactions_get_a_line_each_in_their_order() {
    let all: Vec<_> =
        (100..400).map(|n| chain::signed("notary", "invoke", vec![0x80], n)).collect();
    let body: String = all.iter().map(line).collect();
    let answer = bulk(Node::default(), "application/x-ndjson", body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/x-ndjson")
    );
    let told = lines(&answer);
    assert_eq!(told.len(), all.len());
    for (index, (told, tx)) in told.iter().zip(&all).enumerate() {
        let expected =
            format!("{{\"index\":{index},\"hash\":\"{}\",\"state\":\"pending\"}}", tx.id());
        assert_eq!(told, &serde_json::from_str::<serde_json::Value>(&expected).unwrap());
    }
    let sequence: Vec<u8> = all.iter().take(3).flat_map(envelope).collect();
    let answer = bulk(Node::default(), "application/cbor-seq", sequence).await;
    let hashes: Vec<_> = lines(&answer).iter().map(|line| line["hash"].clone()).collect();
    assert_eq!(hashes, all.iter().take(3).map(|tx| tx.id().to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_that_is_refused_keeps_nobody_elses_from_being_taken() {
    let tx = chain::signed("notary", "invoke", vec![0x80], 100);
    let body = format!("{{bad\n\n{}{{\"transaction\":\"AA==\",\"signature\":\"\"}}\n[]", line(&tx));
    let told = lines(&bulk(Node::default(), "application/x-ndjson", body).await);
    let codes: Vec<_> = told.iter().map(|line| line["error"]["code"].clone()).collect();
    assert_eq!(codes, ["LC7101".into(), serde_json::Value::Null, "LC2101".into(), "LC7106".into()]);
    assert_eq!(told[1]["hash"], tx.id().to_string());
    let mut sequence = envelope(&tx);
    sequence.extend_from_slice(&[0xff, 0x80]);
    let told = lines(&bulk(Node::default(), "application/cbor", sequence).await);
    assert_eq!(told.len(), 2, "behind what cannot be read nothing can be found");
    let detail = told[1]["error"]["message"].as_str().unwrap();
    assert!(detail.contains("and what follows was not looked at"), "{detail}");
    let node = Node::default();
    *node.refusal.lock().unwrap() = Some(Rejection::new(Code::PoolFull, "full"));
    let told = lines(&bulk(node, "application/x-ndjson", line(&tx)).await);
    assert_eq!(told[0]["state"], "rejected");
    assert_eq!(
        (&told[0]["error"]["code"], &told[0]["error"]["retryable"]),
        (&"LC3202".into(), &true.into())
    );
}

#[tokio::test]
async fn many_transactions_have_more_room_than_one_and_bounds_too() {
    let tx = chain::signed("notary", "invoke", vec![0x80], 100);
    let many = line(&tx).repeat(1_200);
    assert!(many.len() > 256 * 1024);
    assert_eq!(lines(&bulk(Node::default(), "application/x-ndjson", many).await).len(), 1_200);
    let large =
        bulk(Node::default(), "application/x-ndjson", "x".repeat(2 * 1024 * 1024 + 1)).await;
    assert_eq!((large.status.as_u16(), &large.json()["code"]), (413, &"LC7113".into()));
    let numerous = bulk(Node::default(), "application/x-ndjson", "1\n".repeat(10_001)).await;
    assert_eq!((numerous.status.as_u16(), &numerous.json()["code"]), (413, &"LC7113".into()));
    let form = bulk(Node::default(), "text/plain", "").await;
    assert_eq!((form.status.as_u16(), &form.json()["code"]), (415, &"LC7102".into()));
    for nothing in ["", "\n", " \n\n"] {
        let empty = bulk(Node::default(), "application/x-ndjson", nothing).await;
        assert_eq!((empty.status.as_u16(), &empty.json()["code"]), (400, &"LC7106".into()));
    }
}

/// As many are refused as the address may send at once and owe besides; what is new and signed by
/// others costs it nothing, and each of those its own.
#[tokio::test]
async fn each_of_many_is_paid_by_its_signer_or_by_the_address() {
    let rate = Some(RateLimit { per_second: 0.001, burst: 20.0 });
    let node = Arc::new(Node::default());
    let gateway: Arc<dyn Gateway> = Arc::<Node>::clone(&node);
    let pages = peer_pages(gateway, RestConfig { rate, ..RestConfig::default() });
    let codes = async |body: String| {
        let request = Request::post(format!("{CHANNEL}/transactions/bulk"));
        let request = request.header("content-type", "application/x-ndjson");
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ClientAddress(IpAddr::from([192, 0, 2, 1])));
        let told = lines(&ask(&pages, request).await);
        let refused = told.iter().filter(|line| line["error"]["code"] == "LC7129").count();
        (told.len(), refused)
    };
    let many = |first: u64, last: u64| -> String {
        (first..last).map(|n| line(&chain::signed("notary", "invoke", vec![0x80], n))).collect()
    };
    // One at a time, or they are looked at together before anything was paid.
    for n in 1_000..1_015 {
        assert_eq!(codes(many(n, n + 1)).await, (1, 0));
    }
    *node.refusal.lock().unwrap() = Some(Rejection::new(Code::SignatureWrong, "forged"));
    let (told, refused) = codes(many(2_000, 2_600)).await;
    assert_eq!(told, 600);
    // Four are left of the address's twenty after sixteen requests, and it may owe twenty.
    assert_eq!(refused, 600 - 4 - 20 - 1);
}

#[tokio::test]
async fn the_network_tells_who_is_there() {
    let json = get(&peer_router(), "/api/v2/network").await.json();
    assert_eq!(
        (&json["schema"], &json["node"]),
        (&"loopchain.network.v1".into(), &"bank-a/peer0".into())
    );
    assert_eq!(json["organisations"], serde_json::json!(["bank-a"]));
    assert_eq!(json["channels"].as_array().unwrap().len(), 5);
    let json = get(&peer_router(), "/api/v2/network/peers").await.json();
    assert_eq!(json["schema"], "loopchain.peers.v1");
    let peer = &json["peers"][0];
    assert_eq!((&peer["name"], &peer["self"]), (&"bank-a/peer0".into(), &true.into()));
    assert_eq!(peer["channels"][0]["channel"], "bare");
}

/// Status, headers and the bytes of an answer.
async fn in_cbor(path: &str, known: Option<&str>) -> (u16, axum::http::HeaderMap, Vec<u8>) {
    let mut request = Request::get(path).header("accept", "application/cbor");
    if let Some(tag) = known {
        request = request.header("if-none-match", tag);
    }
    let answer = peer_router().answer(request.body(Body::empty()).unwrap()).await;
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes().to_vec();
    (parts.status.as_u16(), parts.headers, bytes)
}

#[tokio::test]
async fn documents_and_refusals_are_told_in_cbor_to_those_who_ask() {
    let path = format!("{CHANNEL}/blocks/2");
    let json = get(&peer_router(), &path).await;
    let parsed = host_web::json::parse(json.body.as_bytes(), host_web::json::Duplicates::Refuse);
    let (status, headers, bytes) = in_cbor(&path, None).await;
    assert_eq!((status, bytes), (200, host_web::cbor::encode(&parsed.unwrap())));
    assert_eq!(headers["content-type"], "application/cbor");
    assert_eq!(headers["vary"], "Accept");
    let tag = headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(tag.replace(".cbor", ""), json.header("etag"), "each form has a tag of its own");
    let (status, headers, bytes) = in_cbor(&path, Some(&tag)).await;
    assert_eq!((status, bytes.len(), &headers["etag"]), (304, 0, &tag.parse().unwrap()));
    let (status, headers, bytes) = in_cbor(&format!("{CHANNEL}/blocks/99"), None).await;
    assert_eq!((status, &headers["content-type"]), (404, &"application/cbor".parse().unwrap()));
    assert!(bytes.windows(6).any(|part| part == b"LC7104"), "{bytes:?}");
    let v1 = in_cbor("/api/v1/blocks", None).await.1;
    assert_eq!(v1["content-type"], "application/json", "v1 is what it was");
}

#[tokio::test]
async fn without_a_quorum_a_client_is_told_to_come_back() {
    let node = Node::default();
    *node.refusal.lock().unwrap() = Some(Rejection::new(Code::NoQuorum, "no quorum for 12 s"));
    let tx = chain::signed("notary", "invoke", vec![0x80], 100);
    let request = Request::post(format!("{CHANNEL}/transactions"));
    let request = request.header("content-type", "application/json");
    let answer =
        ask(&peer_with(Arc::new(node)), request.body(Body::from(line(&tx))).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    let json = answer.json();
    assert_eq!((&json["code"], &json["retryable"]), (&"LC3201".into(), &true.into()));
}
