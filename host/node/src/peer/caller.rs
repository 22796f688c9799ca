//! Who signed a request, and what of this node that caller may see.
//!
//! In: a signed request about a channel. Out: the node's [`Gateway`] narrowed to what the channel's
//! policies and grants open to the caller; for an auditor, a record in the trail before each answer. What
//! a grant does not cover is answered like what is not there. Deliberately not here: HTTP (`host/web`),
//! the trail's files (`trail`), whom a grant admits (`host_identity::grant`).

use super::gateway::LocalGateway;
use super::narrowed::{Narrowed, narrowed};
use super::signed_reads::check_time;
use crate::channel::ChannelHandle;
use crate::channel::intake::wall_clock;
use crate::trail::{Answered, Trail};
use async_trait::async_trait;
use host_identity::policy::admits;
use host_identity::{Action, Member, Role, grant, verify};
use host_rpc::gateway::{
    Access, BlockRef, BlockView, Caller, ChannelStatus, EpochsView, EventFilter, EventPlace,
    EventsPage, EvidenceView, Gateway, MemberView, NodeView, ProofView, QueryAnswer, ReceiptView,
    ScoreView, TxState, VersionsView,
};
use host_rpc::journey::JourneyView;
use host_rpc::lookups::{StateAnswer, StateQuestion, TxFilter, TxsPage};
use host_rpc::stream::{StreamFilter, StreamPage, Told};
use host_types::grant::Grant;
use host_types::read_request::SignedRead;
use host_types::validators::ValidatorSet;
use host_types::{
    BlockTime, CertificateId, ChannelName, Code, Hash32, Height, Rejection, ScoreEvent, ScoreName,
    SignedTransaction, TxId,
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The same as for a channel that does not exist.
fn unknown(channel: &ChannelName) -> Rejection {
    Rejection::new(Code::ChannelUnknown, format!("this node has no channel `{channel}`"))
}

/// The member that signed a request, when it may read at all.
fn signer(channel: &ChannelHandle, asked: &SignedRead) -> Result<Member, Rejection> {
    let request = &asked.request;
    let membership = Arc::clone(&channel.parts().knowledge.borrow().membership);
    let name = &channel.genesis().channel;
    let member = membership.get(&request.signer).ok_or_else(|| unknown(name))?;
    if !verify(&member.public_key, &request.signing_message(), &asked.signature) {
        let message = format!("the signature of this request is not that of {}", member.name());
        return Err(Rejection::new(Code::SignatureWrong, message));
    }
    let at = channel.reader().time();
    membership.holder(&request.signer, Action::Read, at).cloned()
}

/// A caller.
pub(super) struct ReadCaller(Arc<Seen>);

/// The node as a caller sees it.
struct Seen {
    inner: Arc<LocalGateway>,
    channel: ChannelHandle,
    member: Member,
    /// In force; of an auditor only.
    grants: Vec<Grant>,
    /// For an auditor.
    trail: Option<Arc<Trail>>,
    asked: SignedRead,
    /// The grant that covered something.
    used: Mutex<Option<String>>,
}

/// Whether a block time or this node's clock, whichever is later, ends a grant: a channel that rests
/// lengthens none.
pub(super) fn judged_at(channel: &ChannelHandle) -> BlockTime {
    channel.reader().time().max(wall_clock())
}

impl ReadCaller {
    /// Who signed this, on a channel of this node.
    pub(super) fn of(
        inner: Arc<LocalGateway>,
        channel: ChannelHandle,
        asked: &SignedRead,
    ) -> Result<Self, Rejection> {
        let name = channel.genesis().channel.clone();
        if asked.request.genesis != channel.parts().hash {
            return Err(unknown(&name));
        }
        let now = wall_clock();
        check_time(&asked.request, now)?;
        let member = signer(&channel, asked)?;
        let is_auditor = member.role() == Role::Auditor;
        let epoch = channel.epoch();
        let policies = epoch.policies(channel.genesis());
        let (who, at) = ((member.name(), &member.root), judged_at(&channel));
        let grants: Vec<_> = grant::in_force(&policies.grants, who, at).cloned().collect();
        let organisation = member.certificate.organisation();
        let opens = |policy| admits(policy, Role::Auditor, organisation);
        let is_open = [&policies.read, &policies.query, policies.audit()].into_iter().any(opens);
        if is_auditor && grants.is_empty() && !is_open {
            let message = format!("{} has no grant on channel {name} now", member.name());
            return Err(Rejection::new(Code::GrantMissing, message));
        }
        inner.remember(&asked.request, now)?;
        let trail = if is_auditor { Some(inner.trail(&channel)?) } else { None };
        let (asked, used) = (asked.clone(), Mutex::default());
        Ok(Self(Arc::new(Seen { inner, channel, member, grants, trail, asked, used })))
    }
}

#[async_trait]
impl Caller for ReadCaller {
    fn gateway(&self) -> Arc<dyn Gateway> {
        Arc::clone(&self.0) as Arc<dyn Gateway>
    }

    fn is_audited(&self) -> bool {
        self.0.trail.is_some()
    }

    async fn answered(&self, status: u16, body: Hash32) -> Result<(), Rejection> {
        let Some(trail) = self.0.trail.clone() else { return Ok(()) };
        let used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answered = Answered {
            request: self.0.asked.clone(),
            reader: self.0.member.name().clone(),
            grant: used.unwrap_or_default(),
            height: self.0.channel.reader().tip().height,
            time: wall_clock(),
            status,
            answer: body,
        };
        // It waits for the disk.
        let added = tokio::task::spawn_blocking(move || trail.add(answered)).await;
        added.map_err(|error| Rejection::new(Code::Internal, error.to_string()))?
    }
}

impl Seen {
    fn is_own(&self, channel: &ChannelName) -> bool {
        self.channel.genesis().channel == *channel
    }

    fn check_own(&self, channel: &ChannelName) -> Result<(), Rejection> {
        if self.is_own(channel) { Ok(()) } else { Err(unknown(channel)) }
    }

    /// Whether the signer's certificate counts as it did when it asked: a stream outlives that moment.
    fn is_member_still(&self) -> bool {
        let membership = Arc::clone(&self.channel.parts().knowledge.borrow().membership);
        let at = self.channel.reader().time();
        membership.holder(&self.member.id(), Action::Read, at).is_ok()
    }

    /// Whether a policy opens this to the caller, whatever grants say.
    fn is_open_by_policy(&self, access: Access) -> bool {
        let epoch = self.channel.epoch();
        let policies = epoch.policies(self.channel.genesis());
        let policy = match access {
            Access::Read => &policies.read,
            Access::Query => &policies.query,
            Access::Audit => policies.audit(),
        };
        admits(policy, self.member.role(), self.member.certificate.organisation())
    }

    /// Whether the caller sees something that grants of this kind cover.
    fn sees(&self, access: Access, covers: impl Fn(&Grant) -> bool) -> bool {
        // The grant first: the record names it also where a policy opens the same.
        let Some(grant) = self.grants.iter().find(|grant| covers(grant)) else {
            return self.is_open_by_policy(access);
        };
        self.use_grant(&grant.name);
        true
    }

    /// The first one that covered something is the one that the record names.
    fn use_grant(&self, name: &str) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.get_or_insert_with(|| name.to_owned());
    }

    /// Whether a grant reaches what is now.
    fn covers_now(&self, grant: &Grant) -> bool {
        grant.covers_height(self.channel.reader().tip().height.max(grant.from))
    }

    fn sees_block(&self, block: &BlockView) -> bool {
        let height = block.header.height;
        self.sees(Access::Read, |grant| grant.covers_blocks() && grant.covers_height(height))
    }

    fn sees_transaction(&self, tx: &SignedTransaction, height: Option<Height>) -> bool {
        self.sees(Access::Read, |grant| {
            let is_in = match height {
                Some(height) => grant.covers_height(height),
                // It stands in the next block at the earliest.
                None => grant.covers_height(self.channel.reader().tip().height.next()),
            };
            is_in && grant.covers_score(&tx.transaction().score)
        })
    }
}

