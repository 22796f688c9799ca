//! What every request passes: ids, CORS, rates, bodies; and the operations listener.

use crate::fake::{Node, ask, get, peer_router};
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_rpc::gateway::Gateway;
use host_types::read_request::{ReadRequest, SignedRead};
use host_types::{BlockTime, CertificateId, Encode, GenesisHash, Hash32};
use host_web::gate::ClientAddress;
use host_web::rate::RateLimit;
use host_web::{OpsSource, RestConfig, ops_pages, peer_pages as pages_of};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

fn with(config: RestConfig) -> host_web::Pages {
    pages_of(Arc::new(Node::default()), config)
}

#[tokio::test]
async fn a_request_id_comes_back_or_is_made() {
    let request = Request::get("/api/v2/channels").header("x-request-id", "my-id.1");
    let answer = ask(&peer_router(), request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("x-request-id"), "my-id.1");
    let request = Request::get("/api/v2/channels").header("x-request-id", "no id!");
    let answer = ask(&peer_router(), request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("x-request-id").len(), 16);
}

#[tokio::test]
async fn a_preflight_tells_the_methods_of_the_route() {
    for (path, methods) in [
        ("/api/v1/transactions", "GET,HEAD,POST"),
        ("/api/v1/query", "POST"),
        ("/api/v2/channels/channel1/transactions", "GET,HEAD,POST"),
        ("/api/v2/channels/channel1/transactions/bulk", "POST"),
    ] {
        let request = Request::options(path).header("origin", "https://example.org");
        let answer = ask(&peer_router(), request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), methods);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    let request = Request::options("/api/v1/nosuch").body(Body::empty()).unwrap();
    assert_eq!(ask(&peer_router(), request).await.status, 404);
}

#[tokio::test]
async fn only_listed_origins_are_allowed() {
    let listed = RestConfig { cors_origins: vec!["https://a.example".into()], ..RestConfig::dev() };
    for (config, origin, allowed) in [
        (listed.clone(), "https://a.example", "https://a.example"),
        (listed, "https://b.example", ""),
        (RestConfig::default(), "https://a.example", ""),
    ] {
        let request = Request::get("/api/v1/blocks").header("origin", origin);
        let answer = ask(&with(config), request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("access-control-max-age").is_empty(), allowed.is_empty());
    }
}

/// A request for the channels' first, from an address, signed with the certificate of this number.
fn signed_by(certificate: u8, address: [u8; 4]) -> Request<Body> {
    let mut request = signed(certificate, "/api/v2/channels/channel1");
    request.extensions_mut().insert(ClientAddress(IpAddr::from(address)));
    request
}

/// A read that is signed with the certificate of this number.
pub(crate) fn signed(certificate: u8, target: &str) -> Request<Body> {
    let request = ReadRequest {
        genesis: GenesisHash::new(Hash32::new([1; 32])),
        method: "GET".into(),
        target: target.into(),
        body: Hash32::sha256(b""),
        signer: CertificateId::new(Hash32::new([certificate; 32])),
        nonce: 0,
        expiry: BlockTime::new(1),
    };
    let signed = STANDARD.encode(SignedRead { request, signature: [0; 64] }.to_bytes());
    Request::get(target).header("loopchain-read", signed).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_signed_request_is_counted_for_its_certificate_wherever_it_comes_from() {
    let rate = Some(RateLimit { per_second: 0.001, burst: 1.0 });
    let pages = with(RestConfig { rate, ..RestConfig::default() });
    let (here, there) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    assert_eq!(ask(&pages, signed_by(1, here)).await.status, 200);
    assert_eq!(ask(&pages, signed_by(2, here)).await.status, 200, "the address paid nothing");
    let refused = ask(&pages, signed_by(1, there)).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1000"));
    assert_eq!(refused.json()["detail"], "too many requests of this certificate");
}

#[tokio::test]
async fn an_address_over_its_rate_gets_429_in_the_form_it_asked_for() {
    let rate = Some(RateLimit { per_second: 0.001, burst: 1.0 });
    let config = RestConfig { rate, is_loopback_exempt: true, ..RestConfig::default() };
    let router = with(config);
    let from = |path: &str, address: [u8; 4]| {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ClientAddress(IpAddr::from(address)));
        request
    };
    let far = [192, 0, 2, 1];
    assert_eq!(ask(&router, from("/api/v1/blocks", far)).await.status, 200);
    let v1 = ask(&router, from("/api/v1/blocks", far)).await;
    assert_eq!((v1.status.as_u16(), v1.header("retry-after")), (429, "1000"));
    assert_eq!(v1.body, "{\"message\": \"too many requests from this address\"}\n");
    let v2 = ask(&router, from("/api/v2/channels", far)).await;
    assert_eq!(v2.json()["code"], "LC7129");
    for _ in 0..3 {
        assert_eq!(ask(&router, from("/api/v1/blocks", [127, 0, 0, 9])).await.status, 200);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_gets_413_with_the_limit() {
    let config = RestConfig { body_limit: 100, ..RestConfig::dev() };
    let router = with(config);
    let post = |path: &str, body: Body| {
        let request = Request::post(path).header("content-type", "application/json");
        ask(&router, request.body(body).unwrap())
    };
    let stream = || {
        let chunk = || Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b'x'; 60]));
        Body::from_stream(futures::stream::iter([chunk(), chunk()]))
    };
    let v1 = post("/api/v1/transactions", stream()).await;
    assert_eq!(v1.status, 413);
    assert_eq!(v1.body, "{\"message\": \"the body is over the limit of 100 bytes\"}\n");
    let v2 = post("/api/v2/channels/channel1/transactions", stream()).await;
    assert_eq!(v2.json()["code"], "LC7113");
    let announced = Request::post("/api/v1/query").header("content-length", "1000000000");
    assert_eq!(ask(&router, announced.body(Body::empty()).unwrap()).await.status, 413);
}

