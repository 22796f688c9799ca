//! Evidence is kept when it proves something, once, in bounds, and is there after a restart.

use super::{EvidenceBook, FILE, Recorded};
use crate::plugins::PluggedRule;
use host_client::fixture::{genesis, key, rule};
use host_core::system::state::View as ChainView;
use host_core::vote::rule::{Rule, RuleInput, RuleOutput};
use host_types::limits::EVIDENCE_PER_SIGNER_MAX;
use host_types::statement::{Slot, Statement};
use host_types::{Encode, Epoch, Hash32, View};
use lft::statement::{Ballot, Body, Mode};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A state in which nothing stands.
struct Empty;

impl ChainView for Empty {
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn scan(&self, _: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
}

/// A state that holds what was put there.
struct Chain(BTreeMap<Vec<u8>, Vec<u8>>);

impl ChainView for Chain {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let found = self.0.iter().filter(|(key, _)| key.starts_with(prefix));
        found.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn book(folder: &Path) -> EvidenceBook {
    let genesis = genesis();
    let epochs = Arc::new(host_types::epoch::Epochs::of_genesis(&genesis));
    EvidenceBook::open(folder, &genesis, Arc::new(move || Arc::clone(&epochs))).unwrap()
}

fn slot(view: u64, class: u8, digest: u8) -> Slot {
    Slot { view: View::new(view), class, digest: Hash32::new([digest; 32]) }
}

fn statement(signer: u16, slots: &[Slot]) -> Statement {
    let genesis = genesis();
    let prefix = genesis.statement_prefix(Epoch::ZERO, genesis.header().id());
    let body = b"body".to_vec();
    let key = key(u8::try_from(signer).unwrap());
    let signature = key.sign(&prefix.message(slots, &body));
    Statement { epoch: Epoch::ZERO, signer, slots: slots.to_vec(), body, signature }
}

fn record(book: &EvidenceBook, first: &Statement, second: &Statement) -> Result<Recorded, String> {
    book.record(first.signer, &[first.to_bytes(), second.to_bytes()])
}

#[test]
fn two_values_of_one_register_are_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let book = book(folder.path());
    let first = statement(2, &[slot(7, 3, 1), slot(6, 4, 1)]);
    let second = statement(2, &[slot(7, 3, 2)]);
    let third = statement(2, &[slot(7, 3, 3)]);
    assert_eq!(record(&book, &first, &second), Ok(Recorded::New));
    for (a, b) in [(&first, &second), (&second, &first), (&first, &third)] {
        assert_eq!(record(&book, a, b), Ok(Recorded::Known));
    }
    let all = book.all(&Empty);
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].signer.as_str(), all[0].view, all[0].class), ("bank-a/peer2", 7, 3));
    assert_eq!(all[0].digests, [Hash32::new([1; 32]), Hash32::new([2; 32])]);
    assert_eq!(all[0].statements, [first.to_bytes(), second.to_bytes()]);
}

#[test]
fn an_honest_node_is_never_accused() {
    let folder = tempfile::tempdir().unwrap();
    let book = book(folder.path());
    let vote = statement(1, &[slot(7, 3, 1)]);
    let mut forged = statement(1, &[slot(7, 3, 2)]);
    forged.signature[0] ^= 1;
    let mut moved = vote.clone();
    moved.slots[0].digest = Hash32::new([2; 32]);
    let mut epoch = statement(1, &[slot(7, 3, 2)]);
    epoch.epoch = Epoch::new(1);
    let mut nobody = statement(1, &[slot(7, 3, 2)]);
    nobody.signer = 9;
    let cases = [
        ("the same statement", vote.clone()),
        ("the same value again", statement(1, &[slot(7, 3, 1), slot(6, 4, 1)])),
        ("another view", statement(1, &[slot(8, 3, 2)])),
        ("another class", statement(1, &[slot(7, 4, 2)])),
        ("another signer", statement(2, &[slot(7, 3, 2)])),
        ("a forged signature", forged),
        ("slots that were not signed", moved),
        ("another epoch", epoch),
        ("no validator", nobody),
    ];
    for (what, other) in cases {
        record(&book, &vote, &other).expect_err(what);
        record(&book, &other, &vote).expect_err(what);
    }
    let bytes = [vote.to_bytes(), vec![0]];
    book.record(1, &bytes).unwrap_err();
    assert_eq!(book.all(&Empty), []);
}

