//! The state machine: the leader builds, everyone executes and acknowledges, a quorum of equal
//! acknowledgements makes the block final.
//!
//! In: inputs. Out: wishes. View n+1 is the view of the block after the head of view n. Not here:
//! what is signed (`statement`).

use crate::statement::{Ack, Body, Proof, decode, encode, quorum, refused};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair,
    Parameter, ProofError, ProposalKind, RuleError, Statement, Then, To, Validator, Verify,
    input::Verdict, output::FinalBlock,
};
use std::collections::BTreeMap;

/// Views above the head that are listened to; what is further ahead comes by block sync.
const AHEAD_MAX: u64 = 8;
/// Everything unfinished is said again after so long, ms.
const REPEAT_MS: u64 = 200;
const TIMER_REPEAT: u64 = 1;

/// The last final block.
#[derive(Debug)]
struct Head {
    id: Hash,
    height: u64,
    view: u64,
    pair: Pair,
}

/// What is known of the block of a view.
#[derive(Debug, Default)]
struct Open {
    header: Option<HeaderView>,
    proposal: Option<Statement>,
    is_executing: bool,
    result: Option<Pair>,
    has_acked: bool,
    acks: BTreeMap<u16, (Pair, Statement)>,
}

/// The rule.
#[derive(Debug)]
pub struct FixedLeader {
    validators: Vec<Validator>,
    leader: u16,
    me: Option<u16>,
    epoch: u64,
    head: Head,
    open: BTreeMap<u64, Open>,
    number: u64,
    building: Option<u64>,
    has_work: bool,
    is_repeating: bool,
}

impl FixedLeader {
    fn view(&self) -> u64 {
        self.head.view + 1
    }

    /// The record of a view that is near enough.
    fn at(&mut self, view: u64) -> Option<&mut Open> {
        let is_near = view > self.head.view && view <= self.head.view + AHEAD_MAX;
        is_near.then(|| self.open.entry(view).or_default())
    }

    fn sign(&mut self, body: Body, then: Then, block: Hash, out: &mut Vec<Output>) {
        self.number += 1;
        let (sequence, slots) = (self.number, vec![body.slot()]);
        out.push(Output::Sign { sequence, slots, body: encode(&body), then, needs: vec![block] });
    }

    fn on_ack(&mut self, statement: Statement, out: &mut Vec<Output>) -> Result<(), RuleError> {
        let Body::Ack { view, pair } = Body::read(&statement)? else {
            return Err(refused("a proposal comes with its header"));
        };
        if usize::from(statement.signer) >= self.validators.len() {
            return Err(refused("an unknown validator"));
        }
        let Some(open) = self.at(view) else { return Ok(()) };
        let signer = statement.signer;
        let (first, known) = open.acks.entry(signer).or_insert_with(|| (pair, statement.clone()));
        if *first != pair {
            let first = known.clone();
            out.push(Output::Evidence { signer, first, second: statement });
        }
        Ok(())
    }

    fn on_proposal(&mut self, header: HeaderView, statement: Statement) -> Result<(), RuleError> {
        let body = Body::read(&statement)?;
        let is_proposal = body == Body::Propose { view: header.view, block: header.id };
        let is_leaders = statement.signer == self.leader && header.proposer == self.leader;
        if !is_proposal || !is_leaders || header.epoch != self.epoch {
            return Err(refused("not a proposal of the leader"));
        }
        if header.parent_view + 1 != header.view {
            return Err(refused("views follow each other"));
        }
        if let Some(open) = self.at(header.view)
            && open.header.is_none()
        {
            open.header = Some(header);
            open.proposal = Some(statement);
        }
        Ok(())
    }

    /// Executes, acknowledges and finishes the block of the view, as far as it goes.
    fn proceed(&mut self, out: &mut Vec<Output>) {
        loop {
            let (view, parent, me) = (self.view(), self.head.pair, self.me);
            let Some(open) = self.open.get_mut(&view) else { return };
            let Some(header) = open.header.clone().filter(|h| h.parent == parent) else { return };
            let Some(pair) = open.result else {
                if !open.is_executing {
                    open.is_executing = true;
                    out.push(Output::Validate { block: header.id });
                }
                return;
            };
            if me.is_some() && !open.has_acked {
                open.has_acked = true;
                self.sign(Body::Ack { view, pair }, Then::Broadcast, header.id, out);
                return;
            }
            let Some(proof) = self.proof_of(view, pair) else { return };
            let blocks = vec![FinalBlock { pair, view }];
            out.push(Output::Final { blocks, proof: encode(&proof) });
            self.move_head(&header, pair, out);
        }
    }

