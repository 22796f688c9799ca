//! One story, told on the source and on the `.so` that peers run.

use score_native_testkit::Testnet;
use template_token::{TemplateToken, Transfer, tx};

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, tx::deploy()).ok();
    net.send(alice, tx::mint(alice, 1000)).ok();
    net.send(bob, tx::mint(bob, 1)).fails(2, "only the owner may mint");
    let paid = Transfer { from: alice, to: bob, amount: 30 };
    net.send(alice, tx::transfer(bob, 30)).ok().emitted(&paid).events(1);
    net.send(bob, tx::transfer(alice, 31)).fails(1, "balance 30 is less than 31").events(0);
    net.send(alice, tx::mint(bob, u128::MAX)).panics("overflow");
    assert_eq!(net.query::<u128>(tx::balance_of(bob)), 30);
    assert_eq!(net.query::<u128>(tx::total_supply()), 1000);
    net
}

#[test]
fn tokens_move_and_only_the_owner_mints() {
    story(Testnet::native::<TemplateToken>());
}

#[test]
fn the_so_agrees_with_the_source() {
    let so = Testnet::so(env!("CARGO_MANIFEST_DIR"));
    story(Testnet::native::<TemplateToken>()).replay_on(so);
}