#[test]
fn what_stands_on_the_chain_is_told_with_its_block_also_when_this_node_kept_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let book = book(folder.path());
    let pair = |signer| [1, 2].map(|digest| statement(signer, &[slot(7, 3, digest)]));
    let [own, theirs] = [pair(2), pair(0)];
    assert_eq!(record(&book, &own[0], &own[1]), Ok(Recorded::New));
    assert_eq!(*book.watch().borrow(), 1);
    let mut w = host_types::Writer::default();
    w.array(3);
    w.uint(9);
    theirs.iter().for_each(|statement| statement.encode(&mut w));
    let chain = Chain([(b"evidence/0".to_vec(), w.into_bytes())].into());
    let told: Vec<_> = book.all(&chain).iter().map(|one| one.recorded.map(|h| h.get())).collect();
    assert_eq!(told, [Some(9), None], "by signer");
}

#[test]
fn one_cheat_does_not_drive_out_another() {
    let folder = tempfile::tempdir().unwrap();
    let book = book(folder.path());
    let cheat = |signer: u16, view: u64| {
        let pair = [1, 2].map(|digest| statement(signer, &[slot(view, 3, digest)]));
        record(&book, &pair[0], &pair[1])
    };
    for view in 1..=EVIDENCE_PER_SIGNER_MAX as u64 {
        assert_eq!(cheat(0, view), Ok(Recorded::New));
    }
    assert_eq!(cheat(0, 1_000), Ok(Recorded::Full));
    assert_eq!(cheat(0, 1), Ok(Recorded::Known));
    assert_eq!(cheat(3, 1_000), Ok(Recorded::New));
    let views: Vec<_> = book.all(&Empty).iter().map(|one| one.view).collect();
    assert_eq!(views.len(), EVIDENCE_PER_SIGNER_MAX + 1);
    assert!(!views[..EVIDENCE_PER_SIGNER_MAX].contains(&1_000), "the first ones are kept");
}

#[test]
fn a_restart_keeps_it_and_a_damaged_file_accuses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let first = book(folder.path());
    for signer in [0, 2] {
        let pair = [1, 2].map(|digest| statement(signer, &[slot(7, 3, digest)]));
        assert_eq!(record(&first, &pair[0], &pair[1]), Ok(Recorded::New));
    }
    first.save().unwrap();
    assert_eq!(book(folder.path()).all(&Empty), first.all(&Empty));
    let path = folder.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let told = book(folder.path()).all(&Empty);
        assert!(told.iter().all(|one| first.all(&Empty).contains(one)), "byte {at}: {told:?}");
        assert!(told.len() < 2, "byte {at}");
    }
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(book(folder.path()).all(&Empty), []);
}

/// A vote as a validator signs it, through the real rule's encoding.
fn vote(signer: u16, block: u8) -> Statement {
    let hash = plugin_api::Hash([block; 32]);
    let pair = plugin_api::Pair { block: hash, state_root: hash, receipts_root: hash };
    let parent = plugin_api::Pair::default();
    let body = Body::Vote {
        ballot: Ballot { view: 1, pair, parent, parent_view: 0 },
        commit_parent: false,
    };
    let slots: Vec<_> = body
        .slots(Mode::Core)
        .iter()
        .map(|slot| Slot {
            view: View::new(slot.view),
            class: slot.class,
            digest: Hash32::new(slot.digest.0),
        })
        .collect();
    let body = body.encode();
    let genesis = genesis();
    let prefix = genesis.statement_prefix(Epoch::ZERO, genesis.header().id());
    let signature = key(u8::try_from(signer).unwrap()).sign(&prefix.message(&slots, &body));
    Statement { epoch: Epoch::ZERO, signer, slots, body, signature }
}

#[test]
fn what_lft_finds_against_a_validator_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let book = book(folder.path());
    let mut lft = PluggedRule::idle(&rule(), &genesis()).unwrap();
    lft.step(0, RuleInput::Start).unwrap();
    let mut found = Vec::new();
    for (signer, block) in [(1, 1), (2, 2), (2, 3), (2, 3), (2, 2)] {
        let statement = vote(signer, block);
        let outputs = lft.step(1, RuleInput::Statement(statement)).unwrap();
        found.extend(outputs.into_iter().filter_map(|output| match output {
            RuleOutput::Evidence { signer, first, second } => Some((signer, first, second)),
            _ => None,
        }));
    }
    assert!(!found.is_empty());
    for (signer, first, second) in &found {
        assert_eq!(*signer, 2);
        record(&book, first, second).unwrap();
    }
    let all = book.all(&Empty);
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].signer.as_str(), all[0].view), ("bank-a/peer2", 1));
}
