//! The OpenAPI document against what is committed, the routes, the answers and the refusals; and the
//! page that shows it.
//!
//! `LOOPCHAIN_BLESS=1 cargo test -p host-web openapi` writes the examples and the documents anew; twice,
//! when examples changed, because they are part of the program.

use crate::chain;
use crate::fake::{Answer, ask, get, peer_router, peer_with, station_router};
use crate::schema::{Shape, matching};
use axum::body::Body;
use axum::http::{Request, request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::Encode;
use host_web::openapi::{Interface, json};
use host_web::{Pages, RestConfig};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) const BOTH: [(Interface, &str); 2] = [
    (Interface::Peer, "docs/spec/openapi.json"),
    (Interface::Radiostation, "docs/spec/openapi-radiostation.json"),
];

fn in_tree(path: &str) -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Compares a file with what it should be, or writes it.
fn committed(path: &str, text: &str) {
    let file = in_tree(path);
    if std::env::var_os("LOOPCHAIN_BLESS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = found.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or(found.lines().count().min(text.lines().count()));
    assert!(
        found == text,
        "{path} differs from line {}: it has `{}`, made is `{}`. A field or route that went away breaks \
         clients; what is meant is written by `LOOPCHAIN_BLESS=1 cargo test -p host-web openapi`",
        line + 1,
        found.lines().nth(line).unwrap_or_default(),
        text.lines().nth(line).unwrap_or_default(),
    );
}

pub(crate) fn pages(interface: Interface) -> Pages {
    match interface {
        Interface::Peer => peer_router(),
        Interface::Radiostation => station_router(),
    }
}

pub(crate) fn document(interface: Interface) -> Value {
    serde_json::from_str(json(interface)).unwrap()
}

#[tokio::test]
async fn the_document_is_the_one_that_is_committed_and_served() {
    for (interface, path) in BOTH {
        committed(path, json(interface));
        let served = get(&pages(interface), "/api/openapi.json").await;
        assert_eq!(served.body, json(interface));
        assert_eq!(served.header("content-type"), "application/json");
        assert_eq!(document(interface)["openapi"], "3.1.0");
    }
}

/// Methods and paths of the document.
fn documented(root: &Value) -> BTreeSet<(String, String)> {
    let paths = root["paths"].as_object().unwrap();
    let methods = |path: &String, item: &Value| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, item)| methods(path, item)).collect()
}

#[tokio::test]
async fn every_route_is_documented_and_nothing_else_is() {
    for (interface, path) in BOTH {
        let pages = pages(interface);
        let mut routed = BTreeSet::new();
        for route in pages.paths() {
            let request = Request::options(route.replace(['{', '}', '*'], ""));
            let answer = ask(&pages, request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 204, "{route}");
            let methods = answer.header("allow").split(',').filter(|method| *method != "HEAD");
            let route = route.replace("{*", "{");
            routed.extend(methods.map(|method| (method.to_owned(), route.clone())));
        }
        assert!(routed.len() >= 11, "{routed:?}");
        let documented = documented(&document(interface));
        let missing: Vec<_> = routed.difference(&documented).collect();
        assert!(missing.is_empty(), "add to host/web/src/openapi for {path}: {missing:?}");
        let gone: Vec<_> = documented.difference(&routed).collect();
        assert!(gone.is_empty(), "{path} has what no router has: {gone:?}");
    }
}

#[test]
fn every_name_in_the_document_means_something() {
    for (interface, _) in BOTH {
        let root = document(interface);
        let mut used = BTreeSet::new();
        let mut ids = BTreeSet::new();
        walk(&root, &mut |key, value| {
            if key == "$ref" {
                used.insert(value.as_str().unwrap().to_owned());
            }
            if key == "operationId" {
                assert!(ids.insert(value.to_string()), "{value} twice");
            }
        });
        for name in &used {
            assert!(root.pointer(&name[1..]).is_some(), "{name}");
        }
        for name in root["components"]["schemas"].as_object().unwrap().keys() {
            assert!(
                used.contains(&format!("#/components/schemas/{name}")),
                "{name} is used nowhere"
            );
        }
        let v1 = documented(&root).into_iter().filter(|(_, path)| path.starts_with("/api/v1"));
        for (method, path) in v1 {
            let operation = &root["paths"][&path][method.to_lowercase()];
            assert_eq!(operation["deprecated"], true, "{path}");
        }
    }
}

pub(crate) fn walk(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                see(key, value);
                walk(value, see);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, see)),
        _ => {}
    }
}

