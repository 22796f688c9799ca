//! The store of a channel: commits and reads, crashes between its files, lost and damaged databases.

use super::*;
use crate::commitment::StateCommitment;
use crate::faulty::{Fault, FaultyDisk};
use crate::repair::open_repaired;
use bytes::Bytes;
use host_types::genesis::{ChannelLimits, Policies, Policy, RuleConfig};
use host_types::validators::{Validator, ValidatorSet};
use host_types::{
    Address, BlockTime, CertificateId, ChannelName, Code, Epoch, FaultClass, Hash32, Header,
    NetworkId, NodeName, ProposalKind, Receipt, RootPair, ScoreEvent, ScoreName, SignedTransaction,
    Status, Transaction, TxId, View, Weight, merkle,
};

pub(crate) fn genesis(history_blocks: u64) -> ChannelGenesis {
    let roles = Policy::Roles(vec!["client".into()]);
    let validator = Validator {
        name: NodeName::new("bank-a/peer0").unwrap(),
        public_key: [1; 32],
        weight: Weight::new(1).unwrap(),
        group: "all".into(),
    };
    ChannelGenesis {
        network: NetworkId::new(Hash32::new([1; 32])),
        channel: ChannelName::new("money").unwrap(),
        created: BlockTime::new(1_700_000_000_000_000),
        rule: RuleConfig { id: "solo".into(), version: 1, sha256: vec![], parameters: vec![] },
        validators: ValidatorSet::new(vec![validator]).unwrap(),
        roots: vec![("bank-a".into(), Hash32::new([2; 32]))],
        certificates: vec![],
        limits: ChannelLimits { history_blocks, ..ChannelLimits::default() },
        policies: Policies {
            submit: roles.clone(),
            read: roles.clone(),
            query: roles,
            deploy: Policy::Quorum,
            configure: Policy::Quorum,
            v1_gateway: false,
            audit: None,
            admin: None,
            grants: Vec::new(),
        },
        metering_required: true,
        auto_activate: false,
        call: host_types::call_bounds::CallBounds::default(),
    }
}

pub(crate) fn token() -> ScoreName {
    ScoreName::new("token").unwrap()
}

fn transaction(nonce: u64) -> Arc<SignedTransaction> {
    let transaction = Transaction {
        genesis: genesis(0).hash(),
        score: token(),
        method: "transfer".into(),
        args: Bytes::from_static(&[0x80]),
        signer: CertificateId::new(Hash32::new([3; 32])),
        nonce,
        expiry: BlockTime::new(nonce),
    };
    Arc::new(SignedTransaction::decode(&transaction.into_envelope(&[4; 64])).unwrap())
}

pub(crate) fn key(n: u64) -> Vec<u8> {
    Address::of_key(&[n as u8; 32]).as_bytes().to_vec()
}

/// Block `height` of the test chain: three transactions, and a few keys written, one deleted.
pub(crate) fn next(store: &ChannelStore, parents: &[CommitBlock]) -> CommitBlock {
    next_writing(store, parents, |h| {
        let mut writes: Vec<_> = (0..4)
            .map(|i| Write {
                score: token(),
                key: key(h % 5 + i),
                value: (i != 3).then(|| vec![h as u8, i as u8]),
            })
            .collect();
        writes.sort();
        writes
    })
}

