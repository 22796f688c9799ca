//! What the commands ask a peer: typed where they look inside, raw where they only show.
//!
//! In: an [`Api`] and a channel. Out: states, manifests, receipts. The JSON forms are those of
//! `host/web`; fields that no command needs are not named here.

use crate::api::Api;
use crate::cmd::Context;
use crate::failure::Failure;
use crate::output::Out;
use crate::profile::Target;
use crate::reader::{Reader, Says};
use crate::sign::Signed;
use host_types::fault::Code;
use host_types::genesis::ChannelGenesis;
use host_types::hash;
use host_types::ids::{ChannelName, GenesisHash};
use host_types::manifest::Manifest;
use host_types::{Address, Decode, Hash32};
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, Instant};

/// One validator of a channel.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ValidatorInfo {
    /// `ORG/NAME`.
    pub name: String,
    /// Its weight.
    pub weight: u64,
    /// Whether the peer asked has a session with it.
    pub connected: bool,
}

/// State of a channel.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ChannelInfo {
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
    pub(crate) fn genesis(&self) -> Result<GenesisHash, Failure> {
        GenesisHash::from_hex(&self.genesis).ok_or_else(|| odd("genesis"))
    }

    /// Weight of the validators that are connected.
    pub(crate) fn connected_weight(&self) -> u64 {
        let sum = || self.validators.iter().filter(|v| v.connected).map(|v| v.weight).sum();
        self.connected_weight.unwrap_or_else(sum)
    }

    /// How many validators are connected.
    pub(crate) fn connected(&self) -> usize {
        self.validators.iter().filter(|v| v.connected).count()
    }
}

/// An active SCORE.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ScoreInfo {
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
pub(crate) struct VersionInfo {
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
    manifest: Option<Value>,
}

impl VersionInfo {
    /// Its manifest; none when the peer does not hold its file.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>, Failure> {
        self.manifest.clone().map(manifest).transpose()
    }
}

/// The REST form leaves out what is for who links, not for who calls.
fn manifest(mut manifest: Value) -> Result<Manifest, Failure> {
    if let Value::Object(fields) = &mut manifest {
        fields.entry("abi").or_insert_with(|| "".into());
    }
    read(manifest)
}

/// A receipt.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReceiptInfo {
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
pub(crate) struct EventInfo {
    /// Who announced it.
    pub score: String,
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Value,
}

/// Why a transaction can never be final.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ErrorInfo {
    /// `LCnnnn`
    pub code: String,
    /// The facts.
    pub message: String,
}

/// A transaction in whatever state.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TxInfo {
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
struct MemberInfo {
    address: String,
}

/// A peer and a channel.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    api: Api,
    channel: ChannelName,
}

fn odd(what: &str) -> Failure {
    let message = format!("the peer's answer has no proper `{what}`: is it another version?");
    Failure::new(Code::ProtocolMismatch, message)
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| odd(&error.to_string()))
}

/// How often a pending transaction is asked for when the peer did not wait itself.
const POLL: Duration = Duration::from_millis(100);
/// How long a peer that never heard of a transaction is asked again: gossip takes milliseconds.
const HEARD_OF: Duration = Duration::from_secs(2);

impl Client {
    /// What a command talks to.
    pub(crate) fn new(target: &Target, timeout: Duration, out: Out) -> Result<Self, Failure> {
        let api = Api::new(&target.endpoint, timeout, out)?;
        Ok(Self { api, channel: target.channel.clone() })
    }

    /// The same of a command that reads: where `--identity` names somebody, requests say so, and the
    /// channel's policies and grants decide what is answered.
    pub(crate) fn reading(target: &Target, context: &Context) -> Result<Self, Failure> {
        Self::said(target, context, Says::Always)
    }

    /// The same of a command that signs what it sends: what it reads on the way is asked for without
    /// saying who asks, as long as nobody refuses that.
    pub(crate) fn sending(target: &Target, context: &Context) -> Result<Self, Failure> {
        Self::said(target, context, Says::WhenRefused)
    }

