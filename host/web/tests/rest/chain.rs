//! What the made-up node holds: two SCOREs, a few transactions in every state, two blocks.

use host_rpc::gateway::{
    BlockView, ChangeView, ChannelStatus, EpochsView, EventFilter, EventPlace, EventView,
    EventsPage, EvidenceView, FinalTx, MemberView, Mode, NodeView, ProofView, ReceiptView,
    RefusedFile, ScoreView, TxState, ValidatorStatus, VersionState, VersionView, VersionsView,
};
use host_rpc::lookups::{FoundTx, StateAnswer, StateQuestion, TxFilter, TxPosition, TxsPage};
use host_types::change::{Change, Configure, ValidatorChange};
use host_types::epoch::{EpochConfig, EpochRun, Epochs};
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policies, Policy, RuleConfig};
use host_types::manifest::Manifest;
use host_types::validators::{Validator, ValidatorSet};
use host_types::value::Value;
use host_types::{
    Address, BlockId, BlockTime, CertificateId, ChannelName, Code, Encode, Epoch, GenesisHash,
    Hash32, Header, Height, NetworkId, NodeName, Pair, Receipt, Rejection, RootPair, ScoreEvent,
    ScoreName, SignedTransaction, Status, Transaction, Weight,
};
use std::sync::Arc;

pub(crate) const KEY: [u8; 32] = [7; 32];
pub(crate) const TIME_US: u64 = 1_795_333_979_294_213;

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

pub(crate) fn node_name() -> NodeName {
    NodeName::new("bank-a/peer0").unwrap()
}

pub(crate) fn hash(byte: u8) -> Hash32 {
    Hash32::new([byte; 32])
}

pub(crate) fn node() -> NodeView {
    NodeView {
        name: node_name(),
        public_key: KEY,
        rpc_target: "127.0.0.1:7100".into(),
        order: 1,
        version: "0.1.0".into(),
        certificates: vec![host_rpc::gateway::NodeCertificate {
            key_use: "signing",
            not_after: BlockTime::new(1_000_000),
            state: "expired",
        }],
    }
}

pub(crate) fn certificate() -> CertificateId {
    CertificateId::new(hash(0xce))
}

pub(crate) fn member(name: &str, key: [u8; 32]) -> MemberView {
    MemberView {
        certificate: if key == KEY { certificate() } else { CertificateId::new(hash(key[0])) },
        name: NodeName::new(name).unwrap(),
        role: "client",
        address: Address::of_key(&key),
        public_key: key,
    }
}

pub(crate) fn validators() -> ValidatorSet {
    let weight = Weight::new(1).unwrap();
    ValidatorSet::new(vec![Validator {
        name: node_name(),
        public_key: KEY,
        weight,
        group: "all".into(),
    }])
    .unwrap()
}

/// The notary: takes anything.
pub(crate) fn notary() -> ScoreView {
    score(
        "notary",
        r#"{"abi": "1.0", "name": "notary", "version": "1.2.0", "methods": [],
            "any": {"invoke": true, "query": true}}"#,
    )
}

/// A token: typed methods only.
pub(crate) fn token() -> ScoreView {
    score(
        "token",
        r#"{"abi": "1.0", "name": "token", "version": "0.1.0",
            "methods": [
              {"name": "transfer", "kind": "invoke", "returns": "()",
               "args": [{"name": "to", "type": "address"}, {"name": "amount", "type": "u128"}]},
              {"name": "deploy", "kind": "deploy", "returns": "()", "args": []},
              {"name": "balance_of", "kind": "query", "returns": "u128",
               "args": [{"name": "who", "type": "address"}]}],
            "events": [{"name": "transfer", "fields": [{"name": "amount", "type": "u128"}]}],
            "faults": [{"code": 1, "name": "Insufficient", "message": "balance {have}"}]}"#,
    )
}

