//! The pipeline with a scripted rule: what goes in, what must come out.

mod agreement;
mod meeting;

use super::{ChannelConfig, FETCH_RETRY_MS, GOSSIP_WAIT_MS, Head, Pipeline};
use crate::clock::Now;
use crate::effect::Effect;
use crate::fixture::{Fixture, now};
use crate::input::{ExecuteError, Input, Timer};
use crate::propose::cost::{Cost, Costs};
use crate::propose::{Request, assemble};
use crate::vote::rule::{Rule, RuleFault, RuleInput, RuleOutput, RuleStatus, Then, Verdict};
use host_types::block::{Block, Pair, ProposalKind, RootPair};
use host_types::message::{FetchRequest, PeerMessage, Proposal};
use host_types::statement::Statement;
use host_types::{BlockId, BlockTime, Epoch, Hash32, Header, Height, View};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

mod epochs;

/// Answers each step with the next scripted outputs and remembers what it was told.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Vec<RuleOutput>>>>,
    told: Arc<Mutex<Vec<RuleInput>>>,
    refuses: Arc<Mutex<bool>>,
}

impl Rule for Scripted {
    fn step(&mut self, _: u64, input: RuleInput) -> Result<Vec<RuleOutput>, RuleFault> {
        self.told.lock().unwrap().push(input);
        if *self.refuses.lock().unwrap() {
            return Err(RuleFault::Rejected("not this one".into()));
        }
        Ok(self.answers.lock().unwrap().pop_front().unwrap_or_default())
    }

    fn status(&self) -> RuleStatus {
        RuleStatus::default()
    }

    fn verify_final(&self, _: &Header, _: &Pair, proof: &[u8]) -> bool {
        proof == b"right"
    }
}

struct Bench {
    fixture: Fixture,
    rule: Scripted,
    pipeline: Pipeline,
}

fn roots(n: u8) -> RootPair {
    RootPair { state: Hash32::new([n; 32]), receipts: Hash32::new([n; 32]) }
}

impl Bench {
    fn new() -> Self {
        let fixture = Fixture::new();
        let rule = Scripted::default();
        let genesis = Arc::clone(&fixture.genesis);
        let header = genesis.header();
        let pair = Pair { block: header.id(), roots: roots(0) };
        let config = ChannelConfig { genesis, epoch: Epoch::ZERO, me: Some(0) };
        let head = Head { header, pair };
        let pipeline = Pipeline::new(config, Box::new(rule.clone()), head, []);
        Self { fixture, rule, pipeline }
    }

    fn tell(&mut self, input: Input) -> Vec<Effect> {
        self.tell_then(input, vec![])
    }

    /// The rule answers the next step with `outputs`.
    fn tell_then(&mut self, input: Input, outputs: Vec<RuleOutput>) -> Vec<Effect> {
        self.tell_at(1, input, outputs)
    }

    /// The same at a time of the monotonic clock.
    fn tell_at(&mut self, tick_ms: u64, input: Input, outputs: Vec<RuleOutput>) -> Vec<Effect> {
        self.rule.answers.lock().unwrap().push_back(outputs);
        let mut effects = Vec::new();
        let now = Now { tick_ms, wall: BlockTime::new(now().get() + 1_000_000) };
        self.pipeline.handle(now, input, &mut effects);
        self.rule.answers.lock().unwrap().clear();
        effects
    }

    fn told(&self) -> Vec<RuleInput> {
        std::mem::take(&mut self.rule.told.lock().unwrap())
    }