    fn proof_of(&self, view: u64, pair: Pair) -> Option<Proof> {
        let acks = self.open.get(&view)?.acks.values().filter(|(own, _)| *own == pair);
        let acks: Vec<Ack> =
            acks.map(|(_, s)| Ack { signer: s.signer, signature: s.signature.clone() }).collect();
        let weigh = |ack: &Ack| self.validators.get(usize::from(ack.signer)).map(|v| v.weight);
        let weight: u64 = acks.iter().filter_map(weigh).sum();
        let body = Body::Ack { view, pair };
        (weight >= quorum(&self.validators)).then_some(Proof { body, acks })
    }

    fn move_head(&mut self, header: &HeaderView, pair: Pair, out: &mut Vec<Output>) {
        let view = header.view;
        self.head = Head { id: header.id, height: header.height, view, pair };
        self.open = self.open.split_off(&(view + 1));
        self.building = None;
        out.push(Output::Entered { view: view + 1, leader: self.leader });
    }

    /// The leader's turn: work, and nothing of it proposed yet.
    fn propose(&mut self, out: &mut Vec<Output>) {
        let view = self.view();
        let is_free = self.open.get(&view).is_none_or(|open| open.proposal.is_none());
        if self.me != Some(self.leader) || !self.has_work || !is_free || self.building.is_some() {
            return;
        }
        self.number += 1;
        self.building = Some(self.number);
        out.push(Output::Build {
            request: self.number,
            view,
            kind: ProposalKind::Norm,
            parent: self.head.pair,
            parent_view: self.head.view,
            allow_empty: false,
            carried: Hash::ZERO,
        });
    }

    fn on_built(&mut self, request: u64, header: Option<HeaderView>, out: &mut Vec<Output>) {
        if self.building != Some(request) {
            return;
        }
        let Some(header) = header.filter(|header| header.parent.block == self.head.id) else {
            // Nothing to put into it: the timer or new work asks again.
            self.building = None;
            return;
        };
        let (view, block) = (header.view, header.id);
        if let Some(open) = self.at(view) {
            open.header = Some(header);
        }
        let then = Then::Propose { block, justification: Vec::new() };
        self.sign(Body::Propose { view, block }, then, block, out);
    }

    /// What this node signed is durable.
    fn on_signed(&mut self, statement: Statement, out: &mut Vec<Output>) -> Result<(), RuleError> {
        match Body::read(&statement)? {
            Body::Propose { view, .. } => {
                if let Some(open) = self.at(view) {
                    open.proposal = Some(statement);
                }
                Ok(())
            }
            Body::Ack { .. } => self.on_ack(statement, out),
        }
    }

    /// The network may have lost anything: say again where this node stands and what it said.
    fn repeat(&mut self, out: &mut Vec<Output>) {
        self.is_repeating = false;
        out.push(Output::Send { to: To::All, bytes: encode(&self.head.height) });
        let view = self.view();
        let Some(open) = self.open.get_mut(&view) else {
            self.building = None;
            return;
        };
        open.is_executing &= open.result.is_some();
        if let (Some(header), Some(statement)) = (&open.header, &open.proposal) {
            let (block, statement) = (header.id, statement.clone());
            let justification = Vec::new();
            out.push(Output::SendProposal { to: To::All, block, statement, justification });
        }
        let own = self.me.and_then(|me| open.acks.get(&me));
        out.extend(own.map(|(_, s)| Output::SendStatement { to: To::All, statement: s.clone() }));
    }

    /// Another node says how high it is.
    fn on_height(&self, theirs: u64, node: u64, out: &mut Vec<Output>) {
        if theirs > self.head.height {
            out.push(Output::Behind { node, height: theirs });
        } else if theirs < self.head.height {
            out.push(Output::Send { to: To::Node(node), bytes: encode(&self.head.height) });
        }
    }

