//! The accept loop with real sockets and short limits: what a client may not do to a connection.

use crate::fake::peer_router;
use host_web::{ServerLimits, serve};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Far longer than any limit of these tests; a test that waits for it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

pub(crate) fn short() -> ServerLimits {
    ServerLimits {
        header_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(800),
        write_timeout: Duration::from_millis(400),
        linger: Duration::from_millis(300),
        drain: Duration::from_millis(500),
        ..ServerLimits::default()
    }
}

pub(crate) async fn start(limits: ServerLimits) -> Server {
    start_with(peer_router(), limits).await
}

pub(crate) async fn start_with(pages: host_web::Pages, limits: ServerLimits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        serve(listener, pages, limits, async {
            stopped.await.ok();
        })
        .await;
    });
    Server { address, stop, task }
}

impl Server {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes, then reads until the server closes.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }
}

/// Everything until the connection is closed; a reset counts as closed.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = async {
        let mut some = [0; 4096];
        while let Ok(len @ 1..) = stream.read(&mut some).await {
            all.extend_from_slice(&some[..len]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the server never closed");
    String::from_utf8(all).unwrap()
}

async fn read_some(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    let read = async {
        let mut some = [0; 4096];
        while !String::from_utf8_lossy(&all).ends_with(end) {
            let len = stream.read(&mut some).await.unwrap();
            assert!(len > 0, "closed early: {}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&some[..len]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("no answer");
    String::from_utf8(all).unwrap()
}

const GET: &str = "GET /api/v1/status/peer HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let server = start(ServerLimits::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(GET.as_bytes()).await.unwrap();
        let answer = read_some(&mut stream, "}\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let body = "{\"data\":\"hello\"}";
    let post = format!(
        "POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // Two at once: the second head is held back until the first body is complete.
    stream.write_all(format!("{post}{GET}").as_bytes()).await.unwrap();
    let mut answers = read_some(&mut stream, "}\n").await;
    if answers.matches("HTTP/1.1 200").count() == 1 {
        answers += &read_some(&mut stream, "}\n").await;
    }
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
}

#[tokio::test]
async fn a_client_that_sends_nothing_or_half_a_head_is_closed() {
    let server = start(short()).await;
    for (bytes, at_most) in [
        ("", Duration::from_secs(5)),
        ("GET / HT", Duration::from_secs(5)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX-Half: ", Duration::from_secs(5)),
        ("\r\n\r\n\r\n", Duration::from_secs(5)),
    ] {
        let start = Instant::now();
        server.exchange(bytes.as_bytes()).await;
        assert!(start.elapsed() < at_most, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_head_that_drips_is_closed_although_bytes_keep_coming() {
    let server = start(short()).await;
    let mut stream = server.connect().await;
    let drip = async {
        for byte in GET.bytes().take(30).cycle() {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, drip).await.expect("a dripping head was never closed");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let server = start(short()).await;
    let mut stream = server.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    read_some(&mut stream, "}\n").await;
    let since = Instant::now();
    assert_eq!(read_to_end(&mut stream).await, "");
    assert!(since.elapsed() > Duration::from_millis(500), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_stalled_body_gets_408() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = host_web::RestConfig {
        body_timeout: Duration::from_millis(300),
        ..host_web::RestConfig::dev()
    };
    let router = host_web::peer_pages(std::sync::Arc::new(crate::fake::Node::default()), config);
    let task = tokio::spawn(serve(listener, router, short(), std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{\"a\":";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    task.abort();
}

#[tokio::test]
async fn a_body_of_a_gigabyte_is_refused_at_once() {
    let server = start(short()).await;
    let since = Instant::now();
    let head = "POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                Content-Length: 1000000000\r\n\r\n";
    let sent = format!("{head}{}", "x".repeat(100_000));
    let answer = server.exchange(sent.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("262144 bytes"), "{answer}");
    assert!(since.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn head_bombs_are_refused() {
    let server = start(short()).await;
    let many: String = (0..300).map(|i| format!("X-{i}: a\r\n")).collect();
    let answer = server.exchange(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let long = "a".repeat(20_000);
    for bomb in [
        format!("GET / HTTP/1.1\r\nX: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nX: {long}"),
    ] {
        let answer = server.exchange(bomb.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let longest = "\r\n".repeat(10_000);
    let answer = server.exchange(longest.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4") || answer.is_empty(), "{answer}");
}

#[tokio::test]
async fn two_framings_of_one_body_are_refused() {
    let server = start(short()).await;
    let hidden = "0\r\n\r\nGET /api/v1/status/peer HTTP/1.1\r\nHost: a\r\n\r\n";
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5\r\n Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
    ] {
        let request = format!(
            "POST /api/v1/query HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{headers}\
             \r\n{hidden}"
        );
        let answer = server.exchange(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{headers}: {answer}");
    }
}

#[tokio::test]
async fn a_chunked_body_is_read_and_is_the_last_of_its_connection() {
    let server = start(short()).await;
    let request = format!(
        "POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{GET}"
    );
    let answer = server.exchange(request.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.contains("\"response_code\": \"0\""), "{answer}");
}

#[tokio::test]
async fn garbage_gets_400_and_the_server_lives() {
    let server = start(short()).await;
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"\x16\x03\x01\x02\0\x01\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
    ] {
        let answer = server.exchange(garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let answer = server.exchange(b"GET /api/v1/status/peer HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn connections_are_bounded_per_address_and_come_back() {
    let limits = ServerLimits {
        connections_per_address: 2,
        idle_timeout: Duration::from_secs(3),
        ..short()
    };
    let server = start(limits).await;
    let mut first = server.connect().await;
    first.write_all(GET.as_bytes()).await.unwrap();
    read_some(&mut first, "}\n").await;
    let mut second = server.connect().await;
    second.write_all(GET.as_bytes()).await.unwrap();
    read_some(&mut second, "}\n").await;
    let refused = read_to_end(&mut server.connect().await).await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    drop(first);
    read_to_end(&mut second).await;
    let mut third = server.connect().await;
    third.write_all(GET.as_bytes()).await.unwrap();
    assert!(read_some(&mut third, "}\n").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn connections_of_all_are_bounded() {
    let server = start(ServerLimits { connections: 1, ..ServerLimits::default() }).await;
    let mut first = server.connect().await;
    first.write_all(GET.as_bytes()).await.unwrap();
    read_some(&mut first, "}\n").await;
    let refused = read_to_end(&mut server.connect().await).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_ends() {
    let server = start(ServerLimits { idle_timeout: PATIENCE, ..short() }).await;
    let mut idle = server.connect().await;
    idle.write_all(GET.as_bytes()).await.unwrap();
    read_some(&mut idle, "}\n").await;
    let half = server.connect().await;
    server.stop.send(()).unwrap();
    assert_eq!(read_to_end(&mut idle).await, "");
    tokio::time::timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(half);
}