/// Block `height` of a chain: three transactions, and these writes.
pub(crate) fn next_writing(
    store: &ChannelStore,
    parents: &[CommitBlock],
    writes_at: impl Fn(u64) -> Vec<Write>,
) -> CommitBlock {
    let tip = store.reader().tip();
    let (parent, height, version) = match parents.last() {
        Some(p) => (
            host_types::Pair { block: p.block.id(), roots: p.result.roots },
            p.result.height.next(),
            p.tree.clone(),
        ),
        None => {
            let pair = host_types::Pair { block: tip.block, roots: tip.roots };
            (pair, tip.height.next(), store.tree().committed())
        }
    };
    let h = height.get();
    let transactions: Vec<_> = (0..3).map(|i| transaction(h * 10 + i)).collect();
    let ids: Vec<TxId> = transactions.iter().map(|tx| tx.id()).collect();
    let header = Header {
        height,
        parent,
        view: View::new(h),
        kind: ProposalKind::Norm,
        epoch: Epoch::ZERO,
        tx_count: 3,
        tx_root: host_types::block::tx_root(&ids),
        ..genesis(0).header()
    };
    let block = Block::assemble(header, transactions.into()).unwrap();
    let writes = writes_at(h);
    let event = ScoreEvent { score: token(), name: "Moved".into(), data: vec![0x81, h as u8] };
    let receipts: Vec<_> = (0..3)
        .map(|i| {
            let events = std::slice::from_ref(&event);
            Receipt::new((Status::Ok, 0), vec![i], events, &writes, u64::from(i))
        })
        .collect();
    let (state, tree) = store.tree().apply(&version, &writes).unwrap();
    let leaves = receipts.iter().map(Encode::to_bytes);
    let roots = RootPair { state, receipts: merkle::root(host_types::Domain::ReceiptRoot, leaves) };
    let events = vec![vec![event]; 3];
    let result = BlockResult { block: block.id(), height, roots, receipts, events, writes };
    let proof = FinalProof { descendants: vec![], roots, rule_proof: vec![h as u8; 90] };
    CommitBlock { block, result: Arc::new(result), tree, proof: Some(proof) }
}

/// As on the vote path: body and result are durable first.
pub(crate) fn vote_for(store: &ChannelStore, commit: &CommitBlock) -> Result<(), StoreError> {
    store.segments().append_block(&commit.block)?;
    store.segments().append_result(&commit.result)?;
    store.segments().sync()
}

pub(crate) fn grow(store: &mut ChannelStore, blocks: u64) {
    for _ in 0..blocks {
        let commit = next(store, &[]);
        vote_for(store, &commit).unwrap();
        store.commit(&[commit]).unwrap();
    }
}

pub(super) fn open(dir: &Path) -> Result<ChannelStore, StoreError> {
    ChannelStore::open(dir, &genesis(20), &StoreOptions::default())
}

/// Everything up to `height` is there and hangs together.
pub(super) fn check_chain(store: &ChannelStore, height: u64) {
    let reader = store.reader();
    assert!(reader.tip().height.get() >= height);
    let mut parent = None;
    for h in 0..=height {
        let stored = reader.block_by_height(Height::new(h)).unwrap().unwrap();
        let header = stored.block.header();
        assert_eq!(header.parent.block, parent.unwrap_or_default());
        parent = Some(stored.block.id());
        assert_eq!(reader.height_of(stored.block.id()).unwrap(), Some(Height::new(h)));
        assert_eq!(stored.proof.is_some(), h > 0);
        for (index, tx) in (0u32..).zip(stored.block.transactions().iter()) {
            let place = reader.tx(&tx.id()).unwrap().unwrap();
            assert_eq!((place.height, place.index), (Height::new(h), index));
            let (receipt, events) = reader.receipt(place).unwrap().unwrap();
            assert_eq!((receipt.output, events.len()), (vec![index as u8], 1));
        }
    }
    assert_eq!(store.tree().committed().root(), reader.tip().roots.state);
    // Each block holds transactions; a commit whose marker failed is counted already.
    let (made, tip) = (reader.made_by(0).unwrap(), reader.tip().height.get());
    assert!(made == tip || made == tip + 1, "{made} at {tip}");
    assert_eq!(reader.made_by(1).unwrap(), 0);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn what_is_committed_is_read_and_still_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 12);
    check_chain(&store, 12);
    let reader = store.reader();
    assert_eq!(reader.tip().tx_total, 36);
    let tx = transaction(75);
    assert!(reader.tx(&tx.id()).unwrap().is_none());
    let (place, found) = reader.transaction(&transaction(72).id()).unwrap().unwrap();
    assert_eq!((place.height.get(), place.index, found.id()), (7, 2, transaction(72).id()));
    assert_eq!(reader.state_get(&token(), &key(12 % 5)).unwrap(), Some(vec![12, 0]));
    assert!(reader.block_by_height(Height::new(13)).unwrap().is_none());
    drop((store, reader));
    let mut store = open(dir.path()).unwrap();
    check_chain(&store, 12);
    grow(&mut store, 2);
    check_chain(&store, 14);
}

