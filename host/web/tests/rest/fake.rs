//! A made-up node and radiostation, and requests to their routers.

use crate::chain;
use crate::live::Live;
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use host_rpc::directory::{Entry, Listed, SignedEntry};
use host_rpc::gateway::{
    Access, BlockRef, BlockView, Caller, ChannelStatus, Directory, EpochsView, EventFilter,
    EventPlace, EventsPage, EvidenceView, Gateway, MemberView, NodeView, PeerRecord, ProofView,
    QueryAnswer, ReceiptView, ScoreView, TxState, VersionsView,
};
use host_rpc::journey::JourneyView;
use host_rpc::lookups::{StateAnswer, StateQuestion, TxFilter, TxsPage};
use host_rpc::stream::{StreamFilter, StreamPage};
use host_types::read_request::SignedRead;
use host_types::validators::ValidatorSet;
use host_types::value::Value;
use host_types::{
    BlockTime, CertificateId, ChannelName, Code, Decode, Encode, Hash32, Height, NodeName, Receipt,
    Rejection, ScoreName, SignedTransaction, Status, TxId, Writer,
};
use host_web::RestConfig;
use http_body_util::BodyExt;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A call of `submit_unsigned`.
pub(crate) type Sent = (ScoreName, String, Vec<u8>, IpAddr);

/// The node. `channel1` has the notary, `channel2` the token and auditors only who sign, `signed` the notary without a gateway,
/// `bare` no SCORE, `closed` the notary and policies that name roles, `failing` refuses everything.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) sent: Mutex<Vec<Sent>>,
    /// What a query answers; none: the body is echoed.
    pub(crate) answer: Mutex<Option<Receipt>>,
    /// What sending is refused with.
    pub(crate) refusal: Mutex<Option<Rejection>>,
    /// What was looked for last.
    pub(crate) searched: Mutex<Option<TxFilter>>,
    /// What streams of `channel1` tell; none: nothing.
    pub(crate) live: Option<Arc<Live>>,
    /// What keeps it from being ready.
    pub(crate) not_ready: Vec<String>,
}

impl Node {
    fn live(&self, channel: &ChannelName) -> Option<&Live> {
        self.live.as_deref().filter(|_| channel.as_str() == "channel1")
    }
}

/// Somebody who signed a request.
struct Signer {
    is_audited: bool,
}

#[async_trait]
impl Caller for Signer {
    fn gateway(&self) -> Arc<dyn Gateway> {
        Arc::new(Node::default())
    }

    fn is_audited(&self) -> bool {
        self.is_audited
    }

    async fn answered(&self, _status: u16, _body: Hash32) -> Result<(), Rejection> {
        Ok(())
    }
}

fn failing(channel: &ChannelName) -> Result<(), Rejection> {
    if channel.as_str() == "failing" {
        return Err(Rejection::new(Code::ChannelHalted, "the channel has stopped"));
    }
    Ok(())
}

#[async_trait]
impl Gateway for Node {
    fn node(&self) -> NodeView {
        chain::node()
    }

    fn channels(&self) -> Vec<ChannelName> {
        ["bare", "channel1", "channel2", "closed", "failing", "signed"].map(chain::channel).to_vec()
    }

    fn default_channel(&self) -> ChannelName {
        chain::channel("channel1")
    }

    /// Who signs is believed, and sees a node like this one.
    fn identified(
        self: Arc<Self>,
        channel: &ChannelName,
        _asked: &SignedRead,
    ) -> Result<Arc<dyn Caller>, Rejection> {
        Ok(Arc::new(Signer { is_audited: channel.as_str() == "channel2" }))
    }

    fn has_channel(&self, channel: &ChannelName) -> bool {
        let is_left = self.live(channel).is_some_and(|live| live.is_left.load(Ordering::Relaxed));
        self.channels().contains(channel) && !is_left
    }

    fn is_open(&self, channel: &ChannelName, _access: Access) -> bool {
        let is_open = self.live(channel).is_none_or(|live| live.is_open.load(Ordering::Relaxed));
        channel.as_str() != "closed" && is_open
    }

    async fn channel(&self, channel: &ChannelName) -> Result<ChannelStatus, Rejection> {
        failing(channel)?;
        let mut status = chain::status(channel.as_str());
        if let Some(live) = self.live(channel) {
            status.height = live.height();
        }
        Ok(status)
    }

    async fn validators(&self, channel: &ChannelName) -> Result<ValidatorSet, Rejection> {
        failing(channel)?;
        Ok(chain::validators())
    }

    async fn submit(
        &self,
        channel: &ChannelName,
        transaction: Arc<SignedTransaction>,
        wait: Option<Duration>,
    ) -> Result<(TxId, TxState), Rejection> {
        failing(channel)?;
        if let Some(rejection) = self.refusal.lock().unwrap().clone() {
            return Err(rejection);
        }
        let id = transaction.id();
        let is_final = wait.is_some();
        let state = chain::state(id).filter(|_| is_final);
        Ok((id, state.unwrap_or(TxState::Pending(transaction))))
    }

