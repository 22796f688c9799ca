//! The way of one transaction: times of this node, block, votes, and why it waits.
//!
//! In: the store, the pipeline, what is connected. Out: a [`JourneyView`], or nothing for a transaction
//! that this node never heard of. Deliberately not here: other nodes' times; each answers for itself.

use super::ChannelHandle;
use super::actor::Command;
use host_core::mempool::Place;
use host_core::pipeline::Whereabouts;
use host_rpc::gateway::{ChannelStatus, FinalTx, Mode, TxState};
use host_rpc::journey::{JourneyBlock, JourneyState, JourneyView, PoolPlace, Reason, Waiting};
use host_types::validators::ValidatorSet;
use host_types::{BlockId, Code, Epoch, Header, NodeName, Rejection, SignedTransaction, TxId};
use tokio::sync::oneshot;

impl ChannelHandle {
    /// The way of a transaction so far.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn journey(
        &self,
        id: TxId,
        why_unsigned: Option<String>,
    ) -> Result<Option<JourneyView>, Rejection> {
        match self.transaction_state(id).await? {
            None => Ok(None),
            Some(TxState::Final(tx)) => self.of_final(id, &tx).map(Some),
            Some(TxState::Pending(tx)) => self.of_pending(id, &tx, why_unsigned).await.map(Some),
            Some(TxState::Rejected(why)) => {
                let (_, total_weight, quorum) = self.weights(self.epoch().epoch);
                Ok(Some(JourneyView {
                    id,
                    state: JourneyState::Rejected(why),
                    stages: self.parts().journeys.stages(&id, None),
                    block: None,
                    votes: Vec::new(),
                    quorum,
                    total_weight,
                }))
            }
        }
    }

    /// The validators of an epoch, with their weight and what of it decides.
    fn weights(&self, epoch: Epoch) -> (Option<ValidatorSet>, u64, u64) {
        let set = self.epochs().get(epoch).map(|run| run.config.validators.clone());
        let count =
            |weight: Option<u128>| u64::try_from(weight.unwrap_or_default()).unwrap_or(u64::MAX);
        let total = count(set.as_ref().map(ValidatorSet::total_weight));
        let quorum = count(set.as_ref().map(ValidatorSet::quorum_weight));
        (set, total, quorum)
    }

    fn of_final(&self, id: TxId, tx: &FinalTx) -> Result<JourneyView, Rejection> {
        let header = self.reader().header(tx.height);
        let header = header.map_err(|error| Rejection::new(error.code(), error.to_string()))?;
        let header =
            header.ok_or_else(|| Rejection::new(Code::StoreDamaged, "a header is missing"))?;
        let votes = self.proof_of(tx.height).map(|proof| self.signers(header.epoch, &proof));
        let (set, total_weight, quorum) = self.weights(header.epoch);
        Ok(JourneyView {
            id,
            state: JourneyState::Final,
            stages: self.parts().journeys.stages(&id, Some(&tx.block)),
            block: Some(block(tx.block, &header, set.as_ref(), true)),
            votes: votes.unwrap_or_default(),
            quorum,
            total_weight,
        })
    }

    async fn of_pending(
        &self,
        id: TxId,
        tx: &SignedTransaction,
        why_unsigned: Option<String>,
    ) -> Result<JourneyView, Rejection> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Whereabouts(id, reply)).await;
        let found = answer.await.ok().flatten();
        let (place, proposed) =
            found.map_or((None, None), |Whereabouts { place, proposed }| (place, proposed));
        let status = self.status(why_unsigned).await?;
        let (set, total_weight, quorum) = self.weights(self.epoch().epoch);
        let proposed = proposed.map(|(id, header)| block(id, &header, set.as_ref(), false));
        let (reason, detail) = self.reason(tx, &status, proposed.as_ref(), place);
        let place = place.map(|Place { ahead, waiting, of_signer, signer_max }| PoolPlace {
            ahead,
            waiting,
            of_signer,
            signer_max,
        });
        Ok(JourneyView {
            id,
            state: JourneyState::Pending(Waiting { reason, detail, place }),
            stages: self.parts().journeys.stages(&id, proposed.as_ref().map(|block| &block.id)),
            block: proposed,
            votes: Vec::new(),
            quorum,
            total_weight,
        })
    }

    fn reason(
        &self,
        tx: &SignedTransaction,
        status: &ChannelStatus,
        proposed: Option<&JourneyBlock>,
        place: Option<Place>,
    ) -> (Reason, String) {
        if let Mode::Halted(why) = &status.mode {
            return (Reason::Halted, why.clone());
        }
        if status.connected_weight < status.quorum {
            return (Reason::NoQuorum, missing(status));
        }
        if status.mode == Mode::Syncing {
            let detail = "this peer is catching up and may not know that it is final";
            return (Reason::Syncing, detail.into());
        }
        let score = &tx.transaction().score;
        let knowledge = self.parts().knowledge.borrow();
        if let Err(frozen) = knowledge.is_not_frozen(score) {
            return (Reason::ScoreFrozen, frozen.message);
        }
        if !score.is_system() && !knowledge.active.contains_key(score) {
            let detail = format!("the channel runs no SCORE `{score}` yet");
            return (Reason::ScoreNotActive, detail);
        }
        if let Some(block) = proposed {
            let (height, view) = (block.height.get(), block.view.get());
            let by = block.proposer.as_ref().map(NodeName::as_str).unwrap_or("somebody");
            let detail =
                format!("block {height} of view {view}, proposed by {by}, waits for votes");
            return (Reason::Proposed, detail);
        }
        let (ahead, waiting) = place.map_or((0, 0), |place| (place.ahead, place.waiting));
        let leader = status.leader.as_ref().map(NodeName::as_str).unwrap_or("nobody");
        let detail = format!("{ahead} of {waiting} transactions are ahead of it; {leader} leads");
        (Reason::Pool, detail)
    }
}

fn missing(status: &ChannelStatus) -> String {
    let absent = status.validators.iter().filter(|validator| !validator.is_connected);
    let absent: Vec<_> = absent.map(|validator| validator.name.as_str()).collect();
    let (connected, quorum) = (status.connected_weight, status.quorum);
    let names = absent.join(", ");
    format!("validators of weight {connected} are connected, {quorum} decide; absent: {names}")
}

fn block(id: BlockId, header: &Header, set: Option<&ValidatorSet>, is_final: bool) -> JourneyBlock {
    JourneyBlock {
        height: header.height,
        id,
        epoch: header.epoch,
        view: header.view,
        proposer: set.and_then(|set| set.get(header.proposer)).map(|v| v.name.clone()),
        time: header.time,
        is_final,
    }
}
