//! The listener: sockets in, calls of a [`PeerHandler`] out.
//!
//! One task per socket, so what one peer does cannot end another's connection. Deliveries of a
//! connection are handed over one by one in the order they were sent; other requests run beside
//! them, at most 32. A handler only checks and enqueues: its future can be dropped at any await.
//! Not here: making connections ([`crate::client`]).

use crate::doorman::{Doorman, Seat, Visitor};
use crate::error::RpcError;
use crate::frame::Guarded;
use crate::limits::{
    BUILD_BYTES_MAX, DEADLINE_MAX, HELLO_CHANNELS_MAX, IN_FLIGHT_MAX, ServerLimits,
};
use crate::pace::Paced;
use crate::service::{
    Blob, ChannelId, HelloBody, HelloReply, HelloRequest, PeerRpc, PeerRpcRequest, PeerRpcResponse,
};
use crate::session::{Connection, Session};
use crate::trust::PeerIdentity;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use host_types::GenesisHash;
use host_types::limits::{DELIVERY_MESSAGES_MAX, FETCH_BYTES_MAX};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel, Config, InFlightRequest};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Pause after the system refused a new socket (out of files, for instance).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a node does with calls of its peers. Errors are data: [`RpcError::Penalised`] closes all
/// connections of the caller and refuses it for a while.
#[async_trait]
pub trait PeerHandler: Send + Sync + 'static {
    /// A peer says what it is and asks the same.
    async fn hello(
        &self,
        from: &PeerIdentity,
        request: HelloRequest,
    ) -> Result<HelloReply, RpcError>;

    /// Messages of one channel, oldest first. The next delivery of the same connection waits until
    /// this one returns.
    async fn deliver(
        &self,
        from: &PeerIdentity,
        channel: GenesisHash,
        messages: Vec<Bytes>,
    ) -> Result<(), RpcError>;

    /// A request about a channel; the answer must fit `FETCH_BYTES_MAX`.
    async fn fetch(
        &self,
        from: &PeerIdentity,
        channel: GenesisHash,
        request: Bytes,
    ) -> Result<Bytes, RpcError>;

    /// A request about the node; the answer must fit `FETCH_BYTES_MAX`.
    async fn status(&self, from: &PeerIdentity, request: Bytes) -> Result<Bytes, RpcError>;
}

/// Why a session ends whose certificate was taken back.
const REVOKED: &str = "its certificate was revoked";

struct Listener {
    session: Arc<Session>,
    handler: Arc<dyn PeerHandler>,
    doorman: Arc<Doorman>,
    limits: ServerLimits,
}

/// Serves a listener until `shutdown` turns true or its sender is gone; then closes every
/// connection.
pub async fn serve(
    listener: TcpListener,
    session: Arc<Session>,
    handler: Arc<dyn PeerHandler>,
    limits: ServerLimits,
    mut shutdown: watch::Receiver<bool>,
) {
    let doorman = Doorman::new(limits);
    let shared = Arc::new(Listener { session, handler, doorman, limits });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut shutdown) => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended
                    && error.is_panic()
                {
                    tracing::error!(%error, "a peer connection panicked");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, from)) => {
                    if let Some(visitor) = shared.doorman.enter(from.ip()) {
                        connections.spawn(shared.clone().welcome(socket, from, visitor));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "no new peer connection can be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    connections.shutdown().await;
}

/// Resolves when the switch is on, or nobody is left to turn it.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    shutdown.wait_for(|stop| *stop).await.map(drop).ok();
}