    fn said(target: &Target, context: &Context, says: Says) -> Result<Self, Failure> {
        let client = Self::new(target, context.global.timeout, context.out)?;
        let Some(name) = &context.global.identity else { return Ok(client) };
        let reader = Reader::new(&context.data, name, says);
        Ok(Self { api: client.api.read_by(reader), ..client })
    }

    /// The channel.
    pub(crate) const fn channel_name(&self) -> &ChannelName {
        &self.channel
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v2/channels/{}{rest}", self.channel)
    }

    /// All channels of the peer, as they came and read.
    pub(crate) async fn channels(&self) -> Result<(Value, Vec<ChannelInfo>), Failure> {
        let value = self.api.get("/api/v2/channels").await?;
        let list = value.get("channels").cloned().ok_or_else(|| odd("channels"))?;
        Ok((value, read(list)?))
    }

    /// State of the channel, as it came and read.
    pub(crate) async fn channel(&self) -> Result<(Value, ChannelInfo), Failure> {
        let value = self.api.get(&self.path("")).await?;
        let info = read(value.clone())?;
        Ok((value, info))
    }

    /// Active SCOREs, as they came and read.
    pub(crate) async fn scores(&self) -> Result<(Value, Vec<ScoreInfo>), Failure> {
        let value = self.api.get(&self.path("/scores")).await?;
        let list = value.get("scores").cloned().ok_or_else(|| odd("scores"))?;
        Ok((value, read(list)?))
    }

    /// One SCORE: as it came, read, and its manifest.
    pub(crate) async fn score(
        &self,
        name: &str,
    ) -> Result<(Value, ScoreInfo, Option<Manifest>), Failure> {
        let value = self.api.get(&self.path(&format!("/scores/{}", escaped(name)))).await?;
        let manifest = match value.get("manifest") {
            None | Some(Value::Null) => None,
            Some(found) => Some(manifest(found.clone())?),
        };
        let info = read(value.clone())?;
        Ok((value, info, manifest))
    }

    /// Versions of all SCOREs, active or not: as they came, and read.
    pub(crate) async fn all_versions(&self) -> Result<(Value, Vec<VersionInfo>), Failure> {
        let value = self.api.get(&self.path("/scores")).await?;
        let list = value.get("versions").cloned().ok_or_else(|| odd("versions"))?;
        Ok((value, read(list)?))
    }

    /// Versions of one SCORE with their manifests: as they came, and read.
    pub(crate) async fn versions(&self, name: &str) -> Result<(Value, Vec<VersionInfo>), Failure> {
        let path = self.path(&format!("/scores/{}/versions", escaped(name)));
        let value = self.api.get(&path).await?;
        let list = value.get("versions").cloned().ok_or_else(|| odd("versions"))?;
        Ok((value, read(list)?))
    }

    /// The address of the one member of a name; `None` when there is none or several.
    pub(crate) async fn member_address(&self, name: &str) -> Result<Option<Address>, Failure> {
        let value = self.api.get(&self.path(&format!("/members?name={}", escaped(name)))).await?;
        let list = value.get("members").cloned().ok_or_else(|| odd("members"))?;
        let members: Vec<MemberInfo> = read(list)?;
        let mut addresses: Vec<_> = members.into_iter().map(|member| member.address).collect();
        addresses.sort();
        addresses.dedup();
        match addresses.as_slice() {
            [one] => Ok(Address::parse(one)),
            _ => Ok(None),
        }
    }

    /// The public key of the one member of a name; `None` when there is none or several.
    pub(crate) async fn member_key(&self, name: &str) -> Result<Option<[u8; 32]>, Failure> {
        let value = self.api.get(&self.path(&format!("/members?name={}", escaped(name)))).await?;
        let list = value.get("members").and_then(Value::as_array);
        let key = |one: &Value| Hash32::from_hex(one.get("public_key")?.as_str()?);
        let mut keys: Vec<_> = list.into_iter().flatten().filter_map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        match keys.as_slice() {
            [one] => Ok(Some(*one.as_bytes())),
            _ => Ok(None),
        }
    }

    /// Sends a transaction and asks the peer to wait for finality.
    pub(crate) async fn submit(
        &self,
        signed: &Signed,
        wait: Option<Duration>,
    ) -> Result<(Value, TxInfo), Failure> {
        let body = self.api.post(&self.path("/transactions"), &signed.envelope, wait).await?;
        let info = read(body.clone())?;
        Ok((body, info))
    }

