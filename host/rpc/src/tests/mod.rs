//! Real sockets on loopback: two nodes of one dev network, strangers, and frames that no honest
//! peer sends.

mod attack;
mod talk;

use crate::error::RpcError;
use crate::limits::ServerLimits;
use crate::server::{PeerHandler, serve};
use crate::service::{HelloReply, HelloRequest};
use crate::session::Session;
use crate::trust::{PeerIdentity, Trust};
use async_trait::async_trait;
use bytes::Bytes;
use host_identity::{Authority, Role, Validity};
use host_types::{GenesisHash, Hash32, NetworkId, NodeName};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

const CHANNEL: GenesisHash = GenesisHash::new(Hash32::new([7; 32]));

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn network(byte: u8) -> NetworkId {
    NetworkId::new(Hash32::new([byte; 32]))
}

fn trust_of(authority: &Authority, network: NetworkId) -> Arc<Trust> {
    let root = authority.root().clone();
    let organisations =
        ["bank-a", "bank-b"].map(|organisation| (organisation.to_owned(), root.fingerprint()));
    Arc::new(Trust::new(network, &organisations, vec![root]))
}

fn session_in(authority: &Authority, who: &str, network: NetworkId) -> Arc<Session> {
    let tls = authority.issue_tls(&name(who), Role::Validator, &[], Validity::default()).unwrap();
    Session::new(trust_of(authority, network), tls).unwrap()
}

fn session(authority: &Authority, who: &str) -> Arc<Session> {
    session_in(authority, who, network(1))
}

/// Hands deliveries to the test; answers `fetch` with its request, or as its first byte says.
struct Recorder {
    deliveries: Mutex<mpsc::UnboundedSender<(NodeName, Bytes)>>,
}

#[async_trait]
impl PeerHandler for Recorder {
    async fn hello(
        &self,
        _from: &PeerIdentity,
        request: HelloRequest,
    ) -> Result<HelloReply, RpcError> {
        Ok(request)
    }

    async fn deliver(
        &self,
        from: &PeerIdentity,
        channel: GenesisHash,
        messages: Vec<Bytes>,
    ) -> Result<(), RpcError> {
        assert_eq!(channel, CHANNEL);
        for message in messages {
            if message.starts_with(b"evil") {
                return Err(RpcError::Penalised { reason: "a test".into() });
            }
            self.deliveries.lock().unwrap().send((from.name.clone(), message)).ok();
        }
        Ok(())
    }

    async fn fetch(
        &self,
        _from: &PeerIdentity,
        _channel: GenesisHash,
        request: Bytes,
    ) -> Result<Bytes, RpcError> {
        match request.first() {
            Some(b'L') => Ok(vec![0; 5_000_000].into()),
            Some(b'P') => panic!("a handler that panics"),
            Some(b'S') => std::future::pending().await,
            _ => Ok(request),
        }
    }

    async fn status(&self, _from: &PeerIdentity, request: Bytes) -> Result<Bytes, RpcError> {
        Ok(request)
    }
}

struct Server {
    address: SocketAddr,
    deliveries: mpsc::UnboundedReceiver<(NodeName, Bytes)>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(session: Arc<Session>) -> Self {
        Self::start_at(session, "127.0.0.1:0".parse().unwrap()).await
    }

    async fn start_at(session: Arc<Session>, address: SocketAddr) -> Self {
        Self::start_with(session, address, ServerLimits::default()).await
    }

    async fn start_with(session: Arc<Session>, address: SocketAddr, limits: ServerLimits) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test reads all it gets")]
        let (sender, deliveries) = mpsc::unbounded_channel();
        let handler = Arc::new(Recorder { deliveries: Mutex::new(sender) });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, session, handler, limits, stopped));
        Self { address, deliveries, stop, task }
    }

    async fn next(&mut self) -> Bytes {
        self.deliveries.recv().await.unwrap().1
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}