    /// A block of these transactions on a parent.
    fn block(&self, parent: (&Header, RootPair), nonces: &[u64], view: u64) -> Block {
        let mut pool = crate::mempool::Pool::new(&host_types::genesis::ChannelLimits::default());
        for nonce in nonces {
            pool.insert(self.fixture.admitted(*nonce)).unwrap();
        }
        let (header, parent_roots) = parent;
        let request = Request {
            genesis: self.fixture.genesis.hash(),
            epoch: Epoch::ZERO,
            view: View::new(view),
            kind: ProposalKind::Norm,
            height: header.height.next(),
            parent: Pair { block: header.id(), roots: parent_roots },
            parent_view: header.view,
            parent_time: header.time,
            proposer: 1,
            validators: self.fixture.genesis.validators.hash(),
            carried: Hash32::ZERO,
            allow_empty: true,
            seal: None,
        };
        let limits = &self.fixture.genesis.limits;
        assemble(&request, pool.in_order(), limits, now(), |_| false, &Costs::default()).unwrap()
    }

    fn proposal(&self, block: &Block) -> Input {
        let statement = Statement {
            epoch: Epoch::ZERO,
            signer: block.header().proposer,
            slots: vec![],
            body: vec![],
            signature: [0; 64],
        };
        let tx_ids = block.transactions().iter().map(|tx| tx.id()).collect();
        let header = block.header().clone();
        let proposal = Proposal { header, tx_ids, statement, justification: vec![] };
        Input::Proposal { from: 7, proposal: Box::new(proposal) }
    }

    fn first_block(&self, nonces: &[u64]) -> Block {
        self.block((&self.fixture.genesis.header(), roots(0)), nonces, 1)
    }
}

fn executes(effects: &[Effect]) -> Vec<BlockId> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Execute { block } => Some(block.id()),
            _ => None,
        })
        .collect()
}

const FETCH_TIMER: Input = Input::Timer(Timer::Fetch);

/// Blocks whose bodies are asked for, with their number.
fn asked_for(effects: &[Effect]) -> Vec<(BlockId, usize)> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Fetch { block, request: FetchRequest::Bodies(ids), .. } => {
                Some(((*block)?, ids.len()))
            }
            _ => None,
        })
        .collect()
}

/// In how many milliseconds it looks again after what is missing, when that is set.
fn fetch_timer(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|e| match e {
        Effect::SetTimer { timer: Timer::Fetch, after_ms } => Some(*after_ms),
        _ => None,
    })
}

fn commits(effects: &[Effect]) -> Vec<BlockId> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Commit { blocks } => Some(blocks.iter().map(|b| b.pair.block)),
            _ => None,
        })
        .flatten()
        .collect()
}

