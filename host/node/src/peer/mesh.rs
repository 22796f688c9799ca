//! The other nodes: who they are, where they are, and the connections to them.
//!
//! In: the directory of the radiostation, the last good list on disk. Out: [`Links`] for channels.
//! A peer is known by its name; an address is only where to try. Without any radiostation the last
//! list serves. Deliberately not here: what is said.

use super::offences::Offences;
use crate::channel::executor_task::KnowledgeWatch;
use crate::channel::intake::wall_clock;
use crate::channel::links::{Lane, Links};
use async_trait::async_trait;
use bytes::Bytes;
use host_core::effect::To;
use host_core::vote::rule::NodeId;
use host_identity::Role;
use host_identity::grant::may_follow;
use host_rpc::directory::{VerifiedEntry, channel_tag};
use host_rpc::{Class, PeerClient, Session, Target};
use host_types::genesis::ChannelGenesis;
use host_types::grant::Grant;
use host_types::message::{FetchReply, FetchRequest};
use host_types::{BlockTime, Decode, Encode, GenesisHash, Hash32, NodeName, SignedTransaction};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;
use tokio::sync::{broadcast, watch};

/// Peers a node keeps connections to.
const PEERS_MAX: usize = 1_024;

struct Peer {
    client: Arc<PeerClient>,
    /// Tags of the channels that it says it serves.
    channels: Vec<Hash32>,
    /// When it said so, by its own clock.
    issued: BlockTime,
}

/// All other nodes of this node's network.
pub struct Mesh {
    me: NodeName,
    session: Arc<Session>,
    peers: RwLock<BTreeMap<NodeName, Peer>>,
    met: broadcast::Sender<NodeId>,
    offences: Offences,
}

/// Meetings that a channel may be slow to hear of; one that it misses is made good by the next block.
const MET_KEPT: usize = 256;

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mesh of {}", self.me)
    }
}

/// The number of a node: from its name, so it is the same after every restart.
#[must_use]
pub fn node_id(name: &NodeName) -> NodeId {
    let hash = host_types::Hash32::sha256(name.as_str().as_bytes());
    hash.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

impl Mesh {
    /// Without peers yet.
    #[must_use]
    pub fn new(me: NodeName, session: Arc<Session>) -> Arc<Self> {
        let met = broadcast::channel(MET_KEPT).0;
        let (peers, offences) = (RwLock::default(), Offences::default());
        Arc::new(Self { me, session, peers, met, offences })
    }

    /// Why the connections of a node are to be closed, when it broke a rule since this was asked.
    #[must_use]
    pub fn offence(&self, name: &NodeName) -> Option<String> {
        self.offences.due(node_id(name))
    }

    /// The TLS of this node.
    #[must_use]
    pub const fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// A peer is there (again): connects when it is new or has moved. What it said before something that
    /// is known is old news: a radiostation cannot send this node back to where a peer was once. Unless
    /// the known lies in the future: a clock that was wrong must not bind its peer to an old address.
    pub fn meet(&self, entry: &VerifiedEntry) {
        if entry.name == self.me {
            return;
        }
        let (address, channels) = (&entry.entry.rpc_target, entry.entry.channels.clone());
        let issued = entry.entry.issued;
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        let is_full = peers.len() >= PEERS_MAX;
        match peers.get_mut(&entry.name) {
            Some(peer) if peer.issued > issued && peer.issued <= wall_clock() => {}
            Some(peer) if peer.client.target().address == *address => {
                (peer.channels, peer.issued) = (channels, issued);
            }
            None if is_full => {}
            _ => {
                let target = Target { name: entry.name.clone(), address: address.clone() };
                let client = Arc::new(PeerClient::start(Arc::clone(&self.session), target));
                tokio::spawn(announce(node_id(&entry.name), client.connection(), self.met.clone()));
                peers.insert(entry.name.clone(), Peer { client, channels, issued });
            }
        }
    }

    /// Names and whether there is an open session.
    #[must_use]
    pub fn connections(&self) -> Vec<(NodeName, bool)> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.iter().map(|(name, peer)| (name.clone(), peer.client.is_connected())).collect()
    }

    /// The other nodes of one channel.
    #[must_use]
    pub fn links(self: &Arc<Self>, genesis: &ChannelGenesis) -> Arc<dyn Links> {
        let validators = genesis.validators.all().iter().map(|v| v.name.clone()).collect();
        Arc::new(ChannelLinks {
            mesh: Arc::clone(self),
            genesis: genesis.hash(),
            validators,
            grants: genesis.policies.grants.clone(),
            knowledge: OnceLock::new(),
            turn: AtomicUsize::new(0),
        })
    }
}

/// Tells channels whenever a connection opens, until it is given up.
async fn announce(
    node: NodeId,
    mut connection: watch::Receiver<bool>,
    met: broadcast::Sender<NodeId>,
) {
    while connection.wait_for(|is_open| *is_open).await.is_ok() {
        // No channel may listen yet.
        met.send(node).ok();
        if connection.wait_for(|is_open| !*is_open).await.is_err() {
            return;
        }
    }
}

struct ChannelLinks {
    mesh: Arc<Mesh>,
    genesis: GenesisHash,
    /// Those of the genesis, until it is known who they are now.
    validators: Vec<NodeName>,
    /// Grants of the genesis, which hold until an epoch has others.
    grants: Vec<Grant>,
    knowledge: OnceLock<KnowledgeWatch>,
    /// Whom to ask first next time: nobody answers for ever in the place of others.
    turn: AtomicUsize,
}