/// A SCORE that was activated after another one; `hello` comes before `token` by its name.
pub(crate) fn later(name: &str) -> ScoreView {
    let mut view = token();
    view.is_first = false;
    if name != "token" {
        view = score(name, r#"{"abi": "1.0", "name": "hello", "version": "0.1.0", "methods": []}"#);
        view.is_first = false;
    }
    view
}

fn score(name: &str, manifest: &str) -> ScoreView {
    let manifest: Manifest = serde_json::from_str(manifest).unwrap();
    ScoreView {
        name: ScoreName::new(name).unwrap(),
        version: manifest.version.clone(),
        sha256: hash(0x5c),
        active_since: Height::new(1),
        is_first: true,
        history: vec![hash(0x5c), hash(0x5b)],
        manifest: Some(manifest.into()),
        is_running: true,
        frozen: None,
    }
}

/// One version that is active, one that waits, and a file that is refused.
pub(crate) fn versions() -> VersionsView {
    let active = VersionView {
        score: "token".to_owned(),
        version: "0.1.0".to_owned(),
        sha256: hash(0x5c),
        state: VersionState::Active,
        is_here: true,
        height: Some(Height::new(1)),
        reason: None,
        change: Some(hash(0x70)),
        approved: vec![node_name()],
        ready: vec![node_name()],
        not_ready: Vec::new(),
        activation: Some(std::time::Duration::from_micros(4_321)),
        manifest: token().manifest,
    };
    let waits = VersionView {
        version: "0.2.0".to_owned(),
        sha256: hash(0x5d),
        state: VersionState::Approved,
        is_here: false,
        height: Some(Height::new(90)),
        ready: Vec::new(),
        not_ready: vec![node_name()],
        activation: None,
        manifest: None,
        ..active.clone()
    };
    let why = host_types::Rejection::new(host_types::Code::ScoreRefused, "no ELF file");
    let refused = vec![RefusedFile { file: "text.so".to_owned(), why }];
    VersionsView { versions: vec![active, waits], refused }
}

pub(crate) fn status(name: &str) -> ChannelStatus {
    ChannelStatus {
        channel: channel(name),
        genesis: genesis(),
        rule: "lft".into(),
        height: Height::new(2),
        head: Pair { block: block(2).id, roots: roots() },
        time: BlockTime::new(TIME_US),
        epoch: 1,
        view: 5,
        leader: Some(node_name()),
        tx_total: 3,
        made_blocks: 2,
        pool_txs: 0,
        mode: Mode::Normal,
        sandbox: "strict",
        quorum: 1,
        total_weight: 1,
        connected_weight: 1,
        faulty_max: 0,
        validators: vec![ValidatorStatus {
            name: node_name(),
            weight: 1,
            is_connected: true,
            is_leader: true,
        }],
        divergences: 0,
        last_divergence: None,
        is_leader_complained: false,
        v1_gateway: name != "signed",
    }
}

pub(crate) fn genesis() -> GenesisHash {
    GenesisHash::new(hash(0x9e))
}

fn roots() -> RootPair {
    RootPair { state: hash(0x51), receipts: hash(0x52) }
}

pub(crate) fn receipt(status: Status, code: u32, output: &[u8]) -> Receipt {
    Receipt::new((status, code), output.to_vec(), &[], &[], 42)
}

pub(crate) fn signed(score: &str, method: &str, args: Vec<u8>, nonce: u64) -> SignedTransaction {
    let transaction = Transaction {
        genesis: genesis(),
        score: ScoreName::new(score).unwrap(),
        method: method.into(),
        args: args.into(),
        signer: certificate(),
        nonce,
        expiry: BlockTime::new(TIME_US + 60_000_000),
    };
    SignedTransaction::decode(&transaction.into_envelope(&[9; 64])).unwrap()
}

/// The transactions and where each is: 0 took any JSON, 1 to 5 are typed and ended in every way,
/// 6 is pending, 7 rejected.
pub(crate) fn transactions() -> Vec<(SignedTransaction, Option<Receipt>, bool)> {
    let body = host_web::arguments::catch_all(r#"{"data": "hello"}"#);
    let transfer = |nonce| {
        let args = Value::Array(vec![Value::Bytes(vec![0xaa; 20]), Value::Uint(30)]);
        signed("token", "transfer", args.to_bytes(), nonce)
    };
    vec![
        (signed("notary", "invoke", body, 0), Some(receipt(Status::Ok, 0, &[])), false),
        (transfer(1), Some(receipt(Status::Ok, 0, &[])), false),
        (transfer(2), Some(receipt(Status::Fault, 1, b"balance 30")), false),
        (transfer(3), Some(receipt(Status::Trap, 2, b"out of steps")), false),
        (transfer(4), Some(receipt(Status::Refused, 2108, &[])), false),
        (transfer(5), Some(receipt(Status::Crash, 0, &[])), false),
        (transfer(6), None, false),
        (transfer(7), None, true),
    ]
}

pub(crate) fn state(id: host_types::TxId) -> Option<TxState> {
    let all = transactions();
    let index = all.iter().position(|(tx, ..)| tx.id() == id)?;
    let (transaction, receipt, is_rejected) = all[index].clone();
    let rejection = Rejection::new(Code::TxExpired, "its expiry has passed");
    Some(match receipt {
        None if is_rejected => TxState::Rejected(rejection),
        None => TxState::Pending(transaction.into()),
        Some(receipt) => TxState::Final(Box::new(FinalTx {
            events: vec![ScoreEvent {
                score: ScoreName::new("token").unwrap(),
                name: "transfer".into(),
                data: Value::Array(vec![Value::Uint(30)]).to_bytes(),
            }],
            transaction,
            height: Height::new(2),
            block: block(2).id,
            index: u32::try_from(index).unwrap(),
            time: BlockTime::new(TIME_US),
            receipt,
            artefact: Some(hash(0x5c)),
            voters: vec![node_name()],
        })),
    })
}

/// Block 0 is genesis, 1 is empty, 2 has the first two transactions.
pub(crate) fn block(height: u64) -> BlockView {
    let transactions: Vec<_> = if height == 2 {
        transactions().into_iter().take(2).map(|(tx, ..)| tx).collect()
    } else {
        Vec::new()
    };
    let ids: Vec<_> = transactions.iter().map(SignedTransaction::id).collect();
    let genesis = Header::genesis(genesis(), validators().hash(), BlockTime::new(1));
    let header = if height == 0 {
        genesis
    } else {
        let parent = Pair { block: BlockId::new(hash(0x10)), roots: roots() };
        Header {
            height: Height::new(height),
            time: BlockTime::new(TIME_US),
            tx_count: u32::try_from(ids.len()).unwrap(),
            tx_root: host_types::block::tx_root(&ids),
            parent,
            ..genesis
        }
    };
    let is_genesis = height == 0;
    BlockView {
        id: header.id(),
        pair: Pair { block: header.id(), roots: roots() },
        header,
        transactions,
        proof: (!is_genesis).then(|| host_types::proof::FinalProof {
            descendants: Vec::new(),
            roots: roots(),
            rule_proof: vec![1, 2, 3],
        }),
        signers: vec![(node_name(), 1)],
        proposer: (!is_genesis).then(node_name),
    }
}

/// Epoch 1 of two, after a change of weight; another one waits.
pub(crate) fn epochs() -> EpochsView {
    let first = EpochConfig {
        epoch: Epoch::ZERO,
        validators: validators(),
        rule: RuleConfig { id: "lft".into(), version: 3, sha256: vec![], parameters: vec![] },
        limits: ChannelLimits::default(),
        policies: None,
    };
    let validator = first.validators.all()[0].clone();
    let change = |weight| Configure {
        epoch: Epoch::new(1),
        validators: vec![ValidatorChange::Set {
            validator: Validator { weight: Weight::new(weight).unwrap(), ..validator.clone() },
            unit: None,
        }],
        rule: None,
        limits: None,
        policies: None,
    };
    let genesis = ChannelGenesis {
        network: NetworkId::default(),
        channel: channel("channel1"),
        created: BlockTime::new(1),
        rule: first.rule.clone(),
        validators: first.validators.clone(),
        roots: vec![],
        certificates: vec![],
        limits: first.limits,
        policies: Policies {
            submit: Policy::Anyone,
            read: Policy::Anyone,
            query: Policy::Anyone,
            deploy: Policy::Quorum,
            configure: Policy::Quorum,
            v1_gateway: false,
            audit: None,
            admin: None,
            grants: Vec::new(),
        },
        metering_required: false,
        auto_activate: false,
        call: host_types::call_bounds::CallBounds::default(),
    };
    let second = first.changed_by(Epoch::ZERO, &Configure { epoch: Epoch::ZERO, ..change(7) });
    let run = EpochRun {
        config: Arc::new(second.unwrap()),
        root: BlockId::new(hash(0x77)),
        root_height: Height::new(7),
    };
    let epochs = Epochs::of_genesis(&genesis).with(run).unwrap();
    let waits = Change::Configure(change(9));
    let changes = vec![ChangeView {
        id: waits.id(),
        change: waits,
        is_accepted: false,
        proposed: Height::new(8),
        policy: Policy::Quorum,
        approvals: vec![validator.name],
        organisations: vec![],
        weight: 7,
    }];
    let excluded = [(Epoch::new(1), vec![node_name()])].into();
    let genesis = Arc::new(genesis);
    EpochsView { genesis, epochs: Arc::new(epochs), next: None, changes, excluded }
}

/// One event in block 9 that answers to any filter, and more in block 12.
pub(crate) fn events(filter: &EventFilter) -> EventsPage {
    let mut w = host_types::Writer::default();
    w.array(2);
    w.text("bank-a/peer0");
    w.uint(7);
    let score = filter.score.clone().unwrap_or_else(|| ScoreName::new("system").unwrap());
    let name = filter.topic.clone().unwrap_or_else(|| "evidence-recorded".into());
    let event = EventView {
        place: EventPlace { height: Height::new(9), tx: 1, event: filter.limit },
        transaction: Some(host_types::TxId::new(hash(4))),
        event: ScoreEvent { score, name, data: w.into_bytes() },
    };
    let is_all = filter.from > EventPlace::start_of(Height::new(9));
    let next = (!is_all).then_some(EventPlace::start_of(Height::new(12)));
    EventsPage { events: vec![event], next }
}

/// Two votes in view 5.
pub(crate) fn evidence() -> EvidenceView {
    EvidenceView {
        signer: node_name(),
        public_key: KEY,
        epoch: 0,
        view: 5,
        class: 3,
        digests: [hash(1), hash(2)],
        statements: [vec![1], vec![2]],
        recorded: Some(Height::new(6)),
    }
}

/// The portable receipt of the first two transactions, which stand in block 2.
pub(crate) fn portable(id: host_types::TxId) -> Option<ReceiptView> {
    let view = block(2);
    let index = view.transactions.iter().position(|tx| tx.id() == id)?;
    let results = [receipt(Status::Ok, 0, &[]), receipt(Status::Ok, 0, &[])];
    let ids = view.transactions.iter().map(|tx| *tx.id().as_bytes());
    Some(ReceiptView {
        transaction: view.transactions[index].clone(),
        certificate: vec![0x30, 0],
        receipt: results[index].clone(),
        included: host_types::merkle::prove(ids, index)?,
        resulted: host_types::merkle::prove(results.iter().map(Encode::to_bytes), index)?,
        genesis: epochs().genesis,
        proof: proof(view)?,
    })
}

/// The proof of a block; none of genesis.
pub(crate) fn proof(block: BlockView) -> Option<ProofView> {
    let parameters = vec![("delta".to_owned(), "300".to_owned())];
    Some(ProofView {
        channel: channel("channel1"),
        header: block.header,
        roots: block.pair.roots,
        proof: block.proof?,
        rule: RuleConfig { id: "lft".into(), version: 3, sha256: vec![hash(0x5c)], parameters },
        validators: validators(),
        signers: block.signers,
        epochs: Vec::new(),
    })
}

/// The first two final transactions, the second one first, for whatever was looked for.
pub(crate) fn found(filter: &TxFilter) -> TxsPage {
    let all = transactions();
    let found = [1usize, 0].map(|index| {
        let (transaction, receipt, _) = all[index].clone();
        FoundTx {
            position: TxPosition { height: Height::new(2), index: u32::try_from(index).unwrap() },
            block: block(2).id,
            time: BlockTime::new(TIME_US),
            transaction,
            receipt: receipt.unwrap(),
        }
    });
    let limit = filter.limit as usize;
    let next = found.get(limit.saturating_sub(1)).map(|last| last.position);
    TxsPage { found: found.into_iter().take(limit).collect(), next }
}

/// The key 0x01 has the value 30; others are not there; nothing is kept of block 0.
pub(crate) fn value(wanted: &StateQuestion) -> Result<StateAnswer, Rejection> {
    if wanted.at == Some(Height::ZERO) {
        return Err(Rejection::new(Code::HistoryGone, "not kept"));
    }
    let proof = host_types::state_proof::StateProof {
        scores: vec![(wanted.score.clone(), hash(1))],
        siblings: vec![hash(2)],
        bucket: vec![(hash(3), hash(4))],
    };
    Ok(StateAnswer {
        value: (wanted.key == [1]).then(|| Value::Uint(30).to_bytes()),
        height: wanted.at.unwrap_or(Height::new(2)),
        block: block(2).id,
        state_root: hash(0x51),
        proof: wanted.is_proof_wanted.then_some(proof),
    })
}