fn verdicts(told: &[RuleInput]) -> Vec<Verdict> {
    told.iter()
        .filter_map(|input| match input {
            RuleInput::Validity { verdict, .. } => Some(verdict.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_known_payload_is_executed_and_the_verdict_carries_the_own_result() {
    let mut bench = Bench::new();
    let transactions = vec![bench.fixture.admitted(1)];
    bench.tell(Input::Admitted { transactions, is_local: false });
    let block = bench.first_block(&[1]);
    let proposal = bench.proposal(&block);
    let effects = bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    assert_eq!(executes(&effects), [block.id()]);
    bench.told();
    bench.tell(Input::Executed { block: block.id(), result: Ok(roots(1)) });
    let pair = Pair { block: block.id(), roots: roots(1) };
    assert_eq!(verdicts(&bench.told()), [Verdict::Valid(pair)]);
}

#[test]
fn missing_bodies_are_fetched_and_then_the_block_goes_on() {
    let mut bench = Bench::new();
    let block = bench.first_block(&[1, 2]);
    let proposal = bench.proposal(&block);
    let effects = bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    assert!(executes(&effects).is_empty());
    let effects = bench.tell_at(1 + GOSSIP_WAIT_MS, FETCH_TIMER, vec![]);
    assert_eq!(asked_for(&effects), [(block.id(), 2)]);
    // One comes by gossip, one by fetch.
    let effects = bench
        .tell(Input::Admitted { transactions: vec![bench.fixture.admitted(1)], is_local: false });
    assert!(executes(&effects).is_empty());
    let fetched =
        Input::FetchedBodies { block: block.id(), transactions: vec![bench.fixture.admitted(2)] };
    assert_eq!(executes(&bench.tell(fetched)), [block.id()]);
}

#[test]
fn each_block_waits_for_gossip_before_its_bodies_are_asked_for_and_none_puts_another_off() {
    let mut bench = Bench::new();
    let (mut blocks, mut timers) = (Vec::new(), Vec::new());
    for (tick_ms, nonce) in [(100, 1), (110, 2), (120, 3)] {
        let block = bench.block((&bench.fixture.genesis.header(), roots(0)), &[nonce], nonce);
        let proposal = bench.proposal(&block);
        let effects = bench.tell_at(tick_ms, proposal, vec![RuleOutput::Validate(block.id())]);
        timers.extend(fetch_timer(&effects).map(|after_ms| tick_ms + after_ms));
        blocks.push(block.id());
    }
    let wait = GOSSIP_WAIT_MS;
    assert_eq!(timers, [100 + wait], "set by the first, and kept");
    // When the timer fires, what is asked for then, and when it fires next.
    let table = [
        (100 + wait, blocks[0], 110 + wait),
        (110 + wait, blocks[1], 120 + wait),
        (120 + wait, blocks[2], 100 + wait + FETCH_RETRY_MS),
        (100 + wait + FETCH_RETRY_MS, blocks[0], 110 + wait + FETCH_RETRY_MS),
    ];
    for (tick_ms, asked, next) in table {
        let effects = bench.tell_at(tick_ms, FETCH_TIMER, vec![]);
        assert_eq!(asked_for(&effects), [(asked, 1)], "at {tick_ms}");
        assert_eq!(fetch_timer(&effects), Some(next - tick_ms), "at {tick_ms}");
    }
}

/// Signatures of one statement authenticate its sender, not the headers that come with it.
#[test]
fn proposals_that_the_rule_refuses_take_no_place_from_one_that_it_takes() {
    let mut bench = Bench::new();
    let block = bench.first_block(&[]);
    *bench.rule.refuses.lock().unwrap() = true;
    for view in 0..200 {
        let fake = bench.block((&bench.fixture.genesis.header(), roots(0)), &[], 1_000 + view);
        let proposal = bench.proposal(&fake);
        bench.tell(proposal);
    }
    assert_eq!(bench.pipeline.tree.len(), 0);
    *bench.rule.refuses.lock().unwrap() = false;
    let proposal = bench.proposal(&block);
    let effects = bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    assert_eq!(executes(&effects), [block.id()]);
}

#[test]
fn many_proposals_push_out_neither_what_is_wanted_nor_the_branch_of_the_newest_candidate() {
    let mut bench = Bench::new();
    let first = bench.first_block(&[]);
    let proposal = bench.proposal(&first);
    bench.tell_then(proposal, vec![RuleOutput::Validate(first.id())]);
    bench.tell(Input::Executed { block: first.id(), result: Ok(roots(1)) });
    let pair = Pair { block: first.id(), roots: roots(1) };
    let certified = RuleOutput::Candidate { pair, view: View::new(1) };
    bench.tell_then(Input::Timer(crate::input::Timer::Rule(1)), vec![certified]);
    for view in 2..200 {
        let other = bench.block((&bench.fixture.genesis.header(), roots(0)), &[], view);
        let proposal = bench.proposal(&other);
        bench.tell(proposal);
    }
    assert_eq!(bench.pipeline.tree.len(), host_types::limits::PROPOSALS_KEPT_MAX);
    assert!(bench.pipeline.tree.get(&first.id()).is_some());
}

#[test]
fn a_full_pool_keeps_nobody_from_voting_for_a_block() {
    let mut bench = Bench::new();
    // The share of one signer is two of twenty.
    let own = vec![bench.fixture.admitted(100), bench.fixture.admitted(101)];
    bench.tell(Input::Admitted { transactions: own, is_local: true });
    let refused =
        Input::Admitted { transactions: vec![bench.fixture.admitted(102)], is_local: true };
    assert!(bench.tell(refused).iter().any(|e| matches!(e, Effect::Refused { .. })));
    let block = bench.first_block(&[1, 2]);
    let proposal = bench.proposal(&block);
    bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    // One is told by a peer, the pool has no room for it; the other is fetched.
    bench.tell(Input::Admitted { transactions: vec![bench.fixture.admitted(1)], is_local: false });
    let fetched =
        Input::FetchedBodies { block: block.id(), transactions: vec![bench.fixture.admitted(2)] };
    assert_eq!(executes(&bench.tell(fetched)), [block.id()]);
}

#[test]
fn what_has_expired_is_dropped_and_is_no_work() {
    let mut bench = Bench::new();
    bench.tell(Input::Admitted { transactions: vec![bench.fixture.admitted(1)], is_local: true });
    bench.told();
    let late = Now { tick_ms: 2, wall: BlockTime::new(now().get() + 61_000_000) };
    let mut effects = Vec::new();
    bench.pipeline.handle(late, Input::Timer(crate::input::Timer::Rule(1)), &mut effects);
    assert!(effects.iter().any(|e| matches!(e, Effect::Expired { ids } if ids.len() == 1)));
    assert!(bench.told().iter().any(|input| matches!(input, RuleInput::Pending(false))));
}

#[test]
fn a_block_is_stored_only_when_it_is_final_executed_and_agreed() {
    let mut bench = Bench::new();
    bench.tell(Input::Admitted { transactions: vec![bench.fixture.admitted(1)], is_local: false });
    let block = bench.first_block(&[1]);
    let proposal = bench.proposal(&block);
    bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    let pair = Pair { block: block.id(), roots: roots(1) };
    let is_final = RuleOutput::Final { pairs: vec![pair], proof: b"right".to_vec() };
    // Final before it is executed here: it waits.
    let effects = bench.tell_then(Input::Timer(crate::input::Timer::Rule(1)), vec![is_final]);
    assert!(commits(&effects).is_empty());
    let effects = bench.tell(Input::Executed { block: block.id(), result: Ok(roots(1)) });
    assert_eq!(commits(&effects), [block.id()]);
    assert_eq!(bench.pipeline.head().header.height, Height::new(1));
    // The transaction cannot come again.
    let again = Input::Admitted { transactions: vec![bench.fixture.admitted(1)], is_local: true };
    let effects = bench.tell(again);
    let why = effects.iter().find_map(|effect| match effect {
        Effect::Refused { rejection, .. } => Some(rejection.code),
        _ => None,
    });
    assert_eq!(why, Some(host_types::Code::TxDuplicate));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Gossip { .. })));
}

#[test]
fn another_result_than_the_agreed_one_is_not_stored() {
    let mut bench = Bench::new();
    let block = bench.first_block(&[]);
    let proposal = bench.proposal(&block);
    bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    bench.tell(Input::Executed { block: block.id(), result: Ok(roots(9)) });
    let pair = Pair { block: block.id(), roots: roots(1) };
    let is_final = RuleOutput::Final { pairs: vec![pair], proof: b"right".to_vec() };
    let effects = bench.tell_then(Input::Timer(crate::input::Timer::Rule(1)), vec![is_final]);
    assert!(commits(&effects).is_empty());
    assert!(effects.iter().any(|e| matches!(e, Effect::Repair { .. })));
    assert!(bench.pipeline.status().degraded.is_some());
}

#[test]
fn a_transaction_that_stands_twice_in_the_chain_makes_a_block_invalid() {
    let mut bench = Bench::new();
    for nonce in 1..=2 {
        let transactions = vec![bench.fixture.admitted(nonce)];
        bench.tell(Input::Admitted { transactions, is_local: false });
    }
    let first = bench.first_block(&[1]);
    let proposal = bench.proposal(&first);
    bench.tell_then(proposal, vec![RuleOutput::Validate(first.id())]);
    bench.tell(Input::Executed { block: first.id(), result: Ok(roots(1)) });
    let second = bench.block((first.header(), roots(1)), &[1, 2], 2);
    let proposal = bench.proposal(&second);
    bench.told();
    let effects = bench.tell_then(proposal, vec![RuleOutput::Validate(second.id())]);
    assert!(executes(&effects).is_empty());
    assert!(matches!(verdicts(&bench.told())[..], [Verdict::Invalid(_)]));
}

#[test]
fn a_child_waits_for_its_parent_and_no_result_is_no_accusation() {
    let mut bench = Bench::new();
    let first = bench.first_block(&[]);
    let second = bench.block((first.header(), roots(1)), &[], 2);
    let (one, two) = (bench.proposal(&first), bench.proposal(&second));
    bench.tell(one);
    let effects = bench.tell_then(two, vec![RuleOutput::Validate(second.id())]);
    assert_eq!(executes(&effects), [first.id()], "the parent first");
    let failed = Err(ExecuteError::NoResult("slow".into()));
    bench.told();
    bench.tell(Input::Executed { block: first.id(), result: failed });
    assert!(verdicts(&bench.told()).is_empty(), "nobody asked about the parent");
}

#[test]
fn a_proposal_leaves_only_after_its_statement_is_durable() {
    let mut bench = Bench::new();
    let transactions = vec![bench.fixture.admitted(1)];
    bench.tell(Input::Admitted { transactions, is_local: false });
    let head = bench.pipeline.head().clone();
    let build = RuleOutput::Build {
        request: 5,
        view: View::new(1),
        kind: ProposalKind::Norm,
        parent: head.pair,
        parent_view: View::ZERO,
        allow_empty: false,
        carried: Hash32::ZERO,
    };
    bench.told();
    let effects = bench.tell_then(Input::Timer(crate::input::Timer::Rule(1)), vec![build]);
    assert!(effects.iter().any(|e| matches!(e, Effect::StorePayload { .. })));
    let built = bench.told().into_iter().find_map(|input| match input {
        RuleInput::Built { request: 5, header } => header,
        _ => None,
    });
    let block = built.unwrap().id();
    let sign = RuleOutput::Sign {
        sequence: 1,
        slots: vec![],
        body: vec![1],
        then: Then::Propose { block, justification: vec![2] },
        needs: vec![block],
    };
    let effects = bench.tell_then(Input::Timer(crate::input::Timer::Rule(1)), vec![sign]);
    assert!(effects.iter().any(|e| matches!(e, Effect::Sign { sequence: 1, .. })));
    let sends = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Send { .. }));
    assert!(!sends(&effects), "not before the sign log has it");
    let statement = Statement {
        epoch: Epoch::ZERO,
        signer: 0,
        slots: vec![],
        body: vec![1],
        signature: [3; 64],
    };
    let effects = bench.tell(Input::Signed { sequence: 1, statement });
    let sent = effects.iter().find_map(|e| match e {
        Effect::Send { message: PeerMessage::Proposal(p), .. } => Some(p.header.id()),
        _ => None,
    });
    assert_eq!(sent, Some(block));
}