    /// The log: what was acknowledged stays acknowledged, and an own proposal is fetched again.
    fn restore(&mut self, log: &[LogRecord], out: &mut Vec<Output>) -> Result<(), RuleError> {
        for record in log {
            let LogRecord::Own { statement } = record else { continue };
            let body = Body::read(statement)?;
            let Some(open) = self.at(body.view()) else { continue };
            match body {
                Body::Propose { block, .. } => {
                    open.proposal = Some(statement.clone());
                    out.push(Output::FetchBlock { block });
                }
                Body::Ack { pair, .. } => {
                    open.has_acked = true;
                    open.acks.insert(statement.signer, (pair, statement.clone()));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError> {
        match input {
            Input::Start => {
                out.push(Output::Send { to: To::All, bytes: encode(&self.head.height) });
            }
            Input::Statement { statement } => self.on_ack(statement, out)?,
            Input::Proposal { header, statement, .. } => self.on_proposal(header, statement)?,
            Input::Header { header } => {
                if let Some(open) = self.at(header.view)
                    && open
                        .proposal
                        .as_ref()
                        .is_some_and(|s| s.slots.iter().any(|s| s.digest == header.id))
                {
                    open.header = Some(header);
                }
            }
            Input::Validity { block, verdict } => {
                let is_it = |open: &&mut Open| open.header.as_ref().is_some_and(|h| h.id == block);
                if let Some(open) = self.open.values_mut().find(is_it)
                    && let Verdict::Valid { pair } = verdict
                {
                    open.result = Some(pair);
                }
            }
            Input::Built { request, header } => self.on_built(request, header, out),
            Input::Timer { .. } => self.repeat(out),
            Input::OwnSigned { statement, .. } => self.on_signed(statement, out)?,
            Input::SignRefused { .. } => {
                let line = "the guard holds something else in this view: block sync may help";
                out.push(Output::Trace { level: 1, line: line.to_owned() });
            }
            Input::Pending { has_work } => self.has_work = has_work,
            Input::Peer { node, bytes, .. } => self.on_height(decode(&bytes)?, node, out),
            Input::SyncedTo { header, pair, .. } => {
                if header.view > self.head.view {
                    self.move_head(&header, pair, out);
                }
            }
        }
        Ok(())
    }
}

impl ConsensusRule for FixedLeader {
    const ID: &'static str = "fixed_leader";
    const VERSION: u32 = 1;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter {
            name: "leader".to_owned(),
            unit: "index of a validator".to_owned(),
            default: "0".to_owned(),
            meaning: "The validator that proposes every block.".to_owned(),
        }]
    }

    fn init(
        cfg: InitCfg,
        log: &[LogRecord],
        _verify: Verify,
    ) -> Result<(Self, Vec<Output>), RuleError> {
        // Weights are counted one by one below, so a group that counts as one would count wrongly.
        if cfg.validators.iter().any(|validator| validator.unit.is_some()) {
            return Err(refused("groups that count as one are not known here: use mode = flat"));
        }
        let mut leader = 0;
        for (name, value) in &cfg.parameters {
            let index = value.parse().ok().filter(|i| usize::from(*i) < cfg.validators.len());
            leader = match (name.as_str(), index) {
                ("leader", Some(index)) => index,
                _ => return Err(refused(format!("{name} = {value:?}: give `leader` an index"))),
            };
        }
        let view = if cfg.head.id == cfg.root.id { 0 } else { cfg.head.view };
        let (id, height, pair) = (cfg.head.id, cfg.head.height, cfg.head_pair);
        let mut rule = Self {
            validators: cfg.validators,
            leader,
            me: cfg.me,
            epoch: cfg.epoch,
            head: Head { id, height, view, pair },
            open: BTreeMap::new(),
            number: 0,
            building: None,
            has_work: false,
            is_repeating: false,
        };
        let mut out = Vec::new();
        rule.restore(log, &mut out)?;
        Ok((rule, out))
    }

    fn step(&mut self, _now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError> {
        let taken = self.take(input, out);
        self.proceed(out);
        self.propose(out);
        // Without anything unfinished it is silent.
        if (self.has_work || !self.open.is_empty()) && !self.is_repeating {
            self.is_repeating = true;
            out.push(Output::SetTimer { token: TIMER_REPEAT, after_ms: REPEAT_MS });
        }
        taken
    }

    fn inspect(&self) -> Inspect {
        let total: u64 = self.validators.iter().map(|validator| validator.weight).sum();
        Inspect {
            epoch: self.epoch,
            view: self.view(),
            leader: self.leader,
            quorum: quorum(&self.validators),
            total,
            faulty_max: total.saturating_sub(1) / 3,
            fails: 0,
            details: Vec::new(),
        }
    }

    fn verify_final(claim: &FinalClaim, verify: Verify) -> Result<(), ProofError> {
        let FinalClaim { statement_prefix, validators, header, pair, proof, .. } = claim;
        let check = || {
            let proof: Proof = decode(proof)?;
            if proof.body != (Body::Ack { view: header.view, pair: *pair })
                || pair.block != header.id
            {
                return Err(refused("the proof is of another block or result"));
            }
            proof.check(statement_prefix, validators, verify)
        };
        check().map_err(|error: RuleError| ProofError { message: error.message })
    }

    fn describe_proof(
        validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError> {
        let unknown = || ProofError { message: "a signer is not a validator".to_owned() };
        let proof: Proof = decode(proof).map_err(|error| ProofError { message: error.message })?;
        let weigh = |ack: &Ack| {
            let validator = validators.get(usize::from(ack.signer)).ok_or_else(unknown)?;
            Ok((ack.signer, validator.weight))
        };
        proof.acks.iter().map(weigh).collect()
    }
}
