//! `loopchain.block-proof.v1`: the document that shows, without the network, that a block is final.
//!
//! In: a [`ProofView`], or the document. Out: the other one. Reading is as strict as it can be
//! without a key: what stands in the document twice (a hash beside its header) must agree, and what
//! it does not have in this form is refused. Deliberately not here: whether the proof proves
//! anything, which takes the channel's genesis and its rule (`host-node`).

use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_rpc::gateway::{EpochEnd, ProofView};
use host_types::block::{Header, RootPair};
use host_types::epoch::EpochConfig;
use host_types::genesis::RuleConfig;
use host_types::proof::FinalProof;
use host_types::tolerance::UnitMode;
use host_types::validators::{Unit, Validator, ValidatorSet};
use host_types::weight::Weight;
use host_types::{ChannelName, Code, Decode, Encode, Hash32, NodeName, Rejection, hash, limits};
use serde_json::Value;

/// Name of the form.
const SCHEMA: &str = "loopchain.block-proof.v1";
/// Ends of epochs in one document, at most. A channel with more is proved from a later trusted point.
const EPOCHS_MAX: usize = 4_096;
/// Room for the ends of epochs, bytes.
const EPOCHS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest document that is read, bytes: all headers that may lie between (two digits for each
/// byte), the rule's proof in base64, and 1 MiB for validators, parameters and names.
pub const DOCUMENT_BYTES_MAX: usize = limits::BLOCKS_AHEAD_MAX * limits::HEADER_BYTES_MAX * 2
    + limits::RULE_BYTES_MAX * 4 / 3
    + EPOCHS_BYTES_MAX
    + 1024 * 1024;

fn hex(value: impl ToString) -> Json {
    value.to_string().into()
}

fn header(header: &Header) -> Json {
    hash::to_hex(&header.to_bytes()).into()
}

/// The document of a proof.
#[must_use]
pub fn document(view: &ProofView) -> Json {
    let block = view.header.id();
    let target = view.proof.descendants.last().unwrap_or(&view.header);
    let proved = Json::object([
        ("height", target.height.get().into()),
        ("hash", hex(view.proof.proved_block(block))),
        ("state_root", hex(view.proof.roots.state)),
        ("receipts_root", hex(view.proof.roots.receipts)),
    ]);
    let mut document = Json::object([
        ("schema", SCHEMA.into()),
        ("channel", view.channel.as_str().into()),
        ("genesis", hex(view.header.genesis)),
        ("epoch", view.header.epoch.get().into()),
        ("height", view.header.height.get().into()),
        ("hash", hex(block)),
        ("state_root", hex(view.roots.state)),
        ("receipts_root", hex(view.roots.receipts)),
        ("header", header(&view.header)),
        ("descendants", view.proof.descendants.iter().map(header).collect()),
        ("proved", proved),
        ("rule", rule(&view.rule)),
        ("validators", view.validators.all().iter().map(validator).collect()),
        ("units", view.validators.units().iter().map(unit).collect()),
        ("proof", STANDARD.encode(&view.proof.rule_proof).into()),
        ("signers", view.signers.iter().map(signer).collect()),
    ]);
    if !view.epochs.is_empty() {
        // In the first epoch there is nothing to tell, and documents are as they always were.
        document.push("epochs", view.epochs.iter().map(epoch_end).collect::<Json>());
    }
    document
}

fn epoch_end(end: &EpochEnd) -> Json {
    Json::object([
        ("header", header(&end.header)),
        ("state_root", hex(end.roots.state)),
        ("receipts_root", hex(end.roots.receipts)),
        ("descendants", end.proof.descendants.iter().map(header).collect()),
        ("proof", STANDARD.encode(&end.proof.rule_proof).into()),
        ("next", hash::to_hex(&end.next.to_bytes()).into()),
    ])
}

fn rule(rule: &RuleConfig) -> Json {
    let parameters =
        rule.parameters.iter().map(|(name, value)| (name.clone().into(), value.clone().into()));
    Json::object([
        ("id", rule.id.as_str().into()),
        ("version", rule.version.into()),
        ("sha256", rule.sha256.iter().map(hex).collect()),
        ("parameters", Json::Object(parameters.collect())),
    ])
}

fn validator(validator: &Validator) -> Json {
    Json::object([
        ("name", validator.name.as_str().into()),
        ("public_key", hash::to_hex(&validator.public_key).into()),
        ("weight", validator.weight.get().into()),
        ("group", validator.group.as_str().into()),
    ])
}

fn unit((group, unit): (&String, &Unit)) -> Json {
    Json::object([
        ("group", group.as_str().into()),
        ("mode", unit.mode.as_str().into()),
        ("weight", unit.weight.get().into()),
        ("threshold", unit.threshold.get().into()),
    ])
}

fn signer((name, weight): &(NodeName, u64)) -> Json {
    Json::object([("name", name.as_str().into()), ("weight", (*weight).into())])
}

fn refused(message: impl Into<String>) -> Rejection {
    Rejection::new(Code::ProofWrong, message)
}

/// Reads a document.
///
/// # Errors
/// `LC3302`, naming the field that is missing, of another form, or contradicts another one.
pub fn read(text: &[u8]) -> Result<ProofView, Rejection> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(refused(format!("a proof has at most {DOCUMENT_BYTES_MAX} bytes")));
    }
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| refused(format!("the proof is not JSON: {error}")))?;
    read_value(&value)
}

/// Reads a document that is part of another one.
pub(crate) fn read_value(value: &Value) -> Result<ProofView, Rejection> {
    let view = parts(value)?;
    let written = serde_json::from_str(&document(&view).to_string())
        .map_err(|error| Rejection::new(Code::Internal, error.to_string()))?;
    match difference(value, &written) {
        None => Ok(view),
        Some(field) => {
            Err(refused(format!("`{field}` of the proof is not what the rest of it says")))
        }
    }
}