#[test]
fn after_a_block_of_ours_without_a_result_its_first_half_is_proposed_alone() {
    let mut bench = Bench::new();
    let transactions = (1..=2).map(|n| bench.fixture.admitted(n)).collect();
    bench.tell(Input::Admitted { transactions, is_local: false });
    let genesis = bench.fixture.genesis.header();
    let parent = Pair { block: genesis.id(), roots: roots(0) };
    let mut nonces: Vec<Vec<u64>> = Vec::new();
    for view in 1..=3_u64 {
        let build = RuleOutput::Build {
            request: view,
            view: View::new(view),
            kind: ProposalKind::Norm,
            parent,
            parent_view: genesis.view,
            allow_empty: false,
            carried: Hash32::ZERO,
        };
        let effects = bench.tell_then(Input::Start, vec![build]);
        let built = effects.iter().find_map(|e| match e {
            Effect::StorePayload { block } => Some(block.clone()),
            _ => None,
        });
        let block = built.unwrap();
        nonces.push(block.transactions().iter().map(|tx| tx.transaction().nonce).collect());
        bench.tell_then(Input::Start, vec![RuleOutput::Validate(block.id())]);
        let why = ExecuteError::NoResult("too slow".into());
        bench.tell(Input::Executed { block: block.id(), result: Err(why) });
    }
    assert_eq!(nonces, [vec![1, 2], vec![1], vec![2]], "the one that failed alone is left out");
}

