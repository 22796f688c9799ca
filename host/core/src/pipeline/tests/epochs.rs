//! Sealing and closing blocks in the pipeline, and the turn of the epoch.

use super::*;
use crate::input::Timer;
use host_types::change::{Configure, ValidatorChange};
use host_types::epoch::EpochConfig;
use host_types::proof::FinalProof;
use host_types::validators::Validator;
use host_types::{Decode, Encode, Weight};

/// What the next epoch runs with: the first validator weighs more.
fn next(bench: &Bench) -> Arc<EpochConfig> {
    let present = EpochConfig::of_genesis(&bench.fixture.genesis);
    let first = present.validators.all()[0].clone();
    let validator = Validator { weight: Weight::new(2).unwrap(), ..first };
    let change = Configure {
        epoch: Epoch::ZERO,
        validators: vec![ValidatorChange::Set { validator, unit: None }],
        rule: None,
        limits: None,
        policies: None,
    };
    Arc::new(present.changed_by(Epoch::ZERO, &change).unwrap())
}

fn build(kind: ProposalKind, parent: Pair, view: u64) -> RuleOutput {
    RuleOutput::Build {
        request: view,
        view: View::new(view),
        kind,
        parent,
        parent_view: View::new(view - 1),
        allow_empty: false,
        carried: Hash32::ZERO,
    }
}

/// What the pipeline builds when the rule asks for it.
fn built(bench: &mut Bench, wish: RuleOutput) -> Option<Header> {
    bench.told();
    bench.tell_then(Input::Start, vec![wish]);
    let header = bench.told().into_iter().find_map(|input| match input {
        RuleInput::Built { header, .. } => Some(header),
        _ => None,
    });
    header.expect("it answers")
}

/// A first block whose state holds the next epoch, executed and final; gives its pair.
fn with_change(bench: &mut Bench) -> (Block, Pair) {
    let block = bench.first_block(&[]);
    let pair = Pair { block: block.id(), roots: roots(1) };
    let proposal = bench.proposal(&block);
    bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    let config = next(bench);
    bench.tell(Input::NextEpoch { block: block.id(), config });
    bench.tell(Input::Executed { block: block.id(), result: Ok(roots(1)) });
    (block, pair)
}

/// The sealing block on it, executed here.
fn with_seal(bench: &mut Bench) -> (Header, Pair) {
    let (_, pair) = with_change(bench);
    let header = built(bench, build(ProposalKind::Norm, pair, 2)).unwrap();
    bench.tell_then(Input::Start, vec![RuleOutput::Validate(header.id())]);
    bench.tell(Input::Executed { block: header.id(), result: Ok(roots(2)) });
    (header.clone(), Pair { block: header.id(), roots: roots(2) })
}

#[test]
fn the_block_after_an_accepted_change_seals_even_without_transactions() {
    let mut bench = Bench::new();
    let (_, pair) = with_change(&mut bench);
    let header = built(&mut bench, build(ProposalKind::Norm, pair, 2)).unwrap();
    assert_eq!(header.next_validators, Some(next(&bench).hash()));
    assert_eq!((header.tx_count, header.epoch), (0, Epoch::ZERO));
    // That is work, and said.
    let said = bench.tell(Input::Start);
    assert!(said.is_empty());
    let candidate = RuleOutput::Candidate { pair, view: View::new(1) };
    bench.told();
    bench.tell_then(Input::Start, vec![candidate]);
    assert!(bench.told().iter().any(|i| matches!(i, RuleInput::Pending(true))));
}

