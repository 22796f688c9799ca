//! What a v1 client sent, as arguments of a SCORE, and back.
//!
//! A SCORE with a transaction of the body's `method` gets typed arguments of `params`; one that takes
//! anything gets the whole body as Python would have written it; any other refuses.

use crate::arguments::{self, CallKind};
use crate::body;
use crate::calls;
use crate::json::{Duplicates, Json, parse};
use host_rpc::gateway::{Gateway, ScoreView};
use host_types::limits::{ARGS_BYTES_MAX, METHOD_BYTES_MAX};
use host_types::manifest::Manifest;
use host_types::{ChannelName, ScoreName, Transaction};

/// Method of a body that names none.
const ANY_METHOD: &str = "invoke";

/// A call made from a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) score: ScoreName,
    pub(super) method: String,
    pub(super) args: Vec<u8>,
    /// Type of the answer; none for a catch-all.
    pub(super) returns: Option<String>,
}

/// Why there is no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoCall {
    /// The SCORE has no such method and takes nothing besides.
    Method,
    /// The arguments do not fit.
    Arguments,
    /// There is no SCORE, or it does not tell its methods.
    Score,
}

/// The SCORE that v1 means: the edition of 2017 had one a channel, so it is the first that the
/// channel activated, whatever came later.
pub(super) fn of_channel(scores: &[ScoreView]) -> Option<&ScoreView> {
    scores.iter().find(|score| score.is_first)
}

/// Makes the call that `body` asks the channel's SCORE for.
pub(super) async fn call(
    gateway: &dyn Gateway,
    channel: &ChannelName,
    kind: CallKind,
    body: &Json,
) -> Result<Call, NoCall> {
    let scores = gateway.scores(channel).await.map_err(|_| NoCall::Score)?;
    let score = of_channel(&scores).cloned().ok_or(NoCall::Score)?;
    let manifest = score.manifest.as_deref().ok_or(NoCall::Score)?;
    let method = body.get("method").and_then(Json::as_str);
    let typed = method.and_then(|name| arguments::find(manifest, kind, name).ok());
    let call = if let Some(method) = typed {
        let nothing = Json::Object(Vec::new());
        let params = body.get("params").unwrap_or(&nothing);
        let args = calls::encode(gateway, channel, (score.name.as_str(), method), params)
            .await
            .map_err(|_| NoCall::Arguments)?;
        Call {
            method: method.name.clone(),
            args,
            returns: Some(method.returns.clone()),
            score: score.name,
        }
    } else if takes_any(manifest, kind) {
        let fits = |name: &&str| !name.is_empty() && name.len() <= METHOD_BYTES_MAX;
        Call {
            method: method.filter(fits).unwrap_or(ANY_METHOD).to_owned(),
            args: arguments::catch_all(&body::python(body)),
            returns: None,
            score: score.name,
        }
    } else {
        return Err(NoCall::Method);
    };
    if call.args.len() > ARGS_BYTES_MAX { Err(NoCall::Arguments) } else { Ok(call) }
}

const fn takes_any(manifest: &Manifest, kind: CallKind) -> bool {
    match kind {
        CallKind::Transaction => manifest.any.invoke,
        CallKind::Query => manifest.any.query,
        CallKind::Deploy => false,
    }
}

/// The text a transaction was made from, as near as its arguments tell: the body itself for a
/// catch-all, `{"method", "params"}` otherwise.
pub(super) fn text(scores: &[ScoreView], transaction: &Transaction) -> String {
    let score = scores.iter().find(|score| score.name == transaction.score);
    let manifest = score.and_then(|score| score.manifest.as_deref());
    let method = &transaction.method;
    let typed = manifest.and_then(|m| arguments::find(m, CallKind::Transaction, method).ok());
    if typed.is_none()
        && let Some(body) = arguments::catch_all_text(&transaction.args)
    {
        return body;
    }
    let params = typed
        .and_then(|method| arguments::decode_fields(&method.args, &transaction.args))
        .unwrap_or_else(|| arguments::decode_generic(&transaction.args));
    body::python(&Json::object([("method", method.as_str().into()), ("params", params)]))
}

/// That text parsed, or as it is when it is no JSON.
pub(super) fn parsed(text: String) -> Json {
    parse(text.as_bytes(), Duplicates::LastWins).unwrap_or(Json::Text(text))
}