    /// Sends a transaction and waits until it is final or rejected, at most so long.
    pub(crate) async fn submit_and_wait(
        &self,
        signed: &Signed,
        wait: Duration,
    ) -> Result<(Value, TxInfo), Failure> {
        let started = Instant::now();
        let (body, info) = self.submit(signed, Some(wait)).await?;
        if info.state != "pending" {
            return Ok((body, info));
        }
        let left = wait.saturating_sub(started.elapsed());
        self.wait(&signed.id.to_string(), left).await
    }

    /// Asks for a transaction until it is final or rejected, at most so long; then as it is.
    pub(crate) async fn wait(
        &self,
        hash: &str,
        wait: Duration,
    ) -> Result<(Value, TxInfo), Failure> {
        let start = Instant::now();
        let (end, heard_of) = (start + wait, start + wait.min(HEARD_OF));
        loop {
            let (body, info) = match self.transaction(hash).await {
                // v1 answers before the pool has it, and another peer hears of it later.
                Err(unknown) if unknown.code() == Code::NotFound && Instant::now() < heard_of => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
                other => other?,
            };
            if info.state != "pending" || Instant::now() >= end {
                return Ok((body, info));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Where a transaction is.
    pub(crate) async fn transaction(&self, hash: &str) -> Result<(Value, TxInfo), Failure> {
        let path = self.path(&format!("/transactions/{}", escaped(hash)));
        let body = self.api.get(&path).await?;
        let info = read(body.clone())?;
        Ok((body, info))
    }

    /// A block.
    pub(crate) async fn block(&self, reference: &str) -> Result<Value, Failure> {
        self.api.get(&self.path(&format!("/blocks/{}", escaped(reference)))).await
    }

    /// The Final proof of a block, unchecked.
    pub(crate) async fn block_proof(&self, reference: &str) -> Result<Value, Failure> {
        self.api.get(&self.path(&format!("/blocks/{}/certificate", escaped(reference)))).await
    }

    /// The portable receipt of a final transaction, unchecked.
    pub(crate) async fn receipt(&self, hash: &str) -> Result<Value, Failure> {
        self.api.get(&self.path(&format!("/transactions/{}/receipt", escaped(hash)))).await
    }

    /// What the channel runs with, and changes that wait.
    pub(crate) async fn epochs(&self) -> Result<Value, Failure> {
        self.api.get(&self.path("/epochs")).await
    }

    /// What the channel was made of; its bytes are those that its hash is of.
    pub(crate) async fn genesis(&self) -> Result<ChannelGenesis, Failure> {
        let body = self.api.get(&self.path("/genesis")).await?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let bytes = hash::from_hex(text("genesis")).ok_or_else(|| odd("genesis"))?;
        let genesis = ChannelGenesis::from_bytes(&bytes).map_err(|_| odd("genesis"))?;
        let is_whole = genesis.hash().to_string() == text("hash");
        if is_whole { Ok(genesis) } else { Err(odd("hash")) }
    }

    /// Evidence against validators that the peer holds.
    pub(crate) async fn evidence(&self) -> Result<Value, Failure> {
        self.api.get(&self.path("/evidence")).await
    }

    /// A page of events: of a SCORE and a name, where they are given.
    pub(crate) async fn events(
        &self,
        [score, topic]: [Option<&str>; 2],
        from: &str,
        limit: usize,
    ) -> Result<Value, Failure> {
        let mut path = format!("/events?from={}&limit={limit}", escaped(from));
        for (name, value) in [("score", score), ("topic", topic)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", escaped(value)));
            }
        }
        self.api.get(&self.path(&path)).await
    }

    /// Asks a SCORE.
    pub(crate) async fn query(&self, score: &str, body: &Value) -> Result<Value, Failure> {
        let path = self.path(&format!("/scores/{}/query", escaped(score)));
        self.api.post(&path, body, None).await
    }
}

/// A part of a path or query, percent-encoded.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_letter_is_escaped_in_a_path() {
        assert_eq!(escaped("ops@bank-a/x y"), "ops%40bank-a%2Fx%20y");
    }

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
