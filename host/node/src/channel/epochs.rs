//! The node's side of an epoch: the instance of its rule, the seat at the signer, who is who.
//!
//! In: an epoch that begins, at the start of the channel or at a sealing block that was stored. Out:
//! what the pipeline and the signer need for it. An epoch whose rule is not here, or that its rule does
//! not take, halts the channel with the reason: what is stored stays readable, and a restart tries
//! again. Deliberately not here: when an epoch ends (`host_core::pipeline`).

use super::ChannelHandle;
use super::actor::{Actor, Turn};
use crate::peer::readiness::Stored;
use crate::plugins::{PluggedRule, Start};
use crate::signer::{AnswerSink, ChannelSigner, Job, SeatConfig, Signer};
use host_core::pipeline::Head;
use host_core::system::absence::names;
use host_core::system::state::{
    ChangeRecord, ChangeStatus, all_excluded, approvals, assents, excluded_key, pending_changes,
    read_excluded,
};
use host_core::system::system_name;
use host_identity::{Action, policy};
use host_rpc::gateway::{ChangeView, EpochsView};
use host_store::{Entry, Reader, Segments, StoreError};
use host_types::epoch::{EpochConfig, EpochRun, Epochs};
use host_types::genesis::{ChannelGenesis, Policy, RuleConfig};
use host_types::validators::ValidatorSet;
use host_types::{Code, Hash32, Header, Height, NodeName, Pair, Rejection, RootPair, View};
use plugin_api_loader::LoadedRule;
use std::sync::Arc;

/// Finds the library of a rule.
pub type RuleFinder = Arc<dyn Fn(&RuleConfig) -> Result<LoadedRule, Rejection> + Send + Sync>;

/// This node among the validators: one of its name with another key is not it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// `ORG/NAME`.
    pub name: NodeName,
    /// The key that it signs statements with.
    pub public_key: [u8; 32],
}

impl Own {
    /// Its index in a set; none when it only follows.
    #[must_use]
    pub fn index(&self, set: &ValidatorSet) -> Option<u16> {
        let index = set.index_of(&self.name)?;
        (set.get(index)?.public_key == self.public_key).then_some(index)
    }
}

/// What is needed to begin an epoch.
#[derive(Clone)]
pub struct EpochStarter {
    /// The channel.
    pub genesis: Arc<ChannelGenesis>,
    /// What is stored of it.
    pub reader: Reader,
    /// Where rules are.
    pub rules: RuleFinder,
    /// This node.
    pub own: Own,
    /// The signer.
    pub signer: Signer,
    /// Files that statements may need.
    pub files: Segments,
    /// Where the signer's answers go.
    pub answers: AnswerSink,
}

impl std::fmt::Debug for EpochStarter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EpochStarter({})", self.genesis.channel)
    }
}

/// An epoch that has begun on this node.
#[derive(Debug)]
pub struct Begun {
    /// Its rule.
    pub rule: PluggedRule,
    /// This node's index; none when it only follows.
    pub me: Option<u16>,
    /// The door to the signer; none when it only follows.
    pub seat: Option<ChannelSigner>,
}

fn store_failed(error: &StoreError) -> Rejection {
    Rejection::new(error.code(), error.to_string())
}

/// The epochs of the stored state, each with its root.
///
/// # Errors
/// When a root cannot be read, or the records do not follow each other.
pub fn epochs(
    genesis: &ChannelGenesis,
    reader: &Reader,
    records: Vec<(Height, EpochConfig)>,
) -> Result<Epochs, Rejection> {
    records.into_iter().try_fold(Epochs::of_genesis(genesis), |epochs, (height, config)| {
        let header = reader.header(height).map_err(|e| store_failed(&e))?;
        let run = header.map(|header| EpochRun {
            config: Arc::new(config),
            root: header.id(),
            root_height: height,
        });
        run.and_then(|run| epochs.with(run)).ok_or_else(|| {
            let message = format!("the record of the epoch from block {height} on does not fit");
            Rejection::new(Code::StoreDamaged, message)
        })
    })
}

