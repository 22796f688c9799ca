//! One connection to one peer, made again whenever it breaks, and the queue that it empties.
//!
//! In: the queue of one class. Out: deliveries, in order, at most [`WINDOW`] of them without an
//! acknowledgement. What was not acknowledged when a connection breaks goes back to the front of
//! the queue. Not here: calls with answers ([`crate::client`] makes them on the same connection).

use crate::backoff::Backoff;
use crate::client::Target;
use crate::error::{ConnectError, RpcError};
use crate::frame::Guarded;
use crate::greeting::Class;
use crate::limits::{CALL_TIMEOUT, PING_INTERVAL, WINDOW};
use crate::queue::{Batch, OutQueue};
use crate::service::{Blob, HelloBody, PeerRpcClient};
use crate::session::{Connection, Session};
use crate::trust::Expected;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tarpc::client::{Config, RpcError as CallFailure};
use tarpc::context;
use tokio::sync::watch;

/// A connection that lasted so long was a good one: the next wait is a first one again.
const GOOD_AFTER: Duration = Duration::from_secs(1);

/// What others see of a link.
pub(crate) struct LinkState {
    class: Class,
    pub(crate) queue: OutQueue,
    pub(crate) client: watch::Sender<Option<PeerRpcClient>>,
    pub(crate) is_open: watch::Sender<bool>,
    pub(crate) delivered: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) connects: AtomicU64,
    error: Mutex<Option<Arc<ConnectError>>>,
}

impl LinkState {
    pub(crate) fn new(class: Class) -> Self {
        Self {
            class,
            queue: OutQueue::new(class),
            client: watch::Sender::new(None),
            is_open: watch::Sender::new(false),
            delivered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            error: Mutex::new(None),
        }
    }

    pub(crate) fn last_error(&self) -> Option<Arc<ConnectError>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_error(&self, error: Option<ConnectError>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error.map(Arc::new);
    }

    fn set_client(&self, client: Option<PeerRpcClient>) {
        self.is_open.send_replace(client.is_some());
        self.client.send_replace(client);
    }
}

type Outcome = Result<Result<(), RpcError>, CallFailure>;
/// A delivery by its number, or a sign of life, which has none.
type Pending = BoxFuture<'static, (Option<u64>, Outcome)>;

/// One connection.
pub(crate) struct Link {
    session: Arc<Session>,
    target: Target,
    state: Arc<LinkState>,
}

impl Link {
    pub(crate) const fn new(session: Arc<Session>, target: Target, state: Arc<LinkState>) -> Self {
        Self { session, target, state }
    }

    /// Connects, empties the queue, connects again; never ends by itself.
    pub(crate) async fn run(self) {
        let ip = self.target.address.parse::<SocketAddr>().ok().map(|address| address.ip());
        let mut backoff = Backoff::for_address(ip);
        let expected = Expected::Name(self.target.name.clone());
        let (peer, class) = (&self.target.name, self.state.class.word());
        loop {
            let attempt = self.session.connect(&self.target.address, &expected, self.state.class);
            match Box::pin(attempt).await {
                Ok(connection) => {
                    let since = Instant::now();
                    let why = Box::pin(self.drive(connection)).await;
                    tracing::debug!(%peer, class, why, "connection to peer ended");
                    if since.elapsed() >= GOOD_AFTER {
                        backoff.reset();
                    }
                }
                Err(error) => {
                    tracing::debug!(%peer, class, %error, "no connection to peer");
                    self.state.set_error(Some(error));
                }
            }
            tokio::time::sleep(backoff.next(random())).await;
        }
    }

    /// Uses a connection until it breaks; says why it did.
    async fn drive(&self, connection: Connection) -> String {
        let mut revoked = Box::pin(self.session.trust().revoked(&connection.peer));
        let transport = Guarded::new(connection.stream);
        let new = PeerRpcClient::new(Config::default(), transport);
        let (client, mut dispatch) = (new.client, Box::pin(new.dispatch));
        let state = &self.state;
        state.connects.fetch_add(1, Ordering::Relaxed);
        state.set_error(None);
        state.set_client(Some(client.clone()));
        let _closed = Closed(state);

        let mut deliveries = Deliveries { state, client, sent: 0, open: BTreeMap::new() };
        let mut pending = FuturesUnordered::<Pending>::new();
        let mut ping =
            tokio::time::interval_at(tokio::time::Instant::now() + PING_INTERVAL, PING_INTERVAL);
        loop {
            tokio::select! {
                () = &mut revoked => return "its certificate was revoked".to_owned(),
                ended = &mut dispatch => return match ended {
                    Ok(()) => "the peer closed it".to_owned(),
                    Err(error) => error.to_string(),
                },
                batch = state.queue.next_batch(), if deliveries.open.len() < WINDOW => {
                    pending.push(deliveries.start(batch));
                }
                Some((number, outcome)) = pending.next(), if !pending.is_empty() => {
                    if let Err(failure) = deliveries.finish(number, outcome) {
                        return failure;
                    }
                }
                _ = ping.tick() => pending.push(deliveries.ping()),
            }
        }
    }
}

/// Marks the link closed when its connection ends, however that comes.
struct Closed<'a>(&'a LinkState);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.set_client(None);
    }
}

/// What was sent on one connection and not acknowledged yet.
struct Deliveries<'a> {
    state: &'a LinkState,
    client: PeerRpcClient,
    sent: u64,
    open: BTreeMap<u64, Batch>,
}

impl Deliveries<'_> {
    fn start(&mut self, batch: Batch) -> Pending {
        let (client, channel) = (self.client.clone(), batch.channel);
        let messages = batch.messages.iter().cloned().map(Blob).collect();
        let number = self.sent;
        self.sent += 1;
        self.open.insert(number, batch);
        let mut call = async move {
            (Some(number), client.deliver(call_context(), channel.into(), messages).await)
        }
        .boxed();
        // The first poll hands the request to tarpc; done here and now it keeps the order.
        match (&mut call).now_or_never() {
            Some(outcome) => std::future::ready(outcome).boxed(),
            None => call,
        }
    }

    fn ping(&self) -> Pending {
        let client = self.client.clone();
        async move {
            let outcome = client.hello(call_context(), HelloBody::default()).await;
            (None, outcome.map(|answer| answer.map(drop)))
        }
        .boxed()
    }

    fn finish(&mut self, number: Option<u64>, outcome: Outcome) -> Result<(), String> {
        // A failed call leaves its batch open, so that it goes back to the queue.
        let answer = outcome.map_err(|failure| failure.to_string())?;
        let batch = number.and_then(|number| self.open.remove(&number));
        let messages = batch.map_or(0, |batch| batch.messages.len() as u64);
        match answer {
            Ok(()) => self.state.delivered.fetch_add(messages, Ordering::Relaxed),
            Err(error) => {
                tracing::debug!(%error, messages, "peer refused a delivery");
                self.state.refused.fetch_add(messages, Ordering::Relaxed)
            }
        };
        Ok(())
    }
}

impl Drop for Deliveries<'_> {
    fn drop(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.state.queue.put_back(open.into_values().collect());
    }
}

fn call_context() -> context::Context {
    let mut context = context::current();
    context.deadline = Instant::now() + CALL_TIMEOUT;
    context
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness only the jitter is lost.
    SystemRandom::new().fill(&mut bytes).ok();
    u32::from_be_bytes(bytes)
}
