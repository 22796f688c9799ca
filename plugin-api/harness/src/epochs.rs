//! Epochs of a run: which set votes when, how an epoch ends, and how the next one begins.
//!
//! In: the plan's list of epochs. Out: the set of an epoch, what its statements begin with, a model
//! host's next instance. A node has one number for ever and another index in every set. Not here:
//! what a rule does about a sealing block.

use crate::{
    cluster::Plan,
    host::Host,
    world::{Entry, World},
};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, Input, Pair, Statement, Validator, VerifyItem,
    mirror::statement_message,
};

/// One epoch of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochPlan {
    /// Height of its sealing block; none: it has no end.
    pub last_height: Option<u64>,
    /// Weight of each node of the plan, in order; 0: it only follows.
    pub weights: Vec<u64>,
}

/// What a model host gets wrong, for testing the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostBug {
    /// A closing block goes into the ledger.
    ClosingInLedger,
    /// The next epoch runs with the set of the one before.
    SetOfOldEpoch,
    /// The root of the next epoch is the newest final block, closing or not.
    NewestIsRoot,
    /// After a restart it executes again what it had voted for, and gets another result.
    ExecutesAgain,
    /// It tells others of a transaction once, and never again.
    OffersOnce,
}

/// The validators of one epoch.
#[derive(Clone, Debug)]
pub struct EpochSet {
    /// In the order of the set.
    pub validators: Vec<Validator>,
    /// Number of the node behind each index.
    pub homes: Vec<u16>,
    /// Height of the sealing block.
    pub last_height: Option<u64>,
}

/// Where an instance stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its epoch.
    pub epoch: u64,
    /// Root of the epoch.
    pub root: HeaderView,
    /// Result of the root.
    pub root_pair: Pair,
    /// What its statements begin with.
    pub prefix: Vec<u8>,
    /// The validators.
    pub validators: Vec<Validator>,
    /// This node's index among them.
    pub me: Option<u16>,
}

/// The sets of a plan, at least one.
#[must_use]
pub fn sets(plan: &Plan) -> Vec<EpochSet> {
    let all = plan.validators();
    if plan.epochs.is_empty() {
        let homes = (0u16..).take(all.len()).collect();
        return vec![EpochSet { validators: all, homes, last_height: None }];
    }
    let one = |epoch: &EpochPlan| {
        let members = (0u16..).zip(&epoch.weights).filter(|(_, weight)| **weight > 0);
        let members: Vec<(u16, u64)> = members.map(|(home, weight)| (home, *weight)).collect();
        let validator = |(home, weight): &(u16, u64)| {
            let known = all.get(usize::from(*home))?;
            Some(Validator { weight: *weight, ..known.clone() })
        };
        EpochSet {
            validators: members.iter().filter_map(validator).collect(),
            homes: members.iter().map(|(home, _)| *home).collect(),
            last_height: epoch.last_height,
        }
    };
    plan.epochs.iter().map(one).collect()
}

impl World {
    /// The set of an epoch; the last one for ever.
    #[must_use]
    pub fn set(&self, epoch: u64) -> Option<&EpochSet> {
        let at = usize::try_from(epoch).unwrap_or(usize::MAX);
        self.epochs.get(at).or_else(|| self.epochs.last())
    }

    /// Validators of an epoch.
    #[must_use]
    pub fn validators_of(&self, epoch: u64) -> Vec<Validator> {
        self.set(epoch).map(|set| set.validators.clone()).unwrap_or_default()
    }

    /// Index of a node in the set of an epoch.
    #[must_use]
    pub fn index_in(&self, epoch: u64, home: u16) -> Option<u16> {
        let at = self.set(epoch)?.homes.iter().position(|known| *known == home)?;
        u16::try_from(at).ok()
    }

    /// Number of the node behind an index.
    #[must_use]
    pub fn home_of(&self, epoch: u64, index: u16) -> Option<usize> {
        self.set(epoch)?.homes.get(usize::from(index)).map(|home| usize::from(*home))
    }