/// A request that is taken.
pub(crate) struct Asked {
    pub(crate) id: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Option<Value>,
    pub(crate) status: u16,
}

fn ask_for(id: &'static str, path: impl Into<String>) -> Asked {
    Asked { id, method: "GET", path: path.into(), headers: &[], body: None, status: 200 }
}

fn send(id: &'static str, path: impl Into<String>, body: Value) -> Asked {
    let headers = &[("content-type", "application/json")];
    Asked { id, method: "POST", path: path.into(), headers, body: Some(body), status: 200 }
}

fn envelope(index: usize) -> Value {
    let tx = &chain::transactions()[index].0;
    serde_json::json!({
        "transaction": STANDARD.encode(tx.transaction().to_bytes()),
        "signature": STANDARD.encode(tx.signature()),
    })
}

fn malformed() -> Value {
    serde_json::json!({"transaction": "AA==", "signature": ""})
}

/// Requests of those who look for something, or send much.
fn lookups(channel: &str) -> Vec<Asked> {
    vec![
        ask_for("findTransactions", format!("{channel}/transactions?limit=2")),
        ask_for("findTransactions", format!("{channel}/transactions?signer=alice&limit=1")),
        send("sendTransactions", format!("{channel}/transactions/bulk"), envelope(6)),
        send("sendTransactions", format!("{channel}/transactions/bulk"), malformed()),
        ask_for("getState", format!("{channel}/state/token/01?proof=true")),
        ask_for("getState", format!("{channel}/state/token/02")),
        ask_for("getNetwork", "/api/v2/network"),
        ask_for("listPeers", "/api/v2/network/peers"),
    ]
}

/// Requests of v2; the first of an operation and status is its example.
fn v2() -> Vec<Asked> {
    let ids: Vec<_> = chain::transactions().iter().map(|(tx, ..)| tx.id()).collect();
    let channel = "/api/v2/channels/channel2";
    let mut all = vec![
        ask_for("listChannels", "/api/v2/channels"),
        ask_for("getChannel", channel),
        ask_for("listMembers", format!("{channel}/members")),
        ask_for("listMembers", format!("{channel}/members?name=alice")),
        Asked {
            status: 202,
            ..send("sendTransaction", format!("{channel}/transactions"), envelope(6))
        },
        Asked {
            headers: &[("content-type", "application/json"), ("prefer", "wait=30")],
            ..send("sendTransaction", format!("{channel}/transactions"), envelope(1))
        },
        ask_for("getReceipt", format!("{channel}/transactions/{}/receipt", ids[1])),
        ask_for("getJourney", format!("{channel}/transactions/{}/journey", ids[1])),
        ask_for("getJourney", format!("{channel}/transactions/{}/journey", ids[6])),
        ask_for("getJourney", format!("{channel}/transactions/{}/journey", ids[7])),
        // Without an upgrade; what it tells then is the business of other tests.
        Asked {
            status: 426,
            headers: &[("x-request-id", "example")],
            ..ask_for("watchEvents", format!("{channel}/events/ws"))
        },
        ask_for("listBlocks", format!("{channel}/blocks?limit=2")),
        ask_for("listBlocks", format!("{channel}/blocks?before=1")),
        ask_for("getBlock", format!("{channel}/blocks/2")),
        ask_for("getBlock", format!("{channel}/blocks/0")),
        ask_for("getBlock", format!("{channel}/blocks/latest")),
        ask_for("getBlockProof", format!("{channel}/blocks/2/certificate")),
        ask_for("listEpochs", format!("{channel}/epochs")),
        ask_for("getGenesis", format!("{channel}/genesis")),
        ask_for("listEvents", format!("{channel}/events?limit=2")),
        Asked { status: 426, ..ask_for("watchEvents", format!("{channel}/events/ws")) },
        ask_for("listEvidence", "/api/v2/channels/channel1/evidence"),
        ask_for("listScores", format!("{channel}/scores")),
        ask_for("getScore", format!("{channel}/scores/token")),
        ask_for("listVersions", format!("{channel}/scores/token/versions")),
        send(
            "queryScore",
            format!("{channel}/scores/token/query"),
            serde_json::json!({"method": "balance_of", "args": {"who": "alice"}}),
        ),
        ask_for("getOpenApi", "/api/openapi.json"),
    ];
    all.extend(lookups(channel));
    let places = [1, 0, 2, 3, 4, 5, 6, 7].map(|index| ids[index]);
    let paths = places.map(|id| format!("{channel}/transactions/{id}"));
    all.extend(paths.iter().map(|path| ask_for("getTransaction", path.clone())));
    all.push(ask_for("getTransaction", format!("{}?proof=true", paths[0])));
    all.extend(v1());
    all
}

