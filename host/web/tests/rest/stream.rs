//! Streams over real sockets: every event once and in order whatever happens to the connection, what
//! they refuse, what a reader that stalls costs, how they end.

use crate::live::{Dice, Live};
use crate::stream_client::{Got, PATIENCE, Served, Sse, Ws, served};
use host_rpc::stream::StreamFilter;
use host_types::ScoreName;
use host_web::ServerLimits;
use host_web::stream::limits::StreamLimits;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

const ALL: &str = "types=block,tx,score";

fn filter(types: &str, score: Option<&str>, topic: Option<&str>) -> StreamFilter {
    StreamFilter {
        blocks: types.contains("block"),
        txs: types.contains("tx"),
        scores: types.contains("score"),
        score: score.map(|name| ScoreName::new(name).unwrap()),
        topic: topic.map(str::to_owned),
    }
}

async fn with(streams: StreamLimits, limits: ServerLimits) -> Served {
    served(Live::new(1, 8), streams, limits).await
}

async fn plain() -> Served {
    with(StreamLimits::default(), ServerLimits::default()).await
}

/// One client that is cut off again and again.
struct Reader {
    served: Arc<Served>,
    dice: Dice,
    got: Vec<Got>,
}

impl Reader {
    /// Where it goes on: behind the last it got, or from the first block of all.
    fn last(&self) -> Option<String> {
        self.got.last().map(|got| got.id.clone())
    }

    /// One connection: some frames, then cut at any byte.
    async fn once(&mut self) {
        let frames = self.dice.below(5);
        for _ in 0..=frames {
            self.served.live.grow();
        }
        let (address, last) = (self.served.address, self.last());
        if self.dice.below(2) == 0 {
            let from = if last.is_none() { "&from=0" } else { "" };
            let mut sse = Sse::open(address, &format!("{ALL}{from}"), last.as_deref()).await;
            for _ in 0..frames {
                self.got.push(sse.next().await.unwrap());
            }
            // Whatever has come whole was heard; the rest is lost with the connection.
            self.got.extend(sse.rest());
        } else {
            let place = last.map_or("from=0".into(), |id| format!("last_event_id={id}"));
            let mut ws = Ws::open(address, &format!("{ALL}&{place}")).await;
            for _ in 0..frames {
                self.got.push(ws.next().await.unwrap());
            }
        }
    }

    async fn until(&mut self, end: &str) {
        let query = format!("{ALL}&last_event_id={}", self.last().unwrap());
        let mut sse = Sse::open(self.served.address, &query, None).await;
        while self.got.last().unwrap().id != end {
            self.got.push(sse.next().await.unwrap());
        }
    }
}

/// Disconnects of all readers.
const DISCONNECTS: u64 = 1_000;
const READERS: u64 = 4;

