//! The listener of a collector: lines of nodes over mutual TLS, forward messages as they are, on one
//! port. The first byte tells which: a TLS handshake begins with 0x16, no forward message does.
//!
//! In: connections. Out: records in a [`Store`]; an answer after they are on the disk. A node sends
//! `POST /v1/logs` with its lines as NDJSON, `loopchain-run` (hex), `loopchain-first` (the number of
//! the first line) and `loopchain-dropped`; the answer is `{"acknowledged": LAST}`. Lines that a
//! run's number says are kept already are kept once. A client's certificate is refused (403), the
//! name of a record is that of the certificate.

use crate::forward;
use crate::limits::{
    BODY_BYTES_MAX, CONNECTIONS_MAX, FIRST_BYTE_WITHIN, FORWARD_BYTES_MAX, IDLE_MAX,
};
use crate::msgpack::PackError;
use crate::record::Record;
use crate::store::Store;
use bytes::{Bytes, BytesMut};
use host_identity::Role;
use host_rpc::Session;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Who may send forward messages, which prove no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardFrom {
    /// Nobody.
    Nobody,
    /// This machine.
    Loopback,
    /// Everybody who can reach the port.
    Everybody,
}

/// A collector.
#[derive(Debug)]
pub struct Collector {
    store: Arc<Mutex<Store>>,
    session: Arc<Session>,
    forward: ForwardFrom,
}

impl Collector {
    /// One that keeps lines in a store.
    #[must_use]
    pub fn new(store: Store, session: Arc<Session>, forward: ForwardFrom) -> Self {
        Self { store: Arc::new(Mutex::new(store)), session, forward }
    }

    /// Does something with the store where blocking hurts nobody.
    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut store.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(io::Error::other)?
    }
}

/// Serves until told to stop.
pub async fn serve(
    listener: TcpListener,
    collector: Arc<Collector>,
    mut stopped: watch::Receiver<bool>,
) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // A lost sender is the same wish.
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue };
                let collector = Arc::clone(&collector);
                tasks.spawn(async move {
                    if let Err(error) = collector.connection(stream, address).await {
                        tracing::info!(event = "collector.closed", %address, "closed: {error}");
                    }
                    drop(seat);
                });
            }
            Err(error) => {
                tracing::warn!(event = "collector.accept_failed", %error);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // What was not answered is sent again.
    tasks.shutdown().await;
}

/// First byte of a TLS handshake.
const TLS: u8 = 0x16;

impl Collector {
    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        let mut first = [0];
        let peeked = timeout(FIRST_BYTE_WITHIN, stream.peek(&mut first)).await;
        if peeked.map_err(io::Error::from)?? == 0 {
            return Ok(());
        }
        if first == [TLS] {
            return self.node(stream).await;
        }
        let is_taken = match self.forward {
            ForwardFrom::Nobody => false,
            ForwardFrom::Loopback => address.ip().to_canonical().is_loopback(),
            ForwardFrom::Everybody => true,
        };
        if is_taken {
            self.forward(stream).await
        } else {
            Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "no forward messages are taken from there",
            ))
        }
    }

    async fn node(self: Arc<Self>, stream: TcpStream) -> io::Result<()> {
        let (stream, peer) = self.session.accept_stream(stream).await?;
        let may_send = peer.role.is_node() || peer.role == Role::RadioStation;
        let name = peer.name.to_string();
        let service = service_fn(move |request| {
            let (collector, name) = (Arc::clone(&self), name.clone());
            async move { Ok::<_, Infallible>(collector.request(may_send, name, request).await) }
        });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_MAX)
            .serve_connection(TokioIo::new(stream), service);
        served.await.map_err(io::Error::other)
    }

    async fn request(
        &self,
        may_send: bool,
        name: String,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        match self.batch(may_send, name, request).await {
            Ok(last) => answer(StatusCode::OK, &serde_json::json!({"acknowledged": last})),
            Err((status, message)) => answer(status, &serde_json::json!({"message": message})),
        }
    }

    async fn batch(
        &self,
        may_send: bool,
        name: String,
        request: Request<Incoming>,
    ) -> Result<u64, (StatusCode, String)> {
        let refuse = |status, message: &str| (status, message.to_owned());
        if !may_send {
            return Err(refuse(StatusCode::FORBIDDEN, "only nodes of the network send lines"));
        }
        if request.method() != Method::POST || request.uri().path() != "/v1/logs" {
            return Err(refuse(StatusCode::NOT_FOUND, "lines are sent to POST /v1/logs"));
        }
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let run = header("loopchain-run").filter(|run| is_run(run)).map(str::to_owned);
        let first = header("loopchain-first").and_then(|text| text.parse::<u64>().ok());
        let dropped = header("loopchain-dropped").map_or(Some(0), |text| text.parse::<u64>().ok());
        let (Some(run), Some(first), Some(dropped)) = (run, first, dropped) else {
            let message = "loopchain-run is hex, loopchain-first and loopchain-dropped are numbers";
            return Err(refuse(StatusCode::BAD_REQUEST, message));
        };
        let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
        let body = match timeout(IDLE_MAX, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let message = format!("a batch has at most {BODY_BYTES_MAX} bytes");
                return Err((StatusCode::PAYLOAD_TOO_LARGE, message));
            }
            _ => return Err(refuse(StatusCode::BAD_REQUEST, "the batch broke off")),
        };
        let kept = self.with_store(move |store| keep(store, &name, &run, (first, dropped), &body));
        kept.await.map_err(|error| {
            tracing::warn!(event = "collector.not_kept", %error);
            (StatusCode::SERVICE_UNAVAILABLE, format!("it cannot be kept: {error}"))
        })
    }

    async fn forward(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = BytesMut::new();
        let mut needed = 1;
        loop {
            while buffer.len() < needed {
                let read = timeout(IDLE_MAX, stream.read_buf(&mut buffer)).await;
                if read.map_err(io::Error::from)?? == 0 {
                    return Ok(());
                }
            }
            match forward::read(&buffer) {
                Ok((message, taken)) => {
                    let kept = self.with_store(move |store| store.append(&message.records));
                    kept.await?;
                    if let Some(acknowledgement) = message.acknowledgement {
                        stream.write_all(&acknowledgement).await?;
                    }
                    drop(buffer.split_to(taken));
                    needed = 1;
                }
                Err(PackError::Short(more)) if more <= FORWARD_BYTES_MAX => needed = more,
                Err(PackError::Short(_)) => {
                    return Err(io::Error::other(format!(
                        "a message is over the limit of {FORWARD_BYTES_MAX} bytes"
                    )));
                }
                Err(error) => return Err(io::Error::other(format!("no forward message: {error}"))),
            }
        }
    }
}

/// Longest id of a run, hex digits.
const RUN_DIGITS_MAX: usize = 32;

fn is_run(run: &str) -> bool {
    (1..=RUN_DIGITS_MAX).contains(&run.len()) && run.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Keeps the lines of a batch that are not kept yet; gives the number of its last one.
fn keep(
    store: &mut Store,
    name: &str,
    run: &str,
    (first, dropped): (u64, u64),
    body: &[u8],
) -> io::Result<u64> {
    let kept = store.last_of(name, run);
    let is_new = |seq: u64| kept.is_none_or(|kept| seq > kept);
    let mut records = Vec::new();
    if dropped > 0 && is_new(first) {
        records.push(Record::of_dropped(name, run, dropped));
    }
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut next = first;
    for line in lines {
        if is_new(next) {
            records.push(Record::of_node(name, run, next, line));
        }
        next = next.saturating_add(1);
    }
    store.append(&records)?;
    Ok(next.saturating_sub(1))
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}
