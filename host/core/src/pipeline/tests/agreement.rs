//! Results that differ: repair of this node's own, and what is tried after votes parted.

use super::{Bench, commits, executes, now, roots, verdicts};
use crate::clock::Now;
use crate::effect::Effect;
use crate::input::{ExecuteError, Input, Timer};
use crate::vote::rule::{RuleInput, RuleOutput, Verdict};
use host_types::block::{Block, Pair, ProposalKind, RootPair};
use host_types::{BlockId, BlockTime, Hash32, View};

/// A block that this node executed with result `own`, or tried to.
fn executed(bench: &mut Bench, nonces: &[u64], own: Result<RootPair, ExecuteError>) -> Block {
    for nonce in nonces {
        let transactions = vec![bench.fixture.admitted(*nonce)];
        bench.tell(Input::Admitted { transactions, is_local: false });
    }
    let block = bench.first_block(nonces);
    let proposal = bench.proposal(&block);
    bench.tell_then(proposal, vec![RuleOutput::Validate(block.id())]);
    bench.tell(Input::Executed { block: block.id(), result: own });
    block
}

fn certified(bench: &mut Bench, pair: Pair) -> Vec<Effect> {
    let output = RuleOutput::Candidate { pair, view: View::new(1) };
    bench.tell_then(Input::Timer(Timer::Rule(1)), vec![output])
}

fn repairs(effects: &[Effect]) -> Vec<(BlockId, RootPair, Option<RootPair>)> {
    let repair = |effect: &Effect| match effect {
        Effect::Repair { block, agreed, own } => Some((block.id(), *agreed, *own)),
        _ => None,
    };
    effects.iter().filter_map(repair).collect()
}

#[test]
fn a_node_with_another_result_fetches_the_agreed_one_says_so_and_goes_on_with_it() {
    let mut bench = Bench::new();
    let block = executed(&mut bench, &[], Ok(roots(9)));
    let (id, agreed) = (block.id(), Pair { block: block.id(), roots: roots(1) });
    assert_eq!(repairs(&certified(&mut bench, agreed)), [(id, roots(1), Some(roots(9)))]);
    assert!(bench.pipeline.status().degraded.unwrap().contains(&id.to_string()));
    // Asked once, however often it is certified.
    assert!(repairs(&certified(&mut bench, agreed)).is_empty());

    // A child on the agreed result has no verdict here yet.
    let child = bench.block((block.header(), roots(1)), &[], 2);
    let proposal = bench.proposal(&child);
    bench.told();
    let effects = bench.tell_then(proposal, vec![RuleOutput::Validate(child.id())]);
    assert!(executes(&effects).is_empty());
    assert_eq!(verdicts(&bench.told()), [Verdict::NoResult]);

    let effects = bench.tell(Input::Repaired { block: id, result: Ok(roots(1)) });
    assert!(bench.pipeline.status().degraded.is_none());
    assert!(verdicts(&bench.told()).contains(&Verdict::Valid(agreed)), "the rule is told");
    assert!(commits(&effects).is_empty(), "certified is not final");
    let is_final = RuleOutput::Final { pairs: vec![agreed], proof: b"right".to_vec() };
    let effects = bench.tell_then(Input::Timer(Timer::Rule(1)), vec![is_final]);
    assert_eq!(commits(&effects), [id]);
}

#[test]
fn who_had_no_result_takes_the_agreed_one_and_is_not_degraded() {
    let mut bench = Bench::new();
    let block = executed(&mut bench, &[], Err(ExecuteError::NoResult("slow".into())));
    let agreed = Pair { block: block.id(), roots: roots(1) };
    assert_eq!(repairs(&certified(&mut bench, agreed)), [(block.id(), roots(1), None)]);
    assert!(bench.pipeline.status().degraded.is_none());
}

#[test]
fn a_repair_that_found_nobody_is_tried_again_and_a_late_own_result_changes_nothing() {
    let mut bench = Bench::new();
    let block = executed(&mut bench, &[], Ok(roots(9)));
    let (id, agreed) = (block.id(), Pair { block: block.id(), roots: roots(1) });
    certified(&mut bench, agreed);
    bench.tell(Input::Repaired { block: id, result: Err("nobody has it".into()) });
    assert!(bench.pipeline.status().degraded.is_some());
    let again = bench.tell(Input::Timer(Timer::Fetch));
    assert_eq!(repairs(&again), [(id, roots(1), Some(roots(9)))]);
    bench.tell(Input::Repaired { block: id, result: Ok(roots(1)) });
    bench.tell(Input::Executed { block: id, result: Ok(roots(9)) });
    assert!(bench.pipeline.status().degraded.is_none(), "the agreed result stays");
}

#[test]
fn with_two_certified_results_the_own_one_stays_until_the_other_is_final() {
    let mut bench = Bench::new();
    let block = executed(&mut bench, &[], Ok(roots(1)));
    let pair = |n| Pair { block: block.id(), roots: roots(n) };
    assert!(repairs(&certified(&mut bench, pair(1))).is_empty());
    assert!(repairs(&certified(&mut bench, pair(2))).is_empty());
    let is_final = RuleOutput::Final { pairs: vec![pair(2)], proof: b"right".to_vec() };
    let effects = bench.tell_then(Input::Timer(Timer::Rule(1)), vec![is_final]);
    assert_eq!(repairs(&effects), [(block.id(), roots(2), Some(roots(1)))]);
    assert!(commits(&effects).is_empty());
    let effects = bench.tell(Input::Repaired { block: block.id(), result: Ok(roots(2)) });
    assert_eq!(commits(&effects), [block.id()]);
}