    async fn submit_unsigned(
        &self,
        channel: &ChannelName,
        score: ScoreName,
        method: String,
        args: Vec<u8>,
        client: IpAddr,
    ) -> Result<TxId, Rejection> {
        failing(channel)?;
        if let Some(rejection) = self.refusal.lock().unwrap().clone() {
            return Err(rejection);
        }
        let id = chain::signed(score.as_str(), &method, args.clone(), 99).id();
        self.sent.lock().unwrap().push((score, method, args, client));
        Ok(id)
    }

    async fn transaction(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<TxState>, Rejection> {
        failing(channel)?;
        Ok(chain::state(id))
    }

    async fn journey(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<JourneyView>, Rejection> {
        failing(channel)?;
        Ok(crate::journey::of(id))
    }

    async fn block(
        &self,
        channel: &ChannelName,
        block: BlockRef,
    ) -> Result<Option<BlockView>, Rejection> {
        failing(channel)?;
        Ok((0..3).map(chain::block).find(|view| match block {
            BlockRef::Latest => view.header.height.get() == 2,
            BlockRef::Height(height) => view.header.height == height,
            BlockRef::Id(id) => view.id == id,
        }))
    }

    async fn block_proof(
        &self,
        channel: &ChannelName,
        block: BlockRef,
    ) -> Result<Option<ProofView>, Rejection> {
        match self.block(channel, block).await? {
            Some(view) if view.proof.is_none() => {
                Err(Rejection::new(Code::NotFound, "block 0 has no Final proof"))
            }
            found => Ok(found.and_then(chain::proof)),
        }
    }

    async fn receipt(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<ReceiptView>, Rejection> {
        failing(channel)?;
        Ok(chain::portable(id))
    }

    async fn epochs(&self, channel: &ChannelName) -> Result<EpochsView, Rejection> {
        failing(channel)?;
        Ok(chain::epochs())
    }

    async fn evidence(&self, channel: &ChannelName) -> Result<Vec<EvidenceView>, Rejection> {
        failing(channel)?;
        Ok(if channel.as_str() == "channel1" { vec![chain::evidence()] } else { Vec::new() })
    }

    async fn events(
        &self,
        channel: &ChannelName,
        filter: EventFilter,
    ) -> Result<EventsPage, Rejection> {
        failing(channel)?;
        Ok(chain::events(&filter))
    }

    async fn search(&self, channel: &ChannelName, filter: TxFilter) -> Result<TxsPage, Rejection> {
        failing(channel)?;
        let page = chain::found(&filter);
        *self.searched.lock().unwrap() = Some(filter);
        Ok(page)
    }

    async fn state(
        &self,
        channel: &ChannelName,
        wanted: StateQuestion,
    ) -> Result<StateAnswer, Rejection> {
        failing(channel)?;
        chain::value(&wanted)
    }

    async fn told(
        &self,
        channel: &ChannelName,
        filter: &StreamFilter,
        from: EventPlace,
        bytes: usize,
    ) -> Result<StreamPage, Rejection> {
        failing(channel)?;
        match self.live(channel) {
            Some(live) => live.told(filter, from, bytes),
            None => Ok(StreamPage { items: Vec::new(), next: from, is_caught_up: true }),
        }
    }

    async fn blocks(
        &self,
        channel: &ChannelName,
        before: Option<Height>,
        limit: u32,
    ) -> Result<Vec<BlockView>, Rejection> {
        failing(channel)?;
        let below = before.map_or(3, |height| height.get().min(3));
        Ok((0..below).rev().take(limit as usize).map(chain::block).collect())
    }

    async fn versions(&self, channel: &ChannelName) -> Result<VersionsView, Rejection> {
        failing(channel)?;
        Ok(chain::versions())
    }

    async fn scores(&self, channel: &ChannelName) -> Result<Vec<ScoreView>, Rejection> {
        failing(channel)?;
        Ok(match channel.as_str() {
            "bare" => Vec::new(),
            "channel2" => vec![chain::later("hello"), chain::token()],
            _ => vec![chain::notary(), chain::later("token")],
        })
    }

    async fn query(
        &self,
        channel: &ChannelName,
        _score: &ScoreName,
        _method: &str,
        args: Vec<u8>,
    ) -> Result<QueryAnswer, Rejection> {
        failing(channel)?;
        if let Some(rejection) = self.refusal.lock().unwrap().clone() {
            return Err(rejection);
        }
        let echo = || {
            let body = host_web::arguments::catch_all_text(&args).unwrap_or_default();
            chain::receipt(Status::Ok, 0, &Value::Bytes(body.into_bytes()).to_bytes())
        };
        let receipt = self.answer.lock().unwrap().clone().unwrap_or_else(echo);
        let block = chain::block(2).id;
        Ok(QueryAnswer { receipt, height: Height::new(2), block })
    }

    async fn members(
        &self,
        channel: &ChannelName,
        name: Option<&str>,
    ) -> Result<Vec<MemberView>, Rejection> {
        failing(channel)?;
        let all =
            [("bank-a/peer0", chain::KEY), ("bank-a/alice", [1; 32]), ("bank-b/bob", [2; 32])]
                .map(|(name, key)| chain::member(name, key));
        let is_called = |m: &NodeName| name.is_none_or(|n| m.as_str() == n || m.short() == n);
        Ok(all.into_iter().filter(|member| is_called(&member.name)).collect())
    }

    async fn member(
        &self,
        channel: &ChannelName,
        certificate: &CertificateId,
    ) -> Result<Option<MemberView>, Rejection> {
        let all = self.members(channel, None).await?;
        Ok(all.into_iter().find(|member| member.certificate == *certificate))
    }

    async fn next_block(&self, channel: &ChannelName, after: Height) -> Result<Height, Rejection> {
        match self.live(channel) {
            Some(live) => live.next_block(after).await,
            None => std::future::pending().await,
        }
    }

    fn metrics(&self) -> String {
        "# EOF\n".into()
    }

    fn not_ready(&self) -> Vec<String> {
        self.not_ready.clone()
    }
}

/// The radiostation: two peers on `channel1`, nobody on `empty`.
#[derive(Debug, Default)]
pub(crate) struct Station {
    pub(crate) certificates: Vec<Vec<u8>>,
}

pub(crate) fn peer(order: u32, is_leader: bool) -> PeerRecord {
    PeerRecord {
        order,
        name: NodeName::new(&format!("bank-a/peer{}", order - 1)).unwrap(),
        public_key: if order == 1 { chain::KEY } else { [2; 32] },
        rpc_target: format!("127.0.0.1:7{order}00"),
        rest_target: format!("127.0.0.1:9{order}00"),
        status_since_us: 1_795_333_917_784_954,
        is_connected: order == 1,
        is_leader,
        channels: vec![chain::channel("channel1")],
    }
}

#[async_trait]
impl Directory for Station {
    fn channels(&self) -> Vec<ChannelName> {
        ["channel1", "empty"].map(chain::channel).to_vec()
    }

    fn default_channel(&self) -> ChannelName {
        chain::channel("channel1")
    }

    fn signed(&self) -> Vec<Listed> {
        let entry = Entry {
            certificate: vec![0x30, 0x00],
            rpc_target: "127.0.0.1:7100".into(),
            rest_target: "127.0.0.1:9000".into(),
            channels: vec![],
            issued: BlockTime::new(1),
        };
        // Nobody here looks at the signature.
        let mut w = Writer::default();
        w.array(2);
        entry.encode(&mut w);
        w.bytes(&[7; 64]);
        let entry = SignedEntry::from_bytes(&w.into_bytes()).unwrap();
        vec![Listed { order: 1, is_connected: true, status_since: BlockTime::new(2), entry }]
    }

    async fn peers(&self, channel: &ChannelName) -> Result<Vec<PeerRecord>, Rejection> {
        let is_empty = channel.as_str() == "empty";
        Ok(if is_empty { Vec::new() } else { vec![peer(1, true), peer(2, false)] })
    }

    async fn peer_status(&self, channel: &ChannelName, peer: &PeerRecord) -> Option<ChannelStatus> {
        peer.is_connected.then(|| chain::status(channel.as_str()))
    }

    fn settings(&self) -> Vec<(String, String)> {
        [
            ("GRPC_TIMEOUT", "30"),
            ("VOTING_RATIO", "0.65"),
            ("ENABLE_CHANNEL_AUTH", "False"),
            ("CHANNEL_OPTION", "{}"),
            ("LISTEN", "127.0.0.1:7102"),
            ("KEY_PASSWORD", "hunter2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn certificates(&self, of_peers: bool) -> Vec<Vec<u8>> {
        let take = if of_peers { self.certificates.len() } else { 1 };
        self.certificates.iter().take(take).cloned().collect()
    }

    fn metrics(&self) -> String {
        "# EOF\n".into()
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

pub(crate) fn peer_with(node: Arc<Node>) -> host_web::Pages {
    host_web::peer_pages(node, RestConfig::dev())
}

pub(crate) fn peer_router() -> host_web::Pages {
    peer_with(Arc::default())
}

pub(crate) fn station_router() -> host_web::Pages {
    host_web::radiostation_pages(Arc::new(Station::default()), RestConfig::dev())
}

pub(crate) async fn ask(router: &host_web::Pages, request: Request<Body>) -> Answer {
    let response = router.answer(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(router: &host_web::Pages, path: &str) -> Answer {
    ask(router, Request::get(path).body(Body::empty()).unwrap()).await
}

pub(crate) async fn post(router: &host_web::Pages, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header("content-type", "application/json");
    ask(router, request.body(body.into()).unwrap()).await
}

/// Arguments a catch-all got, as text.
pub(crate) fn sent_text(args: &[u8]) -> String {
    assert!(Value::from_bytes(args).is_ok());
    host_web::arguments::catch_all_text(args).unwrap()
}
