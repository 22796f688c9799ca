//! Views of a node as JSON: hashes in lower-case hex, addresses `hx…`, amounts as text, block times
//! in microseconds beside RFC 3339.

use crate::arguments::{self, CallKind};
use crate::calls;
use crate::json::Json;
use crate::time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_rpc::gateway::{
    BlockView, ChannelStatus, FinalTx, FrozenView, MemberView, Mode, RefusedFile, ScoreView,
    ValidatorStatus, VersionView,
};
use host_types::manifest::{Field, Manifest};
use host_types::{
    BlockTime, ChannelName, Encode, NodeName, ProposalKind, Receipt, ScoreEvent, SignedTransaction,
    Status, hash,
};

/// A hash or id.
fn hex(value: impl ToString) -> Json {
    value.to_string().into()
}

fn name(name: &NodeName) -> Json {
    name.as_str().into()
}

fn push_time(json: &mut Json, prefix: &'static str, at: BlockTime) {
    json.push(format!("{prefix}_us"), at.get());
    json.push(prefix, time::rfc3339(at.get()));
}

/// Fields of a channel's state.
pub(super) fn channel(status: &ChannelStatus) -> Json {
    let (mode, reason) = match &status.mode {
        Mode::Normal => ("normal", None),
        Mode::Syncing => ("syncing", None),
        Mode::Rejoining => ("rejoining", None),
        Mode::Degraded(reason) => ("degraded", Some(reason.clone())),
        Mode::Halted(reason) => ("halted", Some(reason.clone())),
    };
    let mut json = Json::object([
        ("channel", status.channel.as_str().into()),
        ("genesis", hex(status.genesis)),
        ("rule", status.rule.as_str().into()),
        ("height", status.height.get().into()),
        ("block_hash", hex(status.head.block)),
        ("state_root", hex(status.head.roots.state)),
        ("receipts_root", hex(status.head.roots.receipts)),
    ]);
    push_time(&mut json, "time", status.time);
    json.push("leader", status.leader.as_ref().map(name));
    json.push("epoch", status.epoch);
    json.push("view", status.view);
    json.push("mode", mode);
    json.push("mode_reason", reason);
    json.push("divergences", status.divergences);
    json.push("last_divergence", status.last_divergence.clone());
    json.push("sandbox", status.sandbox);
    json.push("quorum", status.quorum);
    json.push("total_weight", status.total_weight);
    json.push("connected_weight", status.connected_weight);
    json.push("faulty_max", status.faulty_max);
    json.push("transactions", status.tx_total);
    json.push("pool_transactions", status.pool_txs);
    json.push("v1_gateway", status.v1_gateway);
    json.push("validators", status.validators.iter().map(validator).collect::<Json>());
    json
}

fn validator(validator: &ValidatorStatus) -> Json {
    Json::object([
        ("name", name(&validator.name)),
        ("weight", validator.weight.into()),
        ("connected", validator.is_connected.into()),
        ("leader", validator.is_leader.into()),
    ])
}

/// Fields of a member.
pub(super) fn member(member: &MemberView) -> Json {
    Json::object([
        ("name", name(&member.name)),
        ("role", member.role.into()),
        ("address", hex(member.address)),
        ("certificate", hex(member.certificate)),
        ("public_key", hash::to_hex(&member.public_key).into()),
    ])
}

/// Fields of a block, without its transactions.
pub(crate) fn block_summary(block: &BlockView) -> Json {
    let header = &block.header;
    let mut json = Json::object([
        ("height", header.height.get().into()),
        ("hash", hex(block.id)),
        ("parent_hash", hex(header.parent.block)),
        ("epoch", header.epoch.get().into()),
        ("view", header.view.get().into()),
        ("proposer", block.proposer.as_ref().map(name).into()),
    ]);
    push_time(&mut json, "time", header.time);
    json.push("tx_count", header.tx_count);
    json.push("state_root", hex(block.pair.roots.state));
    json.push("receipts_root", hex(block.pair.roots.receipts));
    json
}

