//! When a local network is ready: every process answers, validators see each other, SCOREs are
//! active, a transaction is final.
//!
//! In: running children. Out: what the banner tells of each channel, or the first thing that is
//! wrong. A child that dies before that ends the start.

use super::children::{Children, Event, log_tail};
use super::deploy;
use super::wishes::{Attempts, Outcome, fulfil};
use super::{Local, banner, plugins};
use crate::client::{ChannelInfo, Client, ScoreInfo};
use crate::failure::Failure;
use crate::network::{Member, MemberRole};
use crate::output::WARN;
use host_node::config::ChannelsFile;
use host_types::fault::Code;
use host_types::ids::ChannelName;
use std::time::{Duration, Instant};

/// How long a process may take until it answers.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// How long validators may take to find each other.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// How long a channel may stay refused: a peer that saw a genesis just now looks again soon.
const REFUSED_FOR: Duration = Duration::from_secs(2);
/// After so long without being ready, what the peers complain of is shown.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long all channels together may take until they are ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(50);
/// A process that starts may be slow to accept, but answers at once.
const ASK_WITHIN: Duration = Duration::from_secs(2);

/// A channel that is ready.
pub(crate) type ReadyChannel = (ChannelInfo, Vec<ScoreInfo>);

/// Runs a part of the start; ends it when a child dies.
pub(crate) async fn unless_one_dies<T>(
    local: &Local,
    children: &mut Children,
    part: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::pin!(part);
    loop {
        tokio::select! {
            done = &mut part => return done,
            event = children.event() => if let Some(Event::Died(name, how)) = event {
                let message = format!("{name} ended ({how}){}", log_tail(&local.data, &name));
                return Err(Failure::new(Code::StartFailed, message)
                    .with_help(format!("`loopchain logs {name}` shows all of its log")));
            },
        }
    }
}