#[test]
fn whether_a_block_seals_is_decided_by_the_state_of_its_parent() {
    let mut bench = Bench::new();
    let (block, _) = with_change(&mut bench);
    // It should seal and does not; it seals, but with something else.
    let plain = bench.block((block.header(), roots(1)), &[], 2);
    let other = Header { next_validators: Some(Hash32::new([9; 32])), ..plain.header().clone() };
    let other = Block::assemble(other, Arc::new([])).unwrap();
    for wrong in [plain, other] {
        bench.told();
        let proposal = bench.proposal(&wrong);
        let effects = bench.tell_then(proposal, vec![RuleOutput::Validate(wrong.id())]);
        assert!(executes(&effects).is_empty());
        assert!(matches!(verdicts(&bench.told()).as_slice(), [Verdict::Invalid(_)]));
    }
    // And nobody seals without a change.
    let mut bench = Bench::new();
    let seal = Header {
        next_validators: Some(next(&bench).hash()),
        ..bench.first_block(&[]).header().clone()
    };
    let seal = Block::assemble(seal, Arc::new([])).unwrap();
    let proposal = bench.proposal(&seal);
    bench.tell_then(proposal, vec![RuleOutput::Validate(seal.id())]);
    assert!(matches!(verdicts(&bench.told()).as_slice(), [Verdict::Invalid(_)]));
}

#[test]
fn only_closing_blocks_stand_on_a_sealing_block_and_they_have_its_height_and_result() {
    let mut bench = Bench::new();
    let transactions = vec![bench.fixture.admitted(1)];
    bench.tell(Input::Admitted { transactions, is_local: false });
    let (seal, pair) = with_seal(&mut bench);
    assert_eq!(built(&mut bench, build(ProposalKind::Norm, pair, 3)), None);
    let closing = built(&mut bench, build(ProposalKind::Closing, pair, 3)).unwrap();
    assert_eq!((closing.kind, closing.height), (ProposalKind::Closing, seal.height));
    assert_eq!((closing.tx_count, closing.next_validators), (0, None));
    bench.told();
    let effects = bench.tell_then(Input::Start, vec![RuleOutput::Validate(closing.id())]);
    assert!(executes(&effects).is_empty(), "it is not executed");
    assert!(effects.iter().any(|e| matches!(e, Effect::StorePayload { .. })), "but kept");
    let own = Pair { block: closing.id(), roots: roots(2) };
    assert_eq!(verdicts(&bench.told()), [Verdict::Valid(own)]);
    // One may stand on another; on anything else none.
    assert!(built(&mut bench, build(ProposalKind::Closing, own, 4)).is_some());
    let genesis = bench.pipeline.head().pair;
    assert_eq!(built(&mut bench, build(ProposalKind::Closing, genesis, 5)), None);
}

#[test]
fn a_final_closing_block_proves_the_sealing_block_and_enters_no_ledger() {
    let mut bench = Bench::new();
    let (seal, pair) = with_seal(&mut bench);
    let closing = built(&mut bench, build(ProposalKind::Closing, pair, 3)).unwrap();
    bench.tell_then(Input::Start, vec![RuleOutput::Validate(closing.id())]);
    let first = Pair { block: seal.parent.block, roots: roots(1) };
    let last = Pair { block: closing.id(), roots: roots(2) };
    let proof = b"right".to_vec();
    let done = RuleOutput::Final { pairs: vec![first, pair, last], proof };
    let effects = bench.tell_then(Input::Start, vec![done]);
    assert_eq!(commits(&effects), [first.block, pair.block]);
    let proof = effects.iter().find_map(|effect| match effect {
        Effect::Commit { blocks } => blocks.last().and_then(|block| block.proof.clone()),
        _ => None,
    });
    let proof = proof.unwrap();
    assert_eq!((&proof.descendants, proof.roots), (&vec![closing.clone()], roots(2)));
    assert_eq!(proof.target(&seal, roots(2)), Some(&closing));
    assert_eq!(proof.target(&seal, roots(3)), None, "of another result it proves nothing");
    assert_eq!(FinalProof::from_bytes(&proof.to_bytes()), Ok(proof));
    assert_eq!(bench.pipeline.head().header.height, seal.height);
}

