//! The rule against a host of a few lines: one node of four, the others played by hand.

use super::Simplex;
use crate::certificate::Certificate;
use crate::fixture::{PREFIX, committee, signed, statement, validators, verify};
use crate::peer::{PeerMessage, Status};
use crate::statement::Body;
use plugin_api::input::Verdict;
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, LogRecord, Output, Pair,
    ProposalKind, Statement, Then, To,
};

fn pair_of(header: &HeaderView) -> Pair {
    Pair { block: header.id, state_root: Hash([0xAA; 32]), receipts_root: Hash([0xBB; 32]) }
}

fn genesis() -> HeaderView {
    HeaderView {
        id: Hash([0xFF; 32]),
        epoch: 0,
        view: 0,
        kind: ProposalKind::Norm,
        height: 0,
        parent: Pair::default(),
        parent_view: 0,
        proposer: 0,
        carried: Hash::ZERO,
        is_empty: true,
        is_sealing: false,
    }
}

/// A block with transactions in `view` on `parent`, told apart by `tag`.
fn block(view: u64, parent: &HeaderView, tag: u8) -> HeaderView {
    HeaderView {
        id: Hash([tag; 32]),
        view,
        height: parent.height + 1,
        parent: pair_of(parent),
        parent_view: parent.view,
        proposer: committee(&[1; 4]).leader(view),
        is_empty: false,
        is_sealing: false,
        ..genesis()
    }
}

struct Stage {
    rule: Simplex,
    now: u64,
    log: Vec<LogRecord>,
}

impl Stage {
    /// Validator `me` of four, from a log.
    fn from_log(me: u16, log: Vec<LogRecord>) -> Self {
        let cfg = InitCfg {
            statement_prefix: PREFIX.to_vec(),
            epoch: 0,
            root: genesis(),
            root_pair: pair_of(&genesis()),
            head: genesis(),
            head_pair: pair_of(&genesis()),
            head_proof: Vec::new(),
            validators: validators(&[1; 4]),
            me: Some(me),
            parameters: Vec::new(),
            excluded: Vec::new(),
            rejoin: None,
        };
        let (rule, _) = Simplex::init(cfg, &log, verify).unwrap();
        Self { rule, now: 0, log }
    }

    fn new(me: u16) -> Self {
        let mut stage = Self::from_log(me, Vec::new());
        stage.give(Input::Start);
        stage
    }

    /// One input; persists and signs at once, and returns the rest of the wishes with the bodies
    /// signed.
    fn give(&mut self, input: Input) -> (Vec<Body>, Vec<Output>) {
        let mut out = Vec::new();
        let accepted = self.rule.step(self.now, input, &mut out);
        assert!(accepted.is_ok(), "{accepted:?}");
        self.carry_out(out)
    }

    fn carry_out(&mut self, out: Vec<Output>) -> (Vec<Body>, Vec<Output>) {
        let me = self.rule.me.unwrap();
        let (mut bodies, mut rest) = (Vec::new(), Vec::new());
        for output in out {
            match output {
                Output::Persist { view, record } => {
                    self.log.push(LogRecord::Rule { view, record });
                }
                Output::Sign { sequence, body, .. } => {
                    let body = Body::decode(&body).unwrap();
                    let statement = statement(me, &body);
                    self.log.push(LogRecord::Own { statement: statement.clone() });
                    bodies.push(body);
                    let (more, others) = self.give(Input::OwnSigned { sequence, statement });
                    bodies.extend(more);
                    rest.extend(others);
                }
                other => rest.push(other),
            }
        }
        (bodies, rest)
    }

    fn hear(&mut self, signer: u16, body: Body) -> (Vec<Body>, Vec<Output>) {
        self.give(Input::Statement { statement: statement(signer, &body) })
    }

    fn offer(&mut self, header: &HeaderView, certificates: &[Certificate]) -> Vec<Output> {
        let body = Body::Propose { view: header.view, block: header.id };
        let justification = crate::certificate::encode_all(&certificates.to_vec());
        let statement = statement(header.proposer, &body);
        let header = header.clone();
        self.give(Input::Proposal { header, statement, justification }).1
    }

    fn judge(&mut self, header: &HeaderView) -> (Vec<Body>, Vec<Output>) {
        let verdict = Verdict::Valid { pair: pair_of(header) };
        self.give(Input::Validity { block: header.id, verdict })
    }

    fn certify(&mut self, body: Body) -> (Vec<Body>, Vec<Output>) {
        let list = vec![certificate(body)];
        let bytes = PeerMessage::Certificates { list }.encode();
        self.give(Input::Peer { from: Some(3), node: 3, bytes })
    }