/// Waits until a process answers, and with it every channel is in step.
pub(crate) async fn answers(
    local: &Local,
    member: &Member,
    channels: &[ChannelName],
) -> Result<(), Failure> {
    let api = Client::at(&member.url(), ASK_WITHIN, local.out)?;
    let end = Instant::now() + ANSWER_WITHIN;
    let mut refused_since = None;
    loop {
        let missing = match member.role {
            MemberRole::Radiostation => match api.get("/api/v1/peer/list").await {
                Err(failure) if failure.code() == Code::Unreachable => Some(failure.into()),
                _ => None,
            },
            MemberRole::Peer => not_in_step(local, member, channels).await,
        };
        let Some(missing) = missing else { return Ok(()) };
        // What the machine lacks does not come by waiting.
        if Instant::now() >= end || missing.code() == Code::SandboxIncomplete {
            return Err(missing);
        }
        let refusal = match missing.code() {
            Code::ChannelUnknown => refusal(local, member, channels).await,
            _ => None,
        };
        match (refusal, refused_since) {
            (None, _) => refused_since = None,
            (Some(_), None) => refused_since = Some(Instant::now()),
            (Some(refusal), Some(since)) if since.elapsed() >= REFUSED_FOR => return Err(refusal),
            (Some(_), Some(_)) => {}
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Why a peer does not start one of the channels, as its readiness tells.
async fn refusal(local: &Local, member: &Member, channels: &[ChannelName]) -> Option<Failure> {
    let api = Client::at(&format!("http://{}", member.ops()), ASK_WITHIN, local.out).ok()?;
    let answer = api.look("/readyz").await.ok()?;
    let reasons = answer.get("reasons")?.as_array()?;
    channels.iter().find_map(|channel| {
        let start = format!("channel {channel}: ");
        let why = reasons.iter().filter_map(|one| one.as_str()?.strip_prefix(&start)).next()?;
        let (code, why) = coded(why);
        let name = &member.name;
        Some(Failure::new(code, format!("{name} does not start channel {channel}: {why}")))
    })
}

/// `LC6101: what` as its parts.
fn coded(text: &str) -> (Code, &str) {
    let parts = text.strip_prefix("LC").and_then(|rest| rest.split_once(": "));
    let parts = parts
        .and_then(|(number, what)| Some((number.parse().ok().and_then(Code::from_number)?, what)));
    parts.unwrap_or((Code::StartFailed, text))
}

/// Waits for a part of the start no longer than it may take, and shows meanwhile what is wrong.
pub(crate) async fn within<T>(
    local: &Local,
    part: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::pin!(part);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut part).await {
        return done;
    }
    let seconds = PATIENCE.as_secs();
    local
        .out
        .announce(&format!("  {WARN} not ready after {seconds} s; the peers last complained of"));
    for line in complaints(local) {
        local.out.announce(&format!("      {line}"));
    }
    if let Ok(done) = tokio::time::timeout(READY_WITHIN - PATIENCE, &mut part).await {
        return done;
    }
    let lines: String = complaints(local).iter().map(|line| format!("\n  {line}")).collect();
    let message = format!("the network is not ready after {} s{lines}", READY_WITHIN.as_secs());
    Err(Failure::new(Code::StartFailed, message)
        .with_help("`loopchain logs` shows what every process says"))
}

/// The last warning or error of each process.
fn complaints(local: &Local) -> Vec<String> {
    let last = |name: &str| {
        let bytes = std::fs::read(local.data.log(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let found = text.lines().rev().find_map(complaint);
        format!("{name:<13} {}", found.as_deref().unwrap_or("nothing"))
    };
    local.network.members.iter().map(|member| last(&member.name)).collect()
}

/// Why a channel in another mode than `normal` keeps a peer from being ready.
fn not_normal(peer: &str, channel: &ChannelName, (mode, reason): (&str, &str)) -> Failure {
    let (code, _) = coded(reason);
    if code == Code::SandboxIncomplete {
        return Failure::new(code, format!("{peer}: {reason}"));
    }
    Failure::new(Code::Syncing, format!("{peer}: channel {channel} is {mode} {reason}"))
}

/// What a line of a log complains of.
fn complaint(line: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| event.get(key).and_then(serde_json::Value::as_str);
    let is_bad = matches!(text("level"), Some("WARN" | "ERROR"));
    is_bad.then(|| {
        [text("code"), text("message")].into_iter().flatten().collect::<Vec<_>>().join(": ")
    })
}

async fn not_in_step(local: &Local, member: &Member, channels: &[ChannelName]) -> Option<Failure> {
    for channel in channels {
        // A peer serves the channels whose genesis names it.
        let node = format!("{}/{}", member.org, member.name);
        let validators = local.validator_names(channel);
        if !validators.contains(&node) {
            continue;
        }
        let client = match local.client(channel, &member.url()) {
            Ok(client) => client,
            Err(failure) => return Some(failure),
        };
        match client.channel().await {
            Ok((_, info)) if info.mode == "normal" => {}
            Ok((_, info)) => {
                let reason = info.mode_reason.unwrap_or_default();
                return Some(not_normal(&member.name, channel, (&info.mode, &reason)));
            }
            Err(failure) => return Some(failure.into()),
        }
    }
    None
}

/// Waits until the validators of a channel are connected; a quorum suffices when time is over.
async fn connected(local: &Local, channel: &ChannelName) -> Result<ChannelInfo, Failure> {
    let client = local.any_client(channel)?;
    let end = Instant::now() + CONNECT_WITHIN;
    loop {
        let (_, info) = client.channel().await?;
        let is_over = Instant::now() >= end;
        if info.connected() == info.validators.len()
            || is_over && info.connected_weight() >= info.quorum
        {
            return Ok(info);
        }
        if is_over {
            let absent = info.validators.iter().filter(|v| !v.connected).map(|v| v.name.as_str());
            let message = format!(
                "channel {channel} has no quorum: {} of {} voting, needs {}; missing: {}",
                info.connected_weight(),
                info.total_weight,
                info.quorum,
                absent.collect::<Vec<_>>().join(", ")
            );
            return Err(Failure::new(Code::NoQuorum, message));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Makes the channels ready and tells each; the first final transaction is told last.
pub(crate) async fn channels(
    local: &Local,
    file: &ChannelsFile,
    attempts: &mut Attempts,
    launched: Instant,
) -> Result<Vec<ReadyChannel>, Failure> {
    for channel in file.channels.keys() {
        connected(local, channel).await?;
    }
    let found = plugins::scan(&plugins::stamps(&local.data.join("plugins")));
    for (path, why) in &found.refused {
        local.out.line(&super::refused_line(path, why));
    }
    let outcomes = fulfil(local, file, &found, attempts).await;
    let mut is_something_final = false;
    for Outcome { channel, score, is_named, result } in outcomes {
        match result {
            Ok(_) => is_something_final = true,
            Err(failure) if is_named => return Err(failure),
            Err(failure) => local.out.line(&super::failed_line(&channel, &score, &failure)),
        }
    }
    if !is_something_final && let Some(channel) = file.channels.keys().next_back() {
        deploy::smoke(local, channel).await?;
    }
    let mut ready = Vec::new();
    for channel in file.channels.keys().rev() {
        let client = local.any_client(channel)?;
        let (_, info) = client.channel().await?;
        let (_, scores) = client.scores().await?;
        local.out.line(&banner::channel(&info, &scores));
        ready.push((info, scores));
    }
    local.out.line(&banner::timed("first transaction final", "", launched.elapsed()));
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_complains_in_warnings_and_errors_only() {
        let line = r#"{"level":"WARN","code":"LC6103","message":"no worker: EPERM","target":"x"}"#;
        assert_eq!(complaint(line).unwrap(), "LC6103: no worker: EPERM");
        assert_eq!(complaint(r#"{"level":"INFO","message":"started"}"#), None);
        assert_eq!(complaint("no json"), None);
    }

    #[test]
    fn a_peer_that_catches_up_is_waited_for_and_one_without_a_sandbox_says_why() {
        let demo = ChannelName::new("demo").unwrap();
        let behind = not_normal("peer1", &demo, ("syncing", "at block 7 of 9"));
        assert_eq!(behind.code(), Code::Syncing);
        assert_eq!(behind.message(), "peer1: channel demo is syncing at block 7 of 9");
        let bare = not_normal("peer1", &demo, ("degraded", "LC6103: no landlock"));
        assert_eq!(bare.code(), Code::SandboxIncomplete);
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        assert_eq!(
            coded("LC6101: no rule `x`: drop it"),
            (Code::RuleRefused, "no rule `x`: drop it")
        );
        assert_eq!(coded("something: else"), (Code::StartFailed, "something: else"));
    }
}
