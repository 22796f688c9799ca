//! Says `ready` on chain for artefacts that this validator holds and has checked, and fetches those
//! that a change names, or that are active, and that are not here.
//!
//! In: new blocks, new artefacts. Out: `system.ready` transactions of this node, workers that run
//! before their version is active. A validator without the artefact, or with one that the channel does
//! not take, says nothing; the change waits or is cancelled. When the others activated it all the same,
//! this node follows what they agree on and goes on asking; the file may be dropped as well.

use super::node::Node;
use super::warm::Warm;
use crate::channel::ChannelHandle;
use host_core::system::state::{ChangeRecord, ChangeStatus, View, is_ready, pending_changes};
use host_core::system::system_name;
use host_store::Reader;
use host_types::change::{Change, Deploy, SystemCall};
use host_types::limits::{PART_BYTES_MAX, SCORE_BYTES_MAX};
use host_types::message::{FetchReply, FetchRequest};
use host_types::{Hash32, Height};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A `ready` that did not come into a block is said again after so long.
const REPEAT: Duration = Duration::from_secs(5);
/// Peers are asked for an artefact this often: new blocks come faster than files.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The stored state of the channel itself.
pub(crate) struct Stored(pub(crate) Reader);

impl View for Stored {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        // What cannot be read now is looked at again with the next block.
        self.0.state_get(&system_name(), key).ok().flatten()
    }

    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0.state_scan(&system_name(), prefix, None, usize::MAX / 2).unwrap_or_default()
    }
}

/// Follows one channel until it stops.
pub async fn follow(node: Arc<Node>, channel: ChannelHandle, mut installed: watch::Receiver<u64>) {
    let view = Stored(channel.reader().clone());
    let mut seen = Height::ZERO;
    let (mut said, mut told) = (BTreeSet::new(), BTreeSet::new());
    let (mut search, mut warm) = (Search::default(), Warm::default());
    let mut epoch = channel.epoch().epoch;
    loop {
        if channel.epoch().epoch != epoch {
            epoch = channel.epoch().epoch;
            super::start::pin_validators(&node);
        }
        let pending = pending(&view);
        let wanted = channel.me().map(|me| wanted(&view, &pending, me)).unwrap_or_default();
        let is_lacking = search.look(&node, &channel, &wanted).await;
        for sha256 in &wanted {
            let Some(artefact) = node.scores.artefact(sha256) else { continue };
            let genesis = channel.genesis();
            match artefact.fits(&genesis.channel, genesis.metering_required) {
                Ok(()) if said.insert(*sha256) => say(&node, &channel, *sha256).await,
                Err(rejection) if told.insert(*sha256) => {
                    tracing::warn!(event = "score.refused", code = %rejection.code, %sha256, "{}", rejection.message);
                }
                _ => {}
            }
        }
        warm.follow(&node, &channel, &pending).await;
        said.retain(|sha256| wanted.contains(sha256));
        told.retain(|sha256| wanted.contains(sha256));
        let repeat = !wanted.is_empty() || is_lacking;
        tokio::select! {
            next = channel.next_height(seen.max(channel.reader().tip().height)) => match next {
                Ok(height) => seen = height,
                Err(_) => return,
            },
            changed = installed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(REPEAT), if repeat => said.clear(),
        }
    }
}

/// Versions that are to become active: accepted or not.
fn pending(view: &Stored) -> Vec<(ChangeStatus, Deploy)> {
    if view.get(b"open").is_none() {
        return Vec::new();
    }
    let deploy = |record: ChangeRecord| match record.change {
        Change::Deploy(deploy) => Some((record.status, deploy)),
        Change::Configure(_)
        | Change::Freeze { .. }
        | Change::Unfreeze { .. }
        | Change::Revoke { .. } => None,
    };
    pending_changes(view).into_iter().filter_map(|(_, record)| deploy(record)).collect()
}

