//! A network whose validators are honest accuses nobody.

use crate::{NETWORK, sample};
use tests::network::CHANNEL;

#[test]
fn honest_validators_are_not_accused() {
    let network = NETWORK.lease(sample);
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    for peer in 0..4 {
        let told = network.get(peer, &format!("/api/v2/channels/{CHANNEL}/evidence")).json();
        assert_eq!(told["evidence"].as_array().map(Vec::len), Some(0), "peer{peer}: {told}");
    }
    let said = network.cli(&["audit", "evidence"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "no evidence on demo\n"), "{said:?}");
}
