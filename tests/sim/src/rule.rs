//! The seam to a rule that is linked in: the words of `plugin-api` become the host's and back, and no
//! bytes lie between. The same translation as `host/node/src/plugins.rs` makes for a rule in a file.
//!
//! In: a kind of rule, where a channel stands, its log. Out: a [`Rule`] that the stages step.
//! Deliberately not here: the ABI, panics (a panic of a rule ends the run, which is a finding).

use host_core::effect::To;
use host_core::vote::rule::{
    NodeId, Rule, RuleFault, RuleInput, RuleOutput, RuleStatus, Then, Verdict,
};
use host_store::Entry;
use host_types::block::{Header, Pair, ProposalKind, RootPair};
use host_types::genesis::ChannelGenesis;
use host_types::statement::{Slot, Statement};
use host_types::tolerance::UnitMode;
use host_types::validators::{Unit, ValidatorSet};
use host_types::{BlockId, Epoch, Hash32, Height, View};
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

const fn hash(hash: Hash32) -> api::Hash {
    api::Hash(*hash.as_bytes())
}

const fn block_id(hash: api::Hash) -> BlockId {
    BlockId::new(Hash32::new(hash.0))
}

/// A pair as a rule sees it.
#[must_use]
pub const fn to_pair(pair: &Pair) -> api::Pair {
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

/// A statement as a rule sees it.
#[must_use]
pub fn to_statement(statement: &Statement) -> api::Statement {
    api::Statement {
        signer: statement.signer,
        slots: statement.slots.iter().map(to_slot).collect(),
        body: statement.body.clone(),
        signature: statement.signature.to_vec(),
    }
}

/// None when the rule made a signature of another length.
#[must_use]
pub fn from_statement(epoch: Epoch, statement: api::Statement) -> Option<Statement> {
    Some(Statement {
        epoch,
        signer: statement.signer,
        slots: statement.slots.iter().map(from_slot).collect(),
        body: statement.body,
        signature: statement.signature.try_into().ok()?,
    })
}

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

/// The validators as a rule sees them.
#[must_use]
pub fn to_validators(set: &ValidatorSet) -> Vec<api::Validator> {
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
        api::Output::Suspect { block, votes, .. } => RuleOutput::Suspect {
            block: block_id(block),
            votes: votes.iter().map(|vote| (vote.signer, from_pair(&vote.pair).roots)).collect(),
        },
        api::Output::Closed { view } => RuleOutput::Closed(View::new(view)),
        api::Output::Behind { node, height } => {
            RuleOutput::Behind { node: node as NodeId, height: Height::new(height) }
        }
    })
}

/// Where a channel stands when its rule is created.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// Its genesis.
    pub genesis: &'a ChannelGenesis,
    /// This node's index.
    pub me: Option<u16>,
    /// Last final block.
    pub head: &'a Header,
    /// Its result.
    pub head_pair: Pair,
    /// The rule's proof of it; empty at the root.
    pub head_proof: Vec<u8>,
    /// Genesis block with its result.
    pub root_pair: Pair,
    /// What the sign log holds of this channel.
    pub log: &'a [Entry],
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
        let genesis = start.genesis;
        let root = genesis.header();
        let epoch = Epoch::ZERO;
        let prefix = genesis.statement_prefix(epoch, root.id()).as_bytes().to_vec();
        let validators = to_validators(&genesis.validators);
        let parameters = genesis.rule.parameters.clone();
        let cfg = api::InitCfg {
            statement_prefix: prefix.clone(),
            epoch: epoch.get(),
            root: header_view(&root),
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
        let log: Vec<_> = start.log.iter().filter_map(|entry| to_record(start.me, entry)).collect();
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