/// Ends epoch 0; gives the effects of the last step.
fn end(bench: &mut Bench) -> (Header, Vec<Effect>) {
    let (seal, pair) = with_seal(bench);
    let first = Pair { block: seal.parent.block, roots: roots(1) };
    let timer = RuleOutput::SetTimer { token: 1, after_ms: 5 };
    let sign = |sequence| RuleOutput::Sign {
        sequence,
        slots: vec![],
        body: vec![],
        then: Then::Broadcast,
        needs: vec![],
    };
    let done = RuleOutput::Final { pairs: vec![first, pair], proof: b"right".to_vec() };
    bench.told();
    let outputs = vec![timer, sign(7), done, sign(8)];
    let effects = bench.tell_then(Input::Start, outputs);
    (seal, effects)
}

fn signs(effects: &[Effect]) -> Vec<u64> {
    let number = |effect: &Effect| match effect {
        Effect::Sign { sequence, .. } => Some(*sequence),
        _ => None,
    };
    effects.iter().filter_map(number).collect()
}

fn statement(epoch: u64) -> Statement {
    let (slots, body) = (vec![], vec![]);
    Statement { epoch: Epoch::new(epoch), signer: 1, slots, body, signature: [0; 64] }
}

#[test]
fn from_the_end_of_an_epoch_until_it_is_stored_the_rule_hears_and_signs_nothing() {
    let mut bench = Bench::new();
    let (seal, effects) = end(&mut bench);
    assert_eq!(signs(&effects), [7], "nothing after the end");
    let cancels = |e: &Effect| matches!(e, Effect::CancelTimer { timer: Timer::Rule(1) });
    assert!(effects.iter().any(cancels));
    bench.told();
    for input in [
        Input::Statement { statement: statement(0) },
        Input::Timer(Timer::Rule(1)),
        Input::Helper { from: 7, validator: Some(1), bytes: vec![] },
        Input::Admitted { transactions: vec![bench.fixture.admitted(3)], is_local: false },
    ] {
        bench.tell(input);
    }
    assert!(bench.told().is_empty());
    let begins = |effects: &[Effect]| {
        effects.iter().any(|e| matches!(e, Effect::BeginEpoch { root, .. } if root.header == seal))
    };
    assert!(!begins(&bench.tell(Input::Committed { height: Height::new(1) })));
    assert!(begins(&bench.tell(Input::Committed { height: seal.height })));
}

#[test]
fn the_next_instance_begins_anew_and_hears_nothing_that_was_for_the_one_before() {
    let mut bench = Bench::new();
    let (seal, _) = end(&mut bench);
    bench.tell(Input::Committed { height: seal.height });
    let (rule, now) = (Scripted::default(), Now { tick_ms: 2, wall: now() });
    bench.rule = rule.clone();
    let mut effects = Vec::new();
    bench.pipeline.begin_epoch(now, (Box::new(rule), Some(2)), &mut effects);
    assert!(matches!(bench.told().as_slice(), [RuleInput::Start]));
    assert_eq!(bench.pipeline.epoch(), Epoch::new(1));
    // Signed for the instance that is gone, and said in its epoch.
    bench.tell(Input::Signed { sequence: 7, statement: statement(0) });
    bench.tell(Input::SignRefused { sequence: 7 });
    bench.tell(Input::Statement { statement: statement(0) });
    assert!(bench.told().is_empty());
    bench.tell(Input::Statement { statement: statement(1) });
    assert!(matches!(bench.told().as_slice(), [RuleInput::Statement(_)]));
    // Its own first number is another one outside, and its own inside.
    let sign = RuleOutput::Sign {
        sequence: 1,
        slots: vec![],
        body: vec![],
        then: Then::Keep,
        needs: vec![],
    };
    let asked = signs(&bench.tell_then(Input::Start, vec![sign]));
    assert_eq!(asked, [9]);
    bench.told();
    bench.tell(Input::Signed { sequence: 9, statement: statement(1) });
    assert!(matches!(bench.told().as_slice(), [RuleInput::OwnSigned { sequence: 1, .. }]));
    // The first block of the epoch stands on the sealing block, at the next height, of the new set.
    let pair = Pair { block: seal.id(), roots: roots(2) };
    let transactions = vec![bench.fixture.admitted(4)];
    bench.tell(Input::Admitted { transactions, is_local: false });
    let first = built(&mut bench, build(ProposalKind::Norm, pair, 1)).unwrap();
    assert_eq!((first.epoch, first.height), (Epoch::new(1), seal.height.next()));
    assert_eq!((first.proposer, first.next_validators), (2, None));
    assert_ne!(first.validators, seal.validators);
}