/// The first field of the outermost object that differs.
pub(crate) fn difference(given: &Value, written: &Value) -> Option<String> {
    let (Value::Object(given), Value::Object(written)) = (given, written) else {
        return (given != written).then(|| "schema".to_owned());
    };
    let keys = written.keys().chain(given.keys());
    keys.into_iter().find(|key| given.get(*key) != written.get(*key)).cloned()
}

/// One field, read by `take`.
fn field<'a, T>(
    value: &'a Value,
    pointer: &str,
    take: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T, Rejection> {
    let found = value.pointer(pointer).and_then(take);
    found.ok_or_else(|| {
        let name = pointer.trim_start_matches('/').replace('/', ".");
        refused(format!("the proof has no proper `{name}`"))
    })
}

pub(crate) fn hash_of(value: &Value) -> Option<Hash32> {
    Hash32::from_hex(value.as_str()?)
}

fn header_of(value: &Value) -> Option<Header> {
    Header::from_bytes(&hash::from_hex(value.as_str()?)?).ok()
}

pub(crate) fn list<T>(
    most: usize,
    take: impl Fn(&Value) -> Option<T>,
) -> impl Fn(&Value) -> Option<Vec<T>> {
    move |value| {
        let values = value.as_array().filter(|values| values.len() <= most)?;
        values.iter().map(&take).collect()
    }
}

fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().filter(|text| text.len() <= limits::TEXT_BYTES_MAX)
}

fn validator_of(value: &Value) -> Option<Validator> {
    Some(Validator {
        name: NodeName::new(text_of(value, "name")?)?,
        public_key: *hash_of(value.get("public_key")?)?.as_bytes(),
        weight: Weight::new(value.get("weight")?.as_u64()?)?,
        group: text_of(value, "group")?.to_owned(),
    })
}

fn unit_of(value: &Value) -> Option<(String, Unit)> {
    let mode = text_of(value, "mode")?;
    let unit = Unit {
        mode: [UnitMode::Quorum, UnitMode::Delegate]
            .into_iter()
            .find(|one| one.as_str() == mode)?,
        weight: Weight::new(value.get("weight")?.as_u64()?)?,
        threshold: Weight::new(value.get("threshold")?.as_u64()?)?,
    };
    Some((text_of(value, "group")?.to_owned(), unit))
}

fn signer_of(value: &Value) -> Option<(NodeName, u64)> {
    Some((NodeName::new(text_of(value, "name")?)?, value.get("weight")?.as_u64()?))
}

fn rule_of(value: &Value) -> Option<RuleConfig> {
    // A genesis has its parameters sorted by name, as an object is read.
    let parameters = value.get("parameters")?.as_object()?.iter();
    let parameters = parameters.map(|(name, value)| Some((name.clone(), value.as_str()?.into())));
    Some(RuleConfig {
        id: text_of(value, "id")?.to_owned(),
        version: value.get("version")?.as_u64()?.try_into().ok()?,
        sha256: list(limits::PARAMETERS_MAX, hash_of)(value.get("sha256")?)?,
        parameters: parameters.collect::<Option<_>>()?,
    })
}

fn roots(value: &Value, place: &str) -> Result<RootPair, Rejection> {
    Ok(RootPair {
        state: field(value, &format!("{place}/state_root"), hash_of)?,
        receipts: field(value, &format!("{place}/receipts_root"), hash_of)?,
    })
}

fn epoch_end_of(value: &Value) -> Option<EpochEnd> {
    let hash_at = |key: &str| hash_of(value.get(key)?);
    let proof = FinalProof {
        descendants: list(limits::BLOCKS_AHEAD_MAX, header_of)(value.get("descendants")?)?,
        // Closing blocks have the result of the sealing block.
        roots: RootPair { state: hash_at("state_root")?, receipts: hash_at("receipts_root")? },
        rule_proof: STANDARD.decode(value.get("proof")?.as_str()?).ok()?,
    };
    let next = hash::from_hex(value.get("next")?.as_str()?)?;
    Some(EpochEnd {
        header: header_of(value.get("header")?)?,
        roots: proof.roots,
        proof,
        next: EpochConfig::from_bytes(&next).ok()?,
    })
}

fn parts(value: &Value) -> Result<ProofView, Rejection> {
    field(value, "/schema", |schema| (schema == SCHEMA).then_some(()))?;
    let headers = list(limits::BLOCKS_AHEAD_MAX, header_of);
    let proof_bytes = |value: &Value| STANDARD.decode(value.as_str()?).ok();
    let set = |value: &Value| ValidatorSet::new(list(limits::VALIDATORS_MAX, validator_of)(value)?);
    let units = field(value, "/units", list(limits::VALIDATORS_MAX, unit_of))?;
    let with_units = |set: ValidatorSet| set.with_units(units.into_iter().collect());
    Ok(ProofView {
        channel: field(value, "/channel", |name| ChannelName::new(name.as_str()?))?,
        header: field(value, "/header", header_of)?,
        roots: roots(value, "")?,
        proof: FinalProof {
            descendants: field(value, "/descendants", headers)?,
            roots: roots(value, "/proved")?,
            rule_proof: field(value, "/proof", proof_bytes)?,
        },
        rule: field(value, "/rule", rule_of)?,
        validators: field(value, "/validators", |value| set(value).and_then(with_units))?,
        signers: field(value, "/signers", list(limits::VALIDATORS_MAX, signer_of))?,
        epochs: match value.get("epochs") {
            Some(_) => field(value, "/epochs", list(EPOCHS_MAX, epoch_end_of))?,
            None => Vec::new(),
        },
    })
}
