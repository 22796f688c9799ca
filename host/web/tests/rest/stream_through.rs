//! Streams of a peer that a relay hands on, over real sockets: every event once and in order, the bounds of
//! a peer, and a close for every client when either of the two is gone.

use crate::live::{Dice, Live};
use crate::stream_client::{PATIENCE, Served, Sse, Ws, served};
use crate::stream_count::become_counts;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use futures::FutureExt;
use futures::future::BoxFuture;
use host_rpc::stream::StreamFilter;
use host_web::stream::limits::StreamLimits;
use host_web::{OpsSource, Relay, RestConfig, ServerLimits, ToWebSocket};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// A proxy of one peer, without all that a proxy chooses.
struct To(SocketAddr);

impl Relay for To {
    fn relay(self: Arc<Self>, mut request: Request<Body>) -> BoxFuture<'static, Response> {
        async move {
            let stream = TcpStream::connect(self.0).await.unwrap();
            let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection.with_upgrades());
            let is_switch = request.extensions().get::<ToWebSocket>().is_some();
            request.headers_mut().remove(header::ORIGIN);
            if !is_switch {
                request.headers_mut().remove(header::UPGRADE);
                request.headers_mut().remove(header::CONNECTION);
            }
            let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
            let is_switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
            let body = if is_switched { Body::empty() } else { Body::new(body) };
            Response::from_parts(parts, body)
        }
        .boxed()
    }
}

async fn proxy(
    live: Arc<Live>,
    to: SocketAddr,
    config: RestConfig,
    limits: ServerLimits,
) -> Served {
    let pages = host_web::relay_pages(Arc::new(To(to)), config);
    let source = OpsSource::new(|| "# EOF\n".into(), Vec::new, "0");
    Served::start(live, source, pages, limits).await
}

async fn peer() -> Served {
    served(Live::new(1, 8), StreamLimits::default(), ServerLimits::default()).await
}

fn config(streams: StreamLimits) -> RestConfig {
    RestConfig { streams, ..RestConfig::dev() }
}

async fn plain(behind: &Served) -> Served {
    let config = config(StreamLimits::default());
    proxy(Arc::clone(&behind.live), behind.address, config, ServerLimits::default()).await
}

const ALL: &str = "types=block,tx,score";

fn everything() -> StreamFilter {
    StreamFilter { blocks: true, txs: true, scores: true, score: None, topic: None }
}

#[tokio::test]
async fn a_web_socket_through_a_proxy_tells_every_event_once_whatever_happens_to_it() {
    let behind = peer().await;
    let front = plain(&behind).await;
    let (mut dice, mut got) = (Dice::new(7), Vec::new());
    for turn in 0..150 {
        behind.live.grow();
        let place = got.last().map_or("from=0".into(), |id| format!("last_event_id={id}"));
        // It goes on at the peer itself now and then: places are the same there.
        let address = if turn % 5 == 0 { behind.address } else { front.address };
        let mut ws = Ws::open(address, &format!("{ALL}&{place}")).await;
        for _ in 0..dice.below(5) {
            let known = behind.live.places(&everything()).len();
            if got.len() == known {
                behind.live.grow();
            }
            got.push(ws.next().await.unwrap().id);
        }
    }
    let places = behind.live.places(&everything());
    assert!(got.len() > 100 && got[..] == places[..got.len()]);
    for served in [&front, &behind] {
        become_counts(served, [0, 0, 0, 0]).await;
    }
}

#[tokio::test]
async fn frames_larger_than_the_buffer_pass_whole() {
    let streams = StreamLimits::default();
    let live = Live::new(3, 30_000);
    let behind = served(live, streams, ServerLimits::default()).await;
    let front = plain(&behind).await;
    for _ in 0..20 {
        behind.live.grow();
    }
    let query = format!("{ALL}&from=0");
    let (mut direct, mut through) =
        (Ws::open(behind.address, &query).await, Ws::open(front.address, &query).await);
    for _ in behind.live.places(&everything()) {
        assert_eq!(through.next().await.unwrap(), direct.next().await.unwrap());
    }
}