/// All of a block.
pub(super) fn block(block: &BlockView) -> Json {
    let header = &block.header;
    let kind = match header.kind {
        ProposalKind::Norm => "normal",
        ProposalKind::Opt => "optimistic",
        ProposalKind::Closing => "closing",
    };
    let signer = |(who, weight): &(NodeName, u64)| {
        Json::object([("name", name(who)), ("weight", (*weight).into())])
    };
    let proof = block.proof.as_ref().map(|proof| {
        Json::object([
            ("bytes", STANDARD.encode(proof.to_bytes()).into()),
            ("signers", block.signers.iter().map(signer).collect()),
        ])
    });
    let transaction = |tx: &SignedTransaction| {
        let what = tx.transaction();
        Json::object([
            ("hash", hex(tx.id())),
            ("score", what.score.as_str().into()),
            ("method", what.method.as_str().into()),
            ("signer", hex(what.signer)),
            ("size", tx.size().into()),
        ])
    };
    block_summary(block)
        .with("kind", kind)
        .with("genesis", hex(header.genesis))
        .with("parent_view", header.parent_view.get())
        .with("parent_state_root", hex(header.parent.roots.state))
        .with("parent_receipts_root", hex(header.parent.roots.receipts))
        .with("tx_root", hex(header.tx_root))
        .with("validators_hash", hex(header.validators))
        .with("next_validators_hash", header.next_validators.map(hex))
        .with("carried_proof_hash", hex(header.carried))
        .with("header", hash::to_hex(&header.to_bytes()))
        .with("proof", proof)
        .with("transactions", block.transactions.iter().map(transaction).collect::<Json>())
}

/// Fields of a SCORE.
pub(super) fn score(score: &ScoreView) -> Json {
    Json::object([
        ("name", score.name.as_str().into()),
        ("version", score.version.as_str().into()),
        ("sha256", hex(score.sha256)),
        ("active_since", score.active_since.get().into()),
        ("history", score.history.iter().map(hex).collect()),
        ("running", score.is_running.into()),
        ("frozen", score.frozen.as_ref().map(frozen).into()),
    ])
}

fn frozen(frozen: &FrozenView) -> Json {
    Json::object([
        ("since", frozen.since.get().into()),
        ("by", if frozen.by_crashes { "crashes" } else { "change" }.into()),
        ("reason", frozen.reason.as_str().into()),
    ])
}

/// A version of a SCORE, wherever it is in its life.
pub(super) fn version(version: &VersionView) -> Json {
    let names = |all: &[NodeName]| all.iter().map(|one| Json::from(one.as_str())).collect::<Json>();
    Json::object([
        ("score", version.score.as_str().into()),
        ("version", version.version.as_str().into()),
        ("sha256", hex(version.sha256)),
        ("state", version.state.word().into()),
        ("here", version.is_here.into()),
        ("height", version.height.map(host_types::Height::get).into()),
        ("reason", version.reason.as_deref().into()),
        ("change", version.change.map(hex).into()),
        ("approved", names(&version.approved)),
        ("ready", names(&version.ready)),
        ("not_ready", names(&version.not_ready)),
        ("activation_us", version.activation.map(microseconds).into()),
    ])
}

fn microseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A file of the drop-in folder that is not used.
pub(super) fn refused_file(refused: &RefusedFile) -> Json {
    Json::object([
        ("file", refused.file.as_str().into()),
        ("code", refused.why.code.to_string().into()),
        ("reason", refused.why.message.as_str().into()),
    ])
}

/// A manifest: methods with their arguments, events, faults.
pub(super) fn manifest(manifest: &Manifest) -> Json {
    let field = |field: &Field| {
        Json::object([("name", field.name.as_str().into()), ("type", field.kind.as_str().into())])
    };
    let fields = |list: &[Field]| list.iter().map(field).collect::<Json>();
    let methods = manifest.methods.iter().map(|method| {
        Json::object([
            ("name", method.name.as_str().into()),
            ("kind", method.kind.as_str().into()),
            ("args", fields(&method.args)),
            ("returns", method.returns.as_str().into()),
        ])
    });
    let events = manifest.events.iter().map(|event| {
        Json::object([("name", event.name.as_str().into()), ("fields", fields(&event.fields))])
    });
    let faults = manifest.faults.iter().map(|fault| {
        Json::object([
            ("code", fault.code.into()),
            ("name", fault.name.as_str().into()),
            ("message", fault.message.as_str().into()),
        ])
    });
    let any = [("invoke", manifest.any.invoke.into()), ("query", manifest.any.query.into())];
    Json::object([
        ("abi", manifest.abi.as_str().into()),
        ("name", manifest.name.as_str().into()),
        ("version", manifest.version.as_str().into()),
        ("sdk", manifest.sdk.as_str().into()),
        ("methods", methods.collect()),
        ("events", events.collect()),
        ("faults", faults.collect()),
        ("any", Json::object(any)),
    ])
}

