//! `GET /channels/{c}/scores`, `/scores/{s}`, `/scores/{s}/versions`, `POST /scores/{s}/query`.

use super::{Answer, channel, ok, open_channel, views};
use crate::arguments::{self, CallKind, suggest};
use crate::body;
use crate::calls;
use crate::json::{Duplicates, Json};
use crate::problem::Problem;
use crate::router::PeerApi;
use crate::seen::Seen;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::HeaderMap;
use host_rpc::gateway::{Access, ScoreView, VersionView};
use host_types::{ChannelName, Code, Receipt, Status};

/// All SCOREs.
pub(crate) async fn list(Seen(api): Seen, Path(name): Path<String>) -> Answer {
    let channel = channel(api.gateway.as_ref(), &name)?;
    let scores = api.gateway.scores(&channel).await?;
    let life = api.gateway.versions(&channel).await?;
    Ok(ok(&Json::object([
        ("schema", "loopchain.scores.v1".into()),
        ("channel", channel.as_str().into()),
        ("scores", scores.iter().map(views::score).collect()),
        ("versions", life.versions.iter().map(views::version).collect()),
        ("refused", life.refused.iter().map(views::refused_file).collect()),
    ])))
}

fn with_manifest(version: &VersionView) -> Json {
    views::version(version).with("manifest", version.manifest.as_deref().map(views::manifest))
}

/// The versions of one SCORE, active or not, as this peer knows them.
pub(crate) async fn versions(
    Seen(api): Seen,
    Path((name, score)): Path<(String, String)>,
) -> Answer {
    let channel = channel(api.gateway.as_ref(), &name)?;
    let life = api.gateway.versions(&channel).await?;
    let versions: Vec<_> = life.versions.iter().filter(|one| one.score == score).collect();
    if versions.is_empty() {
        let message = format!("{channel} has no SCORE `{score}`, and no change is about one");
        return Err(Problem::new(Code::ScoreUnknown, message));
    }
    let status = api.gateway.channel(&channel).await?;
    Ok(ok(&Json::object([
        ("schema", "loopchain.score-versions.v1".into()),
        ("channel", channel.as_str().into()),
        ("peer", api.gateway.node().name.as_str().into()),
        ("height", status.height.get().into()),
        ("quorum", status.quorum.into()),
        ("score", score.as_str().into()),
        ("versions", versions.into_iter().map(with_manifest).collect()),
    ])))
}

async fn find(api: &PeerApi, channel: &ChannelName, score: &str) -> Result<ScoreView, Problem> {
    let mut scores = api.gateway.scores(channel).await?;
    if let Some(found) = scores.iter().position(|known| known.name.as_str() == score) {
        return Ok(scores.swap_remove(found));
    }
    let names: Vec<_> = scores.iter().map(|known| known.name.as_str()).collect();
    let help = suggest::help("its SCOREs are", &names, score, |name| name.into());
    let problem = Problem::new(Code::ScoreUnknown, format!("{channel} has no SCORE `{score}`"));
    Err(Problem { help, ..problem })
}

/// One SCORE with its manifest.
pub(crate) async fn one(Seen(api): Seen, Path((name, score)): Path<(String, String)>) -> Answer {
    let channel = channel(api.gateway.as_ref(), &name)?;
    let score = find(&api, &channel, &score).await?;
    let mut json = Json::object([
        ("schema", "loopchain.score.v1".into()),
        ("channel", channel.as_str().into()),
    ]);
    if let (Json::Object(all), Json::Object(fields)) = (&mut json, views::score(&score)) {
        all.extend(fields);
    }
    Ok(ok(&json.with("manifest", score.manifest.as_deref().map(views::manifest))))
}

/// A read call.
pub(crate) async fn query(
    Seen(api): Seen,
    Path((name, score)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let gateway = api.gateway.as_ref();
    let channel = open_channel(gateway, &name, Access::Query)?;
    let score = find(&api, &channel, &score).await?;
    let body = calls::json_body(&headers, &body, Duplicates::Refuse)?;
    let (method, args) = question(&body)?;
    let (args, returns) = encode(&api, &channel, &score, method, &args).await?;
    let asked = gateway.query(&channel, &score.name, method, args);
    let answer = tokio::time::timeout(api.config.query_timeout, asked)
        .await
        .map_err(|_| Problem::new(Code::QueryTimeout, "the SCORE did not answer in time"))??;
    check(&score, method, &answer.receipt)?;
    let receipt = &answer.receipt;
    let result = returns
        .as_deref()
        .and_then(|kind| arguments::decode_value(kind, &receipt.output))
        .unwrap_or_else(|| arguments::decode_generic(&receipt.output));
    Ok(ok(&Json::object([
        ("schema", "loopchain.query.v1".into()),
        ("channel", channel.as_str().into()),
        ("score", score.name.as_str().into()),
        ("method", method.into()),
        ("result", result),
        ("height", answer.height.get().into()),
        ("block_hash", answer.block.to_string().into()),
        ("steps", receipt.steps.into()),
    ])))
}

/// `{"method": text, "args": object or array}`
fn question(body: &Json) -> Result<(&str, Json), Problem> {
    let Json::Object(fields) = body else {
        return Err(Problem::parameter("the body is an object with `method` and `args`"));
    };
    if let Some((key, _)) = fields.iter().find(|(key, _)| key != "method" && key != "args") {
        return Err(Problem::parameter(format!(
            "the body has no key `{key}`: its keys are `method` and `args`"
        )));
    }
    let method = body.get("method").and_then(Json::as_str);
    let method = method.ok_or_else(|| Problem::parameter("`method` is a text"))?;
    Ok((method, body.get("args").cloned().unwrap_or(Json::Object(Vec::new()))))
}

async fn encode(
    api: &PeerApi,
    channel: &ChannelName,
    score: &ScoreView,
    method: &str,
    args: &Json,
) -> Result<(Vec<u8>, Option<String>), Problem> {
    let manifest = score.manifest.as_ref().ok_or_else(|| {
        Problem::new(Code::ArtefactMissing, format!("the artefact of {} is not here", score.name))
    })?;
    match arguments::find(manifest, CallKind::Query, method) {
        Ok(found) => {
            let called = (score.name.as_str(), found);
            let args = calls::encode(api.gateway.as_ref(), channel, called, args).await?;
            Ok((args, Some(found.returns.clone())))
        }
        Err(_) if manifest.any.query => {
            let body = Json::object([("method", method.into()), ("params", args.clone())]);
            Ok((arguments::catch_all(&body::python(&body)), None))
        }
        Err(error) => Err(error.into()),
    }
}

fn check(score: &ScoreView, method: &str, receipt: &Receipt) -> Result<(), Problem> {
    let code = match receipt.status {
        Status::Ok => return Ok(()),
        Status::Fault => Code::ScoreFault,
        Status::Trap => Code::ScoreTrap,
        Status::Crash => Code::ScoreCrash,
        Status::Refused => u16::try_from(receipt.code)
            .ok()
            .and_then(Code::from_number)
            .unwrap_or(Code::ArgumentsWrong),
    };
    let detail = format!("{}.{method}: {}", score.name, calls::failure(receipt));
    Err(Problem::new(code, detail))
}
