//! Settings that are taken while the peer runs: `[channels] join`.
//!
//! In: `peer.toml`, looked at every second. Out: channels that begin, and channels that end, whose files stay. What
//! else changed is told and waits for a restart; a file that is wrong changes nothing. The operator's own
//! word (`chosen`) goes before the list, as at a start. Deliberately not here: deleting files (`admin`),
//! certificates (`certificates`), which follow their own files.

use super::drop_folder::stamps;
use super::many_channels;
use super::node::Node;
use super::start::pin_validators;
use crate::config::{ChannelsConfig, PeerConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a channel that ended may be read by those who still do, before it begins again.
const CLOSED_WITHIN: Duration = Duration::from_secs(20);
const CLOSED_LOOK: Duration = Duration::from_millis(50);

/// Follows the file until the peer stops.
pub(super) async fn follow(node: Arc<Node>, installed: watch::Sender<u64>) {
    let file: PathBuf = node.config.home.join("peer.toml");
    let mut seen = stamps(vec![file.clone()]);
    let mut known = node.config.clone();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = stamps(vec![file.clone()]);
        if now == seen {
            continue;
        }
        seen = now;
        match PeerConfig::load(&node.config.home, &node.config.overrides) {
            Ok(mut config) => {
                config.rejoin = known.rejoin;
                take(&node, &installed, &known, &config).await;
                known = config;
            }
            Err(error) => tracing::error!(
                event = "settings.refused", code = %error.code,
                "{} changed and is wrong; what was read before stays: {}", file.display(), error.message
            ),
        }
    }
}

async fn take(
    node: &Arc<Node>,
    installed: &watch::Sender<u64>,
    known: &PeerConfig,
    config: &PeerConfig,
) {
    let channels = ChannelsConfig { join: config.channels.join.clone(), ..known.channels.clone() };
    if (PeerConfig { channels, ..known.clone() }) != *config {
        tracing::warn!(
            event = "settings.restart",
            "settings of {} have changed that need a restart",
            node.name
        );
    }
    if known.channels.join == config.channels.join {
        return;
    }
    node.set_join(config.channels.join.clone());
    tracing::info!(event = "settings.taken", "[channels] join is {:?} now", config.channels.join);
    for channel in node.channels() {
        let name = channel.genesis().channel.clone();
        drop(channel);
        if !node.wants(&name) {
            node.stop_channel(&name).await;
            tracing::info!(event = "channel.left", channel = %name, "channel {name} is left; its files stay");
        }
    }
    pin_validators(node);
    closed(node).await;
    many_channels::start(node, installed).await;
}

/// Waits for the files of channels that ended before and are wanted again.
async fn closed(node: &Node) {
    let end = Instant::now() + CLOSED_WITHIN;
    let is_held = || {
        let wanted = node.wanted_geneses();
        wanted.iter().any(|name| node.channel(name).is_none() && node.closing(name).is_some())
    };
    while is_held() && Instant::now() < end {
        tokio::time::sleep(CLOSED_LOOK).await;
    }
}
