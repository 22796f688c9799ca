//! The guest book, on the source and on the `.so`.

use hello::{Greeted, Hello, tx};
use score_native_testkit::Testnet;

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::greet("Bob".into())).ok();
    let again = net.send(bob, tx::greet("Bob".into())).ok();
    assert_eq!(again.emitted(&Greeted { name: "Bob".into(), times: 2 }).answer::<u64>(), 2);
    net.send(bob, tx::greet(String::new())).fails(1, "a greeting needs a name");
    assert_eq!(net.query::<u64>(tx::greetings_of("Bob".into())), 2);
    assert_eq!(net.query::<u64>(tx::greetings()), 2);
    net
}

#[test]
fn every_greeting_is_counted() {
    story(Testnet::native::<Hello>());
}

#[test]
fn the_so_agrees_with_the_source() {
    story(Testnet::native::<Hello>()).replay_on(Testnet::so("hello-score"));
}
