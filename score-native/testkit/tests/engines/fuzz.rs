//! The fuzzer finds what depends on the machine, and nothing else.

use crate::{
    folder,
    probe::{Counted, Probe, tx},
};
use score_native::Invocation;
use score_native_link::build::build_score_at;
use score_native_testkit::{Difference, Testnet, abi::trap};
use std::{io::Write as _, process::Command};

/// Enough for each condition to be met.
const RUNS: u32 = 8;

/// A story of blocks with an ending of its own.
fn story(mut net: Testnet, ending: Invocation) -> Testnet {
    let [alice, bob, carol] = net.accounts();
    for round in 0..12u64 {
        let add = |who, name: &str| (who, tx::add(name.into(), round, vec![1; 9]).untyped());
        net.block(vec![
            add(alice, "a"),
            (bob, tx::word(format!("w{}", round % 5), round % 3 > 0).untyped()),
            add(carol, "b"),
            (bob, tx::list(round.is_multiple_of(2).then_some(7)).untyped()),
            (alice, tx::sum((true, round as i32 % 4, bob), round as i64 - 3).untyped()),
        ]);
        net.send(bob, tx::remove("a".into(), round / 2)).ok();
        net.send(alice, tx::write(format!("{round}"))).ok();
    }
    net.send(alice, ending.clone());
    net.send(bob, ending);
    net
}

fn fuzzed(ending: Invocation) -> Result<(), Box<Difference>> {
    // Recorded by a worker, so that only the fuzzer's own runs can differ.
    story(Testnet::jailed(folder()), ending).try_fuzz(folder(), RUNS, 1)
}

#[test]
fn an_honest_history_is_the_same_everywhere() {
    let net = story(Testnet::native::<Probe>(), tx::breathe().untyped());
    net.fuzz(folder(), RUNS);
    let counted = net.fork().send(net.accounts::<1>()[0], tx::add("z".into(), 0, vec![]));
    assert_eq!(counted.events_of::<Counted>()[0].count, 25);
}

#[test]
fn an_address_of_code_in_an_answer_is_found() {
    let difference = fuzzed(tx::where_am_i().untyped()).unwrap_err();
    assert_eq!(difference.transaction, "block 37, transaction 0: alice: where_am_i()");
    assert_eq!(difference.what, "the output");
    assert_ne!(difference.sides[0].1, difference.sides[1].1);
}

#[test]
fn an_address_of_memory_in_the_state_is_found() {
    let difference = fuzzed(tx::where_is_memory().untyped()).unwrap_err();
    assert_eq!(difference.what, "the write of count");
    assert_ne!(difference.sides[0].1, difference.sides[1].1);
}

#[test]
fn a_number_remembered_beside_the_chain_is_found() {
    let difference = fuzzed(tx::remember().untyped()).unwrap_err();
    assert_eq!(difference.transaction, "block 38, transaction 0: bob: remember()");
    let sides = difference.sides.map(|(engine, value)| format!("{engine}: {value}"));
    assert_eq!(sides, ["the worker: 0", "the .so: 1"]);
}

/// The worker restores statics; addresses at which a node always loads are moved by the fuzzer only.
#[test]
fn the_differences_are_found_in_the_worker_alone_as_well() {
    let mut net = Testnet::jailed(folder());
    let [alice] = net.accounts();
    net.send(alice, tx::where_am_i()).ok();
    // A call that fills the stack cannot run in this process, so only workers are compared.
    net.send(alice, tx::deep(0)).traps(trap::STACK);
    let difference = net.try_fuzz(folder(), RUNS, 1).unwrap_err();
    assert!(difference.sides[1].0.starts_with("the worker of run "), "{difference}");
    assert!(difference.sides[1].0.contains("random addresses"), "{difference}");
}
/// What the child of the next test is called by.
const SAYS_WHERE: &str = "fuzz::a_worker_lies_where_every_worker_lies";

/// The limit of the stack moves what the kernel places below it, also without randomness: a node that
/// was started with another one would see other addresses.
#[test]
fn a_worker_lies_where_every_worker_lies() {
    let mut net = Testnet::jailed(folder());
    let [alice] = net.accounts();
    let place = net.send(alice, tx::where_am_i()).answer::<u64>();
    if std::env::var_os(crate::PROBE).is_some() {
        let said = writeln!(std::io::stderr(), "it lies at {place:#x}");
        return said.unwrap();
    }
    let so = build_score_at(folder().as_ref(), &mut |_| {}).unwrap();
    for stack in ["512", "262144", "unlimited"] {
        let mut child = Command::new("/bin/sh");
        child.args(["-c", "ulimit -S -s \"$0\" || exit 0; exec \"$@\"", stack]);
        child.arg(std::env::current_exe().unwrap()).args(["--exact", "--nocapture", SAYS_WHERE]);
        let output = child.env(crate::PROBE, &so).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stack}: {said}");
        // A machine may not allow the limit: then there is nothing to see.
        let wanted = format!("it lies at {place:#x}\n");
        assert!(said.is_empty() || said.contains(&wanted), "{stack}: {said}");
    }
}