/// Requests of v1.
fn v1() -> Vec<Asked> {
    let ids: Vec<_> = chain::transactions().iter().map(|(tx, ..)| tx.id()).collect();
    let hello = serde_json::json!({"channel": "channel1", "data": "hello"});
    let v1 = "/api/v1";
    vec![
        ask_for("v1PeerStatus", format!("{v1}/status/peer?channel=channel1")),
        ask_for("v1PeerStatus", format!("{v1}/status/peer?channel=nosuch")),
        ask_for("v1ScoreStatus", format!("{v1}/status/score?channel=channel1")),
        ask_for("v1ScoreStatus", format!("{v1}/status/score?channel=nosuch")),
        ask_for("v1ScoreStatus", format!("{v1}/status/score?channel=bare")),
        send("v1Query", format!("{v1}/query"), hello.clone()),
        send("v1Query", format!("{v1}/query"), serde_json::json!(1)),
        send("v1SendTransaction", format!("{v1}/transactions"), hello),
        send("v1SendTransaction", format!("{v1}/transactions"), serde_json::json!([])),
        ask_for("v1GetTransaction", format!("{v1}/transactions?hash={}", ids[0])),
        ask_for("v1GetTransaction", format!("{v1}/transactions?hash={}", ids[2])),
        ask_for("v1GetTransaction", format!("{v1}/transactions?hash=0")),
        ask_for("v1GetTransaction", format!("{v1}/transactions")),
        ask_for("v1GetResult", format!("{v1}/transactions/result?hash={}", ids[2])),
        ask_for("v1GetResult", format!("{v1}/transactions/result")),
        ask_for("v1GetBlock", format!("{v1}/blocks")),
        ask_for("v1GetBlock", format!("{v1}/blocks?hash={}", chain::block(2).id)),
        ask_for("v1GetBlock", format!("{v1}/blocks?hash={}", chain::block(1).id)),
        ask_for("v1GetBlock", format!("{v1}/blocks?hash=0")),
    ]
}

fn radiostation() -> Vec<Asked> {
    let id = "00000000-0000-8000-8000-000000000000";
    let v1 = "/api/v1";
    vec![
        ask_for("listSignedPeers", "/api/v2/peers"),
        ask_for("v1ListPeers", format!("{v1}/peer/list")),
        ask_for("v1ListPeers", format!("{v1}/peer/list?channel=nosuch")),
        ask_for("v1Leader", format!("{v1}/peer/leader")),
        ask_for("v1Leader", format!("{v1}/peer/leader?channel=empty")),
        ask_for("v1StatusOfPeer", format!("{v1}/peer/status?peer_id={id}&group_id={id}")),
        ask_for("v1StatusList", format!("{v1}/peer/status-list")),
        ask_for("v1PeerOther", format!("{v1}/peer/nosuch")),
        ask_for("v1Settings", format!("{v1}/conf")),
        ask_for("v1Settings", format!("{v1}/conf?name=GRPC_TIMEOUT")),
        ask_for("v1Settings", format!("{v1}/conf?name=nosuch")),
        ask_for("v1RootCertificate", format!("{v1}/cert/list/ca")),
        ask_for("v1PeerCertificates", format!("{v1}/cert/list/peer")),
        ask_for("v1CertificateOther", format!("{v1}/cert/nosuch")),
        Asked { status: 410, ..ask_for("v1IssueGone", format!("{v1}/cert/issue/x")) },
        Asked { method: "POST", status: 410, ..ask_for("v1SettingsGone", format!("{v1}/conf")) },
        ask_for("getOpenApi", "/api/openapi.json"),
    ]
}

/// Requests that are taken, of everything that an interface has.
pub(crate) fn taken(interface: Interface) -> Vec<Asked> {
    match interface {
        Interface::Peer => v2(),
        Interface::Radiostation => radiostation(),
    }
}

/// A request without its body.
pub(crate) fn head_of(asked: &Asked) -> request::Builder {
    // A request's own id comes back in a refusal, which is an example the same each time.
    let request = Request::builder().method(asked.method).uri(&asked.path);
    let mut request = request.header("x-request-id", "7c1f0a52e9d84b36");
    for (name, value) in asked.headers {
        request = request.header(*name, *value);
    }
    request
}

