//! What the REST interface needs of a node, and nothing else: one trait that a peer answers from
//! its own channels and, later, a proxy answers from other peers.
//!
//! In: names, ids, raw transactions. Out: views made for reading, or a coded [`Rejection`].
//! Not here: HTTP, JSON, how a channel works.

pub use crate::events::{EventFilter, EventPlace, EventView, EventsPage};
pub use crate::proofs::{ChangeView, EpochEnd, EpochsView, EvidenceView, ProofView, ReceiptView};
pub use crate::scores::{
    FrozenView, QueryAnswer, RefusedFile, ScoreView, VersionState, VersionView, VersionsView,
};

use crate::directory::Listed;
use crate::journey::JourneyView;
use crate::lookups::{StateAnswer, StateQuestion, TxFilter, TxsPage};
use crate::stream::{StreamFilter, StreamPage};
use async_trait::async_trait;
use host_types::block::{Header, Pair};
use host_types::proof::FinalProof;
use host_types::read_request::SignedRead;
use host_types::validators::ValidatorSet;
use host_types::{
    Address, BlockId, BlockTime, CertificateId, ChannelName, Code, GenesisHash, Hash32, Height,
    NodeName, Receipt, Rejection, ScoreEvent, ScoreName, SignedTransaction, TxId,
};
use std::sync::Arc;
use std::time::Duration;

/// What a channel's policy names apart for those who send nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Blocks and transactions.
    Read,
    /// Queries of SCOREs.
    Query,
    /// Recorded evidence.
    Audit,
}

/// Which block is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRef {
    /// The last final one.
    Latest,
    /// By position.
    Height(Height),
    /// By id.
    Id(BlockId),
}

/// How a channel of this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In step.
    Normal,
    /// Catching up.
    Syncing,
    /// Collecting answers after a lost disk.
    Rejoining,
    /// Follows and serves, but signs nothing; why.
    Degraded(String),
    /// Stopped; why.
    Halted(String),
}

/// One validator as seen from this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorStatus {
    /// Its name.
    pub name: NodeName,
    /// Its weight.
    pub weight: u64,
    /// Whether this node has an open session with it (true for itself).
    pub is_connected: bool,
    /// Whether it led the last block.
    pub is_leader: bool,
}

/// The state of one channel on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its name.
    pub channel: ChannelName,
    /// Its genesis hash; a transaction signs it.
    pub genesis: GenesisHash,
    /// Id of its rule.
    pub rule: String,
    /// Last final height.
    pub height: Height,
    /// Last final block with its result.
    pub head: Pair,
    /// Time of that block.
    pub time: BlockTime,
    /// Current epoch.
    pub epoch: u64,
    /// Current view.
    pub view: u64,
    /// Leader of the current view.
    pub leader: Option<NodeName>,
    /// Transactions since genesis.
    pub tx_total: u64,
    /// Blocks with transactions that this node proposed.
    pub made_blocks: u64,
    /// Transactions waiting in this node's pool.
    pub pool_txs: u64,
    /// How it is.
    pub mode: Mode,
    /// `strict` or `basic`.
    pub sandbox: &'static str,
    /// Weight that decides.
    pub quorum: u64,
    /// Weight of all.
    pub total_weight: u64,
    /// Weight that the validators with an open session reach, groups that count as one counted so.
    pub connected_weight: u64,
    /// Weight that may be faulty.
    pub faulty_max: u64,
    /// The validators.
    pub validators: Vec<ValidatorStatus>,
    /// Blocks since the start of which this node had another result than the agreed one.
    pub divergences: u64,
    /// The newest of them, one line.
    pub last_divergence: Option<String>,
    /// Whether views end without blocks now, that is, the leader is being complained about.
    pub is_leader_complained: bool,
    /// Whether unsigned clients of the old interface are signed for here.
    pub v1_gateway: bool,
}

/// Where a transaction is.
#[derive(Clone, Debug)]
pub enum TxState {
    /// Taken, not final yet; the envelope as it came.
    Pending(Arc<SignedTransaction>),
    /// Final.
    Final(Box<FinalTx>),
    /// It can never become final (it expired, or lost its place to a twin); why.
    Rejected(Rejection),
}

/// A final transaction.
#[derive(Clone, Debug)]
pub struct FinalTx {
    /// The transaction.
    pub transaction: SignedTransaction,
    /// Height of its block.
    pub height: Height,
    /// Its block.
    pub block: BlockId,
    /// Its position in the block.
    pub index: u32,
    /// Time of its block.
    pub time: BlockTime,
    /// Its receipt.
    pub receipt: Receipt,
    /// Its events.
    pub events: Vec<ScoreEvent>,
    /// SHA-256 of the artefact that ran it, when a SCORE did and the state still tells which.
    pub artefact: Option<Hash32>,
    /// Validators whose signatures are in the block's Final proof.
    pub voters: Vec<NodeName>,
}