#[test]
fn several_blocks_are_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    let mut commits = Vec::new();
    for _ in 0..4 {
        let commit = next(&store, &commits);
        commits.push(commit);
    }
    store.commit(&commits).unwrap();
    check_chain(&store, 4);
    assert!(store.segments().all_unfinished().is_empty());
    for h in 0..4 {
        let at = |h: u64| store.reader().state_at(Height::new(h), &token(), &key(4)).unwrap();
        let expected = [None, Some(vec![1, 3]), Some(vec![2, 2]), Some(vec![3, 1])];
        // Index 3 of a block deletes; block 1 writes keys 1 to 4.
        let expected = if h == 1 { None } else { expected[h as usize].clone() };
        assert_eq!(at(h), Some(expected), "{h}");
    }
}

#[test]
fn a_block_that_does_not_follow_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    let first = next(&store, &[]);
    let second = next(&store, std::slice::from_ref(&first));
    let e = store.commit(std::slice::from_ref(&second)).expect_err("refused");
    assert!(matches!(e, StoreError::NotNext { .. }), "{e}");
    let mut other = first.clone();
    other.tree = store.tree().committed();
    assert!(store.commit(&[other]).is_err());
    store.commit(&[first]).unwrap();
    store.commit(&[second]).unwrap();
    check_chain(&store, 2);
}

#[test]
fn past_state_is_known_for_history_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    let mut past = Vec::new();
    for _ in 0..25 {
        let values: Vec<_> =
            (0..9).map(|k| store.reader().state_get(&token(), &key(k)).unwrap()).collect();
        past.push(values);
        grow(&mut store, 1);
    }
    let reader = store.reader();
    for h in 0..25 {
        for k in 0..9 {
            let at = reader.state_at(Height::new(h), &token(), &key(k)).unwrap();
            let known = (h >= 5).then(|| past[h as usize][k as usize].clone());
            if h >= 5 || at.is_some() {
                assert_eq!(at, known.or_else(|| Some(past[h as usize][k as usize].clone())));
            }
        }
    }
    assert_eq!(reader.state_at(Height::new(2), &token(), b"never").unwrap(), None);
    assert_eq!(reader.state_at(Height::new(26), &token(), &key(0)).unwrap(), None);
}

#[test]
fn a_scan_goes_through_one_scores_keys_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let write = |score: &str, key: &[u8]| Write {
        score: ScoreName::new(score).unwrap(),
        key: key.to_vec(),
        value: Some(key.to_vec()),
    };
    let initial_state = vec![
        write("token", b"a"),
        write("token", b"b1"),
        write("token", b"b2"),
        write("token", b"b2\0"),
        write("token", b"c"),
        write("token-two", b"b9"),
    ];
    let options = StoreOptions { initial_state, ..StoreOptions::default() };
    let store = ChannelStore::open(dir.path(), &genesis(0), &options).unwrap();
    let keys = |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
        let found = store.reader().state_scan(&token(), prefix, after, limit).unwrap();
        found.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(keys(b"b", None, 9), [&b"b1"[..], b"b2", b"b2\0"]);
    assert_eq!(keys(b"b", Some(b"b1"), 1), [b"b2"]);
    assert_eq!(keys(b"b", Some(b"b2"), 9), [b"b2\0"]);
    assert_eq!(keys(b"", Some(b"b2\0"), 9), [b"c"]);
    assert_eq!(keys(b"b", Some(b"a"), 9).len(), 3);
    assert!(keys(b"d", None, 9).is_empty());
}

#[test]
fn another_channels_folder_and_another_format_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let options = StoreOptions::default();
    let e = ChannelStore::open(dir.path(), &genesis(7), &options).expect_err("refused");
    assert!(matches!(e, StoreError::OtherGenesis { .. }), "{e}");
    assert_eq!(e.code(), Code::StoreDamaged);
}

