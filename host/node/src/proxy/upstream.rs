//! One peer as the proxy sees it: connections, whether it answers, what it has.
//!
//! In: requests. Out: answers with a status, or that none came. Connections are kept open and
//! reused; one that the peer closed meanwhile is replaced by a new one before anything was sent.

use super::limits::{CONNECT_WITHIN, IDLE_CONNECTIONS_MAX};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

/// What a peer says of one of its channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Its last final height.
    pub(super) height: u64,
    /// Whether the validators that it sees can decide.
    pub(super) has_quorum: bool,
    /// Whether it signs for v1 clients there.
    pub(super) signs: bool,
    /// Whether it follows the channel as it should.
    pub(super) is_normal: bool,
}

type Connection = SendRequest<Full<Bytes>>;

/// One peer.
#[derive(Debug)]
pub(super) struct Upstream {
    /// `host:port`
    pub(super) authority: String,
    is_up: AtomicBool,
    channels: Mutex<BTreeMap<String, Known>>,
    idle: Mutex<Vec<Connection>>,
    /// Woken when a request found the peer down.
    pub(super) doubted: Notify,
}

impl Upstream {
    /// Down until a check says otherwise.
    pub(super) fn new(authority: String) -> Self {
        Self {
            authority,
            is_up: AtomicBool::new(false),
            channels: Mutex::default(),
            idle: Mutex::default(),
            doubted: Notify::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// A check was answered.
    pub(super) fn set_up(&self, channels: BTreeMap<String, Known>) {
        *self.channels.lock().unwrap_or_else(PoisonError::into_inner) = channels;
        if !self.is_up.swap(true, Ordering::Relaxed) {
            tracing::info!(event = "proxy.peer_up", "{} answers", self.authority);
        }
    }

    /// It does not answer; what it had is forgotten, its connections are given up.
    pub(super) fn set_down(&self, why: &dyn std::fmt::Display) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if self.is_up.swap(false, Ordering::Relaxed) {
            tracing::warn!(event = "proxy.peer_down", "{} does not answer: {why}", self.authority);
            self.doubted.notify_one();
        }
    }

    /// What it says of a channel, when it has it.
    pub(super) fn known(&self, channel: &str) -> Option<Known> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).get(channel).copied()
    }

    fn idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(connection);
        }
    }

    /// A connection; the flag says whether it was used before.
    pub(super) async fn connection(&self) -> io::Result<(Connection, bool)> {
        if let Some(connection) = self.idle() {
            return Ok((connection, true));
        }
        Ok((self.connect().await?, false))
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> io::Result<Connection> {
        let stream = timeout(CONNECT_WITHIN, TcpStream::connect(&self.authority)).await;
        let stream = stream.map_err(io::Error::from)??;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // It ends with the last request, or with one that took it over; its error is that request's too.
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn exchange(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> io::Result<Response<Incoming>> {
        let answer = timeout(within, connection.send_request(request)).await;
        answer.map_err(io::Error::from)?.map_err(io::Error::other)
    }
}
