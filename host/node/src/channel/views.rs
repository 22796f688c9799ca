//! What people see of a channel: the store's and pipeline's words in those of the [`Gateway`].
//!
//! [`Gateway`]: host_rpc::gateway::Gateway

use super::ChannelHandle;
use crate::peer::readiness::Stored as SystemState;
use crate::plugins::PluggedRule;
use host_core::pipeline::PipelineStatus;
use host_core::system::freeze::{Frozen, Why};
use host_core::system::state::{ActiveScore, first_score};
use host_identity::Action;
use host_rpc::gateway::{
    BlockRef, BlockView, ChannelStatus, FinalTx, FrozenView, MemberView, Mode, ScoreView, TxState,
    ValidatorStatus,
};
use host_store::{StoreError, StoredBlock, TxPlace};
use host_types::proof::FinalProof;
use host_types::{
    Address, CertificateId, Code, Epoch, Height, NodeName, Rejection, ScoreName, SignedTransaction,
    TxId,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn failed(error: &StoreError) -> Rejection {
    Rejection::new(error.code(), error.to_string())
}

impl ChannelHandle {
    /// State of the channel.
    ///
    /// # Errors
    /// Never at present; a stopped channel still tells what it stored.
    pub async fn status(&self, why_unsigned: Option<String>) -> Result<ChannelStatus, Rejection> {
        let parts = self.parts();
        let pipeline = self.pipeline().await;
        let tip = self.reader().tip();
        let now = self.epoch();
        let set = &now.validators;
        let name_of = |index: u16| set.get(index).map(|v| v.name.clone());
        let rule = pipeline.as_ref().map(|p| p.rule.clone()).unwrap_or_default();
        let leader = pipeline.as_ref().and_then(|p| name_of(p.leader));
        let me = parts.own.index(set);
        let validators: Vec<_> = set
            .all()
            .iter()
            .enumerate()
            .map(|(i, v)| ValidatorStatus {
                name: v.name.clone(),
                weight: v.weight.get(),
                is_connected: me.map(usize::from) == Some(i) || parts.links.is_connected(&v.name),
                is_leader: leader.as_ref() == Some(&v.name),
            })
            .collect();
        let connected = (0u16..).zip(&validators).filter(|(_, v)| v.is_connected);
        let connected: Vec<_> = connected.map(|(index, _)| index).collect();
        let diverged = parts.divergences.seen();
        Ok(ChannelStatus {
            channel: parts.genesis.channel.clone(),
            genesis: parts.hash,
            rule: now.rule.id.clone(),
            height: tip.height,
            head: host_types::Pair { block: tip.block, roots: tip.roots },
            time: tip.header.time,
            epoch: rule.epoch,
            view: rule.view,
            leader,
            tx_total: tip.tx_total,
            made_blocks: parts.made_blocks.load(Ordering::Relaxed),
            pool_txs: pipeline.as_ref().map_or(0, |p| p.pool_txs),
            mode: self.mode(pipeline.as_ref(), why_unsigned),
            sandbox: parts.scores.sandbox(),
            quorum: u64::try_from(set.quorum_weight()).unwrap_or(u64::MAX),
            total_weight: u64::try_from(set.total_weight()).unwrap_or(u64::MAX),
            connected_weight: u64::try_from(set.said_by(&connected)).unwrap_or(u64::MAX),
            faulty_max: rule.faulty_max,
            validators,
            divergences: diverged.count,
            last_divergence: diverged.last,
            is_leader_complained: rule.fails > 0,
            v1_gateway: now.policies(&parts.genesis).v1_gateway,
        })
    }

    fn mode(&self, pipeline: Option<&PipelineStatus>, why_unsigned: Option<String>) -> Mode {
        if let Some(why) = self.halted() {
            return Mode::Halted(why);
        }
        let Some(pipeline) = pipeline else {
            return Mode::Halted("the channel has stopped".into());
        };
        if let Some(why) = &pipeline.degraded {
            return Mode::Degraded(why.clone());
        }
        if let Some(rejection) = self.cannot_execute() {
            return Mode::Degraded(rejection.to_string());
        }
        if let Some(why) = why_unsigned {
            return Mode::Degraded(why);
        }
        if self.is_rejoining() {
            return Mode::Rejoining;
        }
        if pipeline.is_syncing { Mode::Syncing } else { Mode::Normal }
    }

    /// Where a transaction is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn transaction_state(&self, id: TxId) -> Result<Option<TxState>, Rejection> {
        if let Some(found) = self.final_transaction(id)? {
            return Ok(Some(TxState::Final(Box::new(found))));
        }
        if let Some(waiting) = self.waiting(id).await {
            return Ok(Some(TxState::Pending(waiting)));
        }
        // It may have been stored between the two looks.
        if let Some(found) = self.final_transaction(id)? {
            return Ok(Some(TxState::Final(Box::new(found))));
        }
        Ok(self.has_expired(&id).then(|| {
            let message = format!("transaction {id} expired before it entered a block");
            TxState::Rejected(Rejection::new(Code::TxExpired, message))
        }))
    }

    /// A stored transaction.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn final_transaction(&self, id: TxId) -> Result<Option<FinalTx>, Rejection> {
        let reader = self.reader();
        let Some((place, transaction)) = reader.transaction(&id).map_err(|e| failed(&e))? else {
            return Ok(None);
        };
        self.final_at(place, transaction).map(Some)
    }

    fn final_at(
        &self,
        place: TxPlace,
        transaction: SignedTransaction,
    ) -> Result<FinalTx, Rejection> {
        let reader = self.reader();
        let lost = || Rejection::new(Code::StoreDamaged, "a receipt is missing");
        let (receipt, events) = reader.receipt(place).map_err(|e| failed(&e))?.ok_or_else(lost)?;
        let header = reader.header(place.height).map_err(|e| failed(&e))?.ok_or_else(lost)?;
        let voters = self.proof_of(place.height).map(|proof| self.signers(header.epoch, &proof));
        let artefact = self.artefact_at(&transaction.transaction().score, place.height);
        Ok(FinalTx {
            transaction,
            height: place.height,
            block: header.id(),
            index: place.index,
            time: header.time,
            receipt,
            events,
            artefact,
            voters: voters.unwrap_or_default().into_iter().map(|(name, _)| name).collect(),
        })
    }

    /// The version that ran at a height. The state tells since when the last one is active, not
    /// when those before it were: where several come in question none is named.
    fn artefact_at(&self, score: &ScoreName, height: Height) -> Option<host_types::Hash32> {
        let active = self.parts().knowledge.borrow().active.get(score).cloned()?;
        if height >= active.since {
            return Some(active.sha256);
        }
        match active.history.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Who signed a proof, and with what weight.
    /// Nobody is named when the rule of that epoch is not here any more.
    pub(super) fn signers(&self, epoch: Epoch, proof: &FinalProof) -> Vec<(NodeName, u64)> {
        let epochs = self.epochs();
        let Some(run) = epochs.get(epoch) else { return Vec::new() };
        let set = &run.config.validators;
        let Ok(rule) = (self.parts().rules)(&run.config.rule) else { return Vec::new() };
        PluggedRule::describe(&rule, set, &proof.rule_proof)
            .into_iter()
            .filter_map(|(index, weight)| Some((set.get(index)?.name.clone(), weight)))
            .collect()
    }

    /// A stored block.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn block_view(&self, block: BlockRef) -> Result<Option<BlockView>, Rejection> {
        Ok(self.stored(block)?.map(|stored| self.view_of(stored)))
    }

    /// What is stored of a block.
    pub(super) fn stored(&self, block: BlockRef) -> Result<Option<StoredBlock>, Rejection> {
        let reader = self.reader();
        let stored = match block {
            BlockRef::Latest => reader.block_by_height(reader.tip().height),
            BlockRef::Height(height) => reader.block_by_height(height),
            BlockRef::Id(id) => reader.block_by_id(id),
        };
        stored.map_err(|e| failed(&e))
    }

    fn view_of(&self, stored: StoredBlock) -> BlockView {
        let StoredBlock { block, roots, .. } = stored;
        let header = block.header().clone();
        let proof = self.proof_of(header.height).filter(|_| header.height > Height::ZERO);
        let signers = proof.as_ref().map(|proof| self.signers(header.epoch, proof));
        let signers = signers.unwrap_or_default();
        let is_genesis = header.height == Height::ZERO;
        let epochs = self.epochs();
        let set = epochs.get(header.epoch).map(|run| &run.config.validators);
        let proposer = set.and_then(|set| set.get(header.proposer)).map(|v| v.name.clone());
        BlockView {
            id: block.id(),
            pair: host_types::Pair { block: block.id(), roots },
            transactions: block.transactions().iter().map(|tx| (**tx).clone()).collect(),
            proof,
            signers,
            proposer: proposer.filter(|_| !is_genesis),
            header,
        }
    }

    /// Active SCOREs.
    #[must_use]
    pub fn score_views(&self) -> Vec<ScoreView> {
        let active = self.parts().knowledge.borrow().active.clone();
        active.iter().map(|(name, score)| self.score_view(name, score)).collect()
    }

    /// An active SCORE.
    #[must_use]
    pub fn active_score(&self, name: &ScoreName) -> Option<ScoreView> {
        let active = Arc::clone(&self.parts().knowledge.borrow().active);
        active.get(name).map(|score| self.score_view(name, score))
    }

    /// The SCORE that was activated first, which never changes.
    fn first_score(&self) -> Option<ScoreName> {
        first_score(&SystemState(self.reader().clone()))
    }

    fn score_view(&self, name: &ScoreName, active: &ActiveScore) -> ScoreView {
        let artefact = self.parts().scores.artefact(&active.sha256);
        let frozen = self.parts().knowledge.borrow().frozen.get(name).cloned();
        let mut history = vec![active.sha256];
        history.extend(&active.history);
        ScoreView {
            name: name.clone(),
            version: active.version.clone(),
            sha256: active.sha256,
            active_since: active.since,
            is_first: self.first_score().as_ref() == Some(name),
            history,
            is_running: artefact.is_some(),
            frozen: frozen.map(|frozen| frozen_view(&frozen)),
            manifest: artefact.map(|artefact| Arc::clone(&artefact.manifest)),
        }
    }

    /// Members by name.
    #[must_use]
    pub fn member_views(&self, name: Option<&str>) -> Vec<MemberView> {
        let membership = self.parts().knowledge.borrow().membership.clone();
        let wanted = |member: &&host_identity::Member| {
            name.is_none_or(|name| member.name().as_str() == name || member.name().short() == name)
        };
        membership.all().filter(wanted).map(view_of_member).collect()
    }

    /// The member with a certificate.
    #[must_use]
    pub fn member_view(&self, certificate: &CertificateId) -> Option<MemberView> {
        let membership = Arc::clone(&self.parts().knowledge.borrow().membership);
        membership.get(certificate).map(view_of_member)
    }

    /// Whether somebody may do something now.
    ///
    /// # Errors
    /// Its refusal.
    pub fn may(&self, signer: &CertificateId, action: Action) -> Result<Address, Rejection> {
        let parts = self.parts();
        let membership = parts.knowledge.borrow().membership.clone();
        let time = self.reader().tip().header.time;
        let epoch = self.epoch();
        membership.may(signer, action, epoch.policies(&parts.genesis), time).map(|m| m.address)
    }
}

fn frozen_view(frozen: &Frozen) -> FrozenView {
    let Frozen { since, why, reason } = frozen;
    FrozenView { since: *since, by_crashes: *why == Why::Crashes, reason: reason.clone() }
}

fn view_of_member(member: &host_identity::Member) -> MemberView {
    MemberView {
        certificate: member.id(),
        name: member.name().clone(),
        role: member.role().word(),
        address: member.address,
        public_key: member.public_key,
    }
}