    /// Whether the block of this height seals its epoch.
    #[must_use]
    pub fn seals(&self, epoch: u64, height: u64) -> bool {
        self.set(epoch).is_some_and(|set| set.last_height == Some(height))
    }

    /// What the statements of an epoch begin with.
    #[must_use]
    pub fn prefix_of(&self, epoch: u64, root: Hash) -> Vec<u8> {
        if epoch == 0 {
            return self.prefix.clone();
        }
        [self.prefix.as_slice(), &epoch.to_be_bytes(), &root.0].concat()
    }

    /// What the proof of a block claims, for the rule to verify. Behind a sealing block stand the
    /// closing blocks that lead to the block the proof is of.
    #[must_use]
    pub fn claim(&self, root: Hash, entry: &Entry, proof: &[u8]) -> FinalClaim {
        let top = entry.closing.last().unwrap_or(&entry.block);
        let pair = Pair { block: top.header.id, ..entry.pair };
        FinalClaim {
            statement_prefix: self.prefix_of(top.header.epoch, root),
            validators: self.validators_of(top.header.epoch),
            header: top.header.clone(),
            pair,
            proof: proof.to_vec(),
            parameters: self.parameters.clone(),
        }
    }

    /// Whether a statement was signed by the validator it names, in this epoch on this root. A run
    /// of one epoch has no others, and is not slowed down.
    #[must_use]
    pub fn is_of(&self, place: &Place, statement: &Statement) -> bool {
        if self.epochs.len() < 2 {
            return true;
        }
        let Some(signer) = place.validators.get(usize::from(statement.signer)) else {
            return false;
        };
        let message = statement_message(&place.prefix, &statement.slots, &statement.body);
        let signature = statement.signature.clone();
        self.signatures.verifier()(&[VerifyItem {
            public_key: signer.public_key,
            message,
            signature,
        }])
    }

    /// Where a node with this ledger stands.
    #[must_use]
    pub fn place(&self, ledger: &[Entry], home: Option<u16>) -> Option<Place> {
        let root = ledger
            .iter()
            .rev()
            .find(|entry| entry.block.header.is_sealing)
            .or_else(|| ledger.first())?;
        let header = &root.block.header;
        let epoch = header.epoch + u64::from(header.is_sealing);
        let mut id = header.id;
        if self.host_bug == Some(HostBug::NewestIsRoot) {
            id = root.closing.last().map_or(id, |closing| closing.header.id);
        }
        let of = if self.host_bug == Some(HostBug::SetOfOldEpoch) { header.epoch } else { epoch };
        Some(Place {
            epoch,
            root: HeaderView { id, ..header.clone() },
            root_pair: Pair { block: id, ..root.pair },
            prefix: self.prefix_of(epoch, id),
            validators: self.validators_of(of),
            me: home.and_then(|home| self.index_in(of, home)),
        })
    }
}

/// Whether these headers lead from a block to the one its proof is of: closing blocks of the same
/// height and result.
#[must_use]
pub fn are_linked(entry: &Entry) -> bool {
    let mut below = &entry.block;
    entry.closing.iter().all(|closing| {
        let parent = Pair { block: below.header.id, ..entry.pair };
        let fits = closing.header.parent == parent && closing.header.may_follow(&below.header);
        below = closing;
        fits
    })
}

impl<R: ConsensusRule> Host<R> {
    /// The end of the epoch is durable: a new instance begins on the sealing block.
    pub(crate) fn begin_epoch(&mut self, world: &mut World) {
        self.renew_life();
        let place = world.place(&self.disk.ledger, self.role.index);
        let (Some(place), Some((rule, outputs))) = (place, self.instance(world)) else { return };
        self.take_instance(rule, place);
        self.carry_out(outputs, world);
        self.step(Input::Start, world);
        self.tell_work(world);
    }
}
