//! The sample's story: an agent proposes, the parties approve, everybody sees it.

use rent_contract::{RentContract, UserContracts, tx};
use score_native_testkit::Testnet;

fn propose(counterparties: &[&str]) -> score_native::Invocation {
    let counterparties = counterparties.iter().map(|&name| name.to_owned()).collect();
    tx::propose("agent".into(), counterparties, "APT 101-3001".into(), "3".into())
}

fn story(mut net: Testnet) -> Testnet {
    let [gateway] = net.accounts();
    assert_eq!(net.send(gateway, propose(&["leaseholder", "jinho"])).ok().answer::<u64>(), 1);
    assert_eq!(net.send(gateway, propose(&["jinho", "jinho"])).ok().answer::<u64>(), 2);
    net.send(gateway, tx::approve("jinho".into(), 1)).ok();
    net.send(gateway, tx::approve("jinho".into(), 1)).fails(3, "jinho has approved contract 1");
    net.send(gateway, tx::approve("agent".into(), 1)).fails(3, "agent has approved contract 1");
    net.send(gateway, tx::approve("mina".into(), 1)).fails(2, "mina is no party of contract 1");
    net.send(gateway, tx::approve("jinho".into(), 3)).fails(1, "there is no contract 3");
    let mut of = |user: &str| net.query::<UserContracts>(tx::get_user_contracts(user.into()));
    let ids = |of: UserContracts| of.user_contracts.into_iter().map(|c| c.contract_id);
    assert_eq!(ids(of("jinho")).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(ids(of("leaseholder")).collect::<Vec<_>>(), [1]);
    assert_eq!(ids(of("mina")).count(), 0);
    assert_eq!(of("agent").user_contracts[0].approvers, ["agent", "jinho"]);
    net
}

#[test]
fn parties_approve_and_see_their_contracts() {
    story(Testnet::native::<RentContract>());
}

#[test]
fn the_so_agrees_with_the_source() {
    let so = Testnet::so(env!("CARGO_MANIFEST_DIR"));
    story(Testnet::native::<RentContract>()).replay_on(so);
}
