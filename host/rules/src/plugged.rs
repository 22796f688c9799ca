//! Rules from files: what the host lends them, and how the stages step them.
//!
//! In: a loaded rule, a channel's genesis, its log. Out: a [`Rule`] that the stages step.
//! Deliberately not here: opening files (`plugin-api-loader`), the words of a rule in the host's
//! (the files beside it), carrying outputs out.

use crate::{from_output, header_view, to_input, to_pair, to_record, to_validators};
use host_core::vote::rule::{Rule, RuleFault, RuleInput, RuleOutput, RuleStatus};
use host_identity::{Item, verify_batch};
use host_store::Entry;
use host_types::block::{Header, Pair, RootPair};
use host_types::epoch::{EpochRun, Epochs};
use host_types::genesis::ChannelGenesis;
use host_types::limits::{RULE_BYTES_MAX, STATEMENT_BYTES_MAX};
use host_types::statement::StatementPrefix;
use host_types::validators::ValidatorSet;
use host_types::{Code, Epoch, Hash32, Rejection};
use plugin_api as api;
use plugin_api::host::{Host, HostFns, level};
use plugin_api::version::ApiVersion;
use plugin_api_loader::{LoadedRule, RuleInstance, StepError, final_claim};

/// What the host lends to every rule: the one signature rule, and the log.
struct Lent;

impl Host for Lent {
    fn verify_many(items: &[api::VerifyItem]) -> bool {
        let items: Option<Vec<Item<'_>>> = items
            .iter()
            .map(|item| {
                let signature = item.signature.as_slice().try_into().ok()?;
                Some(Item::new(item.public_key, &item.message, signature))
            })
            .collect();
        items.is_some_and(|items| verify_batch(&items).into_iter().all(|right| right))
    }

    fn log(at: u8, target: &str, line: &str) {
        match at {
            level::ERROR => tracing::error!(rule = target, "{line}"),
            level::WARN => tracing::warn!(rule = target, "{line}"),
            level::INFO => tracing::info!(rule = target, "{line}"),
            _ => tracing::debug!(rule = target, "{line}"),
        }
    }
}

/// Interfaces before this one cannot say that a group counts as one: a rule would count its members.
const UNITS_SINCE: ApiVersion = ApiVersion { major: 1, minor: 1 };

/// A rule that would not see the units must not count the set.
fn check_units(
    loaded: &LoadedRule,
    genesis: &ChannelGenesis,
    set: &ValidatorSet,
) -> Result<(), Rejection> {
    if !set.has_units() || UNITS_SINCE.minor <= loaded.api().minor {
        return Ok(());
    }
    let message = format!(
        "rule {} for {}: it was built for plugin-api {}, which knows no groups that count as one; \
         use a build for {UNITS_SINCE} or later, or `mode = \"flat\"`",
        loaded.id(),
        genesis.channel,
        loaded.api()
    );
    Err(Rejection::new(Code::RuleRefused, message))
}

/// What would be signed or kept, but could not be read back at the next start.
fn too_large(output: &api::Output) -> Option<String> {
    let (what, size, max) = match output {
        api::Output::Sign { body, .. } => ("a statement", body.len(), STATEMENT_BYTES_MAX),
        api::Output::Persist { record, .. } => ("a record", record.len(), RULE_BYTES_MAX),
        _ => return None,
    };
    (size > max).then(|| format!("it made {what} of {size} bytes, at most {max} are allowed"))
}

/// Where a channel stands when its rule is created.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// Its genesis.
    pub genesis: &'a ChannelGenesis,
    /// The epoch.
    pub epoch: &'a EpochRun,
    /// Header of its root.
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
    /// Validators that lead nothing in this epoch.
    pub excluded: Vec<u16>,
    /// Set when it is not known what this node has signed in the epoch: a fresh nonce.
    pub rejoin: Option<Hash32>,
    /// What the sign log holds of this channel; what is of other epochs is left out.
    pub log: &'a [Entry],
}

/// A rule at work.
#[derive(Debug)]
pub struct PluggedRule {
    loaded: LoadedRule,
    instance: RuleInstance,
    epoch: Epoch,
    prefix: StatementPrefix,
    validators: Vec<api::Validator>,
    parameters: Vec<(String, String)>,
    first: Vec<api::Output>,
}