/// What a transaction is about, in whatever state.
pub(super) struct TxContext<'a> {
    pub(super) channel: &'a ChannelName,
    /// The SCOREs that it is about, as far as they are known here.
    pub(super) scores: &'a [ScoreView],
    pub(super) signer: Option<&'a MemberView>,
}

impl TxContext<'_> {
    fn manifest(&self, score: &host_types::ScoreName) -> Option<&Manifest> {
        self.scores.iter().find(|known| known.name == *score)?.manifest.as_deref()
    }

    /// Fields that every state has.
    pub(super) fn transaction(&self, tx: &SignedTransaction, state: &str) -> Json {
        let what = tx.transaction();
        let mut json = Json::object([
            ("schema", "loopchain.tx.v1".into()),
            ("hash", hex(tx.id())),
            ("channel", self.channel.as_str().into()),
            ("state", state.into()),
            ("score", what.score.as_str().into()),
            ("method", what.method.as_str().into()),
            ("args", self.args(tx)),
            ("signer", hex(what.signer)),
            ("signer_name", self.signer.map(|member| name(&member.name)).into()),
            ("caller", self.signer.map(|member| hex(member.address)).into()),
            ("nonce", what.nonce.to_string().into()),
        ]);
        push_time(&mut json, "expiry", what.expiry);
        json.with("size", tx.size())
    }

    /// Typed arguments by name; JSON that a catch-all took; else values by position.
    fn args(&self, tx: &SignedTransaction) -> Json {
        let what = tx.transaction();
        let typed = self
            .manifest(&what.score)
            .and_then(|m| arguments::find(m, CallKind::Transaction, &what.method).ok())
            .and_then(|method| arguments::decode_fields(&method.args, &what.args));
        typed
            .or_else(|| arguments::catch_all_text(&what.args).map(Json::Text))
            .unwrap_or_else(|| arguments::decode_generic(&what.args))
    }

    /// All of a final transaction.
    pub(super) fn final_tx(&self, tx: &FinalTx) -> Json {
        let mut json = self.transaction(&tx.transaction, "final");
        json.push("height", tx.height.get());
        json.push("block_hash", hex(tx.block));
        json.push("index", tx.index);
        push_time(&mut json, "time", tx.time);
        json.push("receipt", self.receipt(tx));
        json.push(
            "events",
            tx.events.iter().map(|e| event(e, self.manifest(&e.score))).collect::<Json>(),
        );
        json.push("artefact", tx.artefact.map(hex));
        json.push("voters", tx.voters.iter().map(name).collect::<Json>());
        json
    }

    fn receipt(&self, tx: &FinalTx) -> Json {
        let what = tx.transaction.transaction();
        let method = self
            .manifest(&what.score)
            .and_then(|m| arguments::find(m, CallKind::Transaction, &what.method).ok());
        let returns = method.map(|method| method.returns.as_str());
        receipt(&tx.receipt, returns)
            .with("events_root", hex(tx.receipt.events_root))
            .with("writes_digest", hex(tx.receipt.writes_digest))
    }
}

/// An event; its fields have names when the manifest of its SCORE tells them.
pub(crate) fn event(event: &ScoreEvent, manifest: Option<&Manifest>) -> Json {
    let kinds = manifest.map(|m| m.events.as_slice()).unwrap_or_default();
    let kind = kinds.iter().find(|kind| kind.name == event.name);
    let fields = kind
        .and_then(|kind| arguments::decode_fields(&kind.fields, &event.data))
        .unwrap_or_else(|| arguments::decode_generic(&event.data));
    Json::object([
        ("score", event.score.as_str().into()),
        ("name", event.name.as_str().into()),
        ("fields", fields),
    ])
}

/// How a call ended and what it returned or said.
pub(super) fn receipt(receipt: &Receipt, returns: Option<&str>) -> Json {
    let is_ok = receipt.status == Status::Ok;
    let output = is_ok.then(|| {
        returns
            .and_then(|kind| arguments::decode_value(kind, &receipt.output))
            .unwrap_or_else(|| arguments::decode_generic(&receipt.output))
    });
    Json::object([
        ("status", receipt.status.word().into()),
        ("code", receipt.code.into()),
        ("message", (!is_ok).then(|| calls::failure(receipt)).into()),
        ("output", output.into()),
        ("steps", receipt.steps.into()),
    ])
}
