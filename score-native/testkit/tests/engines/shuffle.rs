//! Shuffled calls: an honest SCORE agrees everywhere, a fickle one is caught with few calls.

use crate::{
    folder,
    probe::{Probe, tx},
};
use proptest::prelude::*;
use score_native::Invocation;
use score_native_testkit::{Shuffle, Testnet, accounts};

fn honest() -> impl Strategy<Value = Invocation> {
    let (word, byte) = ("[\u{0}ab]{0,2}", any::<u8>());
    prop_oneof![
        (word, 0..4u64, byte).prop_map(|(n, at, b)| tx::add(n, at, vec![b]).untyped()),
        (word, 0..4u64).prop_map(|(name, at)| tx::remove(name, at).untyped()),
        (word, any::<bool>()).prop_map(|(word, add)| tx::word(word, add).untyped()),
        proptest::option::of(-9..9i64).prop_map(|value| tx::list(value).untyped()),
        word.prop_map(|note| tx::write(note).untyped()),
        (0..4u64).prop_map(|id| tx::erase(id).untyped()),
        (any::<bool>(), -1..2i32, accounts(3), -5..9i64).prop_map(|(kind, n, who, more)| tx::sum(
            (kind, n, who),
            more
        )
        .untyped()),
    ]
}

#[test]
fn shuffled_calls_do_the_same_on_every_engine() {
    Shuffle::of(honest())
        .always(|net| {
            let ids = net.query(tx::zigzag(0, u64::MAX));
            assert_eq!(ids.len(), net.query(tx::newest(u32::MAX)).len());
        })
        .run(
            Testnet::native::<Probe>(),
            [
                Testnet::so(folder()),
                Testnet::jailed(folder()),
                Testnet::elsewhere(folder(), 1),
                Testnet::elsewhere(folder(), 2),
            ],
        );
}

#[test]
fn a_fickle_call_is_found_and_left_alone_with_its_name() {
    let calls = prop_oneof![9 => honest(), 1 => Just(tx::where_am_i().untyped())];
    let others = [Testnet::jailed(folder())];
    let failure = Shuffle::of(calls).try_run(Testnet::native::<Probe>(), others).unwrap_err();
    assert_eq!(failure.calls.len(), 1, "{failure}");
    assert!(failure.calls[0].contains("where_am_i()"), "{failure}");
    assert!(failure.reason.contains("the output differs"), "{failure}");
}

#[test]
fn a_broken_promise_is_found_with_the_fewest_calls() {
    let add = |n: u64| tx::add("a".into(), n, vec![]).untyped();
    let failure = Shuffle::of((0..9u64).prop_map(add))
        .first(tx::speak())
        .always(|net| assert!(net.query(tx::peek()) < 3, "more than two"))
        .try_run(Testnet::native::<Probe>(), [])
        .unwrap_err();
    assert_eq!(failure.calls.len(), 3, "{failure}");
    assert!(failure.reason.ends_with("more than two"), "{failure}");
    assert!(failure.calls.iter().all(|call| call.starts_with("alice: add(\"a\", 0, h'')")));
}
