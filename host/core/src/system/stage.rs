//! A channel of four equal validators on a map in the place of a state, for the tests of this folder.
//!
//! In: system calls of its validators, sealing blocks. Out: what they made of the state. Deliberately
//! not here: what should come of it (the tests).

use super::state::{ChangeStatus, View, epoch_records, pending_changes};
use super::{Context, Outcome, at_height, execute, sealed};
use crate::fixture::Fixture;
use host_types::change::{Change, Configure, Deploy, SystemCall, ValidatorChange};
use host_types::epoch::{EpochConfig, EpochRun, Epochs};
use host_types::receipt::Write;
use host_types::validators::Validator;
use host_types::{Address, BlockId, CertificateId, Hash32, Height, Rejection, ScoreName, Weight};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Map(pub(super) BTreeMap<Vec<u8>, Vec<u8>>);

impl View for Map {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let found = self.0.range(prefix.to_vec()..).take_while(|(k, _)| k.starts_with(prefix));
        found.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// A version of a SCORE; `digest` tells artefacts apart.
pub(super) fn deploy(score: &str, digest: u8, activate_at: u64) -> Deploy {
    Deploy {
        score: ScoreName::new(score).unwrap(),
        version: format!("1.{digest}.0"),
        sha256: Hash32::new([digest; 32]),
        target: String::new(),
        activate_at: Height::new(activate_at),
        args: Vec::new(),
        deployer: Address::new([0; 20]),
    }
}

/// A channel of four equal validators, and where it stands.
pub(super) struct Stage {
    pub(super) fixture: Fixture,
    pub(super) state: Map,
    pub(super) epochs: Epochs,
    pub(super) height: u64,
    pub(super) is_sealing: bool,
    /// Who proposed the block of a height.
    pub(super) proposers: BTreeMap<u64, u16>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let fixture = Fixture::new();
        let epochs = Epochs::of_genesis(&fixture.genesis);
        Self {
            fixture,
            state: Map::default(),
            epochs,
            height: 1,
            is_sealing: false,
            proposers: BTreeMap::new(),
        }
    }

    pub(super) fn epoch(&self) -> &EpochConfig {
        &self.epochs.current().config
    }

    pub(super) fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write.value {
                Some(value) => drop(self.state.0.insert(write.key, value)),
                None => drop(self.state.0.remove(&write.key)),
            }
        }
    }

    pub(super) fn call(
        &mut self,
        validator: usize,
        call: &SystemCall,
    ) -> Result<Outcome, Rejection> {
        self.call_as(self.fixture.validators[validator].id, call)
    }

    pub(super) fn call_as(
        &mut self,
        signer: CertificateId,
        call: &SystemCall,
    ) -> Result<Outcome, Rejection> {
        let context = Context {
            genesis: &self.fixture.genesis,
            membership: &self.fixture.membership,
            signer,
            height: Height::new(self.height),
            time: crate::fixture::now(),
            epochs: &self.epochs,
            is_sealing: self.is_sealing,
        };
        let mut outcome = execute(call.method(), &call.args(), context, &self.state)?;
        self.apply(std::mem::take(&mut outcome.writes));
        Ok(outcome)
    }

    pub(super) fn propose(&mut self, by: usize, change: Change) -> Result<Hash32, Rejection> {
        let id = change.id();
        self.call(by, &SystemCall::Propose { change }).map(|_| id)
    }

    /// The next block begins.
    pub(super) fn begin(&mut self) -> Outcome {
        self.height += 1;
        let set = self.epochs.current().config.validators.clone();
        let mut outcome = at_height(&set, Height::new(self.height), &self.state);
        self.apply(std::mem::take(&mut outcome.writes));
        outcome
    }

    /// Proposed by the first and approved until it is accepted.
    pub(super) fn accept(&mut self, change: Change) -> Result<Hash32, Rejection> {
        let id = self.propose(0, change)?;
        for validator in 1..3 {
            self.call(validator, &SystemCall::Approve { id })?;
        }
        Ok(id)
    }

    /// The first version of a SCORE, active now.
    pub(super) fn activate(&mut self, score: &str) -> Deploy {
        let deploy = deploy(score, 1, 0);
        let outcome = super::activated(&deploy, Height::new(self.height), &self.state);
        self.apply(outcome.writes);
        deploy
    }

    pub(super) fn seal(&mut self) {
        let proposer = |height: Height| self.proposers.get(&height.get()).copied();
        let run = self.epochs.current();
        let writes = sealed(run, Height::new(self.height), &proposer, &self.state);
        self.apply(writes);
        let begun = epoch_records(&self.state).pop();
        let present = self.epoch().epoch;
        if let Some((root_height, config)) = begun.filter(|(_, c)| c.epoch > present) {
            let root = BlockId::new(Hash32::new([config.epoch.get() as u8; 32]));
            let run = EpochRun { config: Arc::new(config), root, root_height };
            self.epochs = self.epochs.clone().with(run).unwrap();
        }
    }

    pub(super) fn validator(&self, index: usize) -> Validator {
        self.fixture.genesis.validators.all()[index].clone()
    }

    pub(super) fn weigh(&self, index: usize, weight: u64) -> Change {
        let validator = Validator { weight: Weight::new(weight).unwrap(), ..self.validator(index) };
        self.configure(vec![ValidatorChange::Set { validator, unit: None }])
    }

    pub(super) fn remove(&self, index: usize) -> Change {
        self.configure(vec![ValidatorChange::Remove(self.validator(index).name)])
    }

    pub(super) fn configure(&self, validators: Vec<ValidatorChange>) -> Change {
        let epoch = self.epoch().epoch;
        Change::Configure(Configure { epoch, validators, rule: None, limits: None, policies: None })
    }

    pub(super) fn status(&self, id: &Hash32) -> Option<ChangeStatus> {
        let waiting = pending_changes(&self.state);
        waiting.into_iter().find(|(known, _)| known == id).map(|(_, record)| record.status)
    }
}
