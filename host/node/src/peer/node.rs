//! What all parts of a peer share.

use super::chosen::Chosen;
use super::known_peers::KnownPeers;
use super::mesh::Mesh;
use super::radiostations::Stations;
use super::revocations::Lists;
use super::start::genesis_files;
use crate::channel::epochs::{Own, RuleFinder};
use crate::channel::{ChannelHandle, recover};
use crate::config::{self, ChannelsConfig, PeerConfig};
use crate::front::Front;
use crate::scores::Scores;
use crate::signer::Signer;
use crate::trail::{Reached, TRAIL_FOLDER, Trail};
use host_identity::{Member, Role, SigningKey};
use host_rpc::directory::CHANNELS_MAX;
use host_rules::RuleShelf;
use host_store::{ChannelReplay, Durability, Entry, Lease, StoreOptions};
use host_types::genesis::ChannelGenesis;
use host_types::{
    BlockTime, CertificateId, ChannelName, Code, GenesisHash, NodeName, Rejection,
    SignedTransaction, Transaction,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A key with its registered certificate: what signs transactions of this node.
pub struct Identity {
    /// The key.
    pub key: Arc<SigningKey>,
    certificate: RwLock<CertificateId>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.certificate())
    }
}

/// How long a transaction of the node itself may wait for a block, microseconds.
pub(super) const OWN_EXPIRY_US: u64 = 120 * 1_000_000;

impl Identity {
    /// A key with its certificate.
    #[must_use]
    pub fn new(key: SigningKey, certificate: CertificateId) -> Self {
        Self { key: Arc::new(key), certificate: RwLock::new(certificate) }
    }

    /// Its certificate now.
    #[must_use]
    pub fn certificate(&self) -> CertificateId {
        *self.certificate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs with another certificate of the same key from now on; whether it is another one.
    pub fn renew(&self, certificate: CertificateId) -> bool {
        let mut own = self.certificate.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *own, certificate) != certificate
    }

    /// Signs a call for a channel.
    ///
    /// # Errors
    /// When the system gives no random bytes, or a part is too long for a transaction.
    pub fn sign(
        &self,
        genesis: GenesisHash,
        (score, method): (host_types::ScoreName, String),
        args: Vec<u8>,
    ) -> Result<Arc<SignedTransaction>, Rejection> {
        let nonce = getrandom::u64()
            .map_err(|error| Rejection::new(Code::Internal, format!("random bytes: {error}")))?;
        let now = crate::channel::intake::wall_clock();
        let transaction = Transaction {
            genesis,
            score,
            method,
            args: args.into(),
            signer: self.certificate(),
            nonce,
            expiry: BlockTime::new(now.get() + OWN_EXPIRY_US),
        };
        let signature = self.key.sign(&transaction.signing_message());
        SignedTransaction::decode(&transaction.into_envelope(&signature))
            .map(Arc::new)
            .map_err(|error| Rejection::new(Code::TxMalformed, error.to_string()))
    }
}

/// The word of the configuration in the store's.
pub(crate) const fn durability(wanted: config::Durability) -> Durability {
    match wanted {
        config::Durability::Full => Durability::Full,
        config::Durability::Os => Durability::Os,
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running peer.
pub struct Node {
    /// Its settings.
    pub config: PeerConfig,
    /// `ORG/NAME`.
    pub name: NodeName,
    /// Signs system transactions of this node.
    pub identity: Identity,
    /// Signs for clients of the old interface.
    pub gateway: Option<Identity>,
    /// The signer of statements.
    pub signer: Signer,
    /// Other nodes.
    pub mesh: Arc<Mesh>,
    /// What other nodes said of themselves.
    pub known: KnownPeers,
    /// What this node makes of its RadioStations.
    pub stations: Stations,
    /// Revocation lists that its channels have taken.
    pub lists: Lists,
    /// Artefacts and workers.
    pub scores: Arc<Scores>,
    /// Consensus rules.
    pub rules: Arc<RuleShelf>,
    /// What the sign log held at start, taken by each channel once.
    pub replay: Mutex<BTreeMap<GenesisHash, ChannelReplay>>,
    /// What the operator has joined and left.
    pub chosen: Chosen,
    /// Threads for what clients send.
    pub front: Front,
    /// `[channels]` as it was read last.
    join: RwLock<ChannelsConfig>,
    channels: RwLock<BTreeMap<ChannelName, ChannelHandle>>,
    /// Channels that were left and whose files may still be open.
    closing: Mutex<BTreeMap<ChannelName, Lease>>,
    /// Channels that ran in this process: what they signed since is not in `replay`.
    began: Mutex<BTreeSet<GenesisHash>>,
    refused: Mutex<BTreeMap<ChannelName, String>>,
    /// Trails that were opened.
    trails: Mutex<BTreeMap<GenesisHash, Arc<Trail>>>,
    /// Held from reading what channels say of trust until it is in force: else an older word, read by
    /// another task before, could replace it.
    pub(super) trusting: Mutex<()>,
    /// One start at a time of each channel.
    starting: Mutex<BTreeMap<ChannelName, Arc<Mutex<()>>>>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.name)
    }
}