#[test]
fn after_a_restart_the_voted_for_blocks_are_there_with_their_results() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 3);
    let fourth = next(&store, &[]);
    let fifth = next(&store, std::slice::from_ref(&fourth));
    vote_for(&store, &fourth).unwrap();
    vote_for(&store, &fifth).unwrap();
    drop(store);
    let mut store = open(dir.path()).unwrap();
    assert_eq!(store.segments().all_unfinished().len(), 2);
    let kept = store.segments().unfinished(fifth.block.id()).unwrap();
    let (roots, at) = kept.result.unwrap();
    assert_eq!(roots, fifth.result.roots);
    assert_eq!(store.segments().read_result(at).unwrap(), *fifth.result);
    let raw = store.segments().read_block(kept.block.unwrap()).unwrap();
    assert_eq!(raw.decode().unwrap().id(), fifth.block.id());
    // The stored write set is applied, nothing is executed again.
    let (_, tree) = store.tree().apply(&store.tree().committed(), &fourth.result.writes).unwrap();
    store.commit(&[CommitBlock { tree, ..fourth }]).unwrap();
    check_chain(&store, 4);
    assert_eq!(store.segments().all_unfinished().len(), 1);
}

#[test]
fn a_failed_write_of_segments_or_marker_poisons_the_store_and_reads_go_on() {
    for operation in 0..200 {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let options = StoreOptions { disk: Arc::new(disk.clone()), ..StoreOptions::default() };
        let mut store = ChannelStore::open(dir.path(), &genesis(20), &options).unwrap();
        disk.fail_at(disk.operations() + operation, Fault::Torn);
        let mut done = 0;
        let failed = (0..4).any(|_| {
            let commit = next(&store, &[]);
            let outcome = vote_for(&store, &commit).and_then(|()| store.commit(&[commit]));
            done += u64::from(outcome.is_ok());
            outcome.is_err()
        });
        check_chain(&store, done);
        if !failed {
            assert!(operation > 20);
            return;
        }
        let commit = next(&store, &[]);
        let e =
            vote_for(&store, &commit).and_then(|()| store.commit(&[commit])).expect_err("poisoned");
        assert_eq!(e.class(), FaultClass::HaltChannel);
        drop(store);
        let disk = disk.restart(operation);
        let options = StoreOptions { disk: Arc::new(disk), ..StoreOptions::default() };
        let mut store = ChannelStore::open(dir.path(), &genesis(20), &options).unwrap();
        check_chain(&store, done);
        grow(&mut store, 1);
    }
    panic!("the script has fewer operations");
}

#[test]
fn a_copy_taken_between_the_steps_of_a_commit_opens_with_all_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    let mut store = open(&live).unwrap();
    grow(&mut store, 3);
    let fourth = next(&store, &[]);
    vote_for(&store, &fourth).unwrap();
    let old_marker = std::fs::read(live.join("tip")).unwrap();
    copy(&live, &dir.path().join("before"));
    store.commit(&[fourth]).unwrap();
    copy(&live, &dir.path().join("after"));
    drop(store);
    let store = open(&dir.path().join("before")).unwrap();
    assert_eq!(store.reader().tip().height.get(), 3);
    check_chain(&store, 3);
    // The batch is durable, the marker is not: one ahead is accepted.
    let between = dir.path().join("after");
    std::fs::write(between.join("tip"), old_marker).unwrap();
    let store = open(&between).unwrap();
    check_chain(&store, 4);
    drop(store);
    check_chain(&open(&between).unwrap(), 4);
}

