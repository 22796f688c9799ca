//! `score list` and `score show`: versions of SCOREs as a peer knows them.
//!
//! In: what a peer says over REST. Out: tables, or the documents as they came. Deliberately not here:
//! changing anything (`score_life`), asking every peer (`score_peers`).

use super::{Context, Done};
use crate::client::{Client, VersionInfo};
use crate::failure::Failure;
use crate::output::{WARN, table};
use crate::profile;
use host_types::fault::Code;
use host_types::manifest::{Manifest, Method};
use host_web::arguments::describe;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Digits of a digest in a table.
const DIGITS: usize = 16;

fn client(context: &Context) -> Result<Client, Failure> {
    let target = profile::target(&context.global, &context.data)?;
    Client::new(&target, context.global.timeout, context.out)
}

/// `score list`
pub(super) async fn list(context: &Context) -> Done {
    let client = client(context)?;
    let (value, versions) = client.all_versions().await?;
    let mut lines = rows(&versions);
    lines.extend(frozen(&value));
    lines.extend(refused(&value));
    context.out.either(&value, lines);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rows(versions: &[VersionInfo]) -> Vec<String> {
    let row = |one: &VersionInfo| {
        let sha256 = one.sha256.get(..DIGITS).unwrap_or(&one.sha256).to_owned();
        let here = if one.here { "yes" } else { "no" }.to_owned();
        let block = one.height.map_or_else(|| "-".to_owned(), |height| height.to_string());
        vec![one.score.clone(), one.version.clone(), sha256, one.state.clone(), block, here]
    };
    let columns = ["SCORE", "VERSION", "SHA-256", "STATE", "BLOCK", "HERE"];
    let mut lines = table(&columns, versions.iter().map(row).collect());
    let why = |one: &VersionInfo| {
        let reason = one.reason.as_ref()?;
        Some(format!("{WARN} {} {} {}: {reason}", one.score, one.version, one.state))
    };
    lines.extend(versions.iter().filter_map(why));
    lines
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("-")
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn frozen(value: &Value) -> Vec<String> {
    let line = |score: &Value| frozen_line(text(score, "name"), score.get("frozen")?);
    items(value, "scores").iter().filter_map(line).collect()
}

fn frozen_line(name: &str, frozen: &Value) -> Option<String> {
    let since = frozen.get("since")?;
    let reason = text(frozen, "reason");
    Some(format!("{WARN} {name} takes no transactions since block {since}: {reason}"))
}

fn refused(value: &Value) -> Vec<String> {
    let line = |one: &Value| {
        let (file, code, reason) = (text(one, "file"), text(one, "code"), text(one, "reason"));
        format!("{WARN} {file} is refused [{code}]: {reason}")
    };
    items(value, "refused").iter().map(line).collect()
}

/// `score show`
pub(super) async fn show(name: &str, context: &Context) -> Done {
    let client = client(context)?;
    let active = client.score(name).await;
    let (seen, versions) = match client.versions(name).await {
        Ok(found) => found,
        // The beginning of its life is not there yet, or a peer of an earlier release answers.
        Err(failure) => return Err(active.err().unwrap_or(failure).into()),
    };
    let mut lines = vec![format!("SCORE {name} on {}", client.channel_name())];
    let (mut document, manifest) = match active {
        Ok((value, info, manifest)) => {
            lines = vec![
                format!("SCORE {} {} on {}", info.name, info.version, client.channel_name()),
                format!("  {:<12} {}", "sha256", info.sha256),
                format!("  {:<12} block {}", "active since", info.active_since),
            ];
            lines.extend(value.get("frozen").and_then(|frozen| frozen_line(name, frozen)));
            (value, manifest)
        }
        Err(failure) if failure.code() == Code::ScoreUnknown => {
            (json!({"schema": "loopchain.score.v1", "name": name}), None)
        }
        Err(failure) => return Err(failure.into()),
    };
    lines.extend(methods(manifest.as_ref()));
    lines.extend(rows(&versions));
    lines.extend(versions.iter().filter(|one| is_waiting(one)).flat_map(waiting));
    document["versions"] = seen.get("versions").cloned().unwrap_or_default();
    document["quorum"] = seen.get("quorum").cloned().unwrap_or_default();
    context.out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}

fn is_waiting(version: &VersionInfo) -> bool {
    matches!(version.state.as_str(), "staged" | "approved")
}

fn waiting(one: &VersionInfo) -> Vec<String> {
    let short = |id: &String| id.get(..12).unwrap_or(id).to_owned();
    let id = one.change.as_ref().map(short).unwrap_or_default();
    vec![
        format!("  {} {} waits, change {id}", one.score, one.version),
        format!("    {:<10} {}", "approved", said_by(&one.approved)),
        format!("    {:<10} {}", "ready", said_by(&one.ready)),
        format!("    {:<10} {}", "not ready", said_by(&one.not_ready)),
    ]
}

fn said_by(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

fn methods(manifest: Option<&Manifest>) -> Vec<String> {
    let methods = manifest.iter().flat_map(|manifest| &manifest.methods);
    methods.map(|method| format!("  {:<12} {}", method.kind, signature(method))).collect()
}

fn signature(method: &Method) -> String {
    format!("{}({}) -> {}", method.name, describe(&method.args), method.returns)
}
