//! One story, told on the source and on the `.so` that peers run.

use score_native_testkit::Testnet;
use template_counter::{Added, TemplateCounter, tx};

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::add(2)).ok().emitted(&Added { who: alice, by: 2, total: 2 });
    assert_eq!(net.send(bob, tx::add(3)).ok().answer::<u64>(), 5);
    net.send(bob, tx::add(0)).fails(1, "adding 0 changes nothing").events(0);
    net.send(bob, tx::add(u64::MAX)).panics("overflow");
    assert_eq!(net.query::<u64>(tx::total()), 5);
    assert_eq!(net.query::<u64>(tx::added_by(bob)), 3);
    net
}

#[test]
fn everybody_adds() {
    story(Testnet::native::<TemplateCounter>());
}

#[test]
fn the_so_agrees_with_the_source() {
    let so = Testnet::so(env!("CARGO_MANIFEST_DIR"));
    story(Testnet::native::<TemplateCounter>()).replay_on(so);
}
