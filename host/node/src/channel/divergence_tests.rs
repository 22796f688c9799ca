//! Where two results of a block part, and what is written about it.

use super::{Divergences, FILES_MAX, keys};
use host_store::BlockResult;
use host_types::block::{Block, RootPair};
use host_types::receipt::{Receipt, Status, Write};
use host_types::{
    BlockTime, CertificateId, GenesisHash, Hash32, Header, Height, ScoreName, SignedTransaction,
    Transaction,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

fn score() -> ScoreName {
    ScoreName::new("leak").unwrap()
}

fn write(key: &[u8], value: Option<u8>) -> Write {
    Write { score: score(), key: key.to_vec(), value: value.map(|n| vec![n]) }
}

fn transaction(nonce: u64) -> Arc<SignedTransaction> {
    let transaction = Transaction {
        genesis: GenesisHash::new(Hash32::ZERO),
        score: score(),
        method: "spill".into(),
        args: vec![0x80].into(),
        signer: CertificateId::new(Hash32::ZERO),
        nonce,
        expiry: BlockTime::new(1),
    };
    Arc::new(SignedTransaction::decode(&transaction.into_envelope(&[0; 64])).unwrap())
}

fn block(height: u64) -> Block {
    let transactions: Arc<[_]> = [transaction(1), transaction(2)].into();
    let ids: Vec<_> = transactions.iter().map(|tx| tx.id()).collect();
    let hash = Hash32::ZERO;
    let mut header = Header::genesis(GenesisHash::new(hash), hash, BlockTime::new(1));
    header.height = Height::new(height);
    header.tx_count = 2;
    header.tx_root = host_types::block::tx_root(&ids);
    Block::assemble(header, transactions).unwrap()
}

/// A result whose second transaction wrote this value.
fn result(block: &Block, value: u8) -> BlockResult {
    let write = write(b"where", Some(value));
    let receipt = |writes: &[Write]| Receipt::new((Status::Ok, 0), Vec::new(), &[], writes, 1);
    let hash = Hash32::new([value; 32]);
    BlockResult {
        block: block.id(),
        height: block.header().height,
        roots: RootPair { state: hash, receipts: hash },
        receipts: vec![receipt(&[]), receipt(std::slice::from_ref(&write))],
        events: vec![Vec::new(), Vec::new()],
        writes: vec![write],
    }
}

#[test]
fn the_record_names_the_first_transaction_and_key_and_both_values() {
    let folder = tempfile::tempdir().unwrap();
    let book = Divergences::new("demo", folder.path());
    assert_eq!(book.seen().count, 0);
    let block = block(7);
    book.record(&block, &result(&block, 1), &result(&block, 2), &BTreeMap::new());
    let seen = book.seen();
    let second = block.transactions()[1].id().to_string();
    let last = seen.last.unwrap();
    assert_eq!(seen.count, 1);
    for part in ["block 7", &second, "leak", "where"] {
        assert!(last.contains(part), "{part} in {last}");
    }
    let file = folder.path().join("divergence").join(format!("7-{}.json", block.id()));
    let json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(json["schema"], "loopchain.divergence.v1");
    assert_eq!(json["first_transaction"]["index"], 1);
    assert_eq!(json["first_transaction"]["tx"], second);
    assert_eq!(json["keys"][0]["key"], "7768657265");
    assert_eq!(json["keys"][0]["own"]["value"], "01");
    assert_eq!(json["keys"][0]["agreed"]["value"], "02");
}

#[test]
fn keys_that_one_did_not_write_or_removed_are_named_and_equal_ones_are_not() {
    let own = [write(b"a", Some(1)), write(b"b", Some(1)), write(b"d", None)];
    let agreed = [write(b"a", Some(1)), write(b"c", Some(1)), write(b"d", Some(1))];
    let found: Vec<_> =
        keys(&own, &agreed).iter().map(|k| (k.key, k.own.is_some(), k.agreed.is_some())).collect();
    let expected: [(&[u8], bool, bool); 3] =
        [(b"b", true, false), (b"c", false, true), (b"d", true, true)];
    assert_eq!(found, expected);
}

#[test]
fn no_more_files_are_kept_than_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let book = Divergences::new("demo", folder.path());
    for height in 1..=FILES_MAX as u64 + 3 {
        let block = block(height);
        book.record(&block, &result(&block, 1), &result(&block, 2), &BTreeMap::new());
    }
    let kept = std::fs::read_dir(folder.path().join("divergence")).unwrap().count();
    assert_eq!(kept, FILES_MAX);
    assert_eq!(book.seen().count, FILES_MAX as u64 + 3);
    assert!(book.seen().last.unwrap().contains("kept already"));
}
