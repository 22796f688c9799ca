//! Talking to one peer: three connections, one per class, made again whenever they break.
//!
//! In: messages, which leave at once when nothing is before them; requests, which have an answer.
//! Out: answers, coded errors with the peer's name, counters. A message may arrive twice after a
//! break and is lost when its queue is full; within a class and channel the order is kept.
//! Not here: whom to talk to and what the bytes mean (`host/node`).

use crate::error::{CallError, ConnectError, RpcError, SendError};
use crate::greeting::Class;
use crate::limits::{CALL_TIMEOUT, CONNECTION_WAIT};
use crate::link::{Link, LinkState};
use crate::service::{Blob, HelloBody, HelloReply, HelloRequest, PeerRpcClient};
use crate::session::Session;
use bytes::Bytes;
use host_types::{GenesisHash, NodeName};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tarpc::client::RpcError as CallFailure;
use tarpc::context::{self, Context};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Which peer, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name; whoever else answers is refused.
    pub name: NodeName,
    /// `host:port` of its peer interface.
    pub address: String,
}

/// Counters of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkMetrics {
    /// Whether the connection is open now.
    pub is_connected: bool,
    /// Messages waiting.
    pub queued: usize,
    /// Messages dropped or refused because the queue was full.
    pub dropped: u64,
    /// Messages that the peer took.
    pub delivered: u64,
    /// Messages that the peer refused.
    pub refused: u64,
    /// Connections made since the start.
    pub connects: u64,
}

/// A peer to talk to. Dropping it closes the connections.
pub struct PeerClient {
    target: Target,
    links: [Arc<LinkState>; 3],
    _tasks: JoinSet<()>,
}

impl fmt::Debug for PeerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerClient({} at {})", self.target.name, self.target.address)
    }
}

impl PeerClient {
    /// Starts connecting; returns at once. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(session: Arc<Session>, target: Target) -> Self {
        let links = Class::ALL.map(|class| Arc::new(LinkState::new(class)));
        let mut tasks = JoinSet::new();
        for state in &links {
            let link = Link::new(session.clone(), target.clone(), state.clone());
            tasks.spawn(link.run());
        }
        Self { target, links, _tasks: tasks }
    }

    /// Which peer, and where.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    fn link(&self, class: Class) -> &LinkState {
        let [consensus, transactions, bulk] = &self.links;
        match class {
            Class::Consensus => consensus,
            Class::Transactions => transactions,
            Class::Bulk => bulk,
        }
    }

    /// Queues a message; it leaves at once when the connection is open and nothing is before it.
    ///
    /// # Errors
    /// When it fits no frame, or the queue is full and keeps what it has.
    pub fn send(
        &self,
        class: Class,
        channel: GenesisHash,
        message: Bytes,
    ) -> Result<(), SendError> {
        self.link(class).queue.push(channel, message)
    }

    /// Whether consensus messages reach the peer now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.link(Class::Consensus).is_open.borrow()
    }

    /// Waits until consensus messages reach the peer.
    pub async fn connected(&self) {
        // The sender lives as long as self, so this ends only when it is true.
        self.connection().wait_for(|is_open| *is_open).await.ok();
    }

    /// Turns true and false as the connection for consensus messages comes and goes.
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<bool> {
        self.link(Class::Consensus).is_open.subscribe()
    }

    /// Why the last attempt to connect failed; none while connected.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<ConnectError>> {
        self.links.iter().find_map(|link| link.last_error())
    }

    /// Counters of a class.
    #[must_use]
    pub fn metrics(&self, class: Class) -> LinkMetrics {
        let link = self.link(class);
        let (queued, dropped) = link.queue.counts();
        LinkMetrics {
            is_connected: *link.is_open.borrow(),
            queued,
            dropped,
            delivered: link.delivered.load(Ordering::Relaxed),
            refused: link.refused.load(Ordering::Relaxed),
            connects: link.connects.load(Ordering::Relaxed),
        }
    }

    /// Says what this node is and asks the same.
    ///
    /// # Errors
    /// When there is no connection or no good answer.
    pub async fn hello(&self, request: HelloRequest) -> Result<HelloReply, CallError> {
        let body = HelloBody::from(request);
        let call =
            move |client: PeerRpcClient, context| async move { client.hello(context, body).await };
        self.call(Class::Bulk, CALL_TIMEOUT, call).await.map(HelloReply::from)
    }

    /// Asks about a channel, on the connection for bulk.
    ///
    /// # Errors
    /// When there is no connection or no good answer in 10 s.
    pub async fn fetch(&self, channel: GenesisHash, request: Bytes) -> Result<Bytes, CallError> {
        self.fetch_on(Class::Bulk, channel, request, CALL_TIMEOUT).await
    }

    /// Asks about a channel on the connection of a class, so that what is urgent need not wait
    /// behind bulk.
    ///
    /// # Errors
    /// When there is no connection or no good answer in time (at most 30 s).
    pub async fn fetch_on(
        &self,
        class: Class,
        channel: GenesisHash,
        request: Bytes,
        within: Duration,
    ) -> Result<Bytes, CallError> {
        let call = move |client: PeerRpcClient, context| async move {
            client.fetch(context, channel.into(), Blob(request)).await
        };
        self.call(class, within, call).await.map(|blob| blob.0)
    }

    /// Asks about the node, on the connection for bulk.
    ///
    /// # Errors
    /// When there is no connection or no good answer in 10 s.
    pub async fn status(&self, request: Bytes) -> Result<Bytes, CallError> {
        let call = move |client: PeerRpcClient, context| async move {
            client.status(context, Blob(request)).await
        };
        self.call(Class::Bulk, CALL_TIMEOUT, call).await.map(|blob| blob.0)
    }

    async fn call<T, F, A>(&self, class: Class, within: Duration, call: F) -> Result<T, CallError>
    where
        F: FnOnce(PeerRpcClient, Context) -> A,
        A: Future<Output = Result<Result<T, RpcError>, CallFailure>>,
    {
        let peer = || self.target.name.clone();
        let client = self.client(class).await?;
        let mut context = context::current();
        context.deadline = Instant::now() + within;
        // tarpc's own clock starts when the request is sent; this one covers the queue before it.
        match timeout(within, call(client, context)).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(CallError::Answered { peer: peer(), error }),
            Ok(Err(failure)) => Err(CallError::Lost { peer: peer(), reason: failure.to_string() }),
            Err(_) => {
                let reason = format!("no answer in {} ms", within.as_millis());
                Err(CallError::Lost { peer: peer(), reason })
            }
        }
    }

    async fn client(&self, class: Class) -> Result<PeerRpcClient, CallError> {
        let link = self.link(class);
        let mut clients = link.client.subscribe();
        let client = match timeout(CONNECTION_WAIT, clients.wait_for(Option::is_some)).await {
            Ok(Ok(client)) => client.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        client.ok_or_else(|| {
            let reason = link
                .last_error()
                .map_or_else(|| "still connecting".to_owned(), |error| error.to_string());
            CallError::NotConnected { peer: self.target.name.clone(), reason }
        })
    }
}