/// A final block.
#[derive(Clone, Debug)]
pub struct BlockView {
    /// Its id.
    pub id: BlockId,
    /// Its header.
    pub header: Header,
    /// Its own result.
    pub pair: Pair,
    /// Its transactions in order.
    pub transactions: Vec<SignedTransaction>,
    /// Its Final proof; none for genesis.
    pub proof: Option<FinalProof>,
    /// Who signed the proof, and with what weight.
    pub signers: Vec<(NodeName, u64)>,
    /// Its proposer; none for genesis.
    pub proposer: Option<NodeName>,
}

/// A member of a channel: a registered certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Id of the certificate.
    pub certificate: CertificateId,
    /// Name in it.
    pub name: NodeName,
    /// Role in it.
    pub role: &'static str,
    /// Address of its key.
    pub address: Address,
    /// SPKI public key.
    pub public_key: [u8; 32],
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// `ORG/NAME`.
    pub name: NodeName,
    /// Signing key.
    pub public_key: [u8; 32],
    /// `host:port` that peers dial.
    pub rpc_target: String,
    /// Order in which it joined (1 for the first).
    pub order: u32,
    /// Build version.
    pub version: String,
    /// Its certificates.
    pub certificates: Vec<NodeCertificate>,
}

/// A certificate of the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCertificate {
    /// `signing` or `tls`.
    pub key_use: &'static str,
    /// Last moment of validity.
    pub not_after: BlockTime,
    /// `valid`, `ends soon` (two thirds of its life are over, or 30 days are left) or `expired`.
    pub state: &'static str,
}

/// Who signed a request, as a node knows it.
#[async_trait]
pub trait Caller: Send + Sync {
    /// The node as this caller may see it.
    fn gateway(&self) -> Arc<dyn Gateway>;

    /// Whether the caller hears of an answer only after it was noted, so that it must be whole.
    fn is_audited(&self) -> bool;

    /// Notes what it is about to be answered: the HTTP status and the SHA-256 of the body. Without this
    /// nothing is answered.
    async fn answered(&self, status: u16, body: Hash32) -> Result<(), Rejection>;
}