async fn answer(asked: &Asked, pages: &Pages) -> Answer {
    let body = asked.body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string()));
    ask(pages, head_of(asked).body(body).unwrap()).await
}

/// Remembers the first request and answer of each operation and status.
fn remember(examples: &mut Map<String, Value>, asked: &Asked, template: &str, answered: &Value) {
    let entry = examples.entry(asked.id).or_insert_with(|| serde_json::json!({}));
    let path = asked.path.split('?').next().unwrap_or_default();
    for (name, value) in template.split('/').zip(path.split('/')) {
        if let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'))
            && entry["path"][name].is_null()
        {
            entry["path"][name] = value.into();
        }
    }
    if let Some(body) = &asked.body
        && entry["sent"].is_null()
    {
        entry["sent"] = body.clone();
    }
    let status = asked.status.to_string();
    // A refusal has the id of its request, and every code has an example already.
    let is_example = asked.status < 400 && asked.id != "getOpenApi";
    if is_example && entry["answered"][&status].is_null() {
        entry["answered"][&status] = answered.clone();
    }
}

/// Every handler answers what its schema says, and nothing that it does not say.
#[tokio::test]
async fn every_answer_is_as_it_is_documented_and_the_examples_are_answers() {
    let mut examples = Map::new();
    for (interface, _) in BOTH {
        let (root, pages, all) = (document(interface), pages(interface), taken(interface));
        let mut ids: BTreeSet<_> = all_ids(&root);
        for asked in &all {
            let answer = answer(asked, &pages).await;
            assert_eq!(answer.status.as_u16(), asked.status, "{}: {}", asked.path, answer.body);
            let (template, operation) = matching(&root, asked.method, &asked.path).unwrap();
            assert_eq!(operation["operationId"], asked.id, "{}", asked.path);
            let json = answer.json();
            let wrong = Shape::of(&root, operation, asked.status).differences(&json);
            assert!(wrong.is_empty(), "{}: {wrong:#?}", asked.path);
            if let Some(body) = &asked.body {
                let wrong = Shape::of_body(&root, operation).differences(body);
                assert!(wrong.is_empty(), "body of {}: {wrong:#?}", asked.path);
            }
            remember(&mut examples, asked, template, &json);
            ids.remove(asked.id);
        }
        assert!(ids.is_empty(), "no request of these is tried: {ids:?}");
    }
    let text = serde_json::to_string_pretty(&Value::Object(examples)).unwrap() + "\n";
    committed("host/web/src/openapi/examples.json", &text);
}

/// Operations that answer JSON.
fn all_ids(root: &Value) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    walk(root, &mut |key, value| {
        if key == "operationId" {
            ids.insert(value.as_str().unwrap().to_owned());
        }
    });
    ids.into_iter().filter(|id| !id.starts_with("getDocs")).collect()
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    for pages in [peer_router(), station_router()] {
        let mut files = Vec::new();
        for (path, kind) in [
            ("/docs", "text/html; charset=utf-8"),
            ("/docs/page.js", "text/javascript; charset=utf-8"),
            ("/docs/page.css", "text/css; charset=utf-8"),
        ] {
            let answer = get(&pages, path).await;
            assert_eq!(answer.header("content-type"), kind);
            assert_eq!(
                answer.header("content-security-policy"),
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            );
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            files.push(answer.body);
        }
        let html = &files[0];
        for attribute in ["src=\"", "href=\""] {
            for target in html.split(attribute).skip(1) {
                let target = target.split('"').next().unwrap();
                assert!(target.starts_with('/') && !target.starts_with("//"), "{target}");
                assert_eq!(get(&pages, target).await.status, 200, "{target}");
            }
        }
        assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" on"));
        assert_eq!(html.matches("<script").count(), 1, "nothing inline");
        for text in &files {
            for elsewhere in ["http:", "https:", "//cdn", "url(", "@import", "import(", "eval("] {
                assert!(!text.contains(elsewhere), "{elsewhere}");
            }
            assert!(!text.contains("innerHTML") && !text.contains("document.write"));
        }
    }
}

#[tokio::test]
async fn document_and_page_can_be_switched_off() {
    let config = RestConfig { docs: false, ..RestConfig::dev() };
    let pages = host_web::peer_pages(Arc::new(crate::fake::Node::default()), config);
    for path in ["/docs", "/docs/page.js", "/docs/page.css", "/api/openapi.json"] {
        assert_eq!(get(&pages, path).await.status, 404, "{path}");
        assert_eq!(get(&peer_with(Arc::default()), path).await.status, 200, "{path}");
    }
}
