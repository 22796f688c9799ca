//! The proxy and the log collector that `up` starts beside the members.
//!
//! In: what was asked for, the network. Out: their settings, which of them can run, when they answer. A port
//! that is taken leaves one out with a line and stops nothing, because the network does without. Deliberately
//! not here: their ports and names (`beside_members`), keeping them running (`children`).

use super::Local;
use super::children::{Kind, Part};
use crate::args::Up;
use crate::beside_members::{Helper, HelperRole};
use crate::client::Client;
use crate::failure::Failure;
use crate::network::{DataFolder, Member, NetworkFile, make_folder, write_whole};
use crate::output::WARN;
use host_node::config::{Overrides, PeerConfig};
use host_types::fault::Code;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often it is looked whether one answers.
const POLL: Duration = Duration::from_millis(20);
/// One that does not answer so long is told, and kept.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Those that were asked for and can run.
pub(crate) fn wanted(local: &Local, up: &Up) -> Result<Vec<Helper>, Failure> {
    let mut found = Vec::new();
    for role in HelperRole::ALL {
        let is_wanted = match role {
            HelperRole::Proxy => !up.no_proxy,
            // Networks of an older build have no keys for one.
            HelperRole::LogCollector => {
                !up.no_log_collector && local.data.join(role.name()).join("pki").exists()
            }
        };
        let Some(helper) = role.at(local.network.base_port).filter(|_| is_wanted) else { continue };
        if let Some(why) = taken(helper) {
            local.out.announce(&format!("  {WARN} {} is left out: {why}", role.name()));
            continue;
        }
        if role == HelperRole::Proxy && !settings(&local.data).exists() {
            write_proxy(&local.data, &local.network)?;
        }
        found.push(helper);
    }
    Ok(found)
}

fn taken(helper: Helper) -> Option<String> {
    let addresses = [Some(helper.address()), helper.ops()];
    let mut addresses = addresses.into_iter().flatten();
    addresses.find_map(|address| {
        let error = TcpListener::bind(&address).err()?;
        Some(format!("{address} cannot be used: {error}"))
    })
}

fn settings(data: &DataFolder) -> std::path::PathBuf {
    data.join(HelperRole::Proxy.name()).join("proxy.toml")
}

/// `proxy.toml`, of a proxy that asks every peer of the network.
pub(crate) fn write_proxy(data: &DataFolder, network: &NetworkFile) -> Result<(), Failure> {
    make_folder(&data.join(HelperRole::Proxy.name()))?;
    let Some(proxy) = HelperRole::Proxy.at(network.base_port) else { return Ok(()) };
    let peers: Vec<_> = network.peers().map(|peer| format!("{:?}", peer.url())).collect();
    let text = format!(
        "# Written by `loopchain up`. Your changes stay until another --base-port is asked for.\n\
         [proxy]\npeers = [{}]\n\n[rest]\nlisten = \"{}\"\n\n[ops]\nlisten = \"{}\"\n",
        peers.join(", "),
        proxy.address(),
        proxy.ops().unwrap_or_default()
    );
    write_whole(&settings(data), text.as_bytes())
}

/// The process of one.
pub(crate) fn part(helper: Helper) -> Part {
    let name = helper.role.name();
    let kind = match helper.role {
        HelperRole::Proxy => Kind::Proxy,
        HelperRole::LogCollector => Kind::LogCollector,
    };
    Part { kind, name: name.to_owned(), home: Path::new(name).to_path_buf(), arguments: Vec::new() }
}

/// The setting with which a peer sends its lines to the collector that runs here; none when it was told
/// another one, or none runs.
pub(crate) fn shipping(
    (data, peer): (&DataFolder, &Member),
    helpers: &[Helper],
    overrides: &Overrides,
) -> Option<String> {
    let collector = helpers.iter().find(|helper| helper.role == HelperRole::LogCollector)?;
    // What is wrong with its settings it says itself.
    let config = PeerConfig::load(&data.join(&peer.home), overrides).ok()?;
    config.log.collector.is_empty().then(|| format!("log.collector={}", collector.address()))
}

/// Waits until one answers.
pub(crate) async fn answers(local: &Local, helper: Helper) -> Result<(), Failure> {
    let end = Instant::now() + ANSWER_WITHIN;
    loop {
        let is_there = match helper.ops() {
            Some(ops) => {
                let ops = Client::at(&format!("http://{ops}"), ANSWER_WITHIN, local.out)?;
                // 503 until it has found a peer.
                ops.get("/readyz").await.is_ok()
            }
            // A connection that says nothing is none of anybody's.
            None => TcpStream::connect(helper.address()).is_ok(),
        };
        if is_there {
            return Ok(());
        }
        if Instant::now() >= end {
            let name = helper.role.name();
            return Err(Failure::new(Code::Unreachable, format!("{name} does not answer"))
                .with_help(format!("`loopchain logs {name}` shows its log")));
        }
        tokio::time::sleep(POLL).await;
    }
}
