//! A revocation and a transaction of the revoked one in the same block, by the executor of a node on a real
//! store: what is taken back counts from the next block on, whatever the order inside the block.

use super::{Committed, Executor};
use crate::channel::recover::knowledge;
use crate::scores::Scores;
use host_core::system::system_name;
use host_identity::{Authority, Certificate, Revoked, Role, SigningKey, Validity};
use host_store::{ChannelStore, StoreOptions};
use host_types::block::{Block, Header, Pair, tx_root};
use host_types::change::{Change, SystemCall};
use host_types::genesis::{ChannelGenesis, RuleConfig};
use host_types::receipt::Status;
use host_types::validators::{Validator, ValidatorSet};
use host_types::{
    BlockTime, Code, Hash32, NodeName, RawTx, SignedTransaction, Transaction, Weight,
};
use std::sync::Arc;

struct Member {
    key: SigningKey,
    certificate: Certificate,
}

impl Member {
    fn new(authority: &Authority, name: &str, role: Role, seed: u8) -> Self {
        let key = SigningKey::from_seed([seed; 32]);
        let (name, validity) = (NodeName::new(name).unwrap(), Validity::days_from_now(30));
        let public = key.public();
        let certificate = authority.issue_signing(&name, role, None, &public, validity).unwrap();
        Self { key, certificate }
    }

    fn says(
        &self,
        genesis: &ChannelGenesis,
        nonce: u64,
        call: &SystemCall,
    ) -> Arc<SignedTransaction> {
        let transaction = Transaction {
            genesis: genesis.hash(),
            score: system_name(),
            method: call.method().to_owned(),
            args: call.args().into(),
            signer: self.certificate.id,
            nonce,
            expiry: BlockTime::new(genesis.created.get() + 60_000_000),
        };
        let signature = self.key.sign(&transaction.signing_message());
        let RawTx(raw) = transaction.into_envelope(&signature);
        Arc::new(SignedTransaction::decode(&RawTx(raw)).unwrap())
    }
}

/// A channel of one validator, on which alice is a client.
fn genesis(authority: &Authority, [peer, alice]: [&Member; 2]) -> ChannelGenesis {
    let validator = Validator {
        name: peer.certificate.name.clone(),
        public_key: peer.key.public(),
        weight: Weight::new(1).unwrap(),
        group: "all".into(),
    };
    let root = authority.root();
    ChannelGenesis {
        created: crate::channel::intake::wall_clock(),
        rule: RuleConfig { id: "solo".into(), version: 1, sha256: vec![], parameters: vec![] },
        validators: ValidatorSet::new(vec![validator]).unwrap(),
        roots: vec![("bank-a".to_owned(), root.fingerprint())],
        certificates: vec![
            root.der().to_vec(),
            peer.certificate.der.clone(),
            alice.certificate.der.clone(),
        ],
        ..host_client::fixture::genesis()
    }
}

fn block(parent: (&Header, Pair), transactions: Vec<Arc<SignedTransaction>>) -> Block {
    let ids: Vec<_> = transactions.iter().map(|tx| tx.id()).collect();
    let (before, parent) = parent;
    let header = Header {
        view: before.view.next(),
        height: before.height.next(),
        parent,
        parent_view: before.view,
        time: BlockTime::new(before.time.get() + 1),
        tx_count: u32::try_from(ids.len()).unwrap(),
        tx_root: tx_root(&ids),
        ..before.clone()
    };
    Block::assemble(header, transactions.into()).unwrap()
}

#[tokio::test]
async fn what_is_taken_back_counts_from_the_next_block_on_in_either_order() {
    let authority = Authority::new("bank-a", Validity::days_from_now(60)).unwrap();
    let peer = Member::new(&authority, "bank-a/peer0", Role::Validator, 1);
    let alice = Member::new(&authority, "bank-a/alice", Role::Client, 2);
    let genesis = Arc::new(genesis(&authority, [&peer, &alice]));
    let folder = tempfile::tempdir().unwrap();
    let store = ChannelStore::open(&folder.path().join("demo"), &genesis, &StoreOptions::default())
        .unwrap();
    let program = std::env::current_exe().unwrap();
    let scores =
        Scores::open(&folder.path().join("scores"), program, score_native_link::Sandbox::Basic);
    let (reader, scores) = (store.reader(), Arc::new(scores.unwrap()));
    let committed = Committed::new(reader.clone(), store.tree());
    let base = knowledge(&genesis, &committed, &reader).unwrap();
    let tip = reader.tip();
    let mut executor =
        Executor::new(Arc::clone(&genesis), scores, committed, store.segments(), (tip.block, base));

    let revoked = Revoked { serial: alice.certificate.serial.clone(), at: genesis.created };
    let crl = authority.issue_crl(1, genesis.created, &[revoked]).unwrap();
    let take_back = SystemCall::Propose { change: Change::Revoke { crl } };
    // A client may send it, and what it says comes to nothing: that is how far a member gets.
    let ready = SystemCall::Ready { sha256: Hash32::ZERO };
    let says = |nonce| alice.says(&genesis, nonce, &ready);
    let first = vec![says(1), peer.says(&genesis, 2, &take_back), says(3)];
    let first = block((&tip.header, Pair { block: tip.block, roots: tip.roots }), first);
    let roots = executor.execute(&first).await.unwrap();
    let second = block((first.header(), Pair { block: first.id(), roots }), vec![says(4)]);
    executor.execute(&second).await.unwrap();

    let codes = |block: &Block| -> Vec<(Status, u32)> {
        let layer = executor.layer(&block.id()).unwrap();
        layer.result.receipts.iter().map(|receipt| (receipt.status, receipt.code)).collect()
    };
    let refused = |code: Code| (Status::Refused, u32::from(code.number()));
    let of_a_client = refused(Code::SystemRefused);
    assert_eq!(codes(&first), [of_a_client, (Status::Ok, 0), of_a_client]);
    assert_eq!(codes(&second), [refused(Code::CertificateRevoked)]);
}
