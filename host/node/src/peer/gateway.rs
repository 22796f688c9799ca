//! This node, as the REST interface sees it.

use super::caller::ReadCaller;
use super::certificates;
use super::metrics::Metrics;
use super::node::{Node, OWN_EXPIRY_US};
use super::past_turns::PastTurns;
use super::quota::{GATEWAY_TXS_PER_ADDRESS_MAX, Quota};
use super::scans::Scans;
use super::signed_reads::Remembered;
use crate::channel::ChannelHandle;
use crate::trail::Trail;
use async_trait::async_trait;
use host_rpc::gateway::{
    Access, BlockRef, BlockView, Caller, ChannelStatus, EpochsView, EventFilter, EventPlace,
    EventsPage, EvidenceView, Gateway, MemberView, NodeView, ProofView, QueryAnswer, ReceiptView,
    ScoreView, TxState, VersionsView,
};
use host_rpc::journey::JourneyView;
use host_rpc::lookups::{StateAnswer, StateQuestion, TxFilter, TxsPage};
use host_rpc::stream::{StreamFilter, StreamPage};
use host_types::genesis::Policy;
use host_types::read_request::{ReadRequest, SignedRead};
use host_types::validators::ValidatorSet;
use host_types::{
    BlockTime, CertificateId, ChannelName, Code, Height, Rejection, ScoreEvent, ScoreName,
    SignedTransaction, TxId,
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Blocks of one page.
const PAGE_MAX: u32 = 100;

/// The gateway of a peer.
#[derive(Debug)]
pub struct LocalGateway {
    node: Arc<Node>,
    default_channel: ChannelName,
    metrics: Arc<Metrics>,
    quota: Quota,
    reads: Mutex<Remembered>,
    scans: Scans,
    past_turns: PastTurns,
}

impl LocalGateway {
    /// Of this node.
    #[must_use]
    pub fn new(node: Arc<Node>, default_channel: ChannelName, metrics: Arc<Metrics>) -> Self {
        let (quota, reads) = (Quota::default(), Mutex::default());
        let (scans, past_turns) = (Scans::default(), PastTurns::default());
        Self { node, default_channel, metrics, quota, reads, scans, past_turns }
    }

    /// A page of events, of those that `is_seen` lets through.
    pub(super) async fn events_seen(
        &self,
        channel: &ChannelName,
        filter: EventFilter,
        is_seen: impl Fn(Height, &ScoreEvent) -> bool + Send + 'static,
    ) -> Result<EventsPage, Rejection> {
        let channel = self.find(channel)?;
        self.scans.run(move || channel.events(&filter, &is_seen)).await
    }

    /// A signed request that has not come before.
    pub(super) fn remember(&self, request: &ReadRequest, now: BlockTime) -> Result<(), Rejection> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).take(request, now)
    }

    pub(super) fn trail(&self, channel: &ChannelHandle) -> Result<Arc<Trail>, Rejection> {
        self.node.trail(channel)
    }

    fn find(&self, channel: &ChannelName) -> Result<ChannelHandle, Rejection> {
        self.node.channel(channel).ok_or_else(|| {
            Rejection::new(Code::ChannelUnknown, format!("this node has no channel `{channel}`"))
        })
    }

    /// Counts no longer what has become final; it is looked at only where it decides.
    async fn make_room(&self, client: IpAddr) {
        let taken = self.quota.taken(client);
        if taken.len() < GATEWAY_TXS_PER_ADDRESS_MAX {
            return;
        }
        for one in taken {
            // One that is on its way to its pool is not known there yet, and counts.
            if let Ok(channel) = self.find(&one.channel)
                && let Ok(Some(state)) = channel.transaction_state(one.id).await
                && !matches!(state, TxState::Pending(_))
            {
                self.quota.forget(client, one.id);
            }
        }
    }

    async fn state(&self, channel: &ChannelHandle, id: TxId) -> Result<TxState, Rejection> {
        let known = channel.transaction_state(id).await?;
        known.ok_or_else(|| {
            Rejection::new(Code::NotFound, format!("transaction {id} is not known here"))
        })
    }
}

/// A transaction cannot become final here: say so before taking it.
fn check_open(channel: &ChannelHandle) -> Result<(), Rejection> {
    match channel.halted() {
        Some(why) => Err(Rejection::new(Code::ChannelHalted, why)),
        None => channel.without_quorum().map_or(Ok(()), Err),
    }
}

#[async_trait]
impl Gateway for LocalGateway {
    fn node(&self) -> NodeView {
        NodeView {
            name: self.node.name.clone(),
            public_key: self.node.identity.key.public(),
            rpc_target: self.node.config.rpc.target(),
            order: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            certificates: certificates::told(&*self.node),
        }
    }

    fn channels(&self) -> Vec<ChannelName> {
        self.node.channels().iter().map(|c| c.genesis().channel.clone()).collect()
    }

