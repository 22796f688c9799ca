//! Typed state: maps, sets, lists and counters against what Rust's own collections do.

use crate::{
    folder,
    probe::{Entry, Error, Fate, Probe, tx},
};
use proptest::prelude::*;
use score_native_testkit::{Testnet, abi::limit};
use std::collections::{BTreeMap, BTreeSet};

/// Host calls cost at least this many steps in the worker.
const HOST_CALL: u64 = 1_000;

fn entry(note: &str) -> Entry {
    Entry { note: note.into(), fate: Fate::Open }
}

#[test]
fn the_newest_entries_come_first() {
    let mut net = Testnet::native::<Probe>();
    let [alice] = net.accounts();
    assert_eq!(net.query(tx::newest(3)), []);
    for number in 0..300 {
        let id = net.send(alice, tx::write(format!("{number}"))).answer::<u64>();
        assert_eq!(id, number);
    }
    assert_eq!(net.query(tx::newest(3)), [entry("299"), entry("298"), entry("297")]);
    let all = net.query(tx::newest(1000));
    let notes: Vec<_> = all.into_iter().map(|entry| entry.note).collect();
    assert_eq!(notes, (0..300).rev().map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn an_entry_of_an_enum_is_written_and_read() {
    for mut net in [Testnet::native::<Probe>(), Testnet::so(folder())] {
        let [alice, bob] = net.accounts();
        let id = net.send(alice, tx::write("a".into())).answer();
        for fate in [Fate::Closed { by: bob, at: 7 }, Fate::Given(alice), Fate::Open] {
            let decided = net.send(bob, tx::decide(id, fate)).answer();
            assert_eq!(decided, Entry { note: "a".into(), fate });
        }
        net.send(bob, tx::decide(9, Fate::Open)).faults(&Error::NoEntry).fails(40, "NoEntry");
    }
}

#[test]
fn a_list_grows_and_shrinks_at_its_end() {
    let mut net = Testnet::native::<Probe>();
    let [alice] = net.accounts();
    assert_eq!(net.send(alice, tx::list(None)).answer(), (None, vec![]));
    assert_eq!(net.send(alice, tx::list(Some(1))).answer(), (None, vec![2]));
    assert_eq!(net.send(alice, tx::list(Some(-7))).answer(), (None, vec![-6, 2]));
    assert_eq!(net.send(alice, tx::list(None)).answer(), (Some(-6), vec![2]));
    net.send(alice, tx::beyond_list()).panics("position 1 of `row`, which has 1 values");
}

#[test]
fn sums_never_wrap_around() {
    let mut net = Testnet::native::<Probe>();
    let [alice, bob] = net.accounts();
    for (key, more) in [((true, -1, bob), 5), ((true, -2, alice), 1), ((true, -1, alice), 9)] {
        assert_eq!(net.send(alice, tx::sum(key, more)).answer(), more);
    }
    net.send(alice, tx::sum((false, 0, alice), 1)).ok();
    let too_little = Error::TooLittle { have: 5, need: 6 };
    net.send(alice, tx::sum((true, -1, bob), -6)).faults(&too_little);
    assert_eq!(net.send(alice, tx::sum((true, -1, bob), -2)).answer(), 3);
    net.send(alice, tx::sum((true, -1, bob), i64::MAX)).panics("overflow in `sums`");
    let (numbers, sums) = net.query(tx::sums(true, -1));
    assert_eq!(numbers, [-2, -1, -1]);
    assert_eq!(sums.iter().sum::<i64>(), 12);
}

/// What the probe does not have: a SCORE of this process only.
mod shelf {
    use score_native::prelude::*;

    #[derive(Debug, State)]
    pub(super) struct Shelf {
        total: Item<u8>,
        owner: Item<Address>,
        pairs: Map<(bool, u16), u8>,
    }

    #[score(name = "shelf")]
    #[expect(unreachable_pub, reason = "what is public can be called")]
    impl Shelf {
        pub fn put(&mut self, key: (bool, u16), value: u8) {
            self.pairs.set(&key, value);
        }

        pub fn items(&mut self, cx: &Cx) -> (bool, bool, Option<Address>, Option<Address>) {
            let before = self.owner.exists();
            self.owner.set(cx.caller());
            let there = self.owner.exists();
            (before, there, self.owner.take(), self.owner.take())
        }

        pub fn count(&mut self, more: u8, less: u8) -> u8 {
            self.total.add(more);
            self.total.update(|total| total * 2);
            self.total.sub(less)
        }

        pub fn lists(&self, from: (bool, u16)) -> (Vec<(bool, u16)>, Vec<u8>, Vec<u8>) {
            let from = (core::ops::Bound::Excluded(from), core::ops::Bound::Unbounded);
            let after = self.pairs.range(from).map(|(_, value)| value).collect();
            (self.pairs.keys().rev().collect(), self.pairs.values().collect(), after)
        }

        pub fn took(&mut self, key: (bool, u16)) -> (Option<u8>, bool, u8) {
            (self.pairs.take(&key), self.pairs.contains(&key), self.pairs.get(&key))
        }
    }
}

#[test]
fn an_item_is_there_until_it_is_taken() {
    use shelf::{Shelf, tx};
    let mut net = Testnet::native::<Shelf>();
    let [alice] = net.accounts();
    let items = net.send(alice, tx::items()).answer();
    assert_eq!(items, (false, true, Some(alice), None));
    assert_eq!(net.send(alice, tx::count(3, 1)).answer(), 5);
    net.send(alice, tx::count(0, 11)).panics("overflow below in `total`");
    net.send(alice, tx::count(255, 0)).panics("overflow in `total`");
    assert_eq!(net.dump(), "total = 5\n");
}

#[test]
fn keys_and_values_come_in_the_order_of_the_keys() {
    use shelf::{Shelf, tx};
    let mut net = Testnet::native::<Shelf>();
    let [alice] = net.accounts();
    let keys = [(true, 256), (false, 7), (true, 1), (false, 700)];
    for (value, key) in (1..).zip(keys) {
        net.send(alice, tx::put(key, value)).ok();
    }
    let (down, values, after) = net.query(tx::lists((false, 700)));
    assert_eq!(down, [(true, 256), (true, 1), (false, 700), (false, 7)]);
    assert_eq!((values, after), (vec![2, 4, 3, 1], vec![3, 1]));
    assert_eq!(net.send(alice, tx::took((true, 1))).answer(), (Some(3), false, 0));
    assert_eq!(net.send(alice, tx::took((true, 1))).answer(), (None, false, 0));
}

#[test]
fn the_longest_keys_are_found_from_the_end_too() {
    let mut net = Testnet::native::<Probe>();
    let [alice] = net.accounts();
    let longest = limit::KEY_BYTES - "words/".len();
    let word = |last: &str| "z".repeat(longest - last.len()) + last;
    let words = ["a", "b", "b\0", "b\0\0", "y\0", "yz", "zz"].map(word);
    for word in &words {
        net.send(alice, tx::word(word.clone(), true)).ok();
    }
    let (_, mut found) = net.query(tx::words("-".into(), String::new(), "zzzz\u{7f}".into()));
    found.reverse();
    let mut sorted = words.to_vec();
    sorted.sort();
    assert_eq!(found, sorted);
}

/// What is stored is part of the agreement between peers and versions: docs/spec/score-sdk.md.
#[test]
fn the_bytes_of_the_state_are_the_ones_of_the_specification() {
    let mut net = Testnet::native::<Probe>();
    let [alice, bob] = net.accounts();
    net.send(alice, tx::write("hi".into())).ok();
    net.send(alice, tx::decide(0, Fate::Closed { by: bob, at: 300 })).ok();
    net.send(alice, tx::list(Some(-8))).ok();
    net.send(alice, tx::word("w".into(), true)).ok();
    net.send(alice, tx::sum((true, -1, bob), 5)).ok();
    let closed = [&[0x82, 0x62, b'h', b'i', 0x83, 1, 0x54][..], &bob.0, &[0x19, 1, 44]].concat();
    let sum = [b"sums/\x01\x7f\xff\xff\xff".as_slice(), &bob.0].concat();
    let wanted: [(&[u8], &[u8]); 6] = [
        (b"entries/\0\0\0\0\0\0\0\0", &closed),
        (b"row/", &[1]),
        (b"row/\0\0\0\0\0\0\0\0", &[0x26]),
        (&sum, &[5]),
        (b"tickets", &[1]),
        (b"words/w", &[]),
    ];
    let state = net.state().iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
    assert_eq!(state.collect::<Vec<_>>(), wanted);
}

/// The bound that `state/scan.rs` promises: the last of many numbered entries, and the ones before.
#[test]
fn the_end_of_a_long_map_is_found_in_few_host_calls() {
    let mut net = Testnet::jailed(folder());
    let [alice] = net.accounts();
    let ids = (0..2_000).map(|n| (alice, tx::write(n.to_string())));
    net.block(ids.collect()).into_iter().for_each(|receipt| drop(receipt.ok()));
    let one = net.ask(tx::newest(1)).ok().steps();
    let many = net.ask(tx::newest(21)).ok().steps();
    assert!(one < 100 * HOST_CALL, "{one} steps for the last one");
    let each = (many - one) / 20;
    assert!(each < 6 * HOST_CALL, "{each} steps for each further one");
}

/// Words over few letters, the least one among them, so that near misses are found.
fn word() -> impl Strategy<Value = String> {
    "[\u{0}a\u{7f}]{0,3}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_set_is_what_a_set_of_rust_is(
        changes in prop::collection::vec((word(), any::<bool>()), 0..30),
        (begin, from, to) in (word(), word(), word()),
    ) {
        let mut net = Testnet::native::<Probe>();
        let [alice] = net.accounts();
        let mut set = BTreeSet::new();
        for (word, add) in changes {
            let changed = net.send(alice, tx::word(word.clone(), add)).answer::<bool>();
            let wanted = if add { set.insert(word) } else { set.remove(&word) };
            prop_assert_eq!(changed, wanted);
        }
        let (found, ranged) = net.query(tx::words(begin.clone(), from.clone(), to.clone()));
        let beginning = set.iter().filter(|word| word.starts_with(&begin));
        prop_assert_eq!(found, beginning.cloned().collect::<Vec<_>>());
        let inside = set.iter().rev().filter(|word| (&from..&to).contains(word));
        prop_assert_eq!(ranged, inside.cloned().collect::<Vec<_>>());
    }

    #[test]
    fn both_ends_of_a_range_meet(
        written in 1u64..40,
        removed in prop::collection::btree_set(0u64..40, 0..20),
        (from, to) in (0u64..44, 0u64..44),
    ) {
        let mut net = Testnet::native::<Probe>();
        let [alice] = net.accounts();
        let mut map = BTreeMap::new();
        for id in 0..written {
            net.send(alice, tx::write(String::new())).ok();
            map.insert(id, ());
        }
        for id in removed {
            net.send(alice, tx::erase(id)).ok();
            map.remove(&id);
        }
        let mut wanted = Vec::new();
        if from <= to {
            let mut ids = map.range(from..=to).map(|(id, ())| *id);
            while let Some(id) = ids.next() {
                wanted.push(id);
                wanted.extend(ids.next_back());
            }
        }
        prop_assert_eq!(net.query(tx::zigzag(from, to)), wanted);
    }
}
