//! Peers: each answers and is in step; where nothing runs, the ports are free.
//!
//! In: REST interfaces of the local network or of the home's process, `--endpoint`. Out: findings.
//! Deliberately not here: anything a peer would have to be asked twice for.

use super::{Finding, Place};
use crate::client::{ChannelInfo, Client};
use crate::cmd::{Context, runtime};
use crate::failure::Failure;
use crate::network::NetworkFile;
use crate::profile::Target;
use host_node::config::{Overrides, PeerConfig};
use host_types::fault::Code;
use host_types::ids::ChannelName;
use std::net::TcpListener;
use std::time::Duration;

const CHECK: &str = "peers";
/// A peer that does not answer so long is absent.
const ANSWER: Duration = Duration::from_secs(2);

/// Looks.
pub(super) fn check(place: &Place<'_>) -> Result<Vec<Finding>, Failure> {
    let asked = whom(place)?;
    if asked.is_empty() {
        return Ok(place.network.as_ref().map_or_else(
            || vec![Finding::ok(CHECK, "no peer to ask: `loopchain up` starts a network")],
            ports,
        ));
    }
    let runtime = runtime()?;
    let mut findings = Vec::new();
    for (name, endpoint) in asked {
        let answer = runtime.block_on(ask(&endpoint, place.context));
        findings.push(judged(&name, &endpoint, answer));
    }
    Ok(findings)
}

/// Names and REST interfaces.
fn whom(place: &Place<'_>) -> Result<Vec<(String, String)>, Failure> {
    if let Some(endpoint) = &place.context.global.endpoint {
        return Ok(vec![("the endpoint".to_owned(), endpoint.clone())]);
    }
    if let Some(network) = &place.network {
        let runs = place.data().running()?.is_some();
        let peers = network.peers().filter(|_| runs);
        return Ok(peers.map(|peer| (peer.name.clone(), peer.url())).collect());
    }
    let homes = place.homes.iter().filter(|(_, file)| *file == "peer.toml");
    let settings = homes.filter_map(|(home, _)| PeerConfig::load(home, &Overrides::default()).ok());
    Ok(settings.map(|one| (one.name.clone(), format!("http://{}", one.rest.listen))).collect())
}

async fn ask(endpoint: &str, context: &Context) -> Result<Vec<ChannelInfo>, Failure> {
    // The list of channels is asked for: its own is of no account.
    let channel = ChannelName::new("demo")
        .ok_or_else(|| Failure::new(Code::Internal, "the sample's name is none"))?;
    let target = Target { endpoint: endpoint.to_owned(), channel, identity: None };
    let client = Client::new(&target, context.global.timeout.min(ANSWER), context.out)?;
    Ok(client.channels().await?.1)
}

fn judged(name: &str, endpoint: &str, answer: Result<Vec<ChannelInfo>, Failure>) -> Finding {
    let channels = match answer {
        Ok(channels) => channels,
        Err(failure) => {
            let message = format!("{name} ({endpoint}) does not answer: {}", failure.message());
            return Finding::problem(CHECK, failure.code(), message)
                .with_step(format!("loopchain logs {name} --level warn"))
                .with_step("loopchain ps");
        }
    };
    let sick = channels.iter().find(|channel| channel.mode != "normal");
    if let Some(channel) = sick {
        let reason = channel.mode_reason.as_deref().unwrap_or_default();
        let message = format!("{name}: channel {} is {} {reason}", channel.channel, channel.mode);
        let code = if channel.mode == "halted" { Code::ChannelHalted } else { Code::Syncing };
        return Finding::problem(CHECK, code, message.trim_end())
            .with_step("loopchain status")
            .with_step(format!("loopchain logs {name} --level warn"));
    }
    let heights = channels.iter().map(|one| format!("{} #{}", one.channel, one.height));
    Finding::ok(CHECK, format!("{name}: {}", heights.collect::<Vec<_>>().join(", ")))
}

/// Nothing runs: whether `up` could.
fn ports(network: &NetworkFile) -> Vec<Finding> {
    let addresses = network.members.iter().flat_map(|one| [one.rpc(), one.rest(), one.ops()]);
    let taken: Vec<_> = addresses.filter(|address| TcpListener::bind(address).is_err()).collect();
    if taken.is_empty() {
        return vec![Finding::ok(CHECK, "the network does not run; its ports are free")];
    }
    let message = format!("the network does not run, and others listen on {}", taken.join(", "));
    vec![
        Finding::problem(CHECK, Code::PortTaken, message).with_step("ss -ltnp").with_step(format!(
            "loopchain up --base-port {}",
            network.base_port.saturating_add(1000)
        )),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use serde_json::json;

    fn channel(mode: &str) -> ChannelInfo {
        let facts = json!({
            "channel": "demo", "genesis": "", "rule": "lft", "height": 7, "block_hash": "",
            "leader": null, "mode": mode, "mode_reason": "disk", "quorum": 3, "total_weight": 4,
            "connected_weight": 4, "faulty_max": 1, "transactions": 0, "validators": [],
        });
        serde_json::from_value(facts).unwrap()
    }

    #[test]
    fn absent_and_halted_peers_are_problems_with_a_command() {
        let url = "http://127.0.0.1:9000";
        let well = judged("peer0", url, Ok(vec![channel("normal")]));
        assert_eq!((well.state, well.message.as_str()), (State::Ok, "peer0: demo #7"));
        let absent = judged("peer1", url, Err(Failure::new(Code::Unreachable, "refused")));
        assert_eq!((absent.state, absent.code), (State::Problem, Some(Code::Unreachable)));
        assert_eq!(absent.steps[0], "loopchain logs peer1 --level warn");
        let halted = judged("peer2", url, Ok(vec![channel("normal"), channel("halted")]));
        assert_eq!((halted.state, halted.code), (State::Problem, Some(Code::ChannelHalted)));
    }

    #[test]
    fn a_port_that_others_use_is_told() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let member = json!({"name": "peer0", "org": "a", "role": "peer", "port": port,
                            "home": "peers/peer0", "public_key": ""});
        let network = json!({"schema": "x", "name": "local", "created_us": 1, "organisations": [],
                             "base_port": 7100, "members": [member]});
        let found = ports(&serde_json::from_value(network).unwrap());
        assert_eq!((found[0].state, found[0].code), (State::Problem, Some(Code::PortTaken)));
    }
}