#[test]
fn a_block_takes_only_calls_whose_steps_fit_and_always_one() {
    let fixture = Fixture::new();
    let limits = fixture.genesis.limits;
    let mut pool = crate::mempool::Pool::new(&host_types::genesis::ChannelLimits::default());
    for nonce in 1..=5 {
        pool.insert(fixture.admitted(nonce)).unwrap();
    }
    let header = fixture.genesis.header();
    let request = Request {
        genesis: fixture.genesis.hash(),
        epoch: Epoch::ZERO,
        view: View::new(1),
        kind: ProposalKind::Norm,
        height: header.height.next(),
        parent: Pair { block: header.id(), roots: roots(0) },
        parent_view: header.view,
        parent_time: header.time,
        proposer: 1,
        validators: fixture.genesis.validators.hash(),
        carried: Hash32::ZERO,
        allow_empty: true,
        seal: None,
    };
    let budget = limits.steps_per_block;
    for (steps, expected) in [(0, 5), (budget / 5, 5), (budget / 2, 2), (budget, 1), (u64::MAX, 1)]
    {
        let mut costs = Costs::default();
        let (score, method) = (host_types::ScoreName::new("token").unwrap(), "transfer".into());
        costs.learn(vec![Cost { score, method, steps }]);
        let block = assemble(&request, pool.in_order(), &limits, now(), |_| false, &costs).unwrap();
        assert_eq!(block.transactions().len(), expected, "{steps} steps a call");
    }
}

