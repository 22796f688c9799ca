//! One story, told on the source, on the `.so`, in the worker of a peer, and on other machines.

use score_native_testkit::Testnet;
use template_token::{Error, TemplateToken, Transfer, tx};

/// The folder of this SCORE: its `.so` is built from it.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::deploy()).ok();
    net.send(alice, tx::mint(alice, 1000)).ok();
    net.send(bob, tx::mint(bob, 1)).faults(&Error::NotOwner);
    let paid = Transfer { from: alice, to: bob, amount: 30 };
    net.send(alice, tx::transfer(bob, 30)).ok().emitted(&paid).events(1);
    net.send(bob, tx::transfer(alice, 31)).faults(&Error::Insufficient { have: 30, need: 31 });
    net.send(alice, tx::mint(bob, u128::MAX)).panics("overflow");
    assert_eq!(net.query(tx::balance_of(bob)), 30);
    assert_eq!(net.query(tx::total_supply()), 1000);
    net
}

#[test]
fn tokens_move_and_only_the_owner_mints() {
    story(Testnet::native::<TemplateToken>());
}

#[test]
fn the_so_and_the_worker_agree_with_the_source() {
    let net = story(Testnet::native::<TemplateToken>());
    net.replay_on(Testnet::so(HERE)).replay_on(Testnet::jailed(HERE));
}

#[test]
fn it_does_the_same_on_every_machine() {
    story(Testnet::native::<TemplateToken>()).fuzz(HERE, 4);
}
