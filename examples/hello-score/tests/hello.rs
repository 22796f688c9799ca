//! The guest book, on the source, on the `.so` and in the worker of a node.

use hello::{Error, Greeted, Hello, tx};
use score_native_testkit::Testnet;

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::greet("Bob".into())).ok();
    let again = net.send(bob, tx::greet("Bob".into())).ok();
    assert_eq!(again.emitted(&Greeted { name: "Bob".into(), times: 2 }).answer(), 2);
    net.send(bob, tx::greet(String::new())).faults(&Error::NoName);
    assert_eq!(net.query(tx::greetings_of("Bob".into())), 2);
    assert_eq!(net.query(tx::greetings()), 2);
    net
}

#[test]
fn every_greeting_is_counted() {
    story(Testnet::native::<Hello>());
}

#[test]
fn the_so_and_the_worker_agree_with_the_source() {
    let net = story(Testnet::native::<Hello>());
    net.replay_on(Testnet::so("hello-score")).replay_on(Testnet::jailed("hello-score"));
}

#[test]
fn it_does_the_same_on_every_machine() {
    story(Testnet::native::<Hello>()).fuzz("hello-score", 8);
}
