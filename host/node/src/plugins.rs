//! Rules: where the words of the plugin interface become the host's and back, and nowhere else.
//!
//! In: a loaded rule, a channel's genesis, its log. Out: a [`Rule`] that the stages step.
//! Deliberately not here: opening files (`plugin-api-loader`), carrying outputs out.

use host_core::effect::To;
use host_core::vote::rule::{
    NodeId, Rule, RuleFault, RuleInput, RuleOutput, RuleStatus, Then, Verdict,
};
use host_identity::{Item, verify_batch};
use host_store::Entry;
use host_types::block::{Header, Pair, ProposalKind, RootPair};
use host_types::epoch::{EpochRun, Epochs};
use host_types::genesis::ChannelGenesis;
use host_types::limits::{RULE_BYTES_MAX, STATEMENT_BYTES_MAX};
use host_types::statement::{Slot, Statement, StatementPrefix};
use host_types::tolerance::UnitMode;
use host_types::validators::{Unit, ValidatorSet};
use host_types::{BlockId, Code, Epoch, Hash32, Height, Rejection, View};
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

const fn hash(hash: Hash32) -> api::Hash {
    api::Hash(*hash.as_bytes())
}

const fn block_id(hash: api::Hash) -> BlockId {
    BlockId::new(Hash32::new(hash.0))
}

const fn to_pair(pair: &Pair) -> api::Pair {
    api::Pair {
        block: hash(pair.block.hash()),
        state_root: hash(pair.roots.state),
        receipts_root: hash(pair.roots.receipts),
    }
}

const fn from_pair(pair: &api::Pair) -> Pair {
    Pair {
        block: block_id(pair.block),
        roots: RootPair {
            state: Hash32::new(pair.state_root.0),
            receipts: Hash32::new(pair.receipts_root.0),
        },
    }
}

/// What a rule sees of a header.
#[must_use]
pub fn header_view(header: &Header) -> api::HeaderView {
    api::HeaderView {
        id: hash(header.id().hash()),
        epoch: header.epoch.get(),
        view: header.view.get(),
        kind: match header.kind {
            ProposalKind::Norm => api::ProposalKind::Norm,
            ProposalKind::Opt => api::ProposalKind::Opt,
            ProposalKind::Closing => api::ProposalKind::Closing,
        },
        height: header.height.get(),
        parent: to_pair(&header.parent),
        parent_view: header.parent_view.get(),
        proposer: header.proposer,
        carried: hash(header.carried),
        is_empty: header.tx_count == 0,
        is_sealing: header.next_validators.is_some(),
    }
}

fn to_slot(slot: &Slot) -> api::Slot {
    api::Slot { view: slot.view.get(), class: slot.class, digest: hash(slot.digest) }
}

fn from_slot(slot: &api::Slot) -> Slot {
    Slot { view: View::new(slot.view), class: slot.class, digest: Hash32::new(slot.digest.0) }
}

fn to_statement(statement: &Statement) -> api::Statement {
    api::Statement {
        signer: statement.signer,
        slots: statement.slots.iter().map(to_slot).collect(),
        body: statement.body.clone(),
        signature: statement.signature.to_vec(),
    }
}

/// None when the rule made a signature of another length.
fn from_statement(epoch: Epoch, statement: api::Statement) -> Option<Statement> {
    Some(Statement {
        epoch,
        signer: statement.signer,
        slots: statement.slots.iter().map(from_slot).collect(),
        body: statement.body,
        signature: statement.signature.try_into().ok()?,
    })
}

/// Interfaces before this one cannot say that a group counts as one: a rule would count its members.
const UNITS_SINCE: ApiVersion = ApiVersion { major: 1, minor: 1 };

const fn to_unit(unit: &Unit) -> api::Unit {
    api::Unit {
        mode: match unit.mode {
            UnitMode::Quorum => api::GroupMode::Quorum,
            UnitMode::Delegate => api::GroupMode::Delegate,
        },
        weight: unit.weight.get(),
        threshold: unit.threshold.get(),
    }
}

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

fn to_validators(set: &ValidatorSet) -> Vec<api::Validator> {
    set.all()
        .iter()
        .map(|v| api::Validator {
            name: v.name.as_str().to_owned(),
            public_key: v.public_key,
            weight: v.weight.get(),
            group: v.group.clone(),
            unit: set.unit_of(v).map(to_unit),
        })
        .collect()
}

