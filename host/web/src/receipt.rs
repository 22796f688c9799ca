//! `loopchain.receipt.v1`: the document that shows, without the network, that a transaction is final
//! and how it ended.
//!
//! In: a [`ReceiptView`], or the document. Out: the other one. What stands in the document twice must
//! agree, and a part that is not written as it must be is refused by the code of that part, so that
//! whoever reads the refusal knows what was damaged. Deliberately not here: whether the receipt proves
//! anything, which takes the rule and somebody's trust (`host-node`).

use crate::block_proof::{self, difference, hash_of, list};
use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_rpc::gateway::ReceiptView;
use host_types::codec::Writer;
use host_types::genesis::ChannelGenesis;
use host_types::merkle::Inclusion;
use host_types::receipt::{Receipt, Status};
use host_types::{Code, Decode, Encode, Hash32, RawTx, Rejection, SignedTransaction, hash, limits};
use serde_json::Value;
use std::sync::Arc;

/// Name of the form.
pub const SCHEMA: &str = "loopchain.receipt.v1";
/// Sibling hashes of a Merkle path: a block has at most 10,000 transactions, which is 14 levels.
const PATH_MAX: usize = 16;
/// Largest genesis, bytes: its certificates, and 1 MiB for the rest.
const GENESIS_BYTES_MAX: usize =
    limits::GENESIS_CERTIFICATES_MAX * limits::CERTIFICATE_BYTES_MAX + 1024 * 1024;
/// Largest document that is read, bytes: the proof of the block, the genesis in base64, and 1 MiB for
/// the transaction, its certificate and its result.
pub const DOCUMENT_BYTES_MAX: usize =
    block_proof::DOCUMENT_BYTES_MAX + GENESIS_BYTES_MAX * 4 / 3 + 1024 * 1024;

/// The document of a receipt.
#[must_use]
pub fn document(view: &ReceiptView) -> Json {
    let (tx, header) = (&view.transaction, &view.proof.header);
    Json::object([
        ("schema", SCHEMA.into()),
        ("channel", view.genesis.channel.as_str().into()),
        ("genesis_hash", view.genesis.hash().to_string().into()),
        ("hash", tx.id().to_string().into()),
        ("height", header.height.get().into()),
        ("index", view.included.index.into()),
        ("transaction", STANDARD.encode(tx.transaction().to_bytes()).into()),
        ("signature", STANDARD.encode(tx.signature()).into()),
        ("certificate", STANDARD.encode(&view.certificate).into()),
        ("result", result(&view.receipt)),
        ("inclusion", inclusion(&view.included)),
        ("result_inclusion", inclusion(&view.resulted)),
        ("block", block_proof::document(&view.proof)),
        ("genesis", STANDARD.encode(view.genesis.to_bytes()).into()),
    ])
}

fn result(receipt: &Receipt) -> Json {
    Json::object([
        ("status", receipt.status.word().into()),
        ("code", receipt.code.into()),
        ("output", hash::to_hex(&receipt.output).into()),
        ("events_root", receipt.events_root.to_string().into()),
        ("writes_digest", receipt.writes_digest.to_string().into()),
        ("steps", receipt.steps.into()),
    ])
}

fn inclusion(inclusion: &Inclusion) -> Json {
    let path = inclusion.path.iter().map(|hash| Json::from(hash.to_string()));
    Json::object([
        ("index", inclusion.index.into()),
        ("leaves", inclusion.leaves.into()),
        ("path", path.collect()),
    ])
}

/// The code of the part that a field of the document belongs to.
fn code_of(field: &str) -> Code {
    match field {
        "channel" | "genesis" | "genesis_hash" => Code::ReceiptUntrusted,
        "hash" | "transaction" | "signature" => Code::ReceiptSignature,
        "certificate" => Code::ReceiptCertificate,
        "index" | "inclusion" => Code::ReceiptNotIncluded,
        "result" | "result_inclusion" => Code::ReceiptResult,
        "height" | "block" => Code::ProofWrong,
        _ => Code::ReceiptMalformed,
    }
}

fn refused(field: &str, what: &str) -> Rejection {
    Rejection::new(code_of(field), format!("`{field}` of the receipt {what}"))
}

