//! The sample's story: an agent proposes, the parties approve, everybody sees it.

use rent_contract::{Error, RentContract, UserContracts, tx};
use score_native_testkit::Testnet;

/// The folder of this SCORE: its `.so` is built from it.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn propose(counterparties: &[&str]) -> score_native::Invocation<u64> {
    let counterparties = counterparties.iter().map(|&name| name.to_owned()).collect();
    tx::propose("agent".into(), counterparties, "APT 101-3001".into(), "3".into())
}

fn story(mut net: Testnet) -> Testnet {
    let [gateway] = net.accounts();
    assert_eq!(net.send(gateway, propose(&["leaseholder", "jinho"])).ok().answer(), 1);
    assert_eq!(net.send(gateway, propose(&["jinho", "jinho"])).ok().answer(), 2);
    net.send(gateway, tx::approve("jinho".into(), 1)).ok();
    for user_id in ["jinho", "agent"].map(str::to_owned) {
        let again = net.send(gateway, tx::approve(user_id.clone(), 1));
        again.faults(&Error::Approved { user_id, contract_id: 1 });
    }
    let stranger = Error::NoParty { user_id: "mina".into(), contract_id: 1 };
    net.send(gateway, tx::approve("mina".into(), 1)).faults(&stranger);
    let unknown = Error::Unknown { contract_id: 3 };
    net.send(gateway, tx::approve("jinho".into(), 3)).faults(&unknown);
    let mut of = |user: &str| net.query(tx::get_user_contracts(user.into()));
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
fn the_so_and_the_worker_agree_with_the_source() {
    let net = story(Testnet::native::<RentContract>());
    net.replay_on(Testnet::so(HERE)).replay_on(Testnet::jailed(HERE));
}

#[test]
fn it_does_the_same_on_every_machine() {
    story(Testnet::native::<RentContract>()).fuzz(HERE, 8);
}
