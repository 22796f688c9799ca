//! The token: one story on the source, the `.so` and the worker of a node, shuffled calls, other
//! machines, and the manifest that clients see.

use score_native::{Address, Invocation};
use score_native_testkit::{
    Shuffle, Testnet,
    abi::trap,
    accounts,
    proptest::{prelude::Strategy, prop_oneof},
};
use std::time::Duration;
use token::{Error, Token, Transfer, tx};

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::deploy(1000)).ok();
    let transfer = Transfer { from: alice, to: bob, amount: 30 };
    net.send(alice, tx::transfer(bob, 30)).ok().emitted(&transfer).events(1);
    net.send(bob, tx::transfer(alice, 31)).faults(&Error::Insufficient { have: 30, need: 31 });
    net.travel(Duration::from_secs(86_400));
    net.send(bob, tx::mint(bob, 1)).fails(2, "only the owner may mint");
    net.send(alice, tx::mint(bob, u128::MAX - 999)).panics("overflow");
    assert_eq!(net.query(tx::balance_of(bob)), 30);
    assert_eq!(net.query(tx::total_supply()), 1000);
    net
}

#[test]
fn tokens_move_and_only_the_owner_mints() {
    story(Testnet::native::<Token>());
}

#[test]
fn the_so_and_the_worker_agree_with_the_source() {
    let net = story(Testnet::native::<Token>());
    let mut net = net.replay_on(Testnet::so("token")).replay_on(Testnet::jailed("token"));
    let [alice, bob] = net.accounts();
    assert_eq!(net.query(tx::balance_of(alice)), 970);
    let transfer = net.send(alice, tx::transfer(bob, 1)).ok();
    assert!((3_000..20_000).contains(&transfer.steps()), "{} steps", transfer.steps());
    net.send(alice, tx::mint(bob, u128::MAX)).panics("plugins/token/src/lib.rs:");
}

fn any_call() -> impl Strategy<Value = Invocation> {
    prop_oneof![
        4 => (accounts(3), 0..400u128).prop_map(|(to, n)| tx::transfer(to, n).untyped()),
        1 => (accounts(3), 0..400u128).prop_map(|(to, n)| tx::mint(to, n).untyped()),
    ]
}

#[test]
fn no_order_of_calls_makes_or_loses_a_token() {
    let others = [Testnet::so("token"), Testnet::jailed("token"), Testnet::elsewhere("token", 1)];
    let native = Testnet::native::<Token>();
    let everybody: [Address; 3] = native.accounts();
    Shuffle::of(any_call())
        .first(tx::deploy(1000))
        .always(move |net| {
            let balances = everybody.map(|who| net.query(tx::balance_of(who)));
            assert_eq!(balances.iter().sum::<u128>(), net.query(tx::total_supply()));
        })
        .run(native, others);
}

#[test]
fn it_does_the_same_on_every_machine() {
    story(Testnet::native::<Token>()).fuzz("token", 8);
}

#[test]
fn a_transfer_to_oneself_changes_nothing() {
    let mut net = Testnet::native::<Token>();
    let [alice] = net.accounts();
    net.send(alice, tx::deploy(7)).ok();
    net.send(alice, tx::transfer(alice, 7)).ok();
    assert_eq!(net.query(tx::balance_of(alice)), 7);
    net.send(alice, tx::transfer(alice, 8)).fails(1, "balance 7 is less than 8");
}

#[test]
fn a_failed_transaction_leaves_the_state_as_it_was() {
    let mut net = Testnet::native::<Token>();
    let [alice, bob] = net.accounts();
    net.send(alice, tx::deploy(u128::MAX)).ok();
    let before = net.root();
    net.send(alice, tx::mint(bob, 1)).traps(trap::PANIC);
    assert_eq!(net.root(), before);
}

#[test]
fn nobody_mints_before_the_token_is_deployed() {
    let mut net = Testnet::native::<Token>();
    net.send(Default::default(), tx::mint(Default::default(), 1))
        .fails(2, "only the owner may mint");
}

#[test]
fn the_manifest_of_the_so_is_the_golden_one() {
    let golden = include_str!("manifest.json").trim_end();
    let golden = golden.replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(Testnet::so("token").manifest(), golden);
    assert_eq!(Testnet::native::<Token>().manifest(), golden);
}
