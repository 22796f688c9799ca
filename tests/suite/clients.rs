//! The clients of all languages against a running network: failover, signing, waiting, the same bytes again,
//! refusals, queries, proofs. The scripts are `clients/python/tests/network.py` and
//! `clients/js/tests/network.mjs`; the example `examples/rest-client` is the Rust one.
//!
//! Where Python with `cryptography`, or Node 20, is not there, the test says so and ends, unless `CI` is set.

use crate::sample;
use host_client::receipt::{Trust, verify};
use host_client::{Client, Identity, Retry, Settings};
use host_identity::keyfile;
use host_rules::RuleShelf;
use host_types::{Code, GenesisHash};
use score_native_link::build::source_tree;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::Network;
use tests::network::{CHANNEL, clean};
use tests::tools::found_or_said;

const PASSWORD: &str = "한 password";

/// A network, what is trusted of it, and a port where nobody listens.
struct Stage {
    network: Network,
    genesis: String,
    absent: String,
    peers: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        let network = Network::up(sample());
        let shown = network.channel(0, CHANNEL).unwrap();
        let genesis = shown["genesis"].as_str().unwrap().to_owned();
        let peers = (0..2).map(|peer| network.url(peer, "")).collect();
        // alice's key once more, as people outside dev networks keep theirs.
        let keys = network.data().join("keys");
        let alice = keyfile::load(&keys.join("alice.key")).unwrap();
        let locked = network.folder().join("locked.key");
        keyfile::save_encrypted(&locked, &alice, PASSWORD).unwrap();
        std::fs::copy(keys.join("alice.crt"), locked.with_extension("crt")).unwrap();
        let absent = format!("http://127.0.0.1:{}", tests::ports::single());
        Self { network, genesis, absent, peers }
    }

    /// Runs a script of a client, which says `ok` at its end.
    fn runs(&self, program: &Path, script: &str) {
        let mut command = Command::new(program);
        clean(&mut command);
        command.arg(source_tree().unwrap().join(script)).stdin(Stdio::null());
        command.arg(self.network.data()).arg(&self.genesis).arg(&self.absent).args(&self.peers);
        command.env("LOCKED_KEY", self.network.folder().join("locked.key"));
        command.env("LOCKED_PASSWORD", PASSWORD);
        let said = command.output().unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success(), "{script}: {out}\n{err}");
        assert!(out.ends_with("ok\n"), "{script}: {out}\n{err}");
    }

    fn golden(program: &Path, arguments: &[&str]) {
        let mut command = Command::new(program);
        clean(&mut command);
        command.current_dir(source_tree().unwrap()).args(arguments).stdin(Stdio::null());
        let said = command.output().unwrap();
        assert!(said.status.success(), "{arguments:?}: {said:?}");
    }
}

/// Python with `cryptography`: `LOOPCHAIN_PYTHON`, or the one of the system.
fn python() -> Option<PathBuf> {
    let program = std::env::var_os("LOOPCHAIN_PYTHON").unwrap_or_else(|| "python3".into());
    let install = "python3 -m venv VENV && VENV/bin/pip install cryptography, and set \
                   LOOPCHAIN_PYTHON=VENV/bin/python3";
    found_or_said(
        &program,
        &["-c", "import cryptography, sys; sys.exit(sys.version_info < (3, 9))"],
        install,
    )
}

fn node() -> Option<PathBuf> {
    let check = "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)";
    found_or_said("node".as_ref(), &["-e", check], "install Node 20 or later")
}

#[test]
fn python_submits_waits_queries_and_verifies() {
    let Some(python) = python() else { return };
    Stage::golden(&python, &["clients/python/tests/test_golden.py"]);
    Stage::new().runs(&python, "clients/python/tests/network.py");
}

#[test]
fn javascript_submits_waits_queries_and_verifies() {
    let Some(node) = node() else { return };
    Stage::golden(&node, &["--test", "clients/js/tests/golden.mjs"]);
    Stage::new().runs(&node, "clients/js/tests/network.mjs");
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_submits_waits_queries_and_verifies() {
    let stage = tokio::task::spawn_blocking(Stage::new).await.unwrap();
    let data = stage.network.data();
    let trusted = GenesisHash::from_hex(&stage.genesis).unwrap();
    let peers = [stage.absent.as_str(), &stage.peers[0], &stage.peers[1]];
    let said = examples_rest_client::pay(&data, trusted, &peers, "carol").await.unwrap();
    assert!(said.starts_with("bank-a/alice paid carol in block "), "{said}");

    let client = Client::new(Settings::new(peers, CHANNEL).unwrap()).unwrap();
    let locked = stage.network.folder().join("locked.key");
    let alice = Identity::load(&locked, Some(PASSWORD)).unwrap();
    let body = json!({"method": "balance_of", "args": {"who": "bob"}});
    let balance = async || client.query("token", &body).await.unwrap()["result"].clone();
    assert_eq!(balance().await, "0");
    let call =
        client.call("token", "transfer", &json!({"to": "bob", "amount": "2"})).await.unwrap();
    let signed = call.clone().sign(&alice).unwrap();
    let wait = Duration::from_secs(30);
    for _ in 0..2 {
        // The second time it is the same transaction.
        let (_, info) = client.submit_and_wait(&signed, wait).await.unwrap();
        assert_eq!((info.state.as_str(), info.receipt.unwrap().status.as_str()), ("final", "ok"));
    }
    assert_eq!(balance().await, "2");

    let (_, info) = client.transaction(&signed.id.to_string()).await.unwrap();
    let height = info.height.unwrap().to_string();
    let wishes = [("types", "score"), ("score", "token"), ("from", height.as_str())];
    let mut events = client.stream(&wishes, None);
    let event = events.next().await.unwrap();
    assert_eq!(event.json().unwrap()["transaction"], signed.id.to_string(), "{event:?}");
    let mut later = client.stream(&[("types", "tx")], Some(events.last_id()));
    let event = later.next().await.unwrap();
    assert_eq!(
        (event.kind.as_str(), event.json().unwrap()["score"].clone()),
        ("tx", "token".into())
    );

    let unknown = client.call("token", "transfer", &json!({"who": "bob"})).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.is_retryable()), (Code::ArgumentsWrong, false));
    let foreign = host_client::Call { genesis: GenesisHash::default(), ..call };
    let refused = client.submit(&foreign.sign(&alice).unwrap(), Some(wait)).await.unwrap_err();
    assert!(!refused.is_retryable(), "{refused}");
    let gone = Settings::new([stage.absent.as_str()], CHANNEL).unwrap().with_retry(Retry::never());
    let gone = Client::new(gone).unwrap().channel().await.unwrap_err();
    assert_eq!((gone.code(), gone.is_retryable()), (Code::Unreachable, true));

    let copies = tempfile::tempdir().unwrap();
    let shelf = RuleShelf::open(&data.join("plugins"), &copies.path().join("rules")).unwrap();
    let mut document = client.receipt(&signed.id.to_string()).await.unwrap();
    let check = |document: &serde_json::Value| {
        let view = host_web::receipt::read(document.to_string().as_bytes())?;
        verify(&view, &Trust::Genesis(trusted), &|rule| shelf.find(rule))
    };
    assert_eq!(check(&document).unwrap().signer.as_str(), "bank-a/alice");
    document["result"]["steps"] = 1.into();
    assert_eq!(check(&document).unwrap_err().code, Code::ReceiptResult);
}
