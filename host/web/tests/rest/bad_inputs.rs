//! A table of what clients should not send: exact status and class, never a 5xx.

use crate::chain;
use crate::fake::{Answer, ask, peer_router, station_router};
use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::Encode;
use host_web::openapi::Interface;

/// What an answer must be: the status, and v1's `response_code` or v2's `code` (as JSON text).
struct Case {
    method: Method,
    path: String,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
    class: &'static str,
}

const JSON: &str = "application/json";
/// v1 refuses before a handler: `{"message": …}`.
const MESSAGE: &str = "message";

fn case(method: Method, path: impl Into<String>, status: u16, class: &'static str) -> Case {
    Case { method, path: path.into(), content_type: JSON, body: Vec::new(), status, class }
}

fn get(path: impl Into<String>, status: u16, class: &'static str) -> Case {
    case(Method::GET, path, status, class)
}

fn post(
    path: impl Into<String>,
    body: impl Into<Vec<u8>>,
    status: u16,
    class: &'static str,
) -> Case {
    Case { body: body.into(), ..case(Method::POST, path, status, class) }
}

/// The class an answer is of.
fn class_of(answer: &Answer, path: &str) -> String {
    let json = answer.json();
    if path.starts_with("/api/v1") {
        let code = &json["response_code"];
        if code.is_null() && json["message"].is_string() {
            return MESSAGE.into();
        }
        return code.to_string();
    }
    assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    assert_eq!(json["status"], answer.status.as_u16());
    assert!(!json["help"][0].as_str().unwrap().is_empty());
    json["code"].as_str().unwrap().to_owned()
}

/// Bodies that are no JSON, in every way one can think of.
fn broken_json() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "}",
        "[",
        "{bad",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.1}",
        "{\"a\":+1}",
        "{\"a\":1e}",
        "{\"a\":1e400}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":nul}",
        "{\"a\":True}",
        "{\"a\":\"",
        "\"\\q\"",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\t\"}",
        "{} {}",
        "{}x",
        "\u{feff}{}",
        "//x\n{}",
        "{\"a\":1 \"b\":2}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.push(vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}']);
    bodies.push(vec![0; 16]);
    bodies.push("[".repeat(33).into_bytes());
    bodies.push(format!("{}1{}", "[".repeat(40), "]".repeat(40)).into_bytes());
    bodies.push("{\"a\":".repeat(100_000 / 5).into_bytes());
    bodies
}

fn v1_bodies() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in ["/api/v1/transactions", "/api/v1/query"] {
        for body in broken_json() {
            cases.push(post(path, body, 400, MESSAGE));
        }
        for content_type in ["", "text/plain", "application/x-www-form-urlencoded", "json", "é"] {
            cases.push(Case { content_type, ..post(path, "{}", 415, MESSAGE) });
        }
        for body in ["[]", "1", "1.5", "\"x\"", "null", "true", "[[[]]]"] {
            cases.push(post(path, body, 200, "\"-6\""));
        }
        for channel in ["1", "null", "[]", "{}", "true", "1e3"] {
            cases.push(post(path, format!("{{\"channel\":{channel}}}"), 200, "\"-6\""));
        }
        let unknown = if path.ends_with("query") { "\"-1\"" } else { "\"-12\"" };
        for channel in ["nosuch", "", " ", "../../etc", "Channel1", "채널", "a\\u0000"] {
            cases.push(post(path, format!("{{\"channel\":\"{channel}\"}}"), 200, unknown));
        }
        cases.push(post(path, vec![b' '; 300_000], 413, MESSAGE));
    }
    cases
}

fn v1_typed() -> Vec<Case> {
    let params = [
        "{}",
        "null",
        "1",
        "[]",
        "[1]",
        "[1,2,3]",
        "\"x\"",
        "{\"to\":\"alice\"}",
        "{\"to\":\"nobody\",\"amount\":1}",
        "{\"to\":\"alice\",\"amount\":-1}",
        "{\"to\":\"alice\",\"amount\":1.5}",
        "{\"to\":\"alice\",\"amount\":\"1e3\"}",
        "{\"to\":\"alice\",\"amount\":1,\"more\":2}",
        "{\"to\":1,\"amount\":1}",
        "{\"to\":\"hx00\",\"amount\":1}",
        "{\"to\":null,\"amount\":1}",
        "{\"to\":\"alice\",\"amount\":340282366920938463463374607431768211456}",
        "{\"to\":\"alice\",\"amount\":[1]}",
        "{\"to\":\"\",\"amount\":1}",
    ];
    let body = |params: &str| {
        format!("{{\"channel\":\"channel2\",\"method\":\"transfer\",\"params\":{params}}}")
    };
    params.iter().map(|p| post("/api/v1/transactions", body(p), 200, "\"-6\"")).collect()
}

