//! Fixed values, one or more of every kind that is hashed, signed, sent or stored. Changing one
//! changes the golden bytes without any format having changed: add new ones instead.

use bytes::Bytes;
use host_core::system::freeze::{Frozen, Why};
use host_core::system::state::{ChangeRecord, ChangeStatus, Closed};
use host_types::block::{RootPair, tx_root};
use host_types::change::{Change, Configure, Deploy, SystemCall, ValidatorChange};
use host_types::epoch::{BlockLimits, EpochConfig};
use host_types::genesis::{
    ChannelGenesis, ChannelLimits, NetworkGenesis, Policies, Policy, RuleConfig,
};
use host_types::grant::{Grant, Grantee};
use host_types::message::{BlockRange, FetchReply, FetchRequest, PeerMessage, Proposal};
use host_types::proof::FinalProof;
use host_types::read_request::{ReadRequest, SignedRead};
use host_types::receipt::Write;
use host_types::statement::{Slot, Statement, StatementPrefix};
use host_types::tolerance::UnitMode;
use host_types::trail::{SignedRecord, TrailRecord};
use host_types::validators::{Unit, Validator, ValidatorSet};
use host_types::{
    Address, BlockId, BlockTime, CertificateId, ChannelName, Epoch, GenesisHash, Hash32, Header,
    Height, NetworkId, NodeName, Pair, ProposalKind, RawTx, Receipt, ScoreEvent, ScoreName, Status,
    Transaction, TxId, View, Weight,
};

/// A signature's bytes; nobody checks it here.
pub(crate) const SIGNATURE: [u8; 64] = [0x5a; 64];
/// 14 November 2023, 22:13:20 UTC, in microseconds.
const TIME: u64 = 1_700_000_000_000_000;

fn hash(byte: u8) -> Hash32 {
    Hash32::new([byte; 32])
}

fn score(name: &str) -> ScoreName {
    ScoreName::new(name).unwrap()
}

fn roots(byte: u8) -> RootPair {
    RootPair { state: hash(byte), receipts: hash(byte + 1) }
}