#[test]
fn a_score_that_gave_no_result_three_times_is_left_out_of_own_blocks_for_a_while() {
    let mut bench = Bench::new();
    bench.tell(Input::Start);
    let transactions = vec![bench.fixture.admitted(1)];
    let score = transactions[0].transaction().transaction().score.clone();
    bench.tell(Input::Admitted { transactions, is_local: false });
    let built = |bench: &mut Bench, view: u64| {
        bench.told();
        let head = bench.fixture.genesis.header();
        let build = RuleOutput::Build {
            request: 1,
            view: View::new(view),
            kind: ProposalKind::Norm,
            parent: Pair { block: head.id(), roots: roots(0) },
            parent_view: head.view,
            allow_empty: true,
            carried: Hash32::ZERO,
        };
        bench.tell_then(Input::Timer(Timer::Rule(0)), vec![build]);
        let told = bench.told();
        told.iter().find_map(|input| match input {
            RuleInput::Built { header, .. } => header.as_ref().map(|header| header.tx_count),
            _ => None,
        })
    };
    assert_eq!(built(&mut bench, 1), Some(1));
    let strike = |bench: &mut Bench| bench.tell(Input::Struck { score: score.clone() });
    assert!(strike(&mut bench).is_empty() && strike(&mut bench).is_empty());
    assert_eq!(built(&mut bench, 2), Some(1), "two strikes");
    let effects = strike(&mut bench);
    let is_told = |effect: &Effect| matches!(effect, Effect::Log { level: 2, .. });
    assert!(effects.iter().any(is_told), "{effects:?}");
    // The scripted rule is in view 0 all the while.
    for (view, expected) in [(3, 0), (63, 0), (64, 1), (65, 1)] {
        assert_eq!(built(&mut bench, view), Some(expected), "view {view}");
    }
}

