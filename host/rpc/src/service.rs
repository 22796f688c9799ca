//! The tarpc trait: four methods, all bytes opaque. Stays inside this package.
//!
//! Not here: what the bytes mean, and how a call is authenticated ([`crate::session`]).

use crate::error::RpcError;
use bytes::Bytes;
use host_types::{GenesisHash, Hash32};
use serde::{Deserialize, Serialize};

/// Bytes on the wire, as one CBOR byte string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blob(pub(crate) Bytes);

/// A channel on the wire: its genesis hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelId(#[serde(with = "serde_bytes")] [u8; 32]);

impl From<GenesisHash> for ChannelId {
    fn from(hash: GenesisHash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl From<ChannelId> for GenesisHash {
    fn from(id: ChannelId) -> Self {
        Self::new(Hash32::new(id.0))
    }
}

/// What a peer says of itself; empty when it only asks whether the other end lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelloRequest {
    /// Build of the program, at most `limits::BUILD_BYTES_MAX` bytes.
    pub build: String,
    /// Channels it serves, at most `limits::HELLO_CHANNELS_MAX`.
    pub channels: Vec<GenesisHash>,
}

/// What the other end says of itself.
pub type HelloReply = HelloRequest;

/// [`HelloRequest`] on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HelloBody {
    build: String,
    channels: Vec<ChannelId>,
}

impl From<HelloRequest> for HelloBody {
    fn from(hello: HelloRequest) -> Self {
        let channels = hello.channels.into_iter().map(ChannelId::from).collect();
        Self { build: hello.build, channels }
    }
}

impl From<HelloBody> for HelloRequest {
    fn from(body: HelloBody) -> Self {
        let channels = body.channels.into_iter().map(GenesisHash::from).collect();
        Self { build: body.build, channels }
    }
}

/// What peers call.
#[tarpc::service]
pub(crate) trait PeerRpc {
    /// Who are you, what do you serve? Also a sign of life.
    async fn hello(body: HelloBody) -> Result<HelloBody, RpcError>;
    /// Takes messages, oldest first; answers when they are taken, not when they had their effect.
    async fn deliver(channel: ChannelId, messages: Vec<Blob>) -> Result<(), RpcError>;
    /// Answers a request about a channel.
    async fn fetch(channel: ChannelId, request: Blob) -> Result<Blob, RpcError>;
    /// Answers a request about the node.
    async fn status(request: Blob) -> Result<Blob, RpcError>;
}
