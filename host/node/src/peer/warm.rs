//! Workers of versions that are about to become active: they run before their first block, so that the
//! switch itself starts nothing.
//!
//! In: changes that wait, the height of the channel. Out: a started worker for each accepted version
//! whose block is near, and none for one whose change came to nothing. The version before keeps its own
//! for a while (`channel::execution`). Deliberately not here: when a version is active.

use super::node::Node;
use crate::channel::ChannelHandle;
use crate::channel::execution::RETIRED_AFTER_BLOCKS;
use host_core::system::state::ChangeStatus;
use host_types::change::Deploy;
use host_types::{Hash32, ScoreName};
use std::collections::BTreeSet;

/// Workers that were started ahead, on one channel.
#[derive(Default)]
pub(super) struct Warm(BTreeSet<(ScoreName, Hash32)>);

impl Warm {
    /// Starts what is near, ends what will not come.
    pub(super) async fn follow(
        &mut self,
        node: &Node,
        channel: &ChannelHandle,
        pending: &[(ChangeStatus, Deploy)],
    ) {
        let name = &channel.genesis().channel;
        let near = channel.reader().tip().height.get() + RETIRED_AFTER_BLOCKS;
        let is_near = |(status, deploy): &&(ChangeStatus, Deploy)| {
            *status == ChangeStatus::Accepted && deploy.activate_at.get() <= near
        };
        let key = |deploy: &Deploy| (deploy.score.clone(), deploy.sha256);
        for (_, deploy) in pending.iter().filter(is_near) {
            let Some(artefact) = node.scores.artefact(&deploy.sha256) else { continue };
            if self.0.contains(&key(deploy)) {
                continue;
            }
            match node.scores.seat(channel.genesis(), &deploy.score, &artefact).await {
                Ok(_) => drop(self.0.insert(key(deploy))),
                Err(why) => {
                    tracing::warn!(code = %host_types::Code::SandboxIncomplete, channel = %name, score = %deploy.score, "its next version does not start: {why}");
                }
            }
        }
        let waits = |one: &(ScoreName, Hash32)| pending.iter().any(|(_, d)| key(d) == *one);
        let done: Vec<_> = self.0.extract_if(.., |one| !waits(one)).collect();
        let active = channel.parts().knowledge.borrow().active.clone();
        for (score, sha256) in done {
            if active.get(&score).is_none_or(|now| now.sha256 != sha256) {
                node.scores.retire(name.as_str(), &score, sha256).await;
            }
        }
    }
}