#[test]
fn a_range_moves_the_head_only_with_a_right_proof() {
    use host_types::message::BlockRange;
    use host_types::proof::FinalProof;
    let mut bench = Bench::new();
    let first = bench.first_block(&[1]);
    let second = bench.block((first.header(), roots(1)), &[2], 2);
    let raw = |block: &Block| block.transactions().iter().map(|tx| tx.raw()).collect::<Vec<_>>();
    let range = |proof: &[u8]| {
        Some(Box::new(BlockRange {
            blocks: vec![
                (first.header().clone(), raw(&first)),
                (second.header().clone(), raw(&second)),
            ],
            roots: roots(2),
            proof: FinalProof { descendants: vec![], roots: roots(2), rule_proof: proof.to_vec() },
        }))
    };
    let effects = bench.tell(Input::FetchedBlocks { from: 7, range: range(b"wrong") });
    assert!(effects.iter().any(|e| matches!(e, Effect::Penalise { node: 7, .. })));
    assert!(executes(&effects).is_empty());
    let effects = bench.tell(Input::FetchedBlocks { from: 7, range: range(b"right") });
    assert_eq!(executes(&effects), [first.id()]);
    let effects = bench.tell(Input::Executed { block: first.id(), result: Ok(roots(1)) });
    assert_eq!((commits(&effects), executes(&effects)), (vec![first.id()], vec![second.id()]));
    let effects = bench.tell(Input::Executed { block: second.id(), result: Ok(roots(2)) });
    assert_eq!(commits(&effects), [second.id()]);
    assert_eq!(bench.pipeline.head().header.height, Height::new(2));
}

/// Found by `cargo sim --seed 0x188`: blocks of a leader whose clock was ahead were refused for ever,
/// and nobody voted for what stood on them when the clocks were right again.
#[test]
fn a_block_ahead_of_this_nodes_clock_is_judged_again_later() {
    let mut bench = Bench::new();
    let early = bench.first_block(&[]);
    let time = BlockTime::new(now().get() + 3_000_000);
    let header = Header { time, ..early.header().clone() };
    let block = Block::assemble(header, Arc::clone(early.transactions())).unwrap();
    let proposal = bench.proposal(&block);
    bench.told();
    let validate = || vec![RuleOutput::Validate(block.id())];
    let effects = bench.tell_then(proposal, validate());
    assert!(executes(&effects).is_empty());
    assert!(matches!(verdicts(&bench.told())[..], [Verdict::NoResult]));
    bench.rule.answers.lock().unwrap().push_back(validate());
    let mut effects = Vec::new();
    let later = Now { tick_ms: 2_500, wall: BlockTime::new(now().get() + 2_500_000) };
    let timer = Input::Timer(crate::input::Timer::Rule(1));
    bench.pipeline.handle(later, timer, &mut effects);
    assert_eq!(executes(&effects), [block.id()]);
}

fn pending(told: &[RuleInput]) -> Vec<bool> {
    let one = |input: &RuleInput| match input {
        RuleInput::Pending(has_work) => Some(*has_work),
        _ => None,
    };
    told.iter().filter_map(one).collect()
}

