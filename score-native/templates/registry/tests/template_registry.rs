//! One story, told on the source, on the `.so`, in the worker of a peer, and on other machines.

use score_native_testkit::Testnet;
use template_registry::{Error, HandedOver, Registered, TemplateRegistry, tx};

/// The folder of this SCORE: its `.so` is built from it.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    let (id, hash) = (|| "deed-7".to_owned(), [7; 32]);
    net.send(alice, tx::register(id(), hash)).ok().emitted(&Registered { id: id(), hash });
    net.send(bob, tx::register(id(), [8; 32])).faults(&Error::Taken { id: id() });
    net.send(bob, tx::hand_over(id(), bob)).faults(&Error::NotHolder { id: id() });
    net.send(alice, tx::hand_over(id(), bob)).ok().emitted(&HandedOver { id: id(), to: bob });
    net.send(alice, tx::hand_over("none".into(), bob))
        .faults(&Error::Unknown { id: "none".into() });
    let found = net.query(tx::find(id()));
    assert_eq!(found.map(|entry| (entry.hash, entry.holder)), Some((hash, bob)));
    assert_eq!(net.query(tx::find("none".into())), None);
    net
}

#[test]
fn a_document_is_registered_once_and_handed_over_by_its_holder() {
    story(Testnet::native::<TemplateRegistry>());
}

#[test]
fn the_so_and_the_worker_agree_with_the_source() {
    let net = story(Testnet::native::<TemplateRegistry>());
    net.replay_on(Testnet::so(HERE)).replay_on(Testnet::jailed(HERE));
}

#[test]
fn it_does_the_same_on_every_machine() {
    story(Testnet::native::<TemplateRegistry>()).fuzz(HERE, 4);
}