impl Listener {
    async fn welcome(self: Arc<Self>, socket: TcpStream, from: SocketAddr, mut visitor: Visitor) {
        let greeted = timeout(self.limits.handshake, self.greet(socket, &mut visitor)).await;
        let (connection, seat) = match greeted {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(error)) => {
                tracing::debug!(%from, %error, "peer connection refused");
                return;
            }
            Err(_) => {
                tracing::debug!(%from, "peer connection said nothing in time");
                return;
            }
        };
        let (peer, class) = (connection.peer.clone(), connection.class.word());
        tracing::debug!(peer = %peer.name, class, "peer connected");
        let ended = Box::pin(self.converse(connection, seat, from)).await;
        match ended {
            Ok(why) => tracing::debug!(peer = %peer.name, class, why, "peer connection closed"),
            Err(error) => {
                tracing::debug!(peer = %peer.name, class, %error, "peer connection broke");
            }
        }
    }

    async fn greet(
        &self,
        socket: TcpStream,
        visitor: &mut Visitor,
    ) -> io::Result<(Connection, Seat)> {
        let (mut stream, peer) = self.session.accept(socket).await?;
        let class = self.session.hear_greeting(&mut stream).await?;
        match self.doorman.seat(visitor, &peer, class, Instant::now()) {
            Ok(seat) => {
                self.session.answer(&mut stream, None).await?;
                Ok((Connection { stream, peer, class }, seat))
            }
            Err(refusal) => {
                let error = io::Error::other(refusal.to_string());
                self.session.answer(&mut stream, Some(refusal)).await?;
                Err(error)
            }
        }
    }

    /// Answers requests until the connection ends; says why it did.
    async fn converse(
        &self,
        connection: Connection,
        seat: Seat,
        from: SocketAddr,
    ) -> Result<&'static str, tarpc::ChannelError<io::Error>> {
        let pace = (!from.ip().is_loopback()).then_some(self.limits.bytes_per_second);
        let transport = Guarded::new(Paced::new(connection.stream, pace));
        let config = Config { pending_response_buffer: 2 * IN_FLIGHT_MAX };
        let mut requests = Box::pin(BaseChannel::new(config, transport).requests());
        let endpoint = Endpoint {
            peer: Arc::new(connection.peer),
            handler: self.handler.clone(),
            doorman: self.doorman.clone(),
        };
        let mut running = JoinSet::new();
        let mut revoked = Box::pin(self.session.trust().revoked(&endpoint.peer));
        loop {
            let request = tokio::select! {
                () = &mut revoked => return Ok(REVOKED),
                () = seat.closed() => return Ok("a newer one took its place, or a rule was broken"),
                Some(_) = running.join_next(), if !running.is_empty() => continue,
                next = timeout(self.limits.idle, requests.next()), if running.len() < IN_FLIGHT_MAX => {
                    match next {
                        Err(_) => return Ok("it was silent for too long"),
                        Ok(None) => return Ok("the peer closed it"),
                        Ok(Some(request)) => request?,
                    }
                }
            };
            if matches!(request.get().message, PeerRpcRequest::Deliver { .. }) {
                tokio::select! {
                    () = &mut revoked => return Ok(REVOKED),
                    () = seat.closed() => return Ok("a rule was broken"),
                    () = endpoint.execute(request) => {}
                }
            } else {
                let endpoint = endpoint.clone();
                running.spawn(async move { endpoint.execute(request).await });
            }
        }
    }
}

/// Calls of one connection.
#[derive(Clone)]
struct Endpoint {
    peer: Arc<PeerIdentity>,
    handler: Arc<dyn PeerHandler>,
    doorman: Arc<Doorman>,
}

impl Endpoint {
    async fn execute(&self, request: InFlightRequest<PeerRpcRequest, PeerRpcResponse>) {
        let work = request.execute(self.clone().serve());
        if timeout(DEADLINE_MAX, Box::pin(work)).await.is_err() {
            tracing::warn!(peer = %self.peer.name, "a call of a peer took too long and was dropped");
        }
    }

    fn judge<T>(&self, answer: Result<T, RpcError>) -> Result<T, RpcError> {
        if let Err(RpcError::Penalised { reason }) = &answer {
            tracing::warn!(peer = %self.peer.name, reason, "peer broke a rule");
            self.doorman.penalise(&self.peer, Instant::now());
        }
        answer
    }

    fn judge_size(&self, answer: Result<Bytes, RpcError>) -> Result<Blob, RpcError> {
        let answer = self.judge(answer)?;
        if answer.len() > FETCH_BYTES_MAX {
            let (bytes, max) = (answer.len() as u64, FETCH_BYTES_MAX as u64);
            return Err(RpcError::TooLarge { bytes, max });
        }
        Ok(Blob(answer))
    }
}

impl PeerRpc for Endpoint {
    async fn hello(self, _: Context, body: HelloBody) -> Result<HelloBody, RpcError> {
        let request = HelloRequest::from(body);
        if request.build.len() > BUILD_BYTES_MAX || request.channels.len() > HELLO_CHANNELS_MAX {
            let reason = "a hello over its limits".to_owned();
            return self.judge(Err(RpcError::Penalised { reason }));
        }
        self.judge(self.handler.hello(&self.peer, request).await).map(HelloBody::from)
    }

    async fn deliver(
        self,
        _: Context,
        channel: ChannelId,
        messages: Vec<Blob>,
    ) -> Result<(), RpcError> {
        if messages.len() > DELIVERY_MESSAGES_MAX {
            let reason = format!("{} messages in one delivery", messages.len());
            return self.judge(Err(RpcError::Penalised { reason }));
        }
        let messages = messages.into_iter().map(|blob| blob.0).collect();
        self.judge(self.handler.deliver(&self.peer, channel.into(), messages).await)
    }

    async fn fetch(self, _: Context, channel: ChannelId, request: Blob) -> Result<Blob, RpcError> {
        self.judge_size(self.handler.fetch(&self.peer, channel.into(), request.0).await)
    }

    async fn status(self, _: Context, request: Blob) -> Result<Blob, RpcError> {
        self.judge_size(self.handler.status(&self.peer, request.0).await)
    }
}