fn v1_queries() -> Vec<Case> {
    let mut cases = Vec::new();
    for query in
        ["", "?hash", "?hash=", "?hash=g", "?hash=%00", "?hash=0x12", "?hash=é%ff", "?HASH=00"]
    {
        // A URI holds ASCII only; the letter is escaped as a client would.
        let query = query.replace('é', "%c3%a9");
        cases.push(get(format!("/api/v1/transactions{query}"), 200, "-6"));
    }
    for hash in ["0", "00", "0000", &"f".repeat(63), &"f".repeat(64), &"f".repeat(5000)] {
        cases.push(get(format!("/api/v1/transactions?hash={hash}"), 200, "-1"));
    }
    for hash in ["", "0", "zz", "%ff", &"f".repeat(64), &"f".repeat(65)] {
        cases.push(get(format!("/api/v1/blocks?hash={hash}"), 200, "-4"));
    }
    for channel in ["", "x", "%00", "%ff%fe", "a/b", "A", "channel1%20", "..%2f"] {
        cases.push(get(format!("/api/v1/blocks?channel={channel}"), 200, "-12"));
        cases.push(get(format!("/api/v1/transactions?hash=00&channel={channel}"), 200, "-12"));
    }
    cases
}

fn v1_paths() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in ["", "/", "/nosuch", "/status", "/status/peer/", "/blocks/1", "/%ff", "/a%00b"] {
        cases.push(get(format!("/api/v1{path}"), 404, MESSAGE));
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE, Method::CONNECT] {
        for path in ["transactions", "blocks", "status/peer", "query"] {
            let path = format!("/api/v1/{path}");
            cases.push(case(method.clone(), path, 405, MESSAGE));
        }
    }
    cases.push(get("/api/v1/query", 405, MESSAGE));
    cases.push(post("/api/v1/blocks", "{}", 405, MESSAGE));
    cases
}

fn v2_transactions() -> Vec<Case> {
    let path = "/api/v2/channels/channel1/transactions";
    let tx = &chain::transactions()[6].0;
    let (transaction, signature) =
        (STANDARD.encode(tx.transaction().to_bytes()), STANDARD.encode(tx.signature()));
    let envelope = |transaction: &str, signature: &str| {
        format!("{{\"transaction\":\"{transaction}\",\"signature\":\"{signature}\"}}")
    };
    let mut cases: Vec<_> =
        broken_json().into_iter().map(|body| post(path, body, 400, "LC7101")).collect();
    let twice = format!("{{\"transaction\":\"\",\"transaction\":\"{transaction}\"}}");
    cases.push(post(path, twice, 400, "LC7101"));
    let more =
        format!("{{\"transaction\":\"{transaction}\",\"signature\":\"{signature}\",\"x\":1}}");
    let missing = format!("{{\"transaction\":\"{transaction}\"}}");
    for body in ["{}", "[]", "1", "null", "{\"transaction\":1,\"signature\":2}", &more, &missing] {
        cases.push(post(path, body, 400, "LC7106"));
    }
    cases.push(post(path, envelope("*", &signature), 400, "LC7106"));
    cases.push(post(path, envelope(&transaction, "é"), 400, "LC7106"));
    for (transaction, signature) in [
        ("", ""),
        ("AAAA", &*signature),
        (&*transaction, ""),
        (&*transaction, "AAAA"),
        ("/w==", &*signature),
    ] {
        cases.push(post(path, envelope(transaction, signature), 400, "LC2101"));
    }
    let large = STANDARD.encode(vec![0; 70_000]);
    cases.push(post(path, envelope(&large, &signature), 413, "LC2102"));
    for content_type in ["", "text/plain", "application/xml", "application/cbor-seq"] {
        cases.push(Case { content_type, ..post(path, "{}", 415, "LC7102") });
    }
    let raw = tx.raw().0;
    for cut in [0, 1, 2, raw.len() / 2, raw.len() - 1] {
        let body = raw.slice(..cut);
        cases.push(Case { content_type: "application/cbor", ..post(path, body, 400, "LC2101") });
    }
    let longer = [&raw[..], &[0]].concat();
    cases.push(Case { content_type: "application/cbor", ..post(path, longer, 400, "LC2101") });
    cases.push(post(path, vec![b' '; 300_000], 413, "LC7113"));
    cases
}