fn to_input(input: RuleInput) -> api::Input {
    match input {
        RuleInput::Start => api::Input::Start,
        RuleInput::Statement(statement) => {
            api::Input::Statement { statement: to_statement(&statement) }
        }
        RuleInput::Proposal { header, statement, justification } => api::Input::Proposal {
            header: header_view(&header),
            statement: to_statement(&statement),
            justification,
        },
        RuleInput::Header(header) => api::Input::Header { header: header_view(&header) },
        RuleInput::Validity { block, verdict } => api::Input::Validity {
            block: hash(block.hash()),
            verdict: match verdict {
                Verdict::Valid(pair) => api::input::Verdict::Valid { pair: to_pair(&pair) },
                Verdict::Invalid(reason) => api::input::Verdict::Invalid { reason },
                Verdict::NoResult => api::input::Verdict::NoResult,
            },
        },
        RuleInput::Built { request, header } => {
            api::Input::Built { request, header: header.as_ref().map(header_view) }
        }
        RuleInput::Timer(token) => api::Input::Timer { token },
        RuleInput::OwnSigned { sequence, statement } => {
            api::Input::OwnSigned { sequence, statement: to_statement(&statement) }
        }
        RuleInput::SignRefused(sequence) => api::Input::SignRefused { sequence },
        RuleInput::Pending(has_work) => api::Input::Pending { has_work },
        RuleInput::Helper { from, validator, bytes } => {
            api::Input::Peer { from: validator, node: from, bytes }
        }
        RuleInput::SyncedTo { header, pair, proof } => {
            api::Input::SyncedTo { header: header_view(&header), pair: to_pair(&pair), proof }
        }
    }
}

fn to_whom(to: api::To) -> To {
    match to {
        api::To::All => To::All,
        api::To::Validator(index) => To::Validator(index),
        api::To::Node(node) => To::Node(node),
    }
}

fn to_then(then: api::Then) -> Then {
    match then {
        api::Then::Broadcast => Then::Broadcast,
        api::Then::Keep => Then::Keep,
        api::Then::Propose { block, justification } => {
            Then::Propose { block: block_id(block), justification }
        }
    }
}

/// None for an output that makes no sense (a signature of another length).
fn from_output(epoch: Epoch, output: api::Output) -> Option<RuleOutput> {
    Some(match output {
        api::Output::Sign { sequence, slots, body, then, needs } => RuleOutput::Sign {
            sequence,
            slots: slots.iter().map(from_slot).collect(),
            body,
            then: to_then(then),
            needs: needs.into_iter().map(block_id).collect(),
        },
        api::Output::Send { to, bytes } => RuleOutput::Send { to: to_whom(to), bytes },
        api::Output::SendStatement { to, statement } => RuleOutput::SendStatement {
            to: to_whom(to),
            statement: from_statement(epoch, statement)?,
        },
        api::Output::SendProposal { to, block, statement, justification } => {
            RuleOutput::SendProposal {
                to: to_whom(to),
                block: block_id(block),
                statement: from_statement(epoch, statement)?,
                justification,
            }
        }
        api::Output::SetTimer { token, after_ms } => RuleOutput::SetTimer { token, after_ms },
        api::Output::CancelTimer { token } => RuleOutput::CancelTimer(token),
        api::Output::Persist { view, record } => {
            RuleOutput::Persist { view: View::new(view), record }
        }
        api::Output::Build { request, view, kind, parent, parent_view, allow_empty, carried } => {
            RuleOutput::Build {
                request,
                view: View::new(view),
                kind: match kind {
                    api::ProposalKind::Norm => ProposalKind::Norm,
                    api::ProposalKind::Opt => ProposalKind::Opt,
                    api::ProposalKind::Closing => ProposalKind::Closing,
                },
                parent: from_pair(&parent),
                parent_view: View::new(parent_view),
                allow_empty,
                carried: Hash32::new(carried.0),
            }
        }
        api::Output::Validate { block } => RuleOutput::Validate(block_id(block)),
        api::Output::FetchBlock { block } => RuleOutput::FetchBlock(block_id(block)),
        api::Output::Candidate { pair, view } => {
            RuleOutput::Candidate { pair: from_pair(&pair), view: View::new(view) }
        }
        api::Output::Final { blocks, proof } => RuleOutput::Final {
            pairs: blocks.iter().map(|block| from_pair(&block.pair)).collect(),
            proof,
        },
        api::Output::Evidence { signer, first, second } => RuleOutput::Evidence {
            signer,
            first: from_statement(epoch, first)?,
            second: from_statement(epoch, second)?,
        },
        api::Output::Trace { level, line } => RuleOutput::Trace { level, line },
        api::Output::Entered { view, leader } => {
            RuleOutput::Entered { view: View::new(view), leader }
        }
        api::Output::Closed { view } => RuleOutput::Closed(View::new(view)),
        api::Output::Suspect { block, votes, .. } => RuleOutput::Suspect {
            block: block_id(block),
            votes: votes.iter().map(|vote| (vote.signer, from_pair(&vote.pair).roots)).collect(),
        },
        api::Output::Behind { node, height } => {
            RuleOutput::Behind { node: node as NodeId, height: Height::new(height) }
        }
    })
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

fn to_record(me: Option<u16>, entry: &Entry) -> Option<api::LogRecord> {
    match entry {
        Entry::Signed { slots, body, signature, .. } => Some(api::LogRecord::Own {
            statement: api::Statement {
                signer: me?,
                slots: slots.iter().map(to_slot).collect(),
                body: body.clone(),
                signature: signature.to_vec(),
            },
        }),
        Entry::RuleRecord { view, bytes, .. } => {
            Some(api::LogRecord::Rule { view: view.get(), record: bytes.clone() })
        }
        Entry::Floor { .. } => None,
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

#[cfg(test)]
#[path = "plugins_tests.rs"]
mod tests;