#[tokio::test]
async fn a_proxy_has_places_for_as_many_streams_as_a_peer() {
    let behind = peer().await;
    let streams = StreamLimits { streams: 3, streams_per_address: 2, ..StreamLimits::default() };
    let live = Arc::clone(&behind.live);
    let front = proxy(live, behind.address, config(streams), ServerLimits::default()).await;
    let (ws, sse) = (Ws::open(front.address, "").await, Sse::open(front.address, "", None).await);
    become_counts(&front, [1, 1, 0, 0]).await;
    let (head, problem) = Sse::open(front.address, "", None).await.refusal().await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    assert_eq!(problem["code"], "LC7129");
    become_counts(&behind, [1, 1, 0, 0]).await;
    drop((ws, sse));
    for served in [&front, &behind] {
        become_counts(served, [0, 0, u64::from(served.address == front.address), 0]).await;
    }
    // What is refused by the peer keeps no place.
    let (head, _) = Sse::open(front.address, "types=money", None).await.refusal().await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    become_counts(&front, [0, 0, 1, 0]).await;
}

/// The head of the answer to a request for a WebSocket.
async fn asked(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v2/channels/channel1/{path} HTTP/1.1\r\nHost: a:9000\r\nUpgrade: websocket\r\n\
         Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut some = [0; 1024];
    let len = tokio::time::timeout(PATIENCE, stream.read(&mut some)).await.unwrap().unwrap();
    String::from_utf8_lossy(&some[..len]).into_owned()
}

#[tokio::test]
async fn a_proxy_refuses_pages_of_other_origins_and_upgrades_nothing_else() {
    let behind = peer().await;
    let config = RestConfig {
        cors_origins: vec!["https://a.example".into()],
        ..config(StreamLimits::default())
    };
    let live = Arc::clone(&behind.live);
    let front = proxy(live, behind.address, config, ServerLimits::default()).await;
    for (path, headers, status) in [
        ("events/ws", "", "101"),
        ("events/ws", "Origin: https://a.example\r\n", "101"),
        ("events/ws", "Origin: http://a:9000\r\n", "101"),
        ("events/ws", "Origin: https://b.example\r\n", "403"),
        ("events/ws?types=money", "", "400"),
        ("blocks", "", "200"),
        ("events", "", "200"),
    ] {
        let answer = asked(front.address, path, headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}{headers}{answer}");
        let is_accepted = answer.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(
            is_accepted,
            status == "101",
            "the peer's own answer to the client's key: {answer}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_stops_says_so_between_two_frames_and_waits_for_nobody() {
    let behind = peer().await;
    let front = plain(&behind).await;
    let mut polite = Ws::open(front.address, "types=block").await;
    let _silent = Ws::open(front.address, "types=block").await;
    behind.live.grow();
    assert!(polite.next().await.is_some());
    front.stop.send(()).unwrap();
    let (code, reason) = polite.closed().await;
    assert_eq!(code, 1001);
    assert!(reason.starts_with("LC3101 this proxy stops"), "{reason}");
    tokio::time::timeout(PATIENCE, front.task).await.unwrap().unwrap();
    become_counts(&behind, [0, 0, 0, 0]).await;
}

/// A connection to a peer that ends without a word when the task is ended, as with a peer that is killed.
async fn cable(to: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
    });
    (address, task)
}

