//! Evidence against validators: honest ones are not accused, a cheat stays accused after a restart and
//! is accused on the chain, once, for everyone to see, and what somebody wrote into the file accuses
//! nobody.

use crate::{NETWORK, sample};
use host_identity::keyfile;
use host_types::change::SystemCall;
use host_types::codec::Writer;
use host_types::genesis::ChannelGenesis;
use host_types::statement::{Slot, Statement};
use host_types::{Decode, Encode, Epoch, Hash32, ScoreName, View};
use serde_json::Value;
use std::time::Duration;
use tests::http::Answer;
use tests::network::CHANNEL;
use tests::wallet::Wallet;
use tests::{Network, eventually};

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
    let events = network.cli_json(&OF_EVIDENCE);
    assert_eq!(events["events"].as_array().map(Vec::len), Some(0), "{events}");
    let events = network.cli_json(&["event", "list", "--score", "token"]);
    assert!(events["events"].as_array().is_some_and(|all| !all.is_empty()), "{events}");
}

const OF_EVIDENCE: [&str; 6] =
    ["event", "list", "--score", "system", "--topic", "evidence-recorded"];
/// Every validator's turn to accuse, and a block.
const ON_CHAIN_WITHIN: Duration = Duration::from_secs(20);

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
    let bytes = w.into_bytes();
    // Two nodes hold it: either may be the one to say it, none says it twice.
    for peer in [0, 3] {
        let folder = network.data().join(format!("peers/peer{peer}/data/channels/{CHANNEL}"));
        assert!(folder.is_dir(), "{}", folder.display());
        std::fs::write(folder.join("evidence"), &bytes).unwrap();
    }
    network.start();
    // Those who kept nothing learn it from the chain.
    let blocks: Vec<_> = (0..4).map(|peer| recorded_in(&network, peer)).collect();
    assert!(blocks.iter().all(|block| *block == blocks[0]), "{blocks:?}");
    let told = network.cli_json(&["audit", "evidence"]);
    let list = told["evidence"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{told}");
    assert_eq!((&list[0]["signer"], &list[0]["view"]), (&"exchange/peer2".into(), &7.into()));
    assert_eq!(list[0]["statements"][1]["digest"], "02".repeat(32));
    let said = network.cli(&["audit", "evidence"]);
    assert!(said.stdout.contains("exchange/peer2"), "{said:?}");
    assert!(network.logs().contains("kept evidence is left out"), "the forged one is told");
    let events = network.cli_json(&OF_EVIDENCE);
    let list = events["events"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{events}");
    assert_eq!(list[0]["fields"], serde_json::json!(["exchange/peer2", 0, 7, 3]));
    assert_eq!((&list[0]["height"], &events["next_from"]), (&blocks[0].into(), &Value::Null));

    // Whoever says it again, in whichever order, is refused before it comes into a block.
    let [a, b] = cheat;
    let answer = accuse(&network, 1, [b, a]);
    assert_eq!((answer.status, &answer.json()["code"]), (409, &"LC2118".into()));
    // And what proves nothing, too.
    let answer = accuse(&network, 1, forged);
    assert_eq!((answer.status, &answer.json()["code"]), (409, &"LC2117".into()));

    // The next epoch still tells it, with the name of that time.
    let document = network.cli_json(&["channel", "configure", "--weight", "bank-a/peer0=2"]);
    assert_eq!(document["epoch"], 1);
    assert_eq!(recorded_in(&network, 1), blocks[0]);
}

/// The block in which a peer sees the only accusation.
fn recorded_in(network: &Network, peer: u16) -> u64 {
    eventually(ON_CHAIN_WITHIN, &format!("peer{peer} sees the cheat on the chain"), || {
        let told = network.get(peer, &format!("/api/v2/channels/{CHANNEL}/evidence")).json();
        let list = told["evidence"].as_array()?;
        assert!(list.len() < 2, "{told}");
        list.first()?["recorded_in"].as_u64()
    })
}

/// Sends two statements as a client.
fn accuse(network: &Network, peer: u16, statements: [Statement; 2]) -> Answer {
    let call = SystemCall::Evidence { statements: Box::new(statements) };
    let wallet = Wallet::of(network, "alice", CHANNEL);
    let transaction = wallet.call(ScoreName::SYSTEM, call.method(), call.args());
    wallet.sign(&transaction).send(network, peer, CHANNEL)
}
