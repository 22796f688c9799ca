//! Evidence against validators: honest ones are not accused, a cheat stays accused after a restart,
//! and what somebody wrote into the file accuses nobody.

use crate::{NETWORK, sample};
use host_identity::keyfile;
use host_types::codec::Writer;
use host_types::genesis::ChannelGenesis;
use host_types::statement::{Slot, Statement};
use host_types::{Decode, Encode, Epoch, Hash32, View};
use tests::Network;
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

/// Statements that write `digests` into one register, signed with the key of a peer.
fn statements(network: &Network, peer: u16, digests: [u8; 2]) -> [Statement; 2] {
    let bytes = std::fs::read(network.data().join(format!("channels/{CHANNEL}.genesis"))).unwrap();
    let genesis = ChannelGenesis::from_bytes(&bytes).unwrap();
    let prefix = genesis.statement_prefix(Epoch::ZERO, genesis.header().id());
    let path = network.data().join(format!("peers/peer{peer}/pki/sign.key"));
    let key = keyfile::load(&path).unwrap();
    let is_key = |v: &&host_types::validators::Validator| v.public_key == key.public();
    let validator = genesis.validators.all().iter().find(is_key).unwrap();
    let signer = genesis.validators.index_of(&validator.name).unwrap();
    digests.map(|digest| {
        let slots = vec![Slot { view: View::new(7), class: 3, digest: Hash32::new([digest; 32]) }];
        let body = vec![digest];
        let signature = key.sign(&prefix.message(&slots, &body));
        Statement { epoch: Epoch::ZERO, signer, slots, body, signature }
    })
}

#[test]
fn a_cheat_stays_accused_after_a_restart_and_a_forged_entry_accuses_nobody() {
    let mut network = Network::up(sample());
    let cheat = statements(&network, 2, [1, 2]);
    let mut forged = statements(&network, 1, [1, 2]);
    forged[1].signature[9] ^= 1;
    let mut w = Writer::default();
    w.array(2);
    for pair in [&forged, &cheat] {
        w.array(2);
        pair.iter().for_each(|statement| statement.encode(&mut w));
    }
    assert!(network.interrupt().success());
    let folder = network.data().join(format!("peers/peer0/data/channels/{CHANNEL}"));
    assert!(folder.is_dir(), "{}", folder.display());
    std::fs::write(folder.join("evidence"), w.into_bytes()).unwrap();
    network.start();
    let told = network.cli_json(&["audit", "evidence"]);
    let list = told["evidence"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{told}");
    assert_eq!((&list[0]["signer"], &list[0]["view"]), (&"exchange/peer2".into(), &7.into()));
    assert_eq!(list[0]["statements"][1]["digest"], "02".repeat(32));
    let said = network.cli(&["audit", "evidence"]);
    assert!(said.stdout.contains("exchange/peer2"), "{said:?}");
    assert!(network.logs().contains("kept evidence is left out"), "the forged one is told");
}
