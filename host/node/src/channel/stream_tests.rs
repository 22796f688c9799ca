//! Pages of a stream out of a real store: blocks with several transactions and events, in any pieces.

use super::*;
use host_client::fixture::genesis;
use host_store::{ChannelStore, CommitBlock, StateCommitment, StoreOptions};
use host_types::block::{Block, RootPair, tx_root};
use host_types::proof::FinalProof;
use host_types::{
    BlockTime, CertificateId, Domain, Encode, Epoch, Hash32, ProposalKind, Receipt, Status,
    Transaction, TxId, View, merkle,
};
use std::sync::Arc;

type Events = &'static [(&'static str, &'static str)];
/// SCORE and method of each transaction with its events; what the block said.
type InBlock = (&'static [(&'static str, Events)], &'static [&'static str]);
/// Types, SCORE, topic; the places that are told.
type Filtered = (&'static str, Option<&'static str>, Option<&'static str>, &'static [&'static str]);

/// What the blocks hold.
const CHAIN: [InBlock; 4] = [
    (
        &[
            ("token", &[("token", "moved"), ("notary", "noted")]),
            ("notary", &[]),
            ("token", &[("token", "moved"), ("token", "made"), ("token", "moved")]),
        ],
        &["activated", "suspended"],
    ),
    (&[], &[]),
    (&[("notary", &[("notary", "noted")])], &[]),
    (&[], &["activated"]),
];

fn name(text: &str) -> ScoreName {
    ScoreName::new(text).unwrap()
}

fn transaction(score: &str, nonce: u64) -> Arc<SignedTransaction> {
    let transaction = Transaction {
        genesis: genesis().hash(),
        score: name(score),
        method: "run".into(),
        args: vec![0x80].into(),
        signer: CertificateId::new(Hash32::new([3; 32])),
        nonce,
        expiry: BlockTime::new(nonce),
    };
    Arc::new(SignedTransaction::decode(&transaction.into_envelope(&[4; 64])).unwrap())
}

fn event(score: &str, name_of: &str) -> ScoreEvent {
    ScoreEvent { score: name(score), name: name_of.into(), data: vec![0x80] }
}

fn block(store: &ChannelStore, txs: &[(&str, Events)], said_here: &[&str]) -> CommitBlock {
    let tip = store.reader().tip();
    let (parent, height) = (Pair { block: tip.block, roots: tip.roots }, tip.height.next());
    let nonce = height.get() * 10;
    let transactions: Vec<_> =
        (nonce..).zip(txs).map(|(nonce, (score, _))| transaction(score, nonce)).collect();
    let ids: Vec<TxId> = transactions.iter().map(|tx| tx.id()).collect();
    let header = Header {
        height,
        parent,
        view: View::new(height.get()),
        kind: ProposalKind::Norm,
        epoch: Epoch::ZERO,
        tx_count: u32::try_from(txs.len()).unwrap(),
        tx_root: tx_root(&ids),
        ..genesis().header()
    };
    let block = Block::assemble(header, transactions.into()).unwrap();
    let said_here: Vec<_> = said_here.iter().map(|what| event("system", what)).collect();
    let writes: Vec<_> = said::write(&said_here).into_iter().collect();
    let events: Vec<Vec<_>> = txs
        .iter()
        .map(|(_, events)| events.iter().map(|(score, what)| event(score, what)).collect())
        .collect();
    let receipts: Vec<_> =
        events.iter().map(|e| Receipt::new((Status::Ok, 0), vec![0xf6], e, &[], 5)).collect();
    let (state, tree) = store.tree().apply(&store.tree().committed(), &writes).unwrap();
    let leaves = receipts.iter().map(Encode::to_bytes);
    let roots = RootPair { state, receipts: merkle::root(Domain::ReceiptRoot, leaves) };
    let result = BlockResult { block: block.id(), height, roots, receipts, events, writes };
    let proof = FinalProof { descendants: vec![], roots, rule_proof: vec![1; 90] };
    CommitBlock { block, result: Arc::new(result), tree, proof: Some(proof) }
}

struct Kept {
    store: ChannelStore,
    _folder: tempfile::TempDir,
}

fn kept() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let mut store =
        ChannelStore::open(folder.path(), &genesis(), &StoreOptions::default()).unwrap();
    for (txs, said_here) in CHAIN {
        let block = block(&store, txs, said_here);
        store.commit(&[block]).unwrap();
    }
    Kept { store, _folder: folder }
}

fn filter(types: &str, score: Option<&str>, topic: Option<&str>) -> StreamFilter {
    StreamFilter {
        blocks: types.contains("block"),
        txs: types.contains("tx"),
        scores: types.contains("score"),
        score: score.map(name),
        topic: topic.map(str::to_owned),
    }
}

impl Kept {
    fn page(
        &self,
        filter: &StreamFilter,
        from: EventPlace,
        bytes: usize,
    ) -> Result<StreamPage, Rejection> {
        let proposer = |_: &Header| None;
        Telling { reader: &self.store.reader(), filter, proposer: &proposer }.page(from, bytes)
    }

    fn all(&self, filter: &StreamFilter) -> Vec<EventPlace> {
        let page = self.page(filter, EventPlace::start_of(Height::ZERO), usize::MAX).unwrap();
        assert!(page.is_caught_up);
        assert_eq!(page.next, EventPlace::start_of(Height::new(5)));
        page.items.iter().map(|item| item.place).collect()
    }
}

fn texts(places: &[EventPlace]) -> Vec<String> {
    let text = |place: &EventPlace| place.to_string().replace(&u32::MAX.to_string(), "end");
    places.iter().map(text).collect()
}

#[test]
fn events_stand_before_their_transaction_and_all_of_a_block_before_the_block() {
    let kept = kept();
    let all = texts(&kept.all(&filter("block,tx,score", None, None)));
    let expected = [
        "0.end.end",
        "1.0.0",
        "1.0.1",
        "1.0.end",
        "1.1.end",
        "1.2.0",
        "1.2.1",
        "1.2.2",
        "1.2.end",
        "1.end.0",
        "1.end.1",
        "1.end.end",
        "2.end.end",
        "3.0.0",
        "3.0.end",
        "3.end.end",
        "4.end.0",
        "4.end.end",
    ];
    assert_eq!(all, expected);
}

#[test]
fn every_filter_tells_what_it_names() {
    let kept = kept();
    let cases: [Filtered; 10] = [
        ("block", None, None, &["0.end.end", "1.end.end", "2.end.end", "3.end.end", "4.end.end"]),
        ("tx", None, None, &["1.0.end", "1.1.end", "1.2.end", "3.0.end"]),
        ("tx", Some("notary"), None, &["1.1.end", "3.0.end"]),
        ("tx", Some("none"), None, &[]),
        ("score", Some("notary"), None, &["1.0.1", "3.0.0"]),
        ("score", None, Some("moved"), &["1.0.0", "1.2.0", "1.2.2"]),
        ("score", Some("token"), Some("made"), &["1.2.1"]),
        ("score", Some("system"), None, &["1.end.0", "1.end.1", "4.end.0"]),
        ("score", None, Some("activated"), &["1.end.0", "4.end.0"]),
        ("tx,score", Some("notary"), Some("noted"), &["1.0.1", "1.1.end", "3.0.0", "3.0.end"]),
    ];
    for (types, score, topic, expected) in cases {
        let found = texts(&kept.all(&filter(types, score, topic)));
        assert_eq!(found, expected, "{types} {score:?} {topic:?}");
    }
}

#[test]
fn whatever_the_pieces_nothing_is_told_twice_or_left_out() {
    let kept = kept();
    for types in ["block,tx,score", "score", "tx", "block"] {
        let filter = filter(types, None, None);
        let all = kept.all(&filter);
        for bytes in [1, 300, 700, 2_000] {
            let (mut found, mut next) = (Vec::new(), EventPlace::start_of(Height::ZERO));
            loop {
                let page = kept.page(&filter, next, bytes).unwrap();
                assert!(bytes > 1 || page.items.len() <= 1);
                found.extend(page.items.iter().map(|item| item.place));
                next = page.next;
                if page.is_caught_up {
                    break;
                }
            }
            assert_eq!(found, all, "{types} in pieces of {bytes}");
        }
        for (at, place) in all.iter().enumerate() {
            let rest = kept.page(&filter, place.next().unwrap(), usize::MAX).unwrap();
            let rest: Vec<_> = rest.items.iter().map(|item| item.place).collect();
            assert_eq!(rest, all[at + 1..], "{types} behind {place}");
        }
    }
}

#[test]
fn a_place_above_the_tip_is_waited_for_and_stays() {
    let kept = kept();
    let filter = filter("block", None, None);
    for from in [EventPlace::start_of(Height::new(5)), EventPlace::end_of(Height::new(900))] {
        let page = kept.page(&filter, from, 1).unwrap();
        assert!(page.items.is_empty() && page.is_caught_up);
        assert_eq!(page.next, from);
    }
}

#[test]
fn a_transaction_is_told_with_how_it_ended() {
    let kept = kept();
    let from = EventPlace { height: Height::new(1), tx: 2, event: ITSELF };
    let page = kept.page(&filter("tx", None, None), from, 1).unwrap();
    let Told::Tx(tx) = &page.items[0].told else { panic!("no transaction") };
    assert_eq!(tx.id, transaction("token", 12).id());
    assert_eq!((tx.score.as_str(), tx.method.as_str(), tx.events), ("token", "run", 3));
    assert_eq!((tx.receipt.status, tx.receipt.steps), (Status::Ok, 5));
}