    fn has_channel(&self, channel: &ChannelName) -> bool {
        self.node.channel(channel).is_some()
    }

    fn default_channel(&self) -> ChannelName {
        self.default_channel.clone()
    }

    fn is_open(&self, channel: &ChannelName, access: Access) -> bool {
        self.find(channel).is_ok_and(|channel| {
            let epoch = channel.epoch();
            let policies = epoch.policies(channel.genesis());
            let policy = match access {
                Access::Read => &policies.read,
                Access::Query => &policies.query,
                Access::Audit => policies.audit(),
            };
            *policy == Policy::Anyone
        })
    }

    fn identified(
        self: Arc<Self>,
        channel: &ChannelName,
        asked: &SignedRead,
    ) -> Result<Arc<dyn Caller>, Rejection> {
        let channel = self.find(channel)?;
        Ok(Arc::new(ReadCaller::of(self, channel, asked)?))
    }

    async fn channel(&self, channel: &ChannelName) -> Result<ChannelStatus, Rejection> {
        self.find(channel)?.status(self.node.signer.why_stopped()).await
    }

    async fn validators(&self, channel: &ChannelName) -> Result<ValidatorSet, Rejection> {
        Ok(self.find(channel)?.epoch().validators.clone())
    }

    async fn submit(
        &self,
        channel: &ChannelName,
        tx: Arc<SignedTransaction>,
        wait: Option<Duration>,
    ) -> Result<(TxId, TxState), Rejection> {
        let channel = self.find(channel)?;
        let id = tx.id();
        if let Err(closed) = check_open(&channel) {
            // What is known already is told all the same: the same bytes get the same answer.
            return match channel.transaction_state(id).await? {
                Some(state) => Ok((id, state)),
                None => Err(closed),
            };
        }
        let mut height = channel.reader().tip().height;
        if let Err(rejection) = channel.intake().submit(Arc::clone(&tx)).await {
            // The same bytes again get the same answer, also after they have expired.
            if let Some(found) = channel.final_transaction(id)? {
                return Ok((id, TxState::Final(Box::new(found))));
            }
            // A duplicate that is not stored is final, and about to be.
            if rejection.code != Code::TxDuplicate {
                return Err(rejection);
            }
        }
        let Some(wait) = wait else { return Ok((id, TxState::Pending(tx))) };
        let deadline = Instant::now() + wait;
        loop {
            match channel.transaction_state(id).await? {
                Some(TxState::Pending(_)) | None => {}
                Some(state) => return Ok((id, state)),
            }
            let next = channel.next_height(height);
            match tokio::time::timeout_at(deadline.into(), next).await {
                Ok(reached) => height = reached?,
                Err(_) => return Ok((id, TxState::Pending(tx))),
            }
        }
    }

    async fn submit_unsigned(
        &self,
        channel: &ChannelName,
        score: ScoreName,
        method: String,
        args: Vec<u8>,
        client: IpAddr,
    ) -> Result<TxId, Rejection> {
        let channel = self.find(channel)?;
        check_open(&channel)?;
        let refused = || {
            let message = "this channel takes signed transactions only: use /api/v2";
            Rejection::new(Code::RoleRefused, message)
        };
        if !channel.epoch().policies(channel.genesis()).v1_gateway {
            return Err(refused());
        }
        let gateway = self.node.gateway.as_ref().ok_or_else(refused)?;
        let tx = gateway.sign(channel.parts().hash, (score, method), args)?;
        let id = tx.id();
        // Clients of a dev network are all on this machine: their address tells nothing.
        if self.node.config.rest.listen.ip().is_loopback() {
            channel.intake().submit(tx).await?;
            return Ok(id);
        }
        self.make_room(client).await;
        let counted = (channel.genesis().channel.clone(), id);
        self.quota.take(client, counted, Duration::from_micros(OWN_EXPIRY_US))?;
        let submitted = channel.intake().submit(tx).await;
        if submitted.is_err() {
            self.quota.forget(client, id);
        }
        submitted.map(|()| id)
    }