    /// Time passes and a timer fires.
    fn wait(&mut self, timer: crate::timer::Timer, ms: u64) -> (Vec<Body>, Vec<Output>) {
        self.now += ms;
        self.give(Input::Timer { token: timer as u64 })
    }
}

fn certificate(body: Body) -> Certificate {
    Certificate { body, signed: signed(&[1, 2, 3], &body) }
}

fn finals(out: &[Output]) -> Vec<Hash> {
    let blocks = out.iter().filter_map(|output| match output {
        Output::Final { blocks, .. } => Some(blocks),
        _ => None,
    });
    blocks.flatten().map(|block| block.pair.block).collect()
}

#[test]
fn a_block_is_voted_committed_and_final_and_the_proof_holds_for_anyone() {
    let mut stage = Stage::new(0);
    let one = block(1, &genesis(), 1);
    let pair = pair_of(&one);
    let out = stage.offer(&one, &[]);
    assert!(out.contains(&Output::Validate { block: one.id }), "execution comes before the vote");
    let (bodies, _) = stage.judge(&one);
    assert_eq!(bodies, [Body::Vote { view: 1, pair }]);
    assert!(stage.hear(1, bodies[0]).0.is_empty());
    let (bodies, _) = stage.hear(2, bodies[0]);
    assert_eq!(bodies, [Body::Commit { view: 1, pair }]);
    assert_eq!(stage.rule.inspect().view, 2);
    stage.hear(1, bodies[0]);
    let (_, out) = stage.hear(2, bodies[0]);
    assert_eq!(finals(&out), [one.id]);
    let proof = stage.rule.head.proof.clone();
    let check = |header: &HeaderView, pair: &Pair| {
        let claim = FinalClaim {
            statement_prefix: PREFIX.to_vec(),
            validators: validators(&[1; 4]),
            header: header.clone(),
            pair: *pair,
            proof: proof.clone(),
            parameters: Vec::new(),
        };
        Simplex::verify_final(&claim, verify)
    };
    assert!(check(&one, &pair).is_ok());
    assert!(check(&one, &Pair { state_root: Hash([1; 32]), ..pair }).is_err());
    assert!(check(&HeaderView { view: 2, ..one.clone() }, &pair).is_err());
    let signers = Simplex::describe_proof(&validators(&[1; 4]), &proof).unwrap();
    assert_eq!(signers, [(0, 1), (1, 1), (2, 1)]);
    assert!(Simplex::describe_proof(&validators(&[1; 2]), &proof).is_err());
}

#[test]
fn nobody_votes_twice_in_a_view_or_for_somebody_who_does_not_lead_it() {
    let mut stage = Stage::new(0);
    let (one, two) = (block(1, &genesis(), 1), block(1, &genesis(), 2));
    stage.offer(&one, &[]);
    assert_eq!(stage.judge(&one).0.len(), 1);
    let body = Body::Propose { view: 1, block: two.id };
    let mut out = Vec::new();
    let input = |header: &HeaderView, signer| Input::Proposal {
        header: header.clone(),
        statement: statement(signer, &body),
        justification: Vec::new(),
    };
    let refused = stage.rule.step(0, input(&two, 1), &mut out).unwrap_err();
    assert!(refused.message.contains("second proposal"), "{refused:?}");
    assert!(out.iter().any(|o| matches!(o, Output::Evidence { signer: 1, .. })), "{out:?}");
    let other = HeaderView { proposer: 2, ..two };
    let refused = stage.rule.step(0, input(&other, 2), &mut Vec::new()).unwrap_err();
    assert!(refused.message.contains("led by validator 1"), "{refused:?}");
}

#[test]
fn a_vote_needs_the_parents_certificate_and_null_views_in_between() {
    let (one, three) = (block(1, &genesis(), 1), block(3, &block(1, &genesis(), 1), 3));
    let certified = certificate(Body::Vote { view: 1, pair: pair_of(&one) });
    let null = certificate(Body::Skip { view: 2 });
    for (shown, votes) in [
        (vec![certified.clone()], false),
        (vec![null.clone()], false),
        (vec![certified, null], true),
    ] {
        let mut stage = Stage::new(0);
        stage.offer(&one, &[]);
        stage.judge(&one);
        stage.certify(Body::Skip { view: 2 });
        // In view 3 by the null certificate of view 2; what was not shown is not known.
        stage.rule.views.get_mut(&1).unwrap().certified = None;
        stage.rule.views.get_mut(&2).unwrap().null = None;
        assert_eq!(stage.rule.view, 3);
        stage.offer(&three, &shown);
        let (bodies, _) = stage.judge(&three);
        let voted = bodies.iter().any(|body| matches!(body, Body::Vote { view: 3, .. }));
        assert_eq!(voted, votes, "{shown:?}: {bodies:?}");
    }
}