/// Found by `cargo sim --seed 0x6e`: a block of before a restart that had no result again held a
/// transaction that was in no pool, and the rule was told of one transaction less for ever.
#[test]
fn what_failed_alone_and_left_the_pool_holds_nothing_up() {
    let mut bench = Bench::new();
    let other = bench.first_block(&[1]);
    let header = Header { proposer: 0, ..other.header().clone() };
    let own = Block::assemble(header, Arc::clone(other.transactions())).unwrap();
    bench.pipeline.restore(own.clone());
    let timer = Input::Timer(crate::input::Timer::Rule(1));
    let effects = bench.tell_then(timer, vec![RuleOutput::Validate(own.id())]);
    assert_eq!(executes(&effects), [own.id()]);
    let result = Err(ExecuteError::NoResult("slow".into()));
    bench.tell(Input::Executed { block: own.id(), result });
    assert_eq!(bench.pipeline.sizes().held, 0);
    bench.told();
    let transactions = vec![bench.fixture.admitted(2)];
    bench.tell(Input::Admitted { transactions, is_local: false });
    assert_eq!(pending(&bench.told()), [true]);
}

/// Found by `cargo sim --seed 0x10`: the one gossip of a transaction was lost, the channel was idle,
/// and its node did not lead.
#[test]
fn a_clients_transaction_is_told_again_while_it_waits() {
    let mut bench = Bench::new();
    let gossip = |effects: &[Effect]| {
        let one = |e: &Effect| match e {
            Effect::Gossip { transactions } => transactions.len(),
            _ => 0,
        };
        effects.iter().map(one).sum::<usize>()
    };
    let timed = |effects: &[Effect]| {
        let timer = crate::input::Timer::Gossip;
        effects.iter().any(|e| matches!(e, Effect::SetTimer { timer: t, .. } if *t == timer))
    };
    let timer = || Input::Timer(crate::input::Timer::Gossip);
    let told = Input::Admitted { transactions: vec![bench.fixture.admitted(1)], is_local: false };
    assert!(!timed(&bench.tell(told)), "whoever took it tells it");
    let own = Input::Admitted { transactions: vec![bench.fixture.admitted(2)], is_local: true };
    let effects = bench.tell(own);
    assert!(gossip(&effects) == 1 && timed(&effects));
    let effects = bench.tell(timer());
    assert!(gossip(&effects) == 0 && timed(&effects), "it has not waited for a whole period");
    let effects = bench.tell(timer());
    assert!(gossip(&effects) == 1 && timed(&effects));
    let block = bench.first_block(&[1, 2]);
    let proposal = bench.proposal(&block);
    bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    let pair = Pair { block: block.id(), roots: roots(1) };
    let done = RuleOutput::Final { pairs: vec![pair], proof: b"right".to_vec() };
    let result = Ok(roots(1));
    let effects = bench.tell_then(Input::Executed { block: block.id(), result }, vec![done]);
    assert_eq!(commits(&effects), [block.id()]);
    let effects = bench.tell(timer());
    assert!(gossip(&effects) == 0 && !timed(&effects), "nothing waits any more");
}

/// Found by `cargo sim --seed 0x100000071`: a body that was in the pool expired while others were being
/// fetched; then the block was neither complete nor missing anything, and was never looked at again.
#[test]
fn a_body_that_leaves_the_pool_meanwhile_is_not_missed() {
    let mut bench = Bench::new();
    let known = vec![bench.fixture.admitted(1)];
    bench.tell(Input::Admitted { transactions: known, is_local: false });
    let block = bench.first_block(&[1, 2]);
    let proposal = bench.proposal(&block);
    let effects = bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    assert!(executes(&effects).is_empty());
    let later = Now { tick_ms: 9, wall: BlockTime::new(now().get() + 90_000_000) };
    let mut effects = Vec::new();
    let timer = Input::Timer(Timer::Fetch);
    bench.pipeline.handle(later, timer, &mut effects);
    assert_eq!(bench.pipeline.sizes().pool, 0, "it has expired");
    let transactions = vec![bench.fixture.admitted(2)];
    let bodies = Input::FetchedBodies { block: block.id(), transactions };
    let mut effects = Vec::new();
    bench.pipeline.handle(later, bodies, &mut effects);
    assert_eq!(executes(&effects), [block.id()]);
    assert_eq!(bench.pipeline.sizes().missing, 0);
}
