//! What peers may call on this node.
//!
//! In: bytes of an authenticated peer. Out: answers, or a coded refusal. Somebody who is no member
//! of a channel gets the same answer as for a channel that does not exist.

use super::caller::judged_at;
use super::mesh::node_id;
use super::node::Node;
use super::status_wire;
use crate::channel::{ChannelHandle, serve};
use async_trait::async_trait;
use bytes::Bytes;
use host_identity::Role;
use host_identity::grant::may_follow;
use host_rpc::{HelloReply, HelloRequest, PeerHandler, PeerIdentity, RpcError};
use host_types::message::FetchRequest;
use host_types::{Code, Decode, Encode, GenesisHash, Rejection};
use std::sync::Arc;

/// The handler of a peer.
#[derive(Debug)]
pub struct Handler(pub Arc<Node>);

fn unknown() -> RpcError {
    Rejection::new(Code::ChannelUnknown, "no such channel here").into()
}

impl Handler {
    /// Whether somebody broke a rule with what was taken before: then nothing more is.
    fn check_words(&self, from: &PeerIdentity) -> Result<(), RpcError> {
        match self.0.mesh.offence(&from.name) {
            Some(reason) => Err(RpcError::Penalised { reason }),
            None => Ok(()),
        }
    }

    fn channel(&self, from: &PeerIdentity, hash: GenesisHash) -> Result<ChannelHandle, RpcError> {
        let channel = self.0.channel_by_hash(hash).ok_or_else(unknown)?;
        // Clients have members' names too; only nodes follow a channel.
        if !from.role.is_node() {
            return Err(unknown());
        }
        // Blocks hold everything: a node of an auditor gets them by a grant of everything only.
        if from.role == Role::Auditor {
            let (epoch, who) = (channel.epoch(), (&from.name, &from.root));
            let grants = &epoch.policies(channel.genesis()).grants;
            if !may_follow(grants, who, judged_at(&channel)) {
                return Err(unknown());
            }
        }
        let is_validator = channel.epoch().validators.index_of(&from.name).is_some();
        let is_member = || {
            let knowledge = channel.parts().knowledge.borrow();
            knowledge.membership.by_name(from.name.as_str()).is_some()
        };
        if is_validator || is_member() { Ok(channel) } else { Err(unknown()) }
    }
}

#[async_trait]
impl PeerHandler for Handler {
    async fn hello(
        &self,
        from: &PeerIdentity,
        _request: HelloRequest,
    ) -> Result<HelloReply, RpcError> {
        let all = self.0.channels().into_iter().map(|channel| channel.parts().hash);
        let channels = all.filter(|hash| self.channel(from, *hash).is_ok()).collect();
        Ok(HelloReply { build: env!("CARGO_PKG_VERSION").to_owned(), channels })
    }

    async fn deliver(
        &self,
        from: &PeerIdentity,
        channel: GenesisHash,
        messages: Vec<Bytes>,
    ) -> Result<(), RpcError> {
        self.check_words(from)?;
        let channel = self.channel(from, channel)?;
        let validator = channel.epoch().validators.index_of(&from.name);
        for message in messages {
            serve::deliver(&channel, node_id(&from.name), validator, &message)
                .await
                .map_err(|reason| RpcError::Penalised { reason })?;
        }
        Ok(())
    }

    async fn fetch(
        &self,
        from: &PeerIdentity,
        channel: GenesisHash,
        request: Bytes,
    ) -> Result<Bytes, RpcError> {
        self.check_words(from)?;
        let channel = self.channel(from, channel)?;
        let request = FetchRequest::from_bytes(&request)
            .map_err(|error| RpcError::Penalised { reason: format!("a request: {error}") })?;
        let reply = serve::fetch(&channel, &self.0.scores, request).await;
        Ok(Bytes::from(reply.to_bytes()))
    }

    async fn status(&self, from: &PeerIdentity, request: Bytes) -> Result<Bytes, RpcError> {
        let name = status_wire::decode_request(&request)
            .map_err(|error| RpcError::Penalised { reason: format!("a request: {error}") })?;
        let channel = self.0.channel(&name).ok_or_else(unknown)?;
        // The radiostation tells v1's status views, and nothing of what is in a channel.
        if from.role != Role::RadioStation {
            self.channel(from, channel.parts().hash)?;
        }
        let status = channel.status(self.0.signer.why_stopped()).await?;
        Ok(Bytes::from(status_wire::encode(&status)))
    }
}