#[test]
fn skip_and_commit_of_a_view_exclude_each_other() {
    let one = block(1, &genesis(), 1);
    let pair = pair_of(&one);
    let mut stage = Stage::new(0);
    stage.offer(&one, &[]);
    stage.judge(&one);
    stage.give(Input::Pending { has_work: true });
    let (bodies, _) = stage.wait(crate::timer::Timer::End, 60_000);
    assert_eq!(bodies, [Body::Skip { view: 1 }], "a vote does not forbid a skip");
    let (bodies, _) = stage.certify(Body::Vote { view: 1, pair });
    assert!(bodies.is_empty(), "{bodies:?}");

    let mut stage = Stage::new(0);
    stage.offer(&one, &[]);
    stage.judge(&one);
    let (bodies, _) = stage.certify(Body::Vote { view: 1, pair });
    assert_eq!(bodies, [Body::Commit { view: 1, pair }]);
    for signer in 1..4 {
        let (bodies, _) = stage.hear(signer, Body::Skip { view: 1 });
        assert!(bodies.is_empty(), "{bodies:?}");
    }
}

#[test]
fn a_silent_leader_is_skipped_and_the_next_one_proposes_on_the_last_certified_block() {
    let mut stage = Stage::new(2);
    let (_, out) = stage.give(Input::Pending { has_work: true });
    assert!(out.iter().any(|o| matches!(o, Output::SetTimer { .. })));
    let (bodies, _) = stage.wait(crate::timer::Timer::Lead, 60_000);
    assert_eq!(bodies, [Body::Skip { view: 1 }]);
    stage.hear(0, bodies[0]);
    let (_, out) = stage.hear(3, bodies[0]);
    let built = out.iter().find_map(|output| match output {
        Output::Build { request, view: 2, parent, parent_view: 0, .. } => Some((*request, *parent)),
        _ => None,
    });
    let (request, parent) = built.unwrap();
    assert_eq!(parent, pair_of(&genesis()));
    let two = HeaderView { parent_view: 0, ..block(2, &genesis(), 2) };
    let header = Some(two);
    let mut out = Vec::new();
    stage.rule.step(stage.now, Input::Built { request, header }, &mut out).unwrap();
    let justification = out.iter().find_map(|output| match output {
        Output::Sign { then: Then::Propose { justification, .. }, .. } => Some(justification),
        _ => None,
    });
    let shown = crate::certificate::decode_all(justification.unwrap()).unwrap();
    assert_eq!(shown.len(), 1, "the root needs no certificate, view 1 does");
    assert_eq!(shown[0].body, Body::Skip { view: 1 });
}

#[test]
fn weight_above_f_of_skips_carries_the_others_along_even_without_work() {
    let mut stage = Stage::new(0);
    assert!(stage.hear(2, Body::Skip { view: 1 }).0.is_empty());
    assert_eq!(stage.hear(3, Body::Skip { view: 1 }).0, [Body::Skip { view: 1 }]);
}

#[test]
fn without_work_nothing_is_said_and_no_timer_runs() {
    let mut stage = Stage::new(1);
    let (bodies, out) = stage.give(Input::Pending { has_work: false });
    assert!(bodies.is_empty() && out.is_empty(), "{out:?}");
}

#[test]
fn an_empty_block_is_refused_unless_something_below_is_not_final() {
    let mut stage = Stage::new(0);
    let empty = HeaderView { is_empty: true, ..block(1, &genesis(), 1) };
    stage.offer(&empty, &[]);
    assert!(stage.judge(&empty).0.is_empty());

    let mut stage = Stage::new(0);
    let one = block(1, &genesis(), 1);
    stage.offer(&one, &[]);
    stage.judge(&one);
    stage.certify(Body::Vote { view: 1, pair: pair_of(&one) });
    let empty = HeaderView { is_empty: true, ..block(2, &one, 2) };
    stage.offer(&empty, &[]);
    let (bodies, _) = stage.judge(&empty);
    assert_eq!(bodies, [Body::Vote { view: 2, pair: pair_of(&empty) }]);
}

#[test]
fn after_a_restart_no_register_is_filled_anew_and_everything_is_said_again() {
    let one = block(1, &genesis(), 1);
    let mut stage = Stage::new(0);
    stage.offer(&one, &[]);
    let (bodies, _) = stage.judge(&one);
    let vote = statement(0, &bodies[0]);
    stage.certify(Body::Skip { view: 1 });

    let mut stage = Stage::from_log(0, stage.log);
    let (bodies, out) = stage.give(Input::Start);
    assert!(bodies.is_empty(), "{bodies:?}");
    assert_eq!(stage.rule.inspect().view, 2, "the null certificate was in the log");
    let again = Output::SendStatement { to: To::All, statement: vote };
    assert!(out.contains(&again), "{out:?}");
    // Back to view 1 in thought: its register is taken.
    assert!(stage.rule.views[&1].has_voted());
}

