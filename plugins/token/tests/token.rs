//! The token: one story on the source and on the `.so`, and the manifest that clients see.

use score_native_testkit::{Testnet, abi::trap};
use std::time::Duration;
use token::{Token, Transfer, tx};

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::deploy(1000)).ok();
    let transfer = Transfer { from: alice, to: bob, amount: 30 };
    net.send(alice, tx::transfer(bob, 30)).ok().emitted(&transfer).events(1);
    net.send(bob, tx::transfer(alice, 31)).fails(1, "balance 30 is less than 31").events(0);
    net.travel(Duration::from_secs(86_400));
    net.send(bob, tx::mint(bob, 1)).fails(2, "only the owner may mint");
    net.send(alice, tx::mint(bob, u128::MAX - 999)).panics("overflow");
    assert_eq!(net.query::<u128>(tx::balance_of(bob)), 30);
    assert_eq!(net.query::<u128>(tx::total_supply()), 1000);
    net
}

#[test]
fn tokens_move_and_only_the_owner_mints() {
    story(Testnet::native::<Token>());
}

#[test]
fn the_so_agrees_with_the_source() {
    let mut net = story(Testnet::native::<Token>()).replay_on(Testnet::so("token"));
    let [alice, bob] = net.accounts();
    assert_eq!(net.query::<u128>(tx::balance_of(alice)), 970);
    let transfer = net.send(alice, tx::transfer(bob, 1)).ok();
    assert!((100..20_000).contains(&transfer.steps()), "{} steps", transfer.steps());
    net.send(alice, tx::mint(bob, u128::MAX)).panics("plugins/token/src/lib.rs:");
}

#[test]
fn a_transfer_to_oneself_changes_nothing() {
    let mut net = Testnet::native::<Token>();
    let [alice] = net.accounts();
    net.send(alice, tx::deploy(7)).ok();
    net.send(alice, tx::transfer(alice, 7)).ok();
    assert_eq!(net.query::<u128>(tx::balance_of(alice)), 7);
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
