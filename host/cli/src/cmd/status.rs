//! `status`: how the channels of a network are, as its peers see them.

use super::channel_drift::Drift;
use super::{Context, Done};
use crate::args::Global;
use crate::client::{ChannelInfo, Client};
use crate::failure::Failure;
use crate::network::{DataFolder, Member};
use crate::output::{BAD, OK, WARN};
use crate::profile::{self, Target};
use crate::time::rfc3339;
use host_types::fault::Code;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

/// A peer that does not answer so long is told as absent.
const ANSWER: Duration = Duration::from_secs(2);

/// What one peer said.
struct Seen {
    name: String,
    channels: Result<Vec<ChannelInfo>, Failure>,
    /// What it says of its own certificates when they end soon or have ended.
    certificates: Vec<String>,
}

/// Runs it.
pub(crate) async fn status(context: &Context) -> Done {
    let seen = match &context.global.endpoint {
        Some(_) => {
            let target = profile::target(&context.global, &context.data)?;
            vec![ask(&target.endpoint.clone(), target, context).await]
        }
        None => local(&context.global, &context.data, context).await?,
    };
    if let [only] = seen.as_slice()
        && let Err(failure) = &only.channels
    {
        return Err(failure.clone());
    }
    let channels = by_channel(&seen);
    if channels.is_empty() {
        return Err(Failure::new(Code::Unreachable, "no peer answers"));
    }
    let names: Vec<_> = channels.keys().copied().collect();
    let drift = Drift::of(&names, context).await;
    let drift = drift.as_ref();
    context.out.either(&document(&seen, &channels, drift), lines(&seen, &channels, drift));
    Ok(ExitCode::SUCCESS)
}

async fn local(
    global: &Global,
    data: &DataFolder,
    context: &Context,
) -> Result<Vec<Seen>, Failure> {
    let network = data.require_network()?;
    if data.running()?.is_none() {
        let message = format!("the local network in {} does not run", data.path().display());
        return Err(Failure::new(Code::NotRunning, message));
    }
    let asked = network.peers().map(|member: &Member| async {
        let global = Global { endpoint: Some(member.url()), ..global.clone() };
        match profile::target(&global, data) {
            Ok(target) => {
                let name = format!("{}/{}", member.org, member.name);
                Seen { name, ..ask(&member.url(), target, context).await }
            }
            Err(failure) => {
                Seen { name: member.name.clone(), channels: Err(failure), certificates: Vec::new() }
            }
        }
    });
    Ok(futures::future::join_all(asked).await)
}

async fn ask(name: &str, target: Target, context: &Context) -> Seen {
    let wait = context.global.timeout.min(ANSWER);
    let channels = match Client::new(&target, wait, context.out) {
        Ok(client) => client.channels().await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let certificates = channels.as_ref().map(|(said, _)| certificates(said)).unwrap_or_default();
    let channels = channels.map(|(_, channels)| channels);
    Seen { name: name.to_owned(), channels, certificates }
}

fn certificates(said: &Value) -> Vec<String> {
    let all = said["node"]["certificates"].as_array().into_iter().flatten();
    let lines = all.filter_map(|one| {
        let (key_use, until) = (one["use"].as_str()?, rfc3339(one["not_after_us"].as_u64()?));
        match one["state"].as_str()? {
            "expired" => Some(format!(
                "{} certificate expired {until} ({}): it goes on voting; `loopchain cert renew`",
                key_use,
                Code::OwnCertificateExpired
            )),
            "ends soon" => {
                Some(format!("{key_use} certificate ends {until}: `loopchain cert renew`"))
            }
            _ => None,
        }
    });
    lines.collect()
}

type ByChannel<'a> = BTreeMap<&'a str, Vec<(&'a str, &'a ChannelInfo)>>;

fn by_channel(seen: &[Seen]) -> ByChannel<'_> {
    let mut channels = ByChannel::new();
    for peer in seen {
        for channel in peer.channels.iter().flatten() {
            channels.entry(&channel.channel).or_default().push((&peer.name, channel));
        }
    }
    channels
}

/// The peer that is furthest speaks for the channel.
fn furthest<'a>(views: &[(&'a str, &'a ChannelInfo)]) -> Option<&'a ChannelInfo> {
    views.iter().map(|(_, info)| *info).max_by_key(|info| info.height)
}

fn verdict(info: &ChannelInfo) -> &'static str {
    match info.mode.as_str() {
        _ if info.connected_weight() < info.quorum => "no quorum",
        "normal" => "OK",
        "halted" => "halted",
        "degraded" => "degraded",
        _ => "catching up",
    }
}