#[test]
fn a_log_that_contradicts_itself_is_refused() {
    let log = [Body::Skip { view: 1 }, Body::Commit { view: 1, pair: pair_of(&genesis()) }]
        .map(|body| LogRecord::Own { statement: statement(0, &body) });
    let cfg = Stage::new(0);
    let cfg = InitCfg {
        statement_prefix: PREFIX.to_vec(),
        epoch: 0,
        root: genesis(),
        root_pair: pair_of(&genesis()),
        head: genesis(),
        head_pair: pair_of(&genesis()),
        head_proof: cfg.rule.head.proof,
        validators: validators(&[1; 4]),
        me: Some(0),
        parameters: Vec::new(),
        excluded: Vec::new(),
        rejoin: None,
    };
    let error = Simplex::init(cfg, &log, verify).unwrap_err();
    assert!(error.message.contains("against another one"), "{error:?}");
}

#[test]
fn a_refused_register_stays_closed() {
    let mut stage = Stage::new(0);
    let one = block(1, &genesis(), 1);
    stage.offer(&one, &[]);
    let mut out = Vec::new();
    let verdict = Verdict::Valid { pair: pair_of(&one) };
    stage.rule.step(0, Input::Validity { block: one.id, verdict }, &mut out).unwrap();
    let sequence = out.iter().find_map(|output| match output {
        Output::Sign { sequence, .. } => Some(*sequence),
        _ => None,
    });
    let sequence = sequence.unwrap();
    let (bodies, _) = stage.give(Input::SignRefused { sequence });
    assert!(bodies.is_empty());
    assert!(stage.judge(&one).0.is_empty(), "never asked for again");
}

#[test]
fn whoever_is_behind_is_helped_and_whoever_is_ahead_is_asked() {
    let mut stage = Stage::new(0);
    stage.certify(Body::Skip { view: 1 });
    let status =
        |view| PeerMessage::Status(Status { epoch: 0, view, head_view: 0, head_height: 0 });
    let mut answer = |view| {
        let bytes = status(view).encode();
        let (_, out) = stage.give(Input::Peer { from: Some(2), node: 2, bytes });
        let sent = out.into_iter().find_map(|output| match output {
            Output::Send { to: To::Node(2), bytes } => PeerMessage::decode(&bytes).ok(),
            _ => None,
        });
        sent.unwrap()
    };
    let null = certificate(Body::Skip { view: 1 });
    assert_eq!(answer(1), PeerMessage::Certificates { list: vec![null] });
    assert_eq!(answer(5), PeerMessage::Ask { view: 2 });
}

#[test]
fn forged_certificates_and_strangers_change_nothing() {
    let mut stage = Stage::new(0);
    let body = Body::Skip { view: 1 };
    let forged = Certificate { body, signed: signed(&[1, 2], &body) };
    let bytes = PeerMessage::Certificates { list: vec![forged] }.encode();
    let mut refuse = |input| stage.rule.step(0, input, &mut Vec::new()).unwrap_err();
    refuse(Input::Peer { from: Some(1), node: 1, bytes });
    let mut stranger: Statement = statement(1, &body);
    stranger.signer = 9;
    refuse(Input::Statement { statement: stranger });
    assert_eq!(stage.rule.inspect().view, 1);
}

#[test]
fn memory_is_bounded_ahead() {
    let mut stage = Stage::new(0);
    for view in 1..1_000 {
        stage.hear(1, Body::Vote { view, pair: pair_of(&genesis()) });
    }
    assert!(stage.rule.views.len() <= 1 + usize::try_from(super::VIEWS_AHEAD_MAX).unwrap());
}

/// An empty block is no work: who saw it voted for but not its end asks a few times, then rests.
#[test]
fn without_work_a_view_that_was_spoken_in_is_asked_about_five_times() {
    let mut stage = Stage::new(0);
    let commit = Body::Commit { view: 1, pair: pair_of(&genesis()) };
    let mut input = Some(Input::Statement { statement: statement(2, &commit) });
    let mut asked = 0;
    while let Some(next) = input.take() {
        let (_, out) = stage.give(next);
        asked += out.iter().filter(|o| matches!(o, Output::Send { to: To::All, .. })).count();
        let timer = out.iter().rev().find_map(|output| match output {
            Output::SetTimer { token, after_ms } => Some((*token, *after_ms)),
            _ => None,
        });
        if let Some((token, after_ms)) = timer {
            stage.now += after_ms;
            input = Some(Input::Timer { token });
        }
    }
    assert_eq!(asked, 5);
    assert!(stage.now < 10_000, "silent again after {} ms", stage.now);
}
