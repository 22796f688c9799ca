//! Starts the channels of the folder, several side by side.
//!
//! In: genesis files. Out: channels that run, or why they do not. A new channel waits for the disk more than a
//! hundred times until its files are there for good, and one that exists a few times; starts that wait side by
//! side share what the disk does. Deliberately not here: one start (`node`), when the folder is looked at
//! (`start`).

use super::node::Node;
use super::start::{begin, geneses};
use host_types::genesis::ChannelGenesis;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Starts under way at once. They wait for the disk, not for a core.
const STARTS_AT_ONCE: usize = 16;

/// Starts every channel that is wanted here and does not run.
pub(super) async fn start(node: &Arc<Node>, installed: &watch::Sender<u64>) {
    let (node, installed, runtime) = (Arc::clone(node), installed.clone(), Handle::current());
    let started = tokio::task::spawn_blocking(move || start_all(&node, &installed, &runtime));
    if let Err(error) = started.await {
        tracing::error!(event = "channels.broken", "starting channels broke off: {error}");
    }
}

fn start_all(node: &Arc<Node>, installed: &watch::Sender<u64>, runtime: &Handle) {
    let folder = &node.config.channels.dir;
    let is_due = |genesis: &ChannelGenesis| {
        node.wants(&genesis.channel) && node.channel(&genesis.channel).is_none()
    };
    let due: Vec<_> = geneses(folder).into_iter().filter(is_due).collect();
    let at_once = due.len().min(STARTS_AT_ONCE);
    let queue = Mutex::new(due.into_iter());
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                let _runtime = runtime.enter();
                while let Some(genesis) = take() {
                    one(node, genesis, installed);
                }
            });
        }
    });
}

fn one(node: &Arc<Node>, genesis: ChannelGenesis, installed: &watch::Sender<u64>) {
    let name = genesis.channel.clone();
    if let Err(rejection) = begin(node, genesis, installed) {
        tracing::error!(code = %rejection.code, channel = %name, "channel {name} does not start: {}", rejection.message);
    }
}