#[tokio::test]
async fn a_body_that_does_not_come_gets_408() {
    let config = RestConfig { body_timeout: Duration::from_millis(50), ..RestConfig::dev() };
    let never = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let request = Request::post("/api/v1/transactions").header("content-type", "application/json");
    let answer = ask(&with(config), request.body(Body::from_stream(never)).unwrap()).await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.body, "{\"message\": \"the body took longer than 0.05 s\"}\n");
}

#[tokio::test]
async fn v1_can_be_switched_off() {
    let router = with(RestConfig { v1: false, ..RestConfig::dev() });
    assert_eq!(get(&router, "/api/v1/status/peer").await.status, 404);
    assert_eq!(get(&router, "/api/v2/channels").await.status, 200);
}

#[tokio::test]
async fn the_operations_listener_answers_monitors() {
    let gateway: Arc<dyn Gateway> = Arc::new(Node::default());
    let ready = ops_pages(OpsSource::of_gateway(&gateway));
    let metrics = get(&ready, "/metrics").await;
    assert_eq!(
        metrics.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(metrics.body, "# EOF\n");
    assert_eq!(get(&ready, "/healthz").await.status, 200);
    assert_eq!(get(&ready, "/readyz").await.status, 200);
    assert_eq!(get(&ready, "/version").await.json()["version"], "0.1.0");
    assert_eq!(get(&ready, "/nosuch").await.status, 404);
    let node = Node { not_ready: vec!["channel1: syncing".into()], ..Node::default() };
    let gateway: Arc<dyn Gateway> = Arc::new(node);
    let answer = get(&ops_pages(OpsSource::of_gateway(&gateway)), "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["reasons"][0], "channel1: syncing");
}

#[tokio::test]
async fn a_client_is_counted_by_what_a_trusted_proxy_says_and_nobody_else() {
    let rate = Some(RateLimit { per_second: 0.001, burst: 1.0 });
    let trusted_proxies = vec![IpAddr::from([192, 0, 2, 9])];
    let pages = with(RestConfig { rate, trusted_proxies, ..RestConfig::default() });
    let status = async |from: [u8; 4], client: &str| {
        let request = Request::get("/api/v2/channels").header("x-forwarded-for", client);
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ClientAddress(IpAddr::from(from)));
        ask(&pages, request).await.status
    };
    let proxy = [192, 0, 2, 9];
    assert_eq!(status(proxy, "198.51.100.1").await, 200);
    assert_eq!(status(proxy, "198.51.100.2").await, 200, "another client");
    assert_eq!(status(proxy, "198.51.100.1").await, 429, "the first again");
    assert_eq!(status(proxy, "198.51.100.3, 198.51.100.2").await, 429, "the last entry counts");
    let liar = [203, 0, 113, 1];
    assert_eq!(status(liar, "198.51.100.4").await, 200);
    assert_eq!(status(liar, "198.51.100.5").await, 429, "its own address counts");
    assert_eq!(status(proxy, "nonsense").await, 200, "counted as the proxy itself");
}