/// The parts of a node.
#[derive(Debug)]
pub struct NodeParts {
    /// Its settings.
    pub config: PeerConfig,
    /// `ORG/NAME`.
    pub name: NodeName,
    /// Signs system transactions of this node.
    pub identity: Identity,
    /// Signs for clients of the old interface.
    pub gateway: Option<Identity>,
    /// The signer of statements.
    pub signer: Signer,
    /// Other nodes.
    pub mesh: Arc<Mesh>,
    /// What other nodes said of themselves.
    pub known: KnownPeers,
    /// Artefacts and workers.
    pub scores: Arc<Scores>,
    /// Consensus rules.
    pub rules: RuleShelf,
    /// What the sign log held at start.
    pub replay: BTreeMap<GenesisHash, ChannelReplay>,
    /// What the operator has joined and left.
    pub chosen: Chosen,
    /// Threads for what clients send.
    pub front: Front,
}

impl Node {
    /// A node without channels yet.
    #[must_use]
    pub fn new(parts: NodeParts) -> Self {
        let NodeParts { config, name, identity, gateway, signer, .. } = parts;
        let NodeParts { mesh, known, scores, rules, replay, chosen, front, .. } = parts;
        Self {
            join: RwLock::new(config.channels.clone()),
            config,
            name,
            identity,
            gateway,
            signer,
            mesh,
            known,
            stations: Stations::default(),
            lists: Lists::default(),
            scores,
            rules: Arc::new(rules),
            replay: Mutex::new(replay),
            chosen,
            front,
            closing: Mutex::default(),
            began: Mutex::default(),
            channels: RwLock::default(),
            refused: Mutex::default(),
            trails: Mutex::default(),
            trusting: Mutex::default(),
            starting: Mutex::default(),
        }
    }