#[tokio::test]
async fn a_thousand_random_disconnects_deliver_every_event_once_and_in_order() {
    let served = Arc::new(plain().await);
    let readers = (0..READERS).map(|seed| {
        let mut reader =
            Reader { served: Arc::clone(&served), dice: Dice::new(100 + seed), got: Vec::new() };
        tokio::spawn(async move {
            for _ in 0..DISCONNECTS / READERS {
                reader.once().await;
            }
            reader
        })
    });
    let mut all = Vec::new();
    for reader in readers.collect::<Vec<_>>() {
        all.push(reader.await.unwrap());
    }
    let expected = served.live.places(&filter("block,tx,score", None, None));
    for reader in &mut all {
        reader.until(expected.last().unwrap()).await;
        let ids: Vec<_> = reader.got.iter().map(|got| got.id.clone()).collect();
        assert_eq!(ids, expected);
        let distinct: HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
    for reader in &all[1..] {
        assert!(reader.got == all[0].got, "two readers were told different things");
    }
}

#[tokio::test]
async fn a_stream_goes_on_behind_every_id_there_is() {
    let served = plain().await;
    for _ in 0..30 {
        served.live.grow();
    }
    let places = served.live.places(&filter("block,tx,score", None, None));
    let of_one_block = |height: &str| places.iter().filter(|p| p.starts_with(height)).count();
    assert!((1..31).any(|height| of_one_block(&format!("{height}.")) > 8), "{places:?}");
    for pair in places.windows(2) {
        let mut sse = Sse::open(served.address, ALL, Some(&pair[0])).await;
        assert_eq!(sse.next().await.unwrap().id, pair[1]);
        let mut ws = Ws::open(served.address, &format!("{ALL}&last_event_id={}", pair[0])).await;
        assert_eq!(ws.next().await.unwrap().id, pair[1]);
        let mut sse = Sse::open(served.address, &format!("{ALL}&from={}", pair[1]), None).await;
        assert_eq!(sse.next().await.unwrap().id, pair[1]);
    }
}

#[tokio::test]
async fn filters_choose_types_scores_and_names() {
    let served = plain().await;
    for _ in 0..40 {
        served.live.grow();
    }
    let end = served.live.places(&filter("block", None, None)).last().unwrap().clone();
    let cases = [
        ("block", None, None),
        ("tx", None, None),
        ("score", None, None),
        ("score", Some("token"), None),
        ("score", None, Some("moved")),
        ("score", Some("notary"), Some("made")),
        ("tx,score", Some("notary"), None),
        ("block,score", Some("token"), Some("made")),
        ("block,tx,score", None, None),
    ];
    for (types, score, topic) in cases {
        let expected = served.live.places(&filter(types, score, topic));
        let mut query = format!("types={types}&from=0");
        query += &score.map(|name| format!("&score={name}")).unwrap_or_default();
        query += &topic.map(|name| format!("&topic={name}")).unwrap_or_default();
        let (mut sse, mut ws) =
            (Sse::open(served.address, &query, None).await, Ws::open(served.address, &query).await);
        for id in &expected {
            let got = sse.next().await.unwrap();
            assert_eq!(&got.id, id, "{query}");
            assert_eq!(ws.next().await.unwrap(), got, "{query}");
        }
        assert!(expected.len() > 3 || types == "tx", "{query}");
    }
    // Without types it is what a page lists.
    let mut sse = Sse::open(served.address, "from=0", None).await;
    let first = sse.next().await.unwrap();
    assert_eq!((first.kind.as_str(), &first.data["id"]), ("score", &first.id.clone().into()));
    let mut sse = Sse::open(served.address, "types=block", Some(&end)).await;
    let height = served.live.grow();
    let got = sse.next().await.unwrap();
    assert_eq!(got.data["height"], height.get());
}

#[tokio::test]
async fn who_names_no_place_hears_what_comes_and_may_be_cut_off_before_the_first() {
    let served = plain().await;
    served.live.grow();
    let mut sse = Sse::open(served.address, "types=block", None).await;
    let first = sse.next_frame().await.unwrap();
    let place = "1.4294967295.4294967295";
    assert_eq!((first.get("id"), first.get("data")), (Some(place), None));
    assert_eq!(first.get("retry"), Some("1000"));
    let mut ws = Ws::open(served.address, "types=block").await;
    let Some(Message::Text(text)) = ws.message().await else { panic!("no text") };
    let text: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&text["id"], &text["type"]), (&place.into(), &"place".into()));
    drop((sse, ws));
    for _ in 0..2 {
        served.live.grow();
    }
    let mut sse = Sse::open(served.address, "types=block", Some(place)).await;
    assert_eq!(sse.next().await.unwrap().data["height"], 2);
    // A height that is not there yet is waited for.
    let mut sse = Sse::open(served.address, "types=block&from=5", None).await;
    for _ in 0..3 {
        served.live.grow();
    }
    assert_eq!(sse.next().await.unwrap().data["height"], 5);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_before_a_stream_begins() {
    let served = plain().await;
    for _ in 0..5 {
        served.live.grow();
    }
    served.live.kept_from.store(3, Ordering::Relaxed);
    let malformed = Sse::open(served.address, "", Some("5")).await;
    for (sse, status, code) in [
        (malformed, 400, "LC7106"),
        (Sse::open(served.address, "types=money", None).await, 400, "LC7106"),
        (Sse::open(served.address, "from=2", None).await, 410, "LC5301"),
        (Sse::open(served.address, "", Some("2.0.0")).await, 410, "LC5301"),
    ] {
        let (head, problem) = sse.refusal().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!(problem["code"], code);
    }
    let mut kept = Sse::open(served.address, "types=block&from=3", None).await;
    assert_eq!(kept.next().await.unwrap().data["height"], 3);
    let pages = crate::fake::peer_router();
    for (channel, status, code) in [("none", 404, "LC3205"), ("closed", 403, "LC4103")] {
        for path in ["events", "events/ws"] {
            let answer = stream_of(&pages, &format!("/api/v2/channels/{channel}/{path}")).await;
            let is_plain = path == "events/ws";
            // Without an upgrade a WebSocket path says so, whatever the channel.
            let expected = if is_plain { (426, "LC7106") } else { (status, code) };
            assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str().unwrap()), expected);
        }
    }
    let paged = crate::fake::get(&pages, "/api/v2/channels/channel1/events?types=block").await;
    assert_eq!(paged.status, 400);
}