fn v2_queries() -> Vec<Case> {
    let path = "/api/v2/channels/channel2/scores/token/query";
    let mut cases = Vec::new();
    for body in
        ["{}", "[]", "1", "{\"method\":1}", "{\"method\":\"x\",\"params\":{}}", "{\"args\":{}}"]
    {
        cases.push(post(path, body, 400, "LC7106"));
    }
    cases.push(post(path, "{\"method\":\"a\",\"method\":\"b\"}", 400, "LC7101"));
    for method in ["nosuch", "", "transfer", "deploy"] {
        cases.push(post(path, format!("{{\"method\":\"{method}\"}}"), 404, "LC2108"));
    }
    for args in [
        "{}",
        "[]",
        "1",
        "\"x\"",
        "true",
        "null",
        "[1]",
        "{\"who\":1}",
        "{\"x\":1}",
        "[\"nobody\"]",
        "[1,2]",
    ] {
        let body = format!("{{\"method\":\"balance_of\",\"args\":{args}}}");
        cases.push(post(path, body, 400, "LC2107"));
    }
    cases
}

fn v2_paths() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in [
        "",
        "/",
        "/nosuch",
        "/channels/",
        "/channels/channel1/nosuch",
        "/channels/%ff",
        "/x/%c3%28",
    ] {
        cases.push(get(format!("/api/v2{path}"), 404, "LC7104"));
    }
    for channel in ["nosuch", "A", "%20", "..", "a%2fb", &"a".repeat(100)] {
        for rest in ["", "/blocks", "/blocks/1", "/scores", "/scores/token", "/members"] {
            cases.push(get(format!("/api/v2/channels/{channel}{rest}"), 404, "LC3205"));
        }
        let path = format!("/api/v2/channels/{channel}/transactions");
        cases.push(post(path, "{}", 404, "LC3205"));
    }
    for block in ["x", "-1", "1.5", "+1", "latest2", "99999999999999999999", &"g".repeat(64), "%00"]
    {
        cases.push(get(format!("/api/v2/channels/channel1/blocks/{block}"), 400, "LC7106"));
    }
    for block in ["3", "18446744073709551615", &"0f".repeat(32)] {
        cases.push(get(format!("/api/v2/channels/channel1/blocks/{block}"), 404, "LC7104"));
    }
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "limit=",
        "before=x",
        "before=-1",
        "before=",
    ] {
        cases.push(get(format!("/api/v2/channels/channel1/blocks?{query}"), 400, "LC7106"));
    }
    for hash in ["0", "xyz", &"f".repeat(63), &"f".repeat(65)] {
        cases.push(get(format!("/api/v2/channels/channel1/transactions/{hash}"), 400, "LC7106"));
    }
    let unknown = "ab".repeat(32);
    cases.push(get(format!("/api/v2/channels/channel1/transactions/{unknown}"), 404, "LC7104"));
    cases.push(get("/api/v2/channels/channel1/scores/nosuch", 404, "LC2106"));
    cases.push(post("/api/v2/channels/channel1/scores/nosuch/query", "{}", 404, "LC2106"));
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        cases.push(case(method, "/api/v2/channels", 405, "LC7105"));
    }
    cases.push(get("/api/v2/channels/channel1/transactions/bulk", 405, "LC7105"));
    lookups(&mut cases);
    cases
}

fn lookups(cases: &mut Vec<Case>) {
    for query in
        ["limit=101", "limit=", "from=", "to=1e3", "cursor=", "cursor=1.", "signer=", "method=x"]
    {
        let path = format!("/api/v2/channels/channel1/transactions?{query}");
        cases.push(get(path, 400, "LC7106"));
    }
    for path in ["A/00", "token/0", "token/zz", "token/00?at=", "token/00?at=-1", "token/00?proof="]
    {
        let path = format!("/api/v2/channels/channel1/state/{path}");
        cases.push(get(path, 400, "LC7106"));
    }
    let bulk = "/api/v2/channels/channel1/transactions/bulk";
    cases.push(post("/api/v2/channels/nosuch/transactions/bulk", "", 404, "LC3205"));
    cases.push(post(bulk, "\n", 400, "LC7106"));
    cases.push(post(bulk, "1\n".repeat(10_001), 413, "LC7113"));
    for path in ["network", "network/peers", "channels/channel1/state/token/00"] {
        let path = format!("/api/v2/{path}");
        cases.push(case(Method::DELETE, &path, 405, "LC7105"));
    }
    for path in ["network/x", "channels/channel1/state", "channels/channel1/state/token"] {
        cases.push(get(format!("/api/v2/{path}"), 404, "LC7104"));
    }
}

