//! `loopchain.state.v1`: the document that tells a key of a channel's state after a block, and proves
//! it against the state root that the block's Final proof names.
//!
//! In: a [`StateKey`], or the document. Out: the other one. Deliberately not here: whether the proof
//! holds, which takes a root that somebody trusts (`host-client`).

use crate::arguments;
use crate::block_proof::{hash_of, list};
use crate::json::Json;
use host_rpc::lookups::StateAnswer;
use host_types::state_proof::{BUCKET_KEYS_MAX, StateProof};
use host_types::value::Value as Cbor;
use host_types::{
    BlockId, ChannelName, Code, Decode, Hash32, Height, Rejection, ScoreName, hash, limits,
};
use serde_json::Value;

/// Name of the form.
const SCHEMA: &str = "loopchain.state.v1";
/// SCOREs of a channel in one document, at most: names and roots of so many are about 16 MiB.
const SCORES_MAX: usize = 65_536;
/// Hashes beside the way to a key: one for each bit of its hash.
const SIBLINGS_MAX: usize = 256;
/// Largest document that is read, bytes: the SCOREs, and 1 MiB for the rest. It has the value twice,
/// two digits for each byte and once more for people.
pub const DOCUMENT_BYTES_MAX: usize = SCORES_MAX * 256 + 1024 * 1024;

const _: () = assert!(6 * limits::STATE_VALUE_BYTES_MAX < 1024 * 1024);

/// A key with what is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateKey {
    /// The channel.
    pub channel: ChannelName,
    /// The SCORE.
    pub score: ScoreName,
    /// The key, as the SCORE wrote it.
    pub key: Vec<u8>,
    /// Its value after a block.
    pub answer: StateAnswer,
}

/// The document of a key.
#[must_use]
pub fn document(of: &StateKey) -> Json {
    let StateKey { channel, score, key, answer } = of;
    let value = answer.value.as_deref();
    // SCOREs of our SDK store canonical CBOR; what is none is shown as bytes alone.
    let is_readable = value.is_some_and(|value| Cbor::from_bytes(value).is_ok());
    let decoded = value.filter(|_| is_readable).map(arguments::decode_generic);
    Json::object([
        ("schema", SCHEMA.into()),
        ("channel", channel.as_str().into()),
        ("score", score.as_str().into()),
        ("key", hash::to_hex(key).into()),
        ("value", value.map(hash::to_hex).into()),
        ("decoded", decoded.into()),
        ("height", answer.height.get().into()),
        ("block_hash", answer.block.to_string().into()),
        ("state_root", answer.state_root.to_string().into()),
        ("proof", answer.proof.as_ref().map(proof).into()),
    ])
}

fn proof(proof: &StateProof) -> Json {
    let scores = proof.scores.iter().map(|(name, root)| {
        Json::object([("score", name.as_str().into()), ("root", root.to_string().into())])
    });
    let bucket = proof.bucket.iter().map(|(key, value)| {
        Json::object([
            ("key_hash", key.to_string().into()),
            ("value_hash", value.to_string().into()),
        ])
    });
    Json::object([
        ("scores", scores.collect()),
        ("siblings", proof.siblings.iter().map(|hash| Json::from(hash.to_string())).collect()),
        ("bucket", bucket.collect()),
    ])
}

/// Reads the document of a key; what it says for people (`decoded`) is not looked at.
///
/// # Errors
/// `LC3318` when it is none.
pub fn read(bytes: &[u8]) -> Result<StateKey, Rejection> {
    let refused = |why: String| Rejection::new(Code::StateProofWrong, why);
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(refused(format!("it has more than {DOCUMENT_BYTES_MAX} bytes")));
    }
    let doc: Value = serde_json::from_slice(bytes).map_err(|e| refused(e.to_string()))?;
    let wrong = |name: &str| refused(format!("the document has no proper `{name}`"));
    let text = |name: &str| doc.get(name).and_then(Value::as_str).ok_or_else(|| wrong(name));
    let hash = |name: &str| doc.get(name).and_then(hash_of).ok_or_else(|| wrong(name));
    let hex = |name: &str| hash::from_hex(text(name)?).ok_or_else(|| wrong(name));
    if text("schema")? != SCHEMA {
        return Err(wrong("schema"));
    }
    let is_null = |name: &str| doc.get(name).is_some_and(Value::is_null);
    let value = if is_null("value") { None } else { Some(hex("value")?) };
    let proof = doc.get("proof").ok_or_else(|| wrong("proof"))?;
    let proof = match proof {
        Value::Null => None,
        proof => Some(proof_of(proof).ok_or_else(|| wrong("proof"))?),
    };
    let height = doc.get("height").and_then(Value::as_u64).ok_or_else(|| wrong("height"))?;
    let answer = StateAnswer {
        value,
        height: Height::new(height),
        block: BlockId::new(hash("block_hash")?),
        state_root: hash("state_root")?,
        proof,
    };
    let channel = ChannelName::new(text("channel")?).ok_or_else(|| wrong("channel"))?;
    let score = ScoreName::new(text("score")?).ok_or_else(|| wrong("score"))?;
    Ok(StateKey { channel, score, key: hex("key")?, answer })
}

fn proof_of(value: &Value) -> Option<StateProof> {
    let score = |one: &Value| {
        Some((ScoreName::new(one.get("score")?.as_str()?)?, hash_of(one.get("root")?)?))
    };
    let leaf = |one: &Value| -> Option<(Hash32, Hash32)> {
        Some((hash_of(one.get("key_hash")?)?, hash_of(one.get("value_hash")?)?))
    };
    Some(StateProof {
        scores: list(SCORES_MAX, score)(value.get("scores")?)?,
        siblings: list(SIBLINGS_MAX, hash_of)(value.get("siblings")?)?,
        bucket: list(BUCKET_KEYS_MAX, leaf)(value.get("bucket")?)?,
    })
}
