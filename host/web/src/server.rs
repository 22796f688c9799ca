//! The accept loop of REST: HTTP/1.1 on a socket, with a bound on everything a client can hold.
//!
//! In: a listener, pages, limits, a future that ends when the node stops. Out: answers; a client
//! over a limit loses its connection, nobody else's. `axum::serve` sets no timer at all, so a client
//! that sends nothing would keep its connection for ever. Deliberately not here: what is answered
//! (`router`), requests per second (`gate`), TLS.

mod activity;
mod framing;
pub(crate) mod seats;
pub(crate) mod stopping;
pub(crate) mod tunnel;
mod wire;

use crate::gate::ClientAddress;
use crate::router::Pages;
use activity::Activity;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use seats::{Refused, Seats};
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use stopping::Stopping;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tunnel::{Tunnel, TunnelEnd};
use wire::Wire;

/// Pause after a failed `accept` (most often: no file descriptor left), milliseconds.
const ACCEPT_PAUSE_MS: u64 = 50;
/// Connections of all addresses. More: 503 and closed.
pub(crate) const CONNECTIONS_MAX: usize = 1024;
/// Connections of one address. More: 429 and closed.
pub(crate) const CONNECTIONS_PER_ADDRESS_MAX: usize = 64;
/// hyper refuses smaller buffers.
const BUFFER_BYTES_MIN: usize = 8 * 1024;

/// Bounds on what clients can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// From the first byte of a request to the end of its head. Longer: closed.
    pub header_timeout: Duration,
    /// Between requests on one connection. Longer: closed.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of an answer. Longer: closed.
    pub write_timeout: Duration,
    /// How long bytes nobody wants are read, so that the client still sees its answer.
    pub linger: Duration,
    /// How long running requests may take when the node stops.
    pub drain: Duration,
    /// Request line and headers, bytes. More: 431.
    pub head_bytes: usize,
    /// Headers. More: 431.
    pub headers: usize,
    /// Connections of all addresses. More: 503 and closed.
    pub connections: usize,
    /// Connections of one address. More: 429 and closed.
    pub connections_per_address: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            headers: 100,
            connections: CONNECTIONS_MAX,
            connections_per_address: CONNECTIONS_PER_ADDRESS_MAX,
        }
    }
}

/// Serves until `shutdown` ends, then lets running requests finish.
pub async fn serve(
    listener: TcpListener,
    pages: Pages,
    limits: ServerLimits,
    shutdown: impl Future<Output = ()>,
) {
    let pages = Arc::new(pages);
    let seats = Seats::new(limits.connections, limits.connections_per_address);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let Some(seat) = take_seat(&seats, &stream, address) else { continue };
                let pages = Arc::clone(&pages);
                let connection = Connection { pages, limits, address: address.ip() };
                let stopped = stopped.clone();
                tasks.spawn(async move {
                    connection.run(stream, stopped).await;
                    drop(seat);
                });
            }
            Err(error) => {
                tracing::warn!(event = "rest.accept_failed", %error);
                tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    let finished = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, finished).await.is_err() {
        tracing::info!(event = "rest.cut", connections = tasks.len());
        tasks.shutdown().await;
    }
}