#[tokio::test]
async fn a_peer_that_stops_is_heard_through_the_proxy_and_one_that_dies_is_told() {
    for is_killed in [false, true] {
        let behind = peer().await;
        let (to, cable) = cable(behind.address).await;
        let (live, config) = (Arc::clone(&behind.live), config(StreamLimits::default()));
        let front = proxy(live, to, config, ServerLimits::default()).await;
        let mut ws = Ws::open(front.address, "types=block").await;
        behind.live.grow();
        let last = ws.next().await.unwrap().id;
        let word = if is_killed {
            cable.abort();
            "LC3101 the peer behind this proxy is gone"
        } else {
            behind.stop.send(()).unwrap();
            "LC3101 this peer stops"
        };
        let (code, reason) = ws.closed().await;
        assert!(code == 1001 && reason.starts_with(word), "{code} {reason}");
        assert!(ws.message().await.is_none(), "nothing follows a close");
        become_counts(&front, [0, 0, 0, 0]).await;
        // The client comes back with its last id, to whichever peer is there now.
        let other = peer().await;
        other.live.grow();
        let height = other.live.grow();
        let front = plain(&other).await;
        let mut ws = Ws::open(front.address, &format!("types=block&last_event_id={last}")).await;
        assert_eq!(ws.next().await.unwrap().data["height"], height.get());
    }
}

/// A peer that shakes hands, says so many bytes of a frame, and nothing more; closed when told to.
async fn fake(bytes: &'static [u8], is_closed: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let mut stream = socket.into_inner();
        stream.write_all(bytes).await.unwrap();
        if !is_closed {
            std::future::pending::<()>().await;
        }
    });
    address
}

#[tokio::test]
async fn a_peer_that_falls_silent_counts_as_gone_and_half_a_frame_is_followed_by_nothing() {
    let streams = StreamLimits { ping: Duration::from_millis(100), ..StreamLimits::default() };
    for (bytes, is_closed, is_told) in [
        (b"\x81\x02ok".as_slice(), false, true),
        (b"\x81\x05half", false, false),
        (b"\x81\x02ok", true, true),
        (b"\x81\x05half", true, false),
        // It closed, and then its connection broke.
        (b"\x88\x02\x03\xf3", true, false),
    ] {
        let live = Arc::new(Live::new(1, 8));
        let to = fake(bytes, is_closed).await;
        let front = proxy(live, to, config(streams), ServerLimits::default()).await;
        let mut ws = Ws::open(front.address, "").await;
        let mut closes = Vec::new();
        while let Some(message) = ws.message().await {
            if let Message::Close(Some(frame)) = message {
                closes.push((u16::from(frame.code), frame.reason.to_string()));
            }
        }
        let expected = if is_told {
            vec![(
                1001,
                "LC3101 the peer behind this proxy is gone: come back with the last id".into(),
            )]
        } else if bytes[0] == 0x88 {
            vec![(1011, String::new())]
        } else {
            Vec::new()
        };
        assert_eq!(closes, expected, "{bytes:?} {is_closed}");
        become_counts(&front, [0, 0, 0, 0]).await;
    }
}

/// Bytes of an event's data, and blocks that a stalled reader is offered.
const EVENT_BYTES: usize = 1_000;
const BLOCKS: usize = 8_000;

#[tokio::test]
async fn a_reader_that_stalls_behind_a_proxy_is_cut_and_costs_nobody_more() {
    let live = Live::new(2, EVENT_BYTES);
    let behind = served(live, StreamLimits::default(), ServerLimits::default()).await;
    for _ in 0..BLOCKS {
        behind.live.grow();
    }
    let offered = behind.live.places(&everything()).len() as u64;
    let limits = ServerLimits {
        header_timeout: Duration::from_millis(200),
        write_timeout: Duration::from_millis(600),
        ..ServerLimits::default()
    };
    let live = Arc::clone(&behind.live);
    let front = proxy(live, behind.address, config(StreamLimits::default()), limits).await;
    let ws = Ws::narrow(front.address, &format!("{ALL}&from=0")).await;
    become_counts(&front, [0, 0, 0, 0]).await;
    become_counts(&behind, [0, 0, 0, 0]).await;
    let read = behind.live.read.load(Ordering::Relaxed);
    assert!(read < offered / 2, "{read} of {offered} went to a client that reads nothing");
    drop(ws);
}
