//! Keys of a state with their proofs, for the clients of all languages: `clients/state.json`.
//!
//! In: a tree of three SCOREs, one of them with many keys. Out: documents with the value that they show,
//! and what of a changed one is refused, judged here by the Rust client.

use crate::clients::{damaged, damages, same};
use host_client::fixture::{child, genesis, roots};
use host_client::state_key::verify;
use host_rpc::gateway::ProofView;
use host_rpc::lookups::StateAnswer;
use host_store::{StateCommitment, StateTree, TreeVersion};
use host_types::block::RootPair;
use host_types::proof::FinalProof;
use host_types::receipt::Write;
use host_types::{Code, Encode, ScoreName, value::Value as Cbor};
use host_web::state_key::{StateKey, document, read};
use serde_json::{Value, json};

fn score(name: &str) -> ScoreName {
    ScoreName::new(name).unwrap()
}

fn value(of: u8) -> Vec<u8> {
    Cbor::Uint(u64::from(of)).to_bytes()
}

fn state() -> Vec<Write> {
    let write =
        |name: &str, key: u8| Write { score: score(name), key: vec![key], value: Some(value(key)) };
    let few = ["notary", "system"].into_iter().map(|name| write(name, 7));
    few.chain((0..40).map(|key| write("token", key))).collect()
}

/// A block that left that state; that it is final is not the question here.
fn block(tree: &TreeVersion) -> ProofView {
    let genesis = genesis();
    let roots = RootPair { state: tree.root(), ..roots(0x40) };
    ProofView {
        header: child(&genesis.header(), roots),
        channel: genesis.channel,
        roots,
        proof: FinalProof { descendants: vec![], roots, rule_proof: vec![] },
        rule: genesis.rule,
        validators: genesis.validators,
        signers: vec![],
        epochs: vec![],
    }
}

fn judged(
    document: &Value,
    block: &ProofView,
    asked: (&ScoreName, &[u8]),
) -> Result<Option<Vec<u8>>, Code> {
    let told = read(document.to_string().as_bytes()).map_err(|refused| refused.code)?;
    let shown = verify(&told, block, asked.0, asked.1).map_err(|refused| refused.code)?;
    Ok(shown.map(<[u8]>::to_vec))
}

/// One key that is asked for: what the peer tells, and every change of it.
fn case(
    (tree, version): (&StateTree, &TreeVersion),
    block: &ProofView,
    (name, key, held): (&str, u8, bool),
) -> Value {
    let (score, key) = (score(name), vec![key]);
    let value = held.then(|| value(key[0]));
    let answer = StateAnswer {
        value: value.clone(),
        height: block.header.height,
        block: block.header.id(),
        state_root: block.roots.state,
        proof: Some(tree.prove(version, &score, &key).unwrap()),
    };
    let asked = (&score, key.as_slice());
    let told =
        StateKey { channel: block.channel.clone(), score: score.clone(), key: key.clone(), answer };
    let whole: Value = serde_json::from_str(&document(&told).to_string()).unwrap();
    assert_eq!(read(whole.to_string().as_bytes()).unwrap(), told);
    assert_eq!(judged(&whole, block, asked), Ok(value.clone()));
    assert_eq!(judged(&whole, block, (&score, b"other")), Err(Code::StateProofWrong));
    let mut unproved = whole.clone();
    unproved["proof"] = Value::Null;
    assert_eq!(judged(&unproved, block, asked), Err(Code::StateProofWrong));
    let mut damages = damages(&whole);
    // What is there for people is not what is proved; a value that is not there has no letters.
    let is_text = |pointer: &Value| pointer != "/decoded" && (held || pointer != "/value");
    damages.retain(|damage| is_text(&damage["pointer"]));
    for damage in &damages {
        let refused = judged(&damaged(&whole, damage), block, asked);
        assert_eq!(refused, Err(Code::StateProofWrong), "{damage}");
    }
    let value = value.map(|value| host_types::hash::to_hex(&value));
    let key = host_types::hash::to_hex(&key);
    json!({"score": name, "key": key, "value": value, "document": whole, "damages": damages})
}

#[test]
fn keys_of_a_state_are_shown_with_their_values_and_no_others() {
    let tree = StateTree::default();
    let (_, version) = tree.apply(&tree.committed(), &state()).unwrap();
    let block = block(&version);
    let keys = [
        ("token", 3, true),
        ("token", 39, true),
        ("token", 40, false),
        ("notary", 7, true),
        ("notary", 8, false),
        ("nobody", 7, false),
    ];
    let cases = keys.map(|key| case((&tree, &version), &block, key));
    let count: usize = cases.iter().map(|case| case["damages"].as_array().unwrap().len()).sum();
    assert!(count > 200, "{count}");
    let block = json!({
        "channel": block.channel.as_str(),
        "height": block.header.height.get(),
        "hash": block.header.id().to_string(),
        "state_root": block.roots.state.to_string(),
    });
    same("state", &json!({"block": block, "cases": cases}));
}