fn lines(seen: &[Seen], channels: &ByChannel<'_>, drift: Option<&Drift>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, views) in channels {
        let Some(info) = furthest(views) else { continue };
        let verdict = verdict(info);
        let mark = if verdict == "OK" { OK } else { WARN };
        // Channels that never changed have one epoch, and nothing to tell of it.
        let epoch = if info.epoch > 0 { format!("   epoch {}", info.epoch) } else { String::new() };
        lines.push(format!(
            "{mark} {name:<18} #{}   {} of {} voting   {verdict}{epoch}",
            info.height,
            info.connected_weight(),
            info.total_weight
        ));
        let drifted = drift.and_then(|drift| drift.line(name));
        lines.extend(drifted.map(|line| format!("  {WARN} {line}")));
        for (peer, view) in views {
            if view.mode != "normal" || view.height + 2 < info.height {
                let reason = view.mode_reason.as_deref().unwrap_or_default();
                lines
                    .push(format!("  {WARN} {peer:<18} {}  #{}  {reason}", view.mode, view.height));
            }
            if view.sandbox == "basic" {
                lines.push(format!("  {WARN} {peer:<18} sandbox basic: for development only"));
            }
            if let Some(last) = &view.last_divergence {
                let count = view.divergences;
                lines.push(format!(
                    "  {WARN} {peer:<18} other results than agreed: {count}; {last}"
                ));
            }
        }
    }
    for peer in seen {
        for line in &peer.certificates {
            lines.push(format!("  {WARN} {:<18} {line}", peer.name));
        }
        if let Err(failure) = &peer.channels {
            lines.push(format!("  {BAD} {:<18} {}", peer.name, failure.message()));
        }
    }
    lines
}

fn document(seen: &[Seen], channels: &ByChannel<'_>, drift: Option<&Drift>) -> Value {
    let channels: Vec<_> = channels
        .iter()
        .filter_map(|(name, views)| {
            let info = furthest(views)?;
            let peers: Vec<_> = views
                .iter()
                .map(|(peer, view)| {
                    json!({"name": peer, "height": view.height, "epoch": view.epoch,
                           "mode": view.mode,
                           "mode_reason": view.mode_reason, "block_hash": view.block_hash,
                           "sandbox": view.sandbox,
                           "divergences": view.divergences})
                })
                .collect();
            Some(json!({
                "channel": name,
                "rule": info.rule,
                "epoch": info.epoch,
                "height": info.height,
                "block_hash": info.block_hash,
                "leader": info.leader,
                "transactions": info.transactions,
                "voting_weight": info.connected_weight(),
                "total_weight": info.total_weight,
                "quorum": info.quorum,
                "verdict": verdict(info),
                "drift": drift.map(|drift| drift.document(name)),
                "peers": peers,
            }))
        })
        .collect();
    let peers: Vec<_> = seen
        .iter()
        .map(|peer| {
            let error = peer.channels.as_ref().err().map(|failure| failure.message().to_owned());
            json!({"name": peer.name, "answers": error.is_none(), "error": error,
                   "certificates": peer.certificates})
        })
        .collect();
    json!({"schema": "loopchain.status.v1", "channels": channels, "peers": peers})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(height: u64, connected: usize) -> ChannelInfo {
        let validators: Vec<_> = (0..4)
            .map(|i| json!({"name": format!("o/peer{i}"), "weight": 1, "connected": i < connected}))
            .collect();
        serde_json::from_value(json!({
            "channel": "demo", "genesis": "", "rule": "lft", "height": height, "block_hash": "",
            "leader": null, "mode": "normal", "mode_reason": null, "quorum": 3,
            "total_weight": 4, "faulty_max": 1, "transactions": 0, "validators": validators,
        }))
        .unwrap()
    }

    #[test]
    fn the_furthest_peer_speaks_for_the_channel_and_absent_ones_are_told() {
        let seen = [
            Seen {
                name: "o/peer0".to_owned(),
                channels: Ok(vec![info(7, 3)]),
                certificates: vec![],
            },
            Seen {
                name: "o/peer1".to_owned(),
                channels: Ok(vec![info(3, 3)]),
                certificates: vec![],
            },
            Seen {
                name: "o/peer2".to_owned(),
                channels: Err(Failure::new(Code::Unreachable, "no answer")),
                certificates: vec![],
            },
        ];
        let lines = lines(&seen, &by_channel(&seen), None);
        assert_eq!(lines[0], format!("{OK} demo               #7   3 of 4 voting   OK"));
        assert!(lines[1].contains("o/peer1") && lines[1].contains("#3"), "{lines:?}");
        assert!(lines[2].contains("o/peer2") && lines[2].contains("no answer"), "{lines:?}");
    }

    #[test]
    fn a_sandbox_with_layers_missing_is_told_at_each_peer() {
        let basic = ChannelInfo { sandbox: "basic".to_owned(), ..info(7, 4) };
        let strict = ChannelInfo { sandbox: "strict".to_owned(), ..info(7, 4) };
        let seen = [basic, strict].map(|info| {
            let name = format!("o/{}", info.sandbox);
            Seen { name, channels: Ok(vec![info]), certificates: vec![] }
        });
        let channels = by_channel(&seen);
        let lines = lines(&seen, &channels, None);
        let told: Vec<_> = lines.iter().filter(|line| line.contains("sandbox")).collect();
        assert!(told.len() == 1 && told[0].contains("o/basic"), "{lines:?}");
        let document = document(&seen, &channels, None);
        assert_eq!(document["channels"][0]["peers"][1]["sandbox"], "strict");
    }

    #[test]
    fn too_little_weight_is_no_quorum() {
        assert_eq!(verdict(&info(7, 2)), "no quorum");
    }
}