async fn stream_of(pages: &host_web::Pages, path: &str) -> crate::fake::Answer {
    let request = axum::http::Request::get(path).header("accept", "text/event-stream");
    crate::fake::ask(pages, request.body(axum::body::Body::empty()).unwrap()).await
}

async fn refused_upgrade(served: &Served, headers: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET /api/v2/channels/channel1/events/ws HTTP/1.1\r\nHost: a:9000\r\nUpgrade: websocket\r\n\
         Connection: upgrade, close\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut some = [0; 1024];
    let len = tokio::time::timeout(PATIENCE, stream.read(&mut some)).await.unwrap().unwrap();
    String::from_utf8_lossy(&some[..len]).into_owned()
}

#[tokio::test]
async fn pages_of_other_origins_open_no_web_socket() {
    let live = Arc::new(Live::new(1, 8));
    let node = crate::fake::Node { live: Some(live), ..Default::default() };
    let config = host_web::RestConfig {
        cors_origins: vec!["https://a.example".into()],
        ..host_web::RestConfig::default()
    };
    let pages = host_web::peer_pages(Arc::new(node), config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ServerLimits::default();
    let task = tokio::spawn(host_web::serve(listener, pages, limits, std::future::pending()));
    let (stop, _) = tokio::sync::oneshot::channel();
    let (live, operations) = (Arc::new(Live::new(1, 8)), crate::fake::peer_router());
    let served = Served { live, address, operations, stop, task };
    for (origin, status) in [
        ("", "101"),
        ("Origin: https://a.example\r\n", "101"),
        ("Origin: http://a:9000\r\n", "101"),
        ("Origin: https://b.example\r\n", "403"),
        ("Origin: null\r\n", "403"),
    ] {
        let answer = refused_upgrade(&served, origin).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}{answer}");
    }
    served.task.abort();
}

#[tokio::test]
async fn streams_are_counted_by_address_and_in_all_and_their_places_come_back() {
    let streams = StreamLimits { streams: 3, streams_per_address: 2, ..StreamLimits::default() };
    let served = with(streams, ServerLimits::default()).await;
    let mut first = Sse::open(served.address, "", None).await;
    let second = Ws::open(served.address, "").await;
    assert!(first.head.starts_with("HTTP/1.1 200"), "{}", first.head);
    let (head, problem) = Sse::open(served.address, "", None).await.refusal().await;
    assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: 1"), "{head}");
    assert_eq!(problem["code"], "LC7129");
    assert!(first.next_frame().await.is_some());
    drop((first, second));
    // The peer sees that they are gone when it reads or writes next.
    let until = Instant::now() + PATIENCE;
    loop {
        let sse = Sse::open(served.address, "", None).await;
        if sse.head.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(Instant::now() < until, "{}", sse.head);
        tokio::task::yield_now().await;
    }
    let streams = StreamLimits { streams: 1, streams_per_address: 2, ..StreamLimits::default() };
    let served = with(streams, ServerLimits::default()).await;
    let _only = Ws::open(served.address, "").await;
    let (head, problem) = Sse::open(served.address, "", None).await.refusal().await;
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: "), "{head}");
    assert_eq!((&problem["code"], &problem["retryable"]), (&"LC7130".into(), &true.into()));
}

fn hasty() -> ServerLimits {
    ServerLimits {
        header_timeout: Duration::from_millis(200),
        write_timeout: Duration::from_millis(600),
        idle_timeout: Duration::from_secs(5),
        linger: Duration::from_millis(200),
        ..ServerLimits::default()
    }
}

/// Bytes of an event's data, of a page, and of the chain that a stalled reader is offered.
const EVENT_BYTES: usize = 1_000;
const PAGE_BYTES: usize = 16 * 1024;
const BLOCKS: usize = 8_000;

