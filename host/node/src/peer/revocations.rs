//! What channels have taken back, for the sessions of this node.
//!
//! In: the membership of each channel as blocks change it. Out: sessions under certificates that were
//! taken back end, and no new ones begin. What one channel has taken back has no session at all: the
//! organisation itself has revoked it. Deliberately not here: transactions (`host/core`).

use super::node::Node;
use crate::channel::ChannelHandle;
use std::sync::Arc;

/// Follows one channel as long as the node runs.
pub(super) async fn follow(node: Arc<Node>, channel: ChannelHandle) {
    let mut knowledge = channel.parts().knowledge.clone();
    let mut known = None;
    loop {
        let membership = Arc::clone(&knowledge.borrow_and_update().membership);
        // It is another value only when somebody joined or was taken back.
        if known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &membership)) {
            known = Some(membership);
            let channels = node.channels();
            let all = channels.iter().flat_map(|channel| {
                let membership = Arc::clone(&channel.parts().knowledge.borrow().membership);
                membership.revoked().iter().cloned().collect::<Vec<_>>()
            });
            node.mesh.session().trust().set_revoked(all.collect());
        }
        if knowledge.changed().await.is_err() {
            return;
        }
    }
}
