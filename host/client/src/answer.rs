//! What peers answer, as far as applications look inside: the JSON forms are those of `host/web`; what
//! is not named here stands in the document as it came.
//!
//! In: JSON. Out: typed values, or an error that tells that the peer speaks another version. An answer is
//! what one peer says; what it proves is checked elsewhere ([`crate::receipt`]).

use crate::error::ClientError;
use host_types::fault::Code;
use host_types::ids::GenesisHash;
use host_types::manifest::Manifest;
use serde::Deserialize;
use serde_json::Value;

/// One validator of a channel.
#[derive(Clone, Debug, Deserialize)]
pub struct ValidatorInfo {
    /// `ORG/NAME`.
    pub name: String,
    /// Its weight.
    pub weight: u64,
    /// Whether the peer asked has a session with it.
    pub connected: bool,
}

/// State of a channel.
#[derive(Clone, Debug, Deserialize)]
pub struct ChannelInfo {
    /// Its name.
    pub channel: String,
    /// Genesis hash, hex.
    pub genesis: String,
    /// Rule.
    pub rule: String,
    /// Epoch.
    #[serde(default)]
    pub epoch: u64,
    /// Last final height.
    pub height: u64,
    /// That block.
    pub block_hash: String,
    /// Leader now.
    pub leader: Option<String>,
    /// `normal`, `syncing`, …
    pub mode: String,
    /// Why, when not normal.
    pub mode_reason: Option<String>,
    /// Blocks since its start of which the peer had another result than the agreed one.
    #[serde(default)]
    pub divergences: u64,
    /// The newest of them.
    #[serde(default)]
    pub last_divergence: Option<String>,
    /// How SCOREs are confined there: `strict` or `basic`.
    #[serde(default)]
    pub sandbox: String,
    /// Weight that decides.
    pub quorum: u64,
    /// Weight of all.
    pub total_weight: u64,
    /// Weight of the connected, where the peer says it: only it knows which groups count as one.
    pub connected_weight: Option<u64>,
    /// Weight that may be faulty.
    pub faulty_max: u64,
    /// Transactions since genesis.
    pub transactions: u64,
    /// The validators.
    pub validators: Vec<ValidatorInfo>,
}

impl ChannelInfo {
    /// Its genesis hash.
    ///
    /// # Errors
    /// `LC3107` when the peer wrote something else.
    pub fn genesis(&self) -> Result<GenesisHash, ClientError> {
        GenesisHash::from_hex(&self.genesis).ok_or_else(|| odd("genesis"))
    }

    /// Weight of the validators that are connected.
    #[must_use]
    pub fn connected_weight(&self) -> u64 {
        let sum = || self.validators.iter().filter(|v| v.connected).map(|v| v.weight).sum();
        self.connected_weight.unwrap_or_else(sum)
    }

    /// How many validators are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.validators.iter().filter(|v| v.connected).count()
    }
}

/// An active SCORE.
#[derive(Clone, Debug, Deserialize)]
pub struct ScoreInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file, hex.
    pub sha256: String,
    /// Since this height.
    pub active_since: u64,
}

/// A version of a SCORE, wherever it is in its life.
#[derive(Clone, Debug, Deserialize)]
pub struct VersionInfo {
    /// Name of the SCORE.
    pub score: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file, hex.
    pub sha256: String,
    /// Where it is in its life.
    pub state: String,
    /// Whether the peer holds its file.
    pub here: bool,
    /// The block it is about.
    pub height: Option<u64>,
    /// Why it came to nothing.
    pub reason: Option<String>,
    /// The change about it, hex.
    pub change: Option<String>,
    /// Validators that approved that.
    #[serde(default)]
    pub approved: Vec<String>,
    /// Validators that hold the file and said so.
    #[serde(default)]
    pub ready: Vec<String>,
    /// The others.
    #[serde(default)]
    pub not_ready: Vec<String>,
    /// How long its activation took in the peer, microseconds; none when the peer cannot tell.
    pub activation_us: Option<u64>,
    /// Its manifest, as it came.
    pub(crate) manifest: Option<Value>,
}

impl VersionInfo {
    /// Its manifest; none when the peer does not hold its file.
    ///
    /// # Errors
    /// `LC3107` when it is no manifest.
    pub fn manifest(&self) -> Result<Option<Manifest>, ClientError> {
        self.manifest.clone().map(manifest).transpose()
    }
}

/// The REST form leaves out what is for who links, not for who calls.
pub(crate) fn manifest(mut manifest: Value) -> Result<Manifest, ClientError> {
    if let Value::Object(fields) = &mut manifest {
        fields.entry("abi").or_insert_with(|| "".into());
    }
    read(manifest)
}

/// A receipt.
#[derive(Clone, Debug, Deserialize)]
pub struct ReceiptInfo {
    /// `ok`, `fault`, `trap`, `refused`, `crash`.
    pub status: String,
    /// Its number.
    pub code: u32,
    /// What it said when it did not go well.
    pub message: Option<String>,
    /// What it returned.
    pub output: Value,
}

/// An event.
#[derive(Clone, Debug, Deserialize)]
pub struct EventInfo {
    /// Who announced it.
    pub score: String,
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Value,
}

/// Why a transaction can never be final.
#[derive(Clone, Debug, Deserialize)]
pub struct ErrorInfo {
    /// `LCnnnn`
    pub code: String,
    /// The facts.
    pub message: String,
}

/// A transaction in whatever state.
#[derive(Clone, Debug, Deserialize)]
pub struct TxInfo {
    /// `pending`, `final`, `rejected`.
    pub state: String,
    /// Its id.
    #[serde(default)]
    pub hash: String,
    /// The SCORE called.
    #[serde(default)]
    pub score: String,
    /// Its method.
    #[serde(default)]
    pub method: String,
    /// Height of its block.
    pub height: Option<u64>,
    /// What it did.
    pub receipt: Option<ReceiptInfo>,
    /// What it announced.
    #[serde(default)]
    pub events: Vec<EventInfo>,
    /// Validators in the block's Final proof.
    #[serde(default)]
    pub voters: Vec<String>,
    /// Why it was rejected.
    pub error: Option<ErrorInfo>,
}

/// A member of a channel.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MemberInfo {
    /// `hx…`
    pub address: String,
    /// Its key, hex.
    #[serde(default)]
    pub public_key: String,
}

pub(crate) fn odd(what: &str) -> ClientError {
    let message = format!("the peer's answer has no proper `{what}`: is it another version?");
    ClientError::new(Code::ProtocolMismatch, message)
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ClientError> {
    serde_json::from_value(value).map_err(|error| odd(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_of_another_form_is_told_as_another_version() {
        let error = read::<TxInfo>(json!({"hash": "00"})).unwrap_err();
        assert_eq!(error.code(), Code::ProtocolMismatch);
    }

    #[test]
    fn a_rejected_transaction_is_read() {
        let body = json!({"schema": "loopchain.tx.v1", "channel": "demo", "state": "rejected",
            "error": {"code": "LC2104", "message": "expired", "help": []}});
        let info: TxInfo = read(body).unwrap();
        assert_eq!(info.error.unwrap().code, "LC2104");
    }
}