#[tokio::test]
async fn a_reader_that_stalls_costs_a_page_and_is_closed() {
    let streams = StreamLimits { page_bytes: PAGE_BYTES, ..StreamLimits::default() };
    let served = served(Live::new(2, EVENT_BYTES), streams, hasty()).await;
    for _ in 0..BLOCKS {
        served.live.grow();
    }
    let offered = served.live.places(&filter("score", None, None)).len();
    let mut sse = Sse::narrow(served.address, "from=0").await;
    // It reads nothing more. The peer is done with it when it reads nothing for it any more.
    let mut read = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = served.live.read.load(Ordering::Relaxed);
        if now == read {
            break;
        }
        read = now;
    }
    let mut received = 0;
    while sse.next().await.is_some() {
        received += 1;
    }
    assert!(!sse.is_complete, "a closed stream has no end");
    assert!(received < offered as u64 / 2, "{received} of {offered} fit the socket's buffers");
    // What was read and did not reach the socket: a page that is being written, and hyper's buffer.
    let held = read - received;
    let page = (PAGE_BYTES / EVENT_BYTES) as u64 + 1;
    assert!(held <= 2 * page + 16, "{held} events held, a page has {page}");
}

#[tokio::test]
async fn a_web_socket_that_stalls_costs_a_page_and_is_closed() {
    let streams =
        StreamLimits { page_bytes: PAGE_BYTES, streams_per_address: 1, ..StreamLimits::default() };
    let served = served(Live::new(2, EVENT_BYTES), streams, hasty()).await;
    for _ in 0..BLOCKS {
        served.live.grow();
    }
    let ws = Ws::open(served.address, "from=0").await;
    let mut read = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = served.live.read.load(Ordering::Relaxed);
        if now == read {
            break;
        }
        read = now;
    }
    // Its place is free: it was closed, though the client never said a word.
    let other = Sse::open(served.address, "", None).await;
    assert!(other.head.starts_with("HTTP/1.1 200"), "{}", other.head);
    let mut ws = ws;
    let mut received = 0;
    while ws.next().await.is_some() {
        received += 1;
    }
    let held = read - received;
    let page = (PAGE_BYTES / EVENT_BYTES) as u64 + 1;
    assert!(held <= 2 * page, "{held} events held, a page has {page}");
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_past_every_limit_of_a_connection() {
    let streams = StreamLimits { ping: Duration::from_millis(100), ..StreamLimits::default() };
    let limits = ServerLimits {
        idle_timeout: Duration::from_millis(400),
        write_timeout: Duration::from_millis(400),
        header_timeout: Duration::from_millis(200),
        ..ServerLimits::default()
    };
    let served = with(streams, limits).await;
    let mut sse = Sse::open(served.address, "types=block", None).await;
    let mut ws = Ws::open(served.address, "types=block").await;
    sse.next_frame().await.unwrap();
    for _ in 0..10 {
        assert_eq!(sse.next_frame().await.unwrap().get(""), Some("ping"));
        while !matches!(ws.message().await.unwrap(), Message::Ping(_)) {}
    }
    served.live.grow();
    assert_eq!(sse.next().await.unwrap(), ws.next().await.unwrap());
}

#[tokio::test]
async fn silence_moves_the_place_along_when_nothing_that_comes_is_wanted() {
    let streams = StreamLimits { ping: Duration::from_millis(100), ..StreamLimits::default() };
    let served = with(streams, ServerLimits::default()).await;
    let mut sse = Sse::open(served.address, "topic=never", None).await;
    sse.next_frame().await.unwrap();
    for _ in 0..7 {
        served.live.grow();
    }
    let moved = loop {
        let frame = sse.next_frame().await.unwrap();
        if let Some(id) = frame.get("id") {
            break id.to_owned();
        }
    };
    assert_eq!(moved, "7.4294967295.4294967295");
    assert_eq!(sse.next_frame().await.unwrap().get("id"), None);
}

#[tokio::test]
async fn a_web_socket_client_that_talks_or_does_not_answer_is_closed() {
    let streams = StreamLimits { ping: Duration::from_millis(100), ..StreamLimits::default() };
    let served = with(streams, ServerLimits::default()).await;
    let mut ws = Ws::open(served.address, "").await;
    ws.send(Message::text("hello")).await;
    assert_eq!(ws.closed().await.0, 1003);
    let mut ws = Ws::open(served.address, "").await;
    ws.send(Message::binary(vec![0; 2_000])).await;
    assert!(ws.next().await.is_none());
    let calm = with(StreamLimits::default(), ServerLimits::default()).await;
    let mut ws = Ws::open(calm.address, "").await;
    for _ in 0..100 {
        ws.send(Message::Ping(vec![1].into())).await;
    }
    assert_eq!(ws.closed().await.0, 1008);
    // The library answers pings when it reads; the raw socket does not.
    let ws = Ws::open(served.address, "").await;
    let mut silent = ws.0.into_inner();
    let mut all = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut all);
    tokio::time::timeout(PATIENCE, read).await.unwrap().ok();
    assert!(String::from_utf8_lossy(&all).contains("no answer to a ping"));
}