impl EpochStarter {
    /// Begins an epoch at the last stored block, with what the sign log holds of it.
    ///
    /// # Errors
    /// When its rule is not here or refuses it; when the store cannot be read.
    pub fn begin(&self, epoch: &EpochRun, log: &[Entry]) -> Result<Begun, Rejection> {
        let root = self.root(epoch)?;
        let tip = self.reader.tip();
        let proof = self.reader.proof(tip.height).map_err(|e| store_failed(&e))?;
        let is_root = tip.block == epoch.root;
        let proof = proof.filter(|_| !is_root).map(|proof| proof.rule_proof);
        let me = self.own.index(&epoch.config.validators);
        let start = Start {
            genesis: &self.genesis,
            epoch,
            root: &root.header,
            me,
            head: &tip.header,
            head_pair: Pair { block: tip.block, roots: tip.roots },
            head_proof: proof.unwrap_or_default(),
            root_pair: root.pair,
            log,
            excluded: self.excluded(epoch)?,
            rejoin: me.and_then(|_| self.rejoin(epoch)).transpose()?,
        };
        let rule = PluggedRule::create((self.rules)(&epoch.config.rule)?, &start)?;
        let seat = me.map(|me| {
            self.signer.seat(SeatConfig {
                genesis: self.genesis.hash(),
                epoch: epoch.config.epoch,
                prefix: epoch.statement_prefix(self.genesis.hash()),
                me,
                files: self.files.clone(),
                sink: Arc::clone(&self.answers),
            })
        });
        Ok(Begun { rule, me, seat })
    }

    /// Who leads nothing in an epoch, as the state after its root says: the same on every node.
    fn excluded(&self, epoch: &EpochRun) -> Result<Vec<u16>, Rejection> {
        let key = excluded_key(epoch.config.epoch);
        let value = self.reader.state_get(&system_name(), &key).map_err(|e| store_failed(&e))?;
        let Some(value) = value else { return Ok(Vec::new()) };
        let damaged = |error| Rejection::new(Code::StoreDamaged, format!("who leads: {error}"));
        let excluded = read_excluded(&value).map_err(damaged)?;
        let names = names(&epoch.config.validators, &excluded);
        let names: Vec<_> = names.iter().map(NodeName::as_str).collect();
        tracing::info!(
            event = "epoch.excluded",
            epoch = epoch.config.epoch.get(),
            "absent as leaders in the epoch before, lead nothing in this one: {}",
            names.join(", ")
        );
        Ok(excluded)
    }

    /// A fresh nonce, when it is not known what this node has signed in the epoch.
    fn rejoin(&self, epoch: &EpochRun) -> Option<Result<Hash32, Rejection>> {
        let number = epoch.config.epoch;
        self.signer.is_rejoining(self.genesis.hash(), number).then(|| {
            let mut nonce = [0; 32];
            getrandom::fill(&mut nonce).map_err(|error| {
                Rejection::new(Code::Internal, format!("random bytes: {error}"))
            })?;
            tracing::info!(epoch = number.get(), "asking the other validators how far they are");
            Ok(Hash32::new(nonce))
        })
    }

    fn root(&self, epoch: &EpochRun) -> Result<Head, Rejection> {
        if epoch.root_height == Height::ZERO {
            let header: Header = self.genesis.header();
            let first = self.reader.pair(Height::ZERO).map_err(|e| store_failed(&e))?;
            let block = header.id();
            let pair = first.unwrap_or(Pair { block, roots: RootPair::default() });
            return Ok(Head { header, pair });
        }
        let lost = || Rejection::new(Code::StoreDamaged, "the root of the epoch is missing");
        let header = self.reader.header(epoch.root_height).map_err(|e| store_failed(&e))?;
        let pair = self.reader.pair(epoch.root_height).map_err(|e| store_failed(&e))?;
        Ok(Head { header: header.ok_or_else(lost)?, pair: pair.ok_or_else(lost)? })
    }
}

