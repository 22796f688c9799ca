//! What no honest peer does. After each, an honest peer is still served.

use super::{CHANNEL, Server, name, session};
use crate::error::ConnectError;
use crate::greeting::{Answer, Class, Greeting, read_frame, write_frame};
use crate::limits::{PROTOCOL, ServerLimits};
use crate::service::{Blob, ChannelId, PeerRpcRequest};
use crate::session::Session;
use crate::trust::Expected;
use crate::{PeerClient, Target};
use bytes::Bytes;
use host_identity::Authority;
use host_types::limits::FRAME_BYTES_MAX;
use serde::Serialize;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

struct Setting {
    server: Server,
    honest: PeerClient,
    evil: Arc<Session>,
}

impl Setting {
    async fn new() -> Self {
        let authority = Authority::new_dev("test").unwrap();
        let server = Server::start(session(&authority, "bank-b/peer1")).await;
        let target = Target { name: name("bank-b/peer1"), address: server.address.to_string() };
        let honest = PeerClient::start(session(&authority, "bank-a/peer0"), target);
        honest.connected().await;
        Self { server, honest, evil: session(&authority, "bank-a/mallory") }
    }

    async fn tls(&self) -> TlsStream<TcpStream> {
        let expected = Expected::Name(name("bank-b/peer1"));
        self.evil.open_tls(&self.server.address.to_string(), &expected).await.unwrap()
    }

    async fn greeted(&self) -> TlsStream<TcpStream> {
        let mut stream = self.tls().await;
        let greeting = Greeting::new(super::network(1), Class::Bulk).to_bytes(PROTOCOL);
        write_frame(&mut stream, &greeting).await.unwrap();
        let answer = read_frame(&mut stream).await.unwrap();
        Answer::check(&answer, super::network(1), "bank-b/peer1").unwrap();
        stream
    }

    /// The honest peer's connection is the one it had, and works; new ones are served too.
    async fn assert_alive(&mut self) {
        self.honest.send(Class::Consensus, CHANNEL, Bytes::from_static(b"alive")).unwrap();
        assert_eq!(self.server.next().await, "alive");
        assert_eq!(self.honest.metrics(Class::Consensus).connects, 1);
        let mut stream = self.greeted().await;
        stream.write_all(&frame(&request(5, "x"))).await.unwrap();
        assert!(stream.read_u32().await.unwrap() > 0);
    }
}

async fn assert_closed<S: AsyncReadExt + Unpin>(stream: &mut S) {
    let mut rest = Vec::new();
    // An abrupt end is an error for TLS; both ways the connection is gone.
    if stream.read_to_end(&mut rest).await.is_ok() {
        assert!(rest.len() < 100, "{} bytes came", rest.len());
    }
}

/// tarpc's request, with a deadline that its own types cannot hold.
#[derive(Serialize)]
enum Message {
    Request(Request),
}

#[derive(Serialize)]
struct Request {
    context: Context,
    id: u64,
    message: PeerRpcRequest,
}

#[derive(Serialize)]
struct Context {
    deadline: Deadline,
    trace_context: tarpc::trace::Context,
}

#[derive(Serialize)]
struct Deadline {
    secs: u64,
    nanos: u32,
}

fn request(secs: u64, text: &'static str) -> Vec<u8> {
    let context =
        Context { deadline: Deadline { secs, nanos: 0 }, trace_context: Default::default() };
    let message = PeerRpcRequest::Fetch {
        channel: ChannelId::from(CHANNEL),
        request: Blob(Bytes::from_static(text.as_bytes())),
    };
    let mut bytes = Vec::new();
    ciborium::into_writer(&Message::Request(Request { context, id: 1, message }), &mut bytes)
        .unwrap();
    bytes
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

#[tokio::test]
async fn plaintext_is_refused() {
    let mut setting = Setting::new().await;
    for text in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), frame(&request(5, "x")), vec![0; 100]] {
        let mut socket = TcpStream::connect(setting.server.address).await.unwrap();
        socket.write_all(&text).await.unwrap();
        assert_closed(&mut socket).await;
    }
    setting.assert_alive().await;
}