/// Transactions: the usual one, and one at the edges.
pub(crate) fn transactions() -> [(&'static str, Transaction); 2] {
    let usual = Transaction {
        genesis: GenesisHash::new(hash(0x11)),
        score: score("token"),
        method: "transfer".into(),
        args: Bytes::from_static(&[0x82, 0x43, 1, 2, 3, 0x18, 100]),
        signer: CertificateId::new(hash(0x22)),
        nonce: 0x0102_0304_0506_0708,
        expiry: BlockTime::new(TIME),
    };
    let edge = Transaction {
        genesis: GenesisHash::default(),
        score: score(ScoreName::SYSTEM),
        method: String::new(),
        args: Bytes::from_static(&[0x80]),
        signer: CertificateId::default(),
        nonce: 0,
        expiry: BlockTime::new(u64::MAX),
    };
    [("usual", usual), ("edge", edge)]
}

fn envelopes() -> Vec<RawTx> {
    transactions().iter().map(|(_, tx)| tx.into_envelope(&SIGNATURE)).collect()
}

/// An event.
pub(crate) fn event() -> ScoreEvent {
    ScoreEvent { score: score("token"), name: "Transfer".into(), data: vec![0x81, 0x01] }
}

/// A write and a deletion.
pub(crate) fn writes() -> [(&'static str, Write); 2] {
    let write = Write { score: score("token"), key: vec![1, 2], value: Some(vec![3]) };
    let delete = Write { score: score("token"), key: vec![2], value: None };
    [("write", write), ("delete", delete)]
}

/// One receipt of every status.
pub(crate) fn receipts() -> [(&'static str, Receipt); 5] {
    let writes: Vec<_> = writes().into_iter().map(|(_, write)| write).collect();
    let full = Receipt::new((Status::Ok, 0), vec![0xf6], &[event(), event()], &writes, 4_711);
    let empty = |status, code| Receipt::new((status, code), b"why".to_vec(), &[], &[], 0);
    [
        ("ok", full),
        ("fault", empty(Status::Fault, 2)),
        ("trap", empty(Status::Trap, 1)),
        ("refused", empty(Status::Refused, 2106)),
        ("crash", empty(Status::Crash, u32::MAX)),
    ]
}

fn header(kind: ProposalKind, next_validators: Option<Hash32>) -> Header {
    Header {
        genesis: GenesisHash::new(hash(0x11)),
        epoch: Epoch::new(1),
        view: View::new(300),
        kind,
        height: Height::new(70_000),
        parent: Pair { block: BlockId::new(hash(0x33)), roots: roots(0x34) },
        parent_view: View::new(299),
        proposer: 2,
        time: BlockTime::new(TIME),
        tx_count: 2,
        tx_root: tx_root(&[TxId::new(hash(0x36)), TxId::new(hash(0x37))]),
        validators: hash(0x38),
        next_validators,
        carried: hash(0x39),
    }
}

/// Headers of every kind, and of height 0.
pub(crate) fn headers() -> [(&'static str, Header); 4] {
    [
        ("norm", header(ProposalKind::Norm, None)),
        ("opt", header(ProposalKind::Opt, None)),
        ("closing", header(ProposalKind::Closing, Some(hash(0x3a)))),
        ("genesis", genesis().header()),
    ]
}

/// A Final proof through one descendant.
pub(crate) fn proof() -> FinalProof {
    FinalProof {
        descendants: vec![header(ProposalKind::Norm, None)],
        roots: roots(0x40),
        rule_proof: vec![1, 2, 3],
    }
}

/// A statement with two slots.
pub(crate) fn statement() -> Statement {
    let slot = |view, class| Slot { view: View::new(view), class, digest: hash(class) };
    Statement {
        epoch: Epoch::new(1),
        signer: 3,
        slots: vec![slot(300, 3), slot(299, 4)],
        body: vec![0x82, 1, 2],
        signature: SIGNATURE,
    }
}

/// What statements of the sample channel begin with.
pub(crate) fn statement_prefix() -> StatementPrefix {
    genesis().statement_prefix(Epoch::new(1), BlockId::new(hash(0x33)))
}

/// A network.
pub(crate) fn network() -> NetworkGenesis {
    NetworkGenesis {
        name: "local".into(),
        roots: vec![("bank-a".into(), hash(0x51)), ("bank-b".into(), hash(0x52))],
        created: BlockTime::new(TIME),
    }
}

/// A channel.
pub(crate) fn genesis() -> ChannelGenesis {
    let validator = |index: u8| Validator {
        name: NodeName::new(&format!("bank/peer{index}")).unwrap(),
        public_key: [index; 32],
        weight: Weight::new(u64::from(index) + 1).unwrap(),
        group: format!("group-{index}"),
    };
    ChannelGenesis {
        network: NetworkId::new(hash(0x53)),
        channel: ChannelName::new("demo").unwrap(),
        created: BlockTime::new(TIME),
        rule: RuleConfig {
            id: "lft".into(),
            version: 3,
            sha256: vec![hash(0x54)],
            parameters: vec![("delta".into(), "500".into()), ("tenure".into(), "1".into())],
        },
        validators: ValidatorSet::new((1..=4).map(validator).collect()).unwrap(),
        roots: network().roots,
        certificates: vec![vec![0x30, 0x03, 1, 2, 3]],
        limits: ChannelLimits::default(),
        policies: Policies {
            submit: Policy::Roles(vec!["client".into(), "admin@bank-a".into()]),
            read: Policy::Anyone,
            query: Policy::Anyone,
            deploy: Policy::Quorum,
            configure: Policy::Quorum,
            v1_gateway: true,
            audit: None,
            admin: None,
            grants: Vec::new(),
        },
        metering_required: true,
        auto_activate: false,
        call: host_types::call_bounds::CallBounds::default(),
    }
}

/// The same channel, two of whose validators are a group that counts as one.
pub(crate) fn genesis_with_units() -> ChannelGenesis {
    let mut genesis = genesis();
    let mut validators = genesis.validators.all().to_vec();
    validators[0].group = "group-2".into();
    let unit = Unit {
        mode: UnitMode::Delegate,
        weight: Weight::new(7).unwrap(),
        threshold: Weight::new(4).unwrap(),
    };
    let units = [("group-2".to_owned(), unit)].into();
    let set = ValidatorSet::new(validators).and_then(|set| set.with_units(units));
    genesis.validators = set.unwrap();
    genesis
}

/// A proposal.
pub(crate) fn proposal() -> Proposal {
    Proposal {
        header: header(ProposalKind::Norm, None),
        tx_ids: vec![TxId::new(hash(0x36)), TxId::new(hash(0x37))],
        statement: statement(),
        justification: vec![9; 30],
    }
}

/// One message of every kind.
pub(crate) fn messages() -> [(&'static str, PeerMessage); 6] {
    [
        ("statement", PeerMessage::Statement(statement())),
        ("proposal", PeerMessage::Proposal(Box::new(proposal()))),
        ("rule", PeerMessage::Rule(vec![1, 2, 3])),
        ("transactions", PeerMessage::Transactions(envelopes())),
        ("handed", PeerMessage::Handed(statement())),
        ("bundle", PeerMessage::Bundle(vec![statement(), statement()])),
    ]
}

/// One request of every kind.
pub(crate) fn requests() -> [(&'static str, FetchRequest); 8] {
    [
        ("fetch-bodies", FetchRequest::Bodies(vec![TxId::new(hash(0x36))])),
        ("fetch-proposal", FetchRequest::Proposal(BlockId::new(hash(0x33)))),
        ("fetch-blocks", FetchRequest::Blocks { from: Height::new(1), max: 256 }),
        ("fetch-artefact", FetchRequest::Artefact { sha256: hash(0x61), offset: 1_048_576 }),
        ("fetch-head", FetchRequest::Head),
        ("fetch-digests", FetchRequest::Digests(BlockId::new(hash(1)))),
        (
            "fetch-outcome",
            FetchRequest::Outcome {
                block: BlockId::new(hash(1)),
                roots: roots(0x40),
                offset: 70_000,
            },
        ),
        ("fetch-newest", FetchRequest::Newest { epoch: Epoch::new(2), signer: 3 }),
    ]
}

/// One reply of every kind, with and without what was asked for.
pub(crate) fn replies() -> [(&'static str, FetchReply); 14] {
    let ids = vec![TxId::new(hash(0x36)), TxId::new(hash(0x37))];
    let range = BlockRange {
        blocks: vec![(header(ProposalKind::Norm, None), envelopes())],
        roots: roots(0x40),
        proof: proof(),
    };
    let known = (Box::new(header(ProposalKind::Opt, None)), ids);
    [
        ("bodies", FetchReply::Bodies(envelopes())),
        ("proposal-known", FetchReply::Proposal(Some(known))),
        ("proposal-unknown", FetchReply::Proposal(None)),
        ("blocks", FetchReply::Blocks(Some(Box::new(range)))),
        ("blocks-none", FetchReply::Blocks(None)),
        ("artefact", FetchReply::Artefact(Some((3, vec![7, 8, 9])))),
        ("artefact-none", FetchReply::Artefact(None)),
        ("head", FetchReply::Head(Height::new(70_000))),
        ("digests", FetchReply::Digests(Some((roots(0x40), vec![hash(3), hash(4)])))),
        ("digests-none", FetchReply::Digests(None)),
        ("outcome", FetchReply::Outcome(Some((3, vec![7, 8, 9])))),
        ("outcome-none", FetchReply::Outcome(None)),
        ("newest", FetchReply::Newest(Some(Box::new(statement())))),
        ("newest-none", FetchReply::Newest(None)),
    ]
}

/// A change of a channel.
pub(crate) fn change() -> Change {
    Change::Deploy(Deploy {
        score: score("token"),
        version: "1.0.0".into(),
        sha256: hash(0x61),
        target: "x86_64-unknown-linux-gnu".into(),
        activate_at: Height::ZERO,
        args: vec![0x81, 0x1a, 0, 0x0f, 0x42, 0x40],
        deployer: Address::new([0x62; 20]),
    })
}

/// A change that takes certificates back.
pub(crate) fn revoke() -> Change {
    Change::Revoke { crl: vec![0x30, 0x03, 0x02, 0x01, 0x05] }
}

/// Changes that stop a SCORE and let it go on.
pub(crate) fn freezes() -> [(&'static str, Change); 2] {
    [
        ("freeze", Change::Freeze { score: score("token") }),
        ("unfreeze", Change::Unfreeze { score: score("token") }),
    ]
}

/// Records of changes: one that is accepted, one that failed.
pub(crate) fn change_records() -> [(&'static str, ChangeRecord); 2] {
    let (change, proposed) = (change(), Height::new(40));
    let record = |status, closed| ChangeRecord { status, change: change.clone(), proposed, closed };
    let closed = Closed { height: Height::new(99), reason: "migrate was stopped".into() };
    [
        ("record-accepted", record(ChangeStatus::Accepted, None)),
        ("record-failed", record(ChangeStatus::Failed, Some(closed))),
    ]
}

/// A SCORE that crashed too often.
pub(crate) fn frozen() -> Frozen {
    Frozen { since: Height::new(7), why: Why::Crashes, reason: "it crashed 8 times".into() }
}

/// A change of what the next epoch runs with.
pub(crate) fn configure() -> Change {
    let genesis = genesis();
    let first = genesis.validators.all()[0].clone();
    Change::Configure(Configure {
        epoch: Epoch::new(3),
        validators: vec![
            ValidatorChange::Remove(first.name.clone()),
            ValidatorChange::Set { validator: first, unit: None },
        ],
        rule: Some(genesis.rule),
        limits: Some(BlockLimits::of(&genesis.limits)),
        policies: None,
    })
}

/// What an epoch runs with.
pub(crate) fn epoch() -> EpochConfig {
    EpochConfig { epoch: Epoch::new(4), ..EpochConfig::of_genesis(&genesis()) }
}

/// Policies of every form, each once.
pub(crate) fn policies() -> Policies {
    let from = vec!["admin@bank-a".to_owned(), "admin@bank-b".to_owned(), "validator".to_owned()];
    Policies {
        deploy: Policy::Organisations { of: 2, from },
        audit: Some(Policy::Roles(vec!["auditor".into()])),
        admin: Some(Policy::Organisations { of: 1, from: vec!["admin".into()] }),
        ..genesis().policies
    }
}

/// Policies with a grant that names everything, and one that opens everything.
pub(crate) fn policies_with_grants() -> Policies {
    let grant = |name: &str| Grant {
        name: name.into(),
        who: Grantee::parse("fss/audit0").unwrap(),
        root: hash(0x71),
        scores: Vec::new(),
        keys: Vec::new(),
        from: Height::ZERO,
        to: None,
        until: None,
    };
    let part = Grant {
        who: Grantee::parse("fss").unwrap(),
        scores: vec![ScoreName::new("token").unwrap()],
        keys: vec![b"balances/".to_vec()],
        from: Height::new(10),
        to: Some(Height::new(99)),
        until: Some(BlockTime::new(1_800_000_000_000_000)),
        ..grant("case-7")
    };
    Policies { grants: vec![grant("fss/audit0"), part], ..genesis().policies }
}

/// A request over REST that says who asks.
pub(crate) fn signed_read() -> SignedRead {
    SignedRead {
        request: ReadRequest {
            genesis: genesis().hash(),
            method: "GET".into(),
            target: "/api/v2/channels/demo/blocks/7?x=1".into(),
            body: Hash32::sha256(b""),
            signer: CertificateId::new(hash(0x72)),
            nonce: 5,
            expiry: BlockTime::new(1_800_000_000_000_000),
        },
        signature: [0x73; 64],
    }
}

/// A record of a trail.
pub(crate) fn trail_record() -> SignedRecord {
    SignedRecord {
        record: TrailRecord {
            number: 2,
            previous: hash(0x74),
            request: signed_read(),
            reader: NodeName::new("fss/audit0").unwrap(),
            grant: "case-7".into(),
            height: Height::new(9),
            time: BlockTime::new(1_799_999_999_000_000),
            status: 200,
            answer: hash(0x75),
        },
        signature: [0x76; 64],
    }
}

/// A change of policies alone.
pub(crate) fn configure_policies() -> Change {
    Change::Configure(Configure {
        epoch: Epoch::new(3),
        validators: vec![],
        rule: None,
        limits: None,
        policies: Some(Box::new(policies())),
    })
}

/// One system call of every kind.
pub(crate) fn system_calls() -> [SystemCall; 6] {
    [
        SystemCall::Register { certificate: vec![0x30, 0x03, 1, 2, 3] },
        SystemCall::Propose { change: change() },
        SystemCall::Approve { id: change().id() },
        SystemCall::Ready { sha256: hash(0x61) },
        SystemCall::Evidence { statements: Box::new([statement(), statement()]) },
        SystemCall::Trail { count: 3, root: hash(0x77) },
    ]
}
