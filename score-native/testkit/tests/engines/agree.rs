//! The engines agree on everything a SCORE can do, and on how it is stopped.

use crate::{
    folder,
    probe::{Counted, Probe, World, tx},
};
use score_native::{Invocation, args};
use score_native_testkit::{
    Testnet,
    abi::{limit, refusal, trap},
};
use std::{path::Path, time::Duration};

type Row = ((String, u64), Vec<u8>);

fn engines() -> [Testnet; 2] {
    [Testnet::native::<Probe>(), Testnet::so(folder())]
}

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.enroll(bob, "Bank B", 3);
    for (name, number) in [("b", 1), ("a", 256), ("a", 2), ("", 0), ("a\0", 0)] {
        net.send(alice, tx::add(name.into(), number, vec![number as u8])).ok();
    }
    let first = net.send(bob, tx::remove("".into(), 0)).answer::<Vec<Row>>();
    assert_eq!(first, [(("a".into(), 2), vec![2])]);
    net.travel(Duration::from_secs(3600));
    let world = net.send(bob, tx::world()).answer::<World>();
    assert_eq!(world.who, (bob, bob));
    assert_eq!(world.member, ("Bank B".into(), 3));
    assert_eq!(world.block, ("testnet".into(), 7, 1_500_003_606_000_000));
    net.send(alice, tx::sized(1, limit::VALUE_BYTES as u64)).traps(trap::LIMIT);
    net.send(alice, tx::sized(300, 1)).traps(trap::LIMIT);
    net.send(alice, tx::sized(200, 60_000)).ok();
    net.send(alice, tx::chatter(limit::EVENTS as u64)).ok().events(limit::EVENTS);
    net.send(alice, tx::chatter(limit::EVENTS as u64 + 1)).traps(trap::LIMIT).events(0);
    net.send(alice, tx::breathe()).ok();
    net.send(alice, tx::migrate("1.2.2".into())).ok();
    net
}

#[test]
fn the_engines_agree_on_a_long_story() {
    let mut net = story(Testnet::native::<Probe>()).replay_on(Testnet::so(folder()));
    let rows = net.query::<Vec<Row>>(tx::page(Some(("a".into(), 2)), 2));
    let keys: Vec<_> = rows.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [("a".into(), 256), ("a\0".into(), 0)]);
}

#[test]
fn the_worker_agrees_with_the_source() {
    let worker = Path::new(env!("CARGO_BIN_EXE_score-worker-under-testkit"));
    let jailed = Testnet::jailed_by(folder(), worker, &[]);
    let mut net = story(Testnet::native::<Probe>()).replay_on(jailed);
    // With the same steps.
    net.replay_on(Testnet::so(folder()));
    let rows = net.query::<Vec<Row>>(tx::page(Some(("a".into(), 2)), 1));
    assert_eq!(rows, [(("a".into(), 256), vec![0])]);
    net.ask(tx::write_in_query()).traps(trap::WRITE_IN_QUERY);
    let [alice] = net.accounts();
    let spin = net.send(alice, tx::spin()).traps(trap::STEPS);
    assert_eq!(spin.steps(), 20_000_000);
    net.send(alice, tx::hog()).traps(trap::MEMORY);
    net.send(alice, tx::breathe()).ok();
}

#[test]
fn a_query_cannot_write_or_emit() {
    for mut net in engines() {
        let before = net.root();
        net.ask(tx::write_in_query()).traps(trap::WRITE_IN_QUERY);
        net.ask(tx::emit_in_query()).traps(trap::WRITE_IN_QUERY);
        assert_eq!(net.root(), before);
    }
}

#[test]
fn a_call_that_is_no_call_of_the_score_is_refused() {
    for mut net in engines() {
        let [alice] = net.accounts();
        let add = tx::add("a".into(), 1, vec![]);
        let unknown = Invocation { method: "ad".into(), ..add.clone() };
        net.send(alice, unknown).fails(refusal::NO_METHOD, "no method `ad`");
        let query = Invocation { method: "page".into(), ..add.clone() };
        net.send(alice, query).fails(refusal::NO_METHOD, "no method `page`");
        let short = Invocation { args: args::encode(&(1u64, 2u64)), ..add.clone() };
        net.send(alice, short).fails(refusal::BAD_ARGS, "wrong number of arguments");
        let wrong = Invocation { args: args::encode(&(1u64, 2u64, 3u64)), ..add };
        let message = "argument `name` (text): another type stands there";
        net.send(alice, wrong).fails(refusal::BAD_ARGS, message);
    }
}

#[test]
fn a_deploy_without_a_method_takes_no_arguments() {
    for mut net in engines() {
        let [alice] = net.accounts();
        net.send(alice, Invocation::new(0, "deploy", 0)).ok();
        net.send(alice, Invocation::new(0, "deploy", 1).with(&1u64)).traps(refusal::BAD_ARGS);
    }
}

#[test]
fn an_endless_loop_ends_at_the_same_step_each_time() {
    let mut net = Testnet::so(folder());
    let [alice] = net.accounts();
    for _ in 0..2 {
        let spin = net.send(alice, tx::spin()).fails(trap::STEPS, "out of steps");
        assert_eq!(spin.steps(), 20_000_000);
    }
    net.send(alice, tx::add("a".into(), 1, vec![])).ok();
}

#[test]
fn a_memory_hog_ends_and_the_next_call_has_the_whole_arena() {
    let mut net = Testnet::so(folder());
    let [alice] = net.accounts();
    for _ in 0..3 {
        net.send(alice, tx::hog()).fails(trap::MEMORY, "arena exhausted");
        net.send(alice, tx::breathe()).ok();
    }
}

#[test]
fn a_panic_says_where() {
    let mut net = Testnet::so(folder());
    let message = net.ask(tx::beyond(3)).panics("index out of bounds").message();
    assert!(message.starts_with("src/lib.rs:"), "{message}");
    let native = Testnet::native::<Probe>().ask(tx::beyond(3)).panics("index out of bounds");
    let place = "/tests/engines/../probe/score.rs:";
    assert!(native.message().contains(place), "{}", native.message());
}

#[test]
fn the_log_is_kept_beside_the_receipt() {
    for mut net in engines() {
        let [alice] = net.accounts();
        let receipt = net.send(alice, tx::world()).ok();
        assert_eq!(receipt.call.logs[0].text, "asked for the world");
    }
}

#[test]
fn a_signature_is_checked_by_the_host() {
    let key = ed25519_zebra::SigningKey::from([7; 32]);
    let signed: [u8; 64] = key.sign(b"message").into();
    let public: [u8; 32] = ed25519_zebra::VerificationKey::from(&key).into();
    for mut net in engines() {
        let mut verify = |message: &[u8], signature: &[u8]| {
            net.query::<bool>(tx::verify(public, message.into(), signature.into()))
        };
        assert!(verify(b"message", &signed));
        assert!(!verify(b"massage", &signed));
        assert!(!verify(b"message", &signed[1..]));
    }
}

#[test]
fn an_expected_event_must_be_exact() {
    let mut net = Testnet::native::<Probe>();
    let [alice] = net.accounts();
    let receipt = net.send(alice, tx::add("a".into(), 1, vec![])).emitted(&Counted { count: 1 });
    let other = std::panic::catch_unwind(|| receipt.emitted(&Counted { count: 2 }));
    assert!(other.is_err());
}