fn radiostation() -> Vec<Case> {
    let mut cases = Vec::new();
    for channel in ["", "x", "%00", "%ff", "A"] {
        for path in ["list", "leader", "status-list"] {
            cases.push(get(format!("/api/v1/peer/{path}?channel={channel}"), 200, "-12"));
        }
    }
    for query in ["", "?peer_id=1", "?group_id=1", "?peer_id=&group_id="] {
        cases.push(get(format!("/api/v1/peer/status{query}"), 200, "-6"));
    }
    for path in
        ["peer/x", "peer/%20", "cert/x/y", "cert/list/x", "cert/a/b/c", "conf?name=x", "conf?name="]
    {
        cases.push(get(format!("/api/v1/{path}"), 200, "-1"));
    }
    for body in ["", "{", "[]", "{\"name\":\"GRPC_TIMEOUT\",\"value\":\"31\"}"] {
        cases.push(post("/api/v1/conf", body, 410, MESSAGE));
    }
    for path in ["peer", "cert", "status/peer", "transactions", "peer/list/x", "%ff"] {
        cases.push(get(format!("/api/v1/{path}"), 404, MESSAGE));
    }
    for method in [Method::PUT, Method::DELETE, Method::POST] {
        cases.push(case(method, "/api/v1/peer/list", 405, MESSAGE));
    }
    cases
}

/// A refusal of a route that exists is among those that the OpenAPI document names for it.
fn documented(root: &serde_json::Value, case: &Case, answer: &Answer) {
    let method = case.method.as_str();
    let Some((_, operation)) = crate::schema::matching(root, method, &case.path) else { return };
    let shape = crate::schema::Shape::of(root, operation, case.status);
    let wrong = shape.differences(&answer.json());
    assert!(wrong.is_empty(), "{method} {}: {wrong:#?}", case.path);
}

async fn check(router: &host_web::Pages, interface: Interface, cases: Vec<Case>) -> usize {
    let count = cases.len();
    let root = crate::openapi::document(interface);
    for case in cases {
        let mut request = Request::builder().method(case.method.clone()).uri(&case.path);
        if !case.content_type.is_empty() {
            request = request.header("content-type", case.content_type);
        }
        let shown: String = String::from_utf8_lossy(&case.body).chars().take(80).collect();
        let what = format!("{} {} {} {shown}", case.method, case.path, case.content_type);
        let body = Body::from(case.body.clone());
        let answer = ask(router, request.body(body).unwrap()).await;
        assert_eq!(answer.status.as_u16(), case.status, "{what}: {}", answer.body);
        assert_eq!(class_of(&answer, &case.path), case.class, "{what}: {}", answer.body);
        documented(&root, &case, &answer);
    }
    count
}

#[tokio::test]
async fn every_bad_input_has_its_exact_status_and_class() {
    let peer = peer_router();
    let mut count = 0;
    for cases in [v1_bodies(), v1_typed(), v1_queries(), v1_paths()] {
        count += check(&peer, Interface::Peer, cases).await;
    }
    for cases in [v2_transactions(), v2_queries(), v2_paths()] {
        count += check(&peer, Interface::Peer, cases).await;
    }
    count += check(&station_router(), Interface::Radiostation, radiostation()).await;
    assert!(count >= 150, "{count}");
}

#[tokio::test]
async fn v1_has_no_5xx_even_when_the_node_refuses_everything() {
    let router = peer_router();
    let hash = chain::transactions()[0].0.id();
    for path in [
        "status/peer?channel=failing".to_owned(),
        "status/score?channel=failing".to_owned(),
        "blocks?channel=failing".to_owned(),
        format!("blocks?channel=failing&hash={hash}"),
        format!("transactions?channel=failing&hash={hash}"),
        format!("transactions/result?channel=failing&hash={hash}"),
    ] {
        let request = Request::get(format!("/api/v1/{path}")).body(Body::empty()).unwrap();
        assert_eq!(ask(&router, request).await.status, 200, "{path}");
    }
    for path in ["transactions", "query"] {
        let request = Request::post(format!("/api/v1/{path}")).header("content-type", JSON);
        let body = Body::from("{\"channel\":\"failing\"}");
        assert_eq!(ask(&router, request.body(body).unwrap()).await.status, 200, "{path}");
    }
}