#[tokio::test]
async fn a_stream_ends_with_the_right_to_read_or_with_the_channel() {
    for is_left in [false, true] {
        let served = plain().await;
        let mut sse = Sse::open(served.address, "types=block", None).await;
        let mut ws = Ws::open(served.address, "types=block").await;
        served.live.grow();
        assert!(sse.next().await.is_some() && ws.next().await.is_some());
        served.live.is_left.store(is_left, Ordering::Relaxed);
        served.live.is_open.store(false, Ordering::Relaxed);
        served.live.wake();
        let end = sse.next().await.unwrap();
        let code = if is_left { "LC3205" } else { "LC4103" };
        assert_eq!((end.kind.as_str(), end.id.as_str()), ("end", ""));
        assert_eq!((&end.data["code"], &end.data["retryable"]), (&code.into(), &false.into()));
        sse.complete().await;
        let (number, reason) = ws.closed().await;
        assert_eq!(number, 1008);
        assert!(reason.starts_with(code), "{reason}");
    }
}

#[tokio::test]
async fn stopping_ends_open_streams_at_once_and_cleanly() {
    let limits = ServerLimits { drain: PATIENCE, ..ServerLimits::default() };
    let served = with(StreamLimits::default(), limits).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut sse = Sse::open(served.address, "types=block", None).await;
        sse.next_frame().await.unwrap();
        streams.push((sse, Ws::open(served.address, "types=block").await));
    }
    served.live.grow();
    let since = Instant::now();
    served.stop.send(()).unwrap();
    for (sse, ws) in &mut streams {
        // The block that is there is told before the end, or it is told after coming back.
        let mut end = sse.next().await.unwrap();
        if end.kind == "block" {
            end = sse.next().await.unwrap();
        }
        assert_eq!((end.kind.as_str(), &end.data["retryable"]), ("end", &true.into()));
        sse.complete().await;
        assert_eq!(ws.closed().await.0, 1001);
    }
    drop(streams);
    tokio::time::timeout(PATIENCE, served.task).await.unwrap().unwrap();
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

#[tokio::test]
async fn stopping_waits_for_no_reader_that_reads_nothing() {
    let limits = ServerLimits { write_timeout: PATIENCE, drain: PATIENCE, ..hasty() };
    let served = served(Live::new(2, EVENT_BYTES), StreamLimits::default(), limits).await;
    for _ in 0..BLOCKS {
        served.live.grow();
    }
    let _sse = Sse::narrow(served.address, "from=0").await;
    let _ws = Ws::open(served.address, "from=0").await;
    let mut read = 0;
    while read != served.live.read.load(Ordering::Relaxed) {
        read = served.live.read.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let since = Instant::now();
    served.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, served.task).await.unwrap().unwrap();
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

/// What a proxy hands on of a stream: a part of it, and nothing more for ever.
struct Endless;

impl host_web::Relay for Endless {
    fn relay(
        self: Arc<Self>,
        _: axum::http::Request<axum::body::Body>,
    ) -> futures::future::BoxFuture<'static, axum::response::Response> {
        use futures::{FutureExt, StreamExt, stream};
        let first = stream::once(async { Ok::<_, std::io::Error>("id: 1.0.0\n\n") });
        let body = axum::body::Body::from_stream(first.chain(stream::pending()));
        async move { axum::response::Response::new(body) }.boxed()
    }
}

#[tokio::test]
async fn a_proxy_that_stops_breaks_off_the_streams_it_hands_on() {
    let pages = host_web::relay_pages(Arc::new(Endless), host_web::RestConfig::dev());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let until = async {
        stopped.await.ok();
    };
    let limits = ServerLimits { drain: PATIENCE, ..ServerLimits::default() };
    let task = tokio::spawn(async move { host_web::serve(listener, pages, limits, until).await });
    let mut sse = Sse::open(address, "", None).await;
    assert_eq!(sse.next_frame().await.unwrap().get("id"), Some("1.0.0"));
    let since = Instant::now();
    stop.send(()).unwrap();
    assert!(sse.next_frame().await.is_none());
    assert!(!sse.is_complete, "it looks whole");
    tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}
