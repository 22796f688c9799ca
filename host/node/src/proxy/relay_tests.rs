//! Tests of what a request becomes on its way, without peers.

use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    pairs.collect()
}

#[test]
fn headers_of_one_connection_and_what_a_client_says_of_itself_are_not_passed() {
    let sent = headers(&[
        ("connection", "keep-alive, x-secret"),
        ("x-secret", "1"),
        ("keep-alive", "5"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("forwarded", "for=1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-client-cert", "admin"),
        ("origin", "http://evil"),
        ("prefer", "wait=5"),
        ("if-none-match", "\"a\""),
    ]);
    let passed = passed(&sent);
    let mut names: Vec<_> = passed.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["if-none-match", "prefer"]);
}

#[test]
fn the_peer_hears_the_clients_address_and_no_other() {
    let proxy = Proxy::new(&config()).unwrap();
    let mut request = Request::builder()
        .uri("/api/v2/channels/demo")
        .header("x-forwarded-for", "9.9.9.9")
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert(ClientAddress(IpAddr::from([192, 0, 2, 7])));
    let (parts, _) = request.into_parts();
    let asked = proxy.asked(&parts, Bytes::new());
    assert_eq!(asked.headers["x-forwarded-for"], "192.0.2.7");
    assert_eq!(asked.headers["forwarded"], "for=192.0.2.7");
}

#[test]
fn only_what_was_let_in_as_a_web_socket_asks_the_peer_for_one() {
    let proxy = Proxy::new(&config()).unwrap();
    let mut request = Request::get("/api/v2/channels/demo/events/ws?from=0")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "WebSocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("origin", "http://evil")
        .header("last-event-id", "1.0.0")
        .body(Body::empty())
        .unwrap();
    for is_let_in in [false, true] {
        if is_let_in {
            request.extensions_mut().insert(host_web::ToWebSocket);
        }
        let (parts, body) = request.into_parts();
        let asked = proxy.asked(&parts, Bytes::new());
        assert_eq!(asked.is_switch, is_let_in);
        let said = |name: &str| asked.headers.get(name).map(|value| value.to_str().unwrap());
        let expected = is_let_in.then_some(("upgrade", "websocket"));
        assert_eq!(said("connection").zip(said("upgrade")), expected);
        assert_eq!(said("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!((said("last-event-id"), said("origin")), (Some("1.0.0"), None));
        assert_eq!((asked.wish.kind, asked.wish.channel.as_deref()), (Kind::Read, Some("demo")));
        request = Request::from_parts(parts, body);
    }
}

fn config() -> ProxyConfig {
    let mut config = ProxyConfig::default();
    config.proxy.peers = ["a:1", "b:2", "c:3"].map(|peer| format!("http://{peer}")).into();
    config
}

fn asked(proxy: &Proxy, method: &str, path: &str) -> Asked {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    proxy.asked(&request.into_parts().0, Bytes::new())
}

fn known(height: u64) -> Known {
    Known { height, has_quorum: true, signs: false, is_normal: true }
}

fn up(proxy: &Proxy, peer: usize, channels: &[(&str, Known)]) {
    let channels = channels.iter().map(|(name, known)| ((*name).to_owned(), *known));
    proxy.peers()[peer].set_up(channels.collect());
}

fn names(found: Result<Vec<Arc<Upstream>>, Problem>) -> Vec<String> {
    let mut names: Vec<_> = found.unwrap().iter().map(|peer| peer.authority.clone()).collect();
    names.sort_unstable();
    names
}

#[test]
fn peers_are_chosen_by_channel_height_and_state() {
    let proxy = Proxy::new(&config()).unwrap();
    let read = asked(&proxy, "GET", "/api/v2/channels/demo");
    assert_eq!(proxy.candidates(&read).unwrap_err().code, Code::Unreachable);
    up(&proxy, 0, &[("demo", known(5)), ("two", known(1))]);
    up(&proxy, 1, &[("demo", known(9)), ("two", known(1))]);
    up(&proxy, 2, &[("demo", Known { is_normal: false, ..known(20) })]);
    assert_eq!(
        names(proxy.candidates(&asked(&proxy, "GET", "/api/v2/channels/two"))),
        ["a:1", "b:2"]
    );
    let high = asked(&proxy, "GET", "/api/v2/channels/demo/blocks/8");
    let order: Vec<_> =
        proxy.candidates(&high).unwrap().iter().map(|peer| peer.authority.clone()).collect();
    assert_eq!(order, ["b:2", "a:1", "c:3"], "high enough, lower, ill");
    proxy.note_height(&read, br#"{"schema":"x","height":7}"#);
    let after = proxy.candidates(&read).unwrap();
    assert_eq!(after[0].authority, "b:2", "what it has seen");
    proxy.note_height(&read, br#"{"height":99999}"#);
    assert_eq!(proxy.seen(&read, "demo"), 20, "nobody is believed to be above what peers say");
    proxy.peers()[1].set_down(&"gone");
    assert_eq!(names(proxy.candidates(&asked(&proxy, "GET", "/api/v2/channels/two"))), ["a:1"]);
    assert_eq!(names(proxy.candidates(&asked(&proxy, "GET", "/api/v2/channels/none"))).len(), 2);
}

#[test]
fn writes_need_a_quorum_and_unsigned_ones_a_peer_that_signs() {
    let proxy = Proxy::new(&config()).unwrap();
    let no_quorum = Known { has_quorum: false, ..known(1) };
    up(&proxy, 0, &[("demo", no_quorum), ("loopchain_default", known(1))]);
    up(&proxy, 1, &[("demo", no_quorum), ("loopchain_default", Known { signs: true, ..known(1) })]);
    let signed = asked(&proxy, "POST", "/api/v2/channels/demo/transactions");
    let refused = proxy.candidates(&signed).unwrap_err();
    assert_eq!((refused.code, refused.status.as_u16()), (Code::NoQuorum, 503));
    assert_eq!(proxy.candidates(&asked(&proxy, "GET", "/api/v2/channels/demo")).unwrap().len(), 2);
    let v1 = asked(&proxy, "POST", "/api/v1/transactions");
    assert_eq!(names(proxy.candidates(&v1)), ["b:2"]);
    proxy.peers()[1].set_down(&"gone");
    assert_eq!(proxy.candidates(&v1).unwrap_err().code, Code::RoleRefused);
}