#[async_trait]
impl Gateway for Seen {
    fn node(&self) -> NodeView {
        self.inner.node()
    }

    fn channels(&self) -> Vec<ChannelName> {
        vec![self.channel.genesis().channel.clone()]
    }

    fn has_channel(&self, channel: &ChannelName) -> bool {
        self.is_own(channel)
    }

    fn default_channel(&self) -> ChannelName {
        self.inner.default_channel()
    }

    /// With a grant it is; each thing is looked at by itself then.
    fn is_open(&self, channel: &ChannelName, access: Access) -> bool {
        if !self.is_member_still() {
            return false;
        }
        let covers = |grant: &Grant| access != Access::Audit || grant.covers_blocks();
        let is_granted = self.grants.iter().any(covers);
        self.is_own(channel) && (is_granted || self.is_open_by_policy(access))
    }

    async fn channel(&self, channel: &ChannelName) -> Result<ChannelStatus, Rejection> {
        self.check_own(channel)?;
        self.inner.channel(channel).await
    }

    async fn validators(&self, channel: &ChannelName) -> Result<ValidatorSet, Rejection> {
        self.check_own(channel)?;
        self.inner.validators(channel).await
    }

    async fn submit(
        &self,
        channel: &ChannelName,
        tx: Arc<SignedTransaction>,
        wait: Option<Duration>,
    ) -> Result<(TxId, TxState), Rejection> {
        self.check_own(channel)?;
        if self.member.role() == Role::Auditor {
            let message =
                format!("{} is an auditor and may not send transactions", self.member.name());
            return Err(Rejection::new(Code::AuditorSubmits, message));
        }
        self.inner.submit(channel, tx, wait).await
    }

