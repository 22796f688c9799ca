//! Clients of streams over real sockets: server-sent events by hand, WebSockets by a library.

use crate::fake::Node;
use crate::live::Live;
use futures::{SinkExt, StreamExt};
use host_rpc::gateway::Gateway;
use host_web::stream::limits::StreamLimits;
use host_web::{OpsSource, Pages, RestConfig, ServerLimits, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Far longer than any limit of these tests; a test that waits for it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A peer with a live channel, behind the real accept loop.
pub(crate) struct Served {
    pub(crate) live: Arc<Live>,
    pub(crate) address: SocketAddr,
    /// Its operations listener, without a socket.
    pub(crate) operations: Pages,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) async fn served(live: Live, streams: StreamLimits, limits: ServerLimits) -> Served {
    let live = Arc::new(live);
    let node = Node { live: Some(Arc::clone(&live)), ..Node::default() };
    let config = RestConfig { streams, ..RestConfig::dev() };
    let gateway: Arc<dyn Gateway> = Arc::new(node);
    let source = OpsSource::of_gateway(&gateway);
    Served::start(live, source, host_web::peer_pages(gateway, config), limits).await
}

impl Served {
    /// Serves pages, with streams of this channel behind them.
    pub(crate) async fn start(
        live: Arc<Live>,
        source: OpsSource,
        pages: Pages,
        limits: ServerLimits,
    ) -> Self {
        let operations = host_web::ops_pages(source.with_streams_of(&pages));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let until = async {
            stopped.await.ok();
        };
        let task = tokio::spawn(async move { serve(listener, pages, limits, until).await });
        Self { live, address, operations, stop, task }
    }
}

/// What a client got of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: serde_json::Value,
}

/// Fields of a frame of server-sent events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// As an event; none for a comment or an id alone.
    pub(crate) fn got(&self) -> Option<Got> {
        let (kind, data) = (self.get("event")?.to_owned(), self.get("data")?);
        let data = serde_json::from_str(data).unwrap();
        Some(Got { id: self.get("id").unwrap_or_default().to_owned(), kind, data })
    }
}

/// A stream of server-sent events.
pub(crate) struct Sse {
    pub(crate) stream: TcpStream,
    pub(crate) head: String,
    /// Came, and not read as chunks yet.
    raw: Vec<u8>,
    /// Text out of chunks.
    text: Vec<u8>,
    /// Whether the last chunk has come.
    pub(crate) is_complete: bool,
}

impl Sse {
    /// Asks, and reads the head.
    pub(crate) async fn open(address: SocketAddr, query: &str, last: Option<&str>) -> Self {
        Self::on(TcpStream::connect(address).await.unwrap(), query, last).await
    }

    /// With a small window: what it does not read stays with the peer.
    pub(crate) async fn narrow(address: SocketAddr, query: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Self::on(socket.connect(address).await.unwrap(), query, None).await
    }

    async fn on(mut stream: TcpStream, query: &str, last: Option<&str>) -> Self {
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /api/v2/channels/channel1/events?{query} HTTP/1.1\r\nHost: a\r\n\
             Accept: text/event-stream\r\n{last}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut sse = Self {
            stream,
            head: String::new(),
            raw: Vec::new(),
            text: Vec::new(),
            is_complete: false,
        };
        while sse.head.is_empty() {
            assert!(sse.fill().await, "closed without a head");
            if let Some(end) = find(&sse.raw, b"\r\n\r\n") {
                let head = sse.raw.drain(..end + 4).collect();
                sse.head = String::from_utf8(head).unwrap();
            }
        }
        sse
    }

    /// The body of a refusal, of which all is told.
    pub(crate) async fn refusal(mut self) -> (String, serde_json::Value) {
        while serde_json::from_slice::<serde_json::Value>(&self.raw).is_err() {
            assert!(self.fill().await, "{} {:?}", self.head, String::from_utf8_lossy(&self.raw));
        }
        (self.head, serde_json::from_slice(&self.raw).unwrap())
    }

    /// Reads what comes; false at the end.
    async fn fill(&mut self) -> bool {
        let mut some = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut some)).await;
        let len = read.expect("nothing came").unwrap_or_default();
        self.raw.extend_from_slice(&some[..len]);
        len > 0
    }

    fn unchunk(&mut self) {
        while let Some(end) = find(&self.raw, b"\r\n") {
            let len = std::str::from_utf8(&self.raw[..end]).unwrap();
            let len = usize::from_str_radix(len, 16).unwrap();
            if self.raw.len() < end + 2 + len + 2 {
                return;
            }
            self.is_complete |= len == 0;
            self.text.extend_from_slice(&self.raw[end + 2..end + 2 + len]);
            self.raw.drain(..end + 2 + len + 2);
        }
    }

    fn frame(&mut self) -> Option<Fields> {
        self.unchunk();
        let end = find(&self.text, b"\n\n")?;
        let frame: Vec<u8> = self.text.drain(..end + 2).collect();
        let frame = String::from_utf8(frame).unwrap();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim_start().to_owned())
        };
        Some(Fields(frame.lines().filter(|line| !line.is_empty()).map(field).collect()))
    }

    /// The next frame; none when the connection is closed.
    pub(crate) async fn next_frame(&mut self) -> Option<Fields> {
        loop {
            if let Some(frame) = self.frame() {
                return Some(frame);
            }
            if !self.fill().await {
                self.unchunk();
                return None;
            }
        }
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Option<Got> {
        loop {
            if let Some(got) = self.next_frame().await?.got() {
                return Some(got);
            }
        }
    }

    /// Reads to the last chunk.
    pub(crate) async fn complete(&mut self) {
        self.unchunk();
        while !self.is_complete {
            assert!(self.fill().await, "the last chunk is missing");
            self.unchunk();
        }
        assert!(self.text.is_empty());
    }

    /// Events that are here already, whole ones only.
    pub(crate) fn rest(&mut self) -> Vec<Got> {
        let mut some = [0; 65_536];
        if let Ok(len) = self.stream.try_read(&mut some) {
            self.raw.extend_from_slice(&some[..len]);
        }
        std::iter::from_fn(|| self.frame()).filter_map(|frame| frame.got()).collect()
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A stream over WebSocket.
pub(crate) struct Ws(pub(crate) WebSocketStream<TcpStream>);

impl Ws {
    pub(crate) async fn open(address: SocketAddr, query: &str) -> Self {
        Self::on(TcpStream::connect(address).await.unwrap(), query).await
    }

    /// With a small window: what it does not read stays with the peer.
    pub(crate) async fn narrow(address: SocketAddr, query: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Self::on(socket.connect(address).await.unwrap(), query).await
    }

    async fn on(stream: TcpStream, query: &str) -> Self {
        let url = format!("ws://a/api/v2/channels/channel1/events/ws?{query}");
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        Self(socket)
    }

    /// The next message; none at the end.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
        next.expect("nothing came")?.ok()
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Option<Got> {
        loop {
            let Message::Text(text) = self.message().await? else { continue };
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            if json["type"] != "place" {
                assert_eq!(json.as_object().unwrap().len(), 3);
                let text = |name: &str| json[name].as_str().unwrap().to_owned();
                return Some(Got {
                    id: text("id"),
                    kind: text("type"),
                    data: json["data"].clone(),
                });
            }
        }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// Code and reason of the close.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.message().await {
                Some(Message::Close(Some(frame))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(_) => {}
                None => panic!("closed without a word"),
            }
        }
    }
}