/// What this node would propose at this time: places in `nonces`.
fn proposes(bench: &mut Bench, tick_ms: u64, nonces: &[u64]) -> Vec<u64> {
    let header = bench.fixture.genesis.header();
    let build = RuleOutput::Build {
        request: 1,
        view: View::new(9),
        kind: ProposalKind::Norm,
        parent: Pair { block: header.id(), roots: roots(0) },
        parent_view: View::new(0),
        allow_empty: false,
        carried: Hash32::ZERO,
    };
    bench.rule.answers.lock().unwrap().push_back(vec![build]);
    let mut effects = Vec::new();
    let at = Now { tick_ms, wall: BlockTime::new(now().get() + 1_000_000) };
    bench.pipeline.handle(at, Input::Timer(Timer::Rule(1)), &mut effects);
    bench.rule.answers.lock().unwrap().clear();
    let stored = effects.iter().find_map(|effect| match effect {
        Effect::StorePayload { block } => Some(block.clone()),
        _ => None,
    });
    let ids: Vec<_> = stored.iter().flat_map(|b| b.transactions().iter().map(|t| t.id())).collect();
    let is_in = |nonce: &u64| ids.contains(&bench.fixture.admitted(*nonce).id());
    nonces.iter().copied().filter(is_in).collect()
}

fn suspect(bench: &mut Bench, block: BlockId, results: &[u8]) -> Vec<Effect> {
    let votes = (1u16..).zip(results.iter().map(|n| roots(*n))).collect();
    let output = RuleOutput::Suspect { block, votes };
    bench.tell_then(Input::Timer(Timer::Rule(1)), vec![output])
}

#[test]
fn where_results_part_the_rest_is_proposed_first_and_the_one_alone_then() {
    let mut bench = Bench::new();
    let block = executed(&mut bench, &[1, 2], Ok(roots(1)));
    let in_block: Vec<u64> = {
        let place = |nonce: &u64| {
            let id = bench.fixture.admitted(*nonce).id();
            block.transactions().iter().position(|tx| tx.id() == id).unwrap()
        };
        let mut nonces = vec![1, 2];
        nonces.sort_by_key(place);
        nonces
    };
    let effects = suspect(&mut bench, block.id(), &[1, 2, 3]);
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Compare { votes, .. } => Some(votes.len()),
        _ => None,
    });
    assert_eq!(asked, Some(3), "everyone's but its own");
    // Without an answer, halves.
    assert_eq!(proposes(&mut bench, 1, &in_block), in_block[..1]);
    bench.tell(Input::Parted { block: block.id(), places: vec![0] });
    let bad = in_block[0];
    let rest: Vec<u64> = in_block.iter().copied().filter(|nonce| *nonce != bad).collect();
    assert_eq!(proposes(&mut bench, 1, &in_block), rest);

    // Nothing else waits: it alone.
    let others: Vec<_> = rest.iter().map(|nonce| bench.fixture.admitted(*nonce).id()).collect();
    for id in others {
        bench.pipeline.pool.remove(&id);
    }
    assert_eq!(proposes(&mut bench, 1, &in_block), [bad]);
}

#[test]
fn what_failed_alone_waits_and_a_timer_brings_it_back() {
    let mut bench = Bench::new();
    let block = executed(&mut bench, &[1], Ok(roots(1)));
    bench.told();
    let effects = suspect(&mut bench, block.id(), &[1, 2, 3]);
    let timers = effects
        .iter()
        .filter(|e| matches!(e, Effect::SetTimer { timer: Timer::Fetch, after_ms: 1_000 }));
    assert_eq!(timers.count(), 1);
    assert!(proposes(&mut bench, 1, &[1]).is_empty());
    bench.told();
    let mut effects = Vec::new();
    let later = Now { tick_ms: 1_001, wall: BlockTime::new(now().get() + 1_000_000) };
    bench.pipeline.handle(later, Input::Timer(Timer::Fetch), &mut effects);
    assert!(bench.told().iter().any(|told| matches!(told, RuleInput::Pending(true))));
    assert_eq!(proposes(&mut bench, 1_001, &[1]), [1]);
}

/// Its leader cannot tell a bad network from a slow transaction.
#[test]
fn a_view_lost_with_one_transaction_and_no_differing_votes_holds_nothing_up() {
    let mut bench = Bench::new();
    let block = executed(&mut bench, &[1], Ok(roots(1)));
    suspect(&mut bench, block.id(), &[1]);
    assert_eq!(proposes(&mut bench, 1, &[1]), [1]);
}

/// It is asked for several times a second: the log of a node that waits for an hour stays readable.
#[test]
fn people_are_told_once_that_a_result_differs_and_once_that_nobody_had_the_agreed_one() {
    let mut bench = Bench::new();
    let block = executed(&mut bench, &[], Ok(roots(9)));
    let agreed = Pair { block: block.id(), roots: roots(1) };
    let mut effects = certified(&mut bench, agreed);
    for _ in 0..5 {
        effects.extend(
            bench.tell(Input::Repaired { block: block.id(), result: Err("nobody has it".into()) }),
        );
        effects.extend(bench.tell(Input::Timer(Timer::Fetch)));
    }
    assert_eq!(repairs(&effects).len(), 6, "asked again each time");
    let lines = |wanted| {
        let is_one = |e: &&Effect| matches!(e, Effect::Log { level, .. } if *level == wanted);
        effects.iter().filter(is_one).count()
    };
    assert_eq!((lines(1), lines(2)), (1, 1), "{effects:?}");
}
