//! One story, told on the source, on the `.so`, in the worker of a peer, and on other machines.

use score_native_testkit::Testnet;
use template_counter::{Added, Error, TemplateCounter, tx};

/// The folder of this SCORE: its `.so` is built from it.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::add(2)).ok().emitted(&Added { who: alice, by: 2, total: 2 });
    assert_eq!(net.send(bob, tx::add(3)).ok().answer(), 5);
    net.send(bob, tx::add(0)).faults(&Error::Nothing).events(0);
    net.send(bob, tx::add(u64::MAX)).panics("overflow");
    assert_eq!(net.query(tx::total()), 5);
    assert_eq!(net.query(tx::added_by(bob)), 3);
    net
}

#[test]
fn everybody_adds() {
    story(Testnet::native::<TemplateCounter>());
}

#[test]
fn the_so_and_the_worker_agree_with_the_source() {
    let net = story(Testnet::native::<TemplateCounter>());
    net.replay_on(Testnet::so(HERE)).replay_on(Testnet::jailed(HERE));
}

#[test]
fn it_does_the_same_on_every_machine() {
    story(Testnet::native::<TemplateCounter>()).fuzz(HERE, 4);
}
