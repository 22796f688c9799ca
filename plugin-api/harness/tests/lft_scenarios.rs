//! Scenarios that other engines test, played to the rule `lft`: `docs/spec/lft-scenarios.md` says
//! which is whose.

#![expect(clippy::unwrap_used, reason = "small numbers of this file fit")]

use lft::{
    Lft,
    statement::{Ballot, Body, Mode},
};
use plugin_api::{
    ConsensusRule, Hash, InitCfg, Input, Output, Pair, ProposalKind, Statement, Validator,
    mirror::statement_message,
};
use plugin_api_harness::{
    Plan, Report, campaign, chain,
    clock::{Chance, MS, SECOND},
    faults::{Fall, Faults},
    network::Partition,
    signer::Signatures,
    villain::{Villain, equivocator::Equivocator, late::Late, mute::Mute},
};

/// Four validators, a transaction every 50 ms for two seconds, healed after ten.
fn plan(seed: u64) -> Plan {
    let mut plan = Plan::clean(4, 2 * MS);
    plan.seed = seed;
    plan.clients = (1..40).map(|n| (n * 50 * MS, usize::try_from(n % 4).unwrap())).collect();
    plan.network.heals_at = 10 * SECOND;
    plan.late_clients = 3;
    plan
}

fn good(plan: &Plan) -> Report {
    let report = campaign::run_plan::<Lft>(plan);
    assert!(report.verdict.is_good(), "{}", report.verdict.line(plan.seed));
    report
}

#[test]
fn who_starts_late_or_restarts_at_another_height_catches_up() {
    for seed in 0..20 {
        let mut plan = plan(seed);
        let fall = |at: u64, who: usize, down: u64| Fall { at: at * MS, who: Some(who), down };
        let falls = vec![
            // One is down from the start; the others go at different heights, one after the other.
            fall(0, 3, 3 * SECOND),
            fall(4_000, usize::try_from(seed % 3).unwrap(), 500 * MS),
            fall(5_000 + seed * 7, 3, 900 * MS),
        ];
        plan.faults = Faults { falls, ..Faults::default() };
        plan.prunes_head_view = seed % 2 == 0;
        assert!(good(&plan).height > 5);
    }
}

#[test]
fn the_whole_network_stops_and_goes_on_where_it_was() {
    for seed in 0..20 {
        let mut plan = plan(seed);
        let fall = |at: u64| Fall { at: at * MS, who: None, down: 700 * MS };
        plan.faults = Faults { falls: vec![fall(300 + seed), fall(2_000)], ..Faults::default() };
        good(&plan);
    }
}

#[test]
fn proposers_and_voters_that_die_around_every_durable_write_end_well() {
    for seed in 0..20 {
        let mut plan = plan(seed);
        plan.costs.flush_max = 3 * MS;
        plan.faults = Faults {
            falls: Vec::new(),
            forgets: Vec::new(),
            die_before_permille: 40,
            die_after_permille: 40,
            down_max: 300 * MS,
        };
        good(&plan);
    }
}

#[test]
fn a_slow_validator_and_slow_lossy_links_stop_nobody() {
    for seed in 0..20 {
        let mut plan = plan(seed);
        plan.network.delay_max = 80 * MS;
        plan.network.loss_permille = 250;
        plan.network.repeat_permille = 100;
        if seed % 2 == 0 {
            let late = Late::draw(&mut Chance::new(seed));
            plan.villains.insert(u16::try_from(seed % 4).unwrap(), Villain::Late(late));
            plan.expect_silence = false;
        }
        good(&plan);
    }
}

#[test]
fn a_partition_without_a_quorum_on_either_side_heals() {
    for seed in 0..20 {
        let mut plan = plan(seed);
        let from = 200 * MS + seed * 3 * MS;
        let side = 0b0011;
        plan.network.partitions = vec![
            Partition { from, until: from + 4 * SECOND, side, one_way: false },
            Partition { from: 6 * SECOND, until: 7 * SECOND, side: 0b0001, one_way: true },
        ];
        good(&plan);
    }
}

/// Some hold only the candidate certificate of a view, others only its null certificate: a leader
/// whose votes reach only some while the others give up.
#[test]
fn a_split_between_certified_and_null_heals() {
    for seed in 0..60 {
        let mut plan = plan(seed);
        let who = 1 << (seed % 4);
        let from = 40 * MS + seed * 2 * MS;
        let wall = |from, until, one_way| Partition { from, until, side: who, one_way };
        plan.network.partitions = vec![
            wall(from, from + 2 * SECOND, true),
            wall(from + 2 * SECOND, from + 4 * SECOND, false),
        ];
        good(&plan);
    }
}

