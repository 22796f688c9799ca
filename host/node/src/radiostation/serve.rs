//! What peers may call on a radiostation: say who they are, ask who else is there.
//!
//! In: bytes of an authenticated node. Out: directory replies, or a coded refusal. It is no member
//! of any channel: messages and questions about blocks get the answer for a channel that does not
//! exist. Deliberately not here: what is done with an announcement (`station`).

use super::station::Station;
use async_trait::async_trait;
use bytes::Bytes;
use host_rpc::directory::{DirectoryReply, DirectoryRequest};
use host_rpc::limits::HELLO_CHANNELS_MAX;
use host_rpc::{HelloReply, HelloRequest, PeerHandler, PeerIdentity, RpcError};
use host_types::{Code, Decode, Encode, GenesisHash, Rejection};
use std::sync::Arc;

/// The handler of a radiostation.
#[derive(Debug)]
pub struct Handler(pub Arc<Station>);

fn unknown() -> RpcError {
    Rejection::new(Code::ChannelUnknown, "a radiostation serves no channel").into()
}

#[async_trait]
impl PeerHandler for Handler {
    async fn hello(
        &self,
        from: &PeerIdentity,
        _request: HelloRequest,
    ) -> Result<HelloReply, RpcError> {
        let mut channels = self.0.channels_of(&from.name);
        channels.truncate(HELLO_CHANNELS_MAX);
        Ok(HelloReply { build: env!("CARGO_PKG_VERSION").to_owned(), channels })
    }

    async fn deliver(
        &self,
        _from: &PeerIdentity,
        _channel: GenesisHash,
        _messages: Vec<Bytes>,
    ) -> Result<(), RpcError> {
        Err(unknown())
    }

    async fn fetch(
        &self,
        _from: &PeerIdentity,
        _channel: GenesisHash,
        _request: Bytes,
    ) -> Result<Bytes, RpcError> {
        Err(unknown())
    }

    async fn status(&self, from: &PeerIdentity, request: Bytes) -> Result<Bytes, RpcError> {
        let request = DirectoryRequest::from_bytes(&request)
            .map_err(|error| RpcError::Penalised { reason: format!("a request: {error}") })?;
        let reply = match request {
            DirectoryRequest::Announce(entry) => {
                let announced = self.0.announce(from, entry).await.inspect_err(|rejection| {
                    tracing::warn!(code = %rejection.code, peer = %from.name, "{}", rejection.message);
                })?;
                DirectoryReply::Announced { order: announced.order }
            }
            DirectoryRequest::List { channel } => {
                DirectoryReply::Peers(self.0.list(&from.name, channel.as_ref()))
            }
            DirectoryRequest::Revoked { list } => {
                if let Some(list) = list {
                    self.0.revoke(&list).await.inspect_err(|rejection| {
                        tracing::warn!(event = "revocations.refused", code = %rejection.code, peer = %from.name, "a revocation list of {}: {}", from.name, rejection.message);
                    })?;
                }
                DirectoryReply::Revoked(self.0.revoked.numbers())
            }
        };
        Ok(Bytes::from(reply.to_bytes()))
    }
}