/// Reads a document.
///
/// # Errors
/// `LC3311` when it is no receipt; else the code of the part (`LC3302`, `LC3312` to `LC3317`) that is
/// missing, of another form, or contradicts the rest.
pub fn read(text: &[u8]) -> Result<ReceiptView, Rejection> {
    let malformed = |message: String| Rejection::new(Code::ReceiptMalformed, message);
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(malformed(format!("a receipt has at most {DOCUMENT_BYTES_MAX} bytes")));
    }
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| malformed(format!("the receipt is not JSON: {error}")))?;
    if value.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
        return Err(malformed(format!("the file is no `{SCHEMA}`")));
    }
    let view = parts(&value)?;
    let written = serde_json::from_str(&document(&view).to_string())
        .map_err(|error| Rejection::new(Code::Internal, error.to_string()))?;
    match difference(&value, &written) {
        None => Ok(view),
        Some(field) => Err(refused(&field, "is not what the rest of it says")),
    }
}

/// One field, read by `take`.
fn field<'a, T>(
    value: &'a Value,
    name: &str,
    take: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T, Rejection> {
    let missing = || refused(name, "is missing or not written as it must be");
    value.get(name).and_then(take).ok_or_else(missing)
}

fn base64_of(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

fn envelope(body: &[u8], signature: &[u8]) -> Option<SignedTransaction> {
    let mut w = Writer::with_capacity(body.len() + signature.len() + 8);
    w.array(2);
    w.raw(body);
    w.bytes(signature);
    SignedTransaction::decode(&RawTx(w.into_bytes().into())).ok()
}

fn status_of(value: &Value) -> Option<Status> {
    Status::ALL.into_iter().find(|status| Some(status.word()) == value.as_str())
}

fn result_of(value: &Value) -> Option<Receipt> {
    let hash_at = |key: &str| hash_of(value.get(key)?);
    let output = hash::from_hex(value.get("output")?.as_str()?)?;
    Some(Receipt {
        status: status_of(value.get("status")?)?,
        code: value.get("code")?.as_u64()?.try_into().ok()?,
        output: Some(output).filter(|output| output.len() <= limits::OUTPUT_BYTES_MAX)?,
        events_root: hash_at("events_root")?,
        writes_digest: hash_at("writes_digest")?,
        steps: value.get("steps")?.as_u64()?,
    })
}

fn inclusion_of(value: &Value) -> Option<Inclusion> {
    let path: Vec<Hash32> = list(PATH_MAX, hash_of)(value.get("path")?)?;
    let number = |key: &str| value.get(key)?.as_u64();
    Some(Inclusion { index: number("index")?, leaves: number("leaves")?, path })
}

fn block_of(value: &Value) -> Result<host_rpc::gateway::ProofView, Rejection> {
    let block = value.get("block").ok_or_else(|| refused("block", "is missing"))?;
    block_proof::read_value(block).map_err(|rejection| {
        // When all but the epochs can be read, it is they.
        let mut rest = block.clone();
        let epochs = rest.as_object_mut().and_then(|fields| fields.remove("epochs"));
        if epochs.is_some() && block_proof::read_value(&rest).is_ok() {
            return Rejection::new(Code::ReceiptEpochs, rejection.message);
        }
        rejection
    })
}

fn parts(value: &Value) -> Result<ReceiptView, Rejection> {
    let body = field(value, "transaction", base64_of)?;
    let signature =
        field(value, "signature", |value| base64_of(value).filter(|bytes| bytes.len() == 64))?;
    let genesis = field(value, "genesis", |value| {
        ChannelGenesis::from_bytes(&base64_of(value)?).ok().map(Arc::new)
    })?;
    let bound = |der: &Vec<u8>| der.len() <= limits::CERTIFICATE_BYTES_MAX;
    Ok(ReceiptView {
        transaction: envelope(&body, &signature)
            .ok_or_else(|| refused("transaction", "is no transaction"))?,
        certificate: field(value, "certificate", |value| base64_of(value).filter(bound))?,
        receipt: field(value, "result", result_of)?,
        included: field(value, "inclusion", inclusion_of)?,
        resulted: field(value, "result_inclusion", inclusion_of)?,
        genesis,
        proof: block_of(value)?,
    })
}