    async fn transaction(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<TxState>, Rejection> {
        let channel = self.find(channel)?;
        match self.state(&channel, id).await {
            Ok(state) => Ok(Some(state)),
            Err(rejection) if rejection.code == Code::NotFound => Ok(None),
            Err(rejection) => Err(rejection),
        }
    }

    async fn journey(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<JourneyView>, Rejection> {
        self.find(channel)?.journey(id, self.node.signer.why_stopped()).await
    }

    async fn block(
        &self,
        channel: &ChannelName,
        block: BlockRef,
    ) -> Result<Option<BlockView>, Rejection> {
        self.find(channel)?.block_view(block)
    }

    async fn block_proof(
        &self,
        channel: &ChannelName,
        block: BlockRef,
    ) -> Result<Option<ProofView>, Rejection> {
        self.find(channel)?.proof_view(block)
    }

    async fn receipt(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<ReceiptView>, Rejection> {
        self.find(channel)?.receipt_view(id)
    }

    async fn epochs(&self, channel: &ChannelName) -> Result<EpochsView, Rejection> {
        self.find(channel)?.epochs_view()
    }

    async fn evidence(&self, channel: &ChannelName) -> Result<Vec<EvidenceView>, Rejection> {
        let channel = self.find(channel)?;
        Ok(channel.parts().evidence.all(&super::readiness::Stored(channel.reader().clone())))
    }

    async fn events(
        &self,
        channel: &ChannelName,
        filter: EventFilter,
    ) -> Result<EventsPage, Rejection> {
        self.events_seen(channel, filter, |_, _| true).await
    }

    async fn search(&self, channel: &ChannelName, filter: TxFilter) -> Result<TxsPage, Rejection> {
        let channel = self.find(channel)?;
        self.scans.run(move || channel.search(&filter)).await
    }

    async fn state(
        &self,
        channel: &ChannelName,
        wanted: StateQuestion,
    ) -> Result<StateAnswer, Rejection> {
        let channel = self.find(channel)?;
        let tip = channel.reader().tip().height;
        let is_past_proved = wanted.is_proof_wanted && wanted.at.is_some_and(|at| at < tip);
        let turn = if is_past_proved { Some(self.past_turns.take().await?) } else { None };
        // A former state is read through every undo record since.
        let read = tokio::task::spawn_blocking(move || {
            let answer = channel.state_of(&wanted);
            drop(turn);
            answer
        });
        let read = read.await;
        read.map_err(|error| Rejection::new(Code::Internal, error.to_string()))?
    }

    async fn told(
        &self,
        channel: &ChannelName,
        filter: &StreamFilter,
        from: EventPlace,
        bytes: usize,
    ) -> Result<StreamPage, Rejection> {
        let (channel, filter) = (self.find(channel)?, filter.clone());
        self.scans.run(move || channel.told(&filter, from, bytes)).await
    }

    async fn blocks(
        &self,
        channel: &ChannelName,
        before: Option<Height>,
        limit: u32,
    ) -> Result<Vec<BlockView>, Rejection> {
        let channel = self.find(channel)?;
        let top = channel.reader().tip().height.get();
        let end = before.map_or(top + 1, |before| before.get().min(top + 1));
        let start = end.saturating_sub(u64::from(limit.min(PAGE_MAX)));
        let mut page = Vec::new();
        for height in (start..end).rev() {
            page.extend(channel.block_view(BlockRef::Height(Height::new(height)))?);
        }
        Ok(page)
    }

    async fn score(
        &self,
        channel: &ChannelName,
        name: &ScoreName,
    ) -> Result<Option<ScoreView>, Rejection> {
        Ok(self.find(channel)?.active_score(name))
    }

    async fn scores(&self, channel: &ChannelName) -> Result<Vec<ScoreView>, Rejection> {
        Ok(self.find(channel)?.score_views())
    }

    async fn versions(&self, channel: &ChannelName) -> Result<VersionsView, Rejection> {
        let channel = self.find(channel)?;
        // It reads records and files.
        let read = tokio::task::spawn_blocking(move || channel.versions()).await;
        read.map_err(|error| Rejection::new(Code::Internal, error.to_string()))
    }

    async fn query(
        &self,
        channel: &ChannelName,
        score: &ScoreName,
        method: &str,
        args: Vec<u8>,
    ) -> Result<QueryAnswer, Rejection> {
        self.find(channel)?.query(score, method, args).await
    }

    async fn members(
        &self,
        channel: &ChannelName,
        name: Option<&str>,
    ) -> Result<Vec<MemberView>, Rejection> {
        Ok(self.find(channel)?.member_views(name))
    }

    async fn member(
        &self,
        channel: &ChannelName,
        certificate: &CertificateId,
    ) -> Result<Option<MemberView>, Rejection> {
        Ok(self.find(channel)?.member_view(certificate))
    }

    async fn next_block(&self, channel: &ChannelName, after: Height) -> Result<Height, Rejection> {
        self.find(channel)?.next_height(after).await
    }

    fn metrics(&self) -> String {
        self.metrics.render(&self.node)
    }

    fn not_ready(&self) -> Vec<String> {
        let mut problems: Vec<String> = self
            .node
            .refused()
            .iter()
            .map(|(name, why)| format!("channel {name}: {why}"))
            .collect();
        for channel in self.node.channels() {
            if let Some(why) = channel.halted() {
                problems.push(format!("channel {} is halted: {why}", channel.genesis().channel));
            } else if let Some(rejection) = channel.cannot_execute() {
                let name = &channel.genesis().channel;
                problems.push(format!("channel {name} is not voted on: {rejection}"));
            } else if let Some(rejection) = channel.without_quorum() {
                problems.push(rejection.message);
            }
        }
        problems.extend(self.node.signer.why_stopped());
        problems
    }
}
