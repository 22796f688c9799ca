//! What the harness itself offers: blocks, branches, snapshots, heights, people, upgrades.

use crate::{
    folder,
    probe::{Counted, Probe, tx},
};
use score_native::{Invocation, Level};
use score_native_testkit::{Testnet, abi::level};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn engines() -> [Testnet; 3] {
    [Testnet::native::<Probe>(), Testnet::so(folder()), Testnet::jailed(folder())]
}

#[test]
fn a_fork_goes_its_own_way() {
    for mut net in engines() {
        let [alice] = net.accounts();
        net.send(alice, tx::add("a".into(), 1, vec![])).ok();
        let mut other = net.fork();
        other.send(alice, tx::add("b".into(), 1, vec![])).ok().emitted(&Counted { count: 2 });
        assert_eq!((net.query(tx::peek()), other.query(tx::peek())), (1, 2));
        net.send(alice, tx::add("c".into(), 1, vec![])).ok().emitted(&Counted { count: 2 });
        assert_ne!(net.root(), other.root());
    }
}

#[test]
fn what_is_restored_never_happened() {
    for mut net in engines() {
        let [alice] = net.accounts();
        net.send(alice, tx::add("a".into(), 1, vec![])).ok();
        let (before, root) = (net.snapshot(), net.root());
        for _ in 0..2 {
            net.send(alice, tx::add("b".into(), 1, vec![])).ok();
            assert_eq!(net.query(tx::peek()), 2);
            net.restore(&before);
            assert_eq!((net.query(tx::peek()), net.root(), net.height()), (1, root, 2));
        }
    }
}

#[test]
fn a_height_is_the_chain_as_it_was() {
    for mut net in engines() {
        let [alice] = net.accounts();
        net.send(alice, tx::add("a".into(), 1, vec![])).ok();
        net.pass(10);
        net.send(alice, tx::add("b".into(), 1, vec![])).ok();
        assert_eq!(net.height(), 13);
        for (height, count) in [(1, 1), (11, 1), (12, 2)] {
            let mut then = net.at_height(height);
            assert_eq!((then.query(tx::peek()), then.height()), (count, height + 1));
        }
        assert!(catch_unwind(AssertUnwindSafe(|| net.at_height(13))).is_err());
    }
}

#[test]
fn the_transactions_of_a_block_see_each_other() {
    let mut nets = engines();
    let net = &mut nets[0];
    let [alice, bob] = net.accounts();
    let add = |who, name: &str| (who, tx::add(name.into(), 1, vec![]).untyped());
    let block = vec![add(alice, "a"), (bob, tx::sized(300, 1).untyped()), add(bob, "a")];
    let receipts = net.block(block);
    let codes: Vec<_> = receipts.iter().map(|receipt| receipt.call.code != 0).collect();
    assert_eq!(codes, [false, true, false]);
    assert_eq!(receipts[2].events_of::<Counted>()[0].count, 2);
    assert_eq!(net.height(), 2);
    let [native, so, jailed] = nets;
    native.replay_on(so);
    native.replay_on(jailed);
}

#[test]
fn the_state_is_shown_with_names() {
    let mut net = Testnet::native::<Probe>();
    let [alice] = net.accounts();
    let zoe = net.account("zoe");
    net.enroll(zoe, "Bank Z", 2);
    net.send(zoe, tx::write("x".into())).ok();
    net.send(zoe, tx::decide(0, crate::probe::Fate::Given(zoe))).ok();
    net.send(alice, tx::word("hello".into(), true)).ok();
    net.send(alice, tx::list(Some(-3))).ok();
    let wanted =
        "entries/0 = [\"x\", [2, zoe]]\nrow/ = 1\nrow/0 = -2\ntickets = 1\nwords/hello = ()\n";
    assert_eq!(net.dump(), wanted);
    assert_eq!(net.send(zoe, tx::world()).answer::<crate::probe::World>().member.0, "Bank Z");
}

#[test]
fn a_difference_names_the_transaction_and_both_sides() {
    let mut net = Testnet::native::<Probe>();
    let [alice, bob] = net.accounts();
    net.send(alice, tx::sum((true, 1, bob), 2)).ok();
    net.send(alice, tx::where_am_i()).ok();
    let replayed = catch_unwind(AssertUnwindSafe(|| net.replay_on(Testnet::so(folder()))));
    let message = replayed.err().and_then(|error| error.downcast::<String>().ok());
    let message = message.map(|text| *text).unwrap_or_default();
    let begin = "block 2, transaction 0: alice: where_am_i(): the output differs\n  the source: ";
    assert!(message.starts_with(begin), "{message}");
    assert!(message.contains("\n  the .so: "), "{message}");
}

#[test]
fn an_upgrade_migrates_and_goes_on() {
    let mut net = Testnet::native::<Probe>();
    let [alice] = net.accounts();
    net.send(alice, tx::add("a".into(), 1, vec![])).ok();
    net.upgrade(alice, Testnet::so(folder())).ok();
    let row = net.query(tx::page(None, 9)).into_iter().find(|((name, _), _)| name != "a");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(row.map(|(key, _)| key), Some((version.to_owned(), 2)), "migrate saw it");
    net.send(alice, tx::add("b".into(), 1, vec![])).ok().emitted(&Counted { count: 2 });
    let jailed = net.replay_on(Testnet::jailed(folder()));
    assert_eq!(jailed.root(), net.root());
}

#[test]
fn every_level_is_spoken() {
    for mut net in engines() {
        let [alice] = net.accounts();
        let logs = net.send(alice, tx::speak()).ok().call.logs;
        let levels: Vec<_> = logs.into_iter().map(|line| line.level).collect();
        assert_eq!(levels, [level::ERROR, level::WARN, level::INFO, level::DEBUG]);
    }
    assert_ne!(Level::Error, Level::Debug);
}

#[test]
fn an_untyped_call_answers_what_is_asked_for() {
    let mut net = Testnet::native::<Probe>();
    assert_eq!(net.query::<u64>(Invocation::new(2, "peek", 0)), 0);
    assert_eq!(net.query::<u64>(tx::peek()), 0);
    assert_eq!(format!("{:?}", tx::word("a".into(), true)), "word(\"a\", true)");
}