impl PluggedRule {
    /// Makes an instance for a channel.
    ///
    /// # Errors
    /// When the rule refuses parameters or log.
    pub fn create(loaded: LoadedRule, start: &Start<'_>) -> Result<Self, Rejection> {
        let genesis = start.genesis;
        let config = &start.epoch.config;
        check_units(&loaded, genesis, &config.validators)?;
        let epoch = config.epoch;
        let prefix = start.epoch.statement_prefix(genesis.hash());
        let validators = to_validators(&config.validators);
        let cfg = api::InitCfg {
            statement_prefix: prefix.as_bytes().to_vec(),
            epoch: epoch.get(),
            root: header_view(start.root),
            root_pair: to_pair(&start.root_pair),
            head: header_view(start.head),
            head_pair: to_pair(&start.head_pair),
            head_proof: start.head_proof.clone(),
            validators: validators.clone(),
            me: start.me,
            parameters: config.rule.parameters.clone(),
            excluded: start.excluded.clone(),
            rejoin: start.rejoin.map(|nonce| api::Hash(*nonce.as_bytes())),
        };
        let of_epoch = start.log.iter().filter(|entry| entry.position().0 == epoch);
        let log: Vec<_> = of_epoch.filter_map(|entry| to_record(start.me, entry)).collect();
        let (instance, first) =
            loaded.create(&cfg, &log, HostFns::of::<Lent>()).map_err(|error| {
                let message =
                    format!("rule {} for {}: {}", loaded.id(), genesis.channel, error.message);
                Rejection::new(Code::RuleRefused, message)
            })?;
        let parameters = cfg.parameters;
        Ok(Self { loaded, instance, epoch, prefix, validators, parameters, first })
    }

    /// Whether a rule takes what a genesis says of it, before anything of the channel is stored.
    ///
    /// # Errors
    /// When the rule refuses parameters or validators.
    pub fn accepts(loaded: &LoadedRule, genesis: &ChannelGenesis) -> Result<(), Rejection> {
        Self::idle(loaded, genesis).map(|_| ())
    }

    /// An instance at the genesis of a channel that signs nothing: it tells its quorum and checks
    /// proofs.
    ///
    /// # Errors
    /// When the rule refuses parameters or validators.
    pub fn idle(loaded: &LoadedRule, genesis: &ChannelGenesis) -> Result<Self, Rejection> {
        let epochs = Epochs::of_genesis(genesis);
        Self::idle_in(loaded, genesis, epochs.current(), &genesis.header())
    }

    /// The same at the root of another epoch.
    ///
    /// # Errors
    /// When the rule refuses parameters or validators.
    pub fn idle_in(
        loaded: &LoadedRule,
        genesis: &ChannelGenesis,
        epoch: &EpochRun,
        root: &Header,
    ) -> Result<Self, Rejection> {
        let pair = Pair { block: root.id(), roots: RootPair::default() };
        let start = Start {
            genesis,
            epoch,
            root,
            me: None,
            head: root,
            head_pair: pair,
            head_proof: Vec::new(),
            root_pair: pair,
            log: &[],
            // It signs nothing and waits for no leader.
            excluded: Vec::new(),
            rejoin: None,
        };
        Self::create(loaded.clone(), &start)
    }

    /// Who signed a proof of this rule, with weights.
    #[must_use]
    pub fn describe(loaded: &LoadedRule, set: &ValidatorSet, proof: &[u8]) -> Vec<(u16, u64)> {
        loaded.describe_proof(&to_validators(set), proof).unwrap_or_default()
    }

    fn outputs(&self, outputs: Vec<api::Output>) -> Vec<RuleOutput> {
        outputs.into_iter().filter_map(|output| from_output(self.epoch, output)).collect()
    }
}

impl Rule for PluggedRule {
    fn step(&mut self, tick_ms: u64, input: RuleInput) -> Result<Vec<RuleOutput>, RuleFault> {
        let mut outputs = std::mem::take(&mut self.first);
        let stepped = self.instance.step(tick_ms, &to_input(input)).map_err(|error| match error {
            StepError::Rejected(why) => RuleFault::Rejected(why),
            StepError::Poisoned(why) => RuleFault::Poisoned(why),
        });
        match stepped {
            Ok(more) => outputs.extend(more),
            // What it wished at its start must not be lost.
            Err(RuleFault::Rejected(line)) if !outputs.is_empty() => {
                outputs.push(api::Output::Trace { level: 4, line });
            }
            Err(fault) => return Err(fault),
        }
        if let Some(what) = outputs.iter().find_map(too_large) {
            return Err(RuleFault::Poisoned(what));
        }
        Ok(self.outputs(outputs))
    }

    fn status(&self) -> RuleStatus {
        let seen = self.instance.inspect().unwrap_or_default();
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
        let claim = final_claim(
            self.prefix.as_bytes(),
            &self.validators,
            &header_view(header),
            &to_pair(pair),
            rule_proof,
            &self.parameters,
        );
        self.loaded.verify_final(&claim, HostFns::of::<Lent>()).is_ok()
    }
}