/// A node, as the REST interface sees it.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// What the node says of itself.
    fn node(&self) -> NodeView;

    /// Channels of this node, sorted.
    fn channels(&self) -> Vec<ChannelName>;

    /// Whether it is a channel of this node.
    fn has_channel(&self, channel: &ChannelName) -> bool;

    /// Channel of v1 requests that name none.
    fn default_channel(&self) -> ChannelName;

    /// Whether a channel's policy lets anybody do this: a request says not yet who sends it.
    fn is_open(&self, channel: &ChannelName, access: Access) -> bool;

    /// Who signed a request about a channel. Method, target and body are those of the request already;
    /// everything else is checked here: member, signature, time, and that it comes once.
    fn identified(
        self: Arc<Self>,
        channel: &ChannelName,
        _asked: &SignedRead,
    ) -> Result<Arc<dyn Caller>, Rejection> {
        let message = format!("requests about {channel} cannot be signed here");
        Err(Rejection::new(Code::RoleRefused, message))
    }

    /// State of a channel.
    async fn channel(&self, channel: &ChannelName) -> Result<ChannelStatus, Rejection>;

    /// Validators of the current epoch.
    async fn validators(&self, channel: &ChannelName) -> Result<ValidatorSet, Rejection>;

    /// Takes a signed transaction, whose signature nobody has checked. With `wait`, answers when it is final or the time is over; the
    /// same bytes again get the same answer.
    async fn submit(
        &self,
        channel: &ChannelName,
        tx: Arc<SignedTransaction>,
        wait: Option<Duration>,
    ) -> Result<(TxId, TxState), Rejection>;

    /// Signs for a client of the old interface and submits (`v1_gateway` of the channel's policy).
    /// Quotas count the client's address.
    async fn submit_unsigned(
        &self,
        channel: &ChannelName,
        score: ScoreName,
        method: String,
        args: Vec<u8>,
        client: std::net::IpAddr,
    ) -> Result<TxId, Rejection>;

    /// Where a transaction is; none when this node never heard of it.
    async fn transaction(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<TxState>, Rejection>;

    /// The way of a transaction as this node saw it; none when it never heard of it.
    async fn journey(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<JourneyView>, Rejection>;

    /// A final block.
    async fn block(
        &self,
        channel: &ChannelName,
        block: BlockRef,
    ) -> Result<Option<BlockView>, Rejection>;

    /// The Final proof of a block; none when there is no such block.
    async fn block_proof(
        &self,
        channel: &ChannelName,
        block: BlockRef,
    ) -> Result<Option<ProofView>, Rejection>;

    /// The portable receipt of a final transaction; none when there is no such final one.
    async fn receipt(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<ReceiptView>, Rejection>;

    /// Epochs of a channel, and the changes that wait.
    async fn epochs(&self, channel: &ChannelName) -> Result<EpochsView, Rejection>;

    /// Evidence that this node or the chain holds against validators, by epoch, signer and view.
    async fn evidence(&self, channel: &ChannelName) -> Result<Vec<EvidenceView>, Rejection>;

    /// Events of final transactions, oldest first.
    async fn events(
        &self,
        channel: &ChannelName,
        filter: EventFilter,
    ) -> Result<EventsPage, Rejection>;

    /// Final transactions by who signed them and what they called, newest first.
    async fn search(&self, channel: &ChannelName, filter: TxFilter) -> Result<TxsPage, Rejection>;

    /// A key of the state, with its proof when that is wanted.
    async fn state(
        &self,
        channel: &ChannelName,
        wanted: StateQuestion,
    ) -> Result<StateAnswer, Rejection>;

    /// What a stream tells from a place on, about `bytes` of it: at least one item where there is one.
    ///
    /// `HistoryGone` when the place lies before what is kept.
    async fn told(
        &self,
        channel: &ChannelName,
        filter: &StreamFilter,
        from: EventPlace,
        bytes: usize,
    ) -> Result<StreamPage, Rejection>;

    /// Up to `limit` blocks below `before` (the newest when none), newest first.
    async fn blocks(
        &self,
        channel: &ChannelName,
        before: Option<Height>,
        limit: u32,
    ) -> Result<Vec<BlockView>, Rejection>;

    /// An active SCORE; none when there is none of that name.
    async fn score(
        &self,
        channel: &ChannelName,
        name: &ScoreName,
    ) -> Result<Option<ScoreView>, Rejection> {
        Ok(self.scores(channel).await?.into_iter().find(|score| score.name == *name))
    }

    /// Active SCOREs, sorted by name.
    async fn scores(&self, channel: &ChannelName) -> Result<Vec<ScoreView>, Rejection>;

    /// Versions of SCOREs, active or not, and refused files of the drop-in folder.
    async fn versions(&self, channel: &ChannelName) -> Result<VersionsView, Rejection>;

    /// Calls a query method; `args` is the canonical array of arguments.
    async fn query(
        &self,
        channel: &ChannelName,
        score: &ScoreName,
        method: &str,
        args: Vec<u8>,
    ) -> Result<QueryAnswer, Rejection>;

    /// Members of a channel whose short name or full name is `name`.
    async fn members(
        &self,
        channel: &ChannelName,
        name: Option<&str>,
    ) -> Result<Vec<MemberView>, Rejection>;

    /// The member with this certificate; none when the channel knows no such one.
    async fn member(
        &self,
        channel: &ChannelName,
        certificate: &CertificateId,
    ) -> Result<Option<MemberView>, Rejection>;

    /// Waits for the next committed block of a channel; gives its height.
    async fn next_block(&self, channel: &ChannelName, after: Height) -> Result<Height, Rejection>;

    /// OpenMetrics text.
    fn metrics(&self) -> String;

    /// What keeps the node from being ready, one line each; empty when it is.
    fn not_ready(&self) -> Vec<String>;
}

/// One peer as the radiostation lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRecord {
    /// Join order, from 1; never reused.
    pub order: u32,
    /// `ORG/NAME`.
    pub name: NodeName,
    /// Signing key (v1's `peer_id` and `cert` come from it).
    pub public_key: [u8; 32],
    /// `host:port` that peers dial.
    pub rpc_target: String,
    /// `host:port` of its REST interface.
    pub rest_target: String,
    /// When its status last changed, microseconds since 1970.
    pub status_since_us: u64,
    /// Whether it answers.
    pub is_connected: bool,
    /// Whether it leads the channel asked for now.
    pub is_leader: bool,
    /// Channels it serves.
    pub channels: Vec<ChannelName>,
}

/// The radiostation, as its REST interface sees it.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Channels known, sorted.
    fn channels(&self) -> Vec<ChannelName>;

    /// Channel of requests that name none.
    fn default_channel(&self) -> ChannelName;

    /// Everybody in join order, as their own peers signed it: for whoever checks each entry.
    fn signed(&self) -> Vec<Listed>;

    /// Peers of a channel in join order.
    async fn peers(&self, channel: &ChannelName) -> Result<Vec<PeerRecord>, Rejection>;

    /// Live state of one peer's channel; none when it cannot be reached.
    async fn peer_status(&self, channel: &ChannelName, peer: &PeerRecord) -> Option<ChannelStatus>;

    /// Settings that may be shown: name and value, without secrets.
    fn settings(&self) -> Vec<(String, String)>;

    /// Certificates, DER: the peers', or the root.
    fn certificates(&self, of_peers: bool) -> Vec<Vec<u8>>;

    /// OpenMetrics text.
    fn metrics(&self) -> String;
}