#[test]
fn who_proposes_and_votes_twice_is_accused_and_nobody_else() {
    let mut accused = 0;
    for seed in 0..20 {
        let mut plan = plan(seed);
        let index = u16::try_from(seed % 4).unwrap();
        let two = Equivocator::draw(&mut Chance::new(seed), seed);
        plan.villains.insert(index, Villain::Equivocator(two));
        plan.expect_silence = false;
        let report = good(&plan);
        assert!(report.accused.keys().all(|who| *who == index), "{:?}", report.accused);
        accused += u64::from(report.accused.contains_key(&index));
    }
    assert!(accused >= 10, "evidence in {accused} of 20 runs");
}

/// A Byzantine validator that only times its votes must not cost honest leaders their views for
/// ever: after healing there is progress, with optimistic proposals as without.
#[test]
fn votes_that_a_liar_times_stop_nobody() {
    for seed in 0..40 {
        let mut plan = plan(seed);
        let late = Late::draw(&mut Chance::new(seed));
        plan.villains.insert(u16::try_from(seed % 4).unwrap(), Villain::Late(late));
        plan.network.delay_max = 20 * MS;
        plan.network.tail_permille = 100;
        plan.network.tail_max = 900 * MS;
        let optimistic = if seed % 8 < 4 { "on" } else { "off" };
        plan.parameters = vec![("optimistic".to_owned(), optimistic.to_owned())];
        plan.expect_silence = false;
        good(&plan);
    }
}

/// The power of all is lost at any moment of a vote, and the one whose signature a certificate
/// needed does not give it again: what was signed must stand on what was durable.
#[test]
fn power_loss_of_all_and_one_who_is_silent_from_then_on_end_well() {
    for at in 0..80 {
        let mut plan = plan(at);
        plan.costs.flush_max = 2 * MS;
        plan.costs.execute_max = 2 * MS;
        let moment = 60 * MS + at * 400;
        let fall = Fall { at: moment, who: None, down: 50 * MS };
        plan.faults = Faults { falls: vec![fall], ..Faults::default() };
        plan.villains.insert(u16::try_from(at % 4).unwrap(), Villain::Mute(Mute::from(moment)));
        plan.expect_silence = false;
        good(&plan);
    }
}

/// A transaction that one validator alone knows, who does not lead.
#[test]
fn a_transaction_known_to_one_who_does_not_lead_becomes_final() {
    for node in 0..4 {
        let mut plan = plan(1);
        plan.clients = vec![(10 * MS, node)];
        plan.late_clients = 0;
        // What it sends is lost for a while: the offer of the transaction, too.
        let wall = Partition { from: 0, until: 300 * MS, side: 1 << node, one_way: true };
        plan.network.partitions = vec![wall];
        assert_eq!(good(&plan).height, 1);
    }
}

#[test]
fn a_channel_without_work_makes_no_blocks() {
    let mut plan = plan(1);
    plan.clients.clear();
    plan.late_clients = 0;
    let report = good(&plan);
    assert_eq!(report.height, 0);
    assert!(report.moments.is_empty());
    // One validator dead from the start changes nothing.
    plan.villains.insert(2, Villain::Mute(Mute::from(0)));
    assert_eq!(good(&plan).height, 0);
}

/// One instance of four validators that has started and has work.
fn rule() -> Lft {
    let validators = (0u16..4).map(|index| Validator {
        name: format!("S/{index}"),
        public_key: Signatures::Hash.public_key(index),
        weight: 1,
        group: String::new(),
        unit: None,
    });
    let cfg = InitCfg {
        statement_prefix: b"scenario".to_vec(),
        epoch: 0,
        root: chain::genesis().header,
        root_pair: chain::genesis_pair(),
        head: chain::genesis().header,
        head_pair: chain::genesis_pair(),
        head_proof: Vec::new(),
        validators: validators.collect(),
        me: Some(0),
        parameters: Vec::new(),
        excluded: Vec::new(),
        rejoin: None,
    };
    let (mut rule, _) = Lft::init(cfg, &[], Signatures::Hash.verifier()).unwrap();
    step(&mut rule, Input::Start).unwrap();
    step(&mut rule, Input::Pending { has_work: true }).unwrap();
    rule
}

fn step(rule: &mut Lft, input: Input) -> Result<Vec<Output>, String> {
    let mut out = Vec::new();
    rule.step(0, input, &mut out).map(|()| out).map_err(|error| error.message)
}

fn say(signer: u16, body: &Body) -> Statement {
    let message = statement_message(b"scenario", &body.slots(Mode::Core), &body.encode());
    let signature = Signatures::Hash.sign(signer, &message);
    Statement { signer, slots: body.slots(Mode::Core), body: body.encode(), signature }
}