    /// Starts a channel; one that runs already is left alone, and none is given.
    ///
    /// # Errors
    /// Why it does not start; it is remembered and shown.
    pub fn start_channel(
        &self,
        genesis: ChannelGenesis,
    ) -> Result<Option<ChannelHandle>, Rejection> {
        let name = genesis.channel.clone();
        let turn = Arc::clone(lock(&self.starting).entry(name.clone()).or_default());
        let _one_at_a_time = lock(&turn);
        if self.channel(&name).is_some() {
            return Ok(None);
        }
        let result = self.try_start(genesis);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(handle) => {
                refused.remove(&name);
                let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
                channels.insert(name, handle.clone());
                Ok(Some(handle))
            }
            Err(rejection) => {
                refused.insert(name, rejection.to_string());
                Err(rejection)
            }
        }
    }

    fn try_start(&self, genesis: ChannelGenesis) -> Result<ChannelHandle, Rejection> {
        let hash = genesis.hash();
        let name = &genesis.channel;
        if genesis.network != self.mesh.session().trust().network() {
            let message = format!("the genesis of {name} is of another network");
            return Err(Rejection::new(Code::ConfigBadValue, message));
        }
        if self.channels().len() >= CHANNELS_MAX {
            let message = format!(
                "{name} would be channel {} of this peer, at most {CHANNELS_MAX}: name those that it serves in `[channels] join`",
                CHANNELS_MAX + 1
            );
            return Err(Rejection::new(Code::ConfigBadValue, message));
        }
        // Before the channel has a folder: a genesis that nobody can start may still be corrected.
        self.rules.accepts(&genesis)?;
        let log = self.signed_before(hash)?;
        let links = self.mesh.links(&genesis);
        let folder = self.folder(&genesis.channel);
        let start = recover::ChannelStart {
            genesis,
            folder,
            options: self.store_options(),
            rules: self.rule_finder(),
            log,
            me: Own { name: self.name.clone(), public_key: self.identity.key.public() },
            signer: self.signer.clone(),
            scores: Arc::clone(&self.scores),
            links,
            front: self.front.handle(),
        };
        let handle = recover::start(start)?;
        // Only now: a channel that did not start needs its log again at the next try.
        lock(&self.replay).remove(&hash);
        lock(&self.began).insert(hash);
        Ok(handle)
    }

    /// Where the files of a channel are.
    fn folder(&self, channel: &ChannelName) -> PathBuf {
        self.config.data_dir.join("channels").join(channel.as_str())
    }

    /// The trail of what auditors were answered about a channel.
    ///
    /// # Errors
    /// `LC5207` when it cannot be read; `LC4103` where this node could put no root on the chain.
    pub(super) fn trail(&self, channel: &ChannelHandle) -> Result<Arc<Trail>, Rejection> {
        let mut trails = lock(&self.trails);
        if let Some(trail) = trails.get(&channel.parts().hash) {
            return Ok(Arc::clone(trail));
        }
        let membership = Arc::clone(&channel.parts().knowledge.borrow().membership);
        let role = membership.get(&self.identity.certificate()).map(Member::role);
        if !matches!(role, Some(Role::Validator | Role::Peer)) {
            let message = format!(
                "{} can put no root of a trail on the chain: ask a validator or a peer of the channel",
                self.name
            );
            return Err(Rejection::new(Code::RoleRefused, message));
        }
        let folder = self.folder(&channel.genesis().channel);
        let trail = Arc::new(Trail::open(&folder, Arc::clone(&self.identity.key))?);
        trails.insert(channel.parts().hash, Arc::clone(&trail));
        Ok(trail)
    }

    /// How far the trail of a channel goes; none when there is none.
    pub(super) fn trail_reached(&self, channel: &ChannelHandle) -> Option<Reached> {
        let folder = self.folder(&channel.genesis().channel);
        let is_there = folder.join(TRAIL_FOLDER).exists();
        is_there.then(|| self.trail(channel).ok()).flatten().map(|trail| trail.reached())
    }

    /// What the sign log holds of a channel.
    fn signed_before(&self, hash: GenesisHash) -> Result<Vec<Entry>, Rejection> {
        if lock(&self.began).contains(&hash) {
            let read = self.signer.remembered(hash);
            return read.map(|replay| replay.entries).map_err(|why| {
                let message = format!("the sign log cannot be read: {why}");
                Rejection::new(Code::StoreFailed, message)
            });
        }
        Ok(lock(&self.replay).get(&hash).map(|kept| kept.entries.clone()).unwrap_or_default())
    }

    /// Whether a channel is to run here: the operator's word goes before the configuration's.
    #[must_use]
    pub fn wants(&self, channel: &ChannelName) -> bool {
        let join = self.join.read().unwrap_or_else(PoisonError::into_inner);
        self.chosen.of(channel).unwrap_or_else(|| join.joins(channel))
    }

    /// Other names of `[channels] join` from now on; nothing begins or ends by that.
    pub(super) fn set_join(&self, join: Vec<String>) {
        self.join.write().unwrap_or_else(PoisonError::into_inner).join = join;
    }

    /// Channels of the folder that are to run here.
    pub(super) fn wanted_geneses(&self) -> Vec<ChannelName> {
        let all = super::start::geneses(&self.config.channels.dir).into_iter();
        all.map(|genesis| genesis.channel).filter(|name| self.wants(name)).collect()
    }

    /// Ends a channel on this node. Nobody finds it from here on; [`Self::closing`] tells whether its
    /// files are closed.
    pub async fn stop_channel(&self, name: &ChannelName) {
        lock(&self.refused).remove(name);
        let handle = self.channels.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        let Some(handle) = handle else { return };
        lock(&self.trails).remove(&handle.parts().hash);
        lock(&self.closing).insert(name.clone(), handle.parts().lease.clone());
        let scores = handle.score_views();
        handle.stop().await;
        drop(handle);
        for score in scores {
            self.scores.retire(name.as_str(), &score.name, score.sha256).await;
        }
    }

    /// The files of a channel that was left, as long as somebody may read them.
    #[must_use]
    pub fn closing(&self, name: &ChannelName) -> Option<Lease> {
        let mut closing = lock(&self.closing);
        closing.retain(|_, lease| lease.is_open());
        closing.get(name).cloned()
    }

    /// A rule once loaded stays: an epoch that begins usually finds its own.
    fn rule_finder(&self) -> RuleFinder {
        let rules = Arc::clone(&self.rules);
        Arc::new(move |wanted| rules.find(wanted))
    }

    /// As configured, for as many channels as there are geneses.
    fn store_options(&self) -> StoreOptions {
        let storage = &self.config.storage;
        let durability = durability(storage.durability);
        let channels = genesis_files(&self.config.channels.dir).len();
        StoreOptions::shared_out(durability, storage.cache.0, channels)
    }

    /// A channel of this node.
    #[must_use]
    pub fn channel(&self, name: &ChannelName) -> Option<ChannelHandle> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// A channel by its genesis.
    #[must_use]
    pub fn channel_by_hash(&self, hash: GenesisHash) -> Option<ChannelHandle> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().find(|handle| handle.parts().hash == hash).cloned()
    }

    /// All channels, sorted by name.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelHandle> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().cloned().collect()
    }

    /// Channels that did not start, and why.
    #[must_use]
    pub fn refused(&self) -> Vec<(ChannelName, String)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|(name, why)| (name.clone(), why.clone())).collect()
    }
}