/// A place for the connection; without one it is told so in one try and closed.
fn take_seat(seats: &Arc<Seats>, stream: &TcpStream, address: SocketAddr) -> Option<seats::Seat> {
    let refused = match seats.take(address.ip()) {
        Ok(seat) => return Some(seat),
        Err(refused) => refused,
    };
    let status = match refused {
        Refused::Address => "429 Too Many Requests",
        Refused::All => "503 Service Unavailable",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    // A client that does not take a hundred bytes at once goes without.
    stream.try_write(answer.as_bytes()).ok();
    tracing::debug!(event = "rest.refused", %address, ?refused);
    None
}

struct Connection {
    pages: Arc<Pages>,
    limits: ServerLimits,
    address: IpAddr,
}

impl Connection {
    async fn run(self, stream: TcpStream, stopped: watch::Receiver<bool>) {
        stream.set_nodelay(true).ok();
        let limits = self.limits;
        let activity = Arc::new(Activity::new());
        let (tunnel, tunnel_end) = Tunnel::new(&activity);
        self.serve_http(stream, &activity, tunnel, stopped.clone()).await;
        watch_tunnel(tunnel_end, &activity, &limits, stopped).await;
    }

    /// Answers requests until the connection is closed, is to be closed, or belongs to a tunnel.
    async fn serve_http(
        self,
        stream: TcpStream,
        activity: &Arc<Activity>,
        tunnel: Tunnel,
        mut stopped: watch::Receiver<bool>,
    ) {
        let limits = self.limits;
        let io = TokioIo::new(Wire::new(stream, Arc::clone(activity), limits.head_bytes));
        let asker = Asker {
            pages: self.pages,
            address: self.address,
            activity: Arc::clone(activity),
            stopping: Stopping::new(stopped.clone()),
            tunnel,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle_timeout + limits.header_timeout)
            .max_buf_size(limits.head_bytes.max(BUFFER_BYTES_MIN))
            .max_headers(limits.headers)
            .serve_connection(io, service_fn(move |request| asker.answer(request)))
            .with_upgrades();
        tokio::pin!(connection);
        let mut checks = checks(&limits);
        let mut is_stopping = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(event = "rest.connection_failed", %error);
                    }
                    return;
                }
                _ = stopped.wait_for(|stopped| *stopped), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                _ = checks.tick() => {
                    if let Some(reason) = activity.overdue(&limits) {
                        tracing::debug!(event = "rest.closed", reason);
                        return;
                    }
                    // Who does not read is not waited for.
                    if is_stopping && activity.is_stalled(limits.linger) {
                        return;
                    }
                }
            }
        }
    }
}

/// How often a connection is looked at.
fn checks(limits: &ServerLimits) -> tokio::time::Interval {
    tokio::time::interval((limits.header_timeout / 8).max(Duration::from_millis(1)))
}

/// Keeps the place of a connection for as long as a tunnel runs through it, and cuts that when its
/// client takes nothing. Returns at once when there is none.
async fn watch_tunnel(
    mut tunnel: TunnelEnd,
    activity: &Activity,
    limits: &ServerLimits,
    stopped: watch::Receiver<bool>,
) {
    let mut checks = checks(limits);
    loop {
        tokio::select! {
            () = tunnel.over() => return,
            _ = checks.tick() => {
                let is_left = *stopped.borrow() && activity.is_stalled(limits.linger);
                if activity.overdue(limits).is_some() || is_left {
                    tracing::debug!(event = "rest.cut", "a WebSocket takes nothing");
                    tunnel.cut();
                }
            }
        }
    }
}

/// What one connection's requests are answered with.
struct Asker {
    pages: Arc<Pages>,
    address: IpAddr,
    activity: Arc<Activity>,
    stopping: Stopping,
    tunnel: Tunnel,
}

impl Asker {
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
        let running = self.activity.begin_request();
        let (pages, address) = (Arc::clone(&self.pages), self.address);
        let stopping = self.stopping.clone();
        let is_upgrade = request.headers().contains_key(header::UPGRADE);
        let tunnel = is_upgrade.then(|| self.tunnel.clone());
        async move {
            // What follows a chunked body was never framed by us, so it must not be read as a request.
            let is_last = request.headers().contains_key(header::TRANSFER_ENCODING);
            let mut request = request.map(Body::new);
            let extensions = request.extensions_mut();
            extensions.insert(ClientAddress(address.to_canonical()));
            extensions.insert(stopping);
            if let Some(tunnel) = tunnel {
                extensions.insert(tunnel);
            }
            let mut response = pages.answer(request).await;
            if is_last {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            drop(running);
            Ok(response)
        }
    }
}