#[test]
fn a_wrong_proposer_an_unknown_voter_and_another_epoch_are_refused() {
    let header = plugin_api::HeaderView {
        view: 1,
        height: 1,
        parent: chain::genesis_pair(),
        proposer: 1,
        is_empty: false,
        is_sealing: false,
        ..chain::genesis().header
    };
    let propose = |signer: u16, header: plugin_api::HeaderView| {
        let kind = ProposalKind::Norm;
        let statement = say(signer, &Body::Propose { view: header.view, kind, block: header.id });
        Input::Proposal { header, statement, justification: Vec::new() }
    };
    let mut rule = rule();
    assert!(step(&mut rule, propose(2, header.clone())).unwrap_err().contains("does not lead"));
    for epoch in [1, u64::MAX] {
        let other = plugin_api::HeaderView { epoch, ..header.clone() };
        assert!(step(&mut rule, propose(1, other)).unwrap_err().contains("epoch"));
    }
    let skip = Body::Skip { view: 1 };
    let stranger = Input::Statement { statement: say(9, &skip) };
    assert!(step(&mut rule, stranger).unwrap_err().contains("no validator 9"));
    let out = step(&mut rule, propose(1, header.clone())).unwrap();
    assert!(out.contains(&Output::Validate { block: header.id }), "the right one is taken");
}

#[test]
fn repeated_and_past_and_far_statements_change_nothing() {
    let mut rule = rule();
    let skip = || Input::Statement { statement: say(2, &Body::Skip { view: 1 }) };
    for _ in 0..5 {
        let out = step(&mut rule, skip()).unwrap();
        assert!(!out.iter().any(|o| matches!(o, Output::Sign { .. })), "one skip is one: {out:?}");
    }
    let pair = Pair { block: Hash([7; 32]), ..Pair::default() };
    let parent = chain::genesis_pair();
    let ballot = Ballot { view: 1_000_000, pair, parent, parent_view: 0 };
    let far = say(3, &Body::Vote { ballot, commit_parent: false });
    step(&mut rule, Input::Statement { statement: far }).unwrap();
    assert_eq!(rule.inspect().view, 1);
}

#[test]
fn votes_that_come_before_their_proposal_count_when_it_comes() {
    let mut rule = rule();
    let parent = chain::genesis_pair();
    let header = plugin_api::HeaderView {
        view: 1,
        height: 1,
        parent,
        proposer: 1,
        is_empty: false,
        is_sealing: false,
        id: Hash([5; 32]),
        ..chain::genesis().header
    };
    let pair = Pair { block: header.id, state_root: Hash([6; 32]), receipts_root: Hash([6; 32]) };
    let ballot = Ballot { view: 1, pair, parent, parent_view: 0 };
    let vote = Body::Vote { ballot, commit_parent: false };
    let mut out = Vec::new();
    for signer in 1..4 {
        out.extend(step(&mut rule, Input::Statement { statement: say(signer, &vote) }).unwrap());
    }
    assert!(out.contains(&Output::FetchBlock { block: header.id }), "certified, but not here");
    assert_eq!(rule.inspect().view, 2);
    let out = step(&mut rule, Input::Header { header: header.clone() }).unwrap();
    assert!(out.contains(&Output::Validate { block: header.id }), "{out:?}");
}

/// An empty block is no work. Who saw it voted for but not its end asks a few times, then rests: the
/// others may hold its Final proof and be silent.
#[test]
fn a_view_that_was_spoken_in_is_asked_about_five_times_without_work() {
    let mut rule = rule();
    step(&mut rule, Input::Pending { has_work: false }).unwrap();
    let (mut now, mut asked, mut timer) = (0, 0, None);
    let commit = Body::Commit { view: 1, pair: Pair { block: Hash([5; 32]), ..Pair::default() } };
    let mut input = Some(Input::Statement { statement: say(2, &commit) });
    while let Some(next) = input.take() {
        let mut out = Vec::new();
        rule.step(now, next, &mut out).unwrap();
        let to_all = |o: &&Output| matches!(o, Output::Send { to: plugin_api::To::All, .. });
        asked += out.iter().filter(to_all).count();
        for output in out {
            match output {
                Output::SetTimer { token, after_ms } => timer = Some((token, now + after_ms)),
                Output::CancelTimer { .. } => timer = None,
                _ => {}
            }
        }
        if let Some((token, at)) = timer.take() {
            (now, input) = (at, Some(Input::Timer { token }));
        }
    }
    assert_eq!(asked, 5, "each time one Status to everyone");
    assert!((2_000..10_000).contains(&now), "silent again after {now} ms");
}

