//! One message of every kind, for the tests of this crate and for `abi.txt`. Compiled for tests
//! only.

use super::{FinalClaim, ProofOf};
use crate::{
    GroupMode, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair, Parameter,
    ProposalKind, Slot, Statement, Then, To, Unit, Validator, VerifyItem, input::Verdict,
    output::FinalBlock,
};

fn hash(byte: u8) -> Hash {
    Hash([byte; 32])
}

fn pair() -> Pair {
    Pair { block: hash(1), state_root: hash(2), receipts_root: hash(3) }
}

fn header() -> HeaderView {
    HeaderView {
        id: hash(1),
        epoch: 2,
        view: 300,
        kind: ProposalKind::Opt,
        height: 70_000,
        parent: pair(),
        parent_view: 299,
        proposer: 3,
        carried: hash(4),
        is_empty: true,
        is_sealing: false,
    }
}

fn slot() -> Slot {
    Slot { view: 300, class: crate::mirror::class::VOTE, digest: hash(5) }
}

fn statement() -> Statement {
    Statement { signer: 2, slots: vec![slot()], body: vec![6, 7], signature: vec![8; 64] }
}

fn validator() -> Validator {
    Validator { name: "a/0".into(), public_key: [9; 32], weight: 7, group: "a".into(), unit: None }
}

fn member() -> Validator {
    let unit = Unit { mode: GroupMode::Delegate, weight: 11, threshold: 8 };
    Validator { unit: Some(unit), ..validator() }
}

pub(crate) fn verify_item() -> VerifyItem {
    VerifyItem { public_key: [9; 32], message: vec![1, 2], signature: vec![8; 64] }
}

pub(crate) fn init_cfg() -> InitCfg {
    InitCfg {
        statement_prefix: vec![1, 2, 3],
        epoch: 2,
        root: header(),
        root_pair: pair(),
        head: header(),
        head_pair: pair(),
        head_proof: vec![4],
        validators: vec![validator()],
        me: Some(0),
        parameters: vec![("delta".into(), "500".into())],
        excluded: Vec::new(),
        rejoin: None,
    }
}

/// With what came with 1.2.
pub(crate) fn sealing_header() -> HeaderView {
    HeaderView { is_sealing: true, ..header() }
}

/// With everything that came with 1.1.
pub(crate) fn init_cfg_with_groups() -> InitCfg {
    InitCfg { validators: vec![validator(), member()], excluded: vec![1], ..init_cfg() }
}

pub(crate) fn log() -> Vec<LogRecord> {
    vec![LogRecord::Rule { view: 300, record: vec![1] }, LogRecord::Own { statement: statement() }]
}

pub(crate) fn final_claim() -> FinalClaim {
    FinalClaim {
        statement_prefix: vec![1],
        validators: vec![validator()],
        header: header(),
        pair: pair(),
        proof: vec![2],
        parameters: Vec::new(),
    }
}

/// With everything that came with 1.1.
pub(crate) fn final_claim_with_parameters() -> FinalClaim {
    FinalClaim {
        validators: vec![member()],
        parameters: vec![("fast".into(), "1".into())],
        ..final_claim()
    }
}

pub(crate) fn proof_of() -> ProofOf {
    ProofOf { validators: vec![validator()], proof: vec![1, 2, 3] }
}

pub(crate) fn inspect() -> Inspect {
    Inspect {
        epoch: 1,
        view: 2,
        leader: 3,
        quorum: 4,
        total: 5,
        faulty_max: 1,
        fails: 6,
        details: vec![("high".into(), "7".into())],
    }
}

pub(crate) fn parameters() -> Vec<Parameter> {
    vec![Parameter {
        name: "delta".into(),
        unit: "ms".into(),
        default: "500".into(),
        meaning: "One trip.".into(),
    }]
}

/// Every input with its name.
pub(crate) fn inputs() -> Vec<(&'static str, Input)> {
    let validity = |verdict| Input::Validity { block: hash(1), verdict };
    vec![
        ("Start", Input::Start),
        ("Statement", Input::Statement { statement: statement() }),
        (
            "Proposal",
            Input::Proposal { header: header(), statement: statement(), justification: vec![1] },
        ),
        ("Header", Input::Header { header: header() }),
        ("Validity Valid", validity(Verdict::Valid { pair: pair() })),
        ("Validity Invalid", validity(Verdict::Invalid { reason: "no".into() })),
        ("Validity NoResult", validity(Verdict::NoResult)),
        ("Built", Input::Built { request: 1, header: Some(header()) }),
        ("Built none", Input::Built { request: 1, header: None }),
        ("Timer", Input::Timer { token: 1 }),
        ("OwnSigned", Input::OwnSigned { sequence: 1, statement: statement() }),
        ("SignRefused", Input::SignRefused { sequence: 1 }),
        ("Pending", Input::Pending { has_work: true }),
        ("Peer", Input::Peer { from: Some(1), node: 2, bytes: vec![3] }),
        ("SyncedTo", Input::SyncedTo { header: header(), pair: pair(), proof: vec![1] }),
    ]
}

/// Every output with its name.
pub(crate) fn outputs() -> Vec<(&'static str, Output)> {
    let mut all = signing_outputs();
    all.extend(sending_outputs());
    all.extend(host_outputs());
    all
}

fn signing_outputs() -> Vec<(&'static str, Output)> {
    let sign = |then| Output::Sign {
        sequence: 1,
        slots: vec![slot()],
        body: vec![2],
        then,
        needs: vec![hash(1)],
    };
    vec![
        ("Sign Broadcast", sign(Then::Broadcast)),
        ("Sign Keep", sign(Then::Keep)),
        ("Sign Propose", sign(Then::Propose { block: hash(1), justification: vec![3] })),
        ("Persist", Output::Persist { view: 1, record: vec![2] }),
    ]
}

fn sending_outputs() -> Vec<(&'static str, Output)> {
    vec![
        ("Send", Output::Send { to: To::Node(1), bytes: vec![2] }),
        ("SendStatement", Output::SendStatement { to: To::Validator(1), statement: statement() }),
        (
            "SendProposal",
            Output::SendProposal {
                to: To::All,
                block: hash(1),
                statement: statement(),
                justification: vec![1],
            },
        ),
    ]
}

fn host_outputs() -> Vec<(&'static str, Output)> {
    vec![
        ("SetTimer", Output::SetTimer { token: 1, after_ms: 2 }),
        ("CancelTimer", Output::CancelTimer { token: 1 }),
        (
            "Build",
            Output::Build {
                request: 1,
                view: 2,
                kind: ProposalKind::Norm,
                parent: pair(),
                parent_view: 1,
                allow_empty: false,
                carried: hash(4),
            },
        ),
        ("Validate", Output::Validate { block: hash(1) }),
        ("FetchBlock", Output::FetchBlock { block: hash(1) }),
        ("Candidate", Output::Candidate { pair: pair(), view: 1 }),
        (
            "Final",
            Output::Final { blocks: vec![FinalBlock { pair: pair(), view: 1 }], proof: vec![2] },
        ),
        ("Evidence", Output::Evidence { signer: 1, first: statement(), second: statement() }),
        ("Trace", Output::Trace { level: 3, line: "line".into() }),
        ("Entered", Output::Entered { view: 1, leader: 2 }),
        ("Behind", Output::Behind { node: 1, height: 2 }),
        ("Closed", Output::Closed { view: 7 }),
        (
            "Suspect",
            Output::Suspect {
                block: Hash([1; 32]),
                why: crate::output::Why::Split,
                votes: vec![crate::output::ResultVote { signer: 1, pair: Pair::default() }],
            },
        ),
    ]
}