/// Artefacts of waiting changes that this validator has not said `ready` for.
fn wanted(view: &Stored, pending: &[(ChangeStatus, Deploy)], me: u16) -> BTreeSet<Hash32> {
    let all = pending.iter().map(|(_, deploy)| deploy.sha256);
    all.filter(|sha256| !is_ready(view, sha256, me)).collect()
}

/// Looks for artefacts that are not here.
#[derive(Default)]
struct Search {
    /// When each was asked for last.
    asked: BTreeMap<Hash32, Instant>,
    /// Active ones that this node has complained about.
    lacking: BTreeSet<Hash32>,
}

impl Search {
    /// Fetches what changes name and what is active; whether something is still not here.
    async fn look(
        &mut self,
        node: &Node,
        channel: &ChannelHandle,
        wanted: &BTreeSet<Hash32>,
    ) -> bool {
        let active: BTreeSet<Hash32> =
            channel.missing_artefacts().into_iter().map(|(_, sha256)| sha256).collect();
        let absent = wanted.iter().filter(|sha256| node.scores.artefact(sha256).is_none());
        let all: BTreeSet<Hash32> = absent.chain(&active).copied().collect();
        self.asked.retain(|sha256, _| all.contains(sha256));
        for sha256 in &all {
            if self.asked.get(sha256).is_some_and(|at| at.elapsed() < ASK_AGAIN) {
                continue;
            }
            fetch(node, channel, *sha256).await;
            self.asked.insert(*sha256, Instant::now());
        }
        self.tell(channel, &active);
        all.iter().any(|sha256| node.scores.artefact(sha256).is_none())
    }

    fn tell(&mut self, channel: &ChannelHandle, active: &BTreeSet<Hash32>) {
        let name = &channel.genesis().channel;
        if let Some(rejection) = channel.cannot_execute()
            && active.iter().any(|sha256| self.lacking.insert(*sha256))
        {
            tracing::error!(event = "score.missing", code = %rejection.code, channel = %name, "channel {name}: {}", rejection.message);
        }
        let lacking = channel.missing_artefacts();
        let is_lacking = |sha256: &Hash32| lacking.iter().any(|(_, missing)| missing == sha256);
        let came: Vec<Hash32> = self.lacking.extract_if(.., |sha256| !is_lacking(sha256)).collect();
        for sha256 in came {
            tracing::info!(event = "score.found", channel = %name, %sha256, "channel {name}: the artefact of an active SCORE is here: this node votes on its blocks");
        }
    }
}

async fn say(node: &Node, channel: &ChannelHandle, sha256: Hash32) {
    let call = SystemCall::Ready { sha256 };
    let target = (system_name(), call.method().to_owned());
    let result = match node.identity.sign(channel.parts().hash, target, call.args()) {
        Ok(tx) => channel.intake().submit(tx).await,
        Err(rejection) => Err(rejection),
    };
    if let Err(rejection) = result {
        tracing::warn!(code = %rejection.code, %sha256, "ready was not taken: {}", rejection.message);
    }
}

/// Fetches an artefact from peers, part by part; its name is its hash, so no peer is trusted.
async fn fetch(node: &Node, channel: &ChannelHandle, sha256: Hash32) {
    let mut bytes = Vec::new();
    loop {
        let request = FetchRequest::Artefact { sha256, offset: bytes.len() as u64 };
        let reply = channel.parts().links.fetch(None, &request).await;
        let Some((_, FetchReply::Artefact(Some((size, part))))) = reply else { return };
        let is_sane = size <= SCORE_BYTES_MAX as u64 && !part.is_empty();
        if !is_sane || part.len() > PART_BYTES_MAX {
            return;
        }
        bytes.extend_from_slice(&part);
        if bytes.len() as u64 >= size {
            break;
        }
    }
    if Hash32::sha256(&bytes) != sha256 {
        tracing::warn!(%sha256, "a peer sent other bytes than the artefact's");
        return;
    }
    match node.scores.install(&bytes) {
        Ok(_) => tracing::info!(event = "score.fetched", %sha256, "artefact fetched from a peer"),
        Err(rejection) => tracing::warn!(code = %rejection.code, %sha256, "{}", rejection.message),
    }
}