impl Actor {
    /// The sealing block is stored: the next epoch begins, or the channel halts with the reason.
    pub(super) fn begin_epoch(&mut self, config: Arc<EpochConfig>, root: &Head, turn: &mut Turn) {
        // What the old epoch still wants signed goes before.
        if let Some(signer) = &self.world.signer {
            signer.submit(std::mem::take(&mut turn.jobs));
        }
        let number = config.epoch;
        let run = EpochRun { config, root: root.pair.block, root_height: root.header.height };
        let begun = match self.world.starter.begin(&run, &[]) {
            Ok(begun) => begun,
            Err(rejection) => {
                return self.world.halt(format!("epoch {number} cannot begin here: {rejection}"));
            }
        };
        self.world.signer = begun.seat;
        self.floor = 0;
        // From here on the guard refuses everything of earlier epochs, also after a restart.
        turn.jobs.push(Job::Floor { view: View::ZERO });
        tracing::info!(
            event = "epoch.began",
            epoch = number.get(),
            root = run.root_height.get(),
            votes = begun.me.is_some(),
            "epoch {number} begins on block {}",
            run.root_height
        );
        self.next_rule = Some((Box::new(begun.rule), begun.me));
    }
}

impl ChannelHandle {
    /// What the channel runs with as of the last stored block, and what is to change.
    ///
    /// # Errors
    /// Never at present; what cannot be read now is left out.
    pub fn epochs_view(&self) -> Result<EpochsView, Rejection> {
        let (epochs, next) = {
            let knowledge = self.parts().knowledge.borrow();
            (Arc::clone(&knowledge.epochs), knowledge.next.clone())
        };
        let state = Stored(self.reader().clone());
        let genesis = Arc::clone(&self.parts().genesis);
        let now = &epochs.current().config;
        let changes = pending_changes(&state);
        let view = |(id, record)| change_view((id, record), (now, &genesis), &state);
        let changes = changes.into_iter().map(view).collect();
        let excluded = all_excluded(&state).into_iter().filter_map(|(epoch, indices)| {
            let run = epochs.get(epoch)?;
            Some((epoch, names(&run.config.validators, &indices)))
        });
        let excluded = excluded.collect();
        Ok(EpochsView { genesis, epochs, next, changes, excluded })
    }
}

/// A change that waits: what accepts it, and who approved so far.
fn change_view(
    (id, record): (Hash32, ChangeRecord),
    (now, genesis): (&EpochConfig, &ChannelGenesis),
    state: &Stored,
) -> ChangeView {
    let set = &now.validators;
    let policy = Action::deciding(&record.change).policy(now.policies(genesis));
    let indices = approvals(state, &id);
    let is_counted = matches!(policy, Policy::Organisations { .. });
    let assents = if is_counted { assents(state, &id) } else { Vec::new() };
    let spoke = assents.iter().map(|assent| (assent.role, assent.name.organisation()));
    let organisations = policy::agreed(policy, spoke).into_iter().map(str::to_owned).collect();
    let names = indices.iter().filter_map(|index| set.get(*index)).map(|v| v.name.clone());
    let names = names.chain(assents.iter().map(|assent| assent.name.clone()));
    ChangeView {
        id,
        is_accepted: record.status == ChangeStatus::Accepted,
        proposed: record.proposed,
        policy: policy.clone(),
        approvals: names.collect(),
        organisations,
        weight: u64::try_from(set.said_by(&indices)).unwrap_or(u64::MAX),
        change: record.change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_client::fixture::genesis;

    #[test]
    fn a_validator_of_this_name_with_another_key_is_not_this_node() {
        let set = genesis().validators;
        let second = &set.all()[1];
        let own = Own { name: second.name.clone(), public_key: second.public_key };
        assert_eq!(own.index(&set), Some(1));
        assert_eq!(Own { public_key: [7; 32], ..own.clone() }.index(&set), None);
        let name = NodeName::new("bank-a/peer9").unwrap();
        assert_eq!(Own { name, ..own }.index(&set), None);
    }
}