#[tokio::test]
async fn a_far_deadline_ends_at_most_its_own_connection() {
    let mut setting = Setting::new().await;
    for secs in [u64::MAX, u64::MAX / 2, 400_000_000_000, 94_608_000, 3_000_000] {
        let mut stream = setting.greeted().await;
        stream.write_all(&frame(&request(secs, "x"))).await.unwrap();
        // Served with a deadline that was cut, or closed.
        match stream.read_u32().await {
            Ok(length) => assert!(length < 100),
            Err(_) => assert!(secs > 400_000_000_000),
        }
        setting.assert_alive().await;
    }
}

#[tokio::test]
async fn garbage_closes_only_its_own_connection() {
    let mut setting = Setting::new().await;
    let mut long = request(5, "x");
    long.push(0);
    for body in [vec![], vec![0xff; 50], vec![0x81; 5_000], vec![0x9b; 9], long] {
        let mut stream = setting.greeted().await;
        stream.write_all(&frame(&body)).await.unwrap();
        assert_closed(&mut stream).await;
    }
    setting.assert_alive().await;
}

#[tokio::test]
async fn an_oversize_frame_closes_only_its_own_connection() {
    let mut setting = Setting::new().await;
    for length in [u32::try_from(FRAME_BYTES_MAX).unwrap() + 1, u32::MAX] {
        let mut stream = setting.greeted().await;
        stream.write_all(&length.to_be_bytes()).await.unwrap();
        assert_closed(&mut stream).await;
    }
    setting.assert_alive().await;
}

#[tokio::test]
async fn another_protocol_is_refused_with_both_numbers() {
    let mut setting = Setting::new().await;
    let mut stream = setting.tls().await;
    let greeting = Greeting::new(super::network(1), Class::Bulk).to_bytes(9);
    write_frame(&mut stream, &greeting).await.unwrap();
    let answer = read_frame(&mut stream).await.unwrap();
    let error = Answer::check(&answer, super::network(1), "bank-b/peer1").unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }));
    assert!(error.to_string().contains("LC3107: protocol 1 here, 9 there"), "{error}");
    setting.assert_alive().await;
}

#[tokio::test]
async fn a_greeting_that_is_none_is_refused() {
    let mut setting = Setting::new().await;
    for bytes in [vec![], vec![0xff; 20], vec![0x80]] {
        let mut stream = setting.tls().await;
        write_frame(&mut stream, &bytes).await.unwrap();
        let answer = read_frame(&mut stream).await.unwrap();
        assert!(Answer::check(&answer, super::network(1), "bank-b/peer1").is_err());
    }
    let mut stream = setting.tls().await;
    stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    assert_closed(&mut stream).await;
    setting.assert_alive().await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_nothing_behind() {
    let mut setting = Setting::new().await;
    for _ in 0..20 {
        let mut stream = setting.greeted().await;
        stream.write_all(&frame(&request(5, "S"))).await.unwrap();
        stream.write_all(&[0, 0, 1]).await.unwrap();
        drop(stream);
    }
    setting.assert_alive().await;
}

#[tokio::test]
async fn who_says_nothing_is_closed_before_and_after_the_greeting() {
    let authority = Authority::new_dev("test").unwrap();
    let short = std::time::Duration::from_millis(300);
    let limits = ServerLimits { handshake: short, idle: short, ..ServerLimits::default() };
    let local = "127.0.0.1:0".parse().unwrap();
    let server = Server::start_with(session(&authority, "bank-b/peer1"), local, limits).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_closed(&mut silent).await;
    let expected = Expected::Name(name("bank-b/peer1"));
    let me = session(&authority, "bank-a/peer0");
    let address = server.address.to_string();
    let mut greeted = me.connect(&address, &expected, Class::Bulk).await.unwrap();
    assert_closed(&mut greeted.stream).await;
}

#[tokio::test]
async fn sockets_beyond_the_limit_are_closed_at_once() {
    let authority = Authority::new_dev("test").unwrap();
    let limits = ServerLimits { unauthenticated_on_loopback: 2, ..ServerLimits::default() };
    let local = "127.0.0.1:0".parse().unwrap();
    let server = Server::start_with(session(&authority, "bank-b/peer1"), local, limits).await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let second = TcpStream::connect(server.address).await.unwrap();
    let mut third = TcpStream::connect(server.address).await.unwrap();
    assert_closed(&mut third).await;
    drop((first, second));
}
