//! One story, told on the source and on the `.so` that peers run.

use score_native_testkit::Testnet;
use template_registry::{Entry, HandedOver, Registered, TemplateRegistry, tx};

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    let (id, hash) = (|| "deed-7".to_owned(), [7; 32]);
    net.send(alice, tx::register(id(), hash)).ok().emitted(&Registered { id: id(), hash });
    net.send(bob, tx::register(id(), [8; 32])).fails(1, "`deed-7` is registered");
    net.send(bob, tx::hand_over(id(), bob)).fails(3, "only its holder hands `deed-7` over");
    net.send(alice, tx::hand_over(id(), bob)).ok().emitted(&HandedOver { id: id(), to: bob });
    net.send(alice, tx::hand_over("none".into(), bob)).fails(2, "`none` is not registered");
    let found = net.query::<Option<Entry>>(tx::find(id()));
    assert_eq!(found.map(|entry| (entry.hash, entry.holder)), Some((hash, bob)));
    assert_eq!(net.query::<Option<Entry>>(tx::find("none".into())), None);
    net
}

#[test]
fn a_document_is_registered_once_and_handed_over_by_its_holder() {
    story(Testnet::native::<TemplateRegistry>());
}

#[test]
fn the_so_agrees_with_the_source() {
    let so = Testnet::so(env!("CARGO_MANIFEST_DIR"));
    story(Testnet::native::<TemplateRegistry>()).replay_on(so);
}
