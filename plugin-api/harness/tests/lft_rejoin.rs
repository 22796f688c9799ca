//! Coming back without the log of what was signed (rules Q1 to Q4): nothing is ever signed twice, the
//! others go on, and the node votes again; bugs planted in it are found.

use lft::{
    Lft,
    peer::PeerMessage,
    planted::{Bug, Shows},
    statement::Body,
};
use plugin_api::{
    ConsensusRule, Hash, InitCfg, Input, Output, Validator, mirror::statement_message,
};
use plugin_api_harness::{
    Plan, Report, campaign, chain,
    clock::{MS, SECOND},
    faults::{Fall, Faults},
    signer::Signatures,
    villain::{
        Villain,
        forger::{Bench, Forger},
        mute::Mute,
    },
    world::Wire,
};

/// Who loses its log.
const WHO: usize = 3;

/// Five validators under load; one loses its log after a while.
fn plan(seed: u64) -> Plan {
    let mut plan = Plan::clean(5, 2 * MS);
    plan.weights = vec![2, 2, 2, 2, 1];
    plan.seed = seed;
    plan.network.delay_max = 8 * MS;
    plan.network.heals_at = 12 * SECOND;
    plan.network.healed_max = 8 * MS;
    plan.costs.flush_max = 2 * MS;
    plan.clients = (1..150).map(|n: u64| (n * 40 * MS, usize::from(n.is_multiple_of(2)))).collect();
    plan.late_clients = 3;
    let at = SECOND + seed * 7 * MS;
    let fall = Fall { at, who: Some(WHO), down: 300 * MS + seed * MS };
    plan.faults = Faults { forgets: vec![fall], ..Faults::default() };
    plan
}

fn good(plan: &Plan) -> Report {
    let report = campaign::run_plan::<Lft>(plan);
    assert!(report.verdict.is_good(), "{}", report.verdict.line(plan.seed));
    report
}

/// It signed something between these times.
fn signs(report: &Report, from: u64, until: u64) -> bool {
    report.signed.iter().any(|signed| {
        let is_then = signed.at > from && signed.at < until;
        signed.node == WHO && is_then && !signed.classes.is_empty()
    })
}

#[test]
fn who_lost_its_log_signs_nothing_twice_and_votes_again() {
    for seed in 0..60 {
        let report = good(&plan(seed));
        assert!(signs(&report, 4 * SECOND, u64::MAX), "seed {seed}: it votes again");
    }
}

#[test]
fn it_comes_back_with_fast_commit_and_after_losing_it_again() {
    for seed in 0..30 {
        let mut plan = plan(seed);
        plan.weights = vec![1; 5];
        plan.parameters = vec![("fast".to_owned(), "0".to_owned())];
        let at = 3 * SECOND + seed * 5 * MS;
        plan.faults.forgets.push(Fall { at, who: Some(WHO), down: 50 * MS });
        let report = good(&plan);
        assert!(signs(&report, 6 * SECOND, u64::MAX), "seed {seed}: it votes again");
    }
}

/// An idle channel: views go on for it, a bounded number of them, and all is silent again.
#[test]
fn an_idle_channel_goes_on_until_it_may_sign_and_then_rests() {
    for seed in 0..20 {
        let mut plan = plan(seed);
        plan.clients.truncate(10);
        let report = good(&plan);
        assert!(signs(&report, 12 * SECOND, u64::MAX), "seed {seed}: it signs the last blocks");
    }
}

/// With another one down too few answer: it waits, and so does the channel, until that one is back.
#[test]
fn it_waits_while_too_few_answer() {
    for seed in 0..10 {
        let mut plan = Plan { weights: vec![1; 4], ..plan(seed) };
        plan.clients = (1..150).map(|n: u64| (n * 40 * MS, 0)).collect();
        let down = Fall { at: 900 * MS, who: Some(1), down: 5 * SECOND };
        plan.faults.falls = vec![down];
        let report = good(&plan);
        let back = down.at + down.down;
        let forgot = plan.faults.forgets.first().map_or(0, |fall| fall.at + fall.down);
        assert!(!signs(&report, forgot, back), "seed {seed}");
        assert!(signs(&report, back, u64::MAX), "seed {seed}: then it votes again");
    }
}

/// Answers in everybody's name.
#[derive(Debug)]
struct Answerer {
    validators: u16,
}