    /// Only of the old interface, whose requests are not signed.
    async fn submit_unsigned(
        &self,
        _channel: &ChannelName,
        _score: ScoreName,
        _method: String,
        _args: Vec<u8>,
        _client: IpAddr,
    ) -> Result<TxId, Rejection> {
        Err(Rejection::new(Code::RoleRefused, "a signed request is not signed for"))
    }

    async fn transaction(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<TxState>, Rejection> {
        self.check_own(channel)?;
        let found = self.inner.transaction(channel, id).await?;
        Ok(found.filter(|state| match state {
            TxState::Final(tx) => self.sees_transaction(&tx.transaction, Some(tx.height)),
            TxState::Pending(tx) => self.sees_transaction(tx, None),
            // Of what SCORE it was nobody knows any more.
            TxState::Rejected(_) => {
                self.sees(Access::Read, |grant| grant.covers_blocks() && self.covers_now(grant))
            }
        }))
    }

    async fn block(
        &self,
        channel: &ChannelName,
        block: BlockRef,
    ) -> Result<Option<BlockView>, Rejection> {
        self.check_own(channel)?;
        let found = self.inner.block(channel, block).await?;
        Ok(found.filter(|block| self.sees_block(block)))
    }

    /// Headers and signatures: no SCORE's business.
    async fn block_proof(
        &self,
        channel: &ChannelName,
        block: BlockRef,
    ) -> Result<Option<ProofView>, Rejection> {
        self.check_own(channel)?;
        let found = self.inner.block_proof(channel, block).await?;
        let covers = |grant: &Grant, proof: &ProofView| grant.covers_height(proof.header.height);
        Ok(found.filter(|proof| self.sees(Access::Read, |grant| covers(grant, proof))))
    }

    /// Of what may be seen itself.
    async fn journey(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<JourneyView>, Rejection> {
        match self.transaction(channel, id).await? {
            Some(_) => self.inner.journey(channel, id).await,
            None => Ok(None),
        }
    }

    async fn receipt(
        &self,
        channel: &ChannelName,
        id: TxId,
    ) -> Result<Option<ReceiptView>, Rejection> {
        self.check_own(channel)?;
        let found = self.inner.receipt(channel, id).await?;
        Ok(found.filter(|view| {
            self.sees_transaction(&view.transaction, Some(view.proof.header.height))
        }))
    }

    async fn epochs(&self, channel: &ChannelName) -> Result<EpochsView, Rejection> {
        self.check_own(channel)?;
        if self.sees(Access::Read, |_| true) {
            return self.inner.epochs(channel).await;
        }
        Err(Rejection::new(Code::RoleRefused, format!("{} reads no epochs", self.member.name())))
    }

    async fn evidence(&self, channel: &ChannelName) -> Result<Vec<EvidenceView>, Rejection> {
        self.check_own(channel)?;
        let found = self.inner.evidence(channel).await?;
        let is_seen = |evidence: &EvidenceView| {
            self.sees(Access::Audit, |grant| {
                let is_in = match evidence.recorded {
                    Some(height) => grant.covers_height(height),
                    None => self.covers_now(grant),
                };
                is_in && grant.covers_blocks()
            })
        };
        Ok(found.into_iter().filter(is_seen).collect())
    }

    async fn events(
        &self,
        channel: &ChannelName,
        filter: EventFilter,
    ) -> Result<EventsPage, Rejection> {
        self.check_own(channel)?;
        let covers = |grant: &Grant, height, event: &ScoreEvent| {
            grant.covers_height(height) && grant.covers_score(&event.score)
        };
        let (is_open, grants) = (self.is_open_by_policy(Access::Read), self.grants.clone());
        let is_seen = move |height, event: &ScoreEvent| {
            is_open || grants.iter().any(|grant| covers(grant, height, event))
        };
        let page = self.inner.events_seen(channel, filter, is_seen).await?;
        for one in &page.events {
            self.sees(Access::Read, |grant| covers(grant, one.place.height, &one.event));
        }
        Ok(page)
    }

    async fn search(&self, channel: &ChannelName, filter: TxFilter) -> Result<TxsPage, Rejection> {
        self.check_own(channel)?;
        let found = narrowed(&self.grants, &filter);
        if self.is_open_by_policy(Access::Read) {
            if let Ok(Some(part)) = found {
                self.use_grant(&part.grant);
            }
            return self.inner.search(channel, filter).await;
        }
        let Some(Narrowed { filter, rest, grant }) = found? else { return Ok(TxsPage::default()) };
        self.use_grant(&grant);
        let mut page = self.inner.search(channel, filter).await?;
        page.next = page.next.or(rest);
        Ok(page)
    }

    async fn state(
        &self,
        channel: &ChannelName,
        wanted: StateQuestion,
    ) -> Result<StateAnswer, Rejection> {
        self.check_own(channel)?;
        let covers = |grant: &Grant| {
            let is_in = match wanted.at {
                Some(height) => grant.covers_height(height),
                // The last block: a grant of later ones opens nothing yet.
                None => grant.covers_height(self.channel.reader().tip().height),
            };
            is_in && grant.covers_key(&wanted.score, &wanted.key)
        };
        if self.sees(Access::Read, covers) {
            return self.inner.state(channel, wanted).await;
        }
        let message = format!("{channel} has no SCORE `{}`", wanted.score);
        Err(Rejection::new(Code::ScoreUnknown, message))
    }

    async fn told(
        &self,
        channel: &ChannelName,
        filter: &StreamFilter,
        from: EventPlace,
        bytes: usize,
    ) -> Result<StreamPage, Rejection> {
        self.check_own(channel)?;
        let mut page = self.inner.told(channel, filter, from, bytes).await?;
        page.items.retain(|item| {
            self.sees(Access::Read, |grant| {
                let is_open = match &item.told {
                    Told::Score(_, event) => grant.covers_score(&event.score),
                    Told::Tx(tx) => grant.covers_score(&tx.score),
                    Told::Block(_) => grant.covers_blocks(),
                };
                is_open && grant.covers_height(item.place.height)
            })
        });
        Ok(page)
    }

    async fn blocks(
        &self,
        channel: &ChannelName,
        before: Option<Height>,
        limit: u32,
    ) -> Result<Vec<BlockView>, Rejection> {
        self.check_own(channel)?;
        let mut found = self.inner.blocks(channel, before, limit).await?;
        found.retain(|block| self.sees_block(block));
        Ok(found)
    }

    async fn scores(&self, channel: &ChannelName) -> Result<Vec<ScoreView>, Rejection> {
        self.check_own(channel)?;
        self.inner.scores(channel).await
    }

    async fn versions(&self, channel: &ChannelName) -> Result<VersionsView, Rejection> {
        self.check_own(channel)?;
        self.inner.versions(channel).await
    }

    async fn query(
        &self,
        channel: &ChannelName,
        score: &ScoreName,
        method: &str,
        args: Vec<u8>,
    ) -> Result<QueryAnswer, Rejection> {
        self.check_own(channel)?;
        let covers = |grant: &Grant| grant.covers_score(score) && self.covers_now(grant);
        if self.sees(Access::Query, covers) {
            return self.inner.query(channel, score, method, args).await;
        }
        let message = format!("{channel} has no SCORE `{score}`");
        Err(Rejection::new(Code::ScoreUnknown, message))
    }

    async fn members(
        &self,
        channel: &ChannelName,
        name: Option<&str>,
    ) -> Result<Vec<MemberView>, Rejection> {
        self.check_own(channel)?;
        self.inner.members(channel, name).await
    }

    async fn member(
        &self,
        channel: &ChannelName,
        certificate: &CertificateId,
    ) -> Result<Option<MemberView>, Rejection> {
        self.check_own(channel)?;
        self.inner.member(channel, certificate).await
    }

    async fn next_block(&self, channel: &ChannelName, after: Height) -> Result<Height, Rejection> {
        self.check_own(channel)?;
        self.inner.next_block(channel, after).await
    }

    fn metrics(&self) -> String {
        self.inner.metrics()
    }

    fn not_ready(&self) -> Vec<String> {
        self.inner.not_ready()
    }
}