impl ChannelLinks {
    /// Whether a node that says it serves the channel may have what is said in it.
    fn may_follow(&self, name: &NodeName) -> bool {
        let Some(knowledge) = self.knowledge.get() else { return false };
        let (membership, epochs) = {
            let knowledge = knowledge.borrow();
            (Arc::clone(&knowledge.membership), Arc::clone(&knowledge.epochs))
        };
        let Some(member) = membership.by_name(name.as_str()) else { return false };
        if member.role() != Role::Auditor {
            return member.role().is_node();
        }
        let policies = epochs.current().config.policies.as_ref();
        let grants = policies.map_or(&self.grants, |policies| &policies.grants);
        may_follow(grants, (name, &member.root), wall_clock())
    }

    /// Validators of the present epoch, in the order of the set.
    fn validators_now(&self) -> Vec<NodeName> {
        let Some(knowledge) = self.knowledge.get() else { return self.validators.clone() };
        let knowledge = knowledge.borrow();
        knowledge.validators().all().iter().map(|v| v.name.clone()).collect()
    }

    /// Members of the channel that are known.
    fn members(&self) -> Vec<(NodeName, Arc<PeerClient>)> {
        let validators = self.validators_now();
        let peers = self.mesh.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers
            .iter()
            .filter(|(name, peer)| {
                validators.contains(name)
                    || (peer.channels.contains(&channel_tag(self.genesis, name))
                        && self.may_follow(name))
            })
            .map(|(name, peer)| (name.clone(), Arc::clone(&peer.client)))
            .collect()
    }

    fn chosen(&self, to: To) -> Vec<Arc<PeerClient>> {
        let validators = self.validators_now();
        let is_meant = |name: &NodeName| match to {
            To::All => true,
            To::Validator(index) => validators.get(usize::from(index)) == Some(name),
            To::Node(id) => node_id(name) == id,
        };
        self.members().into_iter().filter(|(name, _)| is_meant(name)).map(|(_, c)| c).collect()
    }
}

/// Whether an answer holds anything that was asked for; else the next node is asked.
fn is_of_use(request: &FetchRequest, reply: &FetchReply) -> bool {
    match (request, reply) {
        (FetchRequest::Bodies(ids), FetchReply::Bodies(raw)) => raw.iter().any(|raw| {
            SignedTransaction::decode(raw).is_ok_and(|transaction| ids.contains(&transaction.id()))
        }),
        (FetchRequest::Proposal(block), FetchReply::Proposal(Some((header, _)))) => {
            header.id() == *block
        }
        (FetchRequest::Blocks { .. }, FetchReply::Blocks(Some(_)))
        | (FetchRequest::Artefact { .. }, FetchReply::Artefact(Some(_)))
        | (FetchRequest::Head, FetchReply::Head(_))
        | (FetchRequest::Newest { .. }, FetchReply::Newest(_))
        | (FetchRequest::Digests(_), FetchReply::Digests(Some(_)))
        | (FetchRequest::Outcome { .. }, FetchReply::Outcome(Some(_))) => true,
        _ => false,
    }
}

#[async_trait]
impl Links for ChannelLinks {
    fn send(&self, lane: Lane, to: To, message: Bytes) {
        let class = match lane {
            Lane::Consensus => Class::Consensus,
            Lane::Transactions => Class::Transactions,
        };
        for client in self.chosen(to) {
            // A full queue drops by its own policy; the rule repeats what matters.
            client.send(class, self.genesis, message.clone()).ok();
        }
    }

    async fn fetch(
        &self,
        from: Option<NodeId>,
        request: &FetchRequest,
    ) -> Option<(NodeId, FetchReply)> {
        let bytes = Bytes::from(request.to_bytes());
        let mut order = self.members();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % order.len().max(1);
        order.rotate_left(first);
        let now = Instant::now();
        order.sort_by_key(|(name, client)| {
            let node = node_id(name);
            let is_doubted = self.mesh.offences.is_doubted(node, now);
            (Some(node) != from, !client.is_connected(), is_doubted)
        });
        for (name, client) in order {
            let Ok(reply) = client.fetch(self.genesis, bytes.clone()).await else { continue };
            let Ok(reply) = FetchReply::from_bytes(&reply) else { continue };
            if is_of_use(request, &reply) {
                return Some((node_id(&name), reply));
            }
        }
        None
    }

    fn follow(&self, knowledge: KnowledgeWatch) {
        // Once per channel and start: a second one would be the same.
        self.knowledge.set(knowledge).ok();
    }

    fn penalise(&self, node: NodeId, reason: &str) {
        // Its delivery was taken long since: the next one is refused, and its connections are closed.
        if self.mesh.offences.note(node, reason, Instant::now()) {
            tracing::warn!(node, reason, "a peer broke a rule");
        }
    }

    fn validator(&self, index: u16) -> Option<NodeId> {
        self.validators_now().get(usize::from(index)).map(node_id)
    }

    fn met(&self) -> broadcast::Receiver<NodeId> {
        self.mesh.met.subscribe()
    }

    fn is_connected(&self, name: &NodeName) -> bool {
        let peers = self.mesh.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.get(name).is_some_and(|peer| peer.client.is_connected())
    }
}