/// Votes of three for a block, each with this number as its result.
fn results(rule: &mut Lft, results: [u8; 3]) -> Vec<Output> {
    let parent = chain::genesis_pair();
    let mut out = Vec::new();
    for (signer, result) in (1u16..).zip(results) {
        let root = Hash([result; 32]);
        let pair = Pair { block: Hash([5; 32]), state_root: root, receipts_root: root };
        let ballot = Ballot { view: 1, pair, parent, parent_view: 0 };
        let vote = Body::Vote { ballot, commit_parent: false };
        out.extend(step(rule, Input::Statement { statement: say(signer, &vote) }).unwrap());
    }
    out
}

fn skips(out: &[Output]) -> bool {
    let skip = Body::Skip { view: 1 }.encode();
    out.iter().any(|output| matches!(output, Output::Sign { body, .. } if *body == skip))
}

/// f = 1: a result that two of three voters do not share cannot be certified, whatever the fourth
/// says.
#[test]
fn a_block_whose_votes_name_three_results_ends_its_view_at_once_and_the_host_is_told() {
    let mut rule = rule();
    let out = results(&mut rule, [1, 2, 3]);
    assert!(skips(&out), "{out:?}");
    let told: Vec<_> = out.iter().filter(|o| matches!(o, Output::Suspect { .. })).collect();
    let [Output::Suspect { block, why, votes }] = told.as_slice() else {
        panic!("told once: {told:?}")
    };
    assert_eq!((*block, *why), (Hash([5; 32]), plugin_api::output::Why::Split));
    let signers: Vec<u16> = votes.iter().map(|vote| vote.signer).collect();
    assert!(signers.starts_with(&[1, 2, 3]), "{signers:?}");
}

#[test]
fn a_result_that_one_voter_does_not_share_ends_nothing() {
    let mut rule = rule();
    let out = results(&mut rule, [1, 1, 2]);
    assert!(!skips(&out), "the fourth may decide it: {out:?}");
    assert!(!out.iter().any(|output| matches!(output, Output::Suspect { .. })));
}

/// D1. Three certify a result that this node does not have. It votes for nothing on it, yet goes on
/// skipping, so that the others are not stuck; once its host has taken the agreed result over, it
/// delivers the block.
#[test]
fn a_node_with_another_result_skips_on_and_comes_back_with_the_agreed_one() {
    let mut rule = rule();
    let header = plugin_api::HeaderView {
        id: Hash([5; 32]),
        view: 1,
        height: 1,
        parent: chain::genesis_pair(),
        proposer: 1,
        is_empty: false,
        ..chain::genesis().header
    };
    let block = header.id;
    let body = Body::Propose { view: 1, kind: ProposalKind::Norm, block };
    let statement = say(1, &body);
    let proposal = Input::Proposal { header: header.clone(), statement, justification: Vec::new() };
    step(&mut rule, proposal).unwrap();
    let result = |n: u8| Pair { block, state_root: Hash([n; 32]), receipts_root: Hash([n; 32]) };
    let valid = |n: u8| Input::Validity {
        block,
        verdict: plugin_api::input::Verdict::Valid { pair: result(n) },
    };
    step(&mut rule, valid(1)).unwrap();
    results(&mut rule, [9, 9, 9]);
    assert_eq!(rule.inspect().view, 2, "the others certified another result");
    // A child on the agreed result: no vote. Two others give up on its view: this node joins.
    let child = plugin_api::HeaderView {
        id: Hash([6; 32]),
        view: 2,
        height: 2,
        parent: result(9),
        parent_view: 1,
        proposer: 2,
        ..header
    };
    let body = Body::Propose { view: 2, kind: ProposalKind::Norm, block: child.id };
    let statement = say(2, &body);
    let proposal = Input::Proposal { header: child, statement, justification: Vec::new() };
    let mut out = step(&mut rule, proposal).unwrap();
    for signer in [1, 3] {
        let skip = say(signer, &Body::Skip { view: 2 });
        out.extend(step(&mut rule, Input::Statement { statement: skip }).unwrap());
    }
    let bodies = out.iter().filter_map(|output| match output {
        Output::Sign { body, .. } => Some(Body::decode(body).unwrap()),
        _ => None,
    });
    assert_eq!(bodies.collect::<Vec<_>>(), [Body::Skip { view: 2 }]);
    // It asks its host again, which has the agreed result by now.
    let mut out = Vec::new();
    rule.step(5_000, Input::Timer { token: 1 }, &mut out).unwrap();
    assert!(out.contains(&Output::Validate { block }), "{out:?}");
    let mut out = step(&mut rule, valid(9)).unwrap();
    for signer in 1..4 {
        let commit = say(signer, &Body::Commit { view: 1, pair: result(9) });
        out.extend(step(&mut rule, Input::Statement { statement: commit }).unwrap());
    }
    let is_final = |output: &&Output| matches!(output, Output::Final { blocks, .. } if blocks[0].pair == result(9));
    assert_eq!(out.iter().filter(is_final).count(), 1, "{out:?}");
}
