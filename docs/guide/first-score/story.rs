//! One story, told on the source, on the `.so`, in the worker of a peer, and on other machines.

use guestbook::{Error, Guestbook, Signed, tx};
use score_native_testkit::Testnet;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::sign("Mina".into(), "hello".into())).ok().emitted(&Signed { id: 0 });
    net.send(bob, tx::sign("Jinho".into(), "and hello".into())).ok().emitted(&Signed { id: 1 });
    let long = "x".repeat(281);
    net.send(bob, tx::sign("Jinho".into(), long)).faults(&Error::TooLong { bytes: 281 }).events(0);
    let list = net.query(tx::list(1));
    assert_eq!((list[0].name.as_str(), list[0].by), ("Jinho", bob));
    net
}

#[test]
fn people_sign_and_the_newest_is_first() {
    story(Testnet::native::<Guestbook>());
}

#[test]
fn the_so_and_the_worker_agree_with_the_source() {
    let net = story(Testnet::native::<Guestbook>());
    net.replay_on(Testnet::so(HERE)).replay_on(Testnet::jailed(HERE));
}

#[test]
fn it_does_the_same_on_every_machine() {
    story(Testnet::native::<Guestbook>()).fuzz(HERE, 4);
}
