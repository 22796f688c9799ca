//! The seam to a rule that is linked in: the words of `plugin-api` become the host's and back, and no
//! bytes lie between. The translation is that of a rule in a file (`host-rules`).
//!
//! In: a kind of rule, where a channel stands, its log. Out: a [`Rule`] that the stages step.
//! Deliberately not here: the ABI, panics (a panic of a rule ends the run, which is a finding).

use crate::turns::EpochPlan;
use host_core::vote::rule::{Rule, RuleFault, RuleInput, RuleOutput, RuleStatus};
use host_rules::{from_output, header_view, to_input, to_pair, to_record};
use host_store::Entry;
use host_types::Epoch;
use host_types::block::{Header, Pair};
use host_types::statement::StatementPrefix;
use plugin_api as api;
use plugin_api::{ConsensusRule, Verify};

/// Which rule a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `plugins/lft`.
    Lft,
    /// `plugins/simplex`.
    Simplex,
}

impl Kind {
    /// Its id, as in a genesis.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Lft => lft::Lft::ID,
            Self::Simplex => simplex::Simplex::ID,
        }
    }

    /// An instance.
    ///
    /// # Errors
    /// One line: the rule refuses parameters or log.
    pub fn create(self, start: &Start<'_>, verify: Verify) -> Result<Box<dyn Rule>, String> {
        Ok(match self {
            Self::Lft => Box::new(Linked::<lft::Lft>::create(start, verify)?),
            Self::Simplex => Box::new(Linked::<simplex::Simplex>::create(start, verify)?),
        })
    }

    /// Whether a proof makes a block with this result final, by the validators of its epoch.
    #[must_use]
    pub fn proves(self, claim: &api::FinalClaim, verify: Verify) -> bool {
        match self {
            Self::Lft => lft::Lft::verify_final(claim, verify).is_ok(),
            Self::Simplex => simplex::Simplex::verify_final(claim, verify).is_ok(),
        }
    }

    /// Who signed a proof, with weights.
    ///
    /// # Errors
    /// One line: it is no proof of this rule.
    pub fn describe(self, set: &[api::Validator], proof: &[u8]) -> Result<Vec<(u16, u64)>, String> {
        match self {
            Self::Lft => lft::Lft::describe_proof(set, proof),
            Self::Simplex => simplex::Simplex::describe_proof(set, proof),
        }
        .map_err(|error| error.message)
    }
}

/// Where a channel stands when its rule is created.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The epoch.
    pub epoch: &'a EpochPlan,
    /// What its statements begin with.
    pub prefix: &'a StatementPrefix,
    /// The block it began on.
    pub root: &'a Header,
    /// This node's index.
    pub me: Option<u16>,
    /// Last final block.
    pub head: &'a Header,
    /// Its result.
    pub head_pair: Pair,
    /// The rule's proof of it; empty at the root.
    pub head_proof: Vec<u8>,
    /// The root with its result.
    pub root_pair: Pair,
    /// What the sign log holds of this channel; what is of other epochs is left out.
    pub log: &'a [Entry],
}

/// A rule at work.
struct Linked<R> {
    rule: R,
    epoch: Epoch,
    prefix: Vec<u8>,
    validators: Vec<api::Validator>,
    parameters: Vec<(String, String)>,
    verify: Verify,
    first: Vec<api::Output>,
}

impl<R: ConsensusRule> Linked<R> {
    fn create(start: &Start<'_>, verify: Verify) -> Result<Self, String> {
        let config = &start.epoch.config;
        let epoch = config.epoch;
        let prefix = start.prefix.as_bytes().to_vec();
        let validators = start.epoch.validators.clone();
        let parameters = config.rule.parameters.clone();
        let cfg = api::InitCfg {
            statement_prefix: prefix.clone(),
            epoch: epoch.get(),
            root: header_view(start.root),
            root_pair: to_pair(&start.root_pair),
            head: header_view(start.head),
            head_pair: to_pair(&start.head_pair),
            head_proof: start.head_proof.clone(),
            validators: validators.clone(),
            me: start.me,
            parameters: parameters.clone(),
            excluded: Vec::new(),
            rejoin: None,
        };
        let of_epoch = start.log.iter().filter(|entry| entry.position().0 == epoch);
        let log: Vec<_> = of_epoch.filter_map(|entry| to_record(start.me, entry)).collect();
        let (rule, first) = R::init(cfg, &log, verify).map_err(|error| error.message)?;
        Ok(Self { rule, epoch, prefix, validators, parameters, verify, first })
    }
}

impl<R: ConsensusRule> Rule for Linked<R> {
    fn step(&mut self, tick_ms: u64, input: RuleInput) -> Result<Vec<RuleOutput>, RuleFault> {
        let mut outputs = std::mem::take(&mut self.first);
        match self.rule.step(tick_ms, to_input(input), &mut outputs) {
            Err(error) if outputs.is_empty() => return Err(RuleFault::Rejected(error.message)),
            Err(error) => outputs.push(api::Output::Trace { level: 4, line: error.message }),
            Ok(()) => {}
        }
        Ok(outputs.into_iter().filter_map(|output| from_output(self.epoch, output)).collect())
    }

    fn status(&self) -> RuleStatus {
        let seen = self.rule.inspect();
        RuleStatus {
            epoch: seen.epoch,
            view: seen.view,
            leader: seen.leader,
            quorum: seen.quorum,
            total: seen.total,
            faulty_max: seen.faulty_max,
            fails: seen.fails,
        }
    }

    fn verify_final(&self, header: &Header, pair: &Pair, rule_proof: &[u8]) -> bool {
        let claim = api::FinalClaim {
            statement_prefix: self.prefix.clone(),
            validators: self.validators.clone(),
            header: header_view(header),
            pair: to_pair(pair),
            proof: rule_proof.to_vec(),
            parameters: self.parameters.clone(),
        };
        R::verify_final(&claim, self.verify).is_ok()
    }
}