impl Forger for Answerer {
    fn hear(&mut self, wire: &Wire, bench: &mut Bench<'_>) {
        let Wire::Peer(bytes) = wire else { return };
        if let Ok(PeerMessage::Rejoin { nonce, .. }) = PeerMessage::decode(bytes) {
            let asker = u16::try_from(WHO).unwrap_or(0);
            let body = Body::Rejoined { asker, nonce, view: 1 }.encode();
            for signer in 0..self.validators {
                let (body, signature) = (body.clone(), vec![7; 64]);
                let made_up = PeerMessage::Rejoined { signer, body, signature, entry: None };
                bench.send_to.push((vec![WHO], Wire::Peer(made_up.encode())));
            }
        }
    }
}

fn answerer(validators: &[Validator], _: &[(String, String)]) -> Box<dyn Forger> {
    let validators = u16::try_from(validators.len()).unwrap_or(0);
    Box::new(Answerer { validators })
}

/// It forgets again and again while answers are late, and a villain answers for everybody.
fn lied_to(seed: u64, bug: Option<&str>) -> Plan {
    let mut plan = Plan { weights: vec![1; 7], ..plan(seed) };
    plan.villains.insert(1, Villain::Puppet);
    plan.forger = Some(answerer);
    plan.expect_silence = false;
    plan.network.tail_permille = 200;
    plan.network.tail_max = 900 * MS;
    let fall =
        |n: u64| Fall { at: SECOND + seed * 5 * MS + n * 900 * MS, who: Some(WHO), down: MS };
    plan.faults.forgets = (0..8).map(fall).collect();
    let bug = bug.map(|name| ("planted_bug".to_owned(), name.to_owned()));
    plan.parameters = bug.into_iter().collect();
    plan
}

#[test]
fn made_up_and_old_answers_mislead_nobody() {
    for seed in 0..40 {
        good(&lied_to(seed, None));
    }
}

/// What one of four that asked with nonce 1 closes after three answers to this nonce, each of a node
/// that has entered view 1 only.
fn closed_by_answers_to(nonce: u8, bug: Option<&str>) -> Option<u64> {
    let validators = (0u16..4).map(|index| Validator {
        name: format!("S/{index}"),
        public_key: Signatures::Hash.public_key(index),
        weight: 1,
        group: String::new(),
        unit: None,
    });
    let bug = bug.map(|name| ("planted_bug".to_owned(), name.to_owned()));
    let cfg = InitCfg {
        statement_prefix: b"scenario".to_vec(),
        epoch: 0,
        root: chain::genesis().header,
        root_pair: chain::genesis_pair(),
        head: chain::genesis().header,
        head_pair: chain::genesis_pair(),
        head_proof: Vec::new(),
        validators: validators.collect(),
        me: Some(3),
        parameters: bug.into_iter().collect(),
        excluded: Vec::new(),
        rejoin: Some(Hash([1; 32])),
    };
    let (mut rule, _) = Lft::init(cfg, &[], Signatures::Hash.verifier()).ok()?;
    let mut out = Vec::new();
    rule.step(0, Input::Start, &mut out).ok()?;
    for signer in 0..3 {
        let body = Body::Rejoined { asker: 3, nonce: Hash([nonce; 32]), view: 1 }.encode();
        let signature = Signatures::Hash.sign(signer, &statement_message(b"scenario", &[], &body));
        let answer = PeerMessage::Rejoined { signer, body, signature, entry: None };
        let (from, node) = (Some(signer), u64::from(signer));
        // A refused answer is one that does not count.
        rule.step(1, Input::Peer { from, node, bytes: answer.encode() }, &mut out).ok();
    }
    out.iter().find_map(|output| match output {
        Output::Closed { view } => Some(*view),
        _ => None,
    })
}

#[test]
fn answers_to_an_earlier_question_close_nothing() {
    assert_eq!(closed_by_answers_to(1, None), Some(3));
    assert_eq!(closed_by_answers_to(2, None), None);
    assert_eq!(closed_by_answers_to(2, Some("stale-rejoin")), Some(3), "the bug would be found");
}

#[test]
fn every_bug_planted_in_coming_back_is_found() {
    let mut missed = Vec::new();
    let elsewhere = "stale-rejoin";
    let bugs = Bug::ALL.iter().filter(|(_, bug)| bug.shows() == Shows::Rejoin);
    for (name, _) in bugs.filter(|(name, _)| *name != elsewhere) {
        let is_bad =
            |seed| !campaign::run_plan::<Lft>(&lied_to(seed, Some(name))).verdict.is_good();
        if !(0..200).any(is_bad) {
            missed.push(*name);
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// A mute node is a fault like the one that forgot: both together are within f of seven.
#[test]
fn one_who_forgot_and_one_who_is_mute_stop_nobody() {
    for seed in 0..20 {
        let mut plan = Plan { weights: vec![1; 7], ..plan(seed) };
        plan.villains.insert(1, Villain::Mute(Mute::from(0)));
        plan.expect_silence = false;
        good(&plan);
    }
}