#[test]
fn the_rule_hears_of_fetched_blocks_whose_views_are_below_those_of_the_epoch_before() {
    use host_types::message::BlockRange;
    let mut bench = Bench::new();
    let (seal, _) = end(&mut bench);
    bench.tell(Input::Committed { height: seal.height });
    let (rule, now) = (Scripted::default(), Now { tick_ms: 2, wall: now() });
    bench.rule = rule.clone();
    bench.pipeline.begin_epoch(now, (Box::new(rule), Some(2)), &mut Vec::new());
    bench.told();
    // Views begin anew: this one is below that of the sealing block.
    let first = Header {
        epoch: Epoch::new(1),
        validators: next(&bench).validators.hash(),
        ..bench.block((&seal, roots(2)), &[], 1).header().clone()
    };
    let proof = FinalProof { descendants: vec![], roots: roots(3), rule_proof: b"right".to_vec() };
    let range = BlockRange { blocks: vec![(first.clone(), vec![])], roots: roots(3), proof };
    bench.tell(Input::FetchedBlocks { from: 7, range: Some(Box::new(range)) });
    let told = bench.told();
    let hears = |input: &RuleInput| matches!(input, RuleInput::SyncedTo { header, .. } if header.id() == first.id());
    assert!(told.iter().any(hears), "{told:?}");
}

#[test]
fn something_of_a_later_epoch_makes_this_node_ask_for_the_blocks_that_lead_there() {
    let mut bench = Bench::new();
    let effects = bench.tell(Input::Statement { statement: statement(3) });
    let asks = |e: &Effect| {
        let from = Height::new(1);
        matches!(e, Effect::Fetch { request: FetchRequest::Blocks { from: f, .. }, .. } if *f == from)
    };
    assert!(effects.iter().any(asks));
    assert!(bench.told().is_empty());
    // Whoever says so again and again makes it ask no more often.
    bench.tell(Input::FetchedBlocks { from: 7, range: None });
    for _ in 0..3 {
        let effects = bench.tell(Input::Statement { statement: statement(3) });
        assert!(!effects.iter().any(asks));
    }
}

#[test]
fn a_range_that_goes_on_after_a_sealing_block_is_refused() {
    use host_types::message::BlockRange;
    let mut bench = Bench::new();
    let seal = Header {
        next_validators: Some(next(&bench).hash()),
        ..bench.first_block(&[]).header().clone()
    };
    let after = bench.block((&seal, roots(1)), &[], 2);
    let range = |headers: Vec<Header>| {
        Some(Box::new(BlockRange {
            blocks: headers.into_iter().map(|header| (header, vec![])).collect(),
            roots: roots(1),
            proof: FinalProof {
                descendants: vec![],
                roots: roots(1),
                rule_proof: b"right".to_vec(),
            },
        }))
    };
    let refused =
        |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Penalise { node: 7, .. }));
    let both = range(vec![seal.clone(), after.header().clone()]);
    assert!(refused(&bench.tell(Input::FetchedBlocks { from: 7, range: both })));
    let other = Header { epoch: Epoch::new(1), ..seal };
    let other = range(vec![other]);
    assert!(refused(&bench.tell(Input::FetchedBlocks { from: 7, range: other })));
    let closing = Header { kind: ProposalKind::Closing, next_validators: None, ..seal };
    let closing = range(vec![closing]);
    assert!(refused(&bench.tell(Input::FetchedBlocks { from: 7, range: closing })));
}