#[test]
fn a_database_behind_its_marker_is_refused_and_rebuilt_from_the_segments() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 2);
    drop(store);
    copy(&dir.path().join("db"), &dir.path().join("old"));
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 5);
    drop(store);
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    std::fs::rename(dir.path().join("old"), dir.path().join("db")).unwrap();
    let e = open(dir.path()).expect_err("refused");
    assert!(matches!(e, StoreError::BehindMarker { .. }), "{e}");
    assert_eq!((e.code(), e.class()), (Code::StoreBehindMarker, FaultClass::HaltChannel));
    let (store, report) =
        open_repaired(dir.path(), &genesis(20), &StoreOptions::default()).unwrap();
    assert_eq!((report.from.get(), report.to.get(), report.missing_up_to), (2, 7, None));
    check_chain(&store, 7);
    drop(store);
    check_chain(&open(dir.path()).unwrap(), 7);
}

#[test]
fn a_lost_database_is_rebuilt_from_nothing_but_segments() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 6);
    drop(store);
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    assert!(matches!(open(dir.path()), Err(StoreError::BehindMarker { .. })));
    let (mut store, report) =
        open_repaired(dir.path(), &genesis(20), &StoreOptions::default()).unwrap();
    assert_eq!((report.from.get(), report.to.get()), (0, 6));
    grow(&mut store, 1);
    check_chain(&store, 7);
}

#[test]
fn what_the_segments_lack_must_come_from_peers_and_must_be_what_the_marker_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 3);
    drop(store);
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    std::fs::remove_dir_all(dir.path().join("blocks")).unwrap();
    let (mut store, report) =
        open_repaired(dir.path(), &genesis(20), &StoreOptions::default()).unwrap();
    assert_eq!(report.missing_up_to, Some(Height::new(3)));
    grow(&mut store, 2);
    drop(store);
    assert!(matches!(open(dir.path()), Err(StoreError::BehindMarker { .. })));
    let (mut store, _) = open_repaired(dir.path(), &genesis(20), &StoreOptions::default()).unwrap();
    let mut other = next(&store, &[]);
    let header = Header { proposer: 9, ..other.block.header().clone() };
    other.block = Block::assemble(header, Arc::clone(other.block.transactions())).unwrap();
    other.result = Arc::new(BlockResult { block: other.block.id(), ..(*other.result).clone() });
    assert!(matches!(store.commit(&[other]), Err(StoreError::NotNext { .. })));
    grow(&mut store, 1);
    assert_eq!(store.ahead(), None);
    drop(store);
    check_chain(&open(dir.path()).unwrap(), 3);
}

#[test]
fn a_damaged_marker_slot_falls_back_and_a_missing_marker_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 4);
    drop(store);
    let path = dir.path().join("tip");
    let whole = std::fs::read(&path).unwrap();
    for slot in [0, 4096] {
        let mut torn = whole.clone();
        torn[slot + 30] ^= 1;
        std::fs::write(&path, torn).unwrap();
        check_chain(&open(dir.path()).unwrap(), 4);
    }
    std::fs::remove_file(&path).unwrap();
    let e = open(dir.path()).expect_err("refused");
    assert!(matches!(e, StoreError::Damaged { .. }), "{e}");
}

#[test]
fn a_damaged_body_is_reported_and_the_others_are_still_served() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 4);
    let (body, _) = store.reader().locations(Height::new(2)).unwrap().unwrap();
    drop(store);
    let path = dir.path().join("blocks/000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[body.offset as usize + 100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let store = open(dir.path()).unwrap();
    let e = store.reader().block_by_height(Height::new(2)).expect_err("damaged");
    assert_eq!(e.code(), Code::StoreDamaged);
    assert!(store.reader().block_by_height(Height::new(3)).unwrap().is_some());
}

#[test]
fn a_torn_tail_of_the_segments_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 2);
    let third = next(&store, &[]);
    vote_for(&store, &third).unwrap();
    drop(store);
    let path = dir.path().join("blocks/000001.seg");
    let whole = std::fs::read(&path).unwrap();
    for cut in [1, 5, 60, 400] {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let store = open(dir.path()).unwrap();
        assert!(store.segments().unfinished(third.block.id()).is_none_or(|u| u.result.is_none()));
    }
    let mut store = open(dir.path()).unwrap();
    grow(&mut store, 2);
    drop(store);
    check_chain(&open(dir.path()).unwrap(), 4);
}
